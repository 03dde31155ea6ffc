"""Candles of one coin as arrays; the one value of the domain that stands on numpy, which is imported where it is needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hlcopy.domain.spans import Span


@dataclass(frozen=True, slots=True, eq=False)
class Candles:
    """Candles in rising order of open time: `t` in ms UTC (int64), prices and base volume float64, all of one length."""

    coin: str
    interval_ms: int
    t: NDArray[np.int64]
    o: NDArray[np.float64]
    h: NDArray[np.float64]
    l: NDArray[np.float64]  # noqa: E741 - the venue's own name, beside o, h and c
    c: NDArray[np.float64]
    v: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.t)

    def between(self, start_ms: int, end_ms: int) -> Candles:
        """Return the candles that open at or after `start_ms` and before `end_ms`, as views."""
        return self.part(*self.t.searchsorted((start_ms, end_ms)).tolist())

    def part(self, begin: int, end: int) -> Candles:
        """Return the candles from an index up to another, as views."""
        part = slice(begin, end)
        return Candles(
            self.coin,
            self.interval_ms,
            self.t[part],
            self.o[part],
            self.h[part],
            self.l[part],
            self.c[part],
            self.v[part],
        )

    def runs(self) -> list[Span]:
        """Return the spans in which no candle is missing, by time."""
        import numpy as np

        if not len(self.t):
            return []
        breaks = np.flatnonzero(np.diff(self.t) != self.interval_ms) + 1
        starts = self.t[np.concatenate(([0], breaks))]
        ends = self.t[np.concatenate((breaks - 1, [len(self.t) - 1]))] + self.interval_ms
        return list(zip(starts.tolist(), ends.tolist(), strict=True))
