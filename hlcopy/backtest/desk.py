"""Stored history into a desk of replayed sources, the paper venue and a ledger to write to."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from hlcopy.adapters.paper import PaperExchange
from hlcopy.backtest.replay import ReplayClock, ReplayMarket, ReplaySource
from hlcopy.domain.episodes import Market, market_of
from hlcopy.domain.models import Trader, to_ms
from hlcopy.ports import Desk, PollMark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hlcopy.domain.candles import Candles
    from hlcopy.domain.models import Fill
    from hlcopy.domain.policy import Policy
    from hlcopy.ports import CandleCoverage, FundingRate, History, Ledger

# Our positions are held 72 hours at most: that much of the market before the first day is enough for every mark.
_WARM_UP = timedelta(days=1)
_SAMPLED_FILLS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What a replay runs on: fills per trader (all that is stored up to the end), candles and funding per coin."""

    fills: Mapping[str, Sequence[Fill]]
    candles: Mapping[str, Candles]
    funding: Mapping[str, Sequence[FundingRate]]
    coins_without_candles: tuple[str, ...]
    missing_candles: Mapping[str, int]  # of the period, per coin that has any


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayDesk:
    """A desk with the sources that the engine steps."""

    desk: Desk
    clock: ReplayClock
    source: ReplaySource
    market: ReplayMarket


def load(history: History, traders: Sequence[str], start: datetime, end: datetime) -> Recording:
    """Read what a replay needs: the finest candles stored of every coin that the traders trade in the period."""
    fills = {trader: history.fills(trader, until=end) for trader in traders}
    coins = sorted(
        {fill.coin for trader_fills in fills.values() for fill in trader_fills if market_of(fill.coin) is Market.PERP}
    )
    finest: dict[str, CandleCoverage] = {}
    for row in history.candle_coverage():
        finest.setdefault(row.coin, row)
    begin_ms, end_ms = to_ms(start - _WARM_UP), to_ms(end)
    candles = {
        coin: history.candles(coin, finest[coin].interval_ms, begin_ms, end_ms) for coin in coins if coin in finest
    }
    candles = {coin: part for coin, part in candles.items() if len(part)}
    active = {fill.coin for trader_fills in fills.values() for fill in trader_fills if fill.time >= start}
    return Recording(
        fills=fills,
        candles=candles,
        funding={coin: history.funding(coin, start, end) for coin in candles},
        coins_without_candles=tuple(coin for coin in coins if coin in active and coin not in candles),
        missing_candles={coin: _missing(part, to_ms(start), end_ms) for coin, part in candles.items()},
    )


def _missing(candles: Candles, start_ms: int, end_ms: int) -> int:
    """Return how many candles of a period aren't there."""
    expected = -((start_ms - end_ms) // candles.interval_ms)
    return expected - len(candles.between(start_ms, end_ms))


def build(
    recording: Recording,
    ledger: Ledger,
    equity: Mapping[str, float],
    start: datetime,
    policy: Policy,
    our_equity: float,
) -> ReplayDesk:
    """Return a desk at the start of a replay: the traders followed from now on, what they did before already known."""
    policy = replace(policy, entry=replace(policy.entry, max_state_age=None))
    clock = ReplayClock(start)
    market = ReplayMarket(clock, recording.candles, recording.funding, _size_decimals(recording.fills))
    source = ReplaySource(clock, recording.fills, equity, market, policy.cadence.feed_delay)
    with ledger.transaction():
        for address, stated in equity.items():
            # Without scoring a wallet has the neutral score and is followed from the first moment.
            ledger.traders.put([Trader(address=address, score=0.5, tier="primary", account_value=stated, scored=False)])
            ledger.traders.put_mark(address, PollMark(followed_from=start, read_until=start, polled_at=start))
            ledger.history.add_fills(fill for fill in recording.fills[address] if fill.time < start)
    desk = Desk(
        policy=policy,
        ledger=ledger,
        source=source,
        market=market,
        exchange=PaperExchange(ledger, market, policy.costs, our_equity),
        account_lock=nullcontext,
        pause=lambda _seconds: None,
    )
    return ReplayDesk(desk=desk, clock=clock, source=source, market=market)


def _size_decimals(fills: Mapping[str, Sequence[Fill]]) -> dict[str, int]:
    """Return the most decimals seen in each coin's sizes."""
    decimals: dict[str, int] = {}
    sampled: dict[str, int] = {}
    for trader_fills in fills.values():
        for fill in trader_fills:
            if sampled.get(fill.coin, 0) < _SAMPLED_FILLS:
                sampled[fill.coin] = sampled.get(fill.coin, 0) + 1
                exponent = Decimal(repr(fill.size)).normalize().as_tuple().exponent
                places = max(0, -exponent) if isinstance(exponent, int) else 0
                decimals[fill.coin] = max(decimals.get(fill.coin, 0), places)
    return decimals
