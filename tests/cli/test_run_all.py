"""run-all: each due tick once, or all of them in workers until a signal comes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.locks import command_lock
from hlcopy.adapters.store import Binding, Store
from hlcopy.cli import options, workers
from hlcopy.cli.service import order_once
from hlcopy.cli.workers import Service, Voice
from hlcopy.domain.policy import Policy
from hlcopy.errors import SourceDownError
from hlcopy.render.ticks import Ticked
from hlcopy.ticks.report import Problem, Report
from tests.builders import TRADER, trader
from tests.venue import START, clock_of, environment, local_venue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hlcopy.simulator.server import LocalVenue
    from tests.cli.conftest import Outcome

    SomeRun = Callable[..., Outcome]

PATIENCE_S = 60


@pytest.fixture
def venue(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalVenue]:
    """A local venue that the process's settings name; it was scored today, so that nothing but the watch is due."""
    with local_venue() as served:
        for name, value in environment(served, home / "paper.db").items():
            monkeypatch.setenv(name, value)
        with open_store(home) as store:
            store.traders.put([trader(address=TRADER, last_scored_at=START)])
            store.runs.finish(store.runs.start("score", START), START, ok=True, counts={}, errors=[])
        yield served


def open_store(home: Path) -> Store:
    return Store.open(home / "paper.db", Binding("paper", "mainnet"))


def test_once_runs_each_tick_that_is_due_monitor_first(run: SomeRun, venue: LocalVenue) -> None:
    done = run("run-all --once --json")
    document = done.document
    assert done.code == 0
    assert [tick["command"] for tick in document["ticks"]] == ["monitor", "positions", "poll"]
    assert all(tick["ok"] for tick in document["ticks"])
    assert document | {"duration_ms": 0, "ticks": []} == {
        "command": "run-all",
        "ok": True,
        "at": "2026-03-01T00:00:00.000+00:00",
        "mode": "paper",
        "duration_ms": 0,
        "counts": {"ticks": 3},
        "errors": [],
        "notes": [],
        "ticks": [],
    }
    again = run("run-all --once --json")
    assert (again.code, again.document["ticks"]) == (0, [])
    clock_of(venue).advance(30_000)
    assert [tick["command"] for tick in run("run-all --once --json").document["ticks"]] == ["monitor"]
    clock_of(venue).advance(30_000)
    assert [tick["command"] for tick in run("run-all --once --json").document["ticks"]] == ["monitor", "poll"]


def test_once_says_what_each_tick_would_say(run: SomeRun, venue: LocalVenue) -> None:
    assert venue.url
    assert run("run-all --once").out.splitlines()[0] == "monitor: 0 positions, 0 actions"
    clock_of(venue).advance(900_000)
    assert run("run-all --once --quiet") == type(run("--version"))(0, "", "")


def test_once_ends_with_the_worst_of_its_ticks_and_goes_on_after_it(
    run: SomeRun, venue: LocalVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object) -> None:
        message = "down"
        raise SourceDownError(message)

    def half(_desk: object, now: object) -> Report:
        problem = Problem(code="X", message="failed", item="y")
        return Report(command="positions", at=now, problems=(problem,))  # type: ignore[arg-type]

    assert venue.url
    monkeypatch.setattr("hlcopy.ticks.monitor.run", down)
    monkeypatch.setattr("hlcopy.ticks.positions.run", half)
    done = run("run-all --once --json")
    assert (done.code, done.document["ok"]) == (75, False)
    assert [tick["ok"] for tick in done.document["ticks"]] == [False, False, True]


def test_without_traders_they_are_found_before_anything_needs_them(home: Path) -> None:
    with open_store(home) as store:
        assert order_once(store, START, Policy()) == ["monitor", "score", "positions", "poll"]
        run_id = store.runs.start("score", START)
        assert order_once(store, START, Policy()) == ["monitor", "positions", "poll"]  # it may still be at it
        assert order_once(store, START + timedelta(minutes=5), Policy())[:2] == ["monitor", "score"]
        store.runs.finish(run_id, START, ok=True, counts={}, errors=[])
        assert order_once(store, START + timedelta(days=1), Policy()) == ["monitor", "positions", "poll", "score"]


def test_a_service_has_no_single_document(run: SomeRun) -> None:
    refused = run("run-all --json")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == "error: --json needs --once: a service has no end at which to print one document\n"


@pytest.mark.usefixtures("venue")
@pytest.mark.parametrize("options_", ["", "--once"])
def test_a_second_run_all_ends_at_once(run: SomeRun, home: Path, options_: str) -> None:
    with command_lock(home / "paper.db", "run-all"):
        assert run(f"run-all {options_}").out == "run-all is running already; nothing was done\n"
        assert run(f"run-all {options_} --quiet") == type(run("--version"))(0, "", "")
        document = run("run-all --once --json").document
    assert (document["ok"], document["ticks"]) == (True, [])


@contextmanager
def a_service(*more: str) -> Iterator[subprocess.Popen[str]]:
    """Run the service as a process of its own; it is killed if the test leaves it running."""
    process = subprocess.Popen(
        [sys.executable, "-m", "hlcopy", "run-all", *more],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE_S)


def seen(venue: LocalVenue, *kinds: str) -> Callable[[], bool]:
    """Return a wait for the first requests of some kinds."""
    waiting = {kind: threading.Event() for kind in kinds}

    def note(kind: str) -> None:
        if kind in waiting:
            waiting[kind].set()

    venue.faults = note
    return lambda: all(event.wait(PATIENCE_S) for event in waiting.values())


@pytest.mark.parametrize(("sent", "code", "said"), [(signal.SIGTERM, 0, ""), (signal.SIGINT, 130, "interrupted\n")])
def test_a_service_watches_polls_and_stops_within_5_seconds(
    home: Path, venue: LocalVenue, sent: signal.Signals, code: int, said: str
) -> None:
    working = seen(venue, "userFillsByTime", "clearinghouseState")
    with a_service() as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "run-all; Ctrl-C stops it\n"
        cadences = process.stdout.readline()
        assert cadences.startswith("monitor every 30 s, poll every 60 s, ")
        assert len(cadences.rstrip()) < 80
        assert working()
        began = time.monotonic()
        process.send_signal(sent)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert time.monotonic() - began < 5
    assert (process.returncode, out, err) == (code, "", said)
    with open_store(home) as store:
        assert store.runs.last("monitor") is not None
    log = (home / "paper.log").read_text()
    assert '"run-all started"' in log
    assert '"run-all stopped"' in log


def test_a_service_stops_within_5_seconds_while_the_venue_hangs(home: Path, venue: LocalVenue) -> None:
    hanging, over = threading.Event(), threading.Event()

    def hang(kind: str) -> None:
        if kind == "userFillsByTime":
            hanging.set()
            over.wait(PATIENCE_S)

    venue.faults = hang
    try:
        with a_service("--quiet") as process:
            assert hanging.wait(PATIENCE_S)
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=PATIENCE_S)
        assert time.monotonic() - began < 5
        assert (process.returncode, out, err) == (0, "", "")
    finally:
        over.set()
    with open_store(home) as store:  # what was cut off is due again, and nothing holds its locks
        assert store.runs.last("poll") is not None
        with command_lock(home / "paper.db", "poll") as held:
            assert held


def test_a_worker_that_crashes_begins_anew_and_takes_no_other_down(
    venue: LocalVenue, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    crashes, watched, again = [], threading.Event(), threading.Event()

    def crash(*_: object) -> None:
        crashes.append(1)
        if len(crashes) > 1:
            again.set()
        message = "poll is broken"
        raise ZeroDivisionError(message)

    def watch(_desk: object, now: object) -> Report:
        watched.set()
        return Report(command="monitor", at=now)  # type: ignore[arg-type]

    assert venue.url
    monkeypatch.setattr(workers, "_FIRST_BACKOFF_S", 0.01)
    monkeypatch.setattr("hlcopy.ticks.poll.run", crash)
    monkeypatch.setattr("hlcopy.ticks.monitor.run", watch)
    service = Service(options.Session.begin(None, None, as_json=False, quiet=False))
    service.start()
    assert again.wait(PATIENCE_S)
    assert watched.is_set()
    service.stop(PATIENCE_S)
    said = capsys.readouterr().err
    assert said.count("error: poll: unexpected ZeroDivisionError; the traceback is in ") == 1
    assert "poll is broken" in (home / "paper.log").read_text()


def test_nothing_stands_before_monitor(venue: LocalVenue, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    polled = threading.Event()

    def watch(_desk: object, now: object) -> Report:
        order.append("monitor")
        return Report(command="monitor", at=now)  # type: ignore[arg-type]

    def poll(_desk: object, now: object) -> Report:
        order.append("poll")
        polled.set()
        return Report(command="poll", at=now)  # type: ignore[arg-type]

    assert venue.url
    monkeypatch.setattr("hlcopy.ticks.monitor.run", watch)
    monkeypatch.setattr("hlcopy.ticks.poll.run", poll)
    service = Service(options.Session.begin(None, None, as_json=False, quiet=True))
    service.start()
    assert polled.wait(PATIENCE_S)
    service.stop(PATIENCE_S)
    assert order[:2] == ["monitor", "poll"]


def ticked(report: Report | None = None, failure: SourceDownError | None = None) -> Ticked:
    return Ticked(command="poll", at=START, mode="paper", duration_ms=1, report=report, failure=failure)


def test_a_failure_is_said_once_until_it_is_over() -> None:
    said: list[tuple[list[str], list[str]]] = []
    voice = Voice("poll", lambda lines, errors: said.append((list(lines), list(errors))), quiet=False)
    down, fine = ticked(failure=SourceDownError("it is down")), ticked(Report(command="poll", at=START))
    for outcome in (fine, down, down, fine, fine, down):
        voice.ticked(outcome)
    failed: tuple[list[str], list[str]] = ([], ["poll: it is down"])
    assert said == [failed, (["poll: works again"], []), failed]


def test_what_another_process_was_at_is_not_told() -> None:
    said: list[object] = []
    Voice("poll", lambda *both: said.append(both), quiet=False).ticked(ticked())
    assert said == []


def test_a_terminal_that_is_gone_stops_no_service(venue: LocalVenue, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise BrokenPipeError

    assert venue.url
    service = Service(options.Session.begin(None, None, as_json=False, quiet=False))
    monkeypatch.setattr(options.Session, "show", gone)
    service.say(["something"], [])
