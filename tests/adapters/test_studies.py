"""Optuna's tables in our file: the file stays ours, ticks aren't kept waiting, and no two sweeps take one trial."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.trial import TrialState

from hlcopy.adapters.store import Binding, Store
from hlcopy.adapters.store.connection import connect
from hlcopy.adapters.store.migrations import MIGRATIONS
from hlcopy.adapters.store.studies import open_studies, reading, shown
from hlcopy.errors import BadInputError, ConfigError, TryLaterError
from tests.builders import trader

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.storages import RDBStorage

BINDING = Binding("paper", "mainnet")


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    path = tmp_path / "paper.db"
    with Store.open(path, BINDING) as store:
        store.traders.put([trader()])
    return path


def study_in(storage: RDBStorage) -> optuna.Study:
    return optuna.create_study(storage=storage, study_name="ours", direction="maximize", load_if_exists=True)


def test_the_file_stays_ours(ours: Path) -> None:
    with open_studies(ours, None) as storage:
        study_in(storage).enqueue_trial({"x": 1})
    with Store.open(ours, BINDING) as store:
        assert [each.address for each in store.traders.all()] == [trader().address]
    with closing(sqlite3.connect(ours)) as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert raw.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert {stat.S_IMODE(path.stat().st_mode) for path in ours.parent.glob("paper.db*")} == {0o600}


def test_connections_obey_the_rules_of_the_file(ours: Path) -> None:
    with open_studies(ours, None) as storage, storage.engine.connect() as connection:
        told = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("wal_autocheckpoint", "busy_timeout")
        ]
    assert told == [0, 60_000]


def test_studies_can_be_opened_again(ours: Path) -> None:
    with open_studies(ours, None) as storage:
        study_in(storage).enqueue_trial({"x": 1})
    with open_studies(ours, None) as storage:
        assert len(study_in(storage).get_trials()) == 1


def test_a_tick_writes_while_a_sweep_reads(ours: Path) -> None:
    """A reader holds no lock, however long it takes; what writes takes it from the beginning."""
    with open_studies(ours, None) as storage, closing(connect(ours, create=False)) as tick:
        tick.run("PRAGMA busy_timeout = 0")
        with reading(), storage.engine.begin() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM trials").scalar() == 0
            with tick.transaction():
                tick.run("INSERT INTO meta (key, value) VALUES ('tick', 'wrote')")
        with storage.engine.begin() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM trials")
            with pytest.raises(TryLaterError):
                tick.run("INSERT INTO meta (key, value) VALUES ('tick', 'waits')")


def test_two_sweeps_never_take_the_same_trial(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    with open_studies(tmp_path, url) as one, open_studies(tmp_path, url) as other:
        study_in(one).enqueue_trial({"x": 1})
        (trial,) = study_in(other).get_trials()
        taken = [each.set_trial_state_values(trial._trial_id, TrialState.RUNNING) for each in (one, other)]  # noqa: SLF001 - what Optuna's own ask does
        assert taken == [True, False]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("somewhere", "--storage must be a database URL such as"),
        ("nosuch://host/name", "--storage nosuch://host/name can't be opened"),
        ("oracle://host/name", "with its driver installed"),
    ],
)
def test_a_url_that_names_no_database_is_refused(tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(BadInputError, match=said), open_studies(tmp_path, url):
        pass


def test_a_database_that_can_t_be_reached_is_tried_later(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'missing' / 'shared.db'}"
    with (
        pytest.raises(TryLaterError, match=r"shared.db can't be read or written \(unable to open"),
        open_studies(tmp_path, url),
    ):
        pass


def test_a_file_that_we_may_only_read_keeps_no_studies(ours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(ConfigError, match="can't be opened for writing"), open_studies(ours, None):
        pass


def test_studies_of_another_optuna_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    with open_studies(path, f"sqlite:///{path}"):
        pass
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE alembic_version SET version_num = 'v0.9.0.a'")
    with (
        pytest.raises(ConfigError, match=r"are of another version of Optuna: .*upgrade"),
        open_studies(path, f"sqlite:///{path}"),
    ):
        pass


def test_a_password_is_never_shown() -> None:
    assert shown("postgresql://me:secret@host/name") == "postgresql://me:***@host/name"
