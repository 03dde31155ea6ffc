"""What a reader of the README has before them: some days of following the demo's traders, and recordings of their own."""

from __future__ import annotations

import csv
import gzip
import itertools
import random
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from hlcopy.backtest.engine import Engine
from hlcopy.cli import practice
from hlcopy.cli.options import Session
from hlcopy.cli.progress import SilentProgress
from hlcopy.cli.stage import open_stage
from hlcopy.simulator.clock import DrivenClock
from hlcopy.simulator.nansen_api import NansenApi
from hlcopy.simulator.server import LocalVenue
from hlcopy.simulator.traders import generate
from hlcopy.simulator.venue import Venue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SEED: Final = 7
DAYS: Final = 3
LATER: Final = timedelta(hours=9, minutes=30)  # of the day after: the README's present
WALLET: Final = "0x513b8629fe877bb581bf244e326a047b249c4ff1"
_SPRING: Final = (datetime(2025, 3, 16, tzinfo=UTC), datetime(2025, 5, 2, tzinfo=UTC))
_FIVE: Final = timedelta(minutes=5)


@contextmanager
def lived(home: Path) -> Iterator[Mapping[str, str]]:
    """Let the ticks follow the demo's traders for some days, and go on serving; the settings that lead there."""
    world = generate(SEED, start=practice.START, days=practice.DAYS, history_days=practice.HISTORY_DAYS)
    venue, clock = Venue(world), DrivenClock(world.start_ms)
    nansen = NansenApi(venue, clock, key="readme-key", credits=1_000.0)
    with LocalVenue(venue, clock, weight_per_minute=12_000, nansen=nansen) as served:
        settings = {
            "HLCOPY_DB": str(home / "hlcopy.db"),
            "HLCOPY_CLOCK": "venue",
            "HLCOPY_SOURCE_URL": served.url,
            "HLCOPY_HYPERLIQUID_URL": served.url,
            "HLCOPY_LEADERBOARD_URL": served.leaderboard_url,
            "HLCOPY_NANSEN_URL": served.nansen_url,
            "HLCOPY_HYPERLIQUID_WEIGHT_PER_MINUTE": "12000",
            "HLCOPY_LIQUIDATION_RECHECK_SECONDS": "0.05",
            "NANSEN_API_KEY": "readme-key",
        }
        session = Session.begin(None, None, as_json=True, quiet=True, given=settings)
        with (
            session.store(create=True) as store,
            open_stage(
                session.settings,
                store,
                served,
                clock,
                progress=SilentProgress(),
                tell=lambda _: None,
                listen=lambda _: None,
            ) as stage,
        ):
            store.forgo_durability()
            stage.new_day(stage.now)
            Engine(stage, practice.START + timedelta(days=DAYS) + LATER).run()
        clock.set(round((practice.START + timedelta(days=DAYS) + LATER).timestamp() * 1000))
        yield settings


def record(folder: Path) -> None:
    """Write what the README imports: fills of its wallet, and candles of two coins, seven weeks of a made-up spring."""
    for coin, price in (("BTC", 84_000.0), ("SOL", 130.0)):
        _write(folder / f"{coin}-5m.csv.gz", list(_candles(coin, price)))
    _write(folder / "fills.csv.gz", list(_fills()))


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    with gzip.open(path, "wt", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def _candles(coin: str, price: float) -> Iterator[dict[str, Any]]:
    luck = random.Random(coin)  # noqa: S311 - prices, no secrets
    moment, end = _SPRING
    while moment < end:
        closes = price * (1 + luck.gauss(0, 0.0012))
        high, low = max(price, closes), min(price, closes)
        yield {"coin": coin, "t": _ms(moment), "o": price, "h": high, "l": low, "c": closes, "v": 10}
        price, moment = closes, moment + _FIVE


def _fills() -> Iterator[dict[str, Any]]:
    """Yield longs of twenty hours, one after another; their prices are those of the candles."""
    prices = {
        coin: {row["t"]: row["c"] for row in _candles(coin, price)}
        for coin, price in (("BTC", 84_000.0), ("SOL", 130.0))
    }
    numbers = itertools.count(1)
    sizes = {"BTC": 5.0, "SOL": 4_000.0}
    for index in range(44):
        coin = "BTC" if index % 2 else "SOL"
        for hour, side, held, label in ((0, "B", 0.0, "Open Long"), (20, "A", sizes[coin], "Close Long")):
            moment = _ms(_SPRING[0] + timedelta(days=index, hours=1 + hour))
            number = next(numbers)
            yield {
                "user": WALLET,
                "coin": coin,
                "px": round(prices[coin][moment], 2),
                "sz": sizes[coin],
                "side": side,
                "time": moment + 1,
                "startPosition": held,
                "dir": label,
                "closedPnl": 0.0,
                "hash": f"0x{number:064x}",
                "oid": number,
                "crossed": "true",
                "fee": 1.0,
                "tid": number,
            }


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
