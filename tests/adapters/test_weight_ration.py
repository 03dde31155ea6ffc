"""The ration of request weight: one rule, in memory and across processes in the file."""

from __future__ import annotations

import multiprocessing
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.memory.usage import MemoryRation, Window
from hlcopy.adapters.store import Binding, Store
from hlcopy.adapters.store.usage import StoredRation
from hlcopy.domain.rations import MONITOR, POLL, SCORE
from tests.builders import at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hlcopy.ports import WeightRation

    Make = Callable[..., WeightRation]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "hlcopy.db"
    Store.open(path, Binding(mode="paper", network="mainnet", account="")).close()
    return path


@pytest.fixture(params=["memory", "file"])
def make(request: pytest.FixtureRequest, database: Path) -> Iterator[Make]:
    """Make rations of different shares that count together."""
    window = Window()
    opened: list[StoredRation] = []

    def in_memory(share: str, per_minute: int = 1_200) -> WeightRation:
        return MemoryRation(share, per_minute, window)

    def in_file(share: str, per_minute: int = 1_200) -> WeightRation:
        opened.append(StoredRation(database, share, per_minute))
        return opened[-1]

    yield in_memory if request.param == "memory" else in_file
    for ration in opened:
        ration.close()


@pytest.mark.parametrize(("share", "whole"), [(MONITOR, 400), (POLL, 300), (SCORE, 500)])
def test_a_share_is_used_up_and_comes_back_after_a_minute(make: Make, share: str, whole: int) -> None:
    ration = make(share)
    assert ration.left(at()) == whole
    assert [ration.take(20, at()) for _ in range(whole // 20)] == [0.0] * (whole // 20)
    assert ration.left(at(seconds=15)) == 0
    assert ration.take(2, at(seconds=15)) == pytest.approx(45.0)
    assert ration.take(2, at(seconds=60)) == 0.0


def test_what_is_refused_isnt_counted(make: Make) -> None:
    ration = make(POLL)
    assert ration.take(290, at()) == 0.0
    assert ration.take(20, at(seconds=1)) > 0
    assert ration.take(10, at(seconds=1)) == 0.0


def test_the_window_slides(make: Make) -> None:
    ration = make(POLL)
    for second in (0, 30):
        assert ration.take(150, at(seconds=second)) == 0.0
    assert ration.take(100, at(seconds=50)) == pytest.approx(10.0)
    assert ration.take(200, at(seconds=50)) == pytest.approx(40.0)
    assert ration.left(at(seconds=60)) == 150
    assert ration.take(150, at(seconds=60)) == 0.0


def test_no_share_takes_from_another(make: Make) -> None:
    score, monitor, poll = make(SCORE), make(MONITOR), make(POLL)
    assert score.take(500, at()) == 0.0
    assert score.take(2, at()) > 0
    assert (monitor.left(at()), poll.left(at())) == (400, 300)


def test_what_shows_in_the_answer_counts(make: Make) -> None:
    ration = make(POLL)
    assert ration.take(20, at()) == 0.0
    ration.add(100, at())
    assert ration.left(at()) == 180
    ration.add(-40, at())
    assert ration.left(at(seconds=59)) == 220
    assert ration.left(at(seconds=60)) == 300


def test_all_together_never_pass_the_limit(make: Make) -> None:
    score, monitor = make(SCORE), make(MONITOR)
    score.take(500, at())
    score.add(600, at())  # answers were larger than they could have been expected to be
    assert monitor.left(at()) == 100
    assert monitor.take(100, at()) == 0.0
    assert monitor.take(2, at()) == pytest.approx(60.0)


def test_the_shares_scale_with_the_limit(make: Make) -> None:
    assert [make(share, 600).left(at()) for share in (MONITOR, POLL, SCORE)] == [200, 150, 250]


def test_a_request_heavier_than_its_share_goes_once_nothing_else_does(make: Make) -> None:
    ration = make(POLL, 60)
    assert ration.take(2, at()) == 0.0
    assert ration.take(120, at(seconds=10)) == pytest.approx(50.0)
    assert ration.take(120, at(seconds=60)) == 0.0
    assert ration.take(2, at(seconds=61)) == pytest.approx(59.0)


def test_a_429_halts_scoring_everywhere_and_nothing_else(make: Make) -> None:
    monitor, score, poll = make(MONITOR), make(SCORE), make(POLL)
    monitor.halt(at())
    assert score.take(2, at(seconds=20)) == pytest.approx(40.0)
    assert score.left(at(seconds=20)) == 0
    assert monitor.take(2, at(seconds=20)) == poll.take(2, at(seconds=20)) == 0.0
    assert score.take(2, at(seconds=60)) == 0.0


def test_a_clock_set_back_doesnt_starve_anybody(make: Make) -> None:
    ration = make(SCORE)
    ration.take(500, at(hours=1))
    ration.halt(at(hours=1))
    assert ration.left(at()) == 500
    assert ration.take(500, at()) == 0.0


def test_threads_never_take_more_than_there_is(make: Make) -> None:
    ration = make(MONITOR)
    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(lambda _: ration.take(20, at()), range(40)))
    assert taken.count(0.0) == 20


def test_the_file_keeps_the_last_minute_only(database: Path) -> None:
    with StoredRation(database, SCORE, 1_200) as ration:
        for minute in range(5):
            ration.take(20, at(minute))
    with closing(sqlite3.connect(database)) as raw:
        assert raw.execute("SELECT count(*) FROM api_weight").fetchone() == (1,)


def take_many(path: Path) -> int:
    """Take as often as possible; what another process runs."""
    with StoredRation(path, SCORE, 1_200) as ration:
        return [ration.take(20, at()) for _ in range(25)].count(0.0)


def test_processes_share_one_ration(database: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as processes:
        taken = processes.map(take_many, [database, database])
    assert sum(taken) == 25
