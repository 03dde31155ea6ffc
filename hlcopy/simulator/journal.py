"""The local venue's own log of its trading side, against which others' books are checked: what was asked and what happened."""

from __future__ import annotations

import json
from typing import Any


class Journal:
    """Entries in their order, each with its number `n`, `at_ms` and `kind`; an entry is plain JSON."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def note(self, at_ms: int, kind: str, **facts: object) -> dict[str, Any]:
        """Write an entry and return it, for what becomes known of it later."""
        entry = {"n": len(self.entries) + 1, "at_ms": at_ms, "kind": kind, **facts}
        self.entries.append(entry)
        return entry

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the entries of a kind."""
        return [entry for entry in self.entries if entry["kind"] == kind]

    def lines(self, after: int = 0) -> bytes:
        """Return the entries beyond a number as JSON lines."""
        rows = (json.dumps(entry, separators=(",", ":"), allow_nan=False) for entry in self.entries[max(after, 0) :])
        return "".join(f"{row}\n" for row in rows).encode()
