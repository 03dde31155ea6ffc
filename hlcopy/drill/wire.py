"""HTTP without sockets: what httpx and the SDK send is carried to a venue in this process."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

import httpx
from urllib3 import HTTPResponse
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError, ReadTimeoutError

from hlcopy.adapters.live.sdk import Signer
from hlcopy.wiring.http import BoundedHttp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hlcopy.ports import Clock

URL: Final = "http://127.0.0.1:1"
"""Where the venue is said to be: nothing ever connects to it."""

_READ_S: Final = 10.0


class UnreachableError(Exception):
    """There was no connection."""


class BrokenError(Exception):
    """The connection broke before there was an answer."""


class TooLateError(Exception):
    """No answer came within the time that its sender waits."""


class Carrier(Protocol):
    """Carries a request to the venue and its answer back."""

    def carry(self, method: str, path: str, body: bytes, read_s: float) -> tuple[int, Mapping[str, str], bytes]:
        """Return status, headers and body; raises one of this module's errors."""


class LocalHttp(BoundedHttp):
    """The program's own HTTP over a carrier."""

    def __init__(self, clock: Clock, carrier: Carrier) -> None:
        super().__init__(clock)
        self._local = httpx.Client(transport=_Httpx(carrier), headers={"user-agent": "hlcopy"})

    def close(self) -> None:
        """Close the client."""
        self._local.close()

    def _client(self, url: str) -> httpx.Client:  # noqa: ARG002 - the base class's own signature
        return self._local


class _Httpx(httpx.BaseTransport):
    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        read_s = request.extensions.get("timeout", {}).get("read") or _READ_S
        try:
            status, headers, body = self._carrier.carry(
                request.method, request.url.raw_path.decode("ascii"), request.read(), read_s
            )
        except UnreachableError:
            raise httpx.ConnectError("refused") from None  # noqa: EM101 - nobody reads it
        except BrokenError:
            raise httpx.RemoteProtocolError("broken") from None  # noqa: EM101 - nobody reads it
        except TooLateError:
            raise httpx.ReadTimeout("late") from None  # noqa: EM101 - nobody reads it
        return httpx.Response(status, headers=dict(headers), content=body)


class LocalSigner(Signer):
    """The SDK over a carrier."""

    def __init__(self, key: str, account: str, carrier: Carrier) -> None:
        super().__init__(key, network="testnet", url=URL, account=account, is_subaccount=False)
        self._transport.poolmanager = _Pool(carrier)


class _Pool:
    """In place of urllib3's pools of connections."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier

    def connection_from_host(self, **_: object) -> _Pool:
        return self

    def clear(self) -> None:
        """Have no connection to close."""

    def urlopen(self, *, method: str, url: str, body: bytes | str, **_: Any) -> HTTPResponse:  # noqa: ANN401 - what urllib3 takes
        sent = body.encode() if isinstance(body, str) else body
        try:
            status, headers, answer = self._carrier.carry(method, urlsplit(url).path, sent, _READ_S)
        except UnreachableError:
            raise MaxRetryError(self, url, NewConnectionError(self, "refused")) from None  # type: ignore[arg-type]
        except BrokenError:
            broken = "broken"
            raise ProtocolError(broken) from None
        except TooLateError:
            raise ReadTimeoutError(self, url, "late") from None  # type: ignore[arg-type]
        return HTTPResponse(body=io.BytesIO(answer), headers=dict(headers), status=status, preload_content=False)
