"""The clocks: the machine's, which can be stopped, and the venue's."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.http import Http
from hlcopy.cli.clock import SystemClock, VenueClock, clock_of
from hlcopy.config import load_settings
from hlcopy.errors import SourceDownError, TryLaterError
from tests import venue as venues
from tests.venue import START, environment, local_venue

if TYPE_CHECKING:
    from pathlib import Path


class Instant(SystemClock):
    """A real clock that waits for nothing: its stopwatch jumps."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 0.0
        self.naps: list[float] = []

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.at += seconds


def test_the_machine_s_clock_tells_utc() -> None:
    before = datetime.now(UTC)
    assert before <= SystemClock().now() <= datetime.now(UTC)
    assert SystemClock().now().tzinfo is UTC


def test_a_sleep_ends_at_once_when_the_process_is_told_to_stop() -> None:
    stop = threading.Event()
    clock = SystemClock(stop)
    clock.sleep(0.001)
    clock.sleep(-5)
    began = clock.monotonic()
    threading.Timer(0.01, stop.set).start()
    with pytest.raises(InterruptedError):
        clock.sleep(60)
    assert clock.monotonic() - began < 30
    with pytest.raises(InterruptedError):
        clock.sleep(0)


def test_the_venue_s_clock_is_the_time_of_the_venue(tmp_path: Path) -> None:
    with local_venue() as venue, Http(SystemClock()) as http:
        settings = load_settings(environment(venue, tmp_path / "x.db"))
        assert clock_of(settings, SystemClock(), http).now() == START
        venues.clock_of(venue).advance(90_000)
        assert clock_of(settings, SystemClock(), http).now() == START + timedelta(seconds=90)
        assert venue.usage.requests == {"clock": 2}


def test_without_being_asked_for_it_the_machine_s_clock_is_taken() -> None:
    real = SystemClock()
    with Http(real) as http:
        assert clock_of(load_settings({}), real, http) is real


def test_one_reading_serves_a_moment_and_no_longer() -> None:
    real = Instant()
    readings = count()
    clock = VenueClock(lambda _: START + timedelta(seconds=next(readings)), real)
    assert clock.now() == clock.now() == START
    real.at += 1
    assert clock.now() == START + timedelta(seconds=1)
    assert clock.monotonic() == 1


def test_waiting_ends_when_the_venue_has_moved_so_far() -> None:
    real = Instant()
    clock = VenueClock(lambda _: START + timedelta(seconds=100 * real.at), real)
    clock.sleep(20)
    assert 0.2 <= real.at <= 1.0


def test_waiting_for_a_venue_that_stands_still_ends_in_real_time() -> None:
    real = Instant()
    VenueClock(lambda _: START, real).sleep(20)
    assert real.at == pytest.approx(20)


def test_waiting_for_a_venue_that_is_down_ends_in_real_time() -> None:
    def down(_patience: float) -> datetime:
        message = "down"
        raise SourceDownError(message)

    real = Instant()
    clock = VenueClock(down, real)
    clock.sleep(1)
    assert real.at == pytest.approx(1)
    with pytest.raises(TryLaterError):
        clock.now()


def test_only_a_look_while_waiting_is_hasty() -> None:
    real, asked = Instant(), []

    def ask(patience: float) -> datetime:
        asked.append(patience)
        return START

    clock = VenueClock(ask, real)
    clock.now()
    real.at += 1
    clock.sleep(0.06)
    assert asked[0] > 1
    assert max(asked[1:]) < 1
