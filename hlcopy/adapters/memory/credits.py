"""Nansen's calls and credits in memory."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hlcopy.domain.models import to_ms

if TYPE_CHECKING:
    from datetime import datetime, timedelta

_DAY_MS: Final = 86_400_000


@dataclass(slots=True)
class _Call:
    """A call; without a status it was reserved and its answer hasn't been recorded."""

    at: int
    endpoint: str
    status: int | None = None
    charged: float = 0.0


class MemoryMeter:
    """The calls of one process; gone with it."""

    def __init__(self, per_day: float) -> None:
        self._per_day = per_day
        self._calls: list[_Call] = []
        self._lock = threading.Lock()

    def allows(self, price: float, now: datetime) -> bool:
        """Whether a call at this price in credits stays inside the daily budget (UTC days)."""
        return self.spent(now) + price <= self._per_day

    def spent(self, now: datetime) -> float:
        """Return the credits charged on the UTC day of `now`."""
        day = to_ms(now) // _DAY_MS
        with self._lock:
            return sum(call.charged for call in self._calls if call.at // _DAY_MS == day)

    def reserve(self, endpoint: str, limit: int, every: timedelta, now: datetime) -> float:
        """Take a place among the `limit` calls to an endpoint that a period allows: 0.0, else the seconds until one is free."""
        moment, period = to_ms(now), every.total_seconds()
        with self._lock:
            recent = self._recent(endpoint, moment, period)
            if len(recent) >= limit:
                return max(0.001, min(period, (recent[-limit] - moment) / 1000 + period))
            self._calls.append(_Call(moment, endpoint))
            return 0.0

    def room(self, endpoint: str, limit: int, every: timedelta, now: datetime) -> int:
        """Return how many calls to an endpoint could be reserved now."""
        with self._lock:
            return max(0, limit - len(self._recent(endpoint, to_ms(now), every.total_seconds())))

    def record(self, endpoint: str, status: int, charged: float, remaining: float | None, now: datetime) -> None:  # noqa: ARG002 - the port's signature; what is left matters to reports only
        """Record what a call was charged in credits; it takes the newest reservation's place."""
        with self._lock:
            reserved = [call for call in self._calls if call.endpoint == endpoint and call.status is None]
            if not reserved:
                reserved = [_Call(to_ms(now), endpoint)]
                self._calls += reserved
            reserved[-1].status, reserved[-1].charged = status, charged

    def _recent(self, endpoint: str, now: int, period: float) -> list[int]:
        window = int(period * 1000)
        return sorted(
            call.at for call in self._calls if call.endpoint == endpoint and now - window < call.at <= now + window
        )
