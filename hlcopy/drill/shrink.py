"""The shortest list of decisions that still leads to a violation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from hlcopy.drill.dice import Decision
from hlcopy.drill.episodes import Failure, bug_named, replay

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Item = TypeVar("Item")


def shortest(items: Sequence[Item], fails: Callable[[Sequence[Item]], bool], *, tries: int) -> list[Item]:
    """Return a part of a failing list that fails as well, and of which nothing more can be left out within so many tries.

    Delta debugging: halves are left out first, then ever smaller parts.
    """
    kept, parts = list(items), 2
    while kept and tries > 0:
        size = max(1, -(-len(kept) // parts))
        for begin in range(0, len(kept), size):
            rest = kept[:begin] + kept[begin + size :]
            tries -= 1
            if fails(rest):
                kept, parts = rest, max(2, parts - 1)
                break
            if tries <= 0:
                return kept
        else:
            if size == 1:
                return kept
            parts = min(2 * parts, len(kept))
    return kept


def shrunk(failure: Failure, *, tries: int = 150) -> Failure:
    """Return a failure with the shortest list of decisions that leads to the same violation; one of a story is short."""
    if failure.story:
        return failure
    bug = bug_named(failure.bug) if failure.bug else None
    found = failure

    def fails(decisions: Sequence[Decision]) -> bool:
        nonlocal found
        again = replay(failure, decisions, bug=bug)
        if again is None or again.invariant != failure.invariant:
            return False
        found = again
        return True

    decisions = [Decision(**each) for each in failure.decisions]
    kept = shortest(decisions, fails, tries=tries)
    return replace(found, decisions=[each.row() for each in kept])
