"""The ledgers over one SQLite file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hlcopy.adapters.store.binding import Binding, bind
from hlcopy.adapters.store.book import StoredBook
from hlcopy.adapters.store.choices import StoredChoices
from hlcopy.adapters.store.connection import Connection, connect, tighten
from hlcopy.adapters.store.controls import StoredControls
from hlcopy.adapters.store.history import StoredHistory
from hlcopy.adapters.store.migrations import migrate
from hlcopy.adapters.store.outbox import StoredOutbox
from hlcopy.adapters.store.paper import StoredPaperBooks
from hlcopy.adapters.store.runs import StoredRuns
from hlcopy.adapters.store.scoring import StoredScoring
from hlcopy.adapters.store.signals import StoredSignals
from hlcopy.adapters.store.traders import StoredTraders

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path
    from types import TracebackType
    from typing import Self

__all__ = ["Binding", "Store"]


class Store:
    """The ledgers over one SQLite file; times are kept to the millisecond. One thread may use it: the one that opened it."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._traders = StoredTraders(db)
        self._scoring = StoredScoring(db)
        self._signals = StoredSignals(db)
        self._book = StoredBook(db)
        self._history = StoredHistory(db)
        self._runs = StoredRuns(db)
        self._controls = StoredControls(db)
        self._paper = StoredPaperBooks(db)
        self._choices = StoredChoices(db)
        self._outbox = StoredOutbox(db)

    @classmethod
    def open(cls, path: Path, binding: Binding, *, create: bool = True) -> Store:
        """Open the file, brought to the newest schema; made and bound at its first use.

        Raises `BadInputError` when it is missing and may not be created, `ConfigError` when it can't be used or belongs to
        another mode, network or account, `TryLaterError` when another process keeps it busy.
        """
        db = connect(path, create=create)
        try:
            migrate(db)
            bind(db, binding)
            tighten(path)
        except BaseException:
            db.close()
            raise
        return cls(db)

    @property
    def traders(self) -> StoredTraders:
        """Traders and their positions."""
        return self._traders

    @property
    def scoring(self) -> StoredScoring:
        """The daily selection."""
        return self._scoring

    @property
    def signals(self) -> StoredSignals:
        """Judged orders."""
        return self._signals

    @property
    def book(self) -> StoredBook:
        """Our positions and orders."""
        return self._book

    @property
    def history(self) -> StoredHistory:
        """Recorded markets."""
        return self._history

    @property
    def runs(self) -> StoredRuns:
        """Runs of commands."""
        return self._runs

    @property
    def controls(self) -> StoredControls:
        """What governs trading."""
        return self._controls

    @property
    def paper(self) -> StoredPaperBooks:
        """The paper venue's own books."""
        return self._paper

    @property
    def choices(self) -> StoredChoices:
        """A person's word on traders."""
        return self._choices

    @property
    def outbox(self) -> StoredOutbox:
        """Alerts on their way."""
        return self._outbox

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing: what is written inside is kept when the block ends and undone when it raises; it may nest."""
        return self._db.transaction()

    def checkpoint(self) -> bool:
        """Move the write-ahead log into the file and empty it; False when a reader stood in the way.

        Only a holder of the account lock may call this: in SQLite before 3.51.3 two processes that checkpoint at the same
        moment can corrupt the file.
        """
        row = self._db.row("PRAGMA wal_checkpoint(TRUNCATE)")
        return row is not None and row[0] == 0

    def forgo_durability(self) -> None:
        """Let writes reach the disk whenever the system likes: for files that nobody needs after a power cut."""
        self._db.run("PRAGMA synchronous = OFF")

    def close(self) -> None:
        """Close the file; a transaction still open is undone."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
