"""Candles read a day at a time answer every question as all of them in memory do, and few are kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.backtest import tape as tapes
from hlcopy.backtest.engine import DAY
from hlcopy.backtest.replay import ReplayClock, ReplayMarket
from hlcopy.backtest.report import summarize
from hlcopy.backtest.run import play, record
from hlcopy.backtest.tape import Part, Tape, open_tapes
from hlcopy.domain.models import Side, from_ms, to_ms
from hlcopy.domain.spans import joined
from hlcopy.render.backtest import backtest_document
from tests.backtest.worlds import Recorded, simulated
from tests.builders import MINUTE_MS, T0, at, candles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hlcopy.domain.candles import Candles
    from hlcopy.ports import History

DAYS = 4
FIRST_MS, LAST_MS = to_ms(T0), to_ms(T0 + DAYS * DAY)


def walk(seed: int, interval_ms: int, missing: float) -> Candles:
    """Some days of a seeded walk that lacks single candles and whole stretches."""
    rng = np.random.default_rng(seed)
    count = (LAST_MS - FIRST_MS) // interval_ms
    series = candles(100 * np.exp(np.cumsum(rng.normal(0, 0.01, count))), interval_ms=interval_ms, spread=0.2)
    kept = rng.random(count) >= missing
    begin, length = rng.integers(0, count, 2)
    kept[begin : begin + length // 2] &= missing == 0
    return replace(series, **{name: getattr(series, name)[kept] for name in "tohlcv"})


def stored(*series: Candles) -> History:
    history = MemoryLedger().history
    for each in series:
        history.add_candles(each)
    return history


def by_day(*series: Candles) -> Tape:
    opened = open_tapes(stored(*series), ["BTC"], FIRST_MS, LAST_MS - 1)
    return opened.get("BTC") or Tape.of(series[0])


def rows(parts: Iterable[Part]) -> list[tuple[float, ...]]:
    """All columns of candles that come in parts, of which none may be empty."""
    found = []
    for part, begin, end in parts:
        assert begin < end
        found += zip(*(getattr(part, name)[begin:end].tolist() for name in "tohlcv"), strict=True)
    return found


def row(found: tuple[Candles, int] | None) -> tuple[float, ...] | None:
    return found and tuple(getattr(found[0], name)[found[1]] for name in "tohlcv")


walks = st.builds(
    walk,
    st.integers(0, 2**32 - 1),
    st.sampled_from([15 * MINUTE_MS, 60 * MINUTE_MS, 24 * 60 * MINUTE_MS]),
    st.sampled_from([0.0, 0.1, 0.9]),
)
moments = st.one_of(
    st.integers(FIRST_MS - 10**8, LAST_MS + 10**8),
    st.integers(-2, 4 * DAYS + 2).map(lambda quarter: FIRST_MS + quarter * 6 * 60 * MINUTE_MS),
)


@settings(deadline=None)
@given(series=walks, since=moments, length=st.one_of(st.none(), st.integers(0, 3 * 10**8)))
def test_a_question_of_the_tape_has_one_answer_however_it_is_cut(
    series: Candles, since: int, length: int | None
) -> None:
    whole, cut = Tape.of(series), by_day(series)
    until = None if length is None else since + length
    assert rows(cut.opening(since, until)) == rows(whole.opening(since, until))
    assert rows(cut.closing(since, until)) == rows(whole.closing(since, until))
    assert row(cut.last_closed(since)) == row(whole.last_closed(since))
    assert row(cut.next_opening(since)) == row(whole.next_opening(since))
    assert cut.covered() == whole.covered() == joined(series.runs())


@settings(deadline=None)
@given(series=walks, now=moments, back=st.integers(0, 3 * 10**8))
def test_a_tape_tells_what_opened_and_closed_when_it_is_asked_for(series: Candles, now: int, back: int) -> None:
    tape, since = by_day(series), now - back
    opens, closes = series.t.tolist(), (series.t + series.interval_ms).tolist()
    told = [int(opened) for opened, *_ in rows(tape.opening(since, now))]
    assert told == [opened for opened in opens if since <= opened < now]
    told = [int(opened) + series.interval_ms for opened, *_ in rows(tape.closing(since, now))]
    assert told == [closed for closed in closes if since < closed <= now]
    last, following = row(tape.last_closed(now)), row(tape.next_opening(now))
    assert (last and last[0]) == max((opened for opened in opens if opened + series.interval_ms <= now), default=None)
    assert (following and following[0]) == min((opened for opened in opens if opened >= now), default=None)


QUESTIONS: Mapping[str, Callable[[ReplayMarket, int, int, float], object]] = {
    "marks": lambda market, since, now, _: market.marks("BTC", from_ms(since), from_ms(now)),
    "mark": lambda market, _, now, __: market.mark("BTC", from_ms(now)),
    "next price": lambda market, _, now, __: market.next_price("BTC", from_ms(now)),
    "long stop": lambda market, since, now, price: market.first_touch(
        "BTC", price, Side.LONG, from_ms(since), from_ms(now)
    ),
    "short stop": lambda market, since, now, price: market.first_touch(
        "BTC", price, Side.SHORT, from_ms(since), from_ms(now)
    ),
}


@pytest.mark.parametrize("question", QUESTIONS)
@given(series=walks, now=moments, back=st.integers(0, 3 * 10**8), price=st.floats(60, 160))
def test_a_market_is_the_same_by_day_and_whole(
    question: str, series: Candles, now: int, back: int, price: float
) -> None:
    clock = ReplayClock(from_ms(LAST_MS + 10**9))
    ask = QUESTIONS[question]
    by_days, whole = (ReplayMarket(clock, {"BTC": tape}, {}, {}) for tape in (by_day(series), Tape.of(series)))
    assert ask(by_days, now - back, now, price) == ask(whole, now - back, now, price)


def replayed(recorded: Recorded, days: int, *, whole: bool) -> dict[str, object]:
    """Return the document of a replay from candles by day, or from all of them in memory."""
    plan = recorded.plan(days)
    recording = record(recorded.store(MemoryLedger()), plan)
    if whole:
        recording = replace(recording, tapes={coin: Tape.of(series) for coin, series in recorded.candles.items()})
    played = play(recording, MemoryLedger(), plan)
    return backtest_document(summarize(played.replay, recording, played.tally, plan))


def holed(recorded: Recorded, seed: int) -> Recorded:
    """The same without some hours of each coin's candles."""
    rng = np.random.default_rng(seed)

    def without(series: Candles) -> Candles:
        hours = series.t // (60 * MINUTE_MS)
        kept = ~np.isin(hours, rng.choice(np.unique(hours), 12))
        return replace(series, **{name: getattr(series, name)[kept] for name in "tohlcv"})

    return replace(recorded, candles={coin: without(series) for coin, series in recorded.candles.items()})


@pytest.mark.parametrize(
    ("seed", "minutes", "gap", "holes"),
    [(1, 1, 0.0, False), (2, 5, 0.004, False), (3, 5, 0.02, True), (5, 60, 0.01, True)],
    ids=["minutes", "five with gaps", "five with holes", "hours with holes"],
)
def test_a_replay_by_day_is_the_replay_of_all_candles_in_memory(
    seed: int, minutes: int, gap: float, *, holes: bool
) -> None:
    recorded = simulated(seed, 4, minutes=minutes, gap=gap)
    recorded = holed(recorded, seed) if holes else recorded
    by_days, whole = (replayed(recorded, 4, whole=whole) for whole in (False, True))
    assert by_days["metrics"]["entries"] > 0
    for part, told in by_days.items():
        assert told == whole[part], part


# What is kept


def test_days_are_read_when_they_are_looked_at_and_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tapes, "_KEPT_DAYS", 2)
    history, read = stored(walk(1, 15 * MINUTE_MS, 0.0)), []
    candles_of = history.candles
    monkeypatch.setattr(
        history, "candles", lambda *asked: (read.append((asked[2] - FIRST_MS) // 86_400_000), candles_of(*asked))[1]
    )
    tape = open_tapes(history, ["BTC", "ETH"], FIRST_MS, LAST_MS - 1)["BTC"]
    assert tape.covered() == [(FIRST_MS, LAST_MS)]
    assert read == []  # whole days needn't be read to know that nothing is missing
    for day in (0, 0, 1, 0, 2, 1):
        tape.last_closed(FIRST_MS + day * 86_400_000 + 60 * MINUTE_MS)
    assert read == [0, 1, 2, 1]


def test_only_coins_with_candles_on_those_days_have_a_tape() -> None:
    history = stored(candles([1.0] * 10), candles([1.0] * 10, coin="ETH", start=at(days=9)))
    assert list(open_tapes(history, ["BTC", "ETH", "SOL"], FIRST_MS, LAST_MS - 1)) == ["BTC"]


@settings(max_examples=20, deadline=None)
@given(series=walks)
def test_a_tape_of_nothing_tells_nothing(series: Candles) -> None:
    tape = Tape.of(series.between(0, 0))
    assert (tape.last_closed(LAST_MS), tape.next_opening(0), tape.covered()) == (None, None, [])
    assert [*tape.opening(0), *tape.closing(0)] == []


# Of several series


def test_of_several_series_each_day_has_the_finest_that_covers_it() -> None:
    hours = candles([1.0] * 24 * DAYS, interval_ms=60 * MINUTE_MS)
    quarters = candles([2.0] * 96 * 2, interval_ms=15 * MINUTE_MS, start=at(days=1, hours=12))
    minutes = candles([3.0] * 60 * 23, start=at(days=3))
    tape = by_day(hours, quarters, minutes)
    assert [(block.interval_ms // MINUTE_MS, block.count) for block in tape.blocks] == [
        (60, 24),
        (60, 24),
        (15, 96),
        (1, 60 * 23),
    ]
    assert [part.c[begin] for part, begin, _ in tape.opening(FIRST_MS)] == [1.0, 1.0, 2.0, 3.0]


def test_where_the_interval_changes_the_last_candle_of_the_coarser_is_the_mark_until_a_finer_closes() -> None:
    hours = candles([1.0] * 24, interval_ms=60 * MINUTE_MS)
    minutes = candles([3.0, 4.0] * 720, start=at(days=1))
    market = ReplayMarket(ReplayClock(at(days=9)), {"BTC": by_day(hours, minutes)}, {}, {})
    assert [market.mark("BTC", at(seconds=-1, days=1, minutes=late)) for late in (0, 1, 2)] == [1.0, 1.0, 3.0]
    found = market.marks("BTC", at(hours=23), at(days=1, minutes=2))
    assert (found.lowest, found.highest, found.last) == (1.0, 4.0, 4.0)
