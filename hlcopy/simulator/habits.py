"""How the simulated traders trade when nothing is set down for them: position after position, chosen with hindsight.

A trader's orders are planned coin by coin as executions inside the candles; `Wallet.rows` then plays them in time order
and writes what the venue would: the chain of `startPosition`, `dir`, `closedPnl` and fees.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from hlcopy.simulator.market import DAY, HOUR, LEADER
from hlcopy.simulator.wallet import HIP3_COIN, LOT_DECIMALS, SPOT_COIN, SPOT_TOKEN

if TYPE_CHECKING:
    from hlcopy.simulator.market import Integers
    from hlcopy.simulator.styles import Style
    from hlcopy.simulator.wallet import Wallet

_CHOICES: Final = 32  # moments compared before an entry
_PATIENCE: Final = 4  # how often they are drawn anew, each time later
_NEAR: Final = 0.5  # of what was dealt: how far an outcome may be from it
_DUST_USD: Final = 8.0
_LEAVE_BEFORE: Final = 2 * HOUR  # a maker's order may take one
_SPOT_UNIT: Final = 10 ** LOT_DECIMALS[SPOT_COIN]
_STOCK_UNIT: Final = 10 ** LOT_DECIMALS[HIP3_COIN]
_STOCK_PRICE: Final = 181.5
_ELSEWHERE_EVERY_DAYS: Final = 4
_INHERITED_SHARE: Final = 0.015  # of equity
_INHERITED_CHANGE_HOURS: Final = (200.0, 300.0)
_MAKER_DAYS: Final = 45  # in which it was there so far
_MAKER_SHARES: Final = (0.12, 0.88)  # of a minute's range: where a market maker buys and sells


class Entry(NamedTuple):
    """A position to be: entered and left at minutes, on a side, +1 or -1."""

    minute: int
    exit_minute: int
    side: int


class _Deck:
    """Deals wins and losses evenly spread, so that any stretch of positions holds its share of both."""

    def __init__(self, wallet: Wallet, style: Style) -> None:
        self._share = style.wins
        self._level = float(wallet.rng.random())
        self._style = style
        self._rng = wallet.rng

    def deal(self) -> float:
        """Return the next position's result, as a relative move of the price."""
        before, self._level = self._level, self._level + self._share
        if math.floor(self._level) > math.floor(before):
            return float(self._rng.uniform(*self._style.gain)) / 100
        return -float(self._rng.uniform(*self._style.loss)) / 100


def trade(wallet: Wallet, style: Style, since: int, until: int) -> None:
    """Take position after position in every coin of the style from a minute on.

    The last of them is left before `until`, unless that is the end of the world, which asks nobody.
    """

    def is_in_time(entry: Entry) -> bool:
        return entry.minute < until if until >= wallet.until else entry.exit_minute + _LEAVE_BEFORE < until

    for coin in style.coins:
        deck = _Deck(wallet, style)
        entry = _next_entry(wallet, coin, style, deck, since - round(style.pause_hours[0] * HOUR), since)
        while is_in_time(entry):
            minute = _hold(wallet, coin, style, entry)
            turned = _turned(wallet, coin, style, deck, entry, minute) if happens(wallet, style.flip) else None
            if turned is not None and is_in_time(turned):
                entry = turned  # one order closes this position and opens the other
                continue
            dust = wallet.lots(coin, minute, _DUST_USD) if happens(wallet, style.dust) else 0
            minute = move_to(wallet, coin, style, minute, entry.side * dust)
            entry = _next_entry(wallet, coin, style, deck, minute + 1, minute + 1)
        if wallet.held(coin) and entry.minute < until:  # a remainder stays behind no longer than its habit
            wallet.take(coin, min(entry.minute, until - 1), -wallet.held(coin), parts=1)


def _next_entry(wallet: Wallet, coin: str, style: Style, deck: _Deck, minute: int, earliest: int) -> Entry:
    """Return the one of some random moments after a pause whose outcome is near to what was dealt, waiting for it a while."""
    rng, wanted = wallet.rng, deck.deal()
    entry = Entry(minute, minute, 1)
    for _ in range(_PATIENCE):
        moments = np.maximum(minute + (rng.uniform(*style.pause_hours, _CHOICES) * HOUR).astype(np.int64), earliest)
        exits = moments + np.maximum(1, (rng.uniform(*style.hold_hours, _CHOICES) * HOUR).astype(np.int64))
        entry, result = _nearest(wallet, coin, wanted, moments, exits, style.sides)
        if _is_near(result, wanted):
            break
        minute = entry.minute
    return entry


def _turned(wallet: Wallet, coin: str, style: Style, deck: _Deck, entry: Entry, minute: int) -> Entry | None:
    """Return the position of the other side that a flip opens, None where it wouldn't come out as dealt."""
    if -entry.side not in style.sides:
        return None
    exits = minute + (wallet.rng.uniform(*style.hold_hours, _CHOICES) * HOUR).astype(np.int64)
    wanted = deck.deal()
    turned, result = _nearest(wallet, coin, wanted, np.full(_CHOICES, minute), exits, (-entry.side,))
    return turned if _is_near(result, wanted) else None


def _is_near(result: float, wanted: float) -> bool:
    return abs(result - wanted) < _NEAR * abs(wanted)


def _nearest(
    wallet: Wallet, coin: str, wanted: float, moments: Integers, exits: Integers, sides: tuple[int, ...]
) -> tuple[Entry, float]:
    closes = wallet.market.candles[coin].c
    last = len(closes) - 1
    moves = closes[np.minimum(exits, last)] / closes[np.minimum(moments, last)] - 1
    results = np.concatenate([side * moves for side in sides])
    best = int(np.abs(results - wanted).argmin())
    side, index = sides[best // len(moments)], best % len(moments)
    return Entry(int(moments[index]), int(exits[index]), side), float(results[best])


def _hold(wallet: Wallet, coin: str, style: Style, entry: Entry) -> int:
    """Enter, manage the position as the style does, and return the minute at which it is to be left."""
    rng = wallet.rng
    ticket = style.equity_usd * rng.uniform(*style.ticket)
    minute = move_to(wallet, coin, style, entry.minute, entry.side * wallet.lots(coin, entry.minute, ticket))
    for after, factor in _changes(wallet, style, entry.exit_minute - entry.minute):
        if factor == 0:
            return max(minute + 1, entry.minute + after)
        target = round(wallet.held(coin) * factor)
        minute = move_to(wallet, coin, style, max(minute + 1, entry.minute + after), target)
    return max(minute + 1, entry.exit_minute)


def _changes(wallet: Wallet, style: Style, length: int) -> list[tuple[int, float]]:
    """Return what is done to a position while it is held: minutes after the entry, and the factor of its size; 0 ends it."""
    rng = wallet.rng
    changes: list[tuple[int, float]] = []
    if happens(wallet, style.nervous):
        changes.append((int(rng.integers(3, 12)), 0.0 if happens(wallet, 0.4) else 0.5))
    if style.dumps and happens(wallet, style.dumps):
        changes.append((int(rng.uniform(*style.dump_minutes)), rng.uniform(*style.dump_keeps)))
    if happens(wallet, style.add_soon):
        changes.append((int(rng.integers(25, 110)), rng.uniform(1.3, 1.6)))
    if happens(wallet, style.add_late):
        changes.append((int(rng.integers(150, 420)), rng.uniform(1.2, 1.5)))
    if happens(wallet, style.reduce):
        changes.append((round(length * rng.uniform(0.5, 0.8)), rng.uniform(0.5, 0.7)))
    return sorted(change for change in changes if change[0] < length)


def move_to(wallet: Wallet, coin: str, style: Style, minute: int, target: int) -> int:
    """Send the order that makes a position what it should be; return the minute of its last fill."""
    lots = target - wallet.held(coin)
    if happens(wallet, style.maker):
        return wallet.rest(coin, minute, lots)
    wallet.take(coin, minute, lots, parts=style.parts)
    return minute


def happens(wallet: Wallet, chance: float) -> bool:
    """Whether something of a chance happens this time."""
    return bool(wallet.rng.random() < chance)


def trade_elsewhere(wallet: Wallet) -> None:
    """Now and then trade spot HYPE and a stock: fills of other markets, which no copy follows."""
    rng, hype = wallet.rng, wallet.market.candles[SPOT_TOKEN]
    for day in range(0, wallet.market.minutes // DAY, _ELSEWHERE_EVERY_DAYS):
        for half, sign, stock_price in ((0, 1, _STOCK_PRICE), (1, -1, _STOCK_PRICE * rng.uniform(0.97, 1.04))):
            minute = day * DAY + half * DAY // 2 + int(rng.integers(0, DAY // 2))
            wallet.trade_elsewhere(SPOT_COIN, minute, sign * 40 * _SPOT_UNIT, float(hype.c[minute]))
            wallet.trade_elsewhere(HIP3_COIN, minute, sign * 50 * _STOCK_UNIT, round(stock_price, 2))


def tend_inherited(wallet: Wallet, style: Style, until: int) -> None:
    """Hold a long whose opening no fill shows, which grows and shrinks now and then and is never closed."""
    lots = wallet.lots(LEADER, 0, _INHERITED_SHARE * style.equity_usd)
    wallet.inherit(LEADER, lots, float(wallet.market.candles[LEADER].o[0]))
    minute = int(wallet.rng.integers(HOUR, 6 * HOUR))
    grows = True
    while minute < until:
        wallet.take(LEADER, minute, lots // 4 if grows else -lots // 4)
        grows = not grows
        minute += round(wallet.rng.uniform(*_INHERITED_CHANGE_HOURS) * HOUR)


def make_markets(wallet: Wallet, style: Style, since: int, until: int) -> None:
    """Buy and sell within a minute at its edges, as a maker, again and again."""
    (coin,) = style.coins
    candles, rng = wallet.market.candles[coin], wallet.rng
    minute = max(since, until - _MAKER_DAYS * DAY)
    while minute < until:
        lots = wallet.lots(coin, minute, style.equity_usd * rng.uniform(*style.ticket))
        sides = (1, -1) if candles.c[minute] >= candles.o[minute] else (-1, 1)
        for side in sides:
            price = candles.inside(minute, _MAKER_SHARES[0] if side > 0 else _MAKER_SHARES[1])
            wallet.quote(coin, minute, side * lots, price, first=side == sides[0])
        minute += round(rng.uniform(*style.pause_hours) * HOUR)
