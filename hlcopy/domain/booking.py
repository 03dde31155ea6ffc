"""What a position's fills amount to: entry, exits, fees, result."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.domain.book import Position, PositionStatus, revised

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hlcopy.domain.book import ExitReason, Order, OurFill
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How a position went by its fills: those until all that was `entered` had left, the last of them cut to its part in that.

    What came later isn't the position's: neither what a fill opened beyond zero, nor what orders of ours did to another's.
    `left` is what its exits took away.
    """

    fills: list[OurFill]
    entered: float
    left: float

    def covers(self, size: float) -> bool:
        """Whether as much as a size has left."""
        return _covers(self.left, size)

    @property
    def is_over(self) -> bool:
        """Whether all that was entered has left."""
        return self.covers(self.entered)


def course(position: Position, fills: Sequence[OurFill], entry: Order | None) -> Course:
    """Follow a position through its fills, oldest first.

    What was entered is what our entry's answer or its fills say, and what others added before the end. What was held is no
    proof of it, as it may have been another's; it counts where no entry is known.
    """
    entered, left = _sent(position, fills, entry), 0.0
    for number, fill in enumerate(fills):
        if fill.is_buy == (position.side.sign > 0):
            is_added = entry is not None and fill.client_order_id != entry.client_order_id
            entered += fill.size if is_added else 0.0
            continue
        if _covers(left + fill.size, entered):
            part = fill if _covers(entered, left + fill.size) else replace(fill, size=entered - left)
            return Course(fills=[*fills[:number], part], entered=entered, left=left + fill.size)
        left += fill.size
    return Course(fills=list(fills), entered=entered, left=left)


def _sent(position: Position, fills: Sequence[OurFill], entry: Order | None) -> float:
    if entry is None:
        return max(position.entry_size, tally(position.side, fills).entry_size)
    shown, _ = filled(entry.client_order_id, [fill for fill in fills if fill.is_buy == (position.side.sign > 0)])
    return max(shown, min(entry.filled_size, entry.size)) or position.entry_size


def is_anothers(fills: Sequence[OurFill], foreign: Sequence[OurFill], held: float) -> bool:
    """Whether what is held (signed) after all of a position has left was opened by somebody else.

    Only if all fills since the entry, the foreign ones among them, make what is held: a late part of our entry would be
    missing in that sum.
    """
    made = math.fsum(fill.signed_size for fill in (*fills, *foreign))
    return math.isclose(made, held, rel_tol=1e-6)


def _covers(left: float, size: float) -> bool:
    return left > size or math.isclose(left, size, rel_tol=1e-6)


def reduced(position: Position, fills: Sequence[OurFill], size: float) -> Position:
    """Return a position after its fills, with `size` still open; more may have been entered than was known at first."""
    sums = tally(position.side, fills)
    believed = max(position.entry_size, sums.entry_size, size)
    return revised(
        position,
        opened_at=_opened_at(position, fills),
        size=size,
        entry_size=believed,
        value_usd=_value(position, believed),
        exit_price=sums.exit_price,
        fees_usd=sums.fees_usd,
    )


def closed(position: Position, course: Course, *, reason: ExitReason | None, at: datetime) -> Position:
    """Return a position as it ended: its result is net of fees and funding, None while its exit fills aren't all known."""
    sums = tally(position.side, course.fills)
    gross = None
    if sums.exit_price is not None and course.is_over:
        entry_price = sums.entry_price if sums.entry_price is not None else position.entry_price
        gross = position.side.sign * (sums.exit_price - entry_price) * course.entered
    return replace(
        position,
        status=PositionStatus.CLOSED,
        opened_at=_opened_at(position, course.fills),
        size=course.entered,
        entry_size=course.entered,
        value_usd=_value(position, course.entered),
        closed_at=at,
        close_reason=reason,
        exit_price=sums.exit_price,
        fees_usd=sums.fees_usd,
        realized_pnl_usd=None if gross is None else gross - sums.fees_usd - position.funding_usd,
        stop_confirmed=False,
    )


def _value(position: Position, size: float) -> float:
    return position.value_usd if size == position.entry_size else size * position.entry_price


def made_at(position: Position, fills: Sequence[OurFill]) -> datetime | None:
    """Return since when a position is there: since its first fill, or since it was seen; None while it may not be."""
    entering = [fill.time for fill in fills if fill.is_buy == (position.side.sign > 0)]
    if entering:
        return min(entering)
    return None if position.status is PositionStatus.OPENING else position.opened_at


def _opened_at(position: Position, fills: Sequence[OurFill]) -> datetime:
    """Return when a position was really opened: its first fill may be known later than its entry's answer."""
    entering = [fill.time for fill in fills if fill.is_buy == (position.side.sign > 0)]
    return min([position.opened_at, *entering])


STAMP: Final = timedelta(seconds=1)
"""Funding of an hour is stamped some milliseconds after it: who left in that moment paid it still."""

_SERVED_AFTER: Final = timedelta(minutes=1)


def is_funding_due(position: Position, now: datetime) -> bool:
    """Whether there is an hour's funding to read that isn't among what was read for sure; it may be served a minute late.

    It is asked for once, when it must have been served: all positions and ticks at the strike of the hour would use up the
    request weight that their stops need.
    """
    if position.funding_until is None:
        return True
    served = _hour(now - _SERVED_AFTER)
    return served > position.funding_until - _SERVED_AFTER and served > position.opened_at


def is_settled(position: Position) -> bool:
    """Whether nothing more is to come of a closed position: its result is known, and all of its funding was read."""
    if position.realized_pnl_usd is None or position.closed_at is None or position.funding_until is None:
        return False
    last = _hour(position.closed_at + STAMP)
    return last <= position.opened_at or last <= position.funding_until - _SERVED_AFTER


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
