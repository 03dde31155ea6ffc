"""What was spent of the APIs against what was to be expected, over one period."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hlcopy.config.workload import DAILY, DAY, forecast
from hlcopy.domain.models import NANSEN, from_ms
from hlcopy.domain.rations import SCORE
from hlcopy.ticks.schedule import slot

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from hlcopy.config.settings import Settings
    from hlcopy.config.workload import Load
    from hlcopy.domain.rations import Used

COMMANDS: Final = ("monitor", "poll", "positions", "score", "operate", "fetch", NANSEN)
"""In the order in which they are shown; others come after them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What a command spent on an endpoint in a period, and the forecast of it."""

    command: str
    endpoint: str
    requests: float
    weight: float
    credits: float
    forecast_requests: float
    forecast_weight: float
    forecast_credits: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """A period's lines; `since` is its beginning, or the first request where that came later. None was made: no lines."""

    name: str
    since: datetime
    until: datetime
    lines: Sequence[Line]

    @property
    def days(self) -> float:
        """How long the period is."""
        return (self.until - self.since) / DAY


def first_use(used: Iterable[Used], since: datetime) -> datetime:
    """Return when a period's first request was made, its beginning where it goes on from before; that too without any."""
    return max(since, from_ms(min((each.first_at for each in used), default=0)))


def spending(
    name: str, settings: Settings, used: Sequence[Used], load: Load, since: datetime, until: datetime
) -> Spending:
    """Hold what was used, all of it within the period, against the forecast for so long at a load."""
    days = max(0.0, (until - since) / DAY)
    every = settings.policy().cadence.leaderboard
    crawls = ((slot(until, every) - slot(since, every)) / every + 1) * (
        every / DAY
    )  # each at once, as its period begins
    spent: dict[tuple[str, str], list[float]] = {}
    for each in used:
        row = spent.setdefault((each.command, each.endpoint), [0.0] * 6)
        for place, amount in enumerate((each.requests, each.weight, each.credits)):
            row[place] += amount
    for asked in forecast(settings, load) if used else ():
        row = spent.setdefault((asked.command, asked.endpoint), [0.0] * 6)
        times = crawls if asked.command == SCORE or asked.endpoint in DAILY else days
        for place, amount in enumerate((asked.requests, asked.weight, asked.credits), start=3):
            row[place] += amount * times
    lines = [
        Line(
            command=command,
            endpoint=endpoint,
            requests=row[0],
            weight=row[1],
            credits=row[2],
            forecast_requests=row[3],
            forecast_weight=row[4],
            forecast_credits=row[5],
        )
        for (command, endpoint), row in spent.items()
    ]
    return Spending(name=name, since=since, until=until, lines=sorted(lines, key=_order))


def by_command(lines: Sequence[Line]) -> list[Line]:
    """Return the lines of each command added up."""
    commands = dict.fromkeys(line.command for line in lines)
    return [_sum(command, [line for line in lines if line.command == command]) for command in commands]


def total(lines: Sequence[Line]) -> Line:
    """Return all lines added up."""
    return _sum("all", lines)


def _sum(command: str, lines: Sequence[Line]) -> Line:
    return Line(
        command=command,
        endpoint="",
        requests=sum(line.requests for line in lines),
        weight=sum(line.weight for line in lines),
        credits=sum(line.credits for line in lines),
        forecast_requests=sum(line.forecast_requests for line in lines),
        forecast_weight=sum(line.forecast_weight for line in lines),
        forecast_credits=sum(line.forecast_credits for line in lines),
    )


def _order(line: Line) -> tuple[int, str, float, str]:
    place = COMMANDS.index(line.command) if line.command in COMMANDS else len(COMMANDS)
    return place, line.command, -(line.weight + line.credits), line.endpoint
