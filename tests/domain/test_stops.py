from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlcopy.domain import stops
from hlcopy.domain.book import ExitReason
from hlcopy.domain.models import Side
from hlcopy.domain.policy import ExitPolicy

LONG, SHORT = Side.LONG, Side.SHORT
POLICY = ExitPolicy()
STOP, TRAIL = ExitReason.STOP_LOSS, ExitReason.TRAILING_STOP

sides = st.sampled_from(Side)
prices = st.floats(min_value=1e-4, max_value=1e6)
# From a third to three times an entry price: what a position of ours sees before one of its exits.
moves = st.floats(min_value=0.34, max_value=3.0)
any_marks = st.one_of(moves, st.just(math.nan), st.just(math.inf), st.just(-math.inf))


@pytest.mark.parametrize(("side", "stop"), [(LONG, 95.0), (SHORT, 105.0)])
def test_the_hard_stop_lies_five_percent_from_entry(side: Side, stop: float) -> None:
    assert stops.hard_stop(100.0, side, POLICY) == stop


@pytest.mark.parametrize(
    ("side", "best", "trail"), [(LONG, 115.0, 115 * (1 - 8 / 100)), (SHORT, 90.0, 90 * (1 + 8 / 100))]
)
def test_the_trailing_stop_lies_eight_percent_from_the_best_price(side: Side, best: float, trail: float) -> None:
    assert stops.trailing_stop(best, side, POLICY) == trail


def test_other_percentages_move_both_stops() -> None:
    wide = ExitPolicy(stop_loss_percent=10.0, trailing_stop_percent=20.0)
    assert stops.hard_stop(200.0, LONG, wide) == 180.0
    assert stops.trailing_stop(200.0, SHORT, wide) == 240.0


@pytest.mark.parametrize(
    ("case", "side", "best", "mark", "after"),
    [
        ("a higher mark lifts a long's best", LONG, 110.0, 115.0, 115.0),
        ("a lower mark leaves a long's best", LONG, 115.0, 112.0, 115.0),
        ("a lower mark improves a short's best", SHORT, 90.0, 85.0, 85.0),
        ("a higher mark leaves a short's best", SHORT, 85.0, 99.0, 85.0),
        ("NaN changes nothing", LONG, 110.0, math.nan, 110.0),
        ("infinity is no new high", LONG, 110.0, math.inf, 110.0),
        ("minus infinity is no new low", SHORT, 90.0, -math.inf, 90.0),
    ],
)
def test_the_best_price_only_improves(case: str, side: Side, best: float, mark: float, after: float) -> None:
    assert stops.best_of(best, mark, side) == after, case


@pytest.mark.parametrize(
    ("case", "side", "trail", "grid"),
    [
        ("on a line stays", LONG, 101.0, 101.0),
        ("between lines goes down for a long", LONG, 101.2, 101.0),
        ("between lines goes up for a short", SHORT, 98.8, 99.0),
        ("on a line stays for a short", SHORT, 98.75, 98.75),
        ("just under a line by float noise counts as on it", LONG, 101.24999999999999, 101.25),
        ("really under a line goes to the next", LONG, 101.249, 101.0),
        ("below entry the lines go on", LONG, 96.1, 96.0),
        ("above entry the lines go on for a short", SHORT, 103.9, 104.0),
        ("at entry is a line", LONG, 100.0, 100.0),
    ],
)
def test_the_grid_rounds_away_from_the_market(case: str, side: Side, trail: float, grid: float) -> None:
    assert stops.grid_stop(100.0, trail, side, POLICY) == pytest.approx(grid, rel=1e-14), case


@pytest.mark.parametrize(
    ("case", "side", "best", "price", "reason"),
    [
        ("at entry the hard stop is tighter", LONG, 100.0, 95.0, STOP),
        ("a gain of 3.53 % isn't enough for a long", LONG, 103.53, 95.0, STOP),
        ("from 3.54 % on a long trails", LONG, 103.54, 95.25, TRAIL),
        ("a gain of 3.00 % isn't enough for a short", SHORT, 97.0, 105.0, STOP),
        ("from 3.01 % on a short trails", SHORT, 96.99, 104.75, TRAIL),
        ("the specification's high of 115 trails at 105.8, on the grid 105.75", LONG, 115.0, 105.75, TRAIL),
        ("a short's low of 85 trails at 91.8, on the grid 92", SHORT, 85.0, 92.0, TRAIL),
    ],
)
def test_the_trigger_is_the_tighter_of_both_stops(
    case: str, side: Side, best: float, price: float, reason: ExitReason
) -> None:
    trigger = stops.trigger(100.0, best, side, POLICY)
    assert trigger.price == pytest.approx(price, rel=1e-14), case
    assert trigger.reason is reason, case


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("entry", [100.0, 93_517.3, 171.29, 0.1234])
def test_a_grid_line_that_equals_the_hard_stop_counts_as_the_hard_stop(side: Side, entry: float) -> None:
    best = entry * (1 - side.sign * 0.05) / (1 - side.sign * 0.08) * (1 + side.sign * 1e-6)
    trigger = stops.trigger(entry, best, side, POLICY)
    assert trigger == stops.Trigger(stops.hard_stop(entry, side, POLICY), STOP)


@pytest.mark.parametrize(
    ("case", "side", "price", "crossed"),
    [
        ("a long's stop at its price", LONG, 95.0, True),
        ("a long's stop below", LONG, 94.9, True),
        ("a long's stop above", LONG, 95.1, False),
        ("a short's stop at its price", SHORT, 95.0, True),
        ("a short's stop above", SHORT, 95.1, True),
        ("a short's stop below", SHORT, 94.9, False),
        ("NaN crosses nothing", LONG, math.nan, False),
    ],
)
def test_a_stop_is_crossed_at_its_price_or_past_it(case: str, side: Side, price: float, *, crossed: bool) -> None:
    assert stops.is_crossed(95.0, price, side) is crossed, case


@pytest.mark.parametrize(
    ("case", "side", "opened", "low", "high", "price"),
    [
        ("not reached", LONG, 100.0, 95.1, 101.0, None),
        ("touched exactly", LONG, 100.0, 95.0, 101.0, 95.0),
        ("run through", LONG, 100.0, 90.0, 101.0, 95.0),
        ("a gap fills at the open", LONG, 93.0, 92.0, 101.0, 93.0),
        ("opens on it", LONG, 95.0, 94.0, 101.0, 95.0),
        ("a short isn't reached", SHORT, 90.0, 80.0, 94.9, None),
        ("a short is run through", SHORT, 90.0, 80.0, 99.0, 95.0),
        ("a short's gap fills at the open", SHORT, 97.0, 80.0, 99.0, 97.0),
    ],
)
def test_a_stop_fills_at_its_price_or_at_a_worse_open(
    case: str, side: Side, opened: float, low: float, high: float, price: float | None
) -> None:
    assert stops.fill_in_candle(95.0, opened, low, high, side) == price, case


@given(entry=prices, side=sides, marks=st.lists(any_marks, max_size=40))
def test_a_stop_never_loosens(entry: float, side: Side, marks: list[float]) -> None:
    best = entry
    tightest = stops.trigger(entry, best, side, POLICY).price
    for mark in marks:
        best = stops.best_of(best, mark * entry, side)
        now = stops.trigger(entry, best, side, POLICY).price
        assert math.isfinite(now)
        assert (now - tightest) * side.sign >= 0
        tightest = now


@given(entry=prices, side=sides, marks=st.lists(moves, min_size=1, max_size=20), data=st.data())
def test_the_trigger_doesnt_depend_on_the_way_to_the_best_price(
    entry: float, side: Side, marks: list[float], data: st.DataObject
) -> None:
    triggers = []
    for path in (marks, data.draw(st.permutations(marks))):
        best = entry
        for mark in path:
            best = stops.best_of(best, mark * entry, side)
        triggers.append(stops.trigger(entry, best, side, POLICY))
    assert triggers[0] == triggers[1]


@given(entry=prices, side=sides, move=moves)
def test_the_trigger_is_never_looser_than_the_hard_stop_nor_tighter_than_the_trailing_one(
    entry: float, side: Side, move: float
) -> None:
    best = stops.best_of(entry, entry * move, side)
    trigger = stops.trigger(entry, best, side, POLICY).price
    assert (trigger - stops.hard_stop(entry, side, POLICY)) * side.sign >= 0
    if trigger != stops.hard_stop(entry, side, POLICY):
        exact = stops.trailing_stop(best, side, POLICY)
        lag = (exact - trigger) * side.sign / entry
        assert -1e-9 <= lag <= POLICY.trail_step_percent / 100 + 1e-9


@given(entry=prices, distance=st.floats(min_value=0.0, max_value=0.9))
def test_long_and_short_mirror_each_other(entry: float, distance: float) -> None:
    up, down = entry * (1 + distance), entry * (1 - distance)
    tolerance = 1e-12 * entry
    assert stops.hard_stop(entry, LONG, POLICY) + stops.hard_stop(entry, SHORT, POLICY) == pytest.approx(2 * entry)
    for long_trail, short_trail in ((up, down), (down, up)):
        long_line = stops.grid_stop(entry, long_trail, LONG, POLICY)
        short_line = stops.grid_stop(entry, short_trail, SHORT, POLICY)
        step = POLICY.trail_step_percent / 100 * entry
        # A trail on a line up to float noise may fall on either side of it.
        off = abs((long_line - entry) + (short_line - entry))
        assert min(off, abs(off - step)) <= tolerance
    for price in (up, down, entry):
        mirrored = 2 * entry - price
        if abs(price - entry) > tolerance:
            assert stops.is_crossed(entry, price, LONG) == stops.is_crossed(entry, mirrored, SHORT)


@given(entry=prices, side=sides, best=moves, step=st.sampled_from([0.1, 0.25, 0.5, 1.0]))
def test_a_coarser_grid_never_moves_the_trigger_past_the_finer_ones_trail(
    entry: float, side: Side, best: float, step: float
) -> None:
    policy = replace(POLICY, trail_step_percent=step)
    trail = stops.trailing_stop(best * entry, side, policy)
    line = stops.grid_stop(entry, trail, side, policy)
    assert (trail - line) * side.sign >= -1e-9 * entry
