"""Small worlds to sweep over, and sweeps without processes."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.backtest.run import Plan, record
from hlcopy.backtest.sweep import fingerprint, key_of
from hlcopy.backtest.sweep_run import Sweeper, SweepPlan
from hlcopy.backtest.sweep_space import Listed, Space
from hlcopy.backtest.sweep_worker import Worker
from hlcopy.cli.clock import SystemClock
from hlcopy.config import load_settings
from hlcopy.ports import SilentProgress
from tests.backtest.worlds import OUR_EQUITY, Recorded
from tests.builders import MINUTE_MS, T0, TRADER, at, candles, fill

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.storages import BaseStorage

    from hlcopy.backtest.sweep import Outcome
    from hlcopy.backtest.sweep_report import Sweep
    from hlcopy.backtest.sweep_space import Axis
    from hlcopy.domain.policy import Policy

EQUITY = {TRADER: 400_000.0}
STOPS = Listed(name="STOP_LOSS_PERCENT", values=("1", "2", "4"))
QUARTER_HOURS = 96


def world(days: int, seed: int = 1) -> Recorded:
    """One trader who opens a BTC long or short on every day and closes it in the evening, in a market that wanders."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0.0, 0.004, days * QUARTER_HOURS)
    closes = (60_000.0 * np.exp(np.cumsum(steps))).round(1)
    fills = []
    for day in range(days):
        opened, closed = (float(closes[day * QUARTER_HOURS + 4 * hour - 1]) for hour in (2, 20))
        long = bool(rng.random() < 0.5)
        held = 2.0 if long else -2.0
        fills += [
            fill(is_buy=long, price=opened, time=at(days=day, hours=2), oid=2 * day + 1, size=2.0, tid=2 * day + 1),
            fill(
                is_buy=not long,
                price=closed,
                time=at(days=day, hours=20),
                start_position=held,
                oid=2 * day + 2,
                size=2.0,
                tid=2 * day + 2,
            ),
        ]
    return Recorded({TRADER: fills}, {"BTC": candles(closes.tolist(), interval_ms=15 * MINUTE_MS)}, EQUITY)


def policy(**values: str) -> Policy:
    """Return the rules that some settings make: copies of this world's trader are left after half a day."""
    given = {f"HLCOPY_{name}": value for name, value in values.items()}
    return load_settings({"HLCOPY_MAX_POSITION_DURATION_HOURS": "12", **given}).replay_policy()


def whole(days: int, values: Mapping[str, str], **always: str) -> Plan:
    """Return a replay of the first days of a world with some settings changed."""
    last = (T0 + timedelta(days=days - 1)).date()
    rules = policy(**{**always, **values})
    return Plan(first_day=T0.date(), last_day=last, our_equity=OUR_EQUITY, policy=rules, equity=EQUITY)


def plan(recorded: Recorded, days: int, *axes: Axis, **changes: object) -> SweepPlan:
    """Return a plan for the first days of a world: the grid of `axes` by Sharpe ratio, unless changed."""
    made = SweepPlan(
        recording=fingerprint(record(recorded.store(MemoryLedger()), whole(days, {}))),
        rules=lambda values: whole(days, values),
        as_set={axis.name: "5" for axis in axes or (STOPS,)},
        space=Space(axes or (STOPS,)),
        trials=None,
        seed=0,
        by="sharpe",
        folds=0,
        given_name=None,
    )
    return replace(made, **changes)


class Remembering(Worker):
    """Replays what no test has replayed before it."""

    done: ClassVar[dict[tuple[object, ...], Outcome]] = {}

    def __init__(self, recorded: Recorded, recording: str) -> None:
        super().__init__(recorded.store(MemoryLedger()))
        self._name = recording

    def work(self, plan: Plan) -> Outcome:
        key = (self._name, plan.first_day, plan.last_day, key_of(plan))
        if key not in self.done:
            self.done[key] = super().work(plan)
        return self.done[key]


class Inline(Executor):
    """Does a job when it is handed over, and counts; at the one after `stop_after` it is interrupted, as by Ctrl-C."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.jobs: list[Plan] = []
        self.worker: Worker | None = None
        self._stop_after = stop_after

    def submit(self, _work: object, job: Plan, /) -> Future[Outcome]:  # type: ignore[override]
        if len(self.jobs) == self._stop_after:
            raise KeyboardInterrupt
        assert self.worker is not None
        self.jobs.append(job)
        done: Future[Outcome] = Future()
        done.set_result(self.worker.work(job))
        return done


class Clock(SystemClock):
    """A stopwatch that runs as fast as it is waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def swept(
    recorded: Recorded,
    what: SweepPlan,
    storage: BaseStorage,
    pool: Inline | None = None,
    *,
    alone: bool = True,
    clock: Clock | None = None,
) -> Sweep:
    """Sweep in this process."""
    pool = pool or Inline()
    pool.worker = Remembering(recorded, what.recording)
    clock, silent = clock or Clock(), SilentProgress()
    return Sweeper(what, storage, pool, jobs=1, alone=alone, clock=clock, progress=silent).run()
