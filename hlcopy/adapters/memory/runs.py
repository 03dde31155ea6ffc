"""Runs in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hlcopy.domain.models import Run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hlcopy.adapters.memory.journal import Journal


class MemoryRuns:
    """The ledger of command runs in memory."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._runs: dict[int, Run] = {}
        self._last: dict[str, int] = {}

    def start(self, command: str, at: datetime) -> int:
        """Record that a command began; return the run's id."""
        run_id = max(self._runs, default=0) + 1
        self._journal.put(self._runs, run_id, Run(command=command, started_at=at, id=run_id))
        self._journal.put(self._last, command, run_id)
        return run_id

    def finish(self, run_id: int, at: datetime, *, ok: bool, counts: Mapping[str, int], errors: Sequence[str]) -> None:
        """Record how it ended."""
        run = replace(self._runs[run_id], finished_at=at, ok=ok, counts=dict(counts), errors=tuple(errors))
        self._journal.put(self._runs, run_id, run)

    def last(self, command: str) -> Run | None:
        """Return the newest run of a command."""
        run_id = self._last.get(command)
        return None if run_id is None else self._runs[run_id]

    def recent(self, command: str, limit: int) -> list[Run]:
        """Return a command's newest runs, the newest first."""
        found = [run for _, run in sorted(self._runs.items(), reverse=True) if run.command == command]
        return found[:limit]

    def prune(self, before: datetime) -> int:
        """Forget the runs that began before a moment, but each command's newest; return how many."""
        newest = set(self._last.values())
        old = [run_id for run_id, run in self._runs.items() if run.started_at < before and run_id not in newest]
        for run_id in old:
            self._journal.drop(self._runs, run_id)
        return len(old)
