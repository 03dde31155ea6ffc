"""Leave a position, or a part of it, by a reduce-only order; `reconcile` books what came of it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hlcopy.domain import orders
from hlcopy.domain.book import IntentState, PositionStatus, Purpose
from hlcopy.domain.refusals import Refusal, refusal_of
from hlcopy.ports import UNKNOWN, Accepted, Refused

if TYPE_CHECKING:
    from datetime import datetime

    from hlcopy.domain.book import ExitReason, Order, Position
    from hlcopy.ports import Desk, Outcome


_GO_ON: Final = frozenset({Refusal.NO_MATCH, Refusal.TOO_FAR})


def close(desk: Desk, position: Position, reason: ExitReason, mark: float, now: datetime) -> None:
    """Send orders that leave all of a position, each with a wider bound, until one fills or nothing more can be tried now.

    The reason is remembered until the position is gone; its stop rests all the while.
    """
    closing = replace(position, status=PositionStatus.CLOSING, closing_reason=position.closing_reason or reason)
    steps = len(desk.policy.execution.exit_slippage_percents)
    while True:
        order = send(
            desk, closing, leg="exit", size=closing.size, reason=closing.closing_reason or reason, mark=mark, now=now
        )
        if order is None:
            desk.ledger.book.put_position(closing)  # the next look that can sends it
            return
        if order.attempt >= steps or not _fell_short(order):
            return
        account = desk.exchange.account(now)
        held = None if account is UNKNOWN else account.positions.get(position.coin)
        if held is None or held.size * position.side.sign <= 0:
            return  # it is gone, or nothing can be told: the next look decides
        closing, mark = replace(closing, size=abs(held.size)), held.mark


def _fell_short(order: Order) -> bool:
    """Whether the venue answered that an order found too little within its bound."""
    if order.state is IntentState.REFUSED:
        return refusal_of(order.error or "") in _GO_ON
    return order.state in {IntentState.FILLED, IntentState.CANCELLED} and order.filled_size < order.size


def send(
    desk: Desk, position: Position, *, leg: str, size: float, reason: ExitReason, mark: float, now: datetime
) -> Order | None:
    """Write down and send a reduce-only order for a leg of a position, under the leg's next attempt.

    Return it as the venue's answer leaves it; None where the coin's rules aren't known, or the mark is no price.
    """
    instrument = desk.market.instrument(position.coin)
    if instrument is None or not (math.isfinite(mark) and mark > 0):
        return None
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
        now=desk.present(now),
        policy=desk.policy.execution,
    )
    with desk.ledger.transaction():
        book.put_position(position)
        book.put_order(order)
    answered = after(order, desk.exchange.send(order, now))
    book.put_order(answered)
    return answered


def after(order: Order, outcome: Outcome) -> Order:
    """Return an order as the venue's answer leaves it; an unknown answer changes nothing."""
    if isinstance(outcome, Accepted):
        return replace(
            order,
            state=outcome.state,
            filled_size=outcome.filled_size,
            average_price=outcome.average_price,
            venue_order_id=outcome.venue_order_id or order.venue_order_id,
        )
    if isinstance(outcome, Refused):
        return replace(order, state=IntentState.REFUSED, error=outcome.reason)
    return order
