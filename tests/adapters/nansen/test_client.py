"""The Nansen client over loopback HTTP: requests as documented, every refusal, pages, credits, pace."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from hlcopy.adapters.memory.credits import MemoryMeter
from hlcopy.adapters.nansen.client import PERP_TRADES
from hlcopy.errors import (
    BadAnswerError,
    ConfigError,
    HlcopyError,
    OutOfCreditsError,
    RationedError,
    SourceDownError,
)
from tests.adapters.nansen.wire import KEY, Setting, leader, page, positions, refused, summary, trade
from tests.builders import TRADER
from tests.servers import DROP, Reply, ok

if TYPE_CHECKING:
    from collections.abc import Callable

    from hlcopy.adapters.nansen.client import NansenClient

SINCE = datetime(2026, 11, 20, 10, tzinfo=UTC)
UNTIL = datetime(2026, 11, 20, 12, tzinfo=UTC)


def ask(*replies: Reply) -> tuple[Setting, HlcopyError | None]:
    """Ask for a wallet's positions until there is an answer or an error."""
    with Setting(replies) as setting:
        try:
            setting.client.perp_positions(TRADER)
        except HlcopyError as error:
            return setting, error
        return setting, None


REFUSALS = [
    # what is answered, the error, what its text names, how often it is asked
    ("a field is missing", refused(400, "missing_field", param="date"), BadAnswerError, "date", 1),
    ("a value is wrong", refused(400, "invalid_field_value", param="address"), BadAnswerError, "address", 1),
    ("dates are the wrong way round", refused(400, "invalid_date_range"), BadAnswerError, "invalid_date_range", 1),
    ("fields exclude each other", refused(400, "mutually_exclusive_fields"), BadAnswerError, "mutually", 1),
    ("the key is wrong", refused(401, "unauthenticated", detail="Invalid."), ConfigError, "NANSEN_API_KEY", 1),
    ("a key is missing", (402, {"payment-required": "e30="}, {"title": "Payment"}), ConfigError, "NANSEN_API_KEY", 1),
    ("credits are used up", refused(403, "insufficient_credits"), OutOfCreditsError, "credits", 1),
    ("the plan is too small", refused(403, "plan_upgrade_required"), ConfigError, "plan", 2),
    ("it is forbidden", refused(403, "forbidden", detail="No."), ConfigError, "forbids profiler/perp-positions", 2),
    ("the country is blocked", refused(403, "geo_blocked"), ConfigError, "where this machine is", 2),
    ("there is no such path", refused(404, "not_found"), BadAnswerError, "not_found", 1),
    ("the method is wrong", refused(405, "method_not_allowed"), BadAnswerError, "405", 1),
    ("there is a conflict", refused(409, "conflict"), BadAnswerError, "conflict", 1),
    ("the body is too large", refused(413, "payload_too_large"), BadAnswerError, "413", 1),
    ("the query is too large", refused(422, "query_too_large"), BadAnswerError, "query_too_large", 1),
    ("too many items", refused(422, "too_many_items"), BadAnswerError, "too_many_items", 1),
    ("an address is malformed", refused(422, "invalid_address_format"), BadAnswerError, "invalid_address", 1),
    ("a date is malformed", refused(422, "invalid_date_format"), BadAnswerError, "invalid_date_format", 1),
    ("a value is out of range", refused(422, "value_out_of_range"), BadAnswerError, "value_out_of_range", 1),
    (
        "a field is unknown",
        refused(422, "unknown_field", errors=[{"field": "body.filters.hash", "message": "no", "code": "unknown_field"}]),
        BadAnswerError,
        "body.filters.hash",
        1,
    ),
    ("calls are too many", refused(429, "rate_limit_exceeded", retry_after=60), SourceDownError, "rate limit", 1),
    ("it fails inside", refused(500, "internal_error"), SourceDownError, "500 internal_error", 4),
    ("it is upstream", refused(503, "upstream_unavailable", retry_after=5), SourceDownError, "upstream_unavailable", 4),
    ("a query takes too long", refused(504, "query_timeout", retry_after=60), SourceDownError, "query_timeout", 1),
    ("a gateway answers", (502, {}, b"<html>Bad gateway</html>"), SourceDownError, "502", 4),
    ("an old refusal", (422, {}, {"detail": "address is wrong"}), BadAnswerError, "address is wrong", 1),
    ("an old refusal in an object", (400, {}, {"detail": {"message": "bad date"}}), BadAnswerError, "bad date", 1),
    ("old words for no credits", (403, {}, {"detail": "Insufficient credits"}), OutOfCreditsError, "credits", 1),
    ("old words for a wrong key", (401, {}, {"detail": "Unauthorized"}), ConfigError, "NANSEN_API_KEY", 1),
    ("a list for an error", (422, {}, ["what"]), BadAnswerError, "422", 1),
    ("a status of no documented meaning", (307, {"location": "/x"}, {}), BadAnswerError, "307", 1),
    ("no JSON", (200, {}, b"<html>"), BadAnswerError, "profiler/perp-positions", 2),
    ("NaN", (200, {}, b'{"data": {"asset_positions": [], "margin_summary_account_value_usd": NaN}}'), BadAnswerError, "NaN", 2),
    ("half of the answer", (200, {"content-length": "999"}, b'{"data": {"asset'), SourceDownError, "", 4),
    ("the connection breaks", DROP, SourceDownError, "", 4),
]  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "kind", "names", "asked"), [row[1:] for row in REFUSALS], ids=[r[0] for r in REFUSALS]
)
def test_a_refusal_is_judged_by_its_code_then_by_its_status(
    reply: Reply, kind: type[HlcopyError], names: str, asked: int
) -> None:
    setting, error = ask(*[reply] * 30)
    assert type(error) is kind
    assert names in str(error)
    assert KEY not in str(error)
    assert len(setting.server.requests) == asked or (asked > 2 and len(setting.server.requests) > 2)


def test_a_code_counts_more_than_its_status() -> None:
    _, error = ask(refused(402, "insufficient_credits"))
    assert isinstance(error, OutOfCreditsError)


@pytest.mark.parametrize(
    ("reply", "waited"),
    [
        (refused(429, "rate_limit_exceeded", retry_after=7), 7.0),
        (refused(429, "rate_limit_exceeded", retry_after="7"), 7.0),
        ((429, {"retry-after": "8"}, {"code": "rate_limit_exceeded"}), 8.0),
        (refused(503, "upstream_unavailable", retry_after=5), 5.0),
    ],
    ids=["in the body", "as text", "in the header", "of an upstream"],
)
def test_the_wait_that_an_answer_names_is_kept(reply: Reply, waited: float) -> None:
    setting, error = ask(reply, ok(positions()))
    assert error is None
    assert setting.clock.slept == [waited]
    assert len(setting.server.requests) == 2


def test_a_fresh_key_that_is_forbidden_once_is_tried_again() -> None:
    _, error = ask(refused(403, "forbidden"), ok(positions()))
    assert error is None


def test_a_malformed_page_is_read_again() -> None:
    setting, error = ask(ok({"data": {"asset_positions": []}}), ok(positions()))
    assert error is None
    assert len(setting.server.requests) == 2


def test_a_page_that_stays_malformed_names_what_is_missing() -> None:
    broken = ok({"data": {"asset_positions": []}})
    setting, error = ask(broken, broken)
    assert isinstance(error, BadAnswerError)
    assert "profiler/perp-positions: data.margin_summary_account_value_usd is missing" in str(error)
    assert len(setting.server.requests) == 2


def test_without_a_key_nothing_is_sent() -> None:
    with Setting(key=None) as setting, pytest.raises(ConfigError, match="NANSEN_API_KEY"):
        setting.client.account()
    assert not setting.server.requests


CALLS: list[tuple[str, str, Callable[[NansenClient], object], object, dict[str, Any]]] = [
    (
        "the leaderboard takes days only",
        "perp-leaderboard",
        lambda client: client.perp_leaderboard(date(2026, 10, 21), date(2026, 11, 20)),
        page(leader()),
        {
            "date": {"from": "2026-10-21", "to": "2026-11-20"},
            "order_by": [{"field": "total_pnl", "direction": "DESC"}],
            "pagination": {"page": 1, "per_page": 1000},
        },
    ),
    (
        "trades are asked for oldest first",
        "profiler/perp-trades",
        lambda client: client.perp_trades(TRADER, SINCE, UNTIL),
        page(trade()),
        {
            "address": TRADER,
            "date": {"from": "2026-11-20T10:00:00Z", "to": "2026-11-20T12:00:00Z"},
            "order_by": [{"field": "timestamp", "direction": "ASC"}],
            "pagination": {"page": 1, "per_page": 1000},
        },
    ),
    (
        "positions take an address alone",
        "profiler/perp-positions",
        lambda client: client.perp_positions(TRADER),
        positions(),
        {"address": TRADER},
    ),
    (
        "a summary takes no pages",
        "profiler/perp-pnl-summary",
        lambda client: client.perp_pnl_summary(TRADER, SINCE, UNTIL),
        summary(),
        {"address": TRADER, "date": {"from": "2026-11-20T10:00:00Z", "to": "2026-11-20T12:00:00Z"}},
    ),
    (
        "a coin's leaderboard has another field for total PnL",
        "tgm/perp-pnl-leaderboard",
        lambda client: client.perp_pnl_leaderboard("BTC", SINCE, UNTIL),
        page({"trader_address": TRADER, "nof_trades": 25, "roi_percent_total": 15.5}),
        {
            "token_symbol": "BTC",
            "date": {"from": "2026-11-20T10:00:00Z", "to": "2026-11-20T12:00:00Z"},
            "order_by": [{"field": "pnl_usd_total", "direction": "DESC"}],
            "pagination": {"page": 1, "per_page": 1000},
        },
    ),
    (
        "smart money looks back by hours",
        "smart-money/perp-trades",
        lambda client: client.smart_money_perp_trades(lookback_hours=2, only_new_positions=True),
        page(
            {
                "trader_address_label": "🤓 Smart HL Perps Trader [0x98d0e6]",
                "trader_address": TRADER,
                "token_symbol": "ATOM",
                "side": "Short",
                "action": "Open",
                "token_amount": 375.6,
                "price_usd": 2.1264,
                "value_usd": 798.68,
                "type": "Market",
                "block_timestamp": "2026-02-15T16:34:04.146000",
                "transaction_hash": "0x32",
            }
        ),
        {
            "lookback_hours": 2,
            "only_new_positions": True,
            "order_by": [{"field": "block_timestamp", "direction": "ASC"}],
            "pagination": {"page": 1, "per_page": 1000},
        },
    ),
    (
        "the screener has a path of its own",
        "perp-screener",
        lambda client: client.perp_screener(SINCE, UNTIL),
        page({"token_symbol": "BTC", "volume": 995803347.36, "funding": 1.25e-05, "trader_count": 9123}),
        {
            "date": {"from": "2026-11-20T10:00:00Z", "to": "2026-11-20T12:00:00Z"},
            "pagination": {"page": 1, "per_page": 1000},
        },
    ),
]


@pytest.mark.parametrize(("path", "call", "answer", "body"), [row[1:] for row in CALLS], ids=[row[0] for row in CALLS])
def test_a_request_has_the_documented_keys_and_no_others(
    path: str, call: Callable[[NansenClient], object], answer: object, body: dict[str, Any]
) -> None:
    with Setting([ok(answer)]) as setting:
        assert call(setting.client)
    (request,) = setting.server.requests
    assert (request.method, request.path) == ("POST", f"/api/v1/{path}")
    assert request.json == body
    assert request.headers["apikey"] == KEY


def test_smart_money_is_asked_for_by_its_labels() -> None:
    with Setting([ok(page(leader()))]) as setting:
        setting.client.perp_leaderboard(date(2026, 10, 21), date(2026, 11, 20), smart_money=True)
    labels = setting.server.requests[0].json["filters"]["include_smart_money_labels"]
    assert "Fund" in labels
    assert "Smart HL Perps Trader" in labels


def test_the_account_is_read_for_nothing() -> None:
    with Setting(
        [ok({"plan": "pro", "credits_remaining": 1500, "email": "somebody"})], meter=MemoryMeter(0)
    ) as setting:
        account = setting.client.account()
    assert (account.plan, account.credits_remaining) == ("pro", 1500)
    assert (setting.server.requests[0].method, setting.server.requests[0].path) == ("GET", "/api/v1/account")


@pytest.mark.parametrize(
    ("since", "until", "sent"),
    [
        (SINCE.replace(microsecond=900_000), UNTIL, ("2026-11-20T10:00:00Z", "2026-11-20T12:00:00Z")),
        (SINCE, UNTIL.replace(microsecond=1_000), ("2026-11-20T10:00:00Z", "2026-11-20T12:00:01Z")),
        (SINCE.astimezone(timezone(timedelta(hours=5))), UNTIL, ("2026-11-20T10:00:00Z", "2026-11-20T12:00:00Z")),
    ],
    ids=["begins at the second before", "ends at the second after", "is in UTC"],
)
def test_a_period_is_asked_for_in_whole_seconds_around_it(
    since: datetime, until: datetime, sent: tuple[str, str]
) -> None:
    with Setting([ok(page())]) as setting:
        setting.client.perp_trades(TRADER, since, until)
    assert (setting.server.requests[0].json["date"]["from"], setting.server.requests[0].json["date"]["to"]) == sent


def test_pages_are_read_to_the_last_and_each_row_counts_once() -> None:
    replies = [ok(page(trade(oid=1), trade(oid=2), last=False)), ok(page(trade(oid=2, size=3.0), trade(oid=3)))]
    with Setting(replies) as setting:
        pages = setting.client.perp_trades(TRADER, SINCE, UNTIL)
    assert pages.complete
    assert [(row.oid, row.size) for row in pages.rows] == [(1, 2.0), (2, 3.0), (3, 2.0)]
    assert [request.json["pagination"]["page"] for request in setting.server.requests] == [1, 2]


def test_a_full_last_page_is_no_reason_to_ask_for_another() -> None:
    with Setting([ok(page(*(trade(oid=number) for number in range(1000))))]) as setting:
        pages = setting.client.perp_trades(TRADER, SINCE, UNTIL)
    assert pages.complete
    assert len(pages.rows) == 1000


def test_reaching_the_bound_before_the_last_page_is_said() -> None:
    with Setting([ok(page(trade(oid=number), last=False)) for number in range(3)]) as setting:
        pages = setting.client.perp_trades(TRADER, SINCE, UNTIL, max_pages=2)
    assert not pages.complete
    assert len(setting.server.requests) == len(pages.rows) == 2


def test_a_malformed_row_on_a_later_page_is_no_answer() -> None:
    broken = ok(page(trade(oid=2, size="many")))
    replies = [ok(page(trade(oid=1), last=False)), broken, broken]
    with Setting(replies) as setting, pytest.raises(BadAnswerError, match=r"data\.0\.size"):
        setting.client.perp_trades(TRADER, SINCE, UNTIL)


@pytest.mark.parametrize(
    ("headers", "status", "spent"),
    [
        ({"x-nansen-credits-used": "3", "x-nansen-credits-remaining": "97"}, 200, 3.0),
        ({}, 200, 1.0),
        ({"x-nansen-credits-used": "nan"}, 200, 1.0),
        ({"x-nansen-credits-cost": "1", "x-nansen-credits-used": "0"}, 422, 0.0),
        ({"x-nansen-credits-cost": "1"}, 422, 0.0),
    ],
    ids=["by the header", "by the list", "by the list for nonsense", "refused for nothing", "refused, not said"],
)
def test_credits_are_counted_as_charged(headers: dict[str, str], status: int, spent: float) -> None:
    setting, _ = ask((status, headers, positions()))
    assert isinstance(setting.meter, MemoryMeter)
    assert setting.meter.spent(setting.clock.now()) == spent


def test_every_attempt_that_is_charged_counts() -> None:
    setting, _ = ask(ok({"data": {}}), ok(positions()))
    assert isinstance(setting.meter, MemoryMeter)
    assert setting.meter.spent(setting.clock.now()) == 2.0


def test_a_used_up_budget_stops_a_call_before_it_is_sent() -> None:
    with Setting([ok(page(leader()))] * 3, meter=MemoryMeter(14)) as setting:
        client = setting.client
        day = date(2026, 11, 20)
        client.perp_leaderboard(day, day)
        client.perp_leaderboard(day, day)
        with pytest.raises(RationedError, match="HLCOPY_NANSEN_CREDITS_PER_DAY"):
            client.perp_leaderboard(day, day)
    assert len(setting.server.requests) == 2


def test_the_budget_is_new_on_the_next_utc_day() -> None:
    with Setting([ok(positions())] * 2, meter=MemoryMeter(1)) as setting:
        setting.client.perp_positions(TRADER)
        setting.clock.advance(12 * 3600)
        setting.client.perp_positions(TRADER)
    assert len(setting.server.requests) == 2


def test_the_sixth_call_for_trades_in_a_minute_waits_its_turn() -> None:
    with Setting([ok(page(trade()))] * 6, patience=90) as setting:
        for _ in range(5):
            setting.client.perp_trades(TRADER, SINCE, UNTIL)
        assert setting.clock.slept == []
        assert setting.client.trades_room(setting.clock.now()) == 0
        setting.client.perp_trades(TRADER, SINCE, UNTIL)
    assert 60 < sum(setting.clock.slept) < 62
    assert len(setting.server.requests) == 6


def test_a_turn_that_comes_too_late_is_rationed() -> None:
    with Setting([ok(page(trade()))] * 5, patience=20) as setting:
        for _ in range(5):
            setting.client.perp_trades(TRADER, SINCE, UNTIL)
        with pytest.raises(RationedError, match="5 calls a minute"):
            setting.client.perp_trades(TRADER, SINCE, UNTIL)
    assert len(setting.server.requests) == 5


def test_a_retried_call_for_trades_takes_a_turn_of_its_own() -> None:
    with Setting([refused(500, "internal_error"), ok(page(trade()))]) as setting:
        setting.client.perp_trades(TRADER, SINCE, UNTIL)
    assert setting.meter.room(PERP_TRADES, 5, timedelta(seconds=60), setting.clock.now()) == 3


def test_waiting_for_a_turn_is_bounded_apart_from_the_call() -> None:
    with Setting([ok(page(trade()))] * 6, patience=1, queue=90) as setting:
        for _ in range(6):
            setting.client.perp_trades(TRADER, SINCE, UNTIL)
    assert 60 < sum(setting.clock.slept) < 62


def test_a_call_that_broke_off_may_have_arrived_so_the_next_attempt_takes_a_turn() -> None:
    with Setting([DROP, ok(page(trade()))]) as setting:
        setting.client.perp_trades(TRADER, SINCE, UNTIL)
        assert setting.client.trades_room(setting.clock.now()) == 3
