"""Protect what the venue holds for us when our own books can't be read: nothing is opened, and nothing recorded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hlcopy.domain import orders, shelter, stops
from hlcopy.domain.book import ExitReason, IntentState, Position, PositionStatus
from hlcopy.ports import UNKNOWN, Accepted, Refused
from hlcopy.ticks import reconcile

if TYPE_CHECKING:
    from datetime import datetime

    from hlcopy.domain.instrument import Instrument
    from hlcopy.ports import Account, Desk, RestingStop, VenuePosition


@dataclass(frozen=True, slots=True)
class Sheltered:
    """What was done for a position, in words, and whether it is safe now."""

    coin: str
    done: str
    safe: bool = True


def run(desk: Desk, now: datetime) -> list[Sheltered]:
    """Give every position at the venue that could be ours a reduce-only stop for its whole size, if it lacks one.

    Ours are always isolated: what is held in cross margin is somebody else's. Where the stop's price is passed already, or
    the stop is refused each time, the position is left. Raises `TryLaterError` when our account can't be read.
    """
    account = reconcile.read(desk, now)
    return [_shelter(desk, held, account, now) for held in account.positions.values()]


def _shelter(desk: Desk, held: VenuePosition, account: Account, now: datetime) -> Sheltered:
    if not held.isolated:
        return Sheltered(held.coin, "is held in cross margin, so not by us; left alone")
    resting = [stop for stop in account.stops if _guards(stop, held)]
    if sum(stop.size for stop in resting) >= abs(held.size) * (1 - 1e-9):
        return Sheltered(held.coin, f"has its stop at {resting[0].trigger_price:g}")
    instrument = desk.market.instrument(held.coin)
    if instrument is None:
        return Sheltered(held.coin, "has no stop, and its trading rules can't be read", safe=False)
    position = _position(desk, held, now)
    price = position.stop_price
    if stops.is_crossed(price, held.mark, position.side):
        return _leave(desk, position, held, instrument, now)
    return _place(desk, position, held, instrument, now)


def _guards(stop: RestingStop, held: VenuePosition) -> bool:
    """Whether a resting stop would close a part of a position before its liquidation."""
    side = shelter.side_of(held.size)
    if stop.coin != held.coin or not stop.reduce_only or stop.is_buy == (held.size > 0):
        return False
    liquidation = held.liquidation_price
    return liquidation is None or (stop.trigger_price - liquidation) * side.sign > 0


def _position(desk: Desk, held: VenuePosition, now: datetime) -> Position:
    """Return what the venue holds as a position of ours."""
    side, size = shelter.side_of(held.size), abs(held.size)
    price = shelter.trigger(held.entry_price, side, held.liquidation_price, desk.policy.exit)
    return Position(
        signal_id=f"shelter:{held.coin}:{held.size!r}:{held.entry_price!r}",
        coin=held.coin,
        side=side,
        source_trader="",
        opened_at=now,
        status=PositionStatus.OPEN,
        entry_price=held.entry_price,
        size=size,
        entry_size=size,
        stop_price=price,
        trailing_stop_price=price,
        best_price=held.entry_price,
        leverage=held.leverage,
    )


def _place(desk: Desk, position: Position, held: VenuePosition, instrument: Instrument, now: datetime) -> Sheltered:
    trigger = stops.Trigger(position.stop_price, ExitReason.STOP_LOSS)
    for attempt in range(1, desk.policy.execution.stop_attempts + 1):
        wanted = orders.stop_order(
            position, trigger, attempt, instrument=instrument, now=desk.present(now), policy=desk.policy.execution
        )
        number = shelter.client_order_id(held.coin, held.size, held.entry_price, attempt)
        outcome = desk.exchange.send(replace(wanted, client_order_id=number), now)
        if isinstance(outcome, Accepted):
            return Sheltered(held.coin, f"got a stop at {wanted.trigger_price:g}")
        if outcome is UNKNOWN:
            return Sheltered(held.coin, "was sent a stop, and it isn't known whether that rests", safe=False)
    return _leave(desk, position, held, instrument, now)


def _leave(desk: Desk, position: Position, held: VenuePosition, instrument: Instrument, now: datetime) -> Sheltered:
    """Send orders that leave a position, each with a wider bound, until one fills all of it or the answer isn't known."""
    mark = held.mark
    for attempt in range(1, len(desk.policy.execution.exit_slippage_percents) + 1):
        order = orders.exit_order(
            position,
            leg="exit",
            attempt=attempt,
            size=position.size,
            mark=mark,
            reason=ExitReason.STOP_LOSS,
            instrument=instrument,
            now=desk.present(now),
            policy=desk.policy.execution,
        )
        outcome = desk.exchange.send(order, now)
        if outcome is UNKNOWN:
            return Sheltered(held.coin, "was sent an order to leave, and it isn't known what became of it", safe=False)
        if isinstance(outcome, Refused):
            continue
        if outcome.state is IntentState.FILLED and outcome.filled_size >= position.size * (1 - 1e-9):
            return Sheltered(held.coin, "was past its stop or couldn't get one, and was closed")
        account = reconcile.read(desk, now)
        left = account.positions.get(held.coin)
        if left is None:
            return Sheltered(held.coin, "was past its stop or couldn't get one, and was closed")
        position, mark = replace(position, size=abs(left.size)), left.mark
    return Sheltered(held.coin, "has no stop and couldn't be closed", safe=False)
