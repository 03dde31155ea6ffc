from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlcopy.domain import costs
from hlcopy.domain.policy import CostPolicy

POLICY = CostPolicy()


@pytest.mark.parametrize(
    ("case", "coin", "notional", "percent"),
    [
        ("a tiny order slips by the base", "BTC", 0.0, 0.02),
        ("BTC at $100k", "BTC", 100_000.0, 0.03),
        ("ETH at $10k", "ETH", 10_000.0, 0.0315),
        ("SOL at $50k", "SOL", 50_000.0, 0.1),
        ("any other coin", "WIF", 20_000.0, 0.165),
    ],
)
def test_larger_orders_slip_more(case: str, coin: str, notional: float, percent: float) -> None:
    assert costs.slippage_percent(coin, notional, POLICY) == pytest.approx(percent), case


def test_slippage_makes_a_buy_dearer_and_a_sale_cheaper() -> None:
    assert costs.slipped(100.0, 0.5, is_buy=True) == pytest.approx(100.5)
    assert costs.slipped(100.0, 0.5, is_buy=False) == pytest.approx(99.5)


def test_the_taker_fee_is_four_and_a_half_hundredths_of_a_percent() -> None:
    assert costs.taker_fee(10_000.0, POLICY) == pytest.approx(4.5)


@pytest.mark.parametrize(
    ("case", "signed_size", "rate", "paid"),
    [
        ("a long pays a positive rate", 2.0, 0.0000125, 0.0025),
        ("a short receives it", -2.0, 0.0000125, -0.0025),
        ("a long receives a negative rate", 2.0, -0.0001, -0.02),
        ("a short pays it", -2.0, -0.0001, 0.02),
    ],
)
def test_who_pays_an_hours_funding(case: str, signed_size: float, rate: float, paid: float) -> None:
    assert costs.funding_payment(signed_size, 100.0, rate) == pytest.approx(paid), case


@given(
    price=st.floats(min_value=1e-3, max_value=1e6),
    notional=st.floats(min_value=0.0, max_value=1e7),
    coin=st.sampled_from(["BTC", "ETH", "SOL", "WIF"]),
)
def test_slippage_is_never_a_gain_and_costs_both_sides_alike(price: float, notional: float, coin: str) -> None:
    percent = costs.slippage_percent(coin, notional, POLICY)
    bought, sold = costs.slipped(price, percent, is_buy=True), costs.slipped(price, percent, is_buy=False)
    assert bought >= price >= sold
    assert bought - price == pytest.approx(price - sold, abs=1e-9 * price)
