"""Orders of the trading venue: what is known of one, in the names of the info API, and which prices and sizes are legal."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from hlcopy.domain.instrument import PERP_DECIMALS, SIGNIFICANT_FIGURES
from hlcopy.simulator.hyperliquid_market import price
from hlcopy.simulator.wallet import wire

if TYPE_CHECKING:
    from hlcopy.domain.instrument import Instrument
    from hlcopy.simulator.trading_requests import Trigger

    Row = dict[str, Any]

PLACES: Final = 8
OPEN: Final = frozenset({"open", "triggered"})


@dataclass(slots=True, kw_only=True, eq=False)
class Order:
    """An order from its placement on.

    `size` is what was asked, `left` what is still to be filled; 0 and `follows` let an order close whatever position there
    is. An order with a `parent` is `waiting` until that is filled. Once its trigger was met it is `fired`.
    """

    oid: int
    coin: str
    asset: int
    is_buy: bool
    price: float
    size: float
    left: float
    reduce_only: bool
    placed_ms: int
    tif: str | None = None
    trigger: Trigger | None = None
    cloid: str | None = None
    grouping: str = "na"
    follows: bool = False
    parent: Order | None = None
    children: list[Order] = field(default_factory=list)
    waiting: bool = False
    fired: bool = False
    status: str = "open"
    status_ms: int = 0
    filled: float = 0.0
    filled_usd: float = 0.0
    hidden: int = 0

    @property
    def is_open(self) -> bool:
        """Whether it may still fill."""
        return self.status in OPEN

    @property
    def is_armed(self) -> bool:
        """Whether it waits for a mark."""
        return self.trigger is not None and not self.fired and not self.waiting

    @property
    def rests(self) -> bool:
        """Whether it waits in the book."""
        return (self.trigger is None or self.fired) and not self.waiting

    @property
    def falls_to(self) -> bool:
        """Whether what it waits for lies below: a buy in the book, a sale's stop, a buy's profit."""
        if self.trigger is None or self.fired:
            return self.is_buy
        return self.is_buy != self.trigger.is_stop

    @property
    def level(self) -> float:
        """The mark it waits for."""
        return self.price if self.trigger is None or self.fired else self.trigger.price

    def plain_row(self) -> Row:
        """Return what `openOrders` says of it, which hides the trigger."""
        row: Row = {
            "coin": self.coin,
            "side": "B" if self.is_buy else "A",
            "limitPx": price(self.price),
            "sz": wire(self.left, PLACES),
            "oid": self.oid,
            "timestamp": self.placed_ms,
            "origSz": wire(self.size, PLACES),
        }
        if self.reduce_only:
            row["reduceOnly"] = True
        if self.cloid is not None:
            row["cloid"] = self.cloid
        return row

    def row(self) -> Row:
        """Return what `frontendOpenOrders`, `orderStatus` and `historicalOrders` say of it."""
        return {
            "coin": self.coin,
            "side": "B" if self.is_buy else "A",
            "limitPx": price(self.price),
            "sz": wire(self.left, PLACES),
            "oid": self.oid,
            "timestamp": self.placed_ms,
            "triggerCondition": self._condition(),
            "isTrigger": self.trigger is not None,
            "triggerPx": price(self.trigger.price) if self.trigger else "0.0",
            "children": [child.row() for child in self.children if child.is_open],
            "isPositionTpsl": self.grouping == "positionTpsl",
            "reduceOnly": self.reduce_only,
            "orderType": self._type(),
            "origSz": wire(self.size, PLACES),
            "tif": self.tif,
            "cloid": self.cloid,
        }

    def _condition(self) -> str:
        if self.trigger is None:
            return "N/A"
        side = "below" if self.is_buy != self.trigger.is_stop else "above"
        return f"Price {side} {price(self.trigger.price).removesuffix('.0')}"

    def _type(self) -> str:
        if self.trigger is None:
            return "Market" if self.tif == "FrontendMarket" else "Limit"
        kind = "Stop" if self.trigger.is_stop else "Take Profit"
        return f"{kind} {'Market' if self.trigger.is_market else 'Limit'}"


def is_tick(instrument: Instrument, value: float) -> bool:
    """Return whether a price is legal: five significant figures and 6 - size decimals, or a whole number."""
    exact = Decimal(str(value))
    if exact <= 0:
        return False
    if exact == exact.to_integral_value():
        return True
    digits = exact.normalize()
    decimals = -int(digits.as_tuple().exponent)
    return decimals <= PERP_DECIMALS - instrument.size_decimals and len(digits.as_tuple().digits) <= SIGNIFICANT_FIGURES


def is_lot(instrument: Instrument, size: float) -> bool:
    """Return whether a size has no more decimals than its coin's."""
    return -int(Decimal(str(size)).normalize().as_tuple().exponent) <= instrument.size_decimals
