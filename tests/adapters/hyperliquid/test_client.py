"""The info API's requests, answers and failures over loopback HTTP."""

from __future__ import annotations

import socket
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.http import Http
from hlcopy.adapters.hyperliquid.client import InfoClient
from hlcopy.adapters.memory.usage import MemoryRation, Window
from hlcopy.domain.rations import MONITOR, SCORE
from hlcopy.errors import BadAnswerError, HlcopyError, RationedError, SourceDownError
from tests.adapters.hyperliquid.rows import (
    T0,
    USER,
    account,
    asset,
    by_type,
    candle,
    context,
    fill,
    held,
    history,
    wired,
)
from tests.servers import DROP, HandClock, Reply, ok

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

HTML = b"<html>\r\n<head><title>502 Bad Gateway</title></head></html>"
SLICE = {"fill": fill(1, T0), "twapId": 5}

REQUESTS = {
    "meta": (lambda c: c.meta(), {"type": "meta"}, {"universe": []}),
    "metaAndAssetCtxs": (
        lambda c: c.meta_and_contexts(),
        {"type": "metaAndAssetCtxs"},
        [{"universe": [asset("BTC")]}, [context("1.0")]],
    ),
    "allMids": (lambda c: c.all_mids(), {"type": "allMids"}, {}),
    "l2Book": (lambda c: c.book("BTC"), {"type": "l2Book", "coin": "BTC"}, {"coin": "BTC", "levels": [[], []]}),
    "clearinghouseState": (
        lambda c: c.clearinghouse_state(USER),
        {"type": "clearinghouseState", "user": USER},
        account("1"),
    ),
    "userFillsByTime": (
        lambda c: c.user_fills_by_time(USER, T0, T0 + 5),
        {"type": "userFillsByTime", "user": USER, "startTime": T0, "endTime": T0 + 5},
        [fill(1, T0)],
    ),
    "userFillsByTime, newest first and without an end": (
        lambda c: c.user_fills_by_time(USER, T0, newest_first=True),
        {"type": "userFillsByTime", "user": USER, "startTime": T0, "reversed": True},
        [fill(1, T0)],
    ),
    "userTwapSliceFillsByTime": (
        lambda c: c.user_twap_slice_fills_by_time(USER, T0),
        {"type": "userTwapSliceFillsByTime", "user": USER, "startTime": T0},
        [SLICE],
    ),
    "userTwapSliceFills": (
        lambda c: c.user_twap_slice_fills(USER),
        {"type": "userTwapSliceFills", "user": USER},
        [SLICE],
    ),
    "candleSnapshot": (
        lambda c: c.candles("BTC", "1m", T0, T0 + 60_000),
        {
            "type": "candleSnapshot",
            "req": {"coin": "BTC", "interval": "1m", "startTime": T0, "endTime": T0 + 60_000},
        },
        [candle(T0, "1", "2", "0.5", "1.5")],
    ),
    "fundingHistory": (
        lambda c: c.funding_history("BTC", T0, T0 + 5),
        {"type": "fundingHistory", "coin": "BTC", "startTime": T0, "endTime": T0 + 5},
        [{"coin": "BTC", "fundingRate": "-0.0000042", "premium": "0", "time": T0}],
    ),
    "portfolio": (lambda c: c.portfolio(USER), {"type": "portfolio", "user": USER}, [["day", history((T0, "1", "0"))]]),
    "userNonFundingLedgerUpdates": (
        lambda c: c.ledger_updates(USER, T0),
        {"type": "userNonFundingLedgerUpdates", "user": USER, "startTime": T0},
        [{"time": T0, "hash": "0xab", "delta": {"type": "deposit", "usdc": "5.0"}}],
    ),
    "userAbstraction": (
        lambda c: c.user_abstraction(USER),
        {"type": "userAbstraction", "user": USER},
        "unifiedAccount",
    ),
    "exchangeStatus": (
        lambda c: c.exchange_time(),
        {"type": "exchangeStatus"},
        {"specialStatuses": None, "time": T0},
    ),
}
WEIGHTS = {"allMids": 2, "l2Book": 2, "clearinghouseState": 2, "exchangeStatus": 2} | dict.fromkeys(
    (
        "userFillsByTime",
        "userFillsByTime, newest first and without an end",
        "userTwapSliceFillsByTime",
        "userTwapSliceFills",
        "candleSnapshot",
        "fundingHistory",
        "userNonFundingLedgerUpdates",
    ),
    21,  # one row is a part of twenty
)


@pytest.mark.parametrize("name", REQUESTS)
def test_each_request_is_sent_as_documented_and_costs_its_weight(name: str) -> None:
    ask, sent, answer = REQUESTS[name]
    with wired([ok(answer)]) as wire:
        before = wire.ration.left(wire.clock.now())
        ask(wire.client)
        assert before - wire.ration.left(wire.clock.now()) == WEIGHTS.get(name, 20)
    (request,) = wire.server.requests
    assert (request.method, request.path, request.json) == ("POST", "/info", sent)


@pytest.mark.parametrize("name", REQUESTS)
def test_unknown_fields_dont_matter(name: str) -> None:
    ask, _, answer = REQUESTS[name]

    def with_more(value: object) -> object:
        if isinstance(value, dict):
            return {"newField": {"x": [1, None]}} | {key: with_more(each) for key, each in reversed(value.items())}
        return [with_more(each) for each in value] if isinstance(value, list) else value

    with wired([ok(answer), ok(with_more(answer))]) as wire:
        plain, more = ask(wire.client), ask(wire.client)
    assert repr(plain) == repr(more)


def test_numbers_come_as_text_or_as_numbers() -> None:
    with wired([ok([fill(1, T0), fill(2, T0, px=60000.5, sz=1, startPosition=0)])]) as wire:
        as_text, as_number = wire.client.user_fills_by_time(USER, T0)
    assert (as_text.px, as_text.sz, as_text.startPosition) == (60000.5, 1.0, 0.0)
    assert (as_number.px, as_number.sz, as_number.startPosition) == (60000.5, 1.0, 0.0)


DOWN, BAD = SourceDownError, BadAnswerError
FAILURES: dict[str, tuple[Reply, type[HlcopyError], str, bool]] = {
    "422 text": (
        (422, {"content-type": "text/plain"}, b"Failed to deserialize the JSON body into the target type"),
        BAD,
        "meta: it doesn't understand the request",
        False,
    ),
    "400 text": ((400, {}, b"no"), BAD, "meta: it answers 400", False),
    "404 HTML": ((404, {}, HTML), BAD, "meta: it answers 404", False),
    "redirect": ((302, {"location": "https://elsewhere"}, b""), BAD, "meta: it answers 302", False),
    "403 HTML": ((403, {}, HTML), DOWN, "refuses to answer from here", False),
    "429 null": ((429, {}, None), DOWN, "too many requests", True),
    "500 null": ((500, {}, None), DOWN, "it answers 500", True),
    "502 HTML": ((502, {}, HTML), DOWN, "it answers 502", True),
    "503 HTML": ((503, {}, HTML), DOWN, "it answers 503", True),
    "504 empty": ((504, {}, b""), DOWN, "it answers 504", True),
    "HTML with 200": (ok(HTML), DOWN, "its answer is no JSON", True),
    "empty with 200": (ok(b""), DOWN, "its answer is no JSON", True),
    "JSON broken off": (ok(b'{"universe": [{"szDeci'), DOWN, "its answer is no JSON", True),
    "no UTF-8": (ok(b'{"universe": ["\xff"]}'), DOWN, "its answer is no JSON", True),
    "connection reset": (DROP, DOWN, "the connection broke off", True),
    "body cut short": ((200, {"content-length": "999"}, b'{"universe": []}'), DOWN, "the connection broke off", True),
    "null": (ok(None), BAD, "meta: null in place of an answer", True),
    "a field is missing": (ok({"coins": []}), BAD, "meta: universe is missing", False),
    "a list for an object": (ok([]), BAD, "meta: the answer: input should be", False),
    "a word for a number": (ok({"universe": [asset("BTC", szDecimals="five")]}), BAD, "universe.szDecimals: ", False),
    "NaN": (ok(b'{"universe": [{"name": "BTC", "szDecimals": NaN, "maxLeverage": 5}]}'), BAD, "szDecimals", False),
}


@pytest.mark.parametrize("name", FAILURES)
def test_each_failure_has_its_error(name: str) -> None:
    reply, error, words, worth_retrying = FAILURES[name]
    with wired(lambda _: reply) as wire, pytest.raises(error) as raised:
        wire.client.meta()
    assert words in str(raised.value)
    assert wire.client.host in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "<" not in str(raised.value)
    assert (len(wire.server.requests) > 1) is worth_retrying


@pytest.mark.parametrize("name", [name for name, failure in FAILURES.items() if failure[3]])
def test_a_failure_that_passes_is_forgotten(name: str) -> None:
    with wired([FAILURES[name][0], ok({"universe": [asset("BTC")]})]) as wire:
        assert [coin.name for coin in wire.client.meta().universe] == ["BTC"]


def test_a_refused_connection_is_named() -> None:
    clock = HandClock()
    with socket.socket() as taken, Http(clock) as http:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets the port, and nobody answers
        client = InfoClient(http, f"http://127.0.0.1:{taken.getsockname()[1]}", MemoryRation(SCORE, 1_200), clock)
        with pytest.raises(SourceDownError, match=r"can't be reached \(connection refused\)"):
            client.meta()


BROKEN: dict[str, tuple[Callable[[InfoClient], object], object, str]] = {
    "a fill without its price": (
        lambda c: c.user_fills_by_time(USER, T0),
        [fill(1, T0), {key: value for key, value in fill(2, T0).items() if key != "px"}],
        "userFillsByTime: px is missing",
    ),
    "a fill at NaN": (lambda c: c.user_fills_by_time(USER, T0), [fill(1, T0, px="NaN")], "px: "),
    "a fill of an infinite size": (lambda c: c.user_fills_by_time(USER, T0), [fill(1, T0, sz="Infinity")], "sz: "),
    "a fill at nothing": (lambda c: c.user_fills_by_time(USER, T0), [fill(1, T0, px="0.0")], "without price or size"),
    "a fill in seconds": (lambda c: c.user_fills_by_time(USER, T0), [fill(1, T0 // 1000)], "time: "),
    "a fill of no side": (lambda c: c.user_fills_by_time(USER, T0), [fill(1, T0, side="X")], "side: "),
    "a slice without its fill": (
        lambda c: c.user_twap_slice_fills_by_time(USER, T0),
        [{"twapId": 5}],
        "userTwapSliceFillsByTime: fill is missing",
    ),
    "an account without positions": (
        lambda c: c.clearinghouse_state(USER),
        {key: value for key, value in account("1").items() if key != "assetPositions"},
        "clearinghouseState: assetPositions is missing",
    ),
    "a position of NaN": (lambda c: c.clearinghouse_state(USER), account("1", held("BTC", "NaN")), "szi: "),
    "a portfolio without values": (
        lambda c: c.portfolio(USER),
        [["day", {"pnlHistory": []}]],
        "portfolio: accountValueHistory is missing",
    ),
    "a candle whose low is above its close": (
        lambda c: c.candles("BTC", "1m", T0, T0),
        [candle(T0, "2", "3", "1.8", "1.5")],
        "candleSnapshot: BTC: a candle",
    ),
    "contexts of fewer coins": (
        lambda c: c.meta_and_contexts(),
        [{"universe": [asset("BTC"), asset("ETH")]}, [context("1")]],
        "metaAndAssetCtxs: 2 coins, but 1 contexts",
    ),
    "no coins at all": (
        lambda c: c.meta_and_contexts(),
        [{"universe": []}, []],
        "metaAndAssetCtxs: no coins at all",
    ),
    "a book of one side": (lambda c: c.book("BTC"), {"levels": [[]]}, "l2Book: levels"),
    "a number for a mode": (lambda c: c.user_abstraction(USER), 5, "userAbstraction: "),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_malformed_answer_is_refused_by_name(name: str) -> None:
    ask, answer, words = BROKEN[name]
    with wired(lambda _: ok(answer)) as wire, pytest.raises(BadAnswerError) as raised:
        ask(wire.client)
    assert words in str(raised.value)


def test_a_strangers_text_never_reaches_a_message() -> None:
    evil = "\x1b[2J" + "evil" * 30
    with wired(lambda _: ok([fill(1, T0, coin=evil)])) as wire, pytest.raises(BadAnswerError) as raised:
        wire.client.user_fills_by_time(USER, T0)
    assert "evil" not in str(raised.value)
    assert "\x1b" not in str(raised.value)


def test_what_settles_at_nothing_is_a_fill_unless_it_is_a_perp() -> None:
    with wired([ok([fill(1, T0, coin="#12", px="0.0", dir="Settlement")])]) as wire:
        assert len(wire.client.user_fills_by_time(USER, T0)) == 1


def test_one_broken_coin_doesnt_hide_the_others() -> None:
    coins = {"universe": [asset("BTC"), asset("ETH"), asset("OLD")]}
    with wired([ok([coins, [context("60000.5"), context("NaN"), context(None)]])]) as wire:
        contexts = wire.client.meta_and_contexts()
    btc, old = contexts.of("BTC"), contexts.of("OLD")
    assert btc is not None
    assert btc.markPx == 60000.5
    assert old is not None
    assert old.markPx is None
    assert contexts.of("DOGE") is None
    with pytest.raises(BadAnswerError, match="ETH: markPx"):
        contexts.of("ETH")


def test_a_portfolios_windows_of_perps_alone_and_new_ones_may_look_like_anything() -> None:
    others = [["perpDay", None], ["spotDay", {"vlm": "0.0"}], ["soon", []]]
    with wired([ok([*others, ["day", history((T0, "1.5", "0"))]])]) as wire:
        assert list(wire.client.portfolio(USER)) == ["day"]


def test_mids_that_arent_prices_are_left_out() -> None:
    with wired([ok({"BTC": "60000.5", "@1": "NaN", "ETH": None, "#3": "0.0"})]) as wire:
        assert wire.client.all_mids() == {"BTC": 60000.5}


def test_a_coin_that_the_venue_doesnt_have_has_no_book() -> None:
    with wired([ok(None)]) as wire:
        assert wire.client.book("NOPE") is None


def test_rows_come_back_by_time_whatever_their_order() -> None:
    rates = [{"coin": "BTC", "fundingRate": "0.00001", "time": T0 + hour} for hour in (2, 0, 1)]
    candles = [candle(T0 + minute * 60_000, "1", "2", "0.5", "1.5") for minute in (1, 0)]
    with wired(by_type(fundingHistory=rates, candleSnapshot=candles)) as wire:
        assert [rate.time - T0 for rate in wire.client.funding_history("BTC", T0)] == [0, 1, 2]
        assert [row.t - T0 for row in wire.client.candles("BTC", "1m", T0, T0)] == [0, 60_000]


@pytest.mark.parametrize(
    ("ask", "answer", "weight"),
    [
        (lambda c: c.user_fills_by_time(USER, T0), [fill(n, T0) for n in range(40)], 22),
        (lambda c: c.user_fills_by_time(USER, T0), [fill(n, T0) for n in range(41)], 23),
        (lambda c: c.user_fills_by_time(USER, T0, expect=2_000), [fill(1, T0)], 21),
        (lambda c: c.candles("BTC", "1m", T0, T0 + 7_200_000), [candle(T0, "1", "1", "1", "1")], 21),
        (lambda c: c.candles("BTC", "1m", T0, T0 + 7_200_000), [], 20),
    ],
    ids=["40 fills", "41 fills", "a page expected, one row came", "two hours expected, one minute came", "none came"],
)
def test_rows_weigh_by_what_came(ask: Callable[[InfoClient], object], answer: object, weight: int) -> None:
    with wired([ok(answer)]) as wire:
        before = wire.ration.left(wire.clock.now())
        ask(wire.client)
        assert before - wire.ration.left(wire.clock.now()) == weight


def test_every_attempt_costs_weight() -> None:
    with wired([(502, {}, HTML), (502, {}, HTML), ok({"universe": []})]) as wire:
        before = wire.ration.left(wire.clock.now())
        wire.client.meta()
        assert before - wire.ration.left(wire.clock.now()) == 60


def test_a_request_waits_for_its_ration_when_it_may() -> None:
    clock = HandClock()
    ration = MemoryRation(SCORE, 1_200)
    ration.take(500, clock.now())
    with wired([ok({"universe": []})], clock=clock, ration=ration, queue_s=90.0) as wire:
        wire.client.meta()
    assert clock.slept == [60.0]


def test_attempts_that_nobody_answered_cost_the_weight_of_one() -> None:
    with wired([DROP, DROP, DROP, ok({"universe": []})]) as wire:
        before = wire.ration.left(wire.clock.now())
        wire.client.meta()
        assert before - wire.ration.left(wire.clock.now()) == 20


def test_attempts_that_were_answered_cost_the_weight_of_each() -> None:
    with wired([(500, {}, None), (500, {}, None), ok({"universe": []})]) as wire:
        before = wire.ration.left(wire.clock.now())
        wire.client.meta()
        assert before - wire.ration.left(wire.clock.now()) == 60


class StandingClock(HandClock):
    """The clock of a rehearsal that nobody moves: real seconds pass, its own don't."""

    def now(self) -> datetime:
        return self._start


def test_a_wait_counts_where_the_clock_that_we_are_given_stands_still_meanwhile() -> None:
    clock = StandingClock()
    ration = MemoryRation(SCORE, 1_200)
    ration.take(500, clock.now())
    replies = [ok({"universe": []})] * 30
    with wired(replies, clock=clock, ration=ration, queue_s=90.0) as wire:
        for _ in range(30):  # 600 in weight: one wait of a minute, then another
            wire.client.meta()
    assert clock.slept == [60.0, 60.0]


class CorrectedClock(HandClock):
    """A clock that is set back by an hour while somebody waits."""

    def now(self) -> datetime:
        return super().now() - timedelta(hours=1 if self.slept else 0)


def test_a_clock_that_is_set_back_during_a_wait_isnt_one_that_stood_still() -> None:
    clock = CorrectedClock()
    ration = MemoryRation(SCORE, 1_200)
    ration.take(500, clock.now())
    with wired([ok({"universe": []})], clock=clock, ration=ration, queue_s=90.0) as wire:
        wire.client.meta()
    # Counted at another time than the present, it would count for no other process.
    assert ration.left(clock.now()) == 480


def test_a_request_that_would_wait_too_long_isnt_sent() -> None:
    clock = HandClock()
    ration = MemoryRation(MONITOR, 1_200)
    ration.take(400, clock.now())
    with (
        wired([ok({"universe": []})], clock=clock, ration=ration, patience=10.0) as wire,
        pytest.raises(RationedError, match=r"request weight of this minute is used up; free again in 60 s"),
    ):
        wire.client.meta()
    assert wire.server.requests == []
    assert clock.slept == []


def test_a_429_waits_ten_seconds_and_halts_scoring() -> None:
    clock, window = HandClock(), Window()
    monitor, score = MemoryRation(MONITOR, 1_200, window), MemoryRation(SCORE, 1_200, window)
    with wired([(429, {}, None), ok({"universe": []})], clock=clock, ration=monitor) as wire:
        wire.client.meta()
    assert clock.slept == [10.0]
    assert score.left(clock.now()) == 0
    clock.advance(50.0)
    assert score.left(clock.now()) == 500


def test_a_429_says_itself_how_long() -> None:
    with wired([(429, {"Retry-After": "3"}, None), ok({"universe": []})]) as wire:
        wire.client.meta()
    assert wire.clock.slept == [3.0]
