"""Whatever goes wrong, neither the agent's key nor Nansen's shows: not printed, not logged, not stored, in no form."""

from __future__ import annotations

import itertools
import os
import resource
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn

import pytest

from hlcopy.simulator.server import DROP
from hlcopy.ticks import monitor
from tests.cli.test_live import give_position
from tests.security.harness import (
    ACCOUNT,
    AGENT,
    ALERT_TOKEN,
    BEAT_TOKEN,
    CANARIES,
    KEY,
    NANSEN_KEY,
    Stage,
    forms,
    leaks,
)
from tests.venue import clock_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hlcopy.simulator.server import Sent

TICKS: Final = ("monitor", "poll", "positions", "score")
SPEAKS: Final = ("", " --json", " --quiet")
HTML: Final = {"content-type": "text/html"}
JSON: Final = {"content-type": "application/json"}
GARBAGE: Final[dict[str, Sent]] = {
    "no answer": DROP,
    "429": (429, JSON, b"null"),
    "500 null": (500, JSON, b"null"),
    "502 with a page": (502, HTML, b"<html>502 Bad Gateway</html>"),
    "200 with a page": (200, HTML, b"<html>Just a moment</html>"),
    "null": (200, JSON, b"null"),
    "half an answer": (200, JSON, b'{"marginSummary": {"accountVal'),
    "a redirect": (302, {"location": "https://elsewhere.example/"}, b""),
    "403": (403, JSON, b'"forbidden"'),
    "422": (422, JSON, b'"Failed to deserialize the JSON body into the target type"'),
    "what we sent, sent back": (400, JSON, b'{"code": "x", "message": "' + NANSEN_KEY.encode() + b'"}'),
}


def nothing_shows(stage: Stage) -> None:
    assert stage.found() == {}


# The search itself


@pytest.mark.parametrize("secret", [KEY, NANSEN_KEY])
def test_every_form_of_a_secret_is_found(secret: str) -> None:
    for name, text in forms(secret).items():
        assert any(name in found for found in leaks(b"x" + text + b"y"))
    assert leaks(b"nothing") == []


def test_a_secret_is_found_wherever_a_command_leaves_it(stage: Stage) -> None:
    (stage.home / "x").mkdir()
    (stage.home / "x" / "y.bin").write_bytes(CANARIES["the agent's key as bytes"])
    (stage.home / f"{NANSEN_KEY}.txt").touch()
    stage.seen["said"] = KEY.upper().encode()
    assert {name.rpartition("/")[2] for name in stage.found()} == {"said", "y.bin", "names of files"}


# Settings


def _mode(stage: Stage) -> None:
    stage.key_file.chmod(0o644)


def _link(stage: Stage) -> None:
    link = stage.home / "link"
    link.symlink_to(stage.key_file)
    stage.set("HLCOPY_AGENT_KEY_FILE", str(link))


def _env_file(text: str) -> Callable[[Stage], None]:
    def write(stage: Stage) -> None:
        # In place of the key's file, which alone may hold it.
        stage.key_file.write_text(text)
        stage.set("HLCOPY_AGENT_KEY_FILE", "")
        stage.set("SETTINGS", str(stage.key_file))

    return write


def _sets(**settings: str) -> Callable[[Stage], None]:
    def change(stage: Stage) -> None:
        for name, value in settings.items():
            stage.set(name, value)

    return change


WRONG: Final[dict[str, Callable[[Stage], None]]] = {
    "a bad setting": _sets(HLCOPY_COPY_RATIO="x"),
    "a setting that doesn't exist": _sets(HLCOPY_COPY_RATIOS="1"),
    "a key as another setting": _sets(HLCOPY_COPY_RATIO=KEY),
    "a key as the account": _sets(HLCOPY_ACCOUNT_ADDRESS=KEY),
    "a key as a setting's name": _sets(**{f"HLCOPY_{KEY}": "1"}),
    "a key in a table": _sets(HLCOPY_MIN_TRADE_VALUE_USD=f'{{"{KEY}": -1}}'),
    "two keys": _sets(HLCOPY_AGENT_KEY=KEY),
    "a key a digit too long": _sets(HLCOPY_AGENT_KEY_FILE="", HLCOPY_AGENT_KEY=KEY + "0"),
    "a key of two words": _sets(NANSEN_API_KEY=f"{NANSEN_KEY} {NANSEN_KEY}"),
    "an alert's URL without a kind": _sets(HLCOPY_ALERT_URLS=f"tgram:/{ALERT_TOKEN}/1"),
    "a heartbeat's URL that is none": _sets(HLCOPY_HEARTBEAT_URL=f"beat.example/{BEAT_TOKEN}"),
    "a heartbeat's URL with braces": _sets(HLCOPY_HEARTBEAT_URL=f"https://beat.example/{BEAT_TOKEN}/{{which}}"),
    "a key in place of its file": _sets(HLCOPY_AGENT_KEY_FILE=KEY),
    "a key as a URL": _sets(HLCOPY_NANSEN_URL=f"https://user:{KEY}@api.nansen.ai"),
    "a key's file that others read": _mode,
    "a key's file that is a link": _link,
    "the account's own key": _sets(HLCOPY_ACCOUNT_ADDRESS=AGENT),
    "a settings file with a broken line": _env_file(f"HLCOPY_AGENT_KEY={KEY}\nHLCOPY_AGENT_KEY {KEY}\n"),
    "a settings file with a bad value": _env_file(f"HLCOPY_AGENT_KEY={KEY}x\nNANSEN_API_KEY={NANSEN_KEY} {KEY}\n"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_no_wrong_setting_shows_a_secret(stage: Stage, wrong: str) -> None:
    WRONG[wrong](stage)
    settings = f" --env-file {os.environ['SETTINGS']}" if "SETTINGS" in os.environ else ""
    for line, speaks in itertools.product(("monitor", "doctor", "config show"), SPEAKS[:2]):
        done = stage.command(line + speaks + settings)
        assert done.code in {0, 1, 2, 78}, done
    nothing_shows(stage)


# What works


def test_no_command_shows_a_secret(stage: Stage) -> None:
    commands = (
        *TICKS,
        "run-all --once",
        "traders",
        "signals",
        "config show",
        "doctor",
        "verify",
        "data status",
        "halt",
    )
    for line, speaks in itertools.product(commands, SPEAKS[:2]):
        done = stage.command(line + speaks)
        assert done.code in {0, 1, 2, 75}, (line, done)
        clock_of(stage.venue).advance(60_000)
    nothing_shows(stage)


def test_no_alert_and_no_heartbeat_shows_its_url(stage: Stage) -> None:
    stage.set("HLCOPY_ALERT_URLS", f"json://127.0.0.1:1/{ALERT_TOKEN} nonsense://{ALERT_TOKEN}")
    stage.set("HLCOPY_HEARTBEAT_URL", f"http://127.0.0.1:1/{BEAT_TOKEN}")
    for line in ("monitor --json", "alerts test", "alerts --json", "config show", "doctor"):
        assert stage.command(line).code in {0, 1}, line
    assert "ALERT_FAILED" in stage.seen["monitor --json: standard output"].decode()  # a new live file starts halted
    nothing_shows(stage)


def test_a_key_given_in_the_environment_shows_no_more(stage: Stage) -> None:
    stage.set("HLCOPY_AGENT_KEY_FILE", "")
    stage.set("HLCOPY_AGENT_KEY", KEY)
    for line in ("monitor", "doctor", "config show --json", f"close {KEY}", f"monitor {KEY}"):
        stage.command(line)
    nothing_shows(stage)


# What is sent and answered


def held(stage: Stage) -> None:
    """Let us hold 1 ETH without a stop: the next tick signs one."""
    stage.command("monitor")
    stage.venue.floor.set_leverage_by_hand(ACCOUNT, "ETH", 3)
    stage.venue.floor.trade_by_hand(ACCOUNT, "ETH", 1.0)
    give_position(stage.home)
    clock_of(stage.venue).advance(60_000)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("garbage", GARBAGE)
def test_no_answer_to_a_question_shows_a_secret(stage: Stage, garbage: str) -> None:
    stage.command("monitor")
    stage.set("HLCOPY_TRADE_SOURCE", "nansen")
    stage.venue.faults = lambda kind: None if kind == "clock" else GARBAGE[garbage]
    for line, speaks in zip((*TICKS, "score", "score"), itertools.cycle(SPEAKS)):
        stage.command(line + speaks)
    nothing_shows(stage)


REFUSALS: Final = {
    **{name: GARBAGE[name] for name in ("no answer", "500 null", "half an answer", "a redirect", "422")},
    "an agent that isn't known": (200, JSON, b'{"status":"err","response":"User or API Wallet 0x1 does not exist."}'),
    "a refusal": (200, JSON, b'{"status":"ok","response":{"type":"order","data":{"statuses":[{"error":"no"}]}}}'),
}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("refusal", REFUSALS)
def test_no_answer_to_what_was_signed_shows_a_secret_or_the_signature(stage: Stage, refusal: str) -> None:
    held(stage)
    stage.venue.faults = lambda kind: REFUSALS[refusal] if kind.startswith("exchange:") else None
    for speaks in SPEAKS[:2]:
        stage.command("monitor" + speaks)
    assert any(asked.kind.startswith("exchange:") for asked in stage.venue.usage.log)
    nothing_shows(stage)
    logged = (stage.home / "root.log").read_text()
    assert "signature" not in logged
    assert "Ioc" not in logged


def test_a_venue_that_is_down_shows_none(stage: Stage) -> None:
    stage.set("HLCOPY_CLOCK", "system")
    for name in ("HLCOPY_HYPERLIQUID_URL", "HLCOPY_SOURCE_URL", "HLCOPY_NANSEN_URL"):
        stage.set(name, "http://127.0.0.1:9")
    stage.monkeypatch.setattr("hlcopy.wiring.health.network.PATIENCE_S", 0.1)
    stage.command("doctor --json")
    nothing_shows(stage)


# What breaks here


class TellingError(RuntimeError):
    """An error that says more than it should."""


def test_no_crash_inside_a_tick_shows_one(stage: Stage) -> None:
    def crash(desk: Any, *_: object) -> NoReturn:  # noqa: ANN401 - a desk, looked at where nobody should
        exchange = desk.exchange
        signer = exchange._signer  # noqa: SLF001 - what may be in a frame
        raise TellingError(KEY, f"key {KEY.upper()}", vars(exchange), vars(signer), vars(signer._wallet), os.environ)  # noqa: SLF001

    stage.monkeypatch.setattr(monitor, "run", crash)
    for speaks in SPEAKS:
        assert stage.command("monitor" + speaks).code == 3
    assert "TellingError" in (stage.home / "live.log").read_text()
    nothing_shows(stage)


def test_an_interruption_shows_none(stage: Stage) -> None:
    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt(KEY)

    stage.monkeypatch.setattr(monitor, "run", interrupt)
    assert stage.command("monitor").code == 130
    nothing_shows(stage)


def test_a_database_that_is_none_or_broken_shows_none(stage: Stage) -> None:
    stage.command("monitor")
    for content in (b"no database", (stage.home / "live.db").read_bytes()[:5_000]):
        for ending in ("-wal", "-shm"):
            (stage.home / f"live.db{ending}").unlink(missing_ok=True)
        (stage.home / "live.db").write_bytes(content)
        for line in ("monitor", "poll --json", "traders", "doctor"):
            assert stage.command(line).code in {1, 3, 75, 78}
    nothing_shows(stage)


def test_a_full_disk_shows_none(stage: Stage) -> None:
    held(stage)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, before[1]))
    try:
        codes = {stage.command(line).code for line in ("monitor", "poll", "positions --json")}
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert codes <= {0, 1, 75}
    nothing_shows(stage)


def test_a_process_of_its_own_shows_none_when_it_is_stopped(stage: Stage) -> None:
    program = (
        "import logging, sys; logging.basicConfig(level=logging.DEBUG); from hlcopy.cli import main; sys.exit(main())"
    )
    process = subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-c", program, "run-all"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    _wait_for(lambda: stage.venue.usage.requests["clearinghouseState"] > 0, process)
    stage.seen["ps"] = _command_lines(process.pid)
    process.send_signal(signal.SIGINT)
    stage.seen["out"], stage.seen["err"] = process.communicate(timeout=60)
    assert process.returncode in {0, 130}
    nothing_shows(stage)


def _wait_for(happened: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    while not happened():
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(process.communicate())


def _command_lines(pid: int) -> bytes:
    """Return what `ps` shows of a process and of those that it started."""
    from pathlib import Path

    started = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return b"\n".join(_command_line(Path(f"/proc/{each}/cmdline")) for each in (str(pid), *started))


def _command_line(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
