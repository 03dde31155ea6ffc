"""The ledgers in memory: what a backtest writes to, and the twin that the file is tested against."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hlcopy.adapters.memory.book import MemoryBook
from hlcopy.adapters.memory.choices import MemoryChoices
from hlcopy.adapters.memory.controls import MemoryControls
from hlcopy.adapters.memory.history import MemoryHistory
from hlcopy.adapters.memory.journal import Journal
from hlcopy.adapters.memory.outbox import MemoryOutbox
from hlcopy.adapters.memory.paper import MemoryPaperBooks
from hlcopy.adapters.memory.runs import MemoryRuns
from hlcopy.adapters.memory.scoring import MemoryScoring
from hlcopy.adapters.memory.signals import MemorySignals
from hlcopy.adapters.memory.traders import MemoryTraders

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

__all__ = ["MemoryLedger"]


class MemoryLedger:
    """The ledgers in memory, empty at first; gone with the process."""

    def __init__(self) -> None:
        self._journal = Journal()
        self._traders = MemoryTraders(self._journal)
        self._scoring = MemoryScoring(self._journal)
        self._signals = MemorySignals(self._journal)
        self._book = MemoryBook(self._journal)
        self._history = MemoryHistory(self._journal)
        self._runs = MemoryRuns(self._journal)
        self._controls = MemoryControls(self._journal)
        self._paper = MemoryPaperBooks(self._journal)
        self._choices = MemoryChoices(self._journal)
        self._outbox = MemoryOutbox(self._journal)

    @property
    def traders(self) -> MemoryTraders:
        """Traders and their positions."""
        return self._traders

    @property
    def scoring(self) -> MemoryScoring:
        """The daily selection."""
        return self._scoring

    @property
    def signals(self) -> MemorySignals:
        """Judged orders."""
        return self._signals

    @property
    def book(self) -> MemoryBook:
        """Our positions and orders."""
        return self._book

    @property
    def history(self) -> MemoryHistory:
        """Recorded markets."""
        return self._history

    @property
    def runs(self) -> MemoryRuns:
        """Runs of commands."""
        return self._runs

    @property
    def controls(self) -> MemoryControls:
        """What governs trading."""
        return self._controls

    @property
    def paper(self) -> MemoryPaperBooks:
        """The paper venue's own books."""
        return self._paper

    @property
    def choices(self) -> MemoryChoices:
        """A person's word on traders."""
        return self._choices

    @property
    def outbox(self) -> MemoryOutbox:
        """Alerts on their way."""
        return self._outbox

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing: what is written inside is kept when the block ends and undone when it raises; it may nest."""
        return self._journal.transaction()
