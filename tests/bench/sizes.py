"""How large what is measured is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

START: Final = datetime(2025, 3, 1, tzinfo=UTC)
EQUITY_USD: Final = 400_000.0
DAY_MINUTES: Final = 1440


def address(number: int) -> str:
    """Return the address of a trader."""
    return f"0x{number + 1:040x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """How large a ledger is; `orders` is how many positions each trader opens in a day on average."""

    coins: int = 20
    days: int = 90
    traders: int = 15
    orders: float = 2.0
    minutes: int = 1

    @classmethod
    def of(cls, sizes: Sequence[str]) -> World:
        """Return the world of five sizes."""
        coins, days, traders, orders, minutes = sizes
        return cls(coins=int(coins), days=int(days), traders=int(traders), orders=float(orders), minutes=int(minutes))

    @property
    def sizes(self) -> list[str]:
        """Its sizes as `of` takes them."""
        return [f"{each:g}" for each in (self.coins, self.days, self.traders, self.orders, self.minutes)]

    @property
    def name(self) -> str:
        """A name that tells it from others."""
        return "-".join(self.sizes)

    @property
    def addresses(self) -> list[str]:
        """The addresses of its traders."""
        return [address(trader) for trader in range(self.traders)]

    @property
    def candles(self) -> int:
        """How many candles it has."""
        return self.coins * self.days * DAY_MINUTES // self.minutes
