"""What holds for all tests: the long ones run without the tracer of coverage, which would double what they take."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).parent
# What these run, shorter tests run as well: stories, drills, whole replays, worlds of days.
UNTRACED: Final = (
    "stories",
    "drill",
    "fuzz",
    "readme",
    "adapters/nansen/test_repair_always.py",
    "backtest/test_audit.py",
    "backtest/test_bench.py",
    "backtest/test_books.py",
    "backtest/test_engine.py",
    "backtest/test_scored.py",
    "backtest/test_sweep_folds.py",
    "cli/test_demo.py",
    "cli/test_simulate.py",
    "simulator/test_market.py",
    "simulator/test_population.py",
    "simulator/test_present.py",
    "simulator/test_trading_invariants.py",
    "simulator/test_trading_triggers.py",
    "ticks/test_processes.py",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.pluginmanager.hasplugin("_cov"):
        return
    untraced = tuple(str(TESTS / each) for each in UNTRACED)
    for item in items:
        if str(item.path).startswith(untraced):
            item.add_marker(pytest.mark.no_cover)
