"""The chart of a coin: its price, our trades on it with their stops as they moved, and what was skipped."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hlcopy.domain.models import Side, to_ms
from hlcopy.render import text
from hlcopy.render.page import Html, element, label

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from hlcopy.render.page_charts import Spec, Trace

_HEIGHT: Final = 440
_ENTRIES: Final = {
    Side.LONG: ("Long entry", "long", "triangle-up"),
    Side.SHORT: ("Short entry", "short", "triangle-down"),
}
_PAD: Final = 0.15  # of a trade's time and of its prices, around it when it is looked at alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What left a trade or a part of it, and why, as text."""

    at: datetime
    price: float
    told: str
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A trade as it is drawn: `until` is its end, or that of the period while it is open; `last` the price there."""

    name: str
    side: Side
    opened_at: datetime
    entry_price: float
    until: datetime
    last: float
    won: bool
    told: str
    stops: Sequence[tuple[datetime, float]]
    exits: Sequence[Left]


def coin_chart(
    line: tuple[Sequence[int], Sequence[float | None]],
    trades: Sequence[Drawn],
    skips: Sequence[tuple[datetime, float, str]],
) -> Spec:
    """Return a coin's chart from its price over ms UTC, trades, and skips as moment, price and reason.

    Beside what the library draws it has `zooms`: times and prices to show for each trade alone, by its name.
    """
    at_ms, prices = line
    price: Trace = {
        "type": "scatter",
        "mode": "lines",
        "name": "Price",
        "x": at_ms,
        "y": prices,
        "line": {"color": "price", "width": 1},
        "hovertemplate": "%{x|%Y-%m-%d %H:%M}: %{y}<extra></extra>",
    }
    return {
        "movable": True,
        "data": [price, *_skips(skips), *_courses(trades), *_stops(trades), *_entries(trades), *_exits(trades)],
        "layout": {
            "height": _HEIGHT,
            "hovermode": "closest",
            "showlegend": True,
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
            "xaxis": {"type": "date"},
            "yaxis": {"tickformat": ",~g"},
        },
        "zooms": {trade.name: _zoom(trade, at_ms, prices) for trade in trades},
    }


def zoom_buttons(chart: str, trades: Sequence[Drawn]) -> Html:
    """Return the buttons that show one trade of a chart alone, and all of it again."""
    whole = element("button", "Whole period", type="button", data_chart=chart, data_zoom="", aria_pressed="true")
    buttons = (
        element(
            "button",
            f"{trade.name} {trade.side}",
            type="button",
            data_chart=chart,
            data_zoom=trade.name,
            aria_pressed="false",
        )
        for trade in trades
    )
    return element("div", whole, *buttons, class_="zoom", role="group", aria_label="Show a trade alone")


def _skips(skips: Sequence[tuple[datetime, float, str]]) -> Iterable[Trace]:
    if skips:
        yield {
            "type": "scatter",
            "mode": "markers",
            "name": "Skipped order",
            "x": [to_ms(at) for at, _, _ in skips],
            "y": [price for _, price, _ in skips],
            "text": [_in_lines(told) for _, _, told in skips],
            "marker": {
                "symbol": "cross-thin-open",
                "size": 6,
                "color": "skip",
                "line": {"color": "skip", "width": 1},
            },
            "hovertemplate": "%{text}<extra></extra>",
        }


def _courses(trades: Sequence[Drawn]) -> Iterable[Trace]:
    """Yield the straight ways from entry to end, one trace for each side."""
    for side, (_, colour, _) in _ENTRIES.items():
        part = [trade for trade in trades if trade.side is side]
        if part:
            yield {
                "type": "scatter",
                "mode": "lines",
                "x": _broken([(to_ms(trade.opened_at), to_ms(trade.until)) for trade in part]),
                "y": _broken([(trade.entry_price, trade.last) for trade in part]),
                "line": {"color": colour, "width": 1.5, "dash": "dot"},
                "showlegend": False,
                "hoverinfo": "skip",
            }


def _stops(trades: Sequence[Drawn]) -> Iterable[Trace]:
    x: list[Sequence[int]] = []
    y: list[Sequence[float]] = []
    for trade in trades:
        if trade.stops:
            x.append([*(to_ms(at) for at, _ in trade.stops), to_ms(trade.until)])
            y.append([*(price for _, price in trade.stops), trade.stops[-1][1]])
    if x:
        yield {
            "type": "scatter",
            "mode": "lines",
            "name": "Stop as it moved",
            "x": _broken(x),
            "y": _broken(y),
            "line": {"color": "stop", "width": 1.5, "shape": "hv"},
            "hovertemplate": "%{x|%Y-%m-%d %H:%M}: stop at %{y}<extra></extra>",
        }


def _entries(trades: Sequence[Drawn]) -> Iterable[Trace]:
    for side, (name, colour, symbol) in _ENTRIES.items():
        part = [(trade.opened_at, trade.entry_price, trade.told) for trade in trades if trade.side is side]
        yield from _marks(name, part, colour, symbol)


def _exits(trades: Sequence[Drawn]) -> Iterable[Trace]:
    groups = (("Exit with a gain", "gain", "circle", True), ("Exit with a loss", "loss", "x", False))
    for name, colour, symbol, won in groups:
        part = [
            (left.at, left.price, left.told)
            for trade in trades
            for left in trade.exits
            if left.whole and trade.won is won
        ]
        yield from _marks(name, part, colour, symbol)
    parts = [(left.at, left.price, left.told) for trade in trades for left in trade.exits if not left.whole]
    yield from _marks("Part taken", parts, "gain", "diamond-open")


def _marks(name: str, marks: Sequence[tuple[datetime, float, str]], colour: str, symbol: str) -> Iterable[Trace]:
    if marks:
        yield {
            "type": "scatter",
            "mode": "markers",
            "name": name,
            "x": [to_ms(at) for at, _, _ in marks],
            "y": [price for _, price, _ in marks],
            "text": [_in_lines(told) for _, _, told in marks],
            "marker": {"symbol": symbol, "size": 11, "color": colour, "line": {"color": "page", "width": 1}},
            "hovertemplate": "%{text}<extra></extra>",
        }


def _in_lines(told: str) -> str:
    return "<br>".join(map(label, told.split("\n")))


def _broken(parts: Sequence[Sequence[float]]) -> list[float | None]:
    """Return lines one after the other, a None between two."""
    return [value for part in parts for value in (*part, None)][:-1]


def _zoom(trade: Drawn, at_ms: Sequence[int], prices: Sequence[float | None]) -> tuple[int, int, float, float]:
    """Return the first and last ms, and the lowest and highest price, of a trade with a little around it."""
    begin, end = to_ms(trade.opened_at), to_ms(trade.until)
    pad = round(_PAD * max(end - begin, 3_600_000))
    begin, end = begin - pad, end + pad
    shown = prices[bisect_left(at_ms, begin) : bisect_right(at_ms, end)]
    seen = [price for price in shown if price is not None]
    seen += [trade.entry_price, trade.last, *(price for _, price in trade.stops), *(left.price for left in trade.exits)]
    low, high = min(seen), max(seen)
    room = _PAD / 2 * (high - low) or high * _PAD
    return begin, end, low - room, high + room


def price_words(prices: Sequence[float | None]) -> str:
    """Return where a price began and ended and how far it went, for who can't see it."""
    known = [price for price in prices if price is not None]
    if not known:
        return "no price"
    first, last, low, high = (text.price(price) for price in (known[0], known[-1], min(known), max(known)))
    return f"from {first} to {last}, at least {low} and at most {high}"
