"""Times and zones as people read them."""

from __future__ import annotations

import pytest

from hlcopy.render import text
from hlcopy.render.tables import times
from tests.builders import at
from tests.zones import CENTRAL_EUROPE, time_zone


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (3_569.0, "59 min"),
        (3_575.0, "1 h"),
        (5_400.0, "1 h 30 min"),
        (86_369.0, "23 h 59 min"),
        (86_375.0, "1 d"),
        (100_000.0, "1 d 4 h"),
        (259_200.0, "3 d"),
    ],
)
def test_a_span_has_its_two_largest_units_and_none_that_is_zero(seconds: float, told: str) -> None:
    assert text.span(seconds) == told


@pytest.mark.parametrize(
    ("days", "heading"), [((0,), "AT (CET)"), ((0, 60), "AT (local)"), ((60,), "AT (CEST)"), ((), "AT (local)")]
)
def test_a_column_of_times_names_their_zone_unless_they_have_two(days: tuple[int, ...], heading: str) -> None:
    with time_zone(CENTRAL_EUROPE):
        assert times("AT", [at(days=day) for day in days]).heading == heading
