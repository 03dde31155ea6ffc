"""The comparison of exits in the document of a backtest."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hlcopy.render.schemas.base import Interval, Moment, Shape, Size


class Book(Shape):
    """The sums of one way out; percents are of each entry's notional, net of costs."""

    entries: int
    won: int
    open_at_end: int
    net_usd: float
    fees_usd: float
    funding_usd: float
    slippage_usd: float
    mean_pct: float | None
    median_pct: float | None
    tail_5_pct: float | None = Field(description="the mean of the worst 5 %")


class Books(Shape):
    """The same entries left in three ways."""

    ours: Book
    trader: Book
    hold_72h: Book


class Versus(Shape):
    """Our exits less another's, entry by entry."""

    verdict: Literal["better", "worse", "not shown"]
    evidence: Literal["SUFFICIENT", "INSUFFICIENT"]
    pairs: int
    left_out: int
    days: int
    ours_better_in: int
    mean_difference_pct: float | None
    median_difference_pct: float | None
    tail_5_difference_pct: float | None
    interval_pct: Interval | None
    mean_difference_usd: float | None
    median_difference_usd: float | None
    tail_5_difference_usd: float | None
    interval_usd: Interval | None


class Outcome(Shape):
    """What an entry came to in one book; of what is open the last mark is its exit."""

    net_usd: float
    fees_usd: float
    funding_usd: float
    slippage_usd: float
    open_size: Size
    closed_at: Moment | None
    reason: str | None


class Entry(Shape):
    """One entry and what it came to in each book, null where that can't be known."""

    position_id: int
    signal_id: str
    token_symbol: str
    trader_address: str
    opened_at: Moment
    notional_usd: float
    trader_unknown_from: Moment | None = Field(description="from when on the trader's exit isn't known")
    ours: Outcome | None
    trader: Outcome | None
    hold_72h: Outcome | None


class Comparison(Shape):
    """Our exits against the trader's and against holding for 72 hours."""

    confidence_pct: float
    resamples: int
    seed: int
    min_days: int
    books: Books
    ours_vs_trader: Versus
    ours_vs_hold_72h: Versus
    entries: list[Entry]
