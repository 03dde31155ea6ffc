"""What Hyperliquid's public API answers, in its own names, checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field

from hlcopy.adapters.wire import (
    Milliseconds,
    NotNegative,
    Number,
    Positive,
    Rate,
    Signed,
    Text,
    User,
    Wire,
    WireFill,
)
from hlcopy.domain.episodes import Market, market_of

if TYPE_CHECKING:
    from hlcopy.domain.models import Fill

Leverage = Annotated[int, Field(ge=1, le=1_000)]

WINDOWS: Final = ("day", "week", "month", "allTime")
"""The windows of `portfolio` that hold the whole account; the others, of perps alone, aren't looked at."""


class ApiFill(WireFill):
    """A fill as the API serves it; what isn't a perp may settle at nothing."""

    px: NotNegative
    sz: NotNegative

    @property
    def key(self) -> tuple[object, ...]:
        """What tells it from the other fills of its user; dust has no `tid` of its own."""
        return self.tid, self.coin, self.side, self.time

    @property
    def is_sound(self) -> bool:
        """Whether it can have moved a position."""
        return (self.px > 0 and self.sz > 0) or market_of(self.coin) is not Market.PERP


class ApiSlice(Wire):
    """A row of `userTwapSliceFillsByTime`."""

    fill: ApiFill
    twapId: Number  # noqa: N815 - the venue's name

    @property
    def time(self) -> int:
        """When it was filled."""
        return self.fill.time

    @property
    def key(self) -> tuple[object, ...]:
        """What tells it from the other slices of its user."""
        return self.fill.key

    @property
    def is_sound(self) -> bool:
        """Whether it can have moved a position."""
        return self.fill.is_sound

    def to_fill(self, trader: str) -> Fill:
        """Return the domain's fill."""
        self.fill.twapId = self.twapId
        return self.fill.to_fill(trader)


class ApiAsset(Wire):
    """A coin of `meta`."""

    name: Text
    szDecimals: Annotated[int, Field(ge=0, le=8)]  # noqa: N815 - the venue's name
    maxLeverage: Leverage  # noqa: N815 - the venue's name
    isDelisted: bool = False  # noqa: N815 - the venue's name
    marginMode: Text | None = None  # noqa: N815 - the venue's name


class ApiMeta(Wire):
    """The coins of the main dex, delisted ones in their places."""

    universe: list[ApiAsset]


class ApiContext(Wire):
    """The present of a coin; a price of 0 or null is none, `funding` is an hour's rate."""

    markPx: NotNegative | None  # noqa: N815 - the venue's name
    midPx: NotNegative | None = None  # noqa: N815 - the venue's name
    funding: Rate


class ApiConditions(Wire):
    """What makes a coin's market large and its price true; `openInterest` is in base units, `dayNtlVlm` in USD, `funding` an hour's rate."""

    markPx: Positive  # noqa: N815 - the venue's name
    oraclePx: Positive  # noqa: N815 - the venue's name
    openInterest: NotNegative  # noqa: N815 - the venue's name
    dayNtlVlm: NotNegative  # noqa: N815 - the venue's name
    funding: Rate


class ApiLevel(Wire):
    """A price of a book."""

    px: Positive
    sz: NotNegative


class ApiBook(Wire):
    """A book: bids, then asks."""

    levels: tuple[list[ApiLevel], list[ApiLevel]]


class ApiLeverage(Wire):
    """A position's leverage and margin mode."""

    type: Literal["cross", "isolated"]
    value: Leverage


class ApiPosition(Wire):
    """What an account holds in a coin; `szi` is signed."""

    coin: Text
    szi: Signed
    leverage: ApiLeverage
    entryPx: Positive | None = None  # noqa: N815 - the venue's name
    positionValue: NotNegative  # noqa: N815 - the venue's name


class ApiAssetPosition(Wire):
    """A position in its wrapping."""

    position: ApiPosition


class ApiMarginSummary(Wire):
    """The account in sum."""

    accountValue: Signed  # noqa: N815 - the venue's name


class ApiState(Wire):
    """An account on the main dex; a coin that is absent is flat."""

    marginSummary: ApiMarginSummary  # noqa: N815 - the venue's name
    assetPositions: list[ApiAssetPosition]  # noqa: N815 - the venue's name
    time: Milliseconds


class ApiHistory(Wire):
    """A window of `portfolio`: account value and profit since its beginning, by time."""

    accountValueHistory: list[tuple[Milliseconds, Signed]]  # noqa: N815 - the venue's name
    pnlHistory: list[tuple[Milliseconds, Signed]]  # noqa: N815 - the venue's name


class ApiDelta(Wire):
    """What a ledger update changed; amounts stand under names that depend on its type."""

    type: Text
    usdc: Signed | None = None
    leverageType: Literal["Cross", "Isolated"] | None = None  # noqa: N815 - the venue's name


class ApiUpdate(Wire):
    """A deposit, a withdrawal, a transfer, a liquidation."""

    time: Milliseconds
    hash: Text
    delta: ApiDelta

    @property
    def key(self) -> tuple[object, ...]:
        """What tells it from the others of its user."""
        return self.time, self.hash, self.delta.type, self.delta.usdc


class ApiStatus(Wire):
    """The venue's own time."""

    time: Milliseconds


class ApiPerformance(Wire):
    """A window of a row of the leaderboard, in USD."""

    pnl: Signed
    vlm: NotNegative


class ApiLeader(Wire):
    """A row of the leaderboard; only one of its windows is looked at, so the others may be anything."""

    ethAddress: User  # noqa: N815 - the venue's name
    accountValue: Signed  # noqa: N815 - the venue's name
    windowPerformances: list[tuple[Text, Any]]  # noqa: N815 - the venue's name
