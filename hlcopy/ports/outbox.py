"""What is on its way to a person: alerts until they are sent, and what they were told lately."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from hlcopy.domain.alerts import Alert, Told


class Outbox(Protocol):
    """The ledger of alerts."""

    def add(self, alerts: Iterable[Alert]) -> None:
        """Append alerts, each of which gets an id."""

    def put(self, alert: Alert) -> None:
        """Replace an alert by what became of it."""

    def waiting(self, now: datetime) -> list[Alert]:
        """Return the alerts that not every channel has and that haven't expired, oldest first."""

    def recent(self, limit: int) -> list[Alert]:
        """Return the newest alerts, the newest first."""

    def told(self) -> Mapping[str, Told]:
        """Return the conditions of the last look, by their keys."""

    def put_told(self, told: Iterable[Told]) -> None:
        """Replace the conditions of the last look."""

    def prune(self, before: datetime) -> int:
        """Forget the alerts of before a moment; return how many."""
