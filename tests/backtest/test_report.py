"""What a backtest says of itself adds up, and what must be known before believing it is said."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.backtest.run import Plan, run
from hlcopy.domain.book import PositionStatus
from hlcopy.domain.models import EXECUTE
from hlcopy.domain.policy import EntryPolicy, Policy
from hlcopy.errors import BadInputError
from tests.backtest.worlds import OUR_EQUITY, Recorded, simulated
from tests.builders import MINUTE_MS, OTHER_TRADER, T0, TRADER, at, candles, fill, funding_rate

if TYPE_CHECKING:
    from hlcopy.backtest.report import Backtest
    from hlcopy.ports import Ledger

DAY = timedelta(days=1)
FIRST = T0.date()


@cache
def lively() -> tuple[Backtest, Ledger]:
    """A replay in which positions were closed for several reasons, and some are open."""
    return simulated(4, 4).replay(3)


def held_to_the_end(**changes: object) -> Recorded:
    """A world in which one position is entered and never left."""
    made = Recorded(
        {TRADER: [fill(price=60_000.0, time=at(hours=1), oid=1)]},
        {"BTC": candles([60_000.0] * 288 * 2, interval_ms=5 * MINUTE_MS)},
        {TRADER: 400_000.0},
    )
    return replace(made, **changes)


def running(history: Ledger | None = None, *traders: str, first: date = FIRST, last: date = FIRST) -> Backtest:
    return run(
        history or held_to_the_end().store(MemoryLedger()),
        MemoryLedger(),
        Plan(
            first_day=first,
            last_day=last,
            equity=dict.fromkeys(traders or (TRADER,), 4e5),
            our_equity=OUR_EQUITY,
            policy=Policy(),
        ),
    )


def codes(result: Backtest) -> list[str]:
    return [warning.code for warning in result.warnings]


def said(result: Backtest, code: str) -> list[str]:
    return [warning.message for warning in result.warnings if warning.code == code]


def test_the_sums_are_those_of_the_ledger() -> None:
    result, ledger = lively()
    metrics = result.metrics
    closed = [position for position in result.positions if position.status is PositionStatus.CLOSED]
    fills = [fill for position in result.positions for fill in ledger.book.fills(position.signal_id)]

    assert metrics.entries == len(result.positions) == metrics.closed + metrics.open_at_end
    assert (metrics.closed, metrics.open_at_end > 0) == (len(closed), True)
    assert metrics.winners == sum((position.realized_pnl_usd or 0) > 0 for position in closed)
    assert metrics.fees_usd == pytest.approx(sum(fill.fee for fill in fills))
    assert metrics.slippage_usd == pytest.approx(sum(fill.slippage_usd for fill in fills))
    assert metrics.realized_pnl_usd == pytest.approx(sum(position.realized_pnl_usd or 0 for position in closed))
    hours = [(position.closed_at - position.opened_at) / timedelta(hours=1) for position in closed]
    assert metrics.average_hours == pytest.approx(sum(hours) / len(hours))
    assert len(Counter(position.close_reason for position in closed)) > 1
    assert sum(result.skips.values()) == metrics.decisions - sum(s.decision == EXECUTE for s in result.signals)
    assert (result.start, result.end) == (date(2026, 3, 1), date(2026, 3, 3))


def test_the_final_equity_is_what_trading_left_less_fees_and_funding() -> None:
    result, ledger = lively()
    metrics = result.metrics
    fills = [fill for position in result.positions for fill in ledger.book.fills(position.signal_id)]
    traded = -sum(fill.signed_size * fill.price for fill in fills)
    held = sum(
        position.size * position.side.sign * result.marks[position.id or 0]
        for position in result.positions
        if position.status is not PositionStatus.CLOSED
    )
    assert metrics.funding_usd != 0
    assert metrics.final_equity_usd == pytest.approx(
        OUR_EQUITY + traded + held - metrics.fees_usd - metrics.funding_usd, abs=1e-6
    )
    assert metrics.final_equity_usd == pytest.approx(
        OUR_EQUITY + metrics.realized_pnl_usd + metrics.open_positions_pnl_usd
    )
    assert metrics.return_pct == pytest.approx((metrics.final_equity_usd / OUR_EQUITY - 1) * 100)


def test_a_closed_position_s_result_is_net_of_its_fees_and_funding() -> None:
    result, ledger = lively()
    for position in result.positions:
        fills = ledger.book.fills(position.signal_id)
        assert position.fees_usd == pytest.approx(sum(fill.fee for fill in fills))
        if position.status is PositionStatus.CLOSED:
            gross = -sum(fill.signed_size * fill.price for fill in fills)
            net = gross - position.fees_usd - position.funding_usd
            assert position.realized_pnl_usd == pytest.approx(net, abs=1e-6)
            assert position.exit_price is not None
            by_row = position.side.sign * (position.exit_price - position.entry_price) * position.size
            assert position.realized_pnl_usd == pytest.approx(by_row - position.fees_usd - position.funding_usd)
            assert not position.stop_confirmed


def test_without_any_trade_there_is_no_average_and_no_change() -> None:
    result, _ = held_to_the_end(candles={}).replay(1)
    metrics = result.metrics
    assert (metrics.entries, metrics.average_hours, metrics.return_pct) == (0, None, 0.0)
    assert (metrics.start_equity_usd, metrics.final_equity_usd) == (OUR_EQUITY, OUR_EQUITY)
    assert (result.skips, result.positions, result.marks) == ({"SKIP_NO_PRICE": 1}, [], {})


def test_an_open_position_is_valued_at_its_last_mark_and_its_funding_until_the_end() -> None:
    rates = [funding_rate(time=at(hours=hour), rate=1e-4) for hour in range(24)]
    result, _ = held_to_the_end(funding={"BTC": rates}).replay(1)
    (held,) = result.positions
    assert result.marks == {held.id: 60_000.0}
    assert result.metrics.funding_usd == pytest.approx(22 * 1e-4 * held.size * 60_000)
    assert result.assumptions["funding"] == "recorded hourly rates of BTC"
    assert "NO_FUNDING" not in codes(result)


# Warnings


def test_what_is_always_assumed_is_always_said() -> None:
    result, _ = held_to_the_end().replay(1)
    assert codes(result) == ["EQUITY_ASSUMED", "SURVIVORSHIP_BIASED", "NO_FUNDING", "OPEN_AT_END", "INSUFFICIENT"]
    assert result.assumptions["funding"] == "none recorded: not charged"
    assert result.assumptions["candle_minutes"] == {"BTC": 5.0}
    assert result.assumptions["trader_equity_usd"] == {TRADER: 400_000.0}
    policy = Policy()
    assert result.assumptions["feed_delay_seconds"] == policy.cadence.feed_delay.total_seconds()
    assert result.assumptions["taker_fee_percent"] == policy.costs.taker_fee_percent


def test_what_the_comparison_doesn_t_know_is_said() -> None:
    result, _ = held_to_the_end().replay(1)
    assert said(result, "OPEN_AT_END") == [
        (
            "entries that were open at the end count at their last mark in the comparison: "
            "ours 1, the trader's 1, held for 72 hours 1"
        )
    ]
    assert said(result, "INSUFFICIENT") == [
        "of the comparison nothing is claimed under 10 days with entries: 1 with the trader's exits, 1 with 72 hours"
    ]


def test_assumptions_are_those_of_the_policy_it_ran_with() -> None:
    result, ledger = held_to_the_end().replay(1, Policy(entry=EntryPolicy(copy_delay=timedelta(minutes=40))))
    assert result.assumptions["copy_delay_minutes"] == 40
    assert [position.opened_at for position in ledger.book.positions()] == [at(hours=1, minutes=40)]


def test_a_gap_in_a_trader_s_chain_is_reported() -> None:
    given = [fill(price=60_000.0, time=at(hours=1), oid=1), fill(time=at(hours=2), start_position=7.0, oid=2)]
    result, _ = held_to_the_end(fills={TRADER: given}).replay(1)
    assert said(result, "GAP") == ["BTC at 2026-03-01 02:00 UTC: expected 1, found 7 (0xaaaa…aaaa)"]


def test_orders_still_deferred_at_the_end_are_counted() -> None:
    late = fill(price=60_000.0, time=T0 + DAY - timedelta(minutes=12), oid=1)
    result, ledger = held_to_the_end(fills={TRADER: [late]}).replay(1)
    assert [signal.is_final for signal in ledger.signals.list()] == [False]
    assert said(result, "UNDECIDED_AT_END") == ["1 orders were still deferred when the period ended"]
    assert result.metrics.decisions == 0


def test_a_stop_that_had_no_price_to_watch_is_reported_with_its_coin() -> None:
    """ETH moves while BTC, which we hold too, has no candles for an hour."""
    btc = candles([60_000.0] * 288, interval_ms=5 * MINUTE_MS)
    kept = (btc.t < btc.t[36]) | (btc.t >= btc.t[48])
    holed = replace(btc, **{name: getattr(btc, name)[kept] for name in "tohlcv"})
    closes = [3_000.0] * 42 + [3_300.0] * 246
    given = [
        fill(price=60_000.0, time=at(hours=1), oid=1),
        fill(coin="ETH", price=3_000.0, size=20.0, time=at(hours=1), oid=2),
    ]
    result, ledger = held_to_the_end(
        fills={TRADER: given},
        candles={"BTC": holed, "ETH": candles(closes, coin="ETH", interval_ms=5 * MINUTE_MS)},
    ).replay(1)
    assert said(result, "NO_PRICE") == ["BTC, in 1 tick"]
    (held,) = [position.id for position in ledger.book.positions() if position.coin == "BTC"]
    assert said(result, "CANDLES_MISSING") == [
        f"BTC: none from 2026-03-01 03:00 to 2026-03-01 04:00; held through it with an untested stop: #{held}"
    ]


def holed(*holes: tuple[int, int]) -> Recorded:
    """A day of BTC without the candles of some stretches, counted in five minutes."""
    btc = candles([60_000.0] * 288, interval_ms=5 * MINUTE_MS)
    kept = [n for n in range(288) if not any(begin <= n < end for begin, end in holes)]
    return held_to_the_end(candles={"BTC": replace(btc, **{name: getattr(btc, name)[kept] for name in "tohlcv"})})


@pytest.mark.parametrize(
    ("holes", "told"),
    [
        (((0, 2),), "BTC: none from 2026-03-01 00:00 to 2026-03-01 00:10"),
        (((8, 9),), "BTC: none from 2026-03-01 00:40 to 2026-03-01 00:45"),
        (((287, 288),), "BTC: none from 2026-03-01 23:55 to 2026-03-02 00:00"),
        (tuple((n, n + 1) for n in range(1, 11, 2)), "2026-03-01 00:25 to 2026-03-01 00:30 and 2 more times"),
    ],
    ids=["the first two", "one in the middle", "the last one", "more than three"],
)
def test_every_hole_in_the_candles_is_found(holes: tuple[tuple[int, int], ...], told: str) -> None:
    result, _ = holed(*holes).replay(1)
    (message,) = said(result, "CANDLES_MISSING")
    assert told in message


def test_whole_candles_are_missing_nothing() -> None:
    assert said(holed().replay(1)[0], "CANDLES_MISSING") == []


@pytest.mark.parametrize(
    ("hours", "days", "code", "told"),
    [
        (1, 2, "FILLS_END", "0xaaaa…aaaa: nothing is known after its last fill, 2026-03-01 01:00 UTC"),
        (-5, 2, "NO_FILLS", "0xaaaa…aaaa: no fill in the period, the last is of 2026-02-28 19:00"),
        (1, 1, "", ""),
    ],
    ids=["silent for more than a day", "silent all the time", "silent for less than a day"],
)
def test_a_trader_who_falls_silent_is_named(hours: float, days: int, code: str, told: str) -> None:
    result, _ = held_to_the_end(fills={TRADER: [fill(price=60_000.0, time=at(hours=hours), oid=1)]}).replay(days)
    silence = [warning for warning in result.warnings if warning.code in {"FILLS_END", "NO_FILLS"}]
    assert [(warning.code, warning.message) for warning in silence] == ([(code, told)] if code else [])


def test_a_coin_traded_only_before_the_period_needs_no_candles() -> None:
    given = [fill(coin="DOGE", time=at(days=-3), oid=9), fill(price=60_000.0, time=at(hours=1), oid=1)]
    result, _ = held_to_the_end(fills={TRADER: given}).replay(1)
    assert "NO_CANDLES" not in codes(result)


@pytest.mark.parametrize(
    ("hours", "minutes"),
    [((24, 48), 5.0), ((20, 48), 5.0), ((-12, 12), 5.0), ((0.5, 24), 1.0), ((-5, 30), 1.0)],
    ids=["none of it", "its end", "its first half", "all but half an hour", "more than all"],
)
def test_the_finest_candles_that_cover_a_day_are_used(hours: tuple[float, float], minutes: float) -> None:
    first, last = hours
    fine = candles([60_000.0] * round((last - first) * 60), start=at(hours=first))
    recorded = held_to_the_end(fills={TRADER: [fill(price=60_000.0, time=at(hours=2), oid=1)]})
    ledger = recorded.store(MemoryLedger())
    ledger.history.add_candles(fine)
    result = running(ledger)
    assert result.assumptions["candle_minutes"] == {"BTC": minutes}
    assert result.metrics.entries == 1


def test_every_day_has_the_finest_candles_of_its_own_and_the_report_says_so() -> None:
    recorded = held_to_the_end(fills={TRADER: [fill(price=60_000.0, time=at(hours=2), oid=1)]})
    ledger = recorded.store(MemoryLedger())
    ledger.history.add_candles(candles([60_000.0] * 2880, start=at(days=1)))
    ledger.history.add_candles(candles([60_000.0] * 24, start=at(days=3), interval_ms=60 * MINUTE_MS))
    result = running(ledger, last=FIRST + 3 * DAY)
    assert result.assumptions["candle_minutes"] == {"BTC": "1 (2 d) and 5 (1 d) and 60 (1 d)"}
    assert said(result, "CANDLES_MISSING") == []


# What can't be run


def test_days_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(BadInputError, match="--to 2026-02-28 lies before --from 2026-03-01"):
        running(last=date(2026, 2, 28))


@pytest.mark.parametrize("unknown", [OTHER_TRADER, "0x" + "c" * 40])
def test_a_trader_without_fills_is_refused_with_the_remedy(unknown: str) -> None:
    with pytest.raises(BadInputError, match=f"no fills of {unknown} .*hlcopy data import fills FILE"):
        running(None, TRADER, unknown)


def test_fills_after_the_period_are_as_good_as_none() -> None:
    with pytest.raises(BadInputError, match="no fills of"):
        running(first=date(2026, 2, 1), last=date(2026, 2, 28))


def test_a_day_without_an_order_is_a_result_not_an_error() -> None:
    result = running(first=date(2026, 3, 2), last=date(2026, 3, 2))
    assert (result.metrics.decisions, result.metrics.entries) == (0, 0)
