"""Who may send an action to the local venue, how often and until when, and what becomes of it on the way."""

from __future__ import annotations

import http.client
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from eth_account import Account

from hlcopy.simulator.server import APPLY_THEN_DROP, DROP, Late
from hlcopy.simulator.signatures import address_of, signable, signer
from hlcopy.simulator.trading_requests import UNREADABLE, read
from tests.trading import AGENT, ETH, KEY, MASTER, OK, Trader, cloid_of, limit, orders, set_leverage, trigger
from tests.venue import DAY_MS, MINUTE_MS, START_MS, Client, clock_of, local_venue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hlcopy.simulator.server import LocalVenue

SUBACCOUNT = "0x" + "5b" * 20
STRANGER = "0x" + "99" * 32
NOOP = {"type": "noop"}
LEVERAGE = set_leverage(ETH, 3)
BUY = orders(limit(ETH, 0.05, "2010"))


@pytest.fixture
def trader() -> Trader:
    return Trader()


# Signers


def test_a_signature_names_its_signer_whatever_its_envelope() -> None:
    for vault, expires in ((None, None), (SUBACCOUNT, None), (None, 5), (SUBACCOUNT, 5)):
        signed = Account.from_key(KEY).sign_message(signable(BUY, 7, vault, expires))
        parts = (signed.r, signed.s, signed.v)
        assert signer(BUY, 7, parts, vault, expires) == AGENT
        altered = [
            signer(orders(limit(ETH, 0.06, "2010")), 7, parts, vault, expires),
            signer(BUY, 8, parts, vault, expires),
            signer(BUY, 7, parts, None if vault else SUBACCOUNT, expires),
            signer(BUY, 7, parts, vault, None if expires else 5),
            signer({"grouping": "na", **{name: BUY[name] for name in ("type", "orders")}}, 7, parts, vault, expires),
        ]
        assert AGENT not in altered


def test_a_flag_that_isnt_set_is_not_part_of_what_is_signed() -> None:
    signed = Account.from_key(KEY).sign_message(signable(NOOP, 7))
    assert signer({**NOOP, "a": False}, 7, (signed.r, signed.s, signed.v)) == AGENT
    assert signer({**NOOP, "a": True}, 7, (signed.r, signed.s, signed.v)) != AGENT


@pytest.mark.parametrize("parts", [(0, 0, 27), (5, 1 << 255, 27), ((1 << 256) - 1, 5, 28)])
def test_what_no_key_can_have_signed_has_no_signer(parts: tuple[int, int, int]) -> None:
    assert signer(NOOP, 1, parts) is None


def test_an_unknown_signer_is_named_in_the_refusal(trader: Trader) -> None:
    assert trader.refusal(NOOP, key=STRANGER) == f"User or API Wallet {address_of(STRANGER)} does not exist."


def test_an_account_signs_for_itself_too(trader: Trader) -> None:
    trader.floor.open_account(address_of(STRANGER), 100.0)
    assert trader.send(NOOP, key=STRANGER) == OK


def test_without_funds_nothing_is_done(trader: Trader) -> None:
    trader.floor.withdraw(MASTER, 1_000.0)
    assert trader.refusal(NOOP) == f"Must deposit before performing actions. User: {MASTER}"


def test_an_agent_signs_until_it_expires_is_dropped_or_replaced(trader: Trader) -> None:
    gone = f"User or API Wallet {AGENT} does not exist."
    trader.floor.approve(AGENT, MASTER, name="bot", valid_until_ms=START_MS + 5_000)
    assert trader.info("extraAgents") == [{"name": "bot", "address": AGENT, "validUntil": START_MS + 5_000}]
    assert trader.info("userRole", AGENT) == {"role": "agent", "data": {"user": MASTER}}
    trader.later(4_999)
    assert trader.send(NOOP) == OK
    trader.later(1)
    assert trader.refusal(NOOP) == gone
    assert trader.info("extraAgents") == []
    assert trader.info("userRole", AGENT) == {"role": "missing"}
    trader.floor.approve(AGENT, MASTER, name="bot")
    assert trader.send(NOOP) == OK
    trader.floor.drop_agent(AGENT)
    assert trader.refusal(NOOP) == gone
    trader.floor.approve(AGENT, MASTER, name="bot")
    trader.floor.approve(address_of(STRANGER), MASTER, name="bot")
    assert trader.refusal(NOOP) == gone
    assert trader.send(NOOP, key=STRANGER) == OK


def test_asking_with_the_agents_address_finds_nothing(trader: Trader) -> None:
    trader.enter()
    oid = trader.place(trigger(ETH, -0.05, 1_900))[0]["resting"]["oid"]
    assert trader.info("clearinghouseState", AGENT)["assetPositions"] == []
    assert trader.info("openOrders", AGENT) == trader.info("userFills", AGENT) == []
    assert trader.info("orderStatus", AGENT, oid=oid) == {"status": "unknownOid"}
    assert trader.info("userRole") == {"role": "user"}


def test_a_masters_agent_signs_for_its_subaccounts_and_no_others(trader: Trader) -> None:
    trader.floor.open_subaccount(SUBACCOUNT, MASTER, 500.0)
    assert trader.info("userRole", SUBACCOUNT) == {"role": "subAccount", "data": {"master": MASTER}}
    assert trader.send(BUY, vault=SUBACCOUNT)["status"] == "ok"
    assert trader.info("userFills") == []
    assert len(trader.info("userFills", SUBACCOUNT)) == 1
    other = "0x" + "77" * 20
    assert trader.refusal(NOOP, vault=other) == f"Vault not registered: {other}"
    trader.floor.open_account(other, 5.0)
    assert trader.refusal(NOOP, vault=other) == f"Vault not registered: {other}"


# Nonces


def test_a_nonce_is_used_once_even_by_what_is_refused(trader: Trader) -> None:
    refused = orders(limit(ETH, 0.05, "1999"))
    assert "error" in trader.send(refused, nonce=START_MS)["response"]["data"]["statuses"][0]
    assert trader.refusal(NOOP, nonce=START_MS) == f"Invalid nonce: duplicate nonce {START_MS}"


@pytest.mark.parametrize(
    ("offset", "words"),
    [
        (-2 * DAY_MS, f"Invalid nonce: nonce too low {START_MS - 2 * DAY_MS} < {START_MS - 2 * DAY_MS}"),
        (-2 * DAY_MS + 1, None),
        (DAY_MS - 1, None),
        (DAY_MS, f"Invalid nonce: nonce too high {START_MS + DAY_MS} > {START_MS + DAY_MS}"),
    ],
)
def test_a_nonce_is_a_time_about_now(trader: Trader, offset: int, words: str | None) -> None:
    answer = trader.send(NOOP, nonce=START_MS + offset)
    assert answer == (OK if words is None else {"status": "err", "response": words})


def test_of_nonces_the_hundred_highest_are_kept(trader: Trader) -> None:
    for number in range(100):
        trader.send(NOOP, nonce=START_MS + 2 * number)
    assert trader.refusal(NOOP, nonce=START_MS - 1) == f"Invalid nonce: nonce too low {START_MS - 1} < {START_MS}"
    assert trader.send(NOOP, nonce=START_MS + 1) == OK
    assert trader.refusal(NOOP, nonce=START_MS + 1).startswith("Invalid nonce: ")


def test_nonces_are_a_signers_own_whichever_account_it_signs_for(trader: Trader) -> None:
    trader.floor.open_subaccount(SUBACCOUNT, MASTER, 500.0)
    trader.floor.approve(address_of(STRANGER), MASTER, name="second")
    assert trader.send(NOOP, nonce=START_MS) == OK
    assert trader.send(NOOP, nonce=START_MS, key=STRANGER) == OK
    assert trader.refusal(NOOP, nonce=START_MS, vault=SUBACCOUNT) == f"Invalid nonce: duplicate nonce {START_MS}"


def test_a_noop_takes_the_nonce_of_an_order_that_may_still_come(trader: Trader) -> None:
    trader.send(NOOP, nonce=START_MS + 5)
    assert trader.refusal(BUY, nonce=START_MS + 5) == f"Invalid nonce: duplicate nonce {START_MS + 5}"
    assert trader.account.fills == []


# Expiry and budget


def test_an_action_that_comes_too_late_is_refused_and_costs_five_times(trader: Trader) -> None:
    trader.later(5_000)
    assert trader.send(BUY, expires=START_MS + 5_000)["status"] == "ok"
    used = trader.account.requests
    assert "expire" in trader.refusal(BUY, expires=START_MS + 4_999)
    assert trader.account.requests == used + 5
    assert len(trader.account.fills) == 1


def test_the_budget_is_10000_requests_and_one_more_for_every_dollar_traded(trader: Trader) -> None:
    trader.place(limit(ETH, 0.05, "2010"), limit(ETH, 0.05, "2010"))
    assert trader.info("userRateLimit") == {
        "cumVlm": "200.01",
        "nRequestsUsed": 2,
        "nRequestsCap": 10_200,
        "nRequestsSurplus": 0,
    }


def test_without_budget_there_is_one_action_in_ten_seconds_but_more_cancels(trader: Trader) -> None:
    trader.enter()
    oid = trader.place(trigger(ETH, -0.05, 1_900))[0]["resting"]["oid"]
    trader.floor.leave_requests(MASTER, 1)
    assert trader.send(BUY)["status"] == "ok"
    trader.floor.leave_requests(MASTER, 0)
    cap = 10_000 + int(trader.account.volume_ever)
    words = (
        f"Too many cumulative requests sent ({cap + 1} > {cap}) for cumulative volume traded $200.01. "
        "Place taker orders to free up 1 request per USDC traded."
    )
    assert trader.refusal(LEVERAGE) == words
    assert trader.info("userRateLimit")["nRequestsUsed"] == cap
    assert trader.send({"type": "cancel", "cancels": [{"a": ETH, "o": oid}]})["status"] == "ok"
    trader.later(10_000)
    assert trader.send(LEVERAGE) == OK
    trader.later(9_999)
    assert trader.send(LEVERAGE)["status"] == "err"


# Types


GOOD: dict[str, Any] = {
    "action": BUY,
    "nonce": 1,
    "signature": {"r": "0x1", "s": "0x2", "v": 27},
    "vaultAddress": None,
    "expiresAfter": None,
}
ORDER = limit(ETH, 0.05, "2010")


def with_order(**parts: object) -> dict[str, Any]:
    return {**GOOD, "action": orders({**ORDER, **parts})}


@pytest.mark.parametrize(
    ("body", "readable"),
    [
        (GOOD, True),
        ({name: GOOD[name] for name in ("action", "nonce", "signature")}, True),
        ({**GOOD, "isFrontend": True}, True),
        (with_order(c="0x" + "A" * 32), True),
        (with_order(c=None), True),
        (with_order(c="0x1"), False),
        (with_order(p=2_010), False),
        (with_order(s=0.05), False),
        (with_order(p="2010.123456789"), False),
        (with_order(p="-2010"), False),
        (with_order(p="1e3"), False),
        (with_order(a="1"), False),
        (with_order(a=True), False),
        (with_order(b=1), False),
        (with_order(r=None), False),
        (with_order(t={"limit": {"tif": "Fok"}}), False),
        (with_order(t={"limit": {"tif": "FrontendMarket"}}), True),
        (with_order(t={}), False),
        (with_order(t={"trigger": {"isMarket": True, "triggerPx": "1", "tpsl": "sl"}}), True),
        (with_order(t={"trigger": {"isMarket": True, "triggerPx": 1, "tpsl": "sl"}}), False),
        (with_order(t={"trigger": {"isMarket": True, "triggerPx": "1", "tpsl": "stop"}}), False),
        ({**GOOD, "action": {**BUY, "grouping": "none"}}, False),
        ({**GOOD, "action": {**BUY, "grouping": {"p": 1}}}, True),
        ({**GOOD, "action": {**BUY, "orders": None}}, False),
        ({**GOOD, "action": {"type": "teleport"}}, False),
        ({**GOOD, "action": []}, False),
        ({**GOOD, "nonce": "1"}, False),
        ({**GOOD, "nonce": -1}, False),
        ({**GOOD, "expiresAfter": "soon"}, False),
        ({**GOOD, "vaultAddress": "0x1"}, False),
        ({**GOOD, "signature": {"r": "0x" + "1" * 63, "s": "0x2", "v": 28}}, True),
        ({**GOOD, "signature": {"r": "1", "s": "0x2", "v": 27}}, False),
        ({**GOOD, "signature": {"r": "0x1", "s": "0x2", "v": 0}}, False),
        ({**GOOD, "signature": None}, False),
        ({**GOOD, "action": {"type": "cancel", "cancels": [{"a": 1, "o": 5}]}}, True),
        ({**GOOD, "action": {"type": "cancel", "cancels": [{"a": 1, "o": "5"}]}}, False),
        ({**GOOD, "action": {"type": "cancelByCloid", "cancels": [{"asset": 1, "cloid": cloid_of(1)}]}}, True),
        ({**GOOD, "action": {"type": "updateLeverage", "asset": 1, "isCross": False, "leverage": 3.0}}, False),
        ({**GOOD, "action": {"type": "updateIsolatedMargin", "asset": 1, "isBuy": True, "ntli": -5}}, True),
        ({**GOOD, "action": {"type": "modify", "oid": cloid_of(1), "order": ORDER}}, True),
        ({**GOOD, "action": {"type": "modify", "oid": None, "order": ORDER}}, False),
        ({**GOOD, "action": {"type": "batchModify", "modifies": [{"oid": 1, "order": ORDER}], "a": 1}}, False),
        ({**GOOD, "action": {"type": "scheduleCancel", "time": 1.5}}, False),
        ([], False),
        (None, False),
    ],
)
def test_a_body_is_read_by_its_types(body: object, *, readable: bool) -> None:
    assert read(json.dumps(body).encode()).problem == (None if readable else UNREADABLE)


@pytest.mark.parametrize("body", [b"", b"{", b'{"action":{"type":"noop"},"nonce":NaN}', b"\xff"])
def test_what_is_no_json_cant_be_read(body: bytes) -> None:
    assert read(body).problem == UNREADABLE


@pytest.mark.parametrize(("count", "weight"), [(1, 1), (39, 1), (40, 2), (79, 2), (80, 3)])
def test_an_action_weighs_more_for_every_forty_orders(count: int, weight: int) -> None:
    body = {**GOOD, "action": orders(*[ORDER] * count)}
    assert read(json.dumps(body).encode()).weight == weight


# Over HTTP


@pytest.fixture
def venue() -> Iterator[LocalVenue]:
    with local_venue() as served:
        served.floor.open_account(MASTER, 1_000.0)
        served.floor.approve(AGENT, MASTER)
        yield served


@pytest.fixture
def client(venue: LocalVenue) -> Iterator[Client]:
    with Client(venue) as made:
        yield made


def signed_body(action: dict[str, Any], nonce: int = START_MS, *, expires: int | None = None) -> bytes:
    made = Account.from_key(KEY).sign_message(signable(action, nonce, expires_after=expires))
    signature = {"r": hex(made.r), "s": hex(made.s), "v": made.v}
    return json.dumps({"action": action, "nonce": nonce, "signature": signature, "expiresAfter": expires}).encode()


def test_an_action_is_answered_over_http_and_weighed(client: Client, venue: LocalVenue) -> None:
    status, body = client.send("POST", "/exchange", signed_body(BUY))
    assert (status, json.loads(body)["status"]) == (200, "ok")
    assert venue.usage.weight == {"exchange:order": 1}
    assert client.send("POST", "/exchange", b"{}") == (422, UNREADABLE.encode())
    assert venue.usage.requests == {"exchange:order": 1, "exchange:unreadable": 1}


def test_actions_share_the_weight_of_the_info_api(client: Client, venue: LocalVenue) -> None:
    assert [client.status("meta") for _ in range(60)] == [200] * 60
    assert client.send("POST", "/exchange", signed_body(BUY)) == (429, b"null")
    assert venue.floor.accounts[MASTER].fills == []
    clock_of(venue).advance(MINUTE_MS)
    assert client.send("POST", "/exchange", signed_body(BUY))[0] == 200  # the same nonce: it wasn't used


def test_a_fault_comes_before_the_action(client: Client, venue: LocalVenue) -> None:
    asked: list[str] = []

    def fault(kind: str) -> tuple[int, dict[str, str], bytes]:
        asked.append(kind)
        return 502, {}, b"<html>"

    venue.faults = fault
    assert client.send("POST", "/exchange", signed_body(BUY)) == (502, b"<html>")
    assert asked == ["exchange:order"]
    assert venue.floor.accounts[MASTER].fills == []


def test_a_connection_is_dropped_before_or_after_the_action(client: Client, venue: LocalVenue) -> None:
    for nonce, (fault, fills) in enumerate(((DROP, 0), (APPLY_THEN_DROP, 1)), START_MS):
        venue.faults = lambda kind, fault=fault: fault if kind == "exchange:order" else None
        with pytest.raises(http.client.RemoteDisconnected):
            client.send("POST", "/exchange", signed_body(BUY, nonce))
        client.connection.close()
        assert len(venue.floor.accounts[MASTER].fills) == fills
    (entry,) = venue.floor.journal.of("request")
    assert entry["answer"]["status"] == "ok"


@pytest.mark.parametrize(("expires", "fills"), [(None, 1), (START_MS + 90_000, 1), (START_MS + 89_999, 0)])
def test_an_action_lands_after_its_sender_was_told_of_an_error(
    client: Client, venue: LocalVenue, expires: int | None, fills: int
) -> None:
    venue.faults = lambda kind: Late(90_000, (502, {}, b"<html>")) if kind == "exchange:order" else None
    assert client.send("POST", "/exchange", signed_body(BUY, expires=expires)) == (502, b"<html>")
    clock_of(venue).advance(89_999)
    assert client.info("userFills", user=MASTER) == []
    clock_of(venue).advance(MINUTE_MS)
    assert [row["time"] for row in client.info("userFills", user=MASTER)] == [START_MS + 90_000] * fills
    (entry,) = venue.floor.journal.of("request")
    assert (entry["at_ms"], entry["answer"]["status"]) == (START_MS + 90_000, "ok" if fills else "err")


def test_an_honest_answer_can_be_rewritten(client: Client, venue: LocalVenue) -> None:
    venue.faults = lambda kind: (lambda answer: (500, answer[1], b"null")) if kind.startswith("exchange:") else None
    assert client.send("POST", "/exchange", signed_body(BUY)) == (500, b"null")
    assert len(venue.floor.accounts[MASTER].fills) == 1
    venue.faults = lambda kind: (lambda answer: (200, answer[1], answer[2][:10])) if kind == "meta" else None
    assert client.send("POST", "/info", b'{"type":"meta"}') == (200, b'{"universe')


def test_several_connections_trade_at_once(venue: LocalVenue) -> None:
    bodies = [signed_body(orders(limit(ETH, 0.01, "2010")), START_MS + number) for number in range(24)]

    def send(own: list[bytes]) -> None:
        with Client(venue) as made:
            for body in own:
                made.send("POST", "/exchange", body)
                made.info("clearinghouseState", user=MASTER)

    threads = [threading.Thread(target=send, args=(bodies[number::4],)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    fills = venue.floor.accounts[MASTER].fills
    assert [round(float(row["startPosition"]) * 100) for row in fills] == list(range(24))
    numbers = [entry["n"] for entry in venue.floor.journal.entries]
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_log_has_every_request_and_everything_that_happened_in_order(client: Client, venue: LocalVenue) -> None:
    client.send("POST", "/exchange", signed_body(BUY))
    client.send("POST", "/exchange", b"{}")
    venue.venue.set_mark("ETH", 1_000.0, START_MS + 5_000)
    clock_of(venue).advance(MINUTE_MS)
    lines = [json.loads(line) for line in client.send("GET", "/log")[1].splitlines()]
    told = [(line["kind"], line["at_ms"] - START_MS) for line in lines]
    assert told[:5] == [("transfer", 0), ("request", 0), ("fill", 0), ("order", 0), ("request", 0)]
    assert ("funding", START_MS // 3_600_000 * 7 % 80) in told
    fill = lines[2]
    assert fill.keys() >= {"coin", "side", "px", "sz", "fee", "closedPnl", "oid", "startPosition", "dir", "time", "tid"}
    assert lines[4]["answer"] == UNREADABLE
    after = client.send("GET", "/log?after=3")[1].splitlines()
    assert [json.loads(line)["n"] for line in after] == list(range(4, len(lines) + 1))


def test_who_doesnt_trade_here_is_answered_as_ever(client: Client) -> None:
    nobody = "0x" + "9" * 40
    assert client.info("openOrders", user=nobody) == client.info("extraAgents", user=nobody) == []
    assert client.info("userRole", user=nobody) == {"role": "missing"}
    assert client.info("orderStatus", user=nobody, oid=1) == {"status": "unknownOid"}


def test_an_account_is_opened_once(venue: LocalVenue) -> None:
    with pytest.raises(ValueError, match="open already"):
        venue.floor.open_account(MASTER)
    with pytest.raises(KeyError):
        venue.floor.deposit(SUBACCOUNT, 1.0)
