"""The paper venue's books in memory."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from math import fsum
from operator import attrgetter
from typing import TYPE_CHECKING

from hlcopy.domain.book import IntentState

if TYPE_CHECKING:
    from datetime import datetime

    from hlcopy.adapters.memory.journal import Journal
    from hlcopy.domain.book import OurFill
    from hlcopy.ports import PaperOrder, PaperPosition


class MemoryPaperBooks:
    """What the paper venue remembers, in memory; orders are kept by state, since every tick asks for the resting ones."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._cash: dict[str, float] = {}
        self._synced: dict[str, datetime] = {}
        self._positions: dict[str, PaperPosition] = {}
        self._leverage: dict[str, int] = {}
        self._orders: dict[str, PaperOrder] = {}
        self._by_state: dict[IntentState, dict[str, PaperOrder]] = {state: {} for state in IntentState}
        self._fills: list[OurFill] = []
        self._latest: list[datetime] = []  # beside each fill, the latest time up to it: fills may arrive out of order
        self._funding: dict[str, list[tuple[datetime, float]]] = {}

    def cash(self) -> float | None:
        """Return the free balance in USD, None before the account exists."""
        return self._cash.get("usd")

    def put_cash(self, usd: float) -> None:
        """Set the free balance."""
        self._journal.put(self._cash, "usd", usd)

    def synced_at(self) -> datetime | None:
        """Return up to when price moves and funding have been applied."""
        return self._synced.get("at")

    def put_synced_at(self, at: datetime) -> None:
        """Remember up to when they have been applied."""
        self._journal.put(self._synced, "at", at)

    def positions(self) -> list[PaperPosition]:
        """Return the open positions by coin."""
        return [self._positions[coin] for coin in sorted(self._positions)]

    def put_position(self, position: PaperPosition) -> None:
        """Insert or replace the position of a coin."""
        self._journal.put(self._positions, position.coin, position)

    def drop_position(self, coin: str) -> None:
        """Remove the position of a coin."""
        self._journal.drop(self._positions, coin)

    def leverage(self, coin: str) -> int | None:
        """Return the leverage set for a coin."""
        return self._leverage.get(coin)

    def put_leverage(self, coin: str, leverage: int) -> None:
        """Set the leverage of a coin."""
        self._journal.put(self._leverage, coin, leverage)

    def order(self, client_order_id: str) -> PaperOrder | None:
        """Return one order."""
        return self._orders.get(client_order_id)

    def orders(self, state: IntentState) -> list[PaperOrder]:
        """Return the orders in a state, oldest first, then by client id."""
        return sorted(self._by_state[state].values(), key=attrgetter("placed_at", "client_order_id"))

    def put_order(self, order: PaperOrder) -> None:
        """Insert or replace an order."""
        before = self._orders.get(order.client_order_id)
        if before is not None:
            self._journal.drop(self._by_state[before.state], order.client_order_id)
        self._journal.put(self._orders, order.client_order_id, order)
        self._journal.put(self._by_state[order.state], order.client_order_id, order)

    def add_fill(self, fill: OurFill) -> None:
        """Append a fill."""
        self._journal.append(self._fills, fill)
        self._journal.append(self._latest, max(fill.time, self._latest[-1]) if self._latest else fill.time)

    def fills(self, since: datetime) -> list[OurFill]:
        """Return the fills from `since` on, in the order they were appended."""
        return [fill for fill in self._fills[bisect_left(self._latest, since) :] if fill.time >= since]

    def count_fills(self) -> int:
        """Return how many fills there are."""
        return len(self._fills)

    def add_funding(self, coin: str, at: datetime, usd: float) -> None:
        """Append a funding payment, positive when paid."""
        payments = self._funding.setdefault(coin, [])
        payment = (at, usd)
        self._journal.record(lambda: payments.remove(payment))
        payments.insert(bisect_right(payments, at, key=lambda other: other[0]), payment)

    def funding(self, coin: str, since: datetime, until: datetime) -> float:
        """Return the funding paid after `since` and up to `until` in USD."""
        payments = self._funding.get(coin, [])
        first, last = (bisect_right(payments, moment, key=lambda payment: payment[0]) for moment in (since, until))
        return fsum(usd for _, usd in payments[first:last])
