"""A finished backtest as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlcopy.render import page_sections as sections
from hlcopy.render import text
from hlcopy.render.backtest import assumption_lines, by_count, exits_by_reason, reasons_tables, sums, warning_lines
from hlcopy.render.comparison import comparison_tables
from hlcopy.render.figures import groups_table, number, risk_table, signed
from hlcopy.render.page import Html, columns, data_table, element, joined, listed, note, page
from hlcopy.render.page_trades import coins_content, trades_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hlcopy.backtest.comparison import Versus
    from hlcopy.backtest.figures import Figures
    from hlcopy.backtest.picture import Picture
    from hlcopy.backtest.report import Backtest
    from hlcopy.render.tables import Table


_ABOVE: Final = frozenset({"Return", "Equity", "Mind"})  # lines of the head that the page says in full elsewhere


def backtest_page(
    result: Backtest,
    picture: Picture,
    *,
    version: str,
    title: str | None = None,
    more: Sequence[tuple[str, str, Html]] = (),
) -> str:
    """Return a backtest as an HTML document that needs nothing else; `more` sections stand behind its own."""
    exits, traders, skips = reasons_tables(result)
    figures, start_equity = result.figures, result.metrics.start_equity_usd
    coins = {position.id or 0: position.coin for position in result.positions}
    return page(
        title or f"Backtest from {result.start} to {result.end}",
        (
            ("result", "Result", _result(result)),
            ("books", "Three books", _books(result, picture)),
            ("coins", "Trades on prices", coins_content(result, picture)),
            ("trades", "Trades", trades_table(result, picture)),
            ("exits", "Exits", sections.exits_content(exits_by_reason(result), exits)),
            ("skips", "Skips", sections.skips_content(by_count(result.skips), skips)),
            ("costs", "Costs", sections.costs_content(figures, start_equity)),
            ("periods", "Weeks and months", sections.periods_content(figures)),
            ("excursions", "How far prices went", sections.excursions_content(figures.excursions, coins)),
            ("figures", "All figures", _figures(figures, traders)),
            ("assumptions", "Assumptions", listed(list(assumption_lines(result)))),
            ("warnings", "Warnings", listed(list(warning_lines(result.warnings)))),
            *more,
        ),
        head=_head(result, version),
        foot=f"Made by hlcopy {version}. Money is in US dollars, times are UTC. Nothing shown here promises a gain.",
    )


def _head(result: Backtest, version: str) -> Html:
    """Return what was run, and what a reader must know before believing a number."""
    followed = text.counted(len(result.traders), "wallet")
    under = f"UTC days, both whole. {followed} followed. hlcopy {version}."
    changed = result.assumptions.get("set")
    stamps = [element("li", element("span", f"{name}={value}")) for name, value in _items(changed)]
    codes = dict.fromkeys(warning.code for warning in result.warnings)
    stamps += [element("li", element("a", code, href="#warnings")) for code in codes]
    return joined(
        element("p", under, class_="under"),
        element("ul", *stamps, class_="stamps", aria_label="What to mind") if stamps else Html(),
    )


def _items(changed: object) -> Iterable[tuple[str, object]]:
    return changed.items() if isinstance(changed, dict) else ()


def _result(result: Backtest) -> Html:
    metrics, figures = result.metrics, result.figures
    drawdown = figures.drawdown
    fall = "none" if drawdown is None else f"{drawdown.percent:.2f}%"
    when = "" if drawdown is None else f"{drawdown.peak_at:%Y-%m-%d} to {drawdown.trough_at:%Y-%m-%d}"
    cards = [
        ("Return", signed(metrics.return_pct), "net of all costs"),
        ("Equity", text.money(metrics.final_equity_usd), f"began with {text.money(metrics.start_equity_usd)}"),
        ("Drawdown", fall, when),
        *_verdicts(result),
        ("Trades", f"{metrics.closed:,} closed", f"{metrics.winners:,} won, {metrics.open_at_end:,} open at the end"),
        ("Sharpe", number(figures.sharpe), "of daily returns, a year"),
        ("Market", signed(figures.market_change_pct), "the coins traded, bought and held"),
    ]
    shown = (
        element("div", element("dt", name), element("dd", value, element("small", under)))
        for name, value, under in cards
    )
    pairs: list[Html] = []
    for name, value in sums(result):
        if name in _ABOVE:
            continue
        if name:
            pairs.append(element("dt", name))
        pairs.append(element("dd", value))
    return joined(element("dl", *shown, class_="cards"), element("dl", *pairs, class_="pairs"))


def _verdicts(result: Backtest) -> Iterable[tuple[str, str, str]]:
    comparison = result.comparison
    if comparison is None:
        return
    for name, versus in (
        ("Ours against the trader's exits", comparison.ours_vs_trader),
        ("Ours against holding 72 h", comparison.ours_vs_hold),
    ):
        yield name, versus.verdict, _interval(versus)


def _interval(versus: Versus) -> str:
    if versus.percent.interval is None:
        return f"{versus.evidence}: {text.counted(versus.days, 'day')} with entries"
    low, high = versus.percent.interval
    return f"{signed(low)} to {signed(high)} of an entry"


def _figures(figures: Figures, traders: Table) -> Html:
    groups = joined(data_table(groups_table(figures)), data_table(traders))
    return columns(data_table(risk_table(figures)), element("div", groups))


def _books(result: Backtest, picture: Picture) -> Html:
    others: Sequence[tuple[str, str, Sequence[float]]] = ()
    remarks = [note("Equity at UTC midnight, open positions at their marks; falls within a day aren't seen.")]
    tables: Iterable[Html] = ()
    if result.comparison is not None:
        others = (
            ("Trader's exits", "trader", picture.trader_equity),
            ("Hold 72 h", "hold", picture.hold_equity),
        )
        remarks.append(
            note(
                "The other books leave the very same entries in another way. No limit of ours holds for them: they may "
                "carry more at once than our rules allow."
            )
        )
        unknown = {"trader's exits": picture.trader_unknown, "hold 72 h": picture.hold_unknown}
        remarks += [note(line) for line in _left_out(unknown)]
        tables = map(data_table, comparison_tables(result.comparison))
    figures = result.figures
    return joined(sections.equity_content(figures.points, figures.drawdown, others), *remarks, *tables)


def _left_out(unknown: Mapping[str, Sequence[int]]) -> Iterable[str]:
    for name, numbers in unknown.items():
        if numbers:
            shown = ", ".join(f"#{number}" for number in numbers)
            yield f"In the line of {name} what isn't known is left out: {shown}."
