"""A coin's trading rules: which prices and sizes are legal, and how notional becomes size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal
from functools import lru_cache
from typing import Final

SIGNIFICANT_FIGURES: Final = 5
PERP_DECIMALS: Final = 6
MIN_NOTIONAL_USD: Final = 10.0
_ASKED_AGAIN: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A coin as the venue lists it, delisted ones in their places: an order names it by its place.

    `margin_mode` is None where the venue names none.
    """

    name: str
    size_decimals: int
    max_leverage: int
    is_delisted: bool = False
    margin_mode: str | None = None

    @property
    def instrument(self) -> Instrument:
        """Its trading rules."""
        return Instrument(coin=self.name, size_decimals=self.size_decimals, max_leverage=self.max_leverage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """A perp: sizes have at most `size_decimals` decimals; leverage is a whole number up to `max_leverage`."""

    coin: str
    size_decimals: int
    max_leverage: int

    def price_down(self, price: float) -> float:
        """Return the nearest legal price at or below a price."""
        return self._legal(price, ROUND_FLOOR)

    def price_up(self, price: float) -> float:
        """Return the nearest legal price at or above a price."""
        return self._legal(price, ROUND_CEILING)

    def _legal(self, price: float, rounding: str) -> float:
        if not (math.isfinite(price) and price > 0):
            message = f"{self.coin}: {price!r} is no price"
            raise ValueError(message)
        return _legal_price(price, self.size_decimals, rounding)

    def is_legal_price(self, price: float) -> bool:
        """Whether the venue takes a price as it is."""
        return math.isfinite(price) and price > 0 and self.price_down(price) == price

    def is_legal_size(self, size: float) -> bool:
        """Whether the venue takes a size as it is."""
        return math.isfinite(size) and size > 0 and _decimals(size) <= self.size_decimals

    def limit_price(self, bound: float, *, is_buy: bool) -> float:
        """Return the legal price inside a bound: a buy never pays more, a sale never takes less."""
        return self.price_down(bound) if is_buy else self.price_up(bound)

    def stop_price(self, trigger: float, *, is_buy: bool) -> float:
        """Return the legal trigger of a stop, toward safety: a long's sell stop rises, a short's buy stop falls."""
        return self.price_down(trigger) if is_buy else self.price_up(trigger)

    def size(self, size: float) -> float:
        """Return the largest legal size that isn't above a size."""
        if not (math.isfinite(size) and size >= 0):
            message = f"{self.coin}: {size!r} is no size"
            raise ValueError(message)
        return _legal_size(size, self.size_decimals)

    def size_of(self, notional_usd: float, price: float) -> float:
        """Return the largest legal size worth at most a notional at a price."""
        return self.size(notional_usd / price)


# Every tick asks for the same few again: where the stops of our positions rest, and how large they are.


@lru_cache(maxsize=_ASKED_AGAIN)
def _legal_price(price: float, size_decimals: int, rounding: str) -> float:
    exact = Decimal(str(price))  # not repr: a NumPy float's names its type
    # At most 5 significant figures and 6 - size_decimals decimals; whole numbers are always legal.
    places = max(0, min(PERP_DECIMALS - size_decimals, SIGNIFICANT_FIGURES - 1 - exact.adjusted()))
    return float(exact.quantize(Decimal(1).scaleb(-places), rounding))


@lru_cache(maxsize=_ASKED_AGAIN)
def _legal_size(size: float, size_decimals: int) -> float:
    lot = Decimal(1).scaleb(-size_decimals)
    # A millionth of a lot is noise of float sums: a whole position of 0.3 - 0.1 is 0.2 and must not round to 0.1.
    return float((Decimal(str(size)) + lot.scaleb(-6)).quantize(lot, ROUND_DOWN))


def _decimals(number: float) -> int:
    exponent = Decimal(str(number)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


# What the venue's meta said in November 2026 of the coins traded most; a replay has no meta of its own.
_KNOWN: Final = {
    coin: Instrument(coin=coin, size_decimals=size_decimals, max_leverage=max_leverage)
    for coin, size_decimals, max_leverage in (("BTC", 5, 40), ("ETH", 4, 25), ("SOL", 2, 20), ("HYPE", 2, 10))
}
ASSUMED_MAX_LEVERAGE: Final = 3


def assumed_instrument(coin: str, size_decimals: int) -> Instrument:
    """Return rules for a coin whose meta isn't at hand: known ones, else the sizes seen and the lowest leverage there is."""
    known = _KNOWN.get(coin)
    if known is not None:
        return known
    return Instrument(coin=coin, size_decimals=size_decimals, max_leverage=ASSUMED_MAX_LEVERAGE)
