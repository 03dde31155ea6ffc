from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hlcopy.adapters.store import Binding, Store
from hlcopy.domain.book import ExitReason, PositionStatus
from hlcopy.domain.models import DEFERRED, EXECUTE, Side, SkipReason, Wait
from tests.builders import OTHER_TRADER, TRADER, at, position, signal, trader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Outcome

    Run = Callable[..., Outcome]

HOSTILE = "\x1b[31mEvil\x07[/red]"


@pytest.fixture
def filled(database: Path) -> Path:
    """A database with three signals, two traders and two positions."""
    with Store.open(database, Binding("paper", "mainnet")) as store:
        store.traders.put(
            [
                trader(
                    address=TRADER,
                    label=HOSTILE,
                    score=0.7,
                    tier="primary",
                    account_value=5e6,
                    disqualified_reason=None,
                ),
                trader(address=OTHER_TRADER, score=0.2, tier=None, disqualified_reason="HFT"),
            ]
        )
        store.signals.decide(signal(id="a", decision=EXECUTE, trade_time=at(1), copy_size_usd=4_950.0), [])
        store.signals.decide(signal(id="b", decision=SkipReason.TOO_OLD, trade_time=at(days=2)), [])
        store.signals.defer(signal(id="c", decision=DEFERRED, wait=Wait.CONFIRMATION, trade_time=at(2)))
        store.book.put_position(position(coin="SOL", side=Side.SHORT, tiers_taken=(1,)))
        store.book.put_position(
            position(
                coin="BTC",
                status=PositionStatus.CLOSED,
                closed_at=at(9),
                close_reason=ExitReason.TIME_STOP,
                realized_pnl_usd=-12.5,
            )
        )
    return database


@pytest.mark.parametrize("command", ["signals", "traders", "positions --no-refresh"])
@pytest.mark.parametrize("flag", ["", "--json"])
def test_without_a_database_nothing_is_made_and_the_remedy_is_told(
    run: Run, database: Path, command: str, flag: str
) -> None:
    failed = run(f"{command} {flag}")
    assert (failed.code, failed.out) == (2, "")
    assert failed.err.startswith(f"error: there is no database at {database}")
    assert failed.err.count("\n") == 1
    assert list(database.parent.iterdir()) == []


def test_signals_are_listed_newest_first(run: Run, filled: Path) -> None:
    assert filled.exists()
    shown = run("signals --json").document["signals"]
    assert [row["id"] for row in shown] == ["b", "c", "a"]
    assert shown[2]["timestamp"] == "2026-03-01T00:01:00.000+00:00"
    assert {"trader_address", "token_symbol", "side", "action", "decision", "copy_size_usd"} <= set(shown[0])


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ("--limit 1", ["b"]),
        ("--decision EXECUTE", ["a"]),
        ("--decision skip_too_old", ["b"]),
        ("--decision SKIP_NO_PRICE", []),
        ("--since 2026-03-02", ["b"]),
        ("--since 2026-03-01T00:02:00", ["b", "c"]),
        ("--since 2026-03-01T02:02:00+02:00", ["b", "c"]),
        ("--since 2026-03-01T00:02:00Z --limit 1", ["b"]),
    ],
)
def test_signals_can_be_narrowed(run: Run, options: str, ids: list[str]) -> None:
    assert [row["id"] for row in run(f"signals --json {options}").document["signals"]] == ids


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--decision SKIP_TO_OLD", "did you mean SKIP_TOO_OLD?"),
        ("--decision FOO", "no decision is called 'FOO'; help lists them all (see hlcopy signals --help)"),
        ("--since yesterday", "--since must be a date or time"),
        ("--since 0001-01-01T00:00+23:00", "--since must be a date or time"),
    ],
)
def test_what_can_t_be_meant_is_wrong_usage(run: Run, filled: Path, options: str, said: str) -> None:
    assert filled.exists()
    wrong = run(f"signals {options}")
    assert (wrong.code, wrong.out) == (2, "")
    assert said in wrong.err


@pytest.mark.usefixtures("filled")
def test_signals_are_plain_text_when_no_terminal_looks(run: Run) -> None:
    lines = run("signals").out.splitlines()
    assert lines[0] == "Signals"
    assert lines[1].split() == ["TIME", "(UTC)", "TRADER", "COIN", "TRADE", "USD", "DECISION"]
    assert lines[2].split() == ["2026-03-03", "00:00", "0xaaaa…aaaa", "BTC", "Open", "Long", "20.0k", "SKIP_TOO_OLD"]
    assert lines[3].endswith("DEFERRED confirmation")
    assert lines[4].endswith("EXECUTE $4.95k")


@pytest.mark.usefixtures("filled")
def test_traders_are_listed_best_first_and_hostile_labels_do_no_harm(run: Run) -> None:
    shown = run("traders --json")
    assert [row["address"] for row in shown.document["traders"]] == [TRADER, OTHER_TRADER]
    assert shown.document["traders"][0]["label"] == HOSTILE
    assert "\x1b" not in shown.out
    plain = run("traders --all").out
    assert all(character.isprintable() for character in plain.replace("\n", ""))


@pytest.mark.usefixtures("filled")
def test_positions_print_what_is_stored(run: Run) -> None:
    document = run("positions --no-refresh --json").document
    assert document | {"at": "", "duration_ms": 0, "positions": []} == {
        "command": "positions",
        "ok": True,
        "at": "",
        "mode": "paper",
        "duration_ms": 0,
        "counts": {"positions": 1},
        "errors": [],
        "notes": [],
        "actions": [],
        "positions": [],
        "halted": None,
        "breakers": [],
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", document["at"])
    assert document["duration_ms"] >= 0
    (row,) = document["positions"]
    assert (row["token_symbol"], row["tiers_taken"], row["mark_price"], row["unrealized_pct"]) == (
        "SOL",
        [1],
        None,
        None,
    )
    assert row["stop_confirmed"] is position().stop_confirmed
    everything = run("positions --no-refresh --all --json").document["positions"]
    assert {row["token_symbol"] for row in everything} == {"SOL", "BTC"}


def test_help_lists_every_decision(run: Run) -> None:
    shown = run("signals --help").out
    for decision in (EXECUTE, DEFERRED, *SkipReason):
        assert decision in shown


@pytest.mark.usefixtures("filled")
def test_signals_that_are_only_filtered_out_are_simply_none(run: Run) -> None:
    assert run("signals --decision SKIP_NO_PRICE").out == "Signals: none\n"


def test_no_signals_at_all_says_where_they_come_from(run: Run, database: Path) -> None:
    Store.open(database, Binding("paper", "mainnet")).close()
    told = "Signals: none\nThey come from: hlcopy poll.\nA backtest keeps its own with --save FILE; see them with --db FILE\n"
    assert run("signals --decision SKIP_NO_PRICE").out == told


@pytest.mark.parametrize("command", ["signals", "traders", "positions --no-refresh", "data status"])
def test_a_database_that_can_t_be_written_is_read_all_the_same(
    run: Run, filled: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {file: file.read_bytes() for file in filled.parent.iterdir()}
    monkeypatch.setattr(os, "access", lambda *_: False)
    shown = run(command)
    assert (shown.code, shown.err) == (0, "")
    assert {file: file.read_bytes() for file in filled.parent.iterdir()} == before


@pytest.mark.usefixtures("filled")
def test_closed_positions_are_shown_when_asked_for(run: Run) -> None:
    assert "BTC" not in run("positions --no-refresh").out
    assert "-$12.50" in run("positions --no-refresh --all").out
    assert "TIME_STOP" in run("positions --no-refresh --all").out


@pytest.mark.parametrize("changed", [{"HLCOPY_NETWORK": "testnet"}, {"HLCOPY_ACCOUNT_ADDRESS": "0x" + "1" * 40}])
def test_a_file_of_another_network_or_account_is_refused(
    run: Run, filled: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str]
) -> None:
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    failed = run("traders")
    assert failed.code == 78
    assert str(filled) in failed.err


@given(st.text(st.characters(codec="utf-8"), max_size=60))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_label_gives_one_json_document_and_harmless_text(run: Run, database: Path, label: str) -> None:
    with Store.open(database, Binding("paper", "mainnet")) as store:
        store.traders.put([trader(address=TRADER, label=label, style=label or None)])
    assert run("traders --json").document["traders"][0]["label"] == label
    shown = run("traders").out
    assert all(character.isprintable() for character in shown.replace("\n", ""))


@pytest.mark.parametrize("command", ["signals", "traders", "positions --no-refresh --all", "data status"])
def test_a_terminal_gets_tables_of_80_columns(filled: Path, command: str) -> None:
    master, slave = pty.openpty()
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "80", "TERM": "xterm"}
    done = subprocess.run(
        [sys.executable, "-m", "hlcopy", *command.split(), "--db", str(filled)],
        env=environ,
        stdout=slave,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(slave)
    shown = os.read(master, 1 << 20).decode()
    os.close(master)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "\x1b[1m" in shown or command == "data status"
    assert max(map(len, re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines())) <= 80
    assert HOSTILE not in shown
