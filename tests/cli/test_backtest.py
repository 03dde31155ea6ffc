"""`hlcopy backtest`: what it takes, what it prints, and what it keeps."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from freezegun import freeze_time

from hlcopy.adapters.store import Binding, Store
from hlcopy.backtest import keep as keeping
from tests.backtest.worlds import Recorded
from tests.builders import MINUTE_MS, OTHER_TRADER, TRADER, at, candles, fill, funding_rate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Outcome

    Run = Callable[..., Outcome]

DAYS = "backtest --from 2026-03-01 --to 2026-03-02"
ONE = f"{DAYS} --trader {TRADER}=400000"
TWO = f"{ONE} --trader {OTHER_TRADER}=$2_500_000"
CONTRACT_TRADE = [
    "signal_id",
    "trader_address",
    "token_symbol",
    "side",
    "opened_at",
    "entry_price",
    "size",
    "value_usd",
    "closed_at",
    "exit_price",
    "close_reason",
    "realized_pnl_usd",
    "fees_usd",
    "funding_usd",
]


def world() -> Recorded:
    """Two days in which a BTC long is stopped out, a short of SOL stays open, and other orders are skipped."""
    return Recorded(
        {
            TRADER: [
                fill(price=60_000.0, time=at(hours=1), oid=1),
                fill(coin="SOL", is_buy=False, price=150.0, size=500.0, time=at(hours=2), oid=2),
                fill(coin="DOGE", price=0.2, size=400_000.0, time=at(hours=3), oid=3),
                fill(price=56_000.0, is_buy=False, start_position=1.0, time=at(hours=20), oid=4),
            ],
            OTHER_TRADER: [fill(trader=OTHER_TRADER, price=60_000.0, time=at(hours=47), oid=5)],
        },
        {
            "BTC": candles([60_000.0] * 120 + [56_500.0] * 456, interval_ms=5 * MINUTE_MS),
            "SOL": candles([150.0] * 576, coin="SOL", interval_ms=5 * MINUTE_MS),
        },
        {},
        {"SOL": [funding_rate(coin="SOL", time=at(hours=hour), rate=1e-4) for hour in range(48)]},
    )


@pytest.fixture
def recorded(database: Path) -> Path:
    with Store.open(database, Binding("paper", "mainnet")) as store:
        world().store(store)
    return database


# What it prints


def test_the_document_has_the_contract_s_shape(run: Run, recorded: Path) -> None:
    assert recorded.exists()
    done = run(f"{TWO} --json")
    document = done.document

    assert (done.code, done.err, done.out.count("\n")) == (0, "", 1)
    assert list(document)[:4] == ["from", "to", "assumptions", "metrics"]
    assert {"exits_comparison", "trades", "skips", "warnings"} < set(document)
    assert (document["from"], document["to"]) == ("2026-03-01", "2026-03-02")
    assert isinstance(document["assumptions"], dict)
    assert isinstance(document["metrics"], dict)
    stopped, held = document["trades"]
    assert list(stopped)[:14] == list(held)[:14] == CONTRACT_TRADE
    assert (stopped["token_symbol"], stopped["side"], stopped["close_reason"]) == ("BTC", "Long", "STOP_LOSS")
    assert stopped["closed_at"].startswith("2026-03-01T10:00:00")
    assert all(stopped[key] is not None for key in CONTRACT_TRADE)
    assert (held["token_symbol"], held["side"], held["trader_address"]) == ("SOL", "Short", TRADER)
    assert [held[key] for key in CONTRACT_TRADE[8:]] == [None] * 6
    assert document["skips"] == {"SKIP_NO_PRICE": 1, "SKIP_ACTION_TYPE": 1, "SKIP_LOW_WEIGHT": 1}
    assert all(isinstance(warning, str) for warning in document["warnings"])
    assert document["metrics"]["funding_usd"] < 0
    compared = document["exits_comparison"]
    assert [entry["signal_id"] for entry in compared["entries"]] == [trade["signal_id"] for trade in document["trades"]]
    assert (compared["ours_vs_trader"]["evidence"], compared["ours_vs_trader"]["verdict"]) == (
        "INSUFFICIENT",
        "not shown",
    )
    ours = compared["books"]["ours"]
    assert ours["net_usd"] == pytest.approx(document["metrics"]["final_equity_usd"] - 100_000)
    assert document["equity"][-1]["equity_usd"] == pytest.approx(document["metrics"]["final_equity_usd"])


def test_the_same_replay_gives_the_same_document(run: Run, recorded: Path) -> None:
    assert recorded.exists()
    assert run(f"{TWO} --json").out == run(f"{TWO} --json").out


def test_the_text_is_plain_where_it_is_no_terminal(run: Run, recorded: Path) -> None:
    assert recorded.exists()
    done = run(TWO)
    assert (done.code, done.err) == (0, "")
    assert "\x1b" not in done.out
    assert done.out.startswith("Backtest from 2026-03-01 to 2026-03-02 (UTC, both days whole)\n\nResult\n  Return ")
    assert max(map(len, done.out.splitlines())) <= 80
    for word in ("STOP_LOSS", "SKIP_NO_PRICE", "EQUITY_ASSUMED", "SURVIVORSHIP_BIASED", "DOGE"):
        assert word in done.out


def test_the_recorded_history_isn_t_changed(run: Run, recorded: Path) -> None:
    before = recorded.read_bytes()
    run(ONE)
    assert recorded.read_bytes() == before
    with Store.open(recorded, Binding("paper", "mainnet")) as store:
        assert (store.signals.list(), store.book.positions(live_only=False), store.traders.all()) == ([], [], [])


def test_settings_apply(run: Run, recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert recorded.exists()
    monkeypatch.setenv("HLCOPY_PAPER_EQUITY_USD", "5000")
    monkeypatch.setenv("HLCOPY_COPY_DELAY_MINUTES", "60")
    document = run(f"{ONE} --json").document
    assert document["metrics"]["start_equity_usd"] == 5_000
    assert document["trades"][0]["opened_at"].startswith("2026-03-01T02:00")
    assert document["assumptions"]["copy_delay_minutes"] == 60


def test_a_run_may_change_a_rule_and_says_so(run: Run, recorded: Path) -> None:
    assert recorded.exists()
    usual = run(f"{ONE} --json").document
    changed = run(f"{ONE} --set max_position_duration_hours=1 --set HLCOPY_COPY_RATIO=0.25 --json").document
    assert changed["assumptions"]["set"] == {"HLCOPY_MAX_POSITION_DURATION_HOURS": "1", "HLCOPY_COPY_RATIO": "0.25"}
    assert "set" not in usual["assumptions"]
    assert [trade["value_usd"] for trade in changed["trades"]] != [trade["value_usd"] for trade in usual["trades"]]
    text = run(f"{ONE} --set COPY_RATIO=0.25").out
    assert "set: HLCOPY_COPY_RATIO 0.25" in " ".join(text.split())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("STOP_LOSS_PERCENT", "--set must be NAME=VALUE, such as STOP_LOSS_PERCENT=3, not 'STOP_LOSS_PERCENT'"),
        ("STOP_LOSS_PERCENT=", "--set must be NAME=VALUE"),
        ("STOP_LOS_PERCENT=3", "the nearest is HLCOPY_STOP_LOSS_PERCENT"),
        ("MODE=live", "--set MODE: no rule of a replay has this setting"),
        ("PRIMARY_TRADERS=3", "--set PRIMARY_TRADERS: no rule of a replay has this setting"),
    ],
)
def test_a_change_that_names_no_rule_is_refused(run: Run, recorded: Path, given: str, said: str) -> None:
    assert recorded.exists()
    done = run(f"{ONE} --set {given}")
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_a_change_to_an_impossible_value_is_refused(run: Run, recorded: Path) -> None:
    assert recorded.exists()
    done = run(f"{ONE} --set STOP_LOSS_PERCENT=-3")
    assert done.code == 78
    assert "HLCOPY_STOP_LOSS_PERCENT" in done.err
    assert run(f"{ONE} --set COPY_RATIO=0.5 --set copy_ratio=0.4").code == 2


def on_terminals(line: str, environ: dict[str, str], *, stdout: bool) -> tuple[int, str, str]:
    """Run a command with standard error on a terminal of 80 columns, standard output too if asked."""
    terminals = [pty.openpty() for _ in range(2)]
    (out, out_end), (err, err_end) = terminals
    done = subprocess.run(
        [sys.executable, "-m", "hlcopy", *line.split()],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "80", "TERM": "xterm", **environ},
        stdout=out_end if stdout else subprocess.PIPE,
        stderr=err_end,
        timeout=60,
        check=False,
    )
    os.close(out_end)
    os.close(err_end)

    def drained(terminal: int) -> str:
        parts = []
        while True:
            try:
                part = os.read(terminal, 1 << 16)
            except OSError:  # the other end is gone
                part = b""
            if not part:
                os.close(terminal)
                return b"".join(parts).decode()
            parts.append(part)

    shown, noise = drained(out), drained(err)
    return done.returncode, shown if stdout else done.stdout.decode(), noise


def test_progress_is_shown_on_a_terminal_s_standard_error_alone(recorded: Path) -> None:
    code, shown, noise = on_terminals(ONE, {"HLCOPY_DB": str(recorded)}, stdout=False)
    assert code == 0
    assert "Replaying" in noise
    assert "\x1b" not in shown
    for flag in ("--json", "--quiet"):
        assert on_terminals(f"{ONE} {flag}", {"HLCOPY_DB": str(recorded)}, stdout=False)[2] == ""


def test_a_terminal_gets_80_columns(recorded: Path) -> None:
    code, shown, _ = on_terminals(TWO, {"HLCOPY_DB": str(recorded)}, stdout=True)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert (code, "\x1b[1m" in shown) == (0, True)
    assert max(map(len, plain.splitlines())) <= 80
    assert "Equity at midnight, USD" in plain


def test_nothing_but_a_terminal_s_text_loads_the_chart(recorded: Path) -> None:
    told = """
import sys
from hlcopy.cli import main
for flag in ("--quiet", "--json"):
    assert main([*sys.argv[1:], flag]) == 0
    assert "plotext" not in sys.modules, flag
"""
    done = subprocess.run(
        [sys.executable, "-c", told, *ONE.split()],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "HLCOPY_DB": str(recorded)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


# What it refuses


def test_an_empty_database_is_told_what_to_import(run: Run, database: Path) -> None:
    with Store.open(database, Binding("paper", "mainnet")):
        pass
    refused = run(ONE)
    assert (refused.code, refused.out) == (2, "")
    assert f"no fills of {TRADER} are stored up to 2026-03-02" in refused.err
    assert "hlcopy data import fills FILE" in refused.err


def test_days_that_haven_t_come_are_refused(run: Run, recorded: Path) -> None:
    assert recorded.exists()
    refused = run(f"backtest --from 2999-01-01 --to 2999-01-02 --trader {TRADER}=1")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == "error: --to 2999-01-02 isn't over yet; a backtest needs whole days of the past\n"


@pytest.mark.parametrize(
    "given",
    [
        TRADER,
        f"{TRADER}=",
        f"{TRADER}=rich",
        f"{TRADER}=nan",
        f"{TRADER}=inf",
        f"{TRADER}=1e999",
        f"{TRADER}=0",
        f"{TRADER}=-5",
        f"{TRADER}=1,000",
        f"{TRADER[:-1]}=1000",
        f"{TRADER}a=1000",
        f"{TRADER[2:]}=1000",
        "0x" + "g" * 40 + "=1000",
        "=1000",
        "",
    ],
)
def test_a_trader_without_an_address_and_an_equity_is_refused(run: Run, recorded: Path, given: str) -> None:
    assert recorded.exists()
    refused = run(DAYS, "--trader", given)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith("error: --trader must be ADDRESS=EQUITY_USD")
    assert refused.err.count("\n") == 1


@pytest.mark.parametrize("again", [TRADER, TRADER.upper().replace("0X", "0x"), TRADER.replace("0x", "0X")])
def test_a_trader_given_twice_is_refused(run: Run, recorded: Path, again: str) -> None:
    assert recorded.exists()
    refused = run(ONE, "--trader", f"{again}=7")
    assert (refused.code, refused.err) == (2, f"error: --trader {TRADER} is given twice\n")


@pytest.mark.parametrize("given", [f"{TRADER.upper()}=400_000", f" {TRADER}=$4e5 "])
def test_an_address_may_be_written_in_any_case_and_an_amount_in_any_way(run: Run, recorded: Path, given: str) -> None:
    assert recorded.exists()
    document = run(f"{DAYS} --json", "--trader", given).document
    assert document["assumptions"]["trader_equity_usd"] == {TRADER: 400_000.0}


@pytest.mark.parametrize("line", [f"backtest --to 2026-03-02 --trader {TRADER}=1", "backtest"])
@pytest.mark.parametrize("flag", ["", "--json"])
def test_what_is_missing_is_wrong_usage(run: Run, recorded: Path, line: str, flag: str) -> None:
    assert recorded.exists()
    refused = run(f"{line} {flag}")
    assert (refused.code, refused.out) == (2, "")
    assert "error: Missing option" in refused.err
    assert "hlcopy backtest --help" in refused.err


@pytest.mark.parametrize("day", ["2026-02-30", "yesterday", "01.03.2026", "2026-03-01T00:00", ""])
@pytest.mark.parametrize("option", ["--from", "--to"])
def test_a_day_that_is_none_is_refused(run: Run, recorded: Path, option: str, day: str) -> None:
    assert recorded.exists()
    refused = run(ONE, option, day)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == f"error: {option} must be a day such as 2025-03-16, not {day!r}\n"


@pytest.mark.parametrize(
    ("now", "last", "code"),
    [
        ("2026-03-02T23:59:59Z", "2026-03-02", 2),
        ("2026-03-03T00:00:00Z", "2026-03-02", 0),
        ("2026-03-03T00:00:00Z", "2026-03-03", 2),
        ("2026-03-03T00:00:00Z", "9999-12-31", 2),
    ],
    ids=["still today", "just over", "today", "the future"],
)
def test_the_last_day_must_be_over_in_utc(run: Run, recorded: Path, now: str, last: str, code: int) -> None:
    assert recorded.exists()
    with freeze_time(now):
        done = run(f"backtest --from 2026-03-01 --to {last} --trader {TRADER}=400000 --json")
    assert done.code == code
    if code:
        assert done.err == f"error: --to {last} isn't over yet; a backtest needs whole days of the past\n"


def test_days_in_the_wrong_order_are_refused(run: Run, recorded: Path) -> None:
    assert recorded.exists()
    refused = run(f"backtest --from 2026-03-02 --to 2026-03-01 --trader {TRADER}=1")
    assert (refused.code, refused.err) == (2, "error: --to 2026-03-01 lies before --from 2026-03-02\n")


def test_a_trader_nobody_recorded_is_refused_with_the_remedy(run: Run, recorded: Path) -> None:
    assert recorded.exists()
    refused = run(f"{DAYS} --trader 0x{'c' * 40}=1")
    assert (refused.code, refused.out) == (2, "")
    assert "import them with: hlcopy data import fills FILE" in refused.err


@pytest.mark.parametrize("more", ["", "--save new.db"])
def test_without_a_database_nothing_is_made_and_the_remedy_is_told(run: Run, database: Path, more: str) -> None:
    refused = run(f"{ONE} {more}")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith(f"error: there is no database at {database}")
    assert list(database.parent.iterdir()) == []


# What it keeps


def test_what_is_saved_can_be_looked_at(run: Run, recorded: Path) -> None:
    saved = recorded.parent / "april.db"
    done = run(TWO, "--save", str(saved))
    document = run(f"{TWO} --json").document

    assert done.code == 0
    commands = [line.strip() for line in done.out.splitlines() if line.startswith("  hlcopy ")]
    assert len(commands) == 2
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    for command in commands:
        shown = run(command.removeprefix("hlcopy "))
        assert (shown.code, shown.err) == (0, "")
    signals = run(f"signals --json --limit 99 --db {saved}").document["signals"]
    assert {row["id"]: row["decision"] for row in signals} == {
        row["signal_id"]: row["decision"] for row in document["decisions"]
    }
    positions = run(f"positions --no-refresh --all --json --db {saved}").document["positions"]
    assert [(row["token_symbol"], row["status"], row["close_reason"]) for row in positions] == [
        ("BTC", "closed", "STOP_LOSS"),
        ("SOL", "open", None),
    ]
    assert [row["realized_pnl_usd"] for row in positions] == [trade["realized_pnl_usd"] for trade in document["trades"]]


def test_saving_and_json_go_together(run: Run, recorded: Path) -> None:
    saved = recorded.parent / "new.db"
    done = run(f"{ONE} --json --save", str(saved))
    assert (done.code, done.out.count("\n"), saved.exists()) == (0, 1, True)
    assert json.loads(done.out)["trades"]


def test_a_file_that_exists_is_never_written_over(run: Run, recorded: Path) -> None:
    saved = recorded.parent / "mine.txt"
    saved.write_text("mine")
    for target in (saved, recorded, recorded.parent):
        refused = run(ONE, "--save", str(target))
        assert (refused.code, refused.out) == (2, "")
        assert refused.err == f"error: {target} exists already; --save writes a new file\n"
    assert saved.read_text() == "mine"


def test_a_file_that_can_t_be_written_is_refused_before_the_work(
    run: Run, recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        pytest.fail("it has begun")

    monkeypatch.setattr("hlcopy.backtest.run.run", never)
    refused = run(ONE, "--save", str(recorded.parent / "no" / "such" / "folder.db"))
    assert (refused.code, refused.out) == (2, "")
    assert "can't be written" in refused.err


@pytest.mark.parametrize("ending", [KeyboardInterrupt, RuntimeError])
def test_a_run_that_breaks_off_leaves_no_file_behind(
    run: Run, recorded: Path, monkeypatch: pytest.MonkeyPatch, ending: type[BaseException]
) -> None:
    def breaks(*_: object) -> None:
        raise ending

    monkeypatch.setattr(keeping, "keep", breaks)
    done = run(ONE, "--save", str(recorded.parent / "half.db"))
    assert (done.code, done.out) == (130 if ending is KeyboardInterrupt else 3, "")
    assert [path.name for path in recorded.parent.iterdir() if path.name.startswith("half")] == []


SHEETS = ["daily.csv", "equity.csv", "skips.csv", "trades.csv"]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("there", [False, True], ids=["a new folder", "one that is there"])
def test_sheets_are_written_into_a_folder(run: Run, recorded: Path, *, there: bool) -> None:
    folder = recorded.parent / "april"
    if there:
        folder.mkdir()
        (folder / "mine.txt").write_text("mine")
    done = run(ONE, "--csv", str(folder))
    document = run(f"{ONE} --json").document
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith(f"\nWritten to {folder}: trades.csv, equity.csv, daily.csv, skips.csv\n")
    assert names(folder) == sorted([*SHEETS, *(["mine.txt"] if there else [])])
    trades = table(folder / "trades.csv")
    assert [row["signal_id"] for row in trades] == [trade["signal_id"] for trade in document["trades"]]
    assert [row["closed_at"] for row in trades] == [trade["closed_at"] or "" for trade in document["trades"]]
    assert len(table(folder / "equity.csv")) == 3
    assert [row["day"] for row in table(folder / "daily.csv")] == ["2026-03-01", "2026-03-02"]
    assert sorted(row["decision"] for row in table(folder / "skips.csv")) == sorted(document["skips"])


def test_sheets_that_exist_are_written_over_only_by_force(run: Run, recorded: Path) -> None:
    folder = recorded.parent / "april"
    folder.mkdir()
    (folder / "daily.csv").write_text("mine")
    refused = run(ONE, "--csv", str(folder))
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == f"error: {folder} has daily.csv already; --force writes over them\n"
    assert (names(folder), (folder / "daily.csv").read_text()) == (["daily.csv"], "mine")
    assert run(ONE, "--csv", str(folder), "--force").code == 0
    assert (names(folder), len(table(folder / "daily.csv"))) == (SHEETS, 2)


def test_sheets_and_json_go_together(run: Run, recorded: Path) -> None:
    done = run(f"{ONE} --json --csv", str(recorded.parent / "april"))
    assert (done.code, done.out.count("\n")) == (0, 1)
    assert names(recorded.parent / "april") == SHEETS


@pytest.mark.parametrize("given", ["", " "])
def test_no_folder_isn_t_the_one_we_are_in(run: Run, recorded: Path, given: str) -> None:
    assert recorded.exists()
    refused = run(ONE, "--csv", given)
    assert (refused.code, refused.out, refused.err) == (2, "", "error: --csv is empty\n")


def test_force_without_anything_to_write_over_is_refused(run: Run, recorded: Path) -> None:
    assert recorded.exists()
    refused = run(f"{ONE} --force")
    assert (refused.code, refused.err) == (
        2,
        "error: --force is for --csv DIR and --html FILE, of which none is given\n",
    )


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("file", "is a file; --csv needs a folder"),
        ("no/such/folder", "can't be made (No such file or directory); --csv needs a folder whose parent exists"),
        ("file/below", "can't be made (Not a directory); --csv needs a folder whose parent exists"),
    ],
)
def test_a_folder_that_can_t_be_is_refused_before_the_work(
    run: Run, recorded: Path, monkeypatch: pytest.MonkeyPatch, where: str, told: str
) -> None:
    def never(*_: object, **__: object) -> None:
        pytest.fail("it has begun")

    monkeypatch.setattr("hlcopy.backtest.run.run", never)
    (recorded.parent / "file").write_text("mine")
    refused = run(ONE, "--csv", str(recorded.parent / where))
    assert (refused.code, refused.out, refused.err) == (2, "", f"error: {recorded.parent / where} {told}\n")


def test_a_disk_that_fills_up_leaves_no_half_sheet(run: Run, recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, *_: object, **__: object) -> None:
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    refused = run(ONE, "--csv", str(recorded.parent / "april"))
    assert (refused.code, refused.out) == (2, "")
    assert "can't be written to (No space left on device)" in refused.err
    assert names(recorded.parent / "april") == []


def test_each_run_leaves_a_line_in_the_log(run: Run, recorded: Path) -> None:
    run(ONE)
    lines = [json.loads(line) for line in recorded.with_suffix(".log").read_text().splitlines()]
    assert [(line["event"], line["first"], line["entries"]) for line in lines] == [("backtest", "2026-03-01", 2)]


def test_help_shows_how_it_is_used(run: Run) -> None:
    shown = run("backtest --help")
    assert shown.code == 0
    assert "--trader ADDRESS=EQUITY_USD" in " ".join(shown.out.split())
