"""Backups of the database and what they are for."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.locks import command_lock
from hlcopy.adapters.store import Binding, Store, backups
from hlcopy.cli import keeping
from hlcopy.config import load_settings
from hlcopy.ticks import score
from hlcopy.ticks.report import Report
from tests.builders import trader

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Outcome

    Run = Callable[..., Outcome]

PAPER = Binding("paper", "mainnet")
AT = datetime(2026, 3, 1, 0, 5, 12, tzinfo=UTC)
ACCOUNT = "0x" + "ab" * 20


def filled(path: Path, binding: Binding = PAPER) -> Path:
    with Store.open(path, binding) as store:
        store.traders.put([trader()])
    return path


def flip(path: Path) -> None:
    """Damage a database in its middle, its log folded in."""
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    told = bytearray(path.read_bytes())
    for start in range(4096, len(told), 4096):
        told[start : start + 64] = b"\xff" * 64
    path.write_bytes(told)


def count(path: Path) -> int:
    with closing(sqlite3.connect(path)) as raw:
        return int(raw.execute("SELECT count(*) FROM traders").fetchone()[0])


def test_a_backup_is_one_sound_file_for_its_owner_named_by_its_moment(run: Run, database: Path) -> None:
    filled(database)
    with connect_and_hold(database):  # what was written and isn't folded in yet belongs to it
        done = run("data backup --json").document
    path = backups.found(database)[0].path
    assert done["path"] == str(path)
    assert done["kept"] == [str(path)]
    assert path.parent == database.with_name("paper.db.backups")
    assert datetime.fromisoformat(done["at"]).strftime("paper.%Y-%m-%dT%H-%M-%SZ.db") == path.name
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (backups.damage(path), count(path)) == ("", 1)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def connect_and_hold(path: Path) -> closing[sqlite3.Connection]:
    """Keep a file open, so that nobody else is the last to close it."""
    raw = sqlite3.connect(path)
    raw.execute("SELECT count(*) FROM traders").fetchone()
    return closing(raw)


def test_only_the_newest_are_kept_and_nothing_else_is_touched(database: Path, tmp_path: Path) -> None:
    filled(database)
    folder = tmp_path / "usb"
    folder.mkdir()
    others = [folder / "paper.2026-03-01.db", folder / "other.2026-03-01T00-05-12Z.db", folder / "photo.jpg"]
    for each in others:
        each.touch()
    (folder / ".paper.killed.tmp").touch()
    made = [backups.make(database, AT + timedelta(days=day), keep=3, folder=folder)[0] for day in range(5)]
    assert [each.path for each in backups.found(database, folder)] == [each.path for each in made[:1:-1]]
    assert all(each.exists() for each in others)
    assert not (folder / ".paper.killed.tmp").exists()


def test_a_damaged_database_is_neither_backed_up_nor_costs_an_older_backup(run: Run, database: Path) -> None:
    filled(database)
    backups.make(database, AT, keep=1)
    flip(database)
    failed = run("data backup --keep 1")
    assert (failed.code, "damaged" in failed.err) == (78, True)
    assert [each.at for each in backups.found(database)] == [AT]


def test_the_error_of_a_damaged_database_names_the_newest_good_backup_and_its_command_works(
    run: Run, database: Path
) -> None:
    filled(database)
    good, _ = backups.make(database, AT, keep=None)
    bad, _ = backups.make(database, AT + timedelta(days=1), keep=None)
    flip(bad.path)
    flip(database)
    failed = run("traders")
    assert failed.code == 78
    command = f"hlcopy data restore --db {database} {good.path}"
    assert command in failed.err
    damaged = database.read_bytes()
    done = run(f"{command.removeprefix('hlcopy ')} --json").document
    assert (count(database), done["halted"]) == (1, False)
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    (aside,) = (each for each in done["aside"] if each.endswith("Z"))
    assert Path(aside).read_bytes() == damaged
    assert run("traders").code == 0


def test_without_a_good_backup_the_error_says_so(run: Run, database: Path) -> None:
    filled(database)
    flip(database)
    assert "there is no good backup beside it" in run("traders").err
    assert run("data restore").code == 2


def test_a_sound_database_is_replaced_by_force_only_and_kept(run: Run, database: Path) -> None:
    filled(database)
    backups.make(database, AT, keep=None)
    with Store.open(database, PAPER) as store:
        store.traders.put([trader(address="0x" + "cd" * 20)])
        refused = run("data restore")
    assert (refused.code, "is sound" in refused.err, "--force" in refused.err) == (2, True, True)
    assert count(database) == 2
    done = run("data restore --force --json").document
    assert count(database) == 1
    (aside,) = (each for each in done["aside"] if each.endswith("Z"))
    with closing(sqlite3.connect(aside)) as raw:
        assert raw.execute("SELECT count(*) FROM traders").fetchone() == (2,)


def test_a_missing_database_is_restored(run: Run, database: Path) -> None:
    filled(database)
    backups.make(database, AT, keep=None)
    for end in ("", "-wal", "-shm"):
        database.with_name(database.name + end).unlink(missing_ok=True)
    assert run("data restore").code == 0
    assert count(database) == 1


def test_live_trading_is_halted_in_what_is_restored(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = home / "live.db"
    for name, value in {"MODE": "live", "ACCOUNT_ADDRESS": ACCOUNT, "DB": str(path)}.items():
        monkeypatch.setenv(f"HLCOPY_{name}", value)
    binding = Binding("live", "mainnet", ACCOUNT)
    with Store.open(path, binding) as store:
        store.controls.resume(AT)
    backups.make(path, AT, keep=None)
    assert run("data restore --force --json").document["halted"]
    with Store.open(path, binding) as store:
        halt = store.controls.halt()
    assert halt is not None
    assert halt.reason == "restored from live.2026-03-01T00-05-12Z.db"


@pytest.mark.parametrize("command", ["run-all", "monitor", "poll"])
def test_nothing_is_restored_under_a_command_that_is_running(run: Run, database: Path, command: str) -> None:
    filled(database)
    backups.make(database, AT, keep=None)
    flip(database)
    with command_lock(database, command):
        refused = run("data restore")
    assert (refused.code, f"hlcopy {command} has" in refused.err) == (75, True)


BAD = [
    ("there is none", lambda path: path.parent, 2, "there is no backup"),
    ("no database", lambda path: path.write_text("hello " * 900), 2, "damaged or no database"),
    ("damaged", lambda path: (filled(path), flip(path)), 2, "damaged or no database"),
    ("of another mode", lambda path: filled(path, Binding("live", "mainnet", ACCOUNT)), 78, "belongs to live"),
]


@pytest.mark.parametrize(("make", "code", "said"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_what_is_no_good_backup_changes_nothing(
    run: Run, database: Path, make: Callable[[Path], object], code: int, said: str
) -> None:
    filled(database)
    path = database.with_name("given.db")
    make(path)
    before = sorted(each.name for each in database.parent.iterdir())
    refused = run(f"data restore {path} --force")
    assert (refused.code, said in refused.err) == (code, True)
    assert count(database) == 1
    after = sorted(each.name for each in database.parent.iterdir() if not each.name.endswith((".lock", ".log")))
    assert after == [name for name in before if not name.endswith((".lock", ".log"))]


def test_one_backup_a_day_is_made_unless_none_are_wanted(database: Path) -> None:
    filled(database)
    settings = load_settings(dict(os.environ))
    for hours in (0, 5, 23, 24):
        assert keeping.backup_due(settings, AT + timedelta(hours=hours)) is None
    assert [each.at for each in backups.found(database)] == [AT + timedelta(hours=24), AT]
    none = load_settings({**os.environ, "HLCOPY_BACKUPS_KEPT": "0"})
    assert keeping.backup_due(none, AT + timedelta(days=9)) is None
    assert len(backups.found(database)) == 2


def test_score_makes_the_backup_after_its_own_work_and_a_failing_one_is_an_item(
    run: Run, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score, "run", lambda _desk, now: Report(command="score", at=now))
    assert run("score --json").document["ok"]
    assert len(backups.found(database)) == 1
    backups.folder_of(database).joinpath(backups.found(database)[0].path.name).unlink()
    backups.folder_of(database).rmdir()
    backups.folder_of(database).write_text("in the way")
    failed = run("score --json")
    (error,) = failed.document["errors"]
    assert (failed.code, error["code"], error["item"]) == (1, "BACKUP_FAILED", "paper.db")
    with Store.open(database, PAPER) as store:
        last = store.runs.last("score")
    assert last is not None
    assert last.ok
