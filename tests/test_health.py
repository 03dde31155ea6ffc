"""What `doctor` looks at, one look at a time."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.adapters.store import health as store_health
from hlcopy.config import load_settings
from hlcopy.domain.checks import Check
from hlcopy.domain.policy import Policy
from hlcopy.errors import ConfigError, SourceDownError
from hlcopy.ports import UNKNOWN, ActionBudget
from hlcopy.wiring import open_store
from hlcopy.wiring.health import files, guarded, network, running
from tests.builders import T0, at, trader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hlcopy.config import Settings
    from hlcopy.ports import UnknownType


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"HLCOPY_DB": str(tmp_path / "x.db")}, _empty(tmp_path))


def _empty(folder: Path) -> Path:
    file = folder / "empty.env"
    file.write_text("")
    return file


def database(settings: Settings) -> Check:
    (check,) = files.database_check(settings)
    return check


def raising(error: BaseException) -> Any:  # noqa: ANN401 - stands in for a look
    def look() -> Check:
        raise error

    return look


@pytest.mark.parametrize(
    ("error", "ok", "said", "remedy"),
    [
        (ConfigError("the key is missing; set it; or don't"), False, "the key is missing", "set it; or don't"),
        (SourceDownError("it is down"), None, "it is down", "try again in a moment"),
        (ZeroDivisionError("x"), None, "couldn't be looked at (ZeroDivisionError)", "the traceback is in the log file"),
    ],
)
def test_a_look_that_fails_is_a_check_of_its_name(error: Exception, said: str, remedy: str, *, ok: bool | None) -> None:
    crashes: list[BaseException] = []
    (check,) = guarded("thing", raising(error), crashes.append)
    assert (check.name, check.ok, check.said) == ("thing", ok, said)
    assert check.remedy.startswith(remedy)
    assert bool(crashes) == isinstance(error, ZeroDivisionError)


def test_nobody_is_kept_from_interrupting() -> None:
    with pytest.raises(KeyboardInterrupt):
        guarded("thing", raising(KeyboardInterrupt()), print)


def test_what_a_look_found_wrong_before_it_failed_is_told() -> None:
    wrong = Check(name="agent", ok=False, said="revoked")

    def look() -> Iterator[Check]:
        yield wrong
        message = "the database is locked"
        raise SourceDownError(message)

    found, failed = guarded("account", look, print)
    assert (found, failed.name, failed.ok) == (wrong, "account", None)


def test_a_sound_database_is_told_with_its_schema(settings: Settings) -> None:
    assert database(settings).ok is None
    open_store(settings, create=True).close()
    check = database(settings)
    assert check.ok is True
    assert "sound, schema " in check.said


def test_damage_is_told_and_the_file_isn_t_opened_for_work(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    open_store(settings, create=True).close()
    honest = store_health.examine

    def damaged(path: Path) -> store_health.FileHealth:
        found = honest(path)
        return store_health.FileHealth(
            schema=found.schema, newest=found.newest, damage=("row 3 missing",), log_bytes=0, open_to_others=()
        )

    monkeypatch.setattr(store_health, "examine", damaged)
    monkeypatch.setattr("hlcopy.wiring.open_store", raising(AssertionError()))
    check = database(settings)
    assert check.ok is False
    assert check.said.endswith("is damaged: row 3 missing")


def test_a_long_log_and_files_that_others_can_read_are_wrong(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store(settings, create=True) as store:
        store.traders.put([trader()])
        log = settings.database.with_name("x.db-wal")
        monkeypatch.setattr(files, "_LONG_LOG", 10)
        check = database(settings)
        assert check.ok is False
        assert "monitor empties it" in check.remedy
        log.chmod(0o644)
        check = database(settings)
        assert check.ok is False
        assert check.said == f"{log}: others can read it"
        assert check.remedy == f"chmod 600 {log}"


def test_an_older_schema_is_told_as_moved(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from hlcopy.adapters.store.migrations import MIGRATIONS

    with monkeypatch.context() as patched:
        patched.setattr("hlcopy.adapters.store.migrations.MIGRATIONS", MIGRATIONS[:-1])
        open_store(settings, create=True).close()
    assert f"schema {len(MIGRATIONS)} (was {len(MIGRATIONS) - 1})" in database(settings).said
    assert "was" not in database(settings).said


def test_a_file_of_another_program_is_wrong_and_stays_as_it_is(settings: Settings) -> None:
    with closing(sqlite3.connect(settings.database)) as raw:
        raw.execute("CREATE TABLE theirs (x)")
    content = settings.database.read_bytes()
    (check,) = guarded("database", lambda: files.database_check(settings), print)
    assert check.ok is False
    assert "another program's database" in check.said
    assert settings.database.read_bytes() == content


@pytest.mark.parametrize("there", [False, True])
def test_a_log_that_can_t_be_written_is_wrong(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, *, there: bool
) -> None:
    if there:
        settings.log_path.write_text("")
    monkeypatch.setattr(os, "access", lambda *_: False)
    check = files.log_check(settings)
    assert check.ok is False
    assert "can't be written" in check.said


def test_where_settings_come_from_is_told(settings: Settings, tmp_path: Path) -> None:
    file = _empty(tmp_path)
    assert files.settings_check(settings, {}).said == "all at their defaults"
    assert files.settings_check(settings, {"mode": None}).said == "1 set in the environment"
    both = files.settings_check(settings, {"mode": None, "db": file})
    assert both.said == f"2 set in the environment and {file}"


def test_breakers_that_are_off_are_mentioned(tmp_path: Path) -> None:
    off = load_settings({"HLCOPY_BREAKERS": "off"}, _empty(tmp_path))
    check = files.settings_check(off, {"breakers": None})
    assert (check.ok, check.remedy) == (True, "HLCOPY_BREAKERS is off: no loss pauses entries")


def test_a_tick_that_never_ended_is_wrong_once_that_is_long_ago() -> None:
    ledger = MemoryLedger()
    ledger.runs.start("score", T0)
    cadence = {"score": timedelta(days=1)}
    (check,) = running.tick_checks(ledger, cadence, at(hours=1))
    assert check.ok is True
    (check,) = running.tick_checks(ledger, cadence, at(hours=3))
    assert check.ok is False
    assert check.said.endswith("that run never ended")


@pytest.mark.parametrize(
    ("every", "late"),
    [(timedelta(seconds=30), timedelta(seconds=151)), (timedelta(days=1), timedelta(days=2, minutes=2))],
)
def test_a_tick_is_late_after_some_of_its_periods_and_at_most_a_day(every: timedelta, late: timedelta) -> None:
    ledger = MemoryLedger()
    ledger.runs.finish(ledger.runs.start("monitor", T0), T0, ok=True, counts={}, errors=[])
    assert [check.ok for check in running.tick_checks(ledger, {"monitor": every}, T0 + every * 2)] == [True]
    assert [check.ok for check in running.tick_checks(ledger, {"monitor": every}, T0 + late)] == [False]


def test_a_wallet_followed_without_scoring_has_no_age() -> None:
    ledger = MemoryLedger()
    ledger.traders.put([trader(scored=False)])
    assert running.scores_check(ledger, Policy(), at(days=99)) == Check(
        name="traders", ok=True, said="1 followed, 1 of them copied"
    )
    assert running.scores_check(MemoryLedger(), Policy(), T0).ok is None


@pytest.mark.parametrize(
    ("answer", "ok", "said"),
    [
        (ActionBudget(100, 10_000), True, "9,900 of 10,000 for our address"),
        (ActionBudget(9_000, 10_000), False, "1,000 of 10,000 for our address"),
        (UNKNOWN, None, "the venue doesn't say"),
    ],
)
def test_few_actions_left_are_wrong(
    settings: Settings, answer: ActionBudget | UnknownType, said: str, *, ok: bool | None
) -> None:
    check = network.budget_check(settings, answer)
    assert (check.ok, check.said) == (ok, said)


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=-1), "0 s"),
        (timedelta(seconds=119), "119 s"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(hours=47), "47 h"),
        (timedelta(days=3), "3 d"),
    ],
)
def test_a_time_is_told_in_its_largest_unit(span: timedelta, words: str) -> None:
    assert running.in_words(span) == words
