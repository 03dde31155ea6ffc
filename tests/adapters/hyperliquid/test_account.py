"""Our own account as the info API shows it: whole, or unknown."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from hlcopy.adapters.hyperliquid.account import HyperliquidAccount
from hlcopy.adapters.memory import MemoryLedger
from hlcopy.domain.book import ExitReason, IntentState
from hlcopy.domain.models import from_ms
from hlcopy.domain.refusals import Refusal
from hlcopy.ports import MISSING, UNKNOWN, Accepted, ActionBudget, Refused, RestingOrder, RestingStop, VenuePosition
from tests.adapters.hyperliquid.rows import T0, USER, FillServer, Replies, account, by_type, climb, fill, held, wired
from tests.servers import DROP, HandClock, Reply, Request, ok

if TYPE_CHECKING:
    from collections.abc import Callable

    from hlcopy.ports import Accepted as Found
    from hlcopy.ports import Controls, MissingType, UnknownType

NOW = from_ms(T0 + 60_000)
CLOID = "0x" + "c1" * 16
OTHER = "0x" + "9e" * 20


def reader(wire: Any, told: list[str] | None = None, controls: Controls | None = None) -> HyperliquidAccount:  # noqa: ANN401
    said = [] if told is None else told
    return HyperliquidAccount(
        wire.client, USER.upper().replace("0X", "0x"), controls or MemoryLedger().controls, wire.clock, said.append
    )


def clock() -> HandClock:
    return HandClock(NOW)


def position(coin: str, size: str, **changes: object) -> dict[str, Any]:
    return held(coin, size, **{"liquidationPx": "45000.5", "leverage": {"type": "isolated", "value": 3}, **changes})


def order(**changes: object) -> dict[str, Any]:
    return {
        "coin": "BTC",
        "side": "A",
        "limitPx": "51300.0",
        "sz": "0.5",
        "oid": 9,
        "timestamp": T0,
        "triggerCondition": "Price below 57000",
        "isTrigger": True,
        "triggerPx": "57000.0",
        "children": [],
        "isPositionTpsl": False,
        "reduceOnly": True,
        "orderType": "Stop Market",
        "origSz": "0.5",
        "tif": None,
        "cloid": CLOID,
        **changes,
    }


LIMIT = {"isTrigger": False, "triggerPx": "0.0", "orderType": "Limit", "tif": "Ioc", "triggerCondition": "N/A"}


# The account


def test_the_account_is_its_equity_positions_stops_and_other_orders() -> None:
    state = account("1000.5", position("BTC", "-0.5"), position("ETH", "2.0", liquidationPx=None))
    orders = [
        order(),
        order(cloid=None, coin="ETH", orderType="Stop Limit"),
        order(orderType="Take Profit Market", triggerPx="70000.0", cloid=None),
        order(**LIMIT, side="B", limitPx="50000.0", reduceOnly=False),
        order(**LIMIT, coin="@107"),
        order(coin="xyz:NVDA"),
    ]
    with wired(by_type(clearinghouseState=state, frontendOpenOrders=orders), clock=clock()) as wire:
        found = reader(wire).account(NOW)
    assert found is not UNKNOWN
    assert (found.equity, found.read_at) == (1000.5, from_ms(T0))
    assert found.positions["BTC"] == VenuePosition("BTC", -0.5, 60_000.0, 3, True, 45_000.5, 60_000.0)  # noqa: FBT003
    assert found.positions["ETH"].liquidation_price is None
    assert found.stops == (
        RestingStop("BTC", False, 0.5, 57_000.0, True, CLOID),  # noqa: FBT003
        RestingStop("ETH", False, 0.5, 57_000.0, True, None),  # noqa: FBT003
    )
    assert found.orders == (
        RestingOrder("BTC", False, 0.5, 70_000.0, True, None),  # noqa: FBT003
        RestingOrder("BTC", True, 0.5, 50_000.0, False, CLOID),  # noqa: FBT003
    )


@pytest.mark.parametrize(
    "failure",
    [DROP, (500, {}, None), (429, {}, None), ok(None), ok({}), ok([1]), ok(b"<html>"), ok(b'{"time":')],
    ids=["dropped", "500", "429", "null", "an object", "a list", "HTML", "cut short"],
)
@pytest.mark.parametrize("which", ["clearinghouseState", "frontendOpenOrders"])
def test_what_can_t_be_read_is_unknown_and_told_never_flat(failure: Reply, which: str) -> None:
    told: list[str] = []
    answers = {"clearinghouseState": account("1"), "frontendOpenOrders": [], which: Replies([failure])}
    with wired(by_type(**answers), clock=clock(), patience=0.0) as wire:
        assert reader(wire, told).account(NOW) is UNKNOWN
    assert len(told) == 1
    assert told[0].startswith("our account: ")


MALFORMED: dict[str, dict[str, Any]] = {
    "a size that isn't a number": position("BTC", "NaN"),
    "an infinite value": position("BTC", "1", positionValue="Infinity"),
    "no entry": position("BTC", "1", entryPx=None),
    "no liquidation price, not even null": {
        key: value for key, value in position("BTC", "1").items() if key != "liquidationPx"
    },
    "no leverage": {key: value for key, value in position("BTC", "1").items() if key != "leverage"},
    "another margin mode": position("BTC", "1", leverage={"type": "newMode", "value": 3}),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_position_that_lacks_something_makes_the_account_unknown(case: str) -> None:
    answers = {"clearinghouseState": account("1", MALFORMED[case]), "frontendOpenOrders": []}
    with wired(by_type(**answers), clock=clock()) as wire:
        assert reader(wire).account(NOW) is UNKNOWN


@pytest.mark.parametrize(
    "missing", ["coin", "side", "sz", "origSz", "isTrigger", "triggerPx", "reduceOnly", "orderType"]
)
def test_an_order_that_lacks_something_makes_the_account_unknown(missing: str) -> None:
    row = {key: value for key, value in order().items() if key != missing}
    with wired(by_type(clearinghouseState=account("1"), frontendOpenOrders=[row]), clock=clock()) as wire:
        assert reader(wire).account(NOW) is UNKNOWN


def times(*moments: int) -> Callable[[Request], Reply]:
    return by_type(clearinghouseState=Replies(ok(account("1", time=at)) for at in moments), frontendOpenOrders=[])


@pytest.mark.parametrize(
    ("case", "moments", "known"),
    [
        ("as old as the last one", [T0, T0], True),
        ("older once, then newer", [T0, T0 - 1, T0 + 5], True),
        ("older twice", [T0, T0 - 1, T0 - 1], False),
    ],
)
def test_an_account_older_than_the_last_one_is_read_once_more(case: str, moments: list[int], known: bool) -> None:  # noqa: FBT001
    with wired(times(*moments), clock=clock()) as wire:
        ours = reader(wire)
        assert ours.account(NOW) is not UNKNOWN
        assert (ours.account(NOW) is not UNKNOWN) is known, case


@pytest.mark.parametrize(
    ("case", "moments", "known"),
    [
        ("two seconds before, which clocks may be apart", [T0 - 2_000], True),
        ("earlier, twice", [T0 - 2_001, T0 - 2_001], False),
        ("earlier, then later", [T0 - 10_000, T0 + 1], True),
    ],
)
def test_an_account_from_before_an_acknowledged_send_is_stale(case: str, moments: list[int], known: bool) -> None:  # noqa: FBT001
    with wired(times(*moments), clock=clock()) as wire:
        ours = reader(wire)
        ours.acknowledged(T0)
        assert (ours.account(NOW) is not UNKNOWN) is known, case


def test_one_moment_far_in_the_future_doesn_t_make_all_that_follow_look_old() -> None:
    with wired(times(T0 + 3_600_000, T0 + 63_000), clock=clock()) as wire:
        ours = reader(wire)
        assert ours.account(NOW) is not UNKNOWN
        assert ours.account(NOW) is not UNKNOWN


NOW_MS = T0 + 60_000


@pytest.mark.parametrize(
    ("case", "moments", "behind_ms"),
    [
        ("as near as clocks may be", [NOW_MS + 2_000], 0),
        ("behind", [NOW_MS + 2_001], 2_001),
        ("ahead, or an old reading", [NOW_MS - 30_000], 0),
        ("an old reading among newer ones", [NOW_MS + 30_000, NOW_MS + 5_000], 30_000),
    ],
)
def test_how_far_our_clock_is_behind_is_told_by_readings(case: str, moments: list[int], behind_ms: int) -> None:
    with wired(times(*moments), clock=clock()) as wire:
        ours = reader(wire)
        assert ours.behind_ms() == 0
        for _ in moments:
            assert ours.account(NOW) is not UNKNOWN
        assert ours.behind_ms() == behind_ms, case


# Orders


def find(
    answer: object, fills: object = (), told: list[str] | None = None
) -> Found | Refused | MissingType | UnknownType:
    answers = by_type(orderStatus=answer, userFillsByTime=list(fills) if isinstance(fills, tuple) else fills)
    with wired(answers, clock=clock(), patience=0.0) as wire:
        return reader(wire, told).find(CLOID, NOW)


def record(status: str, ended: int = T0, **changes: object) -> dict[str, Any]:
    return {"status": "order", "order": {"order": order(**changes), "status": status, "statusTimestamp": ended}}


def test_an_unknown_order_is_missing() -> None:
    assert find({"status": "unknownOid"}) is MISSING


@pytest.mark.parametrize("status", ["open", "triggered"])
def test_an_order_that_isn_t_over_rests(status: str) -> None:
    assert find(record(status)) == Accepted(IntentState.RESTING, venue_order_id=9)


@pytest.mark.parametrize(
    "status",
    [
        *("canceled", "marginCanceled", "vaultWithdrawalCanceled", "openInterestCapCanceled", "selfTradeCanceled"),
        *("reduceOnlyCanceled", "siblingFilledCanceled", "delistedCanceled", "liquidatedCanceled"),
        *("outcomeSettledCanceled", "scheduledCancel", "internalCancel", "someDayCanceled"),
    ],
)
def test_a_cancelled_order_is_cancelled_for_whatever_reason(status: str) -> None:
    assert find(record(status)) == Accepted(IntentState.CANCELLED, venue_order_id=9)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("iocCancelRejected", Refusal.NO_MATCH),
        ("badTriggerPxRejected", Refusal.BAD_TRIGGER),
        ("rejected", Refusal.OTHER),
        ("someDayRejected", Refusal.OTHER),
    ],
)
def test_a_rejected_order_is_refused(status: str, kind: Refusal) -> None:
    assert find(record(status)) == Refused(status, kind)


@pytest.mark.parametrize(
    "answer",
    [
        record("pondering"),
        record("filled", cloid="0x" + "d" * 32),
        {"status": "perhaps"},
        {"status": "order"},
        {"status": "order", "order": {"order": order(), "status": "filled"}},
    ],
    ids=["a status yet unknown", "another order", "an answer yet unknown", "no record", "no time"],
)
def test_what_isn_t_understood_of_an_order_is_unknown_and_told(answer: object) -> None:
    told: list[str] = []
    assert find(answer, told=told) is UNKNOWN
    assert len(told) == 1


def own_fill(size: str = "0.5", number: int = 1, **changes: object) -> dict[str, Any]:
    return fill(number, T0, **{"sz": size, "oid": 9, "px": "60000.0", "side": "A", "cloid": CLOID, **changes})


ENTRY = {**LIMIT, "side": "B", "reduceOnly": False, "limitPx": "61000.0"}


def test_how_much_of_an_order_filled_and_at_what_price_is_told_by_its_fills() -> None:
    fills = (own_fill("0.2"), own_fill("0.3", 2, px="60100.0"), own_fill("9", 3, oid=8), own_fill("9", 4, coin="ETH"))
    found = find(record("filled", **ENTRY, sz="0.0"), fills)
    assert found == Accepted(IntentState.FILLED, 0.5, pytest.approx(60_060.0), 9)


def test_a_filled_entry_whose_fills_aren_t_all_shown_is_unknown() -> None:
    answer = record("filled", T0 + 50_000, **ENTRY, sz="0.0")
    assert find(answer) is UNKNOWN
    assert find(answer, (own_fill("0.2"),)) is UNKNOWN


def test_after_a_minute_its_fills_are_believed() -> None:
    found = find(record("filled", T0 - 60_000, **ENTRY, sz="0.0"), (own_fill("0.2"),))
    assert found == Accepted(IntentState.FILLED, 0.2, 60_000.0, 9)


def test_a_filled_order_without_any_fill_is_unknown_however_old() -> None:
    assert find(record("filled", T0 - 3_600_000, **ENTRY, sz="0.0")) is UNKNOWN
    assert find(record("filled", T0 - 3_600_000, sz="0.5")) is UNKNOWN


def test_fills_that_can_t_be_read_make_a_filled_order_unknown() -> None:
    assert find(record("filled", **ENTRY, sz="0.0"), Replies([(500, {}, None)])) is UNKNOWN


@pytest.mark.parametrize("status", ["canceled", "iocCancelRejected"])
def test_an_order_that_ended_after_a_part_filled_is_filled_for_that_part(status: str) -> None:
    found = find(record(status, **ENTRY, sz="0.3"), (own_fill("0.2"),))
    assert found == Accepted(IntentState.FILLED, 0.2, 60_000.0, 9)


def test_a_reduce_only_order_that_shrank_and_was_cancelled_filled_nothing() -> None:
    assert find(record("reduceOnlyCanceled", sz="0.1")) == Accepted(IntentState.CANCELLED, venue_order_id=9)


def test_a_reduce_only_order_larger_than_its_position_filled_what_there_was() -> None:
    found = find(record("filled", T0 + 50_000, **LIMIT, sz="0.0"), (own_fill("0.1"),))
    assert found == Accepted(IntentState.FILLED, 0.1, 60_000.0, 9)


# Fills


def fills_of(*rows: dict[str, Any], told: list[str] | None = None) -> Any:  # noqa: ANN401
    with wired(FillServer(list(rows)), clock=clock()) as wire:
        return reader(wire, told).fills(from_ms(T0), NOW)


def test_a_fill_has_its_order_its_fee_and_an_identity_of_its_own() -> None:
    first, second = fills_of(own_fill(cloid=CLOID.upper().replace("0X", "0x")), own_fill(number=2, cloid=None))
    assert (first.coin, first.is_buy, first.price, first.size, first.fee) == ("BTC", False, 60_000.0, 0.5, 0.27)
    assert (first.time, first.client_order_id, first.venue_order_id) == (from_ms(T0), CLOID, 9)
    assert second.client_order_id is None
    assert first.identity == f"hl:{USER}:BTC:1000001:A"
    assert second.identity != first.identity


@pytest.mark.parametrize(
    ("case", "changes", "forced"),
    [
        ("an ordinary close", {"dir": "Close Long"}, None),
        ("our liquidation on the book", {"liquidation": {"liquidatedUser": USER}}, ExitReason.LIQUIDATED),
        ("written in capitals", {"liquidation": {"liquidatedUser": "0x" + USER[2:].upper()}}, ExitReason.LIQUIDATED),
        ("our liquidation by the backstop", {"dir": "Liquidated Isolated Long"}, ExitReason.LIQUIDATED),
        ("another's, whom we traded with", {"liquidation": {"liquidatedUser": OTHER}}, None),
        ("somebody's, unnamed", {"liquidation": {"method": "market"}}, None),
        ("deleveraging", {"dir": "Auto-Deleveraging"}, ExitReason.ADL),
        ("a settlement", {"dir": "Settlement"}, ExitReason.SETTLED),
    ],
)
def test_a_fill_says_whether_the_venue_took_the_position(
    case: str, changes: dict[str, object], forced: ExitReason | None
) -> None:
    (found,) = fills_of(own_fill(**changes))
    assert found.forced is forced, case


def test_only_perps_of_the_main_dex_are_ours() -> None:
    assert fills_of(*(own_fill(coin=name) for name in ("@107", "PURR/USDC", "xyz:NVDA", "#12"))) == []


def test_a_fee_in_another_token_is_told() -> None:
    told: list[str] = []
    fills_of(own_fill(feeToken="HYPE"), told=told)
    assert told == ["the fee of a fill in BTC is in HYPE and is counted as if in USD"]


def test_all_pages_of_fills_are_read_once_each_oldest_first() -> None:
    found = fills_of(*climb([T0 + number // 3 for number in range(4_500)]))
    assert len({each.identity for each in found}) == len(found) == 4_500
    assert [each.time for each in found] == sorted(each.time for each in found)


def test_fills_that_break_off_after_a_page_are_unknown() -> None:
    page = climb([T0 + number for number in range(2_000)])
    with wired([ok(page), (500, {}, None)], clock=clock(), patience=0.0) as wire:
        assert reader(wire).fills(from_ms(T0), NOW) is UNKNOWN


def test_as_many_fills_as_the_venue_serves_may_be_cut_off_and_are_unknown() -> None:
    told: list[str] = []
    assert fills_of(*climb([T0 + number for number in range(10_001)]), told=told) is UNKNOWN
    assert "the venue serves no more" in told[0]


# Funding

HOUR = 1_794_999_600_000


def payment(time: int, usdc: str, coin: str = "BTC") -> dict[str, Any]:
    delta = {"type": "funding", "coin": coin, "usdc": usdc, "szi": "1", "fundingRate": "0.0000125", "nSamples": None}
    return {"time": time, "hash": "0x0", "delta": delta}


PAYMENTS = [
    payment(HOUR - 7_200_000 + 31, "-5.0"),
    payment(HOUR - 3_600_000 + 31, "-1.5"),
    payment(HOUR - 3_600_000 + 31, "-9.0", "ETH"),
    payment(HOUR + 31, "0.5"),
]


class FundingServer:
    """Serves payments by the venue's rules."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = [*rows]
        self.asked = 0

    def __call__(self, request: Request) -> Reply:
        self.asked += 1
        begin, end = request.json["startTime"], request.json["endTime"]
        return ok([row for row in self.rows if begin <= row["time"] <= end][:500])


def test_funding_is_what_was_paid_after_a_moment_and_up_to_another() -> None:
    server = FundingServer(PAYMENTS)
    with wired(server, clock=clock()) as wire:
        ours, until = reader(wire), from_ms(HOUR + 120_000)
        since = from_ms(HOUR - 7_200_000 + 31)
        assert ours.funding("BTC", since, until) == 1.0
        assert ours.funding("ETH", since, until) == 9.0
        assert ours.funding("SOL", since, until) == 0.0
        assert server.asked == 1


def test_within_an_hour_nothing_is_read_again_and_after_it_is() -> None:
    server = FundingServer(PAYMENTS)
    with wired(server, clock=clock()) as wire:
        ours, since = reader(wire), from_ms(HOUR - 7_200_000 + 31)
        for minutes in (2, 10, 59):
            assert ours.funding("BTC", since, from_ms(HOUR + minutes * 60_000)) == 1.0
        assert server.asked == 1
        server.rows.append(payment(HOUR + 3_600_031, "-2.0"))
        assert ours.funding("BTC", since, from_ms(HOUR + 3_700_000)) == 3.0
        assert server.asked == 2


def test_a_rate_that_comes_late_is_found_by_the_next_look() -> None:
    server = FundingServer(PAYMENTS[:-1])
    with wired(server, clock=clock()) as wire:
        ours, since = reader(wire), from_ms(HOUR - 7_200_000 + 31)
        assert ours.funding("BTC", since, from_ms(HOUR + 5_000)) == 1.5
        server.rows.append(PAYMENTS[-1])
        assert ours.funding("BTC", since, from_ms(HOUR + 35_000)) == 1.0


def test_an_earlier_moment_is_read_from_there() -> None:
    server = FundingServer(PAYMENTS)
    with wired(server, clock=clock()) as wire:
        ours, until = reader(wire), from_ms(HOUR + 120_000)
        assert ours.funding("BTC", from_ms(HOUR - 60_000), until) == -0.5
        assert ours.funding("BTC", from_ms(HOUR - 9_000_000), until) == 6.0


def test_without_an_hour_in_between_nothing_is_asked() -> None:
    with wired([], clock=clock()) as wire:
        assert reader(wire).funding("BTC", from_ms(HOUR + 60_000), from_ms(HOUR + 3_599_000)) == 0.0


def test_all_pages_of_funding_are_added_up() -> None:
    rows = [payment(HOUR - number * 3_600_000, "-1.0") for number in range(1_200, 0, -1)]
    with wired(FundingServer(rows), clock=clock()) as wire:
        assert reader(wire).funding("BTC", from_ms(HOUR - 1_201 * 3_600_000), from_ms(HOUR)) == 1_200.0


def test_funding_that_can_t_be_read_is_unknown() -> None:
    with wired([DROP], clock=clock(), patience=0.0) as wire:
        assert reader(wire).funding("BTC", from_ms(HOUR - 1), from_ms(HOUR + 60_000)) is UNKNOWN


# Transfers

MOVES: dict[str, tuple[dict[str, object], float | UnknownType]] = {
    "a deposit": ({"type": "deposit", "usdc": "100"}, 100.0),
    "a withdrawal and its fee": ({"type": "withdraw", "usdc": "100", "fee": "1", "nonce": 1}, -101.0),
    "from spot": ({"type": "accountClassTransfer", "usdc": "5", "toPerp": True}, 5.0),
    "to spot": ({"type": "accountClassTransfer", "usdc": "5", "toPerp": False}, -5.0),
    "to spot or from it": ({"type": "accountClassTransfer", "usdc": "5"}, UNKNOWN),
    "sent to us": ({"type": "internalTransfer", "usdc": "5", "user": OTHER, "destination": USER, "fee": "1"}, 5.0),
    "sent by us": ({"type": "internalTransfer", "usdc": "5", "user": USER, "destination": OTHER, "fee": "1"}, -6.0),
    "sent by us to us": ({"type": "internalTransfer", "usdc": "5", "user": USER, "destination": USER}, 0.0),
    "to our subaccount": ({"type": "subAccountTransfer", "usdc": "5", "user": USER, "destination": OTHER}, -5.0),
    "to us as a subaccount": ({"type": "subAccountTransfer", "usdc": "5", "user": OTHER, "destination": USER}, 5.0),
    "sent from spot to our perps": (
        {
            "type": "send",
            "token": "USDC",
            "amount": "5",
            "user": USER,
            "destination": USER,
            "sourceDex": "spot",
            "destinationDex": "",
        },
        5.0,
    ),
    "sent from our perps to another dex": (
        {
            "type": "send",
            "token": "USDC",
            "amount": "5",
            "user": USER,
            "destination": USER,
            "sourceDex": "",
            "destinationDex": "xyz",
        },
        -5.0,
    ),
    "another token sent": ({"type": "send", "token": "HYPE", "amount": "5", "user": USER, "destination": OTHER}, 0.0),
    "a spot transfer": ({"type": "spotTransfer", "token": "HYPE", "amount": "5", "usdcValue": "9"}, 0.0),
    "into a vault": ({"type": "vaultDeposit", "vault": OTHER, "usdc": "5"}, -5.0),
    "a vault made": ({"type": "vaultCreate", "vault": OTHER, "usdc": "100", "fee": "50"}, -150.0),
    "out of a vault": ({"type": "vaultWithdraw", "vault": OTHER, "user": USER, "netWithdrawnUsd": "5"}, 5.0),
    "out of a vault, how much isn't said": ({"type": "vaultWithdraw", "vault": OTHER}, UNKNOWN),
    "a vault's distribution": ({"type": "vaultDistribution", "vault": OTHER, "usdc": "5"}, 5.0),
    "rewards, which go to spot": ({"type": "rewardsClaim", "amount": "5", "token": "USDC"}, 0.0),
    "staking": ({"type": "cStakingTransfer", "token": "HYPE", "amount": "5", "isDeposit": True}, 0.0),
    "a liquidation, which is trading": ({"type": "liquidation", "accountValue": "3"}, 0.0),
    "something new with an amount": ({"type": "newThing", "usdc": "5"}, UNKNOWN),
    "something new without": ({"type": "newThing"}, 0.0),
    "a deposit of nothing readable": ({"type": "deposit", "usdc": "NaN"}, UNKNOWN),
    "a deposit without an amount": ({"type": "deposit"}, UNKNOWN),
}


@pytest.mark.parametrize("case", MOVES)
def test_what_a_ledger_update_moved_into_our_margin(case: str) -> None:
    delta, moved = MOVES[case]
    with wired([ok([{"time": T0, "hash": "0x1", "delta": delta}])], clock=clock()) as wire:
        found = reader(wire).transfers(from_ms(T0 - 1), NOW)
    assert found is moved or found == moved


def test_transfers_count_after_a_moment_and_once_each() -> None:
    rows = [
        {"time": T0 + number, "hash": "0x1", "delta": {"type": "deposit", "usdc": str(10**number)}}
        for number in range(3)
    ]
    with wired([ok(rows)], clock=clock()) as wire:
        assert reader(wire).transfers(from_ms(T0), NOW) == 110.0
        (asked,) = wire.asked()
    assert asked["endTime"] == T0 + 60_000


# Budget and leverage


def test_the_budget_is_read_once_in_ten_minutes_for_all_processes() -> None:
    controls = MemoryLedger().controls
    limit = {"cumVlm": "2854.59", "nRequestsUsed": 289, "nRequestsCap": 12_854, "nRequestsSurplus": 0}
    with wired(by_type(userRateLimit=limit), clock=clock()) as wire:
        for minutes in (0, 5, 9):
            ours = reader(wire, controls=controls)
            assert ours.budget(NOW + timedelta(minutes=minutes)) == ActionBudget(289, 12_854)
        assert len(wire.asked()) == 1
        reader(wire, controls=controls).budget(NOW + timedelta(minutes=10))
        assert len(wire.asked()) == 2


def test_a_budget_that_can_t_be_read_is_unknown() -> None:
    with wired([DROP], clock=clock(), patience=0.0) as wire:
        assert reader(wire).budget(NOW) is UNKNOWN


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ({"coin": "BTC", "leverage": {"type": "isolated", "value": 3, "rawUsd": "0.0"}}, (True, 3)),
        ({"coin": "BTC", "leverage": {"type": "cross", "value": 20}}, (False, 20)),
        ({"coin": "ETH", "leverage": {"type": "cross", "value": 20}}, UNKNOWN),
        ({"coin": "BTC"}, UNKNOWN),
    ],
)
def test_the_leverage_that_is_chosen_for_a_coin(answer: object, found: object) -> None:
    with wired([ok(answer)], clock=clock()) as wire:
        assert reader(wire).chosen_leverage("BTC") == found


# Weights


@pytest.mark.parametrize(
    ("ask", "answer", "weight"),
    [
        (lambda c: c.own_state(USER), account("1"), 2),
        (lambda c: c.open_orders(USER), [], 20),
        (lambda c: c.order_status(USER, CLOID), {"status": "unknownOid"}, 2),
        (lambda c: c.own_fills(USER, T0), [own_fill()], 21),
        (lambda c: c.user_funding(USER, T0, T0), [payment(T0, "1")], 21),
        (lambda c: c.own_updates(USER, T0, T0), [], 20),
        (lambda c: c.rate_limit(USER), {"nRequestsUsed": 1, "nRequestsCap": 2}, 20),
        (lambda c: c.role(USER), {"role": "user"}, 60),
        (lambda c: c.extra_agents(USER), [], 20),
        (lambda c: c.active_asset(USER, "BTC"), {"coin": "BTC", "leverage": {"type": "cross", "value": 1}}, 20),
    ],
)
def test_each_request_about_our_account_costs_its_weight(
    ask: Callable[[Any], object], answer: object, weight: int
) -> None:
    with wired([ok(answer)]) as wire:
        before = wire.ration.left(wire.clock.now())
        ask(wire.client)
        assert before - wire.ration.left(wire.clock.now()) == weight
