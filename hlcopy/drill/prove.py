"""The power of the check: bugs planted one after the other, and after how many ticks each is caught."""

from __future__ import annotations

import tempfile
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hlcopy.drill import story
from hlcopy.drill.bugs import BUGS, Bug
from hlcopy.drill.dice import Decision
from hlcopy.drill.episodes import MINUTES, Plan, bug_named, episode, seeds
from hlcopy.drill.report import Proof

if TYPE_CHECKING:
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
    """Tell the entry's story unharmed, with a partial fill, with a refusal, then killed after each commit."""
    ticks = 0
    scripts: list[list[Decision]] = [[], [_before_entry("partial fill", 0.12)], [_before_entry("order refused", 0.0)]]
    with tempfile.TemporaryDirectory(prefix="hlcopy-drill-") as folder:
        for number in count():
            if number == len(scripts) or ticks >= most_ticks:
                return None, ticks
            told = story.tell(Path(folder) / f"{number}.db", scripts[number], minutes=story.ENTERED, bug=bug)
            ticks += len(told.ticks)
            if told.violations:
                found = told.violations[0]
                return Proof(bug=bug.name, ticks=ticks, caught_by=found.invariant, text=found.text), ticks
            if number == 0:
                scripts += [[each] for each in story.effects(told) if each.label == "committed"]
    raise AssertionError  # the count never ends


def _before_entry(what: str, part: float) -> Decision:
    return Decision(place=f"world {story.BEFORE_ENTRY}", label="step", what=what, part=part)
