"""Nansen's credits and pace, in memory and in the file that processes share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.memory.credits import MemoryMeter
from hlcopy.adapters.store import Binding, Store
from hlcopy.adapters.store.credits import StoredMeter
from tests.builders import at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MINUTE = timedelta(seconds=60)
TRADES = "profiler/perp-trades"
OTHER = "perp-leaderboard"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    Store.open(tmp_path / "meter.db", Binding("paper", "mainnet")).close()
    return tmp_path / "meter.db"


@pytest.fixture(params=["file", "memory"])
def meter(request: pytest.FixtureRequest, path: Path) -> Iterator[MemoryMeter | StoredMeter]:
    if request.param == "memory":
        yield MemoryMeter(20)
        return
    with StoredMeter(path, 20) as stored:
        yield stored


Meter = MemoryMeter | StoredMeter


def test_a_call_is_allowed_while_it_stays_inside_the_days_budget(meter: Meter) -> None:
    assert meter.allows(20, at())
    assert not meter.allows(20.5, at())
    meter.record(OTHER, 200, 15, 985, at())
    assert meter.allows(5, at(hours=23, minutes=59))
    assert not meter.allows(6, at(hours=23, minutes=59))


def test_the_budget_begins_anew_at_midnight_utc(meter: Meter) -> None:
    meter.record(OTHER, 200, 20, None, at(hours=23, minutes=59))
    assert not meter.allows(1, at(hours=23, minutes=59.9))
    assert meter.allows(20, at(days=1))
    assert meter.spent(at()) == 20


def test_calls_of_months_ago_are_forgotten(path: Path) -> None:
    with StoredMeter(path, 20) as stored:
        stored.record(OTHER, 200, 7, None, at())
        stored.record(OTHER, 200, 5, None, at(days=39))
        assert stored.spent(at()) == 7
        stored.record(OTHER, 200, 5, None, at(days=41))
        assert (stored.spent(at()), stored.spent(at(days=39))) == (0, 5)


def test_a_period_has_so_many_places(meter: Meter) -> None:
    assert [meter.reserve(TRADES, 5, MINUTE, at(seconds=second)) for second in range(5)] == [0.0] * 5
    assert meter.room(TRADES, 5, MINUTE, at(seconds=5)) == 0
    assert meter.reserve(TRADES, 5, MINUTE, at(seconds=5)) == pytest.approx(55.0)
    assert meter.reserve(TRADES, 5, MINUTE, at(seconds=59.9)) == pytest.approx(0.1)
    assert meter.room(TRADES, 5, MINUTE, at(seconds=60)) == 1
    assert meter.reserve(TRADES, 5, MINUTE, at(seconds=60)) == 0.0


def test_endpoints_have_places_of_their_own(meter: Meter) -> None:
    assert meter.reserve(TRADES, 1, MINUTE, at()) == 0.0
    assert meter.reserve(OTHER, 1, MINUTE, at()) == 0.0


def test_a_recorded_call_keeps_the_place_and_the_time_of_its_reservation(meter: Meter) -> None:
    meter.reserve(TRADES, 5, MINUTE, at(seconds=0))
    meter.record(TRADES, 200, 1, 99, at(seconds=30))
    assert meter.room(TRADES, 5, MINUTE, at(seconds=31)) == 4
    assert meter.room(TRADES, 5, MINUTE, at(seconds=60)) == 5
    assert meter.spent(at()) == 1


def test_a_call_that_was_never_answered_keeps_its_place_and_costs_nothing(meter: Meter) -> None:
    meter.reserve(TRADES, 5, MINUTE, at())
    assert meter.spent(at()) == 0
    meter.reserve(TRADES, 5, MINUTE, at(days=1))
    meter.record(TRADES, 200, 1, None, at(days=1))
    assert (meter.spent(at()), meter.spent(at(days=1))) == (0, 1)


def test_a_clock_set_back_blocks_for_no_longer_than_a_period(meter: Meter) -> None:
    for _ in range(5):
        meter.reserve(TRADES, 5, MINUTE, at(hours=5))
    assert meter.reserve(TRADES, 5, MINUTE, at()) == 0.0
    for _ in range(5):
        meter.reserve(TRADES, 5, MINUTE, at(days=1, seconds=30))
    assert 0 < meter.reserve(TRADES, 5, MINUTE, at(days=1)) <= 60


def test_processes_share_budget_and_pace(path: Path) -> None:
    with StoredMeter(path, 20) as one, StoredMeter(path, 20) as other:
        one.record(OTHER, 200, 20, None, at())
        assert not other.allows(1, at())
        for meter in (one, other, one, other, one):
            assert meter.reserve(TRADES, 5, MINUTE, at()) == 0.0
        assert other.reserve(TRADES, 5, MINUTE, at()) == 60.0


def test_no_place_is_given_twice_to_threads_and_connections_that_ask_at_once(path: Path) -> None:
    with StoredMeter(path, 20) as one, StoredMeter(path, 20) as other, ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda meter: meter.reserve(TRADES, 5, MINUTE, at()), [one, other] * 10))
    assert waits.count(0.0) == 5


def test_a_meter_can_be_used_again_after_it_was_closed(path: Path) -> None:
    meter = StoredMeter(path, 20)
    meter.record(OTHER, 200, 5, None, at())
    meter.close()
    meter.close()
    assert meter.spent(at()) == 5
    meter.close()
