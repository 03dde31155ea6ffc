"""Charts of a page: plain data into what the charting library draws. Colours are names of the style sheet's.

A chart that may be zoomed and moved is `movable`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlcopy.render.page import label

if TYPE_CHECKING:
    from collections.abc import Sequence

    Spec = dict[str, object]
    Trace = dict[str, object]

USD: Final = "$,.0f"
_CENTS: Final = "$,.2f"
_LEGEND: Final = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
_BAR_HEIGHT: Final = 28
_BARS_FRAME: Final = 80
_EQUITY_HEIGHT: Final = 520
_PERIODS_HEIGHT: Final = 280
_COSTS_HEIGHT: Final = 320
_EXCURSIONS_HEIGHT: Final = 400
_DASHES: Final = ("solid", "dash", "dot")


def equity_chart(
    days: Sequence[str], books: Sequence[tuple[str, str, Sequence[float]]], fall_percents: Sequence[float]
) -> Spec:
    """Return equity of books, each (name, colour, USD a day), over the first one's fall from its highest in percent."""
    lines: list[Trace] = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": label(name),
            "x": days,
            "y": [round(usd, 2) for usd in equity],
            "line": {"color": colour, "width": 2, "dash": dash},
            "hovertemplate": f"%{{y:{_CENTS}}}",
        }
        for (name, colour, equity), dash in zip(books, _DASHES, strict=False)
    ]
    first, colour, _ = books[0]
    lines.append(
        {
            "type": "scatter",
            "mode": "lines",
            "name": f"Drawdown, {label(first)}",
            "x": days,
            "y": [-round(percent, 4) for percent in fall_percents],
            "yaxis": "y2",
            "fill": "tozeroy",
            "line": {"color": colour, "width": 1},
            "showlegend": False,
            "hovertemplate": "%{y:.2f}%",
        }
    )
    return {
        "movable": True,
        "data": lines,
        "layout": {
            "height": _EQUITY_HEIGHT,
            "hovermode": "x unified",
            "legend": _LEGEND,
            "xaxis": {"type": "date", "anchor": "y2"},
            "yaxis": {"domain": [0.36, 1], "tickformat": USD, "title": {"text": "Equity, USD"}},
            "yaxis2": {"domain": [0, 0.28], "ticksuffix": "%", "title": {"text": "Drawdown"}},
        },
    }


def reasons_chart(names: Sequence[str], parts: Sequence[tuple[str, str, Sequence[int]]]) -> Spec:
    """Return a bar for each name, first at the top; its parts, each (name, colour, counts), lie one after the other."""
    patterns = ("", "/")
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "name": part,
                "y": [label(name) for name in names],
                "x": counts,
                "text": [str(count) if count else "" for count in counts],
                "textangle": 0,
                "marker": {
                    "color": colour,
                    "pattern": {"shape": pattern, "fillmode": "overlay", "fgcolor": "page", "solidity": 0.12},
                },
                "textposition": "auto",
                "insidetextfont": {"color": "page"},
                "hovertemplate": f"%{{y}}: %{{x}} {part}<extra></extra>",
            }
            for (part, colour, counts), pattern in zip(parts, patterns, strict=False)
        ],
        "layout": {
            "height": _BARS_FRAME + _BAR_HEIGHT * len(names),
            "barmode": "stack",
            "showlegend": len(parts) > 1,
            "legend": {**_LEGEND, "traceorder": "normal"},
            "xaxis": {"rangemode": "tozero", "tickformat": ",d", "nticks": 6},
            "yaxis": {"autorange": "reversed", "type": "category"},
        },
    }


def costs_chart(steps: Sequence[tuple[str, float]]) -> Spec:
    """Return how the first amount becomes the last in USD, which is their sum."""
    names, amounts = [label(name) for name, _ in steps], [round(usd, 2) for _, usd in steps]
    return {
        "data": [
            {
                "type": "waterfall",
                "x": names,
                "y": amounts,
                "measure": ["absolute", *["relative"] * (len(steps) - 2), "total"],
                "text": [f"{'-' if usd < 0 else ''}${abs(usd):,.0f}" for usd in amounts],
                "textposition": "outside",
                "cliponaxis": False,
                "connector": {"line": {"color": "muted", "width": 1}},
                "increasing": {"marker": {"color": "gain"}},
                "decreasing": {"marker": {"color": "loss"}},
                "totals": {"marker": {"color": "total"}},
                "hovertemplate": f"%{{x}}: %{{delta:{_CENTS}}}<extra></extra>",
            }
        ],
        "layout": {
            "height": _COSTS_HEIGHT,
            "showlegend": False,
            "margin": {"t": 24},
            "xaxis": {"type": "category"},
            "yaxis": {"tickformat": USD},
        },
    }


def periods_chart(names: Sequence[str], usd: Sequence[float]) -> Spec:
    """Return what each period made in USD, above zero or below."""
    amounts = [round(amount, 2) for amount in usd]
    return {
        "data": [
            {
                "type": "bar",
                "x": [label(name) for name in names],
                "y": amounts,
                "marker": {"color": ["gain" if amount >= 0 else "loss" for amount in amounts]},
                "hovertemplate": f"%{{x}}: %{{y:{_CENTS}}}<extra></extra>",
            }
        ],
        "layout": {
            "height": _PERIODS_HEIGHT,
            "xaxis": {"type": "category", "nticks": 6},
            "yaxis": {"tickformat": USD},
        },
    }


def excursions_chart(trades: Sequence[tuple[str, float, float, float]]) -> Spec:
    """Return each trade (name, percent against, percent for us, percent gained) by how far the price went."""
    groups = (
        ("Won", "gain", "circle", [trade for trade in trades if trade[3] > 0]),
        ("Lost", "loss", "x", [trade for trade in trades if trade[3] <= 0]),
    )
    return {
        "movable": True,
        "data": [
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "cliponaxis": False,
                "x": [round(against, 3) for _, against, _, _ in part],
                "y": [round(favour, 3) for _, _, favour, _ in part],
                "text": [label(f"{trade}, gained {gained:+.2f}%") for trade, _, _, gained in part],
                "marker": {"color": colour, "symbol": symbol, "size": 9},
                "hovertemplate": "%{text}<br>%{x:.2f}% against, %{y:.2f}% for us<extra></extra>",
            }
            for name, colour, symbol, part in groups
            if part
        ],
        "layout": {
            "height": _EXCURSIONS_HEIGHT,
            "hovermode": "closest",
            "showlegend": True,
            "legend": _LEGEND,
            "xaxis": {"rangemode": "tozero", "ticksuffix": "%", "title": {"text": "Went against (MAE)"}},
            "yaxis": {"rangemode": "tozero", "ticksuffix": "%", "title": {"text": "Went for us (MFE)"}},
        },
    }
