"""What is counted of the calls to rationed APIs, across all processes that share a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime, timedelta


class WeightRation(Protocol):
    """One command's share of Hyperliquid's request weight a minute (decision 19); several threads may use it."""

    def take(self, weight: int, now: datetime, endpoint: str = "") -> float:
        """Take weight for a request: 0.0 when it was taken; else nothing was, and the seconds until it could be."""

    def add(self, weight: int, now: datetime, endpoint: str = "", *, requests: int = 0) -> None:
        """Count weight that shows only in the answer, growing with the rows, or that of requests which don't wait for it."""

    def left(self, now: datetime) -> int:
        """Return the weight that can be taken now."""

    def halt(self, now: datetime) -> None:
        """Let `score` and `data fetch` stand still for 60 seconds, in every process: the venue said 429."""


class CreditMeter(Protocol):
    """Nansen's calls and credits as recorded; several threads may use it."""

    def allows(self, price: float, now: datetime) -> bool:
        """Whether a call at this price in credits stays inside the daily budget (UTC days)."""

    def reserve(self, endpoint: str, limit: int, every: timedelta, now: datetime) -> float:
        """Take a place among the `limit` calls to an endpoint that a period allows: 0.0, else the seconds until one is free."""

    def room(self, endpoint: str, limit: int, every: timedelta, now: datetime) -> int:
        """Return how many calls to an endpoint could be reserved now."""

    def record(self, endpoint: str, status: int, charged: float, remaining: float | None, now: datetime) -> None:
        """Record what a call was charged in credits, and how many are left."""
