"""Leave a position, or a part of it, by a reduce-only order; `reconcile` books what came of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hlcopy.domain import orders
from hlcopy.domain.book import IntentState, PositionStatus, Purpose
from hlcopy.ports import Accepted, Refused

if TYPE_CHECKING:
    from datetime import datetime

    from hlcopy.domain.book import ExitReason, Order, Position
    from hlcopy.ports import Desk, Outcome


def close(desk: Desk, position: Position, reason: ExitReason, mark: float, now: datetime) -> None:
    """Send an order that leaves all of a position; the reason is remembered until it is gone."""
    closing = replace(position, status=PositionStatus.CLOSING, closing_reason=position.closing_reason or reason)
    send(desk, closing, leg="exit", size=position.size, reason=closing.closing_reason or reason, mark=mark, now=now)


def send(
    desk: Desk, position: Position, *, leg: str, size: float, reason: ExitReason, mark: float, now: datetime
) -> None:
    """Write down and send a reduce-only order for a leg of a position, under the leg's next attempt."""
    instrument = desk.market.instrument(position.coin)
    if instrument is None:
        return
    book = desk.ledger.book
    attempt = 1 + sum(order.leg == leg for order in book.orders(position.signal_id, purpose=Purpose.EXIT))
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
