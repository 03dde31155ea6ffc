"""A ledger's own decisions are judged on the finest stored candles that tell, and as a replay judges the same."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.backtest.decided import decided, judge_decided
from hlcopy.backtest.gates import judge
from hlcopy.domain.candles import Candles
from hlcopy.domain.models import DEFERRED, Action, SkipReason, to_ms
from hlcopy.domain.policy import ExitPolicy, Policy
from tests.backtest.test_gates import played
from tests.backtest.worlds import simulated
from tests.builders import MINUTE_MS, T0, at, candles, fill, funding_rate, signal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from hlcopy.backtest.gates import Gate
    from hlcopy.domain.models import Signal

POLICY = Policy()
FIVE = 5 * MINUTE_MS
HOUR = timedelta(hours=1)


def refused(number: int = 1, *, when: datetime = T0, **changes: object) -> Signal:
    made = {"decision": SkipReason.LOW_WEIGHT.value, "trade_price": 60_000.0, **changes}
    return signal(id=f"signal-{number}", trade_time=when, updated_at=when + HOUR / 4, **made)


def ledger_of(*signals: Signal, series: Iterable[Candles] = ()) -> MemoryLedger:
    ledger = MemoryLedger()
    for each in signals:
        ledger.signals.decide(each, [each.id]) if each.is_final else ledger.signals.defer(each)
    ledger.history.add_fills([fill(price=60_000.0, size=0.00001)])
    for each in series:
        ledger.history.add_candles(each)
    return ledger


def judged_gate(ledger: MemoryLedger, now: datetime) -> Gate:
    found = decided(ledger, T0.date(), now.date(), POLICY, now)
    return judge_decided(ledger, found).gates[0]


def without(whole: Candles, lost: slice) -> Candles:
    gone = set(range(len(whole))[lost])
    kept = [index for index in range(len(whole)) if index not in gone]
    return Candles(
        whole.coin,
        whole.interval_ms,
        *(column[kept] for column in (whole.t, whole.o, whole.h, whole.l, whole.c, whole.v)),
    )


@pytest.mark.parametrize(
    ("when", "counts"),
    [
        (at(days=-1, hours=23, minutes=59), False),
        (T0, True),
        (at(days=1, hours=23, minutes=59), True),
        (at(days=2), False),
    ],
)
def test_an_order_is_of_the_day_on_which_it_was_traded(when: datetime, counts: bool) -> None:  # noqa: FBT001 - a table's column
    found = decided(ledger_of(refused(when=when)), T0.date(), at(days=1).date(), POLICY, at(days=9))
    assert (len(found.entries), found.orders) == (counts, counts)


def test_orders_that_are_no_entries_or_wait_are_counted_and_not_followed() -> None:
    signals = [
        refused(1),
        refused(2, action=Action.REDUCE, decision=SkipReason.ACTION.value),
        refused(3, decision=DEFERRED),
    ]
    found = decided(ledger_of(*signals), T0.date(), T0.date(), POLICY, at(days=9))
    assert ([each.id for each in found.entries], found.orders, found.deferred) == (["signal-1"], 3, 1)


def test_candles_are_needed_from_before_a_coin_s_first_entry_until_after_its_last_is_over() -> None:
    signals = [
        refused(1),
        refused(2, when=at(days=5)),
        refused(3, coin="ETH", when=at(days=6)),
        refused(4, coin="SOL", when=at(days=8)),  # its hours aren't over
    ]
    found = decided(ledger_of(*signals), T0.date(), at(days=9).date(), POLICY, at(days=9, hours=1))
    assert [each.id for each in found.due] == ["signal-3", "signal-2", "signal-1"]
    assert found.windows == {
        "BTC": (to_ms(T0 + HOUR / 4 - 2 * HOUR), to_ms(at(days=5) + HOUR / 4 + 84 * HOUR)),
        "ETH": (to_ms(at(days=6) + HOUR / 4 - 2 * HOUR), to_ms(at(days=9, hours=1))),
    }


@pytest.mark.parametrize(
    ("minutes", "told"),
    [
        (slice(0, 0), -5.11),  # one-minute candles are whole: the stop is hit, and the price comes back
        (slice(600, None), -0.13),  # those of five minutes cover the day better, and nothing happens in them
        (slice(0, None), -0.13),
        (slice(100, 110), None),
    ],
    ids=["whole", "they end", "none", "a hole"],
)
def test_candles_are_those_that_a_replay_would_take(minutes: slice, told: float | None) -> None:
    finest = candles([60_000.0] * 1_000 + [57_012.0] + [60_000.0] * 4_000)
    coarse = candles([60_000.0] * 288 * 5, interval_ms=FIVE)
    gate = judged_gate(ledger_of(refused(), series=[without(finest, minutes), coarse]), at(days=5))
    assert (gate.followed, gate.unknown) == ((0, 1) if told is None else (1, 0))
    assert gate.mean_pct == (None if told is None else pytest.approx(told, abs=0.01))


@pytest.mark.parametrize(
    ("series", "counts"),
    [
        ([], (0, 0, 1)),
        ([candles([60_000.0])], (0, 0, 1)),
        ([candles([60_000.0] * 60 * 24)], (0, 0, 1)),
        ([candles([60_000.0] * 60 * 24 * 5)], (1, 0, 0)),
        ([candles([60_000.0] * 288 * 5, coin="ETH", interval_ms=FIVE)], (0, 0, 1)),
    ],
    ids=["no candle", "one candle", "they end", "whole", "another coin's"],
)
def test_what_no_candles_tell_of_is_unknown(series: Sequence[Candles], counts: tuple[int, int, int]) -> None:
    gate = judged_gate(ledger_of(refused(), series=series), at(days=5))
    assert (gate.followed, gate.pending, gate.unknown) == counts
    assert gate.refused == 1


def test_what_is_over_while_its_last_candle_isn_t_there_yet_is_pending() -> None:
    """Decided at 0:15 and entered at 0:20, it is left at 0:20 of the fourth day, by a candle that opens then."""
    stored = candles([60_000.0] * (288 * 3 + 3), interval_ms=FIVE)
    gate = judged_gate(ledger_of(refused(), series=[stored]), at(days=3, minutes=17))
    assert (gate.followed, gate.pending) == (0, 1)


def test_funding_that_isn_t_stored_is_named() -> None:
    stored = [candles([60_000.0] * 288 * 5, interval_ms=FIVE)]
    ledger = ledger_of(refused(), series=stored)
    found = decided(ledger, T0.date(), T0.date(), POLICY, at(days=5))
    (warning,) = [each for each in judge_decided(ledger, found).warnings if each.code == "NO_FUNDING"]
    assert "BTC" in warning.message
    free = judge_decided(ledger, found).gates[0]
    ledger.history.add_funding(funding_rate(time=at(hours=hour), rate=1e-4) for hour in range(120))
    charged = judge_decided(ledger, found)
    assert not [each for each in charged.warnings if each.code == "NO_FUNDING"]
    assert charged.gates[0].mean_pct - free.mean_pct == pytest.approx(-72 * 0.01, rel=1e-3)


@pytest.mark.parametrize("seed", [4, 11])
def test_a_replay_s_decisions_are_judged_the_same_as_a_ledger_s(seed: int) -> None:
    policy = Policy(exit=ExitPolicy(max_duration=timedelta(hours=30)))
    world = simulated(seed, 4)
    done = played(world, 4, policy)
    last = date(T0.year, T0.month, T0.day + 3)
    replayed = judge(done, last)
    ledger = world.store(done.replay.desk.ledger)
    own = judge_decided(ledger, decided(ledger, T0.date(), last, policy, done.replay.clock.now))
    assert own.gates == replayed.gates
    assert sum(gate.followed for gate in own.gates) > 5
    assert len(own.gates) > 3
