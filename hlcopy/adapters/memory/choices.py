"""A person's word on traders in memory; a backtest's is empty, so that it knows of no pin and no ban."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hlcopy.adapters.memory.journal import Journal
    from hlcopy.domain.choices import Choice


class MemoryChoices:
    """The ledger of a person's word on traders, in memory."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._choices: dict[str, Choice] = {}

    def get(self, address: str) -> Choice | None:
        """Return the word on one trader."""
        return self._choices.get(address)

    def all(self) -> list[Choice]:
        """Return every word, by address."""
        return [self._choices[address] for address in sorted(self._choices)]

    def put(self, choice: Choice) -> None:
        """Replace the word on a trader; one that says nothing any more is forgotten."""
        if choice.says_something:
            self._journal.put(self._choices, choice.address, choice)
        else:
            self._journal.drop(self._choices, choice.address)
