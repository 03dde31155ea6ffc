from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlcopy.domain import served
from hlcopy.domain.models import to_ms
from hlcopy.domain.spans import Span, holes, joined, missing
from tests.builders import MINUTE_MS, T0, at, candles

SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=6)
NOW_MS = to_ms(T0)
DAY_MS = 24 * served.HOUR_MS


def moments(spans: list[Span]) -> set[int]:
    return {moment for since, until in spans for moment in range(since, until)}


@given(SPANS)
def test_joined_spans_hold_the_same_moments_and_never_touch(spans: list[Span]) -> None:
    found = joined(spans)
    assert moments(found) == moments(spans)
    assert all(before[1] < after[0] for before, after in pairwise(found))
    assert all(since < until for since, until in found)


@given(st.tuples(st.integers(0, 40), st.integers(0, 40)), SPANS)
def test_what_is_missing_is_what_nothing_covers(wanted: Span, covered: list[Span]) -> None:
    found = missing(wanted, covered)
    assert moments(found) == moments([wanted]) - moments(covered)
    assert found == joined(found)


def test_spans_that_lie_near_each_other_may_be_joined_too() -> None:
    assert joined([(0, 5), (8, 9), (20, 30)], within=3) == [(0, 9), (20, 30)]


def test_holes_lie_between_spans() -> None:
    assert holes([(0, 5), (5, 7), (9, 12), (20, 21)]) == [(7, 9), (12, 20)]
    assert holes([]) == []


def test_runs_of_candles_end_where_one_is_missing() -> None:
    times = candles([1.0] * 9)
    start = int(times.t[0])
    whole = times.between(start, start + 3 * MINUTE_MS)
    assert whole.runs() == [(start, start + 3 * MINUTE_MS)]
    assert times.between(0, 0).runs() == []
    holed = candles([1.0] * 2)
    holed.t[1] += 5 * MINUTE_MS
    assert holed.runs() == [(start, start + MINUTE_MS), (start + 6 * MINUTE_MS, start + 7 * MINUTE_MS)]


@pytest.mark.parametrize("interval_ms", served.LADDER_MS)
def test_of_a_long_period_the_newest_candles_are_served_and_of_these_the_closed_ones(interval_ms: int) -> None:
    now_ms = NOW_MS + 12 * served.HOUR_MS + 34 * MINUTE_MS
    since, until = served.candles_served((0, now_ms), interval_ms, now_ms)
    assert until <= now_ms - served.SETTLED_MS < until + interval_ms
    assert 4_970 <= (until - since) // interval_ms <= 5_000
    assert since % interval_ms == until % interval_ms == 0
    assert since > served.first_served(interval_ms, now_ms)


def test_a_period_out_of_reach_is_an_empty_span_and_one_within_reach_is_whole() -> None:
    old = (NOW_MS - 9 * DAY_MS, NOW_MS - 8 * DAY_MS)
    since, until = served.candles_served(old, MINUTE_MS, NOW_MS)
    assert since >= until
    assert served.candles_served(old, 5 * MINUTE_MS, NOW_MS) == old


def test_funding_is_known_to_its_last_full_hour() -> None:
    now_ms = to_ms(at(hours=3, minutes=34))
    assert served.rates_served((NOW_MS, now_ms), now_ms) == (NOW_MS, to_ms(at(hours=3)) + served.SETTLED_MS)
    assert served.rates_served((NOW_MS, to_ms(at(hours=2))), now_ms) == (NOW_MS, to_ms(at(hours=2)))
    just_after = to_ms(at(hours=3, seconds=30))
    assert served.rates_served((NOW_MS, just_after), just_after)[1] == to_ms(at(hours=2)) + served.SETTLED_MS


@pytest.mark.parametrize(
    ("until", "end", "expected"),
    [
        (NOW_MS, NOW_MS - 9, (NOW_MS - 100, NOW_MS - 9)),  # the rest may be late
        (NOW_MS, NOW_MS, (NOW_MS - 100, NOW_MS)),
        (NOW_MS, NOW_MS + 9, (NOW_MS - 100, NOW_MS)),
        (NOW_MS, NOW_MS - 100, (NOW_MS - 100, NOW_MS - 100)),  # no rows at all
    ],
)
def test_what_an_answer_tells_of_ends_with_its_last_row_while_that_is_recent(
    until: int, end: int, expected: Span
) -> None:
    assert served.told(NOW_MS - 100, until, end, NOW_MS) == expected
    long_after = NOW_MS + 2 * DAY_MS
    whole = (NOW_MS - 100, until) if end > NOW_MS - 100 else expected
    assert served.told(NOW_MS - 100, until, end, long_after) == whole
