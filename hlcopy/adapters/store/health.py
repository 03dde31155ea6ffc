"""Whether a database file is sound, looked at without changing what it holds."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hlcopy.adapters.store.connection import connect
from hlcopy.adapters.store.migrations import MIGRATIONS

if TYPE_CHECKING:
    from pathlib import Path

_SOUND: Final = "ok"
_TOLD: Final = 3
_OTHERS: Final = 0o077


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHealth:
    """What a file is like: its schema and ours, what is damaged, bytes of its write-ahead log, who else may read it."""

    schema: int
    newest: int
    damage: tuple[str, ...]
    log_bytes: int
    open_to_others: tuple[str, ...]


def examine(path: Path) -> FileHealth:
    """Look at a file; raises as opening it does."""
    db = connect(path, create=False)
    try:
        ((schema,),) = db.rows("PRAGMA user_version")
        found = [str(line) for (line,) in db.rows(f"PRAGMA quick_check({_TOLD})")]
        beside = [path, *(path.with_name(f"{path.name}{end}") for end in ("-wal", "-shm"))]
        return FileHealth(
            schema=int(schema),
            newest=len(MIGRATIONS),
            damage=tuple(line for line in found if line != _SOUND),
            log_bytes=_size(beside[1]),
            open_to_others=tuple(file.name for file in beside if _mode(file) & _OTHERS),
        )
    finally:
        db.close()


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode) if file.exists() else 0
