"""`hlcopy demo`: needs nothing, leaves nothing, and what it says at its end works."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hlcopy
from hlcopy.adapters.store import Binding, Store
from hlcopy.cli import practice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cli.conftest import Outcome

    Run = Callable[..., Outcome]

DEMO = "demo --days 3"
JSON = f"{DEMO} --json"


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder in which temporary folders are made; how signals end a process is put back."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    before = {ending: signal.getsignal(ending) for ending in (signal.SIGTERM, signal.SIGHUP)}
    yield folder
    for ending, handler in before.items():
        signal.signal(ending, handler)


def folders(temporary: Path) -> list[Path]:
    return [path for path in temporary.iterdir() if path.is_dir()]


def told(document: dict[str, Any]) -> dict[str, Any]:
    """A document without what differs from run to run."""
    return {key: value for key, value in document.items() if key not in {"duration_ms", "database"}}


def test_the_same_seed_tells_the_same_and_another_another(run: Run) -> None:
    first, again, other = run(JSON), run(JSON), run(f"{JSON} --seed 8")
    assert (first.code, first.err, first.out.count("\n")) == (0, "", 1)
    assert told(first.document) == told(again.document)
    assert told(first.document)["trades"] != told(other.document)["trades"]
    assert first.document["seed"] == 7
    assert first.document["duration_ms"] > 0
    assert (first.document["from"], first.document["to"]) == ("2026-03-01", "2026-03-03")
    assert len(first.document["traders"]) == 8
    assert first.document["trades"]
    assert first.document["decisions"]


def test_nothing_is_left_unless_it_is_to_be_kept(run: Run, temporary: Path) -> None:
    assert run(JSON).document["database"] is None
    assert folders(temporary) == []
    kept = Path(run(f"{JSON} --keep").document["database"])
    assert [kept.parent] == folders(temporary)
    with Store.open(kept, Binding("paper", "mainnet")) as store:
        assert store.signals.list()
        assert store.history.candle_coverage()
        assert store.book.positions(live_only=False)


def test_a_told_story_fits_80_columns_and_has_no_colours_where_it_is_no_terminal(run: Run) -> None:
    done = run(f"{DEMO} --all")
    assert (done.code, done.err) == (0, "")
    assert max(map(len, done.out.splitlines())) <= 80
    assert "\x1b" not in done.out
    for word in ("judged", "entered", "stop at", "trailed", "closed", "skipped", "Exits by reason", "Result"):
        assert word in done.out
    assert "and so on" not in done.out


def test_a_long_story_is_cut_and_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(practice, "_LINES", 5)
    story = run(DEMO).out.split("exits are ours:\n\n")[1].split("\n\n")[0].splitlines()
    assert len(story) == 5
    assert story[-1] == "  … and so on (--all tells the rest)"


def test_a_story_is_told_in_order(run: Run) -> None:
    moments = re.findall(r"^  (\d\d-\d\d \d\d:\d\d)  (?:judged|entered)", run(f"{DEMO} --all").out, re.MULTILINE)
    assert len(moments) > 5
    assert moments == sorted(moments)


def test_quiet_tells_the_result_alone(run: Run) -> None:
    done = run(f"{DEMO} --quiet")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("\nExits by reason\n")
    assert "judged  " not in done.out


@pytest.mark.parametrize("more", ["", "--keep"])
def test_the_commands_at_its_end_work(run: Run, more: str) -> None:
    shown = run(f"{DEMO} {more}").out
    commands = [line.strip() for line in shown.splitlines() if line.startswith("  hlcopy ")]
    assert len(commands) == (4 if more else 2)
    for command in commands:
        done = run(command.removeprefix("hlcopy "))
        assert (done.code, done.err) == (0, "")
        assert done.out


def test_it_suggests_to_keep_what_was_just_shown(run: Run) -> None:
    (again,) = re.findall(r"hlcopy (demo .*--keep)", run(f"{DEMO} --seed 3").out)
    assert told(run(f"{again} --json").document) == told(run(f"{DEMO} --seed 3 --json").document)


def test_our_own_settings_apply(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HLCOPY_PAPER_EQUITY_USD", "5000")
    assert run(JSON).document["metrics"]["start_equity_usd"] == 5_000


def test_our_own_database_isn_t_touched(run: Run, database: Path) -> None:
    assert run(JSON).code == 0
    assert not database.exists()


@pytest.mark.parametrize("line", ["demo --days 1", "demo --days 91", "demo --seed -1", "demo --seed x"])
def test_wrong_usage_begins_nothing(run: Run, temporary: Path, line: str) -> None:
    refused = run(line)
    assert (refused.code, refused.out) == (2, "")
    assert "hlcopy demo --help" in refused.err
    assert list(temporary.iterdir()) == []


def test_a_bad_setting_is_told_and_leaves_nothing(run: Run, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HLCOPY_PAPER_EQUITY_USD", "nan")
    refused = run(DEMO)
    assert (refused.code, refused.out) == (78, "")
    assert "HLCOPY_PAPER_EQUITY_USD" in refused.err
    assert folders(temporary) == []


@pytest.mark.parametrize(("ending", "code"), [(KeyboardInterrupt, 130), (RuntimeError, 3), (BrokenPipeError, 3)])
def test_an_interrupted_or_broken_demo_leaves_no_folder(
    run: Run, temporary: Path, monkeypatch: pytest.MonkeyPatch, ending: type[BaseException], code: int
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise ending

    monkeypatch.setattr("hlcopy.backtest.run.run", breaks)
    done = run(f"{DEMO} --keep")
    assert (done.code, folders(temporary)) == (code, [])
    if code == 3:
        (log,) = re.findall(r"the traceback is in (\S+)", done.err)
        assert ending.__name__ in Path(log).read_text()


def test_a_bare_environment_is_enough(temporary: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hlcopy", *DEMO.split()],
        env={"TMPDIR": str(temporary)},
        cwd=Path(hlcopy.__file__).parent.parent,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().startswith("A market of 6 coins and 8 traders, seed 7, 3 days:\n")
    assert list(temporary.iterdir()) == []


def test_a_reader_who_leaves_early_leaves_no_folder_behind(temporary: Path) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-u", "-m", "hlcopy", *DEMO.split(), "--all"],
        env={**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": os.pathsep.join(sys.path)},
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
    assert folders(temporary) == []
