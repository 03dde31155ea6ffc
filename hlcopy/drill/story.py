"""A short life of one copied position without chance: entered, its stop moved, a tier taken, left; to be killed at each of its effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hlcopy.drill.dice import Decision, Dice
from hlcopy.drill.stage import STEP_MS, Stage
from hlcopy.drill.world import PRICES, TRADERS, World

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from hlcopy.drill.bugs import Bug
    from hlcopy.drill.oracle import Violation
    from hlcopy.drill.process import Tick

MINUTE: Final = 60_000 // STEP_MS
_OPENED: Final = 2 * MINUTE
_PRICES: Final = {6 * MINUTE: 1.05, 8 * MINUTE: 1.125, 10 * MINUTE: 1.01}
"""By step what the price is of the one at which was entered: the stop moves, a tier is taken, the stop fires or we leave."""
MINUTES: Final = 12
ENTERED: Final = 6
BEFORE_ENTRY: Final = 4 * MINUTE - 1
"""The step before the one in which the order is copied."""
_CLEAN: Final = 4
_COIN: Final = "BTC"
_SIZE: Final = 1.2


class StoryWorld(World):
    """Prices that stand but for three jumps, and one order; an hour begins in it, at which funding is paid."""

    begin_ms = World.begin_ms + 53 * 60_000

    def move(self, step: int, now_ms: int) -> None:
        """Let the price be what the story says."""
        if step in _PRICES:
            self.venue.set_mark(_COIN, PRICES[_COIN] * _PRICES[step], now_ms)

    def trade(self, step: int, now_ms: int) -> None:
        """Let the one order be made."""
        if step == _OPENED:
            self.venue.trade(TRADERS[0], _COIN, _SIZE, now_ms)
            self.opened.append((TRADERS[0], _COIN, now_ms))


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How a story ended: what the venue holds and the books say, but for moments; and what was violated."""

    ticks: Sequence[Tick]
    state: dict[str, Any]
    violations: Sequence[Violation]
    longest_naked_ms: int
    kills: Counter[str]
    boundaries: Counter[str]


def tell(path: Path, script: Sequence[Decision] = (), *, minutes: int = MINUTES, bug: Bug | None = None) -> Told:
    """Play the story, killed where a script says."""
    stage = Stage(path, Dice(0, script), rate=0.0, minutes=minutes, bug=bug, world=StoryWorld, clean_minutes=_CLEAN)
    stage.keeps_labels = True
    try:
        stage.play()
        return Told(
            ticks=stage.ticks,
            state=stage.oracle.state(),
            violations=stage.oracle.violations,
            longest_naked_ms=stage.oracle.longest_naked_ms,
            kills=stage.kills,
            boundaries=stage.boundaries,
        )
    finally:
        stage.close()


def effects(told: Told) -> Iterator[Decision]:
    """Yield a kill at every effect of every tick that sent something, and wherever else an effect is the first of its kind.

    They are counted in an unharmed story.
    """
    known = {label for tick in told.ticks if _acted(tick) for label in tick.labels}
    for tick in told.ticks:
        for number, label in enumerate(tick.labels, 1):
            if _acted(tick) or label not in known:
                known.add(label)
                yield Decision(place=f"{tick.command} {tick.slot}.{number}", label=label, what="kill", part=0.0)


def effects_after_death(told: Told) -> Iterator[Decision]:
    """Yield a kill at every effect of the first tick that took up what a killed one left."""
    dead = next((number for number, tick in enumerate(told.ticks) if tick.outcome == "killed"), len(told.ticks))
    following = next((tick for tick in told.ticks[dead + 1 :] if "locked" in tick.labels), None)
    if following is None:
        return
    for number, label in enumerate(following.labels, 1):
        yield Decision(place=f"{following.command} {following.slot}.{number}", label=label, what="kill", part=0.0)


def _acted(tick: Tick) -> bool:
    return any(label.startswith("send exchange:") for label in tick.labels)


def differs(unharmed: dict[str, Any], killed: dict[str, Any]) -> str | None:
    """Return how a killed story ended otherwise than the unharmed one; an entry that never landed may be missing."""
    if killed == unharmed:
        return None
    nothing = not killed["positions"] and not killed["held"] and not killed["stops"]
    if nothing and all(decision.startswith("SKIP_") for decision in killed["decisions"]):
        return None
    return f"{killed} in place of {unharmed}"
