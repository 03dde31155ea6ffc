"""The ration of Hyperliquid's request weight in the SQLite file, so that it holds across processes."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.adapters.store.shared import SharedConnection
from hlcopy.domain import rations
from hlcopy.domain.models import NANSEN, from_ms, to_ms
from hlcopy.domain.rations import Taken, Used

if TYPE_CHECKING:
    from pathlib import Path

    from hlcopy.adapters.store.connection import Connection


_DAY_MS: Final = 86_400_000
_KEPT: Final = timedelta(days=40)  # a month can be added up
_COUNT: Final = (
    "UPDATE api_usage SET requests = requests + :requests, weight = weight + :weight, last_at = max(last_at, :now) "
    "WHERE day = :day AND command = :command AND endpoint = :endpoint"
)
_COUNT_FIRST: Final = "INSERT INTO api_usage VALUES (:day, :command, :endpoint, :requests, :weight, :now, :now)"
_USED: Final = (
    "SELECT day, command, endpoint, requests, weight, first_at, last_at FROM api_usage WHERE day BETWEEN ? AND ? "
    "ORDER BY day, command, endpoint"
)
_PAID: Final = (
    "SELECT at / ? AS day, endpoint, count(*), min(at), max(at), sum(credits) FROM nansen_calls "
    "WHERE at >= ? AND at < ? AND status IS NOT NULL GROUP BY day, endpoint ORDER BY day, endpoint"
)


class StoredRation(SharedConnection):
    """One share of the weight that all processes on this file use; what was asked is also added up under a command's name."""

    def __init__(self, path: Path, share: str, per_minute: int, command: str = "") -> None:
        super().__init__(path)
        self._share = share
        self._command = command or share
        self._per_minute = per_minute

    def take(self, weight: int, now: datetime, endpoint: str = "") -> float:
        """Take weight for a request: 0.0 when it was taken; else nothing was, and the seconds until it could be."""
        moment = to_ms(now)
        with self.using() as db, db.transaction():
            wait = self._halted(db, moment)
            if not wait:
                taken = self._taken(db, moment)
                wait = rations.seconds_until_free(taken, self._share, weight, self._per_minute, moment)
            if not wait:
                self._insert(db, weight, moment)
                self._count(db, endpoint, 1, weight, moment)
            return wait

    def add(self, weight: int, now: datetime, endpoint: str = "", *, requests: int = 0) -> None:
        """Count weight that shows only in the answer; negative for what was taken at `now` and not needed."""
        moment = to_ms(now)
        with self.using() as db, db.transaction():
            self._insert(db, weight, moment)
            self._count(db, endpoint, requests, weight, moment)

    def left(self, now: datetime) -> int:
        """Return the weight that can be taken now."""
        moment = to_ms(now)
        with self.using() as db, db.transaction():
            if self._halted(db, moment):
                return 0
            return rations.left(self._taken(db, moment), self._share, self._per_minute)

    def halt(self, now: datetime) -> None:
        """Let `score` and `data fetch` stand still for 60 seconds, in every process."""
        with self.using() as db:
            db.run(
                "INSERT INTO api_halts (share, until) VALUES (?, ?) ON CONFLICT (share) DO UPDATE SET until = excluded.until",
                (rations.SCORE, to_ms(now) + rations.HALT_MS),
            )

    def _halted(self, db: Connection, now: int) -> float:
        row = db.row("SELECT until FROM api_halts WHERE share = ?", (self._share,))
        until = row[0] if row is not None and row[0] <= now + rations.HALT_MS else now
        return max(0, until - now) / 1000

    def _taken(self, db: Connection, now: int) -> list[Taken]:
        """Return what counts now, oldest first, and drop the rest."""
        rows = [Taken(*row) for row in db.rows("SELECT at, share, weight FROM api_weight ORDER BY at, id")]
        current = [entry for entry in rows if rations.is_current(entry.at, now)]
        if len(current) < len(rows):
            window = (now - rations.WINDOW_MS, now + rations.WINDOW_MS)
            db.run("DELETE FROM api_weight WHERE at <= ? OR at > ?", window)
        return current

    def _insert(self, db: Connection, weight: int, now: int) -> None:
        row = (now, self._share, weight)
        db.run("INSERT INTO api_weight (at, share, weight) VALUES (?, ?, ?)", row)

    def _count(self, db: Connection, endpoint: str, requests: int, weight: int, now: int) -> None:
        day = from_ms(now).date()
        counted = {"day": day.isoformat(), "command": self._command, "endpoint": endpoint, "now": now}
        if not db.run(_COUNT, {**counted, "requests": requests, "weight": weight}):
            db.run(_COUNT_FIRST, {**counted, "requests": requests, "weight": weight})
            db.run("DELETE FROM api_usage WHERE day < ?", ((day - _KEPT).isoformat(),))


class StoredUsage(SharedConnection):
    """What was asked of both APIs, added up by day, command and endpoint."""

    def latest(self) -> datetime | None:
        """Return when Hyperliquid was asked last, None before the first time."""
        with self.using() as db:
            row = db.row("SELECT max(last_at) FROM api_usage")
        return from_ms(row[0]) if row is not None and row[0] is not None else None

    def used(self, since: datetime, until: datetime) -> list[Used]:
        """Return what was used on the UTC days from that of `since` to that of `until`.

        Nansen's calls don't say which command made them.
        """
        days = since.date().isoformat(), until.date().isoformat()
        begin, end = (to_ms(datetime.combine(at.date(), time(), UTC)) for at in (since, until))
        with self.using() as db:
            asked = [Used(*row) for row in db.rows(_USED, days)]
            paid = db.rows(_PAID, (_DAY_MS, begin, end + _DAY_MS))
        return asked + [
            Used(from_ms(day * _DAY_MS).date().isoformat(), NANSEN, endpoint, calls, 0, first, last, credits=charged)
            for day, endpoint, calls, first, last, charged in paid
        ]
