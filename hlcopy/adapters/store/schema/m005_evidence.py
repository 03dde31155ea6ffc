"""The fifth schema: what each decision was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database


def m005_evidence(db: Database) -> None:
    """Add what each decision was made from, and the rules that it was made by: those are many decisions' own."""
    db.execute(
        """CREATE TABLE policies (
            id TEXT PRIMARY KEY,
            rules TEXT NOT NULL
        ) WITHOUT ROWID"""
    )
    db.execute(
        """CREATE TABLE evidence (
            signal_id TEXT PRIMARY KEY,
            policy_id TEXT NOT NULL,
            version TEXT NOT NULL,
            facts TEXT NOT NULL
        )"""
    )
