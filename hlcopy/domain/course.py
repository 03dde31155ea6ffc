"""How an order came about, moment by moment: all of its fills that screening needs to know."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hlcopy.domain.episodes import beyond_zero

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hlcopy.domain.episodes import Effect
    from hlcopy.domain.models import TraderOrder


@dataclass(frozen=True, slots=True)
class Step:
    """A moment in which an order entered: the value entered with until its end in USD, and the position then."""

    time: datetime
    value_usd: float
    size_after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """The moment an order became a trade: its value had passed the gates, and the position stood at `size_after`."""

    time: datetime
    size_after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """Everything that an order is screened by, read at `now`; `steps` are empty where it didn't enter."""

    coin: str
    effect: Effect
    first_time: datetime
    last_time: datetime
    steps: tuple[Step, ...]
    opened_at: datetime | None
    broken: bool
    equity: float | None
    now: datetime


def screening_of(
    order: TraderOrder,
    effect: Effect,
    *,
    opened_at: datetime | None,
    broken: bool,
    equity: float | None,
    now: datetime,
) -> Screening:
    """Return what an order is screened by."""
    return Screening(
        coin=order.coin,
        effect=effect,
        first_time=order.first_time,
        last_time=order.last_time,
        steps=steps_of(order) if effect.is_entry else (),
        opened_at=opened_at,
        broken=broken,
        equity=equity,
        now=now,
    )


def steps_of(order: TraderOrder) -> tuple[Step, ...]:
    """Return the moments in which an order entered; what it did in one moment is one trade.

    A taker's order is often many fills of one millisecond.
    """
    value = 0.0
    steps = []
    for time, together in itertools.groupby(order.fills, key=lambda fill: fill.time):
        entered = False
        size_after = 0.0
        for fill in together:
            beyond = beyond_zero(fill)
            entered = entered or beyond * fill.price > 0
            value += beyond * fill.price
            size_after = abs(fill.end_position)
        if entered:
            steps.append(Step(time, value, size_after))
    return tuple(steps)


def passing(steps: Sequence[Step], min_value: float, min_weight: float, equity: float) -> Passing | None:
    """Return when an order's entering part first passed the size and the weight gate, None while it hasn't."""
    for step in steps:
        if step.value_usd >= min_value and step.value_usd / equity >= min_weight:
            return Passing(time=step.time, size_after=step.size_after)
    return None
