"""What a tick returns: what it did, to whom, and what went wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from hlcopy.domain.book import Position, PositionAction
    from hlcopy.domain.breakers import Breaker
    from hlcopy.domain.models import Signal
    from hlcopy.ports import Halt


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that failed while the rest went on; `item` names the trader, coin or position."""

    code: str
    message: str
    item: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionView:
    """A position of ours with the mark of the moment; both None when the mark isn't known."""

    position: Position
    mark_price: float | None
    unrealized_pct: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome of one tick; `unreachable` when it read nothing of what it needed, its source being down for all.

    `notes` are for the user to know, though nothing failed. `halted` and `breakers` say what keeps entries out now.
    """

    command: str
    at: datetime
    counts: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    decisions: tuple[Signal, ...] = ()
    actions: tuple[PositionAction, ...] = ()
    positions: tuple[PositionView, ...] = ()
    unreachable: bool = False
    notes: tuple[str, ...] = ()
    halted: Halt | None = None
    breakers: tuple[Breaker, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.problems
