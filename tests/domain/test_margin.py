from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlcopy.domain import margin
from hlcopy.domain.models import Side

LONG, SHORT = Side.LONG, Side.SHORT

venue_leverages = st.sampled_from([3, 5, 10, 20, 25, 40, 50])


def distance_percent(side: Side, leverage: int, max_leverage: int) -> float:
    return abs(margin.liquidation_price(100.0, side, leverage, max_leverage) - 100.0)


@pytest.mark.parametrize(
    ("leverage", "max_leverage", "percent"),
    [(5, 40, 18.987), (5, 5, 11.111), (3, 3, 20.0), (2, 3, 40.0), (40, 40, 1.2658)],
)
def test_how_far_below_entry_a_long_is_liquidated(leverage: int, max_leverage: int, percent: float) -> None:
    price = margin.liquidation_price(100.0, LONG, leverage, max_leverage)
    assert 100.0 - price == pytest.approx(percent, abs=1e-3)


@pytest.mark.parametrize(("leverage", "max_leverage", "percent"), [(5, 40, 18.5185), (5, 5, 9.0909), (3, 3, 14.2857)])
def test_how_far_above_entry_a_short_is_liquidated(leverage: int, max_leverage: int, percent: float) -> None:
    price = margin.liquidation_price(100.0, SHORT, leverage, max_leverage)
    assert price - 100.0 == pytest.approx(percent, abs=1e-3)


def test_an_unlevered_long_is_never_liquidated() -> None:
    assert margin.liquidation_price(100.0, LONG, 1, 40) <= 0


@given(
    entry=st.floats(min_value=1e-3, max_value=1e6),
    side=st.sampled_from(Side),
    leverage=st.integers(min_value=1, max_value=50),
    max_leverage=venue_leverages,
)
def test_at_the_liquidation_price_margin_and_result_equal_maintenance(
    entry: float, side: Side, leverage: int, max_leverage: int
) -> None:
    leverage = min(leverage, max_leverage)
    price = margin.liquidation_price(entry, side, leverage, max_leverage)
    equity = entry / leverage + side.sign * (price - entry)
    assert equity == pytest.approx(price * margin.maintenance_ratio(max_leverage), abs=1e-9 * entry)
    bankrupt = margin.bankruptcy_price(entry, side, leverage)
    assert entry / leverage + side.sign * (bankrupt - entry) == pytest.approx(0.0, abs=1e-9 * entry)
    # Liquidation comes before the margin is used up.
    assert (price - bankrupt) * side.sign >= -1e-9 * entry


@pytest.mark.parametrize(
    ("case", "trader", "max_leverage", "expected"),
    [
        ("rounded up", 2.1, 40, 3),
        ("a whole number stays", 3.0, 40, 3),
        ("capped at ours", 12.0, 40, 5),
        ("capped at the coin's", 4.5, 3, 3),
        ("at least 1", 0.2, 40, 1),
        ("zero is at least 1", 0.0, 40, 1),
        ("unknown is 3", None, 40, 3),
        ("unknown is capped at the coin's", None, 2, 2),
        ("NaN is unknown", math.nan, 40, 3),
        ("infinity is unknown", math.inf, 40, 3),
    ],
)
def test_the_leverage_we_ask_for(case: str, trader: float | None, max_leverage: int, expected: int) -> None:
    assert margin.wanted_leverage(trader, max_leverage, default=3, cap=5) == expected, case


@pytest.mark.parametrize(
    ("case", "side", "wanted", "max_leverage", "stop", "expected"),
    [
        ("5x on a 40x coin is far enough from a 5 % stop", LONG, 5, 40, 5.0, 5),
        ("5x on a 5x coin too", LONG, 5, 5, 5.0, 5),
        ("a wider stop lowers a long to 4x", LONG, 5, 5, 10.0, 4),
        ("a short's liquidation is nearer: 3x", SHORT, 5, 5, 10.0, 3),
        ("only 1x is left", LONG, 5, 40, 40.0, 1),
        ("a short's unlevered liquidation is too near", SHORT, 5, 3, 50.0, None),
        ("an unlevered long falls by at most its price", LONG, 5, 40, 70.0, None),
    ],
)
def test_leverage_is_lowered_until_the_stop_is_well_inside_liquidation(
    case: str, side: Side, wanted: int, max_leverage: int, stop: float, expected: int | None
) -> None:
    assert margin.safe_leverage(wanted, side, max_leverage, stop, 1.5) == expected, case


def test_a_liquidation_at_exactly_the_least_distance_is_far_enough() -> None:
    assert margin.safe_leverage(1, LONG, 40, stop_percent=50.0, min_ratio=2.0) == 1


@given(
    side=st.sampled_from(Side),
    wanted=st.integers(min_value=1, max_value=5),
    max_leverage=venue_leverages,
    stop=st.floats(min_value=0.5, max_value=60.0),
)
def test_the_leverage_found_is_the_highest_whose_liquidation_is_far_enough(
    side: Side, wanted: int, max_leverage: int, stop: float
) -> None:
    wanted = min(wanted, max_leverage)
    found = margin.safe_leverage(wanted, side, max_leverage, stop, 1.5)
    enough = [
        leverage
        for leverage in range(1, wanted + 1)
        if distance_percent(side, leverage, max_leverage) >= 1.5 * stop * (1 + 1e-9)
    ]
    if found is None:
        assert not enough
    else:
        assert found <= wanted
        assert distance_percent(side, found, max_leverage) >= 1.5 * stop * (1 - 1e-9)
        assert found >= max(enough, default=1)
