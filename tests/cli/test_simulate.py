"""`hlcopy simulate`: says where it is and who lives there, serves, and ends when it is told to."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from hlcopy.cli.simulate import ACCOUNT, AGENT_KEY
from hlcopy.config import load_settings
from hlcopy.simulator.signatures import address_of
from tests.shapes import check_shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cli.conftest import Outcome

    Run = Callable[..., Outcome]

COMMAND = (sys.executable, "-m", "hlcopy", "simulate", "--days", "1")


def environ() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@contextmanager
def serving(*options: str) -> Iterator[subprocess.Popen[str]]:
    """Run the command in a process of its own, which is ended with the block."""
    process = subprocess.Popen(
        [*COMMAND, *options], env=environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.stderr and process.stderr.read()
    return line


def ask(url: str, body: dict[str, Any] | None = None, **headers: str) -> Any:  # noqa: ANN401 - whatever it answers
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers)  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
        return json.load(answer)


def ends_at_once(process: subprocess.Popen[str], ending: signal.Signals) -> None:
    began = time.perf_counter()
    process.send_signal(ending)
    rest, errors = process.communicate(timeout=10)
    assert (process.returncode, rest, errors) == (0, "", "")
    assert time.perf_counter() - began < 1.0


def test_it_says_one_document_serves_and_ends_when_told_to() -> None:
    with serving("--json", "--driven") as process:
        line = line_of(process)
        check_shape(["simulate"], line)
        document = json.loads(line)
        environment = document["environment"]
        assert not {"HLCOPY_MODE", "HLCOPY_AGENT_KEY"} & environment.keys()  # nobody asked for an account
        assert {name for name in environment if name.endswith("_URL")} == {
            "HLCOPY_SOURCE_URL",
            "HLCOPY_HYPERLIQUID_URL",
            "HLCOPY_LEADERBOARD_URL",
            "HLCOPY_NANSEN_URL",
        }
        settings = load_settings({**os.environ, **environment}, None)
        assert (settings.clock, settings.source_url) == ("venue", document["url"])
        at = ask(f"{document['url']}/info", {"type": "exchangeStatus"})["time"]
        assert ask(f"{document['url']}/clock", {"advance_ms": 1_000})["now_ms"] == at + 1_000
        board = ask(environment["HLCOPY_LEADERBOARD_URL"])["leaderboardRows"]
        assert {row["ethAddress"] for row in board} == {who["address"] for who in document["traders"]}
        account = f"{environment['HLCOPY_NANSEN_URL']}/api/v1/account"
        assert ask(account, apikey=environment["NANSEN_API_KEY"])
        ends_at_once(process, signal.SIGTERM)


def test_it_opens_an_account_to_trade_live_in() -> None:
    with serving("--json", "--driven", "--account", "2500") as process:
        document = json.loads(line_of(process))
        environment = document["environment"]
        settings = load_settings({**os.environ, **environment}, None)
        account, key = settings.account_address, settings.agent_key
        assert (settings.mode, account) == ("live", ACCOUNT)
        assert key is not None
        assert key.get_secret_value() == AGENT_KEY
        url = f"{document['url']}/info"
        state = ask(url, {"type": "clearinghouseState", "user": account})
        assert state["marginSummary"]["accountValue"] == "2500.0"
        (agent,) = ask(url, {"type": "extraAgents", "user": account})
        assert (agent["name"], agent["address"]) == ("hlcopy", address_of(AGENT_KEY))
        ends_at_once(process, signal.SIGTERM)


def test_its_text_says_what_the_key_is_worth_and_can_be_pasted_into_a_shell() -> None:
    with serving("--speed", "60", "--account", "1000") as process:
        text = ""
        while "Ctrl-C ends it." not in text:
            text += line_of(process)
        assert f"  export HLCOPY_AGENT_KEY={AGENT_KEY}\n" in text
        assert "its key is known to everybody" in text
        shell = "".join(re.findall(r"^  export .*\n", text, re.MULTILINE))
        told = subprocess.run(
            ["/bin/sh", "-c", f"{shell}echo $HLCOPY_SOURCE_URL $HLCOPY_CLOCK $HLCOPY_DB"],
            capture_output=True,
            text=True,
            check=True,
        )
        url, clock, database = told.stdout.split()
        assert clock == "venue"
        assert database.endswith(f"-{process.pid}.db")
        first = ask(f"{url}/clock")["now_ms"]
        # A key is as long as it is, and so is what is said of it.
        assert all(len(line) < 80 for line in text.splitlines() if "HLCOPY_AGENT_KEY=" not in line)
        while ask(f"{url}/clock")["now_ms"] == first:
            pass
        ends_at_once(process, signal.SIGINT)


def test_a_port_that_is_taken_is_no_crash(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        outcome = run(f"simulate --port {port}")
    said = rf"error: port {port} can't be had \(.*in use\); --port 0 takes a free one\n"
    assert (outcome.code, outcome.out) == (75, "")
    assert re.fullmatch(said, outcome.err)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--speed 0", "--speed must be above 0 and at most 86400, not 0"),
        ("--speed nan", "--speed must be above 0 and at most 86400, not nan"),
        ("--speed 2 --driven", "--driven has no speed: give one of the two"),
    ],
)
def test_a_speed_that_makes_no_sense_is_wrong_usage(run: Run, options: str, said: str) -> None:
    outcome = run(f"simulate {options}")
    assert (outcome.code, outcome.out, outcome.err) == (2, "", f"error: {said}\n")
