"""The tables of signals and positions, each within 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlcopy.domain.models import DEFERRED, EXECUTE
from hlcopy.render import text, tones
from hlcopy.render.tables import Column, table, times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hlcopy.domain.book import Position
    from hlcopy.domain.models import Signal

_SIGNALS: Final = (
    Column("TRADER"),
    Column("COIN"),
    Column("TRADE"),
    Column("USD", right=True),
    Column("DECISION", tone=tones.decision),
)
_OPEN: Final = (
    Column("ID", right=True),
    Column("COIN"),
    Column("SIDE"),
    Column("VALUE", right=True),
    Column("ENTRY", right=True),
    Column("BEST", right=True),
    Column("STOP", right=True, tone=tones.unconfirmed),
    Column("TIERS"),
)
_YEAR: Final = len("2026-")  # none is held for long enough to be mistaken in it
_CLOSED: Final = (
    Column("ID", right=True),
    Column("COIN"),
    Column("SIDE"),
    Column("ENTRY", right=True),
    Column("EXIT", right=True),
    Column("PNL", right=True, tone=tones.gain),
)


def signals_table(signals: Sequence[Signal], width: int | None) -> str:
    """Return judged orders as a table."""
    rows = [
        (
            text.local(signal.trade_time),
            text.short_address(signal.trader),
            signal.coin,
            f"{signal.action} {signal.side}",
            text.short_money(signal.value_usd).removeprefix("$"),
            _decision(signal),
        )
        for signal in signals
    ]
    columns = (times("TIME", [signal.trade_time for signal in signals]), *_SIGNALS)
    return table("Signals", columns, rows, width=width)


def _decision(signal: Signal) -> str:
    if signal.decision == EXECUTE:
        return f"{EXECUTE} {text.short_money(signal.copy_size_usd)}"
    if signal.decision == DEFERRED and signal.wait:
        return f"{DEFERRED} {signal.wait}"
    return signal.decision


def positions_tables(positions: Sequence[Position], width: int | None, *, with_closed: bool) -> str:
    """Return our positions as a table of those that live, and one of the closed when asked for."""
    live = [position for position in positions if position.closed_at is None]
    columns = (*_OPEN, times("OPENED", [position.opened_at for position in live]), Column("STATUS"))
    shown = table("Positions", columns, [_open_row(position) for position in live], width=width)
    if with_closed:
        closed = [position for position in positions if position.closed_at is not None]
        ended = (*_CLOSED, times("CLOSED", [position.closed_at for position in closed]), Column("REASON"))
        shown += "\n" + table("Closed positions", ended, [_closed_row(position) for position in closed], width=width)
    return shown


def _open_row(position: Position) -> tuple[str, ...]:
    return (
        str(position.id),
        position.coin,
        position.side,
        text.short_money(position.value_usd),
        text.price(position.entry_price),
        text.price(position.best_price),
        text.price(position.trigger_price) + ("" if position.stop_confirmed else "?"),
        ",".join(map(str, position.tiers_taken)) or text.DASH,
        text.local(position.opened_at)[_YEAR:],
        position.status,
    )


def _closed_row(position: Position) -> tuple[str, ...]:
    return (
        str(position.id),
        position.coin,
        position.side,
        text.price(position.entry_price),
        text.price(position.exit_price),
        text.money(position.realized_pnl_usd),
        text.local(position.closed_at),
        position.close_reason or text.DASH,
    )
