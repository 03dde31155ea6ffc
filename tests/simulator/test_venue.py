"""What the venue says of a world: prices, books, candles and accounts agree with each other and with the fills."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest

from hlcopy.simulator.venue import Profile, Venue, quiet_world
from hlcopy.simulator.wallet import SPOT_COIN
from tests.simulator.seeded import DAY_MS, HOUR_MS, INSTRUMENTS, MINUTE_MS, START, rows_of, seeded, who_is

TRADER = "0x" + "a1" * 20
PRICES = {"BTC": 60_000.0, "ETH": 2_000.0, "DOGE": 0.2, "NEW": 7.5}


@pytest.fixture(scope="module")
def lively() -> Venue:
    return Venue(seeded(2, 10, 12))


@pytest.fixture
def quiet() -> Venue:
    venue = Venue(quiet_world(START, PRICES))
    venue.add_trader(Profile(address=TRADER, equity_usd=400_000.0, description="scripted"))
    return venue


def moments(venue: Venue, count: int) -> list[int]:
    rng = np.random.default_rng(7)
    return [int(ms) for ms in rng.integers(venue.start_ms, venue.world.start_ms + 10 * DAY_MS, count)]


# Prices


def test_a_mark_is_legal_moves_within_the_minute_and_stays_inside_its_candle(lively: Venue) -> None:
    moved = 0
    for instrument in lively.coins:
        for at in moments(lively, 60):
            opened = at // MINUTE_MS * MINUTE_MS
            ((_, _, o, h, low, c, _, _),) = lively.candles(
                instrument.coin, MINUTE_MS, opened, opened, opened + MINUTE_MS
            )
            marks = [lively.mark(instrument.coin, opened + later) for later in range(0, MINUTE_MS, 7_919)]
            assert all(low <= mark <= h and instrument.price_down(mark) == mark for mark in marks)
            assert marks[0] == o
            assert lively.mark(instrument.coin, opened + MINUTE_MS) == c
            moved += len(set(marks)) > 2
    assert moved > 300


def test_candles_of_any_interval_are_made_of_the_minutes(lively: Venue) -> None:
    series, now = lively.world.candles["SOL"], lively.world.start_ms
    for interval in (3 * MINUTE_MS, 15 * MINUTE_MS, HOUR_MS, 4 * HOUR_MS, DAY_MS):
        since = now - 3 * interval
        candles = lively.candles("SOL", interval, since, now - 1, now)
        assert [candle.t for candle in candles] == [since, since + interval, since + 2 * interval]
        for candle in candles:
            inside = (series.t >= candle.t) & (series.t < candle.t + interval)
            assert candle.t + interval - 1 == candle.T
            assert (candle.o, candle.c) == (series.o[inside][0], series.c[inside][-1])
            assert (candle.h, candle.l) == (series.h[inside].max(), series.l[inside].min())
            assert candle.v == pytest.approx(series.v[inside].sum())


def test_the_last_candle_is_open_and_knows_nothing_of_the_future(lively: Venue) -> None:
    series = lively.world.candles["BTC"]
    opened = lively.world.start_ms + 5 * HOUR_MS
    minute = int(np.searchsorted(series.t, opened)) + 7
    known = []
    for later in (0, 10_000, 25_000, 45_000, 59_999):
        now = opened + 7 * MINUTE_MS + later
        (candle,) = lively.candles("BTC", 15 * MINUTE_MS, opened, opened + DAY_MS, now)
        assert candle.c == lively.mark("BTC", now)
        assert candle.h <= series.h[minute - 7 : minute + 1].max()
        known.append(candle)
    assert all(before.h <= after.h and before.l >= after.l and before.v <= after.v for before, after in pairwise(known))
    assert known[0].v == pytest.approx(series.v[minute - 7 : minute].sum())
    assert known[-1].h == series.h[minute - 7 : minute + 1].max()
    assert lively.candles("BTC", MINUTE_MS, opened, opened + DAY_MS, opened - 1) == []


def test_there_are_no_candles_before_the_world_nor_after_it_and_marks_stand_still_there(lively: Venue) -> None:
    end = lively.world.start_ms + 10 * DAY_MS
    assert len(lively.candles("ETH", HOUR_MS, 0, 2 * end, 2 * end)) == 22 * 24
    assert lively.mark("ETH", 0) == lively.mark("ETH", lively.start_ms)
    assert lively.mark("ETH", end) == lively.mark("ETH", 2 * end) == lively.world.candles["ETH"].c[-1]


def test_the_book_lies_around_the_mark_at_legal_prices_and_sizes(lively: Venue) -> None:
    for instrument in lively.coins:
        for at in moments(lively, 15):
            mark = lively.mark(instrument.coin, at)
            bids, asks = lively.book(instrument.coin, at)
            assert len(bids) == len(asks) == 20
            assert bids[0][0] < mark < asks[0][0]
            assert asks[0][0] / bids[0][0] - 1 < 0.001
            assert [price for price, _ in bids] == sorted({price for price, _ in bids}, reverse=True)
            assert [price for price, _ in asks] == sorted({price for price, _ in asks})
            for price, size in bids + asks:
                assert instrument.price_down(price) == price
                assert instrument.size(size) == size > 0
            assert lively.mid(instrument.coin, at) == pytest.approx((bids[0][0] + asks[0][0]) / 2)
            assert abs(lively.oracle(instrument.coin, at) / mark - 1) < 0.005
            assert sum(size * price for price, size in asks) > 100_000


def test_the_depth_of_a_book_can_be_set_down_to_nothing(quiet: Venue) -> None:
    quiet.set_depth("BTC", 6_000.0)
    bids, asks = quiet.book("BTC", quiet.world.start_ms)
    assert all(size * price == pytest.approx(6_000.0, rel=1e-3) for price, size in bids + asks)
    quiet.set_depth("BTC", 0.0)
    assert quiet.book("BTC", quiet.world.start_ms) == ([], [])
    assert quiet.mid("BTC", quiet.world.start_ms) == quiet.mark("BTC", quiet.world.start_ms)


def test_funding_comes_by_the_hour_with_the_premium_that_makes_it(lively: Venue) -> None:
    since, until = lively.world.start_ms - 5 * HOUR_MS, lively.world.start_ms
    for coin in INSTRUMENTS:
        rows = lively.funding(coin, since, until)
        assert [at for at, _, _ in rows] == list(range(since, until + 1, HOUR_MS))
        for _, rate, premium in rows:
            eight_hours = premium + min(max(0.0001 - premium, -0.0005), 0.0005)
            assert eight_hours / 8 == pytest.approx(rate, abs=1e-10)


# Accounts


def test_holdings_are_what_the_fills_leave(lively: Venue) -> None:
    held = 0
    for who in lively.traders:
        for at in moments(lively, 12):
            left: dict[str, float] = {}
            for row in lively.fills(who.address, 0, at):
                signed = float(row["sz"]) * (1 if row["side"] == "B" else -1)
                left[row["coin"]] = round(float(row["startPosition"]) + signed, 8)
            inherited = lively.world.inherited.get(who.address, {})
            expected = {coin: size for coin, (size, _) in inherited.items()} | left
            holdings = lively.holdings(who.address, at)
            assert {one.coin: one.size for one in holdings} == {
                coin: size for coin, size in expected.items() if size and coin in INSTRUMENTS
            }
            for one in holdings:
                assert one.mark == lively.mark(one.coin, at)
                assert one.leverage <= INSTRUMENTS[one.coin].max_leverage
            held += len(holdings)
    assert held > 50


def test_equity_is_what_was_there_and_all_that_was_paid_and_received_since(lively: Venue) -> None:
    """Counted another way: cash flows of every fill and the worth of what is left, not closed results."""
    start = lively.world.start_ms
    for who in lively.traders:
        if who.kind in {"whale", "patient"}:  # one inherits a position, one trades spot: see below
            continue
        for at in [moment for moment in moments(lively, 20) if moment > start]:
            cash = dict.fromkeys((start, at), 0.0)
            size: dict[int, dict[str, float]] = {now: defaultdict(float) for now in cash}
            last = {row["coin"]: float(row["px"]) for row in rows_of(lively.world, who.kind)}
            for row in rows_of(lively.world, who.kind):
                signed = float(row["sz"]) * (1 if row["side"] == "B" else -1)
                for now in cash:
                    if row["time"] <= now:
                        cash[now] -= signed * float(row["px"]) + float(row["fee"])
                        size[now][row["coin"]] += signed
            worth = {
                now: cash[now] + sum(left * lively.mark(coin, now) for coin, left in size[now].items()) for now in cash
            }
            assert set(last) <= set(INSTRUMENTS)
            moved = sum(usd for _, usd in lively.flows(who.address, start + 1, at))
            gained = lively.equity(who.address, at) - lively.equity(who.address, start)
            assert gained == pytest.approx(worth[at] - worth[start] + moved, abs=0.05)


def test_equity_at_the_start_of_the_present_is_the_stated_one_and_open_results(lively: Venue) -> None:
    start = lively.world.start_ms
    for who in lively.traders:
        open_results = sum(one.size * (one.mark - one.entry_price) for one in lively.holdings(who.address, start))
        assert lively.equity(who.address, start) == pytest.approx(who.equity_usd + open_results)


def test_results_of_periods_add_up_and_consist_of_closed_open_and_fees(lively: Venue) -> None:
    begin, end = lively.start_ms, lively.world.start_ms + 9 * DAY_MS
    middle = lively.world.start_ms
    for who in lively.traders:
        address = who.address
        whole = lively.pnl(address, begin, end)
        assert whole == pytest.approx(lively.pnl(address, begin, middle) + lively.pnl(address, middle, end), abs=1e-6)
        gross, fees = lively.realized(address, begin, end)
        rows = [row for row in lively.fills(address, begin + 1, end) if row["coin"] != SPOT_COIN]
        assert gross == pytest.approx(sum(float(row["closedPnl"]) for row in rows), abs=1e-6)
        assert fees == pytest.approx(sum(float(row["fee"]) for row in rows), abs=1e-6)
        traded = sum(float(row["px"]) * float(row["sz"]) for row in rows)
        assert lively.volume(address, begin, end) == pytest.approx(traded)
        if who.kind not in {"whale", "patient"}:
            open_results = sum(one.size * (one.mark - one.entry_price) for one in lively.holdings(address, end))
            assert whole == pytest.approx(gross - fees + open_results, abs=0.05)


def test_transfers_move_equity_but_are_no_result(lively: Venue) -> None:
    address = who_is(lively.world, "steady").address
    flows = lively.flows(address, 0, lively.world.start_ms + 10 * DAY_MS)
    assert [usd for _, usd in flows] == [-25_000.0, 30_000.0] or [usd for _, usd in flows] == [30_000.0]
    at, usd = flows[-1]
    assert lively.equity(address, at) - lively.equity(address, at - 1) == pytest.approx(usd, abs=50)
    assert abs(lively.pnl(address, at - 1, at)) < 50
    history = lively.equity_history(address, at - HOUR_MS, at + HOUR_MS, 5)
    assert [moment for moment, _, _ in history] == [at + step * HOUR_MS // 2 for step in (-2, -1, 0, 1, 2)]
    for moment, value, pnl in history:
        assert value == lively.equity(address, moment)
        assert pnl == pytest.approx(lively.pnl(address, at - HOUR_MS, moment))


def test_fills_of_a_period_include_both_ends_and_come_in_order(lively: Venue) -> None:
    for who in lively.traders:
        rows = lively.world.fills[who.address]
        first, last = rows[len(rows) // 3]["time"], rows[len(rows) // 2]["time"]
        part = lively.fills(who.address.upper().replace("0X", "0x"), first, last)
        assert part == [row for row in rows if first <= row["time"] <= last]
        assert part


def test_nobody_is_known_by_an_address_that_never_traded(lively: Venue) -> None:
    nobody, at = "0x" + "0" * 40, lively.world.start_ms
    assert lively.profile(nobody) is None
    assert (lively.fills(nobody, 0, at), lively.holdings(nobody, at), lively.flows(nobody, 0, at)) == ([], [], [])
    assert (lively.equity(nobody, at), lively.pnl(nobody, 0, at), lively.volume(nobody, 0, at)) == (0.0, 0.0, 0.0)
    assert (lively.realized(nobody, 0, at), lively.equity_history(nobody, 0, at, 5)) == ((0.0, 0.0), [])


def test_the_last_bet_is_isolated_and_its_margin_nearly_gone_when_the_liquidation_comes(lively: Venue) -> None:
    who = who_is(lively.world, "gambler")
    (coin, leverage), *_ = who.isolated.items()
    struck = next(row["time"] for row in rows_of(lively.world, "gambler") if "liquidation" in row)
    (held,) = lively.holdings(who.address, struck - 1)
    assert (held.coin, held.isolated, held.leverage) == (coin, True, leverage)
    notional = abs(held.size) * held.mark
    assert 0 < held.margin_usd < 0.6 * abs(held.size) * held.entry_price / leverage
    assert held.margin_usd / notional < 1 / INSTRUMENTS[coin].max_leverage


# What tests script


def test_a_quiet_world_stands_still_in_every_respect(quiet: Venue) -> None:
    at = quiet.world.start_ms
    for coin, price in PRICES.items():
        assert {quiet.mark(coin, at + later) for later in (0, 1, 61_000, DAY_MS)} == {price}
        assert quiet.oracle(coin, at) == pytest.approx(price)
        assert quiet.mid(coin, at) == pytest.approx(price, rel=1e-3)
        (day,) = quiet.candles(coin, DAY_MS, at, at, at + DAY_MS)
        assert (day.o, day.h, day.l, day.c) == (price,) * 4
        assert day.v > 0
    assert [instrument.coin for instrument in quiet.coins] == list(PRICES)
    assert quiet.traders == (quiet.profile(TRADER),)


def test_an_open_a_rise_and_a_fall_can_be_played(quiet: Venue) -> None:
    start = quiet.world.start_ms
    opened = quiet.trade(TRADER, "BTC", 1.0, start + 1_000)
    quiet.set_mark("BTC", 63_600.0, start + HOUR_MS + 90_000)
    quiet.set_mark("BTC", 58_000.0, start + 2 * HOUR_MS)
    assert (opened["px"], opened["sz"], opened["dir"], opened["startPosition"]) == (
        "60000.0",
        "1.0",
        "Open Long",
        "0.0",
    )
    assert float(opened["px"]) * float(opened["sz"]) / quiet.equity(TRADER, start) == 0.15
    assert quiet.equity(TRADER, start + HOUR_MS) == 400_000.0 - 27.0
    assert quiet.equity(TRADER, start + HOUR_MS + 90_000) == 403_600.0 - 27.0
    assert [
        quiet.mark("BTC", start + at) for at in (HOUR_MS + 89_999, HOUR_MS + 90_000, 2 * HOUR_MS - 1, 2 * HOUR_MS)
    ] == [
        60_000.0,
        63_600.0,
        63_600.0,
        58_000.0,
    ]
    minutes = quiet.candles("BTC", MINUTE_MS, start + HOUR_MS, start + HOUR_MS + 2 * MINUTE_MS, start + DAY_MS)
    assert [(m.o, m.h, m.l, m.c) for m in minutes] == [
        (60_000.0, 60_000.0, 60_000.0, 60_000.0),
        (60_000.0, 63_600.0, 60_000.0, 63_600.0),
        (63_600.0, 63_600.0, 63_600.0, 63_600.0),
    ]
    (hour,) = quiet.candles("BTC", HOUR_MS, start + HOUR_MS, start + HOUR_MS, start + DAY_MS)
    assert (hour.o, hour.h, hour.l, hour.c) == (60_000.0, 63_600.0, 60_000.0, 63_600.0)
    bids, asks = quiet.book("BTC", start + 2 * HOUR_MS)
    assert bids[0][0] < 58_000.0 < asks[0][0]
    closed = quiet.trade(TRADER, "BTC", -1.0, start + 3 * HOUR_MS)
    assert (closed["dir"], closed["closedPnl"]) == ("Close Long", "-2000.0")
    assert quiet.holdings(TRADER, start + 3 * HOUR_MS) == []


def test_a_candle_that_runs_shows_a_scripted_price_only_once_it_is_there(quiet: Venue) -> None:
    start = quiet.world.start_ms
    quiet.set_mark("ETH", 2_100.0, start + 30_000)
    quiet.set_mark("ETH", 1_900.0, start + 50_000)
    seen = {}
    for later in (29_999, 30_000, 49_999, 50_000):
        (minute,) = quiet.candles("ETH", MINUTE_MS, start, start, start + later)
        seen[later] = (minute.o, minute.h, minute.l, minute.c)
    assert seen == {
        29_999: (2_000.0, 2_000.0, 2_000.0, 2_000.0),
        30_000: (2_000.0, 2_100.0, 2_000.0, 2_100.0),
        49_999: (2_000.0, 2_100.0, 2_000.0, 2_100.0),
        50_000: (2_000.0, 2_100.0, 1_900.0, 1_900.0),
    }


def test_a_new_script_replaces_what_was_scripted_for_later(quiet: Venue) -> None:
    start = quiet.world.start_ms
    quiet.set_mark("ETH", 2_100.0, start + HOUR_MS)
    quiet.set_mark("ETH", 2_200.0, start + 3 * HOUR_MS)
    quiet.set_mark("ETH", 1_950.0, start + 2 * HOUR_MS)
    assert [quiet.mark("ETH", start + hours * HOUR_MS) for hours in (0, 1, 2, 3, 4)] == [
        2_000.0,
        2_100.0,
        1_950.0,
        1_950.0,
        1_950.0,
    ]
    (later,) = quiet.candles("ETH", HOUR_MS, start + 3 * HOUR_MS, start + 3 * HOUR_MS, start + DAY_MS)
    assert (later.h, later.l) == (1_950.0, 1_950.0)


def test_a_lively_price_can_be_scripted_too_and_nothing_before_it_changes() -> None:
    world = seeded(2, 10, 12)
    plain, scripted = Venue(world), Venue(world)
    at = world.start_ms + 5 * HOUR_MS + 31_000
    scripted.set_mark("SOL", 99.0, at)
    assert scripted.mark("SOL", at - 1) == plain.mark("SOL", at - 1)
    assert scripted.mark("SOL", at) == scripted.mark("SOL", at + 5 * DAY_MS) == 99.0
    assert scripted.candles("SOL", MINUTE_MS, 0, at - 1, at - 1) == plain.candles("SOL", MINUTE_MS, 0, at - 1, at - 1)
    (minute,) = scripted.candles("SOL", MINUTE_MS, at - 31_000, at, at + MINUTE_MS)
    assert (minute.o, minute.l, minute.c) == (plain.mark("SOL", at - 31_000), 99.0, 99.0)
    assert plain.mark("SOL", at) != 99.0


@pytest.mark.parametrize("price", [0.0, -1.0, math.nan, math.inf])
def test_what_is_no_price_cant_be_scripted(quiet: Venue, price: float) -> None:
    with pytest.raises(ValueError, match="is no price"):
        quiet.set_mark("BTC", price, quiet.world.start_ms)


@pytest.mark.parametrize(
    ("sizes", "dirs", "results", "left"),
    [
        ((1.0, -0.4, -0.6), ["Open Long", "Close Long", "Close Long"], ["0.0", "40.0", "60.0"], []),
        ((-2.0, -1.0, 3.0), ["Open Short", "Open Short", "Close Short"], ["0.0", "0.0", "-300.0"], []),
        ((1.0, -3.0), ["Open Long", "Long > Short"], ["0.0", "100.0"], [(-2.0, 2_100.0)]),
        ((-1.0, 1.5), ["Open Short", "Short > Long"], ["0.0", "-100.0"], [(0.5, 2_100.0)]),
    ],
)
def test_a_scripted_trade_continues_the_chain(
    quiet: Venue, sizes: tuple[float, ...], dirs: list[str], results: list[str], left: list[tuple[float, float]]
) -> None:
    start = quiet.world.start_ms
    rows = [quiet.trade(TRADER, "ETH", sizes[0], start)]
    if sizes == (-2.0, -1.0, 3.0):
        rows.append(quiet.trade(TRADER, "ETH", sizes[1], start + 1))
        sizes = sizes[1:]
    quiet.set_mark("ETH", 2_100.0, start + 2)
    rows += [quiet.trade(TRADER, "ETH", size, start + 2 + n) for n, size in enumerate(sizes[1:])]
    assert [row["dir"] for row in rows] == dirs
    assert [row["closedPnl"] for row in rows] == results
    assert [(one.size, one.entry_price) for one in quiet.holdings(TRADER, start + MINUTE_MS)] == left
    assert quiet.fills(TRADER, start, start + MINUTE_MS) == rows


def test_fills_given_as_they_are_join_a_seeded_traders_own() -> None:
    world = seeded(2, 10, 12)
    venue, who = Venue(world), who_is(world, "rare")
    before = list(world.fills[who.address])
    row = venue.trade(who.address, "DOGE", 1_000.0, world.start_ms + 5, price=0.25, oid=77)
    again = venue.trade(who.address, "DOGE", 500.0, world.start_ms + 5, price=0.26, oid=77)
    assert venue.fills(who.address, world.start_ms + 5, world.start_ms + 5) == [row, again]
    assert (again["startPosition"], again["oid"]) == ("1000.0", 77)
    assert len(venue.fills(who.address, 0, world.start_ms + 20 * DAY_MS)) == len(before) + 2
    assert world.fills[who.address] == before
    assert Venue(world).fills(who.address, world.start_ms + 5, world.start_ms + 5) == []


def test_a_world_starts_on_a_full_hour() -> None:
    with pytest.raises(Exception, match="full hour"):
        quiet_world(START + timedelta(minutes=1), PRICES)
