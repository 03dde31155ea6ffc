from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlcopy.domain import exits, stops
from hlcopy.domain.book import ExitReason
from hlcopy.domain.instrument import Instrument
from hlcopy.domain.models import Side
from hlcopy.domain.policy import TIERS, ExitPolicy, Tier
from tests.builders import T0, at, position

if TYPE_CHECKING:
    from hlcopy.domain.book import Position

LONG, SHORT = Side.LONG, Side.SHORT
POLICY = ExitPolicy()
COIN = Instrument(coin="BTC", size_decimals=3, max_leverage=40)
NO_PRICES = (math.nan, math.inf, -math.inf, 0.0, -5.0)

marks_of_any_kind = st.sampled_from(NO_PRICES) | st.floats(min_value=1e-9, max_value=1e12)


def of(side: Side, **overrides: object) -> Position:
    opposite = {"side": SHORT, "stop_price": 105.0, "trailing_stop_price": 108.0}
    return position(**((opposite if side is SHORT else {}) | overrides))


def test_a_new_high_raises_the_trailing_stop_to_eight_percent_below_it() -> None:
    held = position(best_price=110.0, trailing_stop_price=101.2)
    assert exits.ratchet(held, 115.0, POLICY) == (115.0, 115 * (1 - 8 / 100))


def test_a_lower_mark_leaves_the_trailing_stop() -> None:
    held = position(best_price=115.0, trailing_stop_price=105.8)
    assert exits.ratchet(held, 112.0, POLICY) == (115.0, 105.8)


def test_a_new_low_lowers_a_shorts_trailing_stop() -> None:
    held = of(SHORT, best_price=90.0, trailing_stop_price=97.2)
    assert exits.ratchet(held, 85.0, POLICY) == (85.0, 85 * (1 + 8 / 100))


def test_a_stored_trailing_stop_that_is_tighter_is_kept() -> None:
    held = position(best_price=110.0, trailing_stop_price=104.0)
    assert exits.ratchet(held, 111.0, POLICY) == (111.0, 104.0)


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("mark", NO_PRICES)
def test_a_mark_that_is_no_price_ratchets_nothing(side: Side, mark: float) -> None:
    held = of(side)
    assert exits.ratchet(held, mark, POLICY) == (held.best_price, held.trailing_stop_price)


@pytest.mark.parametrize(("hours", "up"), [(71, False), (72, True), (73, True)])
def test_the_time_stop_comes_at_72_hours(hours: int, *, up: bool) -> None:
    assert exits.is_time_up(T0, at(hours=hours), POLICY) is up


def test_the_time_stop_waits_for_the_last_second() -> None:
    assert not exits.is_time_up(T0, at(hours=72) - timedelta(seconds=1), POLICY)


@pytest.mark.parametrize(
    ("side", "mark", "gain"), [(LONG, 110.0, 10.0), (LONG, 95.0, -5.0), (SHORT, 90.0, 10.0), (SHORT, 105.0, -5.0)]
)
def test_gain_is_in_percent_of_entry_and_by_side(side: Side, mark: float, gain: float) -> None:
    assert exits.unrealized_percent(100.0, mark, side) == pytest.approx(gain)


@pytest.mark.parametrize(
    ("case", "side", "mark", "taken", "due"),
    [
        ("under the first tier", LONG, 109.9, (), ()),
        ("past the first", LONG, 110.1, (), (1,)),
        ("the first is taken", LONG, 110.1, (1,), ()),
        ("past the second, the first taken", LONG, 121.0, (1,), (2,)),
        ("a gap through two", LONG, 121.0, (), (1, 2)),
        ("a gap through all", LONG, 141.0, (), (1, 2, 3)),
        ("a middle one was missed", LONG, 141.0, (1, 3), (2,)),
        ("all taken", LONG, 200.0, (1, 2, 3), ()),
        ("a short's first", SHORT, 89.9, (), (1,)),
        ("a short under water", SHORT, 110.1, (), ()),
    ],
)
def test_each_tier_is_due_once_its_gain_is_reached(
    case: str, side: Side, mark: float, taken: tuple[int, ...], due: tuple[int, ...]
) -> None:
    tiers = exits.tiers_due(of(side, tiers_taken=taken), mark, POLICY)
    assert tuple(tier.number for tier in tiers) == due, case


def test_a_tier_is_due_at_exactly_its_gain() -> None:
    held = position(entry_price=64.0)
    policy = ExitPolicy(tiers=(Tier(number=1, gain_percent=25.0, fraction=0.25),))
    assert exits.tiers_due(held, 80.0, policy) == policy.tiers
    assert exits.tiers_due(held, 79.99, policy) == ()


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("mark", NO_PRICES)
def test_a_mark_that_is_no_price_takes_no_tier(side: Side, mark: float) -> None:
    assert exits.tiers_due(of(side), mark, POLICY) == ()


def test_tiers_together_take_what_they_take_one_after_the_other() -> None:
    assert exits.tier_fraction(TIERS[:1]) == pytest.approx(0.25)
    assert exits.tier_fraction(TIERS[:2]) == pytest.approx(1 - 0.75 * 0.67)
    assert exits.tier_fraction(TIERS) == pytest.approx(1 - 0.75 * 0.67 * 0.5)
    assert exits.tier_fraction(()) == 0.0


@pytest.mark.parametrize(
    ("case", "size", "fraction", "mark", "expected"),
    [
        ("a quarter", 2.0, 0.25, 100.0, 0.5),
        ("a third is rounded down to a lot", 1.0, 0.3333, 100.0, 0.333),
        ("a part under the minimum waits", 0.3, 0.25, 100.0, None),
        ("a part of exactly the minimum goes", 0.4, 0.25, 100.0, 0.1),
        ("a remainder under the minimum goes with it", 0.2, 0.96, 100.0, 0.2),
        ("a remainder of exactly the minimum stays", 0.2, 0.5, 100.0, 0.1),
        ("a position under twice the minimum closes whole", 0.19, 0.5, 100.0, 0.19),
        ("a position under the minimum closes whole", 0.05, 0.25, 100.0, 0.05),
        ("a mark that is no number waits", 2.0, 0.25, math.nan, None),
    ],
)
def test_a_tier_sells_its_part_or_everything_or_waits(
    case: str, size: float, fraction: float, mark: float, expected: float | None
) -> None:
    assert exits.tier_size(size, fraction, mark, COIN, 10.0) == expected, case


@given(
    lots=st.integers(min_value=1, max_value=10**7),
    tiers=st.sets(st.sampled_from(TIERS), min_size=1),
    mark=st.floats(min_value=1e-3, max_value=1e6),
)
def test_a_tier_never_leaves_dust_and_never_sells_more_than_there_is(lots: int, tiers: set[Tier], mark: float) -> None:
    size = lots / 1000
    fraction = exits.tier_fraction(tuple(tiers))
    sold = exits.tier_size(size, fraction, mark, COIN, 10.0)
    if sold is None:
        assert COIN.size(size * fraction) * mark < 10.0
    else:
        assert sold == size or (sold < size and (size - sold) * mark >= 10.0 and sold * mark >= 10.0)
        assert COIN.size(sold) == sold


@pytest.mark.parametrize(
    ("case", "side", "best", "mark", "hours", "close"),
    [
        ("nothing happened", LONG, 100.0, 100.0, 1, None),
        ("the hard stop", LONG, 100.0, 95.0, 1, ExitReason.STOP_LOSS),
        ("just above it", LONG, 100.0, 95.01, 1, None),
        ("the trailing stop after 115", LONG, 115.0, 105.75, 1, ExitReason.TRAILING_STOP),
        ("the exact trail isn't the trigger", LONG, 115.0, 105.8, 1, None),
        ("time is up", LONG, 100.0, 100.0, 72, ExitReason.TIME_STOP),
        ("the stop goes before time", LONG, 100.0, 90.0, 80, ExitReason.STOP_LOSS),
        ("a short's hard stop", SHORT, 100.0, 105.0, 1, ExitReason.STOP_LOSS),
        ("a short's trailing stop after 85", SHORT, 85.0, 92.0, 1, ExitReason.TRAILING_STOP),
        ("time is up though the mark is no price", LONG, 100.0, math.nan, 72, ExitReason.TIME_STOP),
    ],
)
def test_a_position_is_left_by_stop_then_time(
    case: str, side: Side, best: float, mark: float, hours: int, close: ExitReason | None
) -> None:
    plan = exits.decide(of(side), best, mark, at(hours=hours), POLICY)
    assert plan.close is close, case
    assert plan.best_price == best, case


def test_a_position_that_is_left_takes_no_tier() -> None:
    assert exits.decide(position(), 125.0, 125.0, at(hours=72), POLICY).tiers == ()
    assert [tier.number for tier in exits.decide(position(), 125.0, 125.0, at(hours=1), POLICY).tiers] == [1, 2]


def test_a_spike_between_ticks_lifts_the_stop_above_the_mark_and_closes() -> None:
    plan = exits.decide(position(), 115.0, 100.0, at(1), POLICY)
    assert plan.close is ExitReason.TRAILING_STOP
    assert plan.trailing_stop_price == 115 * (1 - 8 / 100)
    assert plan.trigger.price == pytest.approx(105.75)


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("mark", NO_PRICES)
def test_a_mark_that_is_no_price_changes_nothing(side: Side, mark: float) -> None:
    held = of(side, best_price=100.0)
    plan = exits.decide(held, mark, mark, at(1), POLICY)
    assert (plan.close, plan.tiers) == (None, ())
    assert (plan.best_price, plan.trailing_stop_price) == (held.best_price, held.trailing_stop_price)
    assert plan.trigger == stops.trigger(held.entry_price, held.best_price, side, POLICY)


@given(side=st.sampled_from(Side), marks=st.lists(marks_of_any_kind, max_size=30))
def test_no_sequence_of_marks_loosens_a_position(side: Side, marks: list[float]) -> None:
    held = of(side)
    plan = exits.decide(held, 100.0, 100.0, T0, POLICY)
    for mark in marks:
        after = exits.decide(
            of(side, best_price=plan.best_price, trailing_stop_price=plan.trailing_stop_price), mark, mark, T0, POLICY
        )
        for earlier, later in (
            (plan.trigger.price, after.trigger.price),
            (plan.trailing_stop_price, after.trailing_stop_price),
            (plan.best_price, after.best_price),
        ):
            assert (later - earlier) * side.sign >= 0
        plan = after
