"""The document of a backtest."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from hlcopy.domain.book import ExitReason
from hlcopy.domain.models import Action, Side, SkipReason
from hlcopy.render.schemas.base import Day, Facts, Hours, Moment, Percent, Price, Shape, Share, Size, Usd
from hlcopy.render.schemas.comparison import Comparison
from hlcopy.render.schemas.rows import Decision, Weight


class Assumptions(Shape):
    """Everything that a replay takes for granted, in words where it is no number."""

    changed: dict[str, str] = Field(default={}, alias="set", description="settings that were given for this run")
    our_equity_usd: float
    trader_equity_usd: dict[str, float] = Field(default={}, description="of each wallet that was named")
    traders: str = Field(default="", description="how they were chosen, where none was named")
    trader_equity: str = ""
    candle_minutes: dict[str, float | str] = Field(description="the length of each coin's candles")
    mark: str
    entry_fill: str
    exit_fill: str
    in_candle: str
    feed_delay_seconds: float
    poll_seconds: float
    copy_delay_minutes: float
    taker_fee_percent: float
    slippage_percent: dict[str, float] = Field(description="of each coin; _default of the others")
    funding: str
    trader_exits: str
    exit_books: str
    equity_curve: str
    trader_leverage: str
    instruments: str
    market_gates: str


class BestTrade(Shape):
    """A closed trade of ours."""

    signal_id: str
    token_symbol: str
    realized_pnl_usd: float | None


class _Result(Shape):
    pnl_usd: float
    return_pct: float | None


class OneDay(_Result):
    """What a UTC day made."""

    day: Day


class OneWeek(_Result):
    """What an ISO week made."""

    week: str = Field(pattern=r"^\d{4}-W\d\d$")


class OneMonth(_Result):
    """What a month made."""

    month: str = Field(pattern=r"^\d{4}-\d\d$")


class Metrics(Shape):
    """The figures of a backtest; ratios are null where there is nothing to tell them from."""

    events: int
    decisions: int
    entries: int
    open_at_end: int
    closed: int
    winners: int
    start_equity_usd: float
    final_equity_usd: float
    return_pct: float
    realized_pnl_usd: float
    unrealized_pnl_usd: float
    open_positions_pnl_usd: float
    fees_usd: float
    funding_usd: float
    slippage_usd: float
    average_hours: float | None
    cagr_pct: float | None
    volatility_pct: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    probabilistic_sharpe: Share | None
    max_drawdown_usd: float
    max_drawdown_pct: float
    max_drawdown_from: Moment | None
    max_drawdown_to: Moment | None
    max_drawdown_days: float | None
    max_drawdown_recovered_at: Moment | None
    lowest_equity_usd: float
    lowest_equity_at: Moment
    time_in_market_pct: float
    average_exposure_pct: float
    market_change_pct: float | None
    trades: int
    win_rate_pct: float | None
    profit_factor: float | None
    expectancy_usd: float | None
    payoff_ratio: float | None
    average_winner_hours: float | None
    median_winner_hours: float | None
    average_loser_hours: float | None
    median_loser_hours: float | None
    longest_winning_streak: int
    longest_losing_streak: int
    best_trade: BestTrade | None
    worst_trade: BestTrade | None
    best_day: OneDay | None
    worst_day: OneDay | None
    mean_mfe_pct: float | None
    mean_mae_pct: float | None
    capture: Share | None


class Trade(Shape):
    """A position that was opened; what an exit tells is null while it is open."""

    signal_id: str
    trader_address: str
    token_symbol: str
    side: Side
    opened_at: Moment
    entry_price: Price
    size: Size
    value_usd: float
    closed_at: Moment | None
    exit_price: Price | None
    close_reason: ExitReason | None
    realized_pnl_usd: float | None
    fees_usd: float | None
    funding_usd: float | None
    mark_price: Price | None = Field(description="the last mark of an open one")
    unrealized_pnl_usd: float | None
    tiers_taken: list[int]
    mfe_pct: float | None = Field(description="the furthest it went for us")
    mae_pct: float | None = Field(description="the furthest it went against us")
    capture: float | None = Field(description="what was gained over the furthest it went for us")


class Judged(Shape):
    """A trader's order and what was decided about it."""

    signal_id: str
    trader_address: str
    order_key: str
    token_symbol: str
    side: Side
    action: Action
    first_fill_at: Moment
    timestamp: Moment
    value_usd: float
    position_weight: Weight | None
    slippage_pct: float | None
    decision: Decision
    copy_size_usd: float | None
    detail: Facts


class Selection(Shape):
    """Whom the daily selection chose."""

    days: int
    days_with_leaderboard: int
    scores: int
    neutral_parts: dict[str, int] = Field(description="scores that took a part for neutral for want of input, by part")
    days_followed: dict[str, int] = Field(description="by wallet")


class Exits(Shape):
    """What one exit reason closed."""

    count: int
    won: int
    pnl_usd: Usd


class Waterfall(Shape):
    """From what prices alone would have brought to what is left: gross - slippage - fees - funding = net."""

    gross_usd: float
    slippage_usd: float
    fees_usd: float
    funding_usd: float
    net_usd: float


class _Group(Shape):
    trades: int
    won: int
    pnl_usd: float
    average_hours: Hours | None
    profit_factor: float | None


class ByCoin(_Group):
    """Closed trades of a coin."""

    token_symbol: str


class ByTrader(_Group):
    """Closed trades that copied a trader."""

    trader_address: str


class BySide(_Group):
    """Closed trades of a side."""

    side: Side


class ByExitReason(_Group):
    """Closed trades by what closed them."""

    close_reason: ExitReason


class Point(Shape):
    """What the account was worth at a UTC midnight."""

    at: Moment
    equity_usd: float
    drawdown_pct: Percent = Field(description="percent below the highest before")


class Summary(Shape):
    """What trades of a period amount to, whether they were replayed or really made."""

    first: Day = Field(alias="from")
    last: Day = Field(alias="to")
    metrics: Metrics
    exits_comparison: Comparison | None = Field(description="null without an entry")
    exits: dict[ExitReason, Exits]
    trades: list[Trade]
    skips: dict[SkipReason, int]
    decisions: list[Judged] = Field(description="oldest first")
    selection: Selection | None = Field(description="null where there was none")
    warnings: list[str]
    waterfall: Waterfall
    by_coin: list[ByCoin]
    by_trader: list[ByTrader]
    by_side: list[BySide]
    by_exit_reason: list[ByExitReason]
    equity: list[Point]
    days: list[OneDay]
    weeks: list[OneWeek]
    months: list[OneMonth]


class Backtest(Summary):
    """A finished backtest."""

    assumptions: Assumptions


DOCUMENTS: Final = {"backtest": Backtest}
