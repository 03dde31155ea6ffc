"""The table `runs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlcopy.adapters.store.rows import FLAG, JSON, JSON_TUPLE, TIME, Column, Table, to_json, to_text
from hlcopy.domain.models import Run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hlcopy.adapters.store.connection import Connection

_RUNS: Final = Table(
    "runs",
    Run,
    (
        Column("id"),
        Column("command"),
        Column("started_at", codec=TIME),
        Column("finished_at", codec=TIME),
        Column("ok", codec=FLAG),
        Column("counts", codec=JSON),
        Column("errors", codec=JSON_TUPLE),
    ),
    key=("id",),
)


class StoredRuns:
    """The ledger of command runs over the file."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def start(self, command: str, at: datetime) -> int:
        """Record that a command began; return the run's id."""
        return self._db.insert(_RUNS.insert, _RUNS.values(Run(command=command, started_at=at)))

    def finish(self, run_id: int, at: datetime, *, ok: bool, counts: Mapping[str, int], errors: Sequence[str]) -> None:
        """Record how it ended."""
        self._db.run(
            "UPDATE runs SET finished_at = ?, ok = ?, counts = ?, errors = ? WHERE id = ?",
            (to_text(at), int(ok), to_json(counts), to_json(errors), run_id),
        )

    def last(self, command: str) -> Run | None:
        """Return the newest run of a command."""
        row = self._db.row(f"{_RUNS.select} WHERE command = ? ORDER BY id DESC LIMIT 1", (command,))
        return _RUNS.item(row) if row else None

    def recent(self, command: str, limit: int) -> list[Run]:
        """Return a command's newest runs, the newest first."""
        rows = self._db.rows(f"{_RUNS.select} WHERE command = ? ORDER BY id DESC LIMIT ?", (command, limit))
        return [_RUNS.item(row) for row in rows]

    def prune(self, before: datetime) -> int:
        """Forget the runs that began before a moment, but each command's newest; return how many."""
        return self._db.run(
            "DELETE FROM runs WHERE started_at < ? AND id NOT IN (SELECT max(id) FROM runs GROUP BY command)",
            (to_text(before),),
        )
