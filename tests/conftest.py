"""What holds for all tests: the long ones run without the tracer of coverage, which would double what they take."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Generator

# Long tests that reach hardly a line which none of the others reaches: stories, drills, whole replays, worlds of days.
UNTRACED: Final = (
    "drill/",
    "fuzz/",
    "readme/",
    "stories/",
    "adapters/hyperliquid/test_fills.py",
    "adapters/nansen/test_repair_always.py",
    "adapters/test_ledgers.py",
    "adapters/test_live.py",
    "adapters/test_paper.py",
    "adapters/test_store.py",
    "adapters/test_studies.py",
    "adapters/test_weight_ration.py",
    "backtest/test_audit.py",
    "backtest/test_bench.py",
    "backtest/test_bench_worlds.py",
    "backtest/test_books.py",
    "backtest/test_engine.py",
    "backtest/test_lived.py",
    "backtest/test_picture.py",
    "backtest/test_scored.py",
    "backtest/test_sweep_folds.py",
    "backtest/test_tape.py",
    "cli/test_audit.py::test_proving_it",
    "cli/test_backtest.py",
    "cli/test_backtest_edges.py",
    "cli/test_demo.py",
    "cli/test_drill.py::test_planted_bugs",
    "cli/test_fetch.py",
    "cli/test_frame.py",
    "cli/test_gates_ledger.py",
    "cli/test_imports.py",
    "cli/test_inspect.py",
    "cli/test_operate.py",
    "cli/test_page.py",
    "cli/test_run_all.py",
    "cli/test_simulate.py",
    "cli/test_sweep.py",
    "cli/test_ticks.py",
    "render/test_browser.py",
    "render/test_page.py",
    "security/test_canary.py",
    "simulator/test_market.py",
    "simulator/test_population.py",
    "simulator/test_present.py",
    "simulator/test_trading_invariants.py",
    "simulator/test_trading_triggers.py",
    "test_crontab.py",
    "test_render_backtest.py",
    "ticks/test_crashes.py",
    "ticks/test_processes.py",
    "ticks/test_score.py",
)

# How long an example takes is the machine's business: speed is measured, never tested.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


def pytest_configure() -> None:
    """Keep each worker on a core of its own: a test and the venue that it asks take turns, on two cores at a third more time."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if sys.platform == "linux" and worker.startswith("gw"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Pause coverage for the whole of an untraced test; its own mark `no_cover` would trace fixtures and their threads."""
    controller = getattr(item.config.pluginmanager.getplugin("_cov"), "cov_controller", None)
    if controller is None or not item.nodeid.partition("tests/")[2].startswith(UNTRACED):
        return (yield)
    controller.pause()
    try:
        return (yield)
    finally:
        controller.resume()
