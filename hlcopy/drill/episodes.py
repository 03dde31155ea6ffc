"""Episodes one after the other, in several processes if wanted, and what they come to; long runs go on where they were."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

from hlcopy.drill.bugs import BUGS
from hlcopy.drill.dice import Decision, Dice
from hlcopy.drill.scratch import clear_away, scratch
from hlcopy.drill.stage import Stage
from hlcopy.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.queues import SimpleQueue
    from pathlib import Path

    from hlcopy.drill.bugs import Bug
    from hlcopy.ports import Progress

MINUTES: Final = 90
_PRIME: Final = 1_000_003
_VERSION: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be drilled: at least so many ticks from a seed at a rate of faults."""

    ticks: int
    seed: int
    rate: float
    jobs: int = 1
    minutes: int = MINUTES


@dataclass(slots=True, kw_only=True)
class Failure:
    """A violation, and the list of decisions that leads to it: in an episode, or in the story."""

    invariant: str
    text: str
    seed: int
    rate: float
    minutes: int
    decisions: list[dict[str, Any]]
    traceback: str = ""
    bug: str = ""
    story: bool = False


@dataclass(slots=True, kw_only=True)
class Sums:
    """What episodes come to; `faults` counts what happened, `in_episodes` in how many, `protected` and `converged` how they ended.

    `resumed_ticks` were played by an earlier run, which this one goes on from.
    """

    ticks: int = 0
    episodes: int = 0
    kill_runs: int = 0
    resumed_ticks: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    in_episodes: Counter[str] = field(default_factory=Counter)
    protected: Counter[str] = field(default_factory=Counter)
    converged: Counter[str] = field(default_factory=Counter)
    boundaries: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    orders: Counter[str] = field(default_factory=Counter)
    longest_naked_ms: int = 0
    longest_unknown_ms: int = 0
    longest_tick_ms: int = 0
    heaviest_tick: int = 0
    failures: list[Failure] = field(default_factory=list)

    def add(self, other: Sums) -> None:
        """Add what other episodes come to."""
        for name in ("ticks", "episodes", "kill_runs"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in _COUNTERS:
            getattr(self, name).update(getattr(other, name))
        for name in ("longest_naked_ms", "longest_unknown_ms", "longest_tick_ms", "heaviest_tick"):
            setattr(self, name, max(getattr(self, name), getattr(other, name)))
        self.failures += other.failures

    def document(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        told: dict[str, Any] = {each.name: getattr(self, each.name) for each in fields(self)}
        return told | {
            **{name: dict(told[name]) for name in _COUNTERS},
            "failures": [asdict(each) for each in self.failures],
        }

    @classmethod
    def of(cls, document: dict[str, Any]) -> Sums:
        """Return what a document says."""
        told = dict(document)
        for name in _COUNTERS:
            told[name] = Counter(told[name])
        told["failures"] = [Failure(**each) for each in told["failures"]]
        return cls(**told)


_COUNTERS: Final = ("outcomes", "faults", "in_episodes", "protected", "converged", "boundaries", "kills", "orders")


def episode(seed: int, rate: float, minutes: int, *, bug: Bug | None = None) -> Sums:
    """Play an episode of a seed and return what it comes to."""
    with scratch() as path:
        stage = Stage(path, Dice(seed), rate=rate, minutes=minutes, bug=bug)
        try:
            stage.play()
            return _summed(stage)
        finally:
            stage.close()


def replay(failure: Failure, decisions: Sequence[Decision], *, bug: Bug | None = None) -> Failure | None:
    """Play an episode again with some of its decisions only; return what was violated, None where nothing was."""
    with scratch() as path:
        stage = Stage(path, Dice(failure.seed, decisions), rate=failure.rate, minutes=failure.minutes, bug=bug)
        try:
            stage.play()
            return _failure(stage)
        finally:
            stage.close()


def _failure(stage: Stage) -> Failure | None:
    found = stage.oracle.violations
    if not found:
        return None
    return Failure(
        invariant=found[0].invariant,
        text=found[0].text,
        seed=stage.dice.seed,
        rate=stage.rate,
        minutes=stage.minutes,
        decisions=[each.row() for each in stage.dice.taken],
        traceback="\n".join(stage.tracebacks[:1]),
        bug=stage.bug.name if stage.bug.name != "none" else "",
    )


def _summed(stage: Stage) -> Sums:
    oracle, failure = stage.oracle, _failure(stage)
    invariants = {each.invariant for each in oracle.violations}
    seen = Counter(dict.fromkeys(stage.dice.counts, 1))
    return Sums(
        ticks=len(stage.ticks),
        episodes=1,
        outcomes=Counter(tick.outcome for tick in stage.ticks),
        faults=Counter(stage.dice.counts),
        in_episodes=seen,
        protected=Counter() if invariants & {"I1", "I1b", "liveness"} else Counter(seen),
        converged=Counter() if invariants else Counter(seen),
        boundaries=stage.boundaries,
        kills=stage.kills,
        orders=oracle.orders(),
        longest_naked_ms=oracle.longest_naked_ms,
        longest_unknown_ms=oracle.longest_unknown_ms,
        longest_tick_ms=oracle.longest_tick_ms,
        heaviest_tick=oracle.heaviest_tick,
        failures=[failure] if failure else [],
    )


def seeds(plan: Plan) -> Iterator[int]:
    """Yield the seeds of a plan's episodes, without end."""
    number = 0
    while True:
        yield plan.seed * _PRIME + number
        number += 1


def run(plan: Plan, *, state: Path | None = None, progress: Progress | None = None, stop: bool = True) -> Sums:
    """Play episodes until there are as many ticks as were asked for, or a violation is found.

    What is done is kept in `state`, from which a run that was broken off goes on; raises `BadInputError` when it belongs
    to another plan.
    """
    sums = _resumed(state, plan)
    sums.resumed_ticks = sums.ticks
    clear_away()
    coming = seeds(plan)
    for _ in range(sums.episodes):
        next(coming)
    if progress is not None:
        progress.start("Drilling", plan.ticks)
        progress.advance(min(sums.ticks, plan.ticks))

    def done(found: Sums) -> None:
        before = min(sums.ticks, plan.ticks)
        sums.add(found)
        if progress is not None:
            progress.advance(min(sums.ticks, plan.ticks) - before)
        _keep(state, plan, sums)

    def goes_on() -> bool:
        return sums.ticks < plan.ticks and not (stop and sums.failures)

    if plan.jobs == 1:
        while goes_on():
            done(episode(next(coming), plan.rate, plan.minutes))
    else:
        each_in_turn(plan.jobs, ((episode, (seed, plan.rate, plan.minutes)) for seed in coming), done, goes_on)
    if progress is not None:
        progress.finish()
    return sums


Work = tuple[Callable[..., Any], tuple[Any, ...]]


def each_in_turn(
    jobs: int, work: Iterator[Work], done: Callable[[Any], None], goes_on: Callable[[], bool] = lambda: True
) -> None:
    """Do work in several processes; what comes of it is handed on in the order of the work."""
    context = multiprocessing.get_context("spawn")
    cores = context.SimpleQueue()
    for number in range(jobs):
        cores.put(number)
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_stay_on_a_core, initargs=(cores,)) as pool:
        waiting: list[Future[Any]] = []
        try:
            while goes_on():
                while len(waiting) <= jobs and (each := next(work, None)) is not None:
                    waiting.append(pool.submit(each[0], *each[1]))
                if not waiting:
                    return
                wait(waiting[:1], return_when=FIRST_COMPLETED)
                done(waiting.pop(0).result())
        finally:
            for future in waiting:
                future.cancel()


def _stay_on_a_core(cores: SimpleQueue[int]) -> None:
    """Keep this process on one core: its threads take turns, and handing a turn to another core costs half of a drill."""
    if sys.platform == "linux":
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {allowed[cores.get() % len(allowed)]})


def _resumed(state: Path | None, plan: Plan) -> Sums:
    if state is None or not state.exists():
        return Sums()
    try:
        told = json.loads(state.read_text())
        kept, sums = told["plan"], Sums.of(told["sums"])
    except (ValueError, KeyError, TypeError) as error:
        message = f"{state} isn't the state of a drill; name another file with --state"
        raise BadInputError(message) from error
    if kept != _named(plan):
        message = f"{state} is of a drill with {kept}; use those options again, or name another file with --state"
        raise BadInputError(message)
    return sums


def kept_failure(path: Path) -> Failure:
    """Return the failure that a file keeps; raises `BadInputError` where it keeps none."""
    try:
        return Failure(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        message = f"{path} isn't what a drill kept of a violation; name that file with --replay"
        raise BadInputError(message) from error


def _keep(state: Path | None, plan: Plan, sums: Sums) -> None:
    if state is None:
        return
    written = state.with_name(f"{state.name}.new")
    written.write_text(json.dumps({"plan": _named(plan), "sums": sums.document()}))
    written.replace(state)


def _named(plan: Plan) -> dict[str, Any]:
    return {"version": _VERSION, "seed": plan.seed, "faults": plan.rate, "minutes": plan.minutes}


def bug_named(name: str) -> Bug:
    """Return a bug by its name."""
    return next(bug for bug in BUGS if bug.name == name)
