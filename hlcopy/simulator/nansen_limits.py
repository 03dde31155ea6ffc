"""What Nansen's API counts: calls in moving windows, credits, and the headers that say so."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from hlcopy.simulator.nansen_rules import RefusalError

if TYPE_CHECKING:
    from collections.abc import Iterable

SECOND_MS: Final = 1000
MINUTE_MS: Final = 60 * SECOND_MS

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_GATEWAY_MS: Final = 10 * SECOND_MS  # the outer window is shown, never the narrower one
_TOO_MANY: Final = "Rate limit exceeded. Please try again later."


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a key may do: calls a second and a minute, and whether it may buy premium labels."""

    name: str
    per_second: int
    per_minute: int
    premium_labels: bool


FREE: Final = Plan(name="free", per_second=15, per_minute=300, premium_labels=False)
PRO: Final = Plan(name="pro", per_second=75, per_minute=1500, premium_labels=True)


class _Window:
    """The moments of the calls of the last `length` ms."""

    def __init__(self, limit: int, length: int) -> None:
        self.limit = limit
        self._length = length
        self._calls: deque[int] = deque()

    def remaining(self, now: int) -> int:
        """Return how many calls still fit."""
        while self._calls and self._calls[0] <= now - self._length:
            self._calls.popleft()
        return max(0, self.limit - len(self._calls))

    def reset(self, now: int) -> int:
        """Return the whole seconds, at least one, until the oldest call is forgotten."""
        if not self._calls:
            return 1
        return max(1, -((now - self._calls[0] - self._length) // SECOND_MS))

    def add(self, now: int) -> None:
        """Count a call."""
        self._calls.append(now)


class RateLimits:
    """The windows of one key: all its calls by second and minute, and some endpoints' own by the minute."""

    def __init__(self, plan: Plan, by_endpoint: dict[str, int]) -> None:
        self._gateway = _Window(plan.per_second * _GATEWAY_MS // SECOND_MS, _GATEWAY_MS)
        self._second = _Window(plan.per_second, SECOND_MS)
        self._minute = _Window(plan.per_minute, MINUTE_MS)
        self._endpoints = {name: _Window(limit, MINUTE_MS) for name, limit in by_endpoint.items()}

    def count(self, endpoint: str, now: int) -> None:
        """Count a call, or raise `RefusalError`; a refused call isn't counted."""
        own = self._endpoints.get(endpoint)
        scopes = {"second": self._second, "minute": self._minute} | ({} if own is None else {"endpoint": own})
        for scope, window in scopes.items():
            if not window.remaining(now):
                # An endpoint's own limit always says a whole minute.
                raise _too_many(scope, MINUTE_MS // SECOND_MS if window is own else window.reset(now))
        for window in (self._gateway, *scopes.values()):
            window.add(now)

    def headers(self, endpoint: str, now: int) -> dict[str, str]:
        """Return the rate-limit headers: the gateway's window, the most constrained one, and each."""
        windows = [self._second, self._minute]
        if endpoint in self._endpoints:
            windows.append(self._endpoints[endpoint])
        tightest = min(windows, key=lambda window: window.remaining(now) / window.limit)
        headers = {}
        for prefix, window in (("RateLimit", self._gateway), ("X-RateLimit", tightest)):
            headers[f"{prefix}-Limit"] = str(window.limit)
            headers[f"{prefix}-Remaining"] = str(window.remaining(now))
            headers[f"{prefix}-Reset"] = str(window.reset(now))
        for suffix, window in (("Second", self._second), ("Minute", self._minute)):
            headers[f"X-RateLimit-Limit-{suffix}"] = str(window.limit)
            headers[f"X-RateLimit-Remaining-{suffix}"] = str(window.remaining(now))
        return headers


def _too_many(scope: str, retry_after: int) -> RefusalError:
    return RefusalError(
        HTTPStatus.TOO_MANY_REQUESTS,
        "rate_limit_exceeded",
        _TOO_MANY,
        retry_after=retry_after,
        headers={"Retry-After": str(retry_after), "x-nansen-ratelimit-scope": scope},
    )


@dataclass(slots=True)
class Tally:
    """Calls answered with 2xx, calls refused, and the credits charged."""

    answered: int = 0
    refused: int = 0
    credits: float = 0.0


@dataclass(slots=True)
class Calls:
    """All calls so far by UTC day (`2026-11-22`) and endpoint (`profiler/perp-trades`), for measurements."""

    tallies: dict[tuple[str, str], Tally] = field(default_factory=lambda: defaultdict(Tally))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def record(self, now: int, endpoint: str, status: int, charged: float) -> None:
        """Count a call and what it cost."""
        day = (_EPOCH + timedelta(milliseconds=now)).date().isoformat()
        with self._lock:
            tally = self.tallies[day, endpoint]
            tally.credits += charged
            if status < HTTPStatus.BAD_REQUEST:
                tally.answered += 1
            else:
                tally.refused += 1

    def by_endpoint(self, day: str | None = None) -> dict[str, Tally]:
        """Return the tallies by endpoint, of one day or of all."""
        with self._lock:
            return _summed((name, tally) for (on, name), tally in self.tallies.items() if day in (None, on))

    def by_day(self) -> dict[str, Tally]:
        """Return the tallies by UTC day."""
        with self._lock:
            return _summed((on, tally) for (on, _), tally in self.tallies.items())

    def total(self) -> Tally:
        """Return everything in one tally."""
        with self._lock:
            return _summed(("", tally) for tally in self.tallies.values()).get("", Tally())


def _summed(parts: Iterable[tuple[str, Tally]]) -> dict[str, Tally]:
    sums: dict[str, Tally] = {}
    for name, part in parts:
        tally = sums.setdefault(name, Tally())
        tally.answered += part.answered
        tally.refused += part.refused
        tally.credits += part.credits
    return sums
