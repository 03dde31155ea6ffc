"""The command `drill`: what it shows, that it reads no setting, and how it fails."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from hlcopy.drill import bugs, episodes, kills
from hlcopy.drill.episodes import Failure, Sums
from tests.cli.conftest import Outcome, home, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["home", "run"]  # fixtures, found here by their names

SHORT = "drill --ticks 1 --jobs 1 --seed 3"


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let episodes be short, and kills few."""
    monkeypatch.setattr(episodes, "MINUTES", 3)
    monkeypatch.setattr(episodes.Plan, "__init__", _short(episodes.Plan.__init__))
    monkeypatch.setattr(kills, "kill_everywhere", lambda *_args, **_kwargs: Sums(kill_runs=1))


def _short(made: Callable[..., None]) -> Callable[..., None]:
    def init(self: object, **given: object) -> None:
        made(self, **{**given, "minutes": 3})

    return init


@pytest.mark.usefixtures("brief")
def test_a_drill_shows_faults_kills_and_that_nothing_was_violated(
    run: Callable[..., Outcome], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HLCOPY_MODE", "no such mode")  # a setting that nobody reads
    before = sorted(home.rglob("*"))

    done = run(SHORT)

    assert (done.code, done.err) == (0, "")
    assert "no violation" in done.out
    assert "ENDED PROTECTED" in done.out
    assert max(map(len, done.out.splitlines())) <= 80
    assert sorted(home.rglob("*")) == before


@pytest.mark.usefixtures("brief")
def test_a_drill_as_json_is_one_document(run: Callable[..., Outcome]) -> None:
    done = run(f"{SHORT} --json")
    told = json.loads(done.out)
    assert (done.code, told["command"], told["ok"], told["violations"]) == (0, "drill", True, [])
    assert told["ticks"] >= 1
    assert told["outcomes"]["ok"] >= 1
    assert told["faults"] == {} or set(told["faults"]) == set(told["protected"])


@pytest.mark.usefixtures("brief")
def test_a_violation_is_told_with_its_seed_and_a_file_and_ends_with_one(
    run: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failure = Failure(
        invariant="I1", text="BTC has no stop", seed=9, rate=0.2, minutes=3, decisions=[], story=True, traceback=""
    )
    monkeypatch.setattr(episodes, "episode", lambda *_args, **_kwargs: Sums(ticks=1, episodes=1, failures=[failure]))
    monkeypatch.chdir(tmp_path)

    done = run(SHORT)

    assert done.code == 1
    assert "VIOLATION of I1, seed 9: BTC has no stop" in done.out
    assert json.loads((tmp_path / "hlcopy-drill-9.json").read_text())["invariant"] == "I1"

    again = run("drill --replay hlcopy-drill-9.json")
    assert (again.code, again.out) == (0, "no violation any more: 0 decisions, seed 9\n")
    assert json.loads(run("drill --replay hlcopy-drill-9.json --json").out)["violations"] == []
    wrong = run("drill --replay nowhere.json")
    assert wrong.code == 2
    assert "--replay" in wrong.err


def test_planted_bugs_are_told_and_one_that_isn_t_caught_fails(
    run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    from hlcopy.drill import prove

    harmless = bugs.Bug(name="no bug at all")
    monkeypatch.setattr(prove, "BUGS", (bugs.BUGS[2], harmless))
    monkeypatch.setattr(prove, "bug_named", {each.name: each for each in (bugs.BUGS[2], harmless)}.__getitem__)
    monkeypatch.setattr(prove, "MOST_TICKS", 10)

    done = run("drill --prove --jobs 1")

    assert done.code == 1
    assert "1 of 2 caught" in done.out
    assert "no bug at all" in done.out


@pytest.mark.usefixtures("brief")
def test_a_state_of_another_drill_is_refused(run: Callable[..., Outcome], tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    assert run(f"{SHORT} --state {state}").code == 0
    refused = run(f"drill --ticks 1 --jobs 1 --seed 4 --state {state}")
    assert refused.code == 2
    assert "--state" in refused.err
