"""A sweep from its plan to its result: every study finished by the workers, the folds walked, the best one deflated."""

from __future__ import annotations

import hashlib
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hlcopy import __version__
from hlcopy.backtest.sweep import MEASURES, Measure, Outcome, Window, folds, judged, key_of
from hlcopy.backtest.sweep_report import FoldResult, Sweep, ranked, report
from hlcopy.backtest.sweep_study import BEAT_S, Study, all_tries
from hlcopy.backtest.sweep_worker import result, submit
from hlcopy.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from concurrent.futures import Executor

    from optuna.storages import BaseStorage

    from hlcopy.backtest.run import Plan
    from hlcopy.backtest.sweep import Fold
    from hlcopy.backtest.sweep_space import Space
    from hlcopy.backtest.sweep_study import Claim
    from hlcopy.ports import Clock, Progress

_POLL_S: Final = 0.5  # between two looks at what other machines still run
_AS_SET: Final = "as_set"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPlan:
    """What a sweep is to do.

    `recording` is the fingerprint of what is replayed. `rules` makes a configuration's settings into a plan of all days,
    that of the settings as they are when none is given; it raises `ConfigError` where they contradict each other. `as_set`
    has the values that these settings have as they are. Without `trials` the grid is tried. `given_name` is None for a name
    that follows from all of it, so that other data or rules never go on with an old study.
    """

    recording: str
    rules: Callable[[Mapping[str, str]], Plan]
    as_set: Mapping[str, str]
    space: Space
    trials: int | None
    seed: int
    by: str
    folds: int
    given_name: str | None

    @property
    def measure(self) -> Measure:
        """What is maximised."""
        return MEASURES[self.by]

    @property
    def window(self) -> Window:
        """All days."""
        base = self.rules({})
        return Window(first=base.first_day, last=base.last_day)

    def data(self, window: Window) -> str:
        """Return what two studies of the same days share, so that what one has tried the other needn't."""
        base = self.rules({})
        return f"{self.recording} {sorted(base.equity.items())} {base.backdate_equity} {window} {__version__}"

    def facts(self, window: Window) -> dict[str, object]:
        """Return what a study of some days rests on."""
        return {
            "recording": self.data(window),
            "settings": key_of(self.rules({})),
            "values": self.space.document(),
            "measure": self.by,
            "seed": None if self.trials is None else self.seed,
        }

    @property
    def name(self) -> str:
        """The study's name."""
        digest = hashlib.sha256(repr(self.facts(self.window)).encode()).hexdigest()[:10]
        return self.given_name or f"sweep-{digest}"


class Sweeper:
    """Runs a plan on a pool of workers; `alone` says that nobody else can be running its studies."""

    def __init__(
        self,
        plan: SweepPlan,
        storage: BaseStorage,
        pool: Executor,
        *,
        jobs: int,
        alone: bool,
        clock: Clock,
        progress: Progress,
    ) -> None:
        self.plan = plan
        self.pool = pool
        self.jobs = jobs
        self.alone = alone
        self.clock = clock
        self.progress = progress
        self.finished = 0
        self.total = 0
        self._storage = storage

    def run(self) -> Sweep:
        """Finish every study, the folds' first, and report; what is finished already isn't done again."""
        plan = self.plan
        cut = folds(plan.window, plan.folds) if plan.folds else []
        walked = [(fold, self._opened(fold.train, f"-to-{fold.train.last}")) for fold in cut]
        whole = self._opened(plan.window, "")
        rounds = [*(each for _, each in walked), whole]
        self.total = sum(each.study.total for each in rounds)
        self.finished = self.total - sum(each.study.left for each in rounds)
        self.progress.start("Sweeping", self.total - self.finished)
        results = []
        for fold, each in walked:
            each.finish()
            results.append(self._tested(fold, each.study))
        as_set = self._aside(whole.study, _AS_SET, plan.window, {})
        try:
            whole.finish()
        except BaseException:
            as_set.keep()
            raise
        kept = as_set.get()
        self.progress.finish()
        tries = all_tries(self._storage, plan.data(plan.window))
        return report(plan, whole.study, as_set=kept, tries=list(tries.values()), folds=results)

    def _opened(self, window: Window, suffix: str) -> _Round:
        plan = self.plan
        study = Study.open(
            self._storage,
            plan.name + suffix,
            plan.facts(window),
            plan.space,
            trials=plan.trials,
            seed=plan.seed,
            alone=self.alone,
        )
        return _Round(self, study, window, all_tries(self._storage, plan.data(window)))

    def _tested(self, fold: Fold, study: Study) -> FoldResult:
        """Replay a fold's best configuration, or the settings as they are where none can win, on the days that follow."""
        best = next((each for each in ranked(study.tried()) if each.score is not None), None)
        tested = self._aside(study, f"{best.key} {fold.test}", fold.test, best.values) if best else None
        as_set = self._aside(study, f"{_AS_SET} {fold.test}", fold.test, {})
        unchanged = as_set.get()
        return FoldResult(fold=fold, chosen=best, tested=tested.get() if tested else unchanged, as_set=unchanged)

    def _aside(self, study: Study, name: str, window: Window, values: Mapping[str, str]) -> _Aside:
        noted = study.noted(name)
        found = submit(self.pool, window.of(self.plan.rules(values))) if noted is None else noted
        return _Aside(study, name, found)


@dataclass(frozen=True, slots=True)
class _Aside:
    """A replay beside the trials of a study: what it came to, or that the workers have it."""

    study: Study
    name: str
    found: Outcome | Future[Outcome]

    def keep(self) -> None:
        """Keep what it came to, if it is done."""
        if isinstance(self.found, Future) and self.found.done() and not self.found.exception():
            self.study.note(self.name, self.found.result())

    def get(self) -> Outcome:
        """Wait for what it came to, and keep it."""
        if not isinstance(self.found, Future):
            return self.found
        outcome = result(self.found)
        self.study.note(self.name, outcome)
        return outcome


class _Round:
    """A study, and what of it is at the workers; `known` is what any study has found on the same days."""

    def __init__(self, sweeper: Sweeper, study: Study, window: Window, known: dict[str, Outcome]) -> None:
        self.study = study
        self._sweeper = sweeper
        self._window = window
        self._known = known
        self._left = study.left
        self._running: dict[Future[Outcome], tuple[Claim, str]] = {}

    def finish(self) -> None:
        """Let the workers finish the study; what they have done is kept, whatever ends this."""
        sweeper = self._sweeper
        try:
            while True:
                self.study.retake(sweeper.clock.monotonic())
                while len(self._running) < sweeper.jobs and (claim := self.study.claim()) is not None:
                    self._begin(claim)
                    self._count()
                if self._running:
                    self._collect()
                elif self.study.left:
                    sweeper.clock.sleep(_POLL_S)  # others are at it
                else:
                    return
                self._count()
        except BaseException:
            self._keep([future for future in self._running if future.done() and not future.exception()])
            self.study.give_back()
            self._count()
            raise

    def _begin(self, claim: Claim) -> None:
        """Hand a trial to the workers, unless its end is known already."""
        plan = self._sweeper.plan
        try:
            replayed = self._window.of(plan.rules(claim.values))
        except ConfigError as error:
            self.study.finish(claim, None, None, None, f"INFEASIBLE: {error}")
            return
        key = key_of(replayed)
        if key in self._known:
            self._tell(claim, key)
        else:
            self._running[submit(self._sweeper.pool, replayed)] = (claim, key)

    def _collect(self) -> None:
        """Wait for a result: of a grid whichever comes first, of a search the oldest, so that it can be repeated."""
        awaited = list(self._running) if self._sweeper.plan.trials is None else [next(iter(self._running))]
        done, _ = wait(awaited, timeout=BEAT_S, return_when=FIRST_COMPLETED)
        self._keep(done)
        if not self._sweeper.alone:
            self.study.beat()

    def _keep(self, done: Iterable[Future[Outcome]]) -> None:
        for future in done:
            outcome = result(future)
            claim, key = self._running.pop(future)
            self._known[key] = outcome
            self._tell(claim, key)

    def _tell(self, claim: Claim, key: str) -> None:
        outcome = self._known[key]
        score, why = judged(outcome, self._sweeper.plan.measure)
        self.study.finish(claim, key, outcome, score, why)

    def _count(self) -> None:
        """Show how many trials were finished since the last time, by whomever."""
        left = self.study.left
        done, self._left = self._left - left, left
        self._sweeper.finished += done
        self._sweeper.progress.advance(done)
