"""Our orders: their derived client ids, and how each is built from what caused it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hlcopy.domain import margin, stops
from hlcopy.domain.book import ExitReason, Order, Purpose
from hlcopy.domain.models import SkipReason

if TYPE_CHECKING:
    from datetime import datetime

    from hlcopy.domain.book import Position
    from hlcopy.domain.instrument import Instrument
    from hlcopy.domain.models import Side
    from hlcopy.domain.policy import ExecutionPolicy, Policy


@dataclass(frozen=True, slots=True)
class Prepared:
    """An entry that can be sent: its leverage and its size in base units."""

    leverage: int
    size: float


def client_order_id(purpose: Purpose, signal_id: str, leg: str, attempt: int) -> str:
    """Return the id of an order, 0x and 32 hex digits, derived from its cause so that a repeat is the same order."""
    cause = f"{purpose.value}:{signal_id}:{leg}:{attempt}"
    return "0x" + hashlib.sha256(cause.encode()).hexdigest()[:32]


def prepare_entry(
    *, side: Side, leverage: float | None, usd: float, mark: float, instrument: Instrument, policy: Policy
) -> Prepared | SkipReason:
    """Return leverage and size of an entry of `usd` at our venue's mark, or why it can't be made (decision 20)."""
    rules = policy.execution
    wanted = margin.wanted_leverage(
        leverage, instrument.max_leverage, default=rules.default_leverage, cap=rules.max_leverage
    )
    safe = margin.safe_leverage(
        wanted, side, instrument.max_leverage, policy.exit.stop_loss_percent, rules.min_liquidation_to_stop
    )
    if safe is None:
        return SkipReason.LIQUIDATION_TOO_NEAR
    if not _has_place_for_stop(mark, side, instrument, policy):
        return SkipReason.NOT_TRADABLE
    size = instrument.size_of(usd, mark)
    return Prepared(safe, size) if size * mark >= rules.min_notional_usd else SkipReason.SIZE_ZERO


def _has_place_for_stop(mark: float, side: Side, instrument: Instrument, policy: Policy) -> bool:
    """Whether a coin's prices lie close enough together that its stop, rounded toward safety, isn't the mark itself."""
    wanted = stops.hard_stop(mark, side, policy.exit)
    trigger = instrument.stop_price(wanted, is_buy=side.sign < 0)
    return (mark - trigger) * side.sign >= policy.execution.min_stop_distance_kept * abs(mark - wanted)


def entry_order(
    *,
    signal_id: str,
    side: Side,
    size: float,
    mark: float,
    max_slippage: float,
    instrument: Instrument,
    now: datetime,
    policy: ExecutionPolicy,
) -> Order:
    """Return an immediate-or-cancel entry whose price bound lies `max_slippage` percent from the mark."""
    is_buy = side.sign > 0
    return Order(
        client_order_id=client_order_id(Purpose.ENTRY, signal_id, "entry", 1),
        purpose=Purpose.ENTRY,
        signal_id=signal_id,
        leg="entry",
        attempt=1,
        coin=instrument.coin,
        is_buy=is_buy,
        size=size,
        limit_price=instrument.limit_price(mark * (1 + side.sign * max_slippage / 100), is_buy=is_buy),
        trigger_price=None,
        reduce_only=False,
        created_at=now,
        expires_at=now + policy.entry_expiry,
    )


def stop_trigger(trigger: stops.Trigger, side: Side, instrument: Instrument) -> float:
    """Return where a stop rests: its trigger on a legal price toward safety."""
    return instrument.stop_price(trigger.price, is_buy=side.sign < 0)


def stop_order(
    position: Position,
    trigger: stops.Trigger,
    attempt: int,
    *,
    instrument: Instrument,
    now: datetime,
    policy: ExecutionPolicy,
) -> Order:
    """Return a reduce-only stop for all of a position, its trigger on a legal price toward safety.

    Its limit price is the slippage bound of the order that fires: `stop_slippage_percent` past the trigger.
    """
    is_buy = position.side.sign < 0
    trigger_price = stop_trigger(trigger, position.side, instrument)
    bound = trigger_price * (1 - position.side.sign * policy.stop_slippage_percent / 100)
    return Order(
        client_order_id=client_order_id(Purpose.STOP, position.signal_id, "stop", attempt),
        purpose=Purpose.STOP,
        signal_id=position.signal_id,
        leg="stop",
        attempt=attempt,
        coin=position.coin,
        is_buy=is_buy,
        size=instrument.size(position.size),  # added up from fills it may be a float beside a legal size
        limit_price=instrument.price_up(bound) if is_buy else instrument.price_down(bound),
        trigger_price=trigger_price,
        reduce_only=True,
        created_at=now,
        expires_at=now + policy.exit_expiry,
        reason=trigger.reason,
    )


def exit_order(
    position: Position,
    *,
    leg: str,
    attempt: int,
    size: float,
    mark: float,
    reason: ExitReason,
    instrument: Instrument,
    now: datetime,
    policy: ExecutionPolicy,
) -> Order:
    """Return a reduce-only immediate-or-cancel order that leaves all or a part of a position.

    Its bound widens with every attempt: the first ones take no bad price, the later ones any that gets us out.
    """
    is_buy = position.side.sign < 0
    percent = policy.exit_slippage_percents[min(attempt, len(policy.exit_slippage_percents)) - 1]
    bound = mark * (1 - position.side.sign * percent / 100)
    return Order(
        client_order_id=client_order_id(Purpose.EXIT, position.signal_id, leg, attempt),
        purpose=Purpose.EXIT,
        signal_id=position.signal_id,
        leg=leg,
        attempt=attempt,
        coin=position.coin,
        is_buy=is_buy,
        size=instrument.size(size),
        limit_price=instrument.limit_price(bound, is_buy=is_buy),
        trigger_price=None,
        reduce_only=True,
        created_at=now,
        expires_at=now + policy.exit_expiry,
        reason=reason,
    )
