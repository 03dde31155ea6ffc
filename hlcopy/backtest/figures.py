"""Everything that a finished replay is judged by, from its positions, their fills and the market."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hlcopy.backtest import curve, metrics
from hlcopy.domain.book import PositionStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from hlcopy.backtest.curve import Excursion, Exposure, PaidFunding
    from hlcopy.backtest.metrics import Drawdown, Period, Point
    from hlcopy.backtest.replay import ReplayMarket
    from hlcopy.domain.book import OurFill, Position

_NO_REASON: Final = "UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The closed trades that share a coin, trader, side or exit reason; results in USD net of costs."""

    name: str
    trades: int
    won: int
    pnl_usd: float
    average_hours: float | None
    profit_factor: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall:
    """From what prices alone would have brought to what is left, in USD: gross - slippage - fees - funding = net."""

    gross_usd: float
    slippage_usd: float
    fees_usd: float
    funding_usd: float
    net_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trades:
    """Figures of the closed trades whose result is known; None where there is nothing to tell it from."""

    count: int
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
    best: Position | None
    worst: Position | None
    mean_mfe_pct: float | None
    mean_mae_pct: float | None
    capture: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Everything beyond the plain sums of a replay."""

    points: Sequence[Point]
    drawdown: Drawdown | None
    lowest: Point
    cagr_pct: float | None
    volatility_pct: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    probabilistic_sharpe: float | None
    exposure: Exposure
    market_change_pct: float | None
    waterfall: Waterfall
    trades: Trades
    days: Sequence[Period]
    weeks: Sequence[Period]
    months: Sequence[Period]
    by_coin: Sequence[Group]
    by_trader: Sequence[Group]
    by_side: Sequence[Group]
    by_reason: Sequence[Group]
    excursions: Mapping[int, Excursion]

    @property
    def best_day(self) -> Period | None:
        """The day that made most."""
        return max(self.days, key=lambda day: day.usd, default=None)

    @property
    def worst_day(self) -> Period | None:
        """The day that lost most."""
        return min(self.days, key=lambda day: day.usd, default=None)


def figures(
    positions: Sequence[Position],
    fills: Mapping[str, Sequence[OurFill]],
    books: PaidFunding,
    market: ReplayMarket,
    *,
    start: datetime,
    end: datetime,
    start_equity: float,
) -> Figures:
    """Return the figures of a replay from `start` to `end`, UTC midnights; `fills` are ours by signal id."""
    points = curve.equity_curve(positions, fills, books, market, start=start, end=end, start_equity=start_equity)
    equity = [point.equity_usd for point in points]
    returns = metrics.daily_returns(equity)
    drawdown = metrics.deepest_drawdown(points)
    cagr = metrics.cagr_percent(start_equity, equity[-1], len(points) - 1)
    found = ((position.id or 0, curve.excursion(position, market)) for position in positions)
    excursions = {number: excursion for number, excursion in found if excursion is not None}
    closed = [position for position in positions if _is_known(position)]
    return Figures(
        points=points,
        drawdown=drawdown,
        lowest=min(points, key=lambda point: point.equity_usd),
        cagr_pct=cagr,
        volatility_pct=metrics.volatility_percent(returns),
        sharpe=metrics.sharpe(returns),
        sortino=metrics.sortino(returns),
        calmar=metrics.calmar(cagr, drawdown),
        probabilistic_sharpe=metrics.probabilistic_sharpe(returns),
        exposure=curve.exposure(positions, fills, start=start, end=end, start_equity=start_equity),
        market_change_pct=curve.market_change_percent(
            sorted({position.coin for position in positions}), market, start, end
        ),
        waterfall=_waterfall(positions, fills, equity[-1] - start_equity),
        trades=_trades(closed, excursions),
        days=metrics.periods(points, lambda day: day.isoformat()),
        weeks=metrics.periods(points, metrics.week_of),
        months=metrics.periods(points, metrics.month_of),
        by_coin=_groups(closed, lambda position: position.coin),
        by_trader=_groups(closed, lambda position: position.source_trader),
        by_side=_groups(closed, lambda position: position.side),
        by_reason=_groups(closed, lambda position: position.close_reason or _NO_REASON),
        excursions=excursions,
    )


def _is_known(position: Position) -> bool:
    return position.status is PositionStatus.CLOSED and position.realized_pnl_usd is not None


def _waterfall(positions: Sequence[Position], fills: Mapping[str, Sequence[OurFill]], net: float) -> Waterfall:
    ours = [fill for position in positions for fill in fills.get(position.signal_id, ())]
    slippage, fees = sum(fill.slippage_usd for fill in ours), sum(fill.fee for fill in ours)
    funding = sum(position.funding_usd for position in positions)
    return Waterfall(
        gross_usd=net + slippage + fees + funding,
        slippage_usd=slippage,
        fees_usd=fees,
        funding_usd=funding,
        net_usd=net,
    )


def _trades(closed: Sequence[Position], excursions: Mapping[int, Excursion]) -> Trades:
    by_end = sorted(closed, key=lambda position: (position.closed_at or position.opened_at, position.id or 0))
    results = [_result(position) for position in by_end]
    winners = [_hours(position) for position in by_end if _result(position) > 0]
    losers = [_hours(position) for position in by_end if _result(position) <= 0]
    streaks = metrics.longest_streaks(results)
    moved = [excursions[position.id or 0] for position in by_end if (position.id or 0) in excursions]
    reached = sum(excursion.favourable_percent for excursion in moved)
    return Trades(
        count=len(closed),
        win_rate_pct=metrics.win_rate_percent(results),
        profit_factor=metrics.profit_factor(results),
        expectancy_usd=metrics.expectancy(results),
        payoff_ratio=metrics.payoff_ratio(results),
        average_winner_hours=_mean(winners),
        median_winner_hours=statistics.median(winners) if winners else None,
        average_loser_hours=_mean(losers),
        median_loser_hours=statistics.median(losers) if losers else None,
        longest_winning_streak=streaks[0],
        longest_losing_streak=streaks[1],
        best=max(by_end, key=_result, default=None),
        worst=min(by_end, key=_result, default=None),
        mean_mfe_pct=_mean([excursion.favourable_percent for excursion in moved]),
        mean_mae_pct=_mean([excursion.adverse_percent for excursion in moved]),
        capture=sum(excursion.gained_percent for excursion in moved) / reached if reached > 0 else None,
    )


def _groups(closed: Sequence[Position], key: Callable[[Position], str]) -> list[Group]:
    """Return the trades by what they share, most trades first."""
    parts: dict[str, list[Position]] = defaultdict(list)
    for position in closed:
        parts[str(key(position))].append(position)
    groups = [
        Group(
            name=name,
            trades=len(part),
            won=sum(_result(position) > 0 for position in part),
            pnl_usd=sum(map(_result, part)),
            average_hours=_mean([_hours(position) for position in part]),
            profit_factor=metrics.profit_factor(map(_result, part)),
        )
        for name, part in parts.items()
    ]
    return sorted(groups, key=lambda group: (-group.trades, group.name))


def _result(position: Position) -> float:
    return position.realized_pnl_usd or 0.0


def _hours(position: Position) -> float:
    return ((position.closed_at or position.opened_at) - position.opened_at).total_seconds() / 3600


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None
