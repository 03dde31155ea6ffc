"""The local venue over HTTP on loopback: Hyperliquid's info and exchange APIs, its leaderboard, Nansen's API, its clock."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, NamedTuple, Protocol
from urllib.parse import parse_qs

from hlcopy.simulator.clock import DrivenClock
from hlcopy.simulator.hyperliquid_api import HyperliquidApi
from hlcopy.simulator.trading import TradingFloor
from hlcopy.simulator.usage import Served, Usage, WeightLimit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self, TypeAlias

    from hlcopy.simulator.clock import VenueClock
    from hlcopy.simulator.venue import Venue

    Answer = tuple[int, dict[str, str], bytes]
    Sent = Answer | Literal["drop"]
    Fault: TypeAlias = Sent | Literal["apply then drop"] | Callable[[Answer], Sent] | "Late"
    Faults = Callable[[str], Fault | None]

HOST: Final = "127.0.0.1"
DROP: Final = "drop"
"""What a fault returns to close the connection without an answer."""

APPLY_THEN_DROP: Final = "apply then drop"
"""What a fault returns to do what was asked and then close the connection without an answer."""


class Late(NamedTuple):
    """A fault that lets an action land some ms later, while its sender has another answer already."""

    after_ms: int
    answer: Sent


EXCHANGE: Final = "exchange:"
"""What the kind of an action begins with, followed by its type."""

CLOCK: Final = "clock"
"""The kind of a request that asks for the venue's time: the state of the zero address."""

WEIGHT_PER_MINUTE: Final = 1_200
_LEADERBOARD: Final = "/leaderboard"
_NANSEN: Final = "/api/v1/"
_MAX_BODY: Final = 1 << 20
_LOOK_SECONDS: Final = 0.02  # between two looks at whether to end
_END_SECONDS: Final = 0.5  # that a thread is waited for when the server closes
_JSON: Final = {"Content-Type": "application/json"}
_LINES: Final = {"Content-Type": "application/jsonl"}
_TEXT: Final = {"Content-Type": "text/plain; charset=utf-8"}
_TOO_MANY: Final = 429


class NansenAnswers(Protocol):
    """Whatever answers under `/api/v1/`; header names come in lower case."""

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Return status, headers and body."""


class Switchboard(Protocol):
    """Faults that are switched on and off while the venue runs."""

    def fault(self, venue: LocalVenue, group: str, name: str, body: bytes) -> Fault | None:
        """Return what happens to a request of an endpoint."""

    def control(self, method: str, body: bytes) -> Answer:
        """Answer a request to the endpoint that switches them."""


class LocalVenue:
    """A venue that answers while its block runs, on a free port of 127.0.0.1 unless one is named.

    `faults` is asked about every request, by its kind (see `Usage`), before it is weighed: it returns None for an
    honest answer, an answer to be sent instead, whose `Content-Length` may promise more than there is, or `DROP`. Only
    `APPLY_THEN_DROP`, a function that is given the honest answer and returns what is sent, and `Late` let an action happen.
    `switches` are asked next, and answer under `/faults`. An error of the venue itself is answered with 500 and kept in `crashes`.
    Raises `OSError` on entry when the port is taken.
    """

    def __init__(
        self,
        venue: Venue,
        clock: VenueClock,
        *,
        port: int = 0,
        weight_per_minute: int = WEIGHT_PER_MINUTE,
        nansen: NansenAnswers | None = None,
    ) -> None:
        self.venue = venue
        self.clock = clock
        self.nansen = nansen
        self.usage = Usage()
        self.faults: Faults | None = None
        self.switches: Switchboard | None = None
        self.crashes: list[Exception] = []
        self.floor = TradingFloor(venue, clock)
        self._api = HyperliquidApi(venue, clock, self.floor)
        self._limit = WeightLimit(weight_per_minute)
        self._port = port
        self._server: _Server | None = None

    def __enter__(self) -> Self:
        self._server = _Server((HOST, self._port), _Handler, self)
        self._port = self._server.server_address[1]
        threading.Thread(
            target=self._server.serve_forever, args=(_LOOK_SECONDS,), daemon=True, name="local venue"
        ).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.end()
            self._server = None

    def prepare(self) -> None:
        """Work out everybody's past, which with a crowd takes longer than a client waits for its first answer."""
        self._api.leaderboard()

    @property
    def url(self) -> str:
        """The base of Hyperliquid's API."""
        return f"http://{HOST}:{self._port}"

    @property
    def leaderboard_url(self) -> str:
        """The public leaderboard."""
        return self.url + _LEADERBOARD

    @property
    def nansen_url(self) -> str:
        """The base of Nansen's API."""
        return self.url

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Sent:
        """Return what is sent to a request, or `DROP`."""
        try:
            return self._answer(method, path, headers, body)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer and `crashes` the error
            self.crashes.append(error)
            return 500, _JSON, b"null"

    def _answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Sent:
        path = path.partition("?")[0] if path.startswith(_LEADERBOARD) else path
        if path == "/clock":
            return self._at_the_clock(method, body)
        if (method, path) == ("POST", "/info"):
            return self._info(body)
        if (method, path) == ("POST", "/exchange"):
            return self._exchange(body)
        if (method, path) == ("GET", _LEADERBOARD):
            return self._counted("leaderboard", "", body, lambda: (200, _JSON, self._api.leaderboard()))
        nansen = self.nansen
        if nansen is not None and path.startswith(_NANSEN):
            kind = path.removeprefix(_NANSEN).partition("?")[0]
            return self._counted("nansen", kind, body, lambda: nansen.handle(method, path, headers, body))
        return self._own(method, path, body)

    def _own(self, method: str, path: str, body: bytes) -> Answer:
        if path == "/faults" and self.switches is not None:
            return self.switches.control(method, body)
        path, _, query = path.partition("?")
        return self._journal(query) if (method, path) == ("GET", "/log") else (404, _TEXT, b"Not Found")

    def _fault(self, group: str, name: str, kind: str, body: bytes) -> Fault | None:
        fault = self.faults(kind) if self.faults else None
        return fault if fault or self.switches is None else self.switches.fault(self, group, name, body)

    def _counted(self, group: str, name: str, body: bytes, honest: Callable[[], Answer]) -> Sent:
        kind = name or group
        fault = self._fault(group, name, kind, body)
        at_ms = self.clock.now_ms()
        answer = _instead(fault) or _after(fault, honest())
        self.usage.note(Served(at_ms, kind, _status(answer), 0, _credits(answer)))
        return answer

    def _info(self, body: bytes) -> Sent:
        request = self._api.read(body)
        # A rehearsal takes all its time from here, which no real program does: that must not use up its weight.
        kind, weight = (CLOCK, 0) if request.asks_the_time else (request.kind, request.weight)
        fault = self._fault("info", kind, kind, body)
        at_ms = self.floor.advance()
        answer: Sent
        if instead := _instead(fault):
            answer, weight = instead, 0
        elif request.problem:
            answer, weight = (422, _TEXT, request.problem.encode()), 0
        elif not self._limit.admit(at_ms, weight):
            answer, weight = (_TOO_MANY, _JSON, b"null"), 0
        else:
            honest, more = self._api.answer(request, at_ms)
            self._limit.add(at_ms, more)
            weight += more
            answer = _after(fault, honest)
        self.usage.note(Served(at_ms, kind, _status(answer), weight, 0.0))
        return answer

    def _exchange(self, body: bytes) -> Sent:
        envelope = self.floor.read(body)
        kind, weight = EXCHANGE + envelope.kind, envelope.weight
        fault = self._fault("exchange", envelope.kind, kind, body)
        at_ms = self.clock.now_ms()
        answer: Sent
        if isinstance(fault, Late) and not envelope.problem:
            self.floor.exchange_late(envelope, fault.after_ms)
        if instead := _instead(fault):
            answer, weight = instead, 0
        elif envelope.problem:
            self.floor.note_refused(envelope, envelope.problem)
            answer, weight = (422, _TEXT, envelope.problem.encode()), 0
        elif not self._limit.admit(at_ms, weight):
            self.floor.note_refused(envelope, None)
            answer, weight = (_TOO_MANY, _JSON, b"null"), 0
        else:
            found = json.dumps(self.floor.exchange(envelope), separators=(",", ":"), allow_nan=False)
            answer = _after(fault, (200, _JSON, found.encode()))
        self.usage.note(Served(at_ms, kind, _status(answer), weight, 0.0))
        return answer

    def _journal(self, query: str) -> Answer:
        after = parse_qs(query).get("after", ["0"])[-1]
        if not after.isdecimal():
            return 422, _TEXT, b"/log?after=N wants the number of an entry"
        with self.floor.lock:
            self.floor.advance()
            return 200, _LINES, self.floor.journal.lines(int(after))

    def _at_the_clock(self, method: str, body: bytes) -> Answer:
        """Tell the time; a driven clock can be moved by `{"advance_ms": n}` or `{"now_ms": n}`."""
        if method == "POST":
            if not isinstance(self.clock, DrivenClock):
                return 409, _TEXT, b"this clock runs by itself"
            try:
                _drive(self.clock, json.loads(body))
            except ValueError as error:
                return 422, _TEXT, str(error).encode()
        elif method != "GET":
            return 405, _TEXT, b"Method Not Allowed"
        return 200, _JSON, json.dumps({"now_ms": self.clock.now_ms()}).encode()


def _drive(clock: DrivenClock, wanted: object) -> None:
    match wanted:
        case {"advance_ms": int(ms), **rest} if not rest and not isinstance(ms, bool):
            clock.advance(ms)
        case {"now_ms": int(ms), **rest} if not rest and not isinstance(ms, bool):
            clock.set(ms)
        case _:
            message = 'either {"advance_ms": n} or {"now_ms": n} in whole ms moves the clock'
            raise ValueError(message)


def _instead(fault: Fault | None) -> Sent | None:
    """Return what a fault sends before an honest answer is made, None if it doesn't."""
    if isinstance(fault, Late):
        return fault.answer
    return None if fault == APPLY_THEN_DROP or callable(fault) else fault


def _after(fault: Fault | None, honest: Answer) -> Sent:
    """Return what a fault makes of an honest answer."""
    if fault == APPLY_THEN_DROP:
        return DROP
    return fault(honest) if callable(fault) else honest


def _status(answer: Sent) -> int:
    return 0 if answer == DROP else int(answer[0])


def _credits(answer: Sent) -> float:
    if answer == DROP:
        return 0.0
    told = {name.lower(): value for name, value in answer[1].items()}
    return float(told.get("x-nansen-credits-used", 0.0))


class _Server(ThreadingHTTPServer):
    """Knows its open connections, so that it can end at once although clients keep them open."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], local: LocalVenue) -> None:
        super().__init__(address, handler)
        self.local = local
        self.serving: dict[socket.socket, threading.Thread] = {}

    def end(self) -> None:
        """Take no more requests, end the connections and wait a moment for their threads."""
        self.shutdown()
        for connection, thread in list(self.serving.items()):
            with suppress(OSError):  # it may have ended by itself meanwhile
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(_END_SECONDS)
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the base class's own signature
        """Say nothing: a client that goes away mid-answer is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 75  # seconds that an idle connection is kept
    rbufsize: ClassVar[int] = 1 << 16

    def setup(self) -> None:
        super().setup()
        self.server.serving[self.connection] = threading.current_thread()

    def finish(self) -> None:
        self.server.serving.pop(self.connection, None)
        super().finish()

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_POST  # noqa: N815 - the base class finds them by name

    def _serve(self) -> None:
        length = self.headers.get("content-length", "0" if self.command != "POST" else "")
        if not length.isdecimal() or int(length) > _MAX_BODY:
            self.close_connection = True
            self._send((411, _TEXT, b"a body needs its Content-Length, at most a mebibyte"))
            return
        body = self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.local.answer(self.command, self.path, headers, body)
        if answer == DROP:
            self.close_connection = True
            return
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        """Write headers and body in one go: two would wait for each other's acknowledgement."""
        status, headers, body = answer
        lengths = {value for name, value in headers.items() if name.lower() == "content-length"}
        lines = [f"HTTP/1.1 {status} {_PHRASES.get(status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if not lengths:
            lines.append(f"Content-Length: {len(body)}")
        self.close_connection |= bool(lengths - {str(len(body))})
        if self.close_connection:
            lines.append("Connection: close")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        self.wfile.write(head if self.command == "HEAD" else head + body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's own name
        """Say nothing: `Usage` remembers what was asked."""


_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}
