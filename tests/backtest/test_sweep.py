"""A sweep tries every configuration once, goes on where it was stopped, and never lets what isn't known win."""

from __future__ import annotations

import statistics
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from optuna.storages import InMemoryStorage

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.backtest import metrics, run, sweep_worker
from hlcopy.backtest.sweep import MEASURES, Outcome, judged, outcome
from hlcopy.backtest.sweep_space import Listed, Ranged, Space
from hlcopy.backtest.sweep_study import BEAT_S, GRACE_S, Study, all_tries
from hlcopy.backtest.sweep_worker import Worker
from hlcopy.errors import BadInputError
from tests.backtest.sweeps import EQUITY, Clock, Inline, plan, policy, swept, whole, world
from tests.builders import OTHER_TRADER, T0, fill

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna.storages import BaseStorage

    from hlcopy.backtest.sweep_report import Sweep
    from hlcopy.backtest.sweep_run import SweepPlan
    from tests.backtest.worlds import Recorded

DAYS = 12
RANGE = Ranged(name="STOP_LOSS_PERCENT", low=1.0, high=4.0, whole=False)


@pytest.fixture
def storage() -> BaseStorage:
    return InMemoryStorage()


@pytest.fixture(scope="module")
def wandering() -> Recorded:
    return world(DAYS)


def rows(sweep: Sweep) -> dict[tuple[str, ...], tuple[float | None, Outcome | None]]:
    """Return what came of each configuration."""
    return {tuple(row.values.values()): (row.score, row.outcome) for row in sweep.rows}


def studied(storage: BaseStorage, what: SweepPlan, *, alone: bool = True) -> Study:
    return Study.open(
        storage, what.name, what.facts(what.window), what.space, trials=what.trials, seed=what.seed, alone=alone
    )


# The grid


def test_every_configuration_is_a_backtest_and_the_best_comes_first(storage: BaseStorage, wandering: Recorded) -> None:
    sweep = swept(wandering, plan(wandering, DAYS), storage)
    assert set(rows(sweep)) == {("1",), ("2",), ("4",)}
    for (stop,), (score, found) in rows(sweep).items():
        direct = outcome(wandering.replay(DAYS, policy(STOP_LOSS_PERCENT=stop))[0])
        assert found == replace(direct, returns=())
        assert score == direct.sharpe
    scores = [row.score or 0.0 for row in sweep.rows]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == 3
    assert sweep.best == sweep.rows[0]
    assert sweep.as_set == outcome(wandering.replay(DAYS, policy())[0])
    assert sweep.as_set_score == sweep.as_set.sharpe


@pytest.mark.parametrize("by", MEASURES)
def test_the_best_is_best_by_what_was_asked_for(storage: BaseStorage, by: str) -> None:
    recorded = world(31)
    sweep = swept(recorded, plan(recorded, 31, by=by), storage)
    found = {row.values["STOP_LOSS_PERCENT"]: MEASURES[by].of(row.outcome) for row in sweep.rows if row.outcome}
    assert sweep.best is not None
    assert sweep.best.score == max(score for score in found.values() if score is not None)
    assert all(score is not None for score in found.values())


def test_nothing_that_was_finished_is_done_again(storage: BaseStorage, wandering: Recorded) -> None:
    first = swept(wandering, plan(wandering, DAYS), storage, done := Inline())
    again = swept(wandering, plan(wandering, DAYS), storage, more := Inline())
    assert (len(done.jobs), len(more.jobs)) == (4, 0)
    assert again == first


@pytest.mark.parametrize("stop_after", [0, 1, 2, 3])
def test_an_interrupted_sweep_goes_on_to_the_same_end(
    storage: BaseStorage, wandering: Recorded, stop_after: int
) -> None:
    what = plan(wandering, DAYS)
    with pytest.raises(KeyboardInterrupt):
        swept(wandering, what, storage, first := Inline(stop_after))
    resumed = swept(wandering, what, storage, second := Inline())
    whole = swept(wandering, what, InMemoryStorage())
    assert rows(resumed) == rows(whole)
    assert resumed.deflated == whole.deflated
    assert len(first.jobs) + len(second.jobs) == 4  # the one at which it was stopped never began


def test_what_another_study_found_on_the_same_days_isn_t_replayed(storage: BaseStorage, wandering: Recorded) -> None:
    swept(wandering, plan(wandering, DAYS), storage)
    wider = Listed(name="STOP_LOSS_PERCENT", values=("1", "2", "3", "4.0"))
    sweep = swept(wandering, plan(wandering, DAYS, wider), storage, pool := Inline())
    assert [job.policy.exit.stop_loss_percent for job in pool.jobs] == [5.0, 3.0]  # as set, and the new one
    assert sweep.tries == 4


# What can't win


def test_too_few_days_with_entries_can_t_win_however_good_they_look(storage: BaseStorage) -> None:
    recorded = world(9, seed=4)
    sweep = swept(recorded, plan(recorded, 9), storage)
    assert {(row.score, row.why) for row in sweep.rows} == {(None, "INSUFFICIENT: 9 days with entries, 10 are needed")}
    assert all(row.outcome is not None and row.outcome.sharpe is not None for row in sweep.rows)
    assert (sweep.best, sweep.deflated) == (None, None)
    assert "INSUFFICIENT" in {warning.code for warning in sweep.warnings}


def test_the_insufficient_stand_behind_the_worst(storage: BaseStorage, wandering: Recorded) -> None:
    weights = Listed(name="MIN_POSITION_WEIGHT", values=("0.1", "0.29", "1"))
    sweep = swept(wandering, plan(wandering, DAYS, weights), storage)
    assert sweep.rows[0].values["MIN_POSITION_WEIGHT"] == "0.1"
    assert sweep.rows[-1].why == "INSUFFICIENT: no entries"
    assert [row.score is None for row in sweep.rows] == [False, True, True]


def test_settings_that_contradict_each_other_are_told_and_not_replayed(
    storage: BaseStorage, wandering: Recorded
) -> None:
    gains = Listed(name="PROFIT_TAKE_TIER_1", values=("10", "30"))
    sweep = swept(wandering, plan(wandering, DAYS, gains), storage, pool := Inline())
    assert len(pool.jobs) == 2
    assert [row.values["PROFIT_TAKE_TIER_1"] for row in sweep.rows] == ["10", "30"]
    assert (sweep.rows[1].outcome, sweep.rows[1].score) == (None, None)
    assert sweep.rows[1].why == "INFEASIBLE: HLCOPY_PROFIT_TAKE_TIER_1, _2 and _3 must rise"
    assert sweep.tries == 1
    assert any(warning.code == "INFEASIBLE" and "must rise" in warning.message for warning in sweep.warnings)


KNOWN = Outcome(
    entries=20,
    days=15,
    return_pct=3.0,
    drawdown_pct=1.0,
    sharpe=1.5,
    calmar=None,
    uplift_pct=0.4,
    uplift_days=9,
    moments=None,
)


@pytest.mark.parametrize(
    ("by", "changes", "score", "why"),
    [
        ("sharpe", {}, 1.5, None),
        ("return", {}, 3.0, None),
        ("uplift", {}, None, "INSUFFICIENT: 9 days with entries, 10 are needed"),
        ("uplift", {"uplift_days": 10}, 0.4, None),
        ("calmar", {}, None, "INSUFFICIENT: its calmar can't be told"),
        ("sharpe", {"days": 9}, None, "INSUFFICIENT: 9 days with entries, 10 are needed"),
        ("sharpe", {"entries": 0, "days": 0}, None, "INSUFFICIENT: no entries"),
        ("sharpe", {"sharpe": None}, None, "INSUFFICIENT: its sharpe can't be told"),
    ],
)
def test_a_score_needs_ten_days_and_a_figure(
    by: str, changes: dict[str, float | None], score: float | None, why: str | None
) -> None:
    assert judged(replace(KNOWN, **changes), MEASURES[by]) == (score, why)


def test_an_outcome_is_kept_as_it_was(wandering: Recorded) -> None:
    found = outcome(wandering.replay(DAYS, policy())[0])
    assert Outcome.read(found.kept(whole=True)) == found
    assert Outcome.read(found.kept(whole=True)).warnings == found.warnings
    assert Outcome.read(found.kept(whole=False)) == replace(found, returns=())
    assert Outcome.read(KNOWN.kept(whole=False)) == KNOWN


# How much is luck


def test_a_single_try_is_deflated_by_nothing(storage: BaseStorage, wandering: Recorded) -> None:
    one = Listed(name="STOP_LOSS_PERCENT", values=("2",))
    sweep = swept(wandering, plan(wandering, DAYS, one), storage)
    assert sweep.deflated is not None
    assert (sweep.tries, sweep.deflated.luckiest) == (1, 0.0)
    assert sweep.deflated.probability == sweep.deflated.undeflated


def test_all_tries_on_the_same_days_count(storage: BaseStorage, wandering: Recorded) -> None:
    few = swept(wandering, plan(wandering, DAYS), storage)
    swept(wandering, plan(wandering, DAYS, Listed(name="TRAILING_STOP_PERCENT", values=("1", "2", "3"))), storage)
    swept(wandering, plan(wandering, DAYS - 1), storage)
    many = swept(wandering, plan(wandering, DAYS), storage)
    assert (few.tries, many.tries) == (3, 6)
    assert few.deflated is not None
    assert many.deflated is not None
    assert (few.best, few.deflated.undeflated) == (many.best, many.deflated.undeflated)
    found = all_tries(storage, plan(wandering, DAYS).data(plan(wandering, DAYS).window)).values()
    ratios = [each.moments.ratio for each in found if each.moments]
    assert many.deflated.luckiest == pytest.approx(metrics.luckiest_sharpe(ratios, 6) * 365**0.5)


# Whose study it is


@pytest.mark.parametrize(
    "changed",
    [
        lambda what: replace(what, recording="another"),
        lambda what: replace(what, rules=lambda values: whole(DAYS - 1, values)),
        lambda what: replace(what, rules=lambda values: replace(whole(DAYS, values), equity={OTHER_TRADER: 1.0})),
        lambda what: replace(what, rules=lambda values: replace(whole(DAYS, values), equity={}, backdate_equity=True)),
        lambda what: replace(what, rules=lambda values: replace(whole(DAYS, values), our_equity=5_000.0)),
        lambda what: replace(what, rules=lambda values: whole(DAYS, values, COPY_RATIO="0.1")),
        lambda what: replace(what, space=Space((Listed(name="STOP_LOSS_PERCENT", values=("1",)),))),
        lambda what: replace(what, by="return"),
        lambda what: replace(what, trials=2, seed=1),
    ],
    ids=["recording", "days", "traders", "chosen traders", "equity", "rules", "values", "measure", "search"],
)
def test_other_data_or_rules_never_go_on_with_an_old_study(
    storage: BaseStorage, wandering: Recorded, changed: Callable[[SweepPlan], SweepPlan]
) -> None:
    what = plan(wandering, DAYS)
    assert changed(what).name != what.name == plan(wandering, DAYS).name
    named = replace(what, given_name="mine")
    studied(storage, named)
    with pytest.raises(BadInputError, match=r"the study mine differs in its .*; choose another --name, or none"):
        studied(storage, changed(named))


def test_a_fill_or_a_candle_makes_another_recording(wandering: Recorded) -> None:
    ours = plan(wandering, DAYS).recording
    traders = {trader: fills[:-1] for trader, fills in wandering.fills.items()}
    candles = {coin: replace(series, c=series.c + 0.1) for coin, series in wandering.candles.items()}
    assert plan(world(DAYS), DAYS).recording == ours
    assert ours not in {
        plan(replace(wandering, fills=traders), DAYS).recording,
        plan(replace(wandering, candles=candles), DAYS).recording,
    }


def test_two_processes_never_take_the_same_trial(storage: BaseStorage, wandering: Recorded) -> None:
    one, other = (studied(storage, plan(wandering, DAYS), alone=False) for _ in range(2))
    taken = [study.claim() for study in (one, other, one, other)]
    assert [claim.values["STOP_LOSS_PERCENT"] for claim in taken if claim] == ["1", "2", "4"]
    assert taken[3] is None
    assert (one.left, other.left) == (3, 3)


def test_a_search_hands_out_no_more_than_it_was_asked_for(storage: BaseStorage, wandering: Recorded) -> None:
    one, other = (studied(storage, plan(wandering, DAYS, RANGE, trials=3), alone=False) for _ in range(2))
    assert [study.claim() is None for study in (one, other, one, other, one)] == [False, False, False, True, True]


def test_what_a_killed_sweep_left_running_is_taken_up_at_once(storage: BaseStorage, wandering: Recorded) -> None:
    what = plan(wandering, DAYS)
    killed = studied(storage, what)
    killed.claim()
    killed.claim()
    sweep = swept(wandering, what, storage, pool := Inline())
    assert set(rows(sweep)) == {("1",), ("2",), ("4",)}
    assert len(pool.jobs) == 4


def test_on_a_shared_database_who_is_silent_loses_his_trial_and_who_is_heard_keeps_it(
    storage: BaseStorage, wandering: Recorded
) -> None:
    what = plan(wandering, DAYS)
    silent, heard, ours = (studied(storage, what, alone=False) for _ in range(3))
    lost, kept = silent.claim(), heard.claim()
    assert lost is not None
    assert kept is not None
    now = 0.0
    while now <= GRACE_S:
        heard.beat()
        ours.retake(now)
        now += BEAT_S
    claims = [ours.claim(), ours.claim()]
    assert {claim.values["STOP_LOSS_PERCENT"] for claim in claims if claim} == {"1", "4"}
    silent.finish(lost, "key", KNOWN, 1.0, None)  # too late: it isn't his any more
    heard.finish(kept, "key", KNOWN, 2.0, None)
    assert [(each.values["STOP_LOSS_PERCENT"], each.score) for each in ours.tried()] == [("2", 2.0)]


def test_a_sweep_waits_for_what_others_run_and_then_does_what_they_didn_t(
    storage: BaseStorage, wandering: Recorded
) -> None:
    what = plan(wandering, DAYS)
    dead = studied(storage, what, alone=False)
    dead.claim()
    sweep = swept(wandering, what, storage, alone=False, clock=(clock := Clock()))
    assert set(rows(sweep)) == {("1",), ("2",), ("4",)}
    assert GRACE_S <= clock.seconds <= GRACE_S + 1


# The search


def searched(wandering: Recorded, seed: int) -> list[tuple[str, float]]:
    """Return what a search of its own proposes, where it is the better the nearer to 3 it comes."""
    what = plan(wandering, DAYS, RANGE, trials=30, seed=seed)
    study = studied(InMemoryStorage(), what)
    while (claim := study.claim()) is not None:
        study.finish(claim, str(claim.number), None, -abs(float(claim.values["STOP_LOSS_PERCENT"]) - 3), None)
    return [(each.values["STOP_LOSS_PERCENT"], each.score or 0.0) for each in study.tried()]


def test_a_seed_proposes_the_same_and_another_something_else(wandering: Recorded) -> None:
    first, same, other = (searched(wandering, seed) for seed in (3, 3, 4))
    assert first == same
    assert not {value for value, _ in first[:10]} & {value for value, _ in other[:10]}


def test_a_search_learns(wandering: Recorded) -> None:
    misses = [-score for _, score in searched(wandering, 3)]
    assert statistics.fmean(misses[20:]) < statistics.fmean(misses[:10]) / 2
    assert all(1 <= float(value) <= 4 for value, _ in searched(wandering, 3))


def test_a_larger_number_of_trials_goes_on_with_the_same_study(storage: BaseStorage, wandering: Recorded) -> None:
    swept(wandering, plan(wandering, DAYS, RANGE, trials=2), storage, Inline())
    sweep = swept(wandering, plan(wandering, DAYS, RANGE, trials=4), storage, more := Inline())
    assert (len(more.jobs), sweep.tries, len(sweep.rows)) == (2, 4, 4)


def test_a_search_that_was_interrupted_takes_its_last_trial_up_again(storage: BaseStorage, wandering: Recorded) -> None:
    what = plan(wandering, DAYS, RANGE, trials=4)
    with pytest.raises(KeyboardInterrupt):
        swept(wandering, what, storage, Inline(stop_after=2))
    second = studied(storage, what).claim()
    assert second is not None
    sweep = swept(wandering, what, storage)
    assert len(sweep.rows) == 4
    assert dict(second.values) in [dict(row.values) for row in sweep.rows]


def test_a_search_tells_which_settings_matter(wandering: Recorded) -> None:
    idle = Listed(name="MIN_ACTION_BUDGET", values=("0", "1"))
    fixed = Listed(name="MAX_TOTAL_POSITIONS", values=("5",))
    study = studied(InMemoryStorage(), plan(wandering, DAYS, RANGE, idle, fixed, trials=25))
    while (claim := study.claim()) is not None:
        study.finish(claim, str(claim.number), None, float(claim.values["STOP_LOSS_PERCENT"]), None)
    shares = study.importances
    assert next(iter(shares)) == "STOP_LOSS_PERCENT"
    assert sum(shares.values()) == pytest.approx(1)


# The workers


def test_a_worker_reads_a_recording_once_for_all_plans_of_the_same_days(
    wandering: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    monkeypatch.setattr(sweep_worker, "read", lambda *given: read.append(given) or run.read(*given))
    worker = Worker(wandering.store(MemoryLedger()))
    first = worker.work(whole(DAYS, {}))
    assert worker.work(whole(DAYS, {"STOP_LOSS_PERCENT": "1"})) != first
    assert worker.work(whole(DAYS, {})) == first
    assert len(read) == 1
    worker.work(whole(1, {}))
    assert len(read) == 2


def test_a_wallet_that_did_nothing_by_then_isn_t_known_yet(wandering: Recorded) -> None:
    late = {OTHER_TRADER: [fill(trader=OTHER_TRADER, time=T0 + timedelta(days=8))]}
    both = replace(wandering, fills={**wandering.fills, **late}).store(MemoryLedger())
    alone, with_late = whole(5, {}), replace(whole(5, {}), equity={**EQUITY, OTHER_TRADER: 1e6})
    found = Worker(both).work(with_late)
    assert found.entries == 5
    assert found == Worker(both).work(alone)
    assert Worker(both).work(replace(alone, equity={OTHER_TRADER: 1e6})).entries == 0


def test_traders_may_be_chosen_by_score(storage: BaseStorage) -> None:
    """Without stated wallets each day follows whom the score chooses from what is recorded, here nobody: too few trades."""
    recorded = world(DAYS)
    scored = plan(recorded, DAYS, rules=lambda values: replace(whole(DAYS, values), equity={}))
    sweep = swept(recorded, replace(scored, recording="scored"), storage)
    assert {row.why for row in sweep.rows} == {"INSUFFICIENT: no entries"}
    assert "EQUITY_ASSUMED" not in {warning.code for warning in sweep.warnings}
