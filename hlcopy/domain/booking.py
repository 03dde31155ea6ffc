"""What a position's fills amount to: entry, exits, fees, result."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hlcopy.domain.book import Position, PositionStatus

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hlcopy.domain.book import ExitReason, OurFill
    from hlcopy.domain.models import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The sums of a position's fills; prices are size-weighted averages, None without a fill."""

    entry_size: float
    entry_price: float | None
    exit_size: float
    exit_price: float | None
    fees_usd: float


def tally(side: Side, fills: Sequence[OurFill]) -> Tally:
    """Add up the fills of one position; those on its side entered, the others left."""
    entering = [fill for fill in fills if fill.is_buy == (side.sign > 0)]
    leaving = [fill for fill in fills if fill.is_buy != (side.sign > 0)]
    entry_size, entry_price = _average(entering)
    exit_size, exit_price = _average(leaving)
    return Tally(
        entry_size=entry_size,
        entry_price=entry_price,
        exit_size=exit_size,
        exit_price=exit_price,
        fees_usd=sum(fill.fee for fill in fills),
    )


def _average(fills: Sequence[OurFill]) -> tuple[float, float | None]:
    size = sum(fill.size for fill in fills)
    return size, sum(fill.price * fill.size for fill in fills) / size if size else None


def filled(client_order_id: str, fills: Sequence[OurFill]) -> tuple[float, float | None]:
    """Return how much of an order its fills show, and their average price."""
    return _average([fill for fill in fills if fill.client_order_id == client_order_id])


def has_left(position: Position, fills: Sequence[OurFill]) -> bool:
    """Whether the fills account for the exit of the whole position."""
    sums = tally(position.side, fills)
    entered = max(position.entry_size, sums.entry_size)
    return sums.exit_size > entered or math.isclose(sums.exit_size, entered, rel_tol=1e-6)


def reduced(position: Position, fills: Sequence[OurFill], size: float, funding_usd: float) -> Position:
    """Return a position after its fills, with `size` still open; more may have been entered than was known at first."""
    sums = tally(position.side, fills)
    entered = max(position.entry_size, sums.entry_size, size)
    return replace(
        position,
        size=size,
        entry_size=entered,
        value_usd=position.value_usd if entered == position.entry_size else entered * position.entry_price,
        exit_price=sums.exit_price,
        fees_usd=sums.fees_usd,
        funding_usd=funding_usd,
    )


def closed(
    position: Position, fills: Sequence[OurFill], *, reason: ExitReason, at: datetime, funding_usd: float
) -> Position:
    """Return a position as it ended: its result is net of fees and funding, None while its exit fills aren't all known."""
    sums = tally(position.side, fills)
    gross = None
    if sums.exit_price is not None and has_left(position, fills):
        entry_price = sums.entry_price if sums.entry_price is not None else position.entry_price
        gross = position.side.sign * (sums.exit_price - entry_price) * sums.exit_size
    return replace(
        position,
        status=PositionStatus.CLOSED,
        size=position.entry_size,
        closed_at=at,
        close_reason=reason,
        exit_price=sums.exit_price,
        fees_usd=sums.fees_usd,
        funding_usd=funding_usd,
        realized_pnl_usd=None if gross is None else gross - sums.fees_usd - funding_usd,
        stop_confirmed=False,
    )
