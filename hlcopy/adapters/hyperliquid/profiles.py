"""A candidate's past as Hyperliquid's public API tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from hlcopy.adapters.hyperliquid.fills import read_deep
from hlcopy.domain.models import from_ms
from hlcopy.errors import TryLaterError
from hlcopy.ports import UNKNOWN, EquityPoint, Portfolio

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from hlcopy.adapters.hyperliquid.client import InfoClient
    from hlcopy.adapters.hyperliquid.models import ApiHistory
    from hlcopy.ports import DeepFills, TradeSummary, UnknownType

Read = TypeVar("Read")


class HyperliquidProfiles:
    """Equity histories and deep fills; what can't be read is told and `UNKNOWN`."""

    def __init__(self, client: InfoClient, tell: Callable[[str], None]) -> None:
        self._client = client
        self._tell = tell

    def portfolio(self, address: str, now: datetime) -> Portfolio | UnknownType:
        """Return an account's equity histories, of the whole account and not of its perps alone."""

        def read() -> Portfolio:
            histories = self._client.portfolio(address)
            windows = {name: _points(history) for name, history in histories.items()}
            return Portfolio(address=address, read_at=now, windows=windows)

        return self._known(address, read)

    def deep_fills(
        self,
        address: str,
        since: datetime,
        until: datetime,
        *,
        at_most: int,
        now: datetime,  # noqa: ARG002 - the port's
    ) -> DeepFills | UnknownType:
        """Return the newest fills of a period, TWAP slices among them."""
        return self._known(address, lambda: read_deep(self._client, address, since, until, at_most))

    def summary(self, address: str, now: datetime) -> TradeSummary | UnknownType | None:  # noqa: ARG002 - the port's
        """Return None: only Nansen sums up a wallet's trades."""
        return None

    def _known(self, address: str, read: Callable[[], Read]) -> Read | UnknownType:
        try:
            return read()
        except TryLaterError as error:
            self._tell(f"{address}: {error}")
            return UNKNOWN


def _points(history: ApiHistory) -> tuple[EquityPoint, ...]:
    """Join the two histories by time; a value without its profit can't be told from a deposit and is left out."""
    pnl = dict(history.pnlHistory)
    return tuple(
        EquityPoint(from_ms(at), value, pnl[at]) for at, value in sorted(history.accountValueHistory) if at in pnl
    )
