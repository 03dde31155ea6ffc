"""Single kills at every effect of a position's life: each must end as the unharmed life does."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hlcopy.drill import story
from hlcopy.drill.episodes import Failure, Sums, each_in_turn

if TYPE_CHECKING:
    from hlcopy.drill.dice import Decision
    from hlcopy.ports import Progress


def kill_everywhere(jobs: int = 1, *, minutes: int = story.MINUTES, progress: Progress | None = None) -> Sums:
    """Tell the story once unharmed, then once for each effect at which it is killed."""
    with tempfile.TemporaryDirectory(prefix="hlcopy-drill-") as folder:
        unharmed = story.tell(Path(folder) / "drill.db", minutes=minutes)
    sums = _sums(unharmed, None, None)
    decisions = list(story.effects(unharmed))
    if progress is not None:
        progress.start("Killing at every effect", len(decisions))

    def done(found: Sums) -> None:
        sums.add(found)
        if progress is not None:
            progress.advance()

    if jobs == 1:
        for decision in decisions:
            done(killed(decision, minutes, unharmed.state))
    else:
        each_in_turn(jobs, iter([(killed, (each, minutes, unharmed.state)) for each in decisions]), done)
    if progress is not None:
        progress.finish()
    return sums


def killed(decision: Decision, minutes: int, expected: dict[str, Any]) -> Sums:
    """Tell the story, killed at one effect, and hold its end against what is expected."""
    with tempfile.TemporaryDirectory(prefix="hlcopy-drill-") as folder:
        told = story.tell(Path(folder) / "drill.db", [decision], minutes=minutes)
    return _sums(told, decision, story.differs(expected, told.state))


def _sums(told: story.Told, decision: Decision | None, difference: str | None) -> Sums:
    problems = [(each.invariant, each.text) for each in told.violations]
    problems += [("I16", difference)] if difference else []
    return Sums(
        ticks=len(told.ticks),
        kill_runs=int(decision is not None),
        kills=told.kills,
        boundaries=told.boundaries,
        longest_naked_ms=told.longest_naked_ms,
        failures=[
            Failure(
                invariant=invariant,
                text=text,
                seed=0,
                rate=0.0,
                minutes=story.MINUTES,
                decisions=[] if decision is None else [decision.row()],
                story=True,
            )
            for invariant, text in problems[:1]
        ],
    )
