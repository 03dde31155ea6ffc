"""Stops and profits at the local venue: when they fire on the mark, what they then get, and how they hang together."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.simulator.seeded import seeded
from tests.trading import BTC, ETH, Trader, limit, trigger
from tests.venue import DAY_MS, HOUR_MS, MINUTE_MS, START_MS

if TYPE_CHECKING:
    from hlcopy.simulator.world import World


@pytest.fixture
def trader() -> Trader:
    return Trader()


@pytest.fixture(scope="module")
def world() -> World:
    return seeded(7, days=2, history_days=0)


@pytest.mark.parametrize(
    ("held", "order", "marks", "fires"),
    [
        ("a long's stop, mark above", trigger(ETH, -0.05, 1_900), [1_900.1], False),
        ("a long's stop, mark at it", trigger(ETH, -0.05, 1_900), [1_900.0], True),
        ("a long's stop, mark back at once", trigger(ETH, -0.05, 1_900), [1_899.0, 2_000.0], True),
        ("a long's profit, mark below", trigger(ETH, -0.05, 2_100, kind="tp"), [2_099.9], False),
        ("a long's profit, mark at it", trigger(ETH, -0.05, 2_100, kind="tp"), [2_100.0], True),
        ("a short's stop, mark below", trigger(ETH, 0.05, 2_100), [2_099.9], False),
        ("a short's stop, mark at it", trigger(ETH, 0.05, 2_100), [2_100.0], True),
        ("a short's profit, mark above", trigger(ETH, 0.05, 1_900, kind="tp"), [1_900.1], False),
        ("a short's profit, mark at it", trigger(ETH, 0.05, 1_900, kind="tp"), [1_900.0], True),
    ],
)
def test_a_trigger_fires_once_the_mark_is_there(
    trader: Trader, held: str, order: dict[str, Any], marks: list[float], *, fires: bool
) -> None:
    trader.enter(-float(order["s"]) if order["b"] else float(order["s"]))
    trader.place({**order, "c": "0x" + "0" * 31 + "1"})
    for number, mark in enumerate(marks, 1):
        trader.venue.set_mark("ETH", mark, START_MS + number * 1_000)
    trader.later(HOUR_MS // 2)
    assert trader.status_of(1) == ("filled" if fires else "open"), held
    assert (trader.position() is None) == fires


def test_it_fires_at_the_moment_of_the_mark_however_late_somebody_looks(trader: Trader) -> None:
    trader.enter()
    oid = trader.place(trigger(ETH, -0.05, 1_900, cloid=1))[0]["resting"]["oid"]
    trader.venue.set_mark("ETH", 1_890.0, START_MS + 5 * MINUTE_MS)
    trader.venue.set_mark("ETH", 2_100.0, START_MS + 6 * MINUTE_MS)
    trader.later(DAY_MS)
    fill = trader.info("userFills")[0]
    assert (fill["time"], fill["px"], fill["oid"]) == (START_MS + 5 * MINUTE_MS, "1889.9", oid)
    history = [(row["status"], row["statusTimestamp"]) for row in trader.info("historicalOrders")][:3]
    fired = START_MS + 5 * MINUTE_MS
    assert history == [("filled", fired), ("triggered", fired), ("open", START_MS)]


@pytest.mark.parametrize("coin", ["BTC", "SOL", "kPEPE"])
@pytest.mark.parametrize("percent", [-3.0, -0.4, 0.4, 3.0])
def test_the_first_crossing_is_the_one_that_second_by_second_stepping_finds(
    world: World, coin: str, percent: float
) -> None:
    venue = Trader(world=world).venue
    begin, falling = START_MS + 12_345, percent < 0
    level = venue.mark(coin, begin) * (1 + percent / 100)
    end = begin + 3 * HOUR_MS
    found = venue.crossing(coin, level, begin, end, falling=falling)

    def beyond(ms: int) -> bool:
        return venue.mark(coin, ms) <= level if falling else venue.mark(coin, ms) >= level

    stepped = next((ms for ms in range(begin, end, 1_000) if beyond(ms)), None)
    if found is None:
        assert stepped is None
    else:
        assert beyond(found)
        assert found == begin or not beyond(found - 1)
        assert stepped is None or found <= stepped
    looked = [venue.crossing(coin, level, ms, ms + 700, falling=falling) for ms in range(begin, end, 701)]
    assert next((ms for ms in looked if ms is not None), None) == found


def test_how_often_somebody_looks_changes_nothing(world: World) -> None:
    ends = []
    for step in (41_000, HOUR_MS, 2 * DAY_MS - HOUR_MS):
        trader = Trader(10_000.0, world=world)
        for coin, asset in (("BTC", BTC), ("ETH", ETH)):
            mark = trader.venue.mark(coin, START_MS)
            trader.leverage(asset, 10, is_cross=coin == "BTC")
            trader.floor.trade_by_hand(trader.account.address, coin, round(4_000 / mark, 3))
            for factor, kind in ((0.98, "sl"), (1.02, "tp")):
                at = round(mark * factor)
                trader.place(trigger(asset, -round(4_000 / mark, 3), at, kind=kind))
        while trader.clock.now_ms() < START_MS + 2 * DAY_MS - HOUR_MS:
            trader.later(min(step, START_MS + 2 * DAY_MS - HOUR_MS - trader.clock.now_ms()))
        ends.append([entry for entry in trader.floor.journal.entries if entry["kind"] != "request"])
    assert len([entry for entry in ends[0] if entry["kind"] == "fill"]) >= 3
    assert ends[0] == ends[1] == ends[2]


# What a fired stop gets


def test_a_fired_stop_fills_only_inside_its_limit_and_what_is_left_has_no_stop(trader: Trader) -> None:
    trader.enter(0.05)
    trader.place(trigger(ETH, -0.05, 1_900, price=1_889.8, cloid=1))
    trader.venue.set_depth("ETH", 40.0)
    trader.mark(1_890.0)
    assert trader.status_of(1) == "canceled"
    assert trader.position()["szi"] == "0.0288"  # type: ignore[index]
    assert trader.info("frontendOpenOrders") == []


def test_a_fired_stop_that_finds_nothing_leaves_the_position_open(trader: Trader) -> None:
    trader.enter(0.05)
    trader.place(trigger(ETH, -0.05, 1_900, cloid=1))
    trader.mark(1_650.0)
    assert trader.status_of(1) == "marketOrderNoLiquidityRejected"
    assert trader.position()["szi"] == "0.05"  # type: ignore[index]
    assert trader.info("frontendOpenOrders") == []


def test_a_fired_stop_can_be_limited_to_a_share(trader: Trader) -> None:
    trader.enter(0.05)
    trader.place(trigger(ETH, -0.05, 1_900, cloid=1))
    trader.floor.partial_next("ETH", 0.4)
    trader.mark(1_890.0)
    assert trader.status_of(1) == "canceled"
    assert trader.position()["szi"] == "0.03"  # type: ignore[index]


def test_a_fired_limit_rests_and_fills_when_the_mark_comes_back(trader: Trader) -> None:
    trader.enter(0.05)
    trader.place(trigger(ETH, -0.05, 1_900, price=1_895, is_market=False, cloid=1))
    trader.mark(1_880.0)
    assert trader.status_of(1) == "triggered"
    assert trader.info("frontendOpenOrders")[0]["orderType"] == "Stop Limit"
    trader.mark(1_896.0)
    assert trader.status_of(1) == "filled"
    assert trader.info("userFills")[0]["crossed"] is False


def test_a_stop_larger_than_the_position_closes_it_and_no_more(trader: Trader) -> None:
    trader.enter(0.05)
    trader.place(trigger(ETH, -0.5, 1_900))
    trader.mark(1_890.0)
    assert trader.position() is None
    assert trader.info("userFills")[0]["sz"] == "0.05"


def test_two_stops_are_harmless(trader: Trader) -> None:
    trader.enter(0.05)
    trader.place(trigger(ETH, -0.05, 1_900, cloid=1))
    trader.place(trigger(ETH, -0.05, 1_920, cloid=2))
    trader.mark(1_880.0)
    assert trader.position() is None
    assert [trader.status_of(number) for number in (1, 2)] == ["filled", "reduceOnlyCanceled"]
    assert len(trader.info("userFills")) == 2


def test_a_stop_that_was_left_behind_is_refused_when_it_fires_with_nothing_to_close(trader: Trader) -> None:
    trader.floor.keep_triggers()
    trader.enter(0.05)
    trader.place(trigger(ETH, -0.05, 1_900, cloid=1))
    trader.buy(ETH, -0.05, 1_900.0)
    trader.mark(1_890.0)
    assert trader.status_of(1) == "reduceOnlyRejected"
    assert trader.position() is None


def test_a_trigger_that_opens_needs_margin_only_when_it_fires(trader: Trader) -> None:
    trader.leverage(ETH, 3)
    trader.place(
        trigger(ETH, 5, 2_100, reduce_only=False, cloid=1), trigger(ETH, 0.1, 2_100, reduce_only=False, cloid=2)
    )
    trader.mark(2_101.0)
    assert [trader.status_of(number) for number in (1, 2)] == ["perpMarginRejected", "filled"]


# Entry, stop and profit together


def bracket(entry: dict[str, Any], *, stop: float = 1_900, profit: float = 2_200) -> tuple[dict[str, Any], ...]:
    return entry, trigger(ETH, -0.05, stop, cloid=2), trigger(ETH, -0.05, profit, kind="tp", cloid=3)


def test_children_live_when_their_parent_filled_and_one_ends_the_other(trader: Trader) -> None:
    statuses = trader.place(*bracket(limit(ETH, 0.05, "2010", cloid=1)), grouping="normalTpsl")
    assert list(statuses[0]) == ["filled"]
    assert statuses[1:] == ["waitingForTrigger", "waitingForTrigger"]
    trader.mark(2_210.0)
    assert [trader.status_of(number) for number in (1, 2, 3)] == ["filled", "siblingFilledCanceled", "filled"]


def test_children_wait_for_their_parent_in_the_book(trader: Trader) -> None:
    statuses = trader.place(*bracket(limit(ETH, 0.05, "1950", tif="Gtc", cloid=1)), grouping="normalTpsl")
    assert list(statuses[0]) == ["resting"]
    assert statuses[1:] == ["waitingForFill", "waitingForFill"]
    rows = {row["cloid"][-1]: row for row in trader.info("frontendOpenOrders")}
    assert [child["cloid"][-1] for child in rows["1"]["children"]] == ["2", "3"]
    assert rows.keys() == {"1", "2", "3"}
    trader.mark(1_949.0)
    assert trader.position()["szi"] == "0.05"  # type: ignore[index]
    trader.mark(1_899.0)
    assert [trader.status_of(number) for number in (1, 2, 3)] == ["filled", "filled", "siblingFilledCanceled"]


def test_children_go_with_a_parent_that_is_cancelled(trader: Trader) -> None:
    statuses = trader.place(*bracket(limit(ETH, 0.05, "1950", tif="Gtc", cloid=1)), grouping="normalTpsl")
    trader.send({"type": "cancel", "cancels": [{"a": ETH, "o": statuses[0]["resting"]["oid"]}]})
    assert [trader.status_of(number) for number in (1, 2, 3)] == ["canceled"] * 3
    assert trader.info("openOrders") == []


def test_a_parent_that_fills_partly_at_once_leaves_a_position_without_a_stop(trader: Trader) -> None:
    trader.floor.partial_next("ETH", 0.5)
    statuses = trader.place(*bracket(limit(ETH, 0.05, "2010", cloid=1)), grouping="normalTpsl")
    assert statuses[0]["filled"]["totalSz"] == "0.025"
    assert statuses[1:] == ["waitingForFill", "waitingForFill"]
    assert [trader.status_of(number) for number in (2, 3)] == ["canceled", "canceled"]
    assert trader.info("openOrders") == []
    assert trader.position()["szi"] == "0.025"  # type: ignore[index]


def test_a_stop_can_be_refused_while_its_entry_fills(trader: Trader) -> None:
    statuses = trader.place(*bracket(limit(ETH, 0.05, "2010", cloid=1), stop=2_050), grouping="normalTpsl")
    assert list(statuses[0]) == ["filled"]
    assert statuses[1:] == [{"error": "Invalid TP/SL price. asset=1"}, "waitingForTrigger"]


def test_a_parent_that_is_refused_has_no_children(trader: Trader) -> None:
    statuses = trader.place(*bracket(limit(ETH, 20, "2010", cloid=1)), grouping="normalTpsl")
    assert statuses == [{"error": "Insufficient margin to place order. asset=1"}]
    assert trader.status_of(2) == "unknownOid"


# A position's own stop


def test_a_positions_stop_has_no_number_in_the_answer_and_follows_its_size(trader: Trader) -> None:
    trader.enter(0.05)
    assert trader.place(trigger(ETH, "-0", 1_900, cloid=1), grouping="positionTpsl") == ["waitingForTrigger"]
    (row,) = trader.info("frontendOpenOrders")
    assert (row["isPositionTpsl"], row["sz"], row["origSz"]) == (True, "0.05", "0.0")
    trader.buy(ETH, 0.03, 2_010.0)
    assert trader.info("frontendOpenOrders")[0]["sz"] == "0.08"
    trader.mark(1_890.0)
    assert trader.position() is None
    assert trader.status_of(1) == "filled"


def test_a_position_has_one_stop_and_one_profit_of_its_own(trader: Trader) -> None:
    trader.enter(0.05)
    for number, (at, kind) in enumerate([(1_900, "sl"), (1_950, "sl"), (2_200, "tp")], 1):
        trader.place(trigger(ETH, "-0", at, kind=kind, cloid=number), grouping="positionTpsl")
    assert trader.open_cloids() == [2, 3]
    trader.buy(ETH, -0.05, 1_900.0)
    assert [trader.status_of(number) for number in (1, 2, 3)] == [
        "canceled",
        "reduceOnlyCanceled",
        "reduceOnlyCanceled",
    ]


def test_a_flat_account_has_no_position_to_stop(trader: Trader) -> None:
    (status,) = trader.place(trigger(ETH, "-0", 1_900), grouping="positionTpsl")
    assert status == {"error": "Reduce only order would increase position. asset=1"}


def test_only_what_reduces_is_grouped(trader: Trader) -> None:
    entry, stop, _ = bracket(limit(ETH, 0.05, "2010"))
    (status,) = trader.place(entry, {**stop, "r": False}, grouping="normalTpsl")
    assert "error" in status
    assert trader.account.fills == []


# Time


def test_an_account_without_orders_and_positions_costs_nothing(trader: Trader) -> None:
    """A month without anything to do is passed in one step."""
    trader.later(int(timedelta(days=30).total_seconds() * 1_000))
    assert [entry["kind"] for entry in trader.floor.journal.entries] == ["transfer"]


def test_scheduled_cancels_take_every_order_stops_too(trader: Trader) -> None:
    trader.enter()
    schedule = {"type": "scheduleCancel", "time": START_MS + 6_000}
    assert trader.refusal(schedule) == (
        "Cannot set scheduled cancel time until enough volume traded. Required: $1000000. Traded: $100.005."
    )
    trader.account.volumes.append((START_MS, 2e6))
    early = {"type": "scheduleCancel", "time": START_MS + 4_999}
    assert trader.refusal(early) == "Scheduled cancel time too early, must be at least 5 seconds from now."
    trader.place(trigger(ETH, -0.05, 1_900, cloid=1))
    trader.buy(ETH, 0.05, 1_900.0, tif="Gtc", cloid=2)
    trader.send(schedule)
    trader.send({"type": "scheduleCancel"})
    trader.later(7_000)
    assert trader.open_cloids() == [1, 2]
    trader.send({"type": "scheduleCancel", "time": START_MS + 12_000})
    trader.later(HOUR_MS)
    assert [trader.status_of(number) for number in (1, 2)] == ["scheduledCancel"] * 2
    assert trader.floor.journal.of("order")[-1]["at_ms"] == START_MS + 12_000
