"""Profit tiers: each fires once, what an attempt left unfilled is sent again, and what fills isn't sent twice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from hlcopy.domain import exits as rules
from hlcopy.domain.models import ExitReason, IntentState, Purpose
from hlcopy.ticks import exit as exits

if TYPE_CHECKING:
    from datetime import datetime

    from hlcopy.domain.models import Position
    from hlcopy.domain.policy import Tier
    from hlcopy.ports import Desk

_PREFIX: Final = "tier-"


@dataclass(slots=True)
class _Leg:
    """The tiers that were asked for together: how much, how much of it filled, and whether an answer is still out."""

    numbers: frozenset[int]
    asked: float
    filled: float = 0.0
    pending: bool = False


def taken(desk: Desk, position: Position) -> tuple[int, ...]:
    """Return the tiers whose orders filled well enough to count (decision 24)."""
    ratio = desk.policy.exit.tier_done_ratio
    done = {
        number for leg in _legs(desk, position).values() if leg.filled >= ratio * leg.asked for number in leg.numbers
    }
    return tuple(sorted(done | set(position.tiers_taken)))


def take(desk: Desk, position: Position, due: tuple[Tier, ...], mark: float, now: datetime) -> bool:
    """Send one order for the tiers that are due together, or for the rest of an earlier one; return whether one was sent."""
    instrument = desk.market.instrument(position.coin)
    legs = _legs(desk, position)
    if instrument is None or any(leg.pending for leg in legs.values()):
        return False
    min_notional = desk.policy.execution.min_notional_usd
    open_legs = {name: leg for name, leg in legs.items() if not leg.numbers <= set(position.tiers_taken)}
    for name, leg in open_legs.items():
        size = instrument.size(max(0.0, min(leg.asked - leg.filled, position.size)))
        if size * mark >= min_notional:
            exits.send(desk, position, leg=name, size=size, reason=ExitReason.TAKE_PROFIT, mark=mark, now=now)
            return True
        # What is left of it is too small to sell: that is all of it.
        numbers = tuple(sorted(leg.numbers | set(position.tiers_taken)))
        desk.ledger.book.put_position(replace(position, tiers_taken=numbers))
        return False
    size_due = rules.tier_size(position.size, rules.tier_fraction(due), mark, instrument, min_notional)
    if size_due is None:
        return False
    name = _PREFIX + "-".join(str(tier.number) for tier in due)
    exits.send(desk, position, leg=name, size=size_due, reason=ExitReason.TAKE_PROFIT, mark=mark, now=now)
    return True


def _legs(desk: Desk, position: Position) -> dict[str, _Leg]:
    """Return the tier orders of a position by leg; a fill counts whether or not its order was answered."""
    booked: dict[str, float] = {}
    for fill in desk.ledger.book.fills(position.signal_id):
        if fill.client_order_id is not None:
            booked[fill.client_order_id] = booked.get(fill.client_order_id, 0.0) + fill.size
    legs: dict[str, _Leg] = {}
    for order in desk.ledger.book.orders(position.signal_id, purpose=Purpose.EXIT):
        if order.leg.startswith(_PREFIX):
            numbers = frozenset(int(number) for number in order.leg.removeprefix(_PREFIX).split("-"))
            leg = legs.setdefault(order.leg, _Leg(numbers, order.size))
            filled = max(order.filled_size, booked.get(order.client_order_id, 0.0))
            leg.filled += filled
            leg.pending |= order.state is IntentState.PENDING and not filled
    return legs
