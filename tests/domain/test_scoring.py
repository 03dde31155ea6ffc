from __future__ import annotations

import math
import statistics
from dataclasses import asdict, fields, replace
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hlcopy.domain.policy import SCORE_WEIGHTS, ScoringPolicy
from hlcopy.domain.scoring import (
    Parts,
    ScoreInputs,
    Style,
    TraderMetrics,
    classify_style,
    composite_score,
    consistency_score,
    effective_leverage,
    history_return_percent,
    label_bonus,
    measure,
    modified_dietz_percent,
    normalized_roi,
    pseudo_sharpe,
    realized_pnl,
    recency_decay,
    return_on_equity_percent,
    risk_score,
    roi_7d_at_stated_equity,
    weigh,
)
from tests.builders import T0, at, fill

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import DataclassInstance

    from hlcopy.domain.models import Fill

    T = TypeVar("T", bound=DataclassInstance)

NAN, INF = math.nan, math.inf
POLICY = ScoringPolicy()
BROKEN = (NAN, INF, -INF)


def changed(made: T, **changes: object) -> T:
    return replace(made, **changes)


def metrics(**overrides: object) -> TraderMetrics:
    made = TraderMetrics(
        nof_trades=80,
        days_active=80,
        trades_per_day=1.0,
        average_hold_hours=24.0,
        returns=(0.1, 0.2, 0.3),
        win_rate=0.6,
        incomplete_trips=0,
        realized_7d_usd=5_000.0,
        realized_30d_usd=20_000.0,
        volume_30d_usd=2_000_000.0,
        leverage=3.0,
        last_activity=T0,
    )
    return changed(made, **overrides)


def inputs(**overrides: object) -> ScoreInputs:
    made = ScoreInputs(
        metrics=metrics(), account_value=100_000.0, roi_7d=2.0, roi_30d=8.0, roi_90d=24.0, label="Smart HL Perps Trader"
    )
    return changed(made, **overrides)


def trip(
    opened: float,
    closed: float,
    *,
    pnl: float = 0.0,
    size: float = 1.0,
    start: float = 0.0,
    oid: int = 1,
    coin: str = "BTC",
) -> list[Fill]:
    """Buy and sell `size` at 100, opened and closed so many hours after `T0`."""
    enter = fill(coin=coin, size=size, start_position=start, time=at(hours=opened), oid=2 * oid)
    leave = fill(
        coin=coin,
        is_buy=False,
        size=size,
        start_position=start + size,
        time=at(hours=closed),
        oid=2 * oid + 1,
        closed_pnl=pnl,
    )
    return [enter, leave]


@pytest.mark.parametrize(
    ("case", "trades_per_day", "hold", "style"),
    [
        ("many a day and held shortly", 5.1, 3.9, Style.HFT),
        ("exactly five a day is not too many", 5.0, 3.9, Style.SWING),
        ("exactly four hours is not too short", 5.1, 4.0, Style.SWING),
        ("few a day, however short", 4.0, 0.1, Style.SWING),
        ("exactly 0.3 a day still swings", 0.3, 100.0, Style.SWING),
        ("fewer than 0.3 a day", 0.29, 100.0, Style.POSITION),
        ("just under two weeks", 1.0, 335.9, Style.SWING),
        ("exactly two weeks", 1.0, 336.0, Style.POSITION),
        ("many a day but held for months", 20.0, 2_000.0, Style.POSITION),
        ("unknown hold, many a day", 5.1, None, Style.HFT),
        ("unknown hold, some a day", 5.0, None, Style.SWING),
        ("unknown hold, hardly any", 0.2, None, Style.POSITION),
        ("a broken hold is an unknown one", 5.1, NAN, Style.HFT),
    ],
)
def test_style_follows_the_specification(case: str, trades_per_day: float, hold: float | None, style: Style) -> None:
    assert classify_style(trades_per_day, hold) is style, case


@pytest.mark.parametrize(
    ("case", "rois", "expected"),
    [
        ("all positive and even: 0.7 and the whole bonus", (2.0, 8.0, 24.0), 1.0),
        ("all positive, variance 8/3 per week", (1.0, 12.0, 60.0), 0.7 + 0.3 - (8 / 3) / 100),
        ("all positive, variance of 30 leaves no bonus", (100.0, 4.0, 12.0), 0.7),
        ("the last week lost", (-1.0, 8.0, 24.0), 0.5),
        ("the last month lost", (2.0, -8.0, 24.0), 0.5),
        ("the quarter lost", (2.0, 8.0, -24.0), 0.5),
        ("zero isn't positive", (0.0, 8.0, 24.0), 0.5),
        ("one of three", (2.0, -8.0, -24.0), 0.2),
        ("none of three", (-2.0, -8.0, -24.0), 0.2),
        ("no quarter, both positive and even", (2.0, 8.0, None), 1.0),
        ("no quarter, variance 1 per week", (1.0, 12.0, None), 0.7 + 0.3 - 1 / 100),
        ("no quarter, one of two is too few", (2.0, -8.0, None), 0.2),
        ("no quarter, none of two", (-2.0, -8.0, None), 0.2),
        ("NaN isn't positive", (NAN, 8.0, 24.0), 0.5),
        ("infinity isn't positive", (2.0, 8.0, INF), 0.5),
    ],
)
def test_consistency_follows_the_specification(
    case: str, rois: tuple[float, float, float | None], expected: float
) -> None:
    assert consistency_score(*rois).value == pytest.approx(expected), case


def test_consistency_says_which_windows_it_stands_on() -> None:
    assert consistency_score(2.0, 8.0, 24.0).windows == ("7d", "30d", "90d")
    assert consistency_score(2.0, 8.0, None).windows == ("7d", "30d")


positive = st.floats(0.01, 500)


@given(positive, positive, positive)
def test_consistency_uses_the_population_variance_of_weekly_returns(week: float, month: float, quarter: float) -> None:
    variance = float(np.var([week, month / 4, quarter / 12]))
    assert consistency_score(week, month, quarter).value == pytest.approx(0.7 + max(0, 0.3 - variance / 100))


@pytest.mark.parametrize(
    ("roi", "expected"), [(50.0, 0.5), (100.0, 1.0), (250.0, 1.0), (0.0, 0.0), (-30.0, 0.0), (NAN, 0.0), (INF, 0.0)]
)
def test_roi_is_full_marks_at_a_hundred_percent(roi: float, expected: float) -> None:
    assert normalized_roi(roi) == expected


@pytest.mark.parametrize(
    ("case", "returns", "expected"),
    [
        ("mean 0.2 over sample deviation 0.1 is 2, of 3", (0.1, 0.2, 0.3), 2 / 3),
        ("a loss is no less than nothing", (-0.1, -0.2, -0.3), 0.0),
        ("above three is full marks", (0.30, 0.31, 0.32), 1.0),
        ("one return has no spread", (0.5,), 0.0),
        ("no returns", (), 0.0),
        ("equal returns have no spread", (0.1, 0.1, 0.1), 0.0),
        ("NaN among them", (0.1, NAN, 0.3), 0.0),
        ("infinity among them", (0.1, INF, 0.3), 0.0),
        ("a spread too small to square", (0.0, 5e-324), 0.0),
        ("numbers that overflow", (1e308, 1.7e308, 1.0), 0.0),
    ],
)
def test_pseudo_sharpe_follows_the_specification(case: str, returns: tuple[float, ...], expected: float) -> None:
    assert pseudo_sharpe(returns) == pytest.approx(expected), case


@given(st.lists(st.floats(-2, 2), min_size=2, max_size=20))
def test_pseudo_sharpe_uses_the_sample_deviation(returns: list[float]) -> None:
    deviation = statistics.stdev(returns)
    assume(deviation > 1e-6)
    expected = min(1.0, max(0.0, statistics.fmean(returns) / deviation / 3))
    assert pseudo_sharpe(returns) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("case", "label", "smart_money", "expected"),
    [
        ("a fund", "Wintermute Fund", False, 1.0),
        ("a fund that is smart money", "Smart Fund", True, 1.0),
        ("a smart label", "Smart HL Perps Trader", False, 0.8),
        ("membership is worth the label", None, True, 0.8),
        ("membership beside another label", "High Balance", True, 0.8),
        ("any label", "High Balance", False, 0.5),
        ("an empty label", "", False, 0.0),
        ("no label", None, False, 0.0),
    ],
)
def test_label_bonus(case: str, label: str | None, smart_money: bool, expected: float) -> None:  # noqa: FBT001 - a table's column
    assert label_bonus(label, smart_money=smart_money) == expected, case


@pytest.mark.parametrize(
    ("leverage", "expected"),
    [(1.0, 1.0), (0.2, 1.0), (3.0, 0.9), (11.0, 0.5), (21.0, 0.0), (40.0, 0.0), (NAN, 0.0), (INF, 0.0)],
)
def test_risk_score_falls_from_1x_to_21x(leverage: float, expected: float) -> None:
    assert risk_score(leverage) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("case", "age", "expected"),
    [
        ("active now", timedelta(0), 1.0),
        ("a day less a second is no whole day", timedelta(days=1, seconds=-1), 1.0),
        ("a week", timedelta(days=7), 2**-0.5),
        ("a half-life", timedelta(days=14), 0.5),
        ("two half-lives and some hours", timedelta(days=28, hours=20), 0.25),
        ("a clock ahead of ours earns nothing extra", timedelta(days=-3), 1.0),
    ],
)
def test_recency_halves_every_fourteen_days(case: str, age: timedelta, expected: float) -> None:
    assert recency_decay(T0 - age, T0, POLICY.recency_halflife_days) == pytest.approx(expected), case


def test_who_never_traded_keeps_nothing() -> None:
    assert recency_decay(None, T0, 14.0) == 0.0


def test_a_score_is_the_weighted_sum_of_its_parts_times_the_decay() -> None:
    score = composite_score(inputs(), POLICY, at(days=14))
    assert asdict(score.parts) == pytest.approx(
        {
            "normalized_roi": 0.24,
            "normalized_sharpe": 2 / 3,
            "normalized_win_rate": 0.6,
            "consistency_score": 1.0,
            "smart_money_bonus": 0.8,
            "risk_management_score": 0.9,
        }
    )
    raw = 0.25 * 0.24 + 0.20 * 2 / 3 + 0.15 * 0.6 + 0.20 * 1.0 + 0.10 * 0.8 + 0.10 * 0.9
    assert score.raw == pytest.approx(raw)
    assert score.decay == 0.5
    assert score.total == score.raw * score.decay
    assert score.neutral == ()
    assert score.consistency_windows == ("7d", "30d", "90d")


def test_every_weight_belongs_to_one_part() -> None:
    assert {part.name for part in fields(Parts)} == set(SCORE_WEIGHTS)


def test_full_marks_everywhere_are_exactly_one() -> None:
    assert weigh(Parts(**dict.fromkeys(SCORE_WEIGHTS, 1.0)), POLICY) == 1.0


@pytest.mark.parametrize(
    ("case", "lacking", "neutral"),
    [
        ("no 90 days", {"roi_90d": None}, {"normalized_roi"}),
        ("no week", {"roi_7d": None}, {"consistency_score"}),
        ("no month", {"roi_30d": None}, {"consistency_score"}),
        ("labels of another day", {"label_known": False}, {"smart_money_bonus"}),
        ("never seen in a position", {"metrics": metrics(leverage=None)}, {"risk_management_score"}),
        ("no label is a fact", {"label": None}, set()),
        ("no returns are a fact", {"metrics": metrics(returns=())}, set()),
    ],
)
def test_a_part_without_its_input_is_neutral_and_counted(
    case: str, lacking: dict[str, object], neutral: set[str]
) -> None:
    score = composite_score(inputs(**lacking), POLICY, T0)
    assert set(score.neutral) == neutral, case
    assert all(getattr(score.parts, name) == 0.5 for name in neutral), case


def test_without_90_days_consistency_stands_on_two_windows() -> None:
    score = composite_score(inputs(roi_90d=None), POLICY, T0)
    assert score.consistency_windows == ("7d", "30d")
    assert score.parts.consistency_score == 1.0


def test_without_a_week_consistency_stands_on_nothing() -> None:
    assert composite_score(inputs(roi_7d=None), POLICY, T0).consistency_windows == ()


@pytest.mark.parametrize(
    ("win_rate", "scores"),
    [(0.35, True), (0.85, True), (0.349, False), (0.851, False), (None, False), (NAN, False), (INF, False)],
)
def test_an_extreme_or_unknown_win_rate_scores_nothing(win_rate: float | None, scores: bool) -> None:  # noqa: FBT001 - a table's column
    score = composite_score(inputs(metrics=metrics(win_rate=win_rate)), POLICY, T0)
    assert (score.total > 0) is scores
    assert score.raw > 0


def test_an_unknown_win_rate_adds_nothing() -> None:
    assert composite_score(inputs(metrics=metrics(win_rate=None)), POLICY, T0).parts.normalized_win_rate == 0.0


numbers = st.floats(allow_nan=True, allow_infinity=True)
maybe = st.none() | numbers


@given(
    st.builds(
        ScoreInputs,
        metrics=st.builds(
            metrics,
            returns=st.lists(numbers, max_size=5).map(tuple),
            win_rate=maybe,
            leverage=maybe,
            last_activity=st.none() | st.integers(-400, 400).map(lambda days: at(days=days)),
        ),
        account_value=maybe,
        roi_7d=maybe,
        roi_30d=maybe,
        roi_90d=maybe,
        label=st.sampled_from([None, "", "Fund", "Smart", "Whale"]),
        label_known=st.booleans(),
        smart_money=st.booleans(),
    )
)
def test_a_score_lies_between_zero_and_one(given_inputs: ScoreInputs) -> None:
    score = composite_score(given_inputs, POLICY, T0)
    for number in (score.total, score.raw, score.decay, *(getattr(score.parts, part.name) for part in fields(Parts))):
        assert 0 <= number <= 1


unit = st.floats(0, 1)


@given(st.fixed_dictionaries(dict.fromkeys(SCORE_WEIGHTS, unit)), st.sampled_from(sorted(SCORE_WEIGHTS)), unit)
def test_a_better_part_never_makes_a_worse_score(values: dict[str, float], name: str, other: float) -> None:
    worse, better = sorted((values[name], other))
    assert weigh(Parts(**values | {name: worse}), POLICY) <= weigh(Parts(**values | {name: better}), POLICY)


@pytest.mark.parametrize(
    ("part", "rising"),
    [
        (normalized_roi, [-1e9, -1.0, 0.0, 1.0, 99.0, 100.0, 1e9]),
        (lambda mean: pseudo_sharpe([mean - 0.1, mean + 0.1]), [-5.0, -0.1, 0.0, 0.05, 0.1, 0.4, 5.0]),
        (lambda leverage: risk_score(-leverage), [-1e9, -21.0, -20.0, -5.0, -1.0, -0.5]),
        (lambda days: recency_decay(at(days=days), T0, 14.0), [-400, -28, -14, -1, 0, 3]),
    ],
)
def test_each_part_rises_with_its_input(part: Callable[[float], float], rising: list[float]) -> None:
    values = [part(number) for number in rising]
    assert all(before <= after for before, after in pairwise(values))
    assert values[0] < values[-1]


@given(
    st.sampled_from(BROKEN),
    st.sampled_from(["roi_7d", "roi_30d", "roi_90d", "win_rate", "leverage", "returns"]),
    st.floats(-200, 200),
    st.floats(-200, 200),
    st.floats(-200, 200),
    st.floats(0.3, 0.9),
    st.floats(0, 50),
    st.lists(st.floats(-2, 2), min_size=1, max_size=5),
)
def test_a_broken_number_never_raises_the_score(
    broken: float,
    name: str,
    roi_7d: float,
    roi_30d: float,
    roi_90d: float,
    win_rate: float,
    leverage: float,
    returns: list[float],
) -> None:
    sound = inputs(
        metrics=metrics(win_rate=win_rate, leverage=leverage, returns=tuple(returns)),
        roi_7d=roi_7d,
        roi_30d=roi_30d,
        roi_90d=roi_90d,
    )
    if name.startswith("roi"):
        spoilt = changed(sound, **{name: broken})
    else:
        value = (*returns[1:], broken) if name == "returns" else broken
        spoilt = replace(sound, metrics=changed(sound.metrics, **{name: value}))
    assert composite_score(spoilt, POLICY, T0).total <= composite_score(sound, POLICY, T0).total


def test_fills_become_orders_hold_times_returns_and_a_win_rate() -> None:
    history = [
        *trip(0, 2, pnl=10.0, oid=1),
        *trip(24, 30, pnl=-5.0, oid=2),
        *trip(48, 49, pnl=20.0, size=2.0, oid=3),
        *trip(72, 75, pnl=0.0, oid=4),
    ]
    got = measure(history, at(days=10, hours=5), equity=1_000.0)
    assert got.nof_trades == 8
    assert got.days_active == 10
    assert got.trades_per_day == 0.8
    assert got.average_hold_hours == pytest.approx((2 + 6 + 1 + 3) / 4)
    assert got.returns == pytest.approx((0.10, -0.05, 0.10, 0.0))
    assert got.win_rate == 0.5
    assert got.incomplete_trips == 0
    assert got.realized_30d_usd == pytest.approx(25.0)
    assert got.volume_30d_usd == pytest.approx(2 * (100 + 100 + 200 + 100))
    assert got.last_activity == at(hours=75)
    assert got.style is Style.SWING


def test_the_fills_of_one_order_are_one_trade() -> None:
    parts = [fill(size=1.0, start_position=float(index), time=at(seconds=index), oid=7) for index in range(60)]
    assert measure(parts, at(days=1)).nof_trades == 1


def test_an_open_round_trip_is_held_until_now_and_wins_nothing() -> None:
    got = measure([fill()], at(hours=12))
    assert got.average_hold_hours == 12.0
    assert got.win_rate is None
    assert got.returns == ()


def test_a_round_trip_whose_beginning_wasnt_seen_is_left_out_and_counted() -> None:
    cut = fill(is_buy=False, start_position=1.0, closed_pnl=500.0, time=at(hours=1))
    got = measure([cut, *trip(2, 4, pnl=-5.0)], at(days=1))
    assert got.incomplete_trips == 1
    assert got.win_rate == 0.0
    assert got.average_hold_hours == 2.0
    assert got.realized_30d_usd == pytest.approx(495.0)


def test_fees_turn_a_gross_win_into_a_loss() -> None:
    enter, leave = trip(0, 1, pnl=1.0)
    got = measure([replace(enter, fee=0.6), replace(leave, fee=0.6)], at(days=1))
    assert got.win_rate == 0.0
    assert got.returns == pytest.approx((-0.002,))
    assert got.realized_30d_usd == pytest.approx(-0.2)


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_pnl_is_no_win(broken: float) -> None:
    assert measure(trip(0, 1, pnl=broken), at(days=1)).win_rate == 0.0


def test_only_the_last_ninety_days_count_but_older_fills_tell_how_a_trip_began() -> None:
    old = trip(0, 1, pnl=5.0, oid=1)
    spanning = trip(2, 24 * 50, pnl=-5.0, oid=2)
    got = measure([*old, *spanning], at(days=95))
    assert got.nof_trades == 1
    assert got.incomplete_trips == 0
    assert got.win_rate == 0.0
    assert got.average_hold_hours == pytest.approx(24 * 50 - 2)
    assert got.days_active == 45


def test_the_ninety_days_include_both_their_ends() -> None:
    history = [*trip(-1, 0, pnl=5.0, oid=1), fill(time=at(days=90), oid=9)]
    got = measure(history, at(days=90))
    assert got.nof_trades == 2
    assert got.win_rate == 1.0
    later = measure(history, at(days=90, seconds=1))
    assert later.nof_trades == 1
    assert later.win_rate is None


def test_the_first_day_counts_as_a_whole_one() -> None:
    got = measure([*trip(0, 1, pnl=0.5, oid=1), *trip(2, 3, oid=2), *trip(4, 5, oid=3)], at(hours=6))
    assert got.days_active == 1
    assert got.trades_per_day == 6.0
    assert got.win_rate == pytest.approx(1 / 3)
    assert got.style is Style.HFT


def test_nothing_after_now_is_known() -> None:
    history = [*trip(0, 1, pnl=5.0, oid=1), *trip(2, 3, pnl=-5.0, oid=2)]
    assert measure(history, at(hours=1, minutes=30), 1e3) == measure(history[:2], at(hours=1, minutes=30), 1e3)


def test_spot_outcome_and_hip3_fills_measure_nothing() -> None:
    strange = [fill(coin=coin, closed_pnl=100.0) for coin in ("@107", "PURR/USDC", "#12", "xyz:TSLA")]
    assert measure(strange, at(days=1), 1e3) == measure([], at(days=1), 1e3)


def test_who_has_no_fills_has_no_trades_and_no_rates() -> None:
    got = measure([], T0, 1e3)
    assert (got.nof_trades, got.trades_per_day, got.days_active) == (0, 0.0, 1)
    assert got.average_hold_hours is None
    assert got.win_rate is None
    assert got.leverage is None
    assert got.last_activity is None


@given(st.permutations([*trip(0, 1, pnl=5.0, oid=1), *trip(2, 3, pnl=-1.0, oid=2), *trip(4, 9, coin="ETH", oid=3)]))
def test_the_order_in_which_fills_arrive_changes_no_metric(history: list[Fill]) -> None:
    assert measure(history, at(days=1), 1e3) == measure(sorted(history, key=lambda one: one.time), at(days=1), 1e3)


def test_realized_pnl_is_after_since_and_up_to_until_and_net_of_fees() -> None:
    history = [fill(time=at(days=day), closed_pnl=10.0**day, fee=0.5) for day in range(4)]
    assert realized_pnl(history, at(days=0), at(days=2)) == pytest.approx(10 + 100 - 1)
    assert realized_pnl([replace(one, coin="@107") for one in history], T0, at(days=3)) == 0


def test_the_week_and_the_month_end_now() -> None:
    history = [
        fill(time=at(days=day), closed_pnl=pnl) for day, pnl in ((0, 1.0), (10, 10.0), (23, 100.0), (24, 1_000.0))
    ]
    got = measure(history, at(days=30))
    assert got.realized_7d_usd == pytest.approx(1_000.0)
    assert got.realized_30d_usd == pytest.approx(1_110.0)
    assert got.volume_30d_usd == pytest.approx(300.0)


def lev(history: list[Fill], equity: float | None = 1_000.0, **moment: float) -> float | None:
    return effective_leverage(history, equity, at(**moment))


def test_leverage_is_position_value_over_equity() -> None:
    assert lev([fill(size=30.0)], hours=5) == pytest.approx(3.0)


def test_leverage_is_weighted_by_time() -> None:
    history = [fill(size=10.0), fill(size=20.0, start_position=10.0, time=at(hours=1))]
    assert lev(history, hours=4) == pytest.approx((1 * 1 + 3 * 3) / 4)


def test_time_without_a_position_doesnt_dilute_leverage() -> None:
    assert lev([*trip(0, 1, size=30.0), *trip(100, 101, size=10.0, oid=2)], hours=200) == pytest.approx(2.0)


def test_leverage_sums_longs_and_shorts() -> None:
    history = [fill(size=10.0), fill(coin="ETH", is_buy=False, size=20.0)]
    assert lev(history, hours=1) == pytest.approx(3.0)


def test_a_position_is_worth_its_latest_fill_price() -> None:
    history = [fill(size=10.0), fill(is_buy=False, price=200.0, size=5.0, start_position=10.0, time=at(hours=1))]
    assert lev(history, hours=2) == pytest.approx((1.0 + 1.0) / 2)


def test_before_its_first_fill_a_coin_stood_where_that_fill_found_it() -> None:
    history = [fill(size=10.0), fill(coin="ETH", is_buy=False, size=20.0, start_position=20.0, time=at(hours=1))]
    assert lev(history, hours=2) == pytest.approx((3.0 + 1.0) / 2)


def test_leverage_looks_back_thirty_days_at_positions_from_before() -> None:
    history = [fill(size=50.0), fill(is_buy=False, size=40.0, start_position=50.0, time=at(days=10))]
    assert lev(history, days=10, hours=24 * 30) == pytest.approx(1.0)
    assert lev(history, days=25) == pytest.approx((5 * 10 + 1 * 15) / 25)


def test_a_remainder_is_no_position() -> None:
    history = [*trip(0, 1, size=20.0), fill(size=0.05, time=at(hours=2), oid=9)]
    assert lev(history, hours=100) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("case", "history", "equity"),
    [
        ("no fills", [], 1_000.0),
        ("equity unknown", [fill()], None),
        ("flat for the whole month", trip(0, 1), 1_000.0),
        ("in a position for no time", [fill(time=at(days=60))], 1_000.0),
    ],
)
def test_a_trader_never_seen_in_a_position_has_no_leverage(
    case: str, history: list[Fill], equity: float | None
) -> None:
    assert lev(history, equity, days=60) is None, case


@pytest.mark.parametrize("equity", [0.0, -5.0, NAN, INF])
def test_an_equity_that_carries_nothing_makes_leverage_infinite(equity: float) -> None:
    assert lev([fill()], equity, hours=1) == INF


def test_a_broken_position_doesnt_pass_for_flat() -> None:
    assert repr(lev([fill(size=NAN)], hours=1)) == "nan"


@pytest.mark.parametrize(
    ("case", "pnl", "account_value", "expected"),
    [
        ("a gain on what was there before it", 20_000.0, 120_000.0, 20.0),
        ("a loss on what was there before it", -20_000.0, 80_000.0, -20.0),
        ("a gain above the account value is measured on a tenth of it", 500_000.0, 100_000.0, 5_000.0),
        ("nine tenths gained is the edge", 90_000.0, 100_000.0, 900.0),
        ("no account", 10.0, 0.0, None),
        ("an account under water", 10.0, -5.0, None),
        ("a broken gain", NAN, 100.0, None),
        ("an infinite gain", INF, 100.0, None),
        ("a broken account", 10.0, NAN, None),
        ("an infinite account", 10.0, INF, None),
    ],
)
def test_return_on_equity(case: str, pnl: float, account_value: float, expected: float | None) -> None:
    assert return_on_equity_percent(pnl, account_value) == (None if expected is None else pytest.approx(expected)), case


@pytest.mark.parametrize(
    ("case", "begin", "end", "flows", "expected"),
    [
        ("no flows", 100.0, 110.0, [], 10.0),
        ("a deposit isn't a gain", 100.0, 200.0, [(5, 100.0)], 0.0),
        ("a deposit halfway works half the time", 100.0, 215.0, [(5, 100.0)], 10.0),
        ("a deposit after three tenths works seven", 100.0, 217.0, [(3, 100.0)], 10.0),
        ("a withdrawal isn't a loss", 100.0, 60.0, [(5, -50.0)], 100 * 10 / 75),
        ("a flow at the end works no time", 100.0, 160.0, [(10, 50.0)], 10.0),
        ("a flow at the start is in the begin value", 100.0, 110.0, [(0, 100.0)], 10.0),
        ("a flow after the end isn't in the end value", 100.0, 110.0, [(11, 100.0)], 10.0),
        ("an account funded on the way", 0.0, 110.0, [(5, 100.0)], 20.0),
        ("a base withdrawn to less than nothing counts as a tenth", 100.0, 50.0, [(1, -900.0)], 8_500.0),
        ("never any equity", 0.0, 0.0, [], None),
        ("a broken begin", NAN, 110.0, [], None),
        ("a broken end", 100.0, NAN, [], None),
        ("an infinite end", 100.0, INF, [], None),
        ("a broken flow", 100.0, 110.0, [(5, NAN)], None),
    ],
)
def test_modified_dietz(
    case: str, begin: float, end: float, flows: list[tuple[int, float]], expected: float | None
) -> None:
    moments = [(at(days=day), usd) for day, usd in flows]
    got = modified_dietz_percent(begin, end, moments, T0, at(days=10))
    assert got == (None if expected is None else pytest.approx(expected)), case


def test_a_period_without_time_has_no_return() -> None:
    assert modified_dietz_percent(100.0, 110.0, [], T0, T0) is None


@given(st.floats(1.0, 1e6), st.lists(st.tuples(st.floats(0.1, 9.9), st.floats(0, 1e6)), max_size=5))
def test_deposits_alone_earn_nothing(begin: float, deposits: list[tuple[float, float]]) -> None:
    moments = [(at(days=day), usd) for day, usd in deposits]
    end = begin + sum(usd for _, usd in moments)
    assert modified_dietz_percent(begin, end, moments, T0, at(days=10)) == pytest.approx(0, abs=1e-6)


def test_roi_at_a_stated_equity_is_the_weeks_realized_pnl() -> None:
    history = [fill(time=at(days=1), closed_pnl=999.0), fill(time=at(days=5), closed_pnl=510.0, fee=10.0)]
    assert roi_7d_at_stated_equity(history, 10_000.0, at(days=10)) == pytest.approx(5.0)


@pytest.mark.parametrize("equity", [0.0, -1.0, NAN, INF])
def test_roi_needs_an_equity(equity: float) -> None:
    assert roi_7d_at_stated_equity([fill()], equity, T0) is None


@pytest.mark.parametrize(
    ("case", "points", "since", "expected"),
    [
        ("only profit", [(0, 1_000, 0), (7, 1_100, 100)], None, 10.0),
        ("profit so far needn't begin at nothing", [(0, 1_000, 500), (7, 1_100, 600)], None, 10.0),
        ("a deposit is no return", [(0, 1_000, 0), (7, 2_000, 0)], None, 0.0),
        ("a deposit half way counts half", [(0, 1_000, 0), (8, 2_000, 100)], None, 100 * 100 / (1_000 + 900 / 2)),
        (
            "a withdrawal is no loss",
            [(0, 1_000, 0), (1, 500, 0), (7, 550, 50)],
            None,
            100 * 50 / (1_000 - 500 * 6.5 / 7),
        ),
        ("an account that was empty", [(0, 0, 0), (8, 1_000, 200)], None, 100 * 200 / (800 / 2)),
        ("a loss", [(0, 1_000, 0), (7, 800, -200)], None, -20.0),
        ("from a point", [(0, 500, 0), (10, 1_000, 500), (20, 1_200, 700)], 10, 20.0),
        ("from between two points", [(0, 500, 0), (10, 1_500, 1_000), (20, 2_000, 1_500)], 5, 100.0),
        ("from its first point", [(0, 500, 0), (10, 1_000, 500)], 0, 100.0),
        ("from before its first point", [(0, 500, 0), (10, 1_000, 500)], -1, None),
        ("from its last point on", [(0, 500, 0), (10, 1_000, 500)], 10, None),
        ("one point", [(0, 500, 0)], None, None),
        ("no points", [], None, None),
        ("never any equity", [(0, 0, 0), (7, 0, 0)], None, None),
        ("no time between", [(0, 500, 0), (0, 1_000, 500)], None, None),
        ("a broken value", [(0, 500, 0), (3, NAN, 0), (7, 1_000, 500)], None, None),
        ("an endless profit", [(0, 500, 0), (7, 1_000, INF)], None, None),
    ],
)
def test_an_equity_history_s_return_knows_transfers_from_profit(
    case: str, points: list[tuple[float, float, float]], since: float | None, expected: float | None
) -> None:
    known = [(at(days=day), float(value), float(pnl)) for day, value, pnl in points]
    returned = history_return_percent(known, None if since is None else at(days=since))
    assert returned == (None if expected is None else pytest.approx(expected)), case
