"""A judged order entered all the same, alone, and followed through our exits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.backtest.books import ours
from hlcopy.backtest.desk import build_alone
from hlcopy.backtest.engine import Engine
from hlcopy.domain.gates import Approval, Timing
from hlcopy.domain.models import OrderType
from hlcopy.domain.sizing import CopySize
from hlcopy.ticks import entry

if TYPE_CHECKING:
    from datetime import datetime

    from hlcopy.backtest.replay import ReplayMarket
    from hlcopy.domain.models import Signal
    from hlcopy.domain.policy import Policy

# Played with so much that lots and the venue's least order don't show, and charged the slippage of a notional of 1.
_NOTIONAL_USD: Final = 100_000.0
_EQUITY_USD: Final = 10 * _NOTIONAL_USD
_BOUND_PERCENT: Final = 10.0  # far past any slippage: an entry in the shadow always fills


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """What came of an entry, in percent of its notional and net of costs; of one that stays open the last mark counts."""

    opened_at: datetime
    result_pct: float
    closed_at: datetime | None
    reason: str | None


def follow(signal: Signal, market: ReplayMarket, policy: Policy, end: datetime) -> Shadow | None:
    """Return what our exits make of a signal that is entered when it was decided, None where no price tells.

    `market` is that of a replay which ended at `end`. The ticks that trade do the entering and the leaving, on a desk that
    holds nothing else: no limit of the book, no breaker and no other signal plays a part.
    """
    quote = market.next_price(signal.coin, signal.updated_at)
    if quote is None:
        return None
    stage = build_alone(market, MemoryLedger(), signal.updated_at, _alone(policy), _EQUITY_USD)
    entry.enter(stage.desk, signal, _approval(signal), quote.price, (), signal.updated_at)
    Engine(stage, end).run()
    book = stage.desk.ledger.book
    for position in book.positions(live_only=False):
        fills = book.fills(position.signal_id)
        outcome = ours(position, fills, stage.market, end)
        notional = sum(fill.price * fill.size for fill in fills if fill.is_buy == (position.side.sign > 0))
        if outcome is not None and notional > 0:
            return Shadow(
                opened_at=position.opened_at,
                result_pct=100 * outcome.net_usd / notional,
                closed_at=outcome.closed_at,
                reason=outcome.reason,
            )
    return None


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
