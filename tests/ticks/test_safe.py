"""The market is looked at before a copy, and only then."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hlcopy.domain.models import DEFERRED, EXECUTE
from hlcopy.domain.policy import Gate, Policy, SafetyPolicy
from hlcopy.domain.safety import Conditions
from hlcopy.ports import UNKNOWN
from hlcopy.ticks import poll
from tests.builders import TRADER, at, fill

if TYPE_CHECKING:
    from hlcopy.domain.models import Signal
    from tests.ticks.conftest import Scene

SOUND = Conditions(
    mark=60_000.0,
    oracle=60_010.0,
    mid=60_000.0,
    open_interest_usd=1e9,
    day_volume_usd=2e9,
    funding_rate=0.0000125,
    bids=[(59_999.0, 50.0)],
    asks=[(60_001.0, 50.0)],
)


def polled(scene: Scene, conditions: object, off: frozenset[Gate] = frozenset()) -> Signal:
    desk = scene.desk()
    desk = replace(desk, policy=replace(desk.policy, safety=SafetyPolicy(off=off)))
    scene.market.states["BTC"] = conditions  # type: ignore[assignment]
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    (signal,) = (each for each in scene.ledger.signals.list() if each.first_fill_at == at(0))
    return signal


def test_a_sound_market_is_entered_and_what_was_measured_stays_with_the_signal(scene: Scene) -> None:
    signal = polled(scene, SOUND)
    assert signal.decision == EXECUTE
    assert signal.detail["open_interest_usd"] == 1e9
    assert signal.detail["spread_percent"] == pytest.approx(2 / 600)
    assert signal.detail["trader_hour_share"] == pytest.approx(60_000 / (2e9 / 24))
    assert signal.detail["base"] is not None


@pytest.mark.parametrize(
    ("changes", "gate", "decision"),
    [
        ({"open_interest_usd": 4e6, "day_volume_usd": 5e9}, Gate.SIZE, "SKIP_ILLIQUID"),
        ({"bids": [(59_900.0, 50.0)], "mid": 59_950.5, "mark": 59_950.5}, Gate.COST, "SKIP_COST"),
        ({"oracle": 50_000.0}, Gate.PRICE, "SKIP_PRICE_INTEGRITY"),
        ({"open_interest_usd": 1e7, "day_volume_usd": 5e6}, Gate.FOOTPRINT, "SKIP_FOOTPRINT"),
    ],
)
def test_a_market_that_doesn_t_bear_it_isn_t_entered_unless_its_gate_is_off(
    scene: Scene, changes: dict[str, object], gate: Gate, decision: str
) -> None:
    conditions = replace(SOUND, **changes)  # type: ignore[arg-type]
    signal = polled(scene, conditions, frozenset(Gate) - {gate})
    assert signal.decision == decision
    assert (signal.detail["weight"], signal.detail["slippage_pct"]) == (0.15, 0.0)
    assert signal.detail["open_interest_usd"] == conditions.open_interest_usd
    assert scene.ledger.book.positions() == []


@pytest.mark.parametrize("gate", [Gate.SIZE, Gate.PRICE])
def test_a_gate_that_is_off_stands_against_nothing(scene: Scene, gate: Gate) -> None:
    broken = {Gate.SIZE: {"open_interest_usd": 4e6}, Gate.PRICE: {"oracle": 50_000.0}}[gate]
    off = frozenset({gate, Gate.FOOTPRINT})
    assert polled(scene, replace(SOUND, **broken), off).decision == EXECUTE  # type: ignore[arg-type]


def test_a_market_that_can_t_be_read_is_asked_again_until_the_signal_is_too_old(scene: Scene) -> None:
    signal = polled(scene, UNKNOWN)
    assert (signal.decision, signal.wait, signal.check_at) == (DEFERRED, "unknown_market", at(16))
    poll.run(scene.desk(), at(26))
    (signal,) = scene.ledger.signals.list()
    assert signal.decision == "SKIP_TOO_OLD"
    assert scene.ledger.book.positions() == []


def test_what_is_skipped_already_costs_no_look(scene: Scene) -> None:
    scene.market.set("BTC", at(10), 70_000.0)
    assert polled(scene, UNKNOWN).decision == "SKIP_SLIPPAGE_EXCEEDED"


def test_who_cut_what_was_copied_again_and_again_isn_t_copied(scene: Scene) -> None:
    held = 0.0
    for number in range(40):
        size = 1.0 if number % 2 == 0 else -1.0
        minutes = -6_000 + (number // 2) * 200 + (number % 2) * 25
        scene.ledger.history.add_fills(
            [fill(coin="ETH", is_buy=size > 0, time=at(minutes), start_position=held, oid=500 + number)]
        )
        held += size
    signal = polled(scene, None)
    assert signal.trader == TRADER
    assert (signal.decision, signal.detail["entries_cut"]) == ("SKIP_OPEN_THEN_DUMP", 20)


@pytest.mark.parametrize(("cut_after", "decision"), [(25, "SKIP_OPEN_THEN_DUMP"), (45, EXECUTE)])
def test_who_cuts_by_half_what_we_have_just_copied_pauses_where_that_is_asked_for(
    scene: Scene, cut_after: float, decision: str
) -> None:
    """Our copy is of minute 15; it stays open, and the next order of the trader is in another coin."""
    for coin, price in (("ETH", 3_000.0), ("SOL", 150.0)):
        scene.market.set(coin, at(-60), price)
    polled(scene, None)
    desk = scene.desk(Policy(safety=SafetyPolicy(dump_pause_days=7.0)))
    scene.source.add(
        fill(price=60_000.0, size=0.6, is_buy=False, start_position=1.0, oid=2, time=at(15 + cut_after)),
        fill(coin="ETH", price=3_000.0, size=20.0, oid=3, time=at(70)),
        fill(coin="SOL", price=150.0, size=400.0, oid=4, time=at(60, days=7)),
    )
    for moment in (at(75), at(86)):
        poll.run(desk, moment)
    assert decided(scene, "oid:3") == decision
    scene.ledger.traders.put([replace(scene.ledger.traders.get(TRADER), last_scored_at=at(65, days=7))])  # type: ignore[type-var]
    for moment in (at(65, days=7), at(76, days=7)):
        poll.run(desk, moment)
    assert decided(scene, "oid:4") == EXECUTE


def decided(scene: Scene, order: str) -> str:
    (signal,) = (each for each in scene.ledger.signals.list() if each.order_key == order)
    return signal.decision
