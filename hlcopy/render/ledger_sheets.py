"""A ledger's own trades, fills and funding as CSV, for whoever reckons taxes; moments are UTC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlcopy.render.rows import position_row
from hlcopy.render.sheets import sheet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hlcopy.domain.book import OurFill, Position

SHEETS: Final = ("trades.csv", "fills.csv", "funding.csv")

_TRADES: Final = (
    *("id", "token_symbol", "side", "opened_at", "entry_price", "entry_size", "value_usd", "leverage", "source_trader"),
    *("closed_at", "exit_price", "close_reason", "realized_pnl_usd", "fees_usd", "funding_usd", "source_signal_id"),
)
_FILLS: Final = (
    *("time", "position_id", "token_symbol", "action", "price", "size", "value_usd", "fee_usd", "forced"),
    *("identity", "client_order_id", "venue_order_id"),
)
_FUNDING: Final = ("position_id", "token_symbol", "from", "to", "funding_usd")


def ledger_sheets(
    positions: Sequence[Position], fills: Sequence[tuple[Position, OurFill]], funded: Sequence[Position]
) -> dict[str, str]:
    """Return each file's text by its name: positions closed, fills with their fees, and funding by position."""
    rows = (
        (_TRADES, [position_row(position) for position in positions]),
        (_FILLS, [_fill(position, fill) for position, fill in fills]),
        (_FUNDING, [_funding(position) for position in funded]),
    )
    return {name: sheet(columns, part) for name, (columns, part) in zip(SHEETS, rows, strict=True)}


def _fill(position: Position, fill: OurFill) -> dict[str, object]:
    return {
        "time": fill.time,
        "position_id": position.id,
        "token_symbol": fill.coin,
        "action": "buy" if fill.is_buy else "sell",
        "price": fill.price,
        "size": fill.size,
        "value_usd": fill.price * fill.size,
        "fee_usd": fill.fee,
        "forced": fill.forced,
        "identity": fill.identity,
        "client_order_id": fill.client_order_id,
        "venue_order_id": fill.venue_order_id,
    }


def _funding(position: Position) -> dict[str, object]:
    return {
        "position_id": position.id,
        "token_symbol": position.coin,
        "from": position.opened_at,
        "to": position.closed_at or position.funding_until,
        "funding_usd": position.funding_usd,
    }
