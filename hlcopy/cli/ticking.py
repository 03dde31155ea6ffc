"""One run of a tick: its lock, its row in the ledger of runs, what it says, and its line in the log."""

from __future__ import annotations

import math
import threading
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Final

from hlcopy.cli import alerting, logs
from hlcopy.cli.heartbeat import Heartbeat
from hlcopy.cli.sheltering import sheltered
from hlcopy.errors import HlcopyError, TryLaterError
from hlcopy.render.pauses import pauses_text
from hlcopy.render.ticks import (
    HOLDS,
    Ticked,
    error_lines,
    news_lines,
    positions_table,
    problem_line,
    summary_text,
    tick_document,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from hlcopy.adapters.store import Store
    from hlcopy.cli.options import Session
    from hlcopy.ports import Clock
    from hlcopy.ticks.report import Problem, Report
    from hlcopy.wiring.http import BoundedHttp

_LONG_LOG: Final = 8 * 1024 * 1024
_RUNS_KEPT: Final = timedelta(days=30)


class Teller:
    """Passes on what sources say of trouble: each text once, again only after a tick without it; any thread may use it."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._lock = threading.Lock()
        self._before: set[str] = set()
        self._texts: list[str] = []

    def __call__(self, text: str) -> None:
        """Warn of something, unless that was done already."""
        with self._lock:
            if text in self._texts:
                return
            self._texts.append(text)
            known = text in self._before
        if not known:
            logs.log("warning", text=text)
            self._warn(text)

    def begin(self) -> None:
        """Begin another tick."""
        with self._lock:
            self._before, self._texts = set(self._texts), []

    @property
    def told(self) -> tuple[str, ...]:
        """What was said in this tick."""
        with self._lock:
            return tuple(self._texts)


@contextmanager
def opened_work(
    session: Session, command: str, store: Store, http: BoundedHttp, clock: Clock, tell: Teller, *, silent: bool = False
) -> Iterator[Callable[[datetime], Report]]:
    """Open what a tick works with, and yield the tick: a function of the moment it runs at, to be called any number of times.

    `silent` shows no progress.
    """
    from hlcopy.wiring import desks

    seconds = desks.ALLOWANCES[command].tick_s
    settings = session.settings
    with ExitStack() as opened:
        work: Callable[[datetime], Report]
        try:
            if command == "score":
                from hlcopy.ports import SilentProgress
                from hlcopy.ticks import score

                progress = SilentProgress() if silent else opened.enter_context(session.progress())
                scoring = desks.open_scoring_desk(settings, store, http, clock, tell=tell, progress=progress)
                work = partial(score.run, opened.enter_context(scoring))
            else:
                if not silent:
                    opened.enter_context(session.progress("Asking the venue"))
                hide = logs.scrub.hide_one
                desk = desks.open_desk(settings, store, http, clock, command=command, tell=tell, hide=hide)
                work = partial(import_module(f"hlcopy.ticks.{command}").run, opened.enter_context(desk))
        except HlcopyError as error:
            _couldn_t_begin(session, command, store, clock, error)
            raise

        def run(now: datetime) -> Report:
            http.allow(seconds)
            try:
                report = work(now)
            finally:
                http.allow(math.inf)  # the venue's clock is read between ticks, too
            if command in {"monitor", "poll"}:
                tidy(store, settings.database)
            return _backed_up(session, report, now) if command == "score" else report

        yield run


def _backed_up(session: Session, report: Report, now: datetime) -> Report:
    """Return what score did with what came of the day's backup, whose failing fails nothing else."""
    from hlcopy.cli import keeping
    from hlcopy.ticks.report import Problem

    failed = keeping.backup_due(session.settings, now)
    if failed is None:
        return report
    problem = Problem(code="BACKUP_FAILED", message=failed, item=session.settings.database.name)
    return replace(report, problems=(*report.problems, problem))


def tick(
    session: Session,
    command: str,
    store: Store,
    clock: Clock,
    tell: Teller,
    work: Callable[[datetime], Report],
    *,
    alone: bool = True,
) -> Ticked:
    """Run a tick unless another process is running the same, and return what became of it.

    It is recorded in the ledger of runs, where `ok` means that it was done, if not for every item. Without `alone` it is
    run all the same: what a person asks for isn't left to another process.
    """
    from hlcopy.adapters.locks import command_lock

    began, at = clock.monotonic(), clock.now()
    tell.begin()
    report: Report | None = None
    failure: HlcopyError | None = None
    notes: tuple[str, ...] = ()
    aside: tuple[Problem, ...] = ()
    with command_lock(session.settings.database, command) if alone else nullcontext(enter_result=True) as held:
        if held:
            with _watched(session, command, watched=alone) as ended:
                try:
                    with sheltered(session, command):
                        report = _recorded(store, command, at, clock, work)
                except HlcopyError as error:
                    failure = error
                present = at + timedelta(seconds=clock.monotonic() - began)
                aside = alerting.after_tick(session, store, present)
                aside += ended(ok=report is not None and not report.unreachable and not aside)
        else:
            notes = (f"{command} is running already; nothing was done",)
    found = ((done.position_id, store.book.position(done.position_id)) for done in (report.actions if report else ()))
    ticked = Ticked(
        command=command,
        at=at,
        mode=session.settings.mode,
        duration_ms=round((clock.monotonic() - began) * 1000),
        report=report,
        failure=failure,
        notes=notes,
        told=tell.told,
        held={number: position for number, position in found if position is not None},
        aside=aside,
    )
    _log(ticked)
    return ticked


@contextmanager
def _watched(session: Session, command: str, *, watched: bool) -> Iterator[Callable[..., tuple[Problem, ...]]]:
    """Tell the watchman that a tick begins, and yield how to tell that it ended; one that crashes is told as failed."""
    if not watched:
        yield lambda **_: ()
        return
    heartbeat = Heartbeat(session.settings, command)
    heartbeat.start()
    try:
        yield heartbeat.end
    except Exception:
        heartbeat.end(ok=False)
        raise


def _couldn_t_begin(session: Session, command: str, store: Store, clock: Clock, error: HlcopyError) -> None:
    """Record a tick that couldn't even begin as one that failed, and let people know as after any other."""
    with suppress(HlcopyError):  # the venue's clock or the database may be what failed
        at = clock.now()
        run_id = store.runs.start(command, at)
        store.runs.finish(run_id, at, ok=False, counts={}, errors=[logs.scrub(str(error))])
        problems = alerting.after_tick(session, store, at)
        for problem in (*problems, *Heartbeat(session.settings, command).end(ok=False)):
            session.complain(problem_line(command, problem))


def nothing_done(session: Session, command: str, clock: Clock, why: str) -> Ticked:
    """Return a tick that wasn't run, with the reason."""
    return Ticked(command=command, at=clock.now(), mode=session.settings.mode, duration_ms=0, notes=(why,))


def tidy(store: Store, database: Path) -> None:
    """Empty the write-ahead log once it has grown long, under the account lock and only if that is free."""
    from hlcopy.adapters.locks import account_lock

    log = database.with_name(f"{database.name}-wal")
    with suppress(OSError, TryLaterError):
        if log.stat().st_size > _LONG_LOG:
            with account_lock(database, timeout=0.0):
                store.checkpoint()


def _recorded(store: Store, command: str, at: datetime, clock: Clock, work: Callable[[datetime], Report]) -> Report:
    began = clock.monotonic()
    run_id = store.runs.start(command, at)

    def finish(report: Report | None, errors: list[str]) -> None:
        ended = at + timedelta(seconds=clock.monotonic() - began)
        done = report is not None and not report.unreachable
        counts, said = report.counts if report else {}, [logs.scrub(each) for each in errors]
        store.runs.finish(run_id, ended, ok=done, counts=counts, errors=said)

    try:
        report = work(at)
    except BaseException as error:
        with suppress(HlcopyError):  # the database itself may be what failed
            finish(None, [str(error) if isinstance(error, HlcopyError) else type(error).__name__])
        raise
    finish(report, [f"{problem.code} {problem.item}: {problem.message}" for problem in report.problems])
    if command == "score":  # once a day is often enough
        store.runs.prune(at - _RUNS_KEPT)
    return report


def show(session: Session, ticked: Ticked) -> None:
    """Say what a tick did: one JSON document, or lines; with `--quiet` only what was done and what failed."""
    if session.as_json:
        session.show_json(tick_document(ticked))
        if ticked.exit_code > 1:  # of what failed for some items the document tells
            session.complain(error_lines(ticked)[0])
        return
    news = news_lines(ticked)
    session.show("".join(f"{line}\n" for line in news))
    report = ticked.report
    if not session.quiet:
        wanted = ticked.command != "monitor" or news or session.width is not None
        if report is not None and ticked.command in HOLDS and wanted:
            session.show(positions_table(report.positions, session.width))
        if report is not None:
            session.show(pauses_text(report.halted, report.breakers))
        session.show(summary_text(ticked))
    for line in error_lines(ticked):
        session.complain(line)


def _log(ticked: Ticked) -> None:
    """Log what a tick did and what failed; one that found nothing to do has its row in the ledger of runs only."""
    if ticked.failure is not None:
        logs.log(f"{ticked.command} failed", reason=str(ticked.failure), duration_ms=ticked.duration_ms)
    report = ticked.report
    if report is None:
        return
    for signal in report.decisions:
        if signal.is_final:
            logs.log(
                "judged",
                signal=signal.id,
                trader=signal.trader,
                coin=signal.coin,
                side=signal.side,
                decision=signal.decision,
                copy_size_usd=signal.copy_size_usd,
            )
    for done in report.actions:
        logs.log("acted", position=done.position_id, action=done.action, reason=done.reason, price=done.price)
    for problem in report.problems:
        logs.log("problem", command=ticked.command, code=problem.code, item=problem.item, message=problem.message)
