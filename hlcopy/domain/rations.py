"""How Hyperliquid's request weight is divided among our commands, over a sliding minute (decision 19)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MONITOR: Final = "monitor"
POLL: Final = "poll"
SCORE: Final = "score"

SHARES: Final[Mapping[str, int]] = {MONITOR: 400, POLL: 300, SCORE: 500}
"""Weight a minute of each share of the venue's 1,200: `monitor` with orders, `poll` with `positions`, `score` with `data fetch`."""
FULL_WEIGHT: Final = sum(SHARES.values())
WINDOW_MS: Final = 60_000
HALT_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Taken:
    """Weight that a share took at a moment in milliseconds; negative for what a request turned out not to need."""

    at: int
    share: str
    weight: int


@dataclass(frozen=True, slots=True)
class Used:
    """What was asked on a UTC day by a command of an endpoint, between two moments in milliseconds."""

    day: str
    command: str
    endpoint: str
    requests: int
    weight: int
    first_at: int
    last_at: int
    credits: float = 0.0


def share_of(share: str, per_minute: int) -> int:
    """Return the weight a minute of a share when `per_minute` may be used in all."""
    return SHARES[share] * per_minute // FULL_WEIGHT


def is_current(at: int, now: int) -> bool:
    """Whether what happened at a moment still counts; what lies in the future was written before the clock was set back."""
    return now - WINDOW_MS < at <= now + WINDOW_MS


def left(taken: Sequence[Taken], share: str, per_minute: int) -> int:
    """Return the weight that a share may take now, given what all shares took in the last minute."""
    own, total = _sums(taken, share)
    return max(0, min(share_of(share, per_minute) - own, per_minute - total))


def seconds_until_free(taken: Sequence[Taken], share: str, weight: int, per_minute: int, now: int) -> float:
    """Return 0.0 when a share may take a weight now, else the seconds until it may.

    `taken` is what all shares took in the last minute, oldest first. A request that is heavier than the whole share may
    be sent once nothing else is in the window.
    """
    own_limit = max(share_of(share, per_minute), weight)
    total_limit = max(per_minute, weight)
    own, total = _sums(taken, share)
    free_at = now
    for entry in taken:
        if own + weight <= own_limit and total + weight <= total_limit:
            break
        own -= entry.weight if entry.share == share else 0
        total -= entry.weight
        free_at = max(now + 1, entry.at + WINDOW_MS)
    return (free_at - now) / 1000


def _sums(taken: Sequence[Taken], share: str) -> tuple[int, int]:
    return sum(entry.weight for entry in taken if entry.share == share), sum(entry.weight for entry in taken)
