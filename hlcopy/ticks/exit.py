"""Leave a position, or a part of it, by a reduce-only order; `reconcile` books what came of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hlcopy.domain import orders
from hlcopy.domain.models import ExitReason, IntentState, PositionStatus, Purpose
from hlcopy.ports import Accepted, Refused

if TYPE_CHECKING:
    from datetime import datetime

    from hlcopy.domain.models import Order, Position
    from hlcopy.domain.policy import Tier
    from hlcopy.ports import Desk, Outcome


def close(desk: Desk, position: Position, reason: ExitReason, mark: float, now: datetime) -> None:
    """Send an order that leaves all of a position; the reason is remembered until it is gone."""
    closing = replace(position, status=PositionStatus.CLOSING, closing_reason=position.closing_reason or reason)
    _send(desk, closing, leg="exit", size=position.size, reason=closing.closing_reason or reason, mark=mark, now=now)


def take_tiers(
    desk: Desk, position: Position, tiers: tuple[Tier, ...], size: float, mark: float, now: datetime
) -> None:
    """Send one order for the tiers that are due together; what it filled decides whether they count as taken."""
    leg = "tier-" + "-".join(str(tier.number) for tier in tiers)
    sent = _sent(desk, position, leg)
    if sent:  # what an earlier attempt left unfilled, not the same share once more
        size = sent[0].size - sum(order.filled_size for order in sent)
    _send(desk, position, leg=leg, size=size, reason=ExitReason.TAKE_PROFIT, mark=mark, now=now)


def _sent(desk: Desk, position: Position, leg: str) -> list[Order]:
    exits = desk.ledger.book.orders(position.signal_id, purpose=Purpose.EXIT)
    return [order for order in exits if order.leg == leg]


def _send(
    desk: Desk, position: Position, *, leg: str, size: float, reason: ExitReason, mark: float, now: datetime
) -> None:
    instrument = desk.market.instrument(position.coin)
    if instrument is None:
        return
    book = desk.ledger.book
    attempt = 1 + len(_sent(desk, position, leg))
    order = orders.exit_order(
        position,
        leg=leg,
        attempt=attempt,
        size=size,
        mark=mark,
        reason=reason,
        instrument=instrument,
        now=now,
        policy=desk.policy.execution,
    )
    with desk.ledger.transaction():
        book.put_position(position)
        book.put_order(order)
    book.put_order(after(order, desk.exchange.send(order, now)))


def after(order: Order, outcome: Outcome) -> Order:
    """Return an order as the venue's answer leaves it; an unknown answer changes nothing."""
    if isinstance(outcome, Accepted):
        return replace(order, state=outcome.state, filled_size=outcome.filled_size, average_price=outcome.average_price)
    if isinstance(outcome, Refused):
        return replace(order, state=IntentState.REFUSED, error=outcome.reason)
    return order
