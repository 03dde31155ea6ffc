"""The tables `halts`, `equity`, `nonces` and `facts`: what governs trading."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from hlcopy.adapters.store.rows import TIME, Column, Table, to_text
from hlcopy.domain.breakers import EquitySample
from hlcopy.ports import Fact, Halt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hlcopy.adapters.store.connection import Connection

_EQUITY: Final = Table(
    "equity",
    EquitySample,
    (Column("at", codec=TIME), Column("equity_usd"), Column("transfers_usd")),
    key=("at",),
)
_FACTS: Final = Table("facts", Fact, (Column("text"), Column("at", codec=TIME)), key=("name",), beside=("name",))


class StoredControls:
    """The ledger of what governs trading, over the file."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._samples: list[EquitySample] = []  # as read last: whoever watches for hours asks for them every half minute

    def halt(self) -> Halt | None:
        """Return the halt in force."""
        row = self._db.row("SELECT at, reason FROM halts WHERE resumed_at IS NULL ORDER BY id DESC LIMIT 1")
        return Halt(datetime.fromisoformat(row[0]), row[1]) if row else None

    def put_halt(self, halt: Halt) -> None:
        """Halt: nothing new is opened until somebody resumes."""
        self._db.run("INSERT INTO halts (at, reason) VALUES (?, ?)", (to_text(halt.at), halt.reason))

    def resume(self, at: datetime) -> None:
        """End the halt; drawdown is measured from here on."""
        with self._db.transaction():
            self._db.run("UPDATE halts SET resumed_at = ? WHERE resumed_at IS NULL", (to_text(at),))
            self._db.run("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", ("resumed_at", to_text(at)))

    def resumed_at(self) -> datetime | None:
        """Return when trading was last resumed."""
        row = self._db.row("SELECT value FROM meta WHERE key = ?", ("resumed_at",))
        return datetime.fromisoformat(row[0]) if row else None

    def equity(self, since: datetime | None = None) -> Sequence[EquitySample]:
        """Return our equity as sampled from a moment on, oldest first."""
        ((count,),) = self._db.rows("SELECT count(*) FROM equity")
        last = to_text(self._samples[-1].at) if self._samples else ""
        later = [_EQUITY.item(row) for row in self._db.rows(f"{_EQUITY.select} WHERE at > ? ORDER BY at", (last,))]
        if len(self._samples) + len(later) == count and not self._was_replaced():
            self._samples = [*self._samples, *later]
        else:
            self._samples = [_EQUITY.item(row) for row in self._db.rows(f"{_EQUITY.select} ORDER BY at")]
        return self._samples if since is None else [sample for sample in self._samples if sample.at >= since]

    def _was_replaced(self) -> bool:
        """Whether the newest sample that is remembered isn't what the file holds for its moment."""
        if not self._samples:
            return False
        last = self._samples[-1]
        row = self._db.row(f"{_EQUITY.select} WHERE at = ?", (to_text(last.at),))
        return row is None or _EQUITY.item(row) != last

    def last_equity(self) -> EquitySample | None:
        """Return the newest sample."""
        row = self._db.row(f"{_EQUITY.select} ORDER BY at DESC LIMIT 1")
        return _EQUITY.item(row) if row else None

    def add_equity(self, sample: EquitySample) -> None:
        """Append a sample; one of the same moment is replaced."""
        self._db.run(_EQUITY.upsert, _EQUITY.values(sample))

    def thin_equity(self, before: datetime) -> None:
        """Keep of each UTC day before a moment only the samples with its highest and its lowest result."""
        ranked = "row_number() OVER (PARTITION BY substr(at, 1, 10) ORDER BY equity_usd - transfers_usd {}, at {})"
        self._db.run(
            f"DELETE FROM equity WHERE at < :before AND at NOT IN (SELECT at FROM ("  # noqa: S608 - constants of this module
            f"SELECT at, {ranked.format('', '')} AS low, {ranked.format('DESC', 'DESC')} AS high FROM equity "
            "WHERE at < :before) WHERE low = 1 OR high = 1)",
            {"before": to_text(before)},
        )

    def next_nonce(self, signer: str, now_ms: int) -> int:
        """Return the present in ms, or one more than a signer's last nonce if that is later, and remember it."""
        with self._db.transaction():
            row = self._db.row("SELECT last FROM nonces WHERE signer = ?", (signer,))
            nonce = max(now_ms, row[0] + 1) if row else now_ms
            self._db.run("INSERT OR REPLACE INTO nonces (signer, last) VALUES (?, ?)", (signer, nonce))
        return nonce

    def fact(self, name: str) -> Fact | None:
        """Return what was found out under a name."""
        row = self._db.row(f"{_FACTS.select} WHERE name = ?", (name,))
        return _FACTS.item(row) if row else None

    def put_fact(self, name: str, fact: Fact) -> None:
        """Remember what was found out."""
        self._db.run(_FACTS.upsert, _FACTS.values(fact, name))

    def drop_fact(self, name: str) -> None:
        """Forget it, so that it is found out anew."""
        self._db.run("DELETE FROM facts WHERE name = ?", (name,))
