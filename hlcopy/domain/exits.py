"""When a position of ours is left: the decision of one tick."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hlcopy.domain import stops
from hlcopy.domain.book import ExitReason

if TYPE_CHECKING:
    from datetime import datetime

    from hlcopy.domain.book import Position
    from hlcopy.domain.instrument import Instrument
    from hlcopy.domain.models import Side
    from hlcopy.domain.policy import ExitPolicy, Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a tick should do with a position: close it, or take tiers and keep its stop at the trigger."""

    best_price: float
    trailing_stop_price: float
    trigger: stops.Trigger
    close: ExitReason | None
    tiers: tuple[Tier, ...]


def _is_price(mark: float) -> bool:
    return math.isfinite(mark) and mark > 0


def ratchet(position: Position, mark: float, policy: ExitPolicy) -> tuple[float, float]:
    """Return the best price and the exact trailing stop after a mark; neither ever loosens."""
    best = stops.best_of(position.best_price, mark, position.side) if _is_price(mark) else position.best_price
    if best == position.best_price:
        return best, position.trailing_stop_price
    trail = stops.trailing_stop(best, position.side, policy)
    return best, stops.best_of(position.trailing_stop_price, trail, position.side)


def unrealized_percent(entry_price: float, mark: float, side: Side) -> float:
    """Return the gain of a position in percent of its entry price."""
    return side.sign * (mark / entry_price - 1) * 100


def is_time_up(opened_at: datetime, now: datetime, policy: ExitPolicy) -> bool:
    """Whether a position has been held as long as it may be."""
    return now - opened_at >= policy.max_duration


def tiers_due(position: Position, mark: float, policy: ExitPolicy) -> tuple[Tier, ...]:
    """Return the tiers whose gain is reached and that weren't taken yet, lowest first."""
    if not _is_price(mark):
        return ()
    gain = unrealized_percent(position.entry_price, mark, position.side)
    return tuple(tier for tier in policy.tiers if gain >= tier.gain_percent and tier.number not in position.tiers_taken)


def tier_fraction(tiers: tuple[Tier, ...]) -> float:
    """Return the share of what is open that several tiers take together, one after the other."""
    return 1 - math.prod(1 - tier.fraction for tier in tiers)


def tier_size(size: float, fraction: float, mark: float, instrument: Instrument, min_notional: float) -> float | None:
    """Return how much a tier sells: the part, everything where the rest would be too small, None where it must wait."""
    part = instrument.size(size * fraction)
    if (size - part) * mark < min_notional:
        return size
    return part if part * mark >= min_notional else None


def decide(position: Position, best_mark: float, mark: float, now: datetime, policy: ExitPolicy) -> Plan:
    """Return what to do with a position at a mark; `best_mark` is the most favourable mark since the last tick.

    The stop is tested first, then time, then tiers: the order of the specification's monitor. A mark that is no price
    fires neither stop nor tier.
    """
    best, trail = ratchet(position, best_mark, policy)
    trigger = stops.trigger(position.entry_price, best, position.side, policy)
    close: ExitReason | None = None
    if _is_price(mark) and stops.is_crossed(trigger.price, mark, position.side):
        close = trigger.reason
    elif is_time_up(position.opened_at, now, policy):
        close = ExitReason.TIME_STOP
    return Plan(
        best_price=best,
        trailing_stop_price=trail,
        trigger=trigger,
        close=close,
        tiers=() if close else tiers_due(position, mark, policy),
    )
