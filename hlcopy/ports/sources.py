"""Where traders and prices are read, and how a read says that it failed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hlcopy.domain.instrument import Instrument
    from hlcopy.domain.models import Fill, TraderState
    from hlcopy.domain.safety import Conditions


class Unknown(Enum):
    """The type of `UNKNOWN`."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN
UnknownType = Literal[Unknown.UNKNOWN]


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of a coin seen since some moment: the lowest, the highest and the last, and when the last was made."""

    lowest: float
    highest: float
    last: float
    at: datetime


class TraderSource(Protocol):
    """Where traders' fills and accounts are read; several threads may ask at once.

    What can't be read of one trader is `UNKNOWN`, and so is everything while the source is down.
    """

    def room(self, now: datetime) -> int | None:
        """Return how many traders' fills the source's rate limits let us read now; None when there is no limit."""

    def fills(self, trader: str, since: datetime, now: datetime) -> Sequence[Fill] | UnknownType:
        """Return every fill of the trader from `since` on, in order of arrival, or `UNKNOWN` when it may be incomplete."""

    def positions(self, trader: str, now: datetime) -> TraderState | UnknownType:
        """Return the trader's complete positions, read anew; the equity may be None where it costs another request."""

    def state(self, trader: str, now: datetime) -> TraderState | UnknownType:
        """Return the trader's equity and complete positions; a reading of the last five seconds may be given again."""


class Market(Protocol):
    """Where prices and trading rules are read."""

    def marks(self, coin: str, since: datetime, now: datetime) -> Marks | UnknownType | None:
        """Return the marks seen after `since` and up to now; None when there is no fresh one, `UNKNOWN` when a read failed."""

    def conditions(self, coin: str, now: datetime) -> Conditions | UnknownType | None:
        """Return a coin's open interest, volume, oracle and book; None where they aren't recorded, in a replay."""

    def instrument(self, coin: str) -> Instrument | None:
        """Return the coin's trading rules, None when it isn't a main-dex perp that trades.

        Raises `TryLaterError` while the rules can't be read: unknown is not "doesn't trade".
        """


class Progress(Protocol):
    """Where long work says how far it is."""

    def start(self, title: str, total: int | None) -> None:
        """Begin a step of `total` units."""

    def advance(self, units: int = 1) -> None:
        """Count units done."""

    def finish(self) -> None:
        """End the step."""


class SilentProgress:
    """Says nothing."""

    def start(self, title: str, total: int | None) -> None:
        """Begin a step."""

    def advance(self, units: int = 1) -> None:
        """Count units done."""

    def finish(self) -> None:
        """End the step."""
