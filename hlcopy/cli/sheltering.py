"""What a live tick does when the database fails: positions are protected from what the venue shows, and the tick still fails."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from hlcopy.cli import logs
from hlcopy.errors import HlcopyError, LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hlcopy.cli.options import Session
    from hlcopy.ports import Desk

_WATCHING: Final = frozenset({"monitor", "poll", "positions", "run-all"})
_SECONDS: Final = 25.0


@contextmanager
def sheltered(session: Session, command: str) -> Iterator[None]:
    """Protect our positions before an error of the database goes on, which then says what was done for them."""
    try:
        yield
    except LedgerError as error:
        if session.settings.mode != "live" or command not in _WATCHING:
            raise
        done = protect(session)
        logs.log("sheltered", command=command, reason=str(error), done=done)
        message = f"{error}. Nothing is opened; {done}"
        raise type(error)(message) from error


def protect(session: Session) -> str:
    """Watch over our positions without writing anything, and return what came of it in words."""
    from hlcopy.cli import clock as clocks
    from hlcopy.wiring.http import BoundedHttp
    from hlcopy.wiring.shelter import open_shelter

    stop = threading.Event()
    try:
        real = clocks.SystemClock(stop)
        with BoundedHttp(real) as http:
            http.allow(_SECONDS)
            clock = clocks.clock_of(session.settings, real, http)
            hide = logs.scrub.hide_one
            with open_shelter(session.settings, http, clock, tell=session.warn, hide=hide) as (desk, known):
                return _watched(desk) if known else _covered(desk)
    except HlcopyError as error:
        return f"and positions could not be looked after ({error}): look at the venue's page"
    finally:
        stop.set()


def _watched(desk: Desk) -> str:
    """Run monitor on the copy of our books; what is still without a stop is named."""
    from hlcopy.ticks import monitor

    assert desk.clock is not None  # noqa: S101 - a desk of a tick has one
    report = monitor.run(desk, desk.clock.now())
    done = [f"{each.action} {each.reason or ''}".strip() for each in report.actions]
    open_ = [f"{p.item}: {p.message}" for p in report.problems]
    said = f"{len(report.positions)} of our positions watched over from the venue and a copy in memory"
    return said + "".join(f"; {each}" for each in (*done, *open_))


def _covered(desk: Desk) -> str:
    """Give every position at the venue its hard stop."""
    from hlcopy.ticks import shelter

    assert desk.clock is not None  # noqa: S101 - a desk of a tick has one
    with desk.account_lock():
        found = shelter.run(desk, desk.clock.now())
    if not found:
        return "the venue shows no position of ours"
    return "; ".join(f"{'' if each.safe else 'UNPROTECTED: '}{each.coin} {each.done}" for each in found)
