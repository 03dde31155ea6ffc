"""HTTP without sockets: what httpx and the SDK send is carried to a venue in this process."""

from __future__ import annotations

import hashlib
import io
import json
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from urllib3 import HTTPResponse
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError, ReadTimeoutError

from hlcopy.adapters.http import Answer, RetryError
from hlcopy.adapters.live.sdk import Signer
from hlcopy.simulator.signatures import signable
from hlcopy.wiring.http import BoundedHttp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from hlcopy.domain.instrument import Listing
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
    """The program's own HTTP, its attempts, waits and time-outs, over a carrier in place of connections."""

    def __init__(self, clock: Clock, carrier: Carrier) -> None:
        super().__init__(clock)
        self._carrier = carrier

    def _client(self, url: str) -> Any:  # noqa: ANN401, ARG002 - the base class's own
        return None

    def _attempt(  # type: ignore[override] # there is no client
        self,
        client: None,  # noqa: ARG002
        method: str,
        url: str,
        json: object,
        headers: Mapping[str, str] | None,  # noqa: ARG002
        read_s: float,
        deadline: float,
    ) -> Answer:
        left = self._left(deadline)
        try:
            status, told, body = self._carrier.carry(method, urlsplit(url).path, _text(json), min(read_s, left))
        except (UnreachableError, BrokenError, TooLateError) as error:
            reason = type(error).__name__
            raise RetryError(reason) from None
        return Answer(status, {name.lower(): value for name, value in told.items()}, body)


def _text(sent: object) -> bytes:
    return json.dumps(sent, separators=(",", ":"), allow_nan=False).encode()


class LocalSigner(Signer):
    """The SDK over a carrier."""

    def __init__(self, key: str, account: str, carrier: Carrier) -> None:
        super().__init__(key, network="testnet", url=URL, account=account, is_subaccount=False)
        self._transport.poolmanager = _Pool(carrier)  # type: ignore[assignment] # in place of urllib3's own
        self._wallet = _Wallet(self.address)

    def arm(self, listings: Sequence[Listing], nonces: Callable[[], int], expires_ms: int) -> object:
        """Let the venue cancel all orders soon, which nothing in the program does: for a bug that is planted."""
        return self._call(lambda exchange: exchange.schedule_cancel(expires_ms), listings, nonces, expires_ms)


class _Signable(Protocol):
    """What the SDK gives a key to sign."""

    @property
    def header(self) -> bytes: ...

    @property
    def body(self) -> bytes: ...


class _Wallet:
    """Signs by a seal in place of a signature, which would take most of a drill's time."""

    def __init__(self, address: str) -> None:
        self.address = address

    def sign_message(self, message: _Signable) -> dict[str, int]:
        """Return the seal of what a key would sign."""
        return {"r": _sealed(message, self.address), "s": 1, "v": 27}


def sealed_by(addresses: Callable[[], Iterable[str]]) -> Callable[..., str | None]:
    """Return what tells by its seal which of several addresses an action is from; an altered one is from nobody."""

    def who(
        action: Mapping[str, Any],
        nonce: int,
        signature: tuple[int, int, int],
        vault_address: str | None = None,
        expires_after: int | None = None,
    ) -> str | None:
        message = signable(action, nonce, vault_address, expires_after)
        return next((each for each in addresses() if _sealed(message, each) == signature[0]), None)

    return who


def _sealed(message: _Signable, address: str) -> int:
    told = bytes(message.header) + bytes(message.body) + address.encode()
    return int.from_bytes(hashlib.sha256(told).digest()[:31], "big")


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
