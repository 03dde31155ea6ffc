"""What the API answers of our own account, in its own names, checked: what protects money may miss nothing."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from hlcopy.adapters.hyperliquid.models import (
    ApiFill,
    ApiLeverage,
    ApiMarginSummary,
    ApiPosition,
)
from hlcopy.adapters.wire import Coin, Milliseconds, NotNegative, Number, Positive, Rate, Signed, Text, User, Wire


class ApiOwnPosition(ApiPosition):
    """What our account holds in a coin."""

    entryPx: Positive  # noqa: N815 - the venue's name
    liquidationPx: Signed | None  # noqa: N815 - the venue's name


class ApiOwnAssetPosition(Wire):
    """A position of ours in its wrapping."""

    position: ApiOwnPosition


class ApiOwnState(Wire):
    """Our account on the main dex; a coin that is absent is flat."""

    marginSummary: ApiMarginSummary  # noqa: N815 - the venue's name
    assetPositions: list[ApiOwnAssetPosition]  # noqa: N815 - the venue's name
    time: Milliseconds


class ApiOrder(Wire):
    """An order as `frontendOpenOrders` and `orderStatus` show it; `sz` is what remains of `origSz`."""

    coin: Coin
    side: Literal["B", "A"]
    limitPx: NotNegative  # noqa: N815 - the venue's name
    sz: NotNegative
    origSz: NotNegative  # noqa: N815 - the venue's name
    oid: Number
    timestamp: Milliseconds
    isTrigger: bool  # noqa: N815 - the venue's name
    triggerPx: NotNegative  # noqa: N815 - the venue's name
    reduceOnly: bool  # noqa: N815 - the venue's name
    orderType: Text  # noqa: N815 - the venue's name
    cloid: Text | None = None


class ApiOrderRecord(Wire):
    """What the venue remembers of an order."""

    order: ApiOrder
    status: Text
    statusTimestamp: Milliseconds  # noqa: N815 - the venue's name


class ApiOrderStatus(Wire):
    """The answer to a question for an order; `order` is there when `status` says so."""

    status: Text
    order: ApiOrderRecord | None = None


class ApiOwnFill(ApiFill):
    """A fill of ours; its fee holds what a builder got of it."""

    feeToken: Text  # noqa: N815 - the venue's name
    cloid: Text | None = None


class ApiFundingDelta(Wire):
    """A payment of funding; `usdc` is negative when paid."""

    type: Text
    coin: Coin
    usdc: Signed
    szi: Signed
    fundingRate: Rate  # noqa: N815 - the venue's name


class ApiFundingPayment(Wire):
    """A payment of funding and its moment."""

    time: Milliseconds
    hash: Text
    delta: ApiFundingDelta

    @property
    def key(self) -> tuple[object, ...]:
        """What tells it from the others of its user: a coin pays once at a moment."""
        return self.time, self.delta.coin


class ApiMove(Wire):
    """What a ledger update of ours moved; which amounts it has depends on its type."""

    type: Text
    usdc: Signed | None = None
    fee: Signed | None = None
    toPerp: bool | None = None  # noqa: N815 - the venue's name
    user: User | None = None
    destination: User | None = None
    token: Text | None = None
    amount: Signed | None = None
    usdcValue: Signed | None = None  # noqa: N815 - the venue's name
    sourceDex: Text | None = None  # noqa: N815 - the venue's name
    destinationDex: Text | None = None  # noqa: N815 - the venue's name
    netWithdrawnUsd: Signed | None = None  # noqa: N815 - the venue's name
    vault: User | None = None


class ApiOwnUpdate(Wire):
    """A deposit, a withdrawal, a transfer of ours."""

    time: Milliseconds
    hash: Text
    delta: ApiMove

    @property
    def key(self) -> tuple[object, ...]:
        """What tells it from the others of its user."""
        return self.time, self.hash, *self.delta.model_dump().values()


class ApiRateLimit(Wire):
    """How many actions an address sent and may send in all."""

    nRequestsUsed: Number  # noqa: N815 - the venue's name
    nRequestsCap: Number  # noqa: N815 - the venue's name


class ApiRole(Wire):
    """What an address is; `data` names whose it is."""

    role: Text
    data: dict[str, Any] = Field(default_factory=dict)


class ApiAgent(Wire):
    """An approved agent with a name; `validUntil` in ms."""

    name: Text
    address: User
    validUntil: Milliseconds | None = None  # noqa: N815 - the venue's name


class ApiActiveAsset(Wire):
    """The margin mode and leverage that our account has chosen for a coin."""

    coin: Coin
    leverage: ApiLeverage
