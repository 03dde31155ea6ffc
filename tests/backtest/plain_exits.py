"""The exit rules of decisions 23, 32 and 34 as plain arithmetic, one candle after the other.

It shares no code with the package, so that what agrees with it isn't agreeing with itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Bar(NamedTuple):
    """A candle: open time in ms and four prices."""

    time: int
    open: float
    high: float
    low: float
    close: float


class Left(NamedTuple):
    """How many candles passed before the one that ended it, the price, and the reason's code."""

    after: int
    price: float
    reason: str


@dataclass
class PlainPosition:
    """A position that lives through candles; `direction` is 1 or -1, the other numbers are percent."""

    entry: float
    direction: int
    deadline: int
    hard_percent: float = 5.0
    trail_percent: float = 8.0
    step_percent: float = 0.25
    best: float | None = None

    def __post_init__(self) -> None:
        if self.best is None:
            self.best = self.entry

    def line(self) -> tuple[float, str]:
        """Return where the stop is now and which stop that makes it."""
        trailing = self.best * (1 - self.direction * self.trail_percent / 100)
        step = self.step_percent / 100
        rungs = floor(self.direction * (trailing / self.entry - 1) / step + 1e-9)
        rung = self.entry * (1 + self.direction * rungs * step)
        fixed = self.entry * (1 - self.direction * self.hard_percent / 100)
        if self.direction > 0:
            return (rung, "TRAILING_STOP") if rung > fixed else (fixed, "STOP_LOSS")
        return (rung, "TRAILING_STOP") if rung < fixed else (fixed, "STOP_LOSS")

    def live_through(self, bars: Iterable[Bar]) -> Left | None:
        """Return how it ends, None when the candles end first."""
        for passed, bar in enumerate(bars):
            if bar.time >= self.deadline:
                return Left(passed, bar.open, "TIME_STOP")
            stop, reason = self.line()
            if self.direction > 0:
                if bar.low <= stop:
                    return Left(passed, min(bar.open, stop), reason)
                self.best = max(self.best, bar.close)
            else:
                if bar.high >= stop:
                    return Left(passed, max(bar.open, stop), reason)
                self.best = min(self.best, bar.close)
        return None
