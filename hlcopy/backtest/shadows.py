"""A judged order entered all the same, alone, and followed through our exits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum, unique
from typing import TYPE_CHECKING, Final

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.backtest.books import ours
from hlcopy.backtest.desk import build_alone
from hlcopy.backtest.engine import Engine
from hlcopy.backtest.replay import FRESH_INTERVALS
from hlcopy.domain.gates import Approval, Timing
from hlcopy.domain.models import OrderType, to_ms
from hlcopy.domain.sizing import CopySize
from hlcopy.domain.spans import missing
from hlcopy.ticks import entry

if TYPE_CHECKING:
    from datetime import datetime

    from hlcopy.backtest.replay import ReplayMarket
    from hlcopy.backtest.tape import Tape
    from hlcopy.domain.models import Signal
    from hlcopy.domain.policy import Policy

# Played with so much that lots and the venue's least order don't show, and charged the slippage of a notional of 1.
_NOTIONAL_USD: Final = 100_000.0
_EQUITY_USD: Final = 10 * _NOTIONAL_USD
_BOUND_PERCENT: Final = 10.0  # far past any slippage: an entry in the shadow always fills
_PATIENCE: Final = timedelta(days=3)  # after its hours, in which an exit finds a candle of any length to fill in


@unique
class Untold(StrEnum):
    """Why nothing can be said of an entry."""

    NO_PRICE = "no price, or no trade at it, when they were decided"
    NO_EXIT = "candles that end before they could be left"
    HOLES = "holes in the candles while they were held, so their stops are untested"
    PENDING = "their hours weren't over at the end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """What came of an entry that was left, in percent of its notional and net of costs."""

    opened_at: datetime
    result_pct: float
    closed_at: datetime
    reason: str | None


def follow(signal: Signal, market: ReplayMarket, policy: Policy, end: datetime) -> Shadow | Untold:
    """Return what our exits make of a signal that is entered when it was decided, in a market known up to `end`.

    The ticks that trade do the entering and the leaving, on a desk that holds nothing else: no limit of the book, no breaker
    and no other signal plays a part. One that may be held beyond the end is pending, even if it was left before: early
    exits alone would show the losers and leave out those that are still held.
    """
    if signal.updated_at + policy.exit.max_duration > end:
        return Untold.PENDING
    quote = market.next_price(signal.coin, signal.updated_at)
    if quote is None:
        return Untold.NO_PRICE
    stage = build_alone(market, MemoryLedger(), signal.updated_at, _alone(policy), _EQUITY_USD)
    entry.enter(stage.desk, signal, _approval(signal), quote.price, (), signal.updated_at)
    last = min(end, signal.updated_at + policy.exit.max_duration + _PATIENCE)
    Engine(stage, last).run()
    for position in stage.desk.ledger.book.positions(live_only=False):
        fills = stage.desk.ledger.book.fills(position.signal_id)
        outcome = ours(position, fills, stage.market, last)
        notional = sum(fill.price * fill.size for fill in fills if fill.is_buy == (position.side.sign > 0))
        if outcome is None or not notional > 0:
            continue
        tape = market.tape(signal.coin)
        if outcome.closed_at is None or tape is None:
            return Untold.PENDING if last == end and _reaches(tape, end) else Untold.NO_EXIT
        if _has_hole(tape, position.opened_at, outcome.closed_at):
            return Untold.HOLES
        return Shadow(
            opened_at=position.opened_at,
            result_pct=100 * outcome.net_usd / notional,
            closed_at=outcome.closed_at,
            reason=outcome.reason,
        )
    return Untold.NO_PRICE


def _reaches(tape: Tape | None, end: datetime) -> bool:
    """Whether candles go on to the end, but for the one in which an exit that is due would fill."""
    if tape is None or not tape.blocks:
        return False
    last = tape.blocks[-1]
    return to_ms(end) - last.last_ms <= (FRESH_INTERVALS + 1) * last.interval_ms


def _has_hole(tape: Tape, since: datetime, until: datetime) -> bool:
    """Whether so many candles are missing in a row that there was no mark."""
    for begin, end in missing((to_ms(since), to_ms(until)), tape.covered()):
        before = tape.last_closed(begin)
        if before is None or end - begin > FRESH_INTERVALS * before[0].interval_ms:
            return True
    return False


def _alone(policy: Policy) -> Policy:
    costs = replace(policy.costs, slippage_size_usd=policy.costs.slippage_size_usd * _NOTIONAL_USD)
    return replace(
        policy,
        costs=costs,
        entry=replace(policy.entry, require_consensus=False),
        breakers=replace(policy.breakers, on=False),
    )


def _approval(signal: Signal) -> Approval:
    return Approval(
        copy_size_usd=_NOTIONAL_USD,
        timing=Timing(OrderType.MARKET, _BOUND_PERCENT),
        weight=0.0,
        slippage_pct=0.0,
        leverage=signal.leverage,
        size=CopySize(usd=_NOTIONAL_USD, base=_NOTIONAL_USD, multiplier=1.0, penalty=1.0, cap=_NOTIONAL_USD, floor=0.0),
    )
