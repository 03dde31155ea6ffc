"""What tests and drills can make the trading venue do beside its rules."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class NextRefusal:
    """A refusal of the next order, or of the next trigger order only, in the venue's own words."""

    text: str
    status: str
    stops_only: bool


@dataclass(slots=True)
class Script:
    """What is in force: shares of the next orders that take, the next refusal, and states of the market.

    `sweeps_triggers` says whether a position that closes takes its plain reduce-only triggers along, which the venue
    doesn't promise. `hide_next` is for how many queries of its status the next order is unknown.
    """

    shares: dict[str, float] = field(default_factory=dict)
    refusal: NextRefusal | None = None
    capped: set[str] = field(default_factory=set)
    post_only_until_ms: int = 0
    sweeps_triggers: bool = True
    hide_next: int = 0
