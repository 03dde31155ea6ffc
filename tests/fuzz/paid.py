"""Nansen's endpoints: each one's answer as bytes, its refusals and its headers."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.adapters.nansen.board import NansenLeaderboard, NansenProfiles
from hlcopy.adapters.nansen.client import NansenClient
from hlcopy.adapters.nansen.source import NansenSource
from tests.adapters.nansen import wire
from tests.builders import TRADER
from tests.fuzz.harness import Replying, Target, Unlimited, told
from tests.servers import HandClock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hlcopy.domain.models import Fill

_clock: Final = HandClock()
_unlimited: Final = Unlimited()
NOW: Final = _clock.now()
SINCE: Final = NOW - timedelta(hours=2)

_CLOSE: Final = wire.trade(side="Long", action="Close", start_position=0, oid=2, timestamp="2026-11-20T11:51:00Z")
_SMART: Final = {
    "trader_address": TRADER,
    "trader_address_label": None,
    "token_symbol": "BTC",
    "side": "Long",
    "action": "Open",
    "token_amount": 2.0,
    "price_usd": 50_000,
    "value_usd": 100_000,
    "type": "Market",
    "block_timestamp": "2026-11-20T11:50:00",
    "transaction_hash": wire.HASH,
}
_COIN: Final = {"trader_address": TRADER, "pnl_usd_total": "1.5", "position_value_usd": 3, "nof_trades": 12}
_SCREEN: Final = {"token_symbol": "BTC", "volume": 1.5, "trader_count": 3, "mark_price": "60000", "funding": 0.0000125}
PATHS: Final[Mapping[str, Sequence[object]]] = {
    "perp-leaderboard": [wire.page(wire.leader()), wire.page(wire.leader(total_pnl="", account_value=None))],
    "profiler/perp-trades": [
        wire.page(wire.trade(), _CLOSE),
        wire.page(wire.trade(transaction_hash=wire.NO_HASH, action="Reduce", side="Short", price=None)),
        wire.page(wire.trade(action="Buy", token_symbol="PURR/USDC", side=None), last=False),
    ],
    "profiler/perp-positions": [wire.positions(wire.held()), wire.positions(equity=None)],
    "profiler/perp-pnl-summary": [wire.summary()],
    "tgm/perp-pnl-leaderboard": [wire.page(_COIN)],
    "smart-money/perp-trades": [wire.page(_SMART)],
    "perp-screener": [wire.page(_SCREEN)],
    "account": [{"plan": {"name": "pro"}, "credits_remaining": 12.5}, {"plan": "free"}],
}
"""Valid answers by endpoint."""
_VALID: Final = {f"/api/v1/{path}": json.dumps(examples[0]).encode() for path, examples in PATHS.items()}


def _client(path: str, data: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> NansenClient:
    http = Replying({**_VALID, f"/api/v1/{path}": data or b" "}, status, headers or {})
    return NansenClient(http, "", "key", _unlimited, _clock, patience=1.0)  # type: ignore[arg-type]


def _source(client: NansenClient, stored: Sequence[Fill] = ()) -> NansenSource:
    return NansenSource(client, _clock, lambda _trader, _since: stored, told)


_READERS: Final[Mapping[str, tuple[str, Callable[[NansenClient], object]]]] = {
    "nansen-leaderboard": ("perp-leaderboard", lambda client: NansenLeaderboard(client).leaders(NOW)),
    "nansen-trades": ("profiler/perp-trades", lambda client: _source(client).fills(TRADER, SINCE, NOW)),
    "nansen-positions": ("profiler/perp-positions", lambda client: _source(client).state(TRADER, NOW)),
    "nansen-held": ("profiler/perp-positions", lambda client: _source(client).fills(TRADER, SINCE, NOW)),
    "nansen-summary": (
        "profiler/perp-pnl-summary",
        lambda client: NansenProfiles(None, client, told).summary(TRADER, NOW),  # type: ignore[arg-type]
    ),
    "nansen-coin": ("tgm/perp-pnl-leaderboard", lambda client: client.perp_pnl_leaderboard("BTC", SINCE, NOW)),
    "nansen-smart": ("smart-money/perp-trades", lambda client: client.smart_money_perp_trades()),
    "nansen-screener": ("perp-screener", lambda client: client.perp_screener(SINCE, NOW)),
    "nansen-account": ("account", lambda client: client.account()),
}
"""What reads which endpoint's answer."""


def _reading(path: str, read: Callable[[NansenClient], object]) -> Callable[[bytes], object]:
    return lambda data: read(_client(path, data))


_STATUSES: Final = (200, 302, 400, 401, 402, 403, 422, 429, 500, 503)
_REFUSALS: Final = (
    *({"code": "insufficient_credits", "message": "no credits"}, {"detail": "Forbidden", "retry_after": 3}),
    {"code": "validation_error", "message": "no", "errors": [{"field": "date.from", "message": "x"}]},
    {"detail": {"code": "plan_upgrade_required", "message": "upgrade"}, "param": "address"},
)


def _refused(data: bytes) -> object:
    """Read a refusal: its first byte names the status, its first line the headers' values, the rest is the body."""
    status = _STATUSES[data[0] % len(_STATUSES)] if data else 500
    head, _, body = data[1:].partition(b"\n")
    value = head.decode("latin-1")
    names = ("retry-after", "x-nansen-credits-used", "x-nansen-credits-remaining")
    return _client("account", body, status, dict.fromkeys(names, value)).account()


def _framed(status: int, body: object) -> bytes:
    return bytes([status]) + b"1.5\n" + json.dumps(body).encode()


TARGETS: Final[Mapping[str, Target]] = {
    **{
        name: Target(_reading(path, read), [json.dumps(example).encode() for example in PATHS[path]])
        for name, (path, read) in _READERS.items()
    },
    "nansen-refusal": Target(
        _refused, [_framed(status, body) for status in range(len(_STATUSES)) for body in _REFUSALS]
    ),
}
