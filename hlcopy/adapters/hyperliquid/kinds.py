"""The info API's request types: how each answer looks and what it weighs."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter

from hlcopy.adapters.hyperliquid import own_models as own
from hlcopy.adapters.hyperliquid.models import (
    ApiBook,
    ApiFill,
    ApiMeta,
    ApiSlice,
    ApiState,
    ApiStatus,
    ApiUpdate,
)
from hlcopy.adapters.wire import Text, WireCandle, WireFunding

if TYPE_CHECKING:
    from collections.abc import Mapping

_USUAL: Final = 20
_LIGHT: Final = 2
_HEAVY: Final = 60


class Kind:
    """How the answer to a request type looks, what it weighs, and how many rows of it weigh one more, 0 for none."""

    def __init__(
        self,
        shape: Any,  # noqa: ANN401 - whatever pydantic understands
        per_weight: int = 0,
        *,
        weight: int = _USUAL,
        may_be_null: bool = False,
    ) -> None:
        self._shape = shape
        self.per_weight = per_weight
        self.weight = weight
        self.may_be_null = may_be_null

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        """What checks an answer, made when one first comes."""
        return TypeAdapter(self._shape)

    def rows_weight(self, rows: int) -> int:
        """Return the weight that rows add, rounded up."""
        return -(-rows // self.per_weight) if self.per_weight else 0


KINDS: Final[Mapping[str, Kind]] = {
    "meta": Kind(ApiMeta),
    # Contexts are checked coin by coin when they are asked for: one broken coin must not hide the others.
    "metaAndAssetCtxs": Kind(tuple[ApiMeta, list[dict[str, Any]]]),
    "allMids": Kind(dict[str, Any], weight=_LIGHT),
    "l2Book": Kind(ApiBook, weight=_LIGHT, may_be_null=True),
    "clearinghouseState": Kind(ApiState, weight=_LIGHT),
    "userFillsByTime": Kind(list[ApiFill], 20),
    "userTwapSliceFillsByTime": Kind(list[ApiSlice], 20),
    "userTwapSliceFills": Kind(list[ApiSlice], 20),
    "candleSnapshot": Kind(list[WireCandle], 60),
    "fundingHistory": Kind(list[WireFunding], 20),
    "portfolio": Kind(list[tuple[Text, Any]]),  # a window that we don't know may look like anything
    "userNonFundingLedgerUpdates": Kind(list[ApiUpdate], 20),
    "userAbstraction": Kind(Text),
    "exchangeStatus": Kind(ApiStatus, weight=_LIGHT),
    "frontendOpenOrders": Kind(list[own.ApiOrder]),
    "orderStatus": Kind(own.ApiOrderStatus, weight=_LIGHT),
    "userFunding": Kind(list[own.ApiFundingPayment], 20),
    "userRateLimit": Kind(own.ApiRateLimit),
    "userRole": Kind(own.ApiRole, weight=_HEAVY),
    "extraAgents": Kind(list[own.ApiAgent]),
    "activeAssetData": Kind(own.ApiActiveAsset),
}

# Our own account is looked at more closely than a trader's.
OWN_STATE: Final = Kind(own.ApiOwnState, weight=_LIGHT)
OWN_FILLS: Final = Kind(list[own.ApiOwnFill], 20)
OWN_UPDATES: Final = Kind(list[own.ApiOwnUpdate], 20)
