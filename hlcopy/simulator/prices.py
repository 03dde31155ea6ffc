"""A coin's prices at any moment: marks that move within the minute, candles as far as they are known, and the order book."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from hlcopy.domain.instrument import PERP_DECIMALS, SIGNIFICANT_FIGURES
from hlcopy.simulator.market import MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hlcopy.domain.instrument import Instrument
    from hlcopy.simulator.market import Funding, Series

LEVELS: Final = 20
_LEG_MS: Final = MINUTE_MS // 3  # open, one extreme, the other, close
_HALF_SPREAD: Final = 0.00005
_LEVEL_GAP: Final = 0.0001
_DEPTH_SHARE: Final = 0.4  # of a minute's turnover: what the best level holds
_GROWTH: Final = 0.35  # by how much each further level holds more
_TRADE_USD: Final = 4_000.0  # the average trade, for the count of a candle's trades
_BASE_PREMIUM: Final = 0.0001
_PREMIUM_CLAMP: Final = 0.0005
_HOURS_OF_A_RATE: Final = 8
_FEW_MINUTES: Final = 3  # which are sooner walked than filtered

Level = tuple[float, float]


class Candle(NamedTuple):
    """A candle of any interval: open and last ms, prices, base volume and count of trades."""

    t: int
    T: int
    o: float
    h: float
    l: float  # noqa: E741 - the venue's own name
    c: float
    v: float
    n: int


def places(instrument: Instrument, price: float) -> int:
    """Return how many decimals a legal price has at a price's size."""
    figures = SIGNIFICANT_FIGURES - 1 - math.floor(math.log10(price))
    return max(0, min(PERP_DECIMALS - instrument.size_decimals, figures))


def nearest(instrument: Instrument, price: float) -> float:
    """Return the nearest legal price."""
    return round(float(price), places(instrument, price))


def first_moment(begin: int, end: int, holds: Callable[[int], bool]) -> int:
    """Return the first moment at which something holds that, once it does, holds on to the end."""
    return begin + bisect_left(range(begin, end), 1, key=lambda ms: int(holds(ms)))


class Prices:
    """A coin's candles read at any moment, over which a price path can be scripted."""

    def __init__(self, series: Series, funding: Funding) -> None:
        self.instrument = series.instrument
        self._series = series  # as it was before anything was scripted
        self._begin = int(series.t[0])
        self._length = len(series)
        self._t = series.t
        self._o, self._h, self._l, self._c, self._v = series.o, series.h, series.l, series.c, series.v
        self._turnover = float(np.median(series.v[-1440:] * series.c[-1440:]))
        self._funding = [(int(at), float(rate)) for at, rate in zip(funding.t, funding.rate, strict=True)]
        self._step_times: list[int] = []
        self._step_prices: list[float] = []
        self._depth: float | None = None

    def script(self, price: float, from_ms: int) -> None:
        """Let the price be another from a moment on; what was scripted for later is forgotten."""
        if not (math.isfinite(price) and price > 0):
            message = f"{self.instrument.coin}: {price!r} is no price"
            raise ValueError(message)
        price = nearest(self.instrument, price)
        minute = (from_ms - self._begin) // MINUTE_MS
        if minute < self._length:
            if not self._step_times:
                self._o, self._h, self._l, self._c = (a.copy() for a in (self._o, self._h, self._l, self._c))
            first = max(minute, 0)
            if from_ms > self._begin + first * MINUTE_MS:  # the rest of a minute
                before = self._partial(first, from_ms - 1)
                self._o[first], self._c[first] = before.o, price
                self._h[first], self._l[first] = max(before.h, price), min(before.l, price)
                first += 1
            for column in (self._o, self._h, self._l, self._c):
                column[first:] = price
        kept = bisect_left(self._step_times, from_ms)
        self._step_times[kept:], self._step_prices[kept:] = [from_ms], [price]

    def set_depth(self, usd: float) -> None:
        """Let every level of the book hold an amount; with 0 there is no book."""
        self._depth = usd

    def at(self, ms: int) -> float:
        """Return the mark: from the open over the candle's extremes to its close, each a third of a minute apart."""
        if self._step_times and ms >= self._step_times[0]:
            return self._step_prices[bisect_right(self._step_times, ms) - 1]
        return self._unscripted(ms)

    def _unscripted(self, ms: int) -> float:
        minute, offset = divmod(ms - self._begin, MINUTE_MS)
        if minute < 0:
            return float(self._series.o[0])
        if minute >= self._length:
            return float(self._series.c[-1])
        path = self._path(minute)
        leg, inside = divmod(offset, _LEG_MS)
        price = path[leg] + (path[leg + 1] - path[leg]) * inside / _LEG_MS
        return min(max(nearest(self.instrument, price), min(path)), max(path))

    def _path(self, minute: int) -> tuple[float, float, float, float]:
        series = self._series
        o, c = float(series.o[minute]), float(series.c[minute])
        low, high = float(series.l[minute]), float(series.h[minute])
        return (o, low, high, c) if c >= o else (o, high, low, c)

    def crossing(self, level: float, since_ms: int, until_ms: int, *, falling: bool) -> int | None:
        """Return the first moment, both ends inclusive, at which the mark is at or below a level, or above when rising."""
        for begin, end in self.stretches(since_ms, until_ms, level=level, falling=falling):
            if self._is_beyond(level, begin, falling=falling):
                return begin
            if self._is_beyond(level, end, falling=falling):
                return first_moment(begin, end, lambda ms: self._is_beyond(level, ms, falling=falling))
        return None

    def _is_beyond(self, level: float, ms: int, *, falling: bool) -> bool:
        return self.at(ms) <= level if falling else self.at(ms) >= level

    def stretches(
        self, since_ms: int, until_ms: int, *, level: float | None = None, falling: bool = True
    ) -> Iterator[tuple[int, int]]:
        """Yield the first and the last moment of each stretch in which the mark moves one way or not at all.

        With a level, minutes that don't reach it may be left out.
        """
        times = self._step_times
        scripted = times[0] if times else until_ms + 1
        last = min(until_ms, scripted - 1)
        end_ms = self._begin + self._length * MINUTE_MS
        if since_ms <= min(last, self._begin - 1):
            yield since_ms, min(last, self._begin - 1)
        since, until = max(since_ms, self._begin), min(last, end_ms - 1)
        if since <= until:
            for minute in self._minutes(since, until, level, falling=falling):
                opened = self._begin + minute * MINUTE_MS
                for start in range(opened, opened + MINUTE_MS, _LEG_MS):
                    if since < start + _LEG_MS and start <= until:
                        yield max(since, start), min(until, start + _LEG_MS - 1)
        if max(since_ms, end_ms) <= last:
            yield max(since_ms, end_ms), last
        for index in range(max(0, bisect_right(times, since_ms) - 1), len(times)):
            start = times[index]
            if start > until_ms:
                break
            following = times[index + 1] - 1 if index + 1 < len(times) else until_ms
            if max(since_ms, start) <= min(until_ms, following):
                yield max(since_ms, start), min(until_ms, following)

    def _minutes(self, since_ms: int, until_ms: int, level: float | None, *, falling: bool) -> list[int]:
        """Return the numbers of the minutes of a period within the candles, those that reach a level if there are many."""
        first, last = (since_ms - self._begin) // MINUTE_MS, (until_ms - self._begin) // MINUTE_MS
        if level is None or last - first < _FEW_MINUTES:
            return list(range(first, last + 1))
        part = slice(first, last + 1)
        reached = self._series.l[part] <= level if falling else self._series.h[part] >= level
        return [first + int(minute) for minute in np.flatnonzero(reached)]

    def candles(self, interval_ms: int, since_ms: int, until_ms: int, now_ms: int) -> list[Candle]:
        """Return the candles that open from `since_ms` to `until_ms`, the last one as far as it is known at `now_ms`.

        They open at whole multiples of the interval; the first may have begun before there was a market.
        """
        last_open = min(until_ms, now_ms) // interval_ms * interval_ms
        begin = max(-(-since_ms // interval_ms) * interval_ms, self._begin // interval_ms * interval_ms)
        end = min((min(last_open + interval_ms - 1, now_ms) - self._begin) // MINUTE_MS + 1, self._length)
        first = max((begin - self._begin) // MINUTE_MS, 0)
        if last_open < begin or end <= first:
            return []
        part = slice(first, end)
        h, l, c, v = self._h[part], self._l[part], self._c[part], self._v[part]  # noqa: E741 - the venue's own name
        if self._begin + end * MINUTE_MS > now_ms:  # the minute that runs
            h, l, c, v = h.copy(), l.copy(), c.copy(), v.copy()  # noqa: E741 - the venue's own name
            known = self._partial(end - 1, now_ms)
            h[-1], l[-1], c[-1], v[-1] = known.h, known.l, known.c, known.v
        opens = self._t[part] // interval_ms
        groups = np.flatnonzero(np.concatenate(([True], opens[1:] != opens[:-1])))
        volumes = np.add.reduceat(v, groups).round(self.instrument.size_decimals)
        closes = c[np.concatenate((groups[1:], [len(c)])) - 1]
        counts = np.maximum(1, volumes * closes / _TRADE_USD).astype(np.int64)
        columns = (
            opens[groups] * interval_ms,
            opens[groups] * interval_ms + interval_ms - 1,
            self._o[part][groups],
            np.maximum.reduceat(h, groups),
            np.minimum.reduceat(l, groups),
            closes,
            volumes,
            counts,
        )
        return [Candle(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]

    def _partial(self, minute: int, now_ms: int) -> Candle:
        """Return a minute's candle as far as it is known at a moment within it."""
        opened = self._begin + minute * MINUTE_MS
        passed = min(now_ms - opened, MINUTE_MS)
        seen = [self.at(opened), self.at(min(now_ms, opened + MINUTE_MS - 1))]
        times = self._step_times
        unscripted_until = min(now_ms, times[0]) if times else now_ms
        path = self._path(minute) if unscripted_until > opened else ()
        seen += [price for leg, price in enumerate(path) if opened + leg * _LEG_MS <= unscripted_until]
        seen += self._step_prices[bisect_left(times, opened) : bisect_right(times, now_ms)]
        volume = round(float(self._v[minute]) * passed / MINUTE_MS, self.instrument.size_decimals)
        return Candle(opened, opened + MINUTE_MS - 1, seen[0], max(seen), min(seen), seen[1], volume, 1)

    def mid(self, ms: int) -> float:
        """Return the middle between the best bid and the best ask, the mark where there is no book."""
        if self._depth == 0:
            return self.at(ms)
        bid, ask, decimals, _ = self._edges(self.at(ms))
        return round((bid + ask) / (2.0 * 10.0**decimals), decimals + 1)

    def book(self, ms: int) -> tuple[list[Level], list[Level]]:
        """Return bids and asks around the mark, best first, up to 20 a side at legal prices."""
        best_usd = self._best_usd
        if best_usd <= 0:
            return [], []
        bid, ask, decimals, gap = self._edges(self.at(ms))
        return list(self._side(bid, -gap, decimals, best_usd, ms)), list(self._side(ask, gap, decimals, best_usd, ms))

    def best(self, ms: int) -> tuple[float, float] | None:
        """Return the best bid and the best ask, None where there is no book."""
        best_usd = self._best_usd
        if best_usd <= 0:
            return None
        bid, ask, decimals, gap = self._edges(self.at(ms))
        sides = (self._side(bid, -gap, decimals, best_usd, ms), self._side(ask, gap, decimals, best_usd, ms))
        (highest, _), (lowest, _) = (next(side, (0.0, 0.0)) for side in sides)
        return (highest, lowest) if highest and lowest else None

    @property
    def _best_usd(self) -> float:
        """What the best level of each side holds."""
        return self._turnover * _DEPTH_SHARE if self._depth is None else self._depth

    def _edges(self, mark: float) -> tuple[int, int, int, int]:
        """Return best bid and ask in ticks, the decimals of a tick, and the ticks between levels."""
        decimals = places(self.instrument, mark)
        ticks = mark * 10**decimals
        half, gap = max(0.5, ticks * _HALF_SPREAD), max(1, round(ticks * _LEVEL_GAP))
        return max(1, math.floor(ticks - half)), math.ceil(ticks + half), decimals, gap

    def _side(self, best: int, gap: int, decimals: int, best_usd: float, ms: int) -> Iterator[Level]:
        last = None
        for number in range(LEVELS):
            count = best + number * gap
            if count <= 0:
                break
            price = nearest(self.instrument, count / 10**decimals)
            if price == last:
                continue
            usd = best_usd if self._depth is not None else best_usd * (1 + _GROWTH * number) * _varied(ms, number)
            size = round(usd / price, self.instrument.size_decimals)
            if size > 0:
                last = price
                yield price, size

    def funding(self, since_ms: int, until_ms: int) -> list[tuple[int, float, float]]:
        """Return hourly rates and the premiums that made them, both ends inclusive."""
        begin = bisect_right(self._funding, since_ms - 1, key=lambda row: row[0])
        end = bisect_right(self._funding, until_ms, key=lambda row: row[0])
        return [(at, rate, _premium(rate)) for at, rate in self._funding[begin:end]]

    def oracle(self, ms: int) -> float:
        """Return the oracle price: the mark less the hour's premium."""
        index = bisect_right(self._funding, ms, key=lambda row: row[0]) - 1
        premium = _premium(self._funding[index][1]) if index >= 0 else 0.0
        return nearest(self.instrument, self.at(ms) / (1 + premium))


def _varied(ms: int, number: int) -> float:
    """Return what a level holds in a minute, beside the usual."""
    return 0.7 + 0.1 * ((ms // MINUTE_MS * 7 + number * 5) % 7)


def _premium(rate: float) -> float:
    """Return the premium that makes an hourly rate: eight hours' worth is premium + clamp(0.01 % - premium, ±0.05 %)."""
    beyond = _HOURS_OF_A_RATE * rate - _BASE_PREMIUM
    if math.isclose(beyond, 0.0, abs_tol=1e-12):
        return 0.0
    return round(beyond + _BASE_PREMIUM + math.copysign(_PREMIUM_CLAMP, beyond), 10)
