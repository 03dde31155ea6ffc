"""What the ticks need from the world: sources, the venue, small ledgers; `Desk` bundles them.

A read can fail. A failed or incomplete read is the value `UNKNOWN`, never an empty answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hlcopy.ports.ledgers import (
    Book,
    CandleCoverage,
    FillCoverage,
    FundingCoverage,
    FundingRate,
    History,
    Ledger,
    PollMark,
    Runs,
    Signals,
    Traders,
)
from hlcopy.ports.paper import PaperBooks, PaperOrder, PaperPosition
from hlcopy.ports.sources import UNKNOWN, Market, Marks, Progress, TraderSource, Unknown, UnknownType
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
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from hlcopy.domain.policy import Policy

__all__ = [
    "MISSING",
    "UNKNOWN",
    "Accepted",
    "Account",
    "Book",
    "CandleCoverage",
    "Desk",
    "Exchange",
    "FillCoverage",
    "FundingCoverage",
    "FundingRate",
    "History",
    "Ledger",
    "Market",
    "Marks",
    "Missing",
    "MissingType",
    "Outcome",
    "PaperBooks",
    "PaperOrder",
    "PaperPosition",
    "PollMark",
    "Progress",
    "Refused",
    "RestingStop",
    "Runs",
    "Signals",
    "TraderSource",
    "Traders",
    "Unknown",
    "UnknownType",
    "VenuePosition",
]


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
