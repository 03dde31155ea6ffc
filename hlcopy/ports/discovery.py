"""Where traders are found and their past is read: leaderboards, equity histories, deep fills, trade summaries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from hlcopy.domain.candles import Candles
    from hlcopy.domain.models import Fill
    from hlcopy.domain.spans import Span
    from hlcopy.ports.ledgers import FundingRate
    from hlcopy.ports.sources import UnknownType

FILLS_SERVED: Final = 10_000
"""How many of an account's newest fills Hyperliquid serves; older ones are absent from its answers without a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leader:
    """A row of a leaderboard: amounts in USD over the last 30 days, None where the board doesn't say."""

    address: str
    account_value: float | None
    pnl_30d_usd: float | None
    volume_30d_usd: float | None
    realized_30d_usd: float | None = None
    label: str | None = None
    smart_money: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaders:
    """One day's leaderboard. `source` is `nansen` or `hyperliquid`; only the first knows labels and smart money.

    `notes` are for the user: that `auto` fell back for want of credits, say.
    """

    source: str
    rows: tuple[Leader, ...]
    notes: tuple[str, ...] = ()


class Leaderboard(Protocol):
    """Where candidates are found."""

    def leaders(self, now: datetime) -> Leaders:
        """Return the whole leaderboard; raises `TryLaterError` when it can't be read, never a part of it."""


@dataclass(frozen=True, slots=True)
class EquityPoint:
    """An account's value and its profit since the beginning of the window, in USD; their difference moves by transfers only."""

    at: datetime
    value_usd: float
    pnl_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """An account's equity histories by window: `day`, `week`, `month`, `allTime`, each oldest first."""

    address: str
    read_at: datetime
    windows: Mapping[str, tuple[EquityPoint, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepFills:
    """Fills in order of arrival; everything from `complete_from` up to the end asked for is among them.

    As far as it is served: whoever asks for an end in the past counts what came after it against `FILLS_SERVED`.
    """

    fills: Sequence[Fill]
    complete_from: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeSummary:
    """What Nansen counts of a wallet over 30 days: aggregated trades, realised PnL gross of fees and fees in USD."""

    address: str
    read_at: datetime
    trades: int
    realized_pnl_usd: float
    fees_usd: float


class Profiles(Protocol):
    """Where a candidate's past is read; several threads may ask at once."""

    def portfolio(self, address: str, now: datetime) -> Portfolio | UnknownType:
        """Return an account's equity histories."""

    def deep_fills(
        self, address: str, since: datetime, until: datetime, *, at_most: int, now: datetime
    ) -> DeepFills | UnknownType:
        """Return the newest fills of a period, TWAP slices among them, `at_most` of them or a page more."""

    def summary(self, address: str, now: datetime) -> TradeSummary | UnknownType | None:
        """Return Nansen's summary of the last 30 days; None without a key, a budget or credits."""


class Archive(Protocol):
    """Where the past of traders and coins is read to be kept; what can't be read whole is `UNKNOWN`."""

    def coins(self) -> Collection[str] | UnknownType:
        """Return the perps of the main dex, those that trade no longer among them."""

    def fills(self, trader: str, since: datetime, until: datetime) -> Sequence[Fill] | UnknownType:
        """Return every fill of a period that is served, TWAP slices among them, both ends included."""

    def portfolio(self, address: str, now: datetime) -> Portfolio | UnknownType:
        """Return an account's equity histories."""

    def candles(self, coin: str, interval_ms: int, span: Span) -> Candles | UnknownType:
        """Return the candles that open within a span, as far as they are served."""

    def funding(self, coin: str, span: Span) -> Sequence[FundingRate] | UnknownType:
        """Return the hourly rates of a span."""
