"""The documents of how everything stands, and of what was spent: status, budget."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from hlcopy.render.schemas.base import Counts, Mode, Moment, Percent, Shape
from hlcopy.render.schemas.rows import Breaker, Halt, PositionRow


class Sample(Shape):
    """What the account was worth."""

    at: Moment
    equity_usd: float


class Held(PositionRow):
    """A position of ours with its way to the stop."""

    unrealized_usd: float | None
    to_stop_pct: Percent | None = Field(description="percent of the mark")
    time_left_s: float = Field(description="seconds until the time stop; negative once it is over")


class Tick(Shape):
    """A tick's last run and its next turn; without a run there is nothing but the turn."""

    command: str
    started_at: Moment | None
    duration_s: float | None
    ok: bool | None = Field(description="null while it runs, or when it was cut off")
    errors: list[str]
    counts: Counts
    next_due_at: Moment


class Weight(Shape):
    """What of a minute's request weight may still be used."""

    left: int
    limit: int


class Credits(Shape):
    """Nansen's credits."""

    spent_today: float
    per_day: float = Field(description="what may be spent in a UTC day")
    left: float | None = Field(description="what Nansen told last")


class Status(Shape):
    """How everything stands."""

    command: Literal["status"]
    at: Moment
    mode: Mode
    network: str
    account: str | None
    equity_usd: float | None
    equity_at: Moment | None
    equity_curve: list[Sample] = Field(description="of seven days, oldest first")
    today_usd: float | None
    week_usd: float | None
    closed_today: int
    closed_week: int
    positions: list[Held]
    decisions_24h: Counts
    followed: int = Field(description="traders")
    ticks: list[Tick]
    api_weight: dict[str, Weight] = Field(description="by who has a share of it")
    credits: Credits
    halted: Halt | None
    breakers: list[Breaker]
    notes: list[str]


class Asked(Shape):
    """How much was asked for; weight is Hyperliquid's, credits are Nansen's."""

    requests: float
    weight: float
    credits: float


class Spent(Asked):
    """What was asked for, and the forecast of it."""

    forecast: Asked


class OfCommand(Spent):
    """What a command asked for."""

    command: str


class OfEndpoint(OfCommand):
    """What a command asked an endpoint for."""

    endpoint: str


class Period(Shape):
    """What was spent in a period."""

    name: str
    since: Moment
    until: Moment
    days: float
    total: Spent
    commands: list[OfCommand]
    endpoints: list[OfEndpoint]


class Budget(Shape):
    """What was spent of the APIs against the forecast."""

    command: Literal["budget"]
    ok: bool
    at: Moment
    nansen_credits_left_today: float
    nansen_credits_per_month: float = Field(description="the forecast of 30 days")
    periods: list[Period] = Field(description="today, and seven days")


DOCUMENTS: Final = {"status": Status, "budget": Budget}
