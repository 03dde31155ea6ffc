"""A few scripted wallets and a clock for the tests of Nansen's API: every number is known beforehand."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from hlcopy.domain.instrument import Instrument
from hlcopy.simulator.nansen_api import NansenApi
from hlcopy.simulator.nansen_limits import FREE, Plan
from hlcopy.simulator.wallet import ZERO_HASH, wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hlcopy.simulator.venue import Venue
    from hlcopy.simulator.wallet import FillRow

KEY = "a-key-of-the-tests"
DAY = 86_400_000
HOUR = 3_600_000
NOW = int(datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()) * 1000
COINS = (
    Instrument(coin="BTC", size_decimals=5, max_leverage=40),
    Instrument(coin="ETH", size_decimals=4, max_leverage=25),
    Instrument(coin="SOL", size_decimals=2, max_leverage=20),
)


class Profile(NamedTuple):
    address: str
    equity_usd: float = 100_000.0
    label: str | None = None
    smart_money: bool = False
    mode: str = "default"


class Holding(NamedTuple):
    coin: str
    size: float
    entry_price: float
    leverage: int
    isolated: bool
    mark: float
    margin_usd: float


@dataclass
class Clock:
    at: int = NOW

    def now_ms(self) -> int:
        return self.at


@dataclass
class Account:
    """A wallet whose orders are played one after another."""

    profile: Profile
    rows: list[FillRow] = field(default_factory=list)
    held: dict[str, tuple[float, float]] = field(default_factory=dict)
    number: int = 7_000_000_000

    def order(
        self,
        coin: str,
        parts: Sequence[tuple[float, float]],
        at: int,
        *,
        hashes: Sequence[str] = (),
        step_ms: int = 0,
        crossed: bool = True,
        oid: int | None = None,
        forced: bool = False,
        fee: float = 1.0,
        paid_in: str = "USDC",
    ) -> int:
        """Fill an order in signed parts at prices, all of one transaction unless each has a hash; return its oid."""
        self.number += 1
        oid = oid or self.number
        for index, (size, price) in enumerate(parts):
            start, entry = self.held.get(coin, (0.0, price))
            end = round(start + size, 8)
            closed = min(abs(start), abs(size)) * (1 if start > 0 else -1) if start * size < 0 else 0.0
            if start * size >= 0 and end:
                entry = (start * entry + size * price) / end
            elif start * end < 0:
                entry = price
            row: dict[str, Any] = {
                "user": self.profile.address,
                "coin": coin,
                "px": wire(price, 8),
                "sz": wire(abs(size), 8),
                "side": "B" if size > 0 else "A",
                "time": at + index * step_ms,
                "startPosition": wire(start, 8),
                "dir": direction(coin, start, end, size),
                "closedPnl": wire(closed * (price - self.held.get(coin, (0.0, price))[1]), 6),
                "hash": hashes[index] if hashes else f"0x{self.number:064x}",
                "oid": oid,
                "crossed": crossed,
                "fee": wire(fee, 6),
                "tid": len(self.rows) + 1,
                "feeToken": paid_in,
                "twapId": None,
            }
            if forced:
                row["liquidation"] = {
                    "liquidatedUser": self.profile.address,
                    "markPx": wire(price, 8),
                    "method": "market",
                }
            self.held[coin] = (end, entry)
            self.rows.append(cast("FillRow", row))
        return oid


def direction(coin: str, start: float, end: float, size: float) -> str:
    if coin.startswith("@"):
        return "Buy" if size > 0 else "Sell"
    if start * end < 0:
        return "Short > Long" if end > 0 else "Long > Short"
    if start * size >= 0:
        return "Open Long" if size > 0 else "Open Short"
    return "Close Long" if start > 0 else "Close Short"


@dataclass
class ScriptedVenue:
    """What the tests' wallets did, at marks that don't move; positions are as they are at the end."""

    accounts: list[Account] = field(default_factory=list)
    marks: dict[str, float] = field(default_factory=dict)
    leverage: dict[str, int] = field(default_factory=dict)
    isolated: bool = False
    coins: tuple[Instrument, ...] = COINS

    def add(
        self,
        address: str,
        *,
        equity_usd: float = 100_000.0,
        label: str | None = None,
        smart_money: bool = False,
        mode: str = "default",
    ) -> Account:
        account = Account(Profile(address, equity_usd, label, smart_money, mode))
        self.accounts.append(account)
        return account

    @property
    def traders(self) -> tuple[Profile, ...]:
        return tuple(account.profile for account in self.accounts)

    def profile(self, address: str) -> Profile | None:
        return next((profile for profile in self.traders if profile.address == address.lower()), None)

    def fills(self, address: str, since_ms: int, until_ms: int) -> list[FillRow]:
        rows = next(account.rows for account in self.accounts if account.profile.address == address)
        return [row for row in rows if since_ms <= row["time"] <= until_ms]

    def holdings(self, address: str, at_ms: int) -> list[Holding]:
        assert at_ms
        account = next(account for account in self.accounts if account.profile.address == address)
        leverage = self.leverage.get(address, 10)
        return [
            Holding(coin, size, entry, leverage, self.isolated, self.mark(coin), abs(size) * self.mark(coin) / leverage)
            for coin, (size, entry) in account.held.items()
            if size and ":" not in coin and "@" not in coin
        ]

    def equity(self, address: str, at_ms: int) -> float:
        assert at_ms
        profile = self.profile(address)
        assert profile is not None
        return profile.equity_usd

    def volume(self, address: str, since_ms: int, until_ms: int) -> float:
        return sum(float(row["sz"]) * float(row["px"]) for row in self.fills(address, since_ms, until_ms))

    def realized(self, address: str, since_ms: int, until_ms: int) -> tuple[float, float]:
        rows = self.fills(address, since_ms, until_ms)
        return sum(float(row["closedPnl"]) for row in rows), sum(float(row["fee"]) for row in rows)

    def mark(self, coin: str, at_ms: int = NOW) -> float:
        assert at_ms
        return self.marks.get(coin, 100.0)

    def funding(self, coin: str, since_ms: int, until_ms: int) -> list[tuple[int, float, float]]:
        assert coin
        return [(hour, 0.0000125, 0.0) for hour in range(since_ms - since_ms % HOUR + HOUR, until_ms + 1, HOUR)]


ALICE, BOB, CAROL = (f"0x{digit * 40}" for digit in "abc")
HASHES = [f"0x{index:064x}" for index in range(1, 40)]
LAST_DAYS = {"from": "2026-11-01", "to": "2026-11-22"}


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: Any


class Caller:
    """A client with a key in front of a fresh API."""

    def __init__(self, venue: ScriptedVenue | None = None, *, funds: float = 1000, plan: Plan = FREE) -> None:
        self.clock = Clock()
        self.venue = venue or ScriptedVenue()
        self.api = NansenApi(cast("Venue", self.venue), self.clock, key=KEY, credits=funds, plan=plan)

    def send(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        status, told, answer = self.api.handle(
            method, f"/api/v1/{path}", {"apikey": KEY} if headers is None else headers, body
        )
        return Answer(status, {name.lower(): value for name, value in told.items()}, json.loads(answer))

    def post(self, path: str, **body: object) -> Answer:
        return self.send("POST", path, json.dumps(body).encode())

    def rows(self, path: str, **body: object) -> list[dict[str, Any]]:
        answer = self.post(path, **body)
        assert answer.status == 200, answer.body
        data: list[dict[str, Any]] = answer.body["data"]
        return data

    def trades(self, address: str = ALICE, **body: object) -> list[dict[str, Any]]:
        return self.rows("profiler/perp-trades", address=address, date=LAST_DAYS, **body)


def ago(hours: float) -> int:
    return NOW - round(hours * HOUR)


__all__ = ["ALICE", "BOB", "CAROL", "HASHES", "ZERO_HASH", "Caller", "ScriptedVenue", "ago"]
