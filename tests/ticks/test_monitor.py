"""What `monitor` does with positions of ours."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hlcopy.domain import orders, stops
from hlcopy.domain.book import ExitReason, IntentState, PositionStatus, Purpose
from hlcopy.domain.policy import ExecutionPolicy, ExitPolicy, Policy
from hlcopy.errors import TryLaterError
from hlcopy.ports import UNKNOWN, Refused
from hlcopy.ticks import monitor, poll, reconcile
from tests.builders import at
from tests.ticks.looks import only

if TYPE_CHECKING:
    from hlcopy.ports import Desk
    from tests.ticks.conftest import Scene

ENTRY = 60_000.0


def entered(scene: Scene, policy: Policy | None = None) -> Desk:
    desk = scene.desk(policy)
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    return desk


def test_a_quiet_tick_does_nothing_twice(scene: Scene) -> None:
    desk = entered(scene)
    first = monitor.run(desk, at(16))
    orders_before = scene.ledger.book.orders()

    second = monitor.run(desk, at(16))

    assert first.actions == second.actions == ()
    assert scene.ledger.book.orders() == orders_before
    assert second.counts == {"positions": 1, "actions": 0}
    assert second.positions[0].mark_price == ENTRY


def test_the_stop_follows_a_gain_on_its_grid_and_never_back(scene: Scene) -> None:
    desk = entered(scene)
    start = only(scene)
    scene.market.set("BTC", at(60), 63_000.0)
    monitor.run(desk, at(60))
    raised = only(scene)
    scene.market.set("BTC", at(61), 61_500.0)
    monitor.run(desk, at(61))

    assert start.trigger_price is not None
    assert raised.trigger_price is not None
    assert raised.trigger_price > start.trigger_price
    assert raised.trailing_stop_price == 63_000.0 * (1 - 8 / 100)
    assert (raised.best_price, only(scene)) == (
        63_000.0,
        replace(raised, checked_at=at(61), funding_until=only(scene).funding_until),
    )
    account = desk.exchange.account(at(61))
    assert account is not UNKNOWN
    assert [stop.trigger_price for stop in account.stops] == [raised.trigger_price]
    assert [line.action for line in scene.ledger.book.actions()] == ["entered", "stop_placed", "stop_moved"]


def test_a_gain_below_the_grid_s_first_line_moves_nothing(scene: Scene) -> None:
    desk = entered(scene)
    before = only(scene)
    scene.market.set("BTC", at(60), before.entry_price * 1.035)
    monitor.run(desk, at(60))

    assert only(scene).trigger_price == before.trigger_price
    assert only(scene).best_price == before.entry_price * 1.035


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ([57_000.0], ExitReason.STOP_LOSS),
        ([66_000.0, 60_000.0], ExitReason.TRAILING_STOP),
    ],
)
def test_a_stop_that_fired_between_ticks_is_booked_at_the_venue_s_price(
    scene: Scene, path: list[float], reason: ExitReason
) -> None:
    desk = entered(scene, Policy(exit=ExitPolicy(tiers=())))
    for minute, price in enumerate(path, 60):
        scene.market.set("BTC", at(minute), price)
        monitor.run(desk, at(minute))

    closed = only(scene)
    assert (closed.status, closed.close_reason) == (PositionStatus.CLOSED, reason)
    assert closed.closed_at == at(59 + len(path))
    assert closed.exit_price == pytest.approx(path[-1], rel=1e-3)
    assert closed.exit_price is not None
    assert closed.realized_pnl_usd == pytest.approx(
        (closed.exit_price - closed.entry_price) * closed.entry_size - closed.fees_usd
    )
    account = desk.exchange.account(at(90))
    assert account is not UNKNOWN
    assert (account.positions, account.stops) == ({}, ())
    assert account.equity == pytest.approx(100_000 + (closed.realized_pnl_usd or 0))


def test_a_position_is_left_after_72_hours(scene: Scene) -> None:
    desk = entered(scene)
    opened = only(scene).opened_at
    scene.market.set("BTC", at(hours=72), ENTRY)
    monitor.run(desk, at(15, hours=71.99))
    assert only(scene).status is PositionStatus.OPEN

    report = monitor.run(desk, at(15, hours=72))

    assert opened == at(15)
    assert only(scene).close_reason is ExitReason.TIME_STOP
    assert [(action.action, action.reason) for action in report.actions] == [("closed", ExitReason.TIME_STOP)]


def test_the_time_stop_needs_no_fresh_mark(scene: Scene) -> None:
    desk = entered(scene)
    scene.market.unreadable.add("BTC")

    quiet = monitor.run(desk, at(60))
    assert [problem.code for problem in quiet.problems] == ["NO_PRICE"]
    monitor.run(desk, at(15, hours=72))

    assert only(scene).close_reason is ExitReason.TIME_STOP


def test_profit_tiers_fire_once_each_and_the_stop_shrinks_with_the_position(scene: Scene) -> None:
    desk = entered(scene)
    whole = only(scene).size
    scene.market.set("BTC", at(60), 66_100.0)
    monitor.run(desk, at(60))
    monitor.run(desk, at(61))
    once = only(scene)

    assert (once.tiers_taken, once.size) == ((1,), pytest.approx(whole * 0.75, abs=1e-4))
    account = desk.exchange.account(at(61))
    assert account is not UNKNOWN
    assert [stop.size for stop in account.stops] == [once.size]
    assert once.exit_price == pytest.approx(66_100.0, rel=1e-3)
    assert once.realized_pnl_usd is None


def test_a_gap_through_several_tiers_takes_them_in_one_order(scene: Scene) -> None:
    desk = entered(scene)
    whole = only(scene).size
    scene.market.set("BTC", at(60), 73_000.0)
    monitor.run(desk, at(60))

    sold = [order for order in scene.ledger.book.orders() if order.purpose is Purpose.EXIT]
    assert [order.leg for order in sold] == ["tier-1-2"]
    assert only(scene).tiers_taken == (1, 2)
    assert only(scene).size == pytest.approx(whole * 0.75 * 0.67, abs=2e-4)


def test_a_tier_that_would_leave_dust_takes_everything(scene: Scene) -> None:
    policy = Policy(execution=ExecutionPolicy(min_notional_usd=1e9))
    desk = entered(scene)
    scene.market.set("BTC", at(60), 66_100.0)
    monitor.run(replace(desk, policy=policy), at(60))

    assert only(scene).close_reason is ExitReason.TAKE_PROFIT


def test_a_missing_stop_is_placed_again_in_the_same_tick(scene: Scene) -> None:
    desk = entered(scene)
    stop_id = only(scene).stop_client_order_id
    assert stop_id is not None
    placed = scene.ledger.book.order(stop_id)
    assert placed is not None
    desk.exchange.cancel(placed, at(16))

    monitor.run(desk, at(16))

    account = desk.exchange.account(at(16))
    assert account is not UNKNOWN
    assert len(account.stops) == 1
    assert only(scene).stop_confirmed
    assert only(scene).stop_client_order_id != stop_id


def test_a_position_closed_by_hand_is_booked_as_such(scene: Scene) -> None:
    desk = entered(scene)
    position = only(scene)
    instrument = desk.market.instrument("BTC")
    assert instrument is not None
    by_hand = orders.exit_order(
        position,
        leg="hand",
        attempt=1,
        size=position.size,
        mark=ENTRY,
        reason=ExitReason.TIME_STOP,
        instrument=instrument,
        now=at(16),
        policy=desk.policy.execution,
    )
    desk.exchange.send(by_hand, at(16))

    monitor.run(desk, at(17))

    assert only(scene).close_reason is ExitReason.CLOSED_ON_VENUE
    account = desk.exchange.account(at(17))
    assert account is not UNKNOWN
    assert account.stops == ()


class _Refusing:
    """A venue that refuses every stop."""

    def __init__(self, desk: Desk) -> None:
        self._venue = desk.exchange

    def __getattr__(self, name: str) -> object:
        return getattr(self._venue, name)

    def send(self, order: object, now: object) -> object:
        if getattr(order, "purpose", None) is Purpose.STOP:
            return Refused("Invalid TP/SL price.")
        return self._venue.send(order, now)  # type: ignore[arg-type]


def test_a_position_whose_stop_is_refused_twice_is_closed_at_once(scene: Scene) -> None:
    desk = scene.desk()
    refusing = replace(desk, exchange=_Refusing(desk))  # type: ignore[arg-type]
    poll.run(refusing, at(1))
    poll.run(refusing, at(15))

    closed = only(scene)
    assert (closed.status, closed.close_reason) == (PositionStatus.CLOSED, ExitReason.STOP_REJECTED)
    refused = [order for order in scene.ledger.book.orders() if order.purpose is Purpose.STOP]
    assert [order.state for order in refused] == [IntentState.REFUSED] * 2


def test_a_refused_move_keeps_the_old_stop_and_the_position(scene: Scene) -> None:
    desk = entered(scene)
    before = only(scene)
    scene.market.set("BTC", at(60), 64_000.0)
    monitor.run(replace(desk, exchange=_Refusing(desk)), at(60))  # type: ignore[arg-type]

    account = desk.exchange.account(at(60))
    assert account is not UNKNOWN
    assert only(scene).status is PositionStatus.OPEN
    assert [stop.trigger_price for stop in account.stops] == [before.trigger_price]


class _Silent(_Refusing):
    """A venue whose account can't be read."""

    def account(self, now: object) -> object:  # noqa: ARG002 - the port's signature
        return UNKNOWN

    def send(self, order: object, now: object) -> object:
        return self._venue.send(order, now)  # type: ignore[arg-type]


def test_an_account_that_can_t_be_read_is_not_flat(scene: Scene) -> None:
    desk = entered(scene)
    with pytest.raises(TryLaterError, match="can't be read"):
        monitor.run(replace(desk, exchange=_Silent(desk)), at(16))  # type: ignore[arg-type]
    assert only(scene).status is PositionStatus.OPEN


def test_a_closing_position_is_closed_by_the_next_tick_when_the_market_was_halted(scene: Scene) -> None:
    desk = entered(scene)
    scene.market.halted.add("BTC")
    monitor.run(desk, at(15, hours=72))
    assert (only(scene).status, only(scene).closing_reason) == (PositionStatus.CLOSING, ExitReason.TIME_STOP)
    assert only(scene).stop_confirmed

    scene.market.halted.clear()
    monitor.run(desk, at(16, hours=72))

    assert only(scene).close_reason is ExitReason.TIME_STOP


def test_funding_is_booked_to_the_position(scene: Scene) -> None:
    scene.market.rates["BTC"] = [(at(hours=hour), 0.0001) for hour in range(1, 73)]
    desk = entered(scene)
    monitor.run(desk, at(hours=3))

    position = only(scene)
    assert position.funding_usd == pytest.approx(3 * 0.0001 * position.size * ENTRY)


def test_the_trigger_is_the_same_whichever_marks_led_to_the_best(scene: Scene) -> None:
    desk = entered(scene)
    for minute, price in enumerate((61_000.0, 62_900.0, 62_400.0, 64_000.0), 60):
        scene.market.set("BTC", at(minute), price)
        monitor.run(desk, at(minute))

    position = only(scene)
    exact = stops.trigger(position.entry_price, 64_000.0, position.side, desk.policy.exit)
    assert position.trigger_price == pytest.approx(exact.price, rel=1e-4)


def test_reconcile_twice_changes_nothing(scene: Scene) -> None:
    desk = entered(scene)
    reconcile.run(desk, at(16))
    state = (scene.ledger.book.positions(), scene.ledger.book.orders(), scene.ledger.book.actions())
    reconcile.run(desk, at(16))
    assert state == (scene.ledger.book.positions(), scene.ledger.book.orders(), scene.ledger.book.actions())
    assert scene.ledger.book.fills_mark() == at(15)  # the newest fill: an answer without any may be a lie
