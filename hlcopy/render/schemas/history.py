"""The documents of recorded history: data import, fetch and status."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from hlcopy.render.schemas.base import Moment, Problem, Shape, Size


class Import(Shape):
    """What was stored from files."""

    kind: Literal["fills", "candles", "funding"]
    files: int
    read: int = Field(description="rows")
    added: int = Field(description="rows that weren't stored already")
    warnings: list[str]


class Fetched(Shape):
    """How many of each kind."""

    fills: int
    equity_points: int
    candles: int
    funding: int
    leaderboard: int


class Fetch(Shape):
    """What was downloaded of a period."""

    command: Literal["data fetch"]
    ok: bool
    first: Moment = Field(alias="from")
    end: Moment = Field(alias="to", description="UTC, the first moment after the period")
    traders: list[str]
    coins: list[str]
    counts: Fetched = Field(description="what is new")
    asked: Fetched = Field(description="how many questions; what is stored isn't asked for")
    warnings: list[str]
    errors: list[Problem]


class Span(Shape):
    """Something stored, from its first to its last moment."""

    first: Moment = Field(alias="from")
    last: Moment = Field(alias="to")
    count: int


class FillGap(Shape):
    """A fill that doesn't begin where the one before it ended."""

    token_symbol: str
    at: Moment
    expected: Size
    found: Size


class Fills(Span):
    """A trader's stored fills."""

    trader_address: str
    orders: int
    gaps: list[FillGap]
    complete_from: Moment | None
    complete_until: Moment | None


class Hole(Span):
    """What is missing; `venue_has_none` when it was asked for and there is nothing."""

    venue_has_none: bool


class Rates(Span):
    """A coin's stored funding rates."""

    token_symbol: str
    missing: int
    gaps: list[Hole] = Field(description="the hundred largest")


class Candles(Rates):
    """A coin's stored candles of one length."""

    interval: str


class Equity(Shape):
    """What a trader's account is worth."""

    trader_address: str
    account_value: float = Field(description="USD")
    as_of: Moment | None


class EquityPoints(Span):
    """A trader's stored equity through time."""

    trader_address: str
    first_read_at: Moment
    last_read_at: Moment


class Status(Shape):
    """What is recorded, and what is missing."""

    fills: list[Fills]
    candles: list[Candles]
    funding: list[Rates]
    equity: list[Equity]
    equity_points: list[EquityPoints]


DOCUMENTS: Final = {"data import": Import, "data fetch": Fetch, "data status": Status}
