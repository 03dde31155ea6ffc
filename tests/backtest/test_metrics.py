"""Each figure against a value computed by hand, and an honest None where there is nothing to tell it from."""

from __future__ import annotations

import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlcopy.backtest import metrics
from hlcopy.backtest.metrics import Drawdown, Moments, Period, Point
from tests.builders import at

YEAR = math.sqrt(365)


def curve(*equity: float) -> list[Point]:
    return [Point(at=at(days=day), equity_usd=value) for day, value in enumerate(equity)]


@pytest.mark.parametrize(
    ("equity", "expected"),
    [
        ([], []),
        ([100.0], []),
        ([100.0, 110.0, 99.0], [0.1, -0.1]),
        ([100.0, 0.0], [-1.0]),
        ([100.0, 0.0, 50.0, 60.0], [-1.0]),
        ([100.0, -20.0, 50.0], [-1.2]),
    ],
    ids=["no day", "one midnight", "up and down", "all lost", "nothing grows out of nothing", "more than all lost"],
)
def test_returns_are_of_the_day_before(equity: list[float], expected: list[float]) -> None:
    assert metrics.daily_returns(equity) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("start", "final", "days", "expected"),
    [
        (100.0, 121.0, 730, 10.0),
        (100.0, 110.0, 365, 10.0),
        (100.0, 110.0, 29, None),
        (100.0, 100.0, 30, 0.0),
        (100.0, 90.0, 73, (0.9**5 - 1) * 100),
        (100.0, 0.0, 365, -100.0),
        (100.0, -5.0, 365, -100.0),
        (0.0, 5.0, 365, None),
        (1e-300, 1e300, 30, None),
    ],
    ids=[
        "two years",
        "a year",
        "too short",
        "unchanged",
        "a fifth",
        "all lost",
        "more than all",
        "of nothing",
        "beyond",
    ],
)
def test_growth_of_a_year_compounds(start: float, final: float, days: float, expected: float | None) -> None:
    found = metrics.cagr_percent(start, final, days)
    assert found == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("equity", "usd", "percent", "peak", "trough", "recovered"),
    [
        ((100, 120, 90, 130), 30, 25.0, 1, 2, 3),
        ((100, 120, 90, 119), 30, 25.0, 1, 2, None),
        ((100, 80, 100, 70, 90), 30, 30.0, 2, 3, None),
        ((100, 50, 200, 110), 50, 50.0, 0, 1, 2),
        ((100, 0), 100, 100.0, 0, 1, None),
        ((100, 100, 90), 10, 10.0, 1, 2, None),
    ],
    ids=["recovered", "not quite", "the deeper of two", "deeper in percent than in USD", "all lost", "a flat peak"],
)
def test_the_deepest_fall_is_in_percent_of_the_peak_before_it(
    equity: tuple[float, ...], usd: float, percent: float, peak: int, trough: int, recovered: int | None
) -> None:
    expected = Drawdown(
        usd=usd,
        percent=pytest.approx(percent),
        peak_at=at(days=peak),
        trough_at=at(days=trough),
        recovered_at=None if recovered is None else at(days=recovered),
    )
    found = metrics.deepest_drawdown(curve(*equity))
    assert found == expected
    assert found is not None
    assert found.days_down == trough - peak


def test_what_never_falls_has_no_drawdown() -> None:
    for equity in ((), (100,), (100, 100), (100, 101, 102)):
        assert metrics.deepest_drawdown(curve(*equity)) is None
    assert metrics.drawdown_percents(curve(100, 120, 90, 120)) == pytest.approx([0, 0, 25, 0])


@given(st.lists(st.floats(1.0, 1e6), min_size=2, max_size=50))
def test_the_deepest_fall_is_the_worst_of_the_falls_at_each_midnight(equity: list[float]) -> None:
    points = curve(*equity)
    found = metrics.deepest_drawdown(points)
    assert (found.percent if found else 0.0) == pytest.approx(max(metrics.drawdown_percents(points)))


def test_ratios_by_hand() -> None:
    """Returns of 1, -1, 2 and 0 %: mean 0.5 %, deviation sqrt(5/3) %, downside sqrt(1/4) %."""
    returns = [0.01, -0.01, 0.02, 0.0]
    deviation = math.sqrt(5 / 3)
    assert metrics.volatility_percent(returns) == pytest.approx(deviation * YEAR)
    assert metrics.sharpe(returns) == pytest.approx(0.5 / deviation * YEAR)
    assert metrics.sortino(returns) == pytest.approx(0.5 / 0.5 * YEAR)


def test_the_probabilistic_sharpe_ratio_by_hand() -> None:
    """Returns of 1, -1, 2 and 0 %: population deviation sqrt(1.25) %, skewness 0, kurtosis 1.64."""
    returns = [0.01, -0.01, 0.02, 0.0]
    ratio = 0.5 / math.sqrt(5 / 3)
    z = ratio * math.sqrt(3) / math.sqrt(1 + 0.64 / 4 * ratio**2)
    assert metrics.probabilistic_sharpe(returns) == pytest.approx(0.5 * (1 + math.erf(z / math.sqrt(2))))


def test_a_probabilistic_sharpe_ratio_knows_its_sign_and_its_length() -> None:
    up, down = [0.02, -0.01, 0.015, 0.001], [-0.02, 0.01, -0.015, -0.001]
    good, bad = metrics.probabilistic_sharpe(up), metrics.probabilistic_sharpe(down)
    longer = metrics.probabilistic_sharpe(up * 10)
    assert good is not None
    assert bad is not None
    assert longer is not None
    assert bad < 0.5 < good < longer < 1
    assert good + bad == pytest.approx(1)
    assert metrics.probabilistic_sharpe([0.01, -0.01, 0.01, -0.01]) == pytest.approx(0.5)


@pytest.mark.parametrize("returns", [[], [0.01], [0.0] * 50, [0.001] * 50, [0.1] * 3])
def test_without_spread_there_is_no_ratio(returns: list[float]) -> None:
    assert metrics.sharpe(returns) is None
    assert metrics.sortino(returns) is None
    assert metrics.probabilistic_sharpe(returns) is None


YEARLY = math.sqrt(250)
"""Business days, as in the paper's example."""


@pytest.mark.parametrize(("tries", "expected"), [(100, 0.9004), (46, 0.9505)])
def test_the_deflated_sharpe_ratio_of_the_paper_s_example(tries: int, expected: float) -> None:
    """Bailey and Lopez de Prado 2014: five years of days, a yearly ratio of 2.5, the variance of the tries' ones 1/2."""
    best = Moments(count=1_250, ratio=2.5 / YEARLY, skewness=-3.0, kurtosis=10.0)
    ratios = [-0.5 / YEARLY, 0.5 / YEARLY]  # two values, one apart, have a variance of 1/2
    assert metrics.luckiest_sharpe(ratios, 100) == pytest.approx(0.1132, abs=5e-5)
    assert metrics.deflated_sharpe(best, ratios, tries) == pytest.approx(expected, abs=5e-5)


MOMENTS = st.builds(
    Moments,
    count=st.integers(3, 2_000),
    ratio=st.floats(-0.5, 0.5),
    skewness=st.floats(-1.5, 1.5),
    kurtosis=st.floats(4.0, 20.0),
)
RATIOS = st.lists(st.floats(-0.5, 0.5), min_size=2, max_size=10)


@given(MOMENTS, RATIOS, st.integers(1, 10_000), st.integers(1, 10_000))
def test_more_tries_never_make_the_best_look_better(best: Moments, ratios: list[float], some: int, others: int) -> None:
    few, many = (metrics.deflated_sharpe(best, ratios, tries) for tries in sorted((some, others)))
    assert few is not None
    assert many is not None
    assert many <= few


@given(MOMENTS, RATIOS)
def test_a_single_try_is_deflated_by_nothing(best: Moments, ratios: list[float]) -> None:
    assert metrics.deflated_sharpe(best, ratios, 1) == metrics.probability_above(best, 0.0)
    assert metrics.deflated_sharpe(best, [best.ratio], 9) == metrics.probability_above(best, 0.0)


@given(MOMENTS, RATIOS, st.integers(2, 1_000))
def test_luck_grows_with_how_far_the_tries_differ(best: Moments, ratios: list[float], tries: int) -> None:
    luck, more = (metrics.luckiest_sharpe([scale * ratio for ratio in ratios], tries) for scale in (1, 2))
    assert more == pytest.approx(2 * luck)
    assert luck >= 0
    assert metrics.deflated_sharpe(best, ratios, tries) == metrics.probability_above(best, luck)


def test_calmar_needs_a_year_s_growth_and_a_fall() -> None:
    fall = metrics.deepest_drawdown(curve(100, 80))
    assert metrics.calmar(10.0, fall) == pytest.approx(0.5)
    assert (metrics.calmar(None, fall), metrics.calmar(10.0, None)) == (None, None)


def test_weeks_and_months_add_up_to_the_whole() -> None:
    """The first of March 2026 is a Sunday: a week of one day, then whole ones."""
    points = curve(*range(100, 140))
    weeks = metrics.periods(points, metrics.week_of)
    assert weeks[0] == Period(name="2026-W09", usd=1.0, percent=pytest.approx(1.0))
    assert weeks[1] == Period(name="2026-W10", usd=7.0, percent=pytest.approx(100 * 7 / 101))
    assert [(month.name, month.usd) for month in metrics.periods(points, metrics.month_of)] == [
        ("2026-03", 31.0),
        ("2026-04", 8.0),
    ]
    assert sum(week.usd for week in weeks) == 39


def test_a_period_that_began_with_nothing_has_no_percent() -> None:
    assert metrics.periods(curve(0, 5), metrics.month_of) == [Period(name="2026-03", usd=5.0, percent=None)]
    assert metrics.periods(curve(7), metrics.month_of) == []


def test_the_week_of_a_new_year_s_day_is_the_old_year_s() -> None:
    assert metrics.week_of(date(2027, 1, 1)) == "2026-W53"


TRADES = [10.0, -5.0, 20.0, 30.0, -10.0, 0.0, -5.0]


def test_trades_by_hand() -> None:
    assert metrics.win_rate_percent(TRADES) == pytest.approx(300 / 7)
    assert metrics.profit_factor(TRADES) == 3.0
    assert metrics.payoff_ratio(TRADES) == 4.0
    assert metrics.expectancy(TRADES) == pytest.approx(40 / 7)
    assert metrics.longest_streaks(TRADES) == (2, 3)


@pytest.mark.parametrize(
    ("results", "rate", "factor", "payoff", "mean", "streaks"),
    [
        ([], None, None, None, None, (0, 0)),
        ([5.0], 100.0, None, None, 5.0, (1, 0)),
        ([-5.0], 0.0, 0.0, None, -5.0, (0, 1)),
        ([0.0], 0.0, None, None, 0.0, (0, 1)),
        ([5.0, 5.0], 100.0, None, None, 5.0, (2, 0)),
    ],
    ids=["none", "one won", "one lost", "one came out even", "never lost"],
)
def test_few_trades_have_few_figures(
    results: list[float],
    rate: float | None,
    factor: float | None,
    payoff: float | None,
    mean: float | None,
    streaks: tuple[int, int],
) -> None:
    found = (
        metrics.win_rate_percent(results),
        metrics.profit_factor(results),
        metrics.payoff_ratio(results),
        metrics.expectancy(results),
        metrics.longest_streaks(results),
    )
    assert found == (rate, factor, payoff, mean, streaks)
