"""What a copier of a trader's exits would have known of them, and when."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from hlcopy.domain.episodes import is_continuous, is_flat, order_key
from hlcopy.domain.liquidation import is_liquidation
from hlcopy.ticks.schedule import next_slot

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from hlcopy.domain.models import Fill, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A trader's chained fills in one coin, and what the order of each had come to in USD with it; read once for all entries."""

    fills: tuple[Fill, ...]
    order_values: tuple[float, ...]


def track(fills: Iterable[Fill]) -> Track:
    """Return a trader's chained fills in one coin with the running values of their orders."""
    kept = tuple(fills)
    values: dict[tuple[str, bool], float] = {}
    running = []
    for fill in kept:
        key = (order_key(fill) or fill.identity, fill.is_buy)
        values[key] = values.get(key, 0.0) + fill.notional
        running.append(values[key])
    return Track(fills=kept, order_values=tuple(running))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A reduction as a poll saw it: from `seen_at` on only `share` (0 to 1) of the entry is to be held."""

    seen_at: datetime
    share: float
    liquidated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A trader's way out of a position; from `broken_at` on fills are missing and nothing is known, None when none are."""

    steps: tuple[Step, ...]
    broken_at: datetime | None = None


def course(
    trail: Track,
    *,
    trader: str,
    side: Side,
    decided_at: datetime,
    feed_delay: timedelta,
    poll_every: timedelta,
) -> Course:
    """Return a trader's reductions of a position after our entry was decided, each in proportion to what he held then.

    What was visible when we decided (`feed_delay` after it happened) is in our size already; anything later is seen at his
    next poll. Additions change nothing but the proportion of what follows. A
    remainder counts as flat as it does for entries, judged by what is known of its order so far; a liquidation is a
    reduction like any other, seen no sooner. It ends where nothing is left, or where the chain of positions breaks.
    """
    begin = bisect_right(trail.fills, decided_at - feed_delay, key=attrgetter("time"))
    position = trail.fills[begin - 1].end_position if begin else None
    share = 1.0
    seen: dict[datetime, Step] = {}
    for fill, order_value in zip(trail.fills[begin:], trail.order_values[begin:], strict=True):
        seen_at = next_slot(max(fill.time + feed_delay, decided_at), poll_every)
        if position is not None and not is_continuous(position, fill.start_position):
            return Course(steps=tuple(seen.values()), broken_at=seen_at)
        position = fill.end_position
        kept = _kept(fill, side, order_value)
        if kept < 1.0:
            share *= kept
            seen[seen_at] = Step(seen_at=seen_at, share=share, liquidated=is_liquidation(fill, trader))
        if share == 0.0:
            break
    return Course(steps=tuple(seen.values()))


def _kept(fill: Fill, side: Side, order_value_usd: float) -> float:
    """Return which share of a position on a side a fill leaves: 1 when it adds to it, 0 when nothing is there."""
    before, after = side.sign * fill.start_position, side.sign * fill.end_position
    if before <= 0:
        return 0.0
    if after >= before:
        return 1.0
    return 0.0 if after <= 0 or is_flat(after, fill.price, order_value_usd) else after / before
