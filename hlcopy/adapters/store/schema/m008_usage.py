"""The fifth schema: what was asked of Hyperliquid, added up."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database


def m008_usage(db: Database) -> None:
    """Add the requests of each UTC day by command and endpoint; times are milliseconds."""
    db.execute(
        """CREATE TABLE api_usage (
            day TEXT NOT NULL,
            command TEXT NOT NULL,
            endpoint TEXT NOT NULL,
            requests INTEGER NOT NULL,
            weight INTEGER NOT NULL,
            first_at INTEGER NOT NULL,
            last_at INTEGER NOT NULL,
            PRIMARY KEY (day, command, endpoint)
        ) WITHOUT ROWID"""
    )
