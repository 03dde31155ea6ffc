"""The local venue's server: how it answers, counts, limits, fails on request, keeps time and ends."""

from __future__ import annotations

import http.client
import json
import socket
from typing import TYPE_CHECKING

import pytest

from hlcopy.simulator.clock import DrivenClock, RunningClock
from hlcopy.simulator.server import DROP, LocalVenue
from hlcopy.simulator.usage import Served, Usage, WeightLimit
from hlcopy.simulator.venue import Venue, quiet_world
from tests.venue import DAY_MS, MINUTE_MS, PRICES, START, START_MS, Client, clock_of, environment, local_venue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

USER = "0x" + "1" * 40


@pytest.fixture
def venue() -> Iterator[LocalVenue]:
    with local_venue() as served:
        yield served


@pytest.fixture
def client(venue: LocalVenue) -> Iterator[Client]:
    with Client(venue) as made:
        yield made


def test_it_listens_on_loopback_only(venue: LocalVenue) -> None:
    assert venue.url.startswith("http://127.0.0.1:")
    assert venue.leaderboard_url == f"{venue.url}/leaderboard"
    assert venue.nansen_url == venue.url


def test_one_connection_serves_many_requests(venue: LocalVenue, client: Client) -> None:
    client.info("allMids")
    before = client.connection.sock
    client.info("allMids")
    assert client.connection.sock is before
    assert venue.usage.requests == {"allMids": 2}


def test_headers_and_body_arrive_together(venue: LocalVenue) -> None:
    host, port = venue.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        body = b'{"type":"exchangeStatus"}'
        raw.sendall(b"POST /info HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        head, _, answer = raw.recv(65_536).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert json.loads(answer) == {"specialStatuses": None, "time": START_MS}


def test_a_port_that_is_taken_is_an_error(venue: LocalVenue) -> None:
    taken = int(venue.url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"), LocalVenue(venue.venue, venue.clock, port=taken):
        pass


def test_it_ends_although_a_client_keeps_its_connection(venue: LocalVenue) -> None:
    with local_venue() as other, Client(other) as client:
        client.info("allMids")
        other.__exit__()
        with pytest.raises((http.client.HTTPException, OSError)):
            client.info("allMids")
    with Client(venue) as client:
        assert client.info("allMids")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/info", 404),
        ("POST", "/leaderboard", 404),
        ("GET", "/exchange", 404),
        ("POST", "/log", 404),
        ("PUT", "/clock", 405),
    ],
)
def test_there_is_nothing_elsewhere(client: Client, method: str, path: str, status: int) -> None:
    assert client.send(method, path, b"{}")[0] == status


def test_a_body_without_a_length_isnt_waited_for(client: Client) -> None:
    client.connection.putrequest("POST", "/info")
    client.connection.putheader("Transfer-Encoding", "chunked")
    client.connection.endheaders()
    answer = client.connection.getresponse()
    assert (answer.status, answer.getheader("connection")) == (411, "close")
    answer.read()


def test_an_error_of_the_venue_is_answered_and_kept() -> None:
    with LocalVenue(Venue(quiet_world(start=START, prices=PRICES)), DrivenClock(START_MS)) as served:
        served.venue = None  # type: ignore[assignment] - broken on purpose
        served._api._venue = None  # type: ignore[assignment] # noqa: SLF001 - as above
        with Client(served) as client:
            assert client.send("GET", "/leaderboard") == (500, b"null")
    assert [type(crash) for crash in served.crashes] == [AttributeError]


def test_a_fault_answers_instead_and_weighs_nothing(venue: LocalVenue, client: Client) -> None:
    venue.faults = lambda kind: (503, {"Retry-After": "3"}, b"<html>") if kind == "meta" else None
    assert client.send("POST", "/info", b'{"type":"meta"}') == (503, b"<html>")
    assert client.status("allMids") == 200
    assert venue.usage.weight == {"allMids": 2}
    assert [(row.kind, row.status) for row in venue.usage.log] == [("meta", 503), ("allMids", 200)]


def test_a_fault_can_break_off_an_answer(venue: LocalVenue, client: Client) -> None:
    venue.faults = lambda _: (200, {"Content-Length": "1000"}, b'{"BTC":"60')
    with pytest.raises(http.client.IncompleteRead):
        client.send("POST", "/info", b'{"type":"allMids"}')
    client.connection.close()
    venue.faults = None
    assert client.status("allMids") == 200


@pytest.mark.parametrize("path", ["/info", "/leaderboard", "/api/v1/account"])
def test_a_fault_can_drop_the_connection(venue: LocalVenue, client: Client, path: str) -> None:
    venue.faults = lambda _: DROP
    with pytest.raises(http.client.RemoteDisconnected):
        client.send("POST" if path == "/info" else "GET", path, b'{"type":"allMids"}')
    assert [row.status for row in venue.usage.log] == [0]


def test_faults_are_asked_by_kind(venue: LocalVenue, client: Client) -> None:
    asked: list[str] = []

    def faults(kind: str) -> None:
        asked.append(kind)

    venue.faults = faults
    client.info("allMids")
    client.send("POST", "/info", b"{")
    client.send("GET", "/leaderboard")
    client.send("POST", "/api/v1/profiler/perp-trades?x=1", b"{}")
    assert asked == ["allMids", "unreadable", "leaderboard", "profiler/perp-trades"]


def test_a_request_that_would_pass_the_limit_is_refused_for_a_minute(client: Client, venue: LocalVenue) -> None:
    assert [client.status("meta") for _ in range(61)] == [200] * 60 + [429]
    assert client.send("POST", "/info", b'{"type":"allMids"}') == (429, b"null")
    assert venue.usage.refused == {"meta": 1, "allMids": 1}
    clock_of(venue).advance(MINUTE_MS - 1)
    assert client.status("allMids") == 429
    clock_of(venue).advance(1)
    assert client.status("allMids") == 200
    assert venue.usage.weight_by_minute == {START_MS // MINUTE_MS: 1_200, START_MS // MINUTE_MS + 1: 2}
    assert venue.usage.weight_by_day == {START_MS // DAY_MS: 1_202}


@pytest.mark.parametrize(
    ("kind", "keys", "weight"),
    [
        ("allMids", {}, 2),
        ("l2Book", {"coin": "BTC"}, 2),
        ("clearinghouseState", {"user": USER}, 2),
        ("spotClearinghouseState", {"user": USER}, 2),
        ("orderStatus", {"user": USER, "oid": 1}, 2),
        ("exchangeStatus", {}, 2),
        ("userRole", {"user": USER}, 60),
        ("meta", {}, 20),
        ("portfolio", {"user": USER}, 20),
        ("userFillsByTime", {"user": USER, "startTime": 0}, 20),
        (
            "candleSnapshot",
            {"req": {"coin": "BTC", "interval": "1m", "startTime": START_MS - 60 * MINUTE_MS, "endTime": START_MS}},
            20 + 2,  # 61 candles
        ),
    ],
)
def test_a_request_weighs_what_the_table_says(
    client: Client, venue: LocalVenue, kind: str, keys: Mapping[str, object], weight: int
) -> None:
    client.info(kind, **keys)
    assert venue.usage.weight == {kind: weight}


def test_a_refused_body_weighs_nothing(client: Client, venue: LocalVenue) -> None:
    assert client.status("noSuchType") == 422
    assert venue.usage.requests == {"noSuchType": 1}
    assert not venue.usage.weight_by_minute


def test_asking_for_the_time_weighs_nothing(client: Client, venue: LocalVenue) -> None:
    assert client.info("clearinghouseState", user="0x" + "0" * 40)["time"] == START_MS
    assert venue.usage.requests == {"clock": 1}
    assert not venue.usage.weight


def test_what_an_answer_weighs_counts_against_the_limit() -> None:
    limit = WeightLimit(100)
    assert limit.admit(0, 20)
    limit.add(0, 75)
    assert not limit.admit(0, 20)
    assert limit.admit(0, 5)
    assert limit.admit(MINUTE_MS, 100)


def test_the_heaviest_minute_may_lie_across_two() -> None:
    usage = Usage()
    for at_ms, weight in ((0, 10), (40_000, 300), (80_000, 400), (99_999, 5), (100_001, 7)):
        usage.note(Served(at_ms, "meta", 200, weight, 0.0))
    assert usage.peak_weight() == 705
    assert usage.peak_weight(20_002) == 412
    assert usage.weight_by_minute == {0: 310, 1: 412}


class _Nansen:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str | None, bytes]] = []

    def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        self.asked.append((method, path, headers.get("apikey"), body))
        return 200, {"X-Nansen-Credits-Used": "5", "Content-Type": "application/json"}, b"{}"


def test_nansen_is_asked_with_everything_and_its_credits_are_counted(venue: LocalVenue, client: Client) -> None:
    nansen = venue.nansen = _Nansen()
    assert client.send("POST", "/api/v1/profiler/perp-trades", b'{"a":1}', apiKey="k") == (200, b"{}")
    clock_of(venue).advance(DAY_MS)
    client.send("GET", "/api/v1/account?x=1", apiKey="k")
    assert nansen.asked == [
        ("POST", "/api/v1/profiler/perp-trades", "k", b'{"a":1}'),
        ("GET", "/api/v1/account?x=1", "k", b""),
    ]
    assert venue.usage.credits == {"profiler/perp-trades": 5.0, "account": 5.0}
    assert venue.usage.credits_by_day == {START_MS // DAY_MS: 5.0, START_MS // DAY_MS + 1: 5.0}


def test_a_driven_clock_is_moved_over_http(venue: LocalVenue, client: Client) -> None:
    assert client.send("GET", "/clock") == (200, b'{"now_ms": %d}' % START_MS)
    assert client.send("POST", "/clock", b'{"advance_ms": 1500}') == (200, b'{"now_ms": %d}' % (START_MS + 1_500))
    assert client.send("POST", "/clock", b'{"now_ms": %d}' % (START_MS + DAY_MS))[0] == 200
    assert client.info("exchangeStatus")["time"] == START_MS + DAY_MS == clock_of(venue).now_ms()
    assert not venue.usage.requests.keys() - {"exchangeStatus"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"advance_ms": -1}',
        b'{"now_ms": 0}',
        b'{"advance_ms": 1.5}',
        b'{"advance_ms": true}',
        b'{"advance_ms": 1, "now_ms": 1}',
    ],
)
def test_a_clock_is_never_moved_back_nor_by_nonsense(client: Client, body: bytes) -> None:
    assert client.send("POST", "/clock", body)[0] == 422
    assert client.send("GET", "/clock") == (200, b'{"now_ms": %d}' % START_MS)


def test_a_running_clock_isnt_moved() -> None:
    seconds = [10.0]
    clock = RunningClock(START_MS, lambda: seconds[0], speed=60.0)
    seconds[0] = 12.5
    assert clock.now_ms() == START_MS + 150_000
    with LocalVenue(Venue(quiet_world(start=START, prices=PRICES)), clock) as served, Client(served) as client:
        assert client.send("POST", "/clock", b'{"advance_ms": 1}')[0] == 409
        assert client.send("GET", "/clock") == (200, b'{"now_ms": %d}' % (START_MS + 150_000))


def test_a_driven_clock_tells_where_it_was_moved_to() -> None:
    clock = DrivenClock(5)
    assert [clock.advance(3), clock.set(8), clock.set(20), clock.now_ms()] == [8, 8, 20, 20]
    with pytest.raises(ValueError, match="never goes back"):
        clock.set(19)


def test_the_environment_names_every_address(venue: LocalVenue, tmp_path: Path) -> None:
    named = environment(venue, tmp_path / "a.db")
    assert named["HLCOPY_LEADERBOARD_URL"] == venue.leaderboard_url
    assert {named[f"HLCOPY_{name}_URL"] for name in ("SOURCE", "HYPERLIQUID", "NANSEN")} == {venue.url}
