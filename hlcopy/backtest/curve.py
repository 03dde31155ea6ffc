"""What the account was worth at each midnight of a replay, what of it was at work, and what the market did meanwhile."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Protocol

from hlcopy.backtest.metrics import Point
from hlcopy.domain import costs
from hlcopy.domain.models import to_ms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hlcopy.backtest.books import Leg
    from hlcopy.backtest.replay import ReplayMarket
    from hlcopy.domain.book import OurFill, Position

_INSTANT: Final = timedelta(microseconds=1)  # what happens at midnight belongs to the day that begins


class PaidFunding(Protocol):
    """Who knows what funding was paid."""

    def funding(self, coin: str, since: datetime, until: datetime) -> float:
        """Return the funding paid after `since` and up to `until`, in USD."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """How long anything was held, and how much of the starting equity on average over the whole period, in percent."""

    time_percent: float
    average_percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Excursion:
    """How far the price went for and against a closed trade, in percent of its entry price, and what was kept of it.

    `favourable` and `adverse` are zero or above; `gained` is the exit against the entry; `capture` is gained over
    favourable, None where the price never went our way.
    """

    favourable_percent: float
    adverse_percent: float
    gained_percent: float

    @property
    def capture(self) -> float | None:
        """The share of the best price that the exit kept."""
        return self.gained_percent / self.favourable_percent if self.favourable_percent > 0 else None


def equity_curve(
    positions: Sequence[Position],
    fills: Mapping[str, Sequence[OurFill]],
    books: PaidFunding,
    market: ReplayMarket,
    *,
    start: datetime,
    end: datetime,
    start_equity: float,
) -> list[Point]:
    """Return the equity at every UTC midnight from `start` to `end`, both of them midnights.

    Starting equity, what fills brought and cost before that moment, less funding paid before it, and what is held at the
    last mark; where a coin has none its entry price stands in, as in the account itself.
    """
    coins = {position.coin for position in positions}
    traded = sorted(
        ((fill, position) for position in positions for fill in fills.get(position.signal_id, ())),
        key=lambda pair: pair[0].time,
    )
    points = []
    cash, done, moment = start_equity, 0, start
    sizes: dict[str, float] = {}
    while moment <= end:
        while done < len(traded) and traded[done][0].time < moment:
            fill, position = traded[done]
            cash -= fill.signed_size * fill.price + fill.fee
            sizes[position.signal_id] = sizes.get(position.signal_id, 0.0) + fill.signed_size
            done += 1
        held = (
            sizes[position.signal_id] * (market.mark(position.coin, moment) or position.entry_price)
            for position in positions
            if sizes.get(position.signal_id)
        )
        funding = sum(books.funding(coin, start, moment - _INSTANT) for coin in coins)
        points.append(Point(at=moment, equity_usd=cash + sum(held) - funding))
        moment += timedelta(days=1)
    return points


def entry_curve(
    legs: Sequence[Leg], position: Position, market: ReplayMarket, moments: Sequence[datetime]
) -> list[float]:
    """Return what an entry had brought at each moment in a book that plays it, marked and charged as the account is."""
    sign, coin = position.side.sign, position.coin
    values = []
    done, size, cash, funded_until = 0, 0.0, 0.0, position.opened_at
    for moment in moments:
        while done < len(legs) and legs[done].at < moment:
            size, cash, funded_until = legs[done].size, legs[done].cash_usd, legs[done].funded_until
            done += 1
        worth = 0.0
        if size:
            for at, rate in market.funding(coin, funded_until, moment - _INSTANT):
                mark = market.mark(coin, at) or position.entry_price
                cash -= costs.funding_payment(sign * size, mark, rate)
            funded_until = max(funded_until, moment - _INSTANT)
            worth = sign * size * (market.mark(coin, moment) or position.entry_price)
        values.append(cash + worth)
    return values


def exposure(
    positions: Sequence[Position],
    fills: Mapping[str, Sequence[OurFill]],
    *,
    start: datetime,
    end: datetime,
    start_equity: float,
) -> Exposure:
    """Return how much was at work: sizes at their entry prices, weighted by time."""
    spans: list[tuple[datetime, datetime]] = []
    worked = 0.0
    for position in positions:
        done = sorted(fills.get(position.signal_id, ()), key=lambda fill: fill.time)
        if not done:
            continue
        size = 0.0
        moments = [*(fill.time for fill in done), end]
        for fill, (since, until) in zip(done, pairwise(moments), strict=True):
            size += fill.signed_size
            worked += abs(size) * position.entry_price * (until - since).total_seconds()
        spans.append((done[0].time, position.closed_at or end))
    period = (end - start).total_seconds()
    return Exposure(
        time_percent=100 * _covered(spans) / period,
        average_percent=100 * worked / period / start_equity,
    )


def _covered(spans: Sequence[tuple[datetime, datetime]]) -> float:
    """Return the seconds that spans of time cover together."""
    seconds, reached = 0.0, None
    for since, until in sorted(spans):
        begin = since if reached is None else max(since, reached)
        seconds += max(0.0, (until - begin).total_seconds())
        reached = until if reached is None else max(reached, until)
    return seconds


def excursion(position: Position, market: ReplayMarket) -> Excursion | None:
    """Return how far the price went while a closed position was held, None where that isn't known.

    The candle that it was closed in counts by the exit alone: what came first in it isn't known.
    """
    tape = market.tape(position.coin)
    if tape is None or position.closed_at is None or position.exit_price is None:
        return None
    held = list(tape.opening(to_ms(position.opened_at), to_ms(position.closed_at)))
    low = min(position.exit_price, position.entry_price, *(part.l[begin:end].min() for part, begin, end in held))
    high = max(position.exit_price, position.entry_price, *(part.h[begin:end].max() for part, begin, end in held))
    best, worst = (high, low) if position.side.sign > 0 else (low, high)

    def percent(price: float) -> float:
        return float(position.side.sign * (price / position.entry_price - 1) * 100)

    return Excursion(
        favourable_percent=abs(percent(best)),
        adverse_percent=abs(percent(worst)),
        gained_percent=percent(position.exit_price),
    )


def market_change_percent(coins: Sequence[str], market: ReplayMarket, start: datetime, end: datetime) -> float | None:
    """Return what an equal amount put into each coin at the start and held to the end made, in percent, without costs.

    From the first open of the period to its last close; None without coins, or where one has no candles in it.
    """
    changes = []
    for coin in coins:
        tape = market.tape(coin)
        first = None if tape is None else tape.next_opening(to_ms(start))
        last = None if tape is None else tape.last_closed(to_ms(end))
        if first is None or last is None or first[0].t[first[1]] > last[0].t[last[1]]:
            return None
        changes.append(float(last[0].c[last[1]] / first[0].o[first[1]] - 1) * 100)
    return statistics.fmean(changes) if changes else None
