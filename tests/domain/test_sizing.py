from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hlcopy.domain import sizing
from hlcopy.domain.policy import SizingPolicy

POLICY = SizingPolicy()
BROKEN = (math.nan, math.inf, -math.inf)
HALF_A_CENT = 0.005

amounts = st.floats(min_value=0.0, max_value=1e12)


def size(**overrides: float | None) -> sizing.CopySize:
    facts: dict[str, float | None] = {
        "trader_position_value": 100_000.0,
        "trader_account_value": 500_000.0,
        "our_account_value": 100_000.0,
        "trader_roi_7d": 15.0,
        "leverage": None,
    } | overrides
    return sizing.copy_size(**facts, policy=POLICY)  # type: ignore[arg-type]  # two of them may be None


@pytest.mark.parametrize(
    ("case", "overrides", "usd"),
    [
        ("hot trader: 100k x 20 % x 0.5", {}, 10_000),
        ("lukewarm trader: three quarters of it", {"trader_roi_7d": 5.0}, 7_500),
        ("cold trader: half of it", {"trader_roi_7d": -2.0}, 5_000),
        ("20x: a fifth of it", {"leverage": 20}, 2_000),
        (
            "the cap of $50,000",
            {"trader_position_value": 2e6, "trader_account_value": 4e6, "our_account_value": 500_000.0},
            50_000,
        ),
        ("the cap of 10 % of our equity", {"trader_position_value": 500_000.0}, 10_000),
        ("the constructed example", {"trader_position_value": 60_000.0, "trader_account_value": 400_000.0}, 7_500),
        ("above 20x: a tenth", {"leverage": 20.1}, 1_000),
        ("a trader without equity counts as 5 %", {"trader_account_value": 0.0}, 2_500),
        ("a trader with negative equity counts as 5 %", {"trader_account_value": -1.0}, 2_500),
        ("exactly the floor", {"our_account_value": 1_000.0}, 100),
        ("under the floor", {"our_account_value": 999.0}, 0),
        ("nothing of our own", {"our_account_value": 0.0}, 0),
        ("rounded to cents", {"trader_position_value": 33_333.33}, 3_333.33),
    ],
)
def test_the_size_of_a_copy(case: str, overrides: dict[str, float | None], usd: float) -> None:
    assert size(**overrides).usd == usd, case


def test_what_a_size_was_made_of_is_told_even_when_it_is_nothing() -> None:
    made = size(our_account_value=500.0, trader_roi_7d=5.0, leverage=2.0)
    assert (made.usd, made.multiplier, made.penalty, made.floor) == (0.0, 0.75, 0.9, 100.0)
    assert made.base == pytest.approx(50.0)
    assert made.cap == 50.0


@pytest.mark.parametrize(
    ("case", "roi", "multiplier"),
    [
        ("above 10 %", 10.01, 1.0),
        ("exactly 10 % isn't above", 10.0, 0.75),
        ("between", 5.0, 0.75),
        ("exactly zero is no loss", 0.0, 0.75),
        ("a loss", -0.01, 0.5),
        ("unknown counts as a bad week", None, 0.5),
        ("NaN counts as a bad week", math.nan, 0.5),
        ("infinity counts as a bad week", math.inf, 0.5),
    ],
)
def test_the_track_record_tiers(case: str, roi: float | None, multiplier: float) -> None:
    assert sizing.track_record_multiplier(roi, POLICY) == multiplier, case


@pytest.mark.parametrize(
    ("leverage", "penalty"),
    [
        (None, 1.0),
        (0.5, 1.0),
        (1, 1.0),
        (1.5, 0.95),
        (2, 0.9),
        (2.5, 0.85),
        (3, 0.8),
        (4, 0.7),
        (5, 0.6),
        (7.5, 0.5),
        (10, 0.4),
        (15, 0.3),
        (20, 0.2),
        (20.001, 0.1),
        (50, 0.1),
    ],
)
def test_the_leverage_penalty_is_linear_between_its_points(leverage: float | None, penalty: float) -> None:
    assert sizing.leverage_penalty(leverage, POLICY) == pytest.approx(penalty, rel=1e-12)


@pytest.mark.parametrize("leverage", BROKEN)
def test_a_leverage_that_is_no_number_is_never_rewarded(leverage: float) -> None:
    assert size(leverage=leverage).usd == 0.0


@pytest.mark.parametrize(
    "fact", ["trader_position_value", "trader_account_value", "our_account_value", "trader_roi_7d", "leverage"]
)
@pytest.mark.parametrize("value", BROKEN)
def test_no_size_is_made_of_what_is_no_number(fact: str, value: float) -> None:
    assert size(**{fact: value}).usd == 0.0


@given(
    position=amounts,
    account=st.floats(min_value=-1e6, max_value=1e12),
    ours=amounts,
    roi=st.floats(min_value=-100.0, max_value=1e4) | st.none(),
    leverage=st.floats(min_value=0.0, max_value=200.0) | st.none(),
)
def test_a_size_never_passes_a_cap_nor_falls_between_zero_and_the_floor(
    position: float, account: float, ours: float, roi: float | None, leverage: float | None
) -> None:
    usd = size(
        trader_position_value=position,
        trader_account_value=account,
        our_account_value=ours,
        trader_roi_7d=roi,
        leverage=leverage,
    ).usd
    assert usd <= min(0.10 * ours, 50_000.0) + HALF_A_CENT
    assert usd == 0.0 or usd >= 100.0
    assert usd == round(usd, 2)


@given(first=st.floats(min_value=0.0, max_value=200.0), second=st.floats(min_value=0.0, max_value=200.0))
def test_more_leverage_never_earns_more(first: float, second: float) -> None:
    assume(first <= second)
    low, high = sizing.leverage_penalty(first, POLICY), sizing.leverage_penalty(second, POLICY)
    assert 0.1 <= high <= low <= 1.0


@given(roi=st.floats(), better=st.floats(min_value=0.0, max_value=100.0))
def test_a_better_week_never_earns_less(roi: float, better: float) -> None:
    assume(math.isfinite(roi))
    assert sizing.track_record_multiplier(roi, POLICY) <= sizing.track_record_multiplier(roi + better, POLICY)
