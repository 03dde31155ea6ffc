"""What a person decided about traders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from hlcopy.domain.choices import Choice


class Choices(Protocol):
    """The ledger of a person's word on traders; scores never touch it."""

    def get(self, address: str) -> Choice | None:
        """Return the word on one trader."""

    def all(self) -> list[Choice]:
        """Return every word, by address."""

    def put(self, choice: Choice) -> None:
        """Replace the word on a trader; one that says nothing any more is forgotten."""
