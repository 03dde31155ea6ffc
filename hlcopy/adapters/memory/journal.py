"""What lets memory forget: every change inside a transaction leaves behind how to undo it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, MutableMapping, MutableSequence

K = TypeVar("K")
V = TypeVar("V")


class Journal:
    """The undo steps of the transaction that is open; outside of one nothing is kept."""

    def __init__(self) -> None:
        self._steps: list[Callable[[], object]] = []
        self._depth = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep what is written inside when the block ends, undo it when it raises; it may nest."""
        start = len(self._steps)
        self._depth += 1
        try:
            yield
        except BaseException:
            while len(self._steps) > start:
                self._steps.pop()()
            raise
        finally:
            self._depth -= 1
            if not self._depth:
                self._steps.clear()

    def record(self, undo: Callable[[], object]) -> None:
        """Remember how to undo a change that is made now."""
        if self._depth:
            self._steps.append(undo)

    def put(self, table: MutableMapping[K, V], key: K, value: V) -> None:
        """Set an entry of a mapping."""
        if self._depth:
            self._steps.append(_restoring(table, key))
        table[key] = value

    def drop(self, table: MutableMapping[K, V], key: K) -> None:
        """Remove an entry of a mapping, if it is there."""
        if self._depth:
            self._steps.append(_restoring(table, key))
        table.pop(key, None)

    def append(self, rows: MutableSequence[V], row: V) -> None:
        """Append to a list."""
        self.record(rows.pop)
        rows.append(row)


def _restoring(table: MutableMapping[K, V], key: K) -> Callable[[], object]:
    if key not in table:
        return lambda: table.pop(key, None)
    before = table[key]
    return lambda: table.__setitem__(key, before)
