"""Look at the market and at the trader's ways before a copy that everything else approves."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.domain.conduct import dumps_of
from hlcopy.domain.episodes import Market, chained, market_of
from hlcopy.domain.safety import Surroundings
from hlcopy.domain.scoring import QUARTER
from hlcopy.ports import UNKNOWN

if TYPE_CHECKING:
    from datetime import datetime

    from hlcopy.domain.models import TraderState
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
    )
