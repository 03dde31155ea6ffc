"""Stored history into a desk of replayed sources, the paper venue and a ledger to write to."""

from __future__ import annotations

from collections import defaultdict
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from hlcopy.adapters.paper import PaperExchange
from hlcopy.backtest.replay import ReplayClock, ReplayMarket, ReplaySource
from hlcopy.backtest.scored import Selector, open_selector
from hlcopy.domain.episodes import Market, market_of
from hlcopy.domain.models import Trader, from_ms, to_ms
from hlcopy.domain.scoring import WEEK, roi_7d_at_stated_equity
from hlcopy.ports import Desk, PollMark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from hlcopy.backtest.recorded import RecordedHistory
    from hlcopy.backtest.universe import Universe
    from hlcopy.domain.candles import Candles
    from hlcopy.domain.models import Fill
    from hlcopy.domain.policy import Policy
    from hlcopy.ports import CandleCoverage, FundingRate, Ledger, PriceFeed

# So much of the market before the first day is enough for a mark in its first minute, even of daily candles.
_WARM_UP = timedelta(days=2)
_SAMPLED_FILLS = 500
_ALIKE = 0.95  # of what the longest series covers: a little less of a much finer one is better


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What a replay runs on: fills per trader (all that is stored up to the end), candles and funding per coin.

    With a `universe` its traders are chosen anew on each day, else they are those of the fills.
    """

    fills: Mapping[str, Sequence[Fill]]
    candles: Mapping[str, Candles]
    funding: Mapping[str, Sequence[FundingRate]]
    size_decimals: Mapping[str, int]  # of the trading rules that are assumed, per coin
    coins_without_candles: tuple[str, ...]
    holes: Mapping[
        str, Sequence[tuple[datetime, datetime]]
    ]  # times of the period without candles, per coin that has any
    universe: Universe | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayDesk:
    """A desk with the sources that the engine steps; `equity` is stated for each wallet in USD, or a selector chooses."""

    desk: Desk
    clock: ReplayClock
    source: ReplaySource
    market: ReplayMarket
    equity: Mapping[str, float]
    selector: Selector | None = None

    @property
    def now(self) -> datetime:
        """The simulated present."""
        return self.clock.now

    def advance(self, moment: datetime) -> None:
        """Move the simulated present on."""
        self.clock.advance(moment)

    def traders(self) -> Iterable[str]:
        """Return the wallets that are tracked."""
        return self.equity if self.selector is None else self.selector.followed()

    def next_visible(self, trader: str, after: datetime) -> datetime | None:
        """Return when the trader's first fill that isn't visible yet at a moment will be."""
        return self.source.next_visible(trader, after)

    def candles(self, coin: str) -> Candles | None:
        """Return a coin's candles, those to come among them."""
        return self.market.candles(coin)

    def new_day(self, now: datetime) -> None:
        """Choose the traders anew, or bring each one's last week up to date from the days before this one."""
        if self.selector is not None:
            self.selector.run(now)
        ledger = self.desk.ledger
        for address, equity in self.equity.items():
            trader = ledger.traders.get(address)
            if trader is not None:
                week = ledger.history.fills(address, since=now - WEEK, until=now)
                ledger.traders.put([replace(trader, roi_7d=roi_7d_at_stated_equity(week, equity, now))])


def load(history: RecordedHistory, traders: Sequence[str], start: datetime, end: datetime) -> Recording:
    """Read what a replay needs: the fills up to the end, and the best candles of every coin in them."""
    fills = {trader: history.fills(trader, until=end) for trader in traders}
    coins = sorted(
        {fill.coin for trader_fills in fills.values() for fill in trader_fills if market_of(fill.coin) is Market.PERP}
    )
    stored: dict[str, list[CandleCoverage]] = defaultdict(list)
    for row in history.candle_coverage():
        stored[row.coin].append(row)
    begin_ms, end_ms = to_ms(start - _WARM_UP), to_ms(end)
    candles = {
        coin: history.candles(coin, _resolution(stored[coin], start, end).interval_ms, begin_ms, end_ms)
        for coin in coins
        if coin in stored
    }
    candles = {coin: part for coin, part in candles.items() if len(part)}
    active = {fill.coin for trader_fills in fills.values() for fill in trader_fills if fill.time >= start}
    return Recording(
        fills=fills,
        candles=candles,
        funding={coin: history.funding(coin, start, end) for coin in candles},
        size_decimals=_size_decimals(fills),
        coins_without_candles=tuple(coin for coin in coins if coin in active and coin not in candles),
        holes={coin: _holes(part, to_ms(start), end_ms + 1) for coin, part in candles.items()},
    )


def _resolution(stored: Sequence[CandleCoverage], start: datetime, end: datetime) -> CandleCoverage:
    """Return the series that covers most of a period, the finest of those that cover it alike (`stored` is finest first).

    A venue serves its last 5,000 candles only, so the finest series is often the shortest.
    """

    def covered(row: CandleCoverage) -> timedelta:
        closes = row.last + timedelta(milliseconds=row.interval_ms)
        return max(timedelta(0), min(closes, end) - max(row.first, start))

    most = max(map(covered, stored))
    return next(row for row in stored if covered(row) >= _ALIKE * most)


def _holes(candles: Candles, start_ms: int, end_ms: int) -> list[tuple[datetime, datetime]]:
    """Return the stretches of a period that no candle covers."""
    opens = candles.between(start_ms, end_ms).t.tolist()
    ends = [start_ms, *(opened + candles.interval_ms for opened in opens)]
    begins = [*opens, end_ms]
    return [
        (from_ms(end), from_ms(begin))
        for end, begin in zip(ends, begins, strict=True)
        if begin - end >= candles.interval_ms
    ]


def build(
    recording: Recording,
    ledger: Ledger,
    equity: Mapping[str, float],
    start: datetime,
    policy: Policy,
    our_equity: float,
    *,
    feed: Callable[[ReplayMarket], PriceFeed] = lambda market: market,
) -> ReplayDesk:
    """Return a desk at the start of a replay: the traders followed from now on, what they did before already known.

    `feed` may stand between the market and the venue that fills our orders.
    """
    policy = replace(policy, entry=replace(policy.entry, max_state_age=None))
    clock = ReplayClock(start)
    market = ReplayMarket(clock, recording.candles, recording.funding, recording.size_decimals)
    universe = recording.universe
    source = ReplaySource(clock, recording.fills, equity, market, policy.cadence.feed_delay, universe)
    with ledger.transaction():
        for address, stated in equity.items():
            # Without scoring a wallet has the neutral score and is followed from the first moment.
            ledger.traders.put([Trader(address=address, score=0.5, tier="primary", account_value=stated, scored=False)])
            ledger.traders.put_mark(address, PollMark(followed_from=start, read_until=start, polled_at=start))
            ledger.history.add_fills(fill for fill in recording.fills[address] if fill.time < start)
    exchange = PaperExchange(ledger, feed(market), policy.costs, our_equity)
    replay = _assembled(clock, source, market, exchange, ledger, equity, policy)
    if universe is None:
        return replay
    return replace(replay, selector=open_selector(clock, universe, source, ledger, policy))


def build_alone(market: ReplayMarket, ledger: Ledger, start: datetime, policy: Policy, our_equity: float) -> ReplayDesk:
    """Return a desk that follows nobody, at a moment of its own in the market of another replay."""
    clock = ReplayClock(start)
    market = market.under(clock)
    source = ReplaySource(clock, {}, {}, market, policy.cadence.feed_delay)
    exchange = PaperExchange(ledger, market, policy.costs, our_equity)
    return _assembled(clock, source, market, exchange, ledger, {}, policy)


def _assembled(
    clock: ReplayClock,
    source: ReplaySource,
    market: ReplayMarket,
    exchange: PaperExchange,
    ledger: Ledger,
    equity: Mapping[str, float],
    policy: Policy,
) -> ReplayDesk:
    desk = Desk(
        policy=policy,
        ledger=ledger,
        source=source,
        market=market,
        exchange=exchange,
        account_lock=nullcontext,
        pause=lambda _seconds: None,
    )
    return ReplayDesk(desk=desk, clock=clock, source=source, market=market, equity=equity)


def _size_decimals(fills: Mapping[str, Sequence[Fill]]) -> dict[str, int]:
    """Return the most decimals seen in each coin's sizes, whichever trader comes first."""
    decimals: dict[str, int] = {}
    for trader_fills in fills.values():
        sampled: dict[str, int] = {}
        for fill in trader_fills:
            if sampled.get(fill.coin, 0) < _SAMPLED_FILLS:
                sampled[fill.coin] = sampled.get(fill.coin, 0) + 1
                exponent = Decimal(repr(fill.size)).normalize().as_tuple().exponent
                places = max(0, -exponent) if isinstance(exponent, int) else 0
                decimals[fill.coin] = max(decimals.get(fill.coin, 0), places)
    return decimals
