"""Single kills at every effect of a position's life: each must end as the unharmed life does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hlcopy.drill import story
from hlcopy.drill.dice import Decision
from hlcopy.drill.episodes import Failure, Sums, bug_named, each_in_turn, replay
from hlcopy.drill.scratch import clear_away, scratch

if TYPE_CHECKING:
    from hlcopy.ports import Progress


def kill_everywhere(
    jobs: int = 1, *, minutes: int = story.MINUTES, twice: bool = False, progress: Progress | None = None
) -> Sums:
    """Tell the story once unharmed, then once for each effect at which it is killed.

    With `twice` also once for each pair of such an effect and one of the tick that goes on after it.
    """
    clear_away()
    with scratch() as path:
        unharmed = story.tell(path, minutes=minutes)
    sums = _sums(unharmed, [], minutes, None)
    decisions = list(story.effects(unharmed))
    kill = killed_twice if twice else killed
    if progress is not None:
        progress.start("Killing twice at every effect" if twice else "Killing at every effect", len(decisions))

    def done(found: Sums) -> None:
        sums.add(found)
        if progress is not None:
            progress.advance()

    if jobs == 1:
        for decision in decisions:
            done(kill(decision, minutes, unharmed.state))
    else:
        work = iter([(kill, (each, minutes, unharmed.state)) for each in decisions])
        each_in_turn(jobs, work, done)
    if progress is not None:
        progress.finish()
    return sums


def killed(decision: Decision, minutes: int, expected: dict[str, Any]) -> Sums:
    """Tell the story, killed at one effect, and hold its end against what is expected."""
    return _killed([decision], minutes, expected)[0]


def killed_twice(decision: Decision, minutes: int, expected: dict[str, Any]) -> Sums:
    """Tell the story, killed at one effect, then once for each effect of the next tick, killed there as well."""
    sums, told = _killed([decision], minutes, expected)
    for second in story.effects_after_death(told):
        if sums.failures:
            break
        sums.add(_killed([decision, second], minutes, expected)[0])
    return sums


def _killed(script: list[Decision], minutes: int, expected: dict[str, Any]) -> tuple[Sums, story.Told]:
    with scratch() as path:
        told = story.tell(path, script, minutes=minutes)
    return _sums(told, script, minutes, story.differs(expected, told.state)), told


def replayed(failure: Failure) -> Failure | None:
    """Play again what led to a failure, in an episode or in the story; return what is violated now, None for nothing."""
    script = [Decision(**each) for each in failure.decisions]
    if not failure.story:
        return replay(failure, script, bug=bug_named(failure.bug) if failure.bug else None)
    with scratch() as path:
        unharmed = story.tell(path, minutes=failure.minutes)
    return next(iter(_killed(script, failure.minutes, unharmed.state)[0].failures), None)


def _sums(told: story.Told, script: list[Decision], minutes: int, difference: str | None) -> Sums:
    problems = [(each.invariant, each.text) for each in told.violations]
    problems += [("I16", difference)] if difference else []
    return Sums(
        ticks=len(told.ticks),
        kill_runs=int(bool(script)),
        kills=told.kills,
        boundaries=told.boundaries,
        longest_naked_ms=told.longest_naked_ms,
        failures=[
            Failure(
                invariant=invariant,
                text=text,
                seed=0,
                rate=0.0,
                minutes=minutes,
                decisions=[each.row() for each in script],
                story=True,
            )
            for invariant, text in problems[:1]
        ],
    )
