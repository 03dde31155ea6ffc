"""The documents of our own trades: report, export."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from hlcopy.domain.book import ExitReason
from hlcopy.render.schemas.backtest import Summary
from hlcopy.render.schemas.base import Counts, Day, Price, Shape
from hlcopy.render.schemas.rows import Decision


class Taken(Shape):
    """What a report takes for granted."""

    our_equity_usd: float = Field(description="when the period began")
    trades: str
    mark: str
    equity_curve: str
    slippage: str


class OneSide(Shape):
    """What was decided, and how it went where it was entered."""

    decision: Decision | None
    entry_price: Price | None
    close_reason: ExitReason | None
    pnl_usd: float | None


class Pair(Shape):
    """An entry of ours, of the replay, or of both."""

    signal_id: str
    token_symbol: str
    live: OneSide
    replay: OneSide
    entry_bps: float | None = Field(description="how much worse ours was, in basis points")


class Drift(Shape):
    """Our entries against those of a replay of the same days."""

    lacking: str | None = Field(description="why there is no replay")
    orders: int
    same_decisions: int
    entries_in_both: int
    live_pnl_usd: float
    replay_pnl_usd: float
    entries: list[Pair]
    warnings: list[str]


class Report(Summary):
    """Our own trades of a period, judged like a backtest."""

    assumptions: Taken
    drift: Drift


class Export(Shape):
    """Sheets that were written."""

    command: Literal["export"]
    first: Day = Field(alias="from")
    last: Day = Field(alias="to")
    folder: str
    counts: Counts


DOCUMENTS: Final = {"report": Report, "export": Export}
