"""Sections that any page of results may have: each from plain data, charts beside the tables that say the same in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlcopy.backtest.metrics import drawdown_percents
from hlcopy.render import page_charts as charts
from hlcopy.render import text
from hlcopy.render.figures import costs_table, periods_tables, signed
from hlcopy.render.page import Html, chart, columns, data_table, element, joined, note

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hlcopy.backtest.curve import Excursion
    from hlcopy.backtest.figures import Figures
    from hlcopy.backtest.metrics import Drawdown, Period, Point
    from hlcopy.render.tables import Table

_FEWEST_POINTS: Final = 2


def equity_content(
    points: Sequence[Point], drawdown: Drawdown | None, others: Sequence[tuple[str, str, Sequence[float]]]
) -> Html:
    """Return the account's equity at each midnight beside that of other books, each (name, colour, USD), and its falls."""
    if len(points) < _FEWEST_POINTS:
        return note("A curve needs two midnights.")
    ours = [point.equity_usd for point in points]
    books = [("Our exits", "ours", ours), *others]
    ends = ", ".join(f"{name} {text.money(equity[-1])}" for name, _, equity in books)
    fall = "never fell" if drawdown is None else f"fell by {drawdown.percent:.2f}% at most"
    says = (
        f"Equity from {text.day(points[0].at)} to {text.day(points[-1].at)}, beginning with {text.money(ours[0])}. "
        f"At the end: {ends}. The account {fall}."
    )
    days = [text.day(point.at) for point in points]
    return chart(charts.equity_chart(days, books, drawdown_percents(points)), says=says)


def exits_content(exits: Sequence[tuple[str, int, int, float]], shown: Table) -> Html:
    """Return exits by reason, each (reason, count, won, USD), as bars and as a table."""
    if not exits:
        return data_table(shown)
    names = [reason for reason, _, _, _ in exits]
    parts = (
        ("won", "gain", [won for _, _, won, _ in exits]),
        ("lost", "loss", [count - won for _, count, won, _ in exits]),
    )
    says = "Exits by reason: " + ", ".join(f"{reason} {count}, {won} won" for reason, count, won, _ in exits)
    return columns(chart(charts.reasons_chart(names, parts), says=says), data_table(shown))


def skips_content(skips: Sequence[tuple[str, int]], shown: Table) -> Html:
    """Return skips by reason, each (reason, count), as bars and as a table."""
    if not skips:
        return data_table(shown)
    spec = charts.reasons_chart([reason for reason, _ in skips], [("skipped", "count", [count for _, count in skips])])
    says = "Skips by reason: " + ", ".join(f"{reason} {count}" for reason, count in skips)
    return columns(chart(spec, says=says), data_table(shown))


def costs_content(figures: Figures, start_equity: float) -> Html:
    """Return the way from what prices alone brought to what is left."""
    fall = figures.waterfall
    steps = (
        ("Gross", fall.gross_usd),
        ("Slippage", -fall.slippage_usd),
        ("Fees", -fall.fees_usd),
        ("Funding", -fall.funding_usd),
        ("Net", fall.net_usd),
    )
    says = "From gross to net: " + ", ".join(f"{name} {text.money(usd)}" for name, usd in steps)
    return columns(chart(charts.costs_chart(steps), says=says), data_table(costs_table(figures, start_equity)))


def periods_content(figures: Figures) -> Html:
    """Return what each week and each month made, as bars and as tables."""
    months, weeks = periods_tables(figures)
    return columns(
        *(
            element("div", element("h3", heading), _periods_chart(heading, periods), data_table(table))
            for heading, periods, table in (("Weeks", figures.weeks, weeks), ("Months", figures.months, months))
        )
    )


def _periods_chart(heading: str, periods: Sequence[Period]) -> Html:
    best, worst = max(periods, key=lambda period: period.usd), min(periods, key=lambda period: period.usd)
    says = (
        f"{heading}: {len(periods)}, the best {best.name} with {text.money(best.usd)}, "
        f"the worst {worst.name} with {text.money(worst.usd)}"
    )
    spec = charts.periods_chart([period.name for period in periods], [period.usd for period in periods])
    return chart(spec, says=says)


def excursions_content(excursions: Mapping[int, Excursion], coins: Mapping[int, str]) -> Html:
    """Return how far the price went for and against each closed trade; `coins` are by the same numbers."""
    if not excursions:
        return note("No closed trade whose prices are known.")
    trades = [
        (f"#{number} {coins[number]}", went.adverse_percent, went.favourable_percent, went.gained_percent)
        for number, went in excursions.items()
    ]
    won = sum(went.gained_percent > 0 for went in excursions.values())
    best = max(went.favourable_percent for went in excursions.values())
    worst = max(went.adverse_percent for went in excursions.values())
    says = (
        f"{text.counted(len(trades), 'closed trade')}, {won} with a gain in price. The price went for us by up to "
        f"{signed(best)} and against us by up to {signed(worst)}."
    )
    remark = (
        "Each mark is a closed trade: how far its price went against us and for us while it was held, in percent of the "
        "entry. A loser high above the bottom had a gain that was given back."
    )
    return joined(chart(charts.excursions_chart(trades), says=says), note(remark))
