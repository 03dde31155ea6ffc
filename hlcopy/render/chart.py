"""Equity and drawdown as a chart of characters, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlcopy.backtest.metrics import drawdown_percents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hlcopy.backtest.metrics import Point

_WIDEST: Final = 79
_NARROWEST: Final = 40  # columns below which the scale leaves no room for the curve
_EQUITY_LINES: Final = 12
_DRAWDOWN_LINES: Final = 8
_FEWEST: Final = 3  # points: two make a straight line, which says nothing
_LEVELS: Final = 4
_COLUMNS_A_DATE: Final = 20  # closer together, plotext leaves out whichever it likes


def equity_chart(points: Sequence[Point], width: int) -> str:
    """Return equity in USD above and its fall from the highest before in percent; what never changed isn't drawn."""
    if len(points) < _FEWEST or width < _NARROWEST:
        return ""
    days = [f"{point.at:%Y-%m-%d}" for point in points]
    falls = [-percent for percent in drawdown_percents(points)]
    parts = (
        ("Equity at midnight, USD", [point.equity_usd for point in points], _EQUITY_LINES, ",.0f"),
        ("Drawdown, %", falls, _DRAWDOWN_LINES, ".2f"),
    )
    return "\n".join(
        f"{title}\n{_drawn(values, days, min(width, _WIDEST), height, places)}"
        for title, values, height, places in parts
        if min(values) < max(values)
    )


def _drawn(values: Sequence[float], days: Sequence[str], width: int, height: int, places: str) -> str:
    import plotext

    plotext.clear_figure()
    plotext.limit_size(False, False)  # noqa: FBT003 - plotext takes width and height by position alone
    plotext.plot_size(width, height)
    plotext.theme("clear")
    plotext.plot(list(values), marker="braille")
    dates = width // _COLUMNS_A_DATE
    marked = sorted({round(index * (len(days) - 1) / max(1, dates - 1)) for index in range(dates)})
    plotext.xticks([index + 1 for index in marked], [days[index] for index in marked])
    low, high = min(values), max(values)
    levels = [low + (high - low) * step / (_LEVELS - 1) for step in range(_LEVELS)]
    plotext.yticks(levels, [f"{level:{places}}" for level in levels])
    drawn = plotext.uncolorize(plotext.build())
    return "".join(f"{line.rstrip()}\n" for line in drawn.splitlines())
