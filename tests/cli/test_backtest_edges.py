"""The edges of a backtest through the real command: each ends in a plain message, and in no figure that is none."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from hlcopy.adapters.store import Binding, Store
from tests.backtest.test_decided import without
from tests.builders import MINUTE_MS, TRADER, at, candles, fill, funding_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hlcopy.domain.candles import Candles
    from hlcopy.domain.models import Fill
    from hlcopy.ports import FundingRate
    from tests.cli.conftest import Outcome

    Run = Callable[..., Outcome]

FIVE, HOUR = 5 * MINUTE_MS, 60 * MINUTE_MS
LEAP_DAY = datetime(2024, 2, 29, tzinfo=UTC)
TEN = [f"C{number}" for number in range(10)]
ALL_IN = {
    "COPY_RATIO": "1",
    "MAX_TOTAL_POSITIONS": "10",
    "MAX_POSITIONS_PER_TRADER": "10",
    "MAX_TOTAL_OPEN_POSITIONS_USD_RATIO": "1",
    "MAX_SAME_SIDE_RATIO": "1",
}


def opened(**changes: object) -> Fill:
    """A trader of $400,000 buys a Bitcoin at 1:00; we copy it at 1:15."""
    return fill(**{"price": 60_000.0, "time": at(hours=1), "oid": 1, **changes})


def flat(count: int = 576, price: float = 60_000.0, **more: Any) -> Candles:  # noqa: ANN401 - a builder's own fields
    """Two days of one price."""
    return candles([price] * count, **{"interval_ms": FIVE, **more})


def falling() -> Candles:
    """It falls through the stop at 10:00, and stays there."""
    return candles([60_000.0] * 120 + [56_500.0] * 456, interval_ms=FIVE)


def crash() -> tuple[list[Fill], list[Candles]]:
    """A trader whose week went well puts all he has into ten coins, which open next to nothing at 4:00."""
    gains = opened(is_buy=False, start_position=1.0, closed_pnl=100_000.0, time=at(days=-2), oid=99)
    buys = [opened(coin=coin, price=100.0, size=400.0, oid=number) for number, coin in enumerate(TEN, 1)]
    before = [candles([100.0] * 4, coin=coin, interval_ms=HOUR) for coin in TEN]
    after = [candles([0.001] * 24 * 40, coin=coin, interval_ms=HOUR, start=at(hours=4)) for coin in TEN]
    return [gains, *buys], [*before, *after]


@dataclass(frozen=True, kw_only=True)
class Edge:
    """What is recorded and asked for, and what must be said of it."""

    fills: Sequence[Fill] = field(default_factory=lambda: [opened()])
    candles: Sequence[Candles] = field(default_factory=lambda: [flat()])
    funding: Sequence[FundingRate] = ()
    days: str = "--from 2026-03-01 --to 2026-03-02"
    equity: str = "400000"
    changes: dict[str, str] = field(default_factory=dict)
    said: Sequence[str] = ()
    metrics: dict[str, object] = field(default_factory=dict)


EDGES = {
    "no order passes": Edge(
        fills=[opened(size=0.2)],
        said=[
            "Our exits not compared, there is no entry",
            "Decisions 1 order judged, 0 copied",
            "SKIP_SIZE_TOO_SMALL 1",
            "NO_ENTRIES: nothing was entered, so there is nothing to judge; the skips by reason say why",
        ],
        metrics={"trades": 0, "win_rate_pct": None, "sharpe": None, "expectancy_usd": None, "best_trade": None},
    ),
    "no order in the period": Edge(
        fills=[opened(time=at(days=-5))],
        said=[
            "NO_FILLS: 0xaaaa…aaaa: no fill in the period, the last is of 2026-02-24",
            "NO_ENTRIES: nothing was entered, so there is nothing to judge; no order was judged",
        ],
        metrics={"trades": 0, "decisions": 0},
    ),
    "one losing trade": Edge(
        candles=[falling()],
        said=[
            "Positions 1 closed (0 won), 0 open at the end",
            "not shown (INSUFFICIENT: 1 entry on 1 UTC day, 10 days are needed)",
        ],
        metrics={"trades": 1, "win_rate_pct": 0.0, "profit_factor": 0.0, "payoff_ratio": None, "cagr_pct": None},
    ),
    "one winning trade": Edge(
        candles=[candles([60_000.0] * 120 + [90_000.0] + [80_000.0] * 455, interval_ms=FIVE)],
        said=["Positions 1 closed (1 won), 0 open at the end"],
        metrics={"trades": 1, "win_rate_pct": 100.0, "profit_factor": None, "payoff_ratio": None},
    ),
    "nearly all is lost": Edge(
        fills=crash()[0],
        candles=crash()[1],
        days="--from 2026-03-01 --to 2026-04-05",
        changes=ALL_IN,
        said=["Return -99.30% net of all costs", "Positions 10 closed (0 won)"],
        metrics={"trades": 10, "profit_factor": 0.0},
    ),
    "more than all is lost": Edge(
        fills=crash()[0],
        candles=crash()[1],
        funding=[funding_rate(coin=coin, time=at(hours=3), rate=0.02) for coin in TEN],
        days="--from 2026-03-01 --to 2026-04-05",
        changes=ALL_IN,
        said=[
            "Equity $100,000.00 -> -$1,281.69",
            "RUINED: the account was lost: at 2026-03-02 00:00 UTC it was worth -1,281.69 USD",
        ],
        metrics={"cagr_pct": -100.0, "sharpe": None, "sortino": None, "volatility_pct": None},
    ),
    "candles missing while a position is held": Edge(
        candles=[without(flat(), slice(100, 150))],
        said=[
            (
                "CANDLES_MISSING: BTC: none from 2026-03-01 08:20 to 2026-03-01 12:30; held through it with an untested stop: "
                "#1"
            )
        ],
        metrics={"open_at_end": 1},
    ),
    "a coin delisted while a position is held": Edge(
        candles=[flat(200)],
        said=[
            "BTC Long 03-01 01:15 5.63k 60,012.3 60,000* - - (no price)",
            (
                "CANDLES_END: BTC has no candles after 2026-03-01 16:40 UTC (delisted, or not recorded): #1 couldn't be left "
                "and counts at its last mark, 60000"
            ),
        ],
        metrics={"open_at_end": 1, "closed": 0},
    ),
    "a coin delisted long before the end": Edge(
        candles=[flat(200)],
        days="--from 2026-03-01 --to 2026-03-10",
        said=["(no price)", "CANDLES_END: BTC has no candles after 2026-03-01 16:40 UTC"],
        metrics={"open_at_end": 1, "closed": 0},
    ),
    "no candles at all": Edge(
        candles=[],
        said=[
            "SKIP_NO_PRICE 1",
            (
                "NO_CANDLES: 1 order passed every gate before the price and had none; `hlcopy data fetch` or `hlcopy data "
                "import candles` brings the candles that are missing, of BTC"
            ),
        ],
        metrics={"trades": 0},
    ),
    "one candle alone": Edge(
        candles=[flat(1)],
        said=["SKIP_NO_PRICE 1", "CANDLES_MISSING: BTC: none from 2026-03-01 00:05 to 2026-03-03 00:00"],
        metrics={"trades": 0},
    ),
    "the candle of the entry is the last": Edge(
        candles=[flat(16)],
        said=["CANDLES_END: BTC has no candles after 2026-03-01 01:20 UTC"],
        metrics={"open_at_end": 1},
    ),
    "an account too small for any order": Edge(
        changes={"PAPER_EQUITY_USD": "0.01"}, said=["SKIP_SIZE_ZERO 1"], metrics={"trades": 0}
    ),
    "the largest account there may be": Edge(
        candles=[falling()],
        changes={"PAPER_EQUITY_USD": "1e12"},
        said=["Equity $1,000,000,000,000.00 ->", "Return 0.00% net of all costs"],
        metrics={"trades": 1},
    ),
    "an order larger than anybody takes": Edge(
        changes={"PAPER_EQUITY_USD": "1e12", "MAX_SINGLE_POSITION_USD": "1e12"},
        said=["SKIP_ORDER_REFUSED 1"],
        metrics={"trades": 0},
    ),
    "a trader of boundless wealth": Edge(equity="1e300", said=["SKIP_LOW_WEIGHT 1"], metrics={"trades": 0}),
    "a trader of next to nothing": Edge(equity="1e-308", said=["1 order judged"], metrics={"trades": 0}),
    "one day, from its first to its last minute": Edge(
        candles=[falling()],
        days="--from 2026-03-01 --to 2026-03-01",
        said=["Backtest from 2026-03-01 to 2026-03-01", "1 closed"],
        metrics={"trades": 1, "sharpe": None, "volatility_pct": None},
    ),
    "a leap day": Edge(
        fills=[opened(time=LEAP_DAY + timedelta(hours=23))],
        candles=[flat(start=LEAP_DAY)],
        days="--from 2024-02-28 --to 2024-03-01",
        said=["02-29 23:15"],
        metrics={"open_at_end": 1},
    ),
}


def stored(database: Path, edge: Edge) -> None:
    with Store.open(database, Binding("paper", "mainnet")) as store:
        store.history.add_fills(edge.fills)
        for each in edge.candles:
            store.history.add_candles(each)
        store.history.add_funding(edge.funding)


def no_number(constant: str) -> NoReturn:
    message = f"{constant} is no JSON"
    raise AssertionError(message)


@pytest.mark.parametrize("name", EDGES)
def test_an_edge_has_a_plain_message_and_no_figure_that_is_none(run: Run, database: Path, name: str) -> None:
    edge = EDGES[name]
    stored(database, edge)
    asked = f"{edge.days} --trader {TRADER}={edge.equity}"
    sets = " ".join(f"--set {setting}={value}" for setting, value in edge.changes.items())

    told = run(f"backtest {asked} {sets}")
    assert (told.code, told.err) == (0, "")
    assert max(map(len, told.out.splitlines())) <= 80
    assert not re.search(r"\b(nan|inf|None)\b|e[+-]\d\d|\$-|-\$0(\.00)?\b", told.out.split("Assumptions")[0])
    shown = " ".join(told.out.split())
    for said in edge.said:
        assert said in shown

    sheets = database.with_name("sheets")
    done = run(f"backtest {asked} {sets} --json --csv {sheets}")
    assert done.code == 0
    document = json.loads(done.out, parse_constant=no_number)
    assert {figure: document["metrics"][figure] for figure in edge.metrics} == edge.metrics
    for sheet in sorted(sheets.iterdir()):
        heading, *rows = csv.reader(sheet.read_text().splitlines())
        assert heading
        assert not {cell.lower() for row in rows for cell in row} & {"nan", "inf", "-inf", "none"}
    assert len((sheets / "trades.csv").read_text().splitlines()) == 1 + document["metrics"]["entries"]


@pytest.mark.parametrize("name", [name for name, edge in EDGES.items() if not edge.changes])
def test_gates_have_the_same_edges(run: Run, database: Path, name: str) -> None:
    edge = EDGES[name]
    stored(database, edge)
    asked = f"gates {edge.days} --trader {TRADER}={edge.equity}"
    told = run(asked)
    assert (told.code, told.err) == (0, "")
    assert max(map(len, told.out.splitlines())) <= 80
    assert not re.search(r"\b(nan|inf|None)\b", told.out)
    document = json.loads(run(f"{asked} --json").out, parse_constant=no_number)
    judged = sum(gate["refused"] for gate in document["gates"])
    assert ("No entry was judged." in told.out) == (judged == 0)


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (
            "--from 2026-02-01 --to 2026-02-02",
            2,
            (
                f"no fills of {TRADER} are stored up to 2026-02-02 (they begin on 2026-03-01); import them with: "
                "hlcopy data import fills FILE"
            ),
        ),
        ("--from 0001-01-01 --to 2026-03-02", 2, "--from 0001-01-01 lies before there was anything to record"),
        ("--from 2026-02-29 --to 2026-03-02", 2, "--from must be a day such as 2025-03-16, not '2026-02-29'"),
        ("--from 9999-12-31 --to 9999-12-31", 2, "--to 9999-12-31 isn't over yet"),
        (
            "--from 2026-03-01 --to 2026-03-02 --set PAPER_EQUITY_USD=0",
            78,
            "HLCOPY_PAPER_EQUITY_USD: input should be greater than 0",
        ),
        (
            "--from 2026-03-01 --to 2026-03-02 --set PAPER_EQUITY_USD=1e13",
            78,
            "HLCOPY_PAPER_EQUITY_USD: input should be less than or equal to 1000000000000",
        ),
    ],
)
def test_what_can_t_be_replayed_is_refused_in_a_line(run: Run, database: Path, line: str, code: int, said: str) -> None:
    stored(database, Edge())
    refused = run(f"backtest {line} --trader {TRADER}=400000")
    assert (refused.code, refused.out) == (code, "")
    assert said in refused.err
    assert refused.err.count("\n") == 1


def test_a_trader_without_any_fill_and_one_with_fills_are_told_apart(run: Run, database: Path) -> None:
    stored(database, replace(Edge(), candles=[]))
    nobody = "0x" + "c" * 40
    refused = run(f"backtest --from 2026-03-01 --to 2026-03-02 --trader {TRADER}=1 --trader {nobody}=1")
    assert (refused.code, refused.out) == (2, "")
    assert f"no fills of {nobody} are stored up to 2026-03-02; import them" in refused.err
