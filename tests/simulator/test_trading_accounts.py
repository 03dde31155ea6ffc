"""Accounts that trade at the local venue: margin, leverage, funding, liquidation, and what others do to them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.trading import BTC, DELISTED, ETH, MASTER, OK, SOL, Trader, add_margin, limit, set_leverage, trigger
from tests.venue import HOUR_MS, START_MS

FUNDED_MS = START_MS // HOUR_MS * 7 % 80  # after the start, whose hour's funding is then paid


@pytest.fixture
def trader() -> Trader:
    return Trader()


def state(trader: Trader) -> dict[str, Any]:
    found: dict[str, Any] = trader.info("clearinghouseState")
    return found


# Margin


def test_an_account_that_is_flat_has_what_was_put_in(trader: Trader) -> None:
    empty = {"accountValue": "1000.0", "totalNtlPos": "0.0", "totalRawUsd": "1000.0", "totalMarginUsed": "0.0"}
    assert state(trader) == {
        "marginSummary": empty,
        "crossMarginSummary": empty,
        "crossMaintenanceMarginUsed": "0.0",
        "withdrawable": "1000.0",
        "assetPositions": [],
        "time": START_MS,
    }


def test_an_isolated_long_is_told_with_its_own_margin(trader: Trader) -> None:
    """The recorded example: 0.05 ETH of 25x at 3x, entered at the ask, the mark a little lower."""
    trader.later(FUNDED_MS)
    trader.enter(0.05)
    trader.mark(1_996.2)
    position = trader.position()
    assert position is not None
    margin, entry = round(0.05 * 2_000.1 / 3, 6), 2_000.1
    raw = margin - 0.05 * entry
    assert position["leverage"] == {"type": "isolated", "value": 3, "rawUsd": f"{raw:.6f}".rstrip("0")}
    assert (position["szi"], position["entryPx"], position["positionValue"]) == ("0.05", "2000.1", "99.81")
    assert (position["unrealizedPnl"], position["marginUsed"]) == ("-0.195", f"{raw + 0.05 * 1_996.2:.6f}".rstrip("0"))
    assert float(position["returnOnEquity"]) == pytest.approx(-0.195 / margin, abs=1e-6)
    assert float(position["liquidationPx"]) == pytest.approx(raw / (0.05 / 50 - 0.05))
    assert position["maxLeverage"] == 25
    found = state(trader)
    fee = round(0.05 * entry * 0.00045, 6)
    assert float(found["marginSummary"]["accountValue"]) == pytest.approx(1_000 - fee - 0.195)
    assert float(found["crossMarginSummary"]["accountValue"]) == pytest.approx(1_000 - fee - margin)
    assert found["withdrawable"] == found["crossMarginSummary"]["accountValue"]
    assert float(found["marginSummary"]["totalRawUsd"]) == pytest.approx(1_000 - fee - 0.195 - 99.81)
    assert found["crossMaintenanceMarginUsed"] == "0.0"


def test_an_isolated_short_is_liquidated_above(trader: Trader) -> None:
    trader.enter(-0.05, leverage=5)
    position = trader.position()
    assert position is not None
    assert position["szi"] == "-0.05"
    assert float(position["liquidationPx"]) == pytest.approx(1_999.9 * 1.2 / 1.02, rel=1e-6)


def test_a_long_without_leverage_has_no_liquidation_price(trader: Trader) -> None:
    trader.enter(0.05, leverage=1)
    position = trader.position()
    assert position is not None
    assert position["liquidationPx"] is None


def test_a_coin_that_was_never_touched_is_cross_at_20_or_its_most(trader: Trader) -> None:
    leverage = {coin: trader.info("activeAssetData", coin=coin)["leverage"] for coin in ("BTC", "SOL")}
    assert leverage == {"BTC": {"type": "cross", "value": 20}, "SOL": {"type": "cross", "value": 20}}
    trader.buy(BTC, 0.01, 60_100.0)
    position = trader.position("BTC")
    assert position is not None
    assert position["leverage"] == {"type": "cross", "value": 20}
    assert float(position["marginUsed"]) == pytest.approx(0.01 * 60_000 / 20)
    assert float(state(trader)["crossMaintenanceMarginUsed"]) == pytest.approx(0.01 * 60_000 / 80)


def test_adding_averages_the_entry_and_reducing_keeps_it(trader: Trader) -> None:
    trader.enter(0.05)
    trader.mark(2_100.0)
    trader.buy(ETH, 0.05, 2_200.0)
    both = trader.position()
    assert both is not None
    assert float(both["entryPx"]) == pytest.approx((2_000.1 + 2_100.2) / 2)
    trader.buy(ETH, -0.05, 2_000.0)
    half = trader.position()
    assert half is not None
    assert half["entryPx"] == both["entryPx"]
    assert float(half["leverage"]["rawUsd"]) == pytest.approx(float(both["leverage"]["rawUsd"]) / 2, abs=1e-5)
    close = trader.info("userFills")[0]
    assert float(close["closedPnl"]) == pytest.approx(0.05 * (2_099.8 - float(both["entryPx"])), abs=1e-5)
    assert close["dir"] == "Close Long"


def test_an_order_against_a_position_turns_it_in_one_fill(trader: Trader) -> None:
    trader.enter(0.05)
    trader.buy(ETH, -0.08, 1_900.0)
    fill = trader.info("userFills")[0]
    assert (fill["dir"], fill["startPosition"], fill["sz"]) == ("Long > Short", "0.05", "0.08")
    assert float(fill["closedPnl"]) == pytest.approx(0.05 * (1_999.9 - 2_000.1), abs=1e-6)
    position = trader.position()
    assert position is not None
    assert (position["szi"], position["entryPx"]) == ("-0.03", "1999.9")


def test_what_is_told_adds_up_to_a_millionth(trader: Trader) -> None:
    trader.enter(0.05)
    for size, price in ((0.0333, 2_100.0), (-0.07, 1_900.0), (-0.1, 1_900.0), (0.0867, 2_100.0)):
        trader.mark(2_000 + 100 * size)
        trader.buy(ETH, size, price)
        trader.later(HOUR_MS)
    fills, paid = trader.info("userFills"), trader.info("userFunding", startTime=0)
    assert trader.position() is None
    told = sum(float(row["closedPnl"]) - float(row["fee"]) for row in fills)
    told += sum(float(row["delta"]["usdc"]) for row in paid)
    assert float(state(trader)["marginSummary"]["accountValue"]) == pytest.approx(1_000 + told, abs=1e-9)


def test_what_one_position_binds_another_cant(trader: Trader) -> None:
    trader.leverage(ETH, 3)
    assert "filled" in trader.buy(ETH, 1.0, 2_100.0)
    assert trader.buy(ETH, 1.0, 2_100.0) == {"error": "Insufficient margin to place order. asset=1"}
    assert "filled" in trader.buy(ETH, -1.3, 1_900.0)


# Leverage


@pytest.mark.parametrize(
    ("action", "refused"),
    [
        (set_leverage(ETH, 25), None),
        (set_leverage(ETH, 26), "Invalid leverage value"),
        (set_leverage(ETH, 0), "Invalid leverage value"),
        (set_leverage(SOL, 20, is_cross=True), None),
    ],
)
def test_leverage_has_bounds(trader: Trader, action: dict[str, Any], refused: str | None) -> None:
    answer = trader.send(action)
    assert answer == (OK if refused is None else {"status": "err", "response": refused})


@pytest.mark.parametrize("flags", [{"onlyIsolated": True}, {"marginMode": "strictIsolated"}, {"marginMode": "noCross"}])
def test_a_coin_may_be_isolated_only(trader: Trader, flags: dict[str, Any]) -> None:
    trader.venue.set_listing("ETH", **flags)
    row = next(row for row in trader.info("meta", None)["universe"] if row["name"] == "ETH")
    assert {name: row.get(name) for name in flags} == flags
    assert trader.refusal(set_leverage(ETH, 3, is_cross=True)) == "Cross margin is not allowed for this asset."
    assert trader.info("activeAssetData", coin="ETH")["leverage"]["type"] == "isolated"


def test_the_mode_cant_change_under_a_position(trader: Trader) -> None:
    trader.enter()
    assert trader.refusal(set_leverage(ETH, 3, is_cross=True)) == "Cannot switch leverage type with open position."
    assert trader.send(set_leverage(ETH, 3)) == OK


def test_leverage_rises_under_a_position_without_touching_its_margin_and_doesnt_fall(trader: Trader) -> None:
    trader.enter(leverage=3)
    before = trader.position()
    assert before is not None
    assert trader.send(set_leverage(ETH, 10)) == OK
    after = trader.position()
    assert after is not None
    assert (after["leverage"]["value"], after["marginUsed"]) == (10, before["marginUsed"])
    assert trader.refusal(set_leverage(ETH, 2)) == (
        "Isolated position does not have sufficient margin available to decrease leverage. "
        "To decrease leverage, add margin to the position."
    )
    trader.send(add_margin(ETH, 50.0))
    assert trader.send(set_leverage(ETH, 2)) == OK


def test_cross_leverage_falls_as_far_as_the_account_bears_it(trader: Trader) -> None:
    trader.buy(ETH, 5.0, 2_100.0)
    assert trader.send(set_leverage(ETH, 11, is_cross=True)) == OK
    assert trader.refusal(set_leverage(ETH, 5, is_cross=True)) == (
        "Cross position does not have sufficient margin available to decrease leverage. "
        "To decrease leverage, deposit more collateral."
    )


@pytest.mark.parametrize(
    ("action", "refused"),
    [
        (add_margin(ETH, 0), "Update to isolated margin cannot be zero."),
        (add_margin(SOL, 5), "Cannot update margin for empty position."),
        (add_margin(BTC, 5), "Position does not use isolated margin."),
        (add_margin(ETH, 5_000), "Account does not have sufficient margin available for increase."),
        (add_margin(ETH, -1), "Position does not have sufficient margin for reduction."),
        (add_margin(ETH, 5), None),
    ],
)
def test_margin_is_added_to_isolated_positions(trader: Trader, action: dict[str, Any], refused: str | None) -> None:
    trader.buy(BTC, 0.001, 60_100.0)
    trader.enter()
    before, value = trader.position(), state(trader)["marginSummary"]["accountValue"]
    answer = trader.send(action)
    assert answer == (OK if refused is None else {"status": "err", "response": refused})
    after = trader.position()
    assert before is not None
    assert after is not None
    assert float(after["marginUsed"]) - float(before["marginUsed"]) == pytest.approx(0.0 if refused else 5.0)
    assert state(trader)["marginSummary"]["accountValue"] == value


def test_added_margin_can_be_taken_back_unless_the_coin_is_strict(trader: Trader) -> None:
    trader.enter()
    trader.send(add_margin(ETH, 50.0))
    trader.venue.set_listing("ETH", marginMode="strictIsolated")
    assert trader.refusal(add_margin(ETH, -20.0)).startswith("Cannot remove isolated margin for this asset.")
    trader.venue.set_listing("ETH", marginMode=None)
    assert trader.send(add_margin(ETH, -20.0)) == OK


# Funding


def test_funding_is_paid_every_hour_by_isolated_margin(trader: Trader) -> None:
    trader.later(FUNDED_MS)
    trader.enter(0.05)
    before = trader.position()
    assert before is not None
    cash = state(trader)["crossMarginSummary"]["accountValue"]
    trader.later(2 * HOUR_MS - 100)
    rows = trader.info("userFunding", startTime=0)
    assert [row["time"] - START_MS - HOUR_MS for row in rows] == [(START_MS // HOUR_MS + 1) * 7 % 80]
    trader.later(HOUR_MS)
    rows = trader.info("userFunding", startTime=0)
    (first, *_), paid = rows, sum(float(row["delta"]["usdc"]) for row in rows)
    oracle = trader.venue.oracle("ETH", START_MS + HOUR_MS)
    assert float(first["delta"]["usdc"]) == pytest.approx(-0.05 * oracle * 0.0000125, abs=1e-6)
    assert (first["delta"]["coin"], first["delta"]["szi"], first["delta"]["type"]) == ("ETH", "0.05", "funding")
    after = trader.position()
    assert after is not None
    assert float(after["leverage"]["rawUsd"]) == pytest.approx(float(before["leverage"]["rawUsd"]) + paid, abs=1e-6)
    assert state(trader)["crossMarginSummary"]["accountValue"] == cash
    assert float(after["cumFunding"]["sinceOpen"]) == pytest.approx(-paid, abs=1e-6)


def test_shorts_receive_what_longs_pay_and_cross_positions_pay_from_cash(trader: Trader) -> None:
    trader.later(FUNDED_MS)
    trader.buy(ETH, -0.05, 1_900.0)
    before = float(state(trader)["marginSummary"]["accountValue"])
    trader.later(HOUR_MS + 100)
    (row,) = trader.info("userFunding", startTime=0)
    assert float(row["delta"]["usdc"]) > 0
    assert float(state(trader)["marginSummary"]["accountValue"]) == pytest.approx(before + float(row["delta"]["usdc"]))


def test_who_is_flat_at_the_hour_pays_nothing(trader: Trader) -> None:
    trader.later(FUNDED_MS)
    trader.enter()
    trader.later(HOUR_MS - 200)
    trader.buy(ETH, -0.05, 1_900.0)
    trader.later(HOUR_MS)
    assert trader.info("userFunding", startTime=0) == []


# Liquidation


def test_a_position_whose_margin_runs_out_is_sold_on_the_book(trader: Trader) -> None:
    trader.enter(0.5, leverage=10)
    trader.place(trigger(ETH, -0.5, 1_500, cloid=1))
    position = trader.position()
    assert position is not None
    level = float(position["liquidationPx"])
    trader.mark(level + 1)
    assert trader.position() is not None
    trader.mark(level - 1)
    assert trader.position() is None
    fill = trader.info("userFills")[0]
    assert fill["dir"] == "Close Long"
    assert fill["liquidation"] == {
        "liquidatedUser": MASTER,
        "markPx": f"{trader.venue.mark('ETH', trader.clock.now_ms())}",
        "method": "market",
    }
    assert trader.status_of(1) == "liquidatedCanceled"
    row = trader.info("userNonFundingLedgerUpdates", startTime=0)[-1]["delta"]
    assert (row["type"], row["leverageType"]) == ("liquidation", "Isolated")
    assert row["liquidatedPositions"] == [{"coin": "ETH", "szi": "0.5"}]
    assert float(state(trader)["marginSummary"]["accountValue"]) > 900


@pytest.mark.parametrize(("size", "gap", "side"), [(0.5, 0.7, "Long"), (-0.5, 1.4, "Short")])
def test_a_gap_hands_an_isolated_position_and_its_margin_over(
    trader: Trader, size: float, gap: float, side: str
) -> None:
    trader.enter(size, leverage=10)
    free = state(trader)["crossMarginSummary"]["accountValue"]
    trader.mark(2_000 * gap)
    fill = trader.info("userFills")[0]
    assert (fill["dir"], fill["fee"]) == (f"Liquidated Isolated {side}", "0.0")
    assert fill["liquidation"]["method"] == "backstop"
    assert float(state(trader)["marginSummary"]["accountValue"]) == pytest.approx(float(free), abs=2e-6)


def test_a_stop_comes_before_liquidation_in_the_same_gap(trader: Trader) -> None:
    trader.enter(0.5, leverage=10)
    trader.place(trigger(ETH, -0.5, 1_900, cloid=1))
    trader.mark(1_850.0)
    assert trader.status_of(1) == "filled"
    assert "liquidation" not in trader.info("userFills")[0]


def test_nothing_is_liquidated_into_an_empty_book_until_the_backstop_takes_it(trader: Trader) -> None:
    trader.enter(0.5, leverage=10)
    position = trader.position()
    assert position is not None
    trader.venue.set_depth("ETH", 0.0)
    trader.mark(float(position["liquidationPx"]) - 1)
    trader.later(10 * 60_000)
    assert trader.position() is not None
    assert len(trader.info("userNonFundingLedgerUpdates", startTime=0)) == 1
    trader.mark(1_700.0)
    trader.later(30_000)
    assert trader.info("userFills")[0]["dir"] == "Liquidated Isolated Long"


def test_a_large_position_is_sold_a_fifth_first_and_the_rest_half_a_minute_later() -> None:
    trader = Trader(100_000.0)
    trader.enter(100.0, leverage=10)
    position = trader.position()
    assert position is not None
    trader.mark(round(float(position["liquidationPx"]) - 0.1, 1))
    held = trader.position()
    assert held is not None
    assert held["szi"] == "80.0"
    trader.later(30_000)
    assert trader.position() is None
    assert {row["liquidation"]["method"] for row in trader.info("userFills") if "liquidation" in row} == {"market"}


def test_cross_positions_are_liquidated_together_when_the_account_is_spent(trader: Trader) -> None:
    trader.buy(ETH, 5.0, 2_100.0)
    trader.buy(BTC, 0.05, 60_100.0)
    trader.mark(1_850.0)
    assert trader.position() is not None
    trader.mark(1_600.0)
    assert state(trader)["assetPositions"] == []
    assert {row["dir"] for row in trader.info("userFills")[:2]} == {"Liquidated Cross Long"}
    assert float(state(trader)["marginSummary"]["accountValue"]) == pytest.approx(0.0, abs=1e-4)
    row = trader.info("userNonFundingLedgerUpdates", startTime=0)[-1]["delta"]
    assert (row["leverageType"], len(row["liquidatedPositions"])) == ("Cross", 2)


def test_cross_positions_are_sold_largest_first_until_the_rest_is_safe() -> None:
    trader = Trader(6_000.0)
    trader.buy(BTC, 0.5, 60_100.0)
    trader.buy(ETH, 40.0, 2_100.0)
    trader.mark(1_904.0)  # 76,160 of 25x and 30,000 of 40x need 1,898; 2,105 are left
    assert trader.position("BTC") is not None
    trader.mark(1_893.0)
    held = {row["position"]["coin"] for row in state(trader)["assetPositions"]}
    assert held == {"BTC"}
    fill = trader.info("userFills")[0]
    assert (fill["coin"], fill["liquidation"]["method"]) == ("ETH", "market")
    row = trader.info("userNonFundingLedgerUpdates", startTime=0)[-1]["delta"]
    assert (row["leverageType"], len(row["liquidatedPositions"])) == ("Cross", 2)
    assert float(state(trader)["marginSummary"]["accountValue"]) > 0


def test_a_cross_liquidation_has_the_moment_at_which_it_was_due(trader: Trader) -> None:
    trader.buy(ETH, 9.0, 2_100.0)
    trader.venue.set_mark("ETH", 1_700.0, START_MS + 90_000)
    trader.later(HOUR_MS // 2)
    assert trader.info("userFills")[0]["time"] == START_MS + 90_000


def test_the_fees_are_told_with_the_volumes_of_a_fortnight(trader: Trader) -> None:
    trader.enter(0.05)
    told = trader.info("userFees")
    assert (told["userCrossRate"], told["userAddRate"]) == ("0.00045", "0.00015")
    assert (len(told["dailyUserVlm"]), told["dailyUserVlm"][-1]["userCross"]) == (14, "100.005")


def test_an_isolated_liquidation_leaves_the_rest_alone(trader: Trader) -> None:
    trader.buy(BTC, 0.001, 60_100.0)
    trader.enter(0.5, leverage=10)
    trader.mark(1_400.0)
    assert trader.position("ETH") is None
    assert trader.position("BTC") is not None


# What others do


def test_somebody_trades_by_hand(trader: Trader) -> None:
    trader.floor.set_leverage_by_hand(MASTER, "ETH", 3)
    trader.floor.trade_by_hand(MASTER, "ETH", 0.05)
    trader.floor.place_stop_by_hand(MASTER, "ETH", -0.05, 1_900.0)
    oid = trader.info("openOrders")[0]["oid"]
    fill = trader.info("userFills")[0]
    assert "cloid" not in fill
    assert trader.floor.set_leverage_by_hand(MASTER, "ETH", 3, is_cross=True) is not None
    trader.floor.cancel_by_hand(MASTER, oid)
    with pytest.raises(KeyError):
        trader.floor.cancel_by_hand(MASTER, oid)
    trader.floor.trade_by_hand(MASTER, "ETH", -0.05, reduce_only=True)
    assert trader.position() is None
    assert trader.account.requests == 0


def test_a_winner_can_be_deleveraged_in_part_or_wholly(trader: Trader) -> None:
    trader.enter(0.05)
    trader.place(trigger(ETH, -0.05, 1_900, cloid=1))
    trader.mark(2_200.0)
    trader.floor.deleverage(MASTER, "ETH", 0.02)
    fill = trader.info("userFills")[0]
    assert (fill["dir"], fill["px"], fill["sz"], fill["fee"]) == ("Auto-Deleveraging", "2200.0", "0.02", "0.0")
    trader.floor.deleverage(MASTER, "ETH", 1.0)
    assert trader.position() is None
    assert trader.status_of(1) == "reduceOnlyCanceled"


def test_a_coin_is_settled_and_its_orders_cancelled(trader: Trader) -> None:
    trader.enter(0.05)
    trader.place(trigger(ETH, -0.05, 1_900, cloid=1))
    trader.floor.settle("ETH", 1_234.5)
    assert [row["name"] for row in trader.info("meta", None)["universe"] if row.get("isDelisted")] == ["ETH", "MATIC"]
    fill = trader.info("userFills")[0]
    assert (fill["dir"], fill["px"]) == ("Settlement", "1234.5")
    assert trader.status_of(1) == "delistedCanceled"
    assert "error" in trader.buy(ETH, 0.05, 2_100.0)


def test_a_place_in_the_universe_that_was_delisted_long_ago_has_no_leverage(trader: Trader) -> None:
    assert trader.send(set_leverage(DELISTED, 3))["status"] == "err"
    assert trader.send(set_leverage(99, 3))["status"] == "err"
    assert "error" in trader.place(limit(99, 1, "1"))[0]


# History


def test_transfers_are_told_oldest_first(trader: Trader) -> None:
    trader.later(1_000)
    trader.floor.deposit(MASTER, 250.0)
    trader.floor.withdraw(MASTER, 100.0)
    rows = trader.info("userNonFundingLedgerUpdates", startTime=0)
    assert [(row["time"] - START_MS, row["delta"]["type"], row["delta"]["usdc"]) for row in rows] == [
        (0, "deposit", "1000.0"),
        (1_000, "deposit", "250.0"),
        (1_000, "withdraw", "100.0"),
    ]
    assert len({row["hash"] for row in rows}) == 3
    assert trader.info("userNonFundingLedgerUpdates", startTime=START_MS + 1, endTime=START_MS + 999) == []


def test_a_portfolio_tells_value_and_result_apart_from_transfers(trader: Trader) -> None:
    trader.later(HOUR_MS)
    trader.enter(0.5)
    trader.mark(2_100.0)
    trader.later(HOUR_MS)
    trader.floor.deposit(MASTER, 500.0)
    windows = dict(trader.info("portfolio"))
    day = windows["day"]
    assert day == windows["perpAllTime"]
    value, pnl = float(day["accountValueHistory"][-1][1]), float(day["pnlHistory"][-1][1])
    assert value == pytest.approx(float(state(trader)["marginSummary"]["accountValue"]), abs=1e-5)
    assert pnl == pytest.approx(value - 1_500.0, abs=1e-5)
    assert 48 < pnl < 50
    assert float(day["vlm"]) == pytest.approx(0.5 * 2_000.1)


def test_fills_are_paged_by_time_within_both_ends(trader: Trader) -> None:
    for _ in range(4):
        trader.buy(ETH, 0.05, 2_100.0)
        trader.later(1_000)
    inside = trader.info("userFillsByTime", startTime=START_MS + 1_000, endTime=START_MS + 2_000)
    assert [row["time"] - START_MS for row in inside] == [1_000, 2_000]
    newest = trader.info("userFillsByTime", startTime=0, reversed=True)
    assert newest == trader.info("userFills")
    trader.venue.set_depth("ETH", 50.0)
    trader.buy(ETH, 0.05, 2_100.0)
    merged = trader.info("userFills", aggregateByTime=True)[0]
    assert merged["sz"] == "0.05"
    assert trader.info("userTwapSliceFills") == []


def test_a_unified_account_keeps_its_money_elsewhere() -> None:
    trader = Trader(mode="unifiedAccount")
    trader.enter(0.05)
    assert trader.info("userAbstraction") == "unifiedAccount"
    found = state(trader)
    assert found["marginSummary"]["accountValue"] == found["marginSummary"]["totalMarginUsed"]
    assert found["withdrawable"] == "0.0"
    (dollars,) = trader.info("spotClearinghouseState")["balances"]
    assert float(dollars["total"]) == pytest.approx(1_000, abs=0.1)
    assert float(dollars["hold"]) == pytest.approx(33.3, abs=0.1)


def test_on_another_dex_there_is_nothing(trader: Trader) -> None:
    trader.enter()
    trader.place(trigger(ETH, -0.05, 1_900))
    assert trader.info("clearinghouseState", dex="xyz")["assetPositions"] == []
    assert trader.info("frontendOpenOrders", dex="xyz") == []
