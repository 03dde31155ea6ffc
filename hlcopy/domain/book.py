"""Our side of the values: orders, fills, positions, and why they end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum, unique
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from hlcopy.domain.models import Side


@unique
class ExitReason(StrEnum):
    """Why a position of ours, or a part of it, was closed."""

    STOP_LOSS = "STOP_LOSS"
    TRAILING_STOP = "TRAILING_STOP"
    TIME_STOP = "TIME_STOP"
    TAKE_PROFIT = "TAKE_PROFIT"
    TRADER_LIQUIDATED = "TRADER_LIQUIDATED"
    LIQUIDATED = "LIQUIDATED"
    ADL = "ADL"
    SETTLED = "SETTLED"
    MANUAL = "MANUAL"
    CLOSED_ON_VENUE = "CLOSED_ON_VENUE"
    STOP_REJECTED = "STOP_REJECTED"


@unique
class PositionStatus(StrEnum):
    """Where a position of ours stands."""

    OPENING = "opening"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A position of ours: a row of `our_positions`.

    `size` is what is open, and once closed what there was, so that the result can be recomputed from the row alone;
    `entry_size` is what was bought at first. `best_price` is the best mark since the entry (highest of a long, lowest of a
    short); `trailing_stop_price` is exact and `trigger_price` is where the stop rests at the venue. `fees_usd` and
    `funding_usd` are positive when paid; `realized_pnl_usd` is net of both and known once closed.
    """

    signal_id: str
    coin: str
    side: Side
    source_trader: str
    opened_at: datetime
    status: PositionStatus
    entry_price: float
    size: float
    entry_size: float
    stop_price: float
    trailing_stop_price: float
    best_price: float
    leverage: int
    id: int | None = None
    value_usd: float = 0.0
    trigger_price: float | None = None
    stop_client_order_id: str | None = None
    stop_confirmed: bool = False
    tiers_taken: tuple[int, ...] = ()
    checked_at: datetime | None = None
    missing_since: datetime | None = None  # when the venue's account first came without it, no fill saying why
    closing_reason: ExitReason | None = None
    closed_at: datetime | None = None
    close_reason: ExitReason | None = None
    exit_price: float | None = None
    realized_pnl_usd: float | None = None
    fees_usd: float = 0.0
    funding_usd: float = 0.0
    funding_until: datetime | None = None  # up to when funding has been read, None before the first time


def revised(position: Position, **changes: Any) -> Position:  # noqa: ANN401 - any of its fields
    """Return a position with other values; itself where they are the ones it has, as they are in most ticks."""
    if all(getattr(position, name) == value for name, value in changes.items()):
        return position
    return replace(position, **changes)


@unique
class Purpose(StrEnum):
    """What an order of ours is for."""

    ENTRY = "entry"
    STOP = "stop"
    EXIT = "exit"


@unique
class IntentState(StrEnum):
    """What is known of an order of ours."""

    PENDING = "pending"  # written, perhaps sent; the venue's answer isn't known
    RESTING = "resting"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    NEVER_LANDED = "never_landed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order of ours: written down before it is sent, its outcome after.

    `size` is positive base units. An entry or exit is immediate-or-cancel at `limit_price`; a stop has a `trigger_price`.
    `venue_order_id` is the venue's own number, once it has told one.
    """

    client_order_id: str
    purpose: Purpose
    signal_id: str
    leg: str
    attempt: int
    coin: str
    is_buy: bool
    size: float
    limit_price: float | None
    trigger_price: float | None
    reduce_only: bool
    created_at: datetime
    expires_at: datetime | None
    reason: ExitReason | None = None
    state: IntentState = IntentState.PENDING
    filled_size: float = 0.0
    average_price: float | None = None
    error: str | None = None
    misses: int = 0
    last_miss_at: datetime | None = None
    venue_order_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OurFill:
    """A fill of ours at the venue; `fee` is positive when paid; `client_order_id` is None when no order of ours did it.

    `forced` says why the venue itself took the position: `LIQUIDATED`, `ADL` or `SETTLED`.
    """

    identity: str
    coin: str
    is_buy: bool
    price: float
    size: float
    fee: float
    time: datetime
    client_order_id: str | None
    forced: ExitReason | None = None
    slippage_usd: float = 0.0
    venue_order_id: int | None = None

    @property
    def signed_size(self) -> float:
        """Size with the sign of its effect on the position."""
        return self.size if self.is_buy else -self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionAction:
    """A line of a position's story: entered, stop placed or moved, reduced, closed."""

    position_id: int
    at: datetime
    action: str
    reason: ExitReason | None
    price: float | None
