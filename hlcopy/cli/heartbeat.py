"""Tells a watchman outside that a tick began and how it ended, so that silence is noticed; it never fails a tick."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

from hlcopy.cli.clock import SystemClock
from hlcopy.errors import HlcopyError
from hlcopy.ticks.report import Problem

if TYPE_CHECKING:
    from hlcopy.adapters.http import Answer
    from hlcopy.config import Settings

FAILED: Final = "HEARTBEAT_FAILED"
PATIENCE_S: Final = 2.0
_FINE: Final = range(200, 300)


class Heartbeat:
    """The pings of one tick; the first is sent while the tick is at work already."""

    def __init__(self, settings: Settings, command: str) -> None:
        secret = settings.heartbeat_url
        self._url = secret.get_secret_value().replace("{tick}", command) if secret is not None else None
        self._clock = SystemClock()
        self._beginning: threading.Thread | None = None
        self._why = ""

    def start(self) -> None:
        """Say that the tick begins, and don't wait for it."""
        if self._url is None:
            return
        self._beginning = threading.Thread(target=self._ping, args=("/start",), name="heartbeat", daemon=True)
        self._beginning.start()

    def end(self, *, ok: bool) -> tuple[Problem, ...]:
        """Say how the tick ended; return what failed of both pings."""
        if self._url is None:
            return ()
        if self._beginning is not None:
            self._beginning.join(2 * PATIENCE_S)
        self._ping("" if ok else "/fail")
        item = urlsplit(self._url).hostname or "heartbeat"
        return (Problem(code=FAILED, message=self._why, item=item),) if self._why else ()

    def _ping(self, suffix: str) -> None:
        from hlcopy.adapters.http import Http, RetryError

        def judge(answer: Answer) -> None:
            if answer.status not in _FINE:
                reason = f"it answers {answer.status}"
                raise RetryError(reason, after=answer.retry_after())

        parts = urlsplit(self._url or "")
        url = urlunsplit(parts._replace(path=parts.path.rstrip("/") + suffix))
        try:
            with Http(self._clock, connect_s=PATIENCE_S, read_s=PATIENCE_S) as http:
                http.send("GET", url, judge=judge, patience=PATIENCE_S)
        except (HlcopyError, ValueError, OSError) as error:
            self._why = str(error) if isinstance(error, HlcopyError) else type(error).__name__
