"""A trader at a local venue's exchange API for tests, without HTTP and without the SDK: actions out, statuses in."""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from eth_account import Account

from hlcopy.simulator.clock import DrivenClock
from hlcopy.simulator.hyperliquid_api import HyperliquidApi
from hlcopy.simulator.signatures import address_of, signable
from hlcopy.simulator.trading import TradingFloor
from hlcopy.simulator.venue import Venue, quiet_world
from tests.venue import PRICES, START, START_MS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hlcopy.simulator.trading_account import TradingAccount
    from hlcopy.simulator.world import World

MASTER: Final = "0x" + "ab" * 20
KEY: Final = "0x" + "17" * 32
AGENT: Final = address_of(KEY)
BTC, ETH, DELISTED, SOL = range(4)  # places in the universe of a quiet world
OK: Final = {"status": "ok", "response": {"type": "default"}}


def limit(
    asset: int,
    size: float | str,
    price: float | str,
    *,
    tif: str = "Ioc",
    reduce_only: bool = False,
    cloid: int | None = None,
) -> dict[str, Any]:
    """Return a limit order of a signed size on the wire."""
    return _order(asset, size, price, {"limit": {"tif": tif}}, reduce_only=reduce_only, cloid=cloid)


def trigger(
    asset: int,
    size: float | str,
    at: float,
    *,
    price: float | None = None,
    kind: str = "sl",
    is_market: bool = True,
    reduce_only: bool = True,
    cloid: int | None = None,
) -> dict[str, Any]:
    """Return a trigger order of a signed size on the wire; its limit is by default a tenth worse than the trigger."""
    if price is None:
        price = at * 1.1 if float(size) > 0 else at * 0.9
    told = {"trigger": {"isMarket": is_market, "triggerPx": wired(at), "tpsl": kind}}
    return _order(asset, size, float(f"{price:.5g}"), told, reduce_only=reduce_only, cloid=cloid)


def _order(
    asset: int, size: float | str, price: float | str, kind: object, *, reduce_only: bool, cloid: int | None
) -> dict[str, Any]:
    text = wired(size)
    told = {
        "a": asset,
        "b": not text.startswith("-"),
        "p": wired(price),
        "s": text.removeprefix("-"),
        "r": reduce_only,
        "t": kind,
    }
    return told if cloid is None else {**told, "c": cloid_of(cloid)}


def wired(number: float | str) -> str:
    """Return a number as clients send it."""
    return number if isinstance(number, str) else f"{number:.8f}".rstrip("0").rstrip(".")


def cloid_of(number: int) -> str:
    """Return a client's number of an order."""
    return f"0x{number:032x}"


def orders(*placed: Mapping[str, Any], grouping: object = "na") -> dict[str, Any]:
    """Return the action that places orders."""
    return {"type": "order", "orders": list(placed), "grouping": grouping}


class Trader:
    """An account of $1,000 and its agent on a floor of their own, in a quiet world unless another is given."""

    def __init__(self, usd: float = 1_000.0, *, world: World | None = None, mode: str = "default") -> None:
        self.venue = Venue(world or quiet_world(START, PRICES))
        self.clock = DrivenClock(START_MS)
        self.floor = TradingFloor(self.venue, self.clock)
        self.account: TradingAccount = self.floor.open_account(MASTER, usd, mode=mode)
        self.floor.approve(AGENT, MASTER, name="bot")
        self._api = HyperliquidApi(self.venue, self.clock, self.floor)
        self._nonces = count(START_MS)

    # Over the wire

    def send(
        self,
        action: Mapping[str, Any],
        *,
        key: str = KEY,
        nonce: int | None = None,
        vault: str | None = None,
        expires: int | None = None,
    ) -> dict[str, Any]:
        """Return the answer to an action, signed with a key."""
        nonce = next(self._nonces) if nonce is None else nonce
        signed = Account.from_key(key).sign_message(signable(action, nonce, vault, expires))
        body = {
            "action": action,
            "nonce": nonce,
            "signature": {"r": hex(signed.r), "s": hex(signed.s), "v": signed.v},
            "vaultAddress": vault,
            "expiresAfter": expires,
        }
        envelope = self.floor.read(json.dumps(body).encode())
        assert envelope.problem is None, (envelope.problem, action)
        return self.floor.exchange(envelope)

    def refusal(self, action: Mapping[str, Any], **given: Any) -> str:  # noqa: ANN401 - parts of an envelope
        """Return the words in which a whole action is refused."""
        answer = self.send(action, **given)
        assert answer["status"] == "err", answer
        return str(answer["response"])

    def place(self, *placed: Mapping[str, Any], grouping: object = "na") -> list[Any]:
        """Return the statuses of orders."""
        answer = self.send(orders(*placed, grouping=grouping))
        assert answer["status"] == "ok", answer
        return list(answer["response"]["data"]["statuses"])

    def buy(self, asset: int, size: float, price: float, **given: Any) -> Any:  # noqa: ANN401 - a status
        """Return the status of one limit order of a signed size."""
        return self.place(limit(asset, size, price, **given))[0]

    def leverage(self, asset: int, value: int, *, is_cross: bool = False) -> None:
        """Set a coin's leverage."""
        assert self.send(set_leverage(asset, value, is_cross=is_cross)) == OK

    def enter(self, size: float = 0.05, *, leverage: int = 3) -> None:
        """Hold ETH in isolated margin, bought or sold at the book around 2,000."""
        self.leverage(ETH, leverage)
        assert "filled" in self.buy(ETH, size, 2_100.0 if size > 0 else 1_900.0)

    # Around it

    def info(self, kind: str, user: str | None = MASTER, **keys: object) -> Any:  # noqa: ANN401 - whatever the venue answers
        """Return what the info API says of an account, or of the market without one."""
        now = self.floor.advance()
        told = {"type": kind, **keys} if user is None else {"type": kind, "user": user, **keys}
        asked = self._api.read(json.dumps(told).encode())
        assert asked.problem is None, (kind, keys)
        (status, _, body), _ = self._api.answer(asked, now)
        assert status == 200, (kind, status)
        return json.loads(body)

    def position(self, coin: str = "ETH") -> dict[str, Any] | None:
        """Return what the info API says of a position, None without one."""
        rows = [row["position"] for row in self.info("clearinghouseState")["assetPositions"]]
        return next((row for row in rows if row["coin"] == coin), None)

    def status(self, number: int | str) -> str:
        """Return the status of an order by its number, or by its client's as a small number."""
        told = self.info("orderStatus", oid=number)
        return str(told["order"]["status"]) if told["status"] == "order" else str(told["status"])

    def status_of(self, cloid: int) -> str:
        """Return the status of an order by its client's number."""
        return self.status(cloid_of(cloid))

    def open_cloids(self) -> list[int]:
        """Return the clients' numbers of the open orders."""
        return sorted(int(row["cloid"], 16) for row in self.info("frontendOpenOrders") if row["cloid"])

    def later(self, ms: int) -> None:
        """Let time pass."""
        self.clock.advance(ms)
        self.floor.advance()

    def mark(self, price: float, coin: str = "ETH", *, after_ms: int = 1_000) -> None:
        """Let a mark jump after a while, and that while pass."""
        self.venue.set_mark(coin, price, self.clock.now_ms() + after_ms)
        self.later(after_ms)


def set_leverage(asset: int, value: int, *, is_cross: bool = False) -> dict[str, Any]:
    """Return the action that sets a coin's leverage."""
    return {"type": "updateLeverage", "asset": asset, "isCross": is_cross, "leverage": value}


def add_margin(asset: int, usd: float) -> dict[str, Any]:
    """Return the action that changes a position's margin."""
    return {"type": "updateIsolatedMargin", "asset": asset, "isBuy": True, "ntli": round(usd * 1_000_000)}
