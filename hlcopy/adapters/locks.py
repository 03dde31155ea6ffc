"""Locks between processes, beside the database; the kernel releases them when their holder dies."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from hlcopy.errors import LedgerBrokenError, TryLaterError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OWNER_ONLY: Final = 0o600


@contextmanager
def account_lock(database: Path, timeout: float = 20.0) -> Iterator[None]:
    """Hold the lock of the database's account; `TryLaterError` when it isn't free within `timeout` seconds."""
    with _held(database, "account", timeout) as held:
        if not held:
            message = (
                f"another hlcopy command is trading on this account; it held the lock for {timeout:g} s, try again"
            )
            raise TryLaterError(message)
        yield


@contextmanager
def command_lock(database: Path, command: str) -> Iterator[bool]:
    """Hold the lock of a command if it is free; yield False when another process runs the same command."""
    with _held(database, command, 0.0) as held:
        yield held


@contextmanager
def _held(database: Path, name: str, timeout: float) -> Iterator[bool]:
    from filelock import FileLock, Timeout

    path = database.with_name(f"{database.name}.{name}.lock")
    lock = FileLock(path, timeout=timeout, mode=_OWNER_ONLY)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        held = False
    except OSError as error:
        message = f"the lock file {path} can't be used ({error.strerror}); check its folder or set HLCOPY_DB"
        raise LedgerBrokenError(message) from error
    else:
        held = True
    try:
        yield held
    finally:
        lock.release()
