"""A live exchange over loopback: the real SDK, the real reader, and a server that answers as a test scripts it."""

from __future__ import annotations

import math
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from eth_account import Account as Wallet
from hyperliquid.utils.signing import recover_agent_or_user_from_l1_action

from hlcopy.adapters.http import Http
from hlcopy.adapters.hyperliquid.account import HyperliquidAccount
from hlcopy.adapters.hyperliquid.client import InfoClient
from hlcopy.adapters.live import LiveExchange, signer
from hlcopy.adapters.memory import MemoryLedger
from hlcopy.adapters.memory.usage import MemoryRation
from hlcopy.domain.book import Order, Purpose
from hlcopy.domain.instrument import Listing
from hlcopy.domain.policy import Policy
from hlcopy.domain.rations import MONITOR
from hlcopy.errors import ConfigError, TryLaterError
from tests import builders
from tests.adapters.hyperliquid.rows import account as state
from tests.servers import UNHURRIED_S, HandClock, Reply, Request, Scripted, ok
from tests.venue import environment, local_venue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    import pytest

    from hlcopy.ports import Controls
    from hlcopy.simulator.server import LocalVenue

AGENT_KEY = "0x" + "17" * 32
AGENT = str(Wallet.from_key(AGENT_KEY).address).lower()
ACCOUNT = "0x" + "ab" * 20
CLOID = "0x" + "1" * 32
LISTINGS = [
    Listing(name="BTC", size_decimals=5, max_leverage=40),
    Listing(name="ETH", size_decimals=4, max_leverage=25),
    Listing(name="OLD", size_decimals=2, max_leverage=3, is_delisted=True),
    Listing(name="SOL", size_decimals=2, max_leverage=20),
]
NOW = HandClock().now()


def entry(**changes: object) -> Order:
    """Return an entry of 0.05 ETH, bounded at 2,010."""
    made = builders.order(
        coin="ETH", size=0.05, limit_price=2_010.0, created_at=NOW, expires_at=NOW + Policy().execution.entry_expiry
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def leaving(**changes: object) -> Order:
    """Return an exit of the same."""
    return entry(**{"purpose": Purpose.EXIT, "is_buy": False, "reduce_only": True, "limit_price": 1_990.0, **changes})


def stop(**changes: object) -> Order:
    """Return a stop of the same, at 1,900."""
    return leaving(**{"purpose": Purpose.STOP, "trigger_price": 1_900.0, "limit_price": 1_710.0, **changes})


def said(status: object, kind: str = "order") -> Reply:
    """Return the venue's answer with the status of one order."""
    return ok({"status": "ok", "response": {"type": kind, "data": {"statuses": [status]}}})


def err(text: str) -> Reply:
    """Return the venue's refusal of a whole action."""
    return ok({"status": "err", "response": text})


LEVERAGE_SET = ok({"status": "ok", "response": {"type": "default"}})
FILLED = said({"filled": {"totalSz": "0.05", "avgPx": "2000.5", "oid": 77, "cloid": CLOID}})
RESTING = said({"resting": {"oid": 78, "cloid": CLOID}})
UNKNOWN_OID = {"status": "unknownOid"}


def signer_of(body: dict[str, Any], *, mainnet: bool = False) -> str:
    """Return who signed an action."""
    given = body["signature"]
    signature = {"r": hex(int(given["r"], 16)), "s": hex(int(given["s"], 16)), "v": given["v"]}
    found = recover_agent_or_user_from_l1_action(
        body["action"], signature, body["vaultAddress"], body["nonce"], body["expiresAfter"], mainnet
    )
    return str(found).lower()


@contextmanager
def live_venue(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalVenue]:
    """Serve a local venue with an account and an agent of ours, and let this process's settings trade there live."""
    key = home / "agent.key"
    key.write_text(AGENT_KEY)
    key.chmod(0o600)
    with local_venue() as served:
        served.floor.open_account(ACCOUNT, 100_000.0)
        served.floor.approve(AGENT, ACCOUNT, name="bot")
        given = {
            "HLCOPY_MODE": "live",
            "HLCOPY_ACCOUNT_ADDRESS": ACCOUNT,
            "HLCOPY_AGENT_KEY_FILE": str(key),
        }
        for name, value in {**environment(served, home / "live.db"), **given}.items():
            monkeypatch.setenv(name, value)
        yield served


@dataclass
class Stood:
    """What is in the way."""

    problems: list[str | TryLaterError | None] = field(default_factory=list)
    asked: list[bool] = field(default_factory=list)
    forgotten: int = 0

    def problem(self, *, entering: bool) -> str | None:
        self.asked.append(entering)
        found = self.problems.pop(0) if self.problems else None
        if isinstance(found, TryLaterError):
            raise found
        return found

    def require(self) -> None:
        if (problem := self.problem(entering=True)) is not None:
            raise ConfigError(problem)

    def forget(self) -> None:
        self.forgotten += 1


@dataclass
class Rig:
    """A live exchange and all that stands around it."""

    exchange: LiveExchange
    server: Scripted
    clock: HandClock
    told: list[str]
    stood: Stood
    ration: MemoryRation
    controls: Controls
    left: list[float]

    @property
    def sent(self) -> list[dict[str, Any]]:
        """The signed actions that arrived."""
        return [request.json for request in self.server.requests if request.path == "/exchange"]

    @property
    def asked(self) -> list[str]:
        """The types of info requests that arrived."""
        return [request.json["type"] for request in self.server.requests if request.path == "/info"]


@contextmanager
def rigged(
    *replies: Reply,
    info: dict[str, Any] | None = None,
    url: str | None = None,
    network: str = "testnet",
    is_subaccount: bool = False,
    controls: Controls | None = None,
    clock: HandClock | None = None,
    equity: float | None = 100_000.0,
    listings: Callable[[datetime], Sequence[Listing]] = lambda _: LISTINGS,
) -> Iterator[Rig]:
    """Connect a live exchange with a server that gives these answers to signed actions, and `info` by type.

    The account is read once, so that its equity is known.
    """
    clock = clock or HandClock()
    queue = list(replies)
    answers = {
        "frontendOpenOrders": [],
        "clearinghouseState": state(str(equity), time=int(clock.now().timestamp() * 1000)),
        "orderStatus": UNKNOWN_OID,
        "userFillsByTime": [],
        **(info or {}),
    }

    def answer(request: Request) -> Reply:
        if request.path == "/exchange":
            return queue.pop(0) if queue else (599, {}, b"nothing is scripted")
        found = answers[request.json["type"]]
        reply = found.pop(0) if isinstance(found, list) and found and isinstance(found[0], tuple) else found
        return reply if isinstance(reply, tuple) else ok(reply)

    told: list[str] = []
    with ExitStack() as opened:
        server = opened.enter_context(Scripted(answer))
        http = opened.enter_context(Http(clock, least_s=UNHURRIED_S))
        controls = controls or MemoryLedger().controls
        ration = MemoryRation(MONITOR, 1_000_000)
        client = InfoClient(http, server.url, ration, clock, patience=0.0)
        signs = signer(AGENT_KEY, network=network, url=url or server.url, account=ACCOUNT, is_subaccount=is_subaccount)
        opened.callback(signs.close)
        stood, left = Stood(), [math.inf]
        exchange = LiveExchange(
            reader=HyperliquidAccount(client, ACCOUNT, controls, clock, told.append),
            signer=signs,
            listings=listings,
            controls=controls,
            ration=ration,
            policy=Policy(),
            clock=clock,
            time_left=lambda: left[0],
            standing=stood,
            tell=told.append,
        )
        if equity is not None:
            exchange.account(clock.now())
        yield Rig(exchange, server, clock, told, stood, ration, controls, left)
