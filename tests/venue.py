"""A local venue in this process for tests: quiet unless a world is given, its clock driven by the test."""

from __future__ import annotations

import http.client
import json
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any, Final, cast

from hlcopy.simulator.clock import DrivenClock
from hlcopy.simulator.nansen_api import NansenApi
from hlcopy.simulator.server import WEIGHT_PER_MINUTE, LocalVenue
from hlcopy.simulator.venue import Profile, Venue, quiet_world

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Self

    from hlcopy.simulator.venue import FillRow, World

START: Final = datetime(2026, 3, 1, tzinfo=UTC)
START_MS: Final = int(START.timestamp() * 1000)
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
TRADER: Final = "0x" + "a1" * 20
KEY: Final = "a-key-for-tests"
PRICES: Final = {"BTC": 60_000.0, "ETH": 2_000.0, "SOL": 150.0}

_tids = count(1)


@contextmanager
def local_venue(
    world: World | None = None,
    *,
    start: datetime = START,
    prices: Mapping[str, float] = PRICES,
    weight_per_minute: int = WEIGHT_PER_MINUTE,
    credits_: float = 10_000.0,
) -> Iterator[LocalVenue]:
    """Serve a world, by default one with constant prices and nobody in it, from a moment on.

    `venue.venue` is scripted by `set_mark`, `add_fill` and `add_trader`; `clock_of(venue)` moves the time. An error inside
    the venue fails the test.
    """
    venue = Venue(world or quiet_world(start=start, prices=prices))
    clock = DrivenClock(round(start.timestamp() * 1000))
    nansen = NansenApi(venue, clock, key=KEY, credits=credits_)
    with LocalVenue(venue, clock, weight_per_minute=weight_per_minute, nansen=nansen) as served:
        yield served
    for crash in served.crashes:
        raise crash


def clock_of(venue: LocalVenue) -> DrivenClock:
    """Return the clock of a local venue of tests."""
    return cast("DrivenClock", venue.clock)


def environment(venue: LocalVenue, db: Path) -> dict[str, str]:
    """Return the settings with which a command uses a local venue and a database."""
    return {
        "HLCOPY_DB": str(db),
        "HLCOPY_SOURCE_URL": venue.url,
        "HLCOPY_HYPERLIQUID_URL": venue.url,
        "HLCOPY_LEADERBOARD_URL": venue.leaderboard_url,
        "HLCOPY_NANSEN_URL": venue.nansen_url,
        "HLCOPY_CLOCK": "venue",
        "NANSEN_API_KEY": KEY,
    }


class Client:
    """A client that knows nothing: one connection, JSON in, JSON or text out."""

    def __init__(self, venue: LocalVenue) -> None:
        host, port = venue.url.removeprefix("http://").split(":")
        self.connection = http.client.HTTPConnection(host, int(port), timeout=10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def send(self, method: str, path: str, body: bytes | str | None = None, **headers: str) -> tuple[int, bytes]:
        """Return the status and the body of an answer."""
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def info(self, kind: str, **keys: object) -> Any:  # noqa: ANN401 - whatever the venue answers
        """Return the answer to an info request, which must be a good one."""
        status, body = self.send("POST", "/info", json.dumps({"type": kind, **keys}))
        assert status == 200, (kind, status, body)
        return json.loads(body)

    def status(self, kind: str, **keys: object) -> int:
        """Return the status of the answer to an info request."""
        return self.send("POST", "/info", json.dumps({"type": kind, **keys}))[0]


def profile(address: str = TRADER, **overrides: object) -> Profile:
    """Return a trader of a world: by default a plain account of $400,000."""
    given: dict[str, Any] = {
        "address": address,
        "equity_usd": 400_000.0,
        "description": "scripted",
        "kind": "scripted",
        "label": None,
        "smart_money": False,
        "mode": "default",
        **overrides,
    }
    return Profile(**given)


def fill_row(**overrides: object) -> FillRow:
    """Return a fill as the venue keeps it: by default `TRADER` opens 1 BTC at 60,000 at the start."""
    tid = next(_tids)
    given: dict[str, Any] = {
        "user": TRADER,
        "coin": "BTC",
        "px": "60000.0",
        "sz": "1.0",
        "side": "B",
        "time": START_MS,
        "startPosition": "0.0",
        "dir": "Open Long",
        "closedPnl": "0.0",
        "hash": f"0x{tid:064x}",
        "oid": tid,
        "crossed": True,
        "fee": "27.0",
        "tid": tid,
        "feeToken": "USDC",
        "twapId": None,
        **overrides,
    }
    return cast("FillRow", given)
