"""The drill: it replays exactly, holds its ground over many ticks, kills everywhere, catches what is planted, and shrinks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from hlcopy.drill import kills, story
from hlcopy.drill.bugs import BUGS
from hlcopy.drill.dice import Decision, Dice
from hlcopy.drill.episodes import Plan, Sums, bug_named, episode, kept_failure, replay, run
from hlcopy.drill.shrink import shortest, shrunk
from hlcopy.errors import BadInputError
from hlcopy.ports import SilentProgress
from hlcopy.simulator.happenings import chosen
from tests.drill.fingerprint import fingerprint

ROOT = Path(__file__).parents[2]
REGRESSIONS = sorted((ROOT / "tests" / "regressions").glob("*.json"))


def test_the_same_seed_gives_the_same_episode_to_the_byte_in_any_process() -> None:
    command = [sys.executable, str(ROOT / "tests" / "drill" / "fingerprint.py"), "5", "6"]
    other = subprocess.run(
        command, env={**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": str(ROOT)}, capture_output=True, check=True
    )
    assert fingerprint(5, 6) == other.stdout.decode()
    assert fingerprint(6, 6) != other.stdout.decode()


def test_ticks_among_faults_violate_nothing() -> None:
    sums = run(Plan(ticks=1, seed=11, rate=0.2), progress=SilentProgress())

    assert [(failure.invariant, failure.text) for failure in sums.failures] == []
    assert sums.ticks >= 200
    assert sums.orders["entry filled"] >= 1
    assert sum(sums.kills.values()) >= 5
    assert sums.faults["lost"] >= 10
    assert sums.converged == sums.in_episodes


def test_an_entry_killed_at_an_effect_and_once_more_ends_as_the_unharmed_one(tmp_path: Path) -> None:
    unharmed = story.tell(tmp_path / "unharmed.db", minutes=story.ENTERED)
    every = list(story.effects(unharmed))
    assert {"send exchange:order", "answered exchange:order", "commit", "committed", "locked"} <= {
        each.label for each in every
    }
    sent = next(each for each in every if each.label == "answered exchange:order")
    for number, decision in enumerate([sent, *every[:: len(every) // 5]]):
        killed = story.tell(tmp_path / f"{number}.db", [decision], minutes=story.ENTERED)
        assert not killed.violations
        assert story.differs(unharmed.state, killed.state) is None
        assert killed.kills.total() == 1

    told = story.tell(tmp_path / "once.db", [sent], minutes=story.ENTERED)
    second = [each for each in story.effects_after_death(told) if each.label == "answered exchange:order"]
    assert second  # the stop that the killed tick didn't place
    twice = story.tell(tmp_path / "twice.db", [sent, second[0]], minutes=story.ENTERED)
    assert not twice.violations
    assert twice.kills.total() == 2
    assert story.differs(unharmed.state, twice.state) is None


def test_there_are_the_fifteen_bugs_that_the_catalogue_names() -> None:
    assert len({bug.name for bug in BUGS}) == 15


@pytest.mark.parametrize(
    ("culprits", "expected"),
    [
        pytest.param({7}, [7], id="one decision leads there"),
        pytest.param({3, 16}, [3, 16], id="two far apart do together"),
        pytest.param({0, 1, 2}, [0, 1, 2], id="the first three"),
        pytest.param(set(), [], id="it fails by itself"),
    ],
)
def test_a_list_is_shrunk_to_what_leads_there(culprits: set[int], expected: list[int]) -> None:
    assert shortest(range(20), lambda kept: culprits <= set(kept), tries=1_000) == expected


def test_shrinking_ends_when_its_tries_do() -> None:
    asked: list[int] = []

    def fails(kept: object) -> bool:
        asked.append(1)
        return {3, 16} <= set(kept)  # type: ignore[call-overload]

    assert {3, 16} <= set(shortest(range(500), fails, tries=5))
    assert len(asked) == 5


def test_a_failure_is_shrunk_and_replayed(tmp_path: Path) -> None:
    bug = bug_named("no expiry")
    (failure,) = episode(2, 0.1, 12, bug=bug).failures

    short = shrunk(failure, tries=12)

    assert len(short.decisions) < len(failure.decisions)
    file = tmp_path / "failure.json"
    file.write_text(json.dumps(asdict(short)))
    again = kills.replayed(kept_failure(file))
    assert again is not None
    assert again.invariant == failure.invariant
    assert replay(short, [Decision(**each) for each in short.decisions]) is None

    file.write_text("[]")
    with pytest.raises(BadInputError, match="--replay"):
        kept_failure(file)


@pytest.mark.parametrize("path", REGRESSIONS, ids=lambda path: path.stem)
def test_what_was_once_violated_isn_t_any_more(path: Path) -> None:
    again = kills.replayed(kept_failure(path))
    assert again is None, again


def test_a_draw_depends_on_its_place_alone() -> None:
    dice, other = Dice(3), Dice(3)
    other.draw(9, 9)
    assert dice.draw(1, 2) == other.draw(1, 2)
    assert dice.draw(1, 2) != dice.draw(2, 1)
    drawn = [dice.draw(1, number) for number in range(2_000)]
    assert 0.48 < sum(drawn) / 2_000 < 0.52
    assert chosen(("a", "b"), 0.75) == ("b", 0.5)


def test_a_long_run_goes_on_where_it_was_and_with_the_same_options_only(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    plan = Plan(ticks=1, seed=4, rate=0.1, minutes=3)
    first = run(plan, state=state)
    assert first.episodes == 1
    whole = run(Plan(ticks=first.ticks + 1, seed=4, rate=0.1, minutes=3), state=state)
    assert whole.episodes == 2
    assert Sums.of(json.loads(state.read_text())["sums"]).document() == whole.document()

    with pytest.raises(BadInputError, match="--state"):
        run(Plan(ticks=1, seed=5, rate=0.1, minutes=3), state=state)
    state.write_text("{}")
    with pytest.raises(BadInputError, match="isn't the state of a drill"):
        run(plan, state=state)
