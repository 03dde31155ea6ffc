"""How sure a mean is when results of one day move together: a bootstrap that draws whole days."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

CONFIDENCE_PERCENT: Final = 95.0
RESAMPLES: Final = 10_000
SEED: Final = 36  # fixed, so that a report can be repeated
MIN_DAYS: Final = 10
TAIL_PERCENT: Final = 5.0


def mean_interval(values: Sequence[float], days: Sequence[date]) -> tuple[float, float] | None:
    """Return the confidence interval of the mean of values, each of a day; None with fewer than `MIN_DAYS` days.

    Whole days are drawn with replacement, all of a day's values together, and the percentiles of the drawn means are taken
    (Efron and Tibshirani 1993, chapters 8.6 and 13.3). Two calls with the same values give the same interval.
    """
    by_day: dict[date, list[float]] = defaultdict(list)
    for value, day in zip(values, days, strict=True):
        by_day[day].append(value)
    if len(by_day) < MIN_DAYS:
        return None
    ordered = [by_day[day] for day in sorted(by_day)]
    sums, counts = (np.array([measure(part) for part in ordered], dtype=np.float64) for measure in (math.fsum, len))
    drawn = np.random.default_rng(SEED).multinomial(len(ordered), [1 / len(ordered)] * len(ordered), size=RESAMPLES)
    means = (drawn @ sums) / (drawn @ counts)
    outside = (100 - CONFIDENCE_PERCENT) / 2
    low, high = np.percentile(means, [outside, 100 - outside])
    return float(low), float(high)


def tail_mean(values: Sequence[float]) -> float | None:
    """Return the mean of the worst `TAIL_PERCENT` of values, at least one; None without any.

    Expected shortfall (Acerbi and Tasche 2002), the share rounded up to whole values.
    """
    if not values:
        return None
    worst = sorted(values)[: math.ceil(len(values) * TAIL_PERCENT / 100)]
    return math.fsum(worst) / len(worst)
