"""What keeps anything new from being opened, and what goes on all the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from hlcopy.domain.book import ExitReason, PositionStatus
from hlcopy.domain.breakers import EquitySample
from hlcopy.domain.models import DEFERRED, EXECUTE, Wait
from hlcopy.domain.policy import BreakerPolicy, Policy
from hlcopy.ports import UNKNOWN, ActionBudget, Halt
from hlcopy.ticks import monitor, poll
from tests.builders import OTHER_TRADER, TRADER, at, position

if TYPE_CHECKING:
    from hlcopy.domain.models import Signal
    from hlcopy.ports import Desk
    from tests.ticks.conftest import Scene


@dataclass
class Counted:
    """The paper venue with a limit on actions."""

    venue: Any
    budget_now: Any

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - it stands in for the port
        return getattr(self.venue, name)

    def budget(self, now: Any) -> Any:  # noqa: ANN401, ARG002 - the port's signature
        return self.budget_now


def counted(scene: Scene, budget: object) -> Desk:
    desk = scene.desk()
    return replace(desk, exchange=Counted(desk.exchange, budget))  # type: ignore[arg-type]


def polled(scene: Scene, desk: Desk | None = None) -> Signal:
    """Let the trader's order be seen, and confirmed a quarter of an hour later."""
    desk = desk or scene.desk()
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    (signal,) = scene.ledger.signals.list()
    return signal


def ended(number: int, minutes: float, trader: str = OTHER_TRADER) -> Any:  # noqa: ANN401 - a position
    return position(
        signal_id=f"earlier {number}",
        coin="SOL",
        source_trader=trader,
        opened_at=at(minutes - 60),
        status=PositionStatus.CLOSED,
        closed_at=at(minutes),
        close_reason=ExitReason.STOP_LOSS,
        realized_pnl_usd=-10.0,
        funding_until=at(minutes),
    )


def test_while_halted_nothing_is_entered_and_the_signal_says_since_when_and_why(scene: Scene) -> None:
    scene.ledger.controls.put_halt(Halt(at(-30), "new live file"))
    signal = polled(scene)
    assert signal.decision == "SKIP_HALTED"
    assert (signal.detail["halted_at"], signal.detail["why"]) == ("2026-02-28T23:30:00+00:00", "new live file")
    assert scene.ledger.book.positions(live_only=False) == []


def test_a_halt_leaves_exits_alone(scene: Scene) -> None:
    desk = scene.desk()
    polled(scene, desk)
    scene.ledger.controls.put_halt(Halt(at(16), "by hand"))
    report = monitor.run(desk, at(15, hours=72))
    (closed,) = scene.ledger.book.positions(live_only=False)
    assert closed.close_reason is ExitReason.TIME_STOP
    assert report.halted == Halt(at(16), "by hand")


def test_after_a_resume_entries_go_on(scene: Scene) -> None:
    scene.ledger.controls.put_halt(Halt(at(-30), "by hand"))
    scene.ledger.controls.resume(at(-1))
    assert polled(scene).decision == EXECUTE


@pytest.mark.parametrize(
    ("equity", "ends", "name"),
    [
        pytest.param([(-30, 100_000.0)], [], None, id="nothing lost"),
        pytest.param([(-30, 103_200.0)], [], "MAX_DAILY_LOSS_PERCENT", id="3.1 % lost since yesterday's last sample"),
        pytest.param([(-60 * 50, 112_000.0), (-30, 101_000.0)], [], "MAX_DRAWDOWN_PERCENT", id="10.7 % below the peak"),
        pytest.param([], [-50, -40, -30], "MAX_STOPS_IN_6H", id="three stops in twenty minutes"),
    ],
)
def test_a_breaker_keeps_entries_out_and_names_itself(
    scene: Scene, equity: list[tuple[float, float]], ends: list[float], name: str | None
) -> None:
    for minutes, usd in equity:
        scene.ledger.controls.add_equity(EquitySample(at(minutes), usd))
    for number, minutes in enumerate(ends):
        scene.ledger.book.put_position(ended(number, minutes, trader=f"0x{number:040x}"))
    signal = polled(scene)
    if name is None:
        assert signal.decision == EXECUTE
    else:
        assert (signal.decision, signal.detail["breaker"]) == ("SKIP_BREAKER", name)


def test_a_trader_whose_last_two_copies_were_stopped_is_left_out_alone(scene: Scene) -> None:
    for number, trader in enumerate((TRADER, TRADER)):
        scene.ledger.book.put_position(ended(number, -500 + number, trader))
    assert polled(scene).detail["breaker"] == "MAX_TRADER_STOPS"


def test_another_trader_s_stops_don_t_matter(scene: Scene) -> None:
    for number in range(2):
        scene.ledger.book.put_position(ended(number, -500 + number, OTHER_TRADER))
    assert polled(scene).decision == EXECUTE


def test_breakers_can_be_switched_off(scene: Scene) -> None:
    scene.ledger.controls.add_equity(EquitySample(at(-30), 200_000.0))
    assert polled(scene, scene.desk(Policy(breakers=BreakerPolicy(on=False)))).decision == EXECUTE


@pytest.mark.parametrize(("left", "decision"), [(2_000, EXECUTE), (1_999, "SKIP_ACTION_BUDGET")])
def test_with_few_actions_left_at_the_venue_nothing_new_is_opened(scene: Scene, left: int, decision: str) -> None:
    assert polled(scene, counted(scene, ActionBudget(used=10_000 - left, cap=10_000))).decision == decision


def test_an_unknown_budget_puts_an_entry_off(scene: Scene) -> None:
    signal = polled(scene, counted(scene, UNKNOWN))
    assert (signal.decision, signal.wait) == (DEFERRED, Wait.UNKNOWN_BUDGET)


def test_with_few_actions_left_a_stop_moves_only_when_it_is_worth_it(scene: Scene) -> None:
    desk = scene.desk()
    polled(scene, desk)
    (entered,) = scene.ledger.book.positions()
    poor = counted(scene, ActionBudget(used=9_000, cap=10_000))
    for minutes, gain in ((16, 1.038), (17, 1.048)):
        scene.market.set("BTC", at(minutes), entered.entry_price * gain)
    monitor.run(poor, at(16))
    assert scene.ledger.book.positions()[0].trigger_price == entered.trigger_price  # a quarter of a percent
    monitor.run(poor, at(17))
    (moved,) = scene.ledger.book.positions()
    assert moved.trigger_price is not None
    assert entered.trigger_price is not None
    assert moved.trigger_price > entered.trigger_price * 1.01


def test_our_equity_is_sampled_every_five_minutes_by_monitor(scene: Scene) -> None:
    desk = scene.desk()
    for minutes in (0, 0.5, 4.5, 5, 9.5, 10):
        monitor.run(desk, at(minutes))
    assert [sample.at - at(0) for sample in scene.ledger.controls.equity()] == [
        timedelta(minutes=m) for m in (0, 5, 10)
    ]


def test_a_tick_that_takes_too_long_begins_nothing_new(scene: Scene) -> None:
    """The lock was waited for, and answers were slow: what is due stays due."""

    @dataclass
    class Hurrying:
        passed: float = 0.0

        def now(self) -> Any:  # noqa: ANN401 - a moment
            self.passed += 30.0
            return at(15, seconds=self.passed)

        def monotonic(self) -> float:
            return self.passed

        def sleep(self, seconds: float) -> None:
            self.passed += seconds

    poll.run(scene.desk(), at(1))
    poll.run(replace(scene.desk(), clock=Hurrying()), at(15))
    assert scene.ledger.book.positions() == []
    (signal,) = scene.ledger.signals.list()
    assert signal.decision == DEFERRED
    poll.run(scene.desk(), at(16.5))
    assert scene.ledger.signals.list()[0].decision == EXECUTE
