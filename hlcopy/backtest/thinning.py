"""A coin's price with few points: years of candles as a line that a page can carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hlcopy.domain.candles import Candles
    from hlcopy.domain.spans import Span

_DIGITS: Final = 7  # significant ones of a price: finer than any line is drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A price over time: moments in ms UTC, and prices, of which a None stands where candles are missing.

    `coarse_ms` and `fine_ms` are the longest stretches of which four prices are kept, away from trades and around them.
    """

    at_ms: Sequence[int]
    prices: Sequence[float | None]
    coarse_ms: int
    fine_ms: int


def thinned(candles: Candles, around: Sequence[Span], *, buckets: int, fine_buckets: int) -> Line:
    """Return the first, lowest, highest and last price of each of `buckets` equal stretches.

    Each of the spans `around` (ms) is cut into `fine_buckets` more. A stretch holds one candle at least and none across
    missing ones; the extremes stand in the middle of their candles, in the order in which they came.
    """
    if not len(candles):
        return Line(at_ms=(), prices=(), coarse_ms=0, fine_ms=0)
    runs = candles.runs()
    begin, end = runs[0][0], runs[-1][1]
    inside = [(max(since, begin), min(until, end)) for since, until in around if since < end and until > begin]
    edges = np.concatenate(
        [
            np.linspace(begin, end, buckets, endpoint=False),
            *(np.linspace(since, until, fine_buckets, endpoint=False) for since, until in inside),
            [since for since, _ in runs],
        ]
    )
    starts = np.unique(candles.t.searchsorted(edges)).tolist()
    points: list[tuple[int, float | None]] = []
    for first, after in zip(starts, [*starts[1:], len(candles)], strict=True):
        if first == after:
            continue
        opened = int(candles.t[first])
        if points and opened > points[-1][0]:
            points.append((opened, None))
        points += _points(candles, first, after)
    points = [point for point, before in zip(points, [None, *points], strict=False) if point != before]
    longest = max((until - since for since, until in inside), default=0)
    return Line(
        at_ms=[at for at, _ in points],
        prices=[price for _, price in points],
        coarse_ms=max(candles.interval_ms, round((end - begin) / buckets)),
        fine_ms=max(candles.interval_ms, round(longest / fine_buckets)),
    )


def _points(candles: Candles, first: int, after: int) -> Iterable[tuple[int, float]]:
    """Yield the points of one stretch, by time."""
    low = first + int(candles.l[first:after].argmin())
    high = first + int(candles.h[first:after].argmax())
    middle = candles.interval_ms // 2
    lowest = (int(candles.t[low]) + middle, _short(candles.l[low]))
    highest = (int(candles.t[high]) + middle, _short(candles.h[high]))
    # Which came first within one candle isn't known: the way that its close points is the shorter one.
    rising = low < high or (low == high and candles.c[high] >= candles.o[low])
    yield int(candles.t[first]), _short(candles.o[first])
    yield from (lowest, highest) if rising else (highest, lowest)
    yield int(candles.t[after - 1]) + candles.interval_ms, _short(candles.c[after - 1])


def _short(price: float) -> float:
    return float(f"{price:.{_DIGITS}g}")
