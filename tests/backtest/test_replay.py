"""Replayed sources know what could be known, and nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hlcopy.backtest.replay import ReplayClock, ReplayMarket, ReplaySource
from hlcopy.backtest.tape import Tape
from hlcopy.domain.candles import Candles
from hlcopy.domain.models import EPOCH, Side
from hlcopy.errors import LookAheadError
from hlcopy.ports import UNKNOWN, Marks, Quote
from tests.builders import MINUTE_MS, OTHER_TRADER, T0, TRADER, at, candles, fill, fills, funding_rate

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from hlcopy.domain.models import Fill, TraderState
    from hlcopy.ports import FundingRate

DELAY = timedelta(seconds=60)
LONG, SHORT = Side.LONG, Side.SHORT


def market_at(
    now: datetime,
    *series: Candles,
    funding: dict[str, list[FundingRate]] | None = None,
    size_decimals: dict[str, int] | None = None,
) -> ReplayMarket:
    known = {one.coin: Tape.of(one) for one in series}
    return ReplayMarket(ReplayClock(now), known, funding or {}, size_decimals or {})


def source_at(
    now: datetime, *given: Fill, market: ReplayMarket | None = None, equity: dict[str, float] | None = None
) -> ReplaySource:
    by_trader: dict[str, list[Fill]] = {}
    for one in given:
        by_trader.setdefault(one.trader, []).append(one)
    return ReplaySource(ReplayClock(now), by_trader, equity or {TRADER: 5e5}, market or market_at(now), DELAY)


def state_of(source: ReplaySource, now: datetime, trader: str = TRADER) -> TraderState:
    state = source.state(trader, now)
    assert state is not UNKNOWN
    return state


# The clock


def test_the_clock_never_goes_back() -> None:
    clock = ReplayClock(at(5))
    clock.advance(at(5))
    clock.advance(at(6))
    with pytest.raises(LookAheadError, match="can't go back"):
        clock.advance(at(6) - timedelta(microseconds=1))
    assert clock.now == at(6)


PRESENT = at(5)
LATER = PRESENT + timedelta(microseconds=1)
QUESTIONS: dict[str, Callable[[ReplaySource, ReplayMarket, datetime], object]] = {
    "fills": lambda source, _, now: source.fills(TRADER, T0, now),
    "state": lambda source, _, now: source.state(TRADER, now),
    "marks": lambda _, market, now: market.marks("BTC", T0, now),
    "mark": lambda _, market, now: market.mark("BTC", now),
    "next_price": lambda _, market, now: market.next_price("BTC", now),
    "first_touch": lambda _, market, now: market.first_touch("BTC", 90.0, LONG, T0, now),
    "funding": lambda _, market, now: market.funding("BTC", T0, now),
}


@pytest.mark.parametrize("coin", ["BTC", "ETH"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_about_the_future_is_refused(question: str, coin: str) -> None:
    market = market_at(PRESENT, candles([100.0] * 60, coin=coin))
    source = source_at(PRESENT, fill(), market=market)
    QUESTIONS[question](source, market, PRESENT)
    with pytest.raises(LookAheadError, match="lies after the simulated present"):
        QUESTIONS[question](source, market, LATER)


# Candles


def test_a_candle_is_known_only_once_it_has_closed() -> None:
    market = market_at(at(3), candles([101.0, 102.0, 103.0, 104.0]))
    before_close = timedelta(milliseconds=1)
    assert market.mark("BTC", at(1) - before_close) is None
    assert market.mark("BTC", at(1)) == 101.0
    assert market.mark("BTC", at(2) - before_close) == 101.0
    assert market.mark("BTC", at(2)) == 102.0
    assert market.marks("BTC", T0, at(3) - before_close) == Marks(101.0, 102.0, 102.0, at(2))


def test_a_low_or_a_high_is_no_mark() -> None:
    market = market_at(at(3), candles([100.0, 101.0, 100.5], spread=20.0))
    assert market.marks("BTC", EPOCH, at(3)) == Marks(100.0, 101.0, 100.5, at(3))


def test_marks_are_those_closed_after_a_moment_and_at_least_the_last_one() -> None:
    market = market_at(at(9), candles([100.0, 130.0, 90.0, 110.0]))
    assert market.marks("BTC", T0, at(4)) == Marks(90.0, 130.0, 110.0, at(4))
    assert market.marks("BTC", at(2), at(4)) == Marks(90.0, 110.0, 110.0, at(4))
    assert market.marks("BTC", at(4), at(4)) == Marks(110.0, 110.0, 110.0, at(4))
    assert market.marks("BTC", at(60), at(4)) == Marks(110.0, 110.0, 110.0, at(4))


def test_a_mark_older_than_two_intervals_is_none() -> None:
    market = market_at(at(99), candles([100.0, 101.0], interval_ms=5 * MINUTE_MS))
    assert market.marks("BTC", T0, at(20)) == Marks(100.0, 101.0, 101.0, at(10))
    assert market.marks("BTC", T0, at(20, seconds=0.001)) is None
    assert market.mark("BTC", at(99)) == 101.0  # the venue's own books must be valued at something


def test_a_coin_without_candles_has_no_price_of_any_kind() -> None:
    market = market_at(at(5), candles([100.0] * 9))
    assert market.marks("DOGE", T0, at(5)) is None
    assert market.mark("DOGE", at(5)) is None
    assert market.next_price("DOGE", at(5)) is None
    assert market.first_touch("DOGE", 1.0, LONG, T0, at(5)) is None
    assert market.tape("DOGE") is None
    assert market.tape("BTC") is not None


def test_an_order_meets_the_open_of_the_candle_that_opens_now_or_next() -> None:
    market = market_at(at(9), candles([100.0, 110.0, 120.0], interval_ms=5 * MINUTE_MS))
    assert market.next_price("BTC", T0) == Quote(100.0, T0)
    assert market.next_price("BTC", at(seconds=0.001)) == Quote(100.0, at(5))
    assert market.next_price("BTC", at(5)) == Quote(100.0, at(5))
    assert market.next_price("BTC", at(8)) == Quote(110.0, at(10))


def test_there_is_no_trading_where_the_next_candle_is_far_or_none_is_left() -> None:
    full = candles([100.0] * 10)
    kept = np.array([0, 1, 2, 6, 7])
    holed = Candles("BTC", MINUTE_MS, *(getattr(full, name)[kept] for name in "tohlcv"))
    market = market_at(at(30), holed)
    assert market.next_price("BTC", at(3)) is None
    assert market.next_price("BTC", at(4) - timedelta(milliseconds=1)) is None
    assert market.next_price("BTC", at(4)) == Quote(100.0, at(6))
    assert market.next_price("BTC", at(7)) == Quote(100.0, at(7))
    assert market.next_price("BTC", at(7.5)) is None


@pytest.mark.parametrize(
    ("side", "trigger", "expected"),
    [
        (LONG, 95.0, Quote(95.0, at(2))),
        (LONG, 89.0, Quote(89.0, at(3))),
        (LONG, 80.0, None),
        (SHORT, 104.0, Quote(104.0, at(4))),
        (SHORT, 200.0, None),
    ],
)
def test_a_stop_is_reached_in_the_first_candle_whose_range_comes_to_it(
    side: Side, trigger: float, expected: Quote | None
) -> None:
    t = np.arange(5, dtype=np.int64) * MINUTE_MS + int(T0.timestamp() * 1000)
    o = np.array([100.0, 100.0, 99.0, 92.0, 90.0])
    h = np.array([100.0, 101.0, 99.0, 92.0, 105.0])
    low = np.array([100.0, 96.0, 94.0, 88.0, 90.0])
    market = market_at(at(5), Candles("BTC", MINUTE_MS, t, o, h, low, o, o))
    assert market.first_touch("BTC", trigger, side, T0, at(5)) == expected


def test_a_gap_through_a_stop_fills_at_the_open() -> None:
    closes = [100.0, 100.0, 90.0]
    gapped = candles(closes)
    gapped.o[2] = gapped.h[2] = 92.0
    market = market_at(at(3), gapped)
    assert market.first_touch("BTC", 95.0, LONG, T0, at(3)) == Quote(92.0, at(2))


def test_only_candles_that_opened_since_and_have_closed_can_reach_a_stop() -> None:
    market = market_at(at(9), candles([100.0, 90.0, 100.0, 90.0, 90.0]))
    assert market.first_touch("BTC", 95.0, LONG, T0, at(2)) == Quote(95.0, at(1))
    assert market.first_touch("BTC", 95.0, LONG, T0, at(2) - timedelta(milliseconds=1)) is None
    # The one that opened a moment before doesn't count; the next opens past the stop.
    assert market.first_touch("BTC", 95.0, LONG, at(1, seconds=1), at(5)) == Quote(90.0, at(2))
    assert market.first_touch("BTC", 95.0, LONG, at(4), at(4)) is None


def test_funding_is_told_after_a_moment_and_up_to_another() -> None:
    rates = [funding_rate(time=at(hours=hour), rate=hour / 1e6) for hour in range(5)]
    market = market_at(at(hours=4), funding={"BTC": rates})
    assert market.funding("BTC", at(hours=1), at(hours=3)) == [(at(hours=2), 2e-6), (at(hours=3), 3e-6)]
    assert market.funding("ETH", T0, at(hours=3)) == []


def test_instruments_are_assumed_for_perps_alone() -> None:
    market = market_at(T0, size_decimals={"DOGE": 1, "BTC": 0})
    known, seen, unseen = market.instrument("BTC"), market.instrument("DOGE"), market.instrument("WIF")
    assert known is not None
    assert seen is not None
    assert unseen is not None
    assert (known.size_decimals, known.max_leverage) == (5, 40)
    assert (seen.size_decimals, seen.max_leverage) == (1, 3)
    assert (unseen.size_decimals, market.instrument("DOGE")) == (0, seen)
    for elsewhere in ("@107", "PURR/USDC", "xyz:NVDA", "#12"):
        assert market.instrument(elsewhere) is None


# Traders


def test_a_fill_is_visible_once_the_feed_has_delivered_it() -> None:
    first, second = fills(1.0, 2.0)
    source = source_at(at(9), first, second)
    assert source.fills(TRADER, T0, T0 + DELAY - timedelta(milliseconds=1)) == []
    assert source.fills(TRADER, T0, T0 + DELAY) == [first]
    assert source.fills(TRADER, T0, at(9)) == [first, second]
    assert source.fills(TRADER, second.time, at(9)) == [second]
    assert source.fills(TRADER, at(1), at(9)) == []
    assert source.fills(OTHER_TRADER, T0, at(9)) == []


def test_the_next_fill_to_become_visible_is_the_first_that_isn_t_yet() -> None:
    first, second = fills(1.0, 2.0)
    source = source_at(T0, first, second)
    assert source.next_visible(TRADER, T0) == first.time + DELAY
    assert source.next_visible(TRADER, first.time + DELAY) == second.time + DELAY
    assert source.next_visible(TRADER, second.time + DELAY) is None
    assert source.next_visible(OTHER_TRADER, T0) is None


def test_positions_follow_visible_fills_alone() -> None:
    opens, adds, closes = fills(2.0, 1.0, -3.0)
    source = source_at(at(9), opens, adds, closes)
    seen = [state_of(source, moment + DELAY).positions for moment in (at(-1), opens.time, adds.time, closes.time)]
    assert [{coin: held.size for coin, held in positions.items()} for positions in seen] == [
        {},
        {"BTC": 2.0},
        {"BTC": 3.0},
        {},
    ]


def test_a_state_asked_twice_is_the_same_and_older_questions_do_no_harm() -> None:
    source = source_at(at(9), *fills(2.0, 1.0))
    now = state_of(source, at(9))
    assert state_of(source, at(9)) == now
    state_of(source, at(1))
    assert state_of(source, at(9)) == now


def test_a_position_is_valued_at_the_mark_else_at_its_last_fill() -> None:
    market = market_at(at(60), candles([110.0, 120.0]))
    source = source_at(
        at(60),
        fill(size=2.0),
        fill(coin="DOGE", price=0.2, size=1_000.0, is_buy=False),
        fill(coin="@107", size=5.0),
        fill(coin="xyz:NVDA", size=5.0),
        market=market,
    )
    state = state_of(source, at(2))
    assert {coin: (held.size, held.value_usd) for coin, held in state.positions.items()} == {
        "BTC": (2.0, 240.0),
        "DOGE": (-1_000.0, 200.0),
    }


def test_a_stated_equity_never_ages_and_an_unstated_one_is_unknown() -> None:
    source = source_at(at(days=400), fill())
    state = state_of(source, at(days=400))
    assert (state.equity, state.equity_source, state.read_at) == (5e5, "stated", at(days=400))
    assert state_of(source, at(days=400), OTHER_TRADER).equity is None
    assert state_of(source, at(days=400), OTHER_TRADER).positions == {}
