"""A backtest and a told story as documents and as text."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from datetime import date
from io import StringIO
from typing import Any

import pytest

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.backtest.books import Outcome, Trial
from hlcopy.backtest.comparison import compare
from hlcopy.backtest.figures import Figures, figures
from hlcopy.backtest.metrics import Point, deepest_drawdown, month_of, periods, week_of
from hlcopy.backtest.replay import ReplayClock, ReplayMarket
from hlcopy.backtest.report import Backtest, Metrics, Warn
from hlcopy.domain.book import ExitReason, Position, PositionStatus
from hlcopy.domain.models import EXECUTE, Action, Side, SkipReason
from hlcopy.domain.policy import Policy
from hlcopy.render import figures as figures_text
from hlcopy.render import json_document
from hlcopy.render.backtest import backtest_document, backtest_text, reasons_text
from hlcopy.render.chart import equity_chart
from hlcopy.render.sheets import SHEETS, backtest_sheets
from hlcopy.render.story import action_line, day_lines, judged_line, moves_line
from tests.builders import OTHER_TRADER, T0, TRADER, action, at, position, signal

HOSTILE = "\x1b[31mEVIL\x07\u202e"
TOP = {"from", "to", "assumptions", "metrics", "exits_comparison", "trades", "skips", "warnings"}
SUMS = [
    *("events", "decisions", "entries", "open_at_end", "closed", "winners", "start_equity_usd", "final_equity_usd"),
    *("return_pct", "realized_pnl_usd", "unrealized_pnl_usd", "open_positions_pnl_usd", "fees_usd", "funding_usd"),
    *("slippage_usd", "average_hours"),
]
OPEN_TRADE = (
    "signal_id",
    "trader_address",
    "token_symbol",
    "side",
    "opened_at",
    "entry_price",
    "size",
    "value_usd",
)
CLOSED_TRADE = ("closed_at", "exit_price", "close_reason", "realized_pnl_usd", "fees_usd", "funding_usd")


def without_style(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def left(**overrides: object) -> Position:
    """Return a closed long."""
    facts = {
        "id": 1,
        "status": PositionStatus.CLOSED,
        "closed_at": at(hours=30),
        "close_reason": ExitReason.STOP_LOSS,
        "exit_price": 95.0,
        "realized_pnl_usd": -10.5,
        "fees_usd": 0.4,
        "funding_usd": 0.1,
        "size": 0.0,
    }
    return position(**(facts | overrides))


def figured(positions: list[Position], days: int = 31) -> Figures:
    """Return what positions without fills in a market without candles amount to."""
    market = ReplayMarket(ReplayClock(at(days=days)), {}, {}, {})
    return figures(positions, {}, MemoryLedger().paper, market, start=T0, end=at(days=days), start_equity=100_000.0)


def trial(day: int, ours: float | None, theirs: float | None, *, notional: float = 1_000.0) -> Trial:
    """Return an entry and what it made under our exits, the trader's, and held for nothing."""

    def outcome(net: float | None) -> Outcome | None:
        if net is None:
            return None
        return Outcome(
            net_usd=net, fees_usd=1.0, funding_usd=0.5, slippage_usd=0.25, open_size=0.0, closed_at=T0, reason="X"
        )

    return Trial(
        position_id=day,
        signal_id=f"signal-{day}",
        coin="BTC",
        trader=TRADER,
        opened_at=at(days=day),
        notional_usd=notional,
        ours=outcome(ours),
        followed=outcome(theirs),
        held=outcome(0.0),
        broken_at=None,
    )


def made(**overrides: object) -> Backtest:
    """Return a result with one closed and one open position."""
    metrics = Metrics(
        events=12,
        decisions=3,
        entries=2,
        open_at_end=1,
        closed=1,
        winners=0,
        start_equity_usd=100_000.0,
        final_equity_usd=99_990.0,
        return_pct=-0.01,
        realized_pnl_usd=-10.5,
        unrealized_pnl_usd=0.5,
        open_positions_pnl_usd=0.25,
        fees_usd=0.8,
        funding_usd=0.1,
        slippage_usd=0.2,
        average_hours=30.0,
    )
    positions = [left(), position(id=2, coin="SOL", side=Side.SHORT, exit_price=90.0, fees_usd=0.4)]
    result = Backtest(
        start=date(2026, 3, 1),
        end=date(2026, 3, 31),
        policy=Policy(),
        assumptions={
            "our_equity_usd": 1_234_567.0,
            "trader_equity_usd": {TRADER: 2_000_000.0},
            "candle_minutes": {},
            "mark": "the close",
        },
        metrics=metrics,
        positions=positions,
        figures=figured(positions),
        comparison=None,
        signals=[
            signal(id="b", decision=EXECUTE, trade_time=at(5)),
            signal(id="a", decision=SkipReason.TOO_OLD.value),
        ],
        traders=[TRADER, OTHER_TRADER],
        skips={"SKIP_TOO_OLD": 1, "SKIP_ACTION_TYPE": 7, "SKIP_LOW_WEIGHT": 1},
        warnings=[Warn(code="EQUITY_ASSUMED", message="stated")],
        marks={2: 101.5},
    )
    return replace(result, **overrides)


def document(result: Backtest) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(json_document(backtest_document(result)))
    return parsed


# The document


def test_the_document_has_the_contract_s_keys() -> None:
    shown = document(made())
    assert set(shown) >= TOP
    assert (shown["from"], shown["to"], shown["exits_comparison"]) == ("2026-03-01", "2026-03-31", None)
    assert shown["skips"] == {"SKIP_TOO_OLD": 1, "SKIP_ACTION_TYPE": 7, "SKIP_LOW_WEIGHT": 1}
    assert shown["warnings"] == ["EQUITY_ASSUMED: stated"]
    assert shown["metrics"]["return_pct"] == -0.01
    assert shown["assumptions"]["trader_equity_usd"] == {TRADER: 2e6}


def test_an_open_trade_has_nulls_where_its_end_would_be() -> None:
    closed, held = document(made())["trades"]
    assert tuple(closed)[:14] == tuple(held)[:14] == OPEN_TRADE + CLOSED_TRADE
    assert [held[key] for key in CLOSED_TRADE] == [None] * 6
    assert [closed[key] for key in CLOSED_TRADE] == [
        "2026-03-02T06:00:00.000+00:00",
        95.0,
        "STOP_LOSS",
        -10.5,
        0.4,
        0.1,
    ]
    # What is left of the short, at its mark.
    assert (held["mark_price"], held["unrealized_pnl_usd"]) == (101.5, -3.0)
    assert (closed["mark_price"], closed["unrealized_pnl_usd"]) == (None, None)
    # The size is what was entered, not what is left of it.
    assert (closed["size"], closed["side"], held["side"]) == (2.0, "Long", "Short")


def test_a_position_being_closed_isn_t_closed_yet() -> None:
    closing = left(status=PositionStatus.CLOSING)
    (shown,) = document(made(positions=[closing]))["trades"]
    assert [shown[key] for key in CLOSED_TRADE] == [None] * 6


def test_decisions_are_told_oldest_first() -> None:
    assert [row["signal_id"] for row in document(made())["decisions"]] == ["a", "b"]


def test_exits_are_counted_by_reason() -> None:
    shown = document(made(positions=[left(), left(id=2, realized_pnl_usd=4.0), left(id=3, realized_pnl_usd=None)]))
    assert shown["exits"] == {"STOP_LOSS": {"count": 3, "won": 1, "pnl_usd": -6.5}}


def test_the_sums_keep_their_names_and_figures_come_after_them() -> None:
    metrics = document(made())["metrics"]
    assert list(metrics)[: len(SUMS)] == SUMS
    assert {"sharpe", "sortino", "calmar", "profit_factor", "max_drawdown_pct", "win_rate_pct"} < set(metrics)
    assert (metrics["sharpe"], metrics["profit_factor"], metrics["max_drawdown_pct"]) == (None, 0.0, 0.0)
    assert metrics["best_trade"] == {"signal_id": "signal-1", "token_symbol": "BTC", "realized_pnl_usd": -10.5}
    assert metrics["worst_day"] == {"day": "2026-03-01", "pnl_usd": 0.0, "return_pct": 0.0}


def test_the_document_has_the_curve_and_its_periods() -> None:
    shown = document(made())
    assert len(shown["equity"]) == 32
    assert shown["equity"][0] == {"at": "2026-03-01T00:00:00.000+00:00", "equity_usd": 100_000.0, "drawdown_pct": 0.0}
    assert (len(shown["days"]), [month["month"] for month in shown["months"]]) == (31, ["2026-03"])
    assert shown["by_coin"] == [
        {"token_symbol": "BTC", "trades": 1, "won": 0, "pnl_usd": -10.5, "average_hours": 30.0, "profit_factor": 0.0}
    ]
    assert list(shown["waterfall"]) == ["gross_usd", "slippage_usd", "fees_usd", "funding_usd", "net_usd"]


def test_the_comparison_s_document_names_books_pairs_and_verdicts() -> None:
    compared = document(made(comparison=compare([trial(day, 20.0 + day % 2, 0.0) for day in range(10)])))
    shown = compared["exits_comparison"]
    assert (shown["confidence_pct"], shown["min_days"], set(shown["books"])) == (95, 10, {"ours", "trader", "hold_72h"})
    versus = shown["ours_vs_trader"]
    assert (versus["verdict"], versus["evidence"], versus["pairs"], versus["days"]) == ("better", "SUFFICIENT", 10, 10)
    assert versus["mean_difference_pct"] == pytest.approx(2.05)
    assert versus["mean_difference_usd"] == pytest.approx(20.5)
    low, high = versus["interval_pct"]
    assert 2.0 <= low < 2.05 < high <= 2.1
    assert len(shown["entries"]) == 10
    assert shown["entries"][0]["ours"]["net_usd"] == 20.0


def test_a_book_that_isn_t_known_is_null_and_too_few_days_have_no_interval() -> None:
    shown = document(made(comparison=compare([trial(0, 20.0, None), trial(1, 5.0, 6.0)])))["exits_comparison"]
    assert shown["entries"][0]["trader"] is None
    versus = shown["ours_vs_trader"]
    assert (versus["verdict"], versus["evidence"], versus["interval_pct"]) == ("not shown", "INSUFFICIENT", None)
    assert (versus["pairs"], versus["left_out"]) == (1, 1)


# The text


def test_return_drawdown_and_verdicts_come_first() -> None:
    shown = backtest_text(made(comparison=compare([trial(day, -20.0, 0.0) for day in range(10)])), None)
    headings = [line.split()[0] for line in shown.splitlines()[2:9] if line[2:3].strip()]
    assert headings == ["Result", "Return", "Equity", "Drawdown", "Our"] or headings[1:4] == [
        "Return",
        "Equity",
        "Drawdown",
    ]
    flat = " ".join(shown.split())
    assert (
        "Our exits against the trader's: worse, -2.00% of an entry on average (95% interval -2.00% to -2.00%)" in flat
    )
    assert "against holding 72 hours: worse" in flat
    assert shown.index("Our exits") < shown.index("The same entries in three books") < shown.index("Trades\n")


@pytest.mark.parametrize(
    ("trials", "told"),
    [
        ([], "Our exits not compared, there is no entry"),
        ([trial(0, 5.0, None)], "against the trader's: not shown, no entry can be compared"),
        (
            [trial(0, 5.0, 4.0)],
            "against the trader's: not shown (INSUFFICIENT: 1 entry on 1 UTC day, 10 days are needed), +0.10%",
        ),
        (
            [trial(day, 5.0 * (-1) ** day, 0.0) for day in range(10)],
            "against the trader's: not shown, 0.00% of an entry on average (95% interval",
        ),
    ],
    ids=["no entry", "none that is known", "one day", "as often better as worse"],
)
def test_what_isn_t_shown_is_said(trials: list[Trial], told: str) -> None:
    assert told in " ".join(backtest_text(made(comparison=compare(trials)), None).split())


def test_zero_has_no_sign() -> None:
    assert [figures_text.signed(value) for value in (0.0, -0.0, -0.001, 0.004, -0.005001, 12_345.678, None)] == [
        "0.00%",
        "0.00%",
        "0.00%",
        "0.00%",
        "-0.01%",
        "+12,345.68%",
        "-",
    ]


def test_weeks_without_any_change_are_counted_not_listed() -> None:
    points = [Point(at=at(days=day), equity_usd=100_000.0 + 50 * (day > 9)) for day in range(32)]
    changed = replace(figured([]), points=points, weeks=periods(points, week_of), months=periods(points, month_of))
    shown = [" ".join(line.split()) for line in backtest_text(made(figures=changed), None).splitlines()]
    listed = shown[shown.index("By week (5 without any change left out)") + 2 :][:2]
    assert listed == ["2026-W11 $50.00 +0.05%", ""]
    assert "2026-03 $50.00 +0.05%" in shown
    assert "By week (6 without any change left out): none" in backtest_text(made(), None)


# The chart


def curve(*equity: float) -> list[Point]:
    return [Point(at=at(days=day), equity_usd=value) for day, value in enumerate(equity)]


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize(
    "equity",
    [
        (100.0, 120.0, 90.0, 130.0),
        tuple(12_345_678.9 + 1e5 * (day % 7) for day in range(900)),
        (100.0, 0.0, 0.0),
        (1e-9, 2e-9, 1e-9),
    ],
    ids=["up and down", "years of millions", "all lost", "tiny"],
)
def test_a_chart_fits_its_terminal_and_carries_no_colours(equity: tuple[float, ...], width: int) -> None:
    shown = equity_chart(curve(*equity), width)
    assert max(map(len, shown.splitlines())) <= min(width, 80)
    assert "Equity at midnight, USD" in shown
    assert "Drawdown, %" in shown
    assert all(character.isprintable() for character in shown.replace("\n", ""))
    assert "2026-03-01" in shown


@pytest.mark.parametrize(
    ("days", "width"), [(1, 80), (2, 80), (9, 39)], ids=["one midnight", "one day", "a terminal too narrow"]
)
def test_where_there_is_nothing_to_draw_there_is_no_chart(days: int, width: int) -> None:
    assert equity_chart(curve(*range(1, days + 1)), width) == ""


def test_what_never_changed_isn_t_drawn() -> None:
    assert equity_chart(curve(*[100.0] * 9), 80) == ""
    assert "Drawdown" not in equity_chart(curve(100.0, 101.0, 102.0), 80)


def test_only_a_terminal_gets_a_chart() -> None:
    result = made(figures=replace(figured([]), points=curve(100.0, 90.0, 95.0)))
    assert "Equity at midnight" in backtest_text(result, 80)
    assert "Equity at midnight" not in backtest_text(result, None)


# The sheets


def rows(sheet: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(sheet)))


def test_the_sheets_say_what_the_document_says() -> None:
    result = made()
    sheets, shown = backtest_sheets(result), document(result)
    assert tuple(sheets) == SHEETS
    closed, held = rows(sheets["trades.csv"])
    assert (closed["signal_id"], closed["closed_at"]) == ("signal-1", shown["trades"][0]["closed_at"])
    assert float(closed["realized_pnl_usd"]) == -10.5
    assert (held["closed_at"], held["exit_price"], float(held["mark_price"])) == ("", "", 101.5)
    assert [float(row["equity_usd"]) for row in rows(sheets["equity.csv"])] == [
        point["equity_usd"] for point in shown["equity"]
    ]
    assert [row["day"] for row in rows(sheets["daily.csv"])] == [day["day"] for day in shown["days"]]
    assert [row["decision"] for row in rows(sheets["skips.csv"])] == ["SKIP_TOO_OLD"]


def test_a_sheet_without_rows_has_its_heading() -> None:
    sheets = backtest_sheets(made(positions=[], signals=[]))
    assert [len(sheets[name].splitlines()) for name in ("trades.csv", "skips.csv")] == [1, 1]


@pytest.mark.parametrize("name", ["=1+1", "@SUM(A1)", "+1", "-1"])
def test_no_name_is_taken_for_a_formula(name: str) -> None:
    (row,) = rows(backtest_sheets(made(positions=[left(coin=name)]))["trades.csv"])
    assert row["token_symbol"] == f"'{name}"


# The text, continued


def test_a_result_that_knows_nothing_is_still_a_text() -> None:
    metrics = replace(made().metrics, average_hours=None, entries=0)
    shown = backtest_text(made(positions=[], signals=[], skips={}, warnings=[], metrics=metrics), None)
    assert "Trades: none\n" in shown
    assert "Held       - on average" in shown


def test_the_text_says_what_the_document_says() -> None:
    shown = backtest_text(made(), None)
    lines = shown.splitlines()
    assert lines[0] == "Backtest from 2026-03-01 to 2026-03-31 (UTC, both days whole)"
    assert any(line.split()[:3] == ["1", "BTC", "Long"] for line in lines)
    # An open position shows its mark, however much of it has been sold.
    (held,) = [line for line in lines if "SOL" in line]
    assert held.split()[-4:] == ["101.5*", "-", "-", "(open)"]
    assert "* not an exit: the last mark of an open position" in lines
    assert ["0xaaaa…aaaa", "31", "2", "2", "-$10.50"] in [line.split() for line in lines]
    assert ["0xbbbb…bbbb", "31", "0", "0", "$0.00"] in [line.split() for line in lines]
    assert "Decisions  3 orders judged, 1 copied" in shown
    assert "Positions  1 closed (0 won), 1 open at the end" in shown
    assert "Equity     $100,000.00 -> $99,990.00" in shown
    assert "our equity usd: 1,234,567" in shown
    assert "trader equity usd: 0xaaaa…aaaa 2,000,000" in shown
    assert "candle minutes: none" in shown
    assert "  - EQUITY_ASSUMED: stated" in shown


def test_skips_and_exits_are_listed_by_how_many_they_are() -> None:
    shown = reasons_text(
        made(
            positions=[
                left(id=1),
                left(id=2, close_reason=ExitReason.TIME_STOP, realized_pnl_usd=30.0),
                left(id=3, close_reason=ExitReason.TIME_STOP, realized_pnl_usd=-5.0),
                left(id=4, realized_pnl_usd=None, close_reason=ExitReason.CLOSED_ON_VENUE),
            ]
        ),
        None,
    )
    rows = [line.split() for line in shown.splitlines()]
    assert [row[0] for row in rows if row and row[0].startswith("SKIP_")] == [
        "SKIP_ACTION_TYPE",
        "SKIP_LOW_WEIGHT",
        "SKIP_TOO_OLD",
    ]
    assert ["TIME_STOP", "2", "1", "$25.00"] in rows
    assert ["STOP_LOSS", "1", "0", "-$10.50"] in rows
    assert ["CLOSED_ON_VENUE", "1", "0", "$0.00"] in rows


def at_their_worst() -> Figures:
    """Return figures of the longest values that a period of two years can have."""
    worst = [
        left(
            id=1_234 + day,
            coin="FARTCOIN",
            source_trader=f"0x{day:040x}",
            realized_pnl_usd=-123_456.7 * (-1) ** day,
            closed_at=at(days=day * 40 + 1),
        )
        for day in range(12)
    ]
    points = [Point(at=at(days=day), equity_usd=12_345_678.9 - 16_000 * day) for day in range(731)]
    found = figured(worst, days=731)
    return replace(
        found,
        points=points,
        drawdown=deepest_drawdown(points),
        sharpe=-12_345.6,
        market_change_pct=-99.99,
        weeks=periods(points, week_of),
        months=periods(points, month_of),
    )


def at_its_worst() -> Backtest:
    huge = replace(
        made().metrics,
        start_equity_usd=12_345_678.9,
        final_equity_usd=98_765_432.1,
        unrealized_pnl_usd=-12_345_678.9,
        open_positions_pnl_usd=-12_345_678.9,
        fees_usd=1_234_567.8,
        funding_usd=-1_234_567.8,
        slippage_usd=1_234_567.8,
        return_pct=12_345.6,
    )
    return made(
        metrics=huge,
        positions=[
            left(
                id=1_234,
                coin="FARTCOIN",
                side=Side.SHORT,
                entry_price=123_456.7,
                exit_price=0.0123456,
                realized_pnl_usd=-123_456.7,
                value_usd=99_999.0,
                close_reason=ExitReason.TRADER_LIQUIDATED,
            )
        ],
        figures=at_their_worst(),
        comparison=compare([trial(day, 99_999.0 * (-1) ** day, -99_999.0 * day, notional=1.0) for day in range(99)]),
        warnings=[Warn(code="NO_CANDLES", message=", ".join(f"COIN{n}" for n in range(60)))],
        assumptions={"slippage_percent": {f"COIN{n}": 0.123456 for n in range(30)}},
    )


def test_a_terminal_of_80_columns_is_enough_at_the_worst() -> None:
    for width in (80, None):
        shown = without_style(backtest_text(at_its_worst(), width))
        assert max(map(len, shown.splitlines())) <= 80, width
        assert "COIN59" in shown


@pytest.mark.parametrize("width", [80, None], ids=["a terminal", "a pipe"])
def test_the_trades_of_a_usual_replay_stay_a_table(width: int | None) -> None:
    """Five-figure prices and the longest common reason: a line for each trade."""
    usual = [
        left(
            id=number,
            side=Side.SHORT,
            value_usd=9_930.0,
            entry_price=81_104.6,
            exit_price=85_176.9,
            realized_pnl_usd=-508.0,
            close_reason=ExitReason.TRAILING_STOP,
        )
        for number in (9, 10)
    ]
    lines = without_style(backtest_text(made(positions=usual), width)).splitlines()
    assert [line.split()[0] for line in lines if "TRAILING_STOP" in line and "81,104.6" in line] == ["9", "10"]
    assert max(map(len, lines)) <= 80


def test_what_strangers_named_can_t_move_the_cursor() -> None:
    result = made(
        positions=[left(coin=HOSTILE), position(id=2, coin=HOSTILE)],
        warnings=[Warn(code="NO_CANDLES", message=HOSTILE)],
        assumptions={"candle_minutes": {HOSTILE: 1.0}},
    )
    for width in (None, 80):
        shown = without_style(backtest_text(result, width))
        assert all(character.isprintable() for character in shown.replace("\n", ""))
        assert "EVIL" in shown
    assert json_document(backtest_document(result)).isascii()


# The story


def test_a_copied_order_is_told_with_its_trader_and_both_sizes() -> None:
    told = judged_line(
        signal(decision=EXECUTE, value_usd=169_000.0, copy_size_usd=9_990.0, updated_at=at(hours=4, minutes=6))
    )
    assert told == "03-01 04:06  judged     0xaaaa…aaaa Open Long BTC      $169k  COPY $9.99k"


def test_a_skipped_order_is_told_with_its_reason() -> None:
    told = judged_line(signal(decision=SkipReason.REVERSED.value, action=Action.ADD, side=Side.SHORT, coin="kPEPE"))
    assert told.endswith("Add Short kPEPE   $20.0k  SKIP_REVERSED_AFTER_DELAY")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"action": "entered"}, "03-01 00:00  entered    #3 Long BTC      100"),
        (
            {"action": "stop_placed", "reason": ExitReason.STOP_LOSS, "price": 95.0},
            "03-01 00:00  stop at    #3 Long BTC      95  STOP_LOSS",
        ),
        (
            {"action": "closed", "reason": ExitReason.TIME_STOP, "price": 112.5},
            "03-01 00:00  closed     #3 Long BTC      112.5  TIME_STOP  -10",
        ),
        ({"action": "something", "price": None}, "03-01 00:00  something  #3 Long BTC      -"),
    ],
    ids=["entered", "stop", "closed", "not known here"],
)
def test_what_was_done_is_told_in_one_line(told: dict[str, object], expected: str) -> None:
    assert action_line(left(id=3), action(**told)) == expected


def test_a_result_that_isn_t_known_is_a_dash() -> None:
    told = action_line(left(realized_pnl_usd=None), action(action="closed", reason=ExitReason.CLOSED_ON_VENUE))
    assert told.endswith("100  CLOSED_ON_VENUE  -")


def test_lines_fit_80_columns_with_their_indent_at_the_worst() -> None:
    position = left(id=12, coin="kPEPE", side=Side.SHORT, realized_pnl_usd=-1_234.56)
    done = action(action="closed", reason=ExitReason.TRADER_LIQUIDATED, price=0.01305612)
    moves = [replace(done, at=at(number)) for number in range(123)]
    copied = signal(coin="FARTCOIN", side=Side.SHORT, decision=EXECUTE, value_usd=123_456.0, copy_size_usd=9_990.0)
    lines = [
        action_line(position, done),
        moves_line(position, moves, closed=False),
        moves_line(position, moves, closed=True),
        judged_line(copied),
    ]
    assert max(map(len, lines)) <= 78


@pytest.mark.parametrize(("count", "times"), [(1, "1 move"), (2, "2 moves"), (41, "41 moves")])
def test_the_moves_of_a_stop_are_told_together(count: int, times: str) -> None:
    moves = [action(action="stop_moved", at=at(number), price=90.0 + number) for number in range(count)]
    what = f"trailed    #3 Long BTC      {89 + count}  {times}"
    last = f"00:{count - 1:02}"
    assert moves_line(left(id=3), moves, closed=True) == f"03-01 {last}  {what}"
    assert moves_line(left(id=3), moves, closed=False) == f"03-01        {what} until {last}"


def test_a_day_without_skips_is_told_by_nothing() -> None:
    assert day_lines(T0, {}) == []


def test_a_day_s_skips_are_told_most_frequent_first_within_the_width() -> None:
    skipped = {reason.value: 100 + number for number, reason in enumerate(SkipReason)}
    lines = day_lines(T0, skipped)
    last = list(SkipReason)[-1].value.removeprefix("SKIP_").lower().replace("_", "-")
    assert lines[0].startswith(f"03-01        skipped    {99 + len(skipped)} {last}, ")
    assert max(map(len, lines)) <= 77
    assert len(lines) > 3
    told = " ".join(line[24:].strip() for line in lines).split(", ")
    assert [int(part.split()[0]) for part in told] == sorted(skipped.values(), reverse=True)
    assert {part.split()[1] for part in told} == {
        reason.value.removeprefix("SKIP_").lower().replace("_", "-") for reason in SkipReason
    }
