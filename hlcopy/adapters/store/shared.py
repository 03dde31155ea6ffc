"""A connection of its own for what several threads of a process use beside the ledgers."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from hlcopy.adapters.store.connection import connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from hlcopy.adapters.store.connection import Connection


class SharedConnection:
    """Opens the file at the first use, and lets one thread at a time work with it.

    It never shares a transaction with the ledgers: what it writes is kept whatever becomes of the work that asked for it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._opened: Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next use opens it again."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    @contextmanager
    def using(self) -> Iterator[Connection]:
        """Hold the connection while the block runs."""
        with self._lock:
            if self._opened is None:
                self._opened = connect(self._path, create=False, shared=True)
                # What is counted here may be lost with the power: a flush for each request would cost more than the request.
                self._opened.run("PRAGMA synchronous = NORMAL")
            yield self._opened
