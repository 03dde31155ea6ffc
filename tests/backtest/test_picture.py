"""What is drawn of a replay: prices with few points, stops and exits as the ledger has them, books that add up."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlcopy.backtest import picture as drawing
from hlcopy.backtest.thinning import Line, thinned
from hlcopy.domain.book import ExitReason, PositionStatus
from hlcopy.domain.candles import Candles
from hlcopy.domain.models import EXECUTE, Side, to_ms
from hlcopy.domain.policy import ExecutionPolicy, ExitPolicy, Policy
from tests.backtest.worlds import OUR_EQUITY, Recorded, illustrated, simulated
from tests.builders import MINUTE_MS, T0, TRADER, at, candles, fill, funding_rate

if TYPE_CHECKING:
    from hlcopy.backtest.picture import Picture

WHOLE = (to_ms(T0), to_ms(at(hours=5)))
NEVER = ExitPolicy(stop_loss_percent=90.0, trailing_stop_percent=90.0, tiers=())


def drawn() -> Picture:
    found = illustrated()[0].picture
    assert found is not None
    return found


# Thinning


@st.composite
def series(draw: st.DrawFn) -> Candles:
    """Return candles of a random walk with some of them missing."""
    count = draw(st.integers(1, 300))
    noise = np.random.default_rng(draw(st.integers(0, 1_000)))
    whole = candles((100 + noise.normal(0, 1, count).cumsum()).tolist(), spread=0.25)
    kept = np.sort(noise.choice(count, size=draw(st.integers(1, count)), replace=False))
    return Candles("BTC", MINUTE_MS, *(getattr(whole, name)[kept] for name in "tohlcv"))


def cut(whole: Candles) -> list[Candles]:
    """Return candles as a tape reads them, a part at a time."""
    parts = [whole.between(to_ms(at(hours=hour)), to_ms(at(hours=hour + 1))) for hour in range(24)]
    return [part for part in parts if len(part)]


def known(line: Line) -> list[float]:
    return [price for price in line.prices if price is not None]


@given(given_candles=series(), buckets=st.integers(1, 60), fine=st.integers(2, 20), since=st.integers(0, 300))
def test_a_thinned_line_keeps_the_extremes_the_ends_and_every_hole(
    given_candles: Candles, buckets: int, fine: int, since: int
) -> None:
    begin = to_ms(T0) + since * MINUTE_MS
    line = thinned(cut(given_candles), WHOLE, [(begin, begin + 30 * MINUTE_MS)], buckets=buckets, fine_buckets=fine)
    assert min(known(line)) == pytest.approx(given_candles.l.min(), rel=1e-6)
    assert max(known(line)) == pytest.approx(given_candles.h.max(), rel=1e-6)
    assert known(line)[0] == pytest.approx(given_candles.o[0], rel=1e-6)
    assert known(line)[-1] == pytest.approx(given_candles.c[-1], rel=1e-6)
    assert all(before <= after for before, after in pairwise(line.at_ms))
    runs = given_candles.runs()
    assert line.prices.count(None) == len(runs) - 1
    assert len(known(line)) <= 4 * (buckets + fine + len(runs))


@given(given_candles=series())
def test_where_there_is_room_every_candle_is_drawn(given_candles: Candles) -> None:
    line = thinned([given_candles], WHOLE, [], buckets=600, fine_buckets=2)
    shown = {price for price in line.prices if price is not None}
    for column in (given_candles.o, given_candles.h, given_candles.l, given_candles.c):
        assert {float(f"{price:.7g}") for price in column} <= shown
    assert line.coarse_ms <= MINUTE_MS


def test_around_a_trade_more_is_kept() -> None:
    """A dip within an hour that isn't the lowest price of its day is drawn where a trade saw it."""
    closes = [100.0] * 1_440
    closes[700], closes[100] = 90.0, 50.0
    parts, around = cut(candles(closes)), (to_ms(at(690)), to_ms(at(710)))
    assert 90.0 not in thinned(parts, WHOLE, [], buckets=1, fine_buckets=20).prices
    assert 90.0 in thinned(parts, WHOLE, [around], buckets=1, fine_buckets=20).prices


def test_without_candles_there_is_no_line() -> None:
    assert known(thinned([], WHOLE, [], buckets=5, fine_buckets=5)) == []


@given(given_candles=series(), buckets=st.integers(1, 60))
def test_how_candles_are_read_makes_no_difference(given_candles: Candles, buckets: int) -> None:
    in_parts, whole = (
        thinned(parts, WHOLE, [], buckets=buckets, fine_buckets=2) for parts in (cut(given_candles), [given_candles])
    )
    assert in_parts == whole


# The books


def test_the_other_books_end_with_what_their_entries_came_to() -> None:
    result, found = illustrated()[0], drawn()
    assert result.comparison is not None
    assert len(found.trader_equity) == len(found.hold_equity) == len(result.figures.points)
    assert found.trader_equity[0] == found.hold_equity[0] == OUR_EQUITY
    assert found.trader_equity[-1] - OUR_EQUITY == pytest.approx(result.comparison.trader.net_usd)
    assert found.hold_equity[-1] - OUR_EQUITY == pytest.approx(result.comparison.hold.net_usd)


def test_an_exit_that_only_waits_72_hours_has_the_equity_of_the_third_book_at_every_midnight() -> None:
    """The account is marked by its ledger, the book by its legs: they agree, funding included."""
    policy = Policy(exit=NEVER, execution=ExecutionPolicy(max_leverage=1, min_liquidation_to_stop=1.0))
    opened = fill(price=60_000.0, time=at(hours=1), oid=1)
    rates = [funding_rate(time=at(hours=hour), rate=1e-4) for hour in range(120)]
    closes = [60_000.0 + 5 * step for step in range(288 * 5)]
    recorded = Recorded(
        {TRADER: [opened]}, {"BTC": candles(closes, interval_ms=5 * MINUTE_MS)}, {TRADER: 400_000.0}, {"BTC": rates}
    )
    result, _ = recorded.replay(5, policy, illustrated=True)
    assert result.picture is not None
    (position,) = result.positions
    assert (position.close_reason, position.funding_usd > 0) == (ExitReason.TIME_STOP, True)
    assert result.picture.hold_equity == pytest.approx([point.equity_usd for point in result.figures.points])


def test_what_a_book_doesn_t_know_is_left_out_and_named() -> None:
    recorded = Recorded(
        {
            TRADER: [
                fill(price=60_000.0, time=at(hours=1), oid=1),
                fill(price=60_000.0, time=at(hours=5), is_buy=False, start_position=3.0, oid=2),
            ]
        },
        {"BTC": candles([60_000.0] * 288, interval_ms=5 * MINUTE_MS)},
        {TRADER: 400_000.0},
    )
    found = recorded.replay(1, illustrated=True)[0].picture
    assert found is not None
    assert (found.trader_unknown, found.hold_unknown) == ([1], [])
    assert found.trader_equity == [OUR_EQUITY] * 2
    assert found.hold_equity[-1] < OUR_EQUITY  # its entry cost something


# Stops and exits


def test_a_stop_is_drawn_from_where_it_rested_first_to_where_it_rested_last() -> None:
    result, ledger = illustrated()
    moved = 0
    for position in result.positions:
        way = drawn().ways[position.id or 0]
        told = [
            (line.at, line.price)
            for line in ledger.book.actions(position.id)
            if line.action in {"stop_placed", "stop_moved"}
        ]
        assert way.stops == told
        assert way.stops[-1][1] == position.trigger_price
        rises = [position.side.sign * (after - before) for (_, before), (_, after) in pairwise(way.stops)]
        assert all(rise > 0 for rise in rises)
        moved += len(rises)
    assert moved > 10


def test_every_exit_is_drawn_with_its_price_and_reason() -> None:
    result, _ = illustrated()
    tiers = 0
    for position in result.positions:
        exits = drawn().ways[position.id or 0].exits
        if position.status is PositionStatus.CLOSED:
            assert (exits[-1].at, exits[-1].reason) == (position.closed_at, position.close_reason)
            assert sum(left.size for left in exits) == pytest.approx(position.entry_size)
        tiers += sum(left.reason is ExitReason.TAKE_PROFIT for left in exits)
    assert tiers >= 2
    assert {position.side for position in result.positions} == {Side.LONG, Side.SHORT}


# Coins and skips


def test_coins_come_by_entries_and_their_skips_by_time() -> None:
    result, _ = illustrated()
    entries = [sum(position.coin == coin.coin for position in result.positions) for coin in drawn().coins]
    assert entries == sorted(entries, reverse=True)
    assert sum(entries) == len(result.positions)
    for coin in drawn().coins:
        skipped = [signal for signal in result.signals if signal.coin == coin.coin and signal.is_final]
        assert {signal.id for signal in coin.skips} == {signal.id for signal in skipped if signal.decision != EXECUTE}
        assert coin.skipped == len(coin.skips)
        assert [signal.updated_at for signal in coin.skips] == sorted(signal.updated_at for signal in coin.skips)


def test_of_more_than_there_is_room_for_a_few_are_chosen_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, room in (("_MOVES", 24), ("_MOST_SKIPS", 3), ("_MOST_COINS", 2), ("_STRETCHES", 20)):
        monkeypatch.setattr(drawing, name, room)
    whole, few = drawn(), simulated(4, 6).replay(6, illustrated=True)[0].picture
    assert few is not None
    assert [coin.coin for coin in few.coins] == [coin.coin for coin in whole.coins][:2]
    assert list(few.undrawn) == [coin.coin for coin in whole.coins][2:]
    assert 0 < few.moves_kept < 1
    for number, way in few.ways.items():
        stops = whole.ways[number].stops
        assert len(way.stops) == min(2, len(stops))
        assert (way.stops[0], way.stops[-1]) == (stops[0], stops[-1])
    for coin, shown in zip(whole.coins, few.coins, strict=False):
        assert (len(shown.skips), shown.skipped) == (min(3, coin.skipped), coin.skipped)
        assert max(known(shown.line)) == max(known(coin.line))


def test_a_run_that_isn_t_drawn_carries_no_picture_and_is_else_the_same() -> None:
    recorded = Recorded(
        {TRADER: [fill(price=60_000.0, time=at(hours=1))]}, {"BTC": candles([60_000.0] * 1_440)}, {TRADER: 400_000.0}
    )
    plain, pictured = (recorded.replay(1, illustrated=illustrated)[0] for illustrated in (False, True))
    assert (plain.picture, pictured.picture is None) == (None, False)
    assert replace(pictured, picture=None) == plain


def test_a_coin_without_a_candle_in_the_period_has_an_empty_line() -> None:
    before = candles([60_000.0] * 60, start=at(hours=-2))
    recorded = Recorded({TRADER: [fill(price=60_000.0, time=at(hours=1))]}, {"BTC": before}, {TRADER: 400_000.0})
    result, _ = recorded.replay(1, illustrated=True)
    assert result.picture is not None
    assert result.positions == []
    (coin,) = result.picture.coins
    assert (known(coin.line), coin.skipped) == ([], 1)
