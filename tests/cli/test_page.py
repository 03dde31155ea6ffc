"""`hlcopy backtest --html`: where the page goes, and what it never writes over."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.store import Binding, Store
from tests.backtest.worlds import Recorded
from tests.builders import MINUTE_MS, TRADER, at, candles, fill

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Outcome

    Run = Callable[..., Outcome]

LINE = f"backtest --from 2026-03-01 --to 2026-03-01 --trader {TRADER}=400000"


@pytest.fixture
def recorded(database: Path) -> Path:
    """A day in which one order is copied."""
    world = Recorded(
        {TRADER: [fill(price=60_000.0, time=at(hours=1))]},
        {"BTC": candles([60_000.0] * 288, interval_ms=5 * MINUTE_MS)},
        {},
    )
    with Store.open(database, Binding("paper", "mainnet")) as store:
        world.store(store)
    return database


@pytest.fixture
def never(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail when the work begins."""

    def begins(*_: object, **__: object) -> None:
        pytest.fail("it has begun")

    monkeypatch.setattr("hlcopy.backtest.run.run", begins)


def test_a_page_is_written_and_named(run: Run, recorded: Path) -> None:
    path = recorded.parent / "day.html"
    done = run(LINE, "--html", str(path))
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith(f"\nWritten to {path}; open it in a browser\n")
    written = path.read_text()
    assert written.startswith("<!DOCTYPE html>")
    assert "Backtest from 2026-03-01 to 2026-03-01" in written
    assert [name.name for name in recorded.parent.glob(".*.part")] == []


def test_a_page_and_json_and_sheets_go_together(run: Run, recorded: Path) -> None:
    path, folder = recorded.parent / "day.html", recorded.parent / "day"
    done = run(f"{LINE} --json", "--html", str(path), "--csv", str(folder))
    assert (done.code, done.err, done.out.count("\n")) == (0, "", 1)
    assert done.document["metrics"]["entries"] == 1
    assert path.exists()
    assert (folder / "trades.csv").exists()


def test_the_result_is_the_same_with_a_page(run: Run, recorded: Path) -> None:
    assert run(f"{LINE} --json").out == run(f"{LINE} --json --html", str(recorded.parent / "day.html")).out


def test_the_same_run_makes_the_same_page(run: Run, recorded: Path) -> None:
    one, other = recorded.parent / "one.html", recorded.parent / "other.html"
    for path in (one, other):
        assert run(f"{LINE} --quiet", "--html", str(path)).code == 0
    assert one.read_bytes() == other.read_bytes()


def test_a_page_that_exists_is_written_over_only_by_force(run: Run, recorded: Path) -> None:
    path = recorded.parent / "day.html"
    path.write_text("<!DOCTYPE html>mine")
    refused = run(LINE, "--html", str(path))
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == f"error: {path} exists already; --force writes over it\n"
    assert path.read_text() == "<!DOCTYPE html>mine"
    assert run(f"{LINE} --force", "--html", str(path)).code == 0
    assert "Backtest from" in path.read_text()


def test_an_empty_file_is_a_page_to_be(run: Run, recorded: Path) -> None:
    path = recorded.parent / "day.html"
    path.touch()
    assert run(f"{LINE} --force", "--html", str(path)).code == 0


@pytest.mark.usefixtures("never")
def test_force_writes_over_nothing_but_pages(run: Run, recorded: Path) -> None:
    before = recorded.read_bytes()
    refused = run(f"{LINE} --force", "--html", str(recorded))
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == f"error: {recorded} is no page; --html writes over pages alone, so give it another name\n"
    assert recorded.read_bytes() == before


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("", "{} is a folder; --html needs a file"),
        ("no/day.html", "{} can't be written (there is no folder {parent}); --html needs a folder that exists"),
        ("x" * 300, "{} can't be written (File name too long); --html needs a file in a folder of yours"),
        ("paper.db/day.html", "{} can't be written (there is no folder {parent}); --html needs a folder that exists"),
    ],
    ids=["a folder", "no such folder", "too long a name", "a file for a folder"],
)
def test_a_page_that_can_t_be_is_refused_before_the_work(run: Run, recorded: Path, where: str, told: str) -> None:
    path = recorded.parent / where
    refused = run(LINE, "--html", str(path))
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == f"error: {told.format(path, parent=path.parent)}\n"


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize(
    ("given", "told"), [("", "--html is empty"), ("/", "--html must name a file, not '/'")], ids=["empty", "the root"]
)
def test_what_names_no_file_is_refused(run: Run, recorded: Path, given: str, told: str) -> None:
    assert recorded.exists()
    refused = run(LINE, "--html", given)
    assert (refused.code, refused.err) == (2, f"error: {told}\n")


@pytest.mark.usefixtures("never")
def test_a_page_and_a_database_need_a_file_each(run: Run, recorded: Path) -> None:
    path = recorded.parent / "both"
    refused = run(LINE, "--html", str(path), "--save", str(recorded.parent / "." / "both"))
    assert (refused.code, refused.err) == (
        2,
        f"error: {path} is named by --html and by --save; give each its own file\n",
    )
    assert not path.exists()


def test_a_disk_that_fills_up_leaves_no_half_page(run: Run, recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, *_: object, **__: object) -> None:
        path.touch()
        raise OSError(28, "No space left on device")

    path = recorded.parent / "day.html"
    monkeypatch.setattr("pathlib.Path.write_text", full)
    done = run(LINE, "--html", str(path))
    assert (done.code, done.out) == (2, "")
    assert done.err == f"error: {path} can't be written (No space left on device); the backtest itself went well\n"
    assert not path.exists()
    assert not path.with_name(".day.html.part").exists()


@pytest.mark.parametrize("flag", ["", "--html"])
def test_only_a_page_loads_the_charts(recorded: Path, flag: str) -> None:
    told = "import sys; from hlcopy.cli import main; main(sys.argv[1:]); print('plotly' in sys.modules)"
    path = str(recorded.parent / "day.html")
    done = subprocess.run(
        [sys.executable, "-c", told, *LINE.split(), "--quiet", *([flag, path] if flag else [])],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "HLCOPY_DB": str(recorded)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == str(bool(flag))
