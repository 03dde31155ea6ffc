"""The power of the check: bugs planted one after the other, and after how many ticks each is caught."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final

from hlcopy.drill import story
from hlcopy.drill.bugs import BUGS, Bug
from hlcopy.drill.dice import Decision
from hlcopy.drill.episodes import MINUTES, Plan, bug_named, each_in_turn, episode, seeds
from hlcopy.drill.report import Proof
from hlcopy.drill.scratch import scratch

if TYPE_CHECKING:
    from hlcopy.ports import Progress

MOST_TICKS: Final = 100_000
RATE: Final = 0.2
_STORIES: Final = ("an entry", "partial fill", "refused entry", "killed entry")


def prove(seed: int, jobs: int = 1, *, progress: Progress | None = None) -> list[Proof]:
    """Plant every bug and return when each was caught."""
    if progress is not None:
        progress.start("Planting bugs", len(BUGS))
    proofs: list[Proof] = []

    def done(proof: Proof) -> None:
        proofs.append(proof)
        if progress is not None:
            progress.advance()

    if jobs == 1:
        for bug in BUGS:
            done(caught(bug.name, seed, MOST_TICKS))
    else:
        each_in_turn(jobs, iter([(caught, (bug.name, seed, MOST_TICKS)) for bug in BUGS]), done)
    if progress is not None:
        progress.finish()
    return proofs


def caught(name: str, seed: int, most_ticks: int) -> Proof:
    """Plant a bug and drill until it is caught: first by an entry's story, unharmed and killed after each commit, then by episodes."""
    bug = bug_named(name)
    proof, ticks = _in_stories(bug, most_ticks)
    if proof is not None:
        return proof
    for each in seeds(Plan(ticks=most_ticks, seed=seed, rate=RATE)):
        sums = episode(each, RATE, MINUTES, bug=bug)
        ticks += sums.ticks
        if sums.failures:
            found = sums.failures[0]
            return Proof(bug=name, ticks=ticks, where=f"seed {each}", caught_by=found.invariant, text=found.text)
        if ticks >= most_ticks:
            break
    return Proof(bug=name, ticks=ticks)


def _in_stories(bug: Bug, most_ticks: int) -> tuple[Proof | None, int]:
    """Tell the entry's story unharmed, with a partial fill, with a refusal, then killed after each commit."""
    ticks = 0
    scripts: list[list[Decision]] = [[], [_before_entry("partial fill", 0.12)], [_before_entry("order refused", 0.0)]]
    for number in count():
        if number == len(scripts) or ticks >= most_ticks:
            break
        with scratch() as path:
            told = story.tell(path, scripts[number], minutes=story.ENTERED, bug=bug)
        ticks += len(told.ticks)
        if told.violations:
            found, where = told.violations[0], _STORIES[min(number, len(_STORIES) - 1)]
            return Proof(bug=bug.name, ticks=ticks, where=where, caught_by=found.invariant, text=found.text), ticks
        if number == 0:
            scripts += [[each] for each in story.effects(told) if each.label == "committed"]
    return None, ticks


def _before_entry(what: str, part: float) -> Decision:
    return Decision(place=f"world {story.BEFORE_ENTRY}", label="step", what=what, part=part)
