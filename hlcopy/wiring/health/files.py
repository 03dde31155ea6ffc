"""The files: settings, database, log, the room on their disk."""

from __future__ import annotations

import os
import shutil
import stat
from typing import TYPE_CHECKING, Final

from hlcopy.domain.checks import Check

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from hlcopy.config import Settings

_OTHERS: Final = 0o077
_MIB: Final = 2**20
_LONG_LOG: Final = 64 * _MIB
_LITTLE_ROOM: Final = 1024 * _MIB
_NO_ROOM: Final = 100 * _MIB


def settings_check(settings: Settings, sources: Mapping[str, Path | None]) -> Check:
    """Say where settings come from; a file with a secret in it that others can read is wrong."""
    from hlcopy.config import SECRET_FIELDS

    files = [str(path) for path in sorted({path for path in sources.values() if path is not None})]
    places = [*(["the environment"] if None in sources.values() else []), *files]
    exposed = {path for field in SECRET_FIELDS if (path := sources.get(field)) is not None and _mode(path) & _OTHERS}
    if exposed:
        path = exposed.pop()
        said = f"{path} holds a secret and can be read by others ({_mode(path):04o})"
        return Check(name="settings", ok=False, said=said, remedy=f"chmod 600 {path}")
    said = f"{len(sources)} set in {' and '.join(places)}" if places else "all at their defaults"
    return Check(name="settings", ok=True, said=said, remedy=_unused(settings))


def _unused(settings: Settings) -> str:
    return "HLCOPY_BREAKERS is off: no loss pauses entries" if settings.breakers == "off" else ""


def database_check(settings: Settings) -> Iterable[Check]:
    """Say whether the database is sound, whose it is and what it is bound to; it is opened as every command does."""
    from hlcopy.adapters.store.health import examine
    from hlcopy.wiring import open_store

    path = settings.database
    if not path.exists():
        remedy = "it is made by the first command that writes: hlcopy run-all, or hlcopy score"
        yield Check(name="database", ok=None, said=f"there is none yet at {path}", remedy=remedy)
        return
    before = examine(path)
    if before.damage:
        remedy = "stop hlcopy, then hlcopy data restore; positions keep their stops at the venue"
        yield Check(name="database", ok=False, said=f"{path} is damaged: {before.damage[0]}", remedy=remedy)
        return
    with open_store(settings, create=False):
        health = examine(path)
    moved = "" if before.schema == health.schema else f" (was {before.schema})"
    said = f"{path}: sound, schema {health.schema}{moved}, {_bound(settings)}, log {health.log_bytes / _MIB:.1f} MiB"
    if health.open_to_others:
        files = " ".join(str(path.with_name(name)) for name in health.open_to_others)
        yield Check(name="database", ok=False, said=f"{files}: others can read it", remedy=f"chmod 600 {files}")
    elif health.log_bytes > _LONG_LOG:
        remedy = "monitor empties it; look for a program that keeps reading the file, and end it"
        yield Check(name="database", ok=False, said=said, remedy=remedy)
    else:
        yield Check(name="database", ok=True, said=said)


def _bound(settings: Settings) -> str:
    return f"bound to {settings.mode} on {settings.network}"


def disk_check(settings: Settings) -> Check:
    """Say how much room the disk of the database has."""
    folder = _existing(settings.database.absolute().parent)
    free = shutil.disk_usage(folder).free
    said = (
        f"{free / _MIB / 1024:,.1f} GiB free at {folder}"
        if free >= _LITTLE_ROOM
        else f"{free // _MIB} MiB free at {folder}"
    )
    remedy = "" if free >= _LITTLE_ROOM else "make room: without any, nothing can be recorded, and nothing is traded"
    return Check(name="disk", ok=free >= _NO_ROOM, said=said, remedy=remedy)


def log_check(settings: Settings) -> Check:
    """Say whether the log file can be written, and by its owner only."""
    path = settings.log_path
    if not path.exists():
        folder = _existing(path.absolute().parent)
        if os.access(folder, os.W_OK):
            return Check(name="log", ok=True, said=f"{path}: nothing was logged yet")
        remedy = "let hlcopy's user write there, or set HLCOPY_LOG_FILE"
        return Check(name="log", ok=False, said=f"{folder} can't be written", remedy=remedy)
    if not os.access(path, os.W_OK):
        remedy = "let it belong to hlcopy's user, or set HLCOPY_LOG_FILE"
        return Check(name="log", ok=False, said=f"{path} can't be written", remedy=remedy)
    if path.is_file() and _mode(path) & _OTHERS:
        said = f"{path} can be read by others ({_mode(path):04o})"
        return Check(name="log", ok=False, said=said, remedy=f"chmod 600 {path}")
    return Check(name="log", ok=True, said=f"{path}: {path.stat().st_size / _MIB:.1f} MiB")


def _existing(folder: Path) -> Path:
    """Return a folder, or the nearest above it that exists."""
    return next(each for each in (folder, *folder.parents) if each.exists())


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
