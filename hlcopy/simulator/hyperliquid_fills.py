"""What Hyperliquid's info API says of an account's fills: two streams, one of orders and one of TWAP slices."""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hlcopy.simulator.hyperliquid_market import price, usd
from hlcopy.simulator.wallet import wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hlcopy.simulator.trading import TradingFloor
    from hlcopy.simulator.venue import Venue
    from hlcopy.simulator.wallet import FillRow

    Row = dict[str, Any]

MAX_FILLS: Final = 2_000
REACH: Final = 10_000  # of the most recent fills
_KEPT: Final = 100_000  # rows in writing


class Written(NamedTuple):
    """Rows as JSON text: writing 2,000 of them anew would take longer than all the rest."""

    rows: Sequence[str]

    def text(self) -> str:
        """Return the list of the rows."""
        return f"[{','.join(self.rows)}]"


class FillAnswers:
    """The fills of accounts; every method takes the present in ms and the account's address first."""

    def __init__(self, venue: Venue, floor: TradingFloor | None = None) -> None:
        self._venue = venue
        self._floor = floor
        self._written: dict[tuple[str, str, int, str], str] = {}

    def rows(self, user: str, since: int, until: int) -> list[FillRow]:
        """Return all fills of a period in their order, TWAP slices among them; none of an unknown account."""
        trading = self._floor.find(user) if self._floor else None
        if trading is not None:
            return trading.fills[_span(trading.fills, since, until)]
        profile = self._venue.profile(user)
        return [] if profile is None else list(self._venue.fills(profile.address, since, until))

    def newest(self, now: int, user: str, *, together: bool | None = None) -> Written:
        """Return the newest fills, newest first."""
        rows = [row for row in self.rows(user, 0, now) if row["twapId"] is None]
        return self._told(rows[: -MAX_FILLS - 1 : -1], together=together)

    def by_time(
        self,
        now: int,
        user: str,
        start: int,
        end: int | None = None,
        *,
        newest_first: bool | None = None,
        together: bool | None = None,
    ) -> Written:
        """Return the oldest fills of a period, or the newest, within reach; both ends belong to it."""
        rows = [row for row in self.rows(user, start, now) if row["twapId"] is None][-REACH:]
        inside = _until(rows, end)
        if newest_first:
            return self._told(inside[: -MAX_FILLS - 1 : -1], together=together)
        return self._told(inside[:MAX_FILLS], together=together)

    def slices(self, now: int, user: str) -> list[Row]:
        """Return the newest TWAP slices, newest first."""
        rows = [row for row in self.rows(user, 0, now) if row["twapId"] is not None]
        return [_slice(row) for row in reversed(rows[-MAX_FILLS:])]

    def slices_by_time(self, now: int, user: str, start: int, end: int | None = None) -> list[Row]:
        """Return the oldest TWAP slices of a period."""
        rows = [row for row in self.rows(user, start, now) if row["twapId"] is not None]
        return [_slice(row) for row in _until(rows, end)[:MAX_FILLS]]

    def _told(self, rows: list[FillRow], *, together: bool | None) -> Written:
        if together:
            return Written([_json(row) for row in _aggregated([_fill(row) for row in rows])])
        return Written([self._text(row) for row in rows])

    def _text(self, row: FillRow) -> str:
        key = row["user"], row["coin"], row["tid"], row["side"]
        text = self._written.get(key)
        if text is None:
            if len(self._written) >= _KEPT:
                self._written.clear()
            text = self._written[key] = _json(_fill(row))
        return text


def _span(rows: list[FillRow], since: int, until: int) -> slice:
    """Return where the fills of a period lie among those in order of time."""
    begin = bisect_left(rows, since, key=lambda row: row["time"])
    return slice(begin, bisect_left(rows, until + 1, lo=begin, key=lambda row: row["time"]))


def _until(rows: list[FillRow], end: int | None) -> list[FillRow]:
    """Return the rows up to a moment; they come in order of time."""
    return rows if end is None else rows[: bisect_left(rows, end + 1, key=lambda row: row["time"])]


def _fill(row: FillRow) -> Row:
    told: Row = dict(row)
    del told["user"]
    told["twapId"] = None
    return told


def _json(row: Row) -> str:
    return json.dumps(row, separators=(",", ":"), allow_nan=False)


def _slice(row: FillRow) -> Row:
    return {"fill": _fill(row), "twapId": row["twapId"]}


def _aggregated(rows: list[Row]) -> list[Row]:
    """Merge the fills that one crossing order had at one time."""
    merged: list[Row] = []
    for (crossed, *_), group in groupby(rows, key=lambda r: (r["crossed"], r["coin"], r["oid"], r["time"])):
        parts = list(group)
        if not crossed or len(parts) == 1:
            merged += parts
            continue
        size = math.fsum(float(part["sz"]) for part in parts)
        paid = math.fsum(float(part["sz"]) * float(part["px"]) for part in parts)
        first = min(parts, key=lambda part: part["tid"])
        sums = {name: usd(math.fsum(float(part[name]) for part in parts)) for name in ("closedPnl", "fee")}
        merged.append(first | sums | {"sz": wire(size, 8), "px": price(paid / size)})
    return merged
