"""The local venue's clocks: one that stands until it is moved, one that runs with real time or faster."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class VenueClock(Protocol):
    """The venue's present; several threads may read it."""

    def now_ms(self) -> int:
        """Return the present moment in ms UTC."""


class DrivenClock:
    """A clock that stands still until its driver moves it."""

    def __init__(self, start_ms: int) -> None:
        self._now_ms = start_ms
        self._lock = threading.Lock()

    def now_ms(self) -> int:
        """Return the present moment in ms UTC."""
        return self._now_ms

    def set(self, now_ms: int) -> int:
        """Move to a moment and return it; raises `ValueError` for one that has passed."""
        with self._lock:
            return self._move(now_ms)

    def advance(self, ms: int) -> int:
        """Move on by some ms and return the new present; raises `ValueError` for a step back."""
        with self._lock:
            return self._move(self._now_ms + ms)

    def _move(self, now_ms: int) -> int:
        if now_ms < self._now_ms:
            message = f"the clock is at {self._now_ms} and never goes back to {now_ms}"
            raise ValueError(message)
        self._now_ms = now_ms
        return now_ms


class RunningClock:
    """A clock that runs by itself, `speed` times as fast as the stopwatch it is given, which tells seconds."""

    def __init__(self, start_ms: int, monotonic: Callable[[], float], *, speed: float = 1.0) -> None:
        self._start_ms = start_ms
        self._monotonic = monotonic
        self._speed = speed
        self._began = monotonic()

    def now_ms(self) -> int:
        """Return the present moment in ms UTC."""
        return self._start_ms + int((self._monotonic() - self._began) * 1000 * self._speed)
