"""The tables `our_positions`, `orders`, `our_fills` and `actions`."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from hlcopy.adapters.store.rows import FLAG, JSON_TUPLE, TIME, Column, Table, one_of, to_text
from hlcopy.domain.book import (
    ExitReason,
    IntentState,
    Order,
    OurFill,
    Position,
    PositionAction,
    PositionStatus,
    Purpose,
)
from hlcopy.domain.models import Side

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hlcopy.adapters.store.connection import Connection

_POSITIONS: Final = Table(
    "our_positions",
    Position,
    (
        Column("id"),
        Column("token_symbol", "coin"),
        Column("side", codec=one_of(Side)),
        Column("entry_price"),
        Column("size"),
        Column("value_usd"),
        Column("stop_price"),
        Column("trailing_stop_price"),
        Column("opened_at", codec=TIME),
        Column("source_trader"),
        Column("source_signal_id", "signal_id"),
        Column("status", codec=one_of(PositionStatus)),
        Column("entry_size"),
        Column("leverage"),
        Column("trigger_price"),
        Column("stop_client_order_id"),
        Column("stop_confirmed", codec=FLAG),
        Column("tiers_taken", codec=JSON_TUPLE),
        Column("checked_at", codec=TIME),
        Column("missing_since", codec=TIME),
        Column("closing_reason", codec=one_of(ExitReason)),
        Column("closed_at", codec=TIME),
        Column("close_reason", codec=one_of(ExitReason)),
        Column("exit_price"),
        Column("realized_pnl_usd"),
        Column("fees_usd"),
        Column("funding_usd"),
        Column("funding_until", codec=TIME),
    ),
    key=("id",),
    written={
        "highest_price": lambda position: position.best_price if position.side is Side.LONG else None,
        "lowest_price": lambda position: position.best_price if position.side is Side.SHORT else None,
    },
    computed={"best_price": "coalesce(highest_price, lowest_price)"},
)
_ORDERS: Final = Table(
    "orders",
    Order,
    (
        Column("client_order_id"),
        Column("purpose", codec=one_of(Purpose)),
        Column("signal_id"),
        Column("leg"),
        Column("attempt"),
        Column("token_symbol", "coin"),
        Column("is_buy", codec=FLAG),
        Column("size"),
        Column("limit_price"),
        Column("trigger_price"),
        Column("reduce_only", codec=FLAG),
        Column("created_at", codec=TIME),
        Column("expires_at", codec=TIME),
        Column("reason", codec=one_of(ExitReason)),
        Column("state", codec=one_of(IntentState)),
        Column("filled_size"),
        Column("average_price"),
        Column("error"),
        Column("misses"),
        Column("last_miss_at", codec=TIME),
        Column("venue_order_id"),
    ),
    key=("client_order_id",),
)
OUR_FILL_COLUMNS: Final = (
    Column("identity"),
    Column("token_symbol", "coin"),
    Column("is_buy", codec=FLAG),
    Column("price"),
    Column("size"),
    Column("fee"),
    Column("time", codec=TIME),
    Column("client_order_id"),
    Column("forced", codec=one_of(ExitReason)),
    Column("slippage_usd"),
    Column("venue_order_id"),
)
_FILLS: Final = Table("our_fills", OurFill, OUR_FILL_COLUMNS, key=("identity",), beside=("signal_id",))
_ADOPT: Final = """
    UPDATE our_fills SET signal_id = ?, client_order_id = coalesce(client_order_id, ?) WHERE identity = ? AND signal_id IS NULL
"""
_FILLS_MARK: Final = "our_fills_read_until"


class StoredBook:
    """The ledger of our positions, order intents and fills over the file."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def positions(self, *, live_only: bool = True) -> list[Position]:
        """Return our positions by id; `live_only` leaves out the closed ones."""
        only = "WHERE status <> 'closed'" if live_only else ""
        return [_POSITIONS.item(row) for row in self._db.rows(f"{_POSITIONS.select} {only} ORDER BY id")]

    def position(self, position_id: int) -> Position | None:
        """Return one position."""
        row = self._db.row(f"{_POSITIONS.select} WHERE id = ?", (position_id,))
        return _POSITIONS.item(row) if row else None

    def closed_since(self, since: datetime) -> list[Position]:
        """Return the positions that ended at or after a moment, by id."""
        rows = self._db.rows(f"{_POSITIONS.select} WHERE closed_at >= ? ORDER BY id", (to_text(since),))
        return [_POSITIONS.item(row) for row in rows]

    def put_position(self, position: Position) -> Position:
        """Insert (without id) or replace a position; return it with its id."""
        if position.id is None:
            return replace(position, id=self._db.insert(_POSITIONS.insert, _POSITIONS.values(position)))
        self._db.run(_POSITIONS.upsert, _POSITIONS.values(position))
        return position

    def drop_position(self, position_id: int) -> None:
        """Remove the row of a claimed entry that never came to be."""
        self._db.run("DELETE FROM our_positions WHERE id = ?", (position_id,))

    def put_order(self, order: Order) -> None:
        """Insert or replace an order intent by its client id."""
        self._db.run(_ORDERS.upsert, _ORDERS.values(order))

    def order(self, client_order_id: str) -> Order | None:
        """Return one order intent."""
        row = self._db.row(f"{_ORDERS.select} WHERE client_order_id = ?", (client_order_id,))
        return _ORDERS.item(row) if row else None

    def order_numbered(self, venue_order_id: int) -> Order | None:
        """Return the order intent to which the venue gave a number."""
        row = self._db.row(f"{_ORDERS.select} WHERE venue_order_id = ?", (venue_order_id,))
        return _ORDERS.item(row) if row else None

    def orders(
        self, signal_id: str | None = None, *, state: IntentState | None = None, purpose: Purpose | None = None
    ) -> list[Order]:
        """Return order intents by time of creation, then client id."""
        wanted = {"signal_id": signal_id, "state": state, "purpose": purpose}
        given = {column: value for column, value in wanted.items() if value is not None}
        where = f"WHERE {' AND '.join(f'{column} = :{column}' for column in given)}" if given else ""
        rows = self._db.rows(f"{_ORDERS.select} {where} ORDER BY created_at, client_order_id", given)
        return [_ORDERS.item(row) for row in rows]

    def add_fills(self, signal_id: str | None, fills: Iterable[OurFill]) -> int:
        """Store fills of ours once each; return how many were new.

        One that was stored for no signal before becomes this one's, and its order's, if that wasn't known.
        """
        told = list(fills)
        with self._db.transaction():
            added = self._db.run_many(_FILLS.insert_once, [_FILLS.values(fill, signal_id) for fill in told])
            if signal_id is not None and added < len(told):
                self._db.run_many(_ADOPT, [(signal_id, fill.client_order_id, fill.identity) for fill in told])
        return added

    def fills(self, signal_id: str) -> list[OurFill]:
        """Return the fills booked to a signal's position, oldest first."""
        rows = self._db.rows(f"{_FILLS.select} WHERE signal_id = ? ORDER BY time, id", (signal_id,))
        return [_FILLS.item(row) for row in rows]

    def foreign_fills(self, coin: str, since: datetime) -> list[OurFill]:
        """Return our account's fills in a coin from a moment on that belong to no signal, oldest first."""
        where = "WHERE token_symbol = ? AND time >= ? AND signal_id IS NULL ORDER BY time, id"
        return [_FILLS.item(row) for row in self._db.rows(f"{_FILLS.select} {where}", (coin, to_text(since)))]

    def fills_mark(self) -> datetime | None:
        """Return from when our fills are read next, None before the first look."""
        row = self._db.row("SELECT value FROM meta WHERE key = ?", (_FILLS_MARK,))
        return None if row is None else datetime.fromisoformat(row[0])

    def put_fills_mark(self, at: datetime) -> None:
        """Remember from when our fills are read next."""
        self._db.run("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (_FILLS_MARK, to_text(at)))

    def log_action(self, action: PositionAction) -> None:
        """Append to a position's story."""
        self._db.run(
            "INSERT INTO actions (position_id, at, action, reason, price) VALUES (?, ?, ?, ?, ?)",
            (action.position_id, to_text(action.at), action.action, action.reason, action.price),
        )

    def actions(self, position_id: int | None = None, *, skip: int = 0) -> list[PositionAction]:
        """Return the story of one position or of all in order; the first `skip` lines of all are left out."""
        # Nothing is ever deleted here, so ids count the lines from 1.
        rows = self._db.rows(
            "SELECT position_id, at, action, reason, price FROM actions "
            "WHERE id > :skip AND (:position_id IS NULL OR position_id = :position_id) ORDER BY id",
            {"position_id": position_id, "skip": skip},
        )
        return [
            PositionAction(
                position_id=row[0],
                at=datetime.fromisoformat(row[1]),
                action=row[2],
                reason=None if row[3] is None else ExitReason(row[3]),
                price=row[4],
            )
            for row in rows
        ]

    def count_actions(self) -> int:
        """Return how many lines the story of all positions has."""
        ((last,),) = self._db.rows("SELECT coalesce(max(id), 0) FROM actions")
        return int(last)
