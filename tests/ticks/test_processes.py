"""Real processes on one file: two at once do what one would have done, and a killed one is finished by the next."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.store import Store
from hlcopy.domain.book import ExitReason, IntentState, Purpose
from hlcopy.domain.models import EXECUTE
from hlcopy.ports import UNKNOWN
from hlcopy.ticks import monitor
from tests.builders import T0, at
from tests.ticks.conftest import WHOLE_LIFE, rising, stage
from tests.ticks.racing import BINDING, run_ticks

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("kill_at", range(2, 134, 24))
def test_a_process_killed_by_the_kernel_leaves_a_file_that_the_next_one_finishes(tmp_path: Path, kill_at: int) -> None:
    """The story is begun by a process that dies at one of its effects and told to its end by another."""
    path = tmp_path / "killed.db"
    command = [sys.executable, "-m", "tests.ticks.dying", str(path), str(kill_at)]
    died = subprocess.run(command, check=False, capture_output=True, timeout=60)
    assert died.returncode == -signal.SIGKILL, died.stderr

    with Store.open(path, BINDING) as store:
        scene = rising(stage(store))
        for tick, minutes in WHOLE_LIFE:
            tick(scene.desk(), at(minutes + 0.25))
        for minutes in (64, 66):
            monitor.run(scene.desk(), at(minutes))
        account = scene.desk().exchange.account(at(66))
        assert account is not UNKNOWN
        assert (account.positions, account.stops) == ({}, ())
        assert store.book.positions() == []
        assert store.book.orders(state=IntentState.PENDING) == []
        (signal_row,) = store.signals.list()
        if signal_row.decision == EXECUTE:
            (position,) = store.book.positions(live_only=False)
            assert position.realized_pnl_usd == pytest.approx(account.equity - 100_000, abs=1e-6)
        else:
            assert signal_row.decision in {"SKIP_NEVER_LANDED", "SKIP_TOO_OLD"}
        assert sum(order.purpose is Purpose.ENTRY for order in store.book.orders()) <= 1


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
