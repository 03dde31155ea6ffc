"""What the market must be like for a copy, and what is measured of it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlcopy.domain.conduct import Dumps
from hlcopy.domain.models import Side, SkipReason
from hlcopy.domain.policy import Gate, Policy, SafetyPolicy
from hlcopy.domain.safety import Conditions, Copy, depth_usd, judge, walk

NAN, INF = math.nan, math.inf
POLICY = Policy()
HONEST = Dumps(entries=40, cut=1)
COPY = Copy(side=Side.LONG, usd=5_000.0, trader_position_usd=60_000.0, trader_hour_usd=60_000.0)


def levels(first: float, step: float, usd: float = 20_000.0) -> list[tuple[float, float]]:
    return [(first + number * step, usd / (first + number * step)) for number in range(20)]


SOUND = Conditions(
    mark=100.0,
    oracle=100.05,
    mid=100.0,
    open_interest_usd=50_000_000.0,
    day_volume_usd=100_000_000.0,
    funding_rate=0.0000125,
    bids=levels(99.99, -0.02),
    asks=levels(100.01, 0.02),
)


@pytest.mark.parametrize(
    ("case", "changes", "reason"),
    [
        ("a sound market", {}, None),
        ("little is open", {"open_interest_usd": 4_999_999.0}, SkipReason.ILLIQUID),
        ("little is traded", {"day_volume_usd": 9_999_999.0}, SkipReason.ILLIQUID),
        ("too thin a book to enter", {"asks": levels(100.01, 0.02, 2_000.0)}, SkipReason.ILLIQUID),
        ("too thin a book to leave", {"bids": levels(99.99, -0.02, 1_000.0)}, SkipReason.ILLIQUID),
        ("no book", {"mid": None, "bids": [], "asks": []}, SkipReason.ILLIQUID),
        ("a wide spread", {"bids": levels(99.9, -0.02), "asks": levels(100.1, 0.02)}, SkipReason.COST),
        ("costly to walk", {"asks": [(100.01, 0.1), *levels(100.45, 0.001, 90_000.0)]}, SkipReason.COST),
        ("a long pays as much for an hour as may be", {"funding_rate": 0.0002}, None),
        ("it pays more", {"funding_rate": 0.000201}, SkipReason.COST),
        ("it is paid", {"funding_rate": -0.01}, None),
        ("as far from the oracle as may be", {"oracle": 99.1}, None),
        ("the mark is far from the oracle", {"oracle": 98.9}, SkipReason.PRICE_INTEGRITY),
        ("and on the other side", {"oracle": 101.1}, SkipReason.PRICE_INTEGRITY),
        ("the book is far from the mark", {"mark": 99.4}, SkipReason.PRICE_INTEGRITY),
        ("no oracle", {"oracle": 0.0}, SkipReason.PRICE_INTEGRITY),
    ],
)
def test_a_market_bears_a_copy_or_not(case: str, changes: dict[str, object], reason: SkipReason | None) -> None:
    verdict = judge(COPY, replace(SOUND, **changes), HONEST, POLICY)  # type: ignore[arg-type]
    assert verdict.skip is reason, case


@pytest.mark.parametrize(
    ("case", "changes", "reason"),
    [
        ("large beside what is open", {"usd": 50_001.0}, SkipReason.ILLIQUID),
        ("no size", {"usd": NAN}, SkipReason.ILLIQUID),
        ("his position is 5 % of what is open", {"trader_position_usd": 2_500_000.0}, None),
        ("he holds more of it", {"trader_position_usd": 2_500_001.0}, SkipReason.FOOTPRINT),
        ("he was the last hour's market", {"trader_hour_usd": 900_000.0}, SkipReason.FOOTPRINT),
        ("his trades aren't known", {"trader_hour_usd": NAN}, SkipReason.FOOTPRINT),
    ],
)
def test_a_copy_is_small_and_its_trader_too(case: str, changes: dict[str, object], reason: SkipReason | None) -> None:
    verdict = judge(replace(COPY, **changes), SOUND, HONEST, POLICY)  # type: ignore[arg-type]
    assert verdict.skip is reason, case


def test_the_side_decides_which_half_of_the_book_is_entered() -> None:
    lopsided = replace(SOUND, bids=levels(99.99, -0.02, 2_000.0))
    assert judge(COPY, lopsided, HONEST, POLICY).skip is None
    assert judge(replace(COPY, side=Side.SHORT), lopsided, HONEST, POLICY).skip is SkipReason.ILLIQUID


def test_who_dumps_on_copies_isn_t_copied_even_where_no_market_is_recorded() -> None:
    dumps = Dumps(entries=40, cut=20)
    assert judge(COPY, SOUND, dumps, POLICY).skip is SkipReason.OPEN_THEN_DUMP
    assert judge(COPY, None, dumps, POLICY).skip is SkipReason.OPEN_THEN_DUMP
    off = replace(POLICY, safety=SafetyPolicy(off=frozenset({Gate.DUMP})))
    assert judge(COPY, None, dumps, off).skip is None


@pytest.mark.parametrize(
    ("case", "pause_days", "ago_days", "skipped"),
    [
        ("a week ago", 7.0, 7.0, False),
        ("since", 7.0, 6.99, True),
        ("never", 7.0, None, False),
        ("nobody knows when", 7.0, NAN, True),
        ("just now, and nobody asked for a pause", 0.0, 0.0, False),
    ],
)
def test_one_dump_on_us_pauses_a_trader_where_that_is_asked_for(
    case: str, pause_days: float, ago_days: float | None, *, skipped: bool
) -> None:
    policy = replace(POLICY, safety=SafetyPolicy(dump_pause_days=pause_days))
    verdict = judge(replace(COPY, dumped_ago_days=ago_days), SOUND, HONEST, policy)
    assert verdict.skip is (SkipReason.OPEN_THEN_DUMP if skipped else None), case


def test_a_short_pays_where_a_long_is_paid() -> None:
    paid = replace(SOUND, funding_rate=-0.000201)
    assert judge(replace(COPY, side=Side.SHORT), paid, HONEST, POLICY).skip is SkipReason.COST


def test_in_a_replay_the_market_s_gates_aren_t_applied_and_that_is_said() -> None:
    verdict = judge(COPY, None, HONEST, POLICY)
    assert verdict.skip is None
    assert verdict.measured == {"market": "not recorded", "entries": 40, "entries_cut": 1}


def test_what_was_measured_is_kept_even_of_gates_that_are_off() -> None:
    off = replace(POLICY, safety=SafetyPolicy(off=frozenset(Gate)))
    verdict = judge(COPY, replace(SOUND, open_interest_usd=1.0), Dumps(entries=9, cut=9), off)
    assert verdict.skip is None
    assert verdict.measured["open_interest_usd"] == 1.0
    assert verdict.measured["spread_percent"] == pytest.approx(0.02)
    assert verdict.measured["entries_cut"] == 9


NUMBERS = ["mark", "oracle", "open_interest_usd", "day_volume_usd", "funding_rate"]


@given(st.sampled_from(NUMBERS), st.sampled_from([NAN, INF, -INF]))
def test_a_broken_market_bears_no_copy_and_leaves_no_broken_number_behind(name: str, broken: float) -> None:
    verdict = judge(COPY, replace(SOUND, **{name: broken}), HONEST, POLICY)
    assert verdict.skip is not None
    assert all(not isinstance(each, float) or math.isfinite(each) for each in verdict.measured.values())


@given(st.sampled_from(["usd", "trader_position_usd", "trader_hour_usd"]), st.sampled_from([NAN, INF]))
def test_a_broken_copy_isn_t_made(name: str, broken: float) -> None:
    assert judge(replace(COPY, **{name: broken}), SOUND, HONEST, POLICY).skip is not None


@given(st.floats(1.0, 390_000.0))
def test_walking_the_book_never_pays_less_than_its_best(usd: float) -> None:
    paid = walk(SOUND.asks, usd)
    assert SOUND.asks[0][0] <= paid * (1 + 1e-9)
    assert paid <= SOUND.asks[-1][0] * (1 + 1e-9)


def test_what_isn_t_offered_can_t_be_bought() -> None:
    assert walk(SOUND.asks, 400_001.0) == INF
    assert walk([], 1.0) == INF


def test_depth_counts_what_lies_near() -> None:
    assert depth_usd(SOUND.asks, 100.0, 0.1) == pytest.approx(100_000.0)
    assert depth_usd(SOUND.asks, None, 0.1) == 0.0
