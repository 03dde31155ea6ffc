"""A coin's price with few points: years of candles as a line that a page can carry."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from hlcopy.domain.candles import Candles
    from hlcopy.domain.spans import Span

_DIGITS: Final = 7  # significant ones of a price: finer than any line is drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A price over time: moments in ms UTC, and prices, of which a None stands where candles are missing.

    `coarse_ms` and `fine_ms` are how long the stretches are of which four prices are kept, and those around trades.
    """

    at_ms: Sequence[int]
    prices: Sequence[float | None]
    coarse_ms: int
    fine_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    """Candles one after the other, as four points of ms and price; `number` is that of the stretch they lie in."""

    number: int
    first: tuple[int, float]
    low: tuple[int, float]
    high: tuple[int, float]
    last: tuple[int, float]

    @property
    def points(self) -> Iterator[tuple[int, float]]:
        """The points by time; of one moment the low comes first when the price rose."""
        rose = self.last[1] >= self.first[1]
        rising = self.low[0] < self.high[0] or (self.low[0] == self.high[0] and rose)
        between = (self.low, self.high) if rising else (self.high, self.low)
        yield from (self.first, *between, self.last)


def thinned(parts: Iterable[Candles], period: Span, around: Sequence[Span], *, buckets: int, fine_buckets: int) -> Line:
    """Return the first, lowest, highest and last price of each of `buckets` equal stretches of a period in ms.

    Each of the spans `around` is cut into `fine_buckets` more. No stretch reaches across missing candles, and none is
    shorter than a candle; the extremes stand in the middle of theirs. `parts` are the period's candles by time.
    """
    cuts = [(*period, buckets), *((*span, fine_buckets) for span in around)]
    edges = np.unique(np.concatenate([np.linspace(*cut, endpoint=False) for cut in cuts]))
    points: list[tuple[int, float | None]] = []
    for stretch in _stretches(parts, edges):
        if points and stretch.first[0] > points[-1][0]:
            points.append((stretch.first[0], None))
        points += stretch.points
    points = [point for point, before in zip(points, [None, *points], strict=False) if point != before]
    coarse_ms = round((period[1] - period[0]) / buckets)
    return Line(
        at_ms=[at for at, _ in points],
        prices=[price for _, price in points],
        coarse_ms=coarse_ms,
        fine_ms=min(
            coarse_ms, max((round((until - since) / fine_buckets) for since, until in around), default=coarse_ms)
        ),
    )


def _stretches(parts: Iterable[Candles], edges: NDArray[np.float64]) -> Iterator[_Stretch]:
    """Yield the stretches between edges, those joined that lie in two parts."""
    before: _Stretch | None = None
    for candles in parts:
        numbers = edges.searchsorted(candles.t, side="right")
        breaks = np.flatnonzero((np.diff(numbers) != 0) | (np.diff(candles.t) != candles.interval_ms)) + 1
        starts = [0, *breaks.tolist()]
        for first, after in zip(starts, [*starts[1:], len(candles)], strict=True):
            stretch = _stretch(candles, first, after, int(numbers[first]))
            if before is not None and (before.number, before.last[0]) == (stretch.number, stretch.first[0]):
                before = _joined(before, stretch)
                continue
            if before is not None:
                yield before
            before = stretch
    if before is not None:
        yield before


def _stretch(candles: Candles, first: int, after: int, number: int) -> _Stretch:
    low = first + int(candles.l[first:after].argmin())
    high = first + int(candles.h[first:after].argmax())
    middle = candles.interval_ms // 2
    return _Stretch(
        number=number,
        first=(int(candles.t[first]), _short(candles.o[first])),
        low=(int(candles.t[low]) + middle, _short(candles.l[low])),
        high=(int(candles.t[high]) + middle, _short(candles.h[high])),
        last=(int(candles.t[after - 1]) + candles.interval_ms, _short(candles.c[after - 1])),
    )


def _joined(earlier: _Stretch, later: _Stretch) -> _Stretch:
    return replace(
        earlier,
        low=min(earlier.low, later.low, key=lambda point: point[1]),
        high=max(earlier.high, later.high, key=lambda point: point[1]),
        last=later.last,
    )


def _short(price: float) -> float:
    return float(f"{price:.{_DIGITS}g}")
