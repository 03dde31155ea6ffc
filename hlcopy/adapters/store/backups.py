"""Copies of the file that are known to be good: made while others go on writing, found, pruned."""

from __future__ import annotations

import os
import re
import sqlite3
import tempfile
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hlcopy.adapters.store.connection import connect, in_our_words, readable_uri
from hlcopy.errors import LedgerBrokenError, LedgerDownError
from hlcopy.ports import SilentProgress

if TYPE_CHECKING:
    from hlcopy.ports import Progress

_STAMP: Final = "%Y-%m-%dT%H-%M-%SZ"
_SUFFIX: Final = ".db"
_PAGES: Final = 4_096
_OWNER_ONLY: Final = 0o700
_SOUND: Final = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A copy of a database as of a moment."""

    path: Path
    at: datetime


def folder_of(database: Path) -> Path:
    """Return where a database's backups lie unless another place is named."""
    return database.with_name(f"{database.name}.backups")


def found(database: Path, folder: Path | None = None) -> list[Backup]:
    """Return a database's backups, newest first; a folder may hold those of several databases."""
    place = folder or folder_of(database)
    name = re.compile(re.escape(database.stem) + r"\.(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ)" + re.escape(_SUFFIX))
    made = []
    with suppress(OSError):
        for path in place.iterdir():
            told = name.fullmatch(path.name)
            with suppress(ValueError):
                if told is not None:
                    made.append(Backup(path=path, at=datetime.strptime(told[1], _STAMP).replace(tzinfo=UTC)))
    return sorted(made, key=lambda backup: backup.at, reverse=True)


def newest_good(database: Path) -> Backup | None:
    """Return the newest backup beside a database that is sound."""
    return next((backup for backup in found(database) if not damage(backup.path)), None)


def damage(path: Path) -> str:
    """Return the first thing that is wrong with a file, nothing if it is sound; the file isn't changed."""
    try:
        with closing(sqlite3.connect(readable_uri(path), uri=True)) as raw:
            ((said,),) = raw.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.Error as error:
        return str(error)
    return "" if said == _SOUND else str(said)


def make(
    database: Path, at: datetime, *, keep: int | None, folder: Path | None = None, progress: Progress | None = None
) -> tuple[Backup, list[Path]]:
    """Copy a database as of now, check the copy, and remove all but the `keep` newest, if that is said; return it and what was removed.

    Nobody sees the copy before it is whole and sound. Raises `LedgerDownError` when it can't be written,
    `LedgerBrokenError` when the database, or the copy of it, is damaged.
    """
    place = folder or folder_of(database)
    path = place / f"{database.stem}.{at.astimezone(UTC).strftime(_STAMP)}{_SUFFIX}"
    prefix = f".{database.stem}."
    try:
        place.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
        for left in place.glob(f"{prefix}*.tmp*"):  # by one that was killed
            left.unlink()
        handle, name = tempfile.mkstemp(dir=place, prefix=prefix, suffix=".tmp")
        os.close(handle)
        made = Path(name)
        try:
            _copy(database, made, progress or SilentProgress())
            made.replace(path)
            sync_folder(place)
        finally:
            made.unlink(missing_ok=True)
        gone = [backup.path for backup in found(database, place)[keep:]] if keep else []
        for each in gone:
            each.unlink()
    except OSError as error:
        message = (
            f"no backup can be made in {place} ({error.strerror}); make room there, or choose another place by --to"
        )
        raise LedgerDownError(message) from error
    return Backup(path=path, at=at), gone


def _copy(database: Path, made: Path, progress: Progress) -> None:
    """Copy a database into an empty file, of which no other file is a part, and prove that it is sound."""
    source = connect(database, create=False)
    done = 0

    def tell(_status: int, left: int, total: int) -> None:
        nonlocal done
        if not done:
            progress.start("copying", total)
        progress.advance(total - left - done)
        done = total - left

    try:
        with closing(sqlite3.connect(made, isolation_level=None)) as copy:
            # Within one reading nothing changes: what others write meanwhile can't make it begin anew.
            source.run("BEGIN")
            source.rows("SELECT count(*) FROM sqlite_master")
            source.raw.backup(copy, pages=_PAGES, progress=tell)
            copy.execute("PRAGMA journal_mode = DELETE")
            progress.finish()
            progress.start("checking", None)
            ((said,),) = copy.execute("PRAGMA integrity_check(1)").fetchall()
            progress.finish()
    except sqlite3.Error as error:
        raise in_our_words(error, database) or error from error
    finally:
        source.close()
    if said != _SOUND:
        message = f"{database} is damaged ({said}): no backup was made of it, and the older ones were kept"
        raise LedgerBrokenError(message)


def sync_folder(folder: Path) -> None:
    """Let a new name in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
