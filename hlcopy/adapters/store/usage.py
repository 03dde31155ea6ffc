"""The ration of Hyperliquid's request weight in the SQLite file, so that it holds across processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hlcopy.adapters.store.shared import SharedConnection
from hlcopy.domain import rations
from hlcopy.domain.models import to_ms
from hlcopy.domain.rations import Taken

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from hlcopy.adapters.store.connection import Connection


class StoredRation(SharedConnection):
    """One share of the weight that all processes on this file use."""

    def __init__(self, path: Path, share: str, per_minute: int) -> None:
        super().__init__(path)
        self._share = share
        self._per_minute = per_minute

    def take(self, weight: int, now: datetime) -> float:
        """Take weight for a request: 0.0 when it was taken; else nothing was, and the seconds until it could be."""
        moment = to_ms(now)
        with self.using() as db, db.transaction():
            wait = self._halted(db, moment)
            if not wait:
                taken = self._taken(db, moment)
                wait = rations.seconds_until_free(taken, self._share, weight, self._per_minute, moment)
            if not wait:
                self._insert(db, weight, moment)
            return wait

    def add(self, weight: int, now: datetime) -> None:
        """Count weight that shows only in the answer; negative for what was taken at `now` and not needed."""
        with self.using() as db:
            self._insert(db, weight, to_ms(now))

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
