"""Several processes on one clock: each is a thread that runs until it waits, and never two of them at once."""

from __future__ import annotations

import heapq
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from hlcopy.simulator.clock import DrivenClock


class Killed(BaseException):
    """The process is no more: raised at one of its effects, and at each that it still tries on its way out."""


class Thread:
    """A thread that gets its turns from a scheduler; it does one job after another."""

    def __init__(self, scheduler: Scheduler, name: str) -> None:
        self.name = name
        self._scheduler = scheduler
        self._turn = _closed_gate()
        self._job: Callable[[], None] | None = None
        self._thread = threading.Thread(target=self._work, name=f"drill {name}", daemon=True)
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        """Whether it has a job."""
        return self._job is not None

    def begin(self, job: Callable[[], None]) -> None:
        """Give it a job, which begins as soon as whatever else is due now has been done."""
        self._job = job
        self._scheduler.at(self._scheduler.clock.now_ms(), self.go)

    def go(self) -> None:
        """Let it work until it waits or is done; called by the scheduler."""
        self._turn.release()
        self._scheduler.back.acquire()

    def wait_until(self, at_ms: int) -> None:
        """Let others work until a moment; called by its job."""
        scheduler = self._scheduler
        if scheduler.is_next(at_ms):
            scheduler.clock.set(at_ms)
            return
        scheduler.at(at_ms, self.go)
        scheduler.back.release()
        self._turn.acquire()

    def end(self) -> None:
        """Let the thread end; it must not be busy."""
        self._job = None
        self._turn.release()
        self._scheduler.back.acquire()
        self._thread.join()

    def _work(self) -> None:
        while True:
            self._turn.acquire()
            job = self._job
            if job is None:
                self._scheduler.back.release()
                return
            try:
                job()
            except BaseException as error:  # noqa: BLE001 - raised where the scheduler runs
                self._scheduler.failure = error
            self._job = None
            self._scheduler.back.release()


class Scheduler:
    """What is due when, done in that order; two things at the same moment in the order in which they were asked for."""

    def __init__(self, clock: DrivenClock) -> None:
        self.clock = clock
        self.back = _closed_gate()
        self.failure: BaseException | None = None
        self.stopped = False
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._asked = 0

    def at(self, at_ms: int, work: Callable[[], None]) -> None:
        """Do something at a moment."""
        self._asked += 1
        heapq.heappush(self._due, (at_ms, self._asked, work))

    def is_next(self, at_ms: int) -> bool:
        """Whether nothing is due until a moment, itself included."""
        return not self._due or at_ms < self._due[0][0]

    def run(self) -> None:
        """Do everything until nothing is due any more, or somebody says that it is enough."""
        while self._due and not self.stopped:
            at_ms, _, work = heapq.heappop(self._due)
            self.clock.set(max(at_ms, self.clock.now_ms()))
            work()
            if self.failure is not None:
                raise self.failure

    def drain(self) -> None:
        """Do what is still due, whatever was said."""
        self.stopped, self.failure = False, None
        while self._due:
            at_ms, _, work = heapq.heappop(self._due)
            self.clock.set(max(at_ms, self.clock.now_ms()))
            work()


def _closed_gate() -> threading.Lock:
    """Return a lock that somebody else releases: who acquires it waits for that, at half the price of a semaphore."""
    gate = threading.Lock()
    gate.acquire()
    return gate
