"""The venue we trade at, its answers and our account there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal, Protocol

from hlcopy.domain.refusals import Refusal
from hlcopy.ports.sources import UnknownType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hlcopy.domain.book import IntentState, Order, OurFill


@dataclass(frozen=True, slots=True)
class Accepted:
    """The venue took an order: it rests, or filled this much; `venue_order_id` where it told its own number."""

    state: IntentState
    filled_size: float = 0.0
    average_price: float | None = None
    venue_order_id: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The venue said no, in its own words, and what that means to us."""

    reason: str
    kind: Refusal = Refusal.OTHER


Outcome = Accepted | Refused | UnknownType


class Missing(Enum):
    """The type of `MISSING`: the venue answers that it doesn't know an order."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING
MissingType = Literal[Missing.MISSING]


@dataclass(frozen=True, slots=True)
class VenuePosition:
    """What our account holds in one coin; `size` is signed base units."""

    coin: str
    size: float
    entry_price: float
    leverage: int
    isolated: bool
    liquidation_price: float | None
    mark: float


@dataclass(frozen=True, slots=True)
class RestingStop:
    """A stop order of our account that rests at the venue; `client_order_id` is None when it isn't ours."""

    coin: str
    is_buy: bool
    size: float
    trigger_price: float
    reduce_only: bool
    client_order_id: str | None


@dataclass(frozen=True, slots=True)
class RestingOrder:
    """An order of our account that rests at the venue and is no stop; we never send such, so somebody else did."""

    coin: str
    is_buy: bool
    size: float
    price: float
    reduce_only: bool
    client_order_id: str | None


@dataclass(frozen=True, slots=True)
class Account:
    """One reading of our account: equity in USD, positions by coin, resting stops, whatever else rests."""

    equity: float
    positions: Mapping[str, VenuePosition]
    stops: tuple[RestingStop, ...]
    read_at: datetime
    orders: tuple[RestingOrder, ...] = ()


@dataclass(frozen=True, slots=True)
class ActionBudget:
    """How many orders, cancels and changes our address may still send; the cap grows with what it trades."""

    used: int
    cap: int

    @property
    def left(self) -> int:
        """What is left of it."""
        return max(0, self.cap - self.used)


class VenueAccount(Protocol):
    """What can be read of our account at the venue."""

    def account(self, now: datetime) -> Account | UnknownType:
        """Return our account as it stands."""

    def find(self, client_order_id: str, now: datetime) -> Accepted | Refused | MissingType | UnknownType:
        """Return what the venue knows of an order."""

    def fills(self, since: datetime, now: datetime) -> Sequence[OurFill] | UnknownType:
        """Return our fills from `since` on, oldest first."""

    def funding(self, coin: str, since: datetime, until: datetime) -> float | UnknownType:
        """Return the funding that our position in a coin paid after `since` and up to `until`, in USD, positive when paid."""

    def transfers(self, since: datetime, until: datetime) -> float | UnknownType:
        """Return what was moved into the account less what was moved out, after `since` and up to `until`, in USD."""

    def budget(self, now: datetime) -> ActionBudget | UnknownType | None:
        """Return how many actions our address may still send; None where there is no limit."""


class Exchange(VenueAccount, Protocol):
    """The venue we trade at. Every order carries its derived client id; sending the same id twice is the same order."""

    def require_ready(self) -> None:
        """Do nothing where positions may be opened at all; raise an `HlcopyError` that says what stands in the way."""

    def can_open(self, now: datetime) -> bool:
        """Whether what it takes to open a position and to protect it could be asked now, without waiting."""

    def set_leverage(self, coin: str, leverage: int, now: datetime) -> Outcome:
        """Set isolated margin and the leverage of a coin, and read them back."""

    def send(self, order: Order, now: datetime) -> Outcome:
        """Send an entry, an exit or a stop."""

    def cancel(self, order: Order, now: datetime) -> Outcome:
        """Cancel a resting order; an order already gone counts as accepted."""
