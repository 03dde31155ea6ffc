"""How long positions of ours stood without a resting stop, from their story."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from hlcopy.domain.book import PositionAction

ENTERED: Final = "entered"
STOP_MISSING: Final = "stop_missing"
STOP_PLACED: Final = "stop_placed"
STOP_MOVED: Final = "stop_moved"
STOP_RESTORED: Final = "stop_restored"
CLOSED: Final = "closed"

_BARES: Final = frozenset({ENTERED, STOP_MISSING})
_COVERS: Final = frozenset({STOP_PLACED, STOP_MOVED, STOP_RESTORED, CLOSED})


@dataclass(frozen=True, slots=True)
class Span:
    """A time without a resting stop; `is_over` is False while it lasts, and `until` is then the present."""

    position_id: int
    since: datetime
    until: datetime
    is_over: bool = True

    @property
    def seconds(self) -> float:
        """How long it took; clocks that disagree never make it negative."""
        return max(0.0, (self.until - self.since).total_seconds())


@dataclass(frozen=True, slots=True, kw_only=True)
class NakedTime:
    """All times without a resting stop summed up, in seconds; p99 is of single spans, by nearest rank."""

    spans: int
    total_s: float
    p99_s: float
    longest_s: float
    lasting: tuple[Span, ...] = ()


def spans(actions: Iterable[PositionAction], now: datetime) -> tuple[Span, ...]:
    """Return the times without a resting stop, in the order in which they began.

    A position is naked from its entry to its first stop, and from the moment its stop was found missing until one rests
    again or the position is closed. `actions` are in the order in which they were written.
    """
    found: list[Span] = []
    bare: dict[int, datetime] = {}
    for done in actions:
        if done.action in _BARES:
            bare.setdefault(done.position_id, done.at)
        elif done.action in _COVERS and done.position_id in bare:
            found.append(Span(done.position_id, bare.pop(done.position_id), done.at))
    found += [Span(position_id, since, now, is_over=False) for position_id, since in bare.items()]
    return tuple(sorted(found, key=lambda span: (span.since, span.position_id)))


def summed_up(found: Iterable[Span]) -> NakedTime:
    """Return the sum, the 99th percentile and the maximum of spans; all zero without any."""
    known = tuple(found)
    seconds = sorted(span.seconds for span in known)
    return NakedTime(
        spans=len(seconds),
        total_s=math.fsum(seconds),
        p99_s=seconds[math.ceil(0.99 * len(seconds)) - 1] if seconds else 0.0,
        longest_s=seconds[-1] if seconds else 0.0,
        lasting=tuple(span for span in known if not span.is_over),
    )
