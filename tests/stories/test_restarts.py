"""Commands that are killed, run twice or run at the same time: the next one goes on, and nothing doubles."""

from __future__ import annotations

import json
import os
import signal
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

import pytest

from hlcopy.simulator.server import CLOCK, DROP
from tests.stories.plot import add_fills, begin, copy_database, liquidation, live_well
from tests.venue import MINUTE_MS

if TYPE_CHECKING:
    from subprocess import Popen

    from hlcopy.simulator.server import LocalVenue
    from tests.stories.plot import Story

SECOND = "0x" + "b2" * 20
RARE = "0x" + "c3" * 20
AT: Final = (0.0, 0.7)  # from the first request of a command to its last


def before_score(story: Story) -> None:
    live_well(story.venue)
    live_well(story.venue, SECOND, mode="unifiedAccount", label="HL Perps Whale")
    live_well(story.venue, RARE, trips=10)


def before_poll(story: Story) -> None:
    live_well(story.venue)
    story.do("score")
    story.wait(60)
    story.open_btc()
    story.wait(2)
    assert [each["decision"] for each in story.do("poll")["decisions"]] == ["DEFERRED"]
    story.wait(13.5)


def before_monitor(story: Story) -> None:
    live_well(story.venue)
    story.enter()
    story.venue.venue.set_mark("BTC", 64_000.0, story.now_ms + MINUTE_MS)
    story.wait(2)


def before_positions(story: Story) -> None:
    live_well(story.venue)
    story.enter()
    add_fills(story.venue, liquidation(story.now_ms + MINUTE_MS))
    story.wait(3)


BEFORE: Final = {
    "score": before_score,
    "poll": before_poll,
    "monitor": before_monitor,
    "positions": before_positions,
}


class Killer:
    """Kills a process at its n-th request, as the kernel does: nothing is undone, nothing is closed."""

    def __init__(self, nth: int) -> None:
        self._left = nth
        self._lock = threading.Lock()
        self._begun = threading.Event()
        self._process: Popen[str] | None = None

    def aim(self, process: Popen[str]) -> None:
        """Name the process."""
        self._process = process
        self._begun.set()

    def __call__(self, kind: str) -> Literal["drop"] | None:
        """Be asked about a request; those for the time don't count, since their number isn't the same in every run."""
        if kind == CLOCK:
            return None
        with self._lock:
            self._left -= 1
            left = self._left
        if left > 0:
            return None
        if not left:  # what it had asked for at the same time arrives at nobody
            self._begun.wait()
            assert self._process is not None
            os.kill(self._process.pid, signal.SIGKILL)
        return DROP


@pytest.fixture(autouse=True)
def _brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HLCOPY_LIQUIDATION_RECHECK_SECONDS", "0.05")


def told_at(story: Story, monkeypatch: pytest.MonkeyPatch) -> Story:
    """Let commands use the database of a story."""
    monkeypatch.setenv("HLCOPY_DB", str(story.database))
    return story


@pytest.mark.parametrize("at", AT)
@pytest.mark.parametrize("command", BEFORE)
def test_a_killed_command_is_finished_by_its_next_runs(
    story: Story, venue: LocalVenue, monkeypatch: pytest.MonkeyPatch, command: str, at: float
) -> None:
    BEFORE[command](story)
    killed, unharmed = replace(story, name="killed"), replace(story, name="unharmed")
    if story.database.exists():
        copy_database(story.database, killed.database)
        copy_database(story.database, unharmed.database)
    asked = venue.usage.requests.copy()
    told_at(unharmed, monkeypatch).do(command)
    requests = sum(count for kind, count in (venue.usage.requests - asked).items() if kind != CLOCK)

    told_at(killed, monkeypatch)
    venue.faults = killer = Killer(1 + round(at * (requests - 1)))
    process = begin(f"{command} --json")
    killer.aim(process)
    said, _ = process.communicate(timeout=60)
    assert (process.returncode, said) == (-signal.SIGKILL, "")
    venue.faults = None

    told_at(killed, monkeypatch).do(command)
    for _ in range(3 if command != "score" else 0):  # as many as it takes to know that an order never landed
        for told in (killed, unharmed):
            for each in dict.fromkeys(("monitor", "poll", command)):
                told_at(told, monkeypatch).do(each)
        story.wait(1)
    if killed.end()["signals"] and killed.end()["signals"][0][1] == "SKIP_NEVER_LANDED":
        # It died with its claim written and nothing sent, which can't be told from an order that was: it isn't tried again.
        assert (command, killed.end()["positions"], killed.end()["fills"]) == ("poll", [], [])
        assert killed.end()["cash"] == [(100_000.0,)]
    else:
        assert killed.end() == unharmed.end()


@pytest.mark.parametrize("command", BEFORE)
def test_a_command_run_again_at_the_same_moment_does_nothing_twice(story: Story, command: str) -> None:
    BEFORE[command](story)
    story.do(command)
    once = story.end()
    again = story.do(command)
    assert again.get("actions", []) == []
    assert [each for each in again.get("decisions", []) if each["decision"] != "DEFERRED"] == []
    assert story.end() == once


def test_two_processes_at_once_copy_an_order_once(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    before_poll(story)
    alone = replace(story, name="alone")
    copy_database(story.database, alone.database)
    processes = [begin("poll --json") for _ in range(2)]
    for process in processes:
        _, complaints = process.communicate(timeout=60)
        assert (process.returncode, complaints) == (0, "")
    told_at(alone, monkeypatch).do("poll")
    assert story.end() == alone.end()
    assert len(story.end()["fills"]) == 1


def test_a_deferred_order_survives_in_the_file_alone(story: Story) -> None:
    """Every command is a process of its own here, and all that one knows of another is in the file."""

    def decided(command: str) -> list[str]:
        process = begin(f"{command} --json")
        said, complaints = process.communicate(timeout=60)
        assert (process.returncode, complaints) == (0, "")
        return [each["decision"] for each in json.loads(said).get("decisions", [])]

    live_well(story.venue)
    assert decided("score") == []
    story.wait(60)
    story.open_btc()
    story.wait(2)
    assert decided("poll") == ["DEFERRED"]
    story.wait(13.5)
    assert decided("poll") == ["EXECUTE"]
    assert decided("poll") == []
