"""A backtest as CSV: what a spreadsheet or a notebook goes on with."""

from __future__ import annotations

import csv
import math
from datetime import datetime
from io import StringIO
from typing import TYPE_CHECKING, Final

from hlcopy.domain.models import EXECUTE
from hlcopy.render import text
from hlcopy.render.backtest import decisions_document, trades_document
from hlcopy.render.figures import days_document, equity_document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hlcopy.backtest.report import Backtest

SHEETS: Final = ("trades.csv", "equity.csv", "daily.csv", "skips.csv")

_TRADES: Final = (
    *("signal_id", "trader_address", "token_symbol", "side", "opened_at", "entry_price", "size", "value_usd"),
    *("closed_at", "exit_price", "close_reason", "realized_pnl_usd", "fees_usd", "funding_usd"),
    *("mark_price", "unrealized_pnl_usd", "mfe_pct", "mae_pct", "capture"),
)
_EQUITY: Final = ("at", "equity_usd", "drawdown_pct")
_DAILY: Final = ("day", "pnl_usd", "return_pct")
_SKIPS: Final = (
    *("signal_id", "trader_address", "token_symbol", "side", "action", "first_fill_at", "timestamp"),
    *("value_usd", "position_weight", "slippage_pct", "decision"),
)
_FORMULA: Final = tuple("=+-@\uff1d\uff0b\uff0d\uff20")  # and the wide forms of these, which some take for them


def backtest_sheets(result: Backtest) -> dict[str, str]:
    """Return each file's text by its name, every one with a heading line; what isn't known is empty.

    Columns are named as in the JSON document. `skips.csv` has a line for each order that was judged and not copied.
    """
    skipped = [signal for signal in result.signals if signal.is_final and signal.decision != EXECUTE]
    rows = (
        (_TRADES, trades_document(result)),
        (_EQUITY, equity_document(result.figures.points)),
        (_DAILY, days_document(result.figures.days)),
        (_SKIPS, decisions_document(skipped)),
    )
    return {name: sheet(columns, part) for name, (columns, part) in zip(SHEETS, rows, strict=True)}


def sheet(columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> str:
    """Return rows as CSV under a heading line, each cell safe for a spreadsheet."""
    written = StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row[column]) for column in columns] for row in rows)
    return written.getvalue()


def _cell(value: object) -> object:
    """Return what a cell holds: moments as ISO text, no infinity, no text that a spreadsheet would take for a formula."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, datetime):
        return text.iso(value)
    if isinstance(value, str):
        shown = text.safe(str(value))
        return f"'{shown}" if shown.startswith(_FORMULA) else shown
    return value
