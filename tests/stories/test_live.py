"""Live trading over the wire: every kind of entry, every reason to leave, at both sides, and the ledger equal to the venue."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hlcopy.domain.models import Side
from hlcopy.simulator.server import APPLY_THEN_DROP
from hlcopy.simulator.venue import quiet_world
from tests.stories.live import ACCOUNT, COPY_USD, Live, settings
from tests.venue import PRICES, START, TRADER, fill_row, local_venue, profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cli.conftest import Outcome

UNHURRIED = 20_000
COINS = {"BTC": 60_000.0, "kPEPE": 0.01234, "SOL": 150.0}


@pytest.fixture(params=[Side.LONG, Side.SHORT])
def live(
    request: pytest.FixtureRequest, home: Path, run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Live]:
    """A followed trader and an account that may trade; at the end ledger and venue agree to the last digit."""
    world = quiet_world(START, PRICES | COINS, days=8, history_days=2)
    monkeypatch.setenv("HLCOPY_HYPERLIQUID_WEIGHT_PER_MINUTE", str(UNHURRIED))
    monkeypatch.setenv("HLCOPY_LIQUIDATION_RECHECK_SECONDS", "0.01")
    with local_venue(world, weight_per_minute=UNHURRIED) as venue:
        for name, value in settings(venue, home / "live.db").items():
            monkeypatch.setenv(name, value)
        story = Live(venue=venue, database=home / "live.db", run=run, side=request.param)
        story.begin()
        yield story
        compared = story.comparison()
        assert compared.differences == [], compared.told


# Entries


@pytest.mark.parametrize("coin", COINS)
def test_a_full_entry_has_a_stop_of_its_size_at_five_percent(live: Live, coin: str) -> None:
    live = replace(live, coin=coin)
    assert live.enter()["decision"] == "EXECUTE"
    row = live.position()
    assert row["size"] == abs(live.held()) == pytest.approx(COPY_USD / live.mark(), rel=0.01)
    ((trigger, size),) = live.stops()
    assert size == row["size"]
    assert trigger == pytest.approx(row["entry_price"] * (1 - live.sign * 0.05), rel=1e-4)
    assert (trigger - row["entry_price"] * (1 - live.sign * 0.05)) * live.sign >= 0  # rounded toward safety
    assert row["stop_confirmed"]


def test_a_partial_entry_is_a_position_of_what_filled(live: Live) -> None:
    live.signal()
    live.venue.floor.partial_next(live.coin, 0.4)
    (decision,) = live.do("poll")["decisions"]
    assert decision["decision"] == "EXECUTE"
    row = live.position()
    assert row["size"] == abs(live.held()) == pytest.approx(0.4 * COPY_USD / live.mark(), rel=0.01)
    assert [size for _, size in live.stops()] == [row["size"]]


@pytest.mark.parametrize("hidden", [0, 3])
def test_an_entry_whose_answer_is_lost_gets_its_stop_in_the_same_tick_within_the_usual_weight(
    live: Live, monkeypatch: pytest.MonkeyPatch, hidden: int
) -> None:
    """Also while the venue answers that it doesn't know the order: its fills and the position show it."""
    monkeypatch.delenv("HLCOPY_HYPERLIQUID_WEIGHT_PER_MINUTE")
    live.signal()
    live.do("monitor")
    live.venue.floor.hide_next_order(hidden)
    answers = iter([APPLY_THEN_DROP])
    live.venue.faults = lambda kind: next(answers, None) if kind == "exchange:order" else None
    live.do("poll", code=None)
    assert [size for _, size in live.stops()] == [pytest.approx(abs(live.held()))]
    live.venue.faults = None
    live.wait(0.5)
    live.do("monitor")
    assert (live.position()["stop_confirmed"], live.position()["status"]) == (True, "open")


def test_nothing_is_sent_into_no_liquidity(live: Live) -> None:
    live.signal()
    live.venue.venue.set_depth(live.coin, 0.0)
    (decision,) = live.do("poll")["decisions"]
    assert decision["decision"] == "SKIP_ILLIQUID"
    assert (live.held(), live.rows("SELECT state FROM orders")) == (0.0, [])


def test_an_entry_into_no_liquidity_leaves_nothing(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HLCOPY_GATES_OFF", "size,cost,price")
    live.signal()
    live.venue.venue.set_depth(live.coin, 0.0)
    (decision,) = live.do("poll")["decisions"]
    assert decision["decision"] in {"SKIP_ORDER_REFUSED", "SKIP_NOT_FILLED"}
    assert (live.held(), live.stops(), live.rows("SELECT id FROM our_positions")) == (0.0, [], [])


def test_a_stop_that_is_refused_once_is_sent_once_more(live: Live) -> None:
    live.signal()
    live.venue.floor.refuse_next_stop("Invalid TP/SL price.")
    live.do("poll")
    assert len(live.stops()) == 1
    assert live.rows("SELECT state FROM orders WHERE purpose = 'stop' ORDER BY attempt") == [("refused",), ("resting",)]


def test_a_position_whose_stop_is_refused_twice_is_closed_at_once(live: Live) -> None:
    live.signal()
    refusals = iter([True, True])

    def faults(kind: str) -> None:
        if kind == "exchange:order" and _stop_is_next(live) and next(refusals, False):
            live.venue.floor.refuse_next_stop("Invalid TP/SL price.")

    live.venue.faults = faults
    live.do("poll")
    assert (live.held(), live.stops()) == (0.0, [])
    assert live.position()["close_reason"] == "STOP_REJECTED"


def _stop_is_next(live: Live) -> bool:
    return live.held() != 0


# Exits


def test_a_stop_that_fires_between_ticks_is_booked_as_stop_loss(live: Live) -> None:
    live.enter()
    live.move(-5.3)
    live.wait(0.5)
    assert live.held() == 0.0
    assert [(done["action"], done["reason"]) for done in live.do("monitor")["actions"]] == [("closed", "STOP_LOSS")]


def test_a_trailing_stop_follows_a_gain_and_fires(live: Live) -> None:
    live.enter()
    before = live.stops()
    live.move(8.0)
    live.do("monitor")
    ((trigger, _),) = live.stops()
    assert (trigger - before[0][0]) * live.sign > 0
    live.move(-8.3)
    live.wait(0.5)
    live.do("monitor")
    assert live.position()["close_reason"] == "TRAILING_STOP"


def test_a_gap_past_the_stop_s_own_bound_is_left_in_widening_steps(live: Live) -> None:
    """Nothing is bid within ten percent of the trigger when it fires; the next tick goes on."""
    live.enter()
    live.venue.floor.partial_next(live.coin, 0.0)
    live.move(-6.0)
    live.wait(0.1)
    assert (live.held() != 0.0, live.stops()) == (True, [])
    live.do("monitor")
    assert live.held() == 0.0
    assert live.position()["close_reason"] == "STOP_LOSS"


def test_a_position_is_left_after_seventy_two_hours(live: Live) -> None:
    live.enter()
    live.wait(24 * 60)
    live.do("monitor")
    live.wait(48 * 60)
    live.do("monitor")
    assert (live.held(), live.stops(), live.position()["close_reason"]) == (0.0, [], "TIME_STOP")
    assert live.position()["funding_usd"] != 0.0


def test_profit_tiers_are_taken_once_each_and_the_stop_follows_the_size(live: Live) -> None:
    live.enter()
    whole, entry = abs(live.held()), live.position()["entry_price"]
    for gain, left in ((10.5, 0.75), (20.5, 0.75 * 0.67), (41.0, 0.75 * 0.67 * 0.5)):
        live.move(gain, base=entry)
        live.wait(0.5)
        live.do("monitor")
        live.do("monitor")
        assert abs(live.held()) == pytest.approx(whole * left, rel=0.01)
        assert [size for _, size in live.stops()] == [pytest.approx(abs(live.held()))]
    assert live.position()["tiers_taken"] == [1, 2, 3]
    live.do(f"close {live.coin}")
    assert live.position()["close_reason"] == "MANUAL"


def test_a_rest_too_small_to_part_goes_whole_by_its_tier(live: Live) -> None:
    """Somebody took most of it; a quarter of eleven dollars is less than the venue takes, and so is what would be left."""
    live.enter()
    entry, rest = live.position()["entry_price"], round(11.0 / live.mark(), 5)
    live.venue.floor.trade_by_hand(ACCOUNT, live.coin, live.sign * rest - live.held(), reduce_only=True)
    live.wait(0.5)
    live.do("monitor")
    live.move(10.5, base=entry)
    live.wait(0.5)
    live.do("monitor")
    assert (live.held(), live.stops(), live.position()["close_reason"]) == (0.0, [], "TAKE_PROFIT")


def test_a_liquidated_trader_is_left_in_one_tick_of_positions(live: Live) -> None:
    live.enter()
    live.wait(3)
    size = abs(live.venue.venue.holdings(TRADER, live.now_ms)[0].size)
    mark = {"liquidatedUser": TRADER, "markPx": str(live.mark()), "method": "market"}
    row = fill_row(
        user=TRADER,
        coin=live.coin,
        side="A" if live.sign > 0 else "B",
        dir=f"Close {live.side}",
        px=str(live.mark()),
        sz=str(size),
        startPosition=str(live.sign * size),
        time=live.now_ms,
        liquidation=mark,
    )
    live.venue.venue.add_fill(row)
    live.wait(1)
    live.do("positions")
    assert (live.held(), live.stops(), live.position()["close_reason"]) == (0.0, [], "TRADER_LIQUIDATED")


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_position_that_is_deleveraged_is_booked_and_what_is_left_protected(live: Live, share: float) -> None:
    live.enter()
    part = round(abs(live.held()) * share, 5)
    live.venue.floor.deleverage(ACCOUNT, live.coin, part)
    live.wait(0.5)
    live.do("monitor")
    if share == 1.0:
        assert (live.position()["close_reason"], live.stops()) == ("ADL", [])
    else:
        assert [size for _, size in live.stops()] == [pytest.approx(abs(live.held()))]
        live.move(-5.3)
        live.wait(0.5)
        live.do("monitor")
        assert live.position()["close_reason"] == "STOP_LOSS"


def test_a_settled_coin_is_booked_at_the_settlement_price(live: Live) -> None:
    live.enter()
    price = live.mark() * (1 - live.sign * 0.02)
    live.venue.floor.settle(live.coin, price)
    live.wait(0.5)
    live.do("monitor")
    row = live.position()
    assert (row["close_reason"], row["exit_price"]) == ("SETTLED", pytest.approx(price, rel=1e-4))


def test_a_liquidation_of_ours_is_booked_as_such(live: Live) -> None:
    """Somebody took the stop away and the price ran while no tick did."""
    live.venue.venue.add_trader(profile(equity_usd=400_000.0, isolated={live.coin: 5}))
    live.enter()
    assert live.position()["leverage"] == 5
    for order in list(live.venue.floor.accounts[ACCOUNT].on(live.coin)):
        live.venue.floor.cancel_by_hand(ACCOUNT, order.oid)
    live.move(-19.2)
    live.wait(0.5)
    assert live.held() == 0.0
    live.do("monitor")
    assert live.position()["close_reason"] == "LIQUIDATED"


def test_a_close_by_hand_is_booked_as_such_and_its_stop_cancelled(live: Live) -> None:
    live.enter()
    live.venue.floor.trade_by_hand(ACCOUNT, live.coin, -live.held(), reduce_only=True)
    live.wait(0.5)
    live.do("monitor")
    assert (live.position()["close_reason"], live.stops()) == ("CLOSED_ON_VENUE", [])


def test_a_stop_taken_away_by_hand_comes_back_in_the_next_tick(live: Live) -> None:
    live.enter()
    ((trigger, size),) = live.stops()
    (order,) = live.venue.floor.accounts[ACCOUNT].on(live.coin)
    live.venue.floor.cancel_by_hand(ACCOUNT, order.oid)
    live.wait(0.5)
    live.do("monitor")
    assert live.stops() == [(trigger, size)]


def test_what_somebody_else_opens_is_reported_and_left_alone(live: Live) -> None:
    live.enter()
    live.venue.floor.trade_by_hand(ACCOUNT, "ETH", 0.5)
    live.venue.floor.place_order_by_hand(ACCOUNT, "SOL", 1.0, 100.0)
    live.wait(0.5)
    told = live.do("monitor", code=1)["errors"]
    assert [(each["code"], each["item"]) for each in told] == [("FOREIGN_POSITION", "ETH"), ("FOREIGN_ORDER", "SOL")]
    assert live.venue.floor.accounts[ACCOUNT].held("ETH") == 0.5


def test_closing_everything_halts_first_and_leaves_nothing_of_ours(live: Live) -> None:
    live.enter()
    live.do("flatten --yes")
    assert (live.held(), live.stops(), live.position()["close_reason"]) == (0.0, [], "MANUAL")
    assert live.rows("SELECT reason FROM halts WHERE resumed_at IS NULL") == [("flatten",)]
