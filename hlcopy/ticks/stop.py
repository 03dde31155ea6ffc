"""Keep exactly one stop resting for a position: place the new one, see it rest, then cancel the old."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from hlcopy.domain import orders, stops
from hlcopy.domain.book import IntentState, Position, PositionAction, Purpose, revised
from hlcopy.domain.refusals import Refusal
from hlcopy.ports import UNKNOWN, Accepted, Refused

if TYPE_CHECKING:
    from datetime import datetime

    from hlcopy.domain.book import ExitReason, Order
    from hlcopy.domain.instrument import Instrument
    from hlcopy.domain.models import Side
    from hlcopy.ports import Account, Desk, RestingStop, UnknownType


_SPARING_STEPS: Final = 4  # of the grid: a move smaller than that isn't worth two actions when few are left


def current_trigger(desk: Desk, position: Position) -> stops.Trigger:
    """Return where a position's stop belongs by what is known of its best price."""
    return stops.trigger(position.entry_price, position.best_price, position.side, desk.policy.exit)


@dataclass(frozen=True, slots=True)
class Placed:
    """A stop as the venue answered it, and the reading of our account by which it was looked for."""

    order: Order
    account: Account | UnknownType


def guard(desk: Desk, position: Position, now: datetime) -> tuple[Position | None, Account | UnknownType]:
    """Make a first stop rest for a position, before anything is read; return them with the reading that was made after it."""
    instrument = desk.market.instrument(position.coin)
    if instrument is None:
        return position, desk.exchange.account(now)
    wanted = _wanted(desk, position, instrument, now)
    placed = _place(desk, position, wanted, now)
    if placed is None:
        return None, desk.exchange.account(now)
    return _as_placed(desk, position, placed.order, now), placed.account


def hold(desk: Desk, position: Position, account: Account | UnknownType, now: datetime) -> Position | None:
    """Make one stop rest at the position's trigger for its whole size; None when nothing covers it and nothing can.

    `account` is a reading of this tick; without one a stop is placed all the same, a second one being harmless. An unclear
    answer leaves the position unconfirmed, for the next tick to look. A stop that lies past the liquidation covers nothing.
    """
    instrument = desk.market.instrument(position.coin)
    if instrument is None:
        return position
    trigger_price = orders.stop_trigger(current_trigger(desk, position), position.side, instrument)
    if account is not UNKNOWN and _is_past_liquidation(position, trigger_price, account):
        return None
    resting = [] if account is UNKNOWN else ours(desk, position, account)
    size = instrument.size(position.size)
    kept = next((stop for stop in resting if _serves(stop, position.side, trigger_price, size)), None)
    kept = kept or _spared(desk, position, resting, now)
    if kept is None:
        wanted = _wanted(desk, position, instrument, now)
        if account is not UNKNOWN:
            position = _note_missing(desk, position, resting, now)
        placed = _place(desk, position, wanted, now)
        if (placed is None or placed.order.state is IntentState.REFUSED) and _covers(resting, position):
            return position
        if placed is None:
            return None
        if placed.order.state is IntentState.RESTING:
            _cancel(desk, resting, now)
        return _as_placed(desk, position, placed.order, now)
    _cancel(desk, [stop for stop in resting if stop is not kept], now)
    return _confirmed(desk, position, kept.client_order_id, kept.trigger_price, now)


def _wanted(desk: Desk, position: Position, instrument: Instrument, now: datetime) -> Order:
    """Return the stop that belongs to a position, not yet an attempt of its own."""
    trigger = current_trigger(desk, position)
    return orders.stop_order(
        position, trigger, 0, instrument=instrument, now=desk.present(now), policy=desk.policy.execution
    )


def _as_placed(desk: Desk, position: Position, stop: Order, now: datetime) -> Position:
    """Return a position with the stop that was sent: confirmed if it is seen resting."""
    if stop.state is not IntentState.RESTING:
        return _record(desk, replace(position, stop_confirmed=False))
    return _confirmed(desk, position, stop.client_order_id, stop.trigger_price, now)


def _is_past_liquidation(position: Position, trigger_price: float, account: Account) -> bool:
    """Whether the venue would liquidate a position before a stop fires."""
    held = account.positions.get(position.coin)
    liquidation = held.liquidation_price if held is not None else None
    if liquidation is None:
        return False
    return (trigger_price - liquidation) * position.side.sign <= 0


def _spared(desk: Desk, position: Position, resting: list[RestingStop], now: datetime) -> RestingStop | None:
    """Return the stop that rests where moving it would spend what is left of our actions on too little."""
    best = next((stop for stop in resting if _covers([stop], position) and stop.reduce_only), None)
    if best is None or not math.isclose(best.size, position.size, rel_tol=1e-9):
        return None
    moved = abs(current_trigger(desk, position).price - best.trigger_price) / position.entry_price * 100
    if moved >= _SPARING_STEPS * desk.policy.exit.trail_step_percent:
        return None
    budget = desk.exchange.budget(now)
    if budget is None or budget is UNKNOWN or budget.left >= desk.policy.execution.min_action_budget:
        return None
    return best


def _note_missing(desk: Desk, position: Position, resting: list[RestingStop], now: datetime) -> Position:
    """Write down that a stop which was seen resting rests no more: somebody cancelled it, or it fired."""
    if not position.stop_confirmed or _covers(resting, position):
        return position
    with desk.ledger.transaction():
        _log(desk, position, "stop_missing", None, position.trigger_price, now)
        return _record(desk, replace(position, stop_confirmed=False))


def ours(desk: Desk, position: Position, account: Account) -> list[RestingStop]:
    """Return the resting stops that this position's orders made."""
    return [stop for stop in account.stops if stop.coin == position.coin and _caused_by(desk, stop, position)]


def _caused_by(desk: Desk, stop: RestingStop, position: Position) -> bool:
    order = desk.ledger.book.order(stop.client_order_id) if stop.client_order_id else None
    return order is not None and order.signal_id == position.signal_id


def cancel_all(desk: Desk, position: Position, account: Account, now: datetime) -> None:
    """Cancel every stop of a position that is gone."""
    _cancel(desk, ours(desk, position, account), now)


def _serves(stop: RestingStop, side: Side, trigger_price: float, size: float) -> bool:
    return (
        stop.reduce_only
        and stop.is_buy == (side.sign < 0)
        and stop.trigger_price == trigger_price
        and math.isclose(stop.size, size, rel_tol=1e-9)
    )


def _covers(resting: list[RestingStop], position: Position) -> bool:
    """Whether an older stop that couldn't be replaced still closes all of the position."""
    return any(stop.size >= position.size * (1 - 1e-9) for stop in resting)


def _next_attempt(desk: Desk, position: Position) -> int:
    return 1 + len(desk.ledger.book.orders(position.signal_id, purpose=Purpose.STOP))


def _place(desk: Desk, position: Position, wanted: Order, now: datetime) -> Placed | None:
    """Send a stop, once more when it is refused; None when it was refused each time.

    What couldn't leave this machine wasn't refused: the next look sends it again.
    """
    first = _next_attempt(desk, position)
    unsent: Placed | None = None
    for attempt in range(first, first + desk.policy.execution.stop_attempts):
        client_order_id = orders.client_order_id(Purpose.STOP, position.signal_id, "stop", attempt)
        order = replace(wanted, attempt=attempt, client_order_id=client_order_id)
        desk.ledger.book.put_order(order)
        outcome = desk.exchange.send(order, now)
        if isinstance(outcome, Refused):
            order = replace(order, state=IntentState.REFUSED, error=outcome.reason)
            desk.ledger.book.put_order(order)
            if outcome.kind is Refusal.NOT_SENT:
                unsent = Placed(order, UNKNOWN)
            continue
        account: Account | UnknownType = UNKNOWN
        if isinstance(outcome, Accepted):
            account = desk.exchange.account(now)
            state = IntentState.RESTING if rests(order, account) else order.state
            order = replace(order, venue_order_id=outcome.venue_order_id, state=state)
            desk.ledger.book.put_order(order)
        return Placed(order, account)
    return unsent


def rests(order: Order, account: Account | UnknownType) -> bool:
    """Whether a reading of our account shows an order resting."""
    return account is not UNKNOWN and any(stop.client_order_id == order.client_order_id for stop in account.stops)


def _cancel(desk: Desk, stops_to_go: list[RestingStop], now: datetime) -> None:
    for stop in stops_to_go:
        order = desk.ledger.book.order(stop.client_order_id) if stop.client_order_id else None
        if order is not None and isinstance(desk.exchange.cancel(order, now), Accepted):
            desk.ledger.book.put_order(replace(order, state=IntentState.CANCELLED))


def _confirmed(
    desk: Desk, position: Position, client_order_id: str | None, trigger_price: float | None, now: datetime
) -> Position:
    held = revised(
        position,
        stop_client_order_id=client_order_id,
        trigger_price=trigger_price,
        stop_confirmed=True,
    )
    if held == position:
        return position
    with desk.ledger.transaction():
        if trigger_price != position.trigger_price:
            action = "stop_placed" if position.trigger_price is None else "stop_moved"
            _log(desk, position, action, current_trigger(desk, position).reason, trigger_price, now)
        elif not position.stop_confirmed:
            _log(desk, position, "stop_restored", None, trigger_price, now)
        return _record(desk, held)


def _log(
    desk: Desk, position: Position, action: str, reason: ExitReason | None, price: float | None, now: datetime
) -> None:
    if position.id is not None:
        at = desk.present(now)
        desk.ledger.book.log_action(
            PositionAction(position_id=position.id, at=at, action=action, reason=reason, price=price)
        )


def _record(desk: Desk, position: Position) -> Position:
    return desk.ledger.book.put_position(position)
