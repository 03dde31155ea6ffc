"""A small HTTP server on loopback that answers as a test scripts it, and a clock that only moves when it is told to."""

from __future__ import annotations

import json
import socket
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


UNHURRIED_S = 10.0
"""What an attempt gets of this machine's time where patience is by a clock that stands still."""


class HandClock:
    """A clock that stands still; sleeping moves it on at once and is remembered."""

    def __init__(self, now: datetime = datetime(2026, 11, 20, 12, tzinfo=UTC)) -> None:
        self.slept: list[float] = []
        self._start = now
        self._passed = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        return self._passed

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._passed += seconds


class _Behaviour(Enum):
    DROP = "drop"


DROP = _Behaviour.DROP
"""In place of a reply: close the connection without one."""

# Status, headers and body: bytes as they are, anything else as JSON. A content-length of the headers is sent as it is and
# the connection closed after it, so that a longer one cuts the answer short.
Reply = tuple[int, "Mapping[str, str]", object] | Literal[_Behaviour.DROP]


@dataclass(frozen=True)
class Request:
    """What a client sent; names of headers in lower case; `json` is None when there was no body."""

    method: str
    path: str
    json: Any
    headers: Mapping[str, str]


def ok(body: object) -> Reply:
    """Return the reply 200 with a body."""
    return (200, {}, body)


class Scripted:
    """A server that answers by a function of the request or from a queue; an empty queue answers 599."""

    def __init__(self, script: Callable[[Request], Reply] | Iterable[Reply] = ()) -> None:
        self.requests: list[Request] = []
        self._answer = script if callable(script) else self._next
        self._queue: deque[Reply] = deque(() if callable(script) else script)
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        scripted = self

        class Handler(_Handler):
            script = scripted

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False  # so that closing the server waits for them
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        """The server's base URL, without a slash at its end."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def connections(self) -> int:
        """How many connections are open."""
        with self._lock:
            return len(self._sockets)

    def queue(self, *replies: Reply) -> None:
        """Append replies."""
        self._queue.extend(replies)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        with self._lock:
            for open_socket in self._sockets:
                with suppress(OSError):
                    open_socket.shutdown(socket.SHUT_RDWR)
        self._server.server_close()
        self._thread.join()

    def _next(self, _request: Request) -> Reply:
        return self._queue.popleft() if self._queue else (599, {}, b"nothing is scripted")

    def opened(self, connection: socket.socket) -> None:
        with self._lock:
            self._sockets.add(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._lock:
            self._sockets.discard(connection)

    def answer(self, request: Request) -> Reply:
        with self._lock:
            self.requests.append(request)
            return self._answer(request)


class _Handler(BaseHTTPRequestHandler):
    script: Scripted
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.script.opened(self.connection)

    def finish(self) -> None:
        self.script.closed(self.connection)
        with suppress(OSError):
            super().finish()

    def handle(self) -> None:
        with suppress(OSError):
            super().handle()

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length", 0))
        sent = self.rfile.read(length)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, json.loads(sent) if sent else None, headers)
        reply = self.script.answer(request)
        if reply is DROP:
            self.close_connection = True
            return
        status, extra, body = reply
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {"content-length": str(len(payload)), "content-type": "application/json", **extra}
        if "content-length" in extra:
            self.close_connection = True
        lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
        self.wfile.write("\r\n".join(lines).encode("latin-1") + payload)

    do_POST = do_GET  # noqa: N815 - http.server's name

    def log_message(self, *_: object) -> None:
        """Say nothing."""
