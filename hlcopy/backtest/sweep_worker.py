"""The processes of a sweep: each reads a recording once and replays configurations on it."""

from __future__ import annotations

import copyreg
import os
import signal
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.backtest.report import summarize
from hlcopy.backtest import run
from hlcopy.backtest.sweep import Outcome, Setup, Window, outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from hlcopy.backtest.desk import Recording
    from hlcopy.ports import Ledger

    Opener = Callable[[], AbstractContextManager[Ledger]]


def _read_only(table: dict[str, float]) -> MappingProxyType[str, float]:
    return MappingProxyType(table)


# Rules hold read-only tables, which Python doesn't send to another process by itself.
copyreg.pickle(MappingProxyType, lambda table: (_read_only, (dict(table),)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A replay to do: the days, the wallets with their stated equity, and the configuration."""

    window: Window
    equity: Mapping[str, float]
    setup: Setup


class Worker:
    """Replays jobs; a recording is read once for all jobs in a row that share its days."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._window: Window | None = None
        self._recording: Recording | None = None

    def work(self, job: Job) -> Outcome:
        """Replay a job: it begins with the starting equity and nothing held, and what is held at its end counts at its mark.

        Nothing later than its days is read. A wallet of which nothing is stored by then isn't known yet.
        """
        recording = self._read(job)
        known = {address: job.equity[address] for address in recording.fills}
        played = run.replay(
            recording,
            MemoryLedger(),
            first_day=job.window.first,
            last_day=job.window.last,
            equity=known,
            our_equity=job.setup.our_equity,
            policy=job.setup.policy,
        )
        return outcome(
            summarize(
                played.replay,
                played.recording,
                played.tally,
                equity=known,
                our_equity=job.setup.our_equity,
                start=played.start,
                last_day=job.window.last,
            )
        )

    def _read(self, job: Job) -> Recording:
        if self._recording is None or self._window != job.window:
            self._recording = None  # two at a time may be more than fits into memory
            with self._opener() as ledger:
                read = run.record(ledger.history, first_day=job.window.first, last_day=job.window.last, equity=job.equity)
            known = {address: fills for address, fills in read.fills.items() if fills}
            self._recording, self._window = replace(read, fills=known), job.window
        return self._recording


_workers: list[Worker] = []  # the one of this process


def start(opener: Opener) -> None:
    """Make this process a worker, which ends when its parent does."""
    import multiprocessing
    import threading

    _workers[:] = [Worker(opener)]
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    """End this process when another has died: nobody else would tell it that there is nothing more to do."""
    from multiprocessing.connection import wait

    wait([sentinel])
    os._exit(1)


def work(job: Job) -> Outcome:
    """Replay a job in a worker's process."""
    return _workers[0].work(job)


def submit(pool: Executor, job: Job) -> Future[Outcome]:
    """Hand a job to the workers; one that is started for it never hears of Ctrl-C, which is its parent's business."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool.submit(work, job)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


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
