"""Orders at the local venue: which are taken, in which words others are refused, and how those taken fill."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.trading import BTC, DELISTED, ETH, SOL, Trader, cloid_of, limit, orders, set_leverage, trigger
from tests.venue import START_MS

if TYPE_CHECKING:
    from collections.abc import Callable

TICK = "Price must be divisible by tick size. asset=1"
SIZE = "Order has invalid size."
MINIMUM = "Order must have minimum value of $10. asset=1"
NOTHING = "Order could not immediately match against any resting orders. asset=1"
MARGIN = "Insufficient margin to place order. asset=1"
FLAT = "Reduce only order would increase position. asset=1"
TRIGGER = "Invalid TP/SL price. asset=1"
BAND = "Order price cannot be more than 80% away from the reference price"


@pytest.fixture
def trader() -> Trader:
    return Trader()


@pytest.mark.parametrize(
    ("order", "refused"),
    [
        (limit(ETH, 0.05, "2010.5"), None),
        (limit(ETH, 0.05, "2010.55"), TICK),
        (limit(ETH, 0.05, "2010"), None),
        (limit(BTC, 0.001, "60123"), None),
        (limit(BTC, 0.001, "60123.5"), TICK.replace("=1", "=0")),
        (limit(SOL, 1, "151.12"), None),
        (limit(SOL, 1, "151.123"), TICK.replace("=1", "=3")),
        (limit(ETH, "0.0501", "2010"), None),
        (limit(ETH, "0.05001", "2010"), SIZE),
        (limit(ETH, "0", "2010"), "Order has zero size."),
        (limit(ETH, "0.005", "2010"), None),
        (limit(ETH, "0.0049", "2500"), MINIMUM),
        (limit(ETH, "0.0049", "1999", tif="Gtc"), MINIMUM),
        (limit(ETH, 0.05, "400"), BAND),
        (limit(ETH, 0.05, "401", tif="Gtc"), None),
        (limit(ETH, 0.05, "10000"), None),
        (limit(ETH, 0.05, "10001"), BAND),
        (limit(ETH, 0.05, "1999"), NOTHING),
        (limit(ETH, 0.05, "2000"), NOTHING),
        (limit(ETH, -0.05, "2000"), NOTHING),
        (limit(ETH, 0.05, "1999", tif="FrontendMarket"), "No liquidity available for market order. asset=1"),
        (
            limit(ETH, 0.05, "2001", tif="Alo"),
            "Post only order would have immediately matched, bbo was 1999.9@2000.1. asset=1",
        ),
        (limit(ETH, 0.05, "1999", tif="Alo"), None),
        (limit(ETH, 20, "2010"), MARGIN),
        (limit(ETH, 9.9, "2010"), None),
        (limit(ETH, 10, "2010"), MARGIN),
        (limit(ETH, -0.05, "1990", reduce_only=True), FLAT),
        (limit(ETH, 0.05, "2010", reduce_only=True), FLAT),
        (trigger(ETH, -0.05, 1_900), FLAT),
        (trigger(ETH, -0.05, 1_900, reduce_only=False), None),
        (limit(DELISTED, 100, "0.37"), "Trading is halted for this asset. asset=2"),
    ],
)
def test_an_order_is_taken_or_refused_in_the_venues_words(
    trader: Trader, order: dict[str, Any], refused: str | None
) -> None:
    (status,) = trader.place(order)
    assert (status.get("error") if isinstance(status, dict) else None) == refused


@pytest.mark.parametrize(
    ("size", "order", "refused"),
    [
        (0.05, trigger(ETH, -0.05, 1_900), None),
        (0.05, trigger(ETH, -0.05, 2_000), TRIGGER),
        (0.05, trigger(ETH, -0.05, 2_100), TRIGGER),
        (0.05, trigger(ETH, -0.05, 2_100, kind="tp"), None),
        (0.05, trigger(ETH, -0.05, 1_900, kind="tp"), TRIGGER),
        (-0.05, trigger(ETH, 0.05, 2_100), None),
        (-0.05, trigger(ETH, 0.05, 1_900), TRIGGER),
        (-0.05, trigger(ETH, 0.05, 1_900, kind="tp"), None),
        (0.05, trigger(ETH, -0.05, 1_900, price=1_901), TRIGGER),
        (0.05, trigger(ETH, -0.05, 1_900, price=1_900), None),
        (-0.05, trigger(ETH, 0.05, 2_100, price=2_099), TRIGGER),
        (0.05, trigger(ETH, -0.05, 1_900.123), TICK),
        (0.05, trigger(ETH, 0.05, 2_100), FLAT),
        (0.05, trigger(ETH, -0.0049, 1_900), MINIMUM),
        (0.0051, limit(ETH, -0.0051, "1990", reduce_only=True), None),
        (0.0101, limit(ETH, -0.0049, "1990", reduce_only=True), MINIMUM),
    ],
)
def test_a_stop_is_taken_or_refused_in_the_venues_words(
    trader: Trader, size: float, order: dict[str, Any], refused: str | None
) -> None:
    trader.enter(size)
    (status,) = trader.place(order)
    assert status.get("error") == refused


@pytest.mark.parametrize(
    ("held", "order"),
    [
        ("less than $10 is closed as a whole", limit(ETH, -0.006, "900", reduce_only=True)),
        ("by more than there is", limit(ETH, -0.5, "900", reduce_only=True)),
        ("without saying that it closes", limit(ETH, -0.006, "900")),
        ("by a stop", trigger(ETH, -0.006, 990)),
    ],
)
def test_the_minimum_doesnt_bind_what_closes_a_whole_position(trader: Trader, held: str, order: dict[str, Any]) -> None:
    trader.enter(0.006)
    trader.mark(1_500)
    (status,) = trader.place(order)
    assert not isinstance(status, dict) or "error" not in status, held


def test_a_part_worth_less_than_the_minimum_isnt_closed(trader: Trader) -> None:
    trader.enter(0.006)
    trader.mark(1_500)
    assert trader.buy(ETH, -0.005, 900.0, reduce_only=True) == {"error": MINIMUM}


@pytest.mark.parametrize(
    ("order", "status"),
    [
        (limit(ETH, 0.05, "2010.55", cloid=1), "tickRejected"),
        (limit(ETH, "0.0049", "2010", cloid=1), "minTradeNtlRejected"),
        (limit(ETH, 20, "2010", cloid=1), "perpMarginRejected"),
        (limit(ETH, -0.05, "1990", reduce_only=True, cloid=1), "reduceOnlyRejected"),
        (limit(ETH, 0.05, "1999", cloid=1), "iocCancelRejected"),
        (limit(ETH, 0.05, "2001", tif="Alo", cloid=1), "badAloPxRejected"),
        (trigger(ETH, -0.05, 2_100, reduce_only=False, cloid=1), "badTriggerPxRejected"),
        (limit(ETH, "0.05001", "2010", cloid=1), "unknownOid"),
        (limit(ETH, 0.05, "2001", cloid=1), "filled"),
    ],
)
def test_what_became_of_an_order_is_read_by_its_clients_number(
    trader: Trader, order: dict[str, Any], status: str
) -> None:
    trader.place(order)
    assert trader.status_of(1) == status


def test_an_order_is_filled_level_by_level_each_a_fill_of_its_own(trader: Trader) -> None:
    trader.venue.set_depth("ETH", 100.0)
    filled = trader.buy(ETH, 0.12, 2_100.0, cloid=7)["filled"]
    assert filled["totalSz"] == "0.12"
    fills = trader.info("userFillsByTime", startTime=0)
    assert [(row["px"], row["sz"], row["startPosition"]) for row in fills] == [
        ("2000.1", "0.05", "0.0"),
        ("2000.3", "0.05", "0.05"),
        ("2000.5", "0.02", "0.1"),
    ]
    assert len({(row["oid"], row["hash"], row["time"], row["cloid"]) for row in fills}) == 1
    assert len({row["tid"] for row in fills}) == 3
    assert trader.info("userFills") == fills[::-1]
    cost = sum(float(row["px"]) * float(row["sz"]) for row in fills)
    assert float(filled["avgPx"]) == pytest.approx(cost / 0.12, abs=1e-8)


def test_what_a_bound_leaves_of_an_order_is_dropped_without_a_word(trader: Trader) -> None:
    trader.venue.set_depth("ETH", 100.0)
    filled = trader.buy(ETH, 0.5, 2_000.4, cloid=7)["filled"]
    assert filled["totalSz"] == "0.1"
    assert trader.status_of(7) == "canceled"
    assert trader.info("orderStatus", oid=cloid_of(7))["order"]["order"]["sz"] == "0.4"
    assert trader.info("openOrders") == []


def test_within_one_action_nothing_is_sold_twice_but_the_next_finds_a_full_book(trader: Trader) -> None:
    trader.venue.set_depth("ETH", 100.0)
    first, second = trader.place(limit(ETH, 0.05, "2000.2"), limit(ETH, 0.05, "2000.2"))
    assert first["filled"]["totalSz"] == "0.05"
    assert second == {"error": NOTHING}
    assert "filled" in trader.buy(ETH, 0.05, 2_000.2)


def test_an_empty_book_fills_nothing(trader: Trader) -> None:
    trader.venue.set_depth("ETH", 0.0)
    assert trader.buy(ETH, 0.05, 2_100.0) == {"error": NOTHING}


@pytest.mark.parametrize(("share", "filled"), [(0.5, "0.025"), (0.33, "0.0165"), (0.01, "0.0005")])
def test_the_next_order_can_be_limited_to_a_share(trader: Trader, share: float, filled: str) -> None:
    trader.floor.partial_next("ETH", share)
    assert trader.buy(ETH, 0.05, 2_100.0)["filled"]["totalSz"] == filled
    assert trader.buy(ETH, 0.05, 2_100.0)["filled"]["totalSz"] == "0.05"


def test_a_share_of_nothing_is_no_match(trader: Trader) -> None:
    trader.floor.partial_next("ETH", 0.0)
    assert trader.buy(ETH, 0.05, 2_100.0) == {"error": NOTHING}


# Orders in the book


@pytest.mark.parametrize(
    ("size", "price", "mark", "fills"),
    [
        (0.05, 1_950.0, 1_950.1, False),
        (0.05, 1_950.0, 1_950.0, True),
        (-0.05, 2_050.0, 2_049.0, False),
        (-0.05, 2_050.0, 2_060.0, True),
    ],
)
def test_an_order_in_the_book_fills_as_maker_when_the_mark_reaches_it(
    trader: Trader, size: float, price: float, mark: float, *, fills: bool
) -> None:
    resting = trader.buy(ETH, size, price, tif="Gtc", cloid=3)["resting"]
    assert resting["cloid"] == cloid_of(3)
    trader.mark(mark)
    rows = trader.info("userFills")
    assert [(row["px"], row["crossed"], row["oid"]) for row in rows] == (
        [(f"{price}", False, resting["oid"])] if fills else []
    )
    assert trader.status_of(3) == ("filled" if fills else "open")
    if fills:
        assert float(rows[0]["fee"]) == pytest.approx(price * 0.05 * 0.00015, abs=1e-6)


def test_an_order_that_fills_partly_and_rests_says_only_that_it_rests(trader: Trader) -> None:
    trader.venue.set_depth("ETH", 100.0)
    assert "resting" in trader.buy(ETH, 0.08, 2_000.2, tif="Gtc")
    (row,) = trader.info("openOrders")
    assert (row["sz"], row["origSz"], row["limitPx"], row["side"]) == ("0.03", "0.08", "2000.2", "B")
    assert trader.position()["szi"] == "0.05"  # type: ignore[index]


def test_an_order_doesnt_trade_with_its_own_account(trader: Trader) -> None:
    trader.buy(ETH, -0.05, 2_050.0, tif="Gtc", cloid=1)
    trader.buy(ETH, 0.05, 2_060.0, cloid=2)
    assert (trader.status_of(1), trader.status_of(2)) == ("selfTradeCanceled", "filled")


def test_an_order_in_the_book_that_the_account_cant_bear_any_more_is_cancelled(trader: Trader) -> None:
    trader.buy(ETH, 5.0, 1_900.0, tif="Gtc", cloid=1)
    trader.floor.withdraw(trader.account.address, 990.0)
    trader.mark(1_900.0)
    assert trader.status_of(1) == "marginCanceled"


def test_orders_in_the_book_bind_margin_and_triggers_dont(trader: Trader) -> None:
    trader.place(trigger(ETH, -5, 1_900, reduce_only=False))
    assert trader.info("activeAssetData", coin="ETH")["availableToTrade"] == ["1000.0", "1000.0"]
    trader.buy(ETH, 5.0, 1_900.0, tif="Gtc")
    assert trader.info("activeAssetData", coin="ETH")["availableToTrade"] == ["525.0", "525.0"]


# Reducing


def test_what_only_reduces_is_shrunk_to_the_position_and_never_turns_it(trader: Trader) -> None:
    trader.enter(0.05)
    assert trader.buy(ETH, -0.5, 1_900.0, reduce_only=True)["filled"]["totalSz"] == "0.05"
    assert trader.position() is None
    assert trader.buy(ETH, -0.5, 1_900.0, reduce_only=True) == {"error": FLAT}


def test_what_only_reduces_shrinks_with_its_position_and_goes_with_it(trader: Trader) -> None:
    trader.enter(0.05)
    trader.buy(ETH, -0.1, 2_200.0, tif="Gtc", reduce_only=True, cloid=1)
    assert trader.info("openOrders")[0]["sz"] == "0.05"
    trader.buy(ETH, -0.02, 1_900.0)
    assert (trader.info("openOrders")[0]["sz"], trader.info("openOrders")[0]["origSz"]) == ("0.03", "0.1")
    trader.buy(ETH, -0.03, 1_900.0)
    assert trader.status_of(1) == "reduceOnlyCanceled"


def test_a_stop_keeps_its_size_while_the_position_shrinks_and_goes_when_it_closes(trader: Trader) -> None:
    trader.enter(0.05)
    trader.place(trigger(ETH, -0.05, 1_900, cloid=1))
    trader.buy(ETH, -0.02, 1_900.0)
    assert trader.info("frontendOpenOrders")[0]["sz"] == "0.05"
    trader.buy(ETH, -0.03, 1_900.0)
    assert trader.status_of(1) == "reduceOnlyCanceled"


def test_where_closing_leaves_stops_behind_they_close_the_next_position(trader: Trader) -> None:
    trader.floor.keep_triggers()
    trader.enter(0.05)
    trader.place(trigger(ETH, -0.05, 1_900, cloid=1))
    trader.buy(ETH, -0.05, 1_900.0)
    assert trader.status_of(1) == "open"
    trader.buy(ETH, 0.1, 2_100.0)
    trader.mark(1_890.0)
    assert trader.status_of(1) == "filled"
    assert trader.position()["szi"] == "0.05"  # type: ignore[index]


# Cancelling


def test_a_cancelled_order_is_gone_and_the_same_words_say_so_of_any_other(trader: Trader) -> None:
    oid = trader.buy(ETH, 0.05, 1_900.0, tif="Gtc")["resting"]["oid"]
    gone = {"error": "Order was never placed, already canceled, or filled. asset=1"}
    answer = trader.send({"type": "cancel", "cancels": [{"a": ETH, "o": oid}, {"a": ETH, "o": 1}]})
    assert answer == {"status": "ok", "response": {"type": "cancel", "data": {"statuses": ["success", gone]}}}
    again = trader.send({"type": "cancel", "cancels": [{"a": ETH, "o": oid}]})
    assert again["response"]["data"]["statuses"] == [gone]
    by_cloid = trader.send({"type": "cancelByCloid", "cancels": [{"asset": ETH, "cloid": cloid_of(9)}]})
    assert by_cloid["response"]["data"]["statuses"] == [gone]
    assert trader.status(oid) == "canceled"


def test_an_order_is_cancelled_under_its_own_asset_only(trader: Trader) -> None:
    oid = trader.buy(ETH, 0.05, 1_900.0, tif="Gtc")["resting"]["oid"]
    answer = trader.send({"type": "cancel", "cancels": [{"a": BTC, "o": oid}]})
    assert "error" in answer["response"]["data"]["statuses"][0]
    assert trader.status(oid) == "open"


def test_a_clients_number_may_come_twice_and_the_latest_owns_it(trader: Trader) -> None:
    first = trader.buy(ETH, 0.05, 1_900.0, tif="Gtc", cloid=1)["resting"]["oid"]
    second = trader.buy(ETH, 0.05, 1_910.0, tif="Gtc", cloid=1)["resting"]["oid"]
    assert trader.info("orderStatus", oid=cloid_of(1))["order"]["order"]["oid"] == second
    trader.send({"type": "cancelByCloid", "cancels": [{"asset": ETH, "cloid": cloid_of(1)}]})
    assert [row["oid"] for row in trader.info("openOrders")] == [first]


# Batches


@pytest.mark.parametrize(
    ("action", "statuses"),
    [
        (orders(), [{"error": "Orders are empty."}]),
        (orders(limit(ETH, 0.05, "2010"), limit(ETH, 0.05, "100")), [{"error": BAND}]),
        (orders(trigger(ETH, -0.05, 1_900), grouping="normalTpsl"), [{"error": "Main order cannot be trigger order."}]),
    ],
)
def test_some_problems_are_the_whole_batchs(trader: Trader, action: dict[str, Any], statuses: list[Any]) -> None:
    assert trader.send(action)["response"]["data"]["statuses"] == statuses
    assert trader.account.fills == []


def test_in_a_batch_each_order_has_its_own_status(trader: Trader) -> None:
    statuses = trader.place(limit(ETH, 0.05, "2010"), limit(ETH, 0.05, "2010.55"), limit(ETH, 0.05, "1900", tif="Gtc"))
    assert [next(iter(status)) for status in statuses] == ["filled", "error", "resting"]


def test_more_than_200_orders_are_too_many(trader: Trader) -> None:
    many = [limit(ETH, 0.01, "1900", tif="Gtc")] * 201
    assert trader.refusal(orders(*many)) == "Signed action over weight limit of 200."
    assert len(trader.place(*many[:200])) == 200


def test_a_builder_isnt_approved(trader: Trader) -> None:
    action = {**orders(limit(ETH, 0.05, "2010")), "builder": {"b": "0x" + "1" * 40, "f": 10}}
    assert trader.refusal(action) == "Builder fee has not been approved."


# Modifying


def modified(number: int | str, order: dict[str, Any], *, always: bool = False, batch: bool = True) -> dict[str, Any]:
    rest = {"a": True} if always else {}
    if batch:
        return {"type": "batchModify", "modifies": [{"oid": number, "order": order}], **rest}
    return {"type": "modify", "oid": number, "order": order, **rest}


def test_an_order_in_the_book_is_modified_into_a_new_one(trader: Trader) -> None:
    oid = trader.buy(ETH, 0.05, 1_900.0, tif="Gtc", cloid=1)["resting"]["oid"]
    answer = trader.send(modified(oid, limit(ETH, 0.06, "1910", tif="Gtc", cloid=1)))
    new = answer["response"]["data"]["statuses"][0]["resting"]["oid"]
    assert new > oid
    assert trader.status(oid) == "canceled"
    assert trader.send(modified(cloid_of(1), limit(ETH, 0.06, "1920", tif="Alo"), batch=False)) == {
        "status": "ok",
        "response": {"type": "default"},
    }
    assert [row["limitPx"] for row in trader.info("openOrders")] == ["1920.0"]


@pytest.mark.parametrize(
    "order",
    [
        trigger(ETH, -0.05, 1_950),
        limit(ETH, -0.05, "1900", tif="Gtc"),
        limit(ETH, -0.05, "2100", tif="Ioc"),
    ],
)
def test_a_trigger_or_what_would_execute_needs_to_be_placed_always(trader: Trader, order: dict[str, Any]) -> None:
    trader.enter()
    oid = trader.place(trigger(ETH, -0.05, 1_900))[0]["resting"]["oid"]
    assert "error" in trader.send(modified(oid, order))["response"]["data"]["statuses"][0]
    assert trader.status(oid) == "open"
    trader.send(modified(oid, order, always=True))
    assert trader.status(oid) in {"canceled", "reduceOnlyCanceled"}


def test_what_is_gone_is_modified_only_where_it_is_always_placed(trader: Trader) -> None:
    words = "Cannot modify canceled or filled order."
    order = limit(ETH, 0.05, "1900", tif="Gtc")
    assert trader.refusal(modified(1, order, batch=False)) == words
    assert trader.send(modified(1, order))["response"]["data"]["statuses"] == [{"error": words}]
    assert "resting" in trader.send(modified(1, order, always=True))["response"]["data"]["statuses"][0]


def test_a_refused_replacement_doesnt_bring_back_what_it_replaced(trader: Trader) -> None:
    trader.enter()
    oid = trader.place(trigger(ETH, -0.05, 1_900))[0]["resting"]["oid"]
    answer = trader.send(modified(oid, trigger(ETH, -0.05, 2_050), always=True))
    assert answer["response"]["data"]["statuses"] == [{"error": TRIGGER}]
    assert trader.info("openOrders") == []


# Markets in other states


@pytest.mark.parametrize(
    ("state", "order", "words"),
    [
        (
            lambda floor: floor.cap_open_interest("ETH"),
            limit(ETH, 0.05, "2010"),
            "Order would increase open interest while open interest is capped asset=1",
        ),
        (
            lambda floor: floor.post_only_until(START_MS + 5_000),
            limit(ETH, 0.05, "2010"),
            "Only post-only orders allowed immediately after network upgrade asset=1",
        ),
        (
            lambda floor: floor.refuse_next_order("Order price too far from oracle", "oracleRejected"),
            limit(ETH, 0.05, "2010"),
            "Order price too far from oracle asset=1",
        ),
        (lambda floor: floor.delist("ETH"), limit(ETH, 0.05, "2010"), "Trading is halted for this asset. asset=1"),
    ],
)
def test_a_market_may_take_no_orders(
    trader: Trader, state: Callable[[object], None], order: dict[str, Any], words: str
) -> None:
    state(trader.floor)
    assert trader.place(order) == [{"error": words}]


def test_a_capped_coin_can_still_be_closed_and_an_upgrade_lets_stops_be(trader: Trader) -> None:
    trader.enter()
    trader.floor.cap_open_interest("ETH")
    trader.floor.post_only_until(START_MS + 5_000)
    assert trader.info("perpsAtOpenInterestCap", None) == ["ETH"]
    assert "resting" in trader.place(trigger(ETH, -0.05, 1_900))[0]
    trader.later(5_000)
    assert "filled" in trader.buy(ETH, -0.05, 1_990.0)
    trader.floor.cap_open_interest("ETH", capped=False)
    assert "filled" in trader.buy(ETH, 0.05, 2_010.0)


def test_only_the_next_stop_is_refused(trader: Trader) -> None:
    trader.enter()
    trader.floor.refuse_next_stop("Invalid TP/SL price.")
    assert "filled" in trader.buy(ETH, 0.01, 2_010.0)
    assert trader.place(trigger(ETH, -0.05, 1_900, cloid=1)) == [{"error": TRIGGER}]
    assert trader.status_of(1) == "badTriggerPxRejected"
    assert "resting" in trader.place(trigger(ETH, -0.05, 1_900))[0]


def test_a_new_order_can_be_unknown_for_a_while(trader: Trader) -> None:
    trader.floor.hide_next_order(2)
    trader.buy(ETH, 0.05, 2_010.0, cloid=1)
    assert [trader.status_of(1) for _ in range(3)] == ["unknownOid", "unknownOid", "filled"]
    trader.floor.hide_order(trader.account.address, cloid_of(1), 1)
    assert [trader.status_of(1) for _ in range(2)] == ["unknownOid", "filled"]


def test_of_orders_that_are_over_only_the_latest_are_known(trader: Trader) -> None:
    trader.account.records_kept = 3
    trader.buy(ETH, 0.05, 1_900.0, tif="Gtc", cloid=9)
    for number in range(1, 6):
        trader.buy(ETH, 0.05, 2_010.0, cloid=number)
    known = [trader.status_of(number) for number in (1, 2, 3, 4, 5, 9)]
    assert known == ["unknownOid"] * 3 + ["filled", "filled", "open"]


def test_leverage_is_set_before_the_order(trader: Trader) -> None:
    assert trader.send(set_leverage(ETH, 3)) == {"status": "ok", "response": {"type": "default"}}
    assert trader.info("activeAssetData", coin="ETH")["leverage"] == {
        "type": "isolated",
        "value": 3,
        "rawUsd": "0.0",
    }
