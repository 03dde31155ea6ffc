"""Our positions, orders and fills in memory."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING

from hlcopy.domain.book import IntentState, PositionStatus

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from hlcopy.adapters.memory.journal import Journal
    from hlcopy.domain.book import Order, OurFill, Position, PositionAction, Purpose


class MemoryBook:
    """The ledger of our positions, order intents and fills in memory.

    Live positions are kept apart, and orders by state: every tick asks for the few that are unresolved or rest.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._live: dict[int, Position] = {}
        self._closed: dict[int, Position] = {}
        # By the hour of their end, since 1970: every tick asks for those that ended lately.
        self._closed_in: dict[int, dict[int, None]] = {}
        self._last_hour = {"closed": 0}
        self._orders: dict[str, Order] = {}
        self._orders_by_signal: dict[str, dict[str, None]] = {}
        self._orders_by_state: dict[IntentState, dict[str, None]] = {state: {} for state in IntentState}
        self._fills: dict[str, list[OurFill]] = {}
        self._fill_owners: dict[str, str | None] = {}
        self._fill_numbers: dict[str, int] = {}  # in the order of their arrival
        self._foreign_fills: dict[str, OurFill] = {}  # also those that were given an owner since
        self._facts: dict[str, datetime] = {}  # the marks, and nothing when there is none
        self._last_id = {"position": 0}
        self._actions: list[PositionAction] = []

    def positions(self, *, live_only: bool = True) -> list[Position]:
        """Return our positions by id; `live_only` leaves out the closed ones."""
        known = self._live if live_only else self._live | self._closed
        return [known[position_id] for position_id in sorted(known)]

    def position(self, position_id: int) -> Position | None:
        """Return one position."""
        return self._live.get(position_id) or self._closed.get(position_id)

    def closed_since(self, since: datetime) -> list[Position]:
        """Return the positions that ended at or after a moment, by id."""
        hours = range(_hour(since), self._last_hour["closed"] + 1)
        found = (self._closed[each] for hour in hours for each in self._closed_in.get(hour, ()))
        return sorted((each for each in found if each.closed_at and each.closed_at >= since), key=attrgetter("id"))

    def put_position(self, position: Position) -> Position:
        """Insert (without id) or replace a position; return it with its id."""
        last_id = self._last_id["position"]
        position_id = last_id + 1 if position.id is None else position.id
        if position_id > last_id:
            self._journal.put(self._last_id, "position", position_id)
        stored = position if position.id is not None else replace(position, id=position_id)
        closed = position.status is PositionStatus.CLOSED
        self._forget_end(position_id)
        self._journal.drop(self._live if closed else self._closed, position_id)
        self._journal.put(self._closed if closed else self._live, position_id, stored)
        if closed and stored.closed_at is not None:
            hour = _hour(stored.closed_at)
            self._journal.put(self._closed_in.setdefault(hour, {}), position_id, None)
            self._journal.put(self._last_hour, "closed", max(hour, self._last_hour["closed"]))
        return stored

    def _forget_end(self, position_id: int) -> None:
        before = self._closed.get(position_id)
        if before is not None and before.closed_at is not None:
            self._journal.drop(self._closed_in[_hour(before.closed_at)], position_id)

    def drop_position(self, position_id: int) -> None:
        """Remove the row of a claimed entry that never came to be."""
        self._forget_end(position_id)
        self._journal.drop(self._live, position_id)
        self._journal.drop(self._closed, position_id)

    def put_order(self, order: Order) -> None:
        """Insert or replace an order intent by its client id."""
        before = self._orders.get(order.client_order_id)
        if before is not None and before.signal_id != order.signal_id:
            self._journal.drop(self._orders_by_signal[before.signal_id], order.client_order_id)
        if before is not None and before.state is not order.state:
            self._journal.drop(self._orders_by_state[before.state], order.client_order_id)
        self._journal.put(self._orders, order.client_order_id, order)
        self._journal.put(self._orders_by_signal.setdefault(order.signal_id, {}), order.client_order_id, None)
        self._journal.put(self._orders_by_state[order.state], order.client_order_id, None)

    def order(self, client_order_id: str) -> Order | None:
        """Return one order intent."""
        return self._orders.get(client_order_id)

    def order_numbered(self, venue_order_id: int) -> Order | None:
        """Return the order intent to which the venue gave a number."""
        return next((order for order in self._orders.values() if order.venue_order_id == venue_order_id), None)

    def orders(
        self, signal_id: str | None = None, *, state: IntentState | None = None, purpose: Purpose | None = None
    ) -> list[Order]:
        """Return order intents by time of creation, then client id."""
        known: Iterable[str] = self._orders
        if signal_id is not None:
            known = self._orders_by_signal.get(signal_id, {})
        elif state is not None:
            known = self._orders_by_state[state]
        wanted = [
            order
            for order in map(self._orders.__getitem__, known)
            if state in {None, order.state} and purpose in {None, order.purpose}
        ]
        return sorted(wanted, key=attrgetter("created_at", "client_order_id"))

    def add_fills(self, signal_id: str | None, fills: Iterable[OurFill]) -> int:
        """Store fills of ours once each; return how many were new.

        One that was stored for no signal before becomes this one's, and its order's, if that wasn't known.
        """
        added = 0
        for fill in fills:
            known = fill.identity in self._fill_owners
            if known and (signal_id is None or self._fill_owners[fill.identity] is not None):
                continue
            if not known:
                added += 1
                self._journal.put(self._fill_numbers, fill.identity, len(self._fill_numbers))
            self._journal.put(self._fill_owners, fill.identity, signal_id)
            if signal_id is None:
                self._journal.put(self._foreign_fills, fill.identity, fill)
            else:
                stored = self._foreign_fills.get(fill.identity, fill)
                if stored.client_order_id is None:
                    stored = replace(stored, client_order_id=fill.client_order_id)
                self._journal.append(self._fills.setdefault(signal_id, []), stored)
        return added

    def fills(self, signal_id: str) -> list[OurFill]:
        """Return the fills booked to a signal's position, oldest first."""
        return sorted(self._fills.get(signal_id, []), key=self._age)

    def foreign_fills(self, coin: str, since: datetime) -> list[OurFill]:
        """Return our account's fills in a coin from a moment on that belong to no signal, oldest first."""
        wanted = (
            fill
            for fill in self._foreign_fills.values()
            if fill.coin == coin and fill.time >= since and self._fill_owners[fill.identity] is None
        )
        return sorted(wanted, key=self._age)

    def _age(self, fill: OurFill) -> tuple[datetime, int]:
        return fill.time, self._fill_numbers[fill.identity]

    def fills_mark(self) -> datetime | None:
        """Return from when our fills are read next, None before the first look."""
        return self._facts.get("read")

    def put_fills_mark(self, at: datetime) -> None:
        """Remember from when our fills are read next."""
        self._journal.put(self._facts, "read", at)

    def log_action(self, action: PositionAction) -> None:
        """Append to a position's story."""
        self._journal.append(self._actions, action)

    def actions(self, position_id: int | None = None, *, skip: int = 0) -> list[PositionAction]:
        """Return the story of one position or of all in order; the first `skip` lines of all are left out."""
        later = self._actions[skip:]
        return later if position_id is None else [line for line in later if line.position_id == position_id]

    def count_actions(self) -> int:
        """Return how many lines the story of all positions has."""
        return len(self._actions)


def _hour(moment: datetime) -> int:
    return int(moment.timestamp() // 3600)
