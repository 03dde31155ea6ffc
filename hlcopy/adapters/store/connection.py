"""One connection to the SQLite file: how it is made, its transactions, and its errors in our words."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, Final

from hlcopy.errors import BadInputError, ConfigError, HlcopyError, LedgerBrokenError, LedgerDownError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Row = tuple[Any, ...]
    Values = Sequence[object] | Mapping[str, object]

BUSY_TIMEOUT_S: Final = 5.0
_OWNER_ONLY: Final = 0o600
_PRIMARY_CODE: Final = 0xFF

_BUSY: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_FAILING_DISK: Final = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
_NO_DATABASE: Final = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}
_NO_ACCESS: Final = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}


class Connection:
    """A connection whose statements raise our errors; autocommits but inside `transaction()`."""

    def __init__(self, path: Path, raw: sqlite3.Connection) -> None:
        self.path = path
        self.raw = raw

    def rows(self, sql: str, values: Values = ()) -> list[Row]:
        """Run a query and return all its rows."""
        with self._translated():
            return self.raw.execute(sql, values).fetchall()

    def row(self, sql: str, values: Values = ()) -> Row | None:
        """Run a query and return its first row."""
        with self._translated():
            found: Row | None = self.raw.execute(sql, values).fetchone()
            return found

    def run(self, sql: str, values: Values = ()) -> int:
        """Run a statement and return how many rows it changed."""
        with self._translated():
            return self.raw.execute(sql, values).rowcount

    def insert(self, sql: str, values: Values) -> int:
        """Run an insert of one row and return its rowid."""
        with self._translated():
            return self.raw.execute(sql, values).lastrowid or 0

    def run_many(self, sql: str, rows: Iterable[Values]) -> int:
        """Run a statement once for each row, all or nothing, and return how many rows it changed."""
        with self.transaction():
            return self.raw.executemany(sql, rows).rowcount

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep what is written inside when the block ends, undo it when it raises.

        The outermost is `BEGIN IMMEDIATE`: a deferred one that reads first dies with "database is locked" when it writes,
        whatever the timeout. A nested one is a savepoint of it.
        """
        nested = self.raw.in_transaction
        with self._translated():
            self.raw.execute("SAVEPOINT nested" if nested else "BEGIN IMMEDIATE")
            try:
                yield
                self.raw.execute("RELEASE nested" if nested else "COMMIT")
            except BaseException:
                self._undo(nested=nested)
                raise

    def close(self) -> None:
        """Close the connection; what a transaction hasn't committed is lost."""
        self.raw.close()

    def _undo(self, *, nested: bool) -> None:
        if not self.raw.in_transaction:  # SQLite rolls back by itself when the disk fails
            return
        if nested:
            self.raw.execute("ROLLBACK TO nested")
            self.raw.execute("RELEASE nested")
        else:
            self.raw.execute("ROLLBACK")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            ours = in_our_words(error, self.path)
            if ours is None:
                raise
            raise ours from error


def in_our_words(error: sqlite3.Error, path: Path) -> HlcopyError | None:
    """Return what the user should read of an error of SQLite; None when it is a mistake of our own."""
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
    if code in _BUSY:
        return LedgerDownError(
            f"another hlcopy command kept {path} busy for {BUSY_TIMEOUT_S:g} s; try again in a moment"
        )
    if code in _FAILING_DISK:
        return LedgerDownError(f"{path} can't be read or written ({error}); check that its disk isn't full or failing")
    if code in _NO_DATABASE:
        return LedgerBrokenError(f"{path} is damaged or isn't an hlcopy database ({error}); {_remedy(path)}")
    if code in _NO_ACCESS:
        return LedgerBrokenError(
            f"{path} can't be opened for writing ({error}); check its permissions or set HLCOPY_DB"
        )
    return None


def _remedy(path: Path) -> str:
    """Return what to do about a damaged file."""
    from hlcopy.adapters.store.backups import newest_good

    good = newest_good(path)
    if good is None:
        return "there is no good backup beside it: restore a copy of your own, or set HLCOPY_DB to another file"
    command = f"hlcopy data restore --db {quote(str(path))} {quote(str(good.path))}"
    return f"its newest good backup is of {good.at:%Y-%m-%d %H:%M} UTC: {command}"


def connect(path: Path, *, create: bool, shared: bool = False) -> Connection:
    """Open the file, made beforehand when it is missing and may be created, for reading only when we can't write there.

    `shared` is for a caller who lets several threads use the connection, one at a time.
    Automatic checkpoints are off: SQLite before 3.51.3 can corrupt a WAL file when two processes checkpoint at once.
    """
    try:
        _provide(path, create=create)
    except OSError as error:
        message = f"{path} can't be used as the database ({error.strerror}); check its folder or set HLCOPY_DB"
        raise LedgerBrokenError(message) from error
    writable = create or _writable(path)
    try:
        raw = sqlite3.connect(
            path.absolute().as_uri() if writable else readable_uri(path),
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=not shared,
            uri=True,
        )
    except sqlite3.Error as error:
        raise in_our_words(error, path) or error from error
    db = Connection(path, raw)
    try:
        _refuse_foreign(db)
        if writable:
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 0", "foreign_keys = ON"):
                db.run(f"PRAGMA {pragma}")
    except BaseException:
        db.close()
        raise
    return db


def tighten(path: Path) -> None:
    """Let only its owner read a file that has proved to be ours, unless we can only read it ourselves."""
    if path.stat().st_mode & 0o077 and _writable(path):
        path.chmod(_OWNER_ONLY)


def _writable(path: Path) -> bool:
    """Return whether we can write the file and, beside it, its log."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def readable_uri(path: Path) -> str:
    """Return a file as SQLite takes it for reading only.

    Reading a WAL file makes an index beside it; where nothing can be made, SQLite must be told that nobody writes.
    """
    return f"{path.absolute().as_uri()}?mode=ro" + ("" if Path(f"{path}-wal").exists() else "&immutable=1")


def _refuse_foreign(db: Connection) -> None:
    """Refuse another program's database before anything in it is changed."""
    ((version,),) = db.rows("PRAGMA user_version")
    tables = {name for (name,) in db.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "meta" not in tables if version else tables:
        message = f"{db.path} is another program's database; set HLCOPY_DB to another file"
        raise ConfigError(message)


def _provide(path: Path, *, create: bool) -> None:
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "no ordinary file"
        message = f"{path} is {kind}, not a database; set HLCOPY_DB to a file"
        raise ConfigError(message)
    if not path.exists():
        if not create:
            message = f"there is no database at {path}; make one with `hlcopy score` or `hlcopy data import`, or set HLCOPY_DB"
            raise BadInputError(message)
        path.parent.mkdir(parents=True, exist_ok=True)
        _create(path)


def _create(path: Path) -> None:
    """Make an empty file in WAL mode, readable by its owner only, appear at once under its name.

    Switching to WAL can't wait for another process that does the same, so nobody may see the file before the switch.
    """
    import tempfile

    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    made = Path(name)
    try:
        with closing(sqlite3.connect(made, isolation_level=None)) as raw:
            raw.execute("PRAGMA journal_mode = WAL")
        with suppress(FileExistsError):  # another process was faster, with the same outcome
            path.hardlink_to(made)
    finally:
        made.unlink()
