"""What Nansen's API refuses, counts and charges."""

from __future__ import annotations

import base64
import json
import threading
from dataclasses import replace

import pytest

from hlcopy.simulator.nansen_limits import FREE, PRO
from tests.simulator.nansen_world import ALICE, KEY, LAST_DAYS, Caller, ScriptedVenue, ago

DAYS = {"date": LAST_DAYS}
WALLET = {"address": ALICE}
TRADES = "profiler/perp-trades"
SUMMARY = "profiler/perp-pnl-summary"
POSITIONS = "profiler/perp-positions"
BOARD = "perp-leaderboard"
VALID = {
    BOARD: DAYS,
    TRADES: WALLET | DAYS,
    POSITIONS: WALLET,
    SUMMARY: WALLET | DAYS,
    "smart-money/perp-trades": {},
    "tgm/perp-trades": {"token_symbol": "BTC"} | DAYS,
    "tgm/perp-positions": {"token_symbol": "BTC"},
    "tgm/perp-pnl-leaderboard": {"token_symbol": "BTC"} | DAYS,
    "perp-screener": DAYS,
    "tgm/position-intelligence": {"token_address": "BTC"},
}
PRICES = {
    BOARD: 5,
    TRADES: 1,
    POSITIONS: 1,
    SUMMARY: 1,
    "smart-money/perp-trades": 5,
    "tgm/perp-trades": 1,
    "tgm/perp-positions": 5,
    "tgm/perp-pnl-leaderboard": 5,
    "perp-screener": 1,
    "tgm/position-intelligence": 1,
}


@pytest.fixture
def caller() -> Caller:
    venue = ScriptedVenue()
    venue.add(ALICE).order("BTC", [(1.0, 90.0)], ago(30))
    return Caller(venue)


@pytest.mark.parametrize("path", VALID)
def test_every_endpoint_says_what_a_call_cost(caller: Caller, path: str) -> None:
    answer = caller.post(path, **VALID[path])
    assert answer.status == 200, answer.body
    price = str(PRICES[path])
    assert answer.headers["x-nansen-credits-cost"] == answer.headers["x-nansen-credits-used"] == price
    assert answer.headers["x-nansen-credits-remaining"] == str(1000 - PRICES[path])
    assert answer.headers["content-type"] == "application/json"
    assert caller.send("GET", "account").body == {"plan": "free", "credits_remaining": 1000 - PRICES[path]}


@pytest.mark.parametrize("path", VALID)
def test_every_model_is_closed(caller: Caller, path: str) -> None:
    answer = caller.post(path, **VALID[path], premium=True)
    assert (answer.status, answer.body["code"], answer.body["param"]) == (422, "unknown_field", "premium")


REFUSED: dict[str, tuple[str, dict[str, object], str, str]] = {
    "an unknown filter": (
        TRADES,
        {"filters": {"transaction_hash": "0x1"}},
        "unknown_field",
        "body.filters.transaction_hash",
    ),
    "an unknown key of pagination": (TRADES, {"pagination": {"limit": 5}}, "unknown_field", "body.pagination.limit"),
    "an unknown key of a date": (TRADES, {"date": {"start": "2026-11-01"}}, "unknown_field", "body.date.start"),
    "an unknown key of an order": (
        TRADES,
        {"order_by": [{"field": "size", "direction": "ASC", "nulls": "last"}]},
        "unknown_field",
        "body.order_by.0.nulls",
    ),
    "no rows a page": (TRADES, {"pagination": {"per_page": 0}}, "value_out_of_range", "body.pagination.per_page"),
    "more than 1,000 rows a page": (
        TRADES,
        {"pagination": {"per_page": 1001}},
        "value_out_of_range",
        "body.pagination.per_page",
    ),
    "page zero": (TRADES, {"pagination": {"page": 0}}, "value_out_of_range", "body.pagination.page"),
    "half a page": (TRADES, {"pagination": {"page": 1.5}}, "invalid_field_value", "body.pagination.page"),
    "a page as text": (TRADES, {"pagination": {"page": "1"}}, "invalid_field_value", "body.pagination.page"),
    "a short address": (TRADES, {"address": "0x12"}, "invalid_address_format", "body.address"),
    "an address that is no text": (TRADES, {"address": 12}, "invalid_address_format", "body.address"),
    "a bad address in a list": (
        BOARD,
        {"filters": {"trader_address": [ALICE, "you"]}},
        "invalid_address_format",
        "body.filters.trader_address.1",
    ),
    "an action that isn't grouped": (
        TRADES,
        {"filters": {"action": "Open"}},
        "invalid_field_value",
        "body.filters.action",
    ),
    "a side in lower case": (TRADES, {"filters": {"side": "long"}}, "invalid_field_value", "body.filters.side"),
    "a truth as text": (TRADES, {"filters": {"crossed": "true"}}, "invalid_field_value", "body.filters.crossed"),
    "a range that is a number": (TRADES, {"filters": {"size": 5}}, "invalid_field_value", "body.filters.size"),
    "a range with another end": (TRADES, {"filters": {"size": {"gte": 5}}}, "unknown_field", "body.filters.size.gte"),
    "a bound as text": (TRADES, {"filters": {"size": {"min": "5"}}}, "invalid_field_value", "body.filters.size.min"),
    "an order id that isn't whole": (
        TRADES,
        {"filters": {"oid": {"min": 0.5}}},
        "invalid_field_value",
        "body.filters.oid.min",
    ),
    "an empty text": (TRADES, {"filters": {"token_symbol": ""}}, "invalid_field_value", "body.filters.token_symbol"),
    "an order by another field": (
        TRADES,
        {"order_by": [{"field": "oid", "direction": "ASC"}]},
        "invalid_field_value",
        "body.order_by.0.field",
    ),
    "an order without a direction": (
        TRADES,
        {"order_by": [{"field": "size"}]},
        "missing_field",
        "body.order_by.0.direction",
    ),
    "an order that is no list": (TRADES, {"order_by": {"field": "size"}}, "invalid_field_value", "body.order_by"),
    "a time for the leaderboard": (
        BOARD,
        {"date": {"from": "2026-11-01T00:00:00Z"}},
        "invalid_date_format",
        "body.date.from",
    ),
    "an order by PnL as elsewhere": (
        BOARD,
        {"order_by": [{"field": "pnl_usd_total", "direction": "DESC"}]},
        "invalid_field_value",
        "body.order_by.0.field",
    ),
    "a smart-money label there isn't": (
        BOARD,
        {"filters": {"include_smart_money_labels": ["Whale"]}},
        "invalid_field_value",
        "body.filters.include_smart_money_labels.0",
    ),
    "a date that is none": (TRADES, {"date": {"from": "2026-02-30"}}, "invalid_date_format", "body.date.from"),
    "a day as a number": (BOARD, {"date": {"to": 20261101}}, "invalid_date_format", "body.date.to"),
    "a day in words": (BOARD, {"date": {"to": "today"}}, "invalid_date_format", "body.date.to"),
    "a date-time with an offset": (
        TRADES,
        {"date": {"from": "2026-11-01T00:00:00+00:00"}},
        "invalid_date_format",
        "body.date.from",
    ),
    "a date-time without a zone": (
        TRADES,
        {"date": {"from": "2026-11-01T00:00:00"}},
        "invalid_date_format",
        "body.date.from",
    ),
    "microseconds": (
        TRADES,
        {"date": {"from": "2026-11-01T00:00:00.000000Z"}},
        "invalid_date_format",
        "body.date.from",
    ),
    "a date as a number": (TRADES, {"date": {"from": 1790481918}}, "invalid_date_format", "body.date.from"),
    "an end before the beginning": (
        TRADES,
        {"date": {"from": "2026-11-02", "to": "2026-11-01"}},
        "invalid_date_range",
        "body.date",
    ),
    "more than a year": (
        TRADES,
        {"date": {"from": "2025-11-01", "to": "2026-11-22"}},
        "invalid_date_range",
        "body.date",
    ),
    "a date of nothing": (TRADES, {"date": None}, "invalid_field_value", "body.date"),
    "pages of positions": (POSITIONS, {"pagination": {"page": 1}}, "unknown_field", "body.pagination"),
    "a date of positions": (POSITIONS, DAYS, "unknown_field", "body.date"),
    "pages of a summary": (SUMMARY, {"pagination": {"page": 1}}, "unknown_field", "body.pagination"),
    "premium labels of smart trades": (
        "smart-money/perp-trades",
        {"premium_labels": True},
        "unknown_field",
        "body.premium_labels",
    ),
    "more than a week back": (
        "smart-money/perp-trades",
        {"lookback_hours": 169},
        "value_out_of_range",
        "body.lookback_hours",
    ),
    "a short action of smart trades": (
        "smart-money/perp-trades",
        {"filters": {"action": "Open"}},
        "invalid_field_value",
        "body.filters.action",
    ),
    "an order by the total as on the leaderboard": (
        "tgm/perp-pnl-leaderboard",
        {"order_by": [{"field": "total_pnl", "direction": "DESC"}]},
        "invalid_field_value",
        "body.order_by.0.field",
    ),
}


@pytest.mark.parametrize(("path", "change", "code", "field"), REFUSED.values(), ids=REFUSED)
def test_a_request_that_does_not_fit_is_refused_and_free(
    caller: Caller, path: str, change: dict[str, object], code: str, field: str
) -> None:
    answer = caller.post(path, **VALID[path] | change)
    assert (answer.status, answer.body["code"]) == (422, code)
    assert answer.body["errors"][0]["field"] == field
    assert answer.body["errors"][0]["code"] == code
    assert answer.headers["x-nansen-credits-used"] == "0"
    assert caller.api.credits == 1000


@pytest.mark.parametrize(("path", "field"), [(path, name) for path, body in VALID.items() for name in body])
def test_a_missing_field_is_named(caller: Caller, path: str, field: str) -> None:
    body = {name: value for name, value in VALID[path].items() if name != field}
    answer = caller.post(path, **body)
    assert answer.status == 422
    assert answer.body | {"request_id": ""} == {
        "error": "Missing field",
        "message": f"Required field 'body -> {field}' is missing",
        "code": "missing_field",
        "param": field,
        "status": 422,
        "request_id": "",
        "doc_url": "https://docs.nansen.ai/getting-started/error-handling#missing_field",
        "errors": [{"field": f"body.{field}", "message": "Field required", "code": "missing_field"}],
    }


def test_every_fault_of_a_request_is_listed(caller: Caller) -> None:
    answer = caller.post(TRADES, address="x", filters={"side": "up", "what": 1})
    assert [(error["field"], error["code"]) for error in answer.body["errors"]] == [
        ("body.date", "missing_field"),
        ("body.address", "invalid_address_format"),
        ("body.filters.side", "invalid_field_value"),
        ("body.filters.what", "unknown_field"),
    ]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"lookback_hours": NaN}', b"\xff"])
def test_a_body_that_is_no_object_is_refused(caller: Caller, body: bytes) -> None:
    answer = caller.send("POST", "smart-money/perp-trades", body)
    assert (answer.status, answer.body["code"]) == (422, "invalid_field_value")


def test_a_date_range_without_ends_is_a_bad_request(caller: Caller) -> None:
    answer = caller.post(BOARD, date={})
    assert (answer.status, answer.body["code"], answer.body["param"]) == (400, "missing_field", "date")
    assert answer.body["message"] == "Either 'from' or 'to' date must be provided"


def test_the_leaderboard_says_that_it_takes_no_times(caller: Caller) -> None:
    answer = caller.post(BOARD, date={"from": "2026-11-01T00:00:00Z"})
    message = "Time components (T, :, Z, +) are not supported for this endpoint"
    assert answer.body["errors"][0]["message"] == message


def test_optional_fields_may_be_null(caller: Caller) -> None:
    answer = caller.post(TRADES, **WALLET, **DAYS, filters=None, pagination={"page": None}, order_by=None)
    assert (answer.status, len(answer.body["data"])) == (200, 1)


def test_a_wrong_key_is_refused(caller: Caller) -> None:
    answer = caller.send("POST", BOARD, json.dumps(DAYS).encode(), {"apikey": "wrong"})
    assert answer.status == 401
    assert answer.body | {"request_id": ""} == {
        "error": "Unauthorized",
        "message": "Invalid or missing API key.",
        "code": "unauthenticated",
        "status": 401,
        "request_id": "",
        "doc_url": "https://docs.nansen.ai/getting-started/error-handling#unauthenticated",
        "detail": "Invalid or missing API key.",
    }
    assert answer.headers["x-nansen-credits-used"] == "0"


@pytest.mark.parametrize("headers", [{}, {"authorization": f"Bearer {KEY}"}])
def test_a_call_without_a_key_is_challenged_to_pay(caller: Caller, headers: dict[str, str]) -> None:
    answer = caller.send("POST", BOARD, json.dumps(DAYS).encode(), headers)
    assert (answer.status, answer.body["status"]) == (402, 402)
    assert "code" not in answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Payment ")
    assert json.loads(base64.b64decode(answer.headers["payment-required"]))["accepts"][0]["amount"] == "50000"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "tgm/perp-screener", 404, "not_found"),
        ("GET", "profiler", 404, "not_found"),
        ("GET", BOARD, 405, "method_not_allowed"),
        ("PUT", TRADES, 405, "method_not_allowed"),
        ("POST", "account", 405, "method_not_allowed"),
    ],
)
def test_paths_and_methods_that_are_not_there(caller: Caller, method: str, path: str, status: int, code: str) -> None:
    answer = caller.send(method, path, b"{}")
    assert (answer.status, answer.body["code"], answer.body["status"]) == (status, code, status)


def test_no_credits_is_a_403_that_charges_nothing() -> None:
    caller = Caller(funds=7)
    assert caller.post(BOARD, **DAYS).status == 200
    answer = caller.post(BOARD, **DAYS)
    assert (answer.status, answer.body["code"]) == (403, "insufficient_credits")
    assert answer.body["detail"] == answer.body["message"] == "Insufficient credits."
    assert (answer.headers["x-nansen-credits-cost"], answer.headers["x-nansen-credits-used"]) == ("5", "0")
    assert caller.send("GET", "account").body["credits_remaining"] == 2
    assert caller.post(SUMMARY, **WALLET, **DAYS).status == 200


def test_premium_labels_need_a_paid_plan_and_cost_150() -> None:
    free = Caller()
    answer = free.post(BOARD, **DAYS, premium_labels=True)
    assert (answer.status, answer.body["code"], free.api.credits) == (403, "plan_upgrade_required", 1000)
    paid = Caller(plan=PRO)
    assert paid.post(BOARD, **DAYS, premium_labels=True).headers["x-nansen-credits-used"] == "150"
    assert paid.api.credits == 850


def test_the_sixth_call_for_trades_in_a_minute_is_refused(caller: Caller) -> None:
    for _ in range(5):
        assert caller.post(TRADES, **VALID[TRADES]).status == 200
        caller.clock.at += 11_000
    answer = caller.post(TRADES, **VALID[TRADES])
    assert answer.status == 429
    assert answer.body | {"request_id": ""} == {
        "error": "Too Many Requests",
        "message": "Rate limit exceeded. Please try again later.",
        "code": "rate_limit_exceeded",
        "status": 429,
        "request_id": "",
        "doc_url": "https://docs.nansen.ai/getting-started/error-handling#rate_limit_exceeded",
        "retry_after": 60,
        "detail": "Rate limit exceeded. Please try again later.",
    }
    assert (answer.headers["retry-after"], answer.headers["x-nansen-ratelimit-scope"]) == ("60", "endpoint")
    assert answer.headers["x-ratelimit-remaining"] == "0"
    assert (answer.headers["x-nansen-credits-cost"], answer.headers["x-nansen-credits-used"]) == ("1", "0")
    assert caller.post(POSITIONS, **WALLET).status == 200, "other endpoints go on"
    caller.clock.at += 5_000
    assert caller.post(TRADES, **VALID[TRADES]).status == 200, "a minute after the first of the five"
    assert caller.post(TRADES, **VALID[TRADES]).status == 429


def test_a_paid_plan_has_no_more_calls_for_trades() -> None:
    caller = Caller(plan=PRO)
    assert [caller.post(TRADES, **VALID[TRADES]).status for _ in range(6)] == [200] * 5 + [429]


def test_the_61st_call_for_a_coins_trades_in_a_minute_is_refused(caller: Caller) -> None:
    for _ in range(60):
        assert caller.post("tgm/perp-trades", **VALID["tgm/perp-trades"]).status == 200
        caller.clock.at += 500
    answer = caller.post("tgm/perp-trades", **VALID["tgm/perp-trades"])
    assert (answer.status, answer.headers["x-nansen-ratelimit-scope"]) == (429, "endpoint")


def test_the_16th_call_in_a_second_is_refused(caller: Caller) -> None:
    assert [caller.send("GET", "account").status for _ in range(16)] == [200] * 15 + [429]
    answer = caller.post(POSITIONS, **WALLET)
    assert (answer.headers["retry-after"], answer.headers["x-nansen-ratelimit-scope"]) == ("1", "second")
    caller.clock.at += 1000
    assert caller.post(POSITIONS, **WALLET).status == 200


def test_the_301st_call_in_a_minute_is_refused(caller: Caller) -> None:
    for _ in range(300):
        assert caller.send("GET", "account").status == 200
        caller.clock.at += 100
    answer = caller.send("GET", "account")
    assert (answer.status, answer.headers["x-nansen-ratelimit-scope"]) == (429, "minute")
    assert answer.body["retry_after"] == 30
    caller.clock.at += 30_000
    assert caller.send("GET", "account").status == 200


def test_a_wider_plan_takes_more() -> None:
    caller = Caller(plan=replace(FREE, per_second=20))
    assert [caller.send("GET", "account").status for _ in range(21)] == [200] * 20 + [429]


def test_headers_tell_every_window(caller: Caller) -> None:
    caller.post(TRADES, **VALID[TRADES])
    headers = caller.post(TRADES, **VALID[TRADES]).headers
    expected = {
        "ratelimit-limit": "150",
        "ratelimit-remaining": "148",
        "ratelimit-reset": "10",
        "x-ratelimit-limit": "5",
        "x-ratelimit-remaining": "3",
        "x-ratelimit-reset": "60",
        "x-ratelimit-limit-second": "15",
        "x-ratelimit-remaining-second": "13",
        "x-ratelimit-limit-minute": "300",
        "x-ratelimit-remaining-minute": "298",
    }
    assert {name: headers[name] for name in expected} == expected


def test_every_answer_has_an_id_of_its_own(caller: Caller) -> None:
    answers = [caller.post(BOARD, **DAYS), caller.post(BOARD), caller.send("GET", BOARD)]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert len(set(ids)) == 3
    assert [answer.body["request_id"] for answer in answers[1:]] == ids[1:]
    assert all(len(one) == 32 for one in ids)


def test_calls_and_credits_are_counted_by_day_and_endpoint(caller: Caller) -> None:
    caller.post(BOARD, **DAYS)
    caller.post(BOARD)
    caller.clock.at += 86_400_000
    caller.post(BOARD, **DAYS)
    caller.post(POSITIONS, **WALLET)
    days, endpoints = caller.api.calls.by_day(), caller.api.calls.by_endpoint()
    assert {day: (each.answered, each.refused, each.credits) for day, each in days.items()} == {
        "2026-11-22": (1, 1, 5),
        "2026-11-23": (2, 0, 6),
    }
    assert {name: each.credits for name, each in endpoints.items()} == {BOARD: 10, POSITIONS: 1}
    assert caller.api.calls.by_endpoint("2026-11-22")[BOARD].answered == 1
    assert caller.api.calls.total().credits == 1000 - caller.api.credits == 11


def test_threads_together_never_spend_more_than_there_is() -> None:
    caller = Caller(funds=30, plan=replace(PRO, per_second=1000))
    statuses: list[int] = []

    def spend() -> None:
        statuses.extend(caller.post(POSITIONS, **WALLET).status for _ in range(20))

    threads = [threading.Thread(target=spend) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (statuses.count(200), statuses.count(403), caller.api.credits) == (30, 50, 0)
