"""The one place that speaks HTTP: a pool of connections, time-outs, retries with a deadline.

It speaks to the hosts of the settings and nobody else: no proxy of the environment, no redirect. It logs nothing.
"""

from __future__ import annotations

import json
import logging
import math
import socket
import ssl
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self
from urllib.parse import urlsplit

from hlcopy.errors import BadAnswerError, HlcopyError, SourceDownError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    import httpx
    import tenacity

    from hlcopy.ports import Clock

_CONNECT_S: Final = 3.0
_READ_S: Final = 10.0
_PATIENCE_S: Final = 20.0
_FIRST_WAIT_S: Final = 0.5
_LONGEST_WAIT_S: Final = 10.0
_JITTER_S: Final = 0.5
_LEAST_S: Final = 0.1  # that an attempt gets, however little patience is left
_LONGEST_RETRY_AFTER_S: Final = 3_600.0
_LARGEST_BODY: Final = 64 * 1024 * 1024
_LONGEST_EXCERPT: Final = 80
_KEEP_ALIVE_S: Final = 45.0  # venues reset sockets that idle for a minute
_CONNECTIONS: Final = 32
_TOO_SLOW: Final = "its answer takes too long"
_NOT_DECODED: Final = "its answer can't be decompressed"


class RetryError(Exception):
    """An answer worth another attempt: why, and in how many seconds if the server said so.

    `outcome` is what is raised when no attempt is left; without it that is a `SourceDownError`.
    """

    def __init__(self, reason: str, after: float | None = None, outcome: HlcopyError | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after = after
        self.outcome = outcome


class _UnreachableError(RetryError):
    """There was no answer at all, or only a part of one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - JSON may be anything
        """Return the body as JSON; raises `BadAnswerError` when it is none, or has NaN or an infinity in it."""
        try:
            return json.loads(self.body, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            message = f"the answer isn't JSON: {excerpt(self.body)}"
            raise BadAnswerError(message) from error

    def retry_after(self) -> float | None:
        """Return the seconds of the header `Retry-After`, at most an hour; None where there is none that can be read."""
        try:
            seconds = float(self.headers["retry-after"])
        except (KeyError, ValueError):
            return None
        return min(seconds, _LONGEST_RETRY_AFTER_S) if math.isfinite(seconds) and seconds >= 0 else None


def excerpt(body: bytes) -> str:
    """Return the beginning of a stranger's text for a message: printable, escaped, at most 80 characters."""
    start = body[:_LONGEST_EXCERPT].decode("ascii", "backslashreplace")
    text = "".join(char if char.isprintable() else " " for char in start)
    return (" ".join(text.split()) or "nothing")[:_LONGEST_EXCERPT]


def host_of(url: str) -> str:
    """Return the host of a URL for a message, with its port if that is unusual."""
    return urlsplit(url).netloc.rpartition("@")[2]


class Http:
    """Sends requests and sends them again while that may help; several threads may use it."""

    def __init__(
        self, clock: Clock, *, connect_s: float = _CONNECT_S, read_s: float = _READ_S, least_s: float = _LEAST_S
    ) -> None:
        self._clock = clock
        self._least_s = least_s
        self._connect_s = connect_s
        self._read_s = read_s
        self._lock = threading.Lock()
        self._clients: dict[bool, httpx.Client] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def left(self) -> float:
        """Return how many seconds requests may still take together: there is no end here."""
        return math.inf

    def send(
        self,
        method: str,
        url: str,
        *,
        json: object = None,
        headers: Mapping[str, str] | None = None,
        judge: Callable[[Answer], None],
        patience: float = _PATIENCE_S,
        before: Callable[[], None] | None = None,
        read_s: float | None = None,
    ) -> Answer:
        """Return the first answer that `judge` lets pass.

        `judge` raises `RetryError` for an answer worth another attempt, any other error to give up at once. `before` is
        called before each attempt; the time it takes doesn't count, but nothing is tried beyond what is `left`. Waits
        grow from 0.5 to 10 s unless the server names one. Raises `SourceDownError` once the next attempt would begin
        more than `patience` seconds after the first.
        """
        import tenacity

        client = self._client(url)
        deadline = self._clock.monotonic() + patience
        attempts = tenacity.Retrying(
            sleep=self._clock.sleep,
            wait=_wait(
                tenacity.wait_exponential(multiplier=_FIRST_WAIT_S, max=_LONGEST_WAIT_S - _JITTER_S)
                + tenacity.wait_random(0, _JITTER_S)
            ),
            stop=lambda state: self._clock.monotonic() + state.upcoming_sleep > deadline,
            retry=tenacity.retry_if_exception_type(RetryError),
            reraise=True,
        )

        def attempt() -> Answer:
            nonlocal deadline
            if before is not None:
                began = self._clock.monotonic()
                before()
                now = self._clock.monotonic()
                deadline = min(deadline + now - began, now + self.left())
            answer = self._attempt(client, method, url, json, headers, read_s or self._read_s, deadline)
            judge(answer)
            return answer

        try:
            return attempts(attempt)
        except RetryError as error:
            _give_up(error, url)

    def _attempt(
        self,
        client: httpx.Client,
        method: str,
        url: str,
        json: object,
        headers: Mapping[str, str] | None,
        read_s: float,
        deadline: float,
    ) -> Answer:
        import httpx

        left = self._left(deadline)
        timeout = httpx.Timeout(min(read_s, left), connect=min(self._connect_s, left))
        try:
            with client.stream(method, url, json=json, headers=dict(headers or {}), timeout=timeout) as response:
                body = bytearray()
                for part in response.iter_bytes():
                    body += part
                    if len(body) > _LARGEST_BODY:
                        message = f"{host_of(url)} answers more than {_LARGEST_BODY // 2**20} MiB"
                        raise BadAnswerError(message)
                    if self._clock.monotonic() > deadline:
                        raise _UnreachableError(_TOO_SLOW)
                return Answer(response.status_code, dict(response.headers), bytes(body))
        except httpx.TransportError as error:
            raise _UnreachableError(_in_plain_words(error, timeout)) from error
        except httpx.DecodingError as error:
            raise _UnreachableError(_NOT_DECODED) from error

    def _left(self, deadline: float) -> float:
        return max(deadline - self._clock.monotonic(), self._least_s)

    def _client(self, url: str) -> httpx.Client:
        tls = url.startswith("https:")
        with self._lock:
            client = self._clients.get(tls)
            if client is None:
                client = self._clients[tls] = _open(tls=tls)
            return client


def _open(*, tls: bool) -> httpx.Client:
    """Return a client for either scheme: plain HTTP is for loopback, so it needs no certificates."""
    _import_httpx()
    import httpx

    # Whatever the root logger takes: requests hold keys, and answers strangers' words.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    limits = httpx.Limits(
        max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS, keepalive_expiry=_KEEP_ALIVE_S
    )
    headers = {"user-agent": "hlcopy"}
    if tls:
        return httpx.Client(limits=limits, headers=headers, trust_env=False)
    # Not `verify=False`: should an https URL ever get here, it must fail.
    nothing_trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.Client(limits=limits, headers=headers, verify=nothing_trusted, trust_env=False)


def _import_httpx() -> None:
    """Import httpx without its own command line, which imports click, pygments and rich: 40 ms that no tick needs."""
    if "httpx" in sys.modules:
        return
    sys.modules["httpx._main"] = None  # type: ignore[assignment] # httpx then does as it does where these are missing
    try:
        import httpx  # noqa: F401 - imported for the others to find
    finally:
        sys.modules.pop("httpx._main", None)


def _wait(backoff: tenacity.wait.wait_base) -> Callable[[tenacity.RetryCallState], float]:
    def seconds(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        after = error.after if isinstance(error, RetryError) else None
        return backoff(state) if after is None else max(after, _FIRST_WAIT_S)

    return seconds


def _give_up(error: RetryError, url: str) -> NoReturn:
    if error.outcome is not None:
        raise error.outcome from error
    what = "can't be reached" if isinstance(error, _UnreachableError) else "doesn't answer as it should"
    message = f"{host_of(url)} {what} ({error.reason})"
    raise SourceDownError(message) from error


def _in_plain_words(error: httpx.TransportError, timeout: httpx.Timeout) -> str:
    import httpx

    if isinstance(error, httpx.ConnectTimeout):
        return f"no connection within {timeout.connect:.3g} s"
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {timeout.read:.3g} s"
    if isinstance(error, httpx.ConnectError):
        return _why_no_connection(error)
    return "the connection broke off"


def _why_no_connection(error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused"
        if isinstance(cause, socket.gaierror):
            return "its name can't be resolved"
        if isinstance(cause, ssl.SSLError):
            return "no trusted TLS connection"
        cause = cause.__cause__ or cause.__context__
    return "no connection"


def _refuse_constant(name: str) -> NoReturn:
    message = f"{name} is no number"
    raise ValueError(message)
