"""Answers of the info API as tests make them up, and a server that pages through fills as the venue does."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hlcopy.adapters.http import Http
from hlcopy.adapters.hyperliquid.client import InfoClient
from hlcopy.adapters.memory.usage import MemoryRation
from hlcopy.domain.rations import MONITOR
from tests.servers import UNHURRIED_S, HandClock, Reply, Request, Scripted, ok

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

USER = "0x" + "1a" * 20
T0 = 1_795_000_000_000  # 18 November 2026
PAGE = 2_000


def fill(number: int, time: int, start: float = 0.0, size: float = 1.0, **changes: object) -> dict[str, Any]:
    """Return a fill that bought `size` BTC."""
    return {
        "coin": "BTC",
        "px": "60000.5",
        "sz": str(size),
        "side": "B",
        "time": time,
        "startPosition": str(start),
        "dir": "Open Long",
        "closedPnl": "0.0",
        "hash": "0x" + "7b" * 32,
        "oid": 9_000 + number,
        "crossed": True,
        "fee": "0.27",
        "tid": 1_000_000 + number,
        "feeToken": "USDC",
        "twapId": None,
        **changes,
    }


def climb(times: Iterable[int], first: int = 0) -> list[dict[str, Any]]:
    """Return a chain of fills at some times, each of one BTC more."""
    return [fill(number, time, float(number)) for number, time in enumerate(times, first)]


def asset(name: str, **changes: object) -> dict[str, Any]:
    """Return a coin of `meta`."""
    return {"szDecimals": 5, "name": name, "maxLeverage": 40, "marginTableId": 56, **changes}


def context(mark: str | None, **changes: object) -> dict[str, Any]:
    """Return the present of a coin."""
    return {"funding": "0.0000125", "openInterest": "12.5", "oraclePx": mark, "markPx": mark, "midPx": mark, **changes}


def candle(time: int, o: str, h: str, low: str, c: str, interval: str = "1m") -> dict[str, Any]:
    """Return a candle of BTC."""
    return {
        "t": time,
        "T": time + 59_999,
        "s": "BTC",
        "i": interval,
        "o": o,
        "h": h,
        "l": low,
        "c": c,
        "v": "3",
        "n": 5,
    }


def account(value: str, *positions: dict[str, Any], time: int = T0) -> dict[str, Any]:
    """Return a clearinghouse state."""
    return {
        "marginSummary": {"accountValue": value, "totalNtlPos": "0.0", "totalRawUsd": "0.0", "totalMarginUsed": "0.0"},
        "withdrawable": "0.0",
        "assetPositions": [{"type": "oneWay", "position": position} for position in positions],
        "time": time,
    }


def held(coin: str, size: str, **changes: object) -> dict[str, Any]:
    """Return a position."""
    return {
        "coin": coin,
        "szi": size,
        "leverage": {"type": "cross", "value": 20},
        "entryPx": "60000.0",
        "positionValue": "30000.0",
        "unrealizedPnl": "0.0",
        "marginUsed": "1500.0",
        "maxLeverage": 40,
        **changes,
    }


def history(*points: tuple[int, str, str]) -> dict[str, Any]:
    """Return a window of a portfolio from times, values and profits."""
    return {
        "accountValueHistory": [[time, value] for time, value, _ in points],
        "pnlHistory": [[time, pnl] for time, _, pnl in points],
        "vlm": "0.0",
    }


@dataclass
class FillServer:
    """Serves fills and TWAP slices by the venue's rules: 2,000 rows, both ends included, nothing it doesn't know."""

    fills: list[dict[str, Any]] = field(default_factory=list)
    slices: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, request: Request) -> Reply:
        """Answer a request."""
        asked = dict(request.json)
        name = asked.pop("type")
        assert asked.pop("user") == USER
        if name == "userTwapSliceFills":
            assert not asked
            return ok([{"fill": row, "twapId": 77} for row in reversed(self.slices[-PAGE:])])
        begin, end = asked.pop("startTime"), asked.pop("endTime", 2**53)
        newest_first = asked.pop("reversed", False)
        assert not asked
        rows = self.fills if name == "userFillsByTime" else self.slices
        found = [row for row in rows if begin <= row["time"] <= end]
        if name == "userFillsByTime":
            return ok(found[: -PAGE - 1 : -1] if newest_first else found[:PAGE])
        assert (name, newest_first) == ("userTwapSliceFillsByTime", False)
        return ok([{"fill": row, "twapId": 77} for row in found[:PAGE]])


@dataclass
class Wire:
    """A client, the server that it talks to, and the clock between them."""

    client: InfoClient
    server: Scripted
    clock: HandClock
    ration: MemoryRation

    def asked(self) -> list[Any]:
        """Return the requests' bodies."""
        return [request.json for request in self.server.requests]


@contextmanager
def wired(
    script: Callable[[Request], Reply] | Iterable[Reply],
    *,
    clock: HandClock | None = None,
    ration: MemoryRation | None = None,
    patience: float = 20.0,
    queue_s: float | None = None,
) -> Iterator[Wire]:
    """Connect a client with a scripted server; without a ration there is plenty."""
    clock = clock or HandClock()
    ration = ration or MemoryRation(MONITOR, 1_000_000)
    with Scripted(script) as server, Http(clock, least_s=UNHURRIED_S) as http:
        yield Wire(InfoClient(http, server.url, ration, clock, patience, queue_s), server, clock, ration)


def by_type(**answers: object) -> Callable[[Request], Reply]:
    """Answer each request by its type; a list of replies is used up one by one, the last for good."""
    queues = {name: (list(answer) if isinstance(answer, Replies) else [ok(answer)]) for name, answer in answers.items()}

    def answer(request: Request) -> Reply:
        queue = queues[request.json["type"]]
        return queue.pop(0) if len(queue) > 1 else queue[0]

    return answer


class Replies(list[Reply]):
    """Replies to use one by one."""
