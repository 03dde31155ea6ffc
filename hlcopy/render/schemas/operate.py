"""The documents of what an operator does by hand: halt, resume, verify, doctor."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from hlcopy.domain.models import Side
from hlcopy.render.schemas.base import Moment, Price, Problem, Ran, Shape, Size
from hlcopy.render.schemas.rows import Breaker, Halt


class Halted(Ran):
    """A halt, and whether it is a new one."""

    command: Literal["halt"]
    halted: Halt
    changed: bool = Field(description="false when it stood already")


class Open(Shape):
    """An open position of ours."""

    id: int
    token_symbol: str
    side: Side


class Resume(Ran):
    """What stood before somebody who resumed, and whether anything was ended."""

    command: Literal["resume"]
    network: str
    venue: str
    account: str
    agent: str = Field(default="", description="only when trading live")
    halted: Halt | None
    equity_usd: float
    largest_order_usd: float
    positions: list[Open]
    foreign: list[str] = Field(description="coins of positions that aren't ours")
    ending: list[Breaker]
    breakers: list[Breaker] = Field(description="those that stay")
    resumed: bool


class Stop(Shape):
    """A stop that rests at the venue."""

    trigger_price: Price
    size: Size
    reduce_only: bool


class Guarded(Shape):
    """A position of ours, what the venue holds of it, and its stops."""

    id: int
    token_symbol: str
    side: Side
    size: Size
    venue_size: Size | None
    mark_price: Price | None
    liquidation_price: Price | None
    stops: list[Stop]
    ok: bool


class Lasting(Shape):
    """A position that stands without a stop now."""

    position_id: int
    since: Moment


class Naked(Shape):
    """How long positions stood without a resting stop, in seconds."""

    spans: int
    total: float
    p99: float
    max: float
    lasting: list[Lasting]


class Verify(Ran):
    """What was proved of our positions."""

    command: Literal["verify"]
    repaired: list[Problem]
    notes: list[str]
    positions: list[Guarded]
    naked_seconds: Naked


class Check(Shape):
    """One thing that was looked at."""

    name: str
    ok: bool | None = Field(description="null where it can't be told now")
    said: str
    remedy: str | None


class Doctor(Ran):
    """All that was looked at."""

    command: Literal["doctor"]
    checks: list[Check]


DOCUMENTS: Final = {"halt": Halted, "resume": Resume, "verify": Verify, "doctor": Doctor}
