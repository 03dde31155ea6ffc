"""The table `equity_points`: what traders' accounts were worth, and since when that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hlcopy.domain.models import from_ms, to_ms
from hlcopy.ports import EquityCoverage, KnownEquity

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from hlcopy.adapters.store.connection import Connection, Row


def add(db: Connection, points: Iterable[KnownEquity]) -> int:
    """Add the points of new moments; return how many that were."""
    rows = [
        (point.address, to_ms(point.at), point.value_usd, point.pnl_usd, point.source, to_ms(point.read_at))
        for point in points
    ]
    return db.run_many(
        "INSERT OR IGNORE INTO equity_points (address, at, value_usd, pnl_usd, source, read_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        rows,
    )


def latest(db: Connection, trader: str, at: datetime, read_by: datetime) -> KnownEquity | None:
    """Return the latest point at or before a moment of those read by another."""
    row = db.row(
        "SELECT at, value_usd, pnl_usd, source, read_at FROM equity_points "
        "WHERE address = ? AND at <= ? AND read_at <= ? ORDER BY at DESC LIMIT 1",
        (trader, to_ms(at), to_ms(read_by)),
    )
    return None if row is None else _point(trader, row)


def points(db: Connection, trader: str) -> list[KnownEquity]:
    """Return every point of a trader by the moment it is of."""
    rows = db.rows(
        "SELECT at, value_usd, pnl_usd, source, read_at FROM equity_points WHERE address = ? ORDER BY at", (trader,)
    )
    return [_point(trader, row) for row in rows]


def _point(trader: str, row: Row) -> KnownEquity:
    moment, value, pnl, source, read_at = row
    return KnownEquity(
        address=trader, at=from_ms(moment), value_usd=value, pnl_usd=pnl, source=source, read_at=from_ms(read_at)
    )


def coverage(db: Connection) -> list[EquityCoverage]:
    """Return what is stored per trader, by address."""
    rows = db.rows(
        "SELECT address, min(at), max(at), count(*), min(read_at), max(read_at) FROM equity_points "
        "GROUP BY address ORDER BY address"
    )
    return [
        EquityCoverage(
            trader=trader,
            first=from_ms(first),
            last=from_ms(last),
            count=count,
            first_read=from_ms(first_read),
            last_read=from_ms(last_read),
        )
        for trader, first, last, count, first_read, last_read in rows
    ]
