"""What a simulated world is made of: a market over a past and a present, and who trades in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from hlcopy.domain.instrument import Instrument
from hlcopy.errors import BadInputError
from hlcopy.simulator.market import COINS, DAY, HOUR, MINUTE_MS, Funding, Series

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hlcopy.simulator.wallet import FillRow

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
PRIMARY: Final = "primary"
_QUIET_VOLUME_USD: Final = 250_000.0  # a minute
_QUIET_RATE: Final = 0.0000125


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A trader of the world.

    `equity_usd` is the equity at the start of the present, before open positions, which weights are measured against.
    `mode` is the account's abstraction. `fate` is what scoring must make of the trader at the start of the present:
    `primary`, the reason that disqualifies it, or nothing where that isn't known beforehand. `isolated` has the leverage
    of the coins held in isolated margin; all others are cross.
    """

    address: str
    equity_usd: float
    description: str
    kind: str = ""
    label: str | None = None
    smart_money: bool = False
    mode: str = "default"
    fate: str = ""
    isolated: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}), hash=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """A market and its traders: `history_days` of past before `start`, then `days` of present.

    Candles and funding by coin, fills by trader's address in the order in which they came. `flows` are transfers by address
    as (ms, USD), positive into the account. `inherited` are positions older than the fills, by address and coin, as signed
    size and entry price.
    """

    start: datetime
    days: int
    candles: Mapping[str, Series]
    funding: Mapping[str, Funding]
    traders: tuple[Profile, ...]
    fills: Mapping[str, list[FillRow]]
    history_days: int = 0
    flows: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)
    inherited: Mapping[str, Mapping[str, tuple[float, float]]] = field(default_factory=dict)

    @property
    def start_ms(self) -> int:
        """The start of the present in ms UTC."""
        return start_ms(self.start)


def start_ms(start: datetime) -> int:
    """Return a world's start in ms UTC; it must be aware and on a full hour."""
    offset = start - EPOCH
    if offset % timedelta(hours=1):
        message = f"a world starts on a full hour, not {start.isoformat()}"
        raise BadInputError(message)
    return offset // timedelta(milliseconds=1)


def quiet_world(
    start: datetime,
    prices: Mapping[str, float],
    *,
    days: int = 14,
    history_days: int = 2,
    instruments: Mapping[str, Instrument] = MappingProxyType({}),
) -> World:
    """Return a world with constant prices and nobody in it, to be scripted through its venue.

    Coins that neither the simulator nor `instruments` know get one size decimal and a leverage of up to 10.
    """
    minutes = (history_days + days) * DAY
    t = start_ms(start) + MINUTE_MS * np.arange(-history_days * DAY, days * DAY, dtype=np.int64)
    known = {coin.instrument.coin: coin.instrument for coin in COINS} | dict(instruments)
    candles, funding = {}, {}
    for coin, price in prices.items():
        instrument = known.get(coin) or Instrument(coin=coin, size_decimals=1, max_leverage=10)
        level = np.full(minutes, float(price))
        volume = np.full(minutes, round(_QUIET_VOLUME_USD / price, instrument.size_decimals))
        candles[coin] = Series(instrument=instrument, t=t, o=level, h=level, l=level, c=level, v=volume)
        funding[coin] = Funding(t=t[::HOUR], rate=np.full(len(t[::HOUR]), _QUIET_RATE))
    return World(
        start=start, days=days, history_days=history_days, candles=candles, funding=funding, traders=(), fills={}
    )
