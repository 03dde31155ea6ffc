"""Where a position's stop belongs: the hard stop, the trailing stop, and the one trigger that rests at the venue."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hlcopy.domain.book import ExitReason
from hlcopy.domain.models import Side

if TYPE_CHECKING:
    from hlcopy.domain.policy import ExitPolicy

# A trailing price that lies on a grid line up to float noise counts as on it (decision 23).
GRID_EPSILON: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Trigger:
    """The price at which a position's stop fires, and which of the two stops it is."""

    price: float
    reason: ExitReason


def hard_stop(entry_price: float, side: Side, policy: ExitPolicy) -> float:
    """Return the hard stop of an entry (specification 6.2)."""
    return entry_price * (1 - side.sign * policy.stop_loss_percent / 100)


def trailing_stop(best_price: float, side: Side, policy: ExitPolicy) -> float:
    """Return the exact trailing stop of the best price since entry (specification 7.2)."""
    return best_price * (1 - side.sign * policy.trailing_stop_percent / 100)


def best_of(best_price: float, mark: float, side: Side) -> float:
    """Return the better of two prices for a side; a mark that isn't finite changes nothing."""
    if not math.isfinite(mark):
        return best_price
    return max(best_price, mark) if side is Side.LONG else min(best_price, mark)


def grid_stop(entry_price: float, trailing_price: float, side: Side, policy: ExitPolicy) -> float:
    """Put a trailing price on the grid of `trail_step_percent` of entry, away from the market (decision 23)."""
    step = policy.trail_step_percent / 100
    lines = math.floor(side.sign * (trailing_price / entry_price - 1) / step + GRID_EPSILON)
    return entry_price * (1 + side.sign * lines * step)


def trigger(entry_price: float, best_price: float, side: Side, policy: ExitPolicy) -> Trigger:
    """Return the tighter of the hard stop and the trailing stop on its grid; equal counts as the hard stop.

    It depends on the best price alone and not on the way there, so a venue's stop, a software check and an array agree.
    """
    hard = hard_stop(entry_price, side, policy)
    grid = grid_stop(entry_price, trailing_stop(best_price, side, policy), side, policy)
    if (hard - grid) * side.sign >= 0:
        return Trigger(hard, ExitReason.STOP_LOSS)
    return Trigger(grid, ExitReason.TRAILING_STOP)


def is_crossed(trigger_price: float, price: float, side: Side) -> bool:
    """Whether a price is at or past a stop's trigger."""
    return (price - trigger_price) * side.sign <= 0


def fill_in_candle(trigger_price: float, open_price: float, low: float, high: float, side: Side) -> float | None:
    """Return the price at which a resting stop fills within a candle, None when it isn't reached; a gap fills at the open."""
    worst = low if side is Side.LONG else high
    if not is_crossed(trigger_price, worst, side):
        return None
    return min(open_price, trigger_price) if side is Side.LONG else max(open_price, trigger_price)
