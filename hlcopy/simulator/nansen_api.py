"""Nansen's API of the local venue: which requests it takes, what it charges and what it refuses, without HTTP itself."""

from __future__ import annotations

import base64
import hmac
import json
import threading
from hashlib import blake2b
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from hlcopy.simulator import nansen_boards as boards
from hlcopy.simulator import nansen_profiler as profiler
from hlcopy.simulator import nansen_tokens as tokens
from hlcopy.simulator.nansen_limits import FREE, Calls, Plan, RateLimits
from hlcopy.simulator.nansen_rules import (
    DATES,
    ONLY_DATES,
    PAGINATION,
    RANGE,
    WHOLE_RANGE,
    Model,
    RefusalError,
    address,
    boolean,
    integer,
    many,
    one_of,
    one_or_many,
    order_by,
    read_body,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hlcopy.simulator.nansen_rows import Json
    from hlcopy.simulator.nansen_rules import Check
    from hlcopy.simulator.venue import Venue

PREFIX: Final = "/api/v1/"
PREMIUM_PRICE: Final = 150
_ACCOUNT: Final = "account"
_LOOKBACK_HOURS: Final = 168
_JSON: Final = {"Content-Type": "application/json"}
_PREMIUM_NOTICE: Final = "Premium labels were withheld; ask for them with premium_labels."
_MEMO_BYTES: Final = 16


class Clock(Protocol):
    """The venue's time."""

    def now_ms(self) -> int:
        """Return the present in ms UTC."""


class Endpoint(NamedTuple):
    """What a path takes, what a call costs in credits, and what answers it."""

    price: int
    body: Model
    answer: Callable[[Venue, int, Json], Json]


def _ranges(names: Iterable[str]) -> dict[str, Check]:
    return dict.fromkeys(names, RANGE)


_SIDE: Final = one_of("Long", "Short")
_SMART_LABELS: Final = one_or_many(one_of(*boards.SMART_LABELS))
_LABELS: Final = {"include_smart_money_labels": _SMART_LABELS, "exclude_smart_money_labels": _SMART_LABELS}
_ADDRESSES: Final = one_or_many(address)
_WHO: Final = {"trader_address": _ADDRESSES, "trader_address_label": one_or_many(text), **_LABELS}
_AMOUNTS: Final = ("token_amount", "price_usd", "value_usd")
_TRADE_ORDER: Final = order_by("block_timestamp", *_AMOUNTS)
_ROIS: Final = ("roi_percent_total", "roi_percent_realised", "roi_percent_unrealised")

ENDPOINTS: Final = {
    "perp-leaderboard": Endpoint(
        5,
        Model(
            {"date": ONLY_DATES},
            pagination=PAGINATION,
            filters=Model(**_WHO, **_ranges(boards.LEADER_RANGES)),
            premium_labels=boolean,
            order_by=order_by(*boards.LEADER_ORDERS),
        ),
        boards.perp_leaderboard,
    ),
    "profiler/perp-trades": Endpoint(
        1,
        Model(
            {"address": address, "date": DATES},
            pagination=PAGINATION,
            filters=Model(
                token_symbol=text,
                side=_SIDE,
                action=one_of(*profiler.ACTIONS),
                crossed=boolean,
                fee_token_symbol=text,
                **_ranges(profiler.TRADE_RANGES) | {"oid": WHOLE_RANGE},
            ),
            order_by=order_by("timestamp", "size", "fee_usd", "closed_pnl", "price", "value_usd"),
        ),
        profiler.perp_trades,
    ),
    "profiler/perp-positions": Endpoint(
        1,
        Model(
            {"address": address},
            filters=Model(token_symbol=text, position_type=text, position_value_usd=RANGE, unrealized_pnl_usd=RANGE),
            order_by=order_by(
                "leverage_value",
                "position_value_usd",
                "entry_price_usd",
                "liquidation_price_usd",
                "unrealized_pnl_usd",
                "size",
                "token_symbol",
                "position_type",
            ),
        ),
        profiler.perp_positions,
    ),
    "profiler/perp-pnl-summary": Endpoint(1, Model({"address": address, "date": DATES}), profiler.perp_pnl_summary),
    "smart-money/perp-trades": Endpoint(
        5,
        Model(
            pagination=PAGINATION,
            filters=Model(
                **_WHO,
                **_ranges(_AMOUNTS),
                token_symbol=one_or_many(text),
                side=one_or_many(_SIDE),
                action=one_or_many(one_of(*boards.SMART_ACTIONS)),
                type=one_or_many(one_of("Market", "Limit")),
            ),
            lookback_hours=integer(1, _LOOKBACK_HOURS),
            only_new_positions=boolean,
            order_by=_TRADE_ORDER,
        ),
        boards.smart_trades,
    ),
    "tgm/perp-trades": Endpoint(
        1,
        Model(
            {"token_symbol": text, "date": DATES},
            pagination=PAGINATION,
            filters=Model(
                **_WHO,
                **_ranges(_AMOUNTS),
                side=one_or_many(_SIDE),
                action=one_or_many(one_of("Open", "Add", "Reduce", "Close")),
                order_type=one_or_many(one_of("MARKET", "LIMIT")),
            ),
            order_by=_TRADE_ORDER,
        ),
        boards.token_trades,
    ),
    "tgm/perp-positions": Endpoint(
        5,
        Model(
            {"token_symbol": text},
            label_type=one_of("all_traders", "smart_money", "whale", "public_figure"),
            pagination=PAGINATION,
            filters=Model(
                address=_ADDRESSES,
                address_label=one_or_many(text),
                **_LABELS,
                side=one_or_many(_SIDE),
                **_ranges(boards.POSITION_RANGES),
            ),
            order_by=order_by(*boards.POSITION_ORDERS),
        ),
        boards.token_positions,
    ),
    "tgm/perp-pnl-leaderboard": Endpoint(
        5,
        Model(
            {"token_symbol": text, "date": DATES},
            pagination=PAGINATION,
            premium_labels=boolean,
            filters=Model(**_WHO, **_ranges(boards.RESULT_RANGES)),
            order_by=order_by("pnl_usd_total", *boards.RESULT_RANGES, *_ROIS),
        ),
        boards.perp_pnl_leaderboard,
    ),
    "perp-screener": Endpoint(
        1,
        Model(
            {"date": DATES},
            pagination=PAGINATION,
            filters=Model(
                trader_type=one_of(*tokens.TRADER_TYPES),
                only_smart_money=boolean,
                sectors_filter=many(text),
                sm_label_filter=many(one_of(*boards.SMART_LABELS)),
                trader_label_filter=many(text),
                token_symbol=one_or_many(text),
                **_ranges(tokens.SCREENER_FIELDS),
            ),
            order_by=order_by("token_symbol", *tokens.SCREENER_FIELDS),
        ),
        tokens.perp_screener,
    ),
    "tgm/position-intelligence": Endpoint(1, Model({"token_address": text}), tokens.position_intelligence),
}
_PER_MINUTE: Final = {"profiler/perp-trades": 5, "tgm/perp-trades": 60}


class NansenApi:
    """Answers requests for one key that has `credits` credits on a plan; several threads may ask at once.

    Time is the venue's, for windows of calls as well as for what is answered. `calls` counts them.
    """

    def __init__(self, venue: Venue, clock: Clock, *, key: str, credits: float = 100_000, plan: Plan = FREE) -> None:  # noqa: A002 - Nansen's own word, used by name
        self.credits = credits
        self.calls = Calls()
        self._venue = venue
        self._clock = clock
        self._key = key
        self._plan = plan
        self._limits = RateLimits(plan, _PER_MINUTE)
        self._requests = 0
        self._lock = threading.Lock()

    def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and JSON body of a request under `/api/v1/`; header names come in lower case."""
        now = self._clock.now_ms()
        name = path.partition("?")[0].removeprefix(PREFIX)
        with self._lock:
            self._requests += 1
            request_id = blake2b(str(self._requests).encode(), digest_size=_MEMO_BYTES).hexdigest()
        told = {**_JSON, "X-Request-Id": request_id}
        charged = 0
        try:
            endpoint = self._endpoint(method, name)
            self._admit(name, headers, now)
            told |= self._windows(name, now)
            asked, charged = (None, 0) if endpoint is None else self._charge(endpoint, body)
            answer = self._account() if endpoint is None else endpoint.answer(self._venue, now, asked or {})
        except RefusalError as refusal:
            self.calls.record(now, name, refusal.status, 0)
            told |= self._windows(name, now) if refusal.status == HTTPStatus.TOO_MANY_REQUESTS else {}
            return self._refused(refusal, name, told)
        self.calls.record(now, name, HTTPStatus.OK, charged)
        told |= self._cost(charged, charged)
        if asked is not None and asked.get("premium_labels") is False:
            told["x-nansen-notice"] = _PREMIUM_NOTICE
        return HTTPStatus.OK, told, _encoded(answer)

    def _endpoint(self, method: str, name: str) -> Endpoint | None:
        """Return what answers a path, None for the account; raises `RefusalError`."""
        if name != _ACCOUNT and name not in ENDPOINTS:
            raise RefusalError(HTTPStatus.NOT_FOUND, "not_found", "Not Found")
        allowed = "GET" if name == _ACCOUNT else "POST"
        if method != allowed:
            headers = {"Allow": allowed}
            raise RefusalError(
                HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", "Method Not Allowed", headers=headers
            )
        return ENDPOINTS.get(name)

    def _admit(self, name: str, headers: Mapping[str, str], now: int) -> None:
        """Check the key and count the call; raises `RefusalError`."""
        key = headers.get("apikey")
        if key is None:
            raise _payment_required(name)
        if not hmac.compare_digest(key.encode(), self._key.encode()):
            raise RefusalError(HTTPStatus.UNAUTHORIZED, "unauthenticated", "Invalid or missing API key.")
        with self._lock:
            self._limits.count(name, now)

    def _charge(self, endpoint: Endpoint, body: bytes) -> tuple[Json, int]:
        """Return the checked request and what it cost; a request that doesn't fit, or can't be paid, raises."""
        asked = read_body(endpoint.body, body)
        premium = asked.get("premium_labels", False)
        if premium and not self._plan.premium_labels:
            message = "Premium labels need a paid plan."
            raise RefusalError(HTTPStatus.FORBIDDEN, "plan_upgrade_required", message)
        price = PREMIUM_PRICE if premium else endpoint.price
        with self._lock:
            if self.credits < price:
                raise RefusalError(HTTPStatus.FORBIDDEN, "insufficient_credits", "Insufficient credits.")
            self.credits -= price
        return asked, price

    def _account(self) -> Json:
        return {"plan": self._plan.name, "credits_remaining": self.credits}

    def _windows(self, name: str, now: int) -> dict[str, str]:
        with self._lock:
            return self._limits.headers(name, now)

    def _cost(self, price: int, used: int) -> dict[str, str]:
        return {
            "X-Nansen-Credits-Cost": str(price),
            "X-Nansen-Credits-Used": str(used),
            "X-Nansen-Credits-Remaining": f"{self.credits:g}",
        }

    def _refused(self, refusal: RefusalError, name: str, told: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        if refusal.status == HTTPStatus.PAYMENT_REQUIRED:
            problem = {"type": "about:blank", "title": "Payment Required", "status": 402, "detail": refusal.message}
            told |= {"Content-Type": "application/problem+json", "X-Nansen-Credits-Used": "0"}
            return refusal.status, told | refusal.headers, _encoded(problem)
        if name in ENDPOINTS:
            told |= {"X-Nansen-Credits-Cost": str(ENDPOINTS[name].price)}
        told |= {"X-Nansen-Credits-Used": "0"}
        return refusal.status, told | refusal.headers, _encoded(refusal.body(told["X-Request-Id"]))


def _payment_required(name: str) -> RefusalError:
    """Return the challenge of a call without a key: it could be paid for by itself."""
    price = ENDPOINTS[name].price if name in ENDPOINTS else 0
    challenge = {
        "x402Version": 2,
        "resource": {"url": f"https://api.nansen.ai{PREFIX}{name}"},
        "accepts": [{"scheme": "exact", "asset": "USDC", "amount": str(price * 10_000)}],
    }
    return RefusalError(
        HTTPStatus.PAYMENT_REQUIRED,
        "payment_required",
        "Send an apikey header, or pay for this call.",
        headers={
            "Payment-Required": base64.b64encode(_encoded(challenge)).decode(),
            "WWW-Authenticate": 'Payment realm="api.nansen.ai"',
        },
    )


def _encoded(value: Any) -> bytes:  # noqa: ANN401 - whatever JSON can say
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
