"""Nansen's calls and credits in the SQLite file, so that budget and pace hold across processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hlcopy.adapters.store.shared import SharedConnection
from hlcopy.domain.models import from_ms, to_ms

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from pathlib import Path

    from hlcopy.adapters.store.connection import Connection

_DAY_MS: Final = 86_400_000
_KEPT_MS: Final = 40 * _DAY_MS  # a month can be added up
_SPENT: Final = "SELECT coalesce(sum(credits), 0) FROM nansen_calls WHERE at >= ? AND at < ?"
# A call stamped far in the future is one from before the clock was set back: it would block for ever.
_RECENT: Final = "SELECT at FROM nansen_calls WHERE endpoint = ? AND at > ? AND at <= ? ORDER BY at"
_RESERVE: Final = "INSERT INTO nansen_calls (at, endpoint, status, credits) VALUES (?, ?, NULL, 0)"
_SETTLE: Final = (
    "UPDATE nansen_calls SET status = :status, credits = :credits, remaining = :remaining "
    "WHERE id = (SELECT id FROM nansen_calls WHERE endpoint = :endpoint AND status IS NULL ORDER BY id DESC LIMIT 1)"
)
_LAST: Final = (
    "SELECT status, at, (SELECT remaining FROM nansen_calls WHERE remaining IS NOT NULL ORDER BY id DESC LIMIT 1) "
    "FROM nansen_calls WHERE status IS NOT NULL ORDER BY id DESC LIMIT 1"
)
_RECORD: Final = (
    "INSERT INTO nansen_calls (at, endpoint, status, credits, remaining) "
    "VALUES (:at, :endpoint, :status, :credits, :remaining)"
)


@dataclass(frozen=True, slots=True)
class LastAnswer:
    """Nansen's latest recorded answer: its HTTP status, when the call was made, and the credits left if it said so."""

    status: int
    at: datetime
    remaining: float | None


class StoredMeter(SharedConnection):
    """The calls of all processes on this file.

    A row without a status is a call that was reserved and whose answer hasn't been recorded.
    """

    def __init__(self, path: Path, per_day: float) -> None:
        super().__init__(path)
        self._per_day = per_day

    def allows(self, price: float, now: datetime) -> bool:
        """Whether a call at this price in credits stays inside the daily budget (UTC days)."""
        return self.spent(now) + price <= self._per_day

    def spent(self, now: datetime) -> float:
        """Return the credits charged on the UTC day of `now`."""
        moment = to_ms(now)
        midnight = moment - moment % _DAY_MS
        with self.using() as db:
            row = db.row(_SPENT, (midnight, midnight + _DAY_MS))
        return float(row[0]) if row is not None else 0.0

    def last_answer(self) -> LastAnswer | None:
        """Return the latest recorded answer, with the credits left as they were last told; None before the first."""
        with self.using() as db:
            row = db.row(_LAST)
        return LastAnswer(row[0], from_ms(row[1]), row[2]) if row is not None else None

    def reserve(self, endpoint: str, limit: int, every: timedelta, now: datetime) -> float:
        """Take a place among the `limit` calls to an endpoint that a period allows: 0.0, else the seconds until one is free."""
        moment, period = to_ms(now), every.total_seconds()
        with self.using() as db, db.transaction():
            recent = self._recent(db, endpoint, moment, period)
            if len(recent) >= limit:
                return max(0.001, min(period, (recent[-limit] - moment) / 1000 + period))
            db.run(_RESERVE, (moment, endpoint))
            return 0.0

    def room(self, endpoint: str, limit: int, every: timedelta, now: datetime) -> int:
        """Return how many calls to an endpoint could be reserved now."""
        with self.using() as db:
            return max(0, limit - len(self._recent(db, endpoint, to_ms(now), every.total_seconds())))

    def record(self, endpoint: str, status: int, charged: float, remaining: float | None, now: datetime) -> None:
        """Record what a call was charged in credits, and how many are left; it takes the newest reservation's place."""
        call = {"endpoint": endpoint, "status": status, "credits": charged, "remaining": remaining}
        with self.using() as db, db.transaction():
            if not db.run(_SETTLE, call):
                db.run(_RECORD, {**call, "at": to_ms(now)})
            db.run("DELETE FROM nansen_calls WHERE at < ?", (to_ms(now) - _KEPT_MS,))

    def _recent(self, db: Connection, endpoint: str, now: int, period: float) -> list[int]:
        window = int(period * 1000)
        return [at for (at,) in db.rows(_RECENT, (endpoint, now - window, now + window))]
