"""Writing the settings file: whole or not at all, for its owner alone, never over another without being told to."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from hlcopy.errors import BadInputError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

_OWNER_ONLY: Final = 0o600


def refuse_existing(path: Path, *, force: bool) -> None:
    """Raise `BadInputError` where a file can't be written, before anything was asked."""
    if path.is_dir():
        message = f"{path} is a folder; name a file with --env-file"
        raise BadInputError(message)
    if not force and os.path.lexists(path):
        message = f"{path} is there already; --force writes another, and keeps the old one beside it"
        raise BadInputError(message)
    if not path.parent.is_dir():
        message = f"there is no folder {path.parent}; make it, or name another file with --env-file"
        raise BadInputError(message)


def put(path: Path, text: str, *, force: bool, now: datetime) -> Path | None:
    """Write the file in one step; return where the one that stood there was kept, None when there was none.

    Raises `BadInputError` when it can't be written, or when one has come into being meanwhile.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    kept: Path | None = None
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _OWNER_ONLY)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), _OWNER_ONLY)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if force and os.path.lexists(path):
            kept = _free_name(path, now)
            os.link(path, kept, follow_symlinks=False)
            beside.replace(path)
        else:
            os.link(beside, path)  # unlike a rename it refuses where a file is
    except FileExistsError as error:
        refuse_existing(path, force=False)
        message = f"{beside} is there already; take it away"
        raise BadInputError(message) from error
    except OSError as error:
        message = f"{path} can't be written ({error.strerror})"
        raise BadInputError(message) from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
    return kept


def _free_name(path: Path, now: datetime) -> Path:
    """Return a name beside a file that is free, after the moment."""
    name, number = path.with_name(f"{path.name}.{now:%Y%m%d-%H%M%S}"), 1
    while os.path.lexists(name):
        number += 1
        name = path.with_name(f"{path.name}.{now:%Y%m%d-%H%M%S}-{number}")
    return name
