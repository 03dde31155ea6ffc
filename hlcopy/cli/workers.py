"""The workers of run-all: a thread for each tick, none of which can take another down."""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final

from hlcopy.cli import clock as clocks
from hlcopy.cli import logs, ticking
from hlcopy.cli.cadence import duties
from hlcopy.cli.sheltering import sheltered
from hlcopy.errors import HlcopyError
from hlcopy.render.ticks import error_lines, news_lines, summary_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hlcopy.cli.cadence import Duty
    from hlcopy.cli.options import Session
    from hlcopy.render.ticks import Ticked

_FIRST: Final = "monitor"
_LONGEST_NAP_S: Final = 60.0
_FIRST_BACKOFF_S: Final = 1.0
_LONGEST_BACKOFF_S: Final = 300.0


class Service:
    """The workers, from their start until they are told to stop."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._stop = threading.Event()
        self._watched = threading.Event()  # set once monitor has had its first turn: the others wait for it
        self._speaking = threading.Lock()
        self._duties = duties(session.settings.policy())
        self._threads = [
            threading.Thread(target=self._work, args=(duty,), name=duty.command, daemon=True) for duty in self._duties
        ]

    def start(self) -> None:
        """Start the workers, monitor's first."""
        told = ", ".join(f"{duty.command} every {duty.every.total_seconds():g} s" for duty in self._duties)
        logs.log("run-all started", cadences=told)
        if not self._session.quiet:
            self.say(["run-all; Ctrl-C stops it", told], [])
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float) -> None:
        """Let the workers end what they do for some seconds, then leave them: they die with the process."""
        self._stop.set()
        self._watched.set()
        clock = clocks.SystemClock()
        until = clock.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - clock.monotonic()))
        left = [thread.name for thread in self._threads if thread.is_alive()]
        logs.log("run-all stopped", left_undone=", ".join(left))
        self._speaking.acquire()  # never given back: a thread that writes while the interpreter ends would crash it

    def say(self, lines: Sequence[str], errors: Sequence[str]) -> None:
        """Print lines and failures; that nobody can read them is no reason to stop watching over positions."""
        with self._speaking, suppress(OSError, HlcopyError):
            if lines:
                self._session.show("".join(f"{line}\n" for line in lines))
                sys.stdout.flush()
            for error in errors:
                self._session.complain(error)

    def warn(self, text: str) -> None:
        """Print a warning."""
        with self._speaking, suppress(OSError):
            self._session.warn(text)

    def _work(self, duty: Duty) -> None:
        """Do a duty until told to stop; a crash is logged and the duty begun anew, each time a little later."""
        voice = Voice(duty.command, self.say, quiet=self._session.quiet)
        longest = min(duty.every.total_seconds(), _LONGEST_BACKOFF_S)
        clock, backoff = clocks.SystemClock(), _FIRST_BACKOFF_S
        if duty.command != _FIRST:
            self._watched.wait()
        while not self._stop.is_set():
            began = clock.monotonic()
            try:
                self._do(duty, voice)
            except InterruptedError:
                return
            except Exception as error:  # noqa: BLE001 - one worker's crash must not end the others
                if self._stop.is_set():
                    return  # what is abandoned fails in its own way
                voice.crashed(error)
            finally:
                self._let_others(duty)
            if clock.monotonic() - began > longest:
                backoff = _FIRST_BACKOFF_S
            self._stop.wait(backoff)
            backoff = min(backoff * 2, longest)

    def _do(self, duty: Duty, voice: Voice) -> None:
        from hlcopy.wiring.http import BoundedHttp

        session, command = self._session, duty.command
        tell = ticking.Teller(self.warn)
        real = clocks.SystemClock(self._stop)
        with ExitStack() as opened:
            opened.enter_context(sheltered(session, command))
            store = opened.enter_context(session.store())
            http = opened.enter_context(BoundedHttp(real))
            clock = clocks.clock_of(session.settings, real, http)
            work = opened.enter_context(ticking.opened_work(session, command, store, http, clock, tell, silent=True))
            at_once = duty.at_start
            while not self._stop.is_set():
                if at_once or duty.is_due(store.runs.last(command), clock.now()):
                    voice.ticked(ticking.tick(session, command, store, clock, tell, work))
                    self._let_others(duty)
                    at_once = False
                clock.sleep(min(duty.seconds_left(clock.now()), _LONGEST_NAP_S))

    def _let_others(self, duty: Duty) -> None:
        if duty.command == _FIRST:
            self._watched.set()


class Voice:
    """What a worker says: what its ticks did, and a failure once, until it is over."""

    def __init__(self, command: str, say: Callable[[Sequence[str], Sequence[str]], None], *, quiet: bool) -> None:
        self._command = command
        self._say = say
        self._quiet = quiet
        self._failing: list[str] = []

    def ticked(self, ticked: Ticked) -> None:
        """Say what a tick did."""
        if ticked.report is None and ticked.failure is None:
            return  # another process was at it
        lines = news_lines(ticked)
        if self._command == "score" and not self._quiet:
            lines += summary_text(ticked).splitlines()
        self._report(lines, error_lines(ticked))

    def crashed(self, error: Exception) -> None:
        """Say why the worker begins anew."""
        if isinstance(error, HlcopyError):
            logs.log(f"{self._command} failed", reason=str(error))
            said = str(error)
        else:
            path = logs.crash(error)
            said = f"unexpected {type(error).__name__}" + (f"; the traceback is in {path}" if path else "")
        self._report([], [f"{self._command}: {said}"])

    def _report(self, lines: list[str], errors: list[str]) -> None:
        if self._failing and not errors:
            lines = [f"{self._command}: works again", *lines]
        news = errors if errors != self._failing else []
        self._failing = errors
        if lines or news:
            self._say(lines, news)
