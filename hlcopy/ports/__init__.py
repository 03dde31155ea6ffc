"""What the ticks need from the world: sources, the venue, small ledgers; `Desk` bundles them.

A read can fail. A failed or incomplete read is the value `UNKNOWN`, never an empty answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from hlcopy.ports.choices import Choices
from hlcopy.ports.clock import Clock
from hlcopy.ports.controls import Controls, Fact, Halt
from hlcopy.ports.discovery import (
    FILLS_SERVED,
    Archive,
    DeepFills,
    EquityPoint,
    Leader,
    Leaderboard,
    Leaders,
    Portfolio,
    Profiles,
    TradeSummary,
)
from hlcopy.ports.ledgers import (
    Book,
    CandleBlock,
    CandleCoverage,
    Crawl,
    EquityCoverage,
    FillCoverage,
    FundingCoverage,
    FundingRate,
    History,
    KnownEquity,
    Ledger,
    Placing,
    PollMark,
    Reach,
    Runs,
    Scoring,
    Signals,
    Traders,
)
from hlcopy.ports.outbox import Outbox
from hlcopy.ports.paper import Level, PaperBooks, PaperOrder, PaperPosition, PriceFeed, Quote
from hlcopy.ports.sources import UNKNOWN, Market, Marks, Progress, SilentProgress, TraderSource, Unknown, UnknownType
from hlcopy.ports.usage import CreditMeter, WeightRation
from hlcopy.ports.venue import (
    MISSING,
    Accepted,
    Account,
    ActionBudget,
    Exchange,
    Missing,
    MissingType,
    Outcome,
    Refused,
    RestingOrder,
    RestingStop,
    VenueAccount,
    VenuePosition,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager
    from datetime import datetime

    from hlcopy.domain.policy import Policy

__all__ = [
    "FILLS_SERVED",
    "MISSING",
    "UNKNOWN",
    "Accepted",
    "Account",
    "ActionBudget",
    "Archive",
    "Book",
    "CandleBlock",
    "CandleCoverage",
    "Choices",
    "Clock",
    "Controls",
    "Crawl",
    "CreditMeter",
    "DeepFills",
    "Desk",
    "EquityCoverage",
    "EquityPoint",
    "Exchange",
    "Fact",
    "FetchDesk",
    "FillCoverage",
    "FundingCoverage",
    "FundingRate",
    "Halt",
    "History",
    "KnownEquity",
    "Leader",
    "Leaderboard",
    "Leaders",
    "Ledger",
    "Level",
    "Market",
    "Marks",
    "Missing",
    "MissingType",
    "Outbox",
    "Outcome",
    "PaperBooks",
    "PaperOrder",
    "PaperPosition",
    "Placing",
    "PollMark",
    "Portfolio",
    "PriceFeed",
    "Profiles",
    "Progress",
    "Quote",
    "Reach",
    "Refused",
    "RestingOrder",
    "RestingStop",
    "Runs",
    "Scoring",
    "ScoringDesk",
    "Signals",
    "SilentProgress",
    "Together",
    "TradeSummary",
    "TraderSource",
    "Traders",
    "Unknown",
    "UnknownType",
    "VenueAccount",
    "VenuePosition",
    "WeightRation",
    "one_by_one",
]


Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Together(Protocol):
    """Ask the same of several items, at the same time where that is quicker, and return the answers in their order.

    What is asked reads sources and touches no ledger: a ledger belongs to one thread.
    """

    def __call__(self, ask: Callable[[Asked], Answer], items: Iterable[Asked], /) -> list[Answer]:
        """Return the answer to each."""


def one_by_one(ask: Callable[[Asked], Answer], items: Iterable[Asked], /) -> list[Answer]:
    """Ask one after the other."""
    return [ask(item) for item in items]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Everything that a tick works with.

    `market` has the prices of the venue we trade at, `reference` those that are compared with the traders' own; they
    differ on testnet only. `clock` tells what a tick's moment doesn't: that time passes while it waits for a lock and an
    answer. Without one, a replay's say, all of a tick happens at its moment.
    """

    policy: Policy
    ledger: Ledger
    source: TraderSource
    market: Market
    exchange: Exchange
    account_lock: Callable[[], AbstractContextManager[None]]
    pause: Callable[[float], None]
    together: Together = one_by_one
    reference: Market | None = None
    clock: Clock | None = None

    def present(self, now: datetime) -> datetime:
        """Return the present of a tick that began at a moment; never one before it."""
        return now if self.clock is None else max(now, self.clock.now())

    @property
    def prices(self) -> Market:
        """Where prices are read that are compared with the traders' own."""
        return self.reference or self.market


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringDesk:
    """Everything that the daily selection works with."""

    policy: Policy
    ledger: Ledger
    leaderboard: Leaderboard
    profiles: Profiles
    progress: Progress
    clock: Clock
    together: Together = one_by_one


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchDesk:
    """Everything that filling the recorded history works with."""

    policy: Policy
    ledger: Ledger
    archive: Archive
    leaderboard: Leaderboard
    progress: Progress
    clock: Clock
