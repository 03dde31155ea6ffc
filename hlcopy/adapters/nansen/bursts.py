"""Put rows without a hash together that are likely one order: a TWAP's slices come every half minute, each as an order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hlcopy.domain.episodes import BURST_GAP

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hlcopy.domain.models import Fill


def has_hash(row: Fill) -> bool:
    """Whether a row names a transaction; slices and fills by the system name none."""
    return bool(row.hash.strip("0x"))


def in_bursts(rows: Sequence[Fill], stored: Sequence[Fill]) -> list[Fill]:
    """Return one trader's rows, by time, those without a hash under the number of their burst, the first one's order.

    A burst is of one coin and side, each row at most a minute after the one before. A row that is stored keeps its burst,
    so that an order stays the same however often it is read.
    """
    known = {fill.identity: fill.twap_id for fill in stored}
    bursts: dict[tuple[str, bool], tuple[datetime, int]] = {}
    numbered = []
    for row in rows:
        if has_hash(row):
            numbered.append(row)
            continue
        last = bursts.get((row.coin, row.is_buy))
        number = known.get(row.identity)
        if number is None:
            number = last[1] if last is not None and row.time - last[0] <= BURST_GAP else row.oid
        bursts[row.coin, row.is_buy] = (row.time, number)
        numbered.append(replace(row, twap_id=number))
    return numbered
