"""What a person decided about a trader: it outlasts every score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A person's word on one trader.

    A `pinned` one keeps a place among the primaries, whatever its rank, as long as it meets the criteria and isn't
    blacklisted. A `banned` one is never copied; what was copied before is managed to its end. A `watched` one is scored
    like a candidate though no leaderboard names it, and at least followed if it meets the criteria. `budget_usd` is the
    most that may be open of its copies.
    """

    address: str
    at: datetime
    pinned: bool = False
    banned: bool = False
    watched: bool = False
    budget_usd: float | None = None
    note: str | None = None

    @property
    def says_something(self) -> bool:
        """Whether anything is left of it."""
        return self.pinned or self.banned or self.watched or self.budget_usd is not None or self.note is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The addresses that selection treats apart; who is banned is nothing else."""

    pinned: frozenset[str] = frozenset()
    banned: frozenset[str] = frozenset()
    watched: frozenset[str] = frozenset()

    @property
    def read_first(self) -> frozenset[str]:
        """Who is looked at whatever a leaderboard says."""
        return self.pinned | self.watched


def set_apart(choices: Iterable[Choice]) -> Chosen:
    """Return whom selection treats apart."""
    known = list(choices)
    banned = frozenset(each.address for each in known if each.banned)
    return Chosen(
        pinned=frozenset(each.address for each in known if each.pinned) - banned,
        banned=banned,
        watched=frozenset(each.address for each in known if each.watched) - banned,
    )
