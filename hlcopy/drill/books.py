"""The database of a drill as whoever knows nothing of the program reads it: by SQL, over a connection that only reads."""

from __future__ import annotations

import sqlite3
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    Row = dict[str, Any]


class Books:
    """What is committed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open the file, which must be there."""
        self._db = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, check_same_thread=False)
        self._db.row_factory = sqlite3.Row

    def close(self) -> None:
        """Close it."""
        if self._db is not None:
            self._db.close()

    def rows(self, query: str, *values: object) -> list[Row]:
        """Return the rows of a query by column."""
        assert self._db is not None  # noqa: S101 - `open` comes first
        return [dict(row) for row in self._db.execute(query, values)]

    def has_pending(self) -> bool:
        """Whether an order's fate isn't known yet."""
        return bool(self.rows("SELECT 1 FROM orders WHERE state = 'pending' LIMIT 1"))

    def orders(self) -> Counter[str]:
        """Return how many orders there are by purpose and state."""
        rows = self.rows("SELECT purpose, state, count(*) AS n FROM orders GROUP BY purpose, state")
        return Counter({f"{row['purpose']} {row['state']}": row["n"] for row in rows})

    def state(self) -> dict[str, Any]:
        """Return decisions and positions, without moments."""
        return {
            "decisions": sorted(row["decision"] for row in self.rows("SELECT decision FROM signals")),
            "positions": [
                (row["token_symbol"], row["side"], row["status"], row["size"], row["close_reason"], row["tiers_taken"])
                for row in self.rows("SELECT * FROM our_positions ORDER BY id")
            ],
        }
