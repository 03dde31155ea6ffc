"""What was asked of the local venue: every answered request, its weight and its credits, and the weight limit."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from typing import Final, NamedTuple

MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000
_KEPT: Final = 200_000  # requests; counters go on beyond


class Served(NamedTuple):
    """An answered request, at the venue's time: its kind, its HTTP status and what it weighed or cost."""

    at_ms: int
    kind: str
    status: int
    weight: int
    credits: float


class Usage:
    """The log and the counters of a venue; several threads write, anyone may read.

    `requests` counts every request, `refused` those answered with 429; `weight` and `credits` add up by kind,
    `weight_by_minute`, `weight_by_day` and `credits_by_day` by the number of the minute or day since 1970.
    A kind is an info type, `exchange:` and an action's type, `leaderboard`, `clock`, or what follows `/api/v1/` in the path of a Nansen request.
    """

    def __init__(self) -> None:
        self.log: deque[Served] = deque(maxlen=_KEPT)
        self.requests: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.weight: Counter[str] = Counter()
        self.weight_by_minute: Counter[int] = Counter()
        self.weight_by_day: Counter[int] = Counter()
        self.credits: defaultdict[str, float] = defaultdict(float)
        self.credits_by_day: defaultdict[int, float] = defaultdict(float)
        self._lock = threading.Lock()

    def note(self, served: Served) -> None:
        """Write down a request."""
        with self._lock:
            self.log.append(served)
            self.requests[served.kind] += 1
            if served.status == 429:  # noqa: PLR2004 - too many requests
                self.refused[served.kind] += 1
            if served.weight:
                self.weight[served.kind] += served.weight
                self.weight_by_minute[served.at_ms // MINUTE_MS] += served.weight
                self.weight_by_day[served.at_ms // DAY_MS] += served.weight
            if served.credits:
                self.credits[served.kind] += served.credits
                self.credits_by_day[served.at_ms // DAY_MS] += served.credits

    def peak_weight(self, span_ms: int = MINUTE_MS) -> int:
        """Return the heaviest weight that the log knows within any span of time."""
        with self._lock:
            rows = [(row.at_ms, row.weight) for row in self.log if row.weight]
        within: deque[tuple[int, int]] = deque()
        total = peak = 0
        for at_ms, weight in rows:
            within.append((at_ms, weight))
            total += weight
            while within[0][0] <= at_ms - span_ms:
                total -= within.popleft()[1]
            peak = max(peak, total)
        return peak


class WeightLimit:
    """The venue's limit on the weight of one address within any minute; a minute before the present is forgotten."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._spent: deque[tuple[int, int]] = deque()
        self._total = 0
        self._lock = threading.Lock()

    def admit(self, at_ms: int, weight: int) -> bool:
        """Take the weight of a request, unless that would pass the limit; a refused one weighs nothing."""
        with self._lock:
            while self._spent and self._spent[0][0] <= at_ms - MINUTE_MS:
                self._total -= self._spent.popleft()[1]
            if self._total + weight > self._per_minute:
                return False
            self._take(at_ms, weight)
            return True

    def add(self, at_ms: int, weight: int) -> None:
        """Add what an admitted request turned out to weigh beyond that."""
        with self._lock:
            self._take(at_ms, weight)

    def _take(self, at_ms: int, weight: int) -> None:
        if weight:
            self._spent.append((at_ms, weight))
            self._total += weight
