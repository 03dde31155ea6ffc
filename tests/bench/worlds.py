"""Seeded worlds of any size to measure with: a file of the kernel's candles and entries, or a ledger to replay.

Made in a process of their own, since who starts a process that is measured must be small: the system counts its memory, too.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from hlcopy.config import Settings
from hlcopy.domain.candles import Candles
from hlcopy.domain.models import Fill, from_ms, to_ms
from hlcopy.wiring import open_store
from tests.bench.sizes import DAY_MINUTES, EQUITY_USD, START, World, address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MINUTE_MS: Final = 60_000
_SEED: Final = 20251130
_HOLD_BARS: Final = 72 * 60
_YEAR_VOLATILITY: Final = (0.6, 1.4)
_FIGURES: Final = 5  # of a price, as at the venue
_FILLS: Final = 3  # of an order
_MEAN_HOLD_MINUTES: Final = 16 * 60


def walk(coin: int, coins: int, bars: int, minutes: int = 1) -> NDArray[np.float64]:
    """Return a coin's prices [bar, (open, high, low, close)] of some minutes each; the walk is the same whatever their length."""
    rng = np.random.default_rng([_SEED, coin])
    calm, wild = _YEAR_VOLATILITY
    volatility = (calm + (wild - calm) * coin / max(coins - 1, 1)) / np.sqrt(365 * DAY_MINUTES)
    first = 10 ** rng.uniform(0, 4)
    closes = first * np.exp(np.cumsum(rng.normal(0, volatility, bars)))
    opens = np.concatenate(([first], closes[:-1]))
    reach = 1 + np.abs(rng.normal(0, volatility / 2, bars))
    high, low = np.maximum(opens, closes) * reach, np.minimum(opens, closes) / reach
    parts = (column.reshape(-1, minutes) for column in (opens, high, low, closes))
    opened, highest, lowest, closed = parts
    return np.stack([opened[:, 0], highest.max(1), lowest.min(1), closed[:, -1]], axis=1)


def write_kernel(folder: Path, coins: int, days: int, entries: int) -> None:
    """Write `candles.npy` and `entries.csv` as `hlcopy.backtest.bench` reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    bars = days * DAY_MINUTES
    candles, given = folder / "candles.npy", folder / "entries.csv"
    np.save(candles, np.stack([walk(coin, coins, bars) for coin in range(coins)]))
    rng = np.random.default_rng([_SEED, entries])
    last = max(bars - _HOLD_BARS - 2, 2)
    rows = zip(
        rng.integers(1, last, entries).tolist(),
        rng.integers(0, coins, entries).tolist(),
        rng.choice([-1, 1], entries).tolist(),
        strict=True,
    )
    with given.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["coin", "side", "bar"])
        lines.writerows((coin, side, bar) for bar, coin, side in sorted(rows))


def write_ledger(path: Path, world: World) -> None:
    """Write a world's candles and fills into a new ledger."""
    bars = world.days * DAY_MINUTES
    begin_ms = to_ms(START)
    planned: dict[int, list[_Planned]] = {coin: [] for coin in range(world.coins)}
    for plan in _plans(world):
        planned[plan.coin].append(plan)
    fills: list[Fill] = []
    with open_store(Settings(), path=path, create=True) as store:
        for coin in range(world.coins):
            prices = walk(coin, world.coins, bars, world.minutes)
            places = max(0, _FIGURES - 1 - int(np.floor(np.log10(prices[:, 2].min()))))
            prices = prices.round(places)
            times = begin_ms + MINUTE_MS * world.minutes * np.arange(len(prices), dtype=np.int64)
            columns = (np.ascontiguousarray(column) for column in prices.T)
            store.history.add_candles(
                Candles(_coin(coin), MINUTE_MS * world.minutes, times, *columns, np.ones(len(prices)))
            )
            fills += (fill for plan in planned[coin] for fill in _fills(plan, prices[:, 3], world.minutes))
        fills.sort(key=lambda fill: fill.time)
        store.history.add_fills(fills)


def _coin(number: int) -> str:
    return f"C{number:02}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planned:
    """A trader's position to be: opened and closed at minutes of the world."""

    number: int
    trader: int
    coin: int
    is_long: bool
    usd: float
    opened: int
    closed: int


def _plans(world: World) -> Iterator[_Planned]:
    """Return positions, never two of a trader's in one coin at a time."""
    bars, number = world.days * DAY_MINUTES, 0
    for trader in range(world.traders):
        rng = np.random.default_rng([_SEED, 1, trader])
        free_from = np.zeros(world.coins, dtype=np.int64)
        minute = rng.uniform(0, DAY_MINUTES)  # nobody is without any
        while minute < bars - 2:
            opened, hold = int(minute), 1 + int(rng.exponential(_MEAN_HOLD_MINUTES))
            free = np.flatnonzero(free_from <= opened)
            coin = int(rng.choice(free)) if len(free) else None
            minute += rng.exponential(DAY_MINUTES / world.orders)
            usd, is_long = float(EQUITY_USD * rng.uniform(0.11, 0.6)), bool(rng.integers(2))
            if coin is None:
                continue
            number += 1
            closed = min(opened + hold, bars - 1)
            free_from[coin] = closed + 1
            yield _Planned(
                number=number, trader=trader, coin=coin, is_long=is_long, usd=usd, opened=opened, closed=closed
            )


def _fills(plan: _Planned, closes: NDArray[np.float64], minutes: int) -> Iterator[Fill]:
    """Return the fills of a position: an order to open it in some parts, one to close it."""
    lot = plan.usd / _FILLS / closes[plan.opened // minutes]
    size = max(round(float(lot), 3), 0.001)
    sign = 1 if plan.is_long else -1
    steps = [(plan.opened, sign)] * _FILLS + [(plan.closed, -sign)] * _FILLS
    position = 0.0
    for step, (minute, direction) in enumerate(steps):
        order = 2 * plan.number + (step >= _FILLS)
        yield Fill(
            trader=address(plan.trader),
            coin=_coin(plan.coin),
            is_buy=direction > 0,
            price=float(closes[minute // minutes]),
            size=size,
            time=from_ms(to_ms(START) + minute * MINUTE_MS) + timedelta(seconds=20, milliseconds=step),
            start_position=position,
            oid=order,
            tid=10 * plan.number + step,
        )
        position = round(position + direction * size, 3)


if __name__ == "__main__":
    kind, path, *sizes = sys.argv[1:]
    if kind == "kernel":
        write_kernel(Path(path), *map(int, sizes))
    else:
        write_ledger(Path(path), World.of(sizes))
