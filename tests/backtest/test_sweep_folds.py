"""Walk forward: a fold knows nothing of what comes after it, and later days are told as they were."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from optuna.storages import InMemoryStorage

from hlcopy.backtest.sweep import Window, folds, outcome
from hlcopy.backtest.sweep_report import Joined, WalkForward
from hlcopy.backtest.sweep_space import Listed
from hlcopy.domain.models import to_ms
from hlcopy.errors import BadInputError
from tests.backtest.sweeps import Inline, plan, policy, swept, whole, world
from tests.backtest.test_sweep import RANGE
from tests.builders import T0, TRADER

if TYPE_CHECKING:
    from hlcopy.backtest.sweep_report import FoldResult, Sweep
    from tests.backtest.worlds import Recorded

DAYS = 20
HALF = T0 + timedelta(days=DAYS // 2)


def scrambled(recorded: Recorded, seed: int) -> Recorded:
    """Return a world that is the same until half of its days are over: then candles are shuffled, and fills left out."""
    rng = np.random.default_rng(seed)
    series = recorded.candles["BTC"]
    since = int(np.searchsorted(series.t, to_ms(HALF)))
    order = np.concatenate((np.arange(since), since + rng.permutation(len(series) - since)))
    candles = replace(series, o=series.o[order], h=series.h[order], l=series.l[order], c=series.c[order])
    fills = [each for each in recorded.fills[TRADER] if each.time < HALF or rng.random() < 0.5]
    return replace(recorded, fills={TRADER: fills}, candles={"BTC": candles})


STOPS = Listed(name="STOP_LOSS_PERCENT", values=("1", "3"))


def walked(recorded: Recorded, **changes: object) -> Sweep:
    axis = RANGE if "trials" in changes else STOPS
    return swept(recorded, plan(recorded, DAYS, axis, folds=1, **changes), InMemoryStorage())


def only_fold(sweep: Sweep) -> FoldResult:
    assert sweep.walked is not None
    (found,) = sweep.walked.folds
    return found


@pytest.mark.parametrize(("changes", "seeds"), [({}, (0, 1)), ({"trials": 2}, (2,))], ids=["grid", "search"])
def test_what_a_fold_chooses_doesn_t_depend_on_what_comes_after_it(
    changes: dict[str, int], seeds: tuple[int, ...]
) -> None:
    recorded = world(DAYS, seed=5)
    before = only_fold(walked(recorded, **changes))
    assert before.chosen is not None
    for seed in seeds:
        after = only_fold(walked(scrambled(recorded, seed), **changes))
        assert after.chosen == before.chosen
        assert after.tested != before.tested


def test_a_fold_s_choice_is_the_best_of_its_train_days_and_tested_alone_on_the_next() -> None:
    recorded = world(DAYS, seed=5)
    sweep = walked(recorded)
    fold = only_fold(sweep)
    stops = {stop: outcome(recorded.replay(10, policy(**{STOPS.name: stop}))[0]) for stop in STOPS.values}
    assert fold.chosen is not None
    assert (fold.chosen.score, fold.chosen.values[STOPS.name]) == max(
        (found.sharpe, stop) for stop, found in stops.items() if found.sharpe is not None
    )
    assert (fold.fold.train.days, fold.fold.test.first, fold.tested.days) == (10, HALF.date(), 10)
    assert (len(fold.tested.returns), len(fold.as_set.returns)) == (10, 10)
    assert sweep.walked is not None
    compounded = np.prod([1 + value for value in fold.tested.returns]) - 1
    assert sweep.walked.joined.return_pct == pytest.approx(100 * compounded)
    assert sweep.walked.joined.return_pct == pytest.approx(fold.tested.return_pct)
    assert sweep.walked.joined.sharpe == pytest.approx(fold.tested.sharpe)
    assert (sweep.walked.in_sample, sweep.walked.out_of_sample) == (fold.chosen.score, fold.tested.sharpe)


def test_several_folds_join_to_one_account() -> None:
    recorded = world(30, seed=2)
    storage = InMemoryStorage()
    sweep = swept(recorded, plan(recorded, 30, STOPS, folds=2), storage, first := Inline())
    again = swept(recorded, plan(recorded, 30, STOPS, folds=2), storage, second := Inline())
    assert sweep.walked is not None
    assert again == sweep
    assert len(second.jobs) == 0
    assert len(first.jobs) == 3 * 2 + 1 + sum(1 + (each.chosen is not None) for each in sweep.walked.folds)
    joined = sweep.walked.joined
    returns = [value for each in sweep.walked.folds for value in each.tested.returns]
    assert len(returns) == 20
    assert joined.return_pct == pytest.approx(100 * (np.prod([1 + value for value in returns]) - 1))
    assert (joined.entries, joined.days) == (20, 20)


def test_another_number_of_folds_is_another_walk_in_the_same_study() -> None:
    """One fold of 40 days tests on the last 20 what three folds test on ten of them, chosen on the same days."""
    recorded, storage = world(40, seed=2), InMemoryStorage()
    stop = Listed(name="STOP_LOSS_PERCENT", values=("2",))
    one = swept(recorded, plan(recorded, 40, stop, folds=1), storage)
    three = swept(recorded, plan(recorded, 40, stop, folds=3), storage)
    again = swept(recorded, plan(recorded, 40, stop, folds=1), storage, pool := Inline())
    assert (again, pool.jobs) == (one, [])
    assert one.study == three.study
    assert three.walked is not None
    assert (only_fold(one).tested.entries, three.walked.folds[1].tested.entries) == (20, 10)


def test_where_nothing_can_win_the_settings_are_kept_as_they_are() -> None:
    recorded = world(DAYS)
    sweep = walked(recorded, rules=lambda values: whole(DAYS, values, MIN_POSITION_WEIGHT="1"))
    fold = only_fold(sweep)
    assert (fold.chosen, fold.tested) == (None, fold.as_set)
    assert sweep.walked is not None
    assert (sweep.walked.in_sample, sweep.walked.out_of_sample, sweep.walked.decay) == (None, None, None)
    assert {"FOLD_INSUFFICIENT", "OUT_OF_SAMPLE_INSUFFICIENT"} <= {warning.code for warning in sweep.warnings}


@pytest.mark.parametrize(
    ("before", "after", "gone"),
    [(2.0, 1.0, 0.5), (2.0, 2.0, 0.0), (2.0, -1.0, 1.5), (1.0, 3.0, -2.0), (0.0, 1.0, None), (-1.0, -2.0, None)],
)
def test_decay_is_what_is_gone_of_the_score(before: float, after: float, gone: float | None) -> None:
    nothing = Joined(return_pct=0.0, drawdown_pct=None, sharpe=None, probabilistic_sharpe=None, entries=0, days=0)
    found = WalkForward(folds=(), joined=nothing, as_set=nothing, in_sample=before, out_of_sample=after)
    assert found.decay == gone


def test_folds_train_on_all_days_so_far_and_test_on_the_next() -> None:
    cut = folds(Window(first=date(2026, 3, 1), last=date(2026, 4, 21)), 3)  # 52 days
    assert [(each.train.days, each.test.days) for each in cut] == [(13, 13), (26, 13), (39, 13)]
    assert {each.train.first for each in cut} == {date(2026, 3, 1)}
    assert all(each.test.first == each.train.last + timedelta(days=1) for each in cut)
    assert cut[-1].test.last == date(2026, 4, 21)


@pytest.mark.parametrize(
    ("days", "count", "said"),
    [
        (39, 3, "--folds 3 leaves 9 days to choose on, 10 are needed; 2 fit"),
        (19, 1, "--folds 1 leaves 9 days to choose on, 10 are needed; even one needs 20 days"),
    ],
)
def test_a_period_too_short_for_its_folds_is_refused(days: int, count: int, said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        folds(Window(first=T0.date(), last=(T0 + timedelta(days=days - 1)).date()), count)
