"""What the ticks need from the world: sources, the venue, small ledgers; `Desk` bundles them.

A read can fail. A failed or incomplete read is the value `UNKNOWN`, never an empty answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from hlcopy.ports.clock import Clock
from hlcopy.ports.discovery import (
    FILLS_SERVED,
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
    CandleCoverage,
    Crawl,
    FillCoverage,
    FundingCoverage,
    FundingRate,
    History,
    Ledger,
    Placing,
    PollMark,
    Reach,
    Runs,
    Scoring,
    Signals,
    Traders,
)
from hlcopy.ports.paper import Level, PaperBooks, PaperOrder, PaperPosition, PriceFeed, Quote
from hlcopy.ports.sources import UNKNOWN, Market, Marks, Progress, TraderSource, Unknown, UnknownType
from hlcopy.ports.usage import CreditMeter, WeightRation
from hlcopy.ports.venue import (
    MISSING,
    Accepted,
    Account,
    Exchange,
    Missing,
    MissingType,
    Outcome,
    Refused,
    RestingStop,
    VenuePosition,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from hlcopy.domain.policy import Policy

__all__ = [
    "FILLS_SERVED",
    "MISSING",
    "UNKNOWN",
    "Accepted",
    "Account",
    "Book",
    "CandleCoverage",
    "Clock",
    "Crawl",
    "CreditMeter",
    "DeepFills",
    "Desk",
    "EquityPoint",
    "Exchange",
    "FillCoverage",
    "FundingCoverage",
    "FundingRate",
    "History",
    "Leader",
    "Leaderboard",
    "Leaders",
    "Ledger",
    "Level",
    "Market",
    "Marks",
    "Missing",
    "MissingType",
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
    "RestingStop",
    "Runs",
    "Scoring",
    "ScoringDesk",
    "Signals",
    "Together",
    "TradeSummary",
    "TraderSource",
    "Traders",
    "Unknown",
    "UnknownType",
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
    differ on testnet only.
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
