"""The ledgers: what is remembered of traders, signals, our book, recorded markets and runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import date, datetime

    from hlcopy.domain.book import IntentState, Order, OurFill, Position, PositionAction, Purpose
    from hlcopy.domain.candles import Candles
    from hlcopy.domain.decision import Evidence
    from hlcopy.domain.models import Fill, Run, Signal, Trader, TraderPosition
    from hlcopy.domain.spans import Span
    from hlcopy.ports.choices import Choices
    from hlcopy.ports.controls import Controls
    from hlcopy.ports.discovery import Leader, Portfolio, TradeSummary
    from hlcopy.ports.outbox import Outbox
    from hlcopy.ports.paper import PaperBooks


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

    def followed(self) -> list[Trader]:
        """Return the traders with a tier, best score first, then by address."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Crawl:
    """One run of the daily selection, which may take several starts of the command; all of it is as of `began_at`.

    `board_rows` counts the leaderboard, `left_out` those of it that failed the first screen, by reason.
    """

    began_at: datetime
    source: str
    board_rows: int
    left_out: Mapping[str, int]
    notes: tuple[str, ...] = ()
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """A row of a day's leaderboard: its rank among those that passed the screen, or the reason why it is left out."""

    leader: Leader
    rank: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The period in which every fill of a trader is stored; `exhausted` when its source serves nothing older."""

    address: str
    complete_from: datetime
    complete_until: datetime
    exhausted: bool = False


class Scoring(Protocol):
    """The ledger of the daily selection: leaderboards for ever, what was read of candidates as of the last time."""

    def begin(self, crawl: Crawl, board: Iterable[Placing]) -> None:
        """Store that a crawl began, and the leaderboard of its UTC day in place of one stored before."""

    def last(self) -> Crawl | None:
        """Return the crawl that began last."""

    def finish(self, began_at: datetime, at: datetime, reasons: Mapping[str, str | None]) -> None:
        """Store that a crawl ended, and in its leaderboard the reasons that it found, by address."""

    def board(self, day: date) -> list[Placing]:
        """Return a UTC day's leaderboard by rank, then those without one by 30-day PnL, best first, then by address."""

    def boards(self) -> list[tuple[date, str]]:
        """Return the UTC days of which a leaderboard is stored and its source, oldest first."""

    def put_board(self, day: date, source: str, board: Iterable[Placing]) -> None:
        """Store a UTC day's leaderboard in place of one stored before."""

    def portfolio(self, address: str) -> Portfolio | None:
        """Return the portfolio read last."""

    def put_portfolio(self, portfolio: Portfolio) -> None:
        """Store a portfolio in place of the one before."""

    def reach(self, address: str) -> Reach | None:
        """Return the period in which every fill is stored."""

    def put_reach(self, reach: Reach) -> None:
        """Remember the period in which every fill is stored."""

    def summary(self, address: str) -> TradeSummary | None:
        """Return the summary read last."""

    def put_summary(self, summary: TradeSummary) -> None:
        """Store a summary in place of the one before."""


class Signals(Protocol):
    """The ledger of judged orders. A final decision is never overwritten by a deferral or by another decision."""

    def get(self, signal_id: str) -> Signal | None:
        """Return one signal."""

    def defer(self, signal: Signal) -> bool:
        """Store a deferred signal, inserting or updating it; False, and nothing changed, when it is already final."""

    def decide(self, signal: Signal, fill_identities: Iterable[str]) -> bool:
        """Store a final decision and mark its fills as decided; False, and nothing changed, when it is already final."""

    def evidence(self, signal_id: str) -> tuple[Evidence, str] | None:
        """Return what a decision was made from and the version of hlcopy that made it; None where that wasn't kept."""

    def beginning(self, prefix: str, *, limit: int = 2) -> Sequence[Signal]:
        """Return signals whose id begins with a text, by id."""

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

    def closed_since(self, since: datetime) -> list[Position]:
        """Return the positions that ended at or after a moment, by id."""

    def put_position(self, position: Position) -> Position:
        """Insert (without id) or replace a position; return it with its id."""

    def drop_position(self, position_id: int) -> None:
        """Remove the row of a claimed entry that never came to be."""

    def put_order(self, order: Order) -> None:
        """Insert or replace an order intent by its client id."""

    def order(self, client_order_id: str) -> Order | None:
        """Return one order intent."""

    def order_numbered(self, venue_order_id: int) -> Order | None:
        """Return the order intent to which the venue gave a number."""

    def orders(
        self, signal_id: str | None = None, *, state: IntentState | None = None, purpose: Purpose | None = None
    ) -> list[Order]:
        """Return order intents by time of creation, then client id."""

    def add_fills(self, signal_id: str | None, fills: Iterable[OurFill]) -> int:
        """Store fills of ours once each; return how many were new.

        One that was stored for no signal before becomes this one's, and its order's, if that wasn't known.
        """

    def fills(self, signal_id: str) -> list[OurFill]:
        """Return the fills booked to a signal's position, oldest first."""

    def foreign_fills(self, coin: str, since: datetime) -> list[OurFill]:
        """Return our account's fills in a coin from a moment on that belong to no signal, oldest first."""

    def fills_mark(self) -> datetime | None:
        """Return from when our fills are read next, None before the first look."""

    def put_fills_mark(self, at: datetime) -> None:
        """Remember from when our fills are read next."""

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
class CandleBlock:
    """Stored candles of a coin, an interval and a UTC day; the first of them opens at `first_ms`, the last at `last_ms`."""

    interval_ms: int
    first_ms: int
    last_ms: int
    count: int


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


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEquity:
    """What a trader's account was worth at a moment, and when that was first read.

    `pnl_usd` is the profit since the account began, None where it isn't known: value less profit moves by transfers only.
    """

    address: str
    at: datetime
    value_usd: float
    pnl_usd: float | None
    source: str
    read_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityCoverage:
    """Stored equity of a trader: the moments it is of, and those of its first and last reading."""

    trader: str
    first: datetime
    last: datetime
    count: int
    first_read: datetime
    last_read: datetime


class History(Protocol):
    """The ledger of recorded markets: fills, candles, funding, equity. What is stored never changes under a backtest."""

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

    def candle_blocks(self, coin: str, start_ms: int, end_ms: int) -> list[CandleBlock]:
        """Return what is stored of a coin on the UTC days from `start_ms` to `end_ms`, by day, finest first."""

    def candle_coverage(self) -> list[CandleCoverage]:
        """Return what is stored per coin and interval, by coin, finest first."""

    def add_funding(self, rates: Iterable[FundingRate]) -> int:
        """Store funding rates, keeping a stored one of the same coin and time; return how many were new."""

    def funding(self, coin: str, since: datetime, until: datetime) -> list[FundingRate]:
        """Return rates by time, after `since` and up to `until`."""

    def funding_coverage(self) -> list[FundingCoverage]:
        """Return what is stored per coin."""

    def add_equity(self, points: Iterable[KnownEquity]) -> int:
        """Store points of equity, keeping a stored one of the same trader and moment; return how many were new."""

    def equity_at(self, trader: str, at: datetime, *, known_by: datetime | None = None) -> KnownEquity | None:
        """Return the latest point at or before a moment of those read by then, or by another moment where one is given."""

    def equity(self, trader: str) -> list[KnownEquity]:
        """Return every point of a trader by the moment it is of."""

    def equity_coverage(self) -> list[EquityCoverage]:
        """Return what is stored per trader, by address."""

    def fetched(self, kind: str, coin: str, interval_ms: int) -> list[Span]:
        """Return the spans of a series (`candles` or `funding`) for which the venue has given all it has, by time."""

    def put_fetched(self, kind: str, coin: str, interval_ms: int, spans: Iterable[Span]) -> None:
        """Replace the spans of a series."""


class Runs(Protocol):
    """The ledger of command runs."""

    def start(self, command: str, at: datetime) -> int:
        """Record that a command began; return the run's id."""

    def finish(self, run_id: int, at: datetime, *, ok: bool, counts: Mapping[str, int], errors: Sequence[str]) -> None:
        """Record how it ended."""

    def last(self, command: str) -> Run | None:
        """Return the newest run of a command."""

    def recent(self, command: str, limit: int) -> list[Run]:
        """Return a command's newest runs, the newest first."""

    def prune(self, before: datetime) -> int:
        """Forget the runs that began before a moment, but each command's newest; return how many."""


class Ledger(Protocol):
    """The ledgers over one file, or over memory, and the transaction that spans them."""

    @property
    def traders(self) -> Traders:
        """Traders and their positions."""

    @property
    def scoring(self) -> Scoring:
        """The daily selection."""

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
    def controls(self) -> Controls:
        """What governs trading."""

    @property
    def paper(self) -> PaperBooks:
        """The paper venue's own books."""

    @property
    def choices(self) -> Choices:
        """A person's word on traders."""

    @property
    def outbox(self) -> Outbox:
        """Alerts on their way."""

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing: what is written inside is kept when the block ends and undone when it raises; it may nest."""
