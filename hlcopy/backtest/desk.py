"""Stored history into a desk of replayed sources, the paper venue and a ledger to write to."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from hlcopy.adapters.paper import PaperExchange
from hlcopy.backtest.replay import ReplayClock, ReplayMarket, ReplaySource
from hlcopy.backtest.scored import Selector, open_selector
from hlcopy.backtest.tape import open_tapes
from hlcopy.domain.episodes import Market, market_of
from hlcopy.domain.models import Trader, from_ms, to_ms
from hlcopy.domain.scoring import WEEK, roi_7d_at_stated_equity
from hlcopy.domain.spans import missing
from hlcopy.ports import Desk, PollMark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from hlcopy.backtest.recorded import RecordedHistory
    from hlcopy.backtest.tape import Tape
    from hlcopy.backtest.universe import Universe
    from hlcopy.domain.models import Fill
    from hlcopy.domain.policy import Policy
    from hlcopy.ports import FundingRate, Ledger, PriceFeed

# So much of the market before the first day is enough for a mark in its first minute, even of daily candles.
_WARM_UP = timedelta(days=2)
_SAMPLED_FILLS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What a replay runs on: fills per trader (all that is stored up to the end), candles and funding per coin.

    With a `universe` its traders are chosen anew on each day, else they are those of the fills.
    Candles are read from the history as they are needed, so it must stay open.
    """

    fills: Mapping[str, Sequence[Fill]]
    tapes: Mapping[str, Tape]
    funding: Mapping[str, Sequence[FundingRate]]
    size_decimals: Mapping[str, int]  # of the trading rules that are assumed, per coin
    candle_days: Mapping[str, Mapping[int, int]]  # days of the period per interval in ms, finest first, per coin
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

    def tape(self, coin: str) -> Tape | None:
        """Return a coin's candles, those to come among them."""
        return self.market.tape(coin)

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
    """Read what a replay needs: the fills up to the end; of the best candles of every coin in them only what there is."""
    fills = {trader: history.fills(trader, until=end) for trader in traders}
    coins = sorted(
        {fill.coin for trader_fills in fills.values() for fill in trader_fills if market_of(fill.coin) is Market.PERP}
    )
    tapes = open_tapes(history, coins, to_ms(start - _WARM_UP), to_ms(end))
    active = {fill.coin for trader_fills in fills.values() for fill in trader_fills if fill.time >= start}
    return Recording(
        fills=fills,
        tapes=tapes,
        funding={coin: history.funding(coin, start, end) for coin in tapes},
        size_decimals=size_decimals(fills),
        candle_days={coin: _days_by_interval(tape, to_ms(start)) for coin, tape in tapes.items()},
        coins_without_candles=tuple(coin for coin in coins if coin in active and coin not in tapes),
        holes={coin: _holes(tape, to_ms(start), to_ms(end) + 1) for coin, tape in tapes.items()},
    )


def _days_by_interval(tape: Tape, start_ms: int) -> dict[int, int]:
    return dict(sorted(Counter(block.interval_ms for block in tape.blocks if block.first_ms >= start_ms).items()))


def _holes(tape: Tape, start_ms: int, end_ms: int) -> list[tuple[datetime, datetime]]:
    """Return the stretches of a period that no candle covers."""
    return [(from_ms(since), from_ms(until)) for since, until in missing((start_ms, end_ms), tape.covered())]


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
    market = ReplayMarket(clock, recording.tapes, recording.funding, recording.size_decimals)
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


def size_decimals(fills: Mapping[str, Sequence[Fill]]) -> dict[str, int]:
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
