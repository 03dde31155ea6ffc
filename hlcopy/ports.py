"""What the ticks need from the world: sources, the venue, small ledgers; `Desk` bundles them.

A read can fail. A failed or incomplete read is the value `UNKNOWN`, never an empty answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from hlcopy.domain.candles import Candles
    from hlcopy.domain.instrument import Instrument
    from hlcopy.domain.models import (
        Fill,
        IntentState,
        Order,
        OurFill,
        Position,
        PositionAction,
        Purpose,
        Run,
        Signal,
        Trader,
        TraderPosition,
        TraderState,
    )
    from hlcopy.domain.policy import Policy


class Unknown(Enum):
    """The type of `UNKNOWN`."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN
UnknownType = Literal[Unknown.UNKNOWN]


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of a coin seen since some moment: the lowest, the highest and the last, and when the last was made."""

    lowest: float
    highest: float
    last: float
    at: datetime


class TraderSource(Protocol):
    """Where traders' fills and accounts are read."""

    def fills(self, trader: str, since: datetime, now: datetime) -> Sequence[Fill] | UnknownType:
        """Return every fill of the trader from `since` on, in order of arrival, or `UNKNOWN` when it may be incomplete."""

    def state(self, trader: str, now: datetime) -> TraderState | UnknownType:
        """Return the trader's equity and complete positions."""


class Market(Protocol):
    """Where prices and trading rules are read."""

    def marks(self, coin: str, since: datetime, now: datetime) -> Marks | UnknownType | None:
        """Return the marks seen after `since` and up to now; None when there is no fresh one, `UNKNOWN` when a read failed."""

    def instrument(self, coin: str) -> Instrument | None:
        """Return the coin's trading rules, None when it isn't a main-dex perp that trades."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The venue took an order: it rests, or filled this much."""

    state: IntentState
    filled_size: float = 0.0
    average_price: float | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The venue said no, in its own words."""

    reason: str


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
class Account:
    """One reading of our account: equity in USD, positions by coin, resting stops."""

    equity: float
    positions: Mapping[str, VenuePosition]
    stops: tuple[RestingStop, ...]
    read_at: datetime


class Exchange(Protocol):
    """The venue we trade at. Every order carries its derived client id; sending the same id twice is the same order."""

    def account(self, now: datetime) -> Account | UnknownType:
        """Return our account as it stands."""

    def set_leverage(self, coin: str, leverage: int, now: datetime) -> Outcome:
        """Set isolated margin and the leverage of a coin, and read them back."""

    def send(self, order: Order, now: datetime) -> Outcome:
        """Send an entry, an exit or a stop."""

    def cancel(self, order: Order, now: datetime) -> Outcome:
        """Cancel a resting order; an order already gone counts as accepted."""

    def find(self, client_order_id: str, now: datetime) -> Accepted | Refused | MissingType | UnknownType:
        """Return what the venue knows of an order."""

    def fills(self, since: datetime, now: datetime) -> Sequence[OurFill] | UnknownType:
        """Return our fills from `since` on, oldest first."""

    def funding(self, coin: str, since: datetime, until: datetime) -> float | UnknownType:
        """Return the funding that our position in a coin paid in a period, in USD, positive when paid."""


class Progress(Protocol):
    """Where long work says how far it is."""

    def start(self, title: str, total: int | None) -> None:
        """Begin a step of `total` units."""

    def advance(self, units: int = 1) -> None:
        """Count units done."""

    def finish(self) -> None:
        """End the step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PollMark:
    """How far a trader's fills have been read; orders that began before `followed_from` aren't judged."""

    followed_from: datetime
    read_until: datetime
    polled_at: datetime


class Traders(Protocol):
    """The ledger of traders, their tiers, their blacklisting and their positions as last seen."""

    def get(self, address: str) -> Trader | None:
        """Return one trader."""

    def all(self) -> list[Trader]:
        """Return every trader, best score first, then by address."""

    def put(self, traders: Iterable[Trader]) -> None:
        """Insert or replace traders; a stored `blacklisted_until` is kept, whatever the new row says."""

    def blacklist(self, address: str, until: datetime) -> None:
        """Blacklist a trader; an earlier end never shortens a later one."""

    def positions(self, address: str) -> tuple[TraderPosition, ...]:
        """Return a trader's positions as last seen, by coin."""

    def put_positions(self, address: str, positions: Iterable[TraderPosition], seen_at: datetime) -> None:
        """Replace a trader's positions by a complete reading."""

    def mark(self, address: str) -> PollMark | None:
        """Return how far the trader's fills have been read, None before the first time."""

    def put_mark(self, address: str, mark: PollMark) -> None:
        """Remember how far the trader's fills have been read."""


class Signals(Protocol):
    """The ledger of judged orders. A final decision is never overwritten by a deferral or by another decision."""

    def get(self, signal_id: str) -> Signal | None:
        """Return one signal."""

    def defer(self, signal: Signal) -> bool:
        """Store a deferred signal, inserting or updating it; False, and nothing changed, when it is already final."""

    def decide(self, signal: Signal, fill_identities: Iterable[str]) -> bool:
        """Store a final decision and mark its fills as decided; False, and nothing changed, when it is already final."""

    def amend(self, signal: Signal) -> None:
        """Replace a final signal by what became of it at the venue: never landed, not filled, filled after all."""

    def attach(self, fill_identities: Iterable[str], at: datetime) -> None:
        """Mark late fills of a decided order as decided."""

    def seen(self, fill_identities: Iterable[str]) -> set[str]:
        """Return those of the identities that are marked as decided."""

    def deferred(self, trader: str | None = None) -> list[Signal]:
        """Return the deferred signals, soonest due first, then by id."""

    def list(
        self, *, limit: int | None = None, decision: str | None = None, since: datetime | None = None
    ) -> list[Signal]:
        """Return signals, newest trade first, then by id; `since` is by trade time."""


class Book(Protocol):
    """The ledger of our positions, order intents and fills."""

    def positions(self, *, live_only: bool = True) -> list[Position]:
        """Return our positions by id; `live_only` leaves out the closed ones."""

    def position(self, position_id: int) -> Position | None:
        """Return one position."""

    def put_position(self, position: Position) -> Position:
        """Insert (without id) or replace a position; return it with its id."""

    def drop_position(self, position_id: int) -> None:
        """Remove the row of a claimed entry that never came to be."""

    def put_order(self, order: Order) -> None:
        """Insert or replace an order intent by its client id."""

    def order(self, client_order_id: str) -> Order | None:
        """Return one order intent."""

    def orders(
        self, signal_id: str | None = None, *, state: IntentState | None = None, purpose: Purpose | None = None
    ) -> list[Order]:
        """Return order intents by time of creation, then client id."""

    def add_fills(self, signal_id: str | None, fills: Iterable[OurFill]) -> int:
        """Store fills of ours once each; return how many were new."""

    def fills(self, signal_id: str) -> list[OurFill]:
        """Return the fills booked to a signal's position, oldest first."""

    def fills_mark(self) -> datetime | None:
        """Return the time of the latest fill booked or looked at, None before the first."""

    def put_fills_mark(self, at: datetime) -> None:
        """Remember up to when our fills were read."""

    def log_action(self, action: PositionAction) -> None:
        """Append to a position's story."""

    def actions(self, position_id: int | None = None, *, skip: int = 0) -> list[PositionAction]:
        """Return the story of one position or of all in order; the first `skip` lines of all are left out."""

    def count_actions(self) -> int:
        """Return how many lines the story of all positions has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FillCoverage:
    """Stored fills of a trader."""

    trader: str
    first: datetime
    last: datetime
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleCoverage:
    """Stored candles of a coin and interval; `missing` counts the candles absent between first and last."""

    coin: str
    interval_ms: int
    first: datetime
    last: datetime
    count: int
    missing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingRate:
    """The hourly funding rate of a coin at a moment; positive means longs pay."""

    coin: str
    time: datetime
    rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingCoverage:
    """Stored funding rates of a coin."""

    coin: str
    first: datetime
    last: datetime
    count: int


class History(Protocol):
    """The ledger of recorded markets: fills, candles, funding. What is stored never changes under a backtest."""

    def add_fills(self, fills: Iterable[Fill]) -> int:
        """Store fills in the order given, keeping a stored one of the same identity; return how many were new."""

    def fills(
        self, trader: str, *, coin: str | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> list[Fill]:
        """Return a trader's fills by time, then order of arrival; both ends are inclusive."""

    def fill_coverage(self) -> list[FillCoverage]:
        """Return what is stored per trader, by address."""

    def add_candles(self, candles: Candles) -> int:
        """Store candles, keeping a stored one of the same time as it is; return how many were new."""

    def candles(self, coin: str, interval_ms: int, start_ms: int, end_ms: int) -> Candles:
        """Return the candles that open at or after `start_ms` and before `end_ms`."""

    def candle_coverage(self) -> list[CandleCoverage]:
        """Return what is stored per coin and interval, by coin, finest first."""

    def add_funding(self, rates: Iterable[FundingRate]) -> int:
        """Store funding rates, keeping a stored one of the same coin and time; return how many were new."""

    def funding(self, coin: str, since: datetime, until: datetime) -> list[FundingRate]:
        """Return rates by time, after `since` and up to `until`."""

    def funding_coverage(self) -> list[FundingCoverage]:
        """Return what is stored per coin."""


class Runs(Protocol):
    """The ledger of command runs."""

    def start(self, command: str, at: datetime) -> int:
        """Record that a command began; return the run's id."""

    def finish(self, run_id: int, at: datetime, *, ok: bool, counts: Mapping[str, int], errors: Sequence[str]) -> None:
        """Record how it ended."""

    def last(self, command: str) -> Run | None:
        """Return the newest run of a command."""


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


class Ledger(Protocol):
    """The ledgers over one file, or over memory, and the transaction that spans them."""

    @property
    def traders(self) -> Traders:
        """Traders and their positions."""

    @property
    def signals(self) -> Signals:
        """Judged orders."""

    @property
    def book(self) -> Book:
        """Our positions and orders."""

    @property
    def history(self) -> History:
        """Recorded markets."""

    @property
    def runs(self) -> Runs:
        """Runs of commands."""

    @property
    def paper(self) -> PaperBooks:
        """The paper venue's own books."""

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing: what is written inside is kept when the block ends and undone when it raises; it may nest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Everything that a tick works with."""

    policy: Policy
    ledger: Ledger
    source: TraderSource
    market: Market
    exchange: Exchange
    account_lock: Callable[[], AbstractContextManager[None]]
    pause: Callable[[float], None]
