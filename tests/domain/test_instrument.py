from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlcopy.domain.instrument import ASSUMED_MAX_LEVERAGE, Instrument, assumed_instrument

decimals = st.integers(min_value=0, max_value=5)
lots = st.integers(min_value=0, max_value=10**9)


def coin(size_decimals: int) -> Instrument:
    return Instrument(coin="COIN", size_decimals=size_decimals, max_leverage=10)


def is_legal(price: float, size_decimals: int) -> bool:
    """Return the venue's rule as its documentation words it."""
    exact = Decimal(str(price)).normalize()
    places = max(0, -int(exact.as_tuple().exponent))
    return places == 0 or (len(exact.as_tuple().digits) <= 5 and places <= 6 - size_decimals)


@st.composite
def prices(draw: st.DrawFn) -> tuple[int, float]:
    """Draw size decimals and a price of at least one tick."""
    size_decimals = draw(decimals)
    return size_decimals, draw(st.floats(min_value=10.0 ** (size_decimals - 6), max_value=1e9))


@pytest.mark.parametrize(
    ("size_decimals", "price", "legal"),
    [
        (0, 0.001234, True),
        (0, 0.0012345, False),
        (1, 0.01234, True),
        (1, 0.012345, False),
        (1, 1234.5, True),
        (1, 1234.56, False),
        (1, 123456.0, True),
        (1, 12345.6, False),
        (5, 95123.0, True),
        (5, 95123.4, False),
        (5, 9512.3, True),
        (5, 951.23, False),
    ],
)
def test_the_venues_examples_of_prices(size_decimals: int, price: float, *, legal: bool) -> None:
    kept = coin(size_decimals).price_down(price) == price and coin(size_decimals).price_up(price) == price
    assert kept is legal
    assert is_legal(price, size_decimals) is legal


@pytest.mark.parametrize(
    ("case", "size_decimals", "price", "down", "up"),
    [
        ("up to a new power of ten stays legal", 0, 99999.7, 99999.0, 100000.0),
        ("up to a new power of ten with decimals", 0, 9.99996, 9.9999, 10.0),
        ("five significant figures", 1, 1234.56, 1234.5, 1234.6),
        ("six decimals less the size's", 0, 0.0012345, 0.001234, 0.001235),
        ("whole numbers beyond five figures", 5, 123456.7, 123456.0, 123457.0),
        ("one decimal at most with five size decimals", 5, 951.23, 951.2, 951.3),
        ("the smallest price there is", 0, 0.000001, 0.000001, 0.000001),
    ],
)
def test_prices_are_rounded_to_their_neighbours(
    case: str, size_decimals: int, price: float, down: float, up: float
) -> None:
    assert coin(size_decimals).price_down(price) == down, case
    assert coin(size_decimals).price_up(price) == up, case


@given(prices())
def test_a_rounded_price_is_legal_on_its_side_and_the_same_when_rounded_again(drawn: tuple[int, float]) -> None:
    size_decimals, price = drawn
    rules = coin(size_decimals)
    down, up = rules.price_down(price), rules.price_up(price)
    assert 0 < down <= price <= up
    tick = max(10.0 ** (size_decimals - 6), 10.0 ** (math.floor(math.log10(price)) - 4))
    assert up - down <= min(1.0, tick) * 1.001
    for rounded in (down, up):
        assert is_legal(rounded, size_decimals)
        assert rules.price_down(rounded) == rules.price_up(rounded) == rounded


@given(prices())
def test_a_limit_stays_inside_its_bound_and_a_stop_moves_toward_safety(drawn: tuple[int, float]) -> None:
    size_decimals, price = drawn
    rules = coin(size_decimals)
    assert rules.limit_price(price, is_buy=True) <= price <= rules.limit_price(price, is_buy=False)
    assert rules.stop_price(price, is_buy=True) <= price <= rules.stop_price(price, is_buy=False)


@pytest.mark.parametrize("price", [0.0, -1.0, math.nan, math.inf, -math.inf])
def test_what_is_no_price_is_refused(price: float) -> None:
    for rounded in (coin(2).price_down, coin(2).price_up):
        with pytest.raises(ValueError, match="is no price"):
            rounded(price)


@pytest.mark.parametrize(
    ("size_decimals", "size", "expected"),
    [
        (5, 0.123456789, 0.12345),
        (0, 7.99, 7.0),
        (2, 0.0, 0.0),
        (2, 0.009, 0.0),
        (1, 0.3 - 0.1, 0.2),
        (1, 100.3 - 100.1, 0.2),
        (1, 0.1 + 0.2, 0.3),
        (2, 1e12 + 0.01, 1e12 + 0.01),
    ],
)
def test_sizes_are_rounded_down_to_a_lot_and_noise_of_float_sums_is_none(
    size_decimals: int, size: float, expected: float
) -> None:
    assert coin(size_decimals).size(size) == expected


@given(size_decimals=decimals, size=st.floats(min_value=0.0, max_value=1e9))
def test_a_rounded_size_is_legal_not_larger_and_less_than_a_lot_smaller(size_decimals: int, size: float) -> None:
    rounded = coin(size_decimals).size(size)
    lot = 10.0**-size_decimals
    assert size - lot <= rounded <= size + lot * 1e-6
    assert coin(size_decimals).size(rounded) == rounded
    assert round(rounded, size_decimals) == rounded


@given(size_decimals=decimals, whole=lots, parts=st.lists(lots, max_size=5))
def test_a_whole_position_rounds_to_itself_also_after_its_parts_came_and_went(
    size_decimals: int, whole: int, parts: list[int]
) -> None:
    exact = float(Decimal(whole).scaleb(-size_decimals))
    held = exact
    for part in parts:
        held += float(Decimal(part).scaleb(-size_decimals))
    for part in parts:
        held -= float(Decimal(part).scaleb(-size_decimals))
    assert coin(size_decimals).size(exact) == exact
    assert coin(size_decimals).size(max(0.0, held)) == exact


@pytest.mark.parametrize("size", [-0.1, math.nan, math.inf, -math.inf])
def test_what_is_no_size_is_refused(size: float) -> None:
    with pytest.raises(ValueError, match="is no size"):
        coin(2).size(size)


@given(
    size_decimals=decimals,
    notional=st.floats(min_value=0.0, max_value=1e7),
    price=st.floats(min_value=1e-3, max_value=1e6),
)
def test_the_size_of_a_notional_is_never_worth_more(size_decimals: int, notional: float, price: float) -> None:
    size = coin(size_decimals).size_of(notional, price)
    lot_value = price * 10.0**-size_decimals
    assert notional - lot_value * (1 + 1e-6) <= size * price <= notional * (1 + 1e-12) + lot_value * 1e-6


@pytest.mark.parametrize("text", ["64321.987", "0.123456789"])
def test_a_numpy_float_is_a_number_like_any_other(text: str) -> None:
    np = pytest.importorskip("numpy")
    number = float(text)
    assert coin(1).price_up(np.float64(number)) == coin(1).price_up(number)
    assert coin(1).size(np.float64(number)) == coin(1).size(number)


def test_a_coin_without_meta_gets_its_known_rules_or_the_lowest_leverage() -> None:
    assert assumed_instrument("BTC", 2) == Instrument(coin="BTC", size_decimals=5, max_leverage=40)
    assert assumed_instrument("FARTCOIN", 1) == Instrument(
        coin="FARTCOIN", size_decimals=1, max_leverage=ASSUMED_MAX_LEVERAGE
    )
