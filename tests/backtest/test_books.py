"""The same entries in three books: nothing differs but the way out, and each way out is filled and charged like ours."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hlcopy.backtest.books import HELD, HOLD, TRADER_LEFT, Trial, trials
from hlcopy.backtest.replay import ReplayClock, ReplayMarket
from hlcopy.backtest.tape import Tape
from hlcopy.domain import costs
from hlcopy.domain.book import ExitReason, PositionStatus
from hlcopy.domain.models import Side, from_ms
from hlcopy.domain.policy import ExecutionPolicy, ExitPolicy, Policy
from tests.backtest.worlds import Recorded, simulated
from tests.builders import MINUTE_MS, TRADER, at, candles, fill, funding_rate, our_fill, position

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hlcopy.domain.book import OurFill, Position
    from hlcopy.domain.candles import Candles

NEVER = ExitPolicy(stop_loss_percent=90.0, trailing_stop_percent=90.0, tiers=())
ONE_X = ExecutionPolicy(max_leverage=1, min_liquidation_to_stop=1.0)
COSTS = Policy().costs
ENTERED = at(hours=1, minutes=20)  # a quarter of an hour after the trade can be seen at 1:05


def world(closes: list[float], *later: dict[str, object], **changes: object) -> Recorded:
    """A trader opens 1 BTC at 1:00; candles are of five minutes."""
    opened = fill(price=60_000.0, time=at(hours=1), oid=1)
    return replace(
        Recorded(
            {TRADER: [opened, *(fill(**{"is_buy": False, "price": 60_000.0, **facts}) for facts in later)]},
            {"BTC": candles(closes, interval_ms=5 * MINUTE_MS)},
            {TRADER: 400_000.0},
        ),
        **changes,
    )


def flat(days: float, price: float = 60_000.0) -> list[float]:
    return [price] * round(288 * days)


def tried(recorded: Recorded, days: int, policy: Policy | None = None) -> Trial:
    comparison = recorded.replay(days, policy)[0].comparison
    assert comparison is not None
    (trial,) = comparison.trials
    return trial


def sold(size: float, price: float) -> tuple[float, float, float]:
    """What a sale brings, its fee, and what slippage took of it."""
    slipped = costs.slipped(price, costs.slippage_percent("BTC", size * price, COSTS), is_buy=False)
    return size * slipped, costs.taker_fee(size * slipped, COSTS), size * (price - slipped)


def test_the_trader_s_close_is_ours_at_the_next_open_after_the_poll_that_sees_it() -> None:
    """Closed at 5:58, visible at 5:59, polled at 6:00, filled at the open of the 6:00 candle."""
    closes = flat(1)
    closes[71:] = [61_000.0] * len(closes[71:])  # the candle of 5:55 closes at what the one of 6:00 opens with
    trial = tried(world(closes, {"time": at(hours=5, minutes=58), "start_position": 1.0, "oid": 2}), 1)
    assert trial.followed is not None
    assert trial.ours is not None
    assert (trial.followed.closed_at, trial.followed.reason) == (at(hours=6), TRADER_LEFT)
    size = trial.notional_usd / costs.slipped(
        60_000.0, costs.slippage_percent("BTC", trial.notional_usd, COSTS), is_buy=True
    )
    size = round(size, 5)
    brought, fee, slip = sold(size, 61_000.0)
    entry_fee = costs.taker_fee(trial.notional_usd, COSTS)
    assert trial.followed.net_usd == pytest.approx(brought - trial.notional_usd - fee - entry_fee)
    assert trial.followed.fees_usd == pytest.approx(fee + entry_fee)
    assert trial.followed.slippage_usd == pytest.approx(slip + trial.ours.slippage_usd)


def test_parts_are_left_in_proportion() -> None:
    half = {"size": 0.5, "time": at(hours=5), "start_position": 1.0, "oid": 2}
    rest = {"size": 0.5, "time": at(hours=9), "start_position": 0.5, "oid": 3}
    quarter = {"size": 0.25, "time": at(hours=9), "start_position": 0.5, "oid": 3}
    whole, parted, once = (tried(world(flat(1), *later), 1).followed for later in ((), (half,), (half, rest)))
    twice = tried(world(flat(1), half, quarter), 1).followed
    assert twice is not None
    assert whole is not None
    assert parted is not None
    assert once is not None
    assert parted.open_size == pytest.approx(whole.open_size / 2, abs=1e-5)
    assert twice.open_size == pytest.approx(whole.open_size / 4, abs=2e-5)
    assert (parted.closed_at, once.closed_at, once.open_size) == (None, at(hours=9, minutes=5), 0.0)
    assert whole.fees_usd < parted.fees_usd < once.fees_usd


def test_a_part_too_small_for_an_order_waits_for_more() -> None:
    tiny = {"size": 0.001, "time": at(hours=5), "start_position": 1.0, "oid": 2}
    more = {"size": 0.499, "time": at(hours=9), "start_position": 0.999, "oid": 3}
    untouched, waited, later = (tried(world(flat(1), *rest), 1).followed for rest in ((), (tiny,), (tiny, more)))
    assert untouched == waited
    assert later is not None
    assert untouched is not None
    assert later.open_size == pytest.approx(untouched.open_size / 2, abs=1e-5)


def test_holding_ends_after_72_hours_at_the_next_open_whatever_our_time_stop_is() -> None:
    for hours in (24, 72, 96):
        policy = Policy(exit=replace(NEVER, max_duration=timedelta(hours=hours)), execution=ONE_X)
        trial = tried(world(flat(5)), 5, policy)
        assert trial.held is not None
        assert (trial.held.closed_at, trial.held.reason) == (trial.opened_at + HOLD, HELD)


def test_what_is_open_at_the_end_counts_at_the_last_mark_in_every_book() -> None:
    closes = flat(1)
    closes[-1] = 60_600.0
    trial = tried(world(closes), 1)
    assert trial.ours is not None
    assert trial.ours.open_size > 0
    assert trial.ours == trial.followed == trial.held
    gain = trial.ours.open_size * 60_600 - trial.notional_usd
    assert trial.ours.net_usd == pytest.approx(gain - trial.ours.fees_usd)


def test_funding_is_paid_for_the_hours_that_a_book_holds() -> None:
    rates = [funding_rate(time=at(hours=hour), rate=1e-3) for hour in range(24)]
    recorded = world(
        flat(1), {"time": at(hours=5, minutes=58), "start_position": 1.0, "oid": 2}, funding={"BTC": rates}
    )
    trial = tried(recorded, 1)
    assert trial.ours is not None
    assert trial.followed is not None
    hourly = trial.ours.open_size * 60_000 * 1e-3
    assert trial.ours.funding_usd == pytest.approx(22 * hourly)  # 2:00 to 23:00
    assert trial.followed.funding_usd == pytest.approx(5 * hourly)  # 2:00 to 6:00, the moment it left
    assert trial.held == trial.ours


def test_without_a_stop_a_crash_liquidates_and_takes_no_more_than_the_margin() -> None:
    series = candles(flat(1), interval_ms=5 * MINUTE_MS)
    for column in (series.o, series.h, series.l, series.c):
        column[100:] = 20_000.0
    # A position of 2.4 times his equity: we take 3x.
    recorded = world([], candles={"BTC": series}, equity={TRADER: 25_000.0})
    trial = tried(recorded, 1)
    assert trial.ours is not None
    assert trial.held is not None
    assert trial.ours.reason is ExitReason.LIQUIDATED  # a gap, too far even for the stop
    assert trial.held.reason is ExitReason.LIQUIDATED
    assert trial.held.closed_at == from_ms(int(recorded.candles["BTC"].t[100]))
    margin_usd = trial.notional_usd / 3
    assert trial.held.net_usd == pytest.approx(-margin_usd - costs.taker_fee(trial.notional_usd, COSTS))
    assert trial.held == trial.followed
    assert trial.held.net_usd == pytest.approx(trial.ours.net_usd)


def test_a_slow_fall_is_stopped_by_ours_and_liquidates_who_has_no_stop() -> None:
    closes = flat(1)
    closes[100:] = [max(20_000.0, 60_000.0 - 200 * step) for step in range(len(closes[100:]))]
    trial = tried(world(closes, equity={TRADER: 25_000.0}), 1)
    assert trial.ours is not None
    assert trial.held is not None
    assert (trial.ours.reason, trial.held.reason) == (ExitReason.STOP_LOSS, ExitReason.LIQUIDATED)
    margin_usd = trial.notional_usd / 3
    entry_fee = costs.taker_fee(trial.notional_usd, COSTS)
    assert -margin_usd - entry_fee <= trial.held.net_usd < -0.9 * margin_usd
    assert trial.ours.net_usd == pytest.approx(-0.05 * trial.notional_usd, rel=0.05)


@pytest.mark.parametrize(
    ("minutes", "reason"),
    [(493, TRADER_LEFT), (498, ExitReason.LIQUIDATED), (700, ExitReason.LIQUIDATED)],
    ids=["in time", "at the open that gapped through the margin", "too late"],
)
def test_who_is_liquidated_can_t_leave_any_more(minutes: int, reason: str) -> None:
    """The price gaps to a third at 8:20; he closes at 8:13, 8:18 and 11:40, which fills at 8:15, 8:20 and 11:45."""
    series = candles(flat(1), interval_ms=5 * MINUTE_MS)
    for column in (series.o, series.h, series.l, series.c):
        column[100:] = 20_000.0
    close = {"time": at(minutes), "start_position": 1.0, "oid": 2}
    trial = tried(world([], close, candles={"BTC": series}, equity={TRADER: 25_000.0}), 1)
    assert trial.followed is not None
    assert trial.followed.reason == reason
    assert trial.followed.closed_at == (at(hours=8, minutes=15) if reason == TRADER_LEFT else at(hours=8, minutes=20))


def test_what_was_left_in_time_isn_t_liquidated() -> None:
    series = candles(flat(1), interval_ms=5 * MINUTE_MS)
    for column in (series.o, series.h, series.l, series.c):
        column[100:] = 20_000.0
    half = {"size": 0.5, "time": at(hours=5), "start_position": 1.0, "oid": 2}
    trial = tried(world([], half, candles={"BTC": series}, equity={TRADER: 25_000.0}), 1)
    assert trial.followed is not None
    assert trial.held is not None
    assert trial.followed.reason is trial.held.reason is ExitReason.LIQUIDATED
    assert trial.followed.net_usd == pytest.approx(trial.held.net_usd / 2, rel=0.01)


@pytest.mark.parametrize("hours", [23 + 55 / 60, 24, 24 + 5 / 60, 40, 47 + 55 / 60, 48, 70])
def test_a_liquidation_is_found_on_whatever_day_it_comes(hours: float) -> None:
    """He halves his position an hour later and closes it after 75 hours."""
    series = candles(flat(5), interval_ms=5 * MINUTE_MS)
    crash = round(hours * 12)
    for column in (series.o, series.h, series.l, series.c):
        column[crash:] = 20_000.0
    rest = (
        {"size": 0.5, "time": at(hours=5), "start_position": 1.0, "oid": 2},
        {"size": 0.5, "time": at(hours=75), "start_position": 0.5, "oid": 3},
    )
    trial = tried(world([], *rest, candles={"BTC": series}, equity={TRADER: 25_000.0}), 5)
    for book in (trial.followed, trial.held):
        assert book is not None
        assert (book.reason, book.closed_at) == (ExitReason.LIQUIDATED, at(hours=hours))


def test_a_close_seen_after_the_last_candle_leaves_the_entry_open() -> None:
    late = {"time": at(hours=23, minutes=58), "start_position": 1.0, "oid": 2}
    trial = tried(world(flat(1), late), 1)
    assert trial.followed is not None
    assert (trial.followed.closed_at, trial.followed) == (None, trial.held)


def bare(held: Position, fills: Sequence[OurFill], *series: Candles) -> list[Trial]:
    """The books of one position of ours in a market of its own."""
    market = ReplayMarket(ReplayClock(at(days=1)), {part.coin: Tape.of(part) for part in series}, {}, {})
    return trials([held], {held.signal_id: fills}, {}, {}, market, Policy(), at(days=1))


def test_what_never_filled_is_no_entry() -> None:
    assert bare(position(status=PositionStatus.OPENING), []) == []


def test_an_exit_that_isn_t_known_is_no_result_of_ours() -> None:
    closed = position(status=PositionStatus.CLOSED, closed_at=at(9), realized_pnl_usd=None)
    (trial,) = bare(closed, [our_fill()], candles([100.0] * 1_440))
    assert trial.ours is None
    assert trial.held is not None


def test_without_any_candle_nothing_is_known_of_what_is_open() -> None:
    (trial,) = bare(position(), [our_fill()])
    assert (trial.ours, trial.followed, trial.held) == (None, None, None)


def test_a_trader_s_liquidation_counts_at_its_fill_seen_no_sooner_than_any_other() -> None:
    gone = {
        "time": at(hours=5, minutes=58),
        "start_position": 1.0,
        "oid": 2,
        "liquidated_user": TRADER,
        "direction": "Liquidated Isolated Long",
    }
    trial = tried(world(flat(1), gone), 1)
    assert trial.followed is not None
    assert (trial.followed.closed_at, trial.followed.reason) == (at(hours=6), ExitReason.TRADER_LIQUIDATED)


def test_where_his_fills_have_a_gap_the_trader_s_book_isn_t_known_and_that_is_said() -> None:
    recorded = world(flat(1), {"time": at(hours=5), "start_position": 3.0, "oid": 2})
    result, _ = recorded.replay(1)
    trial = tried(recorded, 1)
    assert (trial.followed, trial.broken_at) == (None, at(hours=5, minutes=5))
    assert trial.held is not None
    assert [warning.message for warning in result.warnings if warning.code == "TRADER_EXIT_UNKNOWN"] == [
        "fills are missing where the trader may have left: his exit isn't known of #1"
    ]


def test_a_way_out_through_missing_candles_waits_for_the_next_open() -> None:
    series = candles(flat(1), interval_ms=5 * MINUTE_MS)
    kept = (series.t < series.t[60]) | (series.t >= series.t[120])  # none from 5:00 to 10:00
    holed = replace(series, **{name: getattr(series, name)[kept] for name in "tohlcv"})
    recorded = world(
        flat(1), {"time": at(hours=5, minutes=58), "start_position": 1.0, "oid": 2}, candles={"BTC": holed}
    )
    trial = tried(recorded, 1)
    assert trial.followed is not None
    assert trial.followed.closed_at == at(hours=10)


def test_every_entry_is_the_same_in_all_books() -> None:
    result, ledger = simulated(4, 4).replay(4)
    assert result.comparison is not None
    assert [trial.position_id for trial in result.comparison.trials] == [copied.id for copied in result.positions]
    for trial, copied in zip(result.comparison.trials, result.positions, strict=True):
        entering = [part for part in ledger.book.fills(copied.signal_id) if part.is_buy == (copied.side is Side.LONG)]
        assert trial.notional_usd == pytest.approx(sum(part.price * part.size for part in entering))
        fees = sum(part.fee for part in entering)
        for outcome in (trial.ours, trial.followed, trial.held):
            assert outcome is None or outcome.fees_usd >= fees - 1e-9


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 50))
def test_an_exit_that_only_waits_72_hours_is_the_third_book_to_the_cent(seed: int) -> None:
    """The book is played by rules of its own, the replay by the ticks and the paper venue: they agree."""
    policy = Policy(exit=NEVER, execution=ExecutionPolicy(max_leverage=1, min_liquidation_to_stop=1.0))
    comparison = simulated(seed, 4).replay(4, policy)[0].comparison
    for trial in comparison.trials if comparison is not None else ():
        assert trial.ours is not None
        assert trial.held is not None
        if trial.ours.reason is ExitReason.TRADER_LIQUIDATED:
            continue
        assert trial.held.net_usd == pytest.approx(trial.ours.net_usd, abs=1e-6)
        assert (trial.held.closed_at, trial.held.open_size) == (trial.ours.closed_at, trial.ours.open_size)
        assert trial.held.funding_usd == pytest.approx(trial.ours.funding_usd, abs=1e-9)
