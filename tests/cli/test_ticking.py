"""What surrounds a tick: warnings, the write-ahead log, how it is told, how it is cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.locks import account_lock
from hlcopy.adapters.store import Binding, Store
from hlcopy.cli import ticking
from hlcopy.cli.ticking import Teller, tidy
from hlcopy.domain.book import ExitReason
from hlcopy.domain.models import EXECUTE
from hlcopy.errors import BadAnswerError, ConfigError, HlcopyError, OutOfCreditsError, SourceDownError, TryLaterError
from hlcopy.render.ticks import Ticked, error_lines, news_lines, positions_table, summary_text, tick_document
from hlcopy.ticks.report import PositionView, Problem, Report
from tests.builders import T0, TRADER, action, at, position, signal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Outcome


def ticked(report: Report | None = None, **more: object) -> Ticked:
    return Ticked(command="poll", at=T0, mode="paper", duration_ms=1, report=report, **more)  # type: ignore[arg-type]


def problems(count: int) -> tuple[Problem, ...]:
    return tuple(Problem(code="X", message="failed", item=f"item{number}") for number in range(count))


def test_a_warning_is_said_once_and_again_after_a_tick_without_it() -> None:
    said: list[str] = []
    tell = Teller(said.append)
    for texts in (["a", "b", "a"], ["a"], [], ["a"]):
        tell.begin()
        for text in texts:
            tell(text)
        assert tell.told == tuple(dict.fromkeys(texts))
    assert said == ["a", "b", "a"]


def test_a_long_write_ahead_log_is_emptied_under_the_account_lock_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.db"
    log = tmp_path / "x.db-wal"
    with Store.open(path, Binding("paper", "mainnet")) as store:
        before = log.stat().st_size
        tidy(store, path)
        assert log.stat().st_size == before > 0  # not long yet
        monkeypatch.setattr(ticking, "_LONG_LOG", 1)
        with account_lock(path):
            tidy(store, path)
        assert log.stat().st_size == before
        tidy(store, path)
        assert log.stat().st_size == 0
    tidy(store, tmp_path / "nowhere.db")


@pytest.mark.parametrize(
    ("failure", "code", "exit_code"),
    [
        (SourceDownError("x"), "SOURCE_DOWN", 75),
        (OutOfCreditsError("x"), "OUT_OF_CREDITS", 75),
        (BadAnswerError("x"), "BAD_ANSWER", 75),
        (TryLaterError("x"), "TRY_LATER", 75),
        (ConfigError("x"), "CONFIG", 78),
    ],
)
def test_a_tick_that_failed_has_its_error_s_exit_code_and_name(failure: HlcopyError, code: str, exit_code: int) -> None:
    failed = ticked(failure=failure)
    document = tick_document(failed)
    assert failed.exit_code == exit_code
    assert (document["ok"], document["errors"]) == (False, [{"code": code, "message": "x", "item": "poll"}])
    assert error_lines(failed) == ["poll: x"]


@pytest.mark.parametrize(
    ("case", "report", "code"),
    [
        ("all done", Report(command="poll", at=T0), 0),
        ("some failed", Report(command="poll", at=T0, problems=problems(1)), 1),
        ("nothing could be read", Report(command="poll", at=T0, problems=problems(1), unreachable=True), 75),
        ("left to another process", None, 0),
    ],
)
def test_the_exit_code_says_how_much_was_done(case: str, report: Report | None, code: int) -> None:
    assert ticked(report).exit_code == code, case


def test_many_failures_are_cut_short() -> None:
    lines = error_lines(ticked(Report(command="poll", at=T0, problems=problems(7))))
    assert lines[0] == "poll: item0: failed (X)"
    assert lines[5:] == ["poll: and 2 more, all in the log"]


def test_a_source_that_is_down_is_one_line_with_its_reason() -> None:
    down = Report(command="poll", at=T0, problems=problems(30), unreachable=True)
    (line,) = error_lines(ticked(down, told=("venue: refused", "more")))
    assert line == "poll: nothing could be read (venue: refused); nothing is lost, the next run goes on from here"


def test_addresses_are_short_in_what_a_person_reads_and_whole_in_json() -> None:
    report = Report(command="poll", at=T0, problems=(Problem(code="X", message="m", item=f"{TRADER} BTC"),))
    assert error_lines(ticked(report)) == ["poll: 0xaaaa…aaaa BTC: m (X)"]
    assert tick_document(ticked(report))["errors"] == [{"code": "X", "message": "m", "item": f"{TRADER} BTC"}]


def test_what_was_done_is_told_and_what_waits_is_not() -> None:
    report = Report(
        command="poll",
        at=T0,
        decisions=(signal(), signal(id="2", decision=EXECUTE, copy_size_usd=7_500.0)),
        actions=(action(action="closed", reason=ExitReason.STOP_LOSS, price=95.0), action(position_id=2)),
    )
    lines = news_lines(ticked(report, held={1: position(id=1, realized_pnl_usd=-10.4)}))
    assert [line.split("  ")[1] for line in lines] == ["judged", "closed"]
    assert lines[0].endswith("COPY $7.50k")
    assert lines[1].endswith("95  STOP_LOSS  -10")
    document = tick_document(ticked(report))
    assert [each["decision"] for each in document["decisions"]] == ["DEFERRED", "EXECUTE"]  # type: ignore[attr-defined]
    assert document["decisions"][0]["reason"] == "DEFERRED"  # type: ignore[index]
    assert document["actions"][0] == {  # type: ignore[index]
        "position_id": 1,
        "token_symbol": None,
        "action": "closed",
        "reason": "STOP_LOSS",
        "price": 95.0,
        "at": T0,
    }


def test_the_summary_has_the_notes_and_the_counts_within_80_columns() -> None:
    counts = {"traders": 1_500, "left_out": 2, **{f"SKIP_SOMETHING_{number}": number for number in range(9)}}
    text = summary_text(ticked(Report(command="poll", at=T0, counts=counts, notes=("fell back",))))
    assert text.splitlines()[0] == "fell back"
    assert text.splitlines()[1].startswith("poll: 1,500 traders, 2 left out, 0 SKIP_SOMETHING_0")
    assert max(map(len, text.splitlines())) < 80


def test_positions_without_a_mark_are_shown_without_one() -> None:
    views = [
        PositionView(
            position=position(id=1, trigger_price=95.0, stop_confirmed=True), mark_price=110.0, unrealized_pct=10.0
        ),
        PositionView(
            position=position(id=2, trigger_price=95.0, stop_confirmed=False), mark_price=None, unrealized_pct=None
        ),
    ]
    lines = positions_table(views, None).splitlines()
    assert lines[2].split()[5:8] == ["110", "+10.0%", "95"]
    assert lines[3].split()[5:8] == ["-", "-", "95?"]


def test_a_tick_that_is_interrupted_says_so_and_is_recorded(
    run: Callable[..., Outcome], database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hlcopy.ticks.monitor.run", interrupted)
    assert run("monitor") == type(run("--version"))(130, "", "interrupted\n")
    with Store.open(database, Binding("paper", "mainnet")) as store:
        last = store.runs.last("monitor")
    assert last is not None
    assert (last.ok, last.errors) == (False, ("KeyboardInterrupt",))
    assert last.finished_at is not None
    assert last.finished_at >= last.started_at > at(-1)
