from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlcopy.domain.models import EPOCH
from hlcopy.ticks.schedule import is_due, next_slot, slot
from tests.builders import T0, at

FIVE = timedelta(minutes=5)
MICROSECOND = timedelta(microseconds=1)
moments = st.integers(0, 10**10).map(lambda seconds: EPOCH + timedelta(seconds=seconds / 3))
periods = st.integers(1, 90_000).map(lambda seconds: timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("moment", "begun", "following"),
    [(T0, T0, T0), (at(seconds=1), T0, at(5)), (at(5) - MICROSECOND, T0, at(5)), (at(5), at(5), at(5))],
)
def test_a_period_begins_on_the_clock(moment: object, begun: object, following: object) -> None:
    assert (slot(moment, FIVE), next_slot(moment, FIVE)) == (begun, following)


@pytest.mark.parametrize(
    ("last", "now", "due"),
    [
        (None, T0, True),
        (T0, T0, False),
        (T0, at(5) - MICROSECOND, False),
        (T0, at(5), True),
        (at(4.9), at(5), True),
        (at(5), at(9), False),
        (at(5), at(3), False),
        (at(5), T0, True),
        (at(65), at(3), True),
    ],
    ids=[
        "never done",
        "now",
        "in this period",
        "in the next",
        "a moment ago, before it",
        "late",
        "clock set back by less than a period",
        "clock set back by a period",
        "clock set back by an hour",
    ],
)
def test_work_is_due_once_in_every_period(last: object, now: object, *, due: bool) -> None:
    assert is_due(last, now, FIVE) is due


@given(moments, periods)
def test_every_moment_lies_between_two_beginnings(moment: object, every: timedelta) -> None:
    begun, following = slot(moment, every), next_slot(moment, every)
    assert begun <= moment <= following
    assert following - begun in {every, timedelta(0)}
    assert slot(begun, every) == begun
    assert next_slot(following, every) == following


@given(moments, periods, st.integers(0, 200_000))
def test_what_runs_late_doesn_t_push_what_comes_after_it(moment: object, every: timedelta, late: int) -> None:
    done = slot(moment, every)
    assert is_due(done, done + every, every)
    assert is_due(done + min(timedelta(seconds=late), every - MICROSECOND), done + every, every)
