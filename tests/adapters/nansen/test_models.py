"""What is read of Nansen's answers: tolerant of the unknown, strict about numbers, naming what is missing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hlcopy.adapters.nansen.models import LeaderRow, Page, Positions, SmartTradeRow, Summary, TradeRow, checked
from tests.adapters.nansen.wire import held, leader, page, positions, summary, trade
from tests.builders import TRADER


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2026-09-27T05:00:28.736000Z", (28, 736_000)),
        ("2026-09-27T05:00:28.736Z", (28, 736_000)),
        ("2026-09-27T05:00:28.736123", (28, 736_000)),
        ("2026-09-27T05:00:28", (28, 0)),
        ("2026-09-27T07:00:28+02:00", (28, 0)),
    ],
)
def test_a_time_is_utc_with_or_without_a_zone_and_kept_to_the_millisecond(text: str, read: tuple[int, int]) -> None:
    row = checked(TradeRow, trade(timestamp=text))
    assert row.timestamp == datetime(2026, 9, 27, 5, 0, read[0], read[1], tzinfo=UTC)


@pytest.mark.parametrize("field", [name for name in leader() if name != "trader_address"])
def test_every_field_of_a_leader_but_the_address_may_be_null_or_missing(field: str) -> None:
    assert getattr(checked(LeaderRow, leader(**{field: None})), field) is None
    row = leader()
    del row[field]
    assert getattr(checked(LeaderRow, row), field) is None


def test_a_leader_without_an_address_is_named() -> None:
    row = leader()
    del row["trader_address"]
    with pytest.raises(ValueError, match=r"data\.1\.trader_address is missing"):
        checked(Page[LeaderRow], page(leader(), row))


@pytest.mark.parametrize("field", [name for name in trade() if name != "block_number"])
def test_every_field_of_a_trade_must_be_there(field: str) -> None:
    row = trade()
    del row[field]
    with pytest.raises(ValueError, match=f"{field} is missing"):
        checked(TradeRow, row)


@pytest.mark.parametrize(
    "value", ["NaN", "inf", "-Infinity", float("nan"), float("inf"), 1e300, "", "many", None, True, []]
)
def test_a_size_that_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="size"):
        checked(TradeRow, trade(size=value))


def test_numbers_may_come_as_text() -> None:
    row = checked(TradeRow, trade(size="0.0102", start_position="-27265.3832", oid="554379794278"))
    assert (row.size, row.start_position, row.oid) == (0.0102, -27265.3832, 554379794278)


def test_a_price_and_a_side_may_be_null_and_case_does_not_matter() -> None:
    row = checked(TradeRow, trade(price=None, side=None, action="REDUCE", user=TRADER.upper().replace("X", "x")))
    assert (row.price, row.side, row.action, row.user) == (None, None, "reduce", TRADER)


def test_unknown_fields_are_passed_over() -> None:
    assert checked(TradeRow, trade(liquidation_mark="new", nested={"a": [1]})).size == 2.0


def test_positions_are_read_by_the_names_of_the_wire_and_of_the_openapi_document() -> None:
    body = positions(held(size="-3.5"))
    data = body["data"]
    assert isinstance(data, dict)
    data["assetPositions"] = data.pop("asset_positions")
    read = checked(Positions, body).data
    assert read.asset_positions[0].position.size == -3.5
    assert read.margin_summary_account_value_usd == 250000.5


def test_a_position_without_a_liquidation_price_or_a_side_is_read() -> None:
    read = checked(Positions, positions(held(liquidation_price_usd=None, leverage_raw_usd="-254.0"))).data
    assert read.asset_positions[0].position.liquidation_price_usd is None


def test_a_label_may_hold_anything() -> None:
    label = "🤓 Smart\u200b HL Perps Trader [0x98d0e6]"
    assert checked(LeaderRow, leader(trader_address_label=label)).trader_address_label == label


def test_a_label_of_any_length_is_cut_and_costs_nobody_the_page() -> None:
    label = checked(LeaderRow, leader(trader_address_label="x" * 5_000)).trader_address_label
    assert label == "x" * 400


def test_what_is_told_of_a_leaders_positions_may_be_null() -> None:
    unknown = dict.fromkeys(("side", "size_base", "position_value_usd", "entry_price", "unrealized_pnl_usd"))
    row = checked(LeaderRow, leader(top_positions=[{"coin": "SOL", **unknown}, {}]))
    assert row.total_pnl == 1500.5


def test_an_equity_may_be_unknown_beside_positions_that_are_not() -> None:
    assert checked(Positions, positions(held(), equity=None)).data.margin_summary_account_value_usd is None


def test_a_summary_needs_only_what_is_used_of_it() -> None:
    rates = {"win_rate": None, "closed_trade_count": None, "winning_trade_count": None}
    assert checked(Summary, summary(**rates)).data.traded_times == 185


def test_a_trade_of_smart_money_has_no_order_id() -> None:
    row = {
        "trader_address": TRADER,
        "token_symbol": "BTC",
        "side": "Long",
        "action": "Add",
        "token_amount": 1.5,
        "price_usd": 60000,
        "value_usd": 90000,
        "type": "MARKET",
        "block_timestamp": "2025-10-01T12:40:00Z",
        "transaction_hash": "0x61",
    }
    assert checked(SmartTradeRow, row).token_amount == 1.5
