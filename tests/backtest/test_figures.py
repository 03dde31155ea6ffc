"""The curve is the account's, the sums add up, and every edge case has a result instead of a crash."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.backtest import curve
from hlcopy.backtest.figures import figures
from hlcopy.backtest.metrics import Point
from hlcopy.backtest.replay import ReplayClock, ReplayMarket
from hlcopy.backtest.run import Plan, run
from hlcopy.backtest.tape import Tape
from hlcopy.domain.book import ExitReason, PositionStatus
from hlcopy.domain.models import Side
from hlcopy.domain.policy import Policy
from tests.backtest.worlds import OUR_EQUITY, Recorded, simulated
from tests.builders import MINUTE_MS, OTHER_TRADER, T0, TRADER, at, candles, fill, our_fill, position

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hlcopy.backtest.figures import Figures
    from hlcopy.backtest.report import Backtest
    from hlcopy.domain.book import OurFill, Position
    from hlcopy.domain.candles import Candles
    from hlcopy.ports import Ledger

FIVE = 5 * MINUTE_MS
DAY = timedelta(days=1)


@cache
def lively() -> tuple[Backtest, Ledger]:
    return simulated(4, 4).replay(4)


def market(*series: Candles, days: float = 10) -> ReplayMarket:
    return ReplayMarket(ReplayClock(at(days=days)), {part.coin: Tape.of(part) for part in series}, {}, {})


def figured(
    positions: Sequence[Position], fills: Mapping[str, Sequence[OurFill]], *series: Candles, days: int = 2
) -> Figures:
    return figures(
        positions,
        fills,
        MemoryLedger().paper,
        market(*series),
        start=T0,
        end=at(days=days),
        start_equity=1_000.0,
    )


def left(number: int, pnl: float, **facts: object) -> Position:
    return position(
        **{
            "id": number,
            "signal_id": f"signal-{number}",
            "status": PositionStatus.CLOSED,
            "close_reason": ExitReason.TIME_STOP,
            "closed_at": at(hours=number),
            "exit_price": 100.0 + pnl / 2,
            "realized_pnl_usd": pnl,
            **facts,
        }
    )


# The curve


def test_the_curve_begins_with_our_equity_and_ends_with_the_account_s() -> None:
    result, _ = lively()
    points = result.figures.points
    assert [point.at for point in points] == [at(days=day) for day in range(5)]
    assert points[0].equity_usd == OUR_EQUITY
    assert points[-1].equity_usd == pytest.approx(result.metrics.final_equity_usd, abs=1e-6)


@pytest.mark.parametrize("days", [2, 3])
def test_a_point_of_the_curve_is_where_a_shorter_replay_ends(days: int) -> None:
    """What was known at a midnight isn't changed by what came after."""
    shorter, _ = simulated(4, 4).replay(days)
    whole = lively()[0].figures.points
    assert whole[days].equity_usd == pytest.approx(shorter.metrics.final_equity_usd, abs=1e-6)


def test_equity_is_cash_and_positions_at_their_marks() -> None:
    """Bought 2 at 100 and sold one at 130 a day later, 9 cents of fee each; the mark is 100, then 120, then 140."""
    closes = [100.0] * 287 + [120.0] * 288 + [140.0] * 2
    bought = our_fill(time=at(hours=1))
    sold = our_fill(time=at(hours=30), is_buy=False, size=1.0, price=130.0)
    found = figured([position(id=1)], {"signal-1": [bought, sold]}, candles(closes, interval_ms=FIVE))
    assert [point.equity_usd for point in found.points] == pytest.approx(
        [1_000.0, 1_000 + 2 * 20 - 0.09, 1_000 + 30 + 40 - 0.18]
    )


def test_what_happens_at_midnight_belongs_to_the_day_that_begins() -> None:
    found = figured(
        [position(id=1)],
        {"signal-1": [our_fill(time=at(days=1), price=150.0)]},
        candles([100.0] * 576, interval_ms=FIVE),
    )
    assert [point.equity_usd for point in found.points] == pytest.approx([1_000, 1_000, 1_000 - 100 - 0.09])


def test_a_coin_without_any_mark_counts_at_its_entry_price() -> None:
    found = figured([position(id=1)], {"signal-1": [our_fill(time=at(hours=1))]})
    assert [point.equity_usd for point in found.points] == pytest.approx([1_000, 999.91, 999.91])
    assert found.market_change_pct is None


def test_exposure_is_weighted_by_time_and_counts_overlaps_once() -> None:
    """Of two days: 200 USD for a day, 100 USD of another for half a day that begins in the first's middle."""
    one = left(1, 0.0, opened_at=at(), closed_at=at(days=1))
    two = left(2, 0.0, opened_at=at(hours=18), closed_at=at(hours=30))
    fills = {
        "signal-1": [our_fill(time=at()), our_fill(time=at(days=1), is_buy=False)],
        "signal-2": [
            our_fill(time=at(hours=18), size=1.0),
            our_fill(time=at(hours=30), size=1.0, is_buy=False),
        ],
    }
    found = curve.exposure([one, two], fills, start=T0, end=at(days=2), start_equity=1_000.0)
    assert found.time_percent == pytest.approx(100 * 30 / 48)
    assert found.average_percent == pytest.approx(100 * (200 * 24 + 100 * 12) / 48 / 1_000)


@pytest.mark.parametrize(
    ("side", "exit_price", "favourable", "adverse", "capture"),
    [
        (Side.LONG, 105.0, 20.0, 10.0, 0.25),
        (Side.SHORT, 95.0, 10.0, 20.0, 0.5),
        (Side.LONG, 80.0, 20.0, 20.0, -1.0),
        (Side.LONG, 130.0, 30.0, 10.0, 1.0),
    ],
    ids=["a long", "a short", "left at the worst", "left at the best"],
)
def test_how_far_the_price_went_counts_from_entry_to_exit(
    side: Side, exit_price: float, favourable: float, adverse: float, capture: float
) -> None:
    """From 100 to 120 and 90; what came later, and in the candle of the exit, counts no more."""
    closes = [100.0, 120.0, 90.0, 100.0, 100.0, 900.0, 1.0]
    series = candles(closes, interval_ms=FIVE)
    held = left(1, 0.0, side=side, closed_at=at(25), exit_price=exit_price)
    found = curve.excursion(held, market(series))
    assert found is not None
    assert found.favourable_percent == pytest.approx(favourable)
    assert found.adverse_percent == pytest.approx(adverse)
    assert found.capture == pytest.approx(capture)


def test_a_price_that_never_went_our_way_has_nothing_to_capture() -> None:
    series = candles([100.0, 90.0, 90.0, 90.0], interval_ms=FIVE)
    found = curve.excursion(left(1, 0.0, closed_at=at(15), exit_price=90.0), market(series))
    assert found is not None
    assert (found.favourable_percent, found.capture) == (0.0, None)


def test_the_market_is_an_equal_part_of_each_coin_from_the_first_open_to_the_last_close() -> None:
    btc = candles([100.0] * 12 + [110.0] * 12, interval_ms=FIVE)
    sol = candles([10.0] * 12 + [9.0] * 12, coin="SOL", interval_ms=FIVE)
    change = curve.market_change_percent(["BTC", "SOL"], market(btc, sol), T0, at(days=1))
    assert change == pytest.approx(0.0)
    assert curve.market_change_percent(["BTC"], market(btc, sol), T0, at(days=1)) == pytest.approx(10.0)
    assert curve.market_change_percent(["BTC", "ETH"], market(btc, sol), T0, at(days=1)) is None
    assert curve.market_change_percent(["BTC"], market(btc), at(days=1), at(days=2)) is None
    assert curve.market_change_percent([], market(btc), T0, at(days=1)) is None


# Trades


def test_trades_are_told_by_coin_side_trader_and_reason() -> None:
    given = [
        left(1, 10.0),
        left(2, -4.0, coin="SOL", side=Side.SHORT),
        left(3, 2.0, source_trader=OTHER_TRADER, close_reason=ExitReason.STOP_LOSS),
    ]
    found = figured(given, {})
    for groups, names in (
        (found.by_coin, ["BTC", "SOL"]),
        (found.by_side, ["Long", "Short"]),
        (found.by_trader, [TRADER, OTHER_TRADER]),
        (found.by_reason, ["TIME_STOP", "STOP_LOSS"]),
    ):
        assert [group.name for group in groups] == names
        assert sum(group.pnl_usd for group in groups) == 8.0
        assert sum(group.trades for group in groups) == 3
    btc = found.by_coin[0]
    assert (btc.trades, btc.won, btc.pnl_usd, btc.average_hours, btc.profit_factor) == (2, 2, 12.0, 2.0, None)


def test_streaks_follow_the_order_in_which_trades_ended() -> None:
    given = [left(1, 1.0), left(2, -1.0, closed_at=at(days=1)), left(3, 1.0), left(4, 1.0)]
    trades = figured(given, {}).trades
    assert (trades.longest_winning_streak, trades.longest_losing_streak) == (3, 1)
    assert (trades.median_winner_hours, trades.average_loser_hours) == (3.0, 24.0)


def test_from_gross_to_net_every_cost_is_taken_once() -> None:
    result, ledger = lively()
    fall = result.figures.waterfall
    assert fall.gross_usd - fall.slippage_usd - fall.fees_usd - fall.funding_usd == pytest.approx(fall.net_usd)
    assert fall.net_usd == pytest.approx(result.metrics.final_equity_usd - OUR_EQUITY, abs=1e-6)
    assert (fall.fees_usd, fall.funding_usd) == pytest.approx((result.metrics.fees_usd, result.metrics.funding_usd))
    unslipped = 0.0
    for held in result.positions:
        fills = ledger.book.fills(held.signal_id)
        for part in fills:
            exact = part.price - (1 if part.is_buy else -1) * part.slippage_usd / part.size
            unslipped -= part.signed_size * exact
        if held.status is not PositionStatus.CLOSED:
            unslipped += held.side.sign * held.size * result.marks[held.id or 0]
    assert fall.gross_usd == pytest.approx(unslipped, abs=1e-6)


def test_days_weeks_and_months_add_up_to_what_was_made() -> None:
    found = lively()[0].figures
    made = found.points[-1].equity_usd - found.points[0].equity_usd
    for parts in (found.days, found.weeks, found.months):
        assert sum(part.usd for part in parts) == pytest.approx(made)
    assert found.best_day is not None
    assert found.worst_day is not None
    assert found.worst_day.usd <= found.best_day.usd


# Edge cases


def test_no_trades_is_a_flat_curve_and_no_figure() -> None:
    found = figured([], {})
    assert {point.equity_usd for point in found.points} == {1_000.0}
    assert (found.drawdown, found.sharpe, found.sortino, found.calmar, found.cagr_pct) == (None,) * 5
    assert (found.probabilistic_sharpe, found.market_change_pct, found.volatility_pct) == (None, None, 0.0)
    trades = found.trades
    assert (trades.count, trades.win_rate_pct, trades.profit_factor, trades.best, trades.capture) == (0, *(None,) * 4)
    assert (found.exposure.time_percent, found.exposure.average_percent) == (0.0, 0.0)
    assert found.lowest == Point(at=T0, equity_usd=1_000.0)


def test_a_closed_trade_whose_result_isn_t_known_is_none_of_the_trades() -> None:
    found = figured([left(1, 5.0), left(2, 0.0, realized_pnl_usd=None, exit_price=None)], {})
    assert (found.trades.count, found.trades.win_rate_pct) == (1, 100.0)


def test_one_trade_is_its_own_best_and_worst() -> None:
    trades = figured([left(1, -5.0)], {}).trades
    assert trades.best == trades.worst
    assert (trades.win_rate_pct, trades.profit_factor, trades.payoff_ratio) == (0.0, 0.0, None)
    assert (trades.average_winner_hours, trades.median_loser_hours) == (None, 1.0)


def test_a_total_loss_is_a_hundred_percent_and_not_more_figures_than_it_has() -> None:
    """Bought 10 for all there is, and the coin goes to nothing."""
    closes = [100.0] * 288 + [1e-12] * 288
    bought = our_fill(time=at(), size=10.0, fee=0.0)
    whole = position(id=1, size=10.0, entry_size=10.0)
    found = figured([whole], {"signal-1": [bought]}, candles(closes, interval_ms=FIVE))
    assert found.drawdown is not None
    assert found.drawdown.percent == pytest.approx(100.0)
    assert found.drawdown.recovered_at is None
    assert found.lowest.equity_usd == pytest.approx(0.0, abs=1e-6)
    assert found.market_change_pct == pytest.approx(-100.0)


def world(**changes: object) -> Recorded:
    made = Recorded(
        {TRADER: [fill(price=60_000.0, time=at(hours=1), oid=1)]},
        {"BTC": candles([60_000.0] * 288 * 2, interval_ms=FIVE)},
        {TRADER: 400_000.0},
    )
    return replace(made, **changes)


def ran(recorded: Recorded, first: date, last: date) -> Backtest:
    return run(
        recorded.store(MemoryLedger()),
        MemoryLedger(),
        Plan(
            first_day=first,
            last_day=last,
            equity=recorded.equity,
            our_equity=OUR_EQUITY,
            policy=Policy(),
        ),
    )


def test_from_and_to_may_be_the_same_day() -> None:
    found = ran(world(), T0.date(), T0.date()).figures
    assert [point.at for point in found.points] == [T0, T0 + DAY]
    assert (len(found.days), found.sharpe, found.cagr_pct) == (1, None, None)


def test_a_period_without_an_entry_has_nothing_to_compare() -> None:
    result = ran(world(candles={}), T0.date(), T0.date())
    assert result.comparison is None
    codes = [warning.code for warning in result.warnings]
    assert ("NO_ENTRIES" in codes, "INSUFFICIENT" in codes) == (True, False)


def test_candles_that_are_missing_while_a_position_is_held_leave_its_last_mark() -> None:
    """None from midnight on to the end: the last close counts, and the hole is named."""
    series = candles([60_000.0] * 150 + [60_600.0] * 10, interval_ms=FIVE)
    result = ran(world(candles={"BTC": series}), T0.date(), (T0 + DAY).date())
    (held,) = result.positions
    expected = OUR_EQUITY + held.size * 60_600 - held.entry_size * held.entry_price - result.metrics.fees_usd
    assert [point.equity_usd for point in result.figures.points[1:]] == pytest.approx([expected] * 2)
    (message,) = [warning.message for warning in result.warnings if warning.code == "CANDLES_MISSING"]
    assert "held through it with an untested stop: #1" in message
