from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlcopy.domain.policy import ScoringPolicy
from hlcopy.domain.scoring import ScoreInputs, TraderMetrics
from hlcopy.domain.selection import PRIMARY, SECONDARY, Disqualified, assign_tiers, disqualify, screen
from tests.builders import T0, at

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    T = TypeVar("T", bound=DataclassInstance)

NAN, INF = math.nan, math.inf
POLICY = ScoringPolicy()
SMALL_SET = ScoringPolicy(primary_traders=2, secondary_traders=3, primary_keep_rank=4)

GOOD = ScoreInputs(
    metrics=TraderMetrics(
        nof_trades=80,
        days_active=80,
        trades_per_day=1.0,
        average_hold_hours=24.0,
        returns=(0.1, 0.2),
        win_rate=0.6,
        incomplete_trips=0,
        realized_7d_usd=5_000.0,
        realized_30d_usd=20_000.0,
        volume_30d_usd=2_000_000.0,
        leverage=3.0,
        last_activity=T0,
    ),
    account_value=100_000.0,
    roi_7d=2.0,
    roi_30d=8.0,
    roi_90d=24.0,
)
METRICS = {"nof_trades", "trades_per_day", "average_hold_hours", "win_rate", "realized_30d_usd"}


def _with(made: T, changes: dict[str, object]) -> T:
    return replace(made, **changes)


def changed(**changes: object) -> ScoreInputs:
    """Return a good trader with some of its metrics or other inputs changed."""
    measured = {name: value for name, value in changes.items() if name in METRICS}
    others = {name: value for name, value in changes.items() if name not in METRICS}
    return _with(GOOD, {"metrics": _with(GOOD.metrics, measured), **others})


@pytest.mark.parametrize(
    ("case", "changes", "reason"),
    [
        ("a good trader", {}, None),
        ("exactly 50 trades", {"nof_trades": 50}, None),
        ("49 trades", {"nof_trades": 49}, Disqualified.FEW_TRADES),
        ("trades not counted", {"nof_trades": None}, Disqualified.FEW_TRADES),
        ("many short trades a day", {"trades_per_day": 6.0, "average_hold_hours": 1.0}, Disqualified.HFT),
        ("many trades a day, held long", {"trades_per_day": 6.0, "average_hold_hours": 8.0}, None),
        ("many trades a day, hold unknown", {"trades_per_day": 6.0, "average_hold_hours": None}, Disqualified.HFT),
        ("infrequent is fine", {"trades_per_day": 0.1}, None),
        ("frequency broken", {"trades_per_day": NAN}, Disqualified.BAD_HISTORY),
        ("volume exactly 200 times equity", {"volume_30d_usd": 20_000_000.0}, None),
        ("volume above 200 times equity", {"volume_30d_usd": 20_000_001.0}, Disqualified.HFT),
        ("volume broken", {"volume_30d_usd": INF}, Disqualified.BAD_HISTORY),
        ("exactly 50,000 USD", {"account_value": 50_000.0}, None),
        ("under 50,000 USD", {"account_value": 49_999.99}, Disqualified.SMALL_ACCOUNT),
        ("equity unknown", {"account_value": None}, Disqualified.BAD_EQUITY),
        ("equity broken", {"account_value": NAN}, Disqualified.BAD_EQUITY),
        ("equity infinite", {"account_value": INF}, Disqualified.BAD_EQUITY),
        ("no equity", {"account_value": 0.0}, Disqualified.BAD_EQUITY),
        ("a cent earned in 30 days", {"realized_30d_usd": 0.01}, None),
        ("nothing earned in 30 days", {"realized_30d_usd": 0.0}, Disqualified.NEGATIVE_30D),
        ("lost in 30 days", {"realized_30d_usd": -1.0}, Disqualified.NEGATIVE_30D),
        ("30 days unknown", {"realized_30d_usd": None}, Disqualified.BAD_HISTORY),
        ("30 days infinite", {"realized_30d_usd": INF}, Disqualified.BAD_HISTORY),
        ("win rate exactly 0.35", {"win_rate": 0.35}, None),
        ("win rate under 0.35", {"win_rate": 0.349}, Disqualified.WIN_RATE_LOW),
        ("win rate exactly 0.85", {"win_rate": 0.85}, None),
        ("win rate above 0.85", {"win_rate": 0.851}, Disqualified.WIN_RATE_HIGH),
        ("no round trip seen whole", {"win_rate": None}, Disqualified.BAD_HISTORY),
        ("win rate broken", {"win_rate": NAN}, Disqualified.BAD_HISTORY),
        ("on the blacklist", {"blacklisted_until": at(days=1)}, Disqualified.BLACKLISTED),
        ("the blacklist's last moment", {"blacklisted_until": T0}, Disqualified.BLACKLISTED),
        ("off the blacklist", {"blacklisted_until": at(seconds=-1)}, None),
    ],
)
def test_a_trader_is_followed_only_if_it_meets_every_criterion(
    case: str, changes: dict[str, object], reason: Disqualified | None
) -> None:
    assert disqualify(changed(**changes), POLICY, T0) is reason, case


def test_the_fills_own_volume_counts_where_no_other_is_known() -> None:
    churning = replace(GOOD, metrics=replace(GOOD.metrics, volume_30d_usd=30_000_000.0))
    assert disqualify(churning, POLICY, T0) is Disqualified.HFT
    assert disqualify(replace(churning, volume_30d_usd=1_000.0), POLICY, T0) is None
    unknown = replace(GOOD, metrics=replace(GOOD.metrics, volume_30d_usd=None))
    assert disqualify(unknown, POLICY, T0) is Disqualified.BAD_HISTORY


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"min_trades_required": 81}, Disqualified.FEW_TRADES),
        ({"min_account_value_usd": 100_001.0}, Disqualified.SMALL_ACCOUNT),
        ({"min_win_rate": 0.61}, Disqualified.WIN_RATE_LOW),
        ({"max_win_rate": 0.59}, Disqualified.WIN_RATE_HIGH),
        ({"max_volume_to_equity": 19.0}, Disqualified.HFT),
    ],
)
def test_every_limit_comes_from_the_policy(limits: dict[str, object], reason: Disqualified) -> None:
    assert disqualify(GOOD, _with(POLICY, limits), T0) is reason


@given(
    st.sampled_from(
        ["nof_trades", "trades_per_day", "win_rate", "realized_30d_usd", "account_value", "volume_30d_usd"]
    ),
    st.sampled_from([NAN, INF, -INF]),
)
def test_a_broken_number_passes_no_gate(name: str, broken: float) -> None:
    assert disqualify(changed(**{name: broken}), POLICY, T0) is not None


def ranking(count: int) -> dict[str, float]:
    """Return `count` traders whose names sort as they rank."""
    return {f"0x{number:02}": 1 - number / 100 for number in range(1, count + 1)}


def members(tiers: dict[str, tuple[str | None, Disqualified | None]], tier: str | None) -> list[str]:
    return [address for address, (given_tier, _) in tiers.items() if given_tier == tier]


def test_the_best_fifteen_are_primary_the_next_thirty_secondary_the_rest_outranked() -> None:
    tiers = assign_tiers(ranking(50), (), POLICY)
    names = list(ranking(50))
    assert members(tiers, PRIMARY) == names[:15]
    assert members(tiers, SECONDARY) == names[15:45]
    assert members(tiers, None) == names[45:]
    assert all(reason is (None if tier else Disqualified.OUTRANKED) for tier, reason in tiers.values())


def test_a_primary_keeps_its_place_down_to_rank_twenty() -> None:
    tiers = assign_tiers(ranking(30), {"0x20"}, POLICY)
    assert tiers["0x20"] == (PRIMARY, None)
    assert tiers["0x14"] == (PRIMARY, None)
    assert tiers["0x15"] == (SECONDARY, None)


def test_a_primary_below_rank_twenty_loses_its_place() -> None:
    tiers = assign_tiers(ranking(30), {"0x21"}, POLICY)
    assert tiers["0x21"] == (SECONDARY, None)
    assert tiers["0x15"] == (PRIMARY, None)


def test_more_keepers_than_places_keep_them_by_rank() -> None:
    tiers = assign_tiers(ranking(6), {"0x02", "0x03", "0x04"}, SMALL_SET)
    assert members(tiers, PRIMARY) == ["0x02", "0x03"]
    assert members(tiers, SECONDARY) == ["0x01", "0x04", "0x05"]
    assert members(tiers, None) == ["0x06"]


def test_a_primary_that_no_longer_qualifies_holds_no_place() -> None:
    tiers = assign_tiers(ranking(3), {"0xgone"}, SMALL_SET)
    assert members(tiers, PRIMARY) == ["0x01", "0x02"]
    assert "0xgone" not in tiers


def test_of_equal_scores_the_lower_address_is_better() -> None:
    tiers = assign_tiers({"0xc": 0.5, "0xa": 0.5, "0xb": 0.5}, (), SMALL_SET)
    assert members(tiers, PRIMARY) == ["0xa", "0xb"]


@pytest.mark.parametrize("score", [0.0, -1.0, NAN, INF, -INF])
def test_a_score_of_nothing_gets_no_tier(score: float) -> None:
    assert assign_tiers({"0xa": score}, {"0xa"}, POLICY) == {"0xa": (None, Disqualified.OUTRANKED)}


names = st.integers(1, 40).map(lambda number: f"0x{number:02}")
boards = st.dictionaries(names, st.floats(0, 1) | st.sampled_from([NAN, INF, 0.5]), max_size=40)
policies = st.builds(
    ScoringPolicy,
    primary_traders=st.integers(0, 10),
    secondary_traders=st.integers(0, 10),
    primary_keep_rank=st.integers(0, 20),
)


@given(boards, st.sets(names), policies)
def test_tiers_never_exceed_their_counts_and_leave_no_place_empty(
    scores: dict[str, float], previous: set[str], policy: ScoringPolicy
) -> None:
    tiers = assign_tiers(scores, previous, policy)
    able = sum(math.isfinite(score) and score > 0 for score in scores.values())
    assert tiers.keys() == scores.keys()
    primaries, secondaries = members(tiers, PRIMARY), members(tiers, SECONDARY)
    assert len(primaries) == min(policy.primary_traders, able)
    assert len(secondaries) == min(policy.secondary_traders, able - len(primaries))
    newcomers = [scores[address] for address in primaries if address not in previous]
    assert all(scores[address] <= newcomer for address in secondaries for newcomer in newcomers)


@given(st.data(), boards, st.sets(names), policies)
def test_the_order_in_which_traders_arrive_changes_no_tier(
    data: st.DataObject, scores: dict[str, float], previous: set[str], policy: ScoringPolicy
) -> None:
    shuffled = dict(data.draw(st.permutations(list(scores.items()))))
    assert list(assign_tiers(shuffled, previous, policy).items()) == list(
        assign_tiers(scores, previous, policy).items()
    )


@given(boards, policies)
def test_assigning_again_changes_nothing(scores: dict[str, float], policy: ScoringPolicy) -> None:
    first = assign_tiers(scores, (), policy)
    assert assign_tiers(scores, members(first, PRIMARY), policy) == first


LEADER: dict[str, object] = {
    "account_value": 100_000.0,
    "pnl_30d_usd": 20_000.0,
    "volume_30d_usd": 1_000_000.0,
    "blacklisted_until": None,
}


def screened(**changes: object) -> Disqualified | None:
    return screen(**{**LEADER, **changes}, policy=POLICY, now=T0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("case", "changes", "reason"),
    [
        ("a good one", {}, None),
        ("exactly large enough", {"account_value": 50_000.0}, None),
        ("just too small", {"account_value": 49_999.99}, Disqualified.SMALL_ACCOUNT),
        ("no equity", {"account_value": 0.0}, Disqualified.BAD_EQUITY),
        ("debts", {"account_value": -5.0}, Disqualified.BAD_EQUITY),
        ("unknown equity", {"account_value": None}, Disqualified.BAD_EQUITY),
        ("broken equity", {"account_value": NAN}, Disqualified.BAD_EQUITY),
        ("endless equity", {"account_value": INF}, Disqualified.BAD_EQUITY),
        ("the smallest profit", {"pnl_30d_usd": 0.01}, None),
        ("no profit", {"pnl_30d_usd": 0.0}, Disqualified.NEGATIVE_30D),
        ("a loss", {"pnl_30d_usd": -1.0}, Disqualified.NEGATIVE_30D),
        ("unknown profit", {"pnl_30d_usd": None}, Disqualified.BAD_HISTORY),
        ("endless profit", {"pnl_30d_usd": INF}, Disqualified.BAD_HISTORY),
        ("exactly 200 times its equity", {"volume_30d_usd": 20e6}, None),
        ("above 200 times its equity", {"volume_30d_usd": 20e6 + 1}, Disqualified.HFT),
        ("unknown volume", {"volume_30d_usd": None}, Disqualified.BAD_HISTORY),
        ("broken volume", {"volume_30d_usd": NAN}, Disqualified.BAD_HISTORY),
        ("endless volume", {"volume_30d_usd": INF}, Disqualified.BAD_HISTORY),
        ("negative volume", {"volume_30d_usd": -1.0}, Disqualified.BAD_HISTORY),
        ("blacklisted", {"blacklisted_until": at(1)}, Disqualified.BLACKLISTED),
        ("blacklisted until this moment", {"blacklisted_until": T0}, Disqualified.BLACKLISTED),
        ("blacklisted once", {"blacklisted_until": at(-1)}, None),
        ("speed comes before size", {"account_value": 1_000.0}, Disqualified.HFT),
        ("speed comes before loss", {"volume_30d_usd": 30e6, "pnl_30d_usd": -1.0}, Disqualified.HFT),
        ("loss comes before blacklist", {"pnl_30d_usd": -1.0, "blacklisted_until": at(1)}, Disqualified.NEGATIVE_30D),
    ],
)
def test_the_leaderboard_alone_screens_candidates(
    case: str, changes: dict[str, object], reason: Disqualified | None
) -> None:
    assert screened(**changes) is reason, case


@given(st.sampled_from(["account_value", "pnl_30d_usd", "volume_30d_usd"]), st.sampled_from([None, NAN, INF, -INF]))
def test_no_number_that_is_unknown_or_broken_passes_the_screen(name: str, number: float | None) -> None:
    assert screened(**{name: number}) is not None
