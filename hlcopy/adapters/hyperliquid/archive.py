"""The past as Hyperliquid's public API still serves it, to be kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from hlcopy.adapters.hyperliquid.client import FULL_UPDATES
from hlcopy.adapters.hyperliquid.fills import read_period
from hlcopy.adapters.hyperliquid.profiles import HyperliquidProfiles
from hlcopy.adapters.wire import INTERVALS, candles_of
from hlcopy.domain.models import from_ms
from hlcopy.errors import BadAnswerError, TryLaterError
from hlcopy.ports import UNKNOWN, FundingRate

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from hlcopy.adapters.hyperliquid.client import InfoClient
    from hlcopy.adapters.wire import IntervalName
    from hlcopy.domain.candles import Candles
    from hlcopy.domain.models import Fill
    from hlcopy.domain.spans import Span
    from hlcopy.ports import Portfolio, UnknownType

Read = TypeVar("Read")

_NAMES: Final[Mapping[int, IntervalName]] = {length: name for name, length in INTERVALS.items()}


class HyperliquidArchive:
    """Fills, equity histories, candles and funding; what can't be read whole is told and `UNKNOWN`."""

    def __init__(self, client: InfoClient, tell: Callable[[str], None]) -> None:
        self._client = client
        self._tell = tell
        self._profiles = HyperliquidProfiles(client, tell)

    def coins(self) -> Collection[str] | UnknownType:
        """Return the perps of the main dex, those that trade no longer among them."""
        return self._known("the list of coins", lambda: frozenset(each.name for each in self._client.meta().universe))

    def fills(self, trader: str, since: datetime, until: datetime) -> Sequence[Fill] | UnknownType:
        """Return every fill of a period that is served, TWAP slices among them, both ends included."""
        return self._known(trader, lambda: read_period(self._client, trader, since, until))

    def portfolio(self, address: str, now: datetime) -> Portfolio | UnknownType:
        """Return an account's equity histories, of the whole account and not of its perps alone."""
        return self._profiles.portfolio(address, now)

    def candles(self, coin: str, interval_ms: int, span: Span) -> Candles | UnknownType:
        """Return the candles that open within a span, as far as they are served."""
        return self._known(f"the candles of {coin}", lambda: self._candles(coin, interval_ms, *span))

    def funding(self, coin: str, span: Span) -> Sequence[FundingRate] | UnknownType:
        """Return the hourly rates of a span."""
        return self._known(f"the funding of {coin}", lambda: self._funding(coin, *span))

    def _candles(self, coin: str, interval_ms: int, since: int, until: int) -> Candles:
        rows = self._client.candles(coin, _NAMES[interval_ms], since, until - 1)
        if any(row.coin != coin or row.t % interval_ms for row in rows):
            message = f"candleSnapshot: {coin}: a candle of another coin or interval"
            raise BadAnswerError(message)
        return candles_of(coin, interval_ms, [row for row in rows if since <= row.t < until])

    def _funding(self, coin: str, since: int, until: int) -> list[FundingRate]:
        rates: dict[int, FundingRate] = {}
        while True:
            page = self._client.funding_history(coin, since, until - 1)
            rates |= {row.time: FundingRate(coin=coin, time=from_ms(row.time), rate=row.fundingRate) for row in page}
            if len(page) < FULL_UPDATES:
                return [rates[at] for at in sorted(rates) if at < until]
            since = page[-1].time + 1

    def _known(self, what: str, read: Callable[[], Read]) -> Read | UnknownType:
        try:
            return read()
        except TryLaterError as error:
            self._tell(f"{what}: {error}")
            return UNKNOWN
