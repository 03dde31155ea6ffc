"""What trading costs: slippage, fees, funding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hlcopy.domain.policy import for_coin

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hlcopy.domain.policy import CostPolicy


def slippage_percent(coin: str, notional_usd: float, policy: CostPolicy) -> float:
    """Return the expected slippage of an order in percent (specification 9.2): larger orders slip more."""
    size_factor = 1 + (notional_usd / policy.slippage_size_usd) * policy.slippage_size_factor
    return for_coin(policy.base_slippage_percent, coin) * size_factor


def slipped(price: float, percent: float, *, is_buy: bool) -> float:
    """Return a price made worse by a percentage."""
    return price * (1 + percent / 100) if is_buy else price * (1 - percent / 100)


def is_past(limit: float | None, price: float, *, is_buy: bool) -> bool:
    """Whether a price is worse than an order's limit allows."""
    return limit is not None and (price > limit if is_buy else price < limit)


def walk(
    levels: Iterable[tuple[float, float]], size: float, limit: float | None, *, is_buy: bool
) -> tuple[float, float]:
    """Return how much of an order a book fills inside its limit, and the average price, 0.0 where nothing fills.

    `levels` are prices and the sizes that rest there, best first.
    """
    filled = cost = 0.0
    for price, resting in levels:
        if filled >= size or is_past(limit, price, is_buy=is_buy):
            break
        part = min(resting, size - filled)
        filled += part
        cost += part * price
    return (filled, cost / filled) if filled > 0 else (0.0, 0.0)


def taker_fee(notional_usd: float, policy: CostPolicy) -> float:
    """Return the fee of an order that takes liquidity, in USD."""
    return notional_usd * policy.taker_fee_percent / 100


def funding_payment(signed_size: float, price: float, hourly_rate: float) -> float:
    """Return what a position pays at an hour's funding in USD, negative when it receives: longs pay a positive rate."""
    return signed_size * price * hourly_rate
