"""A world to measure with is one that could have been: its fills chain, at prices of its candles, and the commands take it."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

from hlcopy.config import Settings
from hlcopy.domain.episodes import gaps
from hlcopy.domain.models import to_ms
from hlcopy.wiring import open_store
from tests.bench.sizes import START, World
from tests.bench.worlds import write_ledger

if TYPE_CHECKING:
    from pathlib import Path

WORLD = World(coins=3, days=3, traders=4, orders=3.0, minutes=5)


def test_fills_continue_each_other_at_the_closes_of_their_candles(tmp_path: Path) -> None:
    path = tmp_path / "world.db"
    write_ledger(path, World.of(WORLD.sizes))
    with open_store(Settings(), path=path, create=False) as store:
        history = store.history
        assert [row.count for row in history.candle_coverage()] == [WORLD.candles // 3] * 3
        assert [row.trader for row in history.fill_coverage()] == WORLD.addresses
        for trader in WORLD.addresses:
            fills = history.fills(trader)
            assert gaps(fills) == []
            for fill in fills:
                assert START <= fill.time < START + timedelta(days=WORLD.days)
                now = to_ms(fill.time)
                (close,) = history.candles(fill.coin, 300_000, now - now % 300_000, now + 1).c.tolist()
                assert fill.price == close


def test_the_kernel_is_measured_alone_and_in_a_book() -> None:
    command = [sys.executable, "-m", "tests.bench.run", "--only", "kernel", "--runs", "1", "--shrink", "20"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert [line.split("  ")[0] for line in done.stdout.splitlines()[2:4]] == ["each entry alone", "in a book"]
