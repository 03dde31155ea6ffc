"""Make the ledger equal the venue, and finish what a crash left."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hlcopy.domain import booking, orders, shelter, stops
from hlcopy.domain.book import ExitReason, IntentState, Order, PositionAction, PositionStatus, Purpose, revised
from hlcopy.domain.models import SkipReason
from hlcopy.errors import TryLaterError
from hlcopy.ports import MISSING, UNKNOWN, Accepted, MissingType, Refused, UnknownType
from hlcopy.ticks import bookkeeping, entry, stop, tiers
from hlcopy.ticks import exit as exits

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hlcopy.domain.book import OurFill, Position
    from hlcopy.ports import Account, Desk, RestingStop, VenuePosition

_UNWRITTEN: Final = 16
"""How many attempts at a stop nobody wrote down are looked for."""


def run(desk: Desk, now: datetime) -> Account:
    """Book what happened at the venue, settle what is unresolved, and keep every position's stop.

    To be called under the account lock, at the start of a tick that trades and after each of its exits. Raises
    TryLaterError when our account can't be read: unknown is never flat. No single answer is trusted alone: an order is
    settled by its status, its fills or its position, and a position is gone when fills say so or it stays away.
    """
    late = bookkeeping.book_fills(desk, now)
    fills_known = late is not None
    account = read(desk, now)
    for order in late or ():
        made = _booked(desk, order)
        if made is not None:
            entry.revive(desk, order, made, account, now)
    unresolved = desk.ledger.book.orders(state=IntentState.PENDING)
    for order in unresolved:
        _resolve(desk, order, account, now, fills_known=fills_known)
    if unresolved or late:
        account = read(desk, now)
    _adopt(desk, account, now)
    _settle_stops(desk, account, now)
    changed, failed = False, None
    for position in desk.ledger.book.positions():
        if position.status is not PositionStatus.OPENING:
            try:
                changed |= _compare(desk, position, account, now, fills_known=fills_known)
            except TryLaterError as error:  # every other position has its turn first
                failed = error
    if failed is not None:
        raise failed
    if changed:
        account = read(desk, now)
        _book_closed(desk, account, now)
    _sweep(desk, account, now)
    bookkeeping.rebook(desk, now)
    return account


def _adopt(desk: Desk, account: Account, now: datetime) -> None:
    """Write down the stops that were placed while nothing could be written, so that they are known for ours."""
    book = desk.ledger.book
    held = {position.coin: position for position in book.positions()}
    for resting in account.stops:
        position, number = held.get(resting.coin), resting.client_order_id
        if position is None or number is None or book.order(number) is not None:
            continue
        first = 1 + len(book.orders(position.signal_id, purpose=Purpose.STOP))
        tries = range(first, first + _UNWRITTEN)
        unwritten = {orders.client_order_id(Purpose.STOP, position.signal_id, "stop", attempt) for attempt in tries}
        if number in unwritten or shelter.is_ours(number, resting.coin):
            book.put_order(_unwritten(resting, number, position.signal_id, first, now))


def _unwritten(resting: RestingStop, number: str, signal_id: str, attempt: int, now: datetime) -> Order:
    """Return a resting stop that no books know as an order of ours."""
    return Order(
        client_order_id=number,
        purpose=Purpose.STOP,
        signal_id=signal_id,
        leg="stop",
        attempt=attempt,
        coin=resting.coin,
        is_buy=resting.is_buy,
        size=resting.size,
        limit_price=None,
        trigger_price=resting.trigger_price,
        reduce_only=True,
        created_at=now,
        expires_at=None,
        reason=ExitReason.STOP_LOSS,
        state=IntentState.RESTING,
    )


def _settle_stops(desk: Desk, account: Account, now: datetime) -> None:
    """Take note of what became of stops of ours that rest no more: fired, or cancelled by somebody."""
    resting = {stop.client_order_id for stop in account.stops}
    for order in desk.ledger.book.orders(state=IntentState.RESTING):
        if order.client_order_id in resting:
            continue
        booked = _booked(desk, order)
        found = desk.exchange.find(order.client_order_id, now)
        if booked is not None:
            said = _most([booked, found]) if isinstance(found, Accepted) else booked
            desk.ledger.book.put_order(exits.after(order, replace(said, state=IntentState.FILLED)))
        elif isinstance(found, (Accepted, Refused)):
            desk.ledger.book.put_order(exits.after(order, found))


def _book_closed(desk: Desk, account: Account, now: datetime) -> None:
    """Book in the same tick what closing for want of a stop has ended."""
    live = desk.ledger.book.positions()
    gone = [p for p in live if p.status is PositionStatus.CLOSING and p.coin not in account.positions]
    if gone:
        fills_known = bookkeeping.book_fills(desk, now) is not None
        for position in gone:
            _compare(desk, position, account, now, fills_known=fills_known)


def read(desk: Desk, now: datetime) -> Account:
    """Return our account; raises TryLaterError when it can't be read."""
    account = desk.exchange.account(now)
    if account is UNKNOWN:
        message = "our account can't be read at the venue; nothing was changed"
        raise TryLaterError(message)
    return account


def _resolve(desk: Desk, order: Order, account: Account, now: datetime, *, fills_known: bool) -> None:
    """Find out what became of an order whose answer isn't known: by what the venue says, its fills and the position."""
    found = desk.exchange.find(order.client_order_id, now)
    booked = _booked(desk, order)
    if order.purpose is Purpose.ENTRY:
        _resolve_entry(desk, order, found, booked, account, now, fills_known=fills_known)
    elif booked is not None:
        said = _most([booked, found]) if isinstance(found, Accepted) else booked
        desk.ledger.book.put_order(exits.after(order, said))
    elif isinstance(found, (Accepted, Refused)):
        desk.ledger.book.put_order(exits.after(order, found))
    elif stop.rests(order, account):  # whatever its status says
        desk.ledger.book.put_order(replace(order, state=IntentState.RESTING))
    elif found is MISSING and order.expires_at is not None and now > order.expires_at:
        # Exits and stops are reduce-only and sent again under the next attempt's id: nothing to wait for.
        desk.ledger.book.put_order(replace(order, state=IntentState.NEVER_LANDED))


def _resolve_entry(
    desk: Desk,
    order: Order,
    found: Accepted | Refused | MissingType | UnknownType,
    booked: Accepted | None,
    account: Account,
    now: datetime,
    *,
    fills_known: bool,
) -> None:
    """Settle an entry by the evidence that shows most of it; what shows nothing of it is no proof while another may."""
    position = next((p for p in desk.ledger.book.positions() if p.signal_id == order.signal_id), None)
    if position is None:
        return
    shown = [
        each
        for each in (found, booked, _made(position, order, account))
        if isinstance(each, Accepted) and each.filled_size > 0
    ]
    if shown:
        entry.settle(desk, position, order, _most(shown), now)
    elif isinstance(found, (Accepted, Refused)):
        entry.settle(desk, position, order, found, now)
    elif found is MISSING and fills_known:
        _miss(desk, position, order, account, now)


def _most(answers: list[Accepted]) -> Accepted:
    return max(answers, key=lambda answer: answer.filled_size)


def _booked(desk: Desk, order: Order) -> Accepted | None:
    """Return what an order's fills say of it, None while there are none."""
    size, price = booking.filled(order.client_order_id, desk.ledger.book.fills(order.signal_id))
    return Accepted(IntentState.FILLED, size, price) if size else None


def _made(position: Position, order: Order, account: Account) -> Accepted | None:
    """Return what a position on the entry's side says: the coin was free when the entry was sent, so the entry made it.

    What is more than was asked for, somebody else added.
    """
    held = _held(position, account)
    return None if held is None else Accepted(IntentState.FILLED, min(abs(held.size), order.size), held.entry_price)


def _miss(desk: Desk, position: Position, order: Order, account: Account, now: datetime) -> None:
    """Take note that the venue doesn't know an entry; it is given up once it can't land any more, and never sent again."""
    missed = _missed(desk, order, now)
    if _never_landed(desk, missed, account, now):
        entry.abandon(desk, position, replace(missed, state=IntentState.NEVER_LANDED), SkipReason.NEVER_LANDED)
    else:
        desk.ledger.book.put_order(missed)


def _missed(desk: Desk, order: Order, now: datetime) -> Order:
    """Count another answer that the venue doesn't know the order, if the last one is long enough ago."""
    spaced = order.last_miss_at is None or now - order.last_miss_at >= desk.policy.execution.miss_spacing
    return replace(order, misses=order.misses + 1, last_miss_at=now) if spaced else order


def _never_landed(desk: Desk, order: Order, account: Account, now: datetime) -> bool:
    """Whether an entry can't land any more: expired, unknown often enough, no fill, no position (decision 21)."""
    rules = desk.policy.execution
    if order.expires_at is None or now <= order.expires_at + rules.expiry_grace:
        return False
    return (
        order.misses >= rules.misses_to_give_up and _booked(desk, order) is None and order.coin not in account.positions
    )


def _compare(desk: Desk, position: Position, account: Account, now: datetime, *, fills_known: bool) -> bool:
    """Make one position equal what the venue holds, and its stop with it; return whether anything was sent for that."""
    held = _held(position, account)
    fills = desk.ledger.book.fills(position.signal_id)
    if _has_ended(desk, position, fills, held):
        _finish(desk, position, account, now)
        return True
    if held is None:
        if fills_known and _stays_away(desk, position, now):
            _finish(desk, position, account, now)
        return True
    present = desk.present(now)
    due = booking.is_funding_due(position, present)
    funded = bookkeeping.with_funding(desk, position, present, present) if due else position
    current = booking.reduced(funded, fills, abs(held.size))
    current = revised(current, tiers_taken=tiers.taken(desk, current), missing_since=None)
    if current != position:
        with desk.ledger.transaction():
            desk.ledger.book.put_position(current)
            if current.size < position.size and position.id is not None:
                reason = ExitReason.TAKE_PROFIT if current.tiers_taken != position.tiers_taken else None
                desk.ledger.book.log_action(
                    PositionAction(
                        position_id=position.id, at=present, action="reduced", reason=reason, price=held.mark
                    )
                )
    trigger = stop.current_trigger(desk, current)
    crossed = held.mark > 0 and stops.is_crossed(trigger.price, held.mark, current.side)
    if crossed and not stop.ours(desk, current, account):
        # Its stop fired and found too little, or never came to rest: no other would be taken on this side of the price.
        exits.close(desk, replace(current, stop_confirmed=False), trigger.reason, held.mark, now)
        return True
    protected = stop.hold(desk, current, account, now)
    if protected is None:
        unguarded = replace(current, stop_confirmed=False)
        exits.close(desk, unguarded, ExitReason.STOP_REJECTED, held.mark, now)
    return protected != current


def _held(position: Position, account: Account) -> VenuePosition | None:
    """Return what is held in a position's coin on its side."""
    held = account.positions.get(position.coin)
    return None if held is None or held.size * position.side.sign <= 0 else held


def _has_ended(desk: Desk, position: Position, fills: Sequence[OurFill], held: VenuePosition | None) -> bool:
    """Whether our fills tell that all of a position has left, and that what is held meanwhile is somebody else's."""
    went = bookkeeping.course(desk, position, fills)
    if not went.is_over:
        return False
    if held is None:  # more was held once than is known to have been entered: more may be there still
        return went.covers(position.entry_size)
    made_at = booking.made_at(position, fills)
    foreign = [] if made_at is None else desk.ledger.book.foreign_fills(position.coin, made_at)
    return booking.is_anothers(fills, foreign, held.size)


def _stays_away(desk: Desk, position: Position, now: datetime) -> bool:
    """Whether a position has been missing for a while; its stop stays until then, a reading may be stale.

    The readings between may all have failed, so another one must miss it too: two that are far apart may be lies.
    """
    if position.missing_since is None:
        desk.ledger.book.put_position(replace(position, missing_since=now))
        return False
    if now - position.missing_since < desk.policy.execution.absence_patience:
        return False
    again = desk.exchange.account(now)
    if again is UNKNOWN:
        return False
    if _held(position, again) is None:
        return True
    desk.ledger.book.put_position(replace(position, missing_since=None))
    return False


def _finish(desk: Desk, position: Position, account: Account, now: datetime) -> None:
    """Book the end of a position that the venue no longer holds; its stop goes first, so that a crash repeats this."""
    stop.cancel_all(desk, position, account, now)
    ended, last = bookkeeping.ended(desk, position, desk.present(now))
    ended = replace(ended, tiers_taken=tiers.taken(desk, ended))
    with desk.ledger.transaction():
        desk.ledger.book.put_position(ended)
        if ended.id is not None:
            price = last.price if last is not None else None
            desk.ledger.book.log_action(
                PositionAction(
                    position_id=ended.id,
                    at=ended.closed_at or now,
                    action="closed",
                    reason=ended.close_reason,
                    price=price,
                )
            )


def _sweep(desk: Desk, account: Account, now: datetime) -> None:
    """Cancel stops of ours that outlived their position; foreign orders are left alone."""
    live = {position.signal_id for position in desk.ledger.book.positions()}
    for resting in account.stops:
        order = desk.ledger.book.order(resting.client_order_id) if resting.client_order_id else None
        number = resting.client_order_id
        if order is None and number and shelter.is_ours(number, resting.coin) and resting.coin not in account.positions:
            order = _unwritten(resting, number, number, 1, now)
        if order is None or order.signal_id in live:
            continue
        if isinstance(desk.exchange.cancel(order, now), Accepted):
            desk.ledger.book.put_order(replace(order, state=IntentState.CANCELLED))
