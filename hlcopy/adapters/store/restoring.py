"""Put a backup in a database's place; what was there is kept beside it."""

from __future__ import annotations

import os
import shlex
import sqlite3
import tempfile
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hlcopy.adapters.store import Store
from hlcopy.adapters.store.backups import damage, newest_good, sync_folder
from hlcopy.adapters.store.connection import readable_uri
from hlcopy.errors import BadInputError, LedgerDownError
from hlcopy.ports import Halt

if TYPE_CHECKING:
    from hlcopy.adapters.store import Binding

_BESIDE: Final = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restoration did: the files that were replaced, under their new names, and whether trading is halted."""

    aside: tuple[Path, ...]
    halted: bool


def restore(database: Path, backup: Path, binding: Binding, at: datetime, *, force: bool) -> Restored:
    """Replace a database by a backup of it, brought to the newest schema; live trading is halted then.

    The caller keeps every other command away. A sound database is replaced by `force` only. Raises `BadInputError` when
    the backup can't be used, `ConfigError` when it belongs to another mode, network or account, `LedgerDownError` when
    the disk fails.
    """
    _refuse_bad(database, backup)
    if not force:
        _refuse_replacing(database, backup)
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=database.parent, prefix=f".{database.name}.", suffix=".tmp")
        os.close(handle)
        made = Path(name)
        try:
            halted = _prepare(made, backup, binding, at)
            aside = _set_aside(database, at)
            made.replace(database)
            sync_folder(database.parent)
        finally:
            for end in _BESIDE:
                Path(f"{made}{end}").unlink(missing_ok=True)
    except OSError as error:
        message = f"{backup} can't be put in the place of {database} ({error.strerror}); nothing is lost, try again"
        raise LedgerDownError(message) from error
    return Restored(aside=aside, halted=halted)


def _refuse_bad(database: Path, backup: Path) -> None:
    if not backup.is_file():
        message = f"there is no backup at {backup}"
        raise BadInputError(message)
    if database.exists() and backup.samefile(database):
        message = f"{backup} is the database itself"
        raise BadInputError(message)
    wrong = damage(backup)
    if wrong:
        good = newest_good(database)
        remedy = f"; a good one is {shlex.quote(str(good.path))}" if good else ""
        message = f"{backup} is damaged or no database ({wrong}){remedy}"
        raise BadInputError(message)


def _refuse_replacing(database: Path, backup: Path) -> None:
    if not database.exists() or not database.stat().st_size or damage(database):
        return
    changed = _changed(database)
    age = "newer than the backup" if changed > _changed(backup) else "not newer than the backup"
    message = (
        f"{database} is sound, last written {changed:%Y-%m-%d %H:%M} UTC and {age}; --force replaces it "
        "all the same, and keeps it beside the new one"
    )
    raise BadInputError(message)


def _changed(path: Path) -> datetime:
    """Return when a database was last written, its log counting."""
    log = Path(f"{path}-wal")
    times = [each.stat().st_mtime for each in (path, log) if each.exists() and each.stat().st_size]
    return datetime.fromtimestamp(max(times), UTC)


def _prepare(made: Path, backup: Path, binding: Binding, at: datetime) -> bool:
    """Copy a backup into an empty file and make that ready for use; return whether trading is halted in it."""
    with closing(sqlite3.connect(readable_uri(backup), uri=True)) as source, closing(sqlite3.connect(made)) as copy:
        source.backup(copy)
    with Store.open(made, binding, create=False) as store:
        # What was done since isn't known here: an entry could be made a second time before somebody has looked.
        if binding.mode == "live" and store.controls.halt() is None:
            store.controls.put_halt(Halt(at, f"restored from {backup.name}"))
        return store.controls.halt() is not None


def _set_aside(database: Path, at: datetime) -> tuple[Path, ...]:
    """Give what is to be replaced a second name, its log first taken from it, which must never meet the new file."""
    stamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    aside: list[Path] = []
    with ExitStack() as undo:
        for end in _BESIDE:
            old = Path(f"{database}{end}")
            if old.exists():
                kept = database.with_name(f"{database.name}.replaced-{stamp}{end}")
                kept.hardlink_to(old)
                undo.callback(kept.unlink)
                aside.append(kept)
        undo.pop_all()
    for end in _BESIDE[1:]:
        Path(f"{database}{end}").unlink(missing_ok=True)
    return tuple(aside)
