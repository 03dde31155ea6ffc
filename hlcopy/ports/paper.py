"""What the paper venue needs to know of prices, and what it itself remembers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hlcopy.domain.book import IntentState, OurFill
    from hlcopy.domain.instrument import Instrument
    from hlcopy.domain.models import Side


@dataclass(frozen=True, slots=True)
class Quote:
    """A price at a moment."""

    price: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Level:
    """A price of an order book and the size that rests there."""

    price: float
    size: float


class PriceFeed(Protocol):
    """What the paper venue needs to know of prices."""

    def look(self, since: Mapping[str, datetime], now: datetime) -> None:
        """Read what will be asked of these coins, from each one's moment on; called before any transaction.

        Raises `TryLaterError` when it can't be read. The other methods only look at what was read.
        """

    def mark(self, coin: str, now: datetime) -> float | None:
        """Return the latest mark, however old; None when there never was one."""

    def next_price(self, coin: str, now: datetime) -> Quote | None:
        """Return the price that an order sent now meets, None when there is no trading."""

    def book(self, coin: str, now: datetime, *, is_buy: bool) -> Sequence[Level] | None:
        """Return the levels that an order would meet, best first; None where no book is known."""

    def first_touch(
        self, coin: str, trigger: float, side: Side, since: datetime, now: datetime, *, until: datetime | None = None
    ) -> Quote | None:
        """Return where and when a stop of a position on `side` filled since a moment, a gap at the first price past it.

        `until` looks on to the moment at which an order sent now fills.
        """

    def funding(self, coin: str, since: datetime, until: datetime) -> Sequence[tuple[datetime, float]]:
        """Return the hourly funding rates after `since` and up to `until`."""

    def instrument(self, coin: str) -> Instrument | None:
        """Return a coin's trading rules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperPosition:
    """A position of the paper account; `size` is signed, `margin_usd` the isolated margin it was opened with."""

    coin: str
    size: float
    entry_price: float
    leverage: int
    margin_usd: float
    opened_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperOrder:
    """An order as the paper venue knows it; a resting one is a stop with a `trigger_price`."""

    client_order_id: str
    coin: str
    is_buy: bool
    size: float
    trigger_price: float | None
    reduce_only: bool
    state: IntentState
    placed_at: datetime
    filled_size: float = 0.0
    average_price: float | None = None
    error: str | None = None
    note: str | None = None  # what its price was made of, where that is less than a real fill would show


class PaperBooks(Protocol):
    """What the paper venue itself remembers, apart from our ledgers: they only learn of it by asking."""

    def cash(self) -> float | None:
        """Return the free balance in USD, None before the account exists."""

    def put_cash(self, usd: float) -> None:
        """Set the free balance."""

    def synced_at(self) -> datetime | None:
        """Return up to when price moves and funding have been applied."""

    def put_synced_at(self, at: datetime) -> None:
        """Remember up to when they have been applied."""

    def positions(self) -> list[PaperPosition]:
        """Return the open positions by coin."""

    def put_position(self, position: PaperPosition) -> None:
        """Insert or replace the position of a coin."""

    def drop_position(self, coin: str) -> None:
        """Remove the position of a coin."""

    def leverage(self, coin: str) -> int | None:
        """Return the leverage set for a coin."""

    def put_leverage(self, coin: str, leverage: int) -> None:
        """Set the leverage of a coin."""

    def order(self, client_order_id: str) -> PaperOrder | None:
        """Return one order."""

    def orders(self, state: IntentState) -> list[PaperOrder]:
        """Return the orders in a state, oldest first, then by client id."""

    def put_order(self, order: PaperOrder) -> None:
        """Insert or replace an order."""

    def add_fill(self, fill: OurFill) -> None:
        """Append a fill."""

    def fills(self, since: datetime) -> list[OurFill]:
        """Return the fills from `since` on, in the order they were appended."""

    def count_fills(self) -> int:
        """Return how many fills there are."""

    def add_funding(self, coin: str, at: datetime, usd: float) -> None:
        """Append a funding payment, positive when paid."""

    def funding(self, coin: str, since: datetime, until: datetime) -> float:
        """Return the funding paid after `since` and up to `until` in USD."""
