"""The world under siege: who is in it does what its ranges say, and the same seed makes the same world."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hlcopy.simulator import attackers
from hlcopy.simulator.siege import ATTACKERS, HONEST, besieged

if TYPE_CHECKING:
    from hlcopy.simulator.world import World

START = datetime(2026, 3, 1, tzinfo=UTC)


def made() -> World:
    return besieged(5, start=START, days=1, history_days=12, each=1, honest=2, flippers=30)


@pytest.fixture(scope="module")
def world() -> World:
    return made()


def test_everybody_is_there_and_trades(world: World) -> None:
    assert Counter(who.kind for who in world.traders) == {HONEST: 2} | dict.fromkeys(ATTACKERS, 1)
    assert all(world.fills[who.address] for who in world.traders)


def test_every_fill_goes_on_where_the_one_before_ended(world: World) -> None:
    for rows in world.fills.values():
        held: dict[str, float] = {}
        for row in rows:
            if row["coin"].startswith("@"):
                continue
            start = float(row["startPosition"])
            assert held.get(row["coin"], 0.0) == pytest.approx(start)
            held[row["coin"]] = start + float(row["sz"]) * (1 if row["side"] == "B" else -1)


def test_bait_lies_in_a_coin_that_nobody_else_trades(world: World) -> None:
    coins = {who.kind: {row["coin"] for row in world.fills[who.address]} for who in world.traders}
    assert coins["bait"] == {"THIN1"}
    assert all("THIN1" not in traded for kind, traded in coins.items() if kind != "bait")


def test_a_washer_is_in_and_out_within_a_minute(world: World) -> None:
    (washer,) = (who for who in world.traders if who.kind == "washer")
    rows = world.fills[washer.address]
    washed = Counter(row["coin"] for row in rows).most_common(1)[0][0]
    times = [row["time"] for row in rows if row["coin"] == washed]
    quick = [later - first for first, later in zip(times[::2], times[1::2], strict=False)]
    assert quick
    assert max(quick) < 60_000


def test_a_pumper_pays_in_most_of_what_he_shows(world: World) -> None:
    (pumper,) = (who for who in world.traders if who.kind == "pumper")
    assert sum(usd for _, usd in world.flows[pumper.address]) > 0.5 * pumper.equity_usd


def test_the_same_seed_makes_the_same_world(world: World) -> None:
    again = made()
    assert again.fills == world.fills
    assert again.flows == world.flows


def test_there_is_a_thin_coin_for_each_bait() -> None:
    with pytest.raises(ValueError, match="thin coins"):
        besieged(1, start=START, days=1, each=9)


@pytest.mark.parametrize(
    "kind", [attackers.Honest, attackers.Bait, attackers.Dumper, attackers.Washer, attackers.Pumper]
)
def test_what_is_drawn_lies_within_its_range(kind: type) -> None:
    drawn = attackers.draw(np.random.default_rng(1), kind())
    for each in fields(kind):
        low, high = getattr(kind(), each.name)
        assert low <= drawn[each.name] <= high
