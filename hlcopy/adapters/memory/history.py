"""Recorded markets in memory."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import partial
from itertools import pairwise
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from hlcopy.adapters.memory.candles import MemoryCandles
from hlcopy.domain.models import HYPERLIQUID, NANSEN
from hlcopy.ports import EquityCoverage, FillCoverage, FundingCoverage

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from hlcopy.adapters.memory.journal import Journal
    from hlcopy.domain.candles import Candles
    from hlcopy.domain.models import Fill
    from hlcopy.domain.spans import Span
    from hlcopy.ports import CandleBlock, CandleCoverage, FundingRate, KnownEquity

_time: Final = attrgetter("time")


class MemoryHistory:
    """The ledger of recorded markets in memory; fills are kept by trader and by trader and coin, each in order of time.

    `source` is whose fills are read: two sources tell the same trades in their own ways, which must never be added up.
    """

    def __init__(self, journal: Journal) -> None:
        self.source = HYPERLIQUID
        self._journal = journal
        self._identities: set[str] = set()
        self._rows: dict[str, Fill] = {}  # of Nansen's: they may come again larger
        self._by_trader: dict[tuple[str, str], list[Fill]] = {}
        self._by_coin: dict[tuple[str, str, str], list[Fill]] = {}
        self._candles = MemoryCandles(journal)
        self._funding: dict[str, list[FundingRate]] = {}
        self._equity: dict[str, dict[datetime, KnownEquity]] = {}
        self._fetched: dict[tuple[str, str, int], list[Span]] = {}

    def add_fills(self, fills: Iterable[Fill]) -> int:
        """Store fills in the order given, keeping a stored one of the same identity; return how many were new.

        A row of Nansen's replaces its stored self when it has grown, or shows another start.
        """
        new: dict[str, Fill] = {}
        for fill in fills:
            identity = fill.identity
            if identity in self._identities or identity in new:
                if fill.source == NANSEN:
                    self._renew(fill, new)
            else:
                new[identity] = fill
        self._identities.update(new)
        self._rows.update((identity, fill) for identity, fill in new.items() if fill.source == NANSEN)
        self._insert(new.values())
        self._journal.record(lambda: self._forget(new))
        return len(new)

    def fills(
        self, trader: str, *, coin: str | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> list[Fill]:
        """Return a trader's fills by time, then order of arrival; both ends are inclusive."""
        if coin is None:
            stored = self._by_trader.get((self.source, trader), [])
        else:
            stored = self._by_coin.get((self.source, trader, coin), [])
        first = 0 if since is None else bisect_left(stored, since, key=_time)
        last = len(stored) if until is None else bisect_right(stored, until, key=_time)
        return stored[first:last]

    def fill_coverage(self) -> list[FillCoverage]:
        """Return what is stored per trader, by address."""
        return [
            FillCoverage(trader=trader, first=stored[0].time, last=stored[-1].time, count=len(stored))
            for (source, trader), stored in sorted(self._by_trader.items())
            if stored and source == self.source
        ]

    def add_candles(self, candles: Candles) -> int:
        """Store candles, keeping a stored one of the same time as it is; return how many were new."""
        return self._candles.add(candles)

    def candles(self, coin: str, interval_ms: int, start_ms: int, end_ms: int) -> Candles:
        """Return the candles that open at or after `start_ms` and before `end_ms`; the arrays are views."""
        return self._candles.between(coin, interval_ms, start_ms, end_ms)

    def candle_blocks(self, coin: str, start_ms: int, end_ms: int) -> list[CandleBlock]:
        """Return what is stored of a coin on the UTC days from `start_ms` to `end_ms`, by day, finest first."""
        return self._candles.blocks(coin, start_ms, end_ms)

    def candle_coverage(self) -> list[CandleCoverage]:
        """Return what is stored per coin and interval, by coin, finest first."""
        return self._candles.coverage()

    def add_funding(self, rates: Iterable[FundingRate]) -> int:
        """Store funding rates, keeping a stored one of the same coin and time; return how many were new."""
        added = 0
        for rate in rates:
            stored = self._funding.setdefault(rate.coin, [])
            place = bisect_left(stored, rate.time, key=_time)
            if place == len(stored) or stored[place].time != rate.time:
                stored.insert(place, rate)
                self._journal.record(partial(stored.remove, rate))
                added += 1
        return added

    def funding(self, coin: str, since: datetime, until: datetime) -> list[FundingRate]:
        """Return rates by time, after `since` and up to `until`."""
        stored = self._funding.get(coin, [])
        return stored[bisect_right(stored, since, key=_time) : bisect_right(stored, until, key=_time)]

    def funding_coverage(self) -> list[FundingCoverage]:
        """Return what is stored per coin."""
        return [
            FundingCoverage(coin=coin, first=stored[0].time, last=stored[-1].time, count=len(stored))
            for coin, stored in sorted(self._funding.items())
            if stored
        ]

    def add_equity(self, points: Iterable[KnownEquity]) -> int:
        """Store points of equity, keeping a stored one of the same trader and moment; return how many were new."""
        added = 0
        for point in points:
            stored = self._equity.setdefault(point.address, {})
            if point.at not in stored:
                self._journal.put(stored, point.at, point)
                added += 1
        return added

    def equity_at(self, trader: str, at: datetime, *, known_by: datetime | None = None) -> KnownEquity | None:
        """Return the latest point at or before a moment of those read by then, or by another moment where one is given."""
        read_by = at if known_by is None else known_by
        stored = self._equity.get(trader, {})
        known = (point for point in stored.values() if point.at <= at and point.read_at <= read_by)
        return max(known, key=attrgetter("at"), default=None)

    def equity(self, trader: str) -> list[KnownEquity]:
        """Return every point of a trader by the moment it is of."""
        return sorted(self._equity.get(trader, {}).values(), key=attrgetter("at"))

    def equity_coverage(self) -> list[EquityCoverage]:
        """Return what is stored per trader, by address."""
        found = []
        for trader, points in sorted(self._equity.items()):
            if not points:
                continue
            readings = [point.read_at for point in points.values()]
            found.append(
                EquityCoverage(
                    trader=trader,
                    first=min(points),
                    last=max(points),
                    count=len(points),
                    first_read=min(readings),
                    last_read=max(readings),
                )
            )
        return found

    def fetched(self, kind: str, coin: str, interval_ms: int) -> list[Span]:
        """Return the spans of a series (`candles` or `funding`) for which the venue has given all it has, by time."""
        return list(self._fetched.get((kind, coin, interval_ms), ()))

    def put_fetched(self, kind: str, coin: str, interval_ms: int, spans: Iterable[Span]) -> None:
        """Replace the spans of a series."""
        self._journal.put(self._fetched, (kind, coin, interval_ms), sorted(spans))

    def _insert(self, fills: Iterable[Fill]) -> None:
        grown: dict[int, tuple[list[Fill], int]] = {}
        for fill in fills:
            by_trader = self._by_trader.setdefault((fill.source, fill.trader), [])
            by_coin = self._by_coin.setdefault((fill.source, fill.trader, fill.coin), [])
            for stored in (by_trader, by_coin):
                grown.setdefault(id(stored), (stored, max(len(stored) - 1, 0)))
                stored.append(fill)
        for stored, start in grown.values():
            if any(later.time < earlier.time for earlier, later in pairwise(stored[start:])):
                stored.sort(key=_time)

    def _renew(self, fill: Fill, new: dict[str, Fill]) -> None:
        identity = fill.identity
        known = new.get(identity) or self._rows[identity]
        moved = fill.size == known.size and fill.start_position != known.start_position
        if not (fill.size > known.size or moved):
            return
        if identity in new:
            new[identity] = fill
        else:
            self._replace(known, fill)
            self._journal.record(lambda: self._replace(fill, known))

    def _replace(self, known: Fill, fill: Fill) -> None:
        self._rows[fill.identity] = fill
        for stored in (self._by_trader[fill.source, fill.trader], self._by_coin[fill.source, fill.trader, fill.coin]):
            stored[next(place for place, each in enumerate(stored) if each is known)] = fill
            stored.sort(key=_time)

    def _forget(self, gone: dict[str, Fill]) -> None:
        self._identities.difference_update(gone)
        for identity in gone:
            self._rows.pop(identity, None)
        traders = {(fill.source, fill.trader) for fill in gone.values()}
        coins = {(fill.source, fill.trader, fill.coin) for fill in gone.values()}
        for stored in (*map(self._by_trader.__getitem__, traders), *map(self._by_coin.__getitem__, coins)):
            stored[:] = [fill for fill in stored if fill.identity not in gone]
