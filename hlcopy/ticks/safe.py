"""Look at the market and at the trader's ways before a copy that everything else approves."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.domain.book import PositionStatus
from hlcopy.domain.conduct import DUMP_WINDOW, dumped_at, dumps_of
from hlcopy.domain.episodes import Market, chained, market_of
from hlcopy.domain.safety import Surroundings
from hlcopy.domain.scoring import QUARTER
from hlcopy.ports import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hlcopy.domain.models import Fill, TraderState
    from hlcopy.ports import Desk, UnknownType
    from hlcopy.ticks.judge import Judged

_HOUR: Final = timedelta(hours=1)


def look(desk: Desk, judged: Judged, state: TraderState, now: datetime) -> Surroundings | UnknownType:
    """Return what a copy is weighed against, `UNKNOWN` when the market can't be read.

    The market is the one that the trader trades in: on a testnet, too, it is the true one that is judged.
    """
    coin = judged.signal.coin
    conditions = desk.prices.conditions(coin, now)
    if conditions is UNKNOWN:
        return UNKNOWN
    fills = desk.ledger.history.fills(judged.trader.address, since=now - QUARTER, until=now)
    known = chained([fill for fill in fills if market_of(fill.coin) is Market.PERP])
    held = state.positions.get(coin)
    return Surroundings(
        trader_position_usd=0.0 if held is None else held.value_usd,
        trader_hour_usd=sum(fill.notional for fill in known if fill.coin == coin and fill.time > now - _HOUR),
        conditions=conditions,
        dumps=dumps_of(known, now, desk.policy.entry.copy_delay),
        dumped_ago_days=_dumped_ago_days(desk, judged.trader.address, known, now),
    )


def _dumped_ago_days(desk: Desk, trader: str, fills: Sequence[Fill], now: datetime) -> float | None:
    """Return how long ago a trader last cut by half what we had just copied, as far back as that pauses him."""
    pause = timedelta(days=desk.policy.safety.dump_pause_days)
    if not pause:
        return None
    book = desk.ledger.book
    since = now - pause - DUMP_WINDOW
    copies = [
        each
        for each in (*book.positions(), *book.closed_since(since))
        if each.source_trader == trader and each.status is not PositionStatus.OPENING and each.opened_at >= since
    ]
    dumped = [dumped_at(fills, each.coin, each.side.sign, each.opened_at) for each in copies]
    latest = max((at for at in dumped if at is not None), default=None)
    return None if latest is None else (now - latest) / timedelta(days=1)
