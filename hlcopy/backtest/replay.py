"""Recorded history as the sources of a desk, with a clock they refuse to look past."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.domain import stops
from hlcopy.domain.episodes import Market, chained, market_of
from hlcopy.domain.instrument import Instrument, assumed_instrument
from hlcopy.domain.models import Fill, Side, TraderPosition, TraderState, from_ms, to_ms
from hlcopy.errors import LookAheadError
from hlcopy.ports import Marks, Quote, UnknownType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hlcopy.backtest.tape import Tape
    from hlcopy.backtest.universe import Universe
    from hlcopy.domain.safety import Conditions
    from hlcopy.ports import FundingRate, Level

# A mark older than this many candles is no mark (decision 32).
FRESH_INTERVALS: Final = 2

_Held = tuple[str, float, float]
"""A coin, the signed size that its last fill left, and that fill's price."""


@dataclass(slots=True)
class ReplayClock:
    """The simulated present; it only moves forward."""

    now: datetime

    def advance(self, moment: datetime) -> None:
        """Move to a later moment."""
        if moment < self.now:
            message = f"the replay can't go back from {self.now} to {moment}"
            raise LookAheadError(message)
        self.now = moment

    def check(self, asked: datetime) -> None:
        """Refuse a question about the future."""
        if asked > self.now:
            message = f"asked for {asked}, which lies after the simulated present {self.now}"
            raise LookAheadError(message)


class ReplaySource:
    """The traders' fills and accounts as they could be known at the simulated present.

    A fill becomes visible `feed_delay` after it happened, and so do the positions that are rebuilt from fills: were they
    known sooner, a close of the last minute would look like a position that vanished. The equity of a wallet is stated by
    the user and never ages, else it is the last one that had been read.
    """

    def __init__(
        self,
        clock: ReplayClock,
        fills: Mapping[str, Sequence[Fill]],
        equity: Mapping[str, float],
        market: ReplayMarket,
        feed_delay: timedelta,
        universe: Universe | None = None,
    ) -> None:
        self._clock = clock
        self._universe = universe
        self._fills = {trader: chained(trader_fills) for trader, trader_fills in fills.items()}
        self._times = {trader: [fill.time for fill in trader_fills] for trader, trader_fills in self._fills.items()}
        self._equity = equity
        self._market = market
        self.feed_delay = feed_delay
        self._applied = dict.fromkeys(self._fills, 0)
        self._latest: dict[str, dict[str, Fill]] = {trader: {} for trader in self._fills}
        self._held: dict[
            str, Sequence[_Held]
        ] = {}  # of the latest, what isn't flat: it is asked for far more often than it changes

    @property
    def wallets(self) -> Sequence[str]:
        """The wallets whose fills are recorded."""
        return tuple(self._fills)

    def first(self, trader: str) -> datetime | None:
        """Return when a trader's recorded fills begin, None when none is visible yet."""
        times = self._times.get(trader, [])
        return times[0] if times and times[0] <= self._clock.now - self.feed_delay else None

    def between(self, trader: str, since: datetime, until: datetime) -> Sequence[Fill]:
        """Return the fills after `since` and up to `until` that have become visible."""
        self._clock.check(until)
        times = self._times.get(trader, [])
        end = bisect_right(times, min(until, self._clock.now - self.feed_delay))
        return self._fills.get(trader, [])[bisect_right(times, since) : end]

    def room(self, now: datetime) -> int | None:
        """Return None: recorded history has no rate limit."""
        self._clock.check(now)
        return None

    def fills(self, trader: str, since: datetime, now: datetime) -> Sequence[Fill] | UnknownType:
        """Return the fills from `since` on that have become visible."""
        self._clock.check(now)
        times = self._times.get(trader, [])
        begin = bisect_right(times, since - timedelta(microseconds=1))
        end = bisect_right(times, now - self.feed_delay)
        return self._fills.get(trader, [])[begin:end]

    def positions(self, trader: str, now: datetime) -> TraderState | UnknownType:
        """Return the same as `state`."""
        return self.state(trader, now)

    def state(self, trader: str, now: datetime) -> TraderState | UnknownType:
        """Return the positions that the visible fills leave, valued at the mark, else at the coin's last fill."""
        self._clock.check(now)
        positions = {}
        for coin, size, last_price in self._advance(trader, now - self.feed_delay):
            price = self._market.mark(coin, now) or last_price
            positions[coin] = TraderPosition(coin=coin, size=size, value_usd=abs(size) * price)
        return TraderState(
            trader=trader,
            equity=self._worth(trader, now),
            positions=positions,
            read_at=now,
            equity_source="stated" if trader in self._equity else "recorded",
        )

    def next_visible(self, trader: str, after: datetime) -> datetime | None:
        """Return when the first fill that isn't visible yet at a moment will be: for the engine, not for a tick."""
        times = self._times.get(trader, [])
        index = bisect_right(times, after - self.feed_delay)
        return times[index] + self.feed_delay if index < len(times) else None

    def _worth(self, trader: str, now: datetime) -> float | None:
        if trader in self._equity or self._universe is None:
            return self._equity.get(trader)
        return self._universe.equity_at(trader, now)

    def _advance(self, trader: str, now: datetime) -> Sequence[_Held]:
        end = bisect_right(self._times.get(trader, []), now)
        seen = self._fills.get(trader, [])[self._applied.get(trader, 0) : end]
        self._applied[trader] = end
        if seen:
            latest = self._latest[trader]
            latest.update((fill.coin, fill) for fill in seen if market_of(fill.coin) is Market.PERP)
            self._held[trader] = [
                (fill.coin, fill.end_position, fill.price) for fill in latest.values() if fill.end_position
            ]
        return self._held.get(trader, ())


class ReplayMarket:
    """Candles as a market: a candle is known once it has closed, and its close is the mark until the next one."""

    def __init__(
        self,
        clock: ReplayClock,
        tapes: Mapping[str, Tape],
        funding: Mapping[str, Sequence[FundingRate]],
        size_decimals: Mapping[str, int],
    ) -> None:
        self._clock = clock
        self._tapes = tapes
        self._funding = funding
        self._funding_times = {coin: [rate.time for rate in rates] for coin, rates in funding.items()}
        self._instruments: dict[str, Instrument] = {}
        self._marks: dict[str, tuple[datetime, float | None]] = {}
        self._size_decimals = size_decimals

    def under(self, clock: ReplayClock) -> ReplayMarket:
        """Return the same history under another clock."""
        return ReplayMarket(clock, self._tapes, self._funding, self._size_decimals)

    def marks(self, coin: str, since: datetime, now: datetime) -> Marks | UnknownType | None:
        """Return the closes of the candles that closed after `since`, at least the last one; None when that is too old."""
        self._clock.check(now)
        tape = self._tapes.get(coin)
        found = None if tape is None else tape.last_closed(to_ms(now))
        if tape is None or found is None:
            return None
        candles, last = found
        closed_ms, close = int(candles.t[last]) + candles.interval_ms, float(candles.c[last])
        closed_at = from_ms(closed_ms)
        if now - closed_at > FRESH_INTERVALS * timedelta(milliseconds=candles.interval_ms):
            return None
        parts = tape.closing(min(to_ms(since), closed_ms - 1), closed_ms)
        closes = [part.c[begin:end] for part, begin, end in parts]
        low, high = min(float(part.min()) for part in closes), max(float(part.max()) for part in closes)
        return Marks(low, high, close, closed_at)

    def mark(self, coin: str, now: datetime) -> float | None:
        """Return the close of the last closed candle, however old."""
        self._clock.check(now)
        known = self._marks.get(coin)
        if known is None or known[0] != now:  # all that is held and every trader who holds it asks in one tick
            tape = self._tapes.get(coin)
            found = None if tape is None else tape.last_closed(to_ms(now))
            known = self._marks[coin] = now, None if found is None else float(found[0].c[found[1]])
        return known[1]

    def next_price(self, coin: str, now: datetime) -> Quote | None:
        """Return the open of the first candle that opens now or later: what an order sent now is filled at.

        It is a look past the clock, but by the venue and not by a decision; None when trading has stopped by then.
        """
        self._clock.check(now)
        tape, now_ms = self._tapes.get(coin), to_ms(now)
        found = None if tape is None else tape.next_opening(now_ms)
        if found is None:
            return None
        candles, index = found
        opens_ms = int(candles.t[index])
        if opens_ms - now_ms > FRESH_INTERVALS * candles.interval_ms:
            return None
        return Quote(float(candles.o[index]), from_ms(opens_ms))

    def look(self, since: Mapping[str, datetime], now: datetime) -> None:
        """Read nothing: the history is in memory."""

    def book(self, coin: str, now: datetime, *, is_buy: bool) -> Sequence[Level] | None:  # noqa: ARG002 - the port's
        """Return None: recorded history has no order books."""
        self._clock.check(now)
        return None

    def first_touch(
        self, coin: str, trigger: float, side: Side, since: datetime, now: datetime, *, until: datetime | None = None
    ) -> Quote | None:
        """Return where a stop filled in the candles that opened at or after `since` and have closed by now.

        `until` is the moment at which an order sent now fills: like `next_price` a look past the clock by the venue.
        """
        self._clock.check(now)
        tape, closed_by_ms = self._tapes.get(coin), to_ms(until or now)
        if tape is None:
            return None
        for candles, begin, end in tape.opening(to_ms(since), closed_by_ms):
            reached = candles.l[begin:end] <= trigger if side is Side.LONG else candles.h[begin:end] >= trigger
            first = int(reached.argmax())
            if not reached[first]:
                continue
            index = begin + first
            opens_ms = int(candles.t[index])
            if opens_ms + candles.interval_ms > closed_by_ms:
                return None
            price = stops.fill_in_candle(
                trigger, float(candles.o[index]), float(candles.l[index]), float(candles.h[index]), side
            )
            return None if price is None else Quote(price, from_ms(opens_ms))
        return None

    def funding(self, coin: str, since: datetime, until: datetime) -> Sequence[tuple[datetime, float]]:
        """Return the recorded rates after `since` and up to `until`."""
        self._clock.check(until)
        times = self._funding_times.get(coin, [])
        part = self._funding.get(coin, [])[bisect_right(times, since) : bisect_right(times, until)]
        return [(rate.time, rate.rate) for rate in part]

    def conditions(self, coin: str, now: datetime) -> Conditions | UnknownType | None:  # noqa: ARG002 - the port's
        """Return None: recorded history has neither open interest nor order books."""
        self._clock.check(now)
        return None

    def instrument(self, coin: str) -> Instrument | None:
        """Return assumed trading rules: a recording has no meta."""
        if market_of(coin) is not Market.PERP:
            return None
        if coin not in self._instruments:
            self._instruments[coin] = assumed_instrument(coin, self._size_decimals.get(coin, 0))
        return self._instruments[coin]

    def tape(self, coin: str) -> Tape | None:
        """Return all of a coin's candles: for the engine's search of the next event, not for a tick."""
        return self._tapes.get(coin)
