"""The ticks: score, poll, monitor, positions. Each is short, may be run twice or killed, and leaves the rest to its next run."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hlcopy.cli import options

if TYPE_CHECKING:
    from hlcopy.adapters.store import Store
    from hlcopy.cli.options import Session
    from hlcopy.ports import Clock

app = typer.Typer(rich_markup_mode=None)

Jitter = Annotated[
    float,
    typer.Option(
        "--jitter",
        min=0,
        max=3_600,
        metavar="SECONDS",
        help="Wait a random time up to this before beginning, for cron.",
    ),
]

_EXAMPLES: Final = """\
\b
Examples:
  hlcopy {name}
  hlcopy {name} --quiet --jitter 5
"""
_POSITIONS_EXAMPLES: Final = """\
\b
Examples:
  hlcopy positions
  hlcopy positions --no-refresh --all
"""


@app.command("score", epilog=_EXAMPLES.format(name="score"))
def score(
    *,
    if_due: Annotated[
        bool, typer.Option("--if-due", help="Do nothing if it was done today (UTC) or failed minutes ago, for cron.")
    ] = False,
    jitter: Jitter = 0.0,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.TickQuiet = False,
) -> None:
    """Find traders, score them and choose whom to follow.

    Reads the leaderboard, the equity histories of the best of it and their fills, within the ration of API weight: the
    first run takes up to an hour, later ones some minutes. One that is interrupted goes on where it was.
    """
    _run("score", jitter, options.Session.begin(db, env_file, as_json=as_json, quiet=quiet), if_due=if_due)


@app.command("poll", epilog=_EXAMPLES.format(name="poll"))
def poll(
    *,
    jitter: Jitter = 0.0,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.TickQuiet = False,
) -> None:
    """Fetch traders' orders, judge them, copy those that pass."""
    _run("poll", jitter, options.Session.begin(db, env_file, as_json=as_json, quiet=quiet))


@app.command("monitor", epilog=_EXAMPLES.format(name="monitor"))
def monitor(
    *,
    jitter: Jitter = 0.0,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.TickQuiet = False,
) -> None:
    """Watch over our positions: stops, profit tiers, exits."""
    _run("monitor", jitter, options.Session.begin(db, env_file, as_json=as_json, quiet=quiet))


@app.command("positions", epilog=_POSITIONS_EXAMPLES)
def positions(
    *,
    no_refresh: Annotated[bool, typer.Option("--no-refresh", help="Only print what is stored.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="With --no-refresh: closed positions, too.", show_default=False)
    ] = False,
    jitter: Jitter = 0.0,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.TickQuiet = False,
) -> None:
    """Refresh what traders hold, and show our positions.

    A trader we copied who was liquidated is noticed here, and our copy is closed. A question mark behind a stop says that
    it wasn't seen resting at the venue yet.
    """
    if everything and not no_refresh:
        message = "--all needs --no-refresh"
        raise typer.BadParameter(message)
    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    if no_refresh:
        _print_stored(session, everything=everything)
    else:
        _run("positions", jitter, session)


def _run(command: str, jitter: float, session: Session, *, if_due: bool = False) -> None:
    """Run a tick once, if that is due where it was asked, and end with its exit code."""
    from hlcopy.cli import clock as clocks
    from hlcopy.cli import ticking
    from hlcopy.cli.sheltering import sheltered
    from hlcopy.wiring.http import BoundedHttp

    stop = threading.Event()
    try:
        real = clocks.SystemClock(stop)
        if jitter:
            real.sleep(random.uniform(0.0, jitter))  # noqa: S311 - spreads load, hides nothing
        tell = ticking.Teller(session.warn)
        with sheltered(session, command), session.store(create=True) as store, BoundedHttp(real) as http:
            clock = clocks.clock_of(session.settings, real, http)
            if if_due and not _is_due(session, command, store, clock):
                ticked = ticking.nothing_done(session, command, clock, f"{command} isn't due; nothing was done")
            else:
                with ticking.opened_work(session, command, store, http, clock, tell) as work:
                    ticked = ticking.tick(session, command, store, clock, tell, work)
    except BaseException:
        stop.set()  # threads that wait to try again have nobody left to tell
        raise
    ticking.show(session, ticked)
    raise typer.Exit(ticked.exit_code)


def _is_due(session: Session, command: str, store: Store, clock: Clock) -> bool:
    from hlcopy.cli.cadence import cadences, is_due_again

    every = cadences(session.settings.policy())[command]
    return is_due_again(store.runs.last(command), clock.now(), every)


def _print_stored(session: Session, *, everything: bool) -> None:
    from hlcopy.ticks import breakers

    began, at = time.perf_counter(), options.now()
    settings = session.settings
    with session.store() as store:
        found = store.book.positions(live_only=not everything)
        halted = store.controls.halt()
        last = store.controls.last_equity()
        moment = last.at if last is not None and settings.clock == "venue" else at  # nothing is asked here
        standing = breakers.remembered(store, settings.policy().breakers, moment)
    if session.as_json:
        from hlcopy.render.pauses import breaker_documents, halt_document
        from hlcopy.render.rows import position_row

        session.show_json(
            {
                "command": "positions",
                "ok": True,
                "at": at,
                "mode": session.settings.mode,
                "duration_ms": round((time.perf_counter() - began) * 1000),
                "counts": {"positions": len(found)},
                "errors": [],
                "notes": [],
                "actions": [],
                "positions": [position_row(position) for position in found],
                "halted": halt_document(halted),
                "breakers": breaker_documents(standing),
            }
        )
    else:
        from hlcopy.render.pauses import pauses_text
        from hlcopy.render.reports import positions_tables

        session.show(positions_tables(found, session.width, with_closed=everything))
        session.show(pauses_text(halted, standing))
