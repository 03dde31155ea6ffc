"""When run-all runs which tick."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hlcopy.cli.cadence import cadences, duties, is_due_again
from hlcopy.domain.models import Run
from hlcopy.domain.policy import Policy
from tests.builders import T0, at

MINUTE = timedelta(minutes=1)
QUARTER = timedelta(minutes=15)
DAY = timedelta(days=1)


def ran(minutes: float, *, ok: bool | None = True) -> Run:
    return Run(command="poll", started_at=at(minutes), ok=ok)


@pytest.mark.parametrize(
    ("case", "last", "now", "every", "expected"),
    [
        ("never ran", None, at(0), DAY, True),
        ("done in this period", ran(1), at(14), QUARTER, False),
        ("the next period has begun", ran(14), at(15), QUARTER, True),
        ("done today, asked at the day's end", ran(1), at(1_439), DAY, False),
        ("a day later", ran(1), at(1_440), DAY, True),
        ("failed a moment ago", ran(1, ok=False), at(5), DAY, False),
        ("failed five minutes ago", ran(1, ok=False), at(6), DAY, True),
        ("cut off five minutes ago", ran(1, ok=None), at(6), DAY, True),
        ("failed a moment ago, and the next period has begun", ran(1, ok=False), at(2), MINUTE, True),
    ],
)
def test_a_tick_is_due_once_in_each_period_and_again_when_it_failed(
    case: str, last: Run | None, now: object, every: timedelta, *, expected: bool
) -> None:
    assert is_due_again(last, now, every) is expected, case  # type: ignore[arg-type]


def test_the_cadences_are_the_policy_s() -> None:
    assert {name: every.total_seconds() for name, every in cadences(Policy()).items()} == {
        "monitor": 30,
        "poll": 60,
        "positions": 900,
        "score": 86_400,
    }


def test_monitor_comes_first_and_the_others_begin_after_it() -> None:
    plan = duties(Policy())
    assert [duty.command for duty in plan] == ["monitor", "poll", "positions", "score"]
    assert [duty.after for duty in plan] == sorted({duty.after for duty in plan})
    assert plan[0].after == timedelta(0)


def test_only_what_watches_runs_at_every_start() -> None:
    assert {duty.command for duty in duties(Policy()) if duty.at_start} == {"monitor", "poll"}


@pytest.mark.parametrize(("seconds", "left"), [(0.0, 5.0), (4.0, 1.0), (5.0, 60.0), (6.0, 59.0), (59.0, 6.0)])
def test_the_next_turn_comes_a_little_after_the_period_s_beginning(seconds: float, left: float) -> None:
    poll = duties(Policy())[1]
    assert poll.seconds_left(at(seconds=seconds)) == pytest.approx(left)


def test_a_turn_at_its_moment_is_due_and_done_afterwards() -> None:
    poll = duties(Policy())[1]
    turn = at(1, seconds=5)
    assert poll.is_due(Run(command="poll", started_at=at(seconds=5), ok=True), turn)
    assert not poll.is_due(Run(command="poll", started_at=turn, ok=True), turn + timedelta(seconds=54))
    assert not poll.is_due(Run(command="poll", started_at=T0, ok=True), at(seconds=59))
