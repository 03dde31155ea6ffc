"""How long positions stood without a resting stop."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlcopy.domain.naked import Span, spans, summed_up
from tests.builders import T0, action, at

STORY = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.sampled_from(["entered", "stop_placed", "stop_moved", "stop_missing", "stop_restored", "reduced", "closed"]),
        st.integers(0, 60),
    ),
    max_size=30,
)


def seconds(*story: tuple[str, float], now: float = 100.0) -> list[float]:
    told = [action(action=name, at=at(seconds=when)) for name, when in story]
    return [span.seconds for span in spans(told, at(seconds=now))]


@pytest.mark.parametrize(
    ("case", "story", "expected"),
    [
        ("nothing happened", [], []),
        ("from the entry to the first stop", [("entered", 0), ("stop_placed", 2)], [2.0]),
        ("a stop that moves leaves no gap", [("entered", 0), ("stop_placed", 2), ("stop_moved", 50)], [2.0]),
        ("no stop so far", [("entered", 0)], [100.0]),
        ("closed for want of a stop", [("entered", 0), ("closed", 3)], [3.0]),
        (
            "a missing stop that is restored",
            [("entered", 0), ("stop_placed", 1), ("stop_missing", 10), ("stop_restored", 14)],
            [1.0, 4.0],
        ),
        (
            "a missing stop that comes back elsewhere",
            [("entered", 0), ("stop_placed", 1), ("stop_missing", 10), ("stop_moved", 12)],
            [1.0, 2.0],
        ),
        (
            "a missing stop that is placed anew",
            [("entered", 0), ("stop_placed", 1), ("stop_missing", 10), ("stop_placed", 13)],
            [1.0, 3.0],
        ),
        (
            "found missing again and again counts from the first time",
            [("entered", 0), ("stop_placed", 1), ("stop_missing", 10), ("stop_missing", 40), ("stop_restored", 50)],
            [1.0, 40.0],
        ),
        (
            "closed while missing",
            [("entered", 0), ("stop_placed", 1), ("stop_missing", 10), ("closed", 15)],
            [1.0, 5.0],
        ),
        ("missing still", [("entered", 0), ("stop_placed", 1), ("stop_missing", 90)], [1.0, 10.0]),
        ("a tier is no stop", [("entered", 0), ("reduced", 5), ("stop_placed", 7)], [7.0]),
        ("a fill that the venue dates later than our stop", [("entered", 2), ("stop_placed", 1)], [0.0]),
        ("nothing is missed of a closed one", [("entered", 0), ("stop_placed", 1), ("closed", 9)], [1.0]),
    ],
)
def test_a_position_is_naked_while_no_stop_rests(
    case: str, story: list[tuple[str, float]], expected: list[float]
) -> None:
    assert seconds(*story) == expected, case


def test_each_position_has_its_own_time() -> None:
    told = [
        action(position_id=1, action="entered", at=T0),
        action(position_id=2, action="entered", at=at(seconds=1)),
        action(position_id=1, action="stop_placed", at=at(seconds=5)),
    ]
    assert spans(told, at(seconds=9)) == (
        Span(1, T0, at(seconds=5)),
        Span(2, at(seconds=1), at(seconds=9), is_over=False),
    )


def test_times_are_summed_up_with_the_99th_percentile_of_the_single_ones() -> None:
    found = [Span(n, T0, at(seconds=n)) for n in range(1, 201)]
    summary = summed_up(found)
    assert (summary.spans, summary.total_s, summary.p99_s, summary.longest_s) == (200, 20_100.0, 198.0, 200.0)
    assert summary.lasting == ()


@pytest.mark.parametrize("count", [1, 2, 99])
def test_of_few_times_the_99th_percentile_is_the_longest(count: int) -> None:
    summary = summed_up([Span(n, T0, at(seconds=n)) for n in range(1, count + 1)])
    assert summary.p99_s == summary.longest_s == count


def test_without_any_all_is_zero() -> None:
    summary = summed_up(())
    assert (summary.spans, summary.total_s, summary.p99_s, summary.longest_s) == (0, 0.0, 0.0, 0.0)


def test_what_lasts_is_named() -> None:
    lasting = Span(2, T0, at(seconds=9), is_over=False)
    assert summed_up([Span(1, T0, at(seconds=1)), lasting]).lasting == (lasting,)


@given(STORY)
def test_no_time_is_negative_and_at_most_one_lasts_for_each_position(story: list[tuple[int, str, int]]) -> None:
    told = [action(position_id=number, action=name, at=at(seconds=when)) for number, name, when in story]
    found = spans(told, at(seconds=60))
    summary = summed_up(found)
    assert all(span.seconds >= 0 for span in found)
    assert summary.total_s >= summary.longest_s >= summary.p99_s >= 0
    lasting = [span.position_id for span in summary.lasting]
    assert len(lasting) == len(set(lasting))
