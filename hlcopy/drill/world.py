"""The market and the traders of a drill: prices that wander, orders worth copying; nothing that a decision could leave out."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from hlcopy.simulator.venue import Profile, Venue, quiet_world

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hlcopy.drill.dice import Dice

START: Final = datetime(2026, 3, 1, 9, tzinfo=UTC)
PRICES: Final[Mapping[str, float]] = {"BTC": 60_000.0, "ETH": 2_000.0, "SOL": 150.0, "DOGE": 0.2, "HYPE": 30.0}
TRADERS: Final = tuple("0x" + f"{0xA1 + index:02x}" * 20 for index in range(3))
TRADER_USD: Final = 400_000.0
DAYS: Final = 5

_NOISE: Final = 0.0016  # of a price in a step
_DRIFT: Final = 0.0009
_REGIME_STEPS: Final = 90
_OPENS: Final = 0.35  # a minute and trader
_MOST_HELD: Final = 2
_ORDER_USD: Final = (60_000.0, 110_000.0)
_LEAVES: Final = 0.02
_REDUCES: Final = 0.01
_PRICE, _REGIME, _TRADE = 11, 12, 13  # what is drawn


class World:
    """Moves the prices and lets the traders trade, by the seed alone; it begins at `begin_ms`."""

    begin_ms = round(START.timestamp() * 1000)

    def __init__(self, dice: Dice) -> None:
        self.venue = Venue(quiet_world(START, PRICES, days=DAYS, history_days=1))
        self._dice = dice
        self._held: dict[str, dict[str, float]] = {address: {} for address in TRADERS}
        for address in TRADERS:
            self.venue.add_trader(Profile(address=address, equity_usd=TRADER_USD, description="drilled"))
        self.opened: list[tuple[str, str, int]] = []
        self.struck: dict[str, int] = {}

    def move(self, step: int, now_ms: int) -> None:
        """Move every price by a step of chance within its regime."""
        for number, coin in enumerate(PRICES):
            regime = self._dice.draw(_REGIME, step // _REGIME_STEPS, number) * 2 - 1
            noise = self._dice.draw(_PRICE, step, number) + self._dice.draw(_PRICE, step, number, 1) - 1
            change = 1 + regime * _DRIFT + noise * _NOISE
            self.venue.set_mark(coin, self.venue.mark(coin, now_ms) * change, now_ms)

    def trade(self, step: int, now_ms: int) -> None:
        """Let every trader open, reduce or leave something, or nothing."""
        for number, address in enumerate(TRADERS):
            self._trade(address, self._dice.draw(_TRADE, step, number), step, number, now_ms)

    def liquidate(self, address: str, now_ms: int) -> bool:
        """Let the venue take what a trader holds in one coin; return whether there was any."""
        held = self._held[address]
        if not held:
            return False
        coin = next(iter(held))
        row = self.venue.trade(address, coin, -held.pop(coin), now_ms)
        row["liquidation"] = {"liquidatedUser": address, "markPx": row["px"], "method": "market"}
        self.struck[address] = now_ms
        return True

    def _trade(self, address: str, chance: float, step: int, number: int, now_ms: int) -> None:
        held = self._held[address]
        if chance < _OPENS and len(held) < _MOST_HELD:
            index = int(self._dice.draw(_TRADE, step, number, 1) * len(PRICES))
            coin = list(PRICES)[index]
            if coin not in held:
                self._open(address, coin, self._dice.draw(_TRADE, step, number, 2), now_ms)
        elif held and chance > 1 - _LEAVES * len(held):
            coin = next(iter(held))
            self.venue.trade(address, coin, -held.pop(coin), now_ms)
        elif held and chance > 1 - (_LEAVES + _REDUCES) * len(held):
            coin = next(iter(held))
            part = self._size(coin, held[coin] * 0.2)
            self.venue.trade(address, coin, -part, now_ms)
            held[coin] = round(held[coin] - part, 8)

    def _open(self, address: str, coin: str, chance: float, now_ms: int) -> None:
        low, high = _ORDER_USD
        mark = self.venue.mark(coin, now_ms)
        size = self._size(coin, (low + chance * (high - low)) / mark) * (1 if int(chance * 1_000) % 2 else -1)
        self.venue.trade(address, coin, size, now_ms)
        self._held[address][coin] = size
        self.opened.append((address, coin, now_ms))

    def _size(self, coin: str, size: float) -> float:
        instrument = next(each for each in self.venue.coins if each.coin == coin)
        return math.copysign(instrument.size(abs(size)), size)
