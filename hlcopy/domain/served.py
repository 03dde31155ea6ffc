"""What of a coin's past Hyperliquid still serves: the newest 5,000 candles of each interval (decision 35)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hlcopy.domain.spans import Span

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
LADDER_MS: Final = (MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, HOUR_MS, 4 * HOUR_MS, 24 * HOUR_MS)
"""The intervals that are fetched, finest first: each reaches three to six times as far as the one before."""

CANDLES_SERVED: Final = 5_000
SETTLED_MS: Final = MINUTE_MS
"""How long after its end a candle or a rate is taken as it is: before, it may not be served whole."""
_LATE_MS: Final = 24 * HOUR_MS
_SLIDING: Final = 20  # candles that may go out of reach while a request waits for its turn


def candles_served(period: Span, interval_ms: int, now_ms: int) -> Span:
    """Return the part of a period whose candles are closed and still served; empty when its end isn't after its start."""
    oldest = first_served(interval_ms, now_ms) + _SLIDING * interval_ms
    until = min(period[1], now_ms - SETTLED_MS) // interval_ms * interval_ms
    return max(-(-period[0] // interval_ms) * interval_ms, oldest), until


def first_served(interval_ms: int, now_ms: int) -> int:
    """Return when the oldest candle of an interval that is still served opened."""
    return (now_ms // interval_ms - CANDLES_SERVED + 1) * interval_ms


def rates_served(period: Span, now_ms: int) -> Span:
    """Return the part of a period whose funding is known: to just behind the stamp of the last full hour."""
    return period[0], min(period[1], (now_ms - SETTLED_MS) // HOUR_MS * HOUR_MS + SETTLED_MS)


def told(begin: int, until: int, end: int, now_ms: int) -> Span:
    """Return the part of a span asked for about which an answer told something; its last row ended at `end`.

    Holes between rows are holes, and before the first there was nothing. But an answer without rows proves nothing, and
    what lacks at the end of a recent one may only be late. That is asked for again.
    """
    if end <= begin:
        return begin, begin
    return begin, (until if until <= now_ms - _LATE_MS else min(until, end))
