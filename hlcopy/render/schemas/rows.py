"""Rows that several documents share: signals, traders, positions, what was done with them, what keeps entries out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hlcopy.domain.book import ExitReason, PositionStatus
from hlcopy.domain.models import Action, OrderType, Side, SkipReason, Wait
from hlcopy.domain.selection import Disqualified
from hlcopy.render.schemas.base import Facts, Moment, Percent, Price, Score, Shape, Share, Size, Usd

Decision = Literal["EXECUTE", "DEFERRED"] | SkipReason
Tier = Literal["primary", "secondary"]
Leverage = Annotated[float, Field(description="position value over equity or margin")]
Weight = Annotated[float, Field(description="the order's value over the trader's equity")]


class SignalRow(Shape):
    """An order of a trader and what was decided about it."""

    id: str
    trader_address: str
    token_symbol: str
    side: Side
    action: Action
    value_usd: float
    position_weight: Weight | None
    timestamp: Moment
    age_seconds: float | None
    slippage_check_passed: bool | None
    trader_score: Score | None
    copy_size_usd: float | None
    decision: Decision
    created_at: Moment
    updated_at: Moment
    check_at: Moment | None = Field(description="when a deferred one is looked at again")
    wait: Wait | None
    slippage_pct: float | None
    order_type: OrderType | None
    max_slippage: Percent | None
    leverage: Leverage | None
    trader_roi_7d: Percent | None
    trader_equity: Usd | None
    trade_price: Price
    mark_price: Price | None
    order_key: str = Field(description="the trader's order or TWAP")
    first_fill_at: Moment
    detail: Facts


class TraderRow(Shape):
    """A scored trader."""

    address: str
    label: str | None
    score: Score
    style: str | None = Field(description="HFT, SWING, POSITION")
    tier: Tier | None = Field(description="null for one who isn't followed")
    roi_7d: Percent | None
    roi_30d: Percent | None
    roi_90d: Percent | None
    win_rate: Share | None
    account_value: Usd | None
    nof_trades: int | None
    last_scored_at: Moment | None
    blacklisted_until: Moment | None
    disqualified_reason: Disqualified | None
    scored: bool = Field(description="false for a wallet that is followed without a score")
    rank: float | str | None
    terms: Facts = Field(description="what the score was made of")


class PositionRow(Shape):
    """A position of ours."""

    id: int
    token_symbol: str
    side: Side
    entry_price: Price
    size: Size = Field(description="units of the coin that are open; once closed, that there were")
    entry_size: Size
    value_usd: float
    leverage: int
    stop_price: Price
    trailing_stop_price: Price
    trigger_price: Price | None = Field(description="where the stop rests at the venue")
    highest_price: Price | None = Field(description="the best mark of a long since its entry")
    lowest_price: Price | None = Field(description="the best mark of a short since its entry")
    opened_at: Moment
    source_trader: str
    source_signal_id: str
    status: PositionStatus
    stop_client_order_id: str | None
    stop_confirmed: bool = Field(description="whether the stop was seen resting at the venue")
    tiers_taken: list[int]
    checked_at: Moment | None
    closing_reason: ExitReason | None
    closed_at: Moment | None
    close_reason: ExitReason | None
    exit_price: Price | None
    realized_pnl_usd: float | None = Field(description="net of fees and funding")
    fees_usd: float = Field(description="positive when paid")
    funding_usd: float = Field(description="positive when paid")
    mark_price: Price | None
    unrealized_pct: float | None = Field(description="the price's move in our favour, percent of the entry price")


class PositionAction(Shape):
    """Something done with a position of ours."""

    position_id: int
    token_symbol: str | None
    action: str = Field(description="entered, stop_placed, stop_moved, reduced, closed")
    reason: ExitReason | None
    price: Price | None
    at: Moment


class Halt(Shape):
    """Since when and why nothing new is opened."""

    at: Moment
    reason: str


class Breaker(Shape):
    """A limit that keeps entries out."""

    name: str
    since: Moment
    until: Moment | None = Field(description="null for one that only resume ends")
    measured: float
    limit: float
    trader: str | None = Field(description="whose copies it keeps out; null for everybody's")
