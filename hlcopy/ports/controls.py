"""What governs trading beside the rules: the halt, our equity through time, nonces, and what the venue said of us."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hlcopy.domain.breakers import EquitySample


@dataclass(frozen=True, slots=True)
class Halt:
    """Since when and why nothing new is opened."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that was found out, as text, and when."""

    text: str
    at: datetime


class Controls(Protocol):
    """The ledger of what governs trading."""

    def halt(self) -> Halt | None:
        """Return the halt in force."""

    def put_halt(self, halt: Halt) -> None:
        """Halt: nothing new is opened until somebody resumes."""

    def resume(self, at: datetime) -> None:
        """End the halt; drawdown is measured from here on."""

    def resumed_at(self) -> datetime | None:
        """Return when trading was last resumed."""

    def equity(self, since: datetime | None = None) -> Sequence[EquitySample]:
        """Return our equity as sampled from a moment on, oldest first."""

    def last_equity(self) -> EquitySample | None:
        """Return the newest sample."""

    def add_equity(self, sample: EquitySample) -> None:
        """Append a sample; one of the same moment is replaced."""

    def thin_equity(self, before: datetime) -> None:
        """Keep of each UTC day before a moment only the samples with its highest and its lowest result."""

    def next_nonce(self, signer: str, now_ms: int) -> int:
        """Return the present in ms, or one more than a signer's last nonce where the venue may have taken that; remember it."""

    def fact(self, name: str) -> Fact | None:
        """Return what was found out under a name."""

    def put_fact(self, name: str, fact: Fact) -> None:
        """Remember what was found out."""

    def drop_fact(self, name: str) -> None:
        """Forget it, so that it is found out anew."""
