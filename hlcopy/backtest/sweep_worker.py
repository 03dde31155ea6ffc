"""The processes of a sweep: each reads a recording once and replays configurations on it."""

from __future__ import annotations

import copyreg
import os
import signal
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.backtest.report import summarize
from hlcopy.backtest.run import play, read
from hlcopy.backtest.sweep import outcome
from hlcopy.errors import TryLaterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date

    from hlcopy.backtest.desk import Recording
    from hlcopy.backtest.recorded import Recorded
    from hlcopy.backtest.run import Plan
    from hlcopy.backtest.sweep import Outcome

    Opener = Callable[[], Recorded]


def _read_only(table: dict[str, float]) -> MappingProxyType[str, float]:
    return MappingProxyType(table)


# Rules hold read-only tables, which Python doesn't send to another process by itself.
copyreg.pickle(MappingProxyType, lambda table: (_read_only, (dict(table),)))


class Worker:
    """Replays plans; a recording is read once for all plans in a row that share its days."""

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded
        self._days: tuple[date, date] | None = None
        self._recording: Recording | None = None

    def work(self, plan: Plan) -> Outcome:
        """Replay a plan: it begins with the starting equity and nothing held, and what is held at its end counts at its mark.

        Nothing that was recorded of later days plays a part. A wallet that did nothing by then isn't known yet.
        """
        recording = self._read(plan)
        plan = replace(plan, equity={each: usd for each, usd in plan.equity.items() if each in recording.fills})
        played = play(recording, MemoryLedger(), plan)
        return outcome(summarize(played.replay, played.recording, played.tally, plan))

    def _read(self, plan: Plan) -> Recording:
        if self._recording is None or self._days != (plan.first_day, plan.last_day):
            whole = read(self._recorded, plan)
            known = {address: fills for address, fills in whole.fills.items() if fills}
            self._recording, self._days = replace(whole, fills=known), (plan.first_day, plan.last_day)
        return self._recording


_workers: list[Worker] = []  # the one of this process


def start(opener: Opener) -> None:
    """Make this process a worker, which holds the recorded history open and ends when its parent does."""
    import multiprocessing
    import threading

    _workers[:] = [Worker(opener())]
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    """End this process when another has died: nobody else would tell it that there is nothing more to do."""
    from multiprocessing.connection import wait

    wait([sentinel])
    os._exit(1)


def work(plan: Plan) -> Outcome:
    """Replay a plan in a worker's process."""
    return _workers[0].work(plan)


def submit(pool: Executor, plan: Plan) -> Future[Outcome]:
    """Hand a plan to the workers; one that is started for it never hears of Ctrl-C, which is its parent's business."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with _told():
            return pool.submit(work, plan)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def result(future: Future[Outcome]) -> Outcome:
    """Wait for what a plan came to; raises `TryLaterError` when its worker was killed."""
    with _told():
        return future.result()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool as error:
        message = (
            "a worker was killed, perhaps for its memory; what is finished is kept: run it again, with fewer --jobs"
        )
        raise TryLaterError(message) from error


@contextmanager
def workers(opener: Opener, jobs: int) -> Iterator[Executor]:
    """Run so many processes while the block runs; when it fails, they end at once.

    They are started afresh and inherit nothing: a copy of a process with open databases and threads isn't safe.
    """
    from multiprocessing import active_children, get_context

    others = set(active_children())
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=start, initargs=(opener,))
    try:
        yield pool
    except BaseException:
        for child in set(active_children()) - others:
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
