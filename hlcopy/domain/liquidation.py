"""Was a copied trader liquidated? Judged on complete evidence only (decision 25)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import TYPE_CHECKING

from hlcopy.domain.episodes import is_continuous, is_flat
from hlcopy.domain.models import NANSEN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hlcopy.domain.models import Fill, Side


@unique
class Fate(StrEnum):
    """What became of a trader's position."""

    HELD = "held"
    CLOSED = "closed"
    LIQUIDATED = "liquidated"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a trader's position in one coin.

    `since` is the trade that was copied; `fills` are the trader's chained fills in the coin from it on, those of some time
    before it too; `held_sizes` are well-formed readings of the signed position, spaced in time, latest last.
    """

    trader: str
    side: Side
    since: datetime
    fills: Sequence[Fill]
    held_sizes: Sequence[float]


def is_liquidation(fill: Fill, trader: str) -> bool:
    """Whether a fill liquidated this trader; being the counterparty of another's liquidation isn't that."""
    named = fill.liquidated_user is not None and fill.liquidated_user.lower() == trader
    return named or fill.direction.startswith("Liquidated ")


def fate(evidence: Evidence) -> Fate:
    """Return what became of the position: a liquidation mark, an end at zero, or an unbroken chain with nothing held.

    Nansen's rows name no liquidation: there the specification's rule holds, that a position which is gone without a closing
    row was liquidated, and a row closes it too that leaves a mere remainder of it, its sums being rounded.
    """
    position: float | None = None
    for fill in evidence.fills:
        if fill.time <= evidence.since:
            position = fill.end_position
            continue
        if position is not None and not is_continuous(position, fill.start_position):
            return Fate.UNKNOWN
        position = fill.end_position
        if is_liquidation(fill, evidence.trader) and fill.signed_size * evidence.side.sign < 0:
            return Fate.LIQUIDATED
        if evidence.side.sign * position <= 0 or _leaves_nothing(fill, evidence.side):
            return Fate.CLOSED
    if any(size * evidence.side.sign > 0 for size in evidence.held_sizes):
        return Fate.HELD
    chain_reaches = position is not None and evidence.side.sign * position > 0
    return Fate.LIQUIDATED if chain_reaches and len(evidence.held_sizes) > 1 else Fate.UNKNOWN


def _leaves_nothing(row: Fill, side: Side) -> bool:
    """Whether a row of Nansen's took all of a position off, remainders apart."""
    leaving = row.signed_size * side.sign < 0
    return row.source == NANSEN and leaving and is_flat(row.end_position, row.price, row.notional)
