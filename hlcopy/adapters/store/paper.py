"""The paper venue's own tables."""

from __future__ import annotations

from datetime import datetime
from math import fsum
from typing import TYPE_CHECKING, Final

from hlcopy.adapters.store.book import OUR_FILL_COLUMNS
from hlcopy.adapters.store.rows import FLAG, TIME, Column, Table, one_of, to_text
from hlcopy.domain.book import IntentState, OurFill
from hlcopy.ports import PaperOrder, PaperPosition

if TYPE_CHECKING:
    from hlcopy.adapters.store.connection import Connection

_POSITIONS: Final = Table(
    "paper_positions",
    PaperPosition,
    (
        Column("token_symbol", "coin"),
        Column("size"),
        Column("entry_price"),
        Column("leverage"),
        Column("margin_usd"),
        Column("opened_at", codec=TIME),
    ),
    key=("token_symbol",),
)
_ORDERS: Final = Table(
    "paper_orders",
    PaperOrder,
    (
        Column("client_order_id"),
        Column("token_symbol", "coin"),
        Column("is_buy", codec=FLAG),
        Column("size"),
        Column("trigger_price"),
        Column("reduce_only", codec=FLAG),
        Column("state", codec=one_of(IntentState)),
        Column("placed_at", codec=TIME),
        Column("filled_size"),
        Column("average_price"),
        Column("error"),
        Column("note"),
    ),
    key=("client_order_id",),
)
_FILLS: Final = Table("paper_fills", OurFill, OUR_FILL_COLUMNS, key=("id",))


class StoredPaperBooks:
    """What the paper venue remembers, over the file."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def cash(self) -> float | None:
        """Return the free balance in USD, None before the account exists."""
        row = self._db.row("SELECT cash_usd FROM paper_account")
        return row[0] if row else None

    def put_cash(self, usd: float) -> None:
        """Set the free balance."""
        self._db.run(
            "INSERT INTO paper_account (id, cash_usd) VALUES (1, ?) "
            "ON CONFLICT (id) DO UPDATE SET cash_usd = excluded.cash_usd",
            (usd,),
        )

    def synced_at(self) -> datetime | None:
        """Return up to when price moves and funding have been applied."""
        row = self._db.row("SELECT synced_at FROM paper_account")
        return datetime.fromisoformat(row[0]) if row and row[0] else None

    def put_synced_at(self, at: datetime) -> None:
        """Remember up to when they have been applied."""
        self._db.run(
            "INSERT INTO paper_account (id, synced_at) VALUES (1, ?) "
            "ON CONFLICT (id) DO UPDATE SET synced_at = excluded.synced_at",
            (to_text(at),),
        )

    def positions(self) -> list[PaperPosition]:
        """Return the open positions by coin."""
        return [_POSITIONS.item(row) for row in self._db.rows(f"{_POSITIONS.select} ORDER BY token_symbol")]

    def put_position(self, position: PaperPosition) -> None:
        """Insert or replace the position of a coin."""
        self._db.run(_POSITIONS.upsert, _POSITIONS.values(position))

    def drop_position(self, coin: str) -> None:
        """Remove the position of a coin."""
        self._db.run("DELETE FROM paper_positions WHERE token_symbol = ?", (coin,))

    def leverage(self, coin: str) -> int | None:
        """Return the leverage set for a coin."""
        row = self._db.row("SELECT leverage FROM paper_leverage WHERE token_symbol = ?", (coin,))
        return row[0] if row else None

    def put_leverage(self, coin: str, leverage: int) -> None:
        """Set the leverage of a coin."""
        self._db.run("INSERT OR REPLACE INTO paper_leverage (token_symbol, leverage) VALUES (?, ?)", (coin, leverage))

    def order(self, client_order_id: str) -> PaperOrder | None:
        """Return one order."""
        row = self._db.row(f"{_ORDERS.select} WHERE client_order_id = ?", (client_order_id,))
        return _ORDERS.item(row) if row else None

    def orders(self, state: IntentState) -> list[PaperOrder]:
        """Return the orders in a state, oldest first, then by client id."""
        rows = self._db.rows(f"{_ORDERS.select} WHERE state = ? ORDER BY placed_at, client_order_id", (state,))
        return [_ORDERS.item(row) for row in rows]

    def put_order(self, order: PaperOrder) -> None:
        """Insert or replace an order."""
        self._db.run(_ORDERS.upsert, _ORDERS.values(order))

    def add_fill(self, fill: OurFill) -> None:
        """Append a fill."""
        self._db.run(_FILLS.insert, _FILLS.values(fill))

    def fills(self, since: datetime) -> list[OurFill]:
        """Return the fills from `since` on, in the order they were appended."""
        rows = self._db.rows(f"{_FILLS.select} WHERE time >= ? ORDER BY id", (to_text(since),))
        return [_FILLS.item(row) for row in rows]

    def count_fills(self) -> int:
        """Return how many fills there are."""
        row = self._db.row("SELECT count(*) FROM paper_fills")
        return int(row[0]) if row else 0

    def add_funding(self, coin: str, at: datetime, usd: float) -> None:
        """Append a funding payment, positive when paid."""
        self._db.run("INSERT INTO paper_funding (token_symbol, at, usd) VALUES (?, ?, ?)", (coin, to_text(at), usd))

    def funding(self, coin: str, since: datetime, until: datetime) -> float:
        """Return the funding paid after `since` and up to `until` in USD."""
        rows = self._db.rows(
            "SELECT usd FROM paper_funding WHERE token_symbol = ? AND at > ? AND at <= ?",
            (coin, to_text(since), to_text(until)),
        )
        return fsum(usd for (usd,) in rows)
