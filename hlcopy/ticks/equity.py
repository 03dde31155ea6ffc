"""Points of equity out of an account's histories, so that each keeps its place in time and the moment it was read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlcopy.ports import KnownEquity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hlcopy.ports import EquityPoint, History, Portfolio

PORTFOLIO: Final = "portfolio"
_WHOLE: Final = "allTime"


def keep_equity(history: History, portfolio: Portfolio) -> int:
    """Store what a reading adds after the latest point stored; return how many points that were.

    A venue may choose the moments of its windows anew each time: what lies before is known well enough already.
    """
    latest = history.equity_at(portfolio.address, portfolio.read_at)
    return history.add_equity(point for point in points_of(portfolio) if latest is None or point.at > latest.at)


def points_of(portfolio: Portfolio) -> list[KnownEquity]:
    """Return each moment of the windows once, by time.

    A window counts profit from its own beginning. Where it ends at the same moment as the whole history the two are
    reckoned to one beginning, the account's; else that point's profit isn't known.
    """
    whole = portfolio.windows.get(_WHOLE, ())
    found: dict[object, KnownEquity] = {}
    for name, window in sorted(portfolio.windows.items(), key=lambda item: item[0] != _WHOLE):
        base = 0.0 if name == _WHOLE else _base(whole, window)
        for point in window:
            known = found.get(point.at)
            if known is not None and (known.pnl_usd is not None or base is None):
                continue
            found[point.at] = KnownEquity(
                address=portfolio.address,
                at=point.at,
                value_usd=point.value_usd,
                pnl_usd=None if base is None else base + point.pnl_usd,
                source=PORTFOLIO,
                read_at=portfolio.read_at,
            )
    return sorted(found.values(), key=lambda point: point.at)


def _base(whole: Sequence[EquityPoint], window: Sequence[EquityPoint]) -> float | None:
    """Return the account's profit when a window began, None when that can't be told."""
    if not whole or not window or whole[-1].at != window[-1].at:
        return None
    return whole[-1].pnl_usd - window[-1].pnl_usd
