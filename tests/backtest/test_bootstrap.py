"""How sure a difference is: whole days are drawn, always the same ones, and nothing is claimed of too few."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hlcopy.backtest.books import Outcome, Trial
from hlcopy.backtest.bootstrap import MIN_DAYS, mean_interval, tail_mean
from hlcopy.backtest.comparison import Evidence, Verdict, compare, verdict_of
from tests.builders import TRADER, at

FIRST = date(2026, 3, 1)


def days(*counts: int) -> list[date]:
    """As many values on each day."""
    return [FIRST + timedelta(days=number) for number, count in enumerate(counts) for _ in range(count)]


def test_too_few_days_have_no_interval_however_many_values() -> None:
    assert mean_interval([1.0] * 900, days(*[100] * (MIN_DAYS - 1))) is None
    assert mean_interval([], []) is None


def test_one_value_on_every_day_is_certain() -> None:
    assert mean_interval([2.5] * MIN_DAYS, days(*[1] * MIN_DAYS)) == (2.5, 2.5)


def test_the_interval_of_ten_days_is_that_of_their_means() -> None:
    """Days of 0 and 1 in equal parts: drawn means are binomial, of ten draws 2 to 8 lie within 95 %."""
    assert mean_interval([0.0, 1.0] * 5, days(*[1] * 10)) == (0.2, 0.8)


def test_values_of_one_day_count_as_one_draw() -> None:
    """A hundred copies of each day know no more than the days do."""
    alone = mean_interval([0.0, 1.0] * 5, days(*[1] * 10))
    repeated = [float(number // 100 % 2) for number in range(1_000)]
    assert mean_interval(repeated, days(*[100] * 10)) == pytest.approx(alone)


def test_a_day_weighs_as_much_as_it_has_values() -> None:
    """Five days of a one and five of three zeros: with k of the former the mean is k of k + 3 (10 - k)."""
    when = days(*[1] * 5, *[3] * 5)
    assert mean_interval([1.0] * 5 + [0.0] * 15, when) == pytest.approx((2 / 26, 8 / 14))


def test_the_same_values_give_the_same_interval_in_any_order() -> None:
    pairs = list(zip([0.1 * number**2 for number in range(30)], days(*[2] * 15), strict=True))
    shuffled = sorted(pairs, key=lambda pair: pair[0] * 7 % 5)
    assert mean_interval(*zip(*pairs, strict=True)) == pytest.approx(mean_interval(*zip(*shuffled, strict=True)))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-1e3, 1e3), min_size=12, max_size=40), st.floats(-50, 50))
def test_an_interval_moves_with_its_values_and_lies_within_them(values: list[float], shift: float) -> None:
    when = [FIRST + timedelta(days=number % 12) for number in range(len(values))]
    low, high = mean_interval(values, when) or (0.0, 0.0)
    assert min(values) - 1e-6 <= low <= high <= max(values) + 1e-6
    moved = mean_interval([value + shift for value in values], when)
    assert moved == pytest.approx((low + shift, high + shift), abs=1e-6)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], None), ([3.0], 3.0), ([5.0, -1.0], -1.0), (list(range(20)), 0.0), (list(range(21)), 0.5), (range(40), 0.5)],
    ids=["none", "one", "two", "twenty: one", "twenty-one: two", "forty: two"],
)
def test_the_tail_is_the_mean_of_the_worst_twentieth(values: list[float], expected: float | None) -> None:
    assert tail_mean(values) == expected


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        (None, Verdict.NOT_SHOWN),
        ((0.1, 2.0), Verdict.BETTER),
        ((-2.0, -0.1), Verdict.WORSE),
        ((-1.0, 1.0), Verdict.NOT_SHOWN),
        ((0.0, 1.0), Verdict.NOT_SHOWN),
        ((-1.0, 0.0), Verdict.NOT_SHOWN),
        ((0.0, 0.0), Verdict.NOT_SHOWN),
    ],
    ids=["too few days", "above zero", "below zero", "around zero", "from zero", "up to zero", "no difference at all"],
)
def test_only_an_interval_beside_zero_shows_anything(interval: tuple[float, float] | None, expected: Verdict) -> None:
    assert verdict_of(interval) is expected


# Pairs


def outcome(net: float, *, open_size: float = 0.0) -> Outcome:
    return Outcome(
        net_usd=net, fees_usd=1.0, funding_usd=0.5, slippage_usd=0.25, open_size=open_size, closed_at=None, reason=None
    )


def trial(day: int, ours: float | None, theirs: float | None, held: float = 0.0, *, notional: float = 1_000.0) -> Trial:
    return Trial(
        position_id=day,
        signal_id=f"signal-{day}",
        coin="BTC",
        trader=TRADER,
        opened_at=at(days=day),
        notional_usd=notional,
        ours=None if ours is None else outcome(ours),
        followed=None if theirs is None else outcome(theirs),
        held=outcome(held, open_size=1.0),
        broken_at=None,
    )


def test_without_entries_there_is_nothing_to_compare() -> None:
    assert compare([]) is None


def test_differences_are_of_each_entry_in_percent_of_its_own_notional() -> None:
    compared = compare([trial(0, 30.0, 10.0), trial(1, -5.0, 5.0, notional=2_000.0)])
    assert compared is not None
    versus = compared.ours_vs_trader
    assert (versus.pairs, versus.days, versus.better, versus.left_out) == (2, 2, 1, 0)
    assert (versus.usd.mean, versus.usd.median, versus.usd.tail_5) == (5.0, 5.0, -10.0)
    assert (versus.percent.mean, versus.percent.median, versus.percent.tail_5) == (0.75, 0.75, -0.5)
    assert (versus.percent.interval, versus.evidence, versus.verdict) == (
        None,
        Evidence.INSUFFICIENT,
        Verdict.NOT_SHOWN,
    )


def test_an_entry_whose_end_isn_t_known_is_left_out_and_counted() -> None:
    compared = compare([trial(0, 30.0, None), trial(1, None, 5.0), trial(2, 1.0, 0.0)])
    assert compared is not None
    assert (compared.ours_vs_trader.pairs, compared.ours_vs_trader.left_out) == (1, 2)
    assert (compared.ours_vs_hold.pairs, compared.ours_vs_hold.left_out) == (2, 1)
    assert (compared.ours.entries, compared.trader.entries, compared.hold.entries) == (2, 2, 3)


def test_nothing_known_at_all_is_no_number() -> None:
    compared = compare([trial(0, None, None)])
    assert compared is not None
    assert (compared.ours.mean_pct, compared.ours.tail_5_pct, compared.ours.net_usd) == (None, None, 0)
    assert (compared.ours_vs_trader.percent.mean, compared.ours_vs_trader.usd.interval) == (None, None)


def test_the_sums_of_a_book_are_those_of_its_entries() -> None:
    compared = compare([trial(0, 30.0, 10.0), trial(1, -10.0, 5.0)])
    assert compared is not None
    book = compared.ours
    assert (book.entries, book.won, book.open_at_end, compared.hold.open_at_end) == (2, 1, 0, 2)
    assert (book.net_usd, book.fees_usd, book.funding_usd, book.slippage_usd) == (20.0, 2.0, 1.0, 0.5)
    assert (book.mean_pct, book.median_pct, book.tail_5_pct) == (1.0, 1.0, -1.0)


@pytest.mark.parametrize(
    ("ours", "expected"), [(20.0, Verdict.BETTER), (-20.0, Verdict.WORSE)], ids=["better", "worse"]
)
def test_a_difference_on_every_one_of_many_days_is_a_verdict(ours: float, expected: Verdict) -> None:
    compared = compare([trial(day, ours + day % 3, 0.0, ours + day % 3) for day in range(MIN_DAYS)])
    assert compared is not None
    assert (compared.ours_vs_trader.verdict, compared.ours_vs_trader.evidence) == (expected, Evidence.SUFFICIENT)
    assert compared.ours_vs_hold.verdict is Verdict.NOT_SHOWN
