"""Orders that the book fills in part: what filled is protected, what is left is asked for again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hlcopy.domain.book import ExitReason, PositionStatus, Purpose
from hlcopy.domain.models import EXECUTE
from hlcopy.ports import UNKNOWN, Level
from hlcopy.ticks import monitor, poll
from tests.builders import at
from tests.ticks.looks import only

if TYPE_CHECKING:
    from hlcopy.domain.book import Order
    from hlcopy.ports import Desk
    from tests.ticks.conftest import Scene


def entered(scene: Scene) -> Desk:
    desk = scene.desk()
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    return desk


def stops(desk: Desk, minutes: float) -> list[float]:
    account = desk.exchange.account(at(minutes))
    assert account is not UNKNOWN
    return [stop.size for stop in account.stops]


def test_a_part_of_an_entry_is_a_position_of_that_size_with_a_stop_of_that_size(scene: Scene) -> None:
    scene.market.books["BTC", True] = [Level(60_100.0, 0.05), Level(60_400.0, 9.0)]
    desk = entered(scene)

    position = only(scene)
    assert (position.status, position.size, position.entry_size) == (PositionStatus.OPEN, 0.05, 0.05)
    assert (position.entry_price, position.value_usd) == (60_100.0, pytest.approx(3_005.0))
    assert (stops(desk, 15), position.stop_confirmed) == ([0.05], True)
    assert scene.ledger.signals.list()[0].decision == EXECUTE
    monitor.run(desk, at(16))
    assert only(scene).size == 0.05


def test_an_entry_into_an_empty_book_leaves_nothing(scene: Scene) -> None:
    scene.market.books["BTC", True] = []
    desk = entered(scene)
    assert scene.ledger.signals.list()[0].decision == "SKIP_NOT_FILLED"
    assert (scene.ledger.book.positions(live_only=False), stops(desk, 15)) == ([], [])


def test_an_exit_that_fills_in_part_is_sent_again_at_once_until_nothing_is_left(scene: Scene) -> None:
    desk = entered(scene)
    scene.market.books["BTC", False] = [Level(59_900.0, 0.05)]  # as much at every attempt

    monitor.run(desk, at(15, hours=72))

    closed = only(scene)
    assert (closed.status, closed.close_reason) == (PositionStatus.CLOSED, ExitReason.TIME_STOP)
    assert [sent.size for sent in exits(scene)] == [0.125, 0.075, 0.025]
    assert stops(desk, 15 + 72 * 60) == []


def test_an_exit_widens_its_bound_step_by_step_and_goes_on_at_the_widest(scene: Scene) -> None:
    desk = entered(scene)
    scene.market.books["BTC", False] = [Level(55_000.0, 0.05)]  # 8.3 % below

    monitor.run(desk, at(15, hours=72))
    left = only(scene)
    assert (left.status, left.size) == (PositionStatus.CLOSING, pytest.approx(0.075))
    bounds = [sent.limit_price for sent in exits(scene)]
    assert bounds == pytest.approx([59_700.0, 59_400.0, 58_800.0, 57_000.0, 54_600.0], rel=0.001)
    assert stops(desk, 15 + 72 * 60) == [pytest.approx(0.075)]  # it rests all the while

    monitor.run(desk, at(16, hours=72))
    monitor.run(desk, at(17, hours=72))
    closed = only(scene)
    assert (closed.status, closed.close_reason) == (PositionStatus.CLOSED, ExitReason.TIME_STOP)
    assert [sent.size for sent in exits(scene)] == [*[0.125] * 5, 0.075, 0.025]
    assert stops(desk, 17 + 72 * 60) == []


def exits(scene: Scene) -> list[Order]:
    return sorted(scene.ledger.book.orders(purpose=Purpose.EXIT), key=lambda sent: sent.attempt)


def test_an_exit_that_finds_no_book_inside_its_bound_keeps_its_stop_and_tries_again(scene: Scene) -> None:
    desk = entered(scene)
    scene.market.books["BTC", False] = [Level(50_000.0, 9.0)]
    monitor.run(desk, at(15, hours=72))
    assert (only(scene).status, stops(desk, 15 + 72 * 60)) == (PositionStatus.CLOSING, [0.125])

    del scene.market.books["BTC", False]
    monitor.run(desk, at(16, hours=72))
    assert only(scene).close_reason is ExitReason.TIME_STOP
