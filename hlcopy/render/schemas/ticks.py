"""The documents of the ticks, and of the commands by hand that are told like ticks."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from hlcopy.domain.models import Action, Side
from hlcopy.render.schemas.base import Ran, Shape
from hlcopy.render.schemas.rows import Breaker, Decision, Halt, PositionAction, PositionRow


class Judged(Shape):
    """An order of a trader that was looked at."""

    signal_id: str
    trader_address: str
    token_symbol: str
    side: Side
    action: Action
    value_usd: float
    decision: Decision
    copy_size_usd: float | None
    reason: str | None = Field(description="what it waits for, or why it isn't copied")


class _Tick(Ran):
    notes: list[str]


class _Acting(_Tick):
    actions: list[PositionAction]
    halted: Halt | None
    breakers: list[Breaker]


class _Holding(_Acting):
    positions: list[PositionRow]


class Score(_Tick):
    """Traders were looked for, scored and chosen."""

    command: Literal["score"]


class Poll(_Acting):
    """Traders' orders were fetched, judged and copied."""

    command: Literal["poll"]
    decisions: list[Judged]


class Monitor(_Holding):
    """Our positions were watched over."""

    command: Literal["monitor"]


class Positions(_Holding):
    """What traders hold was refreshed."""

    command: Literal["positions"]


class Close(_Holding):
    """One position was closed by hand."""

    command: Literal["close"]


class Flatten(_Holding):
    """Everything was halted and closed by hand."""

    command: Literal["flatten"]


class RunAll(_Tick):
    """Every tick that was due."""

    command: Literal["run-all"]
    ticks: list[Annotated[Score | Poll | Monitor | Positions, Field(discriminator="command")]]


DOCUMENTS: Final = {
    "score": Score,
    "poll": Poll,
    "monitor": Monitor,
    "positions": Positions,
    "close": Close,
    "flatten": Flatten,
    "run-all": RunAll,
}
