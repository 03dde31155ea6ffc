"""The audit: another future changes no decision before it, and a source that looks ahead is found."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.backtest.altered import Alteration, Altered
from hlcopy.backtest.audit import audit
from hlcopy.backtest.decisions import Kind
from hlcopy.domain.candles import Candles
from hlcopy.domain.models import to_ms
from hlcopy.errors import BadInputError
from tests.backtest.diaries import ANNA, FIVE, Diaries, without_scoring
from tests.backtest.worlds import simulated
from tests.builders import T0, at

if TYPE_CHECKING:
    from hlcopy.backtest.audit import Audit
    from hlcopy.ports import Ledger

DELAY = timedelta(seconds=60)


class Holed(Diaries):
    """Nothing is traded on the first morning, when the first order of ours would fill."""

    @staticmethod
    def candles(coin: str) -> Candles:
        whole = Diaries.candles(coin)
        kept = (whole.t < to_ms(at(hours=8, minutes=15))) | (whole.t >= to_ms(at(hours=9)))
        columns = (whole.t, whole.o, whole.h, whole.l, whole.c, whole.v)
        return Candles(coin, FIVE, *(column[kept] for column in columns))


@cache
def recorded() -> Ledger:
    return Diaries(boards=(-1, 0, 1, 2, 3)).ledger()


def audited(planted: Kind | None = None, *, moments: int = 2, seed: int = 1) -> Audit:
    return audit(recorded(), Diaries().plan(4), moments=moments, seed=seed, planted=planted)


def test_a_replay_that_chooses_its_traders_passes() -> None:
    done = audited(moments=4)
    assert done.passed
    assert len(done.trials) == 8
    assert set(done.decisions) == set(Kind)
    assert all(trial.compared > 0 for trial in done.trials if trial.moment > at(hours=9))


def test_a_replay_that_takes_equity_from_when_it_is_of_passes() -> None:
    late = Diaries(read_late=timedelta(days=90))
    done = audit(late.ledger(), late.plan(3, backdate_equity=True), moments=3, seed=1)
    assert done.passed
    assert all(trial.compared > 0 for trial in done.trials)


def test_an_order_that_found_no_price_ends_no_comparison() -> None:
    diaries = Holed()
    done = audit(diaries.ledger(), diaries.plan(3), moments=4, seed=1)
    assert done.passed
    assert done.trials[-1].moment > at(days=1)
    assert done.trials[-1].compared > 100


def test_a_replay_of_given_traders_passes() -> None:
    diaries = Diaries()
    assert audit(recorded(), without_scoring(diaries), moments=3, seed=2).passed


def test_a_replay_of_a_made_up_market_with_one_minute_candles_and_gaps_passes() -> None:
    world = simulated(7, 4, gap=0.001)
    done = audit(world.store(MemoryLedger()), world.plan(3), moments=2, seed=3)
    assert done.passed
    assert sum(done.decisions.values()) > 50


@pytest.mark.parametrize("kind", Kind)
def test_a_planted_leak_is_found(kind: Kind) -> None:
    done = audited(kind, seed=2)
    assert not done.passed
    found = [trial.difference for trial in done.trials if trial.difference is not None]
    assert all(each.expected is not None or each.found is not None for each in found)


@pytest.mark.parametrize("kind", [Kind.SCORING, Kind.SELECTION])
def test_a_leak_into_a_choice_that_isn_t_made_is_refused(kind: Kind) -> None:
    with pytest.raises(BadInputError, match="needs a replay that chooses its traders"):
        audit(recorded(), without_scoring(Diaries()), moments=1, seed=1, planted=kind)


def test_the_same_seed_audits_the_same_moments() -> None:
    first, again, other = (audited(moments=2, seed=seed) for seed in (5, 5, 6))
    assert first == again
    assert [trial.moment for trial in first.trials] != [trial.moment for trial in other.trials]


@settings(max_examples=30, deadline=None)
@given(minutes=st.integers(-60, 5 * 1440), how=st.sampled_from(Alteration), seed=st.integers(0, 3))
def test_another_future_leaves_what_was_known_as_it_was(minutes: int, how: Alteration, seed: int) -> None:
    moment = at(minutes)
    own, other = recorded(), Altered(recorded(), moment, DELAY, how, seed)
    before = [each for each in own.history.fills(ANNA) if each.time <= moment - DELAY]
    assert other.history.fills(ANNA)[: len(before)] == before
    assert all(each.time > moment - DELAY for each in other.history.fills(ANNA)[len(before) :])
    begin, end = to_ms(at(days=-2)), to_ms(at(days=6))
    mine, theirs = (each.history.candles("BTC", FIVE, begin, end) for each in (own, other))
    known = int((mine.t + FIVE <= to_ms(moment)).sum())
    assert (mine.c[:known] == theirs.c[:known]).all()
    assert (mine.t == theirs.t).all()
    assert (theirs.l <= theirs.o).all()
    assert (theirs.c <= theirs.h).all()
    if known < len(mine):
        assert (mine.c[known:] != theirs.c[known:]).any()
    read = [point for point in own.history.equity(ANNA) if point.read_at <= moment]
    assert other.history.equity(ANNA)[: len(read)] == read
    assert [day for day, _ in other.scoring.boards() if day < moment.date()] == [
        day for day, _ in own.scoring.boards() if day < moment.date()
    ]


@pytest.mark.parametrize("how", Alteration)
def test_another_future_is_another_one(how: Alteration) -> None:
    other = Altered(recorded(), T0, DELAY, how)
    mine, theirs = recorded().history.fills(ANNA), other.history.fills(ANNA)
    assert mine != theirs
    assert (len(theirs) < len(mine)) is (how is Alteration.CUT)
    own = recorded().scoring
    assert [other.scoring.board(day) for day, _ in other.scoring.boards()] != [
        own.board(day) for day, _ in own.boards()
    ]


def test_fills_that_are_seen_before_they_are_visible_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from hlcopy.backtest.replay import ReplaySource

    honest = ReplaySource.__init__

    def hasty(self: ReplaySource, *args: Any) -> None:  # noqa: ANN401 - whatever the honest one takes
        honest(self, *args[:4], timedelta(0), *args[5:])

    monkeypatch.setattr(ReplaySource, "__init__", hasty)
    late = Diaries(offset=timedelta(seconds=-20))  # fills twenty seconds before the polls
    done = audit(late.ledger(), without_scoring(late), moments=5, seed=1)
    assert not done.passed
