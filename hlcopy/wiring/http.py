"""HTTP for ticks: no request outlasts the tick that sends it; and the venue's clock, read over it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from hlcopy.adapters.http import Answer, Http, RetryError, host_of
from hlcopy.domain.models import from_ms
from hlcopy.errors import SourceDownError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from hlcopy.ports import Clock

_PATIENCE_S: Final = 20.0
_NOBODY: Final = "0x" + "0" * 40
_OK: Final = 200


class BoundedHttp(Http):
    """Sends requests, none of which waits or tries again beyond the time that was allowed for all of them."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._stopwatch = clock
        self._ends_at = math.inf

    def allow(self, seconds: float) -> None:
        """Let all requests from now on take so long together."""
        self._ends_at = self._stopwatch.monotonic() + seconds

    def left(self) -> float:
        """Return how many seconds are left of the time."""
        return self._ends_at - self._stopwatch.monotonic()

    def send(
        self,
        method: str,
        url: str,
        *,
        json: object = None,
        headers: Mapping[str, str] | None = None,
        judge: Callable[[Answer], None],
        patience: float = _PATIENCE_S,
        before: Callable[[], None] | None = None,
        read_s: float | None = None,
    ) -> Answer:
        """Return the first answer that `judge` lets pass, as `Http.send` does, within what is left of the time.

        Without any left nothing is begun, nor waited for: a tick that is over may hold the account's lock.
        """
        left = self.left()
        if left <= 0:
            message = f"{host_of(url)} wasn't asked: the time that a tick may take is used up"
            raise SourceDownError(message)
        return super().send(
            method,
            url,
            json=json,
            headers=headers,
            judge=judge,
            patience=min(patience, left),
            before=before,
            read_s=read_s,
        )


def venue_time(http: Http, url: str, *, patience: float) -> datetime:
    """Return the time of a venue, which every account's state has; raises `SourceDownError` when it can't be read."""
    found: list[datetime] = []

    def judge(answer: Answer) -> None:
        if answer.status != _OK:
            reason = f"asked for the time it answers {answer.status}"
            raise RetryError(reason, after=answer.retry_after())
        try:
            found.append(from_ms(_time_in(answer)))
        except (TypeError, KeyError, ValueError, OverflowError) as error:
            reason = "it doesn't tell the time"
            raise RetryError(reason) from error

    request = {"type": "clearinghouseState", "user": _NOBODY}
    http.send("POST", f"{url}/info", json=request, judge=judge, patience=patience)
    return found[-1]


def _time_in(answer: Answer) -> int:
    state: Any = answer.json()
    return int(state["time"])
