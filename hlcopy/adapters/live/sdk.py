"""hyperliquid-python-sdk with what it lacks: time-outs, nonces that never repeat, a network to sign for, silence.

Importing this costs a third of a second: it is done where something is signed and nowhere else.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import requests
from eth_account import Account
from hyperliquid import exchange as sdk
from hyperliquid.utils.constants import MAINNET_API_URL, TESTNET_API_URL
from hyperliquid.utils.error import ClientError, ServerError
from hyperliquid.utils.types import Cloid

from hlcopy.adapters.live.answers import Lost, NotSent, Unprocessable
from hlcopy.adapters.live.transport import TIMEOUT, Transport, session_over
from hlcopy.errors import HlcopyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hlcopy.domain.book import Order
    from hlcopy.domain.instrument import Listing

    Nonces = Callable[[], int]

_UNPROCESSABLE: Final = 422
_LONGEST_TEXT: Final = 200
_NO_SPOT: Final[dict[str, list[object]]] = {"universe": [], "tokens": []}
_thread = threading.local()


class _Silence:
    """In place of the module that the SDK logs with: it would log what it signs."""

    @staticmethod
    def debug(*_: object) -> None:
        """Say nothing."""


def _next_nonce() -> int:
    nonces: Nonces = _thread.nonces
    return nonces()


# The only places where the SDK takes its nonces from and logs to: names of its module.
sdk.get_timestamp_ms = _next_nonce
sdk.logging = _Silence
for _name in ("urllib3", "requests", "hyperliquid"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


@contextmanager
def _nonces_of(nonces: Nonces) -> Iterator[None]:
    """Let the SDK take its nonces from there, in this thread only."""
    _thread.nonces = nonces
    try:
        yield
    finally:
        del _thread.nonces


def address_of(key: str) -> str:
    """Return the address of a private key, in lower case."""
    return str(Account.from_key(key).address).lower()


class Signer:
    """Signs actions for one account with an agent's key and sends each once; one thread may use it.

    Every call is given the coins in the venue's order, where nonces come from, and the moment in ms after which the venue
    must not do it any more. It returns the venue's answer as JSON, or what stands for one.
    """

    def __init__(self, key: str, *, network: str, url: str, account: str, is_subaccount: bool) -> None:
        self._wallet = Account.from_key(key)
        self.address = str(self._wallet.address).lower()
        self.account = account
        self._vault = account if is_subaccount else None
        self._official = MAINNET_API_URL if network == "mainnet" else TESTNET_API_URL
        self._transport = Transport(self._official, url)
        self._session = session_over(self._transport)
        self._listings: Sequence[Listing] | None = None
        self._exchange: Any = None

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def order(self, order: Order, listings: Sequence[Listing], nonces: Nonces, expires_ms: int) -> object:
        """Send an entry or exit as immediate-or-cancel, a stop as a trigger."""
        kind: dict[str, object] = {"limit": {"tif": "Ioc"}}
        if order.trigger_price is not None:
            kind = {"trigger": {"triggerPx": float(order.trigger_price), "isMarket": True, "tpsl": "sl"}}
        return self._call(
            lambda exchange: exchange.order(
                order.coin,
                order.is_buy,
                float(order.size),
                float(order.limit_price or 0.0),
                kind,
                reduce_only=order.reduce_only,
                cloid=Cloid.from_str(order.client_order_id),
            ),
            listings,
            nonces,
            expires_ms,
        )

    def leverage(
        self, coin: str, leverage: int, listings: Sequence[Listing], nonces: Nonces, expires_ms: int
    ) -> object:
        """Set isolated margin and the leverage of a coin."""
        return self._call(
            lambda exchange: exchange.update_leverage(leverage, coin, is_cross=False), listings, nonces, expires_ms
        )

    def cancel(self, order: Order, listings: Sequence[Listing], nonces: Nonces, expires_ms: int) -> object:
        """Cancel an order by its client id."""
        cloid = Cloid.from_str(order.client_order_id)
        return self._call(lambda exchange: exchange.cancel_by_cloid(order.coin, cloid), listings, nonces, expires_ms)

    def _call(
        self, action: Callable[[Any], object], listings: Sequence[Listing], nonces: Nonces, expires_ms: int
    ) -> object:
        exchange = self._exchange_of(listings)
        exchange.set_expires_after(expires_ms)
        self._transport.left = False
        try:
            with _nonces_of(nonces):
                return action(exchange)
        except HlcopyError:
            raise  # no nonce could be had: nothing was signed
        except ClientError as error:
            return _of_client_error(error)
        except ServerError as error:
            return Lost(f"it answers {error.status_code}")
        except requests.exceptions.RequestException as error:
            return self._lost(_in_plain_words(error))
        except Exception as error:  # noqa: BLE001 - the SDK's own parser fails in many ways, and none is a refusal
            return self._lost(f"{type(error).__name__} in the SDK")

    def _lost(self, reason: str) -> Lost | NotSent:
        return Lost(reason) if self._transport.left else NotSent(f"not sent: {reason}")

    def _exchange_of(self, listings: Sequence[Listing]) -> Any:  # noqa: ANN401 - the SDK has no types
        if self._exchange is None or listings != self._listings:
            universe = [{"name": coin.name, "szDecimals": coin.size_decimals} for coin in listings]
            exchange = sdk.Exchange(
                self._wallet,
                self._official,
                meta={"universe": universe},
                vault_address=self._vault,
                account_address=self.account,
                spot_meta=_NO_SPOT,
                timeout=TIMEOUT,
            )
            exchange.session = exchange.info.session = self._session
            self._exchange, self._listings = exchange, listings
        return self._exchange


def _of_client_error(error: ClientError) -> Lost | Unprocessable:
    said = error.error_message
    if error.status_code == _UNPROCESSABLE and isinstance(said, str) and said.strip().lower().startswith("failed to"):
        return Unprocessable(said.strip()[:_LONGEST_TEXT])
    return Lost(f"it answers {error.status_code}")


def _in_plain_words(error: requests.exceptions.RequestException) -> str:
    """Return what happened without what the error holds: the request, and in it what was signed."""
    for kind, words in (
        (requests.exceptions.ConnectTimeout, "no connection in time"),
        (requests.exceptions.Timeout, "no answer in time"),
        (requests.exceptions.SSLError, "no trusted TLS connection"),
        (requests.exceptions.TooManyRedirects, "it redirects"),
        (requests.exceptions.ConnectionError, "the connection failed"),
    ):
        if isinstance(error, kind):
            return words
    return "its answer broke off"
