"""`hlcopy doctor`: every check is made, each in a line with its remedy, over the local venue."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from hlcopy.adapters.store.credits import StoredMeter
from hlcopy.adapters.store.migrations import MIGRATIONS
from hlcopy.domain.breakers import EquitySample
from hlcopy.ports import Halt
from hlcopy.wiring.health import cron, network
from tests.builders import trader
from tests.cli.trading import enter, open_store, wait
from tests.venue import KEY, START, clock_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hlcopy.simulator.server import LocalVenue
    from tests.cli.conftest import Outcome

    Run = Callable[..., Outcome]

MASTER = "0x" + "ab" * 20
AGENT_KEY = "0x" + "17" * 32
TICKS = ("monitor", "poll", "positions", "score")


class Room(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture(autouse=True)
def _no_cron(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("PATH", str(home / "bin"))


def crontab(home: Path, text: str, code: int = 0) -> None:
    """Let `crontab -l` print a text."""
    program = home / "bin" / "crontab"
    program.parent.mkdir(exist_ok=True)
    (home / "listed").write_text(text)
    where = "" if code == 0 else ">&2"
    program.write_text(f'#!/bin/sh\n[ "$1" = -l ] || exit 9\n/bin/cat "{home}/listed" {where}\nexit {code}\n')
    program.chmod(0o755)


def checks(run: Run, options: str = "") -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in run(f"doctor --json {options}").document["checks"]}


def ran(home: Path, *, ago: timedelta = timedelta(0), ok: bool = True, commands: tuple[str, ...] = TICKS) -> None:
    with open_store(home) as store:
        for command in commands:
            number = store.runs.start(command, START - ago)
            store.runs.finish(number, START - ago, ok=ok, counts={}, errors=[] if ok else ["no prices"])


def healthy(home: Path) -> None:
    """Let everything be as it should: ticks ran just now, somebody is followed, a call to Nansen was answered."""
    ran(home)
    with open_store(home) as store:
        store.traders.put([trader(last_scored_at=START)])
    with StoredMeter(home / "paper.db", 450) as meter:
        meter.record("leaderboard", 200, 5, 9_000, START)


def test_before_anything_was_set_up_it_says_what_to_run(run: Run, home: Path, venue: LocalVenue) -> None:
    del venue
    for _ in range(2):
        shown = run("doctor")
        assert (shown.code, shown.err) == (0, "")
        assert "?      database     there is none yet at" in shown.out
        assert "-> it is made by the first command that writes: hlcopy" in shown.out
        assert "nothing is wrong, 2 unknown" in shown.out
        assert max(map(len, shown.out.splitlines())) <= 80
    assert not (home / "paper.db").exists()


def test_all_is_well(run: Run, home: Path, venue: LocalVenue) -> None:
    del venue
    healthy(home)
    for _ in range(2):
        shown = run("doctor --json")
        assert (shown.code, shown.err) == (0, "")
        document = shown.document
        assert set(document) == {"command", "ok", "at", "mode", "duration_ms", "counts", "errors", "checks"}
        assert document["counts"] == {"checks": 16, "wrong": 0, "unknown": 0}
        assert [check["name"] for check in document["checks"]] == [
            *("settings", "mode", "hyperliquid", "leaderboard", "nansen", "database", "disk", "log", "cron"),
            *(*TICKS, "traders", "entries", "alerts"),
        ]
    text = run("doctor")
    assert text.out.splitlines()[-1] == "doctor: 16 things looked at: nothing is wrong"
    assert "\x1b" not in text.out
    assert KEY not in text.out
    assert run("doctor --quiet") == type(text)(0, "", "")


def test_it_trades_nothing_and_spends_nothing(run: Run, home: Path, venue: LocalVenue) -> None:
    enter(run, home, venue)
    before = dict(venue.usage.requests)
    with open_store(home) as store:
        orders, last = store.book.orders(), store.runs.last("monitor")
    run("doctor")
    with open_store(home) as store:
        assert (store.book.orders(), store.runs.last("monitor")) == (orders, last)
        assert store.runs.last("doctor") is None
    spent = {kind: count - before.get(kind, 0) for kind, count in venue.usage.requests.items()}
    assert not [kind for kind, count in spent.items() if count and "profiler" in kind]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("HLCOPY_COPY_RATIO", "7", "HLCOPY_COPY_RATIO: "),
        ("HLCOPY_COPY_RATOI", "1", "HLCOPY_COPY_RATOI in the environment is no setting; the nearest is"),
        ("HLCOPY_LOG_FILE", "/tmp", "the log file /tmp is a folder"),  # noqa: S108 - it is there already
    ],
)
def test_settings_that_can_t_be_read_are_the_one_thing_wrong(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    shown = run("doctor --json")
    assert shown.code == 1
    (check,) = shown.document["checks"]
    assert (check["name"], check["ok"]) == ("settings", False)
    assert check["said"].startswith(said)
    assert run("doctor").code == 1


def test_a_settings_file_that_isn_t_there_is_wrong_usage(run: Run) -> None:
    assert run("doctor --env-file nowhere.env").code == 2


@pytest.mark.usefixtures("venue")
def test_a_settings_file_with_a_secret_that_others_can_read_is_wrong(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NANSEN_API_KEY")
    file = home / "my.env"
    file.write_text("NANSEN_API_KEY=a-secret-of-mine\n")
    file.chmod(0o644)
    shown = run("doctor --env-file my.env")
    assert shown.code == 1
    assert "my.env holds a secret and can be read by others (0644)" in " ".join(shown.out.split())
    assert "-> chmod 600 my.env" in shown.out
    assert "a-secret-of-mine" not in shown.out
    file.chmod(0o600)
    assert checks(run, "--env-file my.env")["settings"]["ok"] is True


def test_a_venue_that_is_down_is_wrong_and_hides_nothing_else(
    run: Run, home: Path, venue: LocalVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "PATIENCE_S", 0.2)
    monkeypatch.setattr("hlcopy.cli.clock._PATIENCE_S", 0.2)
    healthy(home)
    venue.faults = lambda _: (500, {}, b"null")
    found = checks(run)
    assert found["hyperliquid"]["ok"] is False
    assert "answers 500" in found["hyperliquid"]["said"]
    assert found["database"]["ok"] is True
    assert set(found) >= {"leaderboard", "nansen", "disk", "log", "cron", "entries"}


def test_a_clock_that_is_off_is_wrong(run: Run, home: Path, venue: LocalVenue, monkeypatch: pytest.MonkeyPatch) -> None:
    del home, venue
    monkeypatch.setenv("HLCOPY_CLOCK", "system")  # the venue's clock stands in March
    check = checks(run)["hyperliquid"]
    assert check["ok"] is False
    assert "ahead of the venue's" in check["said"]
    assert check["remedy"] == "let the system keep its time by NTP"


@pytest.mark.usefixtures("venue")
@pytest.mark.parametrize(
    ("allowed", "denied", "said"),
    [
        ("btc, SOL", "eth", "2 allowed, 1 denied, all known"),
        ("BTC", "BITCOIN,ripple", "HLCOPY_DENY_COINS names bitcoin, ripple, unknown to 127.0.0.1"),
        ("bitcoin", "eth", "HLCOPY_ALLOW_COINS names bitcoin, unknown to 127.0.0.1"),
    ],
)
def test_a_coin_that_the_venue_doesn_t_have_is_wrong(
    run: Run, monkeypatch: pytest.MonkeyPatch, allowed: str, denied: str, said: str
) -> None:
    monkeypatch.setenv("HLCOPY_ALLOW_COINS", allowed)
    monkeypatch.setenv("HLCOPY_DENY_COINS", denied)
    coins = checks(run)["coins"]
    assert coins["ok"] is ("unknown" not in said)
    assert coins["said"].startswith(said)


@pytest.mark.usefixtures("venue")
def test_without_lists_of_coins_none_is_looked_up(run: Run) -> None:
    assert "coins" not in checks(run)


def test_a_leaderboard_at_a_wrong_url_is_wrong(run: Run, monkeypatch: pytest.MonkeyPatch, venue: LocalVenue) -> None:
    monkeypatch.setenv("HLCOPY_LEADERBOARD_URL", f"{venue.url}/nowhere")
    check = checks(run)["leaderboard"]
    assert (check["ok"], check["remedy"]) == (False, "check HLCOPY_LEADERBOARD_URL")


@pytest.mark.usefixtures("venue")
@pytest.mark.parametrize(
    ("source", "status", "remaining", "ok", "said"),
    [
        ("auto", 200, 9_000, True, "9000 credits left at 2026-03-01 00:00 UTC"),
        ("auto", 200, 2, True, "2 credits left"),
        ("nansen", 402, 0, False, "0 credits left"),
        ("auto", 401, None, False, "the key was refused at 2026-03-01 00:00 UTC"),
        ("auto", 200, None, True, "of 450 credits a day spent"),
    ],
)
def test_nansen_is_told_by_its_last_recorded_answer(
    run: Run,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    status: int,
    remaining: float | None,
    said: str,
    *,
    ok: bool,
) -> None:
    monkeypatch.setenv("HLCOPY_LEADERBOARD_SOURCE", source)
    open_store(home).close()
    with StoredMeter(home / "paper.db", 450) as meter:
        meter.record("leaderboard", status, 5, remaining, START)
    check = checks(run)["nansen"]
    assert check["ok"] is ok
    assert said in check["said"]


@pytest.mark.usefixtures("venue")
def test_without_a_key_nansen_isn_t_needed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NANSEN_API_KEY")
    assert checks(run)["nansen"] == {
        "name": "nansen",
        "ok": True,
        "said": "no key: leaderboards are the public ones",
        "remedy": None,
    }


@pytest.mark.usefixtures("venue")
def test_a_damaged_database_is_wrong_and_left_as_it_is(run: Run, home: Path) -> None:
    path = home / "paper.db"
    healthy(home)
    with open_store(home) as store:
        store.traders.put([trader(address=f"0x{number:040x}") for number in range(500)])
        store.checkpoint()
    content = bytearray(path.read_bytes())
    for page in range(20, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(content)
    shown = run("doctor --json")
    assert shown.code == 1
    check = next(check for check in shown.document["checks"] if check["name"] == "database")
    assert check["ok"] is False
    assert "damaged" in check["said"]
    assert path.read_bytes() == bytes(content)


@pytest.mark.usefixtures("venue")
def test_a_database_of_other_settings_is_wrong(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    healthy(home)
    monkeypatch.setenv("HLCOPY_NETWORK", "testnet")
    shown = run("doctor --json")
    assert shown.code == 1
    check = next(check for check in shown.document["checks"] if check["name"] == "database")
    assert "belongs to paper on mainnet without an account, not to paper on testnet" in check["said"]
    assert check["remedy"] == "set HLCOPY_DB to another file or change the settings back"


@pytest.mark.usefixtures("venue")
def test_an_older_schema_is_brought_up_to_date_and_told(run: Run, home: Path) -> None:
    healthy(home)
    assert f"schema {len(MIGRATIONS)}, bound to paper on mainnet" in checks(run)["database"]["said"]
    with closing(sqlite3.connect(home / "paper.db")) as raw:
        raw.execute("PRAGMA user_version = 99")
    assert "schema 99 of a newer hlcopy" in checks(run)["database"]["said"]


@pytest.mark.usefixtures("venue")
@pytest.mark.parametrize(
    ("free", "ok", "said"),
    [
        (5 * 2**30, True, "5.0 GiB free"),
        (500 * 2**20, True, "500 MiB free"),
        (99 * 2**20, False, "99 MiB free"),
    ],
)
def test_little_room_is_told_and_no_room_is_wrong(
    run: Run, monkeypatch: pytest.MonkeyPatch, free: int, said: str, *, ok: bool
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Room(free, 0, free))
    check = checks(run)["disk"]
    assert check["ok"] is ok
    assert check["said"].startswith(said)
    assert (check["remedy"] is None) == (free > 2**30)


@pytest.mark.usefixtures("venue")
def test_a_log_that_others_can_read_is_wrong(run: Run, home: Path) -> None:
    (home / "paper.log").write_text("")
    (home / "paper.log").chmod(0o644)
    check = checks(run)["log"]
    assert check["ok"] is False
    assert check["remedy"] == f"chmod 600 {home / 'paper.log'}"
    (home / "paper.log").chmod(0o600)
    assert checks(run)["log"]["ok"] is True


@pytest.mark.usefixtures("venue")
def test_ticks_that_never_ran_are_unknown_and_those_that_stopped_are_wrong(run: Run, home: Path) -> None:
    open_store(home).close()
    assert checks(run)["ticks"]["said"] == "none has ever run"
    ran(home, ago=timedelta(hours=3))
    found = checks(run)
    assert {name: found[name]["ok"] for name in TICKS} == {
        "monitor": False,
        "poll": False,
        "positions": False,
        "score": True,
    }
    assert found["monitor"]["said"] == "ran 3 h ago, due every 30 s"
    assert "hlcopy run-all" in found["monitor"]["remedy"]


@pytest.mark.usefixtures("venue")
def test_a_tick_that_failed_is_wrong_with_its_reason(run: Run, home: Path) -> None:
    ran(home, ok=False, commands=("poll",))
    found = checks(run)
    assert found["poll"]["said"].endswith("; it failed: no prices")
    assert found["score"]["said"] == "has never run"


def test_old_scores_are_wrong(run: Run, home: Path, venue: LocalVenue) -> None:
    healthy(home)
    assert checks(run)["traders"]["said"] == "1 followed, 1 of them copied, scored 0 s ago"
    wait(venue, 49 * 60)
    check = checks(run)["traders"]
    assert check["ok"] is False
    assert check["said"].endswith("scored 2 d ago")
    assert clock_of(venue).now_ms() > 0


@pytest.mark.usefixtures("venue")
def test_a_halt_and_breakers_are_told_and_not_wrong(run: Run, home: Path) -> None:
    healthy(home)
    with open_store(home) as store:
        store.controls.put_halt(Halt(START, "news"))
        store.controls.add_equity(EquitySample(START - timedelta(minutes=5), 100.0))
        store.controls.add_equity(EquitySample(START, 90.0))
    shown = run("doctor --json")
    assert shown.code == 0
    said = [check["said"] for check in shown.document["checks"] if check["name"] == "entries"]
    assert said == [
        "halted since 2026-03-01 00:00 UTC (news)",
        "MAX_DAILY_LOSS_PERCENT pauses them until 2026-03-02 00:00 UTC: 10 measured, limit 3",
        "MAX_DRAWDOWN_PERCENT pauses them until hlcopy resume: 10 measured, limit 10",
    ]


@pytest.mark.usefixtures("venue")
@pytest.mark.parametrize(
    ("lines", "ok", "said"),
    [
        ("* * * * * /usr/bin/backup\n", True, "no line of the crontab runs hlcopy"),
        ("# * * * * * hlcopy monitor\n", True, "no line of the crontab runs hlcopy"),
        ('* * * * * cd "$HOME/there" && .venv/bin/hlcopy poll --quiet >> "$HOME/x.log"\n', True, "1 lines run hlcopy"),
        ("* * * * * cd ~/there && .venv/bin/hlcopy poll\n", True, "1 lines run hlcopy"),
        ("* * * * * {home}/there/.venv/bin/hlcopy poll\n", True, "1 lines run hlcopy"),
        ('* * * * * cd "$HOME/gone" && .venv/bin/hlcopy poll\n', False, "{home}/gone"),
        ('* * * * * cd "$HOME/there" && bin/hlcopy poll\n', False, "{home}/there/bin/hlcopy"),
        ("* * * * * /opt/nowhere/hlcopy poll\n", False, "/opt/nowhere/hlcopy"),
        ("* * * * * hlcopy poll\n", False, "without its folder"),
    ],
)
def test_a_crontab_is_read_and_what_it_names_must_be_there(
    run: Run, home: Path, lines: str, said: str, *, ok: bool
) -> None:
    program = home / "there" / ".venv" / "bin" / "hlcopy"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    crontab(home, lines.format(home=home))
    check = checks(run)["cron"]
    assert check["ok"] is ok
    assert said.format(home=home) in check["said"]


@pytest.mark.usefixtures("venue")
def test_no_crontab_and_no_cron_are_fine(run: Run, home: Path) -> None:
    assert checks(run)["cron"]["said"] == "there is no cron here"
    crontab(home, "no crontab for me\n", code=1)
    assert checks(run)["cron"]["said"] == "no crontab"


@pytest.mark.usefixtures("venue")
def test_a_check_that_breaks_is_unknown_and_hides_no_other(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cron, "cron_check", broken)
    healthy(home)
    found = checks(run)
    assert found["cron"]["ok"] is None
    assert found["cron"]["said"] == "couldn't be looked at (ZeroDivisionError)"
    assert found["entries"]["ok"] is True
    assert "ZeroDivisionError" in (home / "paper.log").read_text()


@pytest.mark.usefixtures("venue")
@pytest.mark.parametrize(("no_colour", "coloured"), [("", True), ("1", False)])
def test_colour_is_for_terminals_that_want_it(
    run: Run, monkeypatch: pytest.MonkeyPatch, no_colour: str, *, coloured: bool
) -> None:
    monkeypatch.setenv("NO_COLOR", no_colour)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert ("\x1b[32mok\x1b[0m" in run("doctor").out) == coloured


def test_quiet_says_only_what_is_wrong(
    run: Run, home: Path, venue: LocalVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    del venue
    healthy(home)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Room(1, 1, 1))
    said = run("doctor --quiet")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("error: doctor: disk: 0 MiB free")
    assert said.err.count("\n") == 1


@pytest.fixture
def live(venue: LocalVenue, home: Path, monkeypatch: pytest.MonkeyPatch) -> LocalVenue:
    """A local venue at which we have an account and an agent, and live settings that name them."""
    from hlcopy.adapters.live import address_of

    venue.floor.open_account(MASTER, 1_000.0)
    venue.floor.approve(address_of(AGENT_KEY), MASTER, name="bot")
    key = home / "agent.key"
    key.write_text(AGENT_KEY)
    key.chmod(0o600)
    for name, value in (
        ("HLCOPY_MODE", "live"),
        ("HLCOPY_ACCOUNT_ADDRESS", MASTER),
        ("HLCOPY_AGENT_KEY_FILE", str(key)),
        ("HLCOPY_DB", str(home / "live.db")),
    ):
        monkeypatch.setenv(name, value)
    return venue


@pytest.mark.usefixtures("live")
def test_in_live_mode_key_agent_and_account_are_looked_at(run: Run) -> None:
    found = checks(run)
    assert {name: check["ok"] for name, check in found.items() if check["ok"] is not True} == {
        "nansen": None,
        "database": None,
    }
    assert set(found) >= {"key", "account", "agent", "agent's expiry", "account mode", "equity"}
    assert found["mode"]["said"].startswith("live on mainnet at 127.0.0.1:")
    run("halt")
    assert checks(run)["actions left"]["ok"] is True
    text = run("doctor")
    assert AGENT_KEY not in text.out
    assert AGENT_KEY.removeprefix("0x") not in text.out + text.err


@pytest.mark.usefixtures("live")
def test_a_key_that_others_can_read_is_wrong_and_nothing_is_asked_with_it(run: Run, home: Path) -> None:
    (home / "agent.key").chmod(0o644)
    shown = run("doctor --json")
    assert shown.code == 1
    found = {check["name"]: check for check in shown.document["checks"]}
    assert found["key"]["ok"] is False
    assert "can be read by others" in found["key"]["said"]
    assert "chmod 600" in found["key"]["remedy"]
    assert "agent" not in found
    assert found["leaderboard"]["ok"] is True


def test_an_agent_that_isn_t_approved_is_wrong(run: Run, home: Path, live: LocalVenue) -> None:
    del live
    (home / "agent.key").write_text("0x" + "18" * 32)
    found = checks(run)
    assert found["key"]["ok"] is True
    assert found["agent"]["ok"] is False
    assert "approve" in found["agent"]["remedy"]


@pytest.mark.usefixtures("live")
def test_a_new_live_file_is_halted_and_resume_shows_account_and_agent(run: Run) -> None:
    first = run("resume --yes --json").document
    assert first["resumed"] is True
    assert first["halted"]["reason"] == "new live file"
    assert first["account"] == MASTER
    assert first["agent"].startswith("0x")
    assert first["equity_usd"] == 1_000.0
    assert run("resume --yes --json").document["resumed"] is False
    for command in ("verify", "flatten --yes", "verify --fix"):
        assert run(command).code == 0
    assert "(flatten)" in run("halt").out


@pytest.mark.usefixtures("live")
def test_flatten_halts_even_where_the_key_can_t_be_used(run: Run, home: Path) -> None:
    run("resume --yes")
    (home / "agent.key").chmod(0o644)
    refused = run("flatten --yes")
    assert refused.code == 78
    assert "can be read by others" in refused.err
    assert "Already: HALTED" in run("halt").out
