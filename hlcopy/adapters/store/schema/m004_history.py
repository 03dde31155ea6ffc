"""The fourth schema: what a backtest knows of the past, and when it was known."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database


def m004_history(db: Database) -> None:
    """Add traders' equity through time and which stretches of candles and funding the venue has answered for.

    Times are milliseconds. A point keeps the moment of its first reading, so that a backtest sees what was known then.
    """
    db.execute(
        """CREATE TABLE equity_points (
            address TEXT NOT NULL,
            at INTEGER NOT NULL,
            value_usd REAL NOT NULL,
            pnl_usd REAL,
            source TEXT NOT NULL,
            read_at INTEGER NOT NULL,
            PRIMARY KEY (address, at)
        ) WITHOUT ROWID"""
    )
    db.execute(
        """CREATE TABLE fetched_spans (
            kind TEXT NOT NULL,
            token_symbol TEXT NOT NULL,
            interval_ms INTEGER NOT NULL,
            since INTEGER NOT NULL,
            until INTEGER NOT NULL,
            PRIMARY KEY (kind, token_symbol, interval_ms, since)
        ) WITHOUT ROWID"""
    )
