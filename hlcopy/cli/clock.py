"""Clocks: the machine's own, and the venue's for rehearsals on this machine."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.cli import options
from hlcopy.errors import HlcopyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hlcopy.adapters.http import Http
    from hlcopy.config import Settings

# Real seconds between two looks at the venue's clock while waiting for it: a twentieth of the wait, since each has a weight.
_LOOK_EVERY_S: Final = (0.05, 1.0)
_LOOKS: Final = 20
_PATIENCE_S: Final = 5.0
_GLANCE_S: Final = 0.2  # real seconds for a look while waiting
_FRESH_S: Final = 0.02  # for so long one answer of the venue's clock serves all who ask

STOPPED: Final = "told to stop"


class SystemClock:
    """This machine's clock. With a `stop` event every wait ends as soon as that is set."""

    def __init__(self, stop: threading.Event | None = None) -> None:
        self._stop = stop or threading.Event()

    def now(self) -> datetime:
        """Return the present moment, aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds on a stopwatch that never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait; raises `InterruptedError` when the process was told to stop meanwhile."""
        if self._stop.wait(max(0.0, seconds)):
            raise InterruptedError(STOPPED)


class VenueClock:
    """The venue's clock; several threads may use it.

    `ask` reads it and is told how many seconds it may keep trying; it raises `TryLaterError` when it can't. Stopwatches run
    in real time: they measure requests, not the market.
    """

    def __init__(self, ask: Callable[[float], datetime], real: SystemClock) -> None:
        self._ask = ask
        self._real = real
        self._lock = threading.Lock()
        self._read_at = -_FRESH_S
        self._last = datetime.min.replace(tzinfo=UTC)

    def now(self) -> datetime:
        """Return the venue's time."""
        return self._now(_PATIENCE_S)

    def monotonic(self) -> float:
        """Return seconds on a stopwatch that never goes back."""
        return self._real.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait until the venue's clock has moved so far, and never longer than that in real time.

        Raises `InterruptedError` when the process was told to stop meanwhile.
        """
        until = self._real.monotonic() + seconds
        least, most = _LOOK_EVERY_S
        nap = min(most, max(least, seconds / _LOOKS))
        target: datetime | None = None
        while (left := until - self._real.monotonic()) > 0:
            with suppress(HlcopyError):  # a clock that can't be read moves in real time
                now = self._now(_GLANCE_S)
                target = target or now + timedelta(seconds=seconds)
                if now >= target:
                    return
            self._real.sleep(min(left, nap))

    def _now(self, patience: float) -> datetime:
        with self._lock:
            if self._real.monotonic() - self._read_at >= _FRESH_S:
                self._last = self._ask(patience)
                self._read_at = self._real.monotonic()
            return self._last


def clock_of(settings: Settings, real: SystemClock, http: Http) -> SystemClock | VenueClock:
    """Return the clock that the settings name: the machine's, or the venue's, read over `http`."""
    if settings.clock == "system":
        return real
    from hlcopy.wiring.http import venue_time

    return VenueClock(lambda patience: venue_time(http, settings.venue_url, patience=patience), real)


def present(settings: Settings) -> datetime:
    """Return the present by the clock of the settings; a venue that can't be asked must not keep anybody from halting."""
    if settings.clock == "system":
        return options.now()
    from hlcopy.wiring.http import BoundedHttp

    real = SystemClock()
    with BoundedHttp(real) as http:
        try:
            return clock_of(settings, real, http).now()
        except HlcopyError:
            return real.now()
