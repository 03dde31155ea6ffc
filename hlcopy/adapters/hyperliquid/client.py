"""Hyperliquid's info API: requests with their weights, answers checked, failures in our words."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import ValidationError

from hlcopy.adapters.http import RetryError, host_of
from hlcopy.adapters.hyperliquid.kinds import KINDS, OWN_FILLS, OWN_STATE, OWN_UPDATES, Kind
from hlcopy.adapters.hyperliquid.models import WINDOWS, ApiConditions, ApiContext, ApiHistory
from hlcopy.adapters.wire import INTERVALS
from hlcopy.errors import BadAnswerError, RationedError, SourceDownError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from hlcopy.adapters.http import Answer, Http
    from hlcopy.adapters.hyperliquid.models import ApiBook, ApiFill, ApiMeta, ApiSlice, ApiState, ApiStatus, ApiUpdate
    from hlcopy.adapters.hyperliquid.own_models import (
        ApiActiveAsset,
        ApiAgent,
        ApiFundingPayment,
        ApiOrder,
        ApiOrderStatus,
        ApiOwnFill,
        ApiOwnState,
        ApiOwnUpdate,
        ApiRateLimit,
        ApiRole,
    )
    from hlcopy.adapters.wire import IntervalName, WireCandle, WireFunding
    from hlcopy.ports import Clock, WeightRation

Model = TypeVar("Model")
Present = TypeVar("Present", ApiContext, ApiConditions)

FULL_PAGE: Final = 2_000
FULL_UPDATES: Final = 500
MOST_CANDLES: Final = 5_000
_PATIENCE_S: Final = 20.0
_AFTER_429_S: Final = 10.0
_OK: Final = 200
_FORBIDDEN: Final = 403
_UNPROCESSABLE: Final = 422
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500
_MISSING: Final = "missing"
_LONGEST_NAME: Final = 80


@dataclass(frozen=True, slots=True)
class Contexts:
    """The coins of the main dex and their present, in the venue's order."""

    meta: ApiMeta
    _raw: Mapping[str, Mapping[str, Any]] = field(repr=False)

    def of(self, coin: str) -> ApiContext | None:
        """Return the present of a coin, None for one that the venue doesn't have; raises `BadAnswerError`."""
        return self._read(ApiContext, coin)

    def conditions_of(self, coin: str) -> ApiConditions | None:
        """Return how large a coin's market is and what its oracle says; apart from `of`, which exits live on."""
        return self._read(ApiConditions, coin)

    def _read(self, model: type[Present], coin: str) -> Present | None:
        raw = self._raw.get(coin)
        if raw is None:
            return None
        try:
            return model.model_validate(raw)
        except ValidationError as error:
            message = f"metaAndAssetCtxs: {coin}: {_problem(error)}"
            raise BadAnswerError(message) from error


class InfoClient:
    """Asks the info API within a ration; several threads may use it.

    `patience` is for the attempts at one request in seconds, `queue_s` how long a request may wait for its ration: by
    default no longer than that.
    """

    def __init__(
        self,
        http: Http,
        url: str,
        ration: WeightRation,
        clock: Clock,
        patience: float = _PATIENCE_S,
        queue_s: float | None = None,
    ) -> None:
        self.ration = ration
        self.host = host_of(url)
        self._http = http
        self._url = f"{url.rstrip('/')}/info"
        self._clock = clock
        self._patience = patience
        self._queue_s = patience if queue_s is None else queue_s
        self._queue = threading.Lock()
        self._stood_still = timedelta(0)

    def meta(self) -> ApiMeta:
        """Return the coins of the main dex."""
        meta: ApiMeta = self._ask({"type": "meta"})
        return meta

    def meta_and_contexts(self) -> Contexts:
        """Return the coins of the main dex with their present."""
        meta, contexts = self._ask({"type": "metaAndAssetCtxs"})
        if not meta.universe:
            message = f"{self.host}: metaAndAssetCtxs: no coins at all"
            raise BadAnswerError(message)
        if len(contexts) != len(meta.universe):
            message = f"{self.host}: metaAndAssetCtxs: {len(meta.universe)} coins, but {len(contexts)} contexts"
            raise BadAnswerError(message)
        by_name = {asset.name: raw for asset, raw in zip(meta.universe, contexts, strict=True)}
        if len(by_name) != len(contexts):  # a signed action names a coin by its place, so a place must be one coin's
            message = f"{self.host}: metaAndAssetCtxs: a coin stands in it twice"
            raise BadAnswerError(message)
        return Contexts(meta, by_name)

    def all_mids(self) -> dict[str, float]:
        """Return the mid of each coin, spot pairs too; what isn't a price, or has no coin's name, is left out."""
        found = self._ask({"type": "allMids"}).items()
        named = ((coin, text) for coin, text in found if len(coin) <= _LONGEST_NAME)
        return {coin: mid for coin, text in named if (mid := _price(text)) is not None}

    def book(self, coin: str) -> ApiBook | None:
        """Return a coin's book, None for a coin that the venue doesn't have."""
        book: ApiBook | None = self._ask({"type": "l2Book", "coin": coin})
        return book

    def clearinghouse_state(self, user: str) -> ApiState:
        """Return an account on the main dex."""
        state: ApiState = self._ask({"type": "clearinghouseState", "user": user})
        return state

    def user_fills_by_time(
        self, user: str, start: int, end: int | None = None, *, newest_first: bool = False, expect: int = 0
    ) -> list[ApiFill]:
        """Return one page of fills, at most 2,000, both ends included; `expect` rows are rationed beforehand."""
        request = _between({"type": "userFillsByTime", "user": user}, start, end)
        if newest_first:
            request["reversed"] = True
        fills: list[ApiFill] = self._ask(request, expect)
        return self._sound("userFillsByTime", fills)

    def user_twap_slice_fills_by_time(
        self, user: str, start: int, end: int | None = None, *, expect: int = 0
    ) -> list[ApiSlice]:
        """Return one page of TWAP slices, at most 2,000, oldest first, both ends included."""
        request = _between({"type": "userTwapSliceFillsByTime", "user": user}, start, end)
        slices: list[ApiSlice] = self._ask(request, expect)
        return self._sound("userTwapSliceFillsByTime", slices)

    def user_twap_slice_fills(self, user: str) -> list[ApiSlice]:
        """Return the newest 2,000 TWAP slices, newest first."""
        slices: list[ApiSlice] = self._ask({"type": "userTwapSliceFills", "user": user}, FULL_PAGE)
        return self._sound("userTwapSliceFills", slices)

    def candles(self, coin: str, interval: IntervalName, start: int, end: int) -> list[WireCandle]:
        """Return candles by time; the last may still be open, and only the newest 5,000 of an interval exist."""
        bounds = {"coin": coin, "interval": interval, "startTime": start, "endTime": end}
        expect = min((end - start) // INTERVALS[interval] + 1, MOST_CANDLES)
        candles: list[WireCandle] = self._ask({"type": "candleSnapshot", "req": bounds}, expect)
        if any(candle.l > min(candle.o, candle.c) or candle.h < max(candle.o, candle.c) for candle in candles):
            message = f"{self.host}: candleSnapshot: {coin}: a candle opens or closes beyond its high or low"
            raise BadAnswerError(message)
        return sorted(candles, key=lambda candle: candle.t)

    def funding_history(self, coin: str, start: int, end: int | None = None) -> list[WireFunding]:
        """Return one page of hourly funding rates by time, at most 500, both ends included."""
        request = _between({"type": "fundingHistory", "coin": coin}, start, end)
        rates: list[WireFunding] = self._ask(request)
        rates.sort(key=lambda rate: rate.time)
        if len(rates) >= FULL_UPDATES and rates[-1].time < start:  # who pages on from its last row would never end
            message = f"{self.host}: fundingHistory: {coin}: a page from before what was asked for"
            raise BadAnswerError(message)
        return rates

    def portfolio(self, user: str) -> dict[str, ApiHistory]:
        """Return an account's histories by window, those of the whole account."""
        windows: list[tuple[str, Any]] = self._ask({"type": "portfolio", "user": user})
        try:
            return {name: ApiHistory.model_validate(window) for name, window in windows if name in WINDOWS}
        except ValidationError as error:
            message = f"{self.host}: portfolio: {_problem(error)}"
            raise BadAnswerError(message) from error

    def ledger_updates(self, user: str, start: int, end: int | None = None) -> list[ApiUpdate]:
        """Return one page of deposits, withdrawals, transfers and liquidations, at most 500, both ends included."""
        request = _between({"type": "userNonFundingLedgerUpdates", "user": user}, start, end)
        updates: list[ApiUpdate] = self._ask(request)
        return sorted(updates, key=lambda update: update.time)

    def user_abstraction(self, user: str) -> str:
        """Return the account's mode: `default`, `disabled`, `unifiedAccount`, `portfolioMargin` or one yet unknown."""
        mode: str = self._ask({"type": "userAbstraction", "user": user})
        return mode

    def exchange_time(self) -> int:
        """Return the venue's time in milliseconds."""
        status: ApiStatus = self._ask({"type": "exchangeStatus"})
        return status.time

    def own_state(self, user: str) -> ApiOwnState:
        """Return our account on the main dex."""
        state: ApiOwnState = self._ask({"type": "clearinghouseState", "user": user}, kind=OWN_STATE)
        return state

    def open_orders(self, user: str) -> list[ApiOrder]:
        """Return what rests at the venue for an account, trigger orders with their triggers."""
        orders: list[ApiOrder] = self._ask({"type": "frontendOpenOrders", "user": user})
        return orders

    def order_status(self, user: str, client_order_id: str) -> ApiOrderStatus:
        """Return what the venue knows of an order of an account."""
        status: ApiOrderStatus = self._ask({"type": "orderStatus", "user": user, "oid": client_order_id})
        return status

    def own_fills(self, user: str, start: int, *, expect: int = 0) -> list[ApiOwnFill]:
        """Return one page of our fills, at most 2,000, oldest first."""
        request = _between({"type": "userFillsByTime", "user": user}, start, None)
        fills: list[ApiOwnFill] = self._ask(request, expect, kind=OWN_FILLS)
        return self._sound("userFillsByTime", fills)

    def user_funding(self, user: str, start: int, end: int) -> list[ApiFundingPayment]:
        """Return one page of an account's payments of funding, at most 500, oldest first, both ends included."""
        payments: list[ApiFundingPayment] = self._ask(_between({"type": "userFunding", "user": user}, start, end))
        return sorted(payments, key=lambda payment: payment.time)

    def own_updates(self, user: str, start: int, end: int) -> list[ApiOwnUpdate]:
        """Return one page of our deposits, withdrawals and transfers, at most 500, both ends included."""
        request = _between({"type": "userNonFundingLedgerUpdates", "user": user}, start, end)
        updates: list[ApiOwnUpdate] = self._ask(request, kind=OWN_UPDATES)
        return sorted(updates, key=lambda update: update.time)

    def rate_limit(self, user: str) -> ApiRateLimit:
        """Return how many actions an address may send."""
        limit: ApiRateLimit = self._ask({"type": "userRateLimit", "user": user})
        return limit

    def role(self, address: str) -> ApiRole:
        """Return what an address is: `user`, `agent`, `subAccount`, `vault`, `missing` or something yet unknown."""
        role: ApiRole = self._ask({"type": "userRole", "user": address})
        return role

    def extra_agents(self, user: str) -> list[ApiAgent]:
        """Return the agents with a name that a master has approved."""
        agents: list[ApiAgent] = self._ask({"type": "extraAgents", "user": user})
        return agents

    def active_asset(self, user: str, coin: str) -> ApiActiveAsset:
        """Return the margin mode and leverage that an account has chosen for a coin."""
        chosen: ApiActiveAsset = self._ask({"type": "activeAssetData", "user": user, "coin": coin})
        return chosen

    def _ask(self, request: dict[str, Any], expect: int = 0, kind: Kind | None = None) -> Any:  # noqa: ANN401 - each type has its own shape
        name = request["type"]
        kind = kind or KINDS[name]
        reserved = kind.rows_weight(expect)
        # Nobody queues beyond the end of a tick: it may hold the account's lock.
        deadline = self._clock.monotonic() + min(self._queue_s, max(0.0, self._http.left()))
        taken_at: datetime | None = None
        found: Any = None
        answered = True

        def take() -> None:
            nonlocal taken_at, answered
            if not answered:
                return  # nothing came back: what was taken for that attempt still stands
            answered = False
            taken_at = self._take(name, kind.weight + reserved, deadline)

        def judge(answer: Answer) -> None:
            nonlocal found, answered
            answered = True
            found = self._read(name, kind, answer)

        self._http.send("POST", self._url, json=request, judge=judge, patience=self._patience, before=take)
        if taken_at is not None and kind.per_weight and (rest := kind.rows_weight(len(found)) - reserved):
            self.ration.add(rest, taken_at, name)
        return found

    def _take(self, name: str, weight: int, deadline: float) -> datetime:
        """Take weight, waiting in a queue for it, and return when that was."""
        with self._queue:
            while True:
                now = self._clock.now() + self._stood_still
                wait = self.ration.take(weight, now, name)
                if not wait:
                    return now
                if self._clock.monotonic() + wait > deadline:
                    message = f"{self.host}: the request weight of this minute is used up; free again in {wait:.0f} s"
                    raise RationedError(message)
                self._wait(wait)

    def _wait(self, seconds: float) -> None:
        """Wait, and count the wait where the clock that we are given stands still meanwhile, as a rehearsal's may."""
        before = self._clock.now()
        self._clock.sleep(seconds)
        whole = timedelta(seconds=seconds)
        missing = whole - (self._clock.now() - before)
        if whole / 2 < missing <= whole:  # more than the whole is a clock that was set back
            self._stood_still += missing

    def _read(self, name: str, kind: Kind, answer: Answer) -> Any:  # noqa: ANN401 - each type has its own shape
        """Return a checked answer; raises `RetryError` where another attempt may help."""
        self._refuse_status(name, answer)
        body = answer.body.strip()
        if body == b"null":
            if kind.may_be_null:
                return None
            raise RetryError(_NULL, outcome=BadAnswerError(f"{self.host}: {name}: {_NULL}"))
        try:
            return kind.adapter.validate_json(body)
        except ValidationError as error:
            if error.errors(include_url=False, include_context=False, include_input=False)[0]["type"] == "json_invalid":
                raise RetryError(_NO_JSON) from error
            message = f"{self.host}: {name}: {_problem(error)}"
            raise BadAnswerError(message) from error

    def _refuse_status(self, name: str, answer: Answer) -> None:
        status = answer.status
        if status == _OK:
            return
        if status == _TOO_MANY:
            self.ration.halt(self._clock.now())
            after = answer.retry_after()
            raise RetryError(_BUSY, after=_AFTER_429_S if after is None else after)
        if status >= _SERVER_ERROR:
            reason = f"it answers {status}"
            raise RetryError(reason)
        if status == _FORBIDDEN:
            message = f"{self.host} refuses to answer from here (403); it may block this country or network"
            raise SourceDownError(message)
        what = "it doesn't understand the request (422)" if status == _UNPROCESSABLE else f"it answers {status}"
        message = f"{self.host}: {name}: {what}"
        raise BadAnswerError(message)

    def _sound(self, name: str, rows: list[Any]) -> list[Any]:
        if not all(row.is_sound for row in rows):
            message = f"{self.host}: {name}: a fill of a perp without price or size"
            raise BadAnswerError(message)
        return rows


_NULL: Final = "null in place of an answer"
_NO_JSON: Final = "its answer is no JSON, or only a part of it"
_BUSY: Final = "too many requests from this address (429)"


def _between(request: dict[str, Any], start: int, end: int | None) -> dict[str, Any]:
    bounds = {"startTime": start} if end is None else {"startTime": start, "endTime": end}
    return {**request, **bounds}


def _price(text: object) -> float | None:
    try:
        return ApiContext.model_validate({"markPx": text, "funding": 0}).markPx or None
    except ValidationError:
        return None


def _problem(error: ValidationError) -> str:
    """Return which field is wrong and how, without its value."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    names = ".".join(str(part) for part in first["loc"] if not isinstance(part, int)) or "the answer"
    return (
        f"{names} is missing" if first["type"] == _MISSING else f"{names}: {first['msg'][:1].lower()}{first['msg'][1:]}"
    )
