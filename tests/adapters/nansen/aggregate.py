"""What Nansen makes of true fills, as it was observed: one row for each order and hash, labelled by the whole."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hlcopy.domain.models import NANSEN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hlcopy.domain.models import Fill

NO_HASH: Final = "0x" + "0" * 64


def rows_of(fills: Iterable[Fill]) -> list[Fill]:
    """Return rows by time; their start is the smallest of their fills' starts and their time that of the last fill."""
    groups: dict[tuple[str, int, str], list[Fill]] = defaultdict(list)
    for fill in fills:
        groups[fill.coin, fill.oid, fill.hash].append(fill)
    return sorted((_row(group) for group in groups.values()), key=lambda row: row.time)


def _row(group: list[Fill]) -> Fill:
    size = sum(fill.size for fill in group)
    shown = min(fill.start_position for fill in group)
    last = group[-1]
    return replace(
        last,
        price=sum(fill.notional for fill in group) / size,
        size=size,
        start_position=shown,
        direction=_label(last, shown, size),
        closed_pnl=sum(fill.closed_pnl for fill in group),
        tid=0,
        source=NANSEN,
    )


def _label(last: Fill, shown: float, size: float) -> str:
    """Return side and action: the way of the last fill, told from the row's start and size."""
    entering = last.signed_size * last.start_position >= 0
    side = "Long" if last.is_buy == entering else "Short"
    if entering:
        return f"{side} {'Add' if shown else 'Open'}"
    return f"{side} {'Close' if abs(shown) == size else 'Reduce'}"
