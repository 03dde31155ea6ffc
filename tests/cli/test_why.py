"""What an operator asks a database that has traded: why, again, how it stands, what it made."""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.store import Binding, Store
from hlcopy.cli import options
from hlcopy.cli.clock import SystemClock
from hlcopy.domain.breakers import EquitySample
from hlcopy.render.status import sparkline
from tests.builders import TRADER, at, fill
from tests.cli.trading import enter
from tests.ticks.conftest import WHOLE_LIFE, rising, stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hlcopy.simulator.server import LocalVenue
    from tests.cli.conftest import Outcome

    Run = Callable[..., Outcome]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database in which a position was entered, trailed, taken a tier of and stopped out, and an order was too small."""
    path = tmp_path_factory.mktemp("template") / "lived.db"
    with Store.open(path, Binding("paper", "mainnet")) as store:
        store.forgo_durability()
        scene = rising(stage(store))
        scene.source.add(fill(coin="ETH", price=2_000.0, size=19.0, time=at(0), oid=2))
        desk = scene.desk()
        for tick, minutes in WHOLE_LIFE:
            run_id = store.runs.start(tick.__module__.rpartition(".")[2], at(minutes))
            tick(desk, at(minutes))
            store.runs.finish(run_id, at(minutes, seconds=2), ok=True, counts={}, errors=[])
        store.controls.add_equity(EquitySample(at(70), 100_400.0))
        store.checkpoint()
    return path


@pytest.fixture
def lived(template: Path, database: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The database, at eighty minutes past its beginning, in UTC."""
    shutil.copy(template, database)
    monkeypatch.setattr(options, "now", lambda: at(80))
    monkeypatch.setattr(SystemClock, "now", lambda _: at(80))
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield database
    monkeypatch.undo()
    time.tzset()


def fits(shown: str) -> bool:
    return all(len(line) <= 80 for line in shown.splitlines())


@pytest.mark.usefixtures("lived")
def test_the_story_of_a_position_tells_its_gates_orders_stops_and_costs(run: Run) -> None:
    shown = run("why", "#1")
    assert shown.code == 0
    assert fits(shown.out)
    for said in ("order size", "weight", "hard stop, 5% from the entry", "or better; keeps", "TRAILING_STOP", "Fees $"):
        assert said in shown.out, said
    told = run("why", "#1", "--json").document
    assert told["signal"]["decision"] == "EXECUTE"
    assert all(gate["holds"] for gate in told["gates"])
    assert {order["purpose"] for order in told["orders"]} == {"entry", "stop", "exit"}


@pytest.mark.usefixtures("lived")
def test_of_what_wasn_t_copied_it_is_told_what_would_have_had_to_differ(run: Run) -> None:
    shown = run("why ETH").out
    assert "not copied: SKIP_LOW_WEIGHT" in shown
    assert "weight: 9.5%, needed at least 10%: 0.5% more" in shown


@pytest.mark.usefixtures("lived")
def test_why_now_has_the_funnel_and_the_nearest_misses(run: Run) -> None:
    shown = run("why").out
    assert fits(shown)
    assert "1 entry since 2026-02-28 01:20 UTC. 2 orders seen" in shown
    assert "SKIP_LOW_WEIGHT" in shown
    document = run("why now --json").document
    assert document["nearest_misses"][0]["gate"]["shortfall"] == pytest.approx(0.05)
    assert run("why now --at 2026-04-01 --json").document["orders"] == 0


def test_a_decision_is_made_again_and_one_that_was_tampered_with_ends_with_1(run: Run, lived: Path) -> None:
    assert run("replay --all").out == "2 of 2 decisions are the same to the byte.\n"
    with closing(sqlite3.connect(lived)) as db, db:
        db.execute("UPDATE signals SET copy_size_usd = 1 WHERE decision = 'EXECUTE'")
    failed = run("replay --all --json")
    assert failed.code == 1
    (wrong,) = failed.document["different"]
    assert wrong["differences"] == {"copy_size_usd": {"stored": 1.0, "made": 7_500.0}}
    with closing(sqlite3.connect(lived)) as db, db:
        db.execute("DELETE FROM evidence")
    unkept = run("replay --all")
    assert (unkept.code, unkept.out) == (
        1,
        "0 of 2 decisions are the same to the byte; 2 were made before it was kept what\nthey were made from.\n",
    )
    assert "wasn't kept" in run("why ETH").out


@pytest.mark.usefixtures("lived")
@pytest.mark.parametrize(
    ("change", "becomes"),
    [
        ("MIN_POSITION_WEIGHT=0.09", "further (confirmation)"),
        ("HLCOPY_MIN_POSITION_WEIGHT=0.2", "SKIP_LOW_WEIGHT"),
        ("COPY_RATIO=0.1", "EXECUTE $1.50k"),
        ("COPY_DELAY_MINUTES=60", "DEFERRED"),
        ('MIN_TRADE_VALUE_USD={"BTC":70000}', "SKIP_SIZE_TOO_SMALL"),
    ],
)
def test_another_value_shows_what_would_change_and_is_no_failure(run: Run, change: str, becomes: str) -> None:
    shown = run("replay --all --with", change)
    assert shown.code == 0
    assert becomes in shown.out


@pytest.mark.usefixtures("lived")
@pytest.mark.parametrize(
    "line",
    [
        "replay",
        "replay BTC --all",
        "replay BTC --since 2026-01-01",
        "replay BTC --with STOP",
        "replay BTC --with PRIMARY_TRADERS=3",
        "replay BTC --with MIN_POSITION_WEIGHT=nan",
        "why NOPE",
        "why now --at yesterday",
        "status 5",
        "status --watch",
        "status --watch --json",
        "report --days 3 --from 2026-01-01",
        "report --to 2026-01-01",
        "report --from 2026-01-02 --to 2026-01-01",
        "report --force",
        "export",
        "export --csv sheets --from nonsense",
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(run: Run, line: str) -> None:
    refused = run(line)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.count("\n") == 1


@pytest.mark.usefixtures("lived")
def test_the_morning_s_screen_fits_and_says_how_it_stands(run: Run) -> None:
    shown = run("status --no-refresh").out
    assert fits(shown)
    for said in (
        "PAPER on mainnet",
        "today +$",
        "1 EXECUTE, 1 SKIP_LOW_WEIGHT",
        "Closed: 1 today",
        "18 min ago",
        "never",
    ):
        assert said in shown, said
    document = run("status --no-refresh --json").document
    assert document["equity_usd"] == 100_400.0
    assert [tick["command"] for tick in document["ticks"]] == ["monitor", "poll", "positions", "score"]
    assert document["ticks"][0]["duration_s"] == 2.0


def test_a_position_has_its_mark_and_its_way_to_the_stop(run: Run, home: Path, venue: LocalVenue) -> None:
    enter(run, home, venue)
    told = run("status --json").document
    (held,) = told["positions"]
    assert held["to_stop_pct"] == pytest.approx((1 - held["trigger_price"] / held["mark_price"]) * 100)
    assert held["time_left_s"] == pytest.approx(72 * 3600, abs=120)
    assert told["ticks"][1]["ok"]
    assert told["notes"] == []
    shown = run("status").out
    assert fits(shown)
    assert "71 h" in shown or "2 d 23 h" in shown or "3 d" in shown


def test_a_curve_is_drawn_from_lowest_to_highest_within_its_columns() -> None:
    assert sparkline([1.0, 2.0, 3.0], 40) == "▁▅█"
    assert sparkline([5.0, 5.0], 40) == "▁▁"
    thinned = sparkline([float(value) for value in range(1_000)], 40)
    assert (len(thinned), thinned[0], thinned[-1]) == (40, "▁", "█")


@pytest.mark.usefixtures("lived")
def test_a_report_has_the_figures_of_a_backtest_and_says_what_is_missing(run: Run, home: Path) -> None:
    shown = run("report --days 1 --html page.html")
    assert shown.code == 0, shown.err
    assert fits(shown.out)
    for said in ("Report of our own trades", "From gross to net", "TRAILING_STOP", "NO_CANDLES", "Against a replay"):
        assert said in shown.out, said
    document = run("report --days 1 --json").document
    assert document["metrics"]["entries"] == 1
    assert document["drift"]["orders"] == 2
    page = (home / "page.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "Against a replay" in page


def test_sheets_hold_what_ended_in_the_period_and_no_formula(run: Run, lived: Path, home: Path) -> None:
    with closing(sqlite3.connect(lived)) as db, db:
        db.execute("UPDATE our_positions SET token_symbol = '=cmd|calc'")
    assert run("export --csv sheets --json").document["counts"]["trades"] == 1
    rows = {name: _rows(home / "sheets" / f"{name}.csv") for name in ("trades", "fills", "funding")}
    assert [row["token_symbol"] for row in rows["trades"]] == ["'=cmd|calc"]
    assert rows["trades"][0]["closed_at"].endswith("+00:00")
    assert sum(float(row["fee_usd"]) for row in rows["fills"]) == pytest.approx(float(rows["trades"][0]["fees_usd"]))
    assert run("export --csv sheets").code == 2
    assert run("export --csv sheets --force --from 2026-03-01 --to 2026-03-01").code == 0
    assert run("export --csv sheets --force --from 2026-02-01 --to 2026-02-28 --json").document["counts"] == {
        "trades": 0,
        "fills": 0,
        "funding": 0,
    }


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.usefixtures("lived")
@pytest.mark.parametrize("line", ["why", "why ETH", "replay --all", "status --no-refresh", "report --days 1"])
def test_json_is_one_document_and_nothing_else(run: Run, line: str) -> None:
    done = run(f"{line} --json")
    assert done.out.count("\n") == 1
    assert isinstance(json.loads(done.out), dict)
    assert TRADER not in done.err
