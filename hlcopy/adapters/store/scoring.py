"""The tables of the daily selection: `crawls`, `leaderboard`, `portfolios`, `fill_reach`, `trade_summaries`."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from hlcopy.adapters.store.rows import FLAG, JSON, JSON_TUPLE, TIME, Codec, Column, Table, to_text
from hlcopy.domain.models import from_ms, to_ms
from hlcopy.ports import Crawl, EquityPoint, Leader, Placing, Portfolio, Reach, TradeSummary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from hlcopy.adapters.store.connection import Connection


def _write_windows(windows: Mapping[str, tuple[EquityPoint, ...]]) -> str:
    return json.dumps(
        {name: [(to_ms(point.at), point.value_usd, point.pnl_usd) for point in part] for name, part in windows.items()}
    )


def _read_windows(text: str) -> dict[str, tuple[EquityPoint, ...]]:
    return {
        name: tuple(EquityPoint(from_ms(at), value, pnl) for at, value, pnl in part)
        for name, part in json.loads(text).items()
    }


_LEADER: Final = tuple(field.name for field in fields(Leader))


def _leaders(name: str, placing: Placing) -> object:
    return getattr(placing.leader, name)


def _placing(*, rank: int | None, reason: str | None, smart_money: int, **leader: Any) -> Placing:  # noqa: ANN401 - a row
    return Placing(leader=Leader(smart_money=smart_money == 1, **leader), rank=rank, reason=reason)


_CRAWLS: Final = Table(
    "crawls",
    Crawl,
    (
        Column("began_at", codec=TIME),
        Column("source"),
        Column("board_rows"),
        Column("left_out", codec=JSON),
        Column("notes", codec=JSON_TUPLE),
        Column("finished_at", codec=TIME),
    ),
    key=("began_at",),
)
_PLACINGS: Final = Table(
    "leaderboard",
    _placing,
    (Column("rank"), Column("disqualified_reason", "reason")),
    key=("day", "address"),
    written={name: partial(_leaders, name) for name in _LEADER},
    computed={name: name for name in _LEADER},
    beside=("day", "source"),
)
_PORTFOLIOS: Final = Table(
    "portfolios",
    Portfolio,
    (Column("address"), Column("read_at", codec=TIME), Column("windows", codec=Codec(_write_windows, _read_windows))),
    key=("address",),
)
_REACHES: Final = Table(
    "fill_reach",
    Reach,
    (
        Column("address"),
        Column("complete_from", codec=TIME),
        Column("complete_until", codec=TIME),
        Column("exhausted", codec=FLAG),
    ),
    key=("address",),
)
_SUMMARIES: Final = Table(
    "trade_summaries",
    TradeSummary,
    (
        Column("address"),
        Column("read_at", codec=TIME),
        Column("trades"),
        Column("realized_pnl_usd"),
        Column("fees_usd"),
    ),
    key=("address",),
)


class StoredScoring:
    """The ledger of the daily selection over the file."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def begin(self, crawl: Crawl, board: Iterable[Placing]) -> None:
        """Store that a crawl began, and the leaderboard of its UTC day in place of one stored before."""
        with self._db.transaction():
            self._db.run(_CRAWLS.upsert, _CRAWLS.values(crawl))
            self._put_board(_day(crawl.began_at), crawl.source, board)

    def last(self) -> Crawl | None:
        """Return the crawl that began last."""
        row = self._db.row(f"{_CRAWLS.select} ORDER BY began_at DESC LIMIT 1")
        return _CRAWLS.item(row) if row else None

    def finish(self, began_at: datetime, at: datetime, reasons: Mapping[str, str | None]) -> None:
        """Store that a crawl ended, and in its leaderboard the reasons that it found, by address."""
        day = _day(began_at)
        with self._db.transaction():
            self._db.run("UPDATE crawls SET finished_at = ? WHERE began_at = ?", (to_text(at), to_text(began_at)))
            self._db.run_many(
                "UPDATE leaderboard SET disqualified_reason = ? WHERE day = ? AND address = ?",
                [(reason, day, address) for address, reason in reasons.items()],
            )

    def board(self, day: date) -> list[Placing]:
        """Return a UTC day's leaderboard by rank, then those without one by 30-day PnL, best first, then by address."""
        chosen = "WHERE day = ? ORDER BY rank IS NULL, rank, pnl_30d_usd IS NULL, pnl_30d_usd DESC, address"
        return [_PLACINGS.item(row) for row in self._db.rows(f"{_PLACINGS.select} {chosen}", (day.isoformat(),))]

    def boards(self) -> list[tuple[date, str]]:
        """Return the UTC days of which a leaderboard is stored and its source, oldest first."""
        rows = self._db.rows("SELECT day, max(source) FROM leaderboard GROUP BY day ORDER BY day")
        return [(date.fromisoformat(day), source) for day, source in rows]

    def put_board(self, day: date, source: str, board: Iterable[Placing]) -> None:
        """Store a UTC day's leaderboard in place of one stored before."""
        with self._db.transaction():
            self._put_board(day.isoformat(), source, board)

    def portfolio(self, address: str) -> Portfolio | None:
        """Return the portfolio read last."""
        row = self._db.row(f"{_PORTFOLIOS.select} WHERE address = ?", (address,))
        return _PORTFOLIOS.item(row) if row else None

    def put_portfolio(self, portfolio: Portfolio) -> None:
        """Store a portfolio in place of the one before."""
        self._db.run(_PORTFOLIOS.upsert, _PORTFOLIOS.values(portfolio))

    def reach(self, address: str) -> Reach | None:
        """Return the period in which every fill is stored."""
        row = self._db.row(f"{_REACHES.select} WHERE address = ?", (address,))
        return _REACHES.item(row) if row else None

    def put_reach(self, reach: Reach) -> None:
        """Remember the period in which every fill is stored."""
        self._db.run(_REACHES.upsert, _REACHES.values(reach))

    def summary(self, address: str) -> TradeSummary | None:
        """Return the summary read last."""
        row = self._db.row(f"{_SUMMARIES.select} WHERE address = ?", (address,))
        return _SUMMARIES.item(row) if row else None

    def put_summary(self, summary: TradeSummary) -> None:
        """Store a summary in place of the one before."""
        self._db.run(_SUMMARIES.upsert, _SUMMARIES.values(summary))

    def _put_board(self, day: str, source: str, board: Iterable[Placing]) -> None:
        self._db.run("DELETE FROM leaderboard WHERE day = ?", (day,))
        self._db.run_many(_PLACINGS.upsert, [_PLACINGS.values(each, day, source) for each in board])


def _day(moment: datetime) -> str:
    return to_text(moment)[:10]
