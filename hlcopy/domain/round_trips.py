"""A trader's round trips: positions from flat to flat, per coin and side."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hlcopy.domain.episodes import (
    Market,
    Share,
    beyond_zero,
    chained,
    is_continuous,
    is_flat,
    market_of,
    shares_of,
)
from hlcopy.domain.models import Action, Side

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hlcopy.domain.models import Fill


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrip:
    """One position of a trader from flat to flat, per coin and side; prices are VWAPs, `pnl_usd` is net of fees.

    `complete` is False when its beginning wasn't seen or a gap broke it: its numbers can't be used. `closed_at` is None
    while it is open.
    """

    coin: str
    side: Side
    opened_at: datetime
    closed_at: datetime | None
    entry_size: float
    entry_price: float
    exit_size: float
    exit_price: float | None
    peak_size: float
    pnl_usd: float
    complete: bool

    @property
    def entry_notional(self) -> float:
        """What was put in, in USD."""
        return self.entry_size * self.entry_price


@dataclass(slots=True)
class _Trip:
    """A round trip while it is being built."""

    side: Side
    opened_at: datetime
    complete: bool
    entry_size: float = 0.0
    entry_value: float = 0.0
    exit_size: float = 0.0
    exit_value: float = 0.0
    peak: float = 0.0
    pnl: float = 0.0

    def enter(self, size: float, price: float) -> None:
        self.entry_size += size
        self.entry_value += size * price

    def leave(self, size: float, price: float) -> None:
        self.exit_size += size
        self.exit_value += size * price

    def done(self, coin: str, closed_at: datetime | None) -> RoundTrip:
        return RoundTrip(
            coin=coin,
            side=self.side,
            opened_at=self.opened_at,
            closed_at=closed_at,
            entry_size=self.entry_size,
            entry_price=self.entry_value / self.entry_size if self.entry_size else 0.0,
            exit_size=self.exit_size,
            exit_price=self.exit_value / self.exit_size if self.exit_size else None,
            peak_size=self.peak,
            pnl_usd=self.pnl,
            complete=self.complete,
        )


def round_trips(fills: Sequence[Fill]) -> list[RoundTrip]:
    """Return the round trips of one trader's perp fills, by opening; those still open come with `closed_at` None."""
    by_coin: dict[str, list[Fill]] = defaultdict(list)
    for fill in chained(fills):
        if market_of(fill.coin) is Market.PERP:
            by_coin[fill.coin].append(fill)
    trips = [trip for coin, part in by_coin.items() for trip in _coin_trips(coin, part)]
    return sorted(trips, key=lambda trip: (trip.opened_at, trip.coin))


def _coin_trips(coin: str, fills: Sequence[Fill]) -> list[RoundTrip]:
    shares = shares_of(fills)
    trips: list[RoundTrip] = []
    trip: _Trip | None = None
    last: Fill | None = None
    for fill in fills:
        share = shares[fill.identity]
        if last is not None and trip is not None:
            if not is_continuous(last.end_position, fill.start_position):
                trip.complete = False
                trips.append(trip.done(coin, fill.time))
                trip = None
            elif trip.exit_size > 0 and share.is_first and share.opens(trip.side):
                trips.append(trip.done(coin, last.time))  # what was left of it is flat beside this order
                trip = None
        if trip is None and not is_flat(fill.start_position, fill.price, share.value_usd):
            # Its beginning wasn't seen: the history starts, or goes on after a gap, in the middle of a position.
            trip = _Trip(side=Side.of(fill.start_position), opened_at=fill.time, complete=False)
        last = fill
        trip = _apply(trips, trip, coin, fill, share)
    if trip is not None:
        trips.append(trip.done(coin, None))
    return trips


def _apply(trips: list[RoundTrip], trip: _Trip | None, coin: str, fill: Fill, share: Share) -> _Trip | None:
    """Let one fill act on the open trip: it may grow, shrink, end it, or turn it into one of the other side."""
    direction = Side.LONG if fill.is_buy else Side.SHORT
    fee_per_unit = fill.fee / fill.size
    beyond = beyond_zero(fill)
    leaving = fill.size - beyond
    if trip is not None and trip.side is not direction:
        trip.leave(leaving, fill.price)
        trip.pnl += fill.closed_pnl - fee_per_unit * leaving
        ended = share.is_last and share.effect.action is Action.CLOSE
        if ended or trip.side.sign * fill.end_position <= 0:
            trips.append(trip.done(coin, fill.time))
            trip = None
    if beyond > 0 and (trip is None or trip.side is direction):
        if trip is None:
            if share.effect.action is Action.CLOSE:
                return None  # it closed one side and overshot by a remainder
            trip = _Trip(side=direction, opened_at=fill.time, complete=True)
        trip.enter(beyond, fill.price)
        trip.pnl -= fee_per_unit * beyond
        trip.peak = max(trip.peak, abs(fill.end_position))
    return trip
