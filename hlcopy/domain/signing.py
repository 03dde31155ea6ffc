"""The last look before something is signed: what must never leave, whatever built it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hlcopy.domain.book import Purpose
from hlcopy.domain.refusals import Refusal

if TYPE_CHECKING:
    from datetime import datetime

    from hlcopy.domain.book import Order
    from hlcopy.domain.instrument import Listing
    from hlcopy.domain.policy import ExecutionPolicy, SizingPolicy

_CLIENT_ID: Final = re.compile(r"0x[0-9a-f]{32}")
_STRANGE: Final = frozenset(":@/#+")
"""What names of markets have in them that aren't perps of the main dex."""
_MARGIN_MODES: Final = frozenset({None, "strictIsolated", "noCross"})
_HEADROOM: Final = 1.02
"""An entry is sized at the mark, and its limit price lies up to half a percent beyond."""
_NONCES_REACH_MS: Final = 86_400_000
"""How far ahead of its time the venue takes nonces."""


def next_nonce(last: int | None, now_ms: int) -> int:
    """Return the present in ms, or one more than a signer's last nonce if that is later.

    One from beyond the venue's reach was given by a clock that was wrong and never taken: keeping above it would let the
    venue refuse everything from then on, exits and stops too.
    """
    return now_ms if last is None or last - now_ms > _NONCES_REACH_MS else max(now_ms, last + 1)


@dataclass(frozen=True, slots=True)
class Objection:
    """Why something isn't signed."""

    reason: str
    kind: Refusal = Refusal.LOCAL


def to_order(
    order: Order, listing: Listing | None, equity: float | None, now: datetime, sizing: SizingPolicy
) -> Objection | None:
    """Return what speaks against signing an order, None when nothing does; `equity` in USD as read last.

    Whatever reduces a position is held to its form only: a limit that kept us from leaving would protect nobody.
    """
    return (
        _to_coin(order.coin, listing)
        or _to_form(order, now)
        or _to_numbers(order)
        or _to_precision(order, listing)
        or (_to_entry(order, listing, equity, sizing) if order.purpose is Purpose.ENTRY else None)
    )


def to_leverage(coin: str, leverage: int, listing: Listing | None, rules: ExecutionPolicy) -> Objection | None:
    """Return what speaks against setting a coin's leverage."""
    objection = _to_coin(coin, listing) or _to_opening(listing)
    if objection is not None or listing is None:
        return objection
    highest = min(rules.max_leverage, listing.max_leverage)
    if type(leverage) is not int or not 1 <= leverage <= highest:
        return Objection(f"a leverage of {leverage} isn't within 1 to {highest}")
    return None


def to_cancel(order: Order, listing: Listing | None) -> Objection | None:
    """Return what speaks against cancelling an order."""
    return _to_coin(order.coin, listing) or _to_id(order.client_order_id)


def _to_coin(coin: str, listing: Listing | None) -> Objection | None:
    if _STRANGE & set(coin):
        return Objection(f"{coin} is no perp of the main dex")
    if listing is None or listing.name != coin:
        return Objection(f"{coin} isn't listed")
    return None


def _to_opening(listing: Listing | None) -> Objection | None:
    if listing is None:
        return None
    if listing.is_delisted:
        return Objection(f"{listing.name} is delisted")
    if listing.margin_mode not in _MARGIN_MODES:
        return Objection(f"{listing.name} has a margin mode that isn't known")
    return None


def _to_id(client_order_id: str) -> Objection | None:
    return None if _CLIENT_ID.fullmatch(client_order_id) else Objection("the client id isn't 0x and 32 hex digits")


def _to_form(order: Order, now: datetime) -> Objection | None:
    if (objection := _to_id(order.client_order_id)) is not None:
        return objection
    if order.reduce_only is (order.purpose is Purpose.ENTRY):
        return Objection(f"an order for {order.purpose} must {'not ' if order.reduce_only else ''}be reduce-only")
    if (order.trigger_price is None) is (order.purpose is Purpose.STOP):
        return Objection("a stop, and nothing else, has a trigger")
    if order.expires_at is None:
        return Objection("the order never expires")
    if order.expires_at <= now:
        return Objection("the order expired before it was sent", Refusal.EXPIRED)
    return None


def _to_numbers(order: Order) -> Objection | None:
    bound, trigger = order.limit_price, order.trigger_price
    if bound is None:
        return Objection("the order has no price bound")
    numbers = (order.size, bound) if trigger is None else (order.size, bound, trigger)
    if not all(math.isfinite(number) and number > 0 for number in numbers):
        return Objection("a number of the order is none, or not above 0")
    if trigger is not None and (bound < trigger if order.is_buy else bound > trigger):
        return Objection("the price bound of the stop lies on the wrong side of its trigger")
    return None


def _to_precision(order: Order, listing: Listing | None) -> Objection | None:
    if listing is None:
        return None
    rules = listing.instrument
    if not rules.is_legal_size(order.size):
        return Objection(f"{order.size} is no legal size of {order.coin}", Refusal.SIZE)
    for price in (order.limit_price, order.trigger_price):
        if price is not None and not rules.is_legal_price(price):
            return Objection(f"{price} is no legal price of {order.coin}", Refusal.TICK)
    return None


def _to_entry(order: Order, listing: Listing | None, equity: float | None, sizing: SizingPolicy) -> Objection | None:
    if (objection := _to_opening(listing)) is not None:
        return objection
    if equity is None or not math.isfinite(equity):
        return Objection("our equity isn't known")
    largest = min(sizing.max_single_position_usd, sizing.max_single_position_ratio * equity) * _HEADROOM
    notional = order.size * (order.limit_price or math.inf)
    if not 0 < notional <= largest:
        return Objection(f"an entry of {notional:,.0f} USD is larger than the {largest:,.0f} USD that are allowed")
    return None
