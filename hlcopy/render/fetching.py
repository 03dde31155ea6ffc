"""What `data fetch` says in the end."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.render import text
from hlcopy.render.tables import Column, table
from hlcopy.ticks import fetch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hlcopy.ticks.fetch import Fetched

DOWN: Final = "Hyperliquid can't be read now; what was fetched is kept, run `hlcopy data fetch` again to go on"
_COLUMNS: Final = (
    Column("WHAT"),
    Column("OF"),
    Column("ASKED", right=True),
    Column("NEW", right=True),
    Column("FAILED", right=True),
)
_NAMES: Final = {
    fetch.FILLS: "fills",
    fetch.EQUITY: "equity points",
    fetch.CANDLES: "candles",
    fetch.FUNDING: "funding rates",
    fetch.BOARD: "leaderboard rows",
}


def fetched_document(found: Fetched, warnings: Sequence[str]) -> dict[str, object]:
    """Return the JSON document."""
    wanted = found.wanted
    return {
        "command": "data fetch",
        "ok": not found.problems and not found.down,
        "from": wanted.start,
        "to": wanted.end,
        "traders": list(wanted.traders),
        "coins": list(found.coins),
        "counts": {kind: found.new.get(kind, 0) for kind in _NAMES},
        "asked": {kind: found.asked.get(kind, 0) for kind in _NAMES},
        "warnings": list(warnings),
        "errors": [{"code": each.code, "message": each.message, "item": each.item} for each in found.problems],
    }


def fetched_text(found: Fetched, width: int | None) -> str:
    """Return a table of what was asked for and what is new; what isn't asked for is stored already."""
    traders, coins = _many(len(found.wanted.traders), "trader"), _many(len(found.coins), "coin")
    of = {fetch.FILLS: traders, fetch.EQUITY: traders, fetch.CANDLES: coins, fetch.FUNDING: coins, fetch.BOARD: "today"}
    failed = [each.code.removesuffix("_UNREADABLE").lower() for each in found.problems]
    rows = [
        (
            name,
            of[kind],
            text.count(found.asked.get(kind, 0)),
            text.count(found.new.get(kind, 0)),
            text.count(failed.count(kind)),
        )
        for kind, name in _NAMES.items()
    ]
    last = found.wanted.end - timedelta(milliseconds=1)
    return table(f"Fetched: {text.day(found.wanted.start)} to {text.day(last)}", _COLUMNS, rows, width=width)


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
