"""The tables `alerts` and `alert_conditions`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlcopy.adapters.store.rows import FLAG, JSON_TUPLE, TIME, Column, Table, one_of, to_text
from hlcopy.domain.alerts import LASTS, Alert, Event, Told

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from hlcopy.adapters.store.connection import Connection

_ALERTS: Final = Table(
    "alerts",
    Alert,
    (
        Column("id"),
        Column("event", codec=one_of(Event)),
        Column("key"),
        Column("text"),
        Column("at", codec=TIME),
        Column("tries"),
        Column("tried_at", codec=TIME),
        Column("delivered", codec=JSON_TUPLE),
        Column("sent_at", codec=TIME),
    ),
    key=("id",),
)
_TOLD: Final = Table(
    "alert_conditions",
    Told,
    (
        Column("event", codec=one_of(Event)),
        Column("key"),
        Column("at", codec=TIME),
        Column("standing", codec=FLAG),
        Column("announced", codec=FLAG),
        Column("over"),
    ),
    key=("key",),
)


class StoredOutbox:
    """The ledger of alerts over the file."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def add(self, alerts: Iterable[Alert]) -> None:
        """Append alerts, each of which gets an id."""
        self._db.run_many(_ALERTS.insert, [_ALERTS.values(each) for each in alerts])

    def put(self, alert: Alert) -> None:
        """Replace an alert by what became of it."""
        self._db.run(_ALERTS.upsert, _ALERTS.values(alert))

    def waiting(self, now: datetime) -> list[Alert]:
        """Return the alerts that not every channel has and that haven't expired, oldest first."""
        rows = self._db.rows(f"{_ALERTS.select} WHERE sent_at IS NULL AND at > ? ORDER BY id", (to_text(now - LASTS),))
        return [_ALERTS.item(row) for row in rows]

    def recent(self, limit: int) -> list[Alert]:
        """Return the newest alerts, the newest first."""
        return [_ALERTS.item(row) for row in self._db.rows(f"{_ALERTS.select} ORDER BY id DESC LIMIT ?", (limit,))]

    def told(self) -> dict[str, Told]:
        """Return the conditions of the last look, by their keys."""
        return {each.key: each for each in map(_TOLD.item, self._db.rows(f"{_TOLD.select} ORDER BY key"))}

    def put_told(self, told: Iterable[Told]) -> None:
        """Replace the conditions of the last look."""
        with self._db.transaction():
            self._db.run("DELETE FROM alert_conditions")
            self._db.run_many(_TOLD.insert, [_TOLD.values(each) for each in told])

    def prune(self, before: datetime) -> int:
        """Forget the alerts of before a moment; return how many."""
        return self._db.run("DELETE FROM alerts WHERE at < ?", (to_text(before),))
