"""A database that fails under a live tick: the exit code of the contract, and positions protected from what the venue shows."""

from __future__ import annotations

import errno
import sqlite3
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import filelock
import pytest

from hlcopy.adapters.store import backups, connection
from hlcopy.simulator.venue import quiet_world
from tests.cli.test_backups import AT, flip
from tests.stories.live import ACCOUNT, Live, settings
from tests.venue import PRICES, START, local_venue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.cli.conftest import Outcome

    Fault = Callable[[Path, pytest.MonkeyPatch], AbstractContextManager[None]]

UNHURRIED: Final = 20_000
_FILL: Final = "INSERT INTO runs (command, started_at, counts, errors) VALUES (?, '', '{}', '[]')"


@pytest.fixture
def live(home: Path, run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    """An account that may trade, and a trader who is followed."""
    monkeypatch.setenv("HLCOPY_HYPERLIQUID_WEIGHT_PER_MINUTE", str(UNHURRIED))
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_S", 0.05)
    with local_venue(quiet_world(START, PRICES, days=2), weight_per_minute=UNHURRIED) as venue:
        for name, value in settings(venue, home / "live.db").items():
            monkeypatch.setenv(name, value)
        story = Live(venue=venue, database=home / "live.db", run=run)
        story.begin()
        yield story


@contextmanager
def full(path: Path, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the file be as large as it can get: SQLite itself then says that its disk is full."""
    connect = sqlite3.connect

    def limited(*given: Any, **more: Any) -> sqlite3.Connection:  # noqa: ANN401 - whatever it takes
        raw = connect(*given, **more)
        raw.execute("PRAGMA max_page_count = 1")  # it can't shrink: what there is is the most
        return raw

    with closing(connect(path, isolation_level=None)) as raw:
        raw.execute("PRAGMA max_page_count = 1")
        for size in (2_000, 200, 20):  # until nothing fits into the pages there are
            with suppress(sqlite3.OperationalError):
                while True:
                    raw.execute(_FILL, ("x" * size,))
    with patch.context() as patched:
        patched.setattr(sqlite3, "connect", limited)
        yield


@contextmanager
def read_only(_path: Path, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Open the file as SQLite does where it may only read."""
    connect = sqlite3.connect
    with patch.context() as patched:
        patched.setattr(sqlite3, "connect", lambda file, **more: connect(f"{file}?mode=ro", **more))
        yield


@contextmanager
def no_folder(_path: Path, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let nothing be made beside the file."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with patch.context() as patched:
        patched.setattr(filelock.FileLock, "acquire", refuse)
        yield


@contextmanager
def locked(path: Path, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let another process write for ever."""
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def corrupt(path: Path, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Damage the file."""
    backups.make(path, AT, keep=None)
    flip(path)
    yield


FAULTS: Final = [
    ("monitor", full, 75, "isn't full"),
    ("monitor", read_only, 78, "check its permissions"),
    ("monitor", no_folder, 78, "check its folder"),
    ("positions", locked, 75, "kept"),
    ("run-all --once", corrupt, 78, "hlcopy data restore"),
]


@pytest.mark.parametrize(
    ("command", "fault", "code", "said"), FAULTS, ids=[f"{command} {each.__name__}" for command, each, *_ in FAULTS]
)
def test_a_live_tick_without_its_database_protects_what_the_venue_holds(
    live: Live, monkeypatch: pytest.MonkeyPatch, command: str, fault: Fault, code: int, said: str
) -> None:
    live.enter()
    (order,) = [each for each in live.venue.floor.accounts[ACCOUNT].on("BTC") if each.is_open]
    live.venue.floor.cancel_by_hand(ACCOUNT, order.oid)
    held, before = live.held(), len(live.venue.floor.journal.of("request"))
    with fault(live.database, monkeypatch):
        for _ in range(2 if fault is corrupt else 1):
            failed = live.run(command)
            assert (failed.code, said in failed.err) == (code, True), failed.err
            assert "Nothing is opened" in failed.err
            assert [size for _, size in live.stops()] == [held], "one stop for all of it, once"
    sent = [each for each in live.venue.floor.journal.of("request")[before:] if each["type"] == "order"]
    assert sent
    assert all(wish["r"] for each in sent for wish in each["action"]["orders"]), "nothing was opened"
    if fault is not corrupt:
        live.wait(0.5)
        live.do("monitor")
        assert len(live.stops()) == 1, "it is taken over"
        assert live.do("verify")["ok"]


def test_a_paper_tick_only_says_what_is_wrong(run: Callable[..., Outcome], database: Path) -> None:
    database.write_text("no database" * 900)
    failed = run("monitor")
    assert (failed.code, "Nothing is opened" in failed.err) == (78, False)


def test_a_disk_that_fills_between_fill_and_stop_keeps_no_stop_from_being_sent(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.signal()
    filled: list[str] = []
    begin = connection.Connection.transaction

    def answer(kind: str) -> None:
        if kind == "exchange:order":
            filled.append(kind)

    def refuse(self: connection.Connection) -> AbstractContextManager[None]:
        if filled:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise connection.in_our_words(error, self.path) or error
        return begin(self)

    live.venue.faults = answer
    with monkeypatch.context() as patched:
        patched.setattr(connection.Connection, "transaction", refuse)
        failed = live.run("poll")
    assert (failed.code, "Nothing is opened" in failed.err) == (75, True)
    assert [size for _, size in live.stops()] == [live.held()]
    live.venue.faults = None
    live.wait(0.5)
    live.do("monitor")
    assert len(live.stops()) == 1
    assert live.do("verify")["ok"]
    assert live.comparison().longest_naked_s < 1
