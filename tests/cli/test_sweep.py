"""`hlcopy sweep`: what it takes and prints, in real processes that are killed, interrupted and joined by others."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from hlcopy import wiring
from hlcopy.adapters.store import Binding, Store
from hlcopy.cli import sweep as command
from tests.backtest.sweeps import world
from tests.builders import TRADER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cli.conftest import Outcome

    Run = Callable[..., Outcome]

DAYS = 10
SWEEP = f"sweep --from 2026-03-01 --to 2026-03-{DAYS} --trader {TRADER}=400000"
STOPS = "--set STOP_LOSS_PERCENT=1,2"
MANY = "--set STOP_LOSS_PERCENT=1,2,3,4"
PATIENCE_S = 60


@pytest.fixture
def recorded(database: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HLCOPY_MAX_POSITION_DURATION_HOURS", "12")
    with Store.open(database, Binding("paper", "mainnet")) as store:
        world(DAYS).store(store)
    return database


@contextmanager
def a_sweep(line: str, *module: str) -> Iterator[subprocess.Popen[str]]:
    """A process of its own that sweeps; nothing of it is left behind."""
    words = [sys.executable, "-m", *(module or ("hlcopy",)), *line.split()]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, text=True, start_new_session=True, stdout=pipe, stderr=pipe) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def died(sent: str, after: int, line: str) -> tuple[int, str, str]:
    """Return how a sweep ended that got a signal after so many trials: its exit code, and what it said."""
    with a_sweep(line, "tests.cli.dying", sent, str(after)) as process:
        out, err = process.communicate(timeout=PATIENCE_S)
        return process.returncode, out, err


def configurations(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what was found, without the numbers of the trials, which tell how often it was begun."""
    return [{name: value for name, value in row.items() if name != "trial"} for row in document["configurations"]]


def finished(path: Path) -> int:
    with closing(sqlite3.connect(path)) as raw:
        return int(raw.execute("SELECT count(*) FROM trials WHERE state = 'COMPLETE'").fetchone()[0])


def test_text_json_and_what_is_kept(run: Run, recorded: Path) -> None:
    said = run(f"{SWEEP} {STOPS} --set TRAILING_STOP_PERCENT=3,8 --name mine --jobs 2 --top 3")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("Sweep from 2026-03-01 to 2026-03-10 (UTC, both days whole)\n\nResult\n  Best     ")
    assert max(map(len, said.out.splitlines())) <= 80
    for word in ("over 4 tries", "Configurations by sharpe (3 of 4)", "SURVIVORSHIP_BIASED", "CHOSEN_IN_SAMPLE"):
        assert word in said.out

    told = run(f"{SWEEP} {STOPS} --set TRAILING_STOP_PERCENT=3,8 --name mine --json")
    document = told.document
    assert (told.code, told.err, told.out.count("\n")) == (0, "", 1)
    assert [document[part] for part in ("command", "study", "by", "tries")] == ["sweep", "mine", "sharpe", 4]
    assert document["settings"] == {"STOP_LOSS_PERCENT": ["1", "2"], "TRAILING_STOP_PERCENT": ["3", "8"]}
    assert document["best"] == document["configurations"][0]
    assert document["as_set"]["values"] == {"STOP_LOSS_PERCENT": "5", "TRAILING_STOP_PERCENT": "8"}
    assert document["best"]["score_less_as_set"] == document["best"]["score"] - document["as_set"]["score"]
    assert 0 < document["deflated_sharpe"]["probability"] < 1
    assert finished(recorded) == 4

    other = run(f"{SWEEP} {STOPS} --name mine")
    assert (other.code, other.out) == (2, "")
    assert other.err == "error: the study mine differs in its values; choose another --name, or none\n"

    direct = run(f"{SWEEP.replace('sweep', 'backtest')} --json --set STOP_LOSS_PERCENT=1 --set TRAILING_STOP_PERCENT=3")
    row = next(
        row
        for row in document["configurations"]
        if row["values"] == {"STOP_LOSS_PERCENT": "1", "TRAILING_STOP_PERCENT": "3"}
    )
    metrics = direct.document["metrics"]
    assert (row["return_pct"], row["sharpe"], row["entries"]) == tuple(
        metrics[name] for name in ("return_pct", "sharpe", "entries")
    )


def test_folds_and_a_search_are_told(run: Run, recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert recorded.exists()
    monkeypatch.setattr(command, "_cores", lambda: 1)
    with Store.open(recorded, Binding("paper", "mainnet")) as store:
        world(20).store(store)
    line = f"{SWEEP.replace('2026-03-10', '2026-03-20')} --folds 1 --trials 1 --set STOP_LOSS_PERCENT=1..4"
    said = run(line)
    assert (said.code, said.err) == (0, "")
    assert max(map(len, said.out.splitlines())) <= 80
    assert "Later    1 fold, out of sample: return " in said.out
    assert re.search(r"\n1 +26-03-01..26-03-10  26-03-11..26-03-20  ", said.out)
    (fold,) = run(f"{line} --json").document["walk_forward"]["folds"]
    assert (fold["train"], fold["test"]) == (
        {"from": "2026-03-01", "to": "2026-03-10"},
        {"from": "2026-03-11", "to": "2026-03-20"},
    )


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("--set STOP_LOSS_PERCENT=3,200", "--set STOP_LOSS_PERCENT: 200 won't do (HLCOPY_STOP_LOSS_PERCENT: "),
        ("--set STOP_LOSS_PERCENT=3,much", "--set STOP_LOSS_PERCENT: much won't do (HLCOPY_STOP_LOSS_PERCENT: "),
        ("--set STOP_LOSS_PERCENT=-3..8 --trials 5", "--set STOP_LOSS_PERCENT: -3 won't do ("),
        ("--set STOP_LOSS_PERCENT=3..8", "a range needs --trials N"),
        ("--set STOP_LOS=3,5", "the nearest is HLCOPY_STOP_LOSS_PERCENT"),
        ("--set DB=a,b", "no rule of a replay has this setting"),
        (f"{STOPS} {STOPS}", "is given twice"),
        (f"{STOPS} --by profit", "--by must be sharpe, return, calmar, uplift, not 'profit'"),
        (f"{STOPS} --folds 2", "--folds 2 leaves 3 days to choose on, 10 are needed"),
        (f"{STOPS} --jobs 0", "must be 1 or more"),
        (f"{STOPS} --storage nowhere", "--storage must be a database URL"),
        ("", "Missing option '--set'"),
    ],
)
def test_bad_input_is_named_before_any_work(
    run: Run, recorded: Path, monkeypatch: pytest.MonkeyPatch, more: str, said: str
) -> None:
    monkeypatch.setattr("hlcopy.backtest.sweep_worker.submit", lambda *_: pytest.fail("something was begun"))
    before = recorded.read_bytes()
    done = run(f"{SWEEP} {more}")
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert recorded.read_bytes() == before


def test_what_isn_t_recorded_is_named(run: Run, recorded: Path) -> None:
    assert recorded.exists()
    stranger = "0x" + "c" * 40
    done = run(f"{SWEEP} {STOPS} --trader {stranger}=1000")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: no fills of {stranger} are stored up to 2026-03-10; import them with: ")


def test_only_one_sweep_at_a_time_works_on_a_file(run: Run, recorded: Path) -> None:
    from hlcopy.adapters.locks import command_lock

    with command_lock(recorded, "sweep"):
        done = run(f"{SWEEP} {STOPS}")
    assert (done.code, done.out) == (75, "")
    assert "another `hlcopy sweep` works on" in done.err


def test_a_killed_sweep_and_two_that_share_a_database_come_to_the_same_end(
    run: Run, recorded: Path, tmp_path: Path
) -> None:
    shared = tmp_path / "shared.db"
    line = f"{SWEEP} {MANY} --jobs 1 --json --storage sqlite:///{shared}"
    with a_sweep(line) as other:
        one = run(line).document
        another = json.loads(other.communicate(timeout=PATIENCE_S)[0])
    assert configurations(one) == configurations(another)
    assert len(one["configurations"]) == one["tries"] == finished(shared) == 4
    with closing(sqlite3.connect(recorded)) as raw:
        assert raw.execute("SELECT count(*) FROM sqlite_master WHERE name = 'trials'").fetchone() == (0,)

    code, out, _ = died("SIGKILL", 2, f"{SWEEP} {MANY} --jobs 2")  # returns once its workers are gone, too
    assert (code, out) == (-signal.SIGKILL, "")
    assert finished(recorded) == 2
    resumed = run(f"{SWEEP} {MANY} --jobs 1 --json").document
    assert configurations(resumed) == configurations(one)
    assert all(resumed[part] == one[part] for part in ("as_set", "tries", "deflated_sharpe", "by_value", "warnings"))
    assert finished(recorded) == 4


def test_a_worker_that_dies_is_told(run: Run, recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert recorded.exists()
    ours = wiring.opener  # which opens for this process, too; for a worker it is asked without more
    monkeypatch.setattr(
        wiring, "opener", lambda settings, **given: ours(settings, **given) if given else partial(os._exit, 1)
    )
    done = run(f"{SWEEP} {STOPS} --jobs 1")
    assert (done.code, done.out) == (75, "")
    assert done.err.startswith("error: a worker was killed, perhaps for its memory; what is finished is kept: ")


def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(recorded: Path) -> None:
    """A terminal sends it to the whole group: the workers must leave it to their parent."""
    code, out, err = died("SIGINT", 2, f"{SWEEP} {MANY} --jobs 1")
    assert (code, out) == (130, ""), err
    told = re.fullmatch(
        r"warning: stopped with (\d) of 4 trials finished; what is finished is kept, and the same command goes on "
        r"with the rest\ninterrupted\n",
        err,
    )
    assert told is not None, err
    assert int(told.group(1)) == finished(recorded) in range(2, 4)  # with what the worker had just done
