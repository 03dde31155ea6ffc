"""Our fills: to which position each belongs, and what those of one amount to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hlcopy.domain import booking, shelter
from hlcopy.domain.book import ExitReason, IntentState, Purpose
from hlcopy.ports import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hlcopy.domain.book import Order, OurFill, Position
    from hlcopy.ports import Desk


def book_fills(desk: Desk, now: datetime) -> list[Order] | None:
    """Book our fills since the last look; None when they can't be read.

    One that no order of ours caused goes to the position it acted on, even if that is known only at a later look. Returns
    the entries that were given up and filled after all.
    """
    ledger = desk.ledger.book
    gone = ledger.closed_since(now - desk.policy.execution.rebooked_for)
    held = [*ledger.positions(), *(position for position in gone if position.realized_pnl_usd is None)]
    marks = [ledger.fills_mark(), *(position.opened_at for position in held)]
    since = min((mark for mark in marks if mark is not None), default=now) - desk.policy.execution.fills_overlap
    fills = desk.exchange.fills(since, now)
    if fills is UNKNOWN:
        return None
    late: dict[str, Order] = {}
    waiting: list[datetime] = []
    with desk.ledger.transaction():
        for told in fills:
            order = _order_of(desk, told)
            # It may be known by the venue's number alone.
            fill = told if order is None else replace(told, client_order_id=order.client_order_id)
            ledger.add_fills(order.signal_id if order is not None else _acted_on(desk, fill, held), (fill,))
            if order is not None and order.purpose is Purpose.ENTRY and _was_given_up(order):
                late[order.client_order_id] = order
                waiting.append(fill.time)
        ledger.put_fills_mark(_mark(ledger.fills_mark(), fills, waiting, now))
    return list(late.values())


def _mark(before: datetime | None, fills: Sequence[OurFill], waiting: Sequence[datetime], now: datetime) -> datetime:
    """Return from when fills are read next: from the newest known, as an answer without any may be a lie.

    Those of entries that were given up are read again until they are taken up: this tick may break off before.
    """
    known = [fill.time for fill in fills] + ([before] if before is not None else [])
    return min([max(known, default=now), now, *waiting])


def _order_of(desk: Desk, fill: OurFill) -> Order | None:
    """Return the order of ours that a fill belongs to, by our id or else by the venue's number."""
    book = desk.ledger.book
    if fill.client_order_id is not None:
        return book.order(fill.client_order_id)
    return book.order_numbered(fill.venue_order_id) if fill.venue_order_id is not None else None


def _was_given_up(order: Order) -> bool:
    ended = order.state in {IntentState.CANCELLED, IntentState.REFUSED, IntentState.NEVER_LANDED}
    return ended and not order.filled_size


def _acted_on(desk: Desk, fill: OurFill, held: list[Position]) -> str | None:
    """Return the signal of the position that a fill without an order of ours acted on: of one that was there at that time.

    That may be one that is gone already, if the venue showed it gone before it showed the fill, or one whose entry isn't
    known to have filled yet; never one that other fills had left by then: somebody else has opened another since.
    """
    for position in held:
        is_later = position.closed_at is not None and fill.time > position.closed_at
        if position.coin == fill.coin and not is_later:
            fills = desk.ledger.book.fills(position.signal_id)
            made_at = booking.made_at(position, fills)
            before = [each for each in fills if each.time <= fill.time and each.identity != fill.identity]
            if made_at is not None and made_at <= fill.time and not course(desk, position, before).is_over:
                return position.signal_id
    return None


def rebook(desk: Desk, now: datetime) -> None:
    """Book what came late of positions that ended lately: fills that weren't shown yet, funding that wasn't charged yet."""
    for position in desk.ledger.book.closed_since(now - desk.policy.execution.rebooked_for):
        again, _ = ended(desk, position, now)
        is_lost = again.realized_pnl_usd is None and position.realized_pnl_usd is not None
        if again != position and not is_lost:
            desk.ledger.book.put_position(again)


def ended(desk: Desk, position: Position, now: datetime) -> tuple[Position, OurFill | None]:
    """Return a position as it ended: with the fill that took the last of it away, or now where none is known to have.

    That fill is returned with it.
    """
    went = course(desk, position, desk.ledger.book.fills(position.signal_id))
    if went.is_over and went.fills:
        last = went.fills[-1]
        at, reason = last.time, _why(desk, last)
    else:
        last, at = None, position.closed_at or now
        reason = position.close_reason or position.closing_reason or ExitReason.CLOSED_ON_VENUE
    funded = position if booking.is_settled(position) else with_funding(desk, position, at + booking.STAMP, now)
    return booking.closed(funded, went, reason=reason, at=at), last


def course(desk: Desk, position: Position, fills: Sequence[OurFill]) -> booking.Course:
    """Follow a position through its fills, as far as is known for sure."""
    sent = desk.ledger.book.orders(position.signal_id, purpose=Purpose.ENTRY)
    return booking.course(position, fills, sent[0] if sent else None)


def with_funding(desk: Desk, position: Position, until: datetime, now: datetime) -> Position:
    """Return a position with the funding that it paid until a moment, as far as that can be read."""
    paid = desk.exchange.funding(position.coin, position.opened_at, until)
    return position if paid is UNKNOWN else replace(position, funding_usd=paid, funding_until=now)


def _why(desk: Desk, last: OurFill) -> ExitReason:
    if last.forced is not None:
        return last.forced
    if shelter.is_ours(last.client_order_id, last.coin):
        return ExitReason.STOP_LOSS
    order = desk.ledger.book.order(last.client_order_id) if last.client_order_id else None
    return order.reason if order is not None and order.reason is not None else ExitReason.CLOSED_ON_VENUE
