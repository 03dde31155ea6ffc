from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlcopy.domain.book import ExitReason, PositionStatus
from hlcopy.domain.models import DEFERRED, EXECUTE, Action, Side, SkipReason, Wait
from hlcopy.render import (
    Column,
    count,
    day,
    iso,
    json_document,
    moment,
    money,
    percent,
    price,
    safe,
    short_address,
    short_money,
    table,
)
from hlcopy.render.reports import positions_tables, signals_table
from hlcopy.render.rows import position_row, signal_row
from tests.builders import T0, at, position, signal

NAN, INF = float("nan"), float("inf")
HOSTILE = "\x1b[31mred\x1b[0m\r\n\x07[bold]x[/bold]\u202e\u200b\x9b:smile:"
COLUMNS = (Column("NAME"), Column("SIZE", right=True))


def without_style(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@given(st.text(max_size=400))
def test_safe_text_is_one_short_visible_line(text: str) -> None:
    assert safe(text).isprintable()
    assert safe(safe(text)) == safe(text) or len(text) > 20


def test_safe_text_shows_what_it_escapes() -> None:
    assert safe("a\x1b[1m\n\u202e") == "a\\x1b[1m\\n\\u202e"
    assert safe("é€") == "é€"
    assert len(safe("x" * 1_000_000)) == 200


@pytest.mark.parametrize("show", [money, short_money, percent, price])
@pytest.mark.parametrize("nothing", [None, NAN, INF, -INF])
def test_a_number_that_isn_t_there_is_a_dash(show: object, nothing: float | None) -> None:
    assert callable(show)
    assert show(nothing) == "-"


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (money(1234.5), "$1,234.50"),
        (money(-0.004), "$0.00"),
        (money(-1234.567), "-$1,234.57"),
        (short_money(0), "$0"),
        (short_money(999.4), "$999"),
        (short_money(999.6), "$1.00k"),
        (short_money(9_994), "$9.99k"),
        (short_money(52_143), "$52.1k"),
        (short_money(99_960), "$100k"),
        (short_money(-3.2e9), "-$3.20B"),
        (percent(12.34), "12.3%"),
        (percent(12.34, signed=True), "+12.3%"),
        (price(93_548.8), "93,548.8"),
        (price(0.00001234), "0.00001234"),
        (price(1_234_567.8), "1,234,568"),
        (price(100_000.0), "100,000"),
        (price(0.1 + 0.2), "0.3"),
        (price(0.0), "0"),
        (count(1_234), "1,234"),
        (count(None), "-"),
        (short_address("0x513b8629fe877bb581bf244e326a047b249c4ff1"), "0x513b…4ff1"),
        (short_address("somebody"), "somebody"),
        (moment(datetime(2026, 3, 1, 2, 30, tzinfo=timezone(timedelta(hours=2)))), "2026-03-01 00:30"),
        (moment(None), "-"),
        (day(T0), "2026-03-01"),
        (day(None), "-"),
        (iso(T0), "2026-03-01T00:00:00.000+00:00"),
    ],
)
def test_values_are_shown_as_people_read_them(shown: str, expected: str) -> None:
    assert shown == expected


@given(st.floats(min_value=0, max_value=9e14))
def test_short_money_is_short(usd: float) -> None:
    assert len(short_money(usd)) <= 7


def test_a_plain_table_is_aligned_text_without_boxes_and_styles() -> None:
    assert table("T", COLUMNS, [("a", "1"), ("bcdef", "234567")], width=None) == (
        "T\nNAME     SIZE\na           1\nbcdef  234567\n"
    )


def test_a_table_without_rows_says_so() -> None:
    assert table("Fills", COLUMNS, [], width=None) == table("Fills", COLUMNS, [], width=80) == "Fills: none\n"


@pytest.mark.parametrize("width", [None, 80, 20])
def test_hostile_text_is_shown_escaped(width: int | None) -> None:
    shown = without_style(table(HOSTILE[:12], COLUMNS, [(HOSTILE, "1")], width=width))
    assert all(character.isprintable() for character in shown.replace("\n", ""))
    if width != 20:
        assert "\\x1b[31mred\\x1b[0m\\r\\n\\x07[bold]x[/bold]\\u202e\\u200b\\x9b:smile:" in shown


def test_a_drawn_table_keeps_to_its_width() -> None:
    shown = without_style(table("T", COLUMNS, [("x" * 100, "1")], width=40))
    assert max(map(len, shown.splitlines())) <= 40
    assert shown.count("x") == 100


@pytest.mark.parametrize("width", [40, 30, 24])
def test_numbers_stay_whole_on_a_narrow_terminal(width: int) -> None:
    columns = (Column("TRADER"), Column("FROM"), *(Column(name, right=True) for name in ("FILLS", "ORDERS", "GAPS")))
    shown = without_style(table("T", columns, [("0xaa…aa", "2025-01-01", "1,234,567", "12,345", "1,234")], width=width))
    assert max(map(len, shown.splitlines())) <= width
    for number in ("1,234,567", "12,345", "2025-01-01"):
        assert number in shown


def test_a_terminal_too_narrow_for_a_table_gets_lines() -> None:
    rows = [("reason that is long", "1,234,567,890"), ("", "2")]
    assert table("T", (Column("NAME"), Column("SIZE", right=True)), rows, width=24) == (
        "T\n\nNAME  reason that is\n      long\nSIZE  1,234,567,890\n\nNAME\nSIZE  2\n"
    )


def test_json_is_one_line_that_any_reader_takes() -> None:
    text = json_document(
        {"at": T0, "n": NAN, "i": [INF, (1, -INF)], "s": HOSTILE, "e": Side.LONG, "o": None, "b": True}
    )
    assert text.isascii()
    assert "\n" not in text
    assert json.loads(text, parse_constant=pytest.fail) == {
        "at": "2026-03-01T00:00:00.000+00:00",
        "n": None,
        "i": [None, [1, None]],
        "s": HOSTILE,
        "e": "Long",
        "o": None,
        "b": True,
    }


def test_every_table_fits_80_columns_at_its_worst() -> None:
    address = "0x" + "a" * 40
    worst_signals = [
        signal(
            trader=address,
            coin="FARTCOIN",
            side=Side.SHORT,
            action=Action.OPEN,
            decision=decision,
            wait=wait,
            value_usd=52_143.0,
        )
        for decision, wait in [*((reason, None) for reason in SkipReason), *((DEFERRED, wait) for wait in Wait)]
    ]
    opened = position(id=1234, coin="FARTCOIN", side=Side.SHORT, status=PositionStatus.CLOSING, tiers_taken=(1, 2, 3))
    closed = position(
        id=1234,
        coin="FARTCOIN",
        side=Side.SHORT,
        status=PositionStatus.CLOSED,
        closed_at=at(9),
        close_reason=ExitReason.TRADER_LIQUIDATED,
        entry_price=93_548.8,
        exit_price=93_548.8,
        realized_pnl_usd=-12_345.67,
    )
    for shown in (
        signals_table(worst_signals, 80),
        positions_tables([opened, closed], 80, with_closed=True),
    ):
        assert max(map(len, without_style(shown).splitlines())) <= 80
    plain = without_style(signals_table(worst_signals, 80))
    for reason in SkipReason:
        assert reason in plain  # in one piece


def test_a_signal_s_row_has_the_table_s_columns() -> None:
    row = signal_row(signal(decision=EXECUTE, slippage_pct=-0.25, copy_size_usd=4_950.0))
    assert row["trader_address"] == signal().trader
    assert row["timestamp"] == T0
    assert (row["decision"], row["slippage_pct"], row["copy_size_usd"]) == (EXECUTE, -0.25, 4_950.0)


@pytest.mark.parametrize(
    ("side", "highest", "lowest", "gain"), [(Side.LONG, 110.0, None, 5.0), (Side.SHORT, None, 110.0, -5.0)]
)
def test_a_position_s_row_has_its_best_price_on_its_side(
    side: Side, highest: float | None, lowest: float | None, gain: float
) -> None:
    row = position_row(position(side=side, entry_price=100.0, best_price=110.0, tiers_taken=(1, 2)), mark=105.0)
    assert (row["highest_price"], row["lowest_price"]) == (highest, lowest)
    assert row["unrealized_pct"] == pytest.approx(gain)
    assert row["tiers_taken"] == [1, 2]
    assert position_row(position())["unrealized_pct"] is None


def test_moments_of_other_zones_are_shown_in_utc() -> None:
    assert iso(datetime(2026, 3, 1, 1, tzinfo=timezone(timedelta(hours=1)))) == iso(datetime(2026, 3, 1, tzinfo=UTC))
