"""Which traders are followed: the criteria before a score counts, and the tiers of those that pass."""

from __future__ import annotations

import math
from enum import StrEnum, unique
from typing import TYPE_CHECKING, Final, TypeGuard

from hlcopy.domain.choices import Chosen
from hlcopy.domain.conduct import luck_of
from hlcopy.domain.policy import Gate
from hlcopy.domain.scoring import Style

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from hlcopy.domain.conduct import Conduct
    from hlcopy.domain.policy import SafetyPolicy, ScoringPolicy
    from hlcopy.domain.scoring import ScoreInputs

PRIMARY: Final = "primary"
_NOBODY: Final = Chosen()
SECONDARY: Final = "secondary"


@unique
class Disqualified(StrEnum):
    """Why a trader isn't followed."""

    HFT = "HFT"
    FEW_TRADES = "FEW_TRADES"
    SMALL_ACCOUNT = "SMALL_ACCOUNT"
    NEGATIVE_30D = "NEGATIVE_30D"
    WIN_RATE_HIGH = "WIN_RATE_HIGH"
    WIN_RATE_LOW = "WIN_RATE_LOW"
    BLACKLISTED = "BLACKLISTED"
    BAD_HISTORY = "BAD_HISTORY"
    BAD_EQUITY = "BAD_EQUITY"
    OUTRANKED = "OUTRANKED"
    CONCENTRATED = "CONCENTRATED"
    LUCK = "LUCK"
    FLOWS = "FLOWS"
    WASH = "WASH"
    OPEN_THEN_DUMP = "OPEN_THEN_DUMP"
    BANNED = "BANNED"


def disqualify(inputs: ScoreInputs, policy: ScoringPolicy, now: datetime) -> Disqualified | None:
    """Return the first criterion that a trader fails, None when it may be followed (specification 3.5).

    Nothing passes on a number that is unknown or broken: an equity like that is BAD_EQUITY, a count FEW_TRADES,
    anything else of the history (no round trip seen whole, say) BAD_HISTORY.
    """
    return (
        _by_speed(inputs, policy)
        or _by_account(inputs, policy)
        or _by_record(inputs, policy)
        or _by_blacklist(inputs.blacklisted_until, now)
    )


def disbelieve(conduct: Conduct, flow_share: float | None, policy: SafetyPolicy) -> Disqualified | None:
    """Return why a trader's record isn't believed, None when nothing speaks against it.

    `flow_share` is the largest transfer of a week against the equity before it. What a record is too short for isn't held
    against it.
    """
    spread, dumps = conduct.concentration, conduct.dumps
    is_even = spread is None or (
        conduct.coins >= policy.min_profit_coins
        and spread.largest <= policy.max_profit_share
        and spread.herfindahl <= policy.max_profit_herfindahl
        and 0 < spread.without_best_usd < math.inf
    )
    quick, net = conduct.quick_share, conduct.net_share
    is_wash = (
        quick is not None
        and not quick < policy.max_quick_share
        and not (net is not None and net >= policy.min_net_share)
    )
    skill = -math.inf if conduct.skill is None else conduct.skill
    is_lucky = (
        policy.luck_trials > 1
        and conduct.trips >= policy.luck_min_trips
        and not luck_of(policy.luck_trials) <= skill < math.inf
    )
    found = {
        Gate.WASH: (Disqualified.WASH, is_wash),
        Gate.FLOWS: (Disqualified.FLOWS, flow_share is not None and not flow_share <= policy.max_flow_share),
        Gate.DUMP: (Disqualified.OPEN_THEN_DUMP, not dumps.at_least <= policy.max_dump_share),
        Gate.CONCENTRATION: (Disqualified.CONCENTRATED, not is_even),
        Gate.LUCK: (Disqualified.LUCK, is_lucky),
    }
    return next((reason for gate, (reason, holds) in found.items() if holds and policy.has(gate)), None)


def screen(
    *,
    account_value: float | None,
    pnl_30d_usd: float | None,
    volume_30d_usd: float | None,
    blacklisted_until: datetime | None,
    policy: ScoringPolicy,
    now: datetime,
) -> Disqualified | None:
    """Return the first criterion that a trader fails on the leaderboard's numbers alone, None when it is a candidate.

    The order is that of `disqualify`, and as there nothing passes on a number that is unknown or broken.
    """
    if not _is_known(account_value) or account_value <= 0:
        return Disqualified.BAD_EQUITY
    volume_known = _is_known(volume_30d_usd) and volume_30d_usd >= 0
    if _is_known(volume_30d_usd) and volume_30d_usd / account_value > policy.max_volume_to_equity:
        return Disqualified.HFT
    if account_value < policy.min_account_value_usd:
        return Disqualified.SMALL_ACCOUNT
    if not volume_known or not _is_known(pnl_30d_usd):
        return Disqualified.BAD_HISTORY
    if pnl_30d_usd <= 0:
        return Disqualified.NEGATIVE_30D
    return _by_blacklist(blacklisted_until, now)


def _by_speed(inputs: ScoreInputs, policy: ScoringPolicy) -> Disqualified | None:
    metrics, equity, volume = inputs.metrics, inputs.account_value, _volume(inputs)
    churns = _is_known(equity) and equity > 0 and _is_known(volume) and volume / equity > policy.max_volume_to_equity
    if metrics.style is Style.HFT or churns:
        return Disqualified.HFT
    if not _is_known(metrics.nof_trades) or metrics.nof_trades < policy.min_trades_required:
        return Disqualified.FEW_TRADES
    return None


def _by_account(inputs: ScoreInputs, policy: ScoringPolicy) -> Disqualified | None:
    if not _is_known(inputs.account_value) or inputs.account_value <= 0:
        return Disqualified.BAD_EQUITY
    return Disqualified.SMALL_ACCOUNT if inputs.account_value < policy.min_account_value_usd else None


def _by_record(inputs: ScoreInputs, policy: ScoringPolicy) -> Disqualified | None:
    metrics = inputs.metrics
    realized, win_rate = metrics.realized_30d_usd, metrics.win_rate
    if not (_is_known(metrics.trades_per_day) and _is_known(_volume(inputs)) and _is_known(realized)):
        return Disqualified.BAD_HISTORY
    if realized <= 0:
        return Disqualified.NEGATIVE_30D
    if not _is_known(win_rate):
        return Disqualified.BAD_HISTORY
    if win_rate > policy.max_win_rate:
        return Disqualified.WIN_RATE_HIGH
    return Disqualified.WIN_RATE_LOW if win_rate < policy.min_win_rate else None


def _by_blacklist(until: datetime | None, now: datetime) -> Disqualified | None:
    return Disqualified.BLACKLISTED if until is not None and until >= now else None


def _volume(inputs: ScoreInputs) -> float | None:
    return inputs.metrics.volume_30d_usd if inputs.volume_30d_usd is None else inputs.volume_30d_usd


def _is_known(number: float | None) -> TypeGuard[float]:
    return number is not None and math.isfinite(number)


def assign_tiers(
    scores: Mapping[str, float],
    previous_primary: Collection[str],
    policy: ScoringPolicy,
    chosen: Chosen = _NOBODY,
) -> dict[str, tuple[str | None, Disqualified | None]]:
    """Return each qualified trader's tier, best first, or the reason that it has none.

    `scores` are by address; of equal scores the lower address is better. A primary keeps its place until it ranks below
    `primary_keep_rank`, so that the set doesn't flicker; the places left go by rank (specification 3.6, decision 9). A
    score of 0 is the specification's mark of the disqualified and gets no tier. The pinned have places before all others, were
    there fewer places than them; the watched are secondary at the least.
    """
    ranked = sorted((address for address in scores if _counts(scores[address])), key=lambda who: (-scores[who], who))
    keeping = [address for address in ranked[: policy.primary_keep_rank] if address in previous_primary]
    newcomers = [address for address in ranked if address not in keeping]
    pinned = [address for address in ranked if address in chosen.pinned]
    placed = [*pinned, *(address for address in keeping + newcomers if address not in chosen.pinned)]
    primary = set(placed[: max(policy.primary_traders, len(pinned))])
    others = [address for address in ranked if address not in primary]
    secondary = {*others[: policy.secondary_traders], *(address for address in others if address in chosen.watched)}
    tiers: dict[str, tuple[str | None, Disqualified | None]] = {}
    for address in ranked + sorted(address for address in scores if not _counts(scores[address])):
        tier = PRIMARY if address in primary else SECONDARY if address in secondary else None
        tiers[address] = (tier, None if tier else Disqualified.OUTRANKED)
    return tiers


def _counts(score: float) -> bool:
    return math.isfinite(score) and score > 0
