"""Hyperliquid's info API and the public leaderboard, answered from a simulated market: bodies in, bodies out.

It is written from the documentation alone, so that a client that passes here reads what the venue sends.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, Final

from hlcopy.simulator import hyperliquid_rules as rules
from hlcopy.simulator.hyperliquid_account import WINDOWS, AccountAnswers
from hlcopy.simulator.hyperliquid_fills import Written
from hlcopy.simulator.hyperliquid_market import (
    MINUTE_MS,
    PERP_DEXS,
    SPOT_META,
    BadArgumentError,
    MarketAnswers,
    price,
    usd,
)
from hlcopy.simulator.trading_info import TradingAnswers

if TYPE_CHECKING:
    from collections.abc import Callable

    from hlcopy.simulator.clock import VenueClock
    from hlcopy.simulator.hyperliquid_rules import Request
    from hlcopy.simulator.trading import TradingFloor
    from hlcopy.simulator.venue import Profile, Venue

    Answer = tuple[int, dict[str, str], bytes]

_JSON: Final = {"Content-Type": "application/json"}


class HyperliquidApi:
    """Answers requests at the present of a clock; several threads may ask. Those who trade on the floor come first."""

    def __init__(self, venue: Venue, clock: VenueClock, floor: TradingFloor) -> None:
        self._venue = venue
        self._clock = clock
        self._floor = floor
        self._trading = TradingAnswers(floor).answers
        self._board: tuple[int, bytes] | None = None
        self._board_lock = threading.Lock()
        market = MarketAnswers(venue)
        self._accounts = AccountAnswers(venue, market, floor)
        self._answers = _answers(market, self._accounts, floor)

    read = staticmethod(rules.read)

    def answer(self, request: Request, now_ms: int) -> tuple[Answer, int]:
        """Return the answer to a request without a problem, and what that weighs beyond the request."""
        try:
            found = self._found(request, now_ms)
        except BadArgumentError:
            return (500, _JSON, b"null"), 0
        rows = found.rows if isinstance(found, Written) else found
        more = request.more_weight(len(rows)) if isinstance(rows, list) else 0
        return (200, _JSON, _encoded(found)), more

    def _found(self, request: Request, now_ms: int) -> object:
        user = request.values.get("user")
        if not isinstance(user, str):
            return self._answers[request.kind](now_ms, request.values)
        with self._floor.lock:
            account, agent = self._floor.find(user), self._floor.agent_of(user)
            if account is None and agent is not None and request.kind == "userRole":
                return {"role": "agent", "data": {"user": agent.account}}
            if account is None or request.kind not in self._trading:
                return self._answers[request.kind](now_ms, request.values)
            return self._trading[request.kind](now_ms, account, dict(request.values))

    def leaderboard(self) -> bytes:
        """Return the body of the public leaderboard, made anew every minute."""
        with self._board_lock:
            minute = self._clock.now_ms() // MINUTE_MS
            if self._board is None or self._board[0] != minute:
                now_ms = minute * MINUTE_MS
                rows = [self._leader(profile, now_ms) for profile in self._venue.traders]
                self._board = minute, _encoded({"leaderboardRows": rows})
            return self._board[1]

    def _leader(self, profile: Profile, now_ms: int) -> dict[str, Any]:
        value = self._venue.equity(profile.address, now_ms)
        windows: list[list[Any]] = []
        for name, length in WINDOWS:
            since = self._accounts.since(now_ms, length)
            pnl = self._venue.pnl(profile.address, since, now_ms)
            began = max(value - pnl, 1.0)
            volume = self._venue.volume(profile.address, since, now_ms)
            windows.append([name, {"pnl": usd(pnl), "roi": price(pnl / began), "vlm": usd(volume)}])
        perps = [[f"perp{name[0].upper()}{name[1:]}", figures] for name, figures in windows]
        return {
            "ethAddress": profile.address,
            "accountValue": usd(value),
            "windowPerformances": windows + perps,
            "prize": 0,
            "displayName": profile.label,
        }


def _answers(
    market: MarketAnswers, account: AccountAnswers, floor: TradingFloor
) -> dict[str, Callable[[int, Any], object]]:
    """Return what answers each type of request, given the present and the request's values."""
    return {
        "meta": lambda now, v: market.meta(now, v.get("dex")),
        "metaAndAssetCtxs": lambda now, v: market.meta_and_contexts(now, v.get("dex")),
        "allMids": lambda now, v: market.all_mids(now, v.get("dex")),
        "perpDexs": lambda _now, _v: PERP_DEXS,
        "spotMeta": lambda _now, _v: SPOT_META,
        "predictedFundings": lambda now, _v: market.predicted_fundings(now),
        "perpsAtOpenInterestCap": lambda _now, _v: floor.capped_coins,
        "exchangeStatus": lambda now, _v: {"specialStatuses": None, "time": now},
        "l2Book": lambda now, v: market.book(now, v["coin"], v.get("nSigFigs"), v.get("mantissa")),
        "recentTrades": lambda now, v: market.recent_trades(now, v["coin"]),
        "candleSnapshot": lambda now, v: market.candles(
            now, v["req"]["coin"], v["req"]["interval"], v["req"]["startTime"], v["req"]["endTime"]
        ),
        "fundingHistory": lambda now, v: market.funding(now, v["coin"], v["startTime"], v.get("endTime")),
        "clearinghouseState": lambda now, v: account.state(now, v["user"], v.get("dex")),
        "spotClearinghouseState": lambda now, v: account.spot_state(now, v["user"]),
        "openOrders": lambda _now, _v: [],
        "frontendOpenOrders": lambda _now, _v: [],
        "orderStatus": lambda _now, _v: {"status": "unknownOid"},
        "historicalOrders": lambda _now, _v: [],
        "userFills": lambda now, v: account.fills.newest(now, v["user"], together=v.get("aggregateByTime")),
        "userFillsByTime": lambda now, v: account.fills.by_time(
            now,
            v["user"],
            v["startTime"],
            v.get("endTime"),
            newest_first=v.get("reversed"),
            together=v.get("aggregateByTime"),
        ),
        "userTwapSliceFills": lambda now, v: account.fills.slices(now, v["user"]),
        "userTwapSliceFillsByTime": lambda now, v: account.fills.slices_by_time(
            now, v["user"], v["startTime"], v.get("endTime")
        ),
        "userFunding": lambda now, v: account.funding(now, v["user"], v["startTime"], v.get("endTime")),
        "userNonFundingLedgerUpdates": lambda now, v: account.ledger_updates(
            now, v["user"], v["startTime"], v.get("endTime")
        ),
        "portfolio": lambda now, v: account.portfolio(now, v["user"]),
        "userRateLimit": lambda now, v: account.rate_limit(now, v["user"]),
        "userFees": lambda now, v: account.fees(now, v["user"]),
        "userRole": lambda now, v: account.role(now, v["user"]),
        "userAbstraction": lambda now, v: account.abstraction(now, v["user"]),
        "activeAssetData": lambda now, v: account.coin_settings(now, v["user"], v["coin"]),
        "extraAgents": lambda _now, _v: [],
    }


def _encoded(found: object) -> bytes:
    if isinstance(found, Written):
        return found.text().encode()
    return json.dumps(found, separators=(",", ":"), allow_nan=False).encode()
