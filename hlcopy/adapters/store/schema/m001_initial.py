"""The first schema: the specification's five tables, recorded markets, orders, runs, the paper venue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sqlite_utils import Database


def m001_initial(db: Database) -> None:
    """Create the specification's five tables and those of recorded markets, orders, runs and the paper venue."""
    _create_traders(db)
    _create_signals(db)
    _create_book(db)
    _create_history(db)
    _create_paper(db)
    db.create_table("meta", {"key": str, "value": str}, pk="key", not_null={"value"})
    db.create_table(
        "runs",
        {"id": int, "command": str, "started_at": str, "finished_at": str, "ok": int, "counts": str, "errors": str},
        pk="id",
        not_null={"command", "started_at", "counts", "errors"},
    )
    db.table("runs").create_index(["command", "id"])


def _create_traders(db: Database) -> None:
    db.create_table(
        "traders",
        {
            "address": str,
            "label": str,
            "score": float,
            "style": str,
            "roi_7d": float,
            "roi_30d": float,
            "account_value": float,
            "nof_trades": int,
            "last_scored_at": str,
            "blacklisted_until": str,
            "tier": str,
            "roi_90d": float,
            "win_rate": float,
            "disqualified_reason": str,
            "scored": int,
        },
        pk="address",
        not_null={"score", "scored"},
        defaults={"score": 0.0, "scored": 1},
    )
    db.create_table(
        "trader_positions",
        {
            "address": str,
            "token_symbol": str,
            "side": str,
            "position_value_usd": float,
            "entry_price": float,
            "last_seen_at": str,
            "size": float,
            "leverage": float,
            "isolated": int,
        },
        pk=("address", "token_symbol"),
        not_null={"side", "position_value_usd", "last_seen_at", "size", "isolated"},
    )
    db.create_table(
        "poll_marks",
        {"address": str, "followed_from": str, "read_until": str, "polled_at": str},
        pk="address",
        not_null={"followed_from", "read_until", "polled_at"},
    )


def _create_signals(db: Database) -> None:
    db.create_table(
        "signals",
        {
            "id": str,
            "trader_address": str,
            "token_symbol": str,
            "side": str,
            "action": str,
            "value_usd": float,
            "position_weight": float,
            "timestamp": str,
            "age_seconds": float,
            "slippage_check_passed": int,
            "trader_score": float,
            "copy_size_usd": float,
            "decision": str,
            "created_at": str,
            "updated_at": str,
            "order_key": str,
            "trade_price": float,
            "first_fill_at": str,
            "trader_equity": float,
            "trader_roi_7d": float,
            "slippage_pct": float,
            "mark_price": float,
            "leverage": float,
            "order_type": str,
            "max_slippage": float,
            "check_at": str,
            "wait": str,
            "detail": str,
        },
        pk="id",
        not_null={
            *("trader_address", "token_symbol", "side", "action", "value_usd", "timestamp", "decision", "created_at"),
            *("updated_at", "order_key", "trade_price", "first_fill_at", "detail"),
        },
    )
    db.execute("CREATE INDEX idx_signals_deferred ON signals (check_at, id) WHERE decision = 'DEFERRED'")
    db.execute("CREATE INDEX idx_signals_timestamp ON signals (timestamp DESC, id)")
    db.create_table(
        "seen_trades",
        {"transaction_hash": str, "seen_at": str, "signal_id": str},
        pk="transaction_hash",
        not_null={"seen_at"},
    )


def _create_book(db: Database) -> None:
    # The id of a dropped row must never come again: actions and logs name positions by it.
    db.execute(
        """CREATE TABLE our_positions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            token_symbol TEXT NOT NULL,
            side TEXT NOT NULL,
            entry_price REAL NOT NULL,
            size REAL NOT NULL,
            value_usd REAL NOT NULL,
            stop_price REAL NOT NULL,
            trailing_stop_price REAL NOT NULL,
            highest_price REAL,
            lowest_price REAL,
            opened_at TEXT NOT NULL,
            source_trader TEXT NOT NULL,
            source_signal_id TEXT NOT NULL,
            status TEXT NOT NULL DEFAULT 'open',
            entry_size REAL NOT NULL,
            leverage INTEGER NOT NULL,
            trigger_price REAL,
            stop_client_order_id TEXT,
            stop_confirmed INTEGER NOT NULL,
            tiers_taken TEXT NOT NULL,
            checked_at TEXT,
            missing_since TEXT,
            closing_reason TEXT,
            closed_at TEXT,
            close_reason TEXT,
            exit_price REAL,
            realized_pnl_usd REAL,
            fees_usd REAL NOT NULL,
            funding_usd REAL NOT NULL
        )"""
    )
    db.execute("CREATE INDEX idx_our_positions_live ON our_positions (id) WHERE status <> 'closed'")
    db.create_table(
        "orders",
        {
            "client_order_id": str,
            "purpose": str,
            "signal_id": str,
            "leg": str,
            "attempt": int,
            "token_symbol": str,
            "is_buy": int,
            "size": float,
            "limit_price": float,
            "trigger_price": float,
            "reduce_only": int,
            "created_at": str,
            "expires_at": str,
            "reason": str,
            "state": str,
            "filled_size": float,
            "average_price": float,
            "error": str,
            "misses": int,
            "last_miss_at": str,
        },
        pk="client_order_id",
        not_null={"purpose", "signal_id", "leg", "attempt", "token_symbol", "is_buy", "size", "created_at", "state"},
    )
    db.table("orders").create_index(["signal_id", "created_at"])
    db.table("orders").create_index(["state", "created_at"])
    db.create_table("our_fills", {**_OUR_FILL, "signal_id": str}, pk="id", not_null=_OUR_FILL_NOT_NULL)
    db.table("our_fills").create_index(["identity"], unique=True)
    db.table("our_fills").create_index(["signal_id", "time"])
    db.table("our_fills").create_index(["time"])
    db.create_table(
        "actions",
        {"id": int, "position_id": int, "at": str, "action": str, "reason": str, "price": float},
        pk="id",
        not_null={"position_id", "at", "action"},
    )
    db.table("actions").create_index(["position_id"])


def _create_history(db: Database) -> None:
    # Addresses are stored once, times are milliseconds and a fill's identity is the index over its parts: half the
    # bytes of the text forms, and so twice the rows a second.
    db.create_table("fill_traders", {"id": int, "address": str}, pk="id", not_null={"address"})
    db.table("fill_traders").create_index(["address"], unique=True)
    db.create_table(
        "fills",
        {
            "id": int,
            "trader_id": int,
            "token_symbol": str,
            "is_buy": int,
            "price": float,
            "size": float,
            "time": int,
            "start_position": float,
            "direction": str,
            "closed_pnl": float,
            "fee": float,
            "fee_token": str,
            "hash": str,
            "oid": int,
            "tid": int,
            "twap_id": int,
            "crossed": int,
            "liquidated_user": str,
        },
        pk="id",
        not_null={"trader_id", "token_symbol", "is_buy", "price", "size", "time", "start_position", "oid", "tid"},
    )
    db.table("fills").create_index(
        ["trader_id", "tid", "token_symbol", "is_buy"], index_name="fill_identity", unique=True
    )
    db.table("fills").create_index(["trader_id", "time"])
    db.execute(
        """CREATE TABLE candles (
            token_symbol TEXT NOT NULL,
            interval_ms INTEGER NOT NULL,
            day INTEGER NOT NULL,
            first_ms INTEGER NOT NULL,
            last_ms INTEGER NOT NULL,
            count INTEGER NOT NULL,
            columns BLOB NOT NULL,
            PRIMARY KEY (token_symbol, interval_ms, day)
        )"""
    )
    db.execute(
        """CREATE TABLE funding (
            token_symbol TEXT NOT NULL,
            time INTEGER NOT NULL,
            rate REAL NOT NULL,
            PRIMARY KEY (token_symbol, time)
        ) WITHOUT ROWID"""
    )


def _create_paper(db: Database) -> None:
    db.create_table("paper_account", {"id": int, "cash_usd": float, "synced_at": str}, pk="id")
    db.create_table("paper_leverage", {"token_symbol": str, "leverage": int}, pk="token_symbol", not_null={"leverage"})
    db.create_table(
        "paper_positions",
        {
            "token_symbol": str,
            "size": float,
            "entry_price": float,
            "leverage": int,
            "margin_usd": float,
            "opened_at": str,
        },
        pk="token_symbol",
        not_null={"size", "entry_price", "leverage", "margin_usd", "opened_at"},
    )
    db.create_table(
        "paper_orders",
        {
            "client_order_id": str,
            "token_symbol": str,
            "is_buy": int,
            "size": float,
            "trigger_price": float,
            "reduce_only": int,
            "state": str,
            "placed_at": str,
            "filled_size": float,
            "average_price": float,
            "error": str,
        },
        pk="client_order_id",
        not_null={"token_symbol", "is_buy", "size", "reduce_only", "state", "placed_at", "filled_size"},
    )
    db.table("paper_orders").create_index(["state", "placed_at"])
    db.create_table("paper_fills", _OUR_FILL, pk="id", not_null=_OUR_FILL_NOT_NULL)
    db.table("paper_fills").create_index(["time"])
    db.create_table(
        "paper_funding",
        {"id": int, "token_symbol": str, "at": str, "usd": float},
        pk="id",
        not_null={"token_symbol", "at", "usd"},
    )
    db.table("paper_funding").create_index(["token_symbol", "at"])


_OUR_FILL: Final = {
    "id": int,
    "identity": str,
    "token_symbol": str,
    "is_buy": int,
    "price": float,
    "size": float,
    "fee": float,
    "time": str,
    "client_order_id": str,
    "liquidation": int,
    "slippage_usd": float,
}
_OUR_FILL_NOT_NULL: Final = {"identity", "token_symbol", "is_buy", "price", "size", "fee", "time"}
