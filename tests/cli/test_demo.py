"""`hlcopy demo`: needs nothing, leaves nothing, shows what it promises, and what it says at its end works."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hlcopy
from hlcopy.adapters.store import Binding, Store
from hlcopy.cli import practice
from hlcopy.simulator.venue import quiet_world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cli.conftest import Outcome

    Run = Callable[..., Outcome]

ROOT = Path(hlcopy.__file__).parent.parent
FEW_DAYS = "4"  # within which a TIME_STOP can come; all ten are run by .ci/run, as a newcomer types it
WHOLE_PAST = str(practice.HISTORY_DAYS)


def play(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the demo as a process of its own, in an environment that knows nothing but where temporary files go."""
    return subprocess.run(
        [sys.executable, "-m", "tests.cli.brief", FEW_DAYS, WHOLE_PAST, *options],
        env={"TMPDIR": str(folder)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def check_promises(story: str) -> None:
    promised = story.split("What it was to show:\n")[1].split("\n\n", maxsplit=1)[0].splitlines()
    assert {line[:5] for line in promised} == {"  yes"}
    for reason in ("STOP_LOSS", "TRAILING_STOP", "TIME_STOP", "TAKE_PROFIT", "TRADER_LIQUIDATED"):
        assert f"  yes  an exit or a tier by {reason}" in promised
    for reason in ("NEGATIVE_30D", "HFT", "WIN_RATE_HIGH", "FEW_TRADES", "SMALL_ACCOUNT"):
        assert any(line.startswith(f"  yes  left out as {reason}: ") for line in promised)


def check_story(story: str) -> None:
    """It fits 80 columns but for the commands at its end, is told in order, and has no colours."""
    assert max(len(line) for line in story.splitlines() if "--db" not in line) <= 80
    assert "\x1b" not in story
    for word in ("Ranked by their past", "judged", "entered", "stop at", "trailed", "took part", "closed", "skipped"):
        assert word in story
    assert "and so on" not in story
    moments = re.findall(r"^  (\d\d-\d\d \d\d:\d\d)  (?:judged|entered)", story, re.MULTILINE)
    assert len(moments) > 5
    assert moments == sorted(moments)


# Each play takes some seconds: what can be seen of one is seen together.


def test_a_bare_environment_is_enough_for_a_story_that_keeps_its_promises_and_can_be_looked_at_later(
    tmp_path: Path, run: Run
) -> None:
    done = play(tmp_path, "--keep", "--all")
    assert (done.returncode, done.stderr) == (0, "")
    check_promises(done.stdout)
    check_story(done.stdout)
    (database,) = tmp_path.glob("*/demo.db")
    with Store.open(database, Binding("paper", "mainnet")) as store:
        assert store.signals.list()
        assert store.book.positions(live_only=False)
    commands = [line.strip() for line in done.stdout.splitlines() if line.startswith("  hlcopy ")]
    assert len(commands) == 3
    for command in commands:
        shown = run(command.removeprefix("hlcopy "))
        assert (shown.code, shown.err) == (0, "")
        assert shown.out


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder in which temporary folders are made; how signals end a process is put back."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    before = {ending: signal.getsignal(ending) for ending in (signal.SIGTERM, signal.SIGHUP)}
    yield folder
    for ending, handler in before.items():
        signal.signal(ending, handler)


@pytest.fixture
def dull(monkeypatch: pytest.MonkeyPatch) -> None:
    """A world in which nothing happens."""
    world = quiet_world(practice.START, {"BTC": 60_000.0}, days=practice.DAYS)
    monkeypatch.setattr("hlcopy.simulator.traders.generate", lambda *_, **__: world)


def folders(temporary: Path) -> list[Path]:
    return [path for path in temporary.iterdir() if path.is_dir()]


@pytest.mark.usefixtures("dull")
def test_a_world_that_doesnt_show_what_is_promised_is_a_failure_that_names_it(run: Run, temporary: Path) -> None:
    done = run("demo --quiet")
    assert done.code != 0
    assert done.err.count("\n") == 1
    assert folders(temporary) == []


@pytest.mark.usefixtures("temporary")
def test_json_has_what_was_kept_of_what_was_promised(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(practice, "DAYS", 1)  # too short for all of it
    monkeypatch.setattr(practice, "HISTORY_DAYS", 12)
    done = run("demo --json --seed 8")
    assert (done.code, done.out.count("\n")) == (1, 1)
    document = done.document
    assert (document["seed"], document["days"], document["database"]) == (8, 1, None)
    assert document["ticks"].keys() <= {"poll", "monitor", "positions"}
    broken = [promise["text"] for promise in document["promises"] if not promise["kept"]]
    assert broken
    assert all(text in done.err for text in broken)
    assert {"address", "kind", "tier", "score"} <= document["traders"][0].keys()


@pytest.mark.parametrize("line", ["demo --seed -1", "demo --seed x", "demo --days 3"])
def test_wrong_usage_begins_nothing(run: Run, temporary: Path, line: str) -> None:
    refused = run(line)
    assert (refused.code, refused.out) == (2, "")
    assert "hlcopy demo --help" in refused.err
    assert list(temporary.iterdir()) == []


def test_a_bad_setting_is_told_and_leaves_nothing(run: Run, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HLCOPY_PAPER_EQUITY_USD", "nan")
    refused = run("demo")
    assert (refused.code, refused.out) == (78, "")
    assert "HLCOPY_PAPER_EQUITY_USD" in refused.err
    assert folders(temporary) == []


@pytest.mark.usefixtures("dull")
@pytest.mark.parametrize(("ending", "code"), [(KeyboardInterrupt, 130), (RuntimeError, 3), (BrokenPipeError, 3)])
def test_an_interrupted_or_broken_demo_leaves_no_folder(
    run: Run, temporary: Path, monkeypatch: pytest.MonkeyPatch, ending: type[BaseException], code: int
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise ending

    monkeypatch.setattr("hlcopy.backtest.engine.Engine.run", breaks)
    monkeypatch.setattr("hlcopy.cli.stage.LocalStage.new_day", lambda *_: None)
    done = run("demo --keep")
    assert (done.code, folders(temporary)) == (code, [])
    if code == 3:
        (log,) = re.findall(r"the traceback is in (\S+)", done.err)
        assert ending.__name__ in Path(log).read_text()


@pytest.mark.usefixtures("dull")
def test_our_own_database_isn_t_touched(run: Run, database: Path, temporary: Path) -> None:
    assert temporary.exists()
    run("demo --quiet")
    assert not database.exists()


def test_a_reader_who_leaves_early_leaves_no_folder_behind(tmp_path: Path) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-u", "-m", "tests.cli.brief", "1", "12", "--all"],
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert demo.stdout is not None
    assert demo.stderr is not None
    assert demo.stdout.readline().startswith(b"A market of")
    demo.stdout.close()
    noise = demo.stderr.read()
    demo.stderr.close()
    assert (demo.wait(timeout=60), noise) == (0, b"")
    assert folders(tmp_path) == []
