"""The sixth schema: what a person decided about traders."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database


def m007_choices(db: Database) -> None:
    """Add a person's word on traders, apart from what scores write."""
    db.create_table(
        "trader_choices",
        {
            "address": str,
            "at": str,
            "pinned": int,
            "banned": int,
            "watched": int,
            "budget_usd": float,
            "note": str,
        },
        pk="address",
        not_null={"at", "pinned", "banned", "watched"},
    )
