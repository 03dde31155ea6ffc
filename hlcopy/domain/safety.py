"""Whether the market bears a copy, and whether the trader trades against those who copy: judged after everything else.

Every rule is written so that NaN and infinity fail it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from hlcopy.domain.gates import Approval, Skip
from hlcopy.domain.models import Side, SkipReason
from hlcopy.domain.policy import Gate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hlcopy.domain.conduct import Dumps
    from hlcopy.domain.policy import Policy, SafetyPolicy

    Measured = dict[str, float | str | None]
    Levels = Sequence[tuple[float, float]]

ENTRY_REACH_PERCENT: Final = 0.5  # of the mid: how deep the book is counted that we enter into
EXIT_REACH_PERCENT: Final = 2.0
HOURS_A_DAY: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """A coin's market at a moment: prices, amounts in USD, and the book as (price, size), best first.

    `funding_rate` is what a long pays for an hour, as a share of its value; `mid` is None where a side of the book is empty.
    """

    mark: float
    oracle: float
    mid: float | None
    open_interest_usd: float
    day_volume_usd: float
    funding_rate: float
    bids: Levels
    asks: Levels


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """What we are about to do and what its trader did: our size, his position and his trades of the last hour, in USD.

    `dumped_ago_days` counts from when he last cut by half what we had just copied; None where he never did.
    """

    side: Side
    usd: float
    trader_position_usd: float
    trader_hour_usd: float
    dumped_ago_days: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is looked at before a copy: the coin's market, None in a replay, and what its trader has and did there in USD.

    `dumped_ago_days` is that of a `Copy`.
    """

    trader_position_usd: float
    trader_hour_usd: float
    conditions: Conditions | None
    dumps: Dumps
    dumped_ago_days: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Why not, or None, and all that was measured."""

    skip: SkipReason | None
    measured: Mapping[str, float | str | None]

    def skip_of(self, earlier: Mapping[str, float | str | None]) -> Skip | None:
        """Return the skip with what was measured earlier, None when nothing stands against the copy."""
        return None if self.skip is None else Skip(self.skip, {**earlier, **self.measured})


def weigh(approval: Approval, side: Side, around: Surroundings, rules: Policy) -> Approval | Skip:
    """Return an approval with what was measured of its surroundings, or what stands against it there."""
    copy = Copy(
        side=side,
        usd=approval.copy_size_usd,
        trader_position_usd=around.trader_position_usd,
        trader_hour_usd=around.trader_hour_usd,
        dumped_ago_days=around.dumped_ago_days,
    )
    verdict = judge(copy, around.conditions, around.dumps, rules)
    earlier = {"weight": approval.weight, "slippage_pct": approval.slippage_pct}
    return verdict.skip_of(earlier) or replace(approval, measured=verdict.measured)


def judge(copy: Copy, conditions: Conditions | None, dumps: Dumps, rules: Policy) -> Verdict:
    """Judge a copy that every other gate approves; without conditions, in a replay, only the trader's record is judged.

    The first gate that fails gives the reason, yet all are measured.
    """
    policy = rules.safety
    found: list[tuple[Gate, SkipReason | None, Measured]] = []
    if conditions is None:
        found.append((Gate.SIZE, None, {"market": "not recorded"}))
    else:
        found += [
            (Gate.SIZE, *size_against_market(copy, conditions, policy)),
            (Gate.COST, *cost(copy, conditions, policy, rules.costs.taker_fee_percent)),
            (Gate.PRICE, *price_integrity(conditions, policy)),
            (Gate.FOOTPRINT, *footprint(copy, conditions, policy)),
        ]
    found.append((Gate.DUMP, *open_then_dump(dumps, copy.dumped_ago_days, policy)))
    reasons = (reason for gate, reason, _ in found if reason is not None and policy.has(gate))
    measured: Measured = {}
    for _, _, numbers in found:
        measured |= {
            name: value if not isinstance(value, float) or math.isfinite(value) else None
            for name, value in numbers.items()
        }
    return Verdict(skip=next(reasons, None), measured=measured)


def size_against_market(copy: Copy, conditions: Conditions, policy: SafetyPolicy) -> tuple[SkipReason | None, Measured]:
    """Pass a coin that is large enough, and a copy that is small beside what is open, traded and offered in it."""
    entering, leaving = (
        (conditions.asks, conditions.bids) if copy.side is Side.LONG else (conditions.bids, conditions.asks)
    )
    depth = depth_usd(entering, conditions.mid, ENTRY_REACH_PERCENT)
    exit_depth = depth_usd(leaving, conditions.mid, EXIT_REACH_PERCENT)
    interest, volume = conditions.open_interest_usd, conditions.day_volume_usd
    measured: Measured = {
        "open_interest_usd": interest,
        "day_volume_usd": volume,
        "depth_usd": depth,
        "exit_depth_usd": exit_depth,
    }
    holds = (
        policy.min_open_interest_usd <= interest < math.inf
        and policy.min_day_volume_usd <= volume < math.inf
        and copy.usd <= policy.max_open_interest_share * interest
        and copy.usd <= policy.max_day_volume_share * volume
        and copy.usd <= policy.max_depth_share * depth
        and copy.usd * policy.min_exit_depth <= exit_depth < math.inf
    )
    return None if holds else SkipReason.ILLIQUID, measured


def cost(
    copy: Copy, conditions: Conditions, policy: SafetyPolicy, fee_percent: float
) -> tuple[SkipReason | None, Measured]:
    """Pass a coin with a narrow book in which getting in and out again, fees included, costs little, and staying, too."""
    bids, asks, mid = conditions.bids, conditions.asks, conditions.mid
    spread = total = math.nan
    if mid is not None and bids and asks and mid > 0:
        spread = (asks[0][0] - bids[0][0]) / mid * 100
        walked = sum(abs(walk(side, copy.usd) - mid) for side in (asks, bids)) / mid * 100
        total = walked + 2 * fee_percent
    funding = copy.side.sign * conditions.funding_rate * 100
    holds = (
        0 <= spread <= policy.max_spread_percent
        and 0 <= total <= policy.max_cost_percent
        and -math.inf < funding <= policy.max_funding_against_percent
    )
    measured: Measured = {"spread_percent": spread, "cost_percent": total, "funding_percent": funding}
    return None if holds else SkipReason.COST, measured


def price_integrity(conditions: Conditions, policy: SafetyPolicy) -> tuple[SkipReason | None, Measured]:
    """Pass a coin whose mark is near its oracle, and the middle of whose book is near its mark."""
    oracle_gap = _gap_percent(conditions.mark, conditions.oracle)
    mid_gap = math.nan if conditions.mid is None else _gap_percent(conditions.mid, conditions.mark)
    holds = oracle_gap <= policy.max_oracle_gap_percent and mid_gap <= policy.max_mid_gap_percent
    measured: Measured = {"oracle_gap_percent": oracle_gap, "mid_gap_percent": mid_gap}
    return None if holds else SkipReason.PRICE_INTEGRITY, measured


def footprint(copy: Copy, conditions: Conditions, policy: SafetyPolicy) -> tuple[SkipReason | None, Measured]:
    """Pass a trader who is a small part of the coin's market: else the price that we'd pay is of his making."""
    interest, hour = conditions.open_interest_usd, conditions.day_volume_usd / HOURS_A_DAY
    of_interest = copy.trader_position_usd / interest if interest > 0 else math.inf
    of_hour = copy.trader_hour_usd / hour if hour > 0 else math.inf
    holds = of_interest <= policy.max_trader_open_interest_share and of_hour <= policy.max_trader_hour_share
    measured: Measured = {"trader_open_interest_share": of_interest, "trader_hour_share": of_hour}
    return None if holds else SkipReason.FOOTPRINT, measured


def open_then_dump(
    dumps: Dumps, dumped_ago_days: float | None, policy: SafetyPolicy
) -> tuple[SkipReason | None, Measured]:
    """Pass a trader who doesn't, as far as can be told for certain, cut what others have just copied, and lately not on us."""
    paused = dumped_ago_days is not None and not dumped_ago_days >= policy.dump_pause_days
    holds = dumps.at_least <= policy.max_dump_share and not paused
    measured: Measured = {"entries": dumps.entries, "entries_cut": dumps.cut}
    if dumped_ago_days is not None:
        measured["dumped_ago_days"] = dumped_ago_days
    return None if holds else SkipReason.OPEN_THEN_DUMP, measured


def depth_usd(levels: Levels, mid: float | None, reach_percent: float) -> float:
    """Return what rests within a distance of the mid, in USD; the venue shows twenty levels, so it may be more."""
    if mid is None or not mid > 0:
        return 0.0
    return sum(price * size for price, size in levels if abs(price - mid) <= mid * reach_percent / 100)


def walk(levels: Levels, usd: float) -> float:
    """Return the average price of an order of a value walking a side of the book; infinite where there isn't enough."""
    left, size = usd, 0.0
    for price, offered in levels:
        taken = min(left, price * offered)
        size += taken / price
        left -= taken
        if not left > 0:
            return usd / size if size > 0 else math.inf
    return math.inf


def _gap_percent(price: float, other: float) -> float:
    return abs(price - other) / other * 100 if other > 0 else math.nan
