"""The ration of Hyperliquid's request weight in memory."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hlcopy.domain import rations
from hlcopy.domain.models import to_ms
from hlcopy.domain.rations import Taken

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(slots=True)
class Window:
    """What several rations share: the weight of the last minute and the halts."""

    taken: list[Taken] = field(default_factory=list)
    halted_until: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


class MemoryRation:
    """One share of the weight that all rations on a window use."""

    def __init__(self, share: str, per_minute: int, window: Window | None = None) -> None:
        self._share = share
        self._per_minute = per_minute
        self._window = window or Window()

    def take(self, weight: int, now: datetime, endpoint: str = "") -> float:  # noqa: ARG002 - what was asked matters to reports only
        """Take weight for a request: 0.0 when it was taken; else nothing was, and the seconds until it could be."""
        moment = to_ms(now)
        with self._window.lock:
            wait = self._halted(moment) or rations.seconds_until_free(
                self._current(moment), self._share, weight, self._per_minute, moment
            )
            if not wait:
                self._window.taken.append(Taken(moment, self._share, weight))
            return wait

    def add(self, weight: int, now: datetime, endpoint: str = "", *, requests: int = 0) -> None:  # noqa: ARG002 - see above
        """Count weight that shows only in the answer; negative for what was taken at `now` and not needed."""
        with self._window.lock:
            self._window.taken.append(Taken(to_ms(now), self._share, weight))

    def left(self, now: datetime) -> int:
        """Return the weight that can be taken now."""
        moment = to_ms(now)
        with self._window.lock:
            if self._halted(moment):
                return 0
            return rations.left(self._current(moment), self._share, self._per_minute)

    def halt(self, now: datetime) -> None:
        """Let `score` and `data fetch` stand still for 60 seconds."""
        with self._window.lock:
            self._window.halted_until[rations.SCORE] = to_ms(now) + rations.HALT_MS

    def _halted(self, now: int) -> float:
        until = self._window.halted_until.get(self._share, now)
        return max(0, until - now) / 1000 if until <= now + rations.HALT_MS else 0.0

    def _current(self, now: int) -> list[Taken]:
        current = [entry for entry in self._window.taken if rations.is_current(entry.at, now)]
        self._window.taken[:] = sorted(current, key=lambda entry: entry.at)
        return self._window.taken
