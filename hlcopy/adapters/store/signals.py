"""The tables `signals` and `seen_trades`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from hlcopy.adapters.store.evidence import StoredEvidence
from hlcopy.adapters.store.rows import FLAG, JSON, TIME, Column, Table, one_of, to_text
from hlcopy.domain.decision import Evidence
from hlcopy.domain.models import Action, OrderType, Side, Signal, Wait

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterable
    from datetime import datetime

    from hlcopy.adapters.store.connection import Connection

_SIGNALS: Final = Table(
    "signals",
    Signal,
    (
        Column("id"),
        Column("trader_address", "trader"),
        Column("token_symbol", "coin"),
        Column("side", codec=one_of(Side)),
        Column("action", codec=one_of(Action)),
        Column("value_usd"),
        Column("position_weight"),
        Column("timestamp", "trade_time", TIME),
        Column("age_seconds"),
        Column("slippage_check_passed", codec=FLAG),
        Column("trader_score"),
        Column("copy_size_usd"),
        Column("decision"),
        Column("created_at", codec=TIME),
        Column("updated_at", codec=TIME),
        Column("order_key"),
        Column("trade_price"),
        Column("first_fill_at", codec=TIME),
        Column("trader_equity"),
        Column("trader_roi_7d"),
        Column("slippage_pct"),
        Column("mark_price"),
        Column("leverage"),
        Column("order_type", codec=one_of(OrderType)),
        Column("max_slippage"),
        Column("check_at", codec=TIME),
        Column("wait", codec=one_of(Wait)),
        Column("detail", codec=JSON),
    ),
    key=("id",),
)
_PUT_UNLESS_FINAL: Final = f"{_SIGNALS.upsert} WHERE signals.decision = 'DEFERRED'"
_MARK_SEEN: Final = "INSERT OR IGNORE INTO seen_trades (transaction_hash, seen_at, signal_id) VALUES (?, ?, ?)"


class StoredSignals:
    """The ledger of judged orders over the file."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._evidence = StoredEvidence(db)

    def get(self, signal_id: str) -> Signal | None:
        """Return one signal."""
        row = self._db.row(f"{_SIGNALS.select} WHERE id = ?", (signal_id,))
        return _SIGNALS.item(row) if row else None

    def defer(self, signal: Signal) -> bool:
        """Store a deferred signal, inserting or updating it; False, and nothing changed, when it is already final."""
        with self._db.transaction():
            return self._put(signal)

    def decide(self, signal: Signal, fill_identities: Iterable[str]) -> bool:
        """Store a final decision and mark its fills as decided; False, and nothing changed, when it is already final."""
        with self._db.transaction():
            if not self._put(signal):
                return False
            seen_at = to_text(signal.updated_at)
            self._db.run_many(_MARK_SEEN, [(identity, seen_at, signal.id) for identity in fill_identities])
        return True

    def _put(self, signal: Signal) -> bool:
        """Store a signal with what its decision was made from, unless it is already final."""
        if not self._db.run(_PUT_UNLESS_FINAL, _SIGNALS.values(signal)):
            return False
        if isinstance(signal.evidence, Evidence):
            self._evidence.put(signal.id, signal.evidence)
        return True

    def evidence(self, signal_id: str) -> tuple[Evidence, str] | None:
        """Return what a decision was made from and the version of hlcopy that made it; None where that wasn't kept."""
        return self._evidence.get(signal_id)

    def beginning(self, prefix: str, *, limit: int = 2) -> builtins.list[Signal]:
        """Return signals whose id begins with a text, by id."""
        rows = self._db.rows(
            f"{_SIGNALS.select} WHERE substr(id, 1, :length) = :prefix ORDER BY id LIMIT :limit",
            {"length": len(prefix), "prefix": prefix, "limit": limit},
        )
        return [_SIGNALS.item(row) for row in rows]

    def amend(self, signal: Signal) -> None:
        """Replace a final signal by what became of it at the venue: never landed, not filled, filled after all."""
        with self._db.transaction():
            if self._db.row("SELECT 1 FROM signals WHERE id = ? AND decision != 'DEFERRED'", (signal.id,)):
                self._db.run(_SIGNALS.upsert, _SIGNALS.values(signal))

    def attach(self, fill_identities: Iterable[str], at: datetime) -> None:
        """Mark late fills of a decided order as decided."""
        seen_at = to_text(at)
        self._db.run_many(_MARK_SEEN, [(identity, seen_at, None) for identity in fill_identities])

    def seen(self, fill_identities: Iterable[str]) -> set[str]:
        """Return those of the identities that are marked as decided."""
        rows = self._db.rows(
            "SELECT transaction_hash FROM seen_trades WHERE transaction_hash IN (SELECT value FROM json_each(?))",
            (json.dumps(list(fill_identities)),),
        )
        return {identity for (identity,) in rows}

    def deferred(self, trader: str | None = None) -> builtins.list[Signal]:
        """Return the deferred signals, soonest due first, then by id."""
        rows = self._db.rows(
            f"{_SIGNALS.select} WHERE decision = 'DEFERRED' AND (:trader IS NULL OR trader_address = :trader) "
            "ORDER BY check_at, id",
            {"trader": trader},
        )
        return [_SIGNALS.item(row) for row in rows]

    def list(
        self, *, limit: int | None = None, decision: str | None = None, since: datetime | None = None
    ) -> builtins.list[Signal]:
        """Return signals, newest trade first, then by id; `since` is by trade time."""
        rows = self._db.rows(
            f"{_SIGNALS.select} WHERE timestamp >= :since AND (:decision IS NULL OR decision = :decision) "
            "ORDER BY timestamp DESC, id LIMIT :limit",
            {"since": to_text(since) if since else "", "decision": decision, "limit": -1 if limit is None else limit},
        )
        return [_SIGNALS.item(row) for row in rows]
