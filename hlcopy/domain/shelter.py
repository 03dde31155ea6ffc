"""A stop for what the venue holds when our own books can't be read: where it belongs, and the id by which it is known again."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from hlcopy.domain import stops
from hlcopy.domain.models import Side

if TYPE_CHECKING:
    from hlcopy.domain.policy import ExitPolicy

_HEAD: Final = 10
"""How many characters of an id say that it is such a stop's, and of which coin."""


def client_order_id(coin: str, size: float, entry_price: float, attempt: int) -> str:
    """Return the id of a stop that no books know, derived from what it protects so that a repeat is the same order."""
    cause = f"shelter:{coin}:{size!r}:{entry_price!r}:{attempt}"
    return _head(coin) + hashlib.sha256(cause.encode()).hexdigest()[: 34 - _HEAD]


def is_ours(client_order_id: str | None, coin: str) -> bool:
    """Whether an order of a coin is a stop that was placed without books."""
    return client_order_id is not None and client_order_id.startswith(_head(coin))


def _head(coin: str) -> str:
    return "0x" + hashlib.sha256(f"shelter:{coin}".encode()).hexdigest()[: _HEAD - 2]


def trigger(entry_price: float, side: Side, liquidation_price: float | None, policy: ExitPolicy) -> float:
    """Return where the stop belongs: the hard stop, or halfway to the liquidation where that would come first."""
    hard = stops.hard_stop(entry_price, side, policy)
    if liquidation_price is None or (hard - liquidation_price) * side.sign > 0:
        return hard
    return (entry_price + liquidation_price) / 2


def side_of(size: float) -> Side:
    """Return the side of a signed size."""
    return Side.LONG if size > 0 else Side.SHORT
