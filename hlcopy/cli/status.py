"""How everything stands on one screen, once or refreshed in place."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hlcopy.cli import options
from hlcopy.errors import BadInputError, HlcopyError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from hlcopy.adapters.store import Store
    from hlcopy.cli.options import Session
    from hlcopy.ports import Clock, Market
    from hlcopy.render.status import Budgets, Where
    from hlcopy.ticks.overview import Overview

app = typer.Typer(rich_markup_mode=None)

_PATIENCE_S: Final = 8.0
_EVERY_S: Final = 10
_EXAMPLES: Final = """\
\b
Examples:
  hlcopy status
  hlcopy status --watch
  hlcopy status --watch 5
  hlcopy status --no-refresh --json

\b
--watch ends with Ctrl-C and exit code 130.
"""


@app.callback()
def _commands() -> None:
    """Keep `app` a group, whatever the number of its commands."""


@app.command("status", epilog=_EXAMPLES)
def status(
    *,
    every: Annotated[
        int | None,
        typer.Argument(
            metavar="[SECONDS]",
            min=1,
            help="With --watch: how long between two looks; 10 if not given.",
            show_default=False,
        ),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh in place until Ctrl-C.")] = False,
    no_refresh: Annotated[bool, typer.Option("--no-refresh", help="Ask the venue for nothing: no marks.")] = False,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Show how everything stands on one screen.

    Mode, equity and its curve, open positions with the way to their stops, today's and the week's result, signals by
    decision, each tick's last run and next turn, what is left to ask with, and what keeps entries out.
    """
    if every is not None and not watch:
        message = "SECONDS is for --watch"
        raise BadInputError(message)
    if watch and (as_json or not sys.stdout.isatty()):
        message = "--watch needs a terminal; " + ("--json prints one document" if as_json else "leave it out here")
        raise BadInputError(message)
    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    with ExitStack() as opened:
        look = _opened(session, opened, ask=not no_refresh)
        if watch:
            _watch(session, look, every or _EVERY_S)
            return
        seen, where, budgets, notes = look()
    from hlcopy.render.status import status_document, status_text

    if as_json:
        session.show_json(status_document(seen, where, budgets, notes))
    else:
        session.show(status_text(seen, where, budgets, notes, session.width))


_Look = tuple["Overview", "Where", "Budgets", list[str]]


def _opened(session: Session, opened: ExitStack, *, ask: bool) -> Callable[[], _Look]:
    """Open what is looked at; the look may be taken any number of times."""
    from hlcopy.cli import clock as clocks
    from hlcopy.cli.cadence import cadences
    from hlcopy.render.status import Where
    from hlcopy.ticks.overview import overview
    from hlcopy.wiring import desks
    from hlcopy.wiring.http import BoundedHttp

    settings = session.settings
    policy = settings.policy()
    store = opened.enter_context(session.store())
    real = clocks.SystemClock()
    http = opened.enter_context(BoundedHttp(real))
    clock: Clock = clocks.clock_of(settings, real, http) if ask else real
    told: list[str] = []
    market = opened.enter_context(desks.open_prices(settings, http, clock, tell=told.append)) if ask else None
    where = Where(mode=settings.mode, network=settings.network, account=settings.account_address)

    def look() -> _Look:
        told.clear()
        now = clock.now() if ask else _stored_present(store, settings.clock)
        http.allow(_PATIENCE_S)
        marks = {} if market is None else _marks(store, market, now)
        seen = overview(store, policy, cadences(policy), marks, now)
        return seen, where, desks.budgets_left(settings, now), list(dict.fromkeys(told))

    return look


def _stored_present(store: Store, clock: str) -> datetime:
    """Return the present; where the venue's clock is meant and may not be asked, that of the last equity known."""
    last = store.controls.last_equity()
    return last.at if clock == "venue" and last is not None else options.now()


def _marks(store: Store, market: Market, now: datetime) -> dict[str, float]:
    """Return the marks of the coins we hold, as far as the venue tells them."""
    from hlcopy.ports import UNKNOWN

    found = {}
    for coin in sorted({position.coin for position in store.book.positions()}):
        seen = market.marks(coin, now, now)
        if seen is UNKNOWN:
            break  # one reading tells all of them
        if seen is not None:
            found[coin] = seen.last
    return found


def _watch(session: Session, look: Callable[[], _Look], every: int) -> None:
    """Show the screen and refresh it in place until interrupted; what can't be read now is told and tried again."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from hlcopy.render.status import status_text

    with Live(console=Console(file=sys.stdout), auto_refresh=False, screen=True) as live:
        while True:
            try:
                shown = status_text(*look(), session.width)
            except HlcopyError as error:
                shown = f"{error}\n"
            live.update(Text.from_ansi(f"{shown}\nCtrl-C ends it; refreshed every {every} s"), refresh=True)
            time.sleep(every)
