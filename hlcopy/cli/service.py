"""All ticks in one process: run-all, as a service until it is told to stop, or each due tick once."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hlcopy.cli import INTERRUPTED, logs, options, ticking
from hlcopy.cli import clock as clocks
from hlcopy.cli.cadence import cadences, is_due_again
from hlcopy.cli.sheltering import sheltered
from hlcopy.errors import BadInputError

if TYPE_CHECKING:
    from datetime import datetime

    from hlcopy.adapters.store import Store
    from hlcopy.cli.options import Session
    from hlcopy.domain.policy import Policy
    from hlcopy.render.ticks import Ticked

app = typer.Typer(rich_markup_mode=None)

_TIME_TO_STOP_S: Final = 3.0
_EXAMPLES: Final = """\
\b
Examples:
  hlcopy run-all
  hlcopy run-all --once --json

\b
SIGTERM ends it with 0, Ctrl-C with 130, both within seconds; what was being
done is taken up by the next run. --once ends with the worst exit code of its
ticks: 78, then 75, 1, 0.
"""


@app.callback()
def _commands() -> None:
    """Keep `app` a group, whatever the number of its commands."""


@app.command("run-all", epilog=_EXAMPLES)
def run_all(
    *,
    once: Annotated[bool, typer.Option("--once", help="Run each tick that is due, and exit.")] = False,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document; needs --once.")] = False,
    quiet: options.TickQuiet = False,
) -> None:
    """Run all ticks at their cadences until stopped, or once.

    Each has a worker of its own, and nothing stands before monitor. A tick that cron or a person runs meanwhile isn't run
    twice; a second run-all ends at once.
    """
    if as_json and not once:
        message = "--json needs --once: a service has no end at which to print one document"
        raise BadInputError(message)
    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    from hlcopy.adapters.locks import command_lock

    with command_lock(session.settings.database, "run-all") as held:
        if not held:
            _say_busy(session)
        elif once:
            raise typer.Exit(_once(session))
        else:
            raise typer.Exit(_serve(session))


def _say_busy(session: Session) -> None:
    note = "run-all is running already; nothing was done"
    if session.as_json:
        session.show_json(_document(session, options.now(), 0, [], [note]))
    elif not session.quiet:
        session.show(f"{note}\n")


def order_once(store: Store, now: datetime, policy: Policy) -> list[str]:
    """Return the ticks that are due, in their order: without a set of traders that is found before it is used."""
    last_score = store.runs.last("score")
    first = last_score is None or not last_score.ok
    order = ["monitor", *(["score"] if first else []), "positions", "poll", *([] if first else ["score"])]
    every = cadences(policy)
    return [name for name in order if is_due_again(store.runs.last(name), now, every[name])]


def _once(session: Session) -> int:
    """Run each due tick and return the worst exit code: 78 before 75 before 1 before 0."""
    from hlcopy.wiring.http import BoundedHttp

    done: list[Ticked] = []
    stop = threading.Event()
    try:
        real = clocks.SystemClock(stop)
        with sheltered(session, "run-all"), session.store(create=True) as store, BoundedHttp(real) as http:
            clock = clocks.clock_of(session.settings, real, http)
            began, at = clock.monotonic(), clock.now()
            tell = ticking.Teller(session.warn)
            for name in order_once(store, at, session.settings.policy()):
                with ticking.opened_work(session, name, store, http, clock, tell) as work:
                    done.append(ticking.tick(session, name, store, clock, tell, work))
                if not session.as_json:
                    ticking.show(session, done[-1])
            duration_ms = round((clock.monotonic() - began) * 1000)
    except BaseException:
        stop.set()
        raise
    if session.as_json:
        session.show_json(_document(session, at, duration_ms, done, []))
    return max((ticked.exit_code for ticked in done), default=0)


def _document(
    session: Session, at: datetime, duration_ms: int, done: list[Ticked], notes: list[str]
) -> dict[str, object]:
    from hlcopy.render.ticks import tick_document

    ticks = [tick_document(ticked) for ticked in done]
    return {
        "command": "run-all",
        "ok": all(ticked.exit_code == 0 for ticked in done),
        "at": at,
        "mode": session.settings.mode,
        "duration_ms": duration_ms,
        "counts": {"ticks": len(done)},
        "errors": [],
        "notes": notes,
        "ticks": ticks,
    }


def _serve(session: Session) -> int:
    """Run the workers until a signal comes; return 0 for SIGTERM, 130 for SIGINT."""
    from hlcopy.cli.workers import Service

    if session.settings.mode == "live":
        from hlcopy.wiring.keys import agent_key

        agent_key(session.settings, logs.scrub.hide_one)
    with sheltered(session, "run-all"), session.store(create=True):
        pass  # what is wrong with the database is told now, not by each worker
    endings = {signal.SIGINT, signal.SIGTERM}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, endings)  # the workers inherit it: only this thread hears signals
    try:
        service = Service(session)
        service.start()
        ending = signal.sigwait(endings)
        service.stop(_TIME_TO_STOP_S)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return INTERRUPTED if ending == signal.SIGINT else 0
