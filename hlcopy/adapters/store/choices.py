"""The table `trader_choices`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlcopy.adapters.store.rows import FLAG, TIME, Column, Table
from hlcopy.domain.choices import Choice

if TYPE_CHECKING:
    from hlcopy.adapters.store.connection import Connection

_CHOICES: Final = Table(
    "trader_choices",
    Choice,
    (
        Column("address"),
        Column("at", codec=TIME),
        Column("pinned", codec=FLAG),
        Column("banned", codec=FLAG),
        Column("watched", codec=FLAG),
        Column("budget_usd"),
        Column("note"),
    ),
    key=("address",),
)


class StoredChoices:
    """The ledger of a person's word on traders, over the file."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def get(self, address: str) -> Choice | None:
        """Return the word on one trader."""
        row = self._db.row(f"{_CHOICES.select} WHERE address = ?", (address,))
        return _CHOICES.item(row) if row else None

    def all(self) -> list[Choice]:
        """Return every word, by address."""
        return [_CHOICES.item(row) for row in self._db.rows(f"{_CHOICES.select} ORDER BY address")]

    def put(self, choice: Choice) -> None:
        """Replace the word on a trader; one that says nothing any more is forgotten."""
        if choice.says_something:
            self._db.run(_CHOICES.upsert, _CHOICES.values(choice))
        else:
            self._db.run("DELETE FROM trader_choices WHERE address = ?", (choice.address,))
