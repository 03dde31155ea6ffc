"""How large a copy is, and what our book has room for."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hlcopy.domain.policy import SizingPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class CopySize:
    """The size of a copy in USD and what it was made of; `usd` is 0 below the floor."""

    usd: float
    base: float
    multiplier: float
    penalty: float
    cap: float
    floor: float


def track_record_multiplier(roi_7d: float | None, policy: SizingPolicy) -> float:
    """Return the share of the target that a trader's last week earns; an unknown week counts as a bad one."""
    if roi_7d is None or not math.isfinite(roi_7d) or roi_7d < 0:
        return policy.cold_multiplier
    return policy.hot_multiplier if roi_7d > policy.hot_roi_percent else policy.warm_multiplier


def leverage_penalty(leverage: float | None, policy: SizingPolicy) -> float:
    """Return the share that a trader's leverage leaves: linear between the table's points, 0.10 above its last one."""
    if leverage is None or leverage <= 1:
        return 1.0
    table = policy.leverage_penalty
    for (low, at_low), (high, at_high) in itertools.pairwise(table):
        if leverage <= high:
            return at_low + (leverage - low) / (high - low) * (at_high - at_low)
    return policy.extreme_leverage_penalty


def copy_size(
    *,
    trader_position_value: float,
    trader_account_value: float,
    our_account_value: float,
    trader_roi_7d: float | None,
    leverage: float | None,
    policy: SizingPolicy,
) -> CopySize:
    """Return the size of a copy (specification phase 5): allocation, track record, leverage penalty, caps, floor."""
    known = trader_account_value > 0
    allocation = trader_position_value / trader_account_value if known else policy.fallback_allocation
    base = our_account_value * allocation * policy.copy_ratio
    multiplier = track_record_multiplier(trader_roi_7d, policy)
    penalty = leverage_penalty(leverage, policy)
    cap = min(our_account_value * policy.max_single_position_ratio, policy.max_single_position_usd)
    usd = min(base * multiplier * penalty, cap)
    facts = (trader_position_value, trader_account_value, our_account_value, trader_roi_7d, leverage)
    # NaN and infinity hide in a fallback, a cap or a penalty: a size made of them is none.
    finite = all(fact is None or math.isfinite(fact) for fact in (*facts, usd))
    if not (finite and usd >= policy.min_copy_size_usd):
        usd = 0.0
    return CopySize(
        usd=round(usd, 2), base=base, multiplier=multiplier, penalty=penalty, cap=cap, floor=policy.min_copy_size_usd
    )
