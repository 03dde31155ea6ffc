"""Stepping from event to event misses nothing, looks at nothing that lies ahead, and always comes to an end."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hlcopy.backtest.engine import DAY, Engine
from hlcopy.domain import costs
from hlcopy.domain.book import ExitReason, PositionStatus, Purpose
from hlcopy.domain.candles import Candles
from hlcopy.domain.episodes import Market, group_orders, market_of, signal_id
from hlcopy.domain.models import DEFERRED, EXECUTE, Action, from_ms, to_ms
from hlcopy.domain.policy import EntryPolicy, ExecutionPolicy, ExitPolicy, Policy
from hlcopy.domain.scan import first_exit
from hlcopy.domain.scoring import roi_7d_at_stated_equity
from hlcopy.ticks import monitor, poll, positions
from tests.backtest.worlds import OUR_EQUITY, Recorded, simulated
from tests.builders import MINUTE_MS, OTHER_TRADER, T0, TRADER, at, candles, fill, funding_rate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hlcopy.backtest.report import Backtest
    from hlcopy.domain.book import Position
    from hlcopy.domain.models import Fill, Signal
    from hlcopy.ports import FundingRate, Ledger
    from hlcopy.ticks.report import Report

MINUTE = timedelta(minutes=1)
PLAIN = Policy(exit=ExitPolicy(tiers=()))
FIVE = 5 * MINUTE_MS


def flat(price: float, days: float, *, coin: str = "BTC", interval_ms: int = FIVE) -> Candles:
    """Candles of one price."""
    return candles([price] * round(days * DAY.total_seconds() * 1000 / interval_ms), coin=coin, interval_ms=interval_ms)


def closes_from(series: Candles, moment: datetime, price: float) -> None:
    """Let the price jump between two candles and stay where it is."""
    index = int(series.t.searchsorted(to_ms(moment)))
    for column in (series.o, series.h, series.l, series.c):
        column[index:] = price


def without(series: Candles, since: datetime, until: datetime) -> Candles:
    """Return candles with a hole."""
    kept = (series.t < to_ms(since)) | (series.t >= to_ms(until))
    return Candles(series.coin, series.interval_ms, *(getattr(series, name)[kept] for name in "tohlcv"))


def buys(hours: float, **overrides: object) -> Fill:
    """A fill that opens 60,000 USD of BTC."""
    return fill(price=60_000.0, size=1.0, time=at(hours=hours), **overrides)


def one_trader(series: Candles, *given: Fill, funding: Mapping[str, Sequence[FundingRate]] | None = None) -> Recorded:
    return Recorded({TRADER: list(given)}, {series.coin: series}, {TRADER: 400_000.0}, funding or {})


def story(ledger: Ledger) -> dict[str, Any]:
    """Everything that was decided and done, and when."""
    book = ledger.book
    return {
        "decisions": {signal.id: signal for signal in ledger.signals.list() if signal.is_final},
        "deferred": {signal.id for signal in ledger.signals.list() if not signal.is_final},
        "orders": book.orders(),
        "actions": book.actions(),
        "fills": [book.fills(position.signal_id) for position in book.positions(live_only=False)],
        "trades": [trade(position) for position in book.positions(live_only=False)],
    }


def trade(position: Position) -> tuple[object, ...]:
    return (
        position.signal_id,
        position.coin,
        position.side,
        position.opened_at,
        position.entry_price,
        position.entry_size,
        position.size,
        position.trigger_price,
        position.tiers_taken,
        position.closed_at,
        position.close_reason,
        position.exit_price,
    )


# Nothing is missed


def tick_by_tick(recorded: Recorded, days: int, policy: Policy, monitor_every: int) -> Ledger:
    """Run every tick at every moment at which a service would: no event is looked for at all."""
    replay, end = recorded.desk(days, policy)
    desk, now = replay.desk, T0
    while now < end:
        replay.clock.advance(now)
        if (now - T0) % DAY == timedelta(0):
            for address, equity in recorded.equity.items():
                followed = desk.ledger.traders.get(address)
                assert followed is not None
                week = desk.ledger.history.fills(address, since=now - 7 * DAY, until=now)
                desk.ledger.traders.put([replace(followed, roi_7d=roi_7d_at_stated_equity(week, equity, now))])
        if (now - T0) % (monitor_every * MINUTE) == timedelta(0):
            monitor.run(desk, now)
        poll.run(desk, now)
        if (now - T0) % (15 * MINUTE) == timedelta(0):
            positions.run(desk, now)
        now += MINUTE
    return desk.ledger


@pytest.mark.parametrize(
    ("seed", "days", "minutes", "gap"),
    [(3, 1, 1, 0.0), (1, 2, 5, 0.0), (3, 2, 5, 0.0005), (6, 2, 5, 0.02)],
    ids=["minutes", "five minutes", "small gaps", "large gaps"],
)
def test_ticking_at_every_candle_and_minute_makes_the_same_decisions_and_trades(
    seed: int, days: int, minutes: int, gap: float
) -> None:
    recorded = simulated(seed, 2 * days, minutes=minutes, gap=gap)
    replay, end = recorded.desk(days)
    Engine(replay, end).run()

    stepped, ticked = story(replay.desk.ledger), story(tick_by_tick(recorded, days, Policy(), minutes))

    assert len(stepped["trades"]) > 3
    assert any(moved.action == "stop_moved" for moved in stepped["actions"])
    for what, done in stepped.items():
        assert done == ticked[what], what


@pytest.mark.parametrize(
    ("minutes", "gap"), [(1, 0.0), (5, 0.004), (15, 0.01)], ids=["minutes", "five", "a quarter of an hour"]
)
def test_accepted_entries_given_to_the_kernel_make_the_same_exits(minutes: int, gap: float) -> None:
    reasons: Counter[ExitReason | None] = Counter()
    for seed in (1, 2):
        recorded = simulated(seed, 4, minutes=minutes, gap=gap)
        replay, end = recorded.desk(4, PLAIN)
        Engine(replay, end).run()
        for position in replay.desk.ledger.book.positions(live_only=False):
            reasons[position.close_reason] += 1
            series, instrument = recorded.candles[position.coin], replay.market.instrument(position.coin)
            assert instrument is not None
            found = first_exit(
                series,
                int(series.t.searchsorted(to_ms(position.opened_at))),
                entry_price=position.entry_price,
                side=position.side,
                deadline_ms=to_ms(position.opened_at + PLAIN.exit.max_duration),
                policy=PLAIN.exit,
                legal=lambda price, of=instrument, short=position.side.sign < 0: of.stop_price(price, is_buy=short),
            )
            ends_at = None if found is None else from_ms(int(series.t[found.index]))
            if position.close_reason is ExitReason.TRADER_LIQUIDATED:
                assert ends_at is None or ends_at >= position.closed_at
                continue
            assert (position.closed_at, position.close_reason) == (ends_at, None if found is None else found.reason)
            if found is not None:
                last = replay.desk.ledger.book.fills(position.signal_id)[-1]
                slip = costs.slippage_percent(position.coin, last.size * found.price, PLAIN.costs)
                assert last.price == costs.slipped(found.price, slip, is_buy=position.side.sign < 0)
    assert {ExitReason.STOP_LOSS, ExitReason.TRAILING_STOP, ExitReason.TIME_STOP} <= set(reasons)


def test_a_change_in_the_middle_of_a_candle_doesn_t_hide_what_its_close_brings() -> None:
    """A poll books funding in a candle whose close moves the stop."""
    series = flat(60_000.0, 2)
    closes_from(series, at(hours=4, minutes=5), 64_000.0)
    series.o[4 * 12] = series.l[4 * 12] = 60_000.0
    series.c[4 * 12] = series.h[4 * 12] = 64_000.0
    recorded = one_trader(
        series,
        buys(1.0, oid=1),
        # Judged at 04:03, in the middle of the candle that opens at 04:00, at which funding is paid.
        fill(coin="ETH", price=3_000.0, size=20.0, time=at(hours=3, minutes=47.5), oid=2),
        funding={"BTC": [funding_rate(time=at(hours=4), rate=1e-4)]},
    )
    _, ledger = recorded.replay(1)
    assert [signal.updated_at for signal in ledger.signals.list() if signal.coin == "ETH"] == [at(hours=4, minutes=3)]
    moved = [action.at for action in ledger.book.actions() if action.action == "stop_moved"]
    assert moved == [at(hours=4, minutes=5)]


def test_a_mark_from_before_the_entry_moves_no_stop() -> None:
    """Entered far below the last close: what the price was before doesn't count as a gain."""
    series = flat(60_000.0, 2)
    closes_from(series, at(hours=1, minutes=20), 57_000.0)
    other = flat(3_000.0, 2, coin="ETH", interval_ms=MINUTE_MS)
    closes_from(other, at(hours=1, minutes=18), 3_300.0)
    recorded = Recorded(
        {
            TRADER: [
                fill(coin="ETH", price=3_000.0, size=20.0, time=at(minutes=1.5), oid=1),
                buys(1 + 1.5 / 60, oid=2),
            ]
        },
        {"BTC": series, "ETH": other},
        {TRADER: 400_000.0},
    )
    _, ledger = recorded.replay(1)
    eth, btc = ledger.book.positions(live_only=False)
    assert (eth.coin, btc.coin, btc.opened_at) == ("ETH", "BTC", at(hours=1, minutes=20))
    assert btc.entry_price == pytest.approx(57_000, rel=1e-3)
    moves = Counter(action.position_id for action in ledger.book.actions() if action.action == "stop_moved")
    assert moves[eth.id or 0] > 0
    assert (moves[btc.id or 0], btc.best_price) == (0, btc.entry_price)


# Orders and signals


@cache
def replayed(seed: int, days: int) -> tuple[Backtest, Ledger]:
    return simulated(seed, 4).replay(days)


@pytest.mark.parametrize("seed", [1, 2])
def test_every_perp_order_of_the_period_has_one_decision_or_is_reported(seed: int) -> None:
    result, ledger = replayed(seed, 4)
    end = T0 + 4 * DAY
    begun = Counter(
        signal_id(order)
        for fills in simulated(seed, 4).fills.values()
        for order in group_orders(fills)
        if market_of(order.coin) is Market.PERP and T0 <= order.first_time < end
    )
    signals = ledger.signals.list()
    ids = [signal.id for signal in signals]
    undecided = [signal for signal in signals if not signal.is_final]
    codes = {warning.code: warning.message for warning in result.warnings}

    assert len(ids) == len(set(ids))
    assert set(ids) <= set(begun)
    assert set(begun.values()) == {1}
    unseen = len(begun) - len(ids)
    assert codes.get("UNSEEN_AT_END", "0").split()[0] == str(unseen)
    assert codes.get("UNDECIDED_AT_END", "0").split()[0] == str(len(undecided))
    assert all(signal.check_at is not None and signal.check_at >= end - 5 * MINUTE for signal in undecided)
    assert result.metrics.decisions == len(signals) - len(undecided)


def test_orders_of_the_last_minutes_are_reported_not_forgotten() -> None:
    last = DAY - timedelta(minutes=3)
    given = [
        buys(1.0, oid=1),
        fill(time=T0 + last, start_position=1.0, price=60_000.0, oid=2),
        fill(time=T0 + last, start_position=2.0, price=60_000.0, oid=2),
        fill(time=T0 + last, coin="@107", oid=3),
        fill(time=T0 + DAY, start_position=3.0, oid=4),
    ]
    result, ledger = one_trader(flat(60_000.0, 2), *given).replay(1)
    assert [signal.order_key for signal in ledger.signals.list()] == ["oid:1"]
    assert [warning.message for warning in result.warnings if warning.code == "UNSEEN_AT_END"] == [
        "1 orders came too late to be polled within the period and aren't judged"
    ]


def test_a_fill_is_judged_at_the_next_turn_of_its_trader_after_it_became_visible() -> None:
    recorded = one_trader(flat(60_000.0, 1), buys(1 + 4.5 / 60, oid=1))
    replay, end = recorded.desk(1)
    polled: list[datetime] = []
    Engine(
        replay,
        end,
        listen=lambda report: polled.append(report.at) if report.command == "poll" else None,
    ).run()
    # 01:04:30, visible 01:05:30, polled 01:10; eligible at 01:19:30, judged on the next whole minute.
    assert polled == [at(hours=1, minutes=10), at(hours=1, minutes=20)]
    (signal,) = replay.desk.ledger.signals.list()
    assert (signal.created_at, signal.updated_at, signal.decision) == (polled[0], polled[1], EXECUTE)
    (position,) = replay.desk.ledger.book.positions()
    assert position.opened_at == at(hours=1, minutes=20)


def test_orders_that_began_before_the_period_are_not_judged() -> None:
    given = [buys(-1.0, oid=1), fill(price=60_000.0, start_position=1.0, time=at(hours=1), oid=1)]
    _, ledger = one_trader(flat(60_000.0, 1), *given).replay(1)
    assert ledger.signals.list() == []


def test_a_coin_without_candles_is_skipped_and_reported_not_guessed() -> None:
    given = [buys(1.0, oid=1), fill(coin="DOGE", price=0.2, size=3e5, time=at(hours=2), oid=2)]
    result, ledger = one_trader(flat(60_000.0, 1), *given).replay(1)
    assert {signal.coin: signal.decision for signal in ledger.signals.list()} == {
        "BTC": EXECUTE,
        "DOGE": "SKIP_NO_PRICE",
    }
    assert [position.coin for position in ledger.book.positions()] == ["BTC"]
    (warning,) = [warning for warning in result.warnings if warning.code == "NO_CANDLES"]
    assert warning.message.startswith("1 order ")
    assert warning.message.endswith(" DOGE")


def test_without_a_fresh_mark_nothing_is_entered() -> None:
    holed = without(flat(60_000.0, 1), at(hours=1), at(hours=3))
    result, ledger = one_trader(holed, buys(1.5, oid=1)).replay(1)
    assert [signal.decision for signal in ledger.signals.list()] == ["SKIP_NO_PRICE"]
    assert [warning.message for warning in result.warnings if warning.code == "CANDLES_MISSING"] == [
        "BTC: none from 2026-03-01 01:00 to 2026-03-01 03:00"
    ]


def only_signal(recorded: Recorded, policy: Policy | None = None) -> tuple[Signal, Ledger]:
    _, ledger = recorded.replay(1, policy)
    (signal,) = ledger.signals.list()
    return signal, ledger


@pytest.mark.parametrize(("jump", "decision"), [(1.004, EXECUTE), (1.006, "SKIP_NOT_FILLED"), (0.9, EXECUTE)])
def test_an_entry_is_filled_only_within_its_bound_of_the_mark(jump: float, decision: str) -> None:
    """The next candle opens off the close that the entry was judged by."""
    series = flat(60_000.0, 1)
    closes_from(series, at(hours=1, minutes=20), 60_000.0 * jump)
    signal, ledger = only_signal(one_trader(series, buys(1 + 1.5 / 60, oid=1)))
    assert (signal.decision, signal.mark_price) == (decision, 60_000.0)
    held = ledger.book.positions(live_only=False)
    assert [position.entry_price for position in held] == (
        [pytest.approx(60_000 * jump, rel=1e-3)] if decision == EXECUTE else []
    )
    assert len(ledger.book.orders()) == (2 if held else 1)


def test_a_copy_smaller_than_a_lot_is_none() -> None:
    given = fill(coin="XYZ", price=60_000.0, size=2.0, time=at(hours=1), oid=1)
    signal, ledger = only_signal(Recorded({TRADER: [given]}, {"XYZ": flat(60_000.0, 1, coin="XYZ")}, {TRADER: 4e5}))
    assert signal.decision == "SKIP_SIZE_ZERO"
    assert ledger.book.orders() == []


def test_a_stop_too_near_its_liquidation_is_never_entered() -> None:
    policy = Policy(execution=ExecutionPolicy(min_liquidation_to_stop=50.0))
    signal, ledger = only_signal(one_trader(flat(60_000.0, 1), buys(1.0, oid=1)), policy)
    assert signal.decision == "SKIP_LIQUIDATION_TOO_NEAR"
    assert ledger.book.orders() == []


# The same in, the same out


def test_the_same_run_twice_is_identical() -> None:
    recorded = simulated(2, 4)
    first, again = recorded.replay(2), recorded.replay(2)
    assert story(first[1]) == story(again[1])
    assert first[0].metrics == again[0].metrics


def test_the_order_in_which_traders_are_named_makes_no_difference() -> None:
    recorded = simulated(2, 4)
    turned = replace(
        recorded,
        equity=dict(reversed(recorded.equity.items())),
        fills=dict(reversed(recorded.fills.items())),
    )
    assert story(recorded.replay(2)[1]) == story(turned.replay(2)[1])


def test_lots_are_assumed_from_all_traders_whichever_is_named_first() -> None:
    given = {
        TRADER: [
            fill(coin="DOGE", price=0.2, size=400_000.0, time=at(days=-2, seconds=n), oid=9, tid=9_000 + n)
            for n in range(600)
        ],
        OTHER_TRADER: [fill(trader=OTHER_TRADER, coin="DOGE", size=0.25, time=at(days=-1), oid=8)],
    }
    for traders in (list(given), list(reversed(given))):
        recorded = Recorded({who: given[who] for who in traders}, {}, dict.fromkeys(traders, 4e5))
        replay, _ = recorded.desk(1)
        instrument = replay.market.instrument("DOGE")
        assert instrument is not None
        assert instrument.size_decimals == 2


def spoiled(recorded: Recorded, moment: datetime) -> Recorded:
    """Return a world that is the same until a moment and another one from then on."""

    def bent(series: Candles) -> Candles:
        # Of a candle that runs at the moment only the open is known by then.
        columns = {name: getattr(series, name).copy() for name in "ohlcv"}
        later = series.t >= to_ms(moment)
        running = series.t + series.interval_ms > to_ms(moment)
        wave = 1 + 0.1 * np.sin(np.arange(len(series)) / 7)
        for name, column in columns.items():
            column[later if name == "o" else running] *= wave[later if name == "o" else running]
        columns["h"] = np.maximum.reduce([columns[name] for name in "ohlc"])
        columns["l"] = np.minimum.reduce([columns[name] for name in "ohlc"])
        return Candles(series.coin, series.interval_ms, series.t, *(columns[name] for name in "ohlcv"))

    return replace(
        recorded,
        candles={coin: bent(series) for coin, series in recorded.candles.items()},
        fills={
            trader: [
                one if one.time < moment else replace(one, is_buy=not one.is_buy, price=one.price * 1.3)
                for number, one in enumerate(fills)
                if one.time < moment or number % 3
            ]
            for trader, fills in recorded.fills.items()
        },
        funding={
            coin: [rate if rate.time < moment else replace(rate, rate=rate.rate * 50) for rate in rates]
            for coin, rates in recorded.funding.items()
        },
    )


@pytest.mark.parametrize("hours", [13.0, 17 + 31 / 60, 30.0, 47 + 3 / 60])
def test_nothing_that_happens_later_changes_a_decision(hours: float) -> None:
    moment = at(hours=hours)
    _, ledger = replayed(1, 3)
    _, other = spoiled(simulated(1, 4), moment).replay(3)

    def before(ledger: Ledger) -> dict[str, Any]:
        decided = {signal.id: signal for signal in ledger.signals.list() if signal.is_final}
        return {
            "decisions": {key: signal for key, signal in decided.items() if signal.updated_at < moment},
            "orders": [
                (order.client_order_id, order.size, order.limit_price, order.trigger_price, order.created_at)
                for order in ledger.book.orders()
                if order.created_at < moment
            ],
            "done": [action for action in ledger.book.actions() if action.at < moment - MINUTE],
        }

    assert len(before(ledger)["decisions"]) > 3
    assert before(ledger) == before(other)
    assert story(ledger) != story(other)


# It always goes on


class Endless(Exception):  # noqa: N818 - what a test waits for in vain
    """The replay doesn't come to an end."""


def run_to_the_end(recorded: Recorded, days: int, policy: Policy, limit: int) -> tuple[Ledger, list[datetime]]:
    """Replay, but give up after so many ticks; return the moments of the monitor's."""
    replay, end = recorded.desk(days, policy)
    moments: list[datetime] = []

    def listen(report: Report) -> None:
        if report.command == "monitor":
            moments.append(report.at)
        if len(moments) > limit:
            raise Endless

    Engine(replay, end, listen=listen).run()
    return replay.desk.ledger, moments


def test_an_exit_after_a_hole_takes_the_first_price_behind_it() -> None:
    """A hole over the deadline, and behind it a price past the exit's first bounds but not past the stop."""
    series = flat(60_000.0, 5)
    closes_from(series, at(hours=10), 64_800.0)
    closes_from(series, at(hours=75), 61_200.0)
    holed = without(series, at(hours=73), at(hours=75))

    ledger, moments = run_to_the_end(one_trader(holed, buys(1.5, oid=1)), 5, PLAIN, 100)

    (closed,) = ledger.book.positions(live_only=False)
    assert (closed.status, closed.close_reason) == (PositionStatus.CLOSED, ExitReason.TIME_STOP)
    assert (closed.closed_at, moments[-1]) == (at(hours=75), at(hours=75))
    assert max(order.attempt for order in ledger.book.orders(purpose=Purpose.EXIT)) == 5


def test_an_exit_during_a_halt_waits_for_trading_to_go_on() -> None:
    """The trader is liquidated while there are no candles."""
    holed = without(flat(60_000.0, 2), at(hours=10), at(hours=11))
    given = [
        buys(1.5, oid=1),
        fill(
            price=60_000.0,
            is_buy=False,
            start_position=1.0,
            oid=2,
            time=at(hours=10, minutes=13),
            liquidated_user=TRADER,
        ),
    ]
    ledger, moments = run_to_the_end(one_trader(holed, *given), 2, PLAIN, 100)
    (closed,) = ledger.book.positions(live_only=False)
    assert closed.close_reason is ExitReason.TRADER_LIQUIDATED
    assert (closed.closed_at, len(moments)) == (at(hours=11), 1)


@pytest.mark.parametrize(("days", "status"), [(2, PositionStatus.OPEN), (5, PositionStatus.CLOSING)])
def test_candles_that_end_leave_a_position_at_its_last_mark(days: int, status: PositionStatus) -> None:
    """After three days it would be left, but there is nobody to trade with."""
    result, ledger = one_trader(flat(60_000.0, 0.5), buys(1.5, oid=1)).replay(days, PLAIN)
    (held,) = ledger.book.positions()
    assert (held.status, result.metrics.open_at_end, result.marks) == (status, 1, {held.id: 60_000.0})
    assert result.metrics.final_equity_usd == pytest.approx(
        OUR_EQUITY - held.fees_usd - held.size * (held.entry_price - 60_000)
    )
    assert any(warning.code == "CANDLES_MISSING" for warning in result.warnings)


def test_a_candidate_whose_history_is_broken_is_asked_for_every_minute_until_it_is_too_old() -> None:
    given = [buys(1.0, oid=1), fill(price=60_000.0, start_position=3.0, time=at(hours=1, minutes=5), oid=2)]
    recorded = one_trader(flat(60_000.0, 1), *given)
    replay, end = recorded.desk(1)
    polled: list[datetime] = []

    def listen(report: Report) -> None:
        polled.append(report.at)
        if len(polled) > 100:
            raise Endless

    Engine(replay, end, listen=listen).run()

    (signal,) = [signal for signal in replay.desk.ledger.signals.list() if signal.order_key == "oid:1"]
    assert (signal.decision, signal.updated_at) == ("SKIP_TOO_OLD", at(hours=1, minutes=25))
    assert set(polled) >= {at(hours=1, minutes=minute) for minute in range(15, 26)}


# Days, consensus, and who listens


class Counting:
    """A progress that remembers."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def start(self, title: str, total: int | None) -> None:
        self.told.append((title, total))

    def advance(self, units: int = 1) -> None:
        self.told.append(units)

    def finish(self) -> None:
        self.told.append("finished")


def test_progress_counts_days_and_ends() -> None:
    recorded = one_trader(flat(60_000.0, 3), buys(1.0, oid=1))
    replay, end = recorded.desk(3)
    progress = Counting()
    tally = Engine(replay, end, progress=progress).run()
    assert progress.told == [("Replaying", 3), 1, 1, "finished"]
    assert tally.ticks["poll"] == 2
    assert replay.clock.now == end


def test_the_last_candle_of_the_period_still_reaches_the_stop() -> None:
    recorded = one_trader(flat(60_000.0, 2), buys(1.5, oid=1))
    crashed = recorded.candles["BTC"]
    lows = np.array(crashed.l)
    lows[-1] = 40_000.0
    result, _ = replace(recorded, candles={"BTC": replace(crashed, l=lows)}).replay(2, PLAIN)
    (closed,) = result.positions
    assert closed.close_reason is ExitReason.STOP_LOSS


def test_each_day_begins_with_the_week_before_it() -> None:
    given = [
        fill(price=60_000.0, size=1.0, time=at(days=-3), oid=1),
        fill(
            price=64_000.0,
            size=1.0,
            is_buy=False,
            start_position=1.0,
            closed_pnl=4_000.0,
            time=at(hours=3),
            oid=2,
        ),
        fill(price=60_000.0, size=1.0, time=at(hours=20), oid=3),
        fill(price=60_000.0, size=1.0, time=at(hours=30), start_position=1.0, oid=4),
    ]
    _, ledger = one_trader(flat(60_000.0, 9), *given).replay(9)
    by_order = {signal.order_key: signal.trader_roi_7d for signal in ledger.signals.list()}
    # What a trader realised today isn't known before tomorrow.
    assert by_order == {"oid:2": 0.0, "oid:3": 0.0, "oid:4": pytest.approx(1.0)}
    followed = ledger.traders.get(TRADER)
    assert followed is not None
    assert followed.roi_7d == 0.0


@pytest.mark.parametrize("required", [True, False])
def test_consensus_counts_what_other_traders_hold_although_we_hold_nothing(*, required: bool) -> None:
    given = {
        TRADER: [buys(1.0, oid=1)],
        OTHER_TRADER: [buys(1 + 20 / 60, trader=OTHER_TRADER, oid=2)],
    }
    recorded = Recorded(given, {"BTC": flat(60_000.0, 1)}, dict.fromkeys(given, 400_000.0))
    _, ledger = recorded.replay(1, Policy(entry=EntryPolicy(require_consensus=required)))
    decided = {signal.trader: signal.decision for signal in ledger.signals.list()}
    if required:
        # The first is alone; the second is seen to agree with it.
        assert decided == {TRADER: "SKIP_NO_CONSENSUS", OTHER_TRADER: EXECUTE}
    else:
        assert decided == {TRADER: EXECUTE, OTHER_TRADER: "SKIP_ALREADY_IN_TOKEN"}


def test_listeners_are_told_of_every_tick_in_order() -> None:
    recorded = simulated(2, 4)
    replay, end = recorded.desk(2)
    told: list[Report] = []
    tally = Engine(replay, end, listen=told.append).run()
    assert Counter(report.command for report in told) == tally.ticks
    assert [report.at for report in told] == sorted(report.at for report in told)
    assert {report.command for report in told} == {"poll", "monitor", "positions"}
    final = [signal for report in told for signal in report.decisions if signal.is_final]
    assert Counter(signal.id for signal in final) == Counter(
        signal.id for signal in replay.desk.ledger.signals.list() if signal.decision != DEFERRED
    )
    assert all(signal.action in Action for signal in final)
