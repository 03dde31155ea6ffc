"""Two processes that run the same ticks on one file at once do what one would have done."""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING

from hlcopy.adapters.store import Store
from hlcopy.domain.models import EXECUTE, ExitReason, Purpose
from tests.builders import T0, at
from tests.ticks.conftest import WHOLE_LIFE, rising, stage
from tests.ticks.racing import BINDING, run_ticks

if TYPE_CHECKING:
    from pathlib import Path


def test_two_processes_at_once_enter_trail_and_exit_once(tmp_path: Path) -> None:
    path = tmp_path / "raced.db"
    spawn = multiprocessing.get_context("spawn")
    start = spawn.Barrier(2)
    racers = [spawn.Process(target=run_ticks, args=(path, start)) for _ in range(2)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(timeout=90)

    assert [racer.exitcode for racer in racers] == [0, 0]
    with Store.open(tmp_path / "alone.db", BINDING) as alone, Store.open(path, BINDING) as raced:
        scene = rising(stage(alone))
        for tick, minutes in WHOLE_LIFE:
            tick(scene.desk(), at(minutes))
        assert raced.book.positions(live_only=False) == alone.book.positions(live_only=False)
        assert raced.signals.list() == alone.signals.list()
        assert raced.paper.fills(T0) == alone.paper.fills(T0)
        assert raced.paper.cash() == alone.paper.cash()
        (signal,) = raced.signals.list()
        (position,) = raced.book.positions(live_only=False)
        assert (signal.decision, position.close_reason) == (EXECUTE, ExitReason.TRAILING_STOP)
        assert sum(order.purpose is Purpose.ENTRY for order in raced.book.orders()) == 1
