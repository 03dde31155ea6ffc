"""The documents of traders: the list, all that is known of one, and a person's word on them."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from hlcopy.domain.models import Side
from hlcopy.render.schemas.base import Counts, Moment, Price, Shape, Size
from hlcopy.render.schemas.rows import Leverage, TraderRow


class Choice(Shape):
    """A person's word on a trader."""

    pinned: bool
    banned: bool
    watched: bool
    budget_usd: float | None = Field(description="the most that may be open of its copies")
    note: str | None
    at: Moment


class ChosenRow(TraderRow):
    """A known trader, and the word on it."""

    choice: Choice | None


class Traders(Shape):
    """Known traders, those left out among them."""

    traders: list[ChosenRow]


class Held(Shape):
    """A position of the trader, as last seen."""

    token_symbol: str
    side: Side
    size: Size
    value_usd: float
    leverage: Leverage | None


class RoundTrip(Shape):
    """A position of the trader from its first fill to its last."""

    token_symbol: str
    side: Side
    opened_at: Moment
    closed_at: Moment | None
    value_usd: float = Field(description="of all that was entered")
    entry_price: Price | None
    exit_price: Price | None
    pnl_usd: float
    complete: bool = Field(description="false where it wasn't seen whole")


class Gap(Shape):
    """A fill that doesn't begin where the one before it ended."""

    token_symbol: str
    at: Moment
    expected: Size
    found: Size


class Ours(Shape):
    """What copying the trader came to; realized is net of costs, of closed copies alone."""

    copies: int
    open: int
    won: int
    realized_usd: float
    fees_usd: float
    funding_usd: float
    open_usd: float = Field(description="at entry")


class Dossier(Shape):
    """All that is known of one trader."""

    trader: TraderRow
    choice: Choice | None
    positions: list[Held]
    round_trips: list[RoundTrip] = Field(description="the last ones, newest first")
    round_trips_known: int
    fills: int = Field(description="stored ones of perpetuals")
    gaps: list[Gap]
    ours: Ours
    decisions: Counts


class Said(Shape):
    """A word on a trader, and what it means."""

    address: str
    choice: Choice | None = Field(description="null where nothing is left of it")
    said: str


_WORDS: Final = ("pin", "unpin", "ban", "unban", "note", "watch", "unwatch", "budget")

DOCUMENTS: Final = {
    "traders list": Traders,
    "traders show": Dossier,
    **{f"traders {word}": Said for word in _WORDS},
}
