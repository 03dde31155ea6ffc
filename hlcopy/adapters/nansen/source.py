"""Traders' fills and positions as Nansen tells them."""

from __future__ import annotations

import math
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.adapters.nansen.bursts import in_bursts
from hlcopy.adapters.nansen.repair import UNREADABLE, repair
from hlcopy.domain.episodes import Market, market_of
from hlcopy.domain.models import NANSEN, Fill, TraderPosition, TraderState
from hlcopy.errors import BadAnswerError, TryLaterError
from hlcopy.ports import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from hlcopy.adapters.nansen.client import NansenClient
    from hlcopy.adapters.nansen.models import PositionRow, TradeRow
    from hlcopy.ports import Clock, UnknownType

_OVERLAP: Final = timedelta(hours=1)  # rows may come late, and those without a hash grow
_FRESH_S: Final = 5.0
_ENTERING: Final = {"open", "add"}
_LIQUIDATION: Final = "liquidation"
_LEAVING: Final = {"reduce", "close", _LIQUIDATION}
_SPOT: Final = {"buy": True, "sell": False}


class NansenSource:
    """Traders over Nansen alone, at 5 requests for fills a minute; several threads may ask it.

    `remembered` gives the stored rows of a trader from a moment on, after the last one before it of each coin. `tell` says
    why something is `UNKNOWN`.
    """

    def __init__(
        self,
        client: NansenClient,
        clock: Clock,
        remembered: Callable[[str, datetime], Sequence[Fill]],
        tell: Callable[[str], None],
    ) -> None:
        self._client = client
        self._clock = clock
        self._remembered = remembered
        self._tell = tell
        self._lock = threading.Lock()
        self._states: dict[str, tuple[float, TraderState]] = {}

    def room(self, now: datetime) -> int:
        """Return how many traders' fills the rate limit lets us read now."""
        return self._client.trades_room(now)

    def fills(self, trader: str, since: datetime, now: datetime) -> Sequence[Fill] | UnknownType:
        """Return the trader's rows from an hour before `since`, by time, each with its true start or a visible break.

        They reach up to the moment of asking: a close since the tick began must not look like a position that vanished.
        """
        begin = since - _OVERLAP
        try:
            until = max(now, self._clock.now())
            pages = self._client.perp_trades(trader, begin, until)
            if not pages.complete:
                return self._unknown(f"{trader} has more trades than Nansen gives in {len(pages.rows)} rows")
            rows = [fill_of(row, trader) for row in pages.rows if row.size > 0]
            stored = self._remembered(trader, begin)
            repaired = repair(rows, stored, lambda: self._held(trader, until), until)
        except TryLaterError as error:
            return self._unknown(str(error))
        if repaired is UNKNOWN:
            return self._unknown(f"the trades and the positions that Nansen gives of {trader} don't fit together yet")
        return in_bursts(repaired, stored)

    def positions(self, trader: str, now: datetime) -> TraderState | UnknownType:
        """Return the trader's complete positions on the main dex, read anew, and the equity with them."""
        try:
            answer = self._client.perp_positions(trader)
        except TryLaterError as error:
            return self._unknown(str(error))
        held = (_position(item.position) for item in answer.asset_positions)
        state = TraderState(
            trader=trader,
            equity=answer.margin_summary_account_value_usd,
            positions={position.coin: position for position in held if position is not None},
            read_at=now,
            equity_source="nansen",
        )
        with self._lock:
            self._states[trader] = (self._clock.monotonic(), state)
        return state

    def state(self, trader: str, now: datetime) -> TraderState | UnknownType:
        """Return the trader's equity and complete positions; a reading of the last five seconds may be given again."""
        with self._lock:
            read_at, state = self._states.get(trader, (0.0, None))
        if state is not None and self._clock.monotonic() - read_at < _FRESH_S:
            return state
        return self.positions(trader, now)

    def _held(self, trader: str, now: datetime) -> Mapping[str, float] | UnknownType:
        """Return what the trader holds, read after the rows that it is compared with."""
        state = self.positions(trader, now)
        return UNKNOWN if state is UNKNOWN else {coin: held.size for coin, held in state.positions.items()}

    def _unknown(self, reason: str) -> UnknownType:
        self._tell(reason)
        return UNKNOWN


def fill_of(row: TradeRow, trader: str) -> Fill:
    """Return a row as a fill that starts where the row says; raises `BadAnswerError` for what can't be one."""
    if row.user != trader:
        message = f"Nansen gives a trade of {row.user} for {trader}"
        raise BadAnswerError(message)
    price = row.price or row.value_usd / row.size
    if not (0 < price < math.inf) and (market_of(row.token_symbol) is Market.PERP or price > 0):
        message = f"Nansen gives a trade of {trader} without a price"
        raise BadAnswerError(message)
    is_buy = _is_buy(row)
    return Fill(
        trader=trader,
        coin=row.token_symbol,
        is_buy=is_buy is not False,
        price=price,
        size=row.size,
        time=row.timestamp,
        start_position=row.start_position,
        direction=_label(row) + ("" if is_buy is not None else UNREADABLE),
        closed_pnl=row.closed_pnl,
        fee=row.fee_usd,
        fee_token=row.fee_token_symbol,
        hash=row.transaction_hash,
        oid=row.oid,
        crossed=row.crossed,
        liquidated_user=trader if row.action == _LIQUIDATION else None,
        source=NANSEN,
    )


def _is_buy(row: TradeRow) -> bool | None:
    """Return whether a row bought, None when it doesn't say; `side` is the position's, on exits too."""
    if row.action in _SPOT and market_of(row.token_symbol) in {Market.SPOT, Market.OUTCOME}:
        return _SPOT[row.action]
    if row.side not in {"long", "short"} or row.action not in _ENTERING | _LEAVING:
        return None
    return (row.side == "long") == (row.action in _ENTERING)


def _label(row: TradeRow) -> str:
    return f"{row.side or 'no side'} {row.action}".title()


def _position(row: PositionRow) -> TraderPosition | None:
    """Return a main-dex position; those of other dexes aren't backed by the equity that is read beside them."""
    if not row.size or market_of(row.token_symbol) is not Market.PERP:
        return None
    return TraderPosition(
        coin=row.token_symbol,
        size=row.size,
        value_usd=abs(row.position_value_usd),
        entry_price=row.entry_price_usd,
        leverage=row.leverage_value,
        isolated=row.leverage_type == "isolated",
    )
