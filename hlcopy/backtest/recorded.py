"""What a replay reads of a ledger, and nothing more."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from hlcopy.domain.candles import Candles
    from hlcopy.domain.models import Fill
    from hlcopy.ports import CandleBlock, FillCoverage, FundingRate, KnownEquity, Placing, Reach

_KEPT_CANDLES: Final = 512


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


class Kept:
    """A recorded ledger whose fills, equity and leaderboards are kept once they were read, for who reads them often."""

    def __init__(self, recorded: Recorded) -> None:
        self.history = _KeptHistory(recorded.history)
        self.scoring = _KeptScoring(recorded.scoring)


class _KeptHistory:
    def __init__(self, inner: RecordedHistory) -> None:
        self._fills = cache(lambda trader, until: inner.fills(trader, until=until))
        self.fill_coverage = inner.fill_coverage
        self.candles = lru_cache(_KEPT_CANDLES)(inner.candles)
        self.candle_blocks = cache(inner.candle_blocks)
        self.funding = cache(inner.funding)
        self.equity = cache(inner.equity)

    def fills(self, trader: str, *, until: datetime | None = None) -> list[Fill]:
        return self._fills(trader, until)


class _KeptScoring:
    def __init__(self, inner: RecordedScoring) -> None:
        self.boards = inner.boards
        self.board = cache(inner.board)
        self.reach = cache(inner.reach)
