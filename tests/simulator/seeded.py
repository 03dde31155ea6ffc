"""Seeded worlds, kept between tests, and what the rules make of their fills."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from hlcopy.domain.episodes import Effect, effect_of, group_orders
from hlcopy.domain.models import Fill, TraderOrder, from_ms
from hlcopy.simulator.market import COINS
from hlcopy.simulator.traders import generate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hlcopy.simulator.wallet import FillRow
    from hlcopy.simulator.world import Profile, World

START: Final = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
INSTRUMENTS: Final = {coin.instrument.coin: coin.instrument for coin in COINS}


@lru_cache(maxsize=4)
def seeded(seed: int, days: int = 10, history_days: int = 95) -> World:
    return generate(seed, start=START, days=days, history_days=history_days)


def who_is(world: World, kind: str) -> Profile:
    (profile,) = [profile for profile in world.traders if profile.kind == kind]
    return profile


def rows_of(world: World, kind: str) -> list[FillRow]:
    return world.fills[who_is(world, kind).address]


def perp_rows(rows: Iterable[FillRow]) -> list[FillRow]:
    return [row for row in rows if row["coin"] in INSTRUMENTS]


def present(world: World, rows: Iterable[FillRow]) -> list[FillRow]:
    return [row for row in rows if row["time"] >= world.start_ms]


def as_fill(row: FillRow) -> Fill:
    return Fill(
        trader=row["user"],
        coin=row["coin"],
        is_buy=row["side"] == "B",
        price=float(row["px"]),
        size=float(row["sz"]),
        time=from_ms(row["time"]),
        start_position=float(row["startPosition"]),
        closed_pnl=float(row["closedPnl"]),
        fee=float(row["fee"]),
        oid=row["oid"],
        tid=row["tid"],
        twap_id=row["twapId"],
    )


def orders_of(rows: Sequence[FillRow]) -> list[tuple[TraderOrder, Effect]]:
    return [(order, effect_of(order)) for order in group_orders([as_fill(row) for row in perp_rows(rows)])]
