"""Chance that depends on where it is asked and on nothing else, and the decisions that were taken by it, as a list.

A draw is a function of the seed and of its place. So a decision that is left out when a list is replayed moves no other.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_MASK: Final = (1 << 64) - 1
_GAMMA: Final = 0x9E3779B97F4A7C15


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Something that doesn't happen by itself: `what` is done at `place`, a process's point or a step of the world.

    `label` tells what happens there anyway, `part` (0 to 1) how much or which.
    """

    place: str
    label: str
    what: str
    part: float

    def row(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return asdict(self)


class Dice:
    """Draws for one seed; with a `script` only what stands in it is decided, without one what chance decides is noted."""

    def __init__(self, seed: int, script: Iterable[Decision] | None = None) -> None:
        self.seed = seed
        self.taken: list[Decision] = []
        self.counts: Counter[str] = Counter()
        self._root = _mixed(seed & _MASK)
        self._script = None if script is None else {each.place: each for each in script}

    def draw(self, *place: int) -> float:
        """Return a number from 0 up to 1 for a place."""
        value = self._root
        for each in place:
            value = _mixed(value ^ ((each + 1) * _GAMMA & _MASK))
        return (value >> 11) / (1 << 53)

    @property
    def is_scripted(self) -> bool:
        """Whether decisions come from a script."""
        return self._script is not None

    def scripted(self, place: str) -> Decision | None:
        """Return what a script says of a place, and take note of it."""
        found = self._script.get(place) if self._script is not None else None
        if found is not None:
            self.taken.append(found)
        return found

    def take(self, place: str, label: str, what: str, part: float) -> Decision:
        """Note a decision and return it."""
        decision = Decision(place=place, label=label, what=what, part=part)
        self.taken.append(decision)
        return decision


def _mixed(value: int) -> int:
    """Return a number mixed up: the finalizer of splitmix64."""
    value = (value + _GAMMA) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)
