"""Requests, retries and deadlines over real loopback HTTP."""

from __future__ import annotations

import gzip
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters import http as adapter
from hlcopy.adapters.http import Answer, Http, RetryError, excerpt, host_of
from hlcopy.errors import BadAnswerError, RationedError, SourceDownError
from tests.servers import DROP, HandClock, Reply, Request, Scripted, ok

if TYPE_CHECKING:
    from collections.abc import Iterator


def only_200(answer: Answer) -> None:
    if answer.status != 200:
        reason = f"it answers {answer.status}"
        raise RetryError(reason, after=answer.retry_after())


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def http(clock: HandClock) -> Iterator[Http]:
    with Http(clock) as http:
        yield http


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_request_arrives_as_it_was_sent_and_its_answer_comes_back(http: Http) -> None:
    with Scripted([(200, {"X-Left": "7"}, {"a": [1, "2"]})]) as server:
        answer = http.send("POST", f"{server.url}/info", json={"type": "meta"}, headers={"apikey": "k"}, judge=only_200)
    (request,) = server.requests
    assert (request.method, request.path, request.json) == ("POST", "/info", {"type": "meta"})
    assert request.headers["apikey"] == "k"
    assert request.headers["content-type"] == "application/json"
    assert (answer.status, answer.headers["x-left"], answer.json()) == (200, "7", {"a": [1, "2"]})


def test_a_get_has_no_body(http: Http) -> None:
    with Scripted([ok([])]) as server:
        assert http.send("GET", f"{server.url}/board", judge=only_200).json() == []
    assert (server.requests[0].method, server.requests[0].json) == ("GET", None)


def test_a_connection_is_used_again(http: Http) -> None:
    with Scripted([ok(1), ok(2), ok(3)]) as server:
        for _ in range(3):
            http.send("GET", server.url, judge=only_200)
        assert server.connections == 1


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param((500, {}, None), id="an answer that is judged worth another attempt"),
        pytest.param(DROP, id="a connection closed without an answer"),
        pytest.param((200, {"content-length": "99"}, b"[1, 2"), id="an answer cut off in its middle"),
        pytest.param((200, {"content-encoding": "gzip"}, b"no gzip"), id="an answer that can't be decompressed"),
    ],
)
def test_what_fails_once_is_asked_again(http: Http, clock: HandClock, failure: Reply) -> None:
    with Scripted([failure, ok("fine")]) as server:
        assert http.send("POST", server.url, json={}, judge=only_200).json() == "fine"
    assert len(server.requests) == 2
    assert len(clock.slept) == 1


def test_waits_grow_and_end_before_patience_does(http: Http, clock: HandClock) -> None:
    with (
        Scripted(lambda _: (503, {}, b"<html>")) as server,
        pytest.raises(SourceDownError, match=r"^127\.0\.0\.1:\d+ doesn't answer as it should \(it answers 503\)$"),
    ):
        http.send("GET", server.url, judge=only_200, patience=60.0)
    assert clock.slept[0] <= 1.0
    assert all(earlier < later for earlier, later in zip(clock.slept[:3], clock.slept[1:4], strict=True))
    assert max(clock.slept) <= 10.0
    assert 50.0 <= sum(clock.slept) <= 60.0


@pytest.mark.parametrize(
    ("header", "slept"),
    [("7", 7.0), ("2.5", 2.5), ("0", 0.5)],
    ids=["whole seconds", "a fraction", "zero is still a moment"],
)
def test_the_servers_own_wait_is_honoured(http: Http, clock: HandClock, header: str, slept: float) -> None:
    with Scripted([(429, {"Retry-After": header}, None), ok(1)]) as server:
        http.send("GET", server.url, judge=only_200)
    assert clock.slept == [slept]


@pytest.mark.parametrize("header", ["soon", "-1", "nan", "inf", "Fri, 20 Nov 2026 12:00:00 GMT"])
def test_a_wait_that_cant_be_read_is_none(header: str) -> None:
    assert Answer(429, {"retry-after": header}, b"").retry_after() is None


def test_a_wait_beyond_patience_gives_up_at_once(http: Http, clock: HandClock) -> None:
    with (
        Scripted([(429, {"Retry-After": "60"}, None)]) as server,
        pytest.raises(SourceDownError, match="it answers 429"),
    ):
        http.send("GET", server.url, judge=only_200, patience=20.0)
    assert clock.slept == []


def test_a_refused_connection_is_named(http: Http) -> None:
    port = free_port()
    with pytest.raises(SourceDownError, match=rf"^127\.0\.0\.1:{port} can't be reached \(connection refused\)$"):
        http.send("GET", f"http://127.0.0.1:{port}/", judge=only_200)


def test_a_dropped_connection_is_named(http: Http) -> None:
    with (
        Scripted(lambda _: DROP) as server,
        pytest.raises(SourceDownError, match=r"can't be reached \(the connection broke off\)"),
    ):
        http.send("GET", server.url, judge=only_200)


def test_a_server_that_says_nothing_is_not_waited_for(clock: HandClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute, Http(clock, read_s=0.05) as http:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/"
        with pytest.raises(SourceDownError, match=r"\(no answer within 0\.05 s\)"):
            http.send("GET", url, judge=only_200, patience=1.0)
        with pytest.raises(SourceDownError, match=r"\(no answer within 0\.02 s\)"):
            http.send("GET", url, judge=only_200, patience=1.0, read_s=0.02)


def test_plain_http_never_goes_through_a_proxy(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    with Scripted([ok("direct")]) as server:
        assert http.send("GET", server.url, judge=only_200).json() == "direct"


def test_tls_never_goes_through_a_proxy_either(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy, Scripted([ok("no TLS")]) as server:
        proxy.settimeout(0.0)
        for name in ("HTTPS_PROXY", "ALL_PROXY", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        with pytest.raises(SourceDownError, match="no trusted TLS connection"):
            http.send("GET", server.url.replace("http:", "https:"), judge=only_200, patience=0.0)
        with pytest.raises(BlockingIOError):
            proxy.accept()


def test_a_redirect_is_not_followed(http: Http) -> None:
    with Scripted([(302, {"location": "/elsewhere"}, b""), ok(1)]) as server:
        assert http.send("GET", server.url, judge=lambda _: None).status == 302
    assert len(server.requests) == 1


def test_an_error_of_the_judge_gives_up_at_once(http: Http) -> None:
    def refuse(_: Answer) -> None:
        message = "the key is wrong"
        raise BadAnswerError(message)

    with Scripted([ok(1), ok(2)]) as server, pytest.raises(BadAnswerError, match="the key is wrong"):
        http.send("GET", server.url, judge=refuse)
    assert len(server.requests) == 1


def test_a_reason_may_bring_the_error_that_it_ends_with(http: Http) -> None:
    def never(_: Answer) -> None:
        reason = "null"
        raise RetryError(reason, outcome=BadAnswerError("meta is null"))

    with Scripted(lambda _: ok(None)) as server, pytest.raises(BadAnswerError, match="meta is null"):
        http.send("GET", server.url, judge=never, patience=3.0)
    assert len(server.requests) > 1


def test_what_comes_before_an_attempt_comes_before_each_and_may_refuse(http: Http) -> None:
    attempts: list[int] = []

    def before() -> None:
        attempts.append(len(attempts))
        if len(attempts) == 3:
            message = "used up"
            raise RationedError(message)

    with Scripted(lambda _: (500, {}, None)) as server, pytest.raises(RationedError, match="used up"):
        http.send("GET", server.url, judge=only_200, before=before)
    assert len(server.requests) == 2


def test_time_spent_waiting_for_a_turn_isnt_the_servers(http: Http, clock: HandClock) -> None:
    with Scripted([(500, {}, None), ok("late")]) as server:
        answer = http.send("GET", server.url, judge=only_200, patience=5.0, before=lambda: clock.advance(60.0))
    assert answer.json() == "late"


def test_being_told_to_stop_ends_the_waiting() -> None:
    class Stopping(HandClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            raise InterruptedError

    with Scripted(lambda _: (500, {}, None)) as server, Http(Stopping()) as http, pytest.raises(InterruptedError):
        http.send("GET", server.url, judge=only_200)
    assert len(server.requests) == 1


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_an_endless_answer_is_cut(http: Http, monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    monkeypatch.setattr(adapter, "_LARGEST_BODY", 2**20)
    body = b" " * (2**20 + 1)
    reply: Reply = (200, {"content-encoding": encoding}, gzip.compress(body) if encoding == "gzip" else body)
    with Scripted([reply]) as server, pytest.raises(BadAnswerError, match="answers more than 1 MiB"):
        http.send("GET", server.url, judge=only_200)


def test_many_threads_share_one_client(http: Http) -> None:
    everyone = threading.Barrier(4)

    def ask(number: int) -> object:
        everyone.wait(timeout=30)
        return http.send("POST", server.url, json=number, judge=only_200).json()

    def echo(request: Request) -> Reply:
        return ok(request.json)

    with Scripted(echo) as server, ThreadPoolExecutor(4) as threads:
        assert list(threads.map(ask, range(4))) == [0, 1, 2, 3]


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "[-Infinity]", "<html>", "", '{"a": ', "[" * 100_000], ids=repr)
def test_what_isnt_json_is_a_bad_answer(text: str) -> None:
    with pytest.raises(BadAnswerError, match="isn't JSON"):
        Answer(200, {}, text.encode()).json()


def test_a_strangers_text_is_shown_short_and_harmless() -> None:
    shown = excerpt(b"<b>\x1b[31m\x00 \xc3\xa9\n " + b"x" * 500)
    assert shown.isprintable()
    assert shown.isascii()
    assert len(shown) <= 80


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://api.hyperliquid.xyz/info", "api.hyperliquid.xyz"),
        ("http://127.0.0.1:8080", "127.0.0.1:8080"),
        ("https://user:secret@example.org/x", "example.org"),
    ],
)
def test_a_host_is_named_without_secrets(url: str, host: str) -> None:
    assert host_of(url) == host
