"""The figures of a backtest as parts of its document and as tables within 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlcopy.backtest.metrics import drawdown_percents
from hlcopy.render import text, tones
from hlcopy.render.tables import Column, Table, tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hlcopy.backtest.figures import Figures, Group
    from hlcopy.backtest.metrics import Period, Point
    from hlcopy.domain.book import Position

PLAIN_WIDTH: Final = 80

_PAIRS: Final = (Column("FIGURE"), Column("VALUE", right=True), Column("FIGURE"), Column("VALUE", right=True))
_FALL: Final = (Column("STEP"), Column("USD", right=True), Column("OF EQUITY", right=True))
_GROUPS: Final = (
    Column("CLOSED"),
    Column("TRADES", right=True),
    Column("WON", right=True),
    Column("HOURS", right=True),
    Column("PROFIT FACTOR", right=True),
    Column("PNL", right=True, tone=tones.gain),
)
_PERIODS: Final = (
    Column("PERIOD"),
    Column("PNL", right=True, tone=tones.gain),
    Column("RETURN", right=True, tone=tones.gain),
)
_CENT: Final = 0.005


def number(value: float | None, places: int = 2) -> str:
    """Return a ratio, a dash where it isn't known."""
    return text.DASH if value is None else f"{value:,.{places}f}"


def signed(value: float | None) -> str:
    """Return a percentage with two decimals and a sign, which zero has none of."""
    if value is None:
        return text.DASH
    return f"{value:+,.2f}%" if round(value, 2) else "0.00%"


# The document


def figures_metrics(figures: Figures) -> dict[str, object]:
    """Return the figures that are single values, by the names they have in the document."""
    trades, drawdown, lowest = figures.trades, figures.drawdown, figures.lowest
    days = {"best_day": figures.best_day, "worst_day": figures.worst_day}
    return {
        "cagr_pct": figures.cagr_pct,
        "volatility_pct": figures.volatility_pct,
        "sharpe": figures.sharpe,
        "sortino": figures.sortino,
        "calmar": figures.calmar,
        "probabilistic_sharpe": figures.probabilistic_sharpe,
        "max_drawdown_usd": drawdown.usd if drawdown else 0.0,
        "max_drawdown_pct": drawdown.percent if drawdown else 0.0,
        "max_drawdown_from": drawdown.peak_at if drawdown else None,
        "max_drawdown_to": drawdown.trough_at if drawdown else None,
        "max_drawdown_days": drawdown.days_down if drawdown else None,
        "max_drawdown_recovered_at": drawdown.recovered_at if drawdown else None,
        "lowest_equity_usd": lowest.equity_usd,
        "lowest_equity_at": lowest.at,
        "time_in_market_pct": figures.exposure.time_percent,
        "average_exposure_pct": figures.exposure.average_percent,
        "market_change_pct": figures.market_change_pct,
        "trades": trades.count,
        "win_rate_pct": trades.win_rate_pct,
        "profit_factor": trades.profit_factor,
        "expectancy_usd": trades.expectancy_usd,
        "payoff_ratio": trades.payoff_ratio,
        "average_winner_hours": trades.average_winner_hours,
        "median_winner_hours": trades.median_winner_hours,
        "average_loser_hours": trades.average_loser_hours,
        "median_loser_hours": trades.median_loser_hours,
        "longest_winning_streak": trades.longest_winning_streak,
        "longest_losing_streak": trades.longest_losing_streak,
        "best_trade": _told_trade(trades.best),
        "worst_trade": _told_trade(trades.worst),
        **{name: _told_period(day, "day") if day else None for name, day in days.items()},
        "mean_mfe_pct": trades.mean_mfe_pct,
        "mean_mae_pct": trades.mean_mae_pct,
        "capture": trades.capture,
    }


def equity_document(points: Sequence[Point]) -> list[dict[str, object]]:
    """Return the equity at each midnight, and how far it lies below the highest before."""
    return [
        {"at": point.at, "equity_usd": point.equity_usd, "drawdown_pct": fall}
        for point, fall in zip(points, drawdown_percents(points), strict=True)
    ]


def days_document(days: Sequence[Period]) -> list[dict[str, object]]:
    """Return what each day made."""
    return [_told_period(day, "day") for day in days]


def figures_document(figures: Figures) -> dict[str, object]:
    """Return the figures that are lists, by the names they have in the document."""
    waterfall = figures.waterfall
    return {
        "waterfall": {name: getattr(waterfall, name) for name in waterfall.__dataclass_fields__},
        "by_coin": [_told_group(group, "token_symbol") for group in figures.by_coin],
        "by_trader": [_told_group(group, "trader_address") for group in figures.by_trader],
        "by_side": [_told_group(group, "side") for group in figures.by_side],
        "by_exit_reason": [_told_group(group, "close_reason") for group in figures.by_reason],
        "equity": equity_document(figures.points),
        "days": days_document(figures.days),
        "weeks": [_told_period(period, "week") for period in figures.weeks],
        "months": [_told_period(period, "month") for period in figures.months],
    }


def _told_trade(position: Position | None) -> dict[str, object] | None:
    if position is None:
        return None
    return {
        "signal_id": position.signal_id,
        "token_symbol": position.coin,
        "realized_pnl_usd": position.realized_pnl_usd,
    }


def _told_period(period: Period, name: str) -> dict[str, object]:
    return {name: period.name, "pnl_usd": period.usd, "return_pct": period.percent}


def _told_group(group: Group, name: str) -> dict[str, object]:
    return {
        name: group.name,
        "trades": group.trades,
        "won": group.won,
        "pnl_usd": group.pnl_usd,
        "average_hours": group.average_hours,
        "profit_factor": group.profit_factor,
    }


# The text


def figures_text(figures: Figures, start_equity: float, width: int | None) -> str:
    """Return risk, return and the way from gross to net as tables."""
    risk = risk_table(figures)
    paired = Table(risk.title, _PAIRS, _in_pairs(risk.rows))
    return tables((paired, costs_table(figures, start_equity)), width=width, plain_width=PLAIN_WIDTH)


def risk_table(figures: Figures) -> Table:
    """Return what the account risked and made, a figure a row."""
    return Table("Risk and return", _PAIRS[:2], list(_risk_rows(figures)))


def costs_table(figures: Figures, start_equity: float) -> Table:
    """Return the way from what prices alone brought to what is left."""
    return Table("From gross to net", _FALL, list(_fall_rows(figures, start_equity)))


def groups_text(figures: Figures, width: int | None) -> str:
    """Return closed trades by coin and side, months, and the weeks in which anything changed."""
    return tables((groups_table(figures), *periods_tables(figures)), width=width, plain_width=PLAIN_WIDTH)


def groups_table(figures: Figures) -> Table:
    """Return the closed trades by coin and by side."""
    groups = [_group_row(group) for group in (*figures.by_coin, *figures.by_side)]
    return Table("By coin and side", _GROUPS, groups)


def periods_tables(figures: Figures) -> tuple[Table, Table]:
    """Return every month, and the weeks in which anything changed."""
    weeks = [week for week in figures.weeks if abs(week.usd) >= _CENT]
    quiet = len(figures.weeks) - len(weeks)
    title = "By week" + (f" ({quiet} without any change left out)" if quiet else "")
    return (
        Table("By month", _PERIODS, [_period_row(month) for month in figures.months]),
        Table(title, _PERIODS, [_period_row(week) for week in weeks]),
    )


def _risk_rows(figures: Figures) -> Iterable[tuple[str, str]]:
    trades, exposure = figures.trades, figures.exposure
    sharpe = figures.probabilistic_sharpe
    yield "CAGR (from 30 days on)", signed(figures.cagr_pct)
    yield "Volatility, a year", text.percent(figures.volatility_pct)
    yield "Sharpe", number(figures.sharpe)
    yield "Sortino", number(figures.sortino)
    yield "Calmar", number(figures.calmar)
    yield "P(true Sharpe > 0)", text.percent(None if sharpe is None else 100 * sharpe)
    yield "Time in the market", text.percent(exposure.time_percent)
    yield "Exposure on average", text.percent(exposure.average_percent)
    yield "Win rate", text.percent(trades.win_rate_pct)
    yield "Profit factor", number(trades.profit_factor)
    yield "Expectancy a trade", text.money(trades.expectancy_usd)
    yield "Payoff ratio", number(trades.payoff_ratio)
    yield "Winners held (median)", _hours(trades.average_winner_hours, trades.median_winner_hours)
    yield "Losers held (median)", _hours(trades.average_loser_hours, trades.median_loser_hours)
    yield "Wins in a row", str(trades.longest_winning_streak)
    yield "Losses in a row", str(trades.longest_losing_streak)
    yield "Best trade", _trade(trades.best)
    yield "Worst trade", _trade(trades.worst)
    yield "Best day", _day(figures.best_day)
    yield "Worst day", _day(figures.worst_day)
    yield "Went for us (MFE)", text.percent(trades.mean_mfe_pct)
    yield "Went against (MAE)", text.percent(trades.mean_mae_pct)
    yield "Gain over MFE", text.percent(None if trades.capture is None else 100 * trades.capture)
    yield "Lowest equity", text.money(figures.lowest.equity_usd)


def _in_pairs(rows: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    return [(*left, *right) for left, right in zip(rows[::2], rows[1::2], strict=True)]


def _hours(average: float | None, median: float | None) -> str:
    return text.DASH if average is None else f"{number(average, 1)} h ({number(median, 1)})"


def _trade(position: Position | None) -> str:
    if position is None or position.realized_pnl_usd is None:
        return text.DASH
    return f"#{position.id} {text.short_money(position.realized_pnl_usd)}"


def _day(day: Period | None) -> str:
    return text.DASH if day is None else f"{day.name[5:]} {text.short_money(day.usd)}"


def _fall_rows(figures: Figures, start_equity: float) -> Iterable[tuple[str, ...]]:
    fall = figures.waterfall
    steps = (
        ("gross, prices alone", fall.gross_usd),
        ("- slippage", -fall.slippage_usd),
        ("- fees", -fall.fees_usd),
        ("- funding", -fall.funding_usd),
        ("= net", fall.net_usd),
    )
    return ((name, text.money(usd), signed(100 * usd / start_equity)) for name, usd in steps)


def _group_row(group: Group) -> tuple[str, ...]:
    hours, factor = number(group.average_hours, 1), number(group.profit_factor)
    return group.name, str(group.trades), str(group.won), hours, factor, text.money(group.pnl_usd)


def _period_row(period: Period) -> tuple[str, ...]:
    return period.name, text.money(period.usd), signed(period.percent)
