"""Whom a replay may choose from, and what could be known of them on each of its days."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from datetime import timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from hlcopy.ports import Leaders

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime

    from hlcopy.backtest.recorded import Recorded
    from hlcopy.ports import KnownEquity

BOARD_FOR: Final = timedelta(days=7)
"""So long after its day a leaderboard may stand in for the ones that weren't read."""
_READ_AT: Final = attrgetter("read_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Universe:
    """What is recorded beside fills and markets: leaderboards by UTC day, equity by wallet, since when fills are whole.

    A wallet's equity comes by the moment at which it was read; `backdated` says that these are the moments it is of.
    `complete_from` is absent for imported fills.
    """

    boards: Mapping[date, Leaders] = field(default_factory=dict)
    equity: Mapping[str, Sequence[KnownEquity]] = field(default_factory=dict)
    complete_from: Mapping[str, datetime] = field(default_factory=dict)
    backdated: bool = False

    def board_before(self, day: date) -> Leaders | None:
        """Return the newest leaderboard of an earlier UTC day, unless that is too long ago."""
        newest = max((each for each in self.boards if each < day), default=None)
        return None if newest is None or day - newest > BOARD_FOR else self.boards[newest]

    def known_equity(self, address: str, now: datetime) -> list[KnownEquity]:
        """Return the points that had been read by now, by the moment each is of."""
        points = self.equity.get(address, ())
        return sorted(points[: bisect_right(points, now, key=_READ_AT)], key=attrgetter("at"))

    def equity_at(self, address: str, now: datetime) -> float | None:
        """Return what an account was last known to be worth in USD."""
        known = self.known_equity(address, now)
        return known[-1].value_usd if known else None


def read_universe(ledger: Recorded, wallets: Iterable[str], until: datetime, *, backdated: bool) -> Universe:
    """Read what is recorded of wallets and could be known by the end of a replay, whatever has been recorded since.

    With `backdated` a point of equity counts from the moment that it is of, not from its reading: the venue tells the
    past of an account as it was, but whoever asks today asks for those who are still worth it.
    """
    addresses = list(wallets)
    equity = {address: ledger.history.equity(address) for address in addresses}
    if backdated:
        equity = {address: [replace(point, read_at=point.at) for point in part] for address, part in equity.items()}
    known = {address: [point for point in part if point.read_at <= until] for address, part in equity.items()}
    reaches = {address: ledger.scoring.reach(address) for address in addresses}
    return Universe(
        boards={
            day: Leaders(source=source, rows=tuple(placing.leader for placing in ledger.scoring.board(day)))
            for day, source in ledger.scoring.boards()
            if day <= until.date()
        },
        equity={address: sorted(part, key=_READ_AT) for address, part in known.items() if part},
        complete_from={address: reach.complete_from for address, reach in reaches.items() if reach is not None},
        backdated=backdated,
    )
