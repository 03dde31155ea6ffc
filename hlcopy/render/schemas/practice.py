"""The documents of what only plays: demo, simulate, drill."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, JsonValue

from hlcopy.domain.selection import Disqualified
from hlcopy.render.schemas.base import Counts, Moment, Score, Shape, Share
from hlcopy.render.schemas.rows import Tier


class DemoTrader(Shape):
    """A made-up trader and what became of him."""

    address: str
    kind: str
    description: str
    tier: Tier | None
    score: Score | None
    disqualified_reason: Disqualified | None


class Promise(Shape):
    """Something that the demo is to show, and whether it did."""

    text: str
    kept: bool


class Demo(Shape):
    """Ten simulated days."""

    seed: int
    days: int
    events: int
    ticks: Counts
    requests: int
    equity_usd: float
    traders: list[DemoTrader]
    promises: list[Promise]
    database: str | None
    duration_ms: int


class SimulatedTrader(Shape):
    """A made-up trader."""

    address: str
    kind: str
    equity_usd: float
    description: str


class Simulate(Shape):
    """A made-up market that is being served."""

    command: Literal["simulate"]
    url: str
    seed: int
    at: Moment
    until: Moment
    clock: Literal["driven", "running"]
    speed: float | None = Field(description="times real time; null for a driven clock")
    environment: dict[str, str] = Field(description="settings that use it")
    traders: list[SimulatedTrader]


class Violation(Shape):
    """Something that must always hold, and didn't; the decisions lead there."""

    invariant: str
    text: str
    seed: int
    decisions: list[dict[str, JsonValue]]


class Drill(Shape):
    """A drill; faults are counted by name, kills by the boundary they happened at."""

    command: Literal["drill"]
    ok: bool
    seed: int
    fault_rate: Share
    episode_seeds: tuple[int, int] = Field(description="first, last")
    jobs: int
    seconds: float
    ticks_per_second: float
    violations: list[Violation]
    failure_file: str | None
    boundaries_never_killed: list[str]
    boundaries: Counts
    converged: Counts
    episodes: int
    faults: Counts
    heaviest_tick: int
    in_episodes: Counts
    kill_runs: int
    kills: Counts
    longest_naked_ms: int
    longest_tick_ms: int
    longest_unknown_ms: int
    orders: Counts
    outcomes: Counts
    protected: Counts
    resumed_ticks: int = Field(description="those that an earlier run played")
    ticks: int


class Again(Shape):
    """A violation that was played again; it is gone where there is none."""

    command: Literal["drill"]
    ok: bool
    seed: int
    violations: list[Violation]


class Bug(Shape):
    """A planted bug, and what caught it; nothing where it wasn't."""

    bug: str
    ticks: int
    caught_in: str
    caught_by: str
    text: str


class Prove(Shape):
    """A drill that must catch planted bugs."""

    command: Literal["drill"]
    ok: bool
    seconds: float
    bugs: list[Bug]


DOCUMENTS: Final = {"demo": Demo, "simulate": Simulate, "drill": Drill | Prove | Again}
