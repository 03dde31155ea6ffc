"""Traders as Hyperliquid's public API shows them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, TypeVar

from hlcopy.adapters.hyperliquid.fills import read_since
from hlcopy.adapters.hyperliquid.models import WINDOWS
from hlcopy.domain.models import TraderPosition, TraderState, from_ms
from hlcopy.errors import BadAnswerError, TryLaterError
from hlcopy.ports import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from hlcopy.adapters.hyperliquid.client import InfoClient
    from hlcopy.adapters.hyperliquid.models import ApiHistory, ApiState
    from hlcopy.domain.models import Fill
    from hlcopy.ports import Clock, UnknownType

Read = TypeVar("Read")

# Two streams of a trader, each with a few dozen rows.
_WEIGHT_OF_FILLS: Final = 2 * (20 + 2)
_KEPT_BACK: Final = 3 * (20 + 20 + 2)  # the equity and the positions of three traders
_FRESH_S: Final = 5.0
_OWN_EQUITY: Final = frozenset({"default", "disabled"})
"""Modes in which the margin summary is the whole equity (decision 14)."""


class HyperliquidSource:
    """Traders' fills and accounts; what can't be read is told and `UNKNOWN`."""

    def __init__(self, client: InfoClient, clock: Clock, tell: Callable[[str], None]) -> None:
        self._client = client
        self._clock = clock
        self._tell = tell
        self._lock = threading.Lock()
        self._states: dict[str, tuple[float, TraderState]] = {}

    def room(self, now: datetime) -> int | None:
        """Return how many traders' fills the ration leaves room for, with some kept back to confirm what they show."""
        left = self._client.ration.left(now)
        return max((left - min(_KEPT_BACK, left // 3)) // _WEIGHT_OF_FILLS, 1 if left >= _WEIGHT_OF_FILLS else 0)

    def fills(self, trader: str, since: datetime, now: datetime) -> Sequence[Fill] | UnknownType:  # noqa: ARG002 - the port's
        """Return every fill from `since` on, also those that happen while we read."""
        return self._known(trader, lambda: read_since(self._client, trader, since))

    def positions(self, trader: str, now: datetime) -> TraderState | UnknownType:
        """Return the positions on the main dex, without the equity: that costs two more requests."""
        return self._known(trader, lambda: _state(trader, self._client.clearinghouse_state(trader), now))

    def state(self, trader: str, now: datetime) -> TraderState | UnknownType:
        """Return equity and positions; a reading of the last five seconds is given again."""
        with self._lock:
            read_at, known = self._states.get(trader, (0.0, None))
        if known is not None and self._clock.monotonic() - read_at <= _FRESH_S:
            return known
        state = self._known(trader, lambda: self._read_state(trader, now))
        if state is not UNKNOWN:
            with self._lock:
                self._states[trader] = (self._clock.monotonic(), state)
        return state

    def _read_state(self, trader: str, now: datetime) -> TraderState:
        mode = self._client.user_abstraction(trader)
        latest = None if mode in _OWN_EQUITY else _latest(self._client.portfolio(trader))
        read = self._client.clearinghouse_state(
            trader
        )  # last: each may wait for its ration, and positions must be fresh
        if mode in _OWN_EQUITY:
            return _state(trader, read, now, equity=read.marginSummary.accountValue, source="clearinghouseState")
        if latest is None:
            return _state(trader, read, now, source="portfolio")
        at, value = latest
        # The older of the two readings says how old the whole is.
        return _state(trader, read, min(now, from_ms(at)), equity=value, source="portfolio")

    def _known(self, trader: str, read: Callable[[], Read]) -> Read | UnknownType:
        try:
            return read()
        except TryLaterError as error:
            self._tell(f"{trader}: {error}")
            return UNKNOWN


def _state(
    trader: str, read: ApiState, read_at: datetime, *, equity: float | None = None, source: str = ""
) -> TraderState:
    positions = {}
    for row in read.assetPositions:
        held = row.position
        if held.coin in positions:
            message = f"clearinghouseState: {held.coin} stands in it twice"
            raise BadAnswerError(message)
        if held.szi:
            positions[held.coin] = TraderPosition(
                coin=held.coin,
                size=held.szi,
                value_usd=held.positionValue,
                entry_price=held.entryPx,
                leverage=held.leverage.value,
                isolated=held.leverage.type == "isolated",
            )
    return TraderState(trader=trader, equity=equity, positions=positions, read_at=read_at, equity_source=source)


def _latest(histories: Mapping[str, ApiHistory]) -> tuple[int, float] | None:
    """Return the newest account value of the windows of the whole account, and its moment."""
    points = [point for name in WINDOWS if name in histories for point in histories[name].accountValueHistory]
    return max(points, default=None)
