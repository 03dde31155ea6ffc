"""What Hyperliquid's exchange API lets through: the envelope and the actions, read from bodies and checked for types only."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Grouping = Literal["na", "normalTpsl", "positionTpsl"]

UNREADABLE: Final = "Failed to deserialize the JSON body into the target type"
MAX_BATCH: Final = 200
_ORDERS_PER_WEIGHT: Final = 40
_NUMBER: Final = re.compile(r"\d+(\.\d{1,8})?")
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
_CLOID: Final = re.compile(r"0x[0-9a-fA-F]{32}")
_HEX: Final = re.compile(r"0x[0-9a-fA-F]{1,64}")
_TIFS: Final = frozenset({"Gtc", "Ioc", "Alo", "FrontendMarket"})
_GROUPINGS: Final = frozenset({"na", "normalTpsl", "positionTpsl"})
_KINDS: Final = frozenset({"tp", "sl"})
_RECOVERY: Final = frozenset({27, 28})


class UnreadableError(Exception):
    """The body can't be read as the types that the API knows; the venue answers 422."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """When an order wakes, and whether it then takes what its limit allows at once or rests at it."""

    price: float
    is_market: bool
    is_stop: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """An order as it was sent; either `tif` or `trigger` is set."""

    asset: int
    is_buy: bool
    price: float
    size: float
    reduce_only: bool = False
    tif: str | None = None
    trigger: Trigger | None = None
    cloid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrders:
    """The action `order`."""

    orders: tuple[Wish, ...]
    grouping: Grouping
    has_builder: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrders:
    """The actions `cancel` and `cancelByCloid`: pairs of an asset and an order's number or its client's number."""

    cancels: tuple[tuple[int, int | str], ...]
    fast: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModifyOrders:
    """The actions `modify` and `batchModify`."""

    modifies: tuple[tuple[int | str, Wish], ...]
    always_place: bool
    is_batch: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateLeverage:
    """The action `updateLeverage`."""

    asset: int
    is_cross: bool
    leverage: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateIsolatedMargin:
    """The action `updateIsolatedMargin`; `millionths` of a USD are added, or taken away when negative."""

    asset: int
    millionths: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleCancel:
    """The action `scheduleCancel`; without a time it takes back the one before."""

    at_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Noop:
    """The action `noop`, which uses up a nonce."""


Action = PlaceOrders | CancelOrders | ModifyOrders | UpdateLeverage | UpdateIsolatedMargin | ScheduleCancel | Noop


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A body of the exchange API; with a `problem` it is refused and nothing but its kind is known.

    `sent` is the action as it came, its keys in their order, `signature` is (r, s, v).
    """

    kind: str
    problem: str | None = None
    action: Action = field(default_factory=Noop)
    sent: Mapping[str, Any] = field(default_factory=dict)
    nonce: int = 0
    signature: tuple[int, int, int] = (0, 0, 0)
    vault_address: str | None = None
    expires_after: int | None = None

    @property
    def count(self) -> int:
        """How many orders or cancels the action is worth, at least one."""
        match self.action:
            case PlaceOrders(orders=items) | CancelOrders(cancels=items) | ModifyOrders(modifies=items):
                return max(1, len(items))
        return 1

    @property
    def weight(self) -> int:
        """What the request weighs against the limit of its sender's IP address."""
        return 1 + self.count // _ORDERS_PER_WEIGHT


def read(body: bytes) -> Envelope:
    """Return the action in a body; keys that nobody knows are let through."""
    kind = "unreadable"
    try:
        told = _of(json.loads(body, parse_constant=_no_number), dict)
        sent = _of(told.get("action"), dict)
        kind = _of(sent.get("type"), str)
        signature = _of(told.get("signature"), dict)
        return Envelope(
            kind=kind,
            action=_READERS[kind](sent),
            sent=sent,
            nonce=_whole(told.get("nonce")),
            signature=(_hex(signature.get("r")), _hex(signature.get("s")), _one_of(signature.get("v"), _RECOVERY)),
            vault_address=_maybe(_address, told.get("vaultAddress")),
            expires_after=_maybe(_whole, told.get("expiresAfter")),
        )
    except (UnreadableError, KeyError, ValueError):
        return Envelope(kind=kind, problem=UNREADABLE)


def _order(sent: object) -> Wish:
    told = _of(sent, dict)
    kind = _of(told.get("t"), dict)
    trigger = kind.get("trigger")
    if ("limit" in kind) == ("trigger" in kind):
        raise UnreadableError
    return Wish(
        asset=_whole(told.get("a")),
        is_buy=_flag(told.get("b")),
        price=_number(told.get("p")),
        size=_number(told.get("s")),
        reduce_only=_flag(told.get("r")),
        tif=_one_of(_of(kind["limit"], dict).get("tif"), _TIFS) if "limit" in kind else None,
        trigger=_trigger(_of(trigger, dict)) if "trigger" in kind else None,
        cloid=_maybe(_cloid, told.get("c")),
    )


def _trigger(told: Mapping[str, Any]) -> Trigger:
    return Trigger(
        price=_number(told.get("triggerPx")),
        is_market=_flag(told.get("isMarket")),
        is_stop=_one_of(told.get("tpsl"), _KINDS) == "sl",
    )


def _place(sent: Mapping[str, Any]) -> PlaceOrders:
    grouping = sent.get("grouping")
    if isinstance(grouping, dict):  # a fee for priority, which changes nothing here
        _whole(grouping.get("p"))
        grouping = "na"
    return PlaceOrders(
        orders=tuple(_order(each) for each in _of(sent.get("orders"), list)),
        grouping=_one_of(grouping, _GROUPINGS),
        has_builder=sent.get("builder") is not None,
    )


def _cancel(sent: Mapping[str, Any]) -> CancelOrders:
    rows = [_of(each, dict) for each in _of(sent.get("cancels"), list)]
    return CancelOrders(
        cancels=tuple((_whole(row.get("a")), _whole(row.get("o"))) for row in rows), fast=_set_flag(sent, "f")
    )


def _cancel_by_cloid(sent: Mapping[str, Any]) -> CancelOrders:
    rows = [_of(each, dict) for each in _of(sent.get("cancels"), list)]
    return CancelOrders(
        cancels=tuple((_whole(row.get("asset")), _cloid(row.get("cloid"))) for row in rows), fast=_set_flag(sent, "f")
    )


def _modify(sent: Mapping[str, Any]) -> ModifyOrders:
    return ModifyOrders(modifies=(_modified(sent),), always_place=_set_flag(sent, "a"), is_batch=False)


def _batch_modify(sent: Mapping[str, Any]) -> ModifyOrders:
    rows = [_of(each, dict) for each in _of(sent.get("modifies"), list)]
    return ModifyOrders(
        modifies=tuple(_modified(row) for row in rows), always_place=_set_flag(sent, "a"), is_batch=True
    )


def _modified(told: Mapping[str, Any]) -> tuple[int | str, Wish]:
    oid = told.get("oid")
    return (_cloid(oid) if isinstance(oid, str) else _whole(oid)), _order(told.get("order"))


def _update_leverage(sent: Mapping[str, Any]) -> UpdateLeverage:
    return UpdateLeverage(
        asset=_whole(sent.get("asset")), is_cross=_flag(sent.get("isCross")), leverage=_whole(sent.get("leverage"))
    )


def _update_isolated_margin(sent: Mapping[str, Any]) -> UpdateIsolatedMargin:
    _flag(sent.get("isBuy"))
    return UpdateIsolatedMargin(asset=_whole(sent.get("asset")), millionths=_integer(sent.get("ntli")))


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any]], Action]]] = {
    "order": _place,
    "cancel": _cancel,
    "cancelByCloid": _cancel_by_cloid,
    "modify": _modify,
    "batchModify": _batch_modify,
    "updateLeverage": _update_leverage,
    "updateIsolatedMargin": _update_isolated_margin,
    "scheduleCancel": lambda sent: ScheduleCancel(at_ms=_maybe(_whole, sent.get("time"))),
    "noop": lambda _: Noop(),
}
TYPES: Final = frozenset(_READERS)


def _of(value: object, kind: type) -> Any:  # noqa: ANN401 - what `kind` says
    if not isinstance(value, kind):
        raise UnreadableError
    return value


def _integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise UnreadableError
    return value


def _whole(value: object) -> int:
    number = _integer(value)
    if not 0 <= number < 1 << 64:
        raise UnreadableError
    return number


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise UnreadableError
    return value


def _set_flag(sent: Mapping[str, Any], name: str) -> bool:
    return _flag(sent.get(name, False))


def _one_of(value: object, known: frozenset[Any]) -> Any:  # noqa: ANN401 - one of the known
    if isinstance(value, (dict, list)) or value not in known:
        raise UnreadableError
    return value


def _text(value: object, pattern: re.Pattern[str]) -> str:
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise UnreadableError
    return value


def _number(value: object) -> float:
    return float(_text(value, _NUMBER))


def _cloid(value: object) -> str:
    return _text(value, _CLOID).lower()


def _address(value: object) -> str:
    return _text(value, _ADDRESS).lower()


def _hex(value: object) -> int:
    return int(_text(value, _HEX), 16)


def _maybe(read_one: Callable[[object], Any], value: object) -> Any:  # noqa: ANN401 - what the reader says
    return None if value is None else read_one(value)


def _no_number(constant: str) -> float:
    message = f"{constant} is no JSON"
    raise ValueError(message)
