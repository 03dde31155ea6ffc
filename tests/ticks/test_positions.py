"""The liquidation rule, and what `positions` refreshes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hlcopy.domain.book import ExitReason, PositionStatus
from hlcopy.domain.liquidation import Evidence, Fate, fate
from hlcopy.domain.models import Side
from hlcopy.ticks import poll, positions
from tests.builders import OTHER_TRADER, T0, TRADER, at, fill, trader
from tests.fakes import desk_of

if TYPE_CHECKING:
    from hlcopy.domain.models import Fill
    from hlcopy.ports import Desk
    from tests.ticks.conftest import Scene


def entered(scene: Scene, paused: list[float] | None = None) -> Desk:
    desk = desk_of(scene.ledger, scene.source, scene.market, paused=paused)
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    return desk


def gone(**overrides: object) -> Fill:
    return fill(price=55_000.0, size=1.0, is_buy=False, start_position=1.0, oid=2, time=at(30), **overrides)


def test_a_held_position_keeps_ours_open(scene: Scene) -> None:
    desk = entered(scene)
    report = positions.run(desk, at(30))

    assert report.counts == {"positions": 1, "traders": 1, "liquidated": 0}
    assert scene.ledger.traders.positions(TRADER)[0].size == 1.0
    assert report.positions[0].mark_price == 60_000.0


def test_a_position_that_vanished_without_a_closing_fill_was_liquidated(scene: Scene) -> None:
    paused: list[float] = []
    desk = entered(scene, paused)
    scene.source.held[TRADER] = {"BTC": 0.0}

    report = positions.run(desk, at(30))

    (closed,) = scene.ledger.book.positions(live_only=False)
    assert (closed.status, closed.close_reason) == (PositionStatus.CLOSED, ExitReason.TRADER_LIQUIDATED)
    blacklisted = scene.ledger.traders.get(TRADER)
    assert blacklisted is not None
    assert blacklisted.blacklisted_until == at(30, days=14)
    assert paused == [5.0]
    assert [action.reason for action in report.actions] == [ExitReason.TRADER_LIQUIDATED]


def test_a_normal_close_changes_nothing_for_us(scene: Scene) -> None:
    desk = entered(scene)
    scene.source.add(gone(direction="Close Long"))

    positions.run(desk, at(31))
    poll.run(desk, at(35))

    assert scene.ledger.book.positions()[0].status is PositionStatus.OPEN
    assert [signal.decision for signal in scene.ledger.signals.list(decision="DEFERRED")] == ["DEFERRED"]


def test_poll_leaves_at_once_on_a_liquidation_mark(scene: Scene) -> None:
    desk = entered(scene)
    scene.source.add(gone(liquidated_user=TRADER.upper().replace("0X", "0x")))

    poll.run(desk, at(31))
    poll.run(desk, at(35))

    (closed,) = scene.ledger.book.positions(live_only=False)
    assert closed.close_reason is ExitReason.TRADER_LIQUIDATED


def test_a_liquidated_trader_s_other_signals_are_not_copied(scene: Scene) -> None:
    desk = entered(scene)
    scene.source.add(
        fill(coin="ETH", price=3_000.0, size=30.0, oid=5, time=at(29)),
        gone(liquidated_user=TRADER),
    )
    scene.market.set("ETH", at(0), 3_000.0)
    poll.run(desk, at(35))
    poll.run(desk, at(45))

    by_coin = {signal.order_key: signal.decision for signal in scene.ledger.signals.list()}
    assert by_coin["oid:5"] == "SKIP_TRADER_BLACKLISTED"


def test_an_unreadable_trader_is_a_problem_and_no_exit(scene: Scene) -> None:
    desk = entered(scene)
    scene.source.unreadable.add(TRADER)

    report = positions.run(desk, at(30))

    assert {problem.code for problem in report.problems} == {"TRADER_UNREADABLE"}
    assert scene.ledger.book.positions()[0].status is PositionStatus.OPEN


def test_secondary_traders_are_refreshed_as_well(scene: Scene) -> None:
    scene.ledger.traders.put([trader(address=OTHER_TRADER, tier="secondary")])
    scene.source.add(fill(trader=OTHER_TRADER, coin="ETH", time=T0))

    positions.run(scene.desk(), at(1))
    positions.run(scene.desk(), at(1))

    assert [held.coin for held in scene.ledger.traders.positions(OTHER_TRADER)] == ["ETH"]


def test_fills_that_positions_read_are_still_judged_by_poll(scene: Scene) -> None:
    desk = entered(scene)
    scene.source.add(fill(coin="ETH", price=3_000.0, size=30.0, oid=5, time=at(16)))
    positions.run(desk, at(30))
    scene.source.add(fill(coin="ETH", price=3_000.0, size=1.0, start_position=30.0, oid=6, time=at(29)))

    poll.run(desk, at(35))

    assert {signal.order_key for signal in scene.ledger.signals.list()} >= {"oid:5", "oid:6"}


CASES = {
    "still held": ([fill(size=1.0)], (1.0,), Fate.HELD),
    "closed by ordinary fills": ([fill(size=1.0), fill(is_buy=False, start_position=1.0)], (0.0, 0.0), Fate.CLOSED),
    "vanished twice with an unbroken chain": ([fill(size=1.0)], (0.0, 0.0), Fate.LIQUIDATED),
    "vanished in one reading only": ([fill(size=1.0)], (0.0,), Fate.UNKNOWN),
    "gone and back in the second reading": ([fill(size=1.0)], (0.0, 1.0), Fate.HELD),
    "a broken chain": ([fill(size=1.0), fill(start_position=3.0)], (0.0, 0.0), Fate.UNKNOWN),
    "no fills at all": ([], (0.0, 0.0), Fate.UNKNOWN),
    "liquidated on the book": (
        [fill(size=1.0), fill(is_buy=False, start_position=1.0, size=0.5, liquidated_user=TRADER)],
        (0.5,),
        Fate.LIQUIDATED,
    ),
    "taken over by the backstop": (
        [fill(size=1.0), fill(is_buy=False, start_position=1.0, direction="Liquidated Isolated Long")],
        (0.0, 0.0),
        Fate.LIQUIDATED,
    ),
    "counterparty of another's liquidation": (
        [fill(size=1.0), fill(is_buy=False, start_position=1.0, size=0.5, liquidated_user=OTHER_TRADER)],
        (0.5,),
        Fate.HELD,
    ),
    "deleveraged": (
        [fill(size=1.0), fill(is_buy=False, start_position=1.0, direction="Auto-Deleveraging")],
        (0.0, 0.0),
        Fate.CLOSED,
    ),
    "turned to the other side": (
        [fill(size=1.0), fill(is_buy=False, start_position=1.0, size=2.0)],
        (-1.0,),
        Fate.CLOSED,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_trader_s_fate_is_judged_on_complete_evidence(case: str) -> None:
    fills, readings, expected = CASES[case]
    evidence = Evidence(trader=TRADER, side=Side.LONG, since=at(seconds=-1), fills=fills, held_sizes=readings)
    assert fate(evidence) is expected


def test_a_gap_before_the_copied_trade_hides_nothing_that_came_after_it() -> None:
    fills = [
        fill(start_position=-7.0, time=at(-30)),
        fill(start_position=-3.0, size=4.0, time=T0),
        fill(start_position=1.0, is_buy=False, time=at(5), liquidated_user=TRADER),
    ]
    evidence = Evidence(trader=TRADER, side=Side.LONG, since=T0, fills=fills, held_sizes=(0.0, 0.0))
    assert fate(evidence) is Fate.LIQUIDATED


def test_a_fate_that_can_t_be_told_is_said_and_exits_nothing(scene: Scene) -> None:
    desk = entered(scene)
    scene.source.add(fill(price=55_000.0, size=1.0, start_position=4.0, oid=2, time=at(30)))
    scene.source.held[TRADER] = {"BTC": 0.0}

    report = positions.run(desk, at(31))

    assert [problem.code for problem in report.problems] == ["FATE_UNKNOWN"]
    assert scene.ledger.book.positions()[0].status is PositionStatus.OPEN
