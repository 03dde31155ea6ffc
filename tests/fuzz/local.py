"""What comes in as a file or as text: recordings, settings, and the venue's answers to what was signed."""

from __future__ import annotations

import csv
import gzip
import io
import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

import requests

from hlcopy.adapters.live.answers import cancel_outcome, leverage_outcome, order_outcome
from hlcopy.cli.importing import parse
from hlcopy.config import load_settings
from hlcopy.ports import SilentProgress
from tests.adapters.hyperliquid.rows import T0, candle, fill
from tests.fuzz.harness import Target
from tests.live import ACCOUNT, AGENT_KEY, CLOID, LISTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from hlcopy.adapters.live.sdk import Signer
    from hlcopy.cli.importing import Kind

TRADER: Final = "0x" + "1a" * 20
_MINUTE: Final = T0 - T0 % 60_000


class Held:
    """A file that lies in memory: what the readers of files ask of a path."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.name = "given.csv"

    def __str__(self) -> str:
        return self.name

    def is_file(self) -> bool:
        return True

    def stat(self) -> Held:
        return self

    @property
    def st_size(self) -> int:
        return len(self._data)

    def open(self, mode: str = "r", encoding: str = "utf-8") -> io.IOBase:
        raw = io.BytesIO(self._data)
        return raw if "b" in mode else io.TextIOWrapper(raw, encoding=encoding)


def _reading(kind: Kind) -> Callable[[bytes], object]:
    def read(data: bytes) -> object:
        parsed = parse(kind, [cast("Path", Held(data))], TRADER, None, SilentProgress())
        columns = [
            (found.coin, *(c.tolist() for c in (found.t, found.o, found.h, found.l, found.c, found.v)))
            for found in parsed.candles
        ]
        return parsed.fills, parsed.funding, columns

    return read


def _csv(rows: Sequence[Mapping[str, object]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)))
    writer.writeheader()
    writer.writerows(
        {name: json.dumps(cell) if isinstance(cell, dict) else cell for name, cell in row.items()} for row in rows
    )
    return text.getvalue().encode()


def _forms(rows: Sequence[Mapping[str, object]]) -> list[bytes]:
    """Return rows as every kind of file that can be imported."""
    lines = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    array = json.dumps(rows).encode()
    return [_csv(rows), array, lines, array, lines, gzip.compress(array, mtime=0), gzip.compress(_csv(rows), mtime=0)]


_FILLS: Final = [fill(0, T0), fill(1, T0 + 1, 1.0, side="A", dir="Close Long", liquidation={"liquidatedUser": TRADER})]
_CANDLES: Final = [candle(_MINUTE, "1", "3", "0.5", "2"), candle(_MINUTE + 60_000, "2", "2", "2", "2")]
_FUNDING: Final = [{"coin": "BTC", "fundingRate": "0.0000125", "premium": "0.1", "time": T0 + hour} for hour in (0, 9)]


@cache
def _signer() -> Signer:
    from hlcopy.adapters.live import signer

    return signer(AGENT_KEY, network="testnet", url="http://127.0.0.1:1", account=ACCOUNT, is_subaccount=False)


class _Answering:
    """In place of the SDK's session: every action is answered by the same bytes."""

    def __init__(self, status: int, body: bytes) -> None:
        self._answer = requests.Response()
        self._answer.status_code = status
        self._answer.encoding = "utf-8"
        self._answer._content = body  # noqa: SLF001 - what a response of requests is made of

    def post(self, *_: object, **__: object) -> requests.Response:
        return self._answer


def _signed(data: bytes) -> object:
    """Read the answer to a signed action, past the SDK; its first byte names the status."""
    status = (200, 200, 200, 200, 400, 422, 429, 500)[data[0] % 8] if data else 200
    signer = _signer()
    signer._session = cast("Any", _Answering(status, data[1:]))  # noqa: SLF001 - in place of the network
    if signer._exchange is not None:  # noqa: SLF001
        signer._exchange.session = signer._session  # noqa: SLF001
    answer = signer._call(lambda exchange: exchange.post("/exchange", {}), LISTINGS, lambda: T0, T0)  # noqa: SLF001 - signing would take a hundred times as long
    return order_outcome(answer, CLOID, 0.05), leverage_outcome(answer), cancel_outcome(answer)


def _answer(kind: str, status: object) -> object:
    return {"status": "ok", "response": {"type": kind, "data": {"statuses": [status]}}}


_SIGNED: Final = (
    _answer("order", {"filled": {"totalSz": "0.05", "avgPx": "2000.5", "oid": 77, "cloid": CLOID}}),
    _answer("order", {"resting": {"oid": 78, "cloid": CLOID}}),
    *(
        _answer("order", text)
        for text in ("waitingForFill", {"error": "Price must be divisible by tick size. asset=1"})
    ),
    *(
        _answer("cancel", text)
        for text in ("success", {"error": "Order was never placed, already canceled, or filled."})
    ),
    *(
        {"status": "ok", "response": {"type": "default"}},
        {"status": "err", "response": "Invalid nonce: duplicate nonce 1"},
    ),
)
_ENV: Final = b"""# settings
HLCOPY_MODE=paper
export HLCOPY_COPY_RATIO='0.5'
HLCOPY_MIN_TRADE_VALUE_USD={"BTC": 50000, "ETH": 1e4}
HLCOPY_TRADER_SCORE_WEIGHTS='{"normalized_roi": 0.5}'
HLCOPY_ACCOUNT_ADDRESS=0x1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a
HLCOPY_NANSEN_URL=https://api.nansen.ai
HLCOPY_DB="~/x.db"
HLCOPY_BREAKERS=on
NANSEN_API_KEY=word
OTHER=1
"""


def _file(data: bytes) -> object:
    settings = load_settings({}, cast("Path", Held(data)))
    return settings.policy(), settings.venue_url


def _environment(data: bytes) -> object:
    """Read a process's environment: lines of NAME=VALUE, each byte of which may be anything that the system lets pass."""
    pairs = (line.partition("=") for line in data.decode("utf-8", "surrogateescape").split("\n"))
    given = {name: value.replace("\0", "") for name, _, value in pairs if name}
    settings = load_settings(given, cast("Path", Held(b"A=1\n")))
    return settings.policy(), settings.venue_url


_VARIABLES: Final = b"\n".join(
    line for line in _ENV.replace(b"'", b"").splitlines() if line.startswith((b"HLCOPY", b"NANSEN"))
)

TARGETS: Final[Mapping[str, Target]] = {
    "file-fills": Target(_reading("fills"), _forms(_FILLS)),
    "file-candles": Target(_reading("candles"), _forms(_CANDLES)),
    "file-funding": Target(_reading("funding"), _forms(_FUNDING)),
    "signed-answer": Target(
        _signed, [bytes([status]) + json.dumps(body).encode() for status in range(8) for body in _SIGNED]
    ),
    "settings-file": Target(_file, [_ENV]),
    "settings-environment": Target(_environment, [_VARIABLES]),
}
