"""Prices and trading rules from Hyperliquid's public API, for the ticks and for the paper venue."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.adapters.hyperliquid.client import FULL_UPDATES
from hlcopy.adapters.wire import INTERVALS
from hlcopy.domain import stops
from hlcopy.domain.episodes import Market, market_of
from hlcopy.domain.instrument import Instrument, Listing
from hlcopy.domain.models import from_ms, to_ms
from hlcopy.domain.safety import Conditions
from hlcopy.errors import TryLaterError
from hlcopy.ports import UNKNOWN, Level, Marks, Quote, one_by_one

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hlcopy.adapters.hyperliquid.client import Contexts, InfoClient
    from hlcopy.adapters.hyperliquid.models import ApiContext
    from hlcopy.adapters.wire import IntervalName, WireCandle
    from hlcopy.domain.models import Side
    from hlcopy.ports import Clock, Together, UnknownType

_FRESH_S: Final = 5.0
_TICK_S: Final = 60.0
_LISTED_S: Final = 4 * 3_600.0
# After a long absence five positions with that many candles and their funding still fit into a minute's ration of 400.
# With more than fits no look would ever succeed again, since each begins anew.
_MOST_ROWS: Final = 1_000
_HOUR: Final = timedelta(hours=1)
# A rate is stamped some milliseconds past its hour and may be served a little later still.
_FUNDING_DELAY: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What was read of a coin's past: candles by time and the rates of the hours, complete from `since` to `read_for`."""

    since: datetime
    read_for: datetime
    candles: Sequence[WireCandle]
    rates: Mapping[datetime, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Present:
    """The contexts as read for a tick's moment, and when on the stopwatch."""

    contexts: Contexts
    read_for: datetime
    read_at: float


class HyperliquidMarket:
    """Marks, rules, books and what the price did since; several threads may use it.

    The contexts of all coins come with one request, which serves a tick for five seconds.
    """

    def __init__(
        self, client: InfoClient, clock: Clock, tell: Callable[[str], None], together: Together = one_by_one
    ) -> None:
        self._client = client
        self._clock = clock
        self._tell = tell
        self._together = together
        self._lock = threading.Lock()
        self._present: _Present | None = None
        self._seen: dict[str, _Seen] = {}
        self._books: dict[str, tuple[datetime, tuple[list[Level], list[Level]] | None]] = {}

    def marks(self, coin: str, since: datetime, now: datetime) -> Marks | UnknownType | None:  # noqa: ARG002 - the port's
        """Return the present mark: what it was before can't be asked."""
        try:
            context = self._read_present(now).of(coin)
        except TryLaterError as error:
            self._tell(f"the mark of {coin}: {error}")
            return UNKNOWN
        if context is None or not context.markPx:
            return None
        return Marks(context.markPx, context.markPx, context.markPx, now)

    def conditions(self, coin: str, now: datetime) -> Conditions | UnknownType | None:
        """Return the size of a coin's market, its oracle and its book, the latter by one request for a tick."""
        try:
            context = self._read_present(now).conditions_of(coin)
        except TryLaterError as error:
            self._tell(f"the market of {coin}: {error}")
            return UNKNOWN
        book = self._book_at(coin, now)
        if context is None or book is None:
            return UNKNOWN
        bids, asks = ([(level.price, level.size) for level in side] for side in book)
        return Conditions(
            mark=context.markPx,
            oracle=context.oraclePx,
            mid=(bids[0][0] + asks[0][0]) / 2 if bids and asks else None,
            open_interest_usd=context.openInterest * context.markPx,
            day_volume_usd=context.dayNtlVlm,
            funding_rate=context.funding,
            bids=bids,
            asks=asks,
        )

    def instrument(self, coin: str) -> Instrument | None:
        """Return the coin's trading rules, None when it isn't a main-dex perp that trades."""
        if market_of(coin) is not Market.PERP:
            return None
        present = self._present
        contexts = present.contexts if present is not None else self._read_present(self._clock.now())
        for asset in contexts.meta.universe:
            if asset.name == coin and not asset.isDelisted:
                return Instrument(coin=coin, size_decimals=asset.szDecimals, max_leverage=asset.maxLeverage)
        return None

    def listings(self, now: datetime) -> Sequence[Listing] | UnknownType:
        """Return the coins in the venue's order as read within the last minute; if need be an older reading of four hours."""
        present = self._present
        if present is None or self._clock.monotonic() - present.read_at > _TICK_S:
            try:
                self._read_present(now)
            except TryLaterError as error:
                self._tell(f"the list of coins: {error}")
            present = self._present
        if present is None or self._clock.monotonic() - present.read_at > _LISTED_S:
            return UNKNOWN
        return [
            Listing(
                name=asset.name,
                size_decimals=asset.szDecimals,
                max_leverage=asset.maxLeverage,
                is_delisted=asset.isDelisted,
                margin_mode=asset.marginMode,
            )
            for asset in present.contexts.meta.universe
        ]

    def look(self, since: Mapping[str, datetime], now: datetime) -> None:
        """Read the contexts, and the candles and funding rates of coins from each one's moment on."""
        self._read_present(now)
        wanted = [(coin, begin) for coin, begin in since.items() if not self._has_seen(coin, begin, now)]
        for (coin, _), seen in zip(wanted, self._together(lambda item: self._look(*item, now), wanted), strict=True):
            self._seen[coin] = seen

    def mark(self, coin: str, now: datetime) -> float | None:
        """Return the mark that was read last, for a moment before it the open of that minute's candle if it was read."""
        present, seen = self._present, self._seen.get(coin)
        if present is not None and seen is not None and _minute(now) < _minute(present.read_for):
            begun = [candle for candle in seen.candles if from_ms(candle.t) <= now]
            if begun:
                return begun[-1].o if from_ms(begun[-1].t) >= _minute(now) else begun[-1].c
        context = self._context(coin)
        return (context.markPx or None) if context is not None else None

    def next_price(self, coin: str, now: datetime) -> Quote | None:
        """Return the middle of the book, the mark without one, as read last."""
        context = self._context(coin)
        price = context and (context.midPx or context.markPx)
        return Quote(price, now) if price else None

    def book(self, coin: str, now: datetime, *, is_buy: bool) -> Sequence[Level] | None:
        """Return the side of the book that an order would meet, best first; None when it can't be read.

        It is read when it is first asked for at a moment.
        """
        book = self._book_at(coin, now)
        return None if book is None else book[1 if is_buy else 0]

    def first_touch(
        self,
        coin: str,
        trigger: float,
        side: Side,
        since: datetime,
        now: datetime,
        *,
        until: datetime | None = None,  # noqa: ARG002 - an order fills at once here
    ) -> Quote | None:
        """Return where a stop filled: in a candle that opened at or after `since` (decision 23), else at the present mark."""
        seen = self._seen.get(coin)
        for candle in seen.candles if seen is not None else ():
            opened_at = from_ms(candle.t)
            if since <= opened_at <= now:
                price = stops.fill_in_candle(trigger, candle.o, candle.l, candle.h, side)
                if price is not None:
                    return Quote(price, opened_at)
        mark = self.mark(coin, now)
        if mark is not None and stops.is_crossed(trigger, mark, side):
            return Quote(mark, now)
        return None

    def funding(self, coin: str, since: datetime, until: datetime) -> Sequence[tuple[datetime, float]]:
        """Return the rates of the hours after `since` and up to `until`, each at its hour.

        The last hour's is the one that runs when it hasn't been published yet.
        """
        seen = self._seen.get(coin)
        rates = dict(seen.rates) if seen is not None else {}
        last = _hour(until)
        context = self._context(coin)
        if context is not None and until - last <= _FUNDING_DELAY:
            rates.setdefault(last, context.funding)
        return [(hour, rates[hour]) for hour in sorted(rates) if since < hour <= until]

    def _context(self, coin: str) -> ApiContext | None:
        """Return a coin's context as read last; one that can't be understood is told and none."""
        if self._present is None:
            return None
        try:
            return self._present.contexts.of(coin)
        except TryLaterError as error:
            self._tell(str(error))
            return None

    def _read_present(self, now: datetime) -> Contexts:
        with self._lock:  # so that threads that ask at the same time cost one request
            known = self._present
            fresh = known is not None and self._clock.monotonic() - known.read_at <= _FRESH_S
            if known is None or not fresh or known.read_for != now:
                contexts = self._client.meta_and_contexts()
                known = _Present(contexts=contexts, read_for=now, read_at=self._clock.monotonic())
                self._present = known
            return known.contexts

    def _has_seen(self, coin: str, since: datetime, now: datetime) -> bool:
        seen = self._seen.get(coin)
        return seen is not None and seen.read_for == now and seen.since <= since

    def _look(self, coin: str, since: datetime, now: datetime) -> _Seen:
        if since >= now:
            return _Seen(since=since, read_for=now, candles=(), rates={})
        # Within a minute nothing is read: its candle comes whole with the first look after it. Four ticks a minute that each
        # read a candle of each position would use up the ration.
        candles = self._candles(coin, since, now) if _minute(since) < _minute(now) else []
        rates = self._rates(coin, since - _FUNDING_DELAY, now) if since < _hour(now) else {}
        return _Seen(since=since, read_for=now, candles=candles, rates=rates)

    def _candles(self, coin: str, since: datetime, now: datetime) -> list[WireCandle]:
        interval = _finest(since, now)
        step = INTERVALS[interval]
        # The one before comes again: when it was read right at its end it may not have been served whole.
        start = (to_ms(since) // step - 1) * step
        return self._client.candles(coin, interval, start, to_ms(now))

    def _rates(self, coin: str, since: datetime, now: datetime) -> dict[datetime, float]:
        rates: dict[datetime, float] = {}
        start = to_ms(since)
        while True:
            page = self._client.funding_history(coin, start, to_ms(now))
            rates |= {_hour(from_ms(row.time)): row.fundingRate for row in page}
            if len(page) < FULL_UPDATES:
                return rates
            start = page[-1].time + 1

    def _book_at(self, coin: str, now: datetime) -> tuple[list[Level], list[Level]] | None:
        read_for, book = self._books.get(coin, (None, None))
        if read_for != now:
            book = self._read_book(coin)
            self._books[coin] = (now, book)
        return book

    def _read_book(self, coin: str) -> tuple[list[Level], list[Level]] | None:
        try:
            book = self._client.book(coin)
        except TryLaterError as error:
            self._tell(f"the book of {coin}: {error}")
            return None
        if book is None:
            return None
        bids, asks = ([Level(level.px, level.sz) for level in levels if level.sz] for levels in book.levels)
        return sorted(bids, key=_price, reverse=True), sorted(asks, key=_price)


def _price(level: Level) -> float:
    return level.price


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _finest(since: datetime, now: datetime) -> IntervalName:
    """Return the finest interval of which few enough candles reach back to a moment."""
    wanted = to_ms(now) - to_ms(since)
    return next((name for name, step in INTERVALS.items() if wanted < (_MOST_ROWS - 2) * step), "1d")
