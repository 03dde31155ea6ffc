"""How signed actions travel: to one URL only, never twice, never redirected, through no proxy of the environment."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING, Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NewConnectionError, ReadTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TIMEOUT: Final = (3.0, 10.0)
"""Seconds for a connection, and for each part of the answer."""
WHOLE_S: Final = 20.0
"""Seconds for the whole of it: parts that each come in time may have no end."""
_LARGEST: Final = 2**20
_PART: Final = 2**16
_PATH: Final = "/exchange"


class Transport(HTTPAdapter):
    """Carries what the SDK addresses to an official URL to another one, and remembers whether anything left.

    The SDK takes from its URL for which network it signs. So it is always given that network's own, and what it sends is
    carried to where the settings point: a proxy, a local venue.
    """

    def __init__(self, official: str, url: str, stopwatch: Callable[[], float] = time.monotonic) -> None:
        super().__init__(max_retries=0)
        self._stopwatch = stopwatch
        self._official = official
        self._url = url.rstrip("/")
        self.left = False

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002, FBT001, FBT002 - the signature of requests
        timeout: object = None,  # noqa: ARG002
        verify: object = True,  # noqa: ARG002, FBT002
        cert: object = None,  # noqa: ARG002
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> requests.Response:
        """Send a request once and read the whole answer."""
        if request.url != self._official + _PATH:
            message = "only signed actions go this way"
            raise requests.exceptions.InvalidURL(message)
        request.url = self._url + _PATH
        self.left = True
        ends = self._stopwatch() + WHOLE_S
        try:
            response = super().send(request, stream=True, timeout=TIMEOUT, verify=True)
        except requests.exceptions.ConnectionError as error:
            self.left = not _never_connected(error)
            raise
        if 300 <= response.status_code < 400:  # noqa: PLR2004 - the class of redirections
            response.close()
            message = "redirected"
            raise requests.exceptions.TooManyRedirects(message)
        response.raw = io.BytesIO(self._body(response, ends))
        response.encoding = "utf-8"  # guessing it from the bytes would take long
        return response

    def _body(self, response: requests.Response, ends: float) -> bytes:
        """Return what was answered, as it came: it isn't asked for compressed, so that it can't swell."""
        body = bytearray()
        late = False
        try:
            while len(body) <= _LARGEST and not late and (part := response.raw.read1(_PART, decode_content=False)):
                body += part
                late = self._stopwatch() > ends
        except ReadTimeoutError:
            late = True
        except (HTTPError, OSError):
            message = "the answer broke off"
            raise requests.exceptions.RequestException(message) from None
        finally:
            if not response.raw.closed:
                response.close()
        if late:
            message = "too slow an answer"
            raise requests.exceptions.Timeout(message)
        if len(body) > _LARGEST:
            message = "too long an answer"
            raise requests.exceptions.RequestException(message)
        return bytes(body)


def session_over(transport: Transport) -> requests.Session:
    """Return a session that knows no other way."""
    session = requests.Session()
    session.trust_env = False
    session.max_redirects = 0
    session.adapters.clear()
    for scheme in ("https://", "http://"):
        session.mount(scheme, transport)
    session.headers["Content-Type"] = "application/json"
    session.headers["Accept-Encoding"] = "identity"
    return session


def _never_connected(error: requests.exceptions.ConnectionError) -> bool:
    """Whether there was no connection over which anything could have left."""
    cause: Any = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    return isinstance(reason, (NewConnectionError, ConnectTimeoutError))
