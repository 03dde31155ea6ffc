"""What an operator does by hand: halt, resume, close, flatten, verify."""

from __future__ import annotations

import math
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from hlcopy.cli import logs, options
from hlcopy.cli.clock import present
from hlcopy.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from hlcopy.adapters.store import Store
    from hlcopy.cli.options import Session
    from hlcopy.cli.ticking import Teller
    from hlcopy.ports import Clock, Desk
    from hlcopy.ticks.operate import Outlook
    from hlcopy.ticks.report import Report
    from hlcopy.wiring.http import BoundedHttp

T = TypeVar("T")

app = typer.Typer(rich_markup_mode=None)

_BY_HAND: Final = "by hand"
_OPERATE: Final = "operate"
_ASKING: Final = "Asking the venue"

_HALT_EXAMPLES: Final = """\
\b
Examples:
  hlcopy halt --reason "exchange maintenance"
  hlcopy halt --json

\b
Works without the venue. Halting twice changes nothing: the first reason and
time stand.
"""
_RESUME_EXAMPLES: Final = """\
\b
Examples:
  hlcopy resume
  hlcopy resume --yes --json

\b
Exit codes: 0 resumed, or nothing was halted; 2 without a terminal and without
--yes; 75 when our account can't be read: nothing is resumed then.
"""
_CLOSE_EXAMPLES: Final = """\
\b
Examples:
  hlcopy close 7
  hlcopy close BTC --json

\b
Exit codes: 0 closed, also when it was closed already; 1 something of it is
left, which monitor goes on closing; 2 nothing of ours has that name; 75 the
venue can't be read, or the entry isn't settled yet.
"""
_FLATTEN_EXAMPLES: Final = """\
\b
Examples:
  hlcopy flatten --yes
  hlcopy flatten --yes --json

\b
Exit codes: 0 nothing of ours is left; 1 something is, which monitor goes on
closing; 2 without a terminal and without --yes; 75 the venue can't be read:
the halt stands, run it again.
"""
_VERIFY_EXAMPLES: Final = """\
\b
Examples:
  hlcopy verify
  hlcopy verify --fix
  hlcopy verify --json --quiet

\b
Exit codes: 0 all is well; 1 something is wrong; 75 the venue can't be read,
or another command held the account for too long.
"""

Yes = Annotated[bool, typer.Option("--yes", help="Don't ask.")]


@app.command("halt", epilog=_HALT_EXAMPLES)
def halt(
    *,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; it is shown until somebody resumes.")
    ] = (_BY_HAND),
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Open nothing new until resume; exits and stops go on.

    It survives restarts, and holds for every command on this database.
    """
    from hlcopy.render.pauses import halt_document, halted_text
    from hlcopy.ticks import operate

    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    began = time.perf_counter()
    at = present(session.settings)
    with session.store(create=True) as store:
        before = store.controls.halt()
        standing = operate.halt(store.controls, " ".join(reason.split()) or _BY_HAND, at)
    if before is None:
        logs.log("halted", reason=standing.reason)
    if as_json:
        done = {"halted": halt_document(standing), "changed": before is None}
        session.show_json(_document(session, "halt", at, began, ok=True, more=done))
    elif not quiet:
        session.show(halted_text(standing, already=before is not None))


@app.command("resume", epilog=_RESUME_EXAMPLES)
def resume(
    *,
    yes: Yes = False,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """End a halt or a drawdown breaker, once you saw what it means.

    Shows mode, account, equity, the largest possible order, open positions and the breakers that stay, and asks once. A
    new live database starts halted.
    """
    from hlcopy.render.operating import outlook_document, outlook_text
    from hlcopy.ticks import operate

    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    _require_answer(session, yes=yes)
    began = time.perf_counter()
    with _opened(session, create=True) as work:
        at = work.clock.now()
        seen = work.run(operate.outlook, at)
        ends = seen.has_anything_to_end
        where = _where(session)
        if not as_json and not quiet:
            session.show(outlook_text(seen, where))
        if ends:
            if not yes:
                typer.confirm("Resume: open new positions again?", abort=True, err=True)
            at = work.clock.now()
            work.store.controls.resume(at)
            logs.log("resumed", equity_usd=seen.equity)
    if as_json:
        done = {**dict(where), **outlook_document(seen), "resumed": ends}
        session.show_json(_document(session, "resume", at, began, ok=True, more=done))
    elif not quiet:
        session.show(_resumed(seen))


def _resumed(seen: Outlook) -> str:
    if not seen.has_anything_to_end:
        return "Nothing was halted; nothing was changed.\n"
    stays = " Breakers above stay in force until their time is over." if seen.staying else ""
    return f"Resumed: new entries are allowed.{stays}\n"


def _require_answer(session: Session, *, yes: bool) -> None:
    """Refuse to go on without a yes where nobody can be asked for it."""
    if yes or (sys.stdin.isatty() and not session.as_json):
        return
    message = "nobody can be asked here; say it with --yes" if not session.as_json else "--json needs --yes"
    raise BadInputError(message)


def _document(
    session: Session, command: str, at: datetime, began: float, *, ok: bool, more: Mapping[str, object]
) -> dict[str, object]:
    """Return the document of a command in the shape that all share."""
    return {
        "command": command,
        "ok": ok,
        "at": at,
        "mode": session.settings.mode,
        "duration_ms": round((time.perf_counter() - began) * 1000),
        "counts": {},
        "errors": [],
        **more,
    }


def _where(session: Session) -> list[tuple[str, str]]:
    """Return where we trade: mode, network, venue, account and agent."""
    from urllib.parse import urlsplit

    settings = session.settings
    rows = [("mode", settings.mode), ("network", settings.network), ("venue", urlsplit(settings.venue_url).netloc)]
    if settings.mode == "paper":
        return [*rows, ("account", "the paper account")]
    from hlcopy.wiring.identity import identity

    who = identity(settings, logs.scrub.hide_one)
    return [*rows, ("account", who.account), ("agent", who.agent)]


@app.command("close", epilog=_CLOSE_EXAMPLES)
def close(
    target: Annotated[
        str, typer.Argument(metavar="ID|COIN", help="The position's id, or its coin.", show_default=False)
    ],
    *,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.TickQuiet = False,
) -> None:
    """Close one position of ours at once.

    A position that hlcopy didn't open is left alone.
    """
    from hlcopy.ticks import operate

    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    _operate(session, "close", lambda desk, now: operate.close(desk, target.strip(), now))


@app.command("flatten", epilog=_FLATTEN_EXAMPLES)
def flatten(
    *,
    yes: Yes = False,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.TickQuiet = False,
) -> None:
    """Halt, and close every position of ours at once.

    Positions that hlcopy didn't open are left alone. End the halt with resume.
    """
    from hlcopy.ticks import operate

    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    _require_answer(session, yes=yes)
    with session.store() as store:
        count = len(store.book.positions())
        if not yes:
            typer.confirm(f"Halt, and close all {count} open positions at the market?", abort=True, err=True)
        operate.halt(store.controls, operate.FLATTEN, present(session.settings))  # before anything that could fail
    _operate(session, "flatten", operate.flatten)


@app.command("verify", epilog=_VERIFY_EXAMPLES)
def verify(
    *,
    fix: Annotated[bool, typer.Option("--fix", help="Reconcile what is wrong, and look again.")] = False,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Prove that every position is guarded and that books agree.

    Each must have exactly one reduce-only stop of its size, on the right side, before liquidation; nothing of ours may
    be left over. What others opened is noted. Naked seconds are the time positions stood without a resting stop.
    """
    from hlcopy.render.operating import verdict_document, verdict_lines, verdict_text
    from hlcopy.ticks import verify as proof

    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    began = time.perf_counter()
    with _opened(session) as work:
        verdict = work.run(partial(proof.run, fix=fix), work.clock.now())
    for problem in verdict.problems:
        logs.log("wrong", code=problem.code, item=problem.item, message=problem.message)
    if as_json:
        more = verdict_document(verdict)
        session.show_json(_document(session, "verify", verdict.at, began, ok=verdict.ok, more=more))
    else:
        if not quiet:
            session.show(verdict_text(verdict, session.width))
        for line in verdict_lines(verdict):
            session.complain(line)
    raise typer.Exit(0 if verdict.ok else 1)


def _operate(session: Session, command: str, use: Callable[[Desk, datetime], Report]) -> None:
    """Run a use case by hand: it is recorded and told like a tick, and never left to another process."""
    from hlcopy.cli import ticking

    with _opened(session) as work:
        ticked = ticking.tick(
            session, command, work.store, work.clock, work.tell, lambda now: work.run(use, now), alone=False
        )
        ticking.tidy(work.store, session.settings.database)
    ticking.show(session, ticked)
    raise typer.Exit(ticked.exit_code)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What a command by hand works with."""

    store: Store
    desk: Desk
    clock: Clock
    tell: Teller
    http: BoundedHttp
    seconds: float
    session: Session

    def run(self, use: Callable[[Desk, datetime], T], now: datetime) -> T:
        """Run a use case, whose requests together take no longer than the command may."""
        self.http.allow(self.seconds)
        try:
            with self.session.progress(_ASKING):
                return use(self.desk, now)
        finally:
            self.http.allow(math.inf)


@contextmanager
def _opened(session: Session, *, create: bool = False) -> Iterator[_Work]:
    """Open what a command by hand works with while the block runs."""
    from hlcopy.cli import clock as clocks
    from hlcopy.cli import ticking
    from hlcopy.wiring import desks
    from hlcopy.wiring.http import BoundedHttp

    stop = threading.Event()
    try:
        real = clocks.SystemClock(stop)
        tell = ticking.Teller(session.warn)
        with session.store(create=create) as store, BoundedHttp(real) as http:
            clock = clocks.clock_of(session.settings, real, http)
            hide = logs.scrub.hide_one
            opening = desks.open_desk(session.settings, store, http, clock, command=_OPERATE, tell=tell, hide=hide)
            with ExitStack() as opened:
                with session.progress(_ASKING):  # over before anything is asked of the user
                    desk = opened.enter_context(opening)
                yield _Work(
                    store=store,
                    desk=desk,
                    clock=clock,
                    tell=tell,
                    http=http,
                    seconds=desks.ALLOWANCES[_OPERATE].tick_s,
                    session=session,
                )
    except BaseException:
        stop.set()  # threads that wait to try again have nobody left to tell
        raise
