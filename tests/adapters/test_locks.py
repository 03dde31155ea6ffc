"""Locks between processes."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.locks import account_lock, command_lock
from hlcopy.errors import ConfigError, TryLaterError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOLDER = """
    import sys
    from pathlib import Path
    from hlcopy.adapters.locks import account_lock, command_lock
    database = Path(sys.argv[1])
    lock = command_lock(database, sys.argv[2]) if len(sys.argv) > 2 else account_lock(database)
    with lock as held:
        print(held, flush=True)
        sys.stdin.readline()
"""


@contextmanager
def another_process(database: Path, *command: str) -> Iterator[subprocess.Popen[str]]:
    """Have another process hold a lock until the block ends."""
    holder = subprocess.Popen(
        [sys.executable, "-c", dedent(HOLDER), str(database), *command],
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() in {"None\n", "True\n"}
        yield holder
    finally:
        holder.communicate("done\n", timeout=60)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "data" / "hlcopy.db"


def test_the_account_lock_is_had_by_one_process_at_a_time(database: Path) -> None:
    with (
        another_process(database),
        pytest.raises(TryLaterError, match="another hlcopy command is trading on this account") as refused,
        account_lock(database, timeout=0.0),
    ):
        pytest.fail("both had it")
    assert refused.value.exit_code == 75
    with account_lock(database, timeout=0.0):
        pass


def test_a_process_that_dies_lets_go_of_the_account(database: Path) -> None:
    with another_process(database) as holder:
        holder.kill()
        holder.wait(timeout=60)
        with account_lock(database, timeout=0.0):
            pass


def test_the_account_lock_is_let_go_of_when_the_block_raises(database: Path) -> None:
    with pytest.raises(KeyError), account_lock(database):
        raise KeyError
    with account_lock(database, timeout=0.0):
        pass


def test_two_workers_of_one_process_exclude_each_other(database: Path) -> None:
    with (
        account_lock(database),
        pytest.raises(TryLaterError),
        account_lock(database, timeout=0.0),
    ):
        pytest.fail("both had it")


def test_a_command_never_overlaps_itself(database: Path) -> None:
    with another_process(database, "poll"):
        with command_lock(database, "poll") as held:
            assert not held
        with command_lock(database, "poll") as held:  # a refused one hasn't let go of the other's lock
            assert not held
    with command_lock(database, "poll") as held:
        assert held


def test_different_commands_files_and_the_account_exclude_nobody_else(database: Path) -> None:
    with another_process(database, "poll"), account_lock(database, timeout=0.0):
        with command_lock(database, "monitor") as held:
            assert held
        with command_lock(database.with_name("other.db"), "poll") as held:
            assert held


def test_lock_files_stand_beside_the_database_for_their_owner_only(database: Path) -> None:
    with account_lock(database), command_lock(database, "poll"):
        modes = {file.name: file.stat().st_mode & 0o777 for file in database.parent.iterdir()}
    assert modes == {"hlcopy.db.account.lock": 0o600, "hlcopy.db.poll.lock": 0o600}


def test_a_folder_that_cannot_be_made_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="can't be used"), account_lock(tmp_path / "file" / "hlcopy.db"):
        pytest.fail("had it")
