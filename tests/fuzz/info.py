"""Hyperliquid's info API and leaderboard: each request type's answer as bytes, read by the adapters that the ticks use."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from hlcopy.adapters.hyperliquid.account import HyperliquidAccount
from hlcopy.adapters.hyperliquid.archive import HyperliquidArchive
from hlcopy.adapters.hyperliquid.board import PublicLeaderboard
from hlcopy.adapters.hyperliquid.client import InfoClient
from hlcopy.adapters.hyperliquid.fills import read_deep, read_updates
from hlcopy.adapters.hyperliquid.market import HyperliquidMarket
from hlcopy.adapters.hyperliquid.profiles import HyperliquidProfiles
from hlcopy.adapters.hyperliquid.source import HyperliquidSource
from hlcopy.domain.models import Side
from hlcopy.wiring.http import venue_time
from hlcopy.wiring.preflight import Identity, live_checks
from tests.adapters.hyperliquid.rows import T0, account, asset, candle, context, fill, held, history
from tests.fuzz.harness import Forgetful, Replying, Target, Unlimited, told
from tests.servers import HandClock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

USER: Final = "0x" + "1a" * 20
AGENT: Final = "0x" + "2b" * 20
CLOID: Final = "0x" + "1" * 32
NOW: Final = datetime.fromtimestamp(T0 / 1000, UTC) + timedelta(minutes=1)
SINCE: Final = NOW - timedelta(hours=2)
HOUR_MS: Final = 3_600_000


def _own(row: dict[str, Any], **changes: object) -> dict[str, Any]:
    return {**row, "cloid": CLOID, **changes}


def _order(**changes: object) -> dict[str, Any]:
    return {
        "coin": "BTC",
        "side": "A",
        "limitPx": "54000.0",
        "sz": "0.5",
        "origSz": "0.5",
        "oid": 77,
        "timestamp": T0,
        "isTrigger": True,
        "triggerPx": "57000.0",
        "reduceOnly": True,
        "orderType": "Stop Market",
        "cloid": CLOID,
        **changes,
    }


def _record(status: str, **changes: object) -> dict[str, Any]:
    return {"status": "order", "order": {"order": _order(**changes), "status": status, "statusTimestamp": T0}}


def _update(**delta: object) -> dict[str, Any]:
    return {"time": T0, "hash": "0x" + "7b" * 32, "delta": delta}


_FILLS: Final = [fill(0, T0), fill(1, T0 + 1, 1.0, side="A", dir="Close Long", oid=77)]
_LIQUIDATED: Final = fill(2, T0 + 2, 2.0, liquidation={"liquidatedUser": USER, "markPx": "1", "method": "market"})
_OWN_POSITION: Final = held("BTC", "0.5", liquidationPx="42000.5")
EXAMPLES: Final[Mapping[str, tuple[object, ...]]] = {
    "meta": ({"universe": [asset("BTC"), asset("OLD", isDelisted=True, marginMode="noCross")]},),
    "metaAndAssetCtxs": ([{"universe": [asset("BTC"), asset("ETH")]}, [context("60000.5"), context(None)]],),
    "allMids": ({"BTC": "60000.5", "@1": "0.2", "ETH": "2000"},),
    "l2Book": (
        {"coin": "BTC", "time": T0, "levels": [[{"px": "60000", "sz": "1", "n": 1}], [{"px": "60001", "sz": "2"}]]},
    ),
    "clearinghouseState": (account("100000.5", _OWN_POSITION), account("0.0")),
    "userFillsByTime": ([_own(row) for row in _FILLS], [_own(_LIQUIDATED)]),
    "userTwapSliceFillsByTime": ([{"fill": fill(3, T0, hash="0x" + "0" * 64), "twapId": 9}],),
    "userTwapSliceFills": ([{"fill": fill(3, T0), "twapId": 9}],),
    "candleSnapshot": ([candle(T0 - T0 % 60_000, "1", "3", "0.5", "2"), candle(T0, "2", "2", "2", "2")],),
    "fundingHistory": ([{"coin": "BTC", "fundingRate": "0.0000125", "premium": "0.1", "time": T0}],),
    "portfolio": ([["day", history((T0, "1.5", "0.5"))], ["perpDay", None], ["allTime", history((T0, "1", "-1"))]],),
    "userNonFundingLedgerUpdates": (
        [_update(type="deposit", usdc="10.5"), _update(type="withdraw", usdc="1", fee="1.0", nonce=1)],
        [
            _update(type="accountClassTransfer", usdc="1", toPerp=True),
            _update(type="liquidation", leverageType="Cross"),
        ],
        [
            _update(
                type="send", token="USDC", amount="1", user=USER, destination=AGENT, sourceDex="", destinationDex="x"
            )
        ],
        [_update(type="vaultWithdraw", netWithdrawnUsd="3"), _update(type="subAccountTransfer", usdc="1", user=USER)],
    ),
    "userAbstraction": ("default", "unifiedAccount"),
    "exchangeStatus": ({"time": T0, "specialStatuses": None},),
    "frontendOpenOrders": ([_order()], [_order(isTrigger=False, triggerPx="0.0", orderType="Limit", cloid=None)]),
    "orderStatus": (
        *(_record("filled", sz="0.0"), _record("open"), _record("reduceOnlyCanceled"), _record("tickRejected")),
        {"status": "unknownOid"},
    ),
    "userFunding": (
        [_update(type="funding", coin="BTC", usdc="-1.5", szi="0.5", fundingRate="0.0000125", nSamples=None)],
    ),
    "userRateLimit": ({"cumVlm": "10.0", "nRequestsUsed": 2890, "nRequestsCap": 54640},),
    "userRole": ({"role": "agent", "data": {"user": USER}}, {"role": "subAccount", "data": {"master": USER}}),
    "extraAgents": ([{"name": "bot", "address": AGENT, "validUntil": T0 + 9 * HOUR_MS}],),
    "activeAssetData": ({"user": USER, "coin": "BTC", "leverage": {"type": "isolated", "value": 3}},),
}
"""Valid answers by request type."""
_VALID: Final = {name: json.dumps(examples[0]).encode() for name, examples in EXAMPLES.items()}
_BOARD: Final = {
    "leaderboardRows": [
        {
            "ethAddress": USER,
            "accountValue": "123.5",
            "displayName": None,
            "prize": 0,
            "windowPerformances": [
                ["day", {"pnl": "1", "roi": "0.1", "vlm": "2"}],
                ["month", {"pnl": "3", "vlm": "4"}],
            ],
        }
    ]
}
_clock: Final = HandClock(NOW)
_unlimited: Final = Unlimited()
_forgetful: Final = Forgetful()
_who: Final = Identity(agent=AGENT, account=USER, url="http://127.0.0.1")


def _client(kind: str, data: bytes, *, status: int = 200) -> InfoClient:
    http = Replying({**_VALID, kind: data or b" "}, status=status)
    return InfoClient(http, "http://127.0.0.1", _unlimited, _clock, 1.0)  # type: ignore[arg-type]


def _market(client: InfoClient) -> object:
    market = HyperliquidMarket(client, _clock, told)
    market.look({"BTC": SINCE}, NOW)
    return [
        *(market.marks(coin, SINCE, NOW) for coin in ("BTC", "ETH")),
        *(market.mark("BTC", NOW), market.next_price("BTC", NOW), market.instrument("BTC"), market.listings(NOW)),
        *(market.book("BTC", NOW, is_buy=is_buy) for is_buy in (True, False)),
        *(market.funding("BTC", SINCE, NOW), market.first_touch("BTC", 1.0, Side.SHORT, SINCE, NOW)),
    ]


def _account(client: InfoClient) -> HyperliquidAccount:
    return HyperliquidAccount(client, USER, _forgetful, _clock, told)  # type: ignore[arg-type]


def _candles(client: InfoClient) -> object:
    begin = T0 - T0 % 60_000
    found = HyperliquidArchive(client, told).candles("BTC", 60_000, (begin, begin + HOUR_MS))
    return found if not hasattr(found, "t") else [column.tolist() for column in (found.t, found.o, found.c, found.v)]


def _checks(client: InfoClient) -> object:
    return [(check.name, check.ok, check.said, check.remedy) for check in live_checks(client, _who, _clock)]


_READERS: Final[Mapping[str, tuple[str, Callable[[InfoClient], object]]]] = {
    "archive-coins": ("meta", lambda client: HyperliquidArchive(client, told).coins()),
    "archive-candles": ("candleSnapshot", _candles),
    "archive-funding": ("fundingHistory", lambda c: HyperliquidArchive(c, told).funding("BTC", (T0 - 9, T0 + 9))),
    "market-contexts": ("metaAndAssetCtxs", _market),
    "market-book": ("l2Book", _market),
    "market-candles": ("candleSnapshot", _market),
    "market-funding": ("fundingHistory", _market),
    "market-mids": ("allMids", lambda client: client.all_mids()),
    "trader-fills": ("userFillsByTime", lambda c: HyperliquidSource(c, _clock, told).fills(USER, SINCE, NOW)),
    "trader-slices": ("userTwapSliceFillsByTime", lambda c: HyperliquidSource(c, _clock, told).fills(USER, SINCE, NOW)),
    "trader-state": ("clearinghouseState", lambda c: HyperliquidSource(c, _clock, told).state(USER, NOW)),
    "trader-mode": ("userAbstraction", lambda c: HyperliquidSource(c, _clock, told).state(USER, NOW)),
    "trader-portfolio": ("portfolio", lambda client: HyperliquidProfiles(client, told).portfolio(USER, NOW)),
    "trader-deep": ("userFillsByTime", lambda client: read_deep(client, USER, SINCE, NOW, 6_000)),
    "trader-updates": ("userNonFundingLedgerUpdates", lambda client: read_updates(client, USER, SINCE)),
    "own-state": ("clearinghouseState", lambda client: _account(client).account(NOW)),
    "own-orders": ("frontendOpenOrders", lambda client: _account(client).account(NOW)),
    "own-order": ("orderStatus", lambda client: _account(client).find(CLOID, NOW)),
    "own-order-fills": ("userFillsByTime", lambda client: _account(client).find(CLOID, NOW)),
    "own-fills": ("userFillsByTime", lambda client: _account(client).fills(SINCE, NOW)),
    "own-funding": ("userFunding", lambda client: _account(client).funding("BTC", SINCE, NOW)),
    "own-transfers": ("userNonFundingLedgerUpdates", lambda client: _account(client).transfers(SINCE, NOW)),
    "own-budget": ("userRateLimit", lambda client: _account(client).budget(NOW)),
    "own-leverage": ("activeAssetData", lambda client: _account(client).chosen_leverage("BTC")),
    "agent-role": ("userRole", _checks),
    "agent-expiry": ("extraAgents", _checks),
    "venue-status": ("exchangeStatus", lambda client: client.exchange_time()),
}
"""What reads which request type's answer."""


def _reading(kind: str, read: Callable[[InfoClient], object]) -> Callable[[bytes], object]:
    return lambda data: read(_client(kind, data))


def _refused(data: bytes) -> object:
    """Read an answer with a status that its first byte names."""
    status = (200, 302, 400, 403, 404, 422, 429, 500)[data[0] % 8] if data else 500
    return _client("meta", data[1:], status=status).meta()


def _board(data: bytes) -> object:
    board = PublicLeaderboard(Replying({"": data}), "http://127.0.0.1/leaderboard", patience=1.0)  # type: ignore[arg-type]
    return board.leaders(NOW)


def _time(data: bytes) -> object:
    return venue_time(Replying({"": data}), "http://127.0.0.1", patience=1.0)  # type: ignore[arg-type]


TARGETS: Final[Mapping[str, Target]] = {
    **{
        name: Target(_reading(kind, read), [json.dumps(example).encode() for example in EXAMPLES[kind]])
        for name, (kind, read) in _READERS.items()
    },
    "venue-refusal": Target(_refused, [bytes([status]) + _VALID["meta"] for status in range(8)]),
    "venue-time": Target(_time, [_VALID["clearinghouseState"]]),
    "leaderboard": Target(_board, [json.dumps(_BOARD).encode()]),
}
