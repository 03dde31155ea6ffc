"""When a person is told, told again, and told that it is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hlcopy.domain.alerts import LASTS, URGENT, Alert, Condition, Event, Told, alert, is_night, news, to_send
from tests.builders import T0, at

if TYPE_CHECKING:
    from datetime import datetime

QUIET = timedelta(hours=1)
STOP = Condition(event=Event.STOP_MISSING, key="stop:1", text="no stop", over="it rests")
BREAKER = Condition(event=Event.BREAKER, key="breaker", text="paused", over="over")
CREDITS = Condition(event=Event.CREDITS, key="credits", text="low")


def told_over(looks: list[tuple[float, list[Condition]]]) -> list[tuple[float, str]]:
    """Return what is told at each look: minutes, text."""
    told: dict[str, Told] = {}
    said = []
    for minutes, conditions in looks:
        alerts, told = news(told, conditions, at(minutes), QUIET)
        said += [(minutes, each.text) for each in alerts]
    return said


@pytest.mark.parametrize(
    ("case", "looks", "said"),
    [
        ("a condition is told once", [(0, [BREAKER]), (1, [BREAKER]), (100, [BREAKER])], [(0, "paused")]),
        ("an urgent one again after the quiet time", [(0, [STOP]), (59, [STOP]), (60, [STOP])], [(0, "no stop"), (60, "no stop")]),
        ("its end is told", [(0, [BREAKER]), (5, [])], [(0, "paused"), (5, "over")]),
        ("an end without words isn't", [(0, [CREDITS]), (5, [])], [(0, "low")]),
        ("one that flickers is told once", [(0, [STOP]), (1, []), (2, [STOP]), (3, [])], [(0, "no stop"), (1, "it rests")]),
        ("one that comes back later is told anew", [(0, [BREAKER]), (1, []), (61, [BREAKER])], [(0, "paused"), (1, "over"), (61, "paused")]),
        ("one that came back silently is told if it stays and is urgent", [(0, [STOP]), (1, []), (2, [STOP]), (60, [STOP]), (61, [])],
         [(0, "no stop"), (1, "it rests"), (60, "no stop"), (61, "it rests")]),
        ("two don't disturb each other", [(0, [STOP]), (1, [STOP, BREAKER])], [(0, "no stop"), (1, "paused")]),
    ],
)  # fmt: skip
def test_conditions_are_told_when_they_begin_and_end(
    case: str, looks: list[tuple[float, list[Condition]]], said: list[tuple[float, str]]
) -> None:
    assert told_over(looks) == said, case


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.sets(st.sampled_from([STOP, BREAKER, CREDITS]))), max_size=30))
def test_nobody_is_told_the_same_twice_within_the_quiet_time(looks: list[tuple[int, set[Condition]]]) -> None:
    told: dict[str, Told] = {}
    now, last = T0, {}
    for step, conditions in looks:
        now += timedelta(minutes=step)
        alerts, told = news(told, sorted(conditions, key=lambda each: each.key), now, QUIET)
        for each in alerts:
            if each.key.endswith(":over"):
                continue  # what began anew after the quiet time ends when it ends
            assert now - last.get(each.key, T0 - QUIET) >= QUIET
            last[each.key] = now


def waiting(**overrides: object) -> Alert:
    return replace(alert(Event.ENTRY, "k", "text", T0), **overrides)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("case", "given_alert", "now", "due"),
    [
        ("new", waiting(), T0, True),
        ("failed once: the next tick tries again", waiting(tries=1, tried_at=T0), T0, True),
        ("failed twice: not at once", waiting(tries=2, tried_at=T0), at(seconds=29), False),
        ("failed twice: after half a minute", waiting(tries=2, tried_at=T0), at(seconds=30), True),
        ("failed often: after a quarter of an hour", waiting(tries=60, tried_at=T0), at(15), True),
        ("failed often: not before", waiting(tries=60, tried_at=T0), at(14), False),
        ("sent", waiting(sent_at=T0), at(1), False),
        ("too old", waiting(), T0 + LASTS, False),
    ],
)
def test_an_alert_is_tried_until_it_is_sent_or_too_old(case: str, given_alert: Alert, now: datetime, due: bool) -> None:  # noqa: FBT001 - a case
    assert given_alert.is_due(now) is due, case


@pytest.mark.parametrize(
    ("hours", "nights"),
    [(None, set()), ((22, 7), {22, 23, *range(7)}), ((0, 6), set(range(6))), ((5, 4), set(range(24)) - {4})],
)
def test_the_quiet_hours_may_span_midnight(hours: tuple[int, int] | None, nights: set[int]) -> None:
    assert {hour for hour in range(24) if is_night(at(hours=hour), hours)} == nights


def test_at_night_only_what_is_urgent_is_sent() -> None:
    all_kinds = [alert(event, event, "text", T0) for event in Event]
    assert {each.event for each in to_send(all_kinds, T0, (22, 7))} == URGENT
    assert to_send(all_kinds, at(hours=7), (22, 7)) == all_kinds


def test_a_text_is_one_line_of_bearable_length() -> None:
    assert alert(Event.ENTRY, "k", "a\nb  c", T0).text == "a b c"
    assert len(alert(Event.ENTRY, "k", "x" * 9_999, T0).text) == 400
