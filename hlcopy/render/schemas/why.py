"""The documents of decisions looked at again: why, replay."""

from __future__ import annotations

from typing import Final

from pydantic import Field, JsonValue

from hlcopy.domain.book import ExitReason, IntentState, Purpose
from hlcopy.domain.explained import Asks, Unit
from hlcopy.domain.models import Wait
from hlcopy.render.schemas.base import Counts, Moment, Percent, Price, Shape, Share, Size
from hlcopy.render.schemas.rows import Breaker, Decision, Halt, PositionRow, SignalRow


class Gate(Shape):
    """One gate: what it measured and what it asks for, in its unit or in words."""

    gate: str
    code: str
    holds: bool | None = Field(description="null where it wasn't looked at")
    measured: float | str | None
    asks: Asks | None
    needed: float | str | None
    unit: Unit | None
    shortfall: float | None = Field(description="how far it is off, as a share of what is needed")


class Order(Shape):
    """An order of ours; an entry or an exit has a limit, a stop has a trigger."""

    client_order_id: str
    purpose: Purpose
    signal_id: str
    leg: str
    attempt: int
    coin: str
    is_buy: bool
    size: Size
    limit_price: Price | None
    trigger_price: Price | None
    reduce_only: bool
    created_at: Moment
    expires_at: Moment | None
    reason: ExitReason | None
    state: IntentState
    filled_size: Size
    average_price: Price | None
    error: str | None
    misses: int = Field(description="how often the venue didn't know it")
    last_miss_at: Moment | None
    venue_order_id: int | None


class Fill(Shape):
    """A fill of ours at the venue."""

    identity: str
    coin: str
    is_buy: bool
    price: Price
    size: Size
    fee: float = Field(description="USD, positive when paid")
    time: Moment
    client_order_id: str | None = Field(description="null when no order of ours did it")
    forced: ExitReason | None = Field(description="why the venue itself took the position")
    slippage_usd: float
    venue_order_id: int | None


class Move(Shape):
    """A line of a position's story."""

    position_id: int
    at: Moment
    action: str = Field(description="entered, stop_placed, stop_moved, reduced, closed")
    reason: ExitReason | None
    price: Price | None


class Ending(Shape):
    """How the trader's own position went on, as far as stored fills tell."""

    known_until: Moment | None
    left: Share = Field(description="how much of it is still held, from 0 to 1")
    price: Price | None = Field(description="the average of what was taken off")
    gain_percent: Percent | None
    closed_at: Moment | None
    broken_at: Moment | None = Field(description="from when on fills are missing")


class Story(Shape):
    """A signal and all that belongs to it."""

    signal: SignalRow
    decided_by: str | None = Field(description="the version of hlcopy")
    gates: list[Gate]
    position: PositionRow | None
    orders: list[Order]
    fills: list[Fill]
    actions: list[Move]
    trader_ending: Ending | None
    others: list[str] = Field(description="further signals of the coin, newest first")


class Waiting(Shape):
    """A signal that isn't decided yet."""

    signal_id: str
    wait: Wait | None
    check_at: Moment | None


class Miss(Shape):
    """A signal that was nearly copied, and the gate that kept it out."""

    signal_id: str
    token_symbol: str
    trader_address: str
    decision: Decision
    gates_failed: int
    gate: Gate


class Present(Shape):
    """Why nothing was entered of late, or what was."""

    since: Moment
    until: Moment
    orders: int
    opened_or_added: int = Field(description="how many of the orders")
    decisions: Counts
    entered: list[str] = Field(description="ids of signals")
    waiting: list[Waiting]
    nearest_misses: list[Miss]
    without_evidence: int = Field(description="skipped ones of which it wasn't kept what each gate measured")
    followed: int = Field(description="traders")
    last_poll_at: Moment | None
    halted: Halt | None
    breakers: list[Breaker]


class Changed(Shape):
    """A field that isn't the same."""

    stored: JsonValue
    made: JsonValue


class Different(Shape):
    """A decision that is another one when it is made again."""

    signal_id: str
    decided_by: str | None = Field(description="the version of hlcopy")
    ends_at: str | None = Field(description="what would have to be asked to go on from there")
    differences: dict[str, Changed]


class Replay(Shape):
    """Decisions made again from what was stored for them."""

    changes: list[str] = Field(alias="with", description="settings that were given another value")
    decisions: int
    same: int
    not_kept: int = Field(description="those of which it wasn't kept what they were made from")
    different: list[Different]


DOCUMENTS: Final = {"why": Story | Present, "replay": Replay}
