"""Time as the edges need it: the present, a stopwatch for deadlines, and waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime


class Clock(Protocol):
    """The present and the passing of time; several threads may use it."""

    def now(self) -> datetime:
        """Return the present moment, aware UTC."""

    def monotonic(self) -> float:
        """Return seconds on a stopwatch that never goes back."""

    def sleep(self, seconds: float) -> None:
        """Wait; raises `InterruptedError` when the process was told to stop meanwhile."""
