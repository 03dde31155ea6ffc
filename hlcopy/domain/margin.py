"""Isolated margin: where a position is liquidated, and which leverage keeps that far enough from its stop."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hlcopy.domain.models import Side


def maintenance_ratio(max_leverage: int) -> float:
    """Return the maintenance margin as a share of notional: half the initial margin at the highest leverage."""
    return 1 / (2 * max_leverage)


def liquidation_price(entry_price: float, side: Side, leverage: int, max_leverage: int) -> float:
    """Return the mark at which an isolated position is liquidated; at or below zero means never.

    entry x (1 - s / leverage) / (1 - s x maintenance): margin plus unrealized result equals maintenance there.
    """
    s = side.sign
    return entry_price * (1 - s / leverage) / (1 - s * maintenance_ratio(max_leverage))


def bankruptcy_price(entry_price: float, side: Side, leverage: int) -> float:
    """Return the price at which an isolated position's margin is used up."""
    return entry_price * (1 - side.sign / leverage)


def wanted_leverage(trader_leverage: float | None, max_leverage: int, *, default: int, cap: int) -> int:
    """Return the leverage we ask for: the trader's rounded up (`default` when unknown), within 1, `cap` and the coin's."""
    known = trader_leverage is not None and math.isfinite(trader_leverage)
    wanted = math.ceil(trader_leverage) if known and trader_leverage is not None else default
    return max(1, min(wanted, cap, max_leverage))


def safe_leverage(wanted: int, side: Side, max_leverage: int, stop_percent: float, min_ratio: float) -> int | None:
    """Return the highest leverage up to `wanted` whose liquidation lies `min_ratio` stop distances away, None if none does."""
    for leverage in range(wanted, 0, -1):
        distance = abs(1 - liquidation_price(1.0, side, leverage, max_leverage))
        if distance >= min_ratio * stop_percent / 100:
            return leverage
    return None
