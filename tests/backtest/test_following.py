"""A trader's exits are copied in proportion, no sooner than a poll could see them."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlcopy.backtest.following import Course, course, track
from hlcopy.domain.models import Side
from tests.builders import TRADER, at, fill

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hlcopy.domain.models import Fill

DECIDED = at(20)


def way(chain: Sequence[Fill], *, side: Side = Side.LONG, decided: datetime = DECIDED) -> Course:
    return course(
        track(chain),
        trader=TRADER,
        side=side,
        decided_at=decided,
        feed_delay=timedelta(minutes=1),
        poll_every=timedelta(minutes=5),
    )


def chain(*steps: tuple[float, float], price: float = 1_000.0) -> list[Fill]:
    """Fills at minutes after the start, by what they add to the position, each an order of its own."""
    made, position = [], 0.0
    for number, (minute, size) in enumerate(steps, 1):
        made.append(
            fill(price=price, size=abs(size), is_buy=size > 0, time=at(minute), start_position=position, oid=number)
        )
        position += size
    return made


def told(found: Course) -> list[tuple[float, float]]:
    """Each step as the minute that sees it and the share that is left."""
    return [((step.seen_at - at()).total_seconds() / 60, round(step.share, 9)) for step in found.steps]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([(0, 10)], []),
        ([(0, 10), (30, -10)], [(35, 0.0)]),
        ([(0, 10), (34, -10)], [(35, 0.0)]),
        ([(0, 10), (34.5, -10)], [(40, 0.0)]),
        ([(0, 10), (30, -5), (60, -5)], [(35, 0.5), (65, 0.0)]),
        ([(0, 10), (30, -5), (31, -2.5)], [(35, 0.25)]),
        ([(0, 10), (30, 10), (40, -5)], [(45, 0.75)]),
        ([(0, 10), (30, -5), (40, 5), (50, -5)], [(35, 0.5), (55, 0.25)]),
        ([(0, 10), (30, -20)], [(35, 0.0)]),
        ([(0, 10), (30, -10), (40, 10), (50, -5)], [(35, 0.0)]),
        ([(0, 10), (30, -9.95)], [(35, 0.0)]),
        ([(0, 10), (10, -4)], []),
        ([(0, 10), (19, -4)], []),
        ([(0, 10), (19.5, -5)], [(25, 0.5)]),
    ],
    ids=[
        "never left",
        "closed between two polls",
        "closed a feed delay before a poll",
        "closed too late for that poll",
        "in two halves",
        "twice before one poll",
        "added to before it is reduced",
        "added to after it was reduced",
        "turned",
        "opened again after the close, which isn't ours",
        "left but for a remainder",
        "reduced before we decided, which our size knows",
        "reduced a feed delay before we decided",
        "reduced before we decided, but not visible then",
    ],
)
def test_what_a_copier_holds_follows_the_trader(
    steps: list[tuple[float, float]], expected: list[tuple[float, float]]
) -> None:
    assert told(way(chain(*steps))) == expected
    mirrored = [(minute, -size) for minute, size in steps]
    assert told(way(chain(*mirrored), side=Side.SHORT)) == expected


def test_where_fills_are_missing_nothing_is_known_from_then_on() -> None:
    broken = [*chain((0, 10)), fill(size=1.0, is_buy=False, time=at(41), start_position=7.0, oid=2)]
    assert way(broken) == Course(steps=(), broken_at=at(45))


def test_a_gap_after_the_close_doesn_t_matter() -> None:
    known = chain((0, 10), (30, -10))
    assert way([*known, fill(time=at(99), start_position=7.0, oid=9)]) == way(known)


def test_a_liquidation_is_a_close_that_is_named() -> None:
    opened, closed = chain((0, 10), (30, -10))
    fields = {name: getattr(closed, name) for name in closed.__dataclass_fields__}
    (step,) = way([opened, type(closed)(**fields | {"liquidated_user": TRADER})]).steps
    assert (step.seen_at, step.share, step.liquidated) == (at(35), 0.0, True)


def test_a_trader_without_a_known_position_is_judged_from_his_next_fill() -> None:
    assert told(way([fill(size=4.0, is_buy=False, price=1e3, time=at(30), start_position=8.0)])) == [(35, 0.5)]
    assert told(way([fill(size=4.0, is_buy=False, price=1e3, time=at(30), start_position=-8.0)])) == [(35, 0.0)]
    assert told(way([])) == []


@given(st.lists(st.tuples(st.floats(0.5, 500), st.floats(-50, 50).filter(lambda size: abs(size) > 0.1)), max_size=12))
def test_shares_only_fall_and_are_never_seen_before_they_could_be(moves: list[tuple[float, float]]) -> None:
    made = chain((0, 100), *sorted(moves))
    steps = way(made).steps
    shares = [1.0, *(step.share for step in steps)]
    assert all(0 <= later <= earlier for earlier, later in pairwise(shares))
    assert [step.seen_at for step in steps] == sorted({step.seen_at for step in steps})
    for step in steps:
        assert step.seen_at >= DECIDED
        assert any(step.seen_at - timedelta(minutes=6) < part.time <= step.seen_at for part in made)
