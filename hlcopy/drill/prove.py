"""The power of the check: bugs planted one after the other, and after how many ticks each is caught."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hlcopy.drill import story
from hlcopy.drill.bugs import BUGS, Bug
from hlcopy.drill.episodes import MINUTES, Plan, bug_named, episode, seeds
from hlcopy.drill.report import Proof

if TYPE_CHECKING:
    from hlcopy.drill.dice import Decision
    from hlcopy.ports import Progress

MOST_TICKS: Final = 100_000
RATE: Final = 0.2


def prove(seed: int, *, progress: Progress | None = None) -> list[Proof]:
    """Plant every bug and return when each was caught."""
    if progress is not None:
        progress.start("Planting bugs", len(BUGS))
    proofs = []
    for bug in BUGS:
        proofs.append(caught(bug.name, seed, most_ticks=MOST_TICKS))
        if progress is not None:
            progress.advance()
    if progress is not None:
        progress.finish()
    return proofs


def caught(name: str, seed: int, *, most_ticks: int) -> Proof:
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
            return Proof(bug=name, ticks=ticks, caught_by=found.invariant, text=found.text)
        if ticks >= most_ticks:
            break
    return Proof(bug=name, ticks=ticks)


def _in_stories(bug: Bug, most_ticks: int) -> tuple[Proof | None, int]:
    """Tell the entry's story unharmed, then killed after each commit."""
    ticks = 0
    unharmed: story.Told | None = None
    script: list[Decision] = []
    with tempfile.TemporaryDirectory(prefix="hlcopy-drill-") as folder:
        for number in range(1_000):
            told = story.tell(
                Path(folder) / f"{number}.db",
                script[number - 1 : number] if number else (),
                minutes=story.ENTERED,
                bug=bug,
            )
            ticks += len(told.ticks)
            if told.violations:
                found = told.violations[0]
                return Proof(bug=bug.name, ticks=ticks, caught_by=found.invariant, text=found.text), ticks
            if unharmed is None:
                unharmed = told
                script = [each for each in story.effects(told) if each.label == "committed"]
            if number >= len(script) or ticks >= most_ticks:
                break
    return None, ticks
