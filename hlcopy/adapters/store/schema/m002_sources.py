"""The second schema: what reading over the wire needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database


def m002_sources(db: Database) -> None:
    """Add what reading over the wire needs: Nansen's rows, score terms, daily leaderboards, rate limits and credits."""
    _let_nansen_fills_in(db)
    db.execute("ALTER TABLE traders ADD COLUMN terms TEXT NOT NULL DEFAULT '{}'")
    _create_usage(db)
    _create_scoring(db)
    _note_paper_fills(db)


def _let_nansen_fills_in(db: Database) -> None:
    """Nansen's rows have no `tid`: they are known by order and hash instead."""
    db.execute("ALTER TABLE fills ADD COLUMN source TEXT NOT NULL DEFAULT 'hyperliquid'")
    db.execute("DROP INDEX fill_identity")
    db.execute(
        "CREATE UNIQUE INDEX fill_identity ON fills (trader_id, tid, token_symbol, is_buy) WHERE source <> 'nansen'"
    )
    db.execute(
        "CREATE UNIQUE INDEX nansen_identity ON fills (trader_id, oid, hash, token_symbol) WHERE source = 'nansen'"
    )


def _create_usage(db: Database) -> None:
    """Create what counts API calls; times are milliseconds.

    `api_weight` holds the last minute only; `api_halts` says until when a share stands still. A row of `nansen_calls`
    without a status is a call that was reserved and whose answer hasn't been recorded.
    """
    db.create_table(
        "api_weight", {"id": int, "at": int, "share": str, "weight": int}, pk="id", not_null={"at", "share", "weight"}
    )
    db.table("api_weight").create_index(["at"])
    db.create_table("api_halts", {"share": str, "until": int}, pk="share", not_null={"until"})
    db.create_table(
        "nansen_calls",
        {"id": int, "at": int, "endpoint": str, "status": int, "credits": float, "remaining": float},
        pk="id",
        not_null={"at", "endpoint", "credits"},
    )
    db.table("nansen_calls").create_index(["at"])
    db.execute("CREATE INDEX nansen_reserved ON nansen_calls (endpoint) WHERE status IS NULL")


def _create_scoring(db: Database) -> None:
    """Create what the daily selection keeps: crawls, leaderboards, portfolios, how far fills were read, summaries."""
    db.execute("CREATE INDEX idx_traders_followed ON traders (score DESC, address) WHERE tier IS NOT NULL")
    db.create_table(
        "crawls",
        {"began_at": str, "source": str, "board_rows": int, "left_out": str, "notes": str, "finished_at": str},
        pk="began_at",
        not_null={"source", "board_rows", "left_out", "notes"},
    )
    db.execute(
        """CREATE TABLE leaderboard (
            day TEXT NOT NULL,
            address TEXT NOT NULL,
            source TEXT NOT NULL,
            rank INTEGER,
            account_value REAL,
            pnl_30d_usd REAL,
            volume_30d_usd REAL,
            realized_30d_usd REAL,
            label TEXT,
            smart_money INTEGER NOT NULL,
            disqualified_reason TEXT,
            PRIMARY KEY (day, address)
        ) WITHOUT ROWID"""
    )
    db.create_table(
        "portfolios",
        {"address": str, "read_at": str, "windows": str},
        pk="address",
        not_null={"read_at", "windows"},
    )
    db.create_table(
        "fill_reach",
        {"address": str, "complete_from": str, "complete_until": str, "exhausted": int},
        pk="address",
        not_null={"complete_from", "complete_until", "exhausted"},
    )
    db.create_table(
        "trade_summaries",
        {"address": str, "read_at": str, "trades": int, "realized_pnl_usd": float, "fees_usd": float},
        pk="address",
        not_null={"read_at", "trades", "realized_pnl_usd", "fees_usd"},
    )


def _note_paper_fills(db: Database) -> None:
    """Let an order of the paper venue say what its price was made of."""
    db.execute("ALTER TABLE paper_orders ADD COLUMN note TEXT")
