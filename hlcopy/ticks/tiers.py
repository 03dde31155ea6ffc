"""Profit tiers: each fires once, what an attempt left unfilled is sent again, and what fills isn't sent twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hlcopy.domain import booking
from hlcopy.domain import exits as rules
from hlcopy.domain.book import ExitReason, IntentState, Purpose
from hlcopy.ticks import exit as exits

if TYPE_CHECKING:
    from datetime import datetime

    from hlcopy.domain.book import Position
    from hlcopy.domain.instrument import Instrument
    from hlcopy.domain.policy import Tier
    from hlcopy.ports import Desk

_PREFIX: Final = "tier-"


@dataclass(slots=True)
class _Leg:
    """The tiers that were asked for together: how much, how much of it filled, and until when an answer may still come."""

    numbers: frozenset[int]
    asked: float
    filled: float = 0.0
    waits_until: datetime | None = None


def taken(desk: Desk, position: Position) -> tuple[int, ...]:
    """Return the tiers whose orders filled well enough to count (decision 24), or all but what is too small to sell."""
    ratio = desk.policy.exit.tier_done_ratio
    small = desk.policy.execution.min_notional_usd / position.entry_price
    done = {
        number
        for leg in _legs(desk, position).values()
        if leg.filled >= ratio * leg.asked or (leg.filled > 0 and leg.asked - leg.filled < small)
        for number in leg.numbers
    }
    return tuple(sorted(done | set(position.tiers_taken)))


def take(desk: Desk, position: Position, due: tuple[Tier, ...], mark: float, now: datetime) -> bool:
    """Send one order for the tiers that are due together, or for the rest of an earlier one; return whether one was sent.

    While an answer is out nothing is sent, until the order has expired and the position shows that it never filled.
    """
    instrument = desk.market.instrument(position.coin)
    if instrument is None:
        return False
    min_notional = desk.policy.execution.min_notional_usd
    legs = _legs(desk, position)
    for name, leg in legs.items():
        if leg.numbers <= set(position.tiers_taken):
            continue
        if leg.waits_until is not None and (
            now <= leg.waits_until or not _is_untouched(desk, position, leg, instrument)
        ):
            return False
        size = instrument.size(max(0.0, min(leg.asked - leg.filled, position.size)))
        if size * mark < min_notional:
            continue  # what is left of it is too small to sell; `taken` counts it
        exits.send(desk, position, leg=name, size=size, reason=ExitReason.TAKE_PROFIT, mark=mark, now=now)
        return True
    fresh = tuple(tier for tier in due if not any(tier.number in leg.numbers for leg in legs.values()))
    size_due = rules.tier_size(position.size, rules.tier_fraction(fresh), mark, instrument, min_notional)
    if not fresh or size_due is None:
        return False
    name = _PREFIX + "-".join(str(tier.number) for tier in fresh)
    exits.send(desk, position, leg=name, size=size_due, reason=ExitReason.TAKE_PROFIT, mark=mark, now=now)
    return True


def _is_untouched(desk: Desk, position: Position, leg: _Leg, instrument: Instrument) -> bool:
    """Whether the position is still as large as when a leg was asked for."""
    tiers = tuple(tier for tier in desk.policy.exit.tiers if tier.number in leg.numbers)
    share = instrument.size(position.size * rules.tier_fraction(tiers))
    return leg.asked in {share, position.size}


def _legs(desk: Desk, position: Position) -> dict[str, _Leg]:
    """Return the tier orders of a position by leg; a fill counts whether or not its order was answered."""
    fills = desk.ledger.book.fills(position.signal_id)
    legs: dict[str, _Leg] = {}
    for order in desk.ledger.book.orders(position.signal_id, purpose=Purpose.EXIT):
        if order.leg.startswith(_PREFIX):
            numbers = frozenset(int(number) for number in order.leg.removeprefix(_PREFIX).split("-"))
            leg = legs.setdefault(order.leg, _Leg(numbers, order.size))
            filled = max(order.filled_size, booking.filled(order.client_order_id, fills)[0])
            leg.filled += filled
            if order.state is IntentState.PENDING and not filled:
                leg.waits_until = order.expires_at
    return legs
