"""The third schema: what live trading needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database


def m003_live(db: Database) -> None:
    """Add what live trading needs: halts, our equity through time, nonces, facts, the venue's order numbers."""
    for table in ("our_fills", "paper_fills"):
        db.execute(f"ALTER TABLE {table} ADD COLUMN forced TEXT")
        db.execute(f"UPDATE {table} SET forced = 'LIQUIDATED' WHERE liquidation")  # noqa: S608 - constants of this module
        db.execute(f"ALTER TABLE {table} DROP COLUMN liquidation")
        db.execute(f"ALTER TABLE {table} ADD COLUMN venue_order_id INTEGER")
    db.execute("ALTER TABLE orders ADD COLUMN venue_order_id INTEGER")
    db.execute("CREATE INDEX idx_orders_venue_order_id ON orders (venue_order_id) WHERE venue_order_id IS NOT NULL")
    db.execute("ALTER TABLE our_positions ADD COLUMN funding_until TEXT")
    db.execute("CREATE INDEX idx_our_positions_closed ON our_positions (closed_at) WHERE closed_at IS NOT NULL")
    db.create_table(
        "halts", {"id": int, "at": str, "reason": str, "resumed_at": str}, pk="id", not_null={"at", "reason"}
    )
    db.execute(
        """CREATE TABLE equity (
            at TEXT PRIMARY KEY,
            equity_usd REAL NOT NULL,
            transfers_usd REAL NOT NULL
        ) WITHOUT ROWID"""
    )
    db.create_table("nonces", {"signer": str, "last": int}, pk="signer", not_null={"last"})
    db.create_table("facts", {"name": str, "text": str, "at": str}, pk="name", not_null={"text", "at"})
