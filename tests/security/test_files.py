"""Whatever a command writes is for its owner alone, whatever the umask of the process that starts it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from hlcopy.adapters.store import Binding, Store
from hlcopy.ticks import monitor
from tests.builders import TRADER
from tests.cli.test_backtest import DAYS, world
from tests.security.harness import Stage, too_open
from tests.venue import clock_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pytest

    from tests.cli.conftest import Outcome


@contextmanager
def careless() -> Iterator[None]:
    """A shell that lets everybody read and write what it makes."""
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)


def test_the_search_finds_what_others_can_reach(tmp_path: Path) -> None:
    with careless():
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder" / "file").touch()
        (tmp_path / "closed").touch(0o600)
    assert too_open(tmp_path) == {"folder": "0o777", "folder/file": "0o666"}


def test_what_ticks_and_operators_write_is_ours_alone(stage: Stage) -> None:
    stage.set("HLCOPY_DB", str(stage.home / "deep" / "er" / "live.db"))
    (stage.home / "root.log").chmod(0o600)  # the test's own
    with careless():
        for line in ("monitor", "poll", "score", "positions", "run-all --once", "verify", "halt", "doctor", "traders"):
            assert stage.command(line).code in {0, 1, 75}, line
            clock_of(stage.venue).advance(60_000)
        crashing(stage)
    names = {path.name for path in stage.home.rglob("*")}
    assert {"live.db", "live.log", "live.db.monitor.lock", "live.db.account.lock"} <= names
    assert too_open(stage.home) == {}


def crashing(stage: Stage) -> None:
    """Let a tick die while the database is open: its write-ahead log stays."""

    def crash(*_: object) -> NoReturn:
        raise RuntimeError

    stage.monkeypatch.setattr(monitor, "run", crash)
    assert stage.command("monitor").code == 3


def test_files_beside_an_open_database_are_ours_alone(tmp_path: Path) -> None:
    with careless(), Store.open(tmp_path / "deep" / "x.db", Binding("paper", "mainnet")):
        names = {path.name for path in (tmp_path / "deep").iterdir()}
        found = too_open(tmp_path / "deep")
    assert names == {"x.db", "x.db-wal", "x.db-shm"}
    assert found == {}


def test_reports_are_ours_alone(
    run: Callable[..., Outcome], database: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(home))
    monkeypatch.setattr("tempfile.tempdir", None)
    with Store.open(database, Binding("paper", "mainnet")) as store:
        world().store(store)
    with careless():
        done = run(f"{DAYS} --trader {TRADER}=400000 --csv sheets --html page.html --save saved.db")
    assert done.code == 0, done
    assert {path.name for path in home.iterdir()} >= {"sheets", "page.html", "saved.db"}
    assert too_open(home) == {}


def test_what_was_there_keeps_what_its_owner_chose(run: Callable[..., Outcome], database: Path, home: Path) -> None:
    with Store.open(database, Binding("paper", "mainnet")) as store:
        world().store(store)
    shared = home / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    assert run(f"{DAYS} --trader {TRADER}=400000 --csv shared").code == 0
    assert too_open(home) == {"shared": "0o755"}
