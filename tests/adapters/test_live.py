"""Real orders over loopback HTTP through the real SDK: every answer is accepted, refused or unknown, and nothing else."""

from __future__ import annotations

import gzip
import logging
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from hlcopy.domain.book import IntentState, Order
from hlcopy.domain.refusals import Refusal
from hlcopy.errors import ConfigError, TryLaterError
from hlcopy.ports import UNKNOWN, Accepted, Refused
from tests.adapters.hyperliquid.rows import account as state
from tests.live import (
    ACCOUNT,
    AGENT,
    AGENT_KEY,
    CLOID,
    FILLED,
    LEVERAGE_SET,
    LISTINGS,
    NOW,
    RESTING,
    entry,
    err,
    leaving,
    rigged,
    said,
    stop,
)
from tests.servers import DROP, Reply, ok

if TYPE_CHECKING:
    from hlcopy.ports import Outcome

HTML = b"<html><head><title>502 Bad Gateway</title></head></html>"


def sent(order: Order, *replies: Reply) -> tuple[Outcome, list[dict[str, Any]]]:
    with rigged(*replies) as rig:
        return rig.exchange.send(order, NOW), rig.sent


# What is sent


def test_an_entry_is_an_immediate_or_cancel_order_with_its_expiry() -> None:
    outcome, (body,) = sent(entry(), FILLED)
    assert outcome == Accepted(IntentState.FILLED, 0.05, 2000.5, 77)
    assert body["action"] == {
        "type": "order",
        "orders": [
            {"a": 1, "b": True, "p": "2010", "s": "0.05", "r": False, "t": {"limit": {"tif": "Ioc"}}, "c": CLOID}
        ],
        "grouping": "na",
    }
    assert body["expiresAfter"] == int((NOW + timedelta(seconds=15)).timestamp() * 1000)
    assert body["vaultAddress"] is None


def test_an_exit_is_reduce_only() -> None:
    _, (body,) = sent(leaving(), FILLED)
    (order,) = body["action"]["orders"]
    assert (order["b"], order["r"], order["t"]) == (False, True, {"limit": {"tif": "Ioc"}})


def test_a_stop_is_a_reduce_only_market_trigger_of_its_own() -> None:
    outcome, (body,) = sent(stop(), RESTING)
    assert outcome == Accepted(IntentState.RESTING, venue_order_id=78)
    (order,) = body["action"]["orders"]
    assert (order["p"], order["r"]) == ("1710", True)
    assert order["t"] == {"trigger": {"isMarket": True, "triggerPx": "1900", "tpsl": "sl"}}
    assert body["action"]["grouping"] == "na"


def test_a_coin_is_named_by_its_place_delisted_ones_counted() -> None:
    _, (body,) = sent(entry(coin="SOL"), FILLED)
    assert body["action"]["orders"][0]["a"] == 3


def test_a_coin_whose_place_moved_is_named_by_the_new_one() -> None:
    moved = [[*LISTINGS], [*reversed(LISTINGS)]]
    with rigged(FILLED, FILLED, listings=lambda _: moved.pop(0)) as rig:
        rig.exchange.send(entry(), NOW)
        rig.exchange.send(entry(), NOW)
        assert [body["action"]["orders"][0]["a"] for body in rig.sent] == [1, 2]


def test_what_protects_expires_by_the_venue_s_clock_where_ours_is_behind() -> None:
    """An entry doesn't: what lands later than we think may never land at all."""
    ahead = {"clearinghouseState": state("100000.0", time=int(NOW.timestamp() * 1000) + 30_000)}
    with rigged(FILLED, RESTING, FILLED, said("success", "cancel"), info=ahead) as rig:
        for order in (entry(), stop(), leaving()):
            rig.exchange.send(order, NOW)
        rig.exchange.cancel(stop(), NOW)
        assert [body["expiresAfter"] - int(NOW.timestamp() * 1000) for body in rig.sent] == [
            15_000,
            45_000,
            45_000,
            60_000,
        ]


def test_a_send_asks_nothing_else_of_the_venue() -> None:
    with rigged(FILLED, RESTING) as rig:
        before = list(rig.asked)
        rig.exchange.send(entry(), NOW)
        rig.exchange.send(stop(), NOW)
        assert rig.asked == before


def test_a_send_counts_one_weight_and_waits_for_none() -> None:
    with rigged(FILLED) as rig:
        before = rig.ration.left(NOW)
        rig.exchange.send(entry(), NOW)
        assert before - rig.ration.left(NOW) == 1
        assert rig.clock.slept == []


# What the answers mean

ANSWERS: dict[str, tuple[Reply, Outcome]] = {
    "filled in part": (
        said({"filled": {"totalSz": "0.02", "avgPx": "2001", "oid": 5}}),
        Accepted(IntentState.FILLED, 0.02, 2001.0, 5),
    ),
    "resting": (said({"resting": {"oid": 5}}), Accepted(IntentState.RESTING, venue_order_id=5)),
    "waiting for a trigger": (said("waitingForTrigger"), Accepted(IntentState.RESTING)),
    "waiting for a fill": (said("waitingForFill"), Accepted(IntentState.RESTING)),
}
UNCLEAR: dict[str, Reply] = {
    "null": ok(None),
    "HTML with 200": ok(HTML),
    "nothing": ok(b""),
    "half a document": ok(b'{"status":"ok","response":{"type":"order","da'),
    "a string": ok("fine"),
    "a list": ok([]),
    "ok and nothing else": ok({"status": "ok"}),
    "a status of another kind": ok({"status": "maybe", "response": "?"}),
    "an err that isn't text": ok({"status": "err", "response": {"why": 1}}),
    "no status": ok({"status": "ok", "response": {"type": "order", "data": {"statuses": []}}}),
    "two statuses": ok({"status": "ok", "response": {"type": "order", "data": {"statuses": ["success", "success"]}}}),
    "the answer to something else": said({"filled": {"totalSz": "0.05", "avgPx": "2000", "oid": 1}}, "cancel"),
    "an unknown word": said("pondering"),
    "success, which is for cancels": said("success"),
    "another client's order": said({"filled": {"totalSz": "0.05", "avgPx": "1", "oid": 1, "cloid": "0x" + "2" * 32}}),
    "filled without a price": said({"filled": {"totalSz": "0.05", "oid": 1}}),
    "filled with a price that isn't a number": said({"filled": {"totalSz": "0.05", "avgPx": "NaN", "oid": 1}}),
    "filled at an infinite price": said({"filled": {"totalSz": "0.05", "avgPx": "Infinity", "oid": 1}}),
    "filled for nothing": said({"filled": {"totalSz": "0.0", "avgPx": "2000", "oid": 1}}),
    "filled for more than was asked": said({"filled": {"totalSz": "0.06", "avgPx": "2000", "oid": 1}}),
    "dropped": DROP,
    "cut short": (200, {"content-length": "500"}, b'{"status":"ok"'),
    "302": (302, {"location": "https://example.com/exchange"}, b""),
    "302 with an answer": (302, {}, b'{"status":"ok"}'),
    "307": (307, {"location": "/elsewhere"}, b""),
    "400 without code": (400, {}, {"detail": "x"}),
    "400 of a proxy": (400, {}, {"code": 1, "msg": "no"}),
    "403 as text": (403, {}, "x"),
    "403 as HTML": (403, {}, HTML),
    "404": (404, {}, b"not found"),
    "422 of nothing": (422, {}, None),
    "422 as HTML": (422, {}, HTML),
    "429": (429, {}, None),
    "500": (500, {}, None),
    "502": (502, {}, HTML),
    "503": (503, {}, HTML),
    "504": (504, {}, HTML),
}
SAID = (
    ("Price must be divisible by tick size.", Refusal.TICK),
    ("Order has invalid price.", Refusal.TICK),
    ("Order has invalid size.", Refusal.SIZE),
    ("Order has zero size.", Refusal.SIZE),
    ("Order must have minimum value of $10.", Refusal.MIN_NOTIONAL),
    ("Insufficient margin to place order.", Refusal.MARGIN),
    ("Reduce only order would increase position.", Refusal.ALREADY_FLAT),
    ("Order could not immediately match against any resting orders.", Refusal.NO_MATCH),
    ("No liquidity available for market order.", Refusal.NO_MATCH),
    ("Post only order would have immediately matched, bbo was 1@2.", Refusal.OTHER),
    ("Invalid TP/SL price.", Refusal.BAD_TRIGGER),
    ("Order price too far from oracle", Refusal.TOO_FAR),
    ("Order price cannot be more than 80% away from the reference price", Refusal.TOO_FAR),
    ("Order would increase open interest while open interest is capped", Refusal.CAPPED),
    ("Order rejected due to price more aggressive than oracle while at open interest cap", Refusal.CAPPED),
    ("Order would increase open interest too quickly", Refusal.CAPPED),
    ("Order would cause position to exceed margin tier limit at current leverage", Refusal.CAPPED),
    ("Only post-only orders allowed immediately after network upgrade", Refusal.POST_ONLY),
    ("Main order cannot be trigger order.", Refusal.OTHER),
    ("Something the venue never said before.", Refusal.OTHER),
    (
        "Too many cumulative requests sent (97460 > 97456) for cumulative volume traded $87457.46. Place taker orders.",
        Refusal.BUDGET,
    ),
    ("Builder fee has not been approved.", Refusal.OTHER),
    ("Signed action over weight limit of 200.", Refusal.OTHER),
)


@pytest.mark.parametrize("case", ANSWERS)
def test_what_the_venue_took_is_accepted(case: str) -> None:
    reply, outcome = ANSWERS[case]
    assert sent(stop(), reply)[0] == outcome


@pytest.mark.parametrize("case", UNCLEAR)
@pytest.mark.parametrize("order", [entry(), leaving(), stop()], ids=["entry", "exit", "stop"])
def test_what_isn_t_understood_is_unknown_told_and_sent_once(case: str, order: Order) -> None:
    with rigged(UNCLEAR[case]) as rig:
        assert rig.exchange.send(order, NOW) is UNKNOWN
        assert len(rig.sent) == 1
        (told,) = rig.told
        assert told.startswith(f"an order for {order.purpose} in ETH: not known whether the venue took it (")


@pytest.mark.parametrize(("text", "kind"), SAID)
@pytest.mark.parametrize("where", ["of the order", "of the action"])
def test_a_refusal_is_the_venues_words_and_their_class(text: str, kind: Refusal, where: str) -> None:
    if where == "of the action":
        assert sent(entry(), err(text))[0] == Refused(text, kind)
    else:
        assert sent(entry(), said({"error": f"{text} asset=1"}))[0] == Refused(f"{text} asset=1", kind)


def test_an_action_that_the_venue_can_t_read_is_refused() -> None:
    text = b"Failed to deserialize the JSON body into the target type"
    assert sent(entry(), (422, {}, text))[0] == Refused(text.decode())


# What doesn't arrive


def test_where_nobody_listens_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with rigged(url=f"http://127.0.0.1:{port}") as rig:
        outcome = rig.exchange.send(entry(), NOW)
        assert outcome == Refused("not sent: the connection failed", Refusal.NOT_SENT)
        assert rig.sent == []


def test_a_name_that_can_t_be_resolved_is_no_send() -> None:
    with rigged(url="https://nowhere.invalid") as rig:
        assert rig.exchange.send(entry(), NOW) == Refused("not sent: the connection failed", Refusal.NOT_SENT)


def test_an_answer_that_takes_too_long_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hlcopy.adapters.live.transport.TIMEOUT", (3.0, 0.05))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with rigged(url=url) as rig:
            assert rig.exchange.send(entry(), NOW) is UNKNOWN
            assert "no answer in time" in rig.told[-1]


def dripping(stop: threading.Event, server: socket.socket) -> None:
    """Answer with a body that goes on and on, a little at a time."""
    connection, _ = server.accept()
    with connection, suppress(OSError):
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while not stop.wait(0.01):
            connection.sendall(b" ")


def test_an_answer_that_comes_in_drops_isn_t_waited_for_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hlcopy.adapters.live.transport.WHOLE_S", 0.1)
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor() as pool:
        pool.submit(dripping, stop, server)
        with rigged(url=f"http://127.0.0.1:{server.getsockname()[1]}") as rig:
            assert rig.exchange.send(entry(), NOW) is UNKNOWN
            assert "no answer in time" in rig.told[-1]
        stop.set()


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param((200, {}, b'"' + b"x" * 2**21 + b'"'), id="longer than any answer"),
        pytest.param((200, {"content-encoding": "gzip"}, gzip.compress(b" " * 2**27)), id="a bomb"),
    ],
)
def test_an_answer_that_swells_is_unknown(reply: Reply) -> None:
    with rigged(reply) as rig:
        assert rig.exchange.send(entry(), NOW) is UNKNOWN
        assert rig.server.requests[-1].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "status",
    [
        pytest.param({"filled": {"totalSz": 10**400, "avgPx": "2000.5", "oid": 77}}, id="a size beyond every number"),
        pytest.param({"filled": {"totalSz": True, "avgPx": "2000.5", "oid": 77}}, id="a size that is true"),
        pytest.param({"filled": {"totalSz": "0.05", "avgPx": "2000.5", "oid": 2**63}}, id="an oid no column holds"),
        pytest.param({"resting": {"oid": -1}}, id="an oid below zero"),
    ],
)
def test_numbers_that_none_can_be_are_unknown(status: object) -> None:
    with rigged(said(status)) as rig:
        assert rig.exchange.send(entry(), NOW) is UNKNOWN


def test_a_refusal_is_kept_short_and_can_be_stored() -> None:
    with rigged(said({"error": "Insufficient margin \ud800" + "x" * 9_000})) as rig:
        refused = rig.exchange.send(entry(), NOW)
        assert isinstance(refused, Refused)
        assert refused.kind is Refusal.MARGIN
        assert len(refused.reason.encode()) == 200


def test_proxies_of_the_environment_aren_t_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    with rigged(FILLED) as rig:
        assert isinstance(rig.exchange.send(entry(), NOW), Accepted)


# The guard


@pytest.mark.parametrize(
    "order",
    [
        entry(size=10.0),
        entry(size=float("nan")),
        entry(limit_price=2_010.05),
        entry(coin="OLD"),
        entry(coin="xyz:NVDA"),
        entry(expires_at=None),
        entry(expires_at=NOW),
        leaving(reduce_only=False),
        stop(client_order_id="0x1"),
    ],
)
def test_what_must_not_be_signed_is_refused_here(order: Order) -> None:
    outcome, bodies = sent(order, FILLED)
    assert isinstance(outcome, Refused)
    assert bodies == []


def test_without_our_equity_nothing_is_entered_and_everything_left() -> None:
    with rigged(FILLED, equity=None) as rig:
        assert rig.exchange.send(entry(), NOW) == Refused("our equity isn't known", Refusal.LOCAL)
        assert isinstance(rig.exchange.send(leaving(), NOW), Accepted)


def test_once_a_tick_has_no_time_left_it_enters_nothing_and_protects_still() -> None:
    with rigged(FILLED, RESTING, said("success", "cancel")) as rig:
        rig.left[0] = 0.0
        late = Refused("no time is left in this tick", Refusal.LOCAL)
        assert rig.exchange.send(entry(), NOW) == late
        assert rig.exchange.set_leverage("ETH", 3, NOW) == late
        assert isinstance(rig.exchange.send(leaving(), NOW), Accepted)
        assert isinstance(rig.exchange.send(stop(), NOW), Accepted)
        assert isinstance(rig.exchange.cancel(stop(), NOW), Accepted)


def test_without_the_list_of_coins_nothing_is_signed() -> None:
    with rigged(listings=lambda _: UNKNOWN) as rig:  # type: ignore[arg-type, return-value]
        refused = Refused("the venue's list of coins can't be read", Refusal.NOT_SENT)
        assert rig.exchange.send(entry(), NOW) == refused
        assert rig.exchange.set_leverage("ETH", 3, NOW) == refused
        assert rig.exchange.cancel(stop(), NOW) == refused


# Nonces that are refused

NONCE = err("Invalid nonce: duplicate nonce 1790000000000")


def test_a_refused_nonce_is_tried_once_more_when_the_venue_doesn_t_know_the_order() -> None:
    with rigged(NONCE, FILLED) as rig:
        assert isinstance(rig.exchange.send(entry(), NOW), Accepted)
        first, second = rig.sent
        assert first["action"] == second["action"]
        assert second["nonce"] > first["nonce"]


def test_a_nonce_refused_twice_stays_refused() -> None:
    with rigged(NONCE, NONCE) as rig:
        outcome = rig.exchange.send(entry(), NOW)
        assert isinstance(outcome, Refused)
        assert outcome.kind is Refusal.NONCE
        assert len(rig.sent) == 2


def test_a_refused_nonce_of_an_order_that_can_t_be_looked_up_is_unknown() -> None:
    with rigged(NONCE, info={"orderStatus": (500, {}, None)}) as rig:
        assert rig.exchange.send(entry(), NOW) is UNKNOWN
        assert len(rig.sent) == 1


def test_a_cancel_is_tried_again_under_another_nonce() -> None:
    with rigged(NONCE, said("success", "cancel")) as rig:
        assert rig.exchange.cancel(stop(), NOW) == Accepted(IntentState.CANCELLED)


# An agent that the venue doesn't know


@pytest.mark.parametrize(
    "text",
    [
        f"User or API Wallet {AGENT} does not exist.",
        f"L1 error: User or API Wallet {AGENT} does not exist.",
        f"Must deposit before performing actions. User: {AGENT}",
        f"Vault not registered: {ACCOUNT}",
    ],
)
def test_a_refused_signer_ends_the_tick_with_what_to_do_and_is_asked_about_anew(text: str) -> None:
    with rigged(err(text)) as rig:
        with pytest.raises(ConfigError, match=f"the agent {AGENT} can't sign for the account {ACCOUNT}"):
            rig.exchange.send(stop(), NOW)
        assert rig.stood.forgotten == 1


def test_after_a_refused_signer_nothing_is_sent_until_a_look_finds_it_in_order() -> None:
    with rigged(err("User or API Wallet 0x1 does not exist."), RESTING) as rig:
        rig.stood.problems = ["not approved", None]
        for seconds in (0, 60, 300):
            rig.clock.advance(seconds)
            with pytest.raises(ConfigError):
                rig.exchange.send(stop(expires_at=NOW + timedelta(hours=1)), NOW)
        assert len(rig.sent) == 1
        assert rig.stood.asked == [False]
        rig.clock.advance(300)
        assert isinstance(rig.exchange.send(stop(expires_at=NOW + timedelta(hours=1)), NOW), Accepted)


def test_a_look_that_shows_nothing_is_made_again_soon() -> None:
    with rigged(err("User or API Wallet 0x1 does not exist."), RESTING) as rig:
        rig.stood.problems = [TryLaterError("no answer"), None]
        for seconds in (0, 300, 10):
            rig.clock.advance(seconds)
            with pytest.raises(ConfigError):
                rig.exchange.send(stop(expires_at=NOW + timedelta(hours=1)), NOW)
        rig.clock.advance(10)
        assert isinstance(rig.exchange.send(stop(expires_at=NOW + timedelta(hours=1)), NOW), Accepted)
        assert rig.stood.asked == [False, False]


# Leverage


def chosen(kind: str, value: int) -> Reply:
    return ok({"user": ACCOUNT, "coin": "ETH", "leverage": {"type": kind, "value": value}, "maxTradeSzs": ["1", "1"]})


def test_leverage_is_set_isolated_and_read_back() -> None:
    with rigged(LEVERAGE_SET, info={"activeAssetData": chosen("isolated", 3)}) as rig:
        assert isinstance(rig.exchange.set_leverage("ETH", 3, NOW), Accepted)
        (body,) = rig.sent
        assert body["action"] == {"type": "updateLeverage", "asset": 1, "isCross": False, "leverage": 3}
        assert body["expiresAfter"] == int((NOW + timedelta(seconds=15)).timestamp() * 1000)


def test_leverage_is_set_without_asking_before() -> None:
    with rigged(LEVERAGE_SET, info={"activeAssetData": chosen("isolated", 3)}) as rig:
        rig.exchange.set_leverage("ETH", 3, NOW)
        assert rig.asked.count("activeAssetData") == 1


@pytest.mark.parametrize(("kind", "value"), [("cross", 3), ("isolated", 20)])
def test_leverage_that_reads_otherwise_isn_t_set(kind: str, value: int) -> None:
    with rigged(LEVERAGE_SET, info={"activeAssetData": chosen(kind, value)}) as rig:
        refused = Refused(f"set to isolated 3x, ETH reads {kind} {value}x", Refusal.LEVERAGE)
        assert rig.exchange.set_leverage("ETH", 3, NOW) == refused


def test_leverage_that_can_t_be_read_back_is_unknown() -> None:
    with rigged(LEVERAGE_SET, info={"activeAssetData": (500, {}, None)}) as rig:
        assert rig.exchange.set_leverage("ETH", 3, NOW) is UNKNOWN


@pytest.mark.parametrize(
    "text",
    [
        "Invalid leverage value",
        "Cross margin is not allowed for this asset.",
        "Cannot switch leverage type with open position.",
        "Isolated position does not have sufficient margin available to decrease leverage.",
    ],
)
def test_leverage_that_the_venue_refuses_is_refused(text: str) -> None:
    with rigged(err(text), info={"activeAssetData": chosen("cross", 20)}) as rig:
        assert rig.exchange.set_leverage("ETH", 3, NOW) == Refused(text, Refusal.LEVERAGE)


@pytest.mark.parametrize("reply", [DROP, (500, {}, None), ok(None), ok({"status": "ok", "response": {"type": "?"}})])
def test_leverage_without_a_clear_answer_is_unknown(reply: Reply) -> None:
    with rigged(reply, info={"activeAssetData": chosen("cross", 20)}) as rig:
        assert rig.exchange.set_leverage("ETH", 3, NOW) is UNKNOWN


def test_what_stands_in_the_way_of_entering_is_asked_before_leverage_is_set() -> None:
    with rigged() as rig:
        rig.stood.problems = ["the account's mode is unifiedAccount"]
        refused = Refused("the account's mode is unifiedAccount", Refusal.LOCAL)
        assert rig.exchange.set_leverage("ETH", 3, NOW) == refused
        assert rig.stood.asked == [True]


# Cancels

GONE = "Order was never placed, already canceled, or filled. asset=1"


@pytest.mark.parametrize("status", ["success", {"error": GONE}])
def test_an_order_that_is_gone_is_cancelled(status: object) -> None:
    with rigged(said(status, "cancel")) as rig:
        assert rig.exchange.cancel(stop(), NOW) == Accepted(IntentState.CANCELLED)
        (body,) = rig.sent
        assert body["action"] == {"type": "cancelByCloid", "cancels": [{"asset": 1, "cloid": CLOID}]}
        assert body["expiresAfter"] == int((NOW + timedelta(seconds=30)).timestamp() * 1000)


@pytest.mark.parametrize("reply", [DROP, (500, {}, None), ok(None), said("fine", "cancel"), said("success", "order")])
def test_a_cancel_without_a_clear_answer_is_unknown(reply: Reply) -> None:
    with rigged(reply) as rig:
        assert rig.exchange.cancel(stop(), NOW) is UNKNOWN


def test_a_cancel_that_is_refused_is_refused() -> None:
    with rigged(said({"error": "Cannot cancel. asset=1"}, "cancel")) as rig:
        assert rig.exchange.cancel(stop(), NOW) == Refused("Cannot cancel. asset=1")


# Silence


def every_failure() -> list[Reply]:
    return [FILLED, err("Insufficient margin to place order."), *UNCLEAR.values(), NONCE, FILLED]


def test_neither_the_key_nor_what_was_signed_shows_anywhere(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    with rigged(*every_failure()) as rig:
        shown += [repr(rig.exchange.send(stop(), NOW)) for _ in every_failure()[1:]]
        shown += [repr(rig.exchange), repr(vars(rig.exchange)), *rig.told]
        signatures = {body["signature"]["r"] for body in rig.sent}
    with rigged(err("User or API Wallet 0x1 does not exist.")) as rig, pytest.raises(ConfigError) as caught:
        rig.exchange.send(stop(), NOW)
    error: BaseException | None = caught.value
    while error is not None:
        shown.append(repr(error))
        error = error.__cause__ or error.__context__
    out, err_out = capfd.readouterr()
    shown += [out, err_out, *(record.getMessage() for record in caplog.records)]
    key = AGENT_KEY.removeprefix("0x")
    for text in shown:
        assert key not in text.lower()
        assert not any(signature in text for signature in signatures)


def test_importing_the_live_adapter_or_showing_help_doesn_t_import_the_sdk() -> None:
    program = (
        "import sys, hlcopy.adapters.live\n"
        "import hlcopy.wiring.desks, hlcopy.cli.ticks\n"
        "from typer.testing import CliRunner\n"
        "from hlcopy.cli import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "print([name for name in ('hyperliquid', 'eth_account', 'requests', 'keyring') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
