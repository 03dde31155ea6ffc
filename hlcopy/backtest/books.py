"""The same entries in three books: left by our exits, with the trader, and after 72 hours (decision 36)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.backtest.following import Step, Track, course
from hlcopy.domain import booking, costs, exits, margin, stops
from hlcopy.domain.book import ExitReason, PositionStatus
from hlcopy.domain.models import from_ms, to_ms
from hlcopy.ticks.schedule import slot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hlcopy.backtest.replay import ReplayMarket
    from hlcopy.domain.book import OurFill, Position
    from hlcopy.domain.models import Signal
    from hlcopy.domain.policy import Policy
    from hlcopy.ports import Quote

HOLD: Final = timedelta(hours=72)  # the third book of decision 36, whatever our own time stop is set to

_DAY: Final = timedelta(days=1)

TRADER_LEFT: Final = "TRADER_LEFT"
HELD: Final = "HELD_72H"
_UNKNOWN_TRACK: Final = Track(fills=(), order_values=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """What an entry was from a fill on, to the next: base units held, and what it had brought until then in USD.

    `cash_usd` is after fees and after the funding up to `funded_until`.
    """

    at: datetime
    size: float
    cash_usd: float
    funded_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an entry came to in one book, in USD; fees and funding are positive when paid, slippage is in the prices.

    `net_usd` is after fees and funding. Of what is still open (`open_size` base units) the last mark is its exit:
    `closed_at` and `reason` are None then. `legs` is the way there, of a book that is played: ours is in the ledger.
    """

    net_usd: float
    fees_usd: float
    funding_usd: float
    slippage_usd: float
    open_size: float
    closed_at: datetime | None
    reason: str | None
    legs: tuple[Leg, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One entry and what it came to in each book; None where that can't be known."""

    position_id: int
    signal_id: str
    coin: str
    trader: str
    opened_at: datetime
    notional_usd: float
    ours: Outcome | None
    followed: Outcome | None
    held: Outcome | None
    broken_at: datetime | None  # from when on the trader's fills have a gap, so that his exit isn't known


@dataclass(slots=True)
class _Holding:
    """An entry on its way out."""

    size: float
    cash: float  # what fills brought and cost, fees left out
    fees: float
    slippage: float
    funding: float = 0.0
    legs: list[Leg] = field(default_factory=list)

    def note(self, at: datetime, funded_until: datetime) -> None:
        """Remember what is held from a fill on; what changed nothing is no leg of its own."""
        if self.legs and self.legs[-1].size == self.size:
            return
        cash = self.cash - self.fees - self.funding
        self.legs.append(Leg(at=at, size=self.size, cash_usd=cash, funded_until=funded_until))


def trials(
    positions: Sequence[Position],
    our_fills: Mapping[str, Sequence[OurFill]],
    signals: Mapping[str, Signal],
    tracks: Mapping[tuple[str, str], Track],
    market: ReplayMarket,
    policy: Policy,
    end: datetime,
) -> list[Trial]:
    """Return every entry of a replay that ended at `end`, with its outcome in the three books.

    `our_fills` and `signals` are by signal id, `tracks` by trader and coin. Fill, size and moment of an entry
    are the same in all three; positions that never filled are no entries.
    """
    made = []
    for position in positions:
        fills = our_fills.get(position.signal_id, ())
        entering = [fill for fill in fills if fill.is_buy == (position.side.sign > 0)]
        if not entering:
            continue
        signal = signals.get(position.signal_id)
        way = course(
            tracks.get((position.source_trader, position.coin), _UNKNOWN_TRACK),
            trader=position.source_trader,
            side=position.side,
            decided_at=signal.updated_at if signal is not None else position.opened_at,
            feed_delay=policy.cadence.feed_delay,
            poll_every=policy.cadence.address_trades,
        )
        player = _Player(position, entering, market, policy, end)
        made.append(
            Trial(
                position_id=position.id or 0,
                signal_id=position.signal_id,
                coin=position.coin,
                trader=position.source_trader,
                opened_at=position.opened_at,
                notional_usd=sum(fill.price * fill.size for fill in entering),
                ours=ours(position, fills, market, end),
                followed=player.play(way.steps, TRADER_LEFT) if way.broken_at is None else None,
                held=player.play([Step(seen_at=position.opened_at + HOLD, share=0.0)], HELD),
                broken_at=way.broken_at,
            )
        )
    return made


def ours(position: Position, fills: Sequence[OurFill], market: ReplayMarket, end: datetime) -> Outcome | None:
    """Return what our own exits made of an entry in a replay that ended at `end`, None while an exit isn't known."""
    closed = position.status is PositionStatus.CLOSED
    if closed and position.realized_pnl_usd is None:
        return None
    open_size = 0.0 if closed else position.size
    mark = market.mark(position.coin, end)
    if open_size and mark is None:
        return None
    fees = sum(fill.fee for fill in fills)
    value = position.side.sign * open_size * (mark or 0.0)
    return Outcome(
        net_usd=value - sum(fill.signed_size * fill.price for fill in fills) - fees - position.funding_usd,
        fees_usd=fees,
        funding_usd=position.funding_usd,
        slippage_usd=sum(fill.slippage_usd for fill in fills),
        open_size=open_size,
        closed_at=position.closed_at if closed else None,
        reason=position.close_reason if closed else None,
    )


class _Player:
    """Plays one entry through the candles, filling exits as the paper venue does; no stop rests, so liquidation is possible."""

    def __init__(
        self, position: Position, entering: Sequence[OurFill], market: ReplayMarket, policy: Policy, end: datetime
    ) -> None:
        sums = booking.tally(position.side, entering)
        self._position = position
        self._entering = entering
        self._size = sums.entry_size
        self._entry_price = sums.entry_price or position.entry_price
        self._market = market
        self._policy = policy
        self._end = end
        self._instrument = market.instrument(position.coin)
        self._touched: Quote | None = None
        self._looked_until = position.opened_at

    def play(self, steps: Sequence[Step], reason: str) -> Outcome | None:
        """Return what comes of leaving step by step; None when the coin has no mark at the end."""
        holding = _Holding(
            size=self._size,
            cash=-sum(fill.signed_size * fill.price for fill in self._entering),
            fees=sum(fill.fee for fill in self._entering),
            slippage=sum(fill.slippage_usd for fill in self._entering),
        )
        paid_until = self._position.opened_at
        holding.note(self._entering[-1].time, paid_until)
        for step in steps:
            quote = self._next_open(step.seen_at)
            if quote is None or self._liquidated_before(quote):
                break
            paid_until = self._pay_funding(holding, paid_until, step.seen_at)
            is_gone = self._sell(holding, step.share, quote)
            holding.note(quote.at, paid_until)
            if is_gone:
                return _outcome(holding, quote.at, ExitReason.TRADER_LIQUIDATED if step.liquidated else reason)
        liquidation = self._liquidated(self._end)
        if liquidation is not None:
            paid_until = self._pay_funding(holding, paid_until, liquidation.at)
            self._lose(holding, liquidation)
            holding.note(liquidation.at, paid_until)
            return _outcome(holding, liquidation.at, ExitReason.LIQUIDATED)
        self._pay_funding(holding, paid_until, self._end)
        mark = self._market.mark(self._position.coin, self._end)
        if mark is None:
            return None
        holding.cash += self._position.side.sign * holding.size * mark
        return _outcome(holding, None, None)

    def _next_open(self, moment: datetime) -> Quote | None:
        """Return the open of the first candle at or after a moment, however long that takes; None when none comes."""
        tape = self._market.tape(self._position.coin)
        following = None if tape is None else tape.next_opening(to_ms(moment))
        if following is None:
            return None
        return self._market.next_price(self._position.coin, from_ms(int(following[0].t[following[1]])))

    def _sell(self, holding: _Holding, share: float, quote: Quote) -> bool:
        """Leave all but a share of the entry; return whether nothing is left. What is too small for an order waits."""
        fraction = 1 - share * self._size / holding.size
        if fraction <= 0 or self._instrument is None:
            return False
        minimum = self._policy.execution.min_notional_usd
        part = exits.tier_size(holding.size, min(1.0, fraction), quote.price, self._instrument, minimum)
        if part is None:
            return False
        is_buy = self._position.side.sign < 0
        slip = costs.slippage_percent(self._position.coin, part * quote.price, self._policy.costs)
        price = costs.slipped(quote.price, slip, is_buy=is_buy)
        holding.cash += self._position.side.sign * part * price
        holding.fees += costs.taker_fee(part * price, self._policy.costs)
        holding.slippage += abs(price - quote.price) * part
        holding.size = 0.0 if part == holding.size else holding.size - part
        return holding.size == 0.0

    def _pay_funding(self, holding: _Holding, since: datetime, until: datetime) -> datetime:
        position = self._position
        for at, rate in self._market.funding(position.coin, since, until):
            mark = self._market.mark(position.coin, at) or self._entry_price
            holding.funding += costs.funding_payment(position.side.sign * holding.size, mark, rate)
        return max(since, until)

    def _liquidated(self, by: datetime) -> Quote | None:
        """Return where an entry that nobody leaves is liquidated; None when the price doesn't get there by a moment."""
        if self._touched is None and self._looked_until < self._end and self._looked_until <= by:
            # To the end of that day, where no candle runs on, and not to the end of years.
            until = min(slot(by, _DAY) + _DAY, self._end)
            self._touched = self._touch(self._looked_until, until)
            self._looked_until = until
        return self._touched

    def _touch(self, since: datetime, until: datetime) -> Quote | None:
        if self._instrument is None:
            return None
        position = self._position
        price = margin.liquidation_price(
            self._entry_price, position.side, position.leverage, self._instrument.max_leverage
        )
        if price <= 0:
            return None
        return self._market.first_touch(position.coin, price, position.side, since, self._end, until=until)

    def _liquidated_before(self, quote: Quote) -> bool:
        """Whether the venue took the position before an order could fill; of one moment, a gap is the venue's."""
        touched = self._liquidated(quote.at)
        if touched is None or touched.at > quote.at:
            return False
        return touched.at < quote.at or touched.price == quote.price

    def _lose(self, holding: _Holding, touched: Quote) -> None:
        """Let the venue take what is left: isolated margin is all that can be lost, fee included."""
        side, size = self._position.side, holding.size
        slip = costs.slippage_percent(self._position.coin, size * touched.price, self._policy.costs)
        floor = margin.bankruptcy_price(self._entry_price, side, self._position.leverage)
        slipped = costs.slipped(touched.price, slip, is_buy=side.sign < 0)
        price = slipped if not stops.is_crossed(floor, slipped, side) else floor
        left = side.sign * (price - floor) * size
        holding.cash += side.sign * size * price
        holding.fees += min(costs.taker_fee(size * price, self._policy.costs), max(0.0, left))
        holding.slippage += max(0.0, side.sign * (touched.price - price)) * size
        holding.size = 0.0


def _outcome(holding: _Holding, closed_at: datetime | None, reason: str | None) -> Outcome:
    return Outcome(
        net_usd=holding.cash - holding.fees - holding.funding,
        fees_usd=holding.fees,
        funding_usd=holding.funding,
        slippage_usd=holding.slippage,
        open_size=holding.size,
        closed_at=closed_at,
        reason=reason,
        legs=tuple(holding.legs),
    )
