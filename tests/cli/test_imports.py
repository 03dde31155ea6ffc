"""What each command imports: start-up is a part of every tick's cost, so nothing is loaded that isn't used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from hlcopy.cli import COMMANDS
from tests.builders import TRADER
from tests.cli.trading import follow, wait
from tests.venue import START_MS

if TYPE_CHECKING:
    from pathlib import Path

    from hlcopy.simulator.server import LocalVenue

HEAVY = {
    *("eth_account", "filelock", "httpx", "hyperliquid", "keyring", "msgpack", "multiprocessing", "numpy", "optuna"),
    *("plotext", "plotly", "pydantic", "pydantic_settings", "pygments", "requests", "rich", "sqlalchemy", "sqlite3"),
    *("sqlite_utils", "structlog", "tenacity", "unittest"),
}
LEDGER = {"pydantic", "pydantic_settings", "sqlite3"}
TICK = {*LEDGER, "filelock", "httpx", "structlog", "tenacity"}

PROGRAM = """
import contextlib, json, os, sys
from hlcopy.cli import main

heavy, lines = map(json.loads, sys.argv[1:])
for line in lines:
    with contextlib.redirect_stdout(open(os.devnull, "w")):
        code = main(line.split())
    print(json.dumps([line, code, sorted(set(heavy) & sys.modules.keys())]))
"""
"""Runs command lines one after the other in one process."""


def imported(*lines: str) -> dict[str, set[str]]:
    """Return which heavy modules each command line was the first to load; all of them must end with 0."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(sorted(HEAVY)), json.dumps(lines)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line, code) for line, code, _ in found] == [(line, 0) for line in lines], done.stderr
    loaded = [set(), *(set(modules) for _, _, modules in found)]
    return {line: after - before for line, before, after in zip(lines, loaded, loaded[1:], strict=False)}


def test_no_help_imports_what_a_command_works_with() -> None:
    groups = ["", "--version", "data import --help", "data fetch --help", "config show --help", "backtest audit --help"]
    lines = [*groups, *(f"{command} --help" for command in COMMANDS)]
    assert imported(*lines) == {line: set() for line in lines}


def test_a_schema_is_told_without_settings() -> None:
    assert imported("schema", "schema --all") == {"schema": {"pydantic"}, "schema --all": set()}


def test_what_only_looks_imports_settings_and_a_database_alone(venue: LocalVenue, home: Path) -> None:
    follow(home, venue, TRADER)
    found = imported("signals", "traders --json", "positions --no-refresh --all", "config show", "data status")
    assert found.pop("signals") == LEDGER
    assert not any(found.values()), found


def test_a_tick_on_paper_imports_neither_arrays_nor_charts_nor_what_signs(venue: LocalVenue, home: Path) -> None:
    follow(home, venue, TRADER)
    venue.venue.trade(TRADER, "BTC", 1.0, START_MS)
    wait(venue, 6)
    assert imported("poll") == {"poll": TICK - {"structlog"}}  # it defers: there is nothing to log
    wait(venue, 10)
    found = imported("poll --json", "monitor", "positions", "verify", "close BTC")
    assert found.pop("poll --json") == TICK
    assert not any(found.values()), found
