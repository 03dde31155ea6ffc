"""What was spent of the APIs, as tables within 80 columns and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlcopy.config.spending import by_command, total
from hlcopy.render.tables import Column, Table, tables
from hlcopy.render.text import DASH, moment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hlcopy.config.spending import Line, Spending

_COLUMNS: Final = (
    Column("COMMAND"),
    Column("REQUESTS", right=True),
    Column("FORECAST", right=True),
    Column("WEIGHT", right=True),
    Column("FORECAST", right=True),
    Column("CREDITS", right=True),
    Column("FORECAST", right=True),
)
_ENDPOINT_COLUMNS: Final = (Column("COMMAND"), Column("ENDPOINT"), *_COLUMNS[1:5], _COLUMNS[5])


def budget_document(periods: Sequence[Spending], *, at: datetime, left: float, month: float) -> dict[str, object]:
    """Return the JSON document; `left` is what of today's credits may still be spent, `month` the forecast of 30 days."""
    return {
        "command": "budget",
        "ok": True,
        "at": at,
        "nansen_credits_left_today": left,
        "nansen_credits_per_month": month,
        "periods": [
            {
                "name": each.name,
                "since": each.since,
                "until": each.until,
                "days": each.days,
                "total": _row(total(each.lines)),
                "commands": [{"command": line.command, **_row(line)} for line in by_command(each.lines)],
                "endpoints": [
                    {"command": line.command, "endpoint": line.endpoint, **_row(line)} for line in each.lines
                ],
            }
            for each in periods
        ],
    }


def _row(line: Line) -> dict[str, object]:
    return {
        "requests": line.requests,
        "weight": line.weight,
        "credits": line.credits,
        "forecast": {
            "requests": line.forecast_requests,
            "weight": line.forecast_weight,
            "credits": line.forecast_credits,
        },
    }


def budget_text(periods: Sequence[Spending], *, left: float, month: float, width: int | None, endpoints: bool) -> str:
    """Return a table for each period, by command or by endpoint, and what of Nansen's credits is left."""
    shown = [_endpoint_table(each) if endpoints else _table(each) for each in periods]
    said = f"Nansen: {left:,.0f} credits may still be spent today; forecast {month:,.0f} for 30 days.\n"
    return tables(shown, width=width, plain_width=80) + "\n" + said


def _title(each: Spending) -> str:
    return f"{each.name}: {moment(each.since)} to {moment(each.until)} UTC"


def _table(each: Spending) -> Table:
    lines = by_command(each.lines)
    rows = [_cells(line) for line in (*lines, *([total(lines)] if lines else []))]
    return Table(title=_title(each), columns=_COLUMNS, rows=rows)


def _cells(line: Line) -> list[str]:
    pairs = (
        (line.requests, line.forecast_requests),
        (line.weight, line.forecast_weight),
        (line.credits, line.forecast_credits),
    )
    return [line.command, *(_number(number) for pair in pairs for number in pair)]


def _endpoint_table(each: Spending) -> Table:
    rows = [[line.command, line.endpoint, *_cells(line)[1:5], _number(line.credits)] for line in each.lines]
    return Table(title=_title(each), columns=_ENDPOINT_COLUMNS, rows=rows)


def _number(amount: float) -> str:
    return f"{amount:,.0f}" if amount else DASH
