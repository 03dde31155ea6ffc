"""When the ticks are due in run-all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.ticks.schedule import is_due, slot

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from hlcopy.domain.models import Run
    from hlcopy.domain.policy import Policy

_RETRY: Final = timedelta(minutes=5)


def cadences(policy: Policy) -> Mapping[str, timedelta]:
    """Return how often each tick is run."""
    cadence = policy.cadence
    return {
        "monitor": cadence.monitor,
        "poll": cadence.trades,
        "positions": cadence.positions,
        "score": cadence.leaderboard,
    }


def is_due_again(last: Run | None, now: datetime, every: timedelta) -> bool:
    """Whether a tick should run: not yet in this period, or failed or cut off five minutes ago."""
    if last is None or is_due(last.started_at, now, every):
        return True
    return not last.ok and now - last.started_at >= min(every, _RETRY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """What a worker does: a tick and its cadence.

    It begins `after` the beginning of each period, the others a little later than `monitor`, so that nothing stands in its
    way. `at_start` runs it at once when the service starts, whatever ran before.
    """

    command: str
    every: timedelta
    after: timedelta
    at_start: bool

    def is_due(self, last: Run | None, now: datetime) -> bool:
        """Whether the tick should run, given its last run."""
        return is_due_again(last, now - self.after, self.every)

    def seconds_left(self, now: datetime) -> float:
        """Return the seconds until the next period's turn."""
        return (slot(now - self.after, self.every) + self.every + self.after - now).total_seconds()


def duties(policy: Policy) -> tuple[Duty, ...]:
    """Return what the workers do, `monitor` first."""
    every = cadences(policy)
    plan = (("monitor", 0, True), ("poll", 5, True), ("positions", 10, False), ("score", 15, False))
    return tuple(
        Duty(command=name, every=every[name], after=timedelta(seconds=after), at_start=at_start)
        for name, after, at_start in plan
    )
