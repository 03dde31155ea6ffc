"""Find in candle arrays where a position is left, or where a tick would next have something to do.

Best prices and triggers only ever move one way, so a stretch of candles in which nothing can happen is passed by its extremes
alone. What remains is judged by the functions of `stops` and `exits` that a tick uses: no rule is written twice.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from enum import StrEnum, unique
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from hlcopy.domain import exits, stops
from hlcopy.domain.book import ExitReason
from hlcopy.domain.models import Side

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from hlcopy.domain.candles import Candles
    from hlcopy.domain.policy import ExitPolicy

# An early exit should cost little and a late one few steps: stretches start short and grow while nothing is found in them.
# One that can't be told by its extremes is cut, and the rest of it looked at more closely.
_FIRST_STRETCH: Final = 512
_GROWTH: Final = 2
_CUT: Final = 4


@dataclass(frozen=True, slots=True)
class Exit:
    """Where a position is left: the candle's index, the price before slippage, and why."""

    index: int
    price: float
    reason: ExitReason


@unique
class EventKind(StrEnum):
    """What happens to a position in a candle: at its open (time), within it (stop) or at its close (tier, moved trigger)."""

    TIME = "time"
    STOP = "stop"
    TIER = "tier"
    MOVE = "move"


@dataclass(frozen=True, slots=True)
class Event:
    """What happens to a position, and in which candle."""

    kind: EventKind
    index: int


class _View:
    """Candles as one side sees them."""

    __slots__ = ("_adverse", "_better", "_candles", "_past", "_side")

    def __init__(self, candles: Candles, side: Side) -> None:
        long = side is Side.LONG
        self._candles = candles
        self._side = side
        self._adverse = candles.l if long else candles.h
        self._better: np.ufunc = np.maximum if long else np.minimum
        self._past: np.ufunc = np.less_equal if long else np.greater_equal

    def best(self, best: float, start: int, end: int) -> float:
        """Return the best of a price and the closes of a stretch."""
        if start == end:
            return best
        close = self._finite(self._better.reduce(self._candles.c[start:end]))
        return stops.best_of(best, close, self._side)

    def first_crossing(self, trigger_price: float, start: int, end: int) -> int:
        """Return the first candle of a stretch that reaches a trigger, `end` when none does."""
        past = self._past(self._adverse[start:end], trigger_price)
        first = int(past.argmax())
        return start + first if past[first] else end

    def first_close(self, start: int, end: int, happens: Callable[[float], bool]) -> int:
        """Return the first candle whose close makes happen what every better close makes happen too, `end` when none does."""
        if start == end:
            return end
        running = self._better.accumulate(self._candles.c[start:end])
        best = self._finite(running[-1])
        return start + bisect_left(running.tolist(), x=True, key=happens) if happens(best) else end

    def fill(self, trigger_price: float, index: int) -> float | None:
        """Return the price at which a stop fills in a candle, None when it isn't reached."""
        candles = self._candles
        low, high = float(candles.l[index]), float(candles.h[index])
        return stops.fill_in_candle(trigger_price, float(candles.o[index]), low, high, self._side)

    def _finite(self, close: np.float64) -> float:
        if not math.isfinite(close):  # it would hide the other closes of its stretch
            message = f"{self._candles.coin}: a candle's close isn't finite"
            raise ValueError(message)
        return float(close)


def _deadline(candles: Candles, start: int, deadline_ms: int) -> int:
    """Return the first candle from `start` on that opens at or after a deadline, the number of candles when none does."""
    return max(start, int(candles.t.searchsorted(deadline_ms)))


def best_of_closes(candles: Candles, start: int, end: int, best_price: float, side: Side) -> float:
    """Return the best of a price and the closes from one index up to another; raises ValueError on one that isn't finite."""
    return _View(candles, side).best(best_price, start, end)


def first_gain(candles: Candles, start: int, end: int, *, entry_price: float, side: Side, gain_percent: float) -> int:
    """Return the first candle from one index up to another whose close gains so much of the entry price, `end` when none does."""

    def gains(close: float) -> bool:
        return exits.unrealized_percent(entry_price, close, side) >= gain_percent

    return _View(candles, side).first_close(start, end, gains)


def first_exit(
    candles: Candles,
    start: int,
    *,
    entry_price: float,
    side: Side,
    deadline_ms: int,
    policy: ExitPolicy,
    best_price: float | None = None,
    legal: Callable[[float], float] | None = None,
) -> Exit | None:
    """Return where the stop or the time stop ends a position, None when the candles end first (decisions 23, 32 and 34).

    Candles count from index `start` on; they opened at or after the entry. Each is tested against the trigger of the best
    close before it, counting from `best_price` (the entry price by default). The time stop leaves at the open of the first
    candle at or after `deadline_ms`. `legal` turns a trigger into a price that the venue takes and keeps triggers in order.
    Tiers play no part. Raises ValueError on a close that isn't finite.
    """
    view = _View(candles, side)
    legal = cache(legal) if legal else None

    def trigger_of(best: float) -> stops.Trigger:
        exact = stops.trigger(entry_price, best, side, policy)
        return stops.Trigger(legal(exact.price), exact.reason) if legal else exact

    def after(best: float, trigger: stops.Trigger, start: int, end: int) -> tuple[float, stops.Trigger]:
        better = view.best(best, start, end)
        return better, trigger if better == best else trigger_of(better)

    best = entry_price if best_price is None else best_price
    trigger = trigger_of(best)
    deadline = _deadline(candles, start, deadline_ms)
    last = min(deadline, len(candles))
    length = _FIRST_STRETCH
    while start < last:
        end = min(start + length, last)
        # The trigger in force is the loosest of the stretch: where it is reached, the position is gone at the latest.
        index = latest = view.first_crossing(trigger.price, start, end)
        best_after, tightest = after(best, trigger, start, latest)
        if tightest.price != trigger.price:
            # No candle before this one reaches even the tightest; this one is judged by its own.
            index = view.first_crossing(tightest.price, start, latest)
        if index == end:
            best, trigger, start, length = best_after, tightest, end, length * _GROWTH
            continue
        best, trigger = (best_after, tightest) if index == latest else after(best, trigger, start, index)
        price = view.fill(trigger.price, index)
        if price is not None:
            return Exit(index, price, trigger.reason)
        best, trigger = after(best, trigger, index, index + 1)
        start, length = index + 1, max(1, length // _CUT)
    if deadline < len(candles):
        return Exit(deadline, float(candles.o[deadline]), ExitReason.TIME_STOP)
    return None


def _stretches(start: int, end: int) -> Iterator[tuple[int, int]]:
    # A stop may rest where the best price so far doesn't put it, so the first candle is a stretch of its own: once its close
    # leaves the trigger where the stop rests, better closes can only move it away for good, as `first_close` needs it.
    length = 1
    while start < end:
        yield start, min(start + length, end)
        start += length
        length *= 2 * _GROWTH


def next_event(
    candles: Candles,
    start: int,
    *,
    entry_price: float,
    side: Side,
    best_price: float,
    trigger_price: float,
    tiers_taken: Collection[int],
    deadline_ms: int,
    policy: ExitPolicy,
    legal: Callable[[float], float] | None = None,
) -> Event | None:
    """Return the first candle from `start` on at which something happens to a position, None when the candles end first.

    That is: it opens at or after `deadline_ms`; it reaches the stop that rests at `trigger_price`; its close reaches a tier
    that isn't in `tiers_taken`; its close puts the trigger, made `legal`, anywhere but where the stop rests. In this order
    within a candle; a close that does both of the last two is a tier's. `best_price` is the best mark before `start`.
    Raises ValueError on a close that isn't finite.
    """
    view = _View(candles, side)
    legal = cache(legal) if legal else None
    next_gain = min((tier.gain_percent for tier in policy.tiers if tier.number not in tiers_taken), default=math.inf)
    best = best_price

    def takes_tier(close: float) -> bool:
        return exits.unrealized_percent(entry_price, close, side) >= next_gain

    def moves(close: float) -> bool:
        exact = stops.trigger(entry_price, stops.best_of(best, close, side), side, policy).price
        return (legal(exact) if legal else exact) != trigger_price

    def acts(close: float) -> bool:
        return takes_tier(close) or moves(close)

    deadline = _deadline(candles, start, deadline_ms)
    for begin, end in _stretches(start, min(deadline, len(candles))):
        stopped = view.first_crossing(trigger_price, begin, end)
        acting = view.first_close(begin, stopped, acts)
        if acting < stopped:
            return Event(EventKind.TIER if takes_tier(float(candles.c[acting])) else EventKind.MOVE, acting)
        if stopped < end:
            return Event(EventKind.STOP, stopped)
        best = view.best(best, begin, end)
    if deadline < len(candles):
        return Event(EventKind.TIME, deadline)
    return None
