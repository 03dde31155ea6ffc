"""What Hyperliquid's info API lets through: the keys of every request, their types, and what a request weighs."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

UNREADABLE: Final = "Failed to deserialize the JSON body into the target type"
NOBODY: Final = "0x" + "0" * 40
INTERVALS_MS: Final = {
    name: minutes * 60_000
    for name, minutes in (
        ("1m", 1),
        ("3m", 3),
        ("5m", 5),
        ("15m", 15),
        ("30m", 30),
        ("1h", 60),
        ("2h", 120),
        ("4h", 240),
        ("8h", 480),
        ("12h", 720),
        ("1d", 1_440),
        ("3d", 4_320),
        ("1w", 10_080),
        ("1M", 43_200),
    )
}
_WEIGHT: Final = 20
_LIGHT: Final = 2
_HEAVY: Final = 60
_PER_20_ITEMS: Final = 20
_PER_60_ITEMS: Final = 60
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
_CLOID: Final = re.compile(r"0x[0-9a-fA-F]{32}")


def _text(value: object) -> bool:
    return isinstance(value, str)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _flag(value: object) -> bool:
    return isinstance(value, bool)


def _address(value: object) -> bool:
    return isinstance(value, str) and _ADDRESS.fullmatch(value) is not None


def _order(value: object) -> bool:
    return _whole(value) or (isinstance(value, str) and _CLOID.fullmatch(value) is not None)


def _candles(value: object) -> bool:
    return isinstance(value, dict) and _fits(value, _CANDLES)


def _interval(value: object) -> bool:
    return isinstance(value, str) and value in INTERVALS_MS


@dataclass(frozen=True, slots=True)
class _Key:
    fits: Callable[[object], bool]
    needed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """The keys that a request has beside its type, its weight, and how many items of its answer weigh one more."""

    keys: Mapping[str, _Key]
    weight: int = _WEIGHT
    items_per_weight: int | None = None


_USER: Final = _Key(_address)
_COIN: Final = _Key(_text)
_DEX: Final = _Key(_text, needed=False)
_START: Final = _Key(_whole)
_END: Final = _Key(_whole, needed=False)
_TOGETHER: Final = _Key(_flag, needed=False)
_CANDLES: Final = {"coin": _COIN, "interval": _Key(_interval), "startTime": _START, "endTime": _Key(_whole)}


def _rule(weight: int = _WEIGHT, per: int | None = None, **keys: _Key) -> _Rule:
    return _Rule(keys=keys, weight=weight, items_per_weight=per)


def _period(**keys: _Key) -> _Rule:
    return _Rule(keys={"user": _USER, "startTime": _START, "endTime": _END, **keys}, items_per_weight=_PER_20_ITEMS)


_RULES: Final = {
    "meta": _rule(dex=_DEX),
    "metaAndAssetCtxs": _rule(dex=_DEX),
    "allMids": _rule(_LIGHT, dex=_DEX),
    "perpDexs": _rule(),
    "spotMeta": _rule(),
    "predictedFundings": _rule(),
    "perpsAtOpenInterestCap": _rule(dex=_DEX),
    "exchangeStatus": _rule(_LIGHT),
    "l2Book": _rule(_LIGHT, coin=_COIN, nSigFigs=_Key(_whole, needed=False), mantissa=_Key(_whole, needed=False)),
    "recentTrades": _rule(per=_PER_20_ITEMS, coin=_COIN),
    "candleSnapshot": _rule(per=_PER_60_ITEMS, req=_Key(_candles)),
    "fundingHistory": _rule(per=_PER_20_ITEMS, coin=_COIN, startTime=_START, endTime=_END),
    "clearinghouseState": _rule(_LIGHT, user=_USER, dex=_DEX),
    "spotClearinghouseState": _rule(_LIGHT, user=_USER),
    "openOrders": _rule(user=_USER, dex=_DEX),
    "frontendOpenOrders": _rule(user=_USER, dex=_DEX),
    "orderStatus": _rule(_LIGHT, user=_USER, oid=_Key(_order)),
    "historicalOrders": _rule(per=_PER_20_ITEMS, user=_USER),
    "userFills": _rule(per=_PER_20_ITEMS, user=_USER, aggregateByTime=_TOGETHER),
    "userFillsByTime": _period(aggregateByTime=_TOGETHER, reversed=_Key(_flag, needed=False)),
    "userTwapSliceFills": _rule(per=_PER_20_ITEMS, user=_USER),
    "userTwapSliceFillsByTime": _period(),
    "userFunding": _period(),
    "userNonFundingLedgerUpdates": _period(),
    "portfolio": _rule(user=_USER),
    "userRateLimit": _rule(user=_USER),
    "userFees": _rule(user=_USER),
    "userRole": _rule(_HEAVY, user=_USER),
    "userAbstraction": _rule(user=_USER),
    "activeAssetData": _rule(user=_USER, coin=_COIN),
    "extraAgents": _rule(user=_USER),
}
TYPES: Final = frozenset(_RULES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it was read; with a `problem`, it is refused and `values` are empty."""

    kind: str
    values: Mapping[str, object] = field(default_factory=dict)
    weight: int = _WEIGHT
    problem: str | None = None
    items_per_weight: int | None = None

    @property
    def asks_the_time(self) -> bool:
        """Whether this is how a rehearsal reads the clock: the state of the address that is nobody's."""
        return self.kind == "clearinghouseState" and self.values.get("user") == NOBODY

    def more_weight(self, items: int) -> int:
        """Return what an answer of so many items weighs beyond the request's own weight; 5,000 candles are 84."""
        return -(-items // self.items_per_weight) if self.items_per_weight else 0


def read(body: bytes) -> Request:
    """Return the request in a body; optional keys may be null, any other key or type is a problem."""
    try:
        asked = json.loads(body, parse_constant=_no_number)
    except ValueError:
        return Request(kind="unreadable", problem=UNREADABLE)
    kind = asked.get("type") if isinstance(asked, dict) else None
    rule = _RULES.get(kind) if isinstance(kind, str) else None
    if rule is None or not isinstance(kind, str):
        return Request(kind=kind if isinstance(kind, str) else "unreadable", problem=UNREADABLE)
    values = {name: value for name, value in asked.items() if name != "type"}
    if not _fits(values, rule.keys):
        return Request(kind=kind, problem=UNREADABLE)
    return Request(kind=kind, values=values, weight=rule.weight, items_per_weight=rule.items_per_weight)


def _fits(values: Mapping[str, object], keys: Mapping[str, _Key]) -> bool:
    if not values.keys() <= keys.keys():
        return False
    return all(not key.needed if values.get(name) is None else key.fits(values[name]) for name, key in keys.items())


def _no_number(constant: str) -> float:
    message = f"{constant} is no JSON"
    raise ValueError(message)
