"""Hyperliquid's info API as the local venue answers it of accounts: fills, margin, history, transfers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.venue import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    START_MS,
    TRADER,
    Client,
    clock_of,
    fill_row,
    local_venue,
    profile,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hlcopy.simulator.server import LocalVenue

NOBODY = "0x" + "9" * 40
ZERO_HASH = "0x" + "0" * 64
NOW = START_MS + DAY_MS


@pytest.fixture
def venue() -> Iterator[LocalVenue]:
    with local_venue(weight_per_minute=100_000) as served:
        clock_of(served).set(NOW)
        yield served


@pytest.fixture
def client(venue: LocalVenue) -> Iterator[Client]:
    with Client(venue) as made:
        yield made


def there_and_back(count: int, *, each_ms: int = 1_000, start_ms: int = START_MS) -> list[Any]:
    """Fills that buy and sell 0.1 BTC in turn, each an order of its own."""
    return [
        fill_row(
            time=start_ms + number * each_ms,
            sz="0.1",
            side="A" if number % 2 else "B",
            startPosition="0.1" if number % 2 else "0.0",
            dir="Close Long" if number % 2 else "Open Long",
        )
        for number in range(count)
    ]


def test_a_fill_is_told_as_on_the_wire(client: Client, venue: LocalVenue) -> None:
    mark = {"liquidatedUser": NOBODY, "markPx": "59990.0", "method": "market"}
    venue.venue.add_trader(profile(), [fill_row(oid=7, tid=8, hash=ZERO_HASH), fill_row(liquidation=mark, time=NOW)])
    plain, marked = client.info("userFillsByTime", user=TRADER, startTime=0)
    assert plain == {
        "coin": "BTC",
        "px": "60000.0",
        "sz": "1.0",
        "side": "B",
        "time": START_MS,
        "startPosition": "0.0",
        "dir": "Open Long",
        "closedPnl": "0.0",
        "hash": ZERO_HASH,
        "oid": 7,
        "crossed": True,
        "fee": "27.0",
        "tid": 8,
        "feeToken": "USDC",
        "twapId": None,
    }
    assert marked["liquidation"] == mark


def test_fills_are_2000_newest_first_and_by_time_oldest_first(client: Client, venue: LocalVenue) -> None:
    rows = there_and_back(2_500)
    venue.venue.add_trader(profile(), rows)
    tids = [row["tid"] for row in rows]
    assert [row["tid"] for row in client.info("userFills", user=TRADER)] == tids[:-2_001:-1]
    page = client.info("userFillsByTime", user=TRADER, startTime=0)
    assert [row["tid"] for row in page] == tids[:2_000]
    back = client.info("userFillsByTime", user=TRADER, startTime=0, reversed=True)
    assert [row["tid"] for row in back] == tids[:-2_001:-1]
    assert venue.usage.weight == {"userFills": 120, "userFillsByTime": 240}


def test_both_ends_of_a_period_belong_to_it(client: Client, venue: LocalVenue) -> None:
    rows = there_and_back(10)
    venue.venue.add_trader(profile(), rows)
    page = client.info("userFillsByTime", user=TRADER, startTime=rows[2]["time"], endTime=rows[5]["time"])
    assert [row["tid"] for row in page] == [row["tid"] for row in rows[2:6]]


def test_pages_that_begin_where_the_last_ended_lose_nothing(client: Client, venue: LocalVenue) -> None:
    rows = there_and_back(4_500, each_ms=7)
    venue.venue.add_trader(profile(), rows)
    seen: list[int] = []
    since = 0
    while len(page := client.info("userFillsByTime", user=TRADER, startTime=since)) > 1:
        seen += [row["tid"] for row in page if row["tid"] not in set(seen[-2_000:])]
        since = page[-1]["time"]
    assert seen == [row["tid"] for row in rows]


def test_only_the_10000_most_recent_fills_are_within_reach(client: Client, venue: LocalVenue) -> None:
    rows = there_and_back(10_100, each_ms=10)
    venue.venue.add_trader(profile(), rows)
    page = client.info("userFillsByTime", user=TRADER, startTime=0)
    assert page[0]["tid"] == rows[100]["tid"]
    assert client.info("userFillsByTime", user=TRADER, startTime=0, endTime=rows[99]["time"]) == []


def test_nothing_is_told_before_it_happens(client: Client, venue: LocalVenue) -> None:
    venue.venue.add_trader(profile(), [fill_row(time=NOW + 1)])
    assert client.info("userFillsByTime", user=TRADER, startTime=0, endTime=NOW + HOUR_MS) == []
    assert client.info("userFills", user=TRADER) == []
    clock_of(venue).advance(1)
    assert len(client.info("userFillsByTime", user=TRADER, startTime=0)) == 1


def test_fills_of_one_moment_keep_their_order(client: Client, venue: LocalVenue) -> None:
    rows = [fill_row(sz="0.1", startPosition=f"{number / 10:.1f}", oid=5) for number in range(4)]
    venue.venue.add_trader(profile(), rows)
    assert [row["startPosition"] for row in client.info("userFillsByTime", user=TRADER, startTime=0)] == [
        "0.0",
        "0.1",
        "0.2",
        "0.3",
    ]
    assert [row["startPosition"] for row in client.info("userFills", user=TRADER)] == ["0.3", "0.2", "0.1", "0.0"]


def test_aggregation_merges_what_one_crossing_order_filled_at_one_time(client: Client, venue: LocalVenue) -> None:
    order = {"oid": 5, "sz": "0.5", "fee": "1.5", "closedPnl": "2.25"}
    venue.venue.add_trader(
        profile(),
        [
            fill_row(**order, px="60000.0"),
            fill_row(**order, px="60010.0", startPosition="0.5"),
            fill_row(**order, px="60020.0", startPosition="1.0", time=START_MS + 1),
            fill_row(oid=6, sz="0.1", startPosition="1.5", time=START_MS + 2, crossed=False),
            fill_row(oid=6, sz="0.1", startPosition="1.6", time=START_MS + 2, crossed=False),
        ],
    )
    first, second, *resting = client.info("userFillsByTime", user=TRADER, startTime=0, aggregateByTime=True)
    assert (first["sz"], first["px"], first["fee"], first["closedPnl"]) == ("1.0", "60005.0", "3.0", "4.5")
    assert (first["startPosition"], second["sz"]) == ("0.0", "0.5")
    assert len(resting) == 2
    newest_first = client.info("userFills", user=TRADER, aggregateByTime=True)
    assert newest_first[-1] == first


def test_twap_slices_are_in_no_other_stream(client: Client, venue: LocalVenue) -> None:
    slices = [
        fill_row(
            twapId=3156, hash=ZERO_HASH, sz="0.1", startPosition=f"{number / 10:.1f}", time=START_MS + number * 30_000
        )
        for number in range(3)
    ]
    after = fill_row(startPosition="0.3", time=START_MS + HOUR_MS)
    venue.venue.add_trader(profile(), [*slices, after])
    assert [row["tid"] for row in client.info("userFillsByTime", user=TRADER, startTime=0)] == [after["tid"]]
    told = client.info("userTwapSliceFillsByTime", user=TRADER, startTime=0)
    assert [row["fill"]["tid"] for row in told] == [row["tid"] for row in slices]
    assert {(row["twapId"], row["fill"]["twapId"], row["fill"]["hash"]) for row in told} == {(3156, None, ZERO_HASH)}
    assert client.info("userTwapSliceFills", user=TRADER) == told[::-1]
    ends = {"startTime": slices[1]["time"], "endTime": slices[1]["time"]}
    assert client.info("userTwapSliceFillsByTime", user=TRADER, **ends) == told[1:2]


EMPTY = [
    ("userFills", {}, []),
    ("userFillsByTime", {"startTime": 0}, []),
    ("userTwapSliceFills", {}, []),
    ("userTwapSliceFillsByTime", {"startTime": 0}, []),
    ("userFunding", {"startTime": 0}, []),
    ("userNonFundingLedgerUpdates", {"startTime": 0}, []),
    ("openOrders", {}, []),
    ("frontendOpenOrders", {}, []),
    ("historicalOrders", {}, []),
    ("orderStatus", {"oid": 1}, {"status": "unknownOid"}),
    ("orderStatus", {"oid": "0x" + "f" * 32}, {"status": "unknownOid"}),
    ("spotClearinghouseState", {}, {"balances": []}),
    ("extraAgents", {}, []),
    ("userRole", {}, {"role": "missing"}),
    ("userAbstraction", {}, "default"),
]


@pytest.mark.parametrize(("kind", "keys", "answer"), EMPTY)
def test_an_unknown_account_has_empty_answers(
    client: Client, kind: str, keys: dict[str, object], answer: object
) -> None:
    assert client.info(kind, user=NOBODY, **keys) == answer


def test_an_unknown_account_is_flat_and_has_no_history(client: Client) -> None:
    state = client.info("clearinghouseState", user=NOBODY)
    nothing = {"accountValue": "0.0", "totalNtlPos": "0.0", "totalRawUsd": "0.0", "totalMarginUsed": "0.0"}
    assert state == {
        "marginSummary": nothing,
        "crossMarginSummary": nothing,
        "crossMaintenanceMarginUsed": "0.0",
        "withdrawable": "0.0",
        "assetPositions": [],
        "time": NOW,
    }
    windows = client.info("portfolio", user=NOBODY)
    assert all(window == {"accountValueHistory": [], "pnlHistory": [], "vlm": "0.0"} for _, window in windows)


def test_an_address_is_known_in_any_case(client: Client, venue: LocalVenue) -> None:
    venue.venue.add_trader(profile(), [fill_row()])
    shouted = "0x" + TRADER[2:].upper()
    assert client.info("userFills", user=shouted) == client.info("userFills", user=TRADER) != []
    assert client.info("clearinghouseState", user=shouted) == client.info("clearinghouseState", user=TRADER)
    assert client.info("userRole", user=shouted) == {"role": "user"}


def position_of(state: dict[str, Any]) -> dict[str, Any]:
    (only,) = state["assetPositions"]
    assert only["type"] == "oneWay"
    position: dict[str, Any] = only["position"]
    return position


@pytest.mark.parametrize(("side", "signed"), [("B", 1.0), ("A", -1.0)])
def test_a_cross_positions_margin_adds_up(client: Client, venue: LocalVenue, side: str, signed: float) -> None:
    venue.venue.add_trader(profile(), [fill_row(side=side, time=START_MS + 1)])
    venue.venue.set_mark("BTC", 61_200.0, NOW - HOUR_MS)
    state = client.info("clearinghouseState", user=TRADER)
    equity = 400_000.0 + signed * 1_200.0 - 27.0
    summary = {
        "accountValue": f"{equity:.1f}",
        "totalNtlPos": "61200.0",
        "totalRawUsd": f"{equity - signed * 61_200.0:.1f}",
        "totalMarginUsed": "3060.0",
    }
    liquidation = 61_200.0 - signed * (equity - 61_200.0 / 80) / (1 - signed / 80)
    told = position_of(state)
    assert told.pop("liquidationPx") == (f"{liquidation:.8f}" if liquidation > 0 else None)
    assert told == {
        "coin": "BTC",
        "szi": str(signed),
        "leverage": {"type": "cross", "value": 20},
        "entryPx": "60000.0",
        "positionValue": "61200.0",
        "unrealizedPnl": str(signed * 1_200.0),
        "returnOnEquity": str(signed * 0.4),
        "marginUsed": "3060.0",
        "maxLeverage": 40,
        "cumFunding": {"allTime": "0.0", "sinceOpen": "0.0", "sinceChange": "0.0"},
    }
    assert state["marginSummary"] == state["crossMarginSummary"] == summary
    assert state["crossMaintenanceMarginUsed"] == "765.0"
    assert state["withdrawable"] == f"{equity - 6_120.0:.1f}"  # a tenth of the notional binds, not the margin


@pytest.mark.parametrize(("side", "signed"), [("B", 1.0), ("A", -1.0)])
def test_an_isolated_positions_margin_is_its_own(client: Client, venue: LocalVenue, side: str, signed: float) -> None:
    opened = fill_row(side=side, coin="ETH", px="2000.0", sz="3.0", time=START_MS + 1, fee="0.0")
    venue.venue.add_trader(profile(isolated={"ETH": 3}), [opened])
    venue.venue.set_mark("ETH", 2_060.0, NOW - HOUR_MS)
    state = client.info("clearinghouseState", user=TRADER)
    told, margin = position_of(state), 2_000.0 + signed * 180.0
    raw = 2_000.0 - signed * 6_000.0
    assert told["leverage"] == {"type": "isolated", "value": 3, "rawUsd": str(raw)}
    assert (told["marginUsed"], told["returnOnEquity"]) == (str(margin), str(signed * 0.09))
    assert float(told["liquidationPx"]) == pytest.approx(raw / (3.0 / 50 - signed * 3.0))
    assert state["marginSummary"]["accountValue"] == str(400_000.0 + signed * 180.0)
    apart = {"accountValue": "398000.0", "totalNtlPos": "0.0", "totalRawUsd": "398000.0", "totalMarginUsed": "0.0"}
    assert state["crossMarginSummary"] == apart
    assert (state["crossMaintenanceMarginUsed"], state["withdrawable"]) == ("0.0", "398000.0")


def test_a_liquidation_price_leaves_just_the_maintenance_margin(client: Client, venue: LocalVenue) -> None:
    venue.venue.add_trader(profile(equity_usd=5_000.0), [fill_row(fee="0.0")])
    position = position_of(client.info("clearinghouseState", user=TRADER))
    price, share = float(position["liquidationPx"]), 1 / 80
    held = float(position["marginUsed"]) if position["leverage"]["type"] == "isolated" else 5_000.0
    assert held + (price - 60_000.0) == pytest.approx(price * share)


@pytest.mark.parametrize("mode", ["unifiedAccount", "portfolioMargin"])
def test_a_unified_accounts_margin_summary_isnt_its_equity(client: Client, venue: LocalVenue, mode: str) -> None:
    venue.venue.add_trader(profile(mode=mode), [fill_row(fee="0.0")])
    assert client.info("userAbstraction", user=TRADER) == mode
    state = client.info("clearinghouseState", user=TRADER)
    assert state["marginSummary"]["accountValue"] == state["marginSummary"]["totalMarginUsed"]
    assert float(state["marginSummary"]["accountValue"]) < 100_000.0
    (balance,) = client.info("spotClearinghouseState", user=TRADER)["balances"]
    assert (balance["coin"], balance["total"]) == ("USDC", "400000.0")
    day = dict(client.info("portfolio", user=TRADER))["day"]
    assert day["accountValueHistory"][-1] == [NOW, "400000.0"]


def test_a_plain_accounts_equity_is_its_margin_summary(client: Client, venue: LocalVenue) -> None:
    venue.venue.add_trader(profile(), [])
    assert client.info("userAbstraction", user=TRADER) == "default"
    assert client.info("clearinghouseState", user=TRADER)["marginSummary"]["accountValue"] == "400000.0"
    assert client.info("spotClearinghouseState", user=TRADER)["balances"][0]["total"] == "0.0"


def test_other_dexes_hold_nothing_of_the_main_one(client: Client, venue: LocalVenue) -> None:
    venue.venue.add_trader(profile(), [fill_row()])
    assert client.info("clearinghouseState", user=TRADER, dex="xyz")["assetPositions"] == []


def test_a_coins_leverage_is_told_without_a_position(client: Client, venue: LocalVenue) -> None:
    venue.venue.add_trader(profile(), [fill_row()])
    told = client.info("activeAssetData", user=TRADER, coin="ETH")
    assert (told["user"], told["coin"], told["markPx"]) == (TRADER, "ETH", "2000.0")
    assert told["leverage"] == {"type": "cross", "value": 20}
    assert len(told["maxTradeSzs"]) == len(told["availableToTrade"]) == 2
    held = client.info("activeAssetData", user=TRADER, coin="BTC")
    assert held["leverage"] == position_of(client.info("clearinghouseState", user=TRADER))["leverage"]


def test_a_portfolio_has_every_window_twice_and_ends_now(client: Client, venue: LocalVenue) -> None:
    venue.venue.add_trader(profile(), [fill_row(time=NOW - HOUR_MS)])
    venue.venue.set_mark("BTC", 61_000.0, NOW - MINUTE_MS)
    windows = client.info("portfolio", user=TRADER)
    assert [name for name, _ in windows] == [
        "day",
        "week",
        "month",
        "allTime",
        "perpDay",
        "perpWeek",
        "perpMonth",
        "perpAllTime",
    ]
    for _, window in windows:
        values, pnls = window["accountValueHistory"], window["pnlHistory"]
        assert [at for at, _ in values] == [at for at, _ in pnls] == sorted({at for at, _ in values})
        assert values[-1] == [NOW, "400973.0"]
        assert pnls[-1] == [NOW, "973.0"]
        assert float(window["vlm"]) == 60_000.0


def test_the_leaderboard_agrees_with_the_portfolio(client: Client, venue: LocalVenue) -> None:
    venue.venue.add_trader(profile(label="Fund"), [fill_row(time=NOW - HOUR_MS)])
    status, body = client.send("GET", "/leaderboard")
    (row,) = json.loads(body)["leaderboardRows"]
    assert status == 200
    assert (row["ethAddress"], row["prize"], row["displayName"]) == (TRADER, 0, "Fund")
    windows, portfolio = dict(row["windowPerformances"]), dict(client.info("portfolio", user=TRADER))
    assert list(windows)[:4] == ["day", "week", "month", "allTime"]
    assert set(windows) == set(portfolio)
    for name, figures in windows.items():
        assert set(figures) == {"pnl", "roi", "vlm"}
        assert float(figures["pnl"]) == pytest.approx(float(portfolio[name]["pnlHistory"][-1][1]))
        assert figures["vlm"] == portfolio[name]["vlm"]
        assert float(figures["roi"]) == pytest.approx(-27.0 / 400_000.0)


def test_the_leaderboard_is_made_anew_every_minute(client: Client, venue: LocalVenue) -> None:
    venue.venue.add_trader(profile(), [])
    before = client.send("GET", "/leaderboard")
    venue.venue.add_fill(fill_row(time=NOW + MINUTE_MS, fee="50.0"))
    clock_of(venue).advance(2 * MINUTE_MS)
    assert before != client.send("GET", "/leaderboard")


def test_a_liquidation_is_one_update_of_the_account_it_befell(client: Client, venue: LocalVenue) -> None:
    mark = {"liquidatedUser": TRADER.upper().replace("X", "x"), "markPx": "55000.0", "method": "market"}
    forced: dict[str, Any] = {"side": "A", "px": "55000.0", "dir": "Close Long", "liquidation": mark, "fee": "0.0"}
    at = START_MS + HOUR_MS
    venue.venue.add_trader(
        profile(equity_usd=6_000.0),
        [
            fill_row(fee="0.0"),
            fill_row(**forced, sz="0.4", startPosition="1.0", closedPnl="-2000.0", time=at),
            fill_row(**forced, sz="0.6", startPosition="0.6", closedPnl="-3000.0", time=at + 30_000),
        ],
    )
    (update,) = client.info("userNonFundingLedgerUpdates", user=TRADER, startTime=START_MS + 1)
    assert update["time"] == at
    delta = update["delta"]
    assert (delta["type"], delta["liquidatedNtlPos"]) == ("liquidation", "55000.0")
    assert delta["liquidatedPositions"] == [{"coin": "BTC", "szi": "1.0"}]
    assert delta["leverageType"] in {"Cross", "Isolated"}
    assert float(delta["accountValue"]) == pytest.approx(1_000.0)


def test_a_counterparty_of_a_liquidation_wasnt_liquidated(client: Client, venue: LocalVenue) -> None:
    mark = {"liquidatedUser": NOBODY, "markPx": "60000.0", "method": "market"}
    venue.venue.add_trader(profile(), [fill_row(liquidation=mark)])
    updates = client.info("userNonFundingLedgerUpdates", user=TRADER, startTime=0)
    assert [update for update in updates if update["delta"]["type"] == "liquidation"] == []


def test_funding_is_paid_by_those_who_hold_at_the_hour(client: Client, venue: LocalVenue) -> None:
    held = START_MS + HOUR_MS + MINUTE_MS
    venue.venue.add_trader(
        profile(),
        [
            fill_row(time=held),
            fill_row(time=held + 2 * HOUR_MS, side="A", startPosition="1.0", dir="Close Long"),
        ],
    )
    rows = client.info("userFunding", user=TRADER, startTime=START_MS)
    assert [row["time"] // HOUR_MS - START_MS // HOUR_MS for row in rows] == [2, 3]
    rates = client.info("fundingHistory", coin="BTC", startTime=held)
    for row, rate in zip(rows, rates, strict=False):
        delta = row["delta"]
        assert (row["time"], row["hash"], delta["fundingRate"]) == (rate["time"], ZERO_HASH, rate["fundingRate"])
        assert (delta["type"], delta["coin"], delta["szi"], delta["nSamples"]) == ("funding", "BTC", "1.0", None)
        assert float(delta["usdc"]) == pytest.approx(-60_000.0 * float(rate["fundingRate"]), abs=1e-5)


def test_a_trade_has_two_users(client: Client, venue: LocalVenue) -> None:
    venue.venue.add_trader(profile(), [fill_row(), fill_row(side="A", time=NOW, coin="ETH")])
    (trade,) = client.info("recentTrades", coin="BTC")
    assert trade["users"][0] == TRADER
    (sale,) = client.info("recentTrades", coin="ETH")
    assert sale["users"][1] == TRADER


def test_volume_buys_requests(client: Client, venue: LocalVenue) -> None:
    venue.venue.add_trader(profile(), [fill_row(), fill_row(time=NOW)])
    assert client.info("userRateLimit", user=TRADER) == {
        "cumVlm": "120000.00",
        "nRequestsUsed": 0,
        "nRequestsCap": 130_000,
        "nRequestsSurplus": 0,
    }
    fees = client.info("userFees", user=TRADER)
    assert (fees["userCrossRate"], fees["userAddRate"]) == ("0.00045", "0.00015")
    assert sum(float(day["userCross"]) for day in fees["dailyUserVlm"]) == 120_000.0
