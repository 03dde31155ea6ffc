"""The figures by which a backtest is judged: pure functions of daily equity and of closed trades.

Days are counted as the calendar has them, 365 a year: this market never closes.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date, datetime

DAYS_A_YEAR: Final = 365
CAGR_DAYS: Final = 30  # a shorter period's growth says nothing of a year
_MIN_RETURNS: Final = 3  # skewness and kurtosis of fewer are arithmetic, not evidence
_NO_SPREAD: Final = 1e-12  # a deviation this far below a return of one is noise of floats
_EULER_MASCHERONI: Final = 0.5772156649015329


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What the account was worth at a UTC midnight, in USD: cash, and positions at their marks."""

    at: datetime
    equity_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdown:
    """The deepest fall of equity from its highest before, in percent of that; `recovered_at` is None while below it."""

    usd: float
    percent: float
    peak_at: datetime
    trough_at: datetime
    recovered_at: datetime | None

    @property
    def days_down(self) -> float:
        """Days from peak to trough."""
        return (self.trough_at - self.peak_at).total_seconds() / 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A day, week or month: what it made in USD, and in percent of the equity it began with."""

    name: str
    usd: float
    percent: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """The shape of daily returns: how many, their Sharpe ratio (of a day), skewness, and kurtosis (3 for normal ones)."""

    count: int
    ratio: float
    skewness: float
    kurtosis: float


def daily_returns(equity: Sequence[float]) -> list[float]:
    """Return the simple returns between equities; they end with the loss of everything."""
    returns = []
    for before, after in pairwise(equity):
        if before <= 0:
            break
        returns.append(after / before - 1)
    return returns


def cagr_percent(start: float, final: float, days: float) -> float | None:
    """Return the compound growth of a year in percent: (final / start) ^ (365 / days) - 1; None under 30 days."""
    if days < CAGR_DAYS or start <= 0:
        return None
    if final <= 0:
        return -100.0
    try:
        return (math.exp((math.log(final) - math.log(start)) * DAYS_A_YEAR / days) - 1) * 100
    except OverflowError:
        return None


def deepest_drawdown(points: Sequence[Point]) -> Drawdown | None:
    """Return the deepest fall in percent of the peak before it, None when equity never fell.

    (peak - equity) / peak at its largest, equity's running maximum being the peak (Magdon-Ismail and Atiya 2004).
    """
    peaks = accumulate(points, _higher)
    falls = [(1 - point.equity_usd / peak.equity_usd, peak, point) for peak, point in zip(peaks, points, strict=True)]
    share, peak, trough = max(falls, key=lambda fall: fall[0], default=(0.0, None, None))
    if share <= 0 or peak is None or trough is None:
        return None
    later = (point.at for point in points if point.at > trough.at and point.equity_usd >= peak.equity_usd)
    return Drawdown(
        usd=peak.equity_usd - trough.equity_usd,
        percent=share * 100,
        peak_at=peak.at,
        trough_at=trough.at,
        recovered_at=next(later, None),
    )


def _higher(peak: Point, point: Point) -> Point:
    return point if point.equity_usd >= peak.equity_usd else peak


def drawdown_percents(points: Sequence[Point]) -> list[float]:
    """Return how far each point lies below the highest before it, in percent of that."""
    peaks = accumulate((point.equity_usd for point in points), max)
    return [(1 - point.equity_usd / peak) * 100 for point, peak in zip(points, peaks, strict=True)]


def volatility_percent(returns: Sequence[float]) -> float | None:
    """Return the standard deviation (n - 1) of daily returns x sqrt(365), in percent; None under two returns."""
    return None if len(returns) < 2 else statistics.stdev(returns) * math.sqrt(DAYS_A_YEAR) * 100  # noqa: PLR2004


def sharpe(returns: Sequence[float]) -> float | None:
    """Return mean / standard deviation (n - 1) x sqrt(365) of daily returns (Sharpe 1994, no riskless rate)."""
    if len(returns) < 2:  # noqa: PLR2004 - a deviation needs two
        return None
    deviation = statistics.stdev(returns)
    return None if deviation < _NO_SPREAD else statistics.fmean(returns) / deviation * math.sqrt(DAYS_A_YEAR)


def sortino(returns: Sequence[float]) -> float | None:
    """Return mean / sqrt(mean(min(r, 0)^2)) x sqrt(365) of daily returns (Sortino and Price 1994, target 0)."""
    if len(returns) < 2:  # noqa: PLR2004 - as for Sharpe
        return None
    downside = math.sqrt(statistics.fmean(min(value, 0.0) ** 2 for value in returns))
    return None if downside < _NO_SPREAD else statistics.fmean(returns) / downside * math.sqrt(DAYS_A_YEAR)


def calmar(cagr: float | None, drawdown: Drawdown | None) -> float | None:
    """Return the year's growth over the deepest fall, both in percent (Young 1991); None without either."""
    return None if cagr is None or drawdown is None else cagr / drawdown.percent


def moments(returns: Sequence[float]) -> Moments | None:
    """Return what the shape of daily returns is, None where there are too few of them or they don't spread."""
    count = len(returns)
    if count < _MIN_RETURNS:
        return None
    mean, spread = statistics.fmean(returns), statistics.pstdev(returns)
    if spread < _NO_SPREAD:
        return None
    return Moments(
        count=count,
        ratio=mean / statistics.stdev(returns),
        skewness=statistics.fmean(((value - mean) / spread) ** 3 for value in returns),
        kurtosis=statistics.fmean(((value - mean) / spread) ** 4 for value in returns),
    )


def probabilistic_sharpe(returns: Sequence[float]) -> float | None:
    """Return the probability (0 to 1) that the true Sharpe ratio is above zero, None where it can't be told."""
    shape = moments(returns)
    return None if shape is None else probability_above(shape, 0.0)


def probability_above(shape: Moments, benchmark: float) -> float | None:
    """Return the probability (0 to 1) that the true daily Sharpe ratio is above a benchmark, None where it can't be told.

    Phi((SR - benchmark) sqrt(n - 1) / sqrt(1 - g3 SR + (g4 - 1) / 4 SR^2)) with the daily SR, skewness g3 and kurtosis g4
    (normal: 3) of n returns (Bailey and Lopez de Prado 2012, equation 11).
    """
    variance = 1 - shape.skewness * shape.ratio + (shape.kurtosis - 1) / 4 * shape.ratio**2
    if variance <= 0:
        return None
    return statistics.NormalDist().cdf((shape.ratio - benchmark) * math.sqrt(shape.count - 1) / math.sqrt(variance))


def luckiest_sharpe(ratios: Sequence[float], tries: int) -> float:
    """Return the best daily Sharpe ratio that so many tries without any skill are expected to show.

    sqrt(V) ((1 - c) Phi^-1(1 - 1 / N) + c Phi^-1(1 - 1 / (N e)) with the variance V (n - 1) of `ratios`, those of the N tries
    that have one, and the Euler-Mascheroni constant c (Bailey and Lopez de Prado 2014); 0 where nothing was chosen from.
    """
    if tries < 2 or len(ratios) < 2:  # noqa: PLR2004 - one is no choice
        return 0.0
    normal = statistics.NormalDist()
    first, second = normal.inv_cdf(1 - 1 / tries), normal.inv_cdf(1 - 1 / (tries * math.e))
    return statistics.stdev(ratios) * ((1 - _EULER_MASCHERONI) * first + _EULER_MASCHERONI * second)


def deflated_sharpe(best: Moments, ratios: Sequence[float], tries: int) -> float | None:
    """Return the probability (0 to 1) that the true Sharpe ratio of the best of some tries is above what luck alone shows.

    The deflated Sharpe ratio: the probabilistic one against `luckiest_sharpe` (Bailey and Lopez de Prado 2014).
    """
    return probability_above(best, luckiest_sharpe(ratios, tries))


def periods(points: Sequence[Point], name: Callable[[date], str]) -> list[Period]:
    """Return what each period made; `name` says which a day belongs to, the day that begins at a point being its own."""
    found = []
    for title, steps in groupby(pairwise(points), key=lambda step: name(step[0].at.date())):
        whole = list(steps)
        before, after = whole[0][0].equity_usd, whole[-1][1].equity_usd
        percent = (after / before - 1) * 100 if before > 0 else None
        found.append(Period(name=title, usd=after - before, percent=percent))
    return found


def week_of(day: date) -> str:
    """Return a day's ISO week, such as 2026-W09."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02}"


def month_of(day: date) -> str:
    """Return a day's month, such as 2026-03."""
    return f"{day:%Y-%m}"


# Trades: net results in USD, zero counting as lost


def win_rate_percent(results: Sequence[float]) -> float | None:
    """Return the share of trades that made something, in percent."""
    return 100 * sum(result > 0 for result in results) / len(results) if results else None


def profit_factor(results: Iterable[float]) -> float | None:
    """Return the sum of gains over the sum of losses; None without a loss."""
    gains, losses = _gains_and_losses(results)
    return sum(gains) / sum(losses) if sum(losses) > 0 else None


def payoff_ratio(results: Iterable[float]) -> float | None:
    """Return the average gain over the average loss; None without one of each."""
    gains, losses = _gains_and_losses(results)
    if not gains or sum(losses) <= 0:
        return None
    return statistics.fmean(gains) / statistics.fmean(losses)


def expectancy(results: Sequence[float]) -> float | None:
    """Return what a trade makes on average."""
    return statistics.fmean(results) if results else None


def longest_streaks(results: Iterable[float]) -> tuple[int, int]:
    """Return the most gains and the most losses in a row."""
    longest = {True: 0, False: 0}
    for won, run in groupby(results, key=lambda result: result > 0):
        longest[won] = max(longest[won], len(list(run)))
    return longest[True], longest[False]


def _gains_and_losses(results: Iterable[float]) -> tuple[list[float], list[float]]:
    known = list(results)
    return [result for result in known if result > 0], [-result for result in known if result <= 0]
