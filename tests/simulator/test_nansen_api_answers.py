"""What Nansen's API says of wallets, crowds and coins."""

from __future__ import annotations

from typing import Any

import pytest

from hlcopy.simulator.nansen_limits import PRO
from tests.simulator.nansen_world import ALICE, BOB, CAROL, LAST_DAYS, NOW, Caller, ScriptedVenue, ago

DATES = {"date": LAST_DAYS}


def crowd() -> Caller:
    """Alice, smart, long of BTC after a gain; Bob, labelled, short of two coins; Carol, a whale, closed with a loss."""
    venue = ScriptedVenue(marks={"BTC": 110.0, "ETH": 50.0})
    alice = venue.add(ALICE, smart_money=True)
    alice.order("BTC", [(30.0, 100.0), (10.0, 100.0)], ago(30))
    alice.order("BTC", [(-20.0, 105.0)], ago(20), crossed=False)
    bob = venue.add(BOB, label='Uses "FRIEND" HL Referral Code', equity_usd=50_000.0)
    bob.order("BTC", [(-5.0, 100.0), (-5.0, 100.0)], ago(10))
    bob.order("ETH", [(-1.0, 60.0)], ago(9))
    carol = venue.add(CAROL, label="HL Perps Whale", equity_usd=5_000_000.0)
    carol.order("BTC", [(10.0, 100.0)], ago(200))
    carol.order("BTC", [(-10.0, 90.0)], ago(3))
    return Caller(venue)


def leaders(caller: Caller, **body: object) -> list[dict[str, Any]]:
    return caller.rows("perp-leaderboard", **DATES | body)


def addresses(rows: list[dict[str, Any]]) -> list[str]:
    return [row.get("trader_address") or row["address"] for row in rows]


def test_a_leader_is_told_in_dollars_and_fractions() -> None:
    row = leaders(crowd())[0]
    assert list(row.items()) == [
        ("trader_address", ALICE),
        ("trader_address_label", None),
        ("total_pnl", 300.0),
        ("realized_pnl_usd", 100.0),
        ("unrealized_pnl_usd", 200.0),
        ("roi", 300 / (6100 + 2000)),
        ("volume_usd", 6100.0),
        ("total_trades", 3),
        (
            "top_positions",
            [
                {
                    "coin": "BTC",
                    "side": "long",
                    "size_base": 20.0,
                    "position_value_usd": 2200.0,
                    "entry_price": 100.0,
                    "unrealized_pnl_usd": 200.0,
                }
            ],
        ),
        ("account_value", 100_000.0),
    ]


def test_the_best_total_comes_first_unless_asked_otherwise() -> None:
    caller = crowd()
    assert addresses(leaders(caller)) == [ALICE, BOB, CAROL]
    by_value = [{"field": "account_value", "direction": "DESC"}]
    assert addresses(leaders(caller, order_by=by_value)) == [CAROL, ALICE, BOB]
    worst_first = [{"field": "realized_pnl_usd", "direction": "ASC"}]
    assert addresses(leaders(caller, order_by=worst_first)) == [CAROL, BOB, ALICE]


LEADERS: dict[str, tuple[dict[str, object], list[str]]] = {
    "one wallet": ({"trader_address": BOB}, [BOB]),
    "several wallets, in any case": ({"trader_address": [CAROL, f"0x{'A' * 40}"]}, [ALICE, CAROL]),
    "a whole label": ({"trader_address_label": "HL Perps Whale"}, [CAROL]),
    "a part of a label": ({"trader_address_label": "%whale"}, [CAROL]),
    "one of several labels": ({"trader_address_label": ["%Referral%", "HL%Whale"]}, [BOB, CAROL]),
    "parts in their order": ({"trader_address_label": "%hl%p%wh%"}, [CAROL]),
    "parts in another order": ({"trader_address_label": "%whale%hl%"}, []),
    "another beginning": ({"trader_address_label": "Perps%"}, []),
    "ends that overlap": ({"trader_address_label": "HL Perps%ps Whale"}, []),
    "a part without wildcards": ({"trader_address_label": "Whale"}, []),
    "a label that isn't shown": ({"trader_address_label": "%Smart%"}, []),
    "an amount without bounds": ({"total_pnl": {}}, [ALICE, BOB, CAROL]),
    "an amount, both ends inclusive": ({"total_pnl": {"min": -100, "max": -90}}, [BOB, CAROL]),
    "an account value": ({"account_value": {"min": 50_000.5}}, [ALICE, CAROL]),
    "smart money": ({"include_smart_money_labels": ["Smart HL Perps Trader"]}, [ALICE]),
    "a cohort of smart money without members": ({"include_smart_money_labels": ["Fund"]}, []),
    "all but smart money": ({"exclude_smart_money_labels": ["Smart HL Perps Trader", "Fund"]}, [BOB, CAROL]),
}


@pytest.mark.parametrize(("filters", "expected"), LEADERS.values(), ids=LEADERS)
def test_leaders_are_filtered(filters: dict[str, object], expected: list[str]) -> None:
    assert addresses(leaders(crowd(), filters=filters)) == expected


def test_only_who_traded_in_the_window_leads() -> None:
    assert addresses(leaders(crowd(), date={"from": "2026-11-22", "to": "2026-11-22"})) == [BOB, CAROL]


def test_a_position_in_a_coin_not_traded_in_the_window_is_not_told() -> None:
    caller = crowd()
    caller.venue.accounts[0].order("ETH", [(1.0, 50.0)], ago(1))
    row = leaders(caller, date={"from": "2026-11-22"}, filters={"trader_address": ALICE})[0]
    assert [one["coin"] for one in row["top_positions"]] == ["ETH"]
    assert (row["unrealized_pnl_usd"], row["total_trades"]) == (0, 1)


def test_five_positions_are_told_at_most_the_largest_first() -> None:
    venue = ScriptedVenue()
    account = venue.add(ALICE)
    for size, coin in enumerate(("BTC", "ETH", "SOL", "xyz:A", "xyz:B", "xyz:C"), start=1):
        account.order(coin, [(-float(size), 100.0)], ago(1))
    told = leaders(Caller(venue))[0]["top_positions"]
    assert [one["coin"] for one in told] == ["xyz:C", "xyz:B", "xyz:A", "SOL", "ETH"]
    assert {one["side"] for one in told} == {"short"}
    assert told[0]["size_base"] == 6


ACCOUNTS = {
    "known": ("BTC", 100_000.0, 100_000.0),
    "trading HIP-3 perps only": ("xyz:NVDA", 100_000.0, 0.0),
    "too small to be looked up": ("BTC", 99.0, None),
}


@pytest.mark.parametrize(("coin", "equity", "value"), ACCOUNTS.values(), ids=ACCOUNTS)
def test_an_account_value_may_be_zero_or_null(coin: str, equity: float, value: float | None) -> None:
    venue = ScriptedVenue()
    venue.add(ALICE, equity_usd=equity).order(coin, [(1.0, 10.0)], ago(1))
    assert leaders(Caller(venue))[0]["account_value"] == value


def test_unknown_account_values_come_last_and_pass_no_filter() -> None:
    caller = crowd()
    caller.venue.accounts[1].profile = caller.venue.accounts[1].profile._replace(equity_usd=1.0)
    for direction in ("ASC", "DESC"):
        rows = leaders(caller, order_by=[{"field": "account_value", "direction": direction}])
        assert addresses(rows)[-1] == BOB
    assert BOB not in addresses(leaders(caller, filters={"account_value": {"max": 10}}))


def test_spot_alone_makes_no_leader() -> None:
    venue = ScriptedVenue()
    venue.add(ALICE).order("@107", [(1.0, 10.0)], ago(1))
    assert leaders(Caller(venue)) == []


def test_smart_labels_are_shown_to_those_who_pay_for_them() -> None:
    caller = crowd()
    caller.venue.add("0x" + "d" * 40, label="Fund").order("BTC", [(1.0, 1.0)], ago(1))
    free = caller.post("perp-leaderboard", **DATES, premium_labels=False)
    assert {row["trader_address_label"] for row in free.body["data"]} == {
        None,
        'Uses "FRIEND" HL Referral Code',
        "HL Perps Whale",
    }
    assert "x-nansen-notice" in free.headers
    paid = Caller(caller.venue, plan=PRO).post("perp-leaderboard", **DATES, premium_labels=True)
    labels = {row["trader_address"]: row["trader_address_label"] for row in paid.body["data"]}
    assert labels[ALICE] == "\N{NERD FACE} Smart HL Perps Trader [0xaaaaaa]"
    assert labels["0x" + "d" * 40] == "\N{NERD FACE} Fund [0xdddddd]"
    assert "x-nansen-notice" not in paid.headers


def positions(caller: Caller, address: str = BOB, **body: object) -> dict[str, Any]:
    answer = caller.post("profiler/perp-positions", address=address, **body)
    assert list(answer.body) == ["data"]
    data: dict[str, Any] = answer.body["data"]
    return data


def symbols(data: dict[str, Any]) -> list[str]:
    return [each["position"]["token_symbol"] for each in data["asset_positions"]]


def test_positions_are_told_in_strings_largest_first() -> None:
    data = positions(crowd())
    first = data["asset_positions"][0]
    assert first["position_type"] == "oneWay"
    assert first["position"] == {
        "cumulative_funding_all_time_usd": "0.0",
        "cumulative_funding_since_change_usd": "0.0",
        "cumulative_funding_since_open_usd": "0.0",
        "entry_price_usd": "100.0",
        "leverage_raw_usd": None,
        "leverage_type": "cross",
        "leverage_value": 10,
        "liquidation_price_usd": first["position"]["liquidation_price_usd"],
        "margin_used_usd": "110.0",
        "max_leverage_value": 40,
        "position_value_usd": "1100.0",
        "return_on_equity": "-1.0",
        "size": "-10.0",
        "token_symbol": "BTC",
        "unrealized_pnl_usd": "-100.0",
        "funding_all_time_usd": "0.0",
        "funding_since_change_usd": "0.0",
        "funding_since_open_usd": "0.0",
    }
    assert float(first["position"]["liquidation_price_usd"]) > 110
    totals = {name: value for name, value in data.items() if name != "asset_positions"}
    assert totals == {
        "cross_maintenance_margin_used_usd": totals["cross_maintenance_margin_used_usd"],
        "cross_margin_summary_account_value_usd": "50000.0",
        "cross_margin_summary_total_margin_used_usd": "115.0",
        "cross_margin_summary_total_net_liquidation_position_on_usd": "1150.0",
        "cross_margin_summary_total_raw_usd": "51150.0",
        "margin_summary_account_value_usd": "50000.0",
        "margin_summary_total_margin_used_usd": "115.0",
        "margin_summary_total_net_liquidation_position_usd": "1150.0",
        "margin_summary_total_raw_usd": "51150.0",
        "timestamp": NOW,
        "withdrawable_usd": "49885.0",
    }


def test_a_position_that_cannot_be_liquidated_has_no_liquidation_price() -> None:
    (told,) = positions(crowd(), ALICE)["asset_positions"]
    assert told["position"]["liquidation_price_usd"] is None


def test_an_isolated_position_has_a_raw_balance() -> None:
    caller = crowd()
    caller.venue.isolated = True
    (told,) = positions(caller, ALICE)["asset_positions"]
    assert told["position"]["leverage_type"] == "isolated"
    assert float(told["position"]["leverage_raw_usd"]) == pytest.approx(220 - 2200)


def test_positions_of_other_dexes_are_told_but_not_counted() -> None:
    caller = crowd()
    account = caller.venue.accounts[1]
    account.order("xyz:NVDA", [(10.0, 180.0), (10.0, 190.0)], ago(5))
    account.order("xyz:NVDA", [(-5.0, 200.0)], ago(4))
    account.order("io:NBIS", [(10.0, 180.0)], ago(4))
    account.order("io:NBIS", [(-10.0, 180.0)], ago(3))
    data = positions(caller)
    assert symbols(data) == ["xyz:NVDA", "BTC", "ETH"]
    told = data["asset_positions"][0]["position"]
    expected = {"size": "15.0", "entry_price_usd": "185.0", "position_value_usd": "3000.0", "leverage_type": "isolated"}
    assert {name: told[name] for name in expected} == expected
    assert told["unrealized_pnl_usd"] == "225.0"
    assert data["margin_summary_total_net_liquidation_position_usd"] == "1150.0"


def test_a_flipped_position_elsewhere_begins_at_the_price_of_the_flip() -> None:
    venue = ScriptedVenue()
    account = venue.add(ALICE)
    account.order("xyz:NVDA", [(10.0, 100.0)], ago(5))
    account.order("xyz:NVDA", [(-15.0, 120.0)], ago(4))
    (told,) = positions(Caller(venue), ALICE)["asset_positions"]
    assert (told["position"]["size"], told["position"]["entry_price_usd"]) == ("-5.0", "120.0")


POSITIONS: dict[str, tuple[dict[str, object], list[str]]] = {
    "a coin": ({"filters": {"token_symbol": "ETH"}}, ["ETH"]),
    "a type": ({"filters": {"position_type": "oneWay"}}, ["BTC", "ETH"]),
    "a type there isn't": ({"filters": {"position_type": "hedge"}}, []),
    "a worth": ({"filters": {"position_value_usd": {"max": 50}}}, ["ETH"]),
    "a result": ({"filters": {"unrealized_pnl_usd": {"min": 0}}}, ["ETH"]),
    "smallest first, by number": ({"order_by": [{"field": "position_value_usd", "direction": "ASC"}]}, ["ETH", "BTC"]),
    "by name": ({"order_by": [{"field": "token_symbol", "direction": "DESC"}]}, ["ETH", "BTC"]),
    "by size, shorts below": ({"order_by": [{"field": "size", "direction": "DESC"}]}, ["ETH", "BTC"]),
}


@pytest.mark.parametrize(("body", "expected"), POSITIONS.values(), ids=POSITIONS)
def test_positions_are_filtered_and_ordered(body: dict[str, object], expected: list[str]) -> None:
    assert symbols(positions(crowd(), **body)) == expected


def test_a_unified_accounts_margin_summary_is_not_its_equity() -> None:
    venue = ScriptedVenue(marks={"BTC": 110.0})
    venue.add(ALICE, mode="unifiedAccount").order("BTC", [(1.0, 100.0)], ago(1))
    caller = Caller(venue)
    assert positions(caller, ALICE)["margin_summary_account_value_usd"] == "11.0"
    assert leaders(caller)[0]["account_value"] == 100_000


def test_an_unknown_wallet_is_flat() -> None:
    data = positions(crowd(), "0x" + "9" * 40)
    assert (data["asset_positions"], data["margin_summary_account_value_usd"]) == ([], "0.0")


def summary(caller: Caller, address: str = ALICE) -> dict[str, Any]:
    data: dict[str, Any] = caller.post("profiler/perp-pnl-summary", address=address, **DATES).body["data"]
    return data


def test_a_summary_counts_closing_fills_and_aggregated_trades() -> None:
    caller = crowd()
    account = caller.venue.accounts[0]
    account.order("BTC", [(-5.0, 90.0), (-5.0, 110.0)], ago(2))
    account.order("ETH", [(1.0, 50.0)], ago(2))
    account.order("@107", [(1.0, 50.0)], ago(2))
    assert summary(caller) == {
        "top5_coins": [
            {
                "coin": "BTC",
                "realized_pnl_usd": 100.0,
                "realized_roi": 100 / 3100,
                "closed_trade_count": 3,
                "fees_usd": 5.0,
            },
            {"coin": "ETH", "realized_pnl_usd": 0.0, "realized_roi": 0, "closed_trade_count": 0, "fees_usd": 1.0},
        ],
        "traded_coin_count": 2,
        "traded_times": 4,
        "closed_trade_count": 3,
        "winning_trade_count": 2,
        "realized_pnl_usd": 100.0,
        "realized_pnl_percent": 100 / 3100,
        "win_rate": 2 / 3,
        "fees_usd": 6.0,
    }


def test_a_summary_names_the_five_best_coins() -> None:
    venue = ScriptedVenue()
    account = venue.add(ALICE)
    for gain, coin in enumerate(("BTC", "ETH", "SOL", "xyz:A", "xyz:B", "xyz:C")):
        account.order(coin, [(1.0, 100.0)], ago(2))
        account.order(coin, [(-1.0, 100.0 + gain)], ago(1))
    told = summary(Caller(venue))
    assert [one["coin"] for one in told["top5_coins"]] == ["xyz:C", "xyz:B", "xyz:A", "SOL", "ETH"]
    assert told["traded_coin_count"] == 6


def test_an_unused_wallets_summary_is_zeros() -> None:
    told = summary(crowd(), "0x" + "9" * 40)
    assert told.pop("top5_coins") == []
    assert set(told.values()) == {0}


def smart(caller: Caller, **body: object) -> list[dict[str, Any]]:
    return caller.rows("smart-money/perp-trades", **body)


def test_smart_trades_are_the_cohorts_alone_and_have_no_order_id() -> None:
    rows = smart(crowd())
    assert rows == [
        {
            "trader_address_label": "\N{NERD FACE} Smart HL Perps Trader [0xaaaaaa]",
            "trader_address": ALICE,
            "token_symbol": "BTC",
            "side": "Long",
            "action": action,
            "token_amount": amount,
            "price_usd": price,
            "value_usd": amount * price,
            "type": kind,
            "block_timestamp": stamp,
            "transaction_hash": f"0x{number:064x}",
        }
        for action, amount, price, kind, stamp, number in (
            ("Reduce", 20.0, 105.0, "Limit", "2026-11-21T16:00:00.000000", 7_000_000_002),
            ("Open", 40.0, 100.0, "Market", "2026-11-21T06:00:00.000000", 7_000_000_001),
        )
    ]


SMART: dict[str, tuple[dict[str, object], list[str]]] = {
    "by action": ({"filters": {"action": "Sell - Reduce Long"}}, ["Reduce"]),
    "by actions": ({"filters": {"action": ["Sell - Reduce Long", "Buy - Open Long"]}}, ["Reduce", "Open"]),
    "new positions only": ({"only_new_positions": True}, ["Open"]),
    "an action or a new position": (
        {"only_new_positions": True, "filters": {"action": "Sell - Reduce Long"}},
        ["Reduce", "Open"],
    ),
    "by hours": ({"lookback_hours": 24}, ["Reduce"]),
    "by kind": ({"filters": {"type": "Market"}}, ["Open"]),
    "by value": ({"filters": {"value_usd": {"min": 3000}}}, ["Open"]),
    "by coin": ({"filters": {"token_symbol": "ETH"}}, []),
    "by side": ({"filters": {"side": "Short"}}, []),
    "by wallet, who isn't smart": ({"filters": {"trader_address": [BOB]}}, []),
    "by wallet": ({"filters": {"trader_address": ALICE}}, ["Reduce", "Open"]),
}


@pytest.mark.parametrize(("body", "expected"), SMART.values(), ids=SMART)
def test_smart_trades_are_filtered(body: dict[str, object], expected: list[str]) -> None:
    assert [row["action"] for row in smart(crowd(), **body)] == expected


def test_smart_trades_of_a_week_ago_are_gone() -> None:
    caller = crowd()
    caller.clock.at += 7 * 86_400_000 - 24 * 3_600_000
    assert [row["action"] for row in smart(caller)] == ["Reduce"]


def test_a_coins_trades_are_everybodys() -> None:
    rows = crowd().rows("tgm/perp-trades", token_symbol="BTC", **DATES)
    assert addresses(rows) == [CAROL, BOB, ALICE, ALICE, CAROL]
    assert {row["type"] for row in rows} == {"MARKET", "LIMIT"}
    assert rows[0]["block_timestamp"] == "2026-11-22T09:00:00.000000Z"


TOKEN_TRADES: dict[str, tuple[dict[str, object], list[str]]] = {
    "by wallet": ({"trader_address": BOB}, ["Add"]),
    "by side": ({"side": ["Short"]}, ["Add"]),
    "by action": ({"action": ["Close", "Reduce"]}, ["Close", "Reduce"]),
    "by kind": ({"order_type": ["LIMIT"]}, ["Reduce"]),
    "without smart money": ({"exclude_smart_money_labels": ["Smart HL Perps Trader"]}, ["Close", "Add", "Open"]),
    "by amount": ({"token_amount": {"max": 10}}, ["Close", "Add", "Open"]),
}


@pytest.mark.parametrize(("filters", "expected"), TOKEN_TRADES.values(), ids=TOKEN_TRADES)
def test_a_coins_trades_are_filtered(filters: dict[str, object], expected: list[str]) -> None:
    rows = crowd().rows("tgm/perp-trades", token_symbol="BTC", filters=filters, **DATES)
    assert [row["action"] for row in rows] == expected


def test_a_coins_positions_are_numbers_but_for_the_leverage() -> None:
    rows = crowd().rows("tgm/perp-positions", token_symbol="BTC")
    assert addresses(rows) == [ALICE, BOB]
    assert rows[1] == {
        "address": BOB,
        "address_label": 'Uses "FRIEND" HL Referral Code',
        "side": "Short",
        "position_value_usd": 1100.0,
        "position_size": -10.0,
        "leverage": "10X",
        "leverage_type": "cross",
        "entry_price": 100.0,
        "mark_price": 110.0,
        "liquidation_price": rows[1]["liquidation_price"],
        "funding_usd": 0.0,
        "upnl_usd": -100.0,
    }


TOKEN_POSITIONS: dict[str, tuple[dict[str, object], list[str]]] = {
    "smart money": ({"label_type": "smart_money"}, [ALICE]),
    "whales": ({"label_type": "whale"}, []),
    "public figures": ({"label_type": "public_figure"}, []),
    "by side": ({"filters": {"side": "Short"}}, [BOB]),
    "by wallet": ({"filters": {"address": [BOB]}}, [BOB]),
    "by label": ({"filters": {"address_label": "%Smart%"}}, [ALICE]),
    "by size, shorts below zero": ({"filters": {"position_size": {"max": 0}}}, [BOB]),
    "ordered by size": ({"order_by": [{"field": "size_base", "direction": "ASC"}]}, [BOB, ALICE]),
}


@pytest.mark.parametrize(("body", "expected"), TOKEN_POSITIONS.values(), ids=TOKEN_POSITIONS)
def test_a_coins_positions_are_filtered(body: dict[str, object], expected: list[str]) -> None:
    assert addresses(crowd().rows("tgm/perp-positions", token_symbol="BTC", **body)) == expected


def test_leverage_is_ordered_by_number() -> None:
    caller = crowd()
    caller.venue.leverage[BOB] = 5
    order = [{"field": "leverage", "direction": "ASC"}]
    rows = caller.rows("tgm/perp-positions", token_symbol="BTC", order_by=order)
    assert [row["leverage"] for row in rows] == ["5X", "10X"]


def test_a_coins_leaderboard_tells_results_and_holdings() -> None:
    rows = crowd().rows("tgm/perp-pnl-leaderboard", token_symbol="BTC", **DATES)
    assert addresses(rows) == [ALICE, BOB, CAROL]
    expected = {
        "price_usd": 110.0,
        "pnl_usd_realised": 100.0,
        "pnl_usd_unrealised": 200.0,
        "pnl_usd_total": 300.0,
        "holding_amount": 20.0,
        "position_value_usd": 2200.0,
        "max_balance_held": 40.0,
        "max_balance_held_usd": 4400.0,
        "still_holding_balance_ratio": 0.5,
        "netflow_amount": 20.0,
        "netflow_amount_usd": 1900.0,
        "nof_trades": 2,
    }
    assert {name: rows[0][name] for name in expected} == expected
    assert rows[0]["roi_percent_total"] == pytest.approx(100 * 300 / 4400)


def test_a_coins_leaderboard_is_filtered_by_results() -> None:
    body = {"token_symbol": "BTC", "filters": {"pnl_usd_realised": {"max": -1}}}
    assert addresses(crowd().rows("tgm/perp-pnl-leaderboard", **DATES, **body)) == [CAROL]


def test_the_screener_tells_what_everybody_traded() -> None:
    rows = crowd().rows("perp-screener", **DATES)
    assert rows == [
        {
            "token_symbol": "BTC",
            "volume": 9000.0,
            "buy_volume": 5000.0,
            "sell_volume": 4000.0,
            "buy_sell_pressure": 1000.0,
            "trader_count": 3,
            "mark_price": 110.0,
            "funding": 0.0000125,
            "previous_price_usd": 110.0,
            "open_interest": 3300.0,
        },
        {
            "token_symbol": "ETH",
            "volume": 60.0,
            "buy_volume": 0.0,
            "sell_volume": 60.0,
            "buy_sell_pressure": -60.0,
            "trader_count": 1,
            "mark_price": 50.0,
            "funding": 0.0000125,
            "previous_price_usd": 50.0,
            "open_interest": 50.0,
        },
    ]


SCREENED: dict[str, tuple[dict[str, object], str, dict[str, float]]] = {
    "smart money": ({"trader_type": "sm"}, "smart_money_volume", {"BTC": 6100}),
    "smart money, the older way": ({"only_smart_money": True}, "smart_money_volume", {"BTC": 6100}),
    "whales": ({"trader_type": "whale"}, "volume", {"BTC": 1900}),
    "public figures": ({"trader_type": "public_figure"}, "volume", {}),
    "winners": ({"trader_type": "high_winrate_hl_perps_trader"}, "volume", {"BTC": 6100}),
    "one coin": ({"token_symbol": "ETH"}, "volume", {"ETH": 60}),
    "a sector, of which there are none": ({"sectors_filter": ["Meme"]}, "volume", {}),
    "by volume": ({"volume": {"min": 100}}, "volume", {"BTC": 9000}),
    "a cohort": ({"sm_label_filter": ["Smart HL Perps Trader"]}, "volume", {"BTC": 6100}),
    "a label": ({"trader_label_filter": ["HL Perps Whale"]}, "volume", {"BTC": 1900}),
}


@pytest.mark.parametrize(("filters", "field", "volumes"), SCREENED.values(), ids=SCREENED)
def test_the_screener_counts_the_chosen_traders(
    filters: dict[str, object], field: str, volumes: dict[str, float]
) -> None:
    rows = crowd().rows("perp-screener", filters=filters, **DATES)
    assert {row["token_symbol"]: row[field] for row in rows} == volumes


def test_the_screener_tells_a_groups_positions_by_side() -> None:
    caller = crowd()
    (row,) = caller.rows("perp-screener", filters={"trader_type": "sm"}, **DATES)
    assert (row["current_smart_money_position_longs_usd"], row["smart_money_longs_count"]) == (2200, 1)
    assert (row["current_smart_money_position_shorts_usd"], row["smart_money_shorts_count"]) == (0, 0)
    caller.venue.accounts[1].profile = caller.venue.accounts[1].profile._replace(equity_usd=2e6)
    btc = caller.rows("perp-screener", filters={"trader_type": "whale"}, **DATES)[0]
    assert (btc["current_position_shorts_usd"], btc["shorts_count"], btc["longs_count"]) == (-1100, 1, 0)


def test_position_intelligence_adds_up_a_coins_groups() -> None:
    data = crowd().post("tgm/position-intelligence", token_address="BTC").body["data"]
    assert {name: value for name, value in data.items() if value} == {
        "smart_trader_longs_usd": 2200,
        "smart_trader_total_usd": 2200,
    }
    assert len(data) == 9
