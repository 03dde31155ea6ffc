"""What the text of a sweep says in words, where a figure alone could be misread."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import pytest
from optuna.storages import InMemoryStorage

from hlcopy.backtest.sweep_report import Deflated
from hlcopy.render.sweep import sweep_document, sweep_text
from tests.backtest.sweeps import STOPS, plan, swept, world

if TYPE_CHECKING:
    from hlcopy.backtest.sweep_report import Sweep

DAYS = 20


@cache
def finished() -> Sweep:
    """Return a sweep with one fold."""
    recorded = world(DAYS)
    return swept(recorded, plan(recorded, DAYS, STOPS, folds=1), InMemoryStorage())


def told(sweep: Sweep) -> str:
    """Return the text as one line."""
    return " ".join(sweep_text(sweep, 10, None).split())


@pytest.mark.parametrize(
    ("probability", "said"),
    [
        (0.97, "Luck better than luck over 3 tries: deflated Sharpe 97.0% (its Sharpe is 2.00, luck alone shows 1.50"),
        (0.5, "Luck not shown better than luck over 3 tries: deflated Sharpe 50.0%, 95% is needed (its Sharpe is 2.00"),
        (None, "Luck not shown better than luck over 3 tries: there is no Sharpe ratio to tell it from"),
    ],
)
def test_luck_is_told_in_words(probability: float | None, said: str) -> None:
    deflated = Deflated(sharpe=2.0, luckiest=1.5, probability=probability, undeflated=0.99)
    assert said in told(replace(finished(), deflated=deflated))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (2.0, 1.5, "+2.00 in sample, +1.50 out of it: 25% of it is gone"),
        (2.0, -1.0, "+2.00 in sample, -1.00 out of it: all of it is gone"),
        (2.0, 3.0, "+2.00 in sample, +3.00 out of it: none of it is gone"),
        (-1.0, -2.0, "-1.00 in sample, -2.00 out of it Tried"),
    ],
)
def test_what_is_gone_later_is_told_in_words(before: float, after: float, said: str) -> None:
    sweep = finished()
    assert sweep.walked is not None
    assert said in told(replace(sweep, walked=replace(sweep.walked, in_sample=before, out_of_sample=after)))


@pytest.mark.parametrize(
    ("less", "said"),
    [(1.25, "the best is 1.25 above"), (-0.5, "nothing that was tried is better"), (None, "As set INSUFFICIENT: why")],
)
def test_the_settings_as_they_are_stand_beside_the_best(less: float | None, said: str) -> None:
    sweep = finished()
    assert sweep.best is not None
    assert sweep.best.score is not None
    score = None if less is None else sweep.best.score - less
    assert said in told(replace(sweep, as_set_score=score, as_set_why="INSUFFICIENT: why"))


def test_where_nothing_can_win_nothing_is_claimed() -> None:
    sweep = finished()
    barred = [replace(row, score=None, why="INSUFFICIENT: 9 days") for row in sweep.rows]
    beaten = replace(sweep, rows=barred, deflated=None)
    assert "Best none: no configuration can win (INSUFFICIENT), nothing is claimed" in told(beaten)
    assert told(beaten).count(" INSUFFICIENT ") >= len(barred)
    document = sweep_document(beaten)
    assert (document["best"], document["deflated_sharpe"]) == (None, None)


@pytest.mark.parametrize("by", ["sharpe", "calmar", "uplift"])
def test_the_tables_fit_80_columns(by: str) -> None:
    sweep = replace(finished(), by=plan(world(DAYS), DAYS, by=by).measure)
    assert max(map(len, sweep_text(sweep, 10, None).splitlines())) <= 80
    assert ("CALMAR" in sweep_text(sweep, 10, None)) is (by == "calmar")
