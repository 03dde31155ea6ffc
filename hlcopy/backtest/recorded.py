"""What a replay reads of a ledger, and nothing more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from hlcopy.domain.candles import Candles
    from hlcopy.domain.models import Fill
    from hlcopy.ports import CandleBlock, FillCoverage, FundingRate, KnownEquity, Placing, Reach


class RecordedHistory(Protocol):
    """Recorded markets; each method as in `hlcopy.ports.History`."""

    def fills(self, trader: str, *, until: datetime | None = None) -> list[Fill]:
        """Return a trader's fills by time, then order of arrival; the end is inclusive."""

    def fill_coverage(self) -> list[FillCoverage]:
        """Return what is stored per trader, by address."""

    def candles(self, coin: str, interval_ms: int, start_ms: int, end_ms: int) -> Candles:
        """Return the candles that open at or after `start_ms` and before `end_ms`."""

    def candle_blocks(self, coin: str, start_ms: int, end_ms: int) -> list[CandleBlock]:
        """Return what is stored of a coin on the UTC days from `start_ms` to `end_ms`, by day, finest first."""

    def funding(self, coin: str, since: datetime, until: datetime) -> Sequence[FundingRate]:
        """Return rates by time, after `since` and up to `until`."""

    def equity(self, trader: str) -> list[KnownEquity]:
        """Return every point of a trader by the moment it is of."""


class RecordedScoring(Protocol):
    """Recorded leaderboards; each method as in `hlcopy.ports.Scoring`."""

    def boards(self) -> list[tuple[date, str]]:
        """Return the UTC days of which a leaderboard is stored and its source, oldest first."""

    def board(self, day: date) -> list[Placing]:
        """Return a UTC day's leaderboard."""

    def reach(self, address: str) -> Reach | None:
        """Return the period in which every fill is stored."""


class Recorded(Protocol):
    """A ledger as a replay reads it."""

    @property
    def history(self) -> RecordedHistory:
        """Recorded markets."""

    @property
    def scoring(self) -> RecordedScoring:
        """Recorded leaderboards."""
