"""The daily selection in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date, datetime

    from hlcopy.adapters.memory.journal import Journal
    from hlcopy.ports import Crawl, Placing, Portfolio, Reach, TradeSummary


class MemoryScoring:
    """The ledger of the daily selection in memory."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._crawls: dict[datetime, Crawl] = {}
        self._boards: dict[date, dict[str, Placing]] = {}
        self._sources: dict[date, str] = {}
        self._portfolios: dict[str, Portfolio] = {}
        self._reaches: dict[str, Reach] = {}
        self._summaries: dict[str, TradeSummary] = {}

    def begin(self, crawl: Crawl, board: Iterable[Placing]) -> None:
        """Store that a crawl began, and the leaderboard of its UTC day in place of one stored before."""
        self._journal.put(self._crawls, crawl.began_at, crawl)
        self.put_board(_day(crawl.began_at), crawl.source, board)

    def last(self) -> Crawl | None:
        """Return the crawl that began last."""
        return self._crawls[max(self._crawls)] if self._crawls else None

    def finish(self, began_at: datetime, at: datetime, reasons: Mapping[str, str | None]) -> None:
        """Store that a crawl ended, and in its leaderboard the reasons that it found, by address."""
        if began_at in self._crawls:
            self._journal.put(self._crawls, began_at, replace(self._crawls[began_at], finished_at=at))
        board = self._boards.get(_day(began_at), {})
        found = {
            address: replace(each, reason=reasons[address]) if address in reasons else each
            for address, each in board.items()
        }
        self._journal.put(self._boards, _day(began_at), found)

    def board(self, day: date) -> list[Placing]:
        """Return a UTC day's leaderboard by rank, then those without one by 30-day PnL, best first, then by address."""
        return sorted(self._boards.get(day, {}).values(), key=_place)

    def boards(self) -> list[tuple[date, str]]:
        """Return the UTC days of which a leaderboard is stored and its source, oldest first."""
        return [(day, self._sources[day]) for day, board in sorted(self._boards.items()) if board]

    def put_board(self, day: date, source: str, board: Iterable[Placing]) -> None:
        """Store a UTC day's leaderboard in place of one stored before."""
        self._journal.put(self._boards, day, {each.leader.address: each for each in board})
        self._journal.put(self._sources, day, source)

    def portfolio(self, address: str) -> Portfolio | None:
        """Return the portfolio read last."""
        return self._portfolios.get(address)

    def put_portfolio(self, portfolio: Portfolio) -> None:
        """Store a portfolio in place of the one before."""
        self._journal.put(self._portfolios, portfolio.address, portfolio)

    def reach(self, address: str) -> Reach | None:
        """Return the period in which every fill is stored."""
        return self._reaches.get(address)

    def put_reach(self, reach: Reach) -> None:
        """Remember the period in which every fill is stored."""
        self._journal.put(self._reaches, reach.address, reach)

    def summary(self, address: str) -> TradeSummary | None:
        """Return the summary read last."""
        return self._summaries.get(address)

    def put_summary(self, summary: TradeSummary) -> None:
        """Store a summary in place of the one before."""
        self._journal.put(self._summaries, summary.address, summary)


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def _place(placing: Placing) -> tuple[bool, int, bool, float, str]:
    pnl = placing.leader.pnl_30d_usd
    return (placing.rank is None, placing.rank or 0, pnl is None, -(pnl or 0.0), placing.leader.address)
