"""The entry saga: claim -> leverage -> entry -> what filled -> stop -> commit.

Each step is written down before it is sent, so that `reconcile` can go on from wherever a crash left it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hlcopy.domain import orders, stops
from hlcopy.domain.book import ExitReason, IntentState, Position, PositionAction, PositionStatus, Purpose
from hlcopy.domain.decision import ORDER_ERROR, Evidence, Venue, prepare
from hlcopy.domain.models import EXECUTE, SkipReason
from hlcopy.ports import UNKNOWN, Accepted, Refused
from hlcopy.ticks import exit as exits
from hlcopy.ticks import stop

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from hlcopy.domain.book import Order, OurFill
    from hlcopy.domain.gates import Approval
    from hlcopy.domain.models import Signal
    from hlcopy.ports import Account, Desk, Outcome


def enter(
    desk: Desk, signal: Signal, approval: Approval, mark: float, fill_identities: Iterable[str], now: datetime
) -> Signal:
    """Copy an approved signal; return it with its final decision.

    The account must have been reconciled under the account lock, which is still held.
    """
    instrument = desk.market.instrument(signal.coin)
    venue = Venue(instrument=instrument, mark=mark)
    if isinstance(signal.evidence, Evidence):
        signal = replace(signal, evidence=replace(signal.evidence, venue=venue))
    prepared = prepare(signal.side, approval.leverage, approval.copy_size_usd, venue, desk.policy)
    if instrument is None or isinstance(prepared, SkipReason):
        reason = prepared if isinstance(prepared, SkipReason) else SkipReason.NOT_TRADABLE
        return _refuse(desk, signal, reason, fill_identities)
    order = orders.entry_order(
        signal_id=signal.id,
        side=signal.side,
        size=prepared.size,
        mark=mark,
        max_slippage=approval.timing.max_slippage,
        instrument=instrument,
        now=desk.present(now),
        policy=desk.policy.execution,
    )
    position = _claim(desk, signal, order, prepared.leverage, mark, fill_identities, now)
    if position is None:
        return desk.ledger.signals.get(signal.id) or signal
    outcome = desk.exchange.set_leverage(signal.coin, prepared.leverage, now)
    if not isinstance(outcome, Accepted):
        # Nothing was sent, so nothing can be open: an unclear answer ends it as surely as a refusal.
        settle(desk, position, order, Refused("isolated leverage couldn't be set"), now)
    else:
        settle(desk, position, order, desk.exchange.send(order, now), now)
    return desk.ledger.signals.get(signal.id) or signal


def settle(desk: Desk, position: Position, order: Order, outcome: Outcome, now: datetime) -> None:
    """Go on from the venue's answer to an entry: protect what filled, or end the claim; an unclear answer waits."""
    if outcome is UNKNOWN:
        return
    answered = exits.after(order, outcome)
    if answered.filled_size > 0 and answered.average_price is not None:
        with desk.ledger.transaction():
            desk.ledger.book.put_order(answered)
            filled = _filled(desk, position, answered, now)
        protect(desk, filled, now)
    elif answered.state in {IntentState.PENDING, IntentState.RESTING}:
        return  # the venue has it and hasn't said how it ended
    else:
        reason = SkipReason.ORDER_REFUSED if isinstance(outcome, Refused) else SkipReason.NOT_FILLED
        abandon(desk, position, answered, reason)


def revive(desk: Desk, order: Order, made: Accepted, account: Account, now: datetime) -> None:
    """Take up an entry that was given up and filled after all: what the venue holds has a row and a stop."""
    signal = desk.ledger.signals.get(order.signal_id)
    if signal is None:
        return
    held = account.positions.get(order.coin)
    leverage = held.leverage if held is not None else desk.policy.execution.default_leverage
    with desk.ledger.transaction():
        desk.ledger.signals.amend(replace(signal, decision=EXECUTE))
        # Pending again: should this tick break off, the next one settles it.
        desk.ledger.book.put_order(replace(order, state=IntentState.PENDING))
        position = desk.ledger.book.put_position(
            _opening(desk, signal, order, leverage, made.average_price or signal.trade_price, now)
        )
    settle(desk, position, order, made, now)


def abandon(desk: Desk, position: Position, order: Order, reason: SkipReason) -> None:
    """End a claim whose entry brought nothing: the signal says why, and no position remains."""
    signal = desk.ledger.signals.get(position.signal_id)
    with desk.ledger.transaction():
        desk.ledger.book.put_order(order)
        if position.id is not None:
            desk.ledger.book.drop_position(position.id)
        if signal is not None:
            detail = {**signal.detail, ORDER_ERROR: order.error}
            desk.ledger.signals.amend(replace(signal, decision=reason.value, detail=detail))


def protect(desk: Desk, position: Position, now: datetime) -> None:
    """Make a position's stop rest, then see what was made of the entry; one that can't get a stop is closed at once.

    Nothing is read before the stop is sent: what the venue answered to the entry says how much there is to protect.
    """
    guarded, account = stop.guard(desk, position, now)
    if guarded is not None:
        guarded = _as_made(desk, guarded, now)
        if account is not UNKNOWN:
            guarded = stop.hold(desk, _as_held(desk, guarded, account), account, now)
    if guarded is None:
        held = None if account is UNKNOWN else account.positions.get(position.coin)
        exits.close(desk, position, ExitReason.STOP_REJECTED, held.mark if held else position.entry_price, now)


def _as_made(desk: Desk, position: Position, now: datetime) -> Position:
    """Book an entry's fills as far as the venue shows them; a position is as old as the first of them."""
    order = next(iter(desk.ledger.book.orders(position.signal_id, purpose=Purpose.ENTRY)), None)
    fills = [] if order is None else _fills_of(desk, order, now)
    if not fills:
        return position
    opened_at = min(fill.time for fill in fills)
    with desk.ledger.transaction():
        desk.ledger.book.add_fills(position.signal_id, fills)
        return desk.ledger.book.put_position(replace(position, opened_at=opened_at, checked_at=opened_at))


def _as_held(desk: Desk, position: Position, account: Account) -> Position:
    """Return a position with the size that the venue shows, if it shows one on its side."""
    held = account.positions.get(position.coin)
    if held is None or held.size * position.side.sign <= 0 or abs(held.size) == position.size:
        return position
    return desk.ledger.book.put_position(replace(position, size=abs(held.size)))


def _refuse(desk: Desk, signal: Signal, reason: SkipReason, fill_identities: Iterable[str]) -> Signal:
    skipped = replace(signal, decision=reason.value)
    desk.ledger.signals.decide(skipped, fill_identities)
    return skipped


def _claim(
    desk: Desk,
    signal: Signal,
    order: Order,
    leverage: int,
    mark: float,
    fill_identities: Iterable[str],
    now: datetime,
) -> Position | None:
    """Write the decision, the position-to-be and its entry in one transaction; None when another tick was first."""
    with desk.ledger.transaction():
        if not desk.ledger.signals.decide(replace(signal, decision=EXECUTE), fill_identities):
            return None
        desk.ledger.book.put_order(order)
        return desk.ledger.book.put_position(_opening(desk, signal, order, leverage, mark, now))


def _opening(desk: Desk, signal: Signal, order: Order, leverage: int, price: float, now: datetime) -> Position:
    """Return the position that an entry is to make, at the price that is expected."""
    exit_rules = desk.policy.exit
    return Position(
        signal_id=signal.id,
        coin=signal.coin,
        side=signal.side,
        source_trader=signal.trader,
        opened_at=now,
        status=PositionStatus.OPENING,
        entry_price=price,
        size=order.size,
        entry_size=order.size,
        stop_price=stops.hard_stop(price, signal.side, exit_rules),
        trailing_stop_price=stops.trailing_stop(price, signal.side, exit_rules),
        best_price=price,
        leverage=leverage,
        value_usd=order.size * price,
    )


def _filled(desk: Desk, position: Position, order: Order, now: datetime) -> Position:
    """Return the claimed position as its entry filled, its stops measured from the real price.

    It is open from here on: whether or not its stop rests yet, every tick looks after it.
    """
    price = order.average_price or position.entry_price
    exit_rules = desk.policy.exit
    at = desk.present(now)
    filled = replace(
        position,
        status=PositionStatus.OPEN,
        opened_at=at,
        checked_at=at,
        entry_price=price,
        size=order.filled_size,
        entry_size=order.filled_size,
        stop_price=stops.hard_stop(price, position.side, exit_rules),
        trailing_stop_price=stops.trailing_stop(price, position.side, exit_rules),
        best_price=price,
        value_usd=order.filled_size * price,
    )
    if position.id is not None:
        desk.ledger.book.log_action(
            PositionAction(position_id=position.id, at=at, action="entered", reason=None, price=price)
        )
    return desk.ledger.book.put_position(filled)


def _fills_of(desk: Desk, order: Order, now: datetime) -> list[OurFill]:
    """Return the fills of an entry as far as the venue shows them."""
    fills = desk.exchange.fills(order.created_at - desk.policy.execution.fills_overlap, now)
    return [] if fills is UNKNOWN else [fill for fill in fills if fill.client_order_id == order.client_order_id]
