"""The commands of an operator over HTTP: halt, resume, close, flatten, verify; each run twice."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.locks import account_lock, command_lock
from hlcopy.domain.book import IntentState
from hlcopy.domain.breakers import EquitySample
from hlcopy.ports import Halt
from tests.builders import paper_position
from tests.cli.trading import enter, open_store
from tests.venue import START

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hlcopy.simulator.server import LocalVenue
    from tests.cli.conftest import Outcome

    Run = Callable[..., Outcome]

REFUSED = (500, {"content-type": "application/json"}, b"null")
COMMON = {"command", "ok", "at", "mode", "duration_ms", "counts", "errors"}


def down(venue: LocalVenue) -> None:
    venue.faults = lambda kind: None if kind == "clock" else REFUSED


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let a person sit at a terminal who answers as told."""

    def answering(answer: str) -> None:
        class Keyboard:
            def isatty(self) -> bool:
                return True

            def readline(self, *_: object) -> str:
                return f"{answer}\n"

        monkeypatch.setattr(sys, "stdin", Keyboard())
        monkeypatch.setattr("builtins.input", lambda *_: answer)

    return answering


@pytest.mark.usefixtures("database")
def test_a_halt_is_kept_with_its_first_time_and_reason(run: Run) -> None:
    first = run("halt --reason", "maintenance of the venue")
    assert (first.code, first.err) == (0, "")
    assert first.out.startswith("HALTED since ")
    said = " ".join(first.out.split())
    assert said.endswith(" UTC (maintenance of the venue): no new entries; end it with: hlcopy resume")
    again = run("halt --reason", "another")
    assert " ".join(again.out.split()) == f"Already: {said}"
    assert max(map(len, again.out.splitlines())) <= 80
    assert run("halt --quiet") == type(again)(0, "", "")


@pytest.mark.usefixtures("database")
def test_a_halt_s_document_says_whether_it_is_new(run: Run) -> None:
    first, again = run("halt --json").document, run("halt --json").document
    assert set(first) == {*COMMON, "halted", "changed"}
    assert (first["command"], first["ok"], first["mode"]) == ("halt", True, "paper")
    assert (first["changed"], again["changed"]) == (True, False)
    assert first["halted"] == again["halted"]
    assert first["halted"]["reason"] == "by hand"


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(("given", "kept"), [("", "by hand"), ("  a\n b ", "a b"), ("\x1b[2J", "\x1b[2J")])
def test_a_reason_is_one_line_and_can_t_move_the_cursor(run: Run, given: str, kept: str) -> None:
    shown = run("halt --reason", given)
    assert "\x1b" not in shown.out
    assert run("halt --json").document["halted"]["reason"] == kept


def test_a_halt_needs_no_venue(run: Run, home: Path, venue: LocalVenue) -> None:
    venue.faults = lambda _: REFUSED
    assert run("halt").code == 0
    with open_store(home) as store:
        assert store.controls.halt() is not None


def test_halts_and_breakers_are_told_with_positions(run: Run, home: Path, venue: LocalVenue) -> None:
    enter(run, home, venue)
    with open_store(home) as store:
        store.controls.put_halt(Halt(START, "news"))
        store.controls.add_equity(EquitySample(START, 200_000.0))
        store.controls.add_equity(EquitySample(START + timedelta(minutes=1), 100_000.0))
    for line in ("positions --json", "positions --no-refresh --json"):
        shown = run(line).document
        assert shown["halted"] == {"at": "2026-03-01T00:00:00.000+00:00", "reason": "news"}
        names = [(each["name"], each["until"]) for each in shown["breakers"]]
        assert names == [
            ("MAX_DAILY_LOSS_PERCENT", "2026-03-02T00:00:00.000+00:00"),
            ("MAX_DRAWDOWN_PERCENT", None),
        ]
    for line in ("positions", "positions --no-refresh"):
        shown_text = run(line).out
        out = " ".join(shown_text.split())
        assert "HALTED since 2026-03-01 00:00 UTC (news): no new entries" in out
        assert "BREAKER MAX_DAILY_LOSS_PERCENT: no new entries until 2026-03-02 00:00 UTC: 50.0%" in out
        assert "BREAKER MAX_DRAWDOWN_PERCENT: no new entries until hlcopy resume: 50.0%" in out
        told = shown_text[shown_text.index("HALTED") :]
        assert max(map(len, told.splitlines())) <= 80


def test_resume_ends_a_halt_once(run: Run, home: Path, venue: LocalVenue) -> None:
    enter(run, home, venue)
    run("halt --reason news")
    shown = run("resume --yes")
    assert (shown.code, shown.err) == (0, "")
    rows = dict(line.split("  ", 1) for line in shown.out.splitlines() if "  " in line)
    assert rows["mode"].strip() == "paper"
    assert rows["network"].strip() == "mainnet"
    assert rows["account"].strip() == "the paper account"
    assert rows["largest possible order"].strip().startswith("$9,99")
    assert rows["open positions"].strip() == "#1 BTC Long"
    assert rows["ends"].strip() == "the halt since 2026-03-01 00:16 UTC (news)"
    assert shown.out.endswith("Resumed: new entries are allowed.\n")
    assert max(map(len, shown.out.splitlines())) <= 80
    with open_store(home) as store:
        resumed_at = store.controls.resumed_at()
        assert store.controls.halt() is None
    again = run("resume --yes")
    assert again.code == 0
    assert again.out.endswith("Nothing was halted; nothing was changed.\n")
    with open_store(home) as store:
        assert store.controls.resumed_at() == resumed_at


@pytest.mark.usefixtures("venue")
def test_resume_s_document_has_what_is_at_stake(run: Run) -> None:
    run("halt")
    first, again = run("resume --yes --json").document, run("resume --yes --json").document
    assert (first["resumed"], again["resumed"]) == (True, False)
    assert set(first) >= COMMON | {"halted", "equity_usd", "largest_order_usd", "positions", "ending", "breakers"}
    assert (first["network"], first["account"]) == ("mainnet", "the paper account")
    assert (first["equity_usd"], first["largest_order_usd"]) == (100_000.0, 10_000.0)
    assert first["halted"]["reason"] == "by hand"
    assert again["halted"] is None


@pytest.mark.usefixtures("venue")
def test_resume_ends_a_drawdown_and_says_which_breakers_stay(run: Run, home: Path) -> None:
    with open_store(home) as store:
        store.controls.add_equity(EquitySample(START - timedelta(minutes=5), 150_000.0))
    shown = run("resume --yes").out
    assert "ends " in shown
    assert "MAX_DRAWDOWN_PERCENT" in shown
    assert "stays" in shown
    assert "MAX_DAILY_LOSS_PERCENT" in shown
    assert shown.endswith("Resumed: new entries are allowed. Breakers above stay in force until their time is over.\n")
    again = run("resume --yes --json").document
    assert (again["resumed"], again["ending"]) == (False, [])
    assert [each["name"] for each in again["breakers"]] == ["MAX_DAILY_LOSS_PERCENT"]


@pytest.mark.usefixtures("venue")
@pytest.mark.parametrize("command", ["resume", "flatten"])
@pytest.mark.parametrize(("options", "said"), [("", "say it with --yes"), ("--json", "--json needs --yes")])
def test_without_a_terminal_and_without_yes_nothing_is_done(
    run: Run, home: Path, command: str, options: str, said: str
) -> None:
    run("halt")
    for _ in range(2):
        refused = run(f"{command} {options}")
        assert (refused.code, refused.out) == (2, "")
        assert said in refused.err
    with open_store(home) as store:
        assert store.controls.halt() is not None


@pytest.mark.usefixtures("venue")
@pytest.mark.parametrize(("answer", "code", "halted"), [("y", 0, False), ("n", 130, True), ("", 130, True)])
def test_on_a_terminal_resume_asks_once(
    run: Run, home: Path, terminal: Callable[[str], None], answer: str, code: int, *, halted: bool
) -> None:
    run("halt")
    terminal(answer)
    asked = run("resume")
    assert asked.code == code
    assert "largest possible order" in asked.out
    with open_store(home) as store:
        assert (store.controls.halt() is not None) == halted


@pytest.mark.usefixtures("venue")
@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 130)])
def test_on_a_terminal_flatten_asks_once(
    run: Run, home: Path, terminal: Callable[[str], None], answer: str, code: int
) -> None:
    open_store(home).close()
    terminal(answer)
    assert run("flatten").code == code
    with open_store(home) as store:
        assert (store.controls.halt() is not None) == (answer == "y")


@pytest.mark.usefixtures("impatient")
def test_what_needs_the_venue_ends_with_75_and_changes_nothing(run: Run, home: Path, venue: LocalVenue) -> None:
    enter(run, home, venue)
    run("halt --reason before")
    down(venue)
    for command in ("resume --yes", "close BTC", "flatten --yes", "verify", "verify --fix"):
        for options in ("", "--json"):
            failed = run(f"{command} {options}")
            assert failed.code == 75, command
            assert "our account can't be read at the venue" in failed.err
    with open_store(home) as store:
        assert [position.status for position in store.book.positions()] == ["open"]
        halt = store.controls.halt()
        assert halt is not None
        assert halt.reason == "before"


def test_a_position_is_closed_once_by_hand(run: Run, home: Path, venue: LocalVenue) -> None:
    enter(run, home, venue)
    closed = run("close BTC --json")
    assert (closed.code, closed.err) == (0, "")
    assert closed.document["counts"] == {"closed": 1, "left": 0}
    assert [(done["action"], done["reason"]) for done in closed.document["actions"]] == [("closed", "MANUAL")]
    assert closed.document["positions"] == []
    again = run("close 1 --json")
    assert (again.code, again.document["actions"]) == (0, [])
    assert "#1 BTC Long is closed already: MANUAL" in again.document["notes"][0]
    with open_store(home) as store:
        (position,) = store.book.positions(live_only=False)
        assert position.close_reason == "MANUAL"
        assert store.paper.positions() == []
        assert store.paper.orders(IntentState.RESTING) == []


def test_a_close_is_told_in_a_line_and_recorded(run: Run, home: Path, venue: LocalVenue) -> None:
    enter(run, home, venue)
    said = run("close btc").out
    assert "closed     #1 Long BTC" in said
    assert "MANUAL" in said
    assert "Positions: none" in said
    assert "close: 1 closed, 0 left" in said
    again = " ".join(run("close btc").out.split())
    assert "is closed already" in again
    with open_store(home) as store:
        last = store.runs.last("close")
        assert last is not None
        assert last.ok


@pytest.mark.parametrize("target", ["7", "DOGE"])
def test_a_close_of_what_isn_t_ours_names_what_is(run: Run, home: Path, venue: LocalVenue, target: str) -> None:
    enter(run, home, venue)
    for _ in range(2):
        refused = run(f"close {target}")
        assert (refused.code, refused.out) == (2, "")
        assert target in refused.err
        assert "Open: #1 BTC Long" in refused.err


def test_flatten_halts_and_closes_ours_and_leaves_others_alone(run: Run, home: Path, venue: LocalVenue) -> None:
    enter(run, home, venue)
    with open_store(home) as store:
        store.paper.put_position(paper_position(coin="ETH", size=0.1, entry_price=2_000.0, opened_at=START))
    flat = run("flatten --yes --json")
    assert (flat.code, flat.err) == (0, "")
    assert flat.document["counts"] == {"closed": 1, "left": 0}
    assert flat.document["halted"]["reason"] == "flatten"
    assert flat.document["notes"] == ["ETH: open at the venue, not by us; left alone"]
    again = run("flatten --yes --json")
    assert (again.code, again.document["counts"]) == (0, {"closed": 0, "left": 0})
    assert again.document["halted"] == flat.document["halted"]
    said = run("flatten --yes").out
    assert "HALTED since" in said
    with open_store(home) as store:
        assert [position.coin for position in store.paper.positions()] == ["ETH"]


def test_flatten_with_something_left_ends_with_1(
    run: Run, home: Path, venue: LocalVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(run, home, venue)
    monkeypatch.setattr("hlcopy.adapters.paper.PaperExchange._match", lambda *_: (0.0, 60_000.0))
    for _ in range(2):
        flat = run("flatten --yes --json")
        assert flat.code == 1
        assert [(error["code"], error["item"]) for error in flat.document["errors"]] == [("STILL_OPEN", "BTC")]
        assert [position["id"] for position in flat.document["positions"]] == [1]


@pytest.mark.usefixtures("venue")
@pytest.mark.parametrize("command", ["close BTC", "flatten --yes"])
def test_what_a_person_asks_for_isn_t_left_to_another_process(run: Run, home: Path, command: str) -> None:
    open_store(home).close()
    with command_lock(home / "paper.db", command.split(maxsplit=1)[0]):
        assert "running already" not in run(command).out


@pytest.mark.usefixtures("venue")
def test_another_command_that_trades_is_waited_for_and_then_75(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_store(home).close()
    monkeypatch.setattr("hlcopy.wiring.desks._LOCK_S", 0.05)
    with account_lock(home / "paper.db"):
        for command in ("close BTC", "flatten --yes", "verify", "resume --yes"):
            waited = run(command)
            assert waited.code == 75
            assert "another hlcopy command is trading on this account" in waited.err


def test_verify_proves_a_guarded_position_twice(run: Run, home: Path, venue: LocalVenue) -> None:
    enter(run, home, venue)
    for _ in range(2):
        proved = run("verify")
        assert (proved.code, proved.err) == (0, "")
        assert "yes" in proved.out.splitlines()[2]
        assert "verify: 1 position, 1 stop of ours: all is well" in proved.out
        assert "naked seconds: total " in proved.out
        assert max(map(len, proved.out.splitlines())) <= 80
    assert run("verify --quiet") == type(proved)(0, "", "")


def test_verify_s_document_has_the_proof(run: Run, home: Path, venue: LocalVenue) -> None:
    enter(run, home, venue)
    document = run("verify --json").document
    assert set(document) == COMMON | {"repaired", "notes", "positions", "naked_seconds"}
    assert document["counts"] == {"positions": 1, "stops": 1, "wrong": 0, "repaired": 0}
    (position,) = document["positions"]
    assert position["ok"]
    assert position["size"] == position["venue_size"] == position["stops"][0]["size"]
    assert set(document["naked_seconds"]) == {"spans", "total", "p99", "max", "lasting"}
    assert document["naked_seconds"]["spans"] == 1


def test_verify_names_a_missing_stop_and_fixes_it_when_asked(run: Run, home: Path, venue: LocalVenue) -> None:
    enter(run, home, venue)
    with open_store(home) as store:
        (resting,) = store.paper.orders(IntentState.RESTING)
        store.paper.put_order(replace(resting, state=IntentState.CANCELLED))
    for _ in range(2):
        wrong = run("verify")
        assert wrong.code == 1
        assert wrong.err == "error: verify: BTC: no stop of ours rests at the venue (NO_STOP)\n"
        assert "1 thing is wrong" in wrong.out
    fixed = run("verify --fix")
    assert (fixed.code, fixed.err) == (0, "")
    assert "repaired: BTC: no stop of ours rests at the venue (NO_STOP)" in fixed.out
    again = run("verify --fix --json")
    assert (again.code, again.document["repaired"]) == (0, [])


@pytest.mark.parametrize("command", ["close BTC", "verify", "flatten --yes"])
def test_without_a_database_there_is_nothing_to_operate_on(run: Run, database: Path, command: str) -> None:
    missing = run(command)
    assert missing.code == 2
    assert f"there is no database at {database}" in missing.err
