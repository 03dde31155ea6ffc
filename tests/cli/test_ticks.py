"""The tick commands over HTTP: what they do, say and record, and how they end when something is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.locks import command_lock
from hlcopy.simulator.server import DROP
from hlcopy.wiring import desks
from tests.builders import OTHER_TRADER, TRADER, paper_position
from tests.cli.trading import enter, follow, open_store, wait
from tests.venue import MINUTE_MS, START, START_MS, clock_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hlcopy.simulator.server import LocalVenue
    from tests.cli.conftest import Outcome

    Run = Callable[..., Outcome]

REFUSED = (500, {"content-type": "application/json"}, b"null")
TICKS = ("monitor", "poll", "positions", "score")


def test_a_trader_s_order_becomes_a_position_of_ours_whose_stop_follows_the_price(
    run: Run, home: Path, venue: LocalVenue
) -> None:
    follow(home, venue, TRADER)
    venue.venue.trade(TRADER, "BTC", 1.0, START_MS)
    wait(venue, 6)
    run("poll")
    wait(venue, 10)
    polled = run("poll --json")
    (decision,) = polled.document["decisions"]
    assert polled.code == 0
    assert decision == {
        "signal_id": decision["signal_id"],
        "trader_address": TRADER,
        "token_symbol": "BTC",
        "side": "Long",
        "action": "Open",
        "value_usd": 60_000.0,
        "decision": "EXECUTE",
        "copy_size_usd": pytest.approx(7_500.0),
        "reason": None,
    }
    now_ms = clock_of(venue).now_ms()
    venue.venue.set_mark("BTC", 63_600.0, now_ms + MINUTE_MS)
    wait(venue, 2)
    watched = run("monitor --json").document
    assert [(done["action"], done["reason"]) for done in watched["actions"]] == [("stop_moved", "TRAILING_STOP")]
    (position,) = watched["positions"]
    assert position["stop_confirmed"] is True
    assert position["mark_price"] == pytest.approx(63_600.0)
    assert position["unrealized_pct"] > 5
    assert run("positions --json").document["positions"][0]["id"] == position["id"]


@pytest.mark.parametrize("source", ["hyperliquid", "nansen"])
def test_either_source_of_trades_leads_to_the_same_entry(
    run: Run, home: Path, venue: LocalVenue, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.setenv("HLCOPY_TRADE_SOURCE", source)
    enter(run, home, venue)
    with open_store(home) as store:
        (position,) = store.book.positions()
    assert (position.coin, position.side, position.status) == ("BTC", "Long", "open")
    assert position.value_usd == pytest.approx(7_500.0, rel=0.02)
    assert (venue.usage.requests["profiler/perp-trades"] > 0) == (source == "nansen")


def test_a_tick_that_is_run_again_does_nothing_twice(run: Run, home: Path, venue: LocalVenue) -> None:
    enter(run, home, venue)
    for command in ("poll", "monitor", "positions", "poll"):
        again = run(f"{command} --json")
        assert (again.code, again.document.get("actions", [])) == (0, [])
        assert again.document.get("decisions", []) == []
    with open_store(home) as store:
        assert len(store.book.positions()) == 1
        assert len(store.signals.list()) == 1


@pytest.mark.usefixtures("venue")
@pytest.mark.parametrize(
    ("command", "lists"),
    [
        ("monitor", {"actions", "positions"}),
        ("poll", {"actions", "decisions"}),
        ("positions", {"actions", "positions"}),
    ],
)
def test_a_tick_s_document_has_what_every_tick_s_has_and_its_own_lists(run: Run, command: str, lists: set[str]) -> None:
    shown = run(f"{command} --json")
    document = shown.document
    assert (shown.code, shown.err) == (0, "")
    assert set(document) == {
        "command",
        "ok",
        "at",
        "mode",
        "duration_ms",
        "counts",
        "errors",
        "notes",
        "halted",
        "breakers",
        *lists,
    }
    assert (document["command"], document["ok"], document["mode"]) == (command, True, "paper")
    assert document["at"] == "2026-03-01T00:00:00.000+00:00"
    assert document["duration_ms"] >= 0
    assert document["errors"] == []
    assert (document["halted"], document["breakers"]) == (None, [])
    assert all(isinstance(count, int) for count in document["counts"].values())


@pytest.mark.usefixtures("venue")
@pytest.mark.parametrize("command", ["monitor", "poll", "positions"])
def test_a_quiet_tick_with_nothing_to_say_says_nothing(run: Run, command: str) -> None:
    assert run(f"{command} --quiet") == type(run("--version"))(0, "", "")
    assert run(command).out.endswith("\n")


def test_a_quiet_tick_says_what_it_did(run: Run, home: Path, venue: LocalVenue) -> None:
    follow(home, venue, TRADER)
    venue.venue.trade(TRADER, "BTC", 1.0, START_MS)
    wait(venue, 6)
    assert run("poll --quiet").out == ""  # it waits: nothing was done
    wait(venue, 10)
    said = run("poll --quiet")
    assert said.err == ""
    assert "Open Long BTC" in said.out
    assert "COPY $7.50k" in said.out


def test_positions_are_shown_with_their_marks(run: Run, home: Path, venue: LocalVenue) -> None:
    enter(run, home, venue)
    lines = run("positions").out.splitlines()
    assert lines[1].split() == ["ID", "COIN", "SIDE", "VALUE", "ENTRY", "MARK", "GAIN", "STOP", "TIERS", "STATUS"]
    assert lines[2].split()[1:3] == ["BTC", "Long"]
    assert lines[2].split()[-1] == "open"
    assert max(map(len, lines)) <= 80


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", [REFUSED, DROP])
def test_a_source_that_is_down_ends_a_poll_with_75_and_loses_nothing(
    run: Run, home: Path, venue: LocalVenue, fault: object
) -> None:
    follow(home, venue, TRADER)
    venue.venue.trade(TRADER, "BTC", 1.0, START_MS)
    wait(venue, 6)
    venue.faults = lambda kind: None if kind == "clock" else fault  # type: ignore[assignment, return-value]
    failed = run("poll --json")
    assert failed.code == 75
    assert failed.document["ok"] is False
    assert [(error["code"], error["item"]) for error in failed.document["errors"]] == [("FILLS_UNREADABLE", TRADER)]
    assert failed.err.startswith("warning: ")
    assert "error: poll: nothing could be read (" in failed.err
    quiet = run("poll --quiet")
    assert (quiet.code, quiet.out, quiet.err.count("\n")) == (75, "", 1)
    venue.faults = None
    assert [each["decision"] for each in run("poll --json").document["decisions"]] == ["DEFERRED"]


@pytest.mark.usefixtures("impatient")
def test_a_venue_that_is_down_ends_a_monitor_with_75_and_changes_nothing(
    run: Run, home: Path, venue: LocalVenue
) -> None:
    enter(run, home, venue)
    venue.faults = lambda kind: None if kind == "clock" else REFUSED
    failed = run("monitor --json")
    assert failed.code == 75
    assert (failed.document["ok"], failed.document["counts"]) == (False, {})
    (error,) = failed.document["errors"]
    assert (error["code"], error["item"]) == ("TRY_LATER", "monitor")
    assert failed.err.splitlines()[-1] == f"error: monitor: {error['message']}"
    with open_store(home) as store:
        assert [position.status for position in store.book.positions()] == ["open"]
        last = store.runs.last("monitor")
        assert last is not None
        assert (last.ok, last.errors) == (False, (error["message"],))


@pytest.mark.usefixtures("impatient")
def test_a_leaderboard_that_is_down_ends_score_with_75(run: Run, venue: LocalVenue) -> None:
    venue.faults = lambda kind: None if kind == "clock" else REFUSED
    failed = run("score --json")
    assert failed.code == 75
    assert [error["code"] for error in failed.document["errors"]] == ["SOURCE_DOWN"]


@pytest.mark.usefixtures("venue", "impatient")
def test_a_venue_s_clock_that_can_t_be_read_ends_a_tick_with_75(
    run: Run, venue: LocalVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hlcopy.cli.clock._PATIENCE_S", 0.2)
    venue.faults = lambda _: (200, {}, b'{"time": "noon"}')
    failed = run("poll")
    assert (failed.code, failed.out) == (75, "")
    assert failed.err.startswith("error: ")
    assert "it doesn't tell the time" in failed.err


def test_some_failures_of_many_are_named_and_end_with_1(run: Run, home: Path, venue: LocalVenue) -> None:
    with open_store(home) as store:
        store.paper.put_cash(100_000.0)
        store.paper.put_position(paper_position(coin="ETH", entry_price=2_000.0, opened_at=START))
        store.paper.put_synced_at(START)
    assert clock_of(venue).now_ms() == START_MS
    failed = run("monitor --json")
    assert failed.code == 1
    assert failed.err == ""
    assert [(error["code"], error["item"]) for error in failed.document["errors"]] == [("FOREIGN_POSITION", "ETH")]
    assert failed.document["ok"] is False
    said = run("monitor --quiet")
    assert (said.code, said.out) == (1, "")
    assert said.err == "error: monitor: ETH: open at the venue, not by us; left alone (FOREIGN_POSITION)\n"
    with open_store(home) as store:
        last = store.runs.last("monitor")
        assert last is not None
        assert last.ok is True  # it was done, if not for every item
        assert last.errors == ("FOREIGN_POSITION ETH: open at the venue, not by us; left alone",)


def test_one_trader_that_can_t_be_read_doesn_t_keep_the_others_waiting(
    run: Run, home: Path, venue: LocalVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        desks.ALLOWANCES,  # type: ignore[arg-type] # a dict, declared as what nobody changes
        "poll",
        desks.Allowance(share="poll", patience_s=0.2, queue_s=0.0, tick_s=5.0),
    )
    follow(home, venue, TRADER, OTHER_TRADER)
    venue.venue.trade(TRADER, "BTC", 1.0, START_MS)
    broken = venue.venue.trade(OTHER_TRADER, "ETH", 100.0, START_MS)
    venue.venue.add_fill({**broken, "tid": 5, "feeToken": 7})  # type: ignore[typeddict-item]
    wait(venue, 6)
    polled = run("poll --json")
    assert polled.code == 1
    assert [error["item"] for error in polled.document["errors"]] == [OTHER_TRADER]
    assert [each["trader_address"] for each in polled.document["decisions"]] == [TRADER]


@pytest.mark.usefixtures("venue")
@pytest.mark.parametrize("command", TICKS)
def test_a_tick_that_another_process_is_running_is_left_to_it(run: Run, home: Path, command: str) -> None:
    with command_lock(home / "paper.db", command):
        assert run(command).out == f"{command} is running already; nothing was done\n"
        assert run(f"{command} --quiet") == type(run("--version"))(0, "", "")
        document = run(f"{command} --json")
    assert (document.code, document.document["ok"], document.document["counts"]) == (0, True, {})
    assert document.document["notes"] == [f"{command} is running already; nothing was done"]
    with open_store(home) as store:
        assert store.runs.last(command) is None


@pytest.mark.usefixtures("venue")
@pytest.mark.parametrize("command", [*TICKS, "run-all", "run-all --once"])
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("HLCOPY_NANSEN_CREDITS_PER_DAY", "many", "HLCOPY_NANSEN_CREDITS_PER_DAY: "),
        ("HLCOPY_SOURCE_URL", "ftp://x", "HLCOPY_SOURCE_URL: must be a URL"),
        ("HLCOPY_MODE", "live", "HLCOPY_ACCOUNT_ADDRESS: live mode needs the address"),
    ],
)
def test_a_wrong_setting_ends_with_78_and_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, home: Path, command: str, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    failed = run(command)
    assert (failed.code, failed.out) == (78, "")
    assert failed.err.startswith(f"error: {said}")
    assert not (home / "paper.db").exists()


@pytest.mark.usefixtures("venue")
@pytest.mark.parametrize("command", ["poll", "monitor", "positions", "run-all", "run-all --once"])
def test_live_mode_without_a_key_ends_with_78_and_says_where_to_get_one(
    run: Run, monkeypatch: pytest.MonkeyPatch, home: Path, command: str
) -> None:
    monkeypatch.setenv("HLCOPY_MODE", "live")
    monkeypatch.setenv("HLCOPY_ACCOUNT_ADDRESS", TRADER)
    monkeypatch.setenv("HLCOPY_DB", str(home / "live.db"))
    failed = run(command)
    assert failed.code == 78
    assert "live mode needs the key of an agent (API wallet); make one at app.hyperliquid.xyz/API" in failed.err


def test_a_wrong_key_ends_score_with_78_and_is_named(
    run: Run, venue: LocalVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NANSEN_API_KEY", "another-key")
    assert venue.nansen_url
    failed = run("score")
    assert failed.code == 78
    assert "NANSEN_API_KEY" in failed.err
    assert "another-key" not in failed.err


def test_every_run_is_recorded(run: Run, home: Path, venue: LocalVenue) -> None:
    run("monitor")
    with open_store(home) as store:
        last = store.runs.last("monitor")
    assert last is not None
    assert (last.started_at, last.ok, last.counts) == (START, True, {"positions": 0, "actions": 0})
    assert last.finished_at is not None
    assert venue.usage.requests["clock"] == 1  # the time of a tick is read once


def test_what_went_wrong_unexpectedly_is_recorded_and_ends_with_3(
    run: Run, home: Path, venue: LocalVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("hlcopy.ticks.monitor.run", broken)
    failed = run("monitor --json")
    assert (failed.code, failed.out) == (3, "")
    assert clock_of(venue).now_ms() == START_MS
    with open_store(home) as store:
        last = store.runs.last("monitor")
    assert last is not None
    assert (last.ok, last.errors) == (False, ("ZeroDivisionError",))


@pytest.mark.usefixtures("impatient")
def test_a_source_s_trouble_is_a_warning_said_once_and_logged(run: Run, home: Path, venue: LocalVenue) -> None:
    follow(home, venue, TRADER, OTHER_TRADER)
    wait(venue, 6)
    venue.faults = lambda kind: None if kind == "clock" else REFUSED
    failed = run("poll")
    warnings = [line for line in failed.err.splitlines() if line.startswith("warning: ")]
    assert warnings
    assert len(set(warnings)) == len(warnings)
    assert '"event": "warning"' in (home / "paper.log").read_text()


@pytest.mark.usefixtures("venue")
def test_score_if_due_leaves_a_day_that_was_scored(run: Run, home: Path, venue: LocalVenue) -> None:
    with open_store(home) as store:
        run_id = store.runs.start("score", START)
        store.runs.finish(run_id, START, ok=True, counts={}, errors=[])
    wait(venue, 60)
    assert run("score --if-due").out == "score isn't due; nothing was done\n"
    assert run("score --if-due --quiet") == type(run("--version"))(0, "", "")
    asked = venue.usage.requests["perp-leaderboard"]
    wait(venue, 24 * 60)
    run("score --if-due")
    assert venue.usage.requests["perp-leaderboard"] > asked


@pytest.mark.usefixtures("venue")
def test_jitter_waits_a_random_time_before_anything_is_read(
    run: Run, monkeypatch: pytest.MonkeyPatch, venue: LocalVenue
) -> None:
    slept: list[tuple[float, int]] = []

    def sleep(_clock: object, seconds: float) -> None:
        slept.append((seconds, sum(venue.usage.requests.values())))

    monkeypatch.setattr("hlcopy.cli.clock.SystemClock.sleep", sleep)
    assert run("monitor --jitter 30").code == 0
    ((seconds, requests),) = slept
    assert 0 <= seconds <= 30
    assert requests == 0
    assert run("monitor --jitter -1").code == 2


def test_all_needs_no_refresh(run: Run) -> None:
    refused = run("positions --all")
    assert (refused.code, refused.err) == (
        2,
        "error: Invalid value: --all needs --no-refresh (see hlcopy positions --help)\n",
    )


def test_without_a_venue_s_clock_a_tick_runs_at_the_present(
    run: Run, venue: LocalVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HLCOPY_CLOCK", "system")
    before = datetime.now(UTC) - timedelta(seconds=1)
    at = datetime.fromisoformat(run("monitor --json").document["at"])
    assert before <= at <= datetime.now(UTC)
    assert venue.usage.requests["clock"] == 0
