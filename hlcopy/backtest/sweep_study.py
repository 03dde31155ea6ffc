"""A study of Optuna as a sweep uses it: who tries what, what came of it, and what a killed process left behind."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import optuna
from optuna.trial import TrialState

from hlcopy.adapters.store.studies import reading
from hlcopy.backtest.sweep import Outcome
from hlcopy.backtest.sweep_space import Listed, number_text
from hlcopy.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial, Trial

    from hlcopy.backtest.sweep_space import Axis, Space

GRACE_S: Final = 60.0  # a trial of which nothing was heard for so long is taken from who ran it
BEAT_S: Final = 10.0

_FACTS: Final = "facts"
_FINISHED: Final = {TrialState.COMPLETE, TrialState.PRUNED}
_FIXED: Final = "fixed_params"  # Optuna's own name for what a waiting trial is to try


@dataclass(frozen=True, slots=True)
class Claim:
    """A trial that is ours to run, and its configuration: the text of each setting."""

    number: int
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A finished trial; without `score` it can't win, and `why` tells. `outcome` is None where nothing could be replayed."""

    number: int
    values: Mapping[str, str]
    key: str | None
    outcome: Outcome | None
    score: float | None
    why: str | None


class Study:
    """The trials of one period, shared by all who open it under the same name.

    `alone` says that nobody else can be running it: what is left running was killed. Without `trials` every configuration of
    the space's grid is tried once, else so many as a search proposes.
    """

    def __init__(self, study: optuna.Study, space: Space, *, trials: int | None, seed: int, alone: bool) -> None:
        self._study = study
        self._space = space
        self._grid = None if trials is not None else list(space.grid())
        self.total = len(self._grid) if self._grid is not None else trials or 0
        self._seed = seed
        self._alone = alone
        self._mine: dict[int, Trial] = {}
        self._beats = 0
        self._heard: dict[int, tuple[object, float]] = {}

    @classmethod
    def open(
        cls,
        storage: BaseStorage,
        name: str,
        facts: Mapping[str, object],
        space: Space,
        *,
        trials: int | None,
        seed: int,
        alone: bool,
    ) -> Study:
        """Open a study, made at its first use; `BadInputError` names what it was made of when that is something else."""
        study = optuna.create_study(
            storage=storage, study_name=name, direction="maximize", sampler=_sampler(seed, 0), load_if_exists=True
        )
        there = study.user_attrs.get(_FACTS)
        if there is None:
            study.set_user_attr(_FACTS, dict(facts))
        elif there != facts:
            other = ", ".join(sorted(fact for fact in {*there, *facts} if there.get(fact) != facts.get(fact)))
            message = f"the study {name} differs in its {other}; choose another --name, or none"
            raise BadInputError(message)
        return cls(study, space, trials=trials, seed=seed, alone=alone)

    # Whose turn

    def claim(self) -> Claim | None:
        """Take the next trial, None when all are taken.

        Another process may have taken the same configuration, or the last trial of a search, in the same moment: who came
        second gives it back. What is proposed depends on the seed, the trial's number and the results known by then.
        """
        while self._provide():
            trial = self._study.ask()
            self._study.sampler = _sampler(self._seed, trial.number)
            values = {axis.name: _suggested(trial, axis) for axis in self._space.axes}
            if not self._is_surplus(trial.number, values):
                self._mine[trial.number] = trial
                return Claim(trial.number, values)
            self._fail(trial.number)
        return None

    def _provide(self) -> bool:
        """Whether there is a trial to take; the next configuration of a grid is laid out for it."""
        trials = self._trials()
        if any(trial.state is TrialState.WAITING for trial in trials):
            return True
        if self._grid is None:
            return len(trials) < self.total
        taken = {_identity(_values(trial)) for trial in trials}
        following = next((values for values in self._grid if _identity(values) not in taken), None)
        if following is None:
            return False
        self._study.enqueue_trial(following)
        return True

    def _is_surplus(self, number: int, values: Mapping[str, str]) -> bool:
        earlier = [trial for trial in self._trials() if trial.number < number]
        if self._grid is None:
            return len(earlier) >= self.total
        return _identity(values) in {_identity(_values(trial)) for trial in earlier}

    # What came of it

    def finish(
        self, claim: Claim, key: str | None, outcome: Outcome | None, score: float | None, why: str | None
    ) -> None:
        """Keep the result of a trial; without a score it is kept as one that can't win."""
        trial = self._mine.pop(claim.number)
        found = {"key": key, "outcome": None if outcome is None else outcome.kept(whole=False), "why": why}
        try:
            trial.set_user_attr("result", found)
            self._study.tell(trial, score, state=TrialState.PRUNED if score is None else TrialState.COMPLETE)
        except (ValueError, optuna.exceptions.UpdateFinishedTrialError):
            return  # we were silent for so long that another process has taken it

    def tried(self) -> list[Tried]:
        """Return what is finished, by number."""
        return [_tried(trial) for trial in self._trials() if trial.state in _FINISHED]

    @property
    def left(self) -> int:
        """How many trials aren't finished."""
        return max(0, self.total - sum(trial.state in _FINISHED for trial in self._trials()))

    @property
    def importances(self) -> dict[str, float]:
        """Return the share of each setting in what sets good trials apart, most first (Watanabe and others 2023)."""
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        return optuna.importance.get_param_importances(self._study, evaluator=evaluator)

    def noted(self, name: str) -> Outcome | None:
        """Return an outcome that was kept beside the trials."""
        kept = self._study.user_attrs.get(name)
        return None if kept is None else Outcome.read(kept)

    def note(self, name: str, outcome: Outcome) -> None:
        """Keep an outcome beside the trials, whole."""
        self._study.set_user_attr(name, outcome.kept(whole=True))

    # Who is alive

    def beat(self) -> None:
        """Let the others know that our trials are still being run."""
        self._beats += 1
        for trial in self._mine.values():
            with suppress(optuna.exceptions.UpdateFinishedTrialError):  # too late: another process has taken it
                trial.set_user_attr("beat", self._beats)

    def retake(self, now: float) -> None:
        """Give up the trials of processes that are dead, and lay them out anew; `now` is a stopwatch's seconds."""
        for trial in self._trials():
            if trial.state is not TrialState.RUNNING or trial.number in self._mine:
                continue
            beat = trial.user_attrs.get("beat")
            heard, since = self._heard.setdefault(trial.number, (beat, now))
            if heard != beat:
                self._heard[trial.number] = (beat, now)
            elif self._alone or now - since >= GRACE_S:
                self._give_up(trial)

    def give_back(self) -> None:
        """Lay out anew what is ours and unfinished."""
        for trial in self._trials():
            if trial.number in self._mine:
                self._give_up(trial)
        self._mine.clear()

    def _give_up(self, trial: FrozenTrial) -> None:
        values = _values(trial)
        if self._fail(trial.number) and len(values) == len(self._space.axes):
            self._study.enqueue_trial(values)

    def _fail(self, number: int) -> bool:
        """Take a trial out; False when another process was faster."""
        try:
            self._study.tell(number, state=TrialState.FAIL)
        except (ValueError, optuna.exceptions.UpdateFinishedTrialError):
            return False
        return True

    def _trials(self) -> list[FrozenTrial]:
        """Return the trials that count: one that failed was given up, and another stands in its place."""
        return [trial for trial in _all(self._study) if trial.state is not TrialState.FAIL]


def all_tries(storage: BaseStorage, data: str) -> dict[str, Outcome]:
    """Return every configuration that any study has tried on the same data, by its key."""
    found: dict[str, Outcome] = {}
    for name in optuna.get_all_study_names(storage):
        study = optuna.load_study(study_name=name, storage=storage)
        if study.user_attrs.get(_FACTS, {}).get("recording") == data:
            tried = (_tried(trial) for trial in _all(study) if trial.state in _FINISHED)
            found |= {each.key: each.outcome for each in tried if each.key and each.outcome}
    return found


def _all(study: optuna.Study) -> list[FrozenTrial]:
    with reading():
        return study.get_trials(deepcopy=False)


def _sampler(seed: int, number: int) -> optuna.samplers.TPESampler:
    """Return what proposes a trial: no two trials of one seed, and no two seeds, draw the same."""
    (mixed,) = np.random.SeedSequence((seed, number)).generate_state(1)
    return optuna.samplers.TPESampler(seed=int(mixed))


def _suggested(trial: Trial, axis: Axis) -> str:
    if isinstance(axis, Listed):
        return str(trial.suggest_categorical(axis.name, axis.values))
    if axis.whole:
        return str(trial.suggest_int(axis.name, round(axis.low), round(axis.high)))
    return number_text(trial.suggest_float(axis.name, axis.low, axis.high, step=axis.step))


def _tried(trial: FrozenTrial) -> Tried:
    result: Mapping[str, Any] = trial.user_attrs["result"]
    return Tried(
        number=trial.number,
        values=_shown(_values(trial)),
        key=result["key"],
        outcome=None if result["outcome"] is None else Outcome.read(result["outcome"]),
        score=trial.value if trial.state is TrialState.COMPLETE else None,
        why=result["why"],
    )


def _values(trial: FrozenTrial) -> dict[str, Any]:
    """Return what a trial tries, also before all of it was written down."""
    return {**trial.system_attrs.get(_FIXED, {}), **trial.params}


def _shown(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: value if isinstance(value, str) else number_text(value) for name, value in values.items()}


def _identity(values: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(values.items()))
