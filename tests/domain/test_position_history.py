"""What became of a trader's position before an order of his, and after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hlcopy.domain.episodes import Since, opened_at, since_trade
from hlcopy.domain.models import Side
from tests.builders import T0, at, fill, trader_order

if TYPE_CHECKING:
    from datetime import datetime

    from hlcopy.domain.models import Fill

LONG, SHORT = Side.LONG, Side.SHORT
TOUCHED, BROKEN = (True, True), (False, False)


def chain(*steps: tuple[float, int, int], start: float = 0.0) -> list[Fill]:
    """Return a chain of fills at $100 from steps of signed size, minute and order number."""
    made, position = [], start
    for signed, minute, oid in steps:
        made.append(fill(is_buy=signed > 0, size=abs(signed), start_position=position, time=at(minute), oid=oid))
        position += signed
    return made


def turned(fills: list[Fill]) -> list[Fill]:
    """Return the same chain on the other side."""
    return [
        fill(is_buy=not one.is_buy, size=one.size, start_position=-one.start_position, time=one.time, oid=one.oid)
        for one in fills
    ]


def last_opened(fills: list[Fill]) -> datetime | None:
    """Return when the position was opened that the chain's last order adds to."""
    return opened_at(trader_order(fills[-1]), fills)


ADDED = (5.0, 90, 99)


@pytest.mark.parametrize(
    ("case", "fills", "opened"),
    [
        ("an Open and its Add", chain((10.0, 0, 1), ADDED), T0),
        ("Adds and a Reduce between", chain((10.0, 0, 1), (5.0, 5, 2), (-8.0, 9, 3), ADDED), T0),
        ("the first of an order's many fills", chain((0.05, 0, 1), (0.05, 1, 1), (50.0, 2, 1), ADDED), T0),
        ("closed and opened anew", chain((10.0, 0, 1), (-10.0, 5, 2), (7.0, 9, 3), ADDED), at(9)),
        ("a flip opens", chain((-10.0, 0, 1), (17.0, 9, 2), ADDED), at(9)),
        ("a flip in parts opens when it passes zero", chain((-10.0, 0, 1), (6.0, 5, 2), (11.0, 9, 2), ADDED), at(9)),
        ("turned away and back", chain((10.0, 0, 1), (-30.0, 5, 2), (27.0, 9, 3), ADDED), at(9)),
        ("a remainder left by a Close counts as flat", chain((100.0, 0, 1), (-99.5, 5, 2), (60.0, 9, 3), ADDED), at(9)),
        (
            "an order to which the remainder isn't flat opens nothing",
            chain((100.0, 0, 1), (-99.5, 5, 2), (20.0, 9, 3), ADDED),
            None,
        ),
        ("a large order meets a remainder", chain((1.0, 0, 1), (-0.5, 5, 2), (90.0, 9, 3), ADDED), at(9)),
        ("the history starts in the position", chain((5.0, 0, 1), ADDED, start=10.0), None),
        ("closed, and the Open wasn't seen", [*chain((-10.0, 0, 1), start=10.0), *chain(ADDED, start=7.0)], None),
        ("a gap after the Open", [*chain((10.0, 0, 1)), *chain((1.0, 5, 2), ADDED, start=20.0)], None),
        ("a gap right before the Add", [*chain((10.0, 0, 1)), *chain(ADDED, start=20.0)], None),
        ("an Open after the gap", [*chain((10.0, 0, 1)), *chain((1.0, 5, 2), ADDED, start=0.0)], at(5)),
        ("a remainder shrinks in parts", chain((100.0, 0, 1), (-99.6, 5, 2), (-0.1, 6, 2), ADDED), None),
    ],
)
def test_when_the_position_was_opened_that_an_add_belongs_to(
    case: str, fills: list[Fill], opened: datetime | None
) -> None:
    assert last_opened(fills) == opened, case
    assert last_opened(turned(fills)) == opened, case


def test_an_order_that_isnt_among_the_fills_adds_to_what_they_left() -> None:
    fills = chain((10.0, 0, 1), (1.0, 5, 2))
    assert opened_at(trader_order(fill(start_position=11.0)), fills) == T0
    assert opened_at(trader_order(fill()), []) is None


def followed(fills: list[Fill], side: Side = LONG, size_after: float = 10.0) -> Since:
    return since_trade(side, size_after, T0, fills)


@pytest.mark.parametrize(
    ("case", "later", "expected"),
    [
        ("nothing more", [], 10.0),
        ("its own later fills", [(5.0, 0, 1), (5.0, 1, 1)], 20.0),
        ("reduced", [(-9.0, 3, 2)], 1.0),
        ("closed", [(-10.0, 3, 2)], TOUCHED),
        ("turned", [(-25.0, 3, 2)], TOUCHED),
        ("closed and opened again", [(-10.0, 3, 2), (10.0, 4, 3)], TOUCHED),
        ("closed but for a remainder, and opened again", [(-9.95, 3, 2), (10.0, 4, 3)], TOUCHED),
        ("an add much larger than the position is no remainder", [(2_000.0, 3, 2)], 2_010.0),
    ],
)
def test_what_became_of_a_trades_position(
    case: str, later: list[tuple[float, int, int]], expected: float | tuple[bool, bool]
) -> None:
    fills = chain((10.0, 0, 1), *later)
    for side, seen in ((LONG, fills), (SHORT, turned(fills))):
        since = followed(seen, side)
        assert since.unbroken, case
        assert since.reversed is (expected == TOUCHED), case
        if not since.reversed:
            assert since.position == pytest.approx(side.sign * float(expected)), case  # type: ignore[arg-type]


def test_a_remainder_is_judged_by_its_order_and_not_by_its_fills() -> None:
    fills = chain((1_000.0, 0, 1), (-994.0, 3, 2), (-1.0, 4, 2), (995.0, 6, 3))
    assert followed(fills, size_after=1_000.0).reversed
    # Spread over two orders, neither of which the rest is flat beside.
    fills = chain((1_000.0, 0, 1), (-990.0, 3, 2), (-1.0, 4, 3), (991.0, 6, 4))
    assert not followed(fills, size_after=1_000.0).reversed


def test_a_missing_fill_makes_it_unknown_and_not_closed() -> None:
    fills = [*chain((10.0, 0, 1)), *chain((-1.0, 5, 2), start=12.0)]
    assert followed(fills) == Since(reversed=False, unbroken=False, position=None)


def test_what_was_before_the_trade_doesnt_count() -> None:
    fills = chain((3.0, -9, 7), (-3.0, -8, 8), (10.0, 0, 1), (1.0, 1, 2))
    assert followed(fills) == Since(reversed=False, unbroken=True, position=11.0)


def test_fills_of_the_same_moment_count_from_the_passing_one_on() -> None:
    before = chain((4.0, 0, 7), (-4.0, 0, 8), (6.0, 0, 1), (4.0, 0, 1))
    assert followed(before) == Since(reversed=False, unbroken=True, position=10.0)
    assert followed([*before, *chain((-10.0, 0, 9), start=10.0)]).reversed


def test_a_position_closed_and_reopened_just_as_large_within_the_moment_is_the_reopened_one() -> None:
    fills = chain((-10.0, 0, 7), (10.0, 0, 1), start=10.0)
    assert followed(fills) == Since(reversed=False, unbroken=True, position=10.0)


def test_a_trade_can_be_followed_from_later_fills_alone() -> None:
    assert followed(chain((-2.0, 1, 2), start=10.0)) == Since(reversed=False, unbroken=True, position=8.0)
    assert followed(chain((-2.0, 0, 2), start=10.0)).unbroken
