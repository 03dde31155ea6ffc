"""Where a drill's databases are: in memory where there is a file system in it, so that no disk is worn or waited for."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - every folder in it has a name of its own and is ours alone
_PREFIX: Final = "hlcopy-drill-"


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield the path of a database that isn't there yet; its folder is gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=MEMORY if _is_usable(MEMORY) else None) as folder:
        held = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield Path(folder) / "drill.db"
        finally:
            os.close(held)


def is_in_memory(path: Path) -> bool:
    """Whether a file is in memory, where waiting for it to reach a disk takes no time."""
    return MEMORY in path.parents


def clear_away() -> None:
    """Remove from memory what drills left there that were killed."""
    for folder in MEMORY.glob(f"{_PREFIX}*") if _is_usable(MEMORY) else ():
        with suppress(OSError):
            held = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)  # whoever lives holds it
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(held)


def _is_usable(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK)
