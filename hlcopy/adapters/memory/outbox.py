"""Alerts in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hlcopy.domain.alerts import LASTS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from hlcopy.adapters.memory.journal import Journal
    from hlcopy.domain.alerts import Alert, Told


class MemoryOutbox:
    """The ledger of alerts in memory."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._alerts: dict[int, Alert] = {}
        self._told: dict[str, Told] = {}

    def add(self, alerts: Iterable[Alert]) -> None:
        """Append alerts, each of which gets an id."""
        for each in alerts:
            number = max(self._alerts, default=0) + 1
            self._journal.put(self._alerts, number, replace(each, id=number))

    def put(self, alert: Alert) -> None:
        """Replace an alert by what became of it."""
        if alert.id is not None:
            self._journal.put(self._alerts, alert.id, alert)

    def waiting(self, now: datetime) -> list[Alert]:
        """Return the alerts that not every channel has and that haven't expired, oldest first."""
        found = (self._alerts[number] for number in sorted(self._alerts))
        return [each for each in found if each.sent_at is None and each.at > now - LASTS]

    def recent(self, limit: int) -> list[Alert]:
        """Return the newest alerts, the newest first."""
        return [self._alerts[number] for number in sorted(self._alerts, reverse=True)[:limit]]

    def told(self) -> dict[str, Told]:
        """Return the conditions of the last look, by their keys."""
        return {key: self._told[key] for key in sorted(self._told)}

    def put_told(self, told: Iterable[Told]) -> None:
        """Replace the conditions of the last look."""
        for key in list(self._told):
            self._journal.drop(self._told, key)
        for each in told:
            self._journal.put(self._told, each.key, each)

    def prune(self, before: datetime) -> int:
        """Forget the alerts of before a moment; return how many."""
        old = [number for number, each in self._alerts.items() if each.at < before]
        for number in old:
            self._journal.drop(self._alerts, number)
        return len(old)
