"""What people and the venue do to an account that trades: to one of its positions, or to its next order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hlcopy.simulator.trading import TradingFloor

_STOP_REFUSED: Final = "Invalid TP/SL price."
_ORDER_REFUSED: Final = "Insufficient margin to place order."
_REDUCED: Final = 0.4


def chosen(options: Sequence[str], part: float) -> tuple[str, float]:
    """Return one of several options by a draw, and what is left of the draw, again from 0 up to 1."""
    scaled = part * len(options)
    index = min(int(scaled), len(options) - 1)
    return options[index], scaled - index


def held(floor: TradingFloor, account: str, part: float) -> tuple[str, float]:
    """Return one of an account's positions by a draw, no coin where there is none."""
    holder = floor.accounts[account]
    coins = [coin for coin in holder.positions if holder.held(coin)]
    if not coins:
        return "", 0.0
    coin, _ = chosen(coins, part)
    return coin, holder.held(coin)


def legal(floor: TradingFloor, coin: str, size: float) -> float:
    """Return a signed size as the coin's rules allow it."""
    instrument = next(each for each in floor.venue.coins if each.coin == coin)
    return instrument.size(abs(size)) * (1 if size > 0 else -1)


def hand_close(floor: TradingFloor, account: str, part: float) -> bool:
    """Let somebody close a position on the venue's page."""
    coin, size = held(floor, account, part)
    if coin:
        floor.trade_by_hand(account, coin, -size, reduce_only=True)
    return bool(coin)


def hand_turn(floor: TradingFloor, account: str, part: float) -> str:
    """Let somebody turn a position round, as the page's "Reverse" does; return its coin, none where there is none."""
    coin, size = held(floor, account, part)
    if coin:
        floor.trade_by_hand(account, coin, -2 * size)
    return coin


def hand_reduce(floor: TradingFloor, account: str, part: float) -> bool:
    """Let somebody take a part of a position."""
    coin, size = held(floor, account, part)
    reduced = legal(floor, coin, size * _REDUCED) if coin else 0.0
    if reduced:
        floor.trade_by_hand(account, coin, -reduced, reduce_only=True)
    return bool(reduced)


def cancel_stop(floor: TradingFloor, account: str, part: float) -> bool:
    """Let somebody cancel what rests for a position."""
    coin, _ = held(floor, account, part)
    orders = [each for each in floor.accounts[account].on(coin) if each.is_open] if coin else []
    if orders:
        floor.cancel_by_hand(account, orders[0].oid)
    return bool(orders)


def deleverage(floor: TradingFloor, account: str, part: float) -> bool:
    """Let the venue close a position, or the half of it, because others can't pay."""
    coin, size = held(floor, account, part)
    taken = abs(legal(floor, coin, size if int(part * 1_000) % 2 else size / 2)) if coin else 0.0
    if taken:
        floor.deleverage(account, coin, taken)
    return bool(taken)


def jump(floor: TradingFloor, account: str, part: float, percent: float) -> bool:
    """Let the price of a position jump so many percent in its favour, against it when negative."""
    coin, size = held(floor, account, part)
    if coin:
        now = floor.advance()
        mark = floor.venue.mark(coin, now)
        floor.venue.set_mark(coin, mark * (1 + (percent if size > 0 else -percent) / 100), now + 1)
    return bool(coin)


def partial(floor: TradingFloor, coins: Sequence[str], part: float) -> bool:
    """Let the next order of a coin find a part of what it wants."""
    coin, rest = chosen(coins, part)
    floor.partial_next(coin, round(rest, 2))
    return True


def refuse_stop(floor: TradingFloor) -> bool:
    """Let the next stop be refused."""
    floor.refuse_next_stop(_STOP_REFUSED)
    return True


def refuse_order(floor: TradingFloor) -> bool:
    """Let the next order be refused."""
    floor.refuse_next_order(_ORDER_REFUSED)
    return True
