"""What `--set` makes of lists and ranges, and what it refuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlcopy.backtest.sweep_space import Listed, Ranged, Space, number_text, space
from hlcopy.errors import BadInputError

WHOLE = ["MAX_TOTAL_POSITIONS"]


def made(trials: int | None = None, **given: str) -> Space:
    return space(given, whole=WHOLE, trials=trials)


def test_a_grid_has_every_combination_in_the_order_given() -> None:
    grid = list(made(STOP_LOSS_PERCENT="3,5", TRAILING_STOP_PERCENT=" 8 , 12 ").grid())
    assert grid == [
        {"STOP_LOSS_PERCENT": "3", "TRAILING_STOP_PERCENT": "8"},
        {"STOP_LOSS_PERCENT": "3", "TRAILING_STOP_PERCENT": "12"},
        {"STOP_LOSS_PERCENT": "5", "TRAILING_STOP_PERCENT": "8"},
        {"STOP_LOSS_PERCENT": "5", "TRAILING_STOP_PERCENT": "12"},
    ]


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_a_grid_is_as_large_as_its_lists_make_it_and_repeats_nothing(sizes: list[int]) -> None:
    axes = tuple(Listed(name=f"S{at}", values=tuple(map(str, range(size)))) for at, size in enumerate(sizes))
    grid = [tuple(each.items()) for each in Space(axes).grid()]
    assert len(grid) == len(set(grid)) == Space(axes).size


def test_a_table_is_one_value_whatever_commas_it_has() -> None:
    (axis,) = made(MIN_TRADE_VALUE_USD='{"BTC": 1, "ETH": 2},{"BTC": 3}').axes
    assert axis == Listed(name="MIN_TRADE_VALUE_USD", values=('{"BTC": 1, "ETH": 2}', '{"BTC": 3}'))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3..8", (3.0, 8.0, 0.001)),
        ("0.05..0.3", (0.05, 0.3, 0.0001)),
        ("24..72", (24.0, 72.0, 0.01)),
        ("0.12345..8", (0.12345, 8.0, None)),
        ("-1.5..1.5", (-1.5, 1.5, 0.001)),
    ],
    ids=["units", "shares", "hours", "ends between the steps", "across zero"],
)
def test_a_range_is_searched_in_steps_that_a_person_would_type(
    text: str, expected: tuple[float, float, float | None]
) -> None:
    (axis,) = made(5, STOP_LOSS_PERCENT=text).axes
    assert isinstance(axis, Ranged)
    assert (axis.low, axis.high, axis.step, axis.whole) == (*expected, False)


def test_whole_numbers_stay_whole() -> None:
    (axis,) = made(5, MAX_TOTAL_POSITIONS="1..8").axes
    assert axis == Ranged(name="MAX_TOTAL_POSITIONS", low=1, high=8, whole=True)
    assert axis.step == 1


def test_a_number_is_shown_as_it_is_typed() -> None:
    assert [number_text(value) for value in (0.1 + 0.2, 5.0, 1e6, 8)] == ["0.3", "5", "1000000", "8"]


@pytest.mark.parametrize(
    ("trials", "name", "text", "said"),
    [
        (None, "STOP_LOSS_PERCENT", "3..8", "a range needs --trials N"),
        (5, "STOP_LOSS_PERCENT", "8..3", "a range must rise"),
        (5, "STOP_LOSS_PERCENT", "3..3", "a range must rise"),
        (5, "STOP_LOSS_PERCENT", "low..8", "a range is two numbers"),
        (5, "STOP_LOSS_PERCENT", "3..inf", "a range is two numbers"),
        (5, "MAX_TOTAL_POSITIONS", "1.5..8", "a range is two whole numbers"),
        (None, "STOP_LOSS_PERCENT", "3,,8", "a value is missing"),
        (None, "STOP_LOSS_PERCENT", "3,", "a value is missing"),
        (None, "STOP_LOSS_PERCENT", "3,5,3", "3 is given twice"),
    ],
)
def test_what_is_no_list_and_no_range_is_refused(trials: int | None, name: str, text: str, said: str) -> None:
    with pytest.raises(BadInputError, match=said) as refused:
        made(trials, **{name: text})
    assert str(refused.value).startswith(f"--set {name}={text}: ")


def test_too_large_a_grid_is_to_be_searched() -> None:
    many = {f"S{at}": ",".join(map(str, range(10))) for at in range(5)}
    with pytest.raises(BadInputError, match="100,000 configurations, 10,000 are the most; search it with --trials N"):
        made(**many)
    assert made(50, **many).size == 100_000
