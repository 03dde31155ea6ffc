"""The tables `traders`, `trader_positions` and `poll_marks`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlcopy.adapters.store.rows import FLAG, JSON, TIME, Column, Table, to_text
from hlcopy.domain.models import Trader, TraderPosition
from hlcopy.ports import PollMark

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from hlcopy.adapters.store.connection import Connection

_TRADERS: Final = Table(
    "traders",
    Trader,
    (
        Column("address"),
        Column("label"),
        Column("score"),
        Column("style"),
        Column("tier"),
        Column("roi_7d"),
        Column("roi_30d"),
        Column("roi_90d"),
        Column("win_rate"),
        Column("account_value"),
        Column("nof_trades"),
        Column("last_scored_at", codec=TIME),
        Column("blacklisted_until", codec=TIME),
        Column("disqualified_reason"),
        Column("terms", codec=JSON),
        Column("scored", codec=FLAG),
    ),
    key=("address",),
    kept=("blacklisted_until",),
)
_POSITIONS: Final = Table(
    "trader_positions",
    TraderPosition,
    (
        Column("token_symbol", "coin"),
        Column("size"),
        Column("position_value_usd", "value_usd"),
        Column("entry_price"),
        Column("leverage"),
        Column("isolated", codec=FLAG),
    ),
    key=("address", "token_symbol"),
    written={"side": lambda position: position.side.value},
    beside=("address", "last_seen_at"),
)
_MARKS: Final = Table(
    "poll_marks",
    PollMark,
    (Column("followed_from", codec=TIME), Column("read_until", codec=TIME), Column("polled_at", codec=TIME)),
    key=("address",),
    beside=("address",),
)


class StoredTraders:
    """The ledger of traders over the file."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def get(self, address: str) -> Trader | None:
        """Return one trader."""
        row = self._db.row(f"{_TRADERS.select} WHERE address = ?", (address,))
        return _TRADERS.item(row) if row else None

    def all(self) -> list[Trader]:
        """Return every trader, best score first, then by address."""
        return [_TRADERS.item(row) for row in self._db.rows(f"{_TRADERS.select} ORDER BY score DESC, address")]

    def followed(self) -> list[Trader]:
        """Return the traders with a tier, best score first, then by address."""
        rows = self._db.rows(f"{_TRADERS.select} WHERE tier IS NOT NULL ORDER BY score DESC, address")
        return [_TRADERS.item(row) for row in rows]

    def put(self, traders: Iterable[Trader]) -> None:
        """Insert or replace traders; a stored `blacklisted_until` is kept, whatever the new row says."""
        self._db.run_many(_TRADERS.upsert, map(_TRADERS.values, traders))

    def blacklist(self, address: str, until: datetime) -> None:
        """Blacklist a trader; an earlier end never shortens a later one."""
        self._db.run(
            "INSERT INTO traders (address, blacklisted_until) VALUES (?, ?) ON CONFLICT (address) DO UPDATE "
            "SET blacklisted_until = max(coalesce(blacklisted_until, ''), excluded.blacklisted_until)",
            (address, to_text(until)),
        )

    def positions(self, address: str) -> tuple[TraderPosition, ...]:
        """Return a trader's positions as last seen, by coin."""
        rows = self._db.rows(f"{_POSITIONS.select} WHERE address = ? ORDER BY token_symbol", (address,))
        return tuple(map(_POSITIONS.item, rows))

    def put_positions(self, address: str, positions: Iterable[TraderPosition], seen_at: datetime) -> None:
        """Replace a trader's positions by a complete reading."""
        rows = [_POSITIONS.values(position, address, to_text(seen_at)) for position in positions]
        with self._db.transaction():
            self._db.run("DELETE FROM trader_positions WHERE address = ?", (address,))
            self._db.run_many(_POSITIONS.upsert, rows)

    def mark(self, address: str) -> PollMark | None:
        """Return how far the trader's fills have been read, None before the first time."""
        row = self._db.row(f"{_MARKS.select} WHERE address = ?", (address,))
        return _MARKS.item(row) if row else None

    def put_mark(self, address: str, mark: PollMark) -> None:
        """Remember how far the trader's fills have been read."""
        self._db.run(_MARKS.upsert, _MARKS.values(mark, address))
