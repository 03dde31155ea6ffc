"""Traders in memory."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING

from hlcopy.domain.models import Trader

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from hlcopy.adapters.memory.journal import Journal
    from hlcopy.domain.models import TraderPosition
    from hlcopy.ports import PollMark


class MemoryTraders:
    """The ledger of traders in memory."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._traders: dict[str, Trader] = {}
        self._positions: dict[str, tuple[TraderPosition, ...]] = {}
        self._marks: dict[str, PollMark] = {}

    def get(self, address: str) -> Trader | None:
        """Return one trader."""
        return self._traders.get(address)

    def all(self) -> list[Trader]:
        """Return every trader, best score first, then by address."""
        return sorted(self._traders.values(), key=lambda trader: (-trader.score, trader.address))

    def followed(self) -> list[Trader]:
        """Return the traders with a tier, best score first, then by address."""
        return [trader for trader in self.all() if trader.tier is not None]

    def put(self, traders: Iterable[Trader]) -> None:
        """Insert or replace traders; a stored `blacklisted_until` is kept, whatever the new row says."""
        for trader in traders:
            stored = self._traders.get(trader.address)
            kept = trader if stored is None else replace(trader, blacklisted_until=stored.blacklisted_until)
            self._journal.put(self._traders, trader.address, kept)

    def blacklist(self, address: str, until: datetime) -> None:
        """Blacklist a trader; an earlier end never shortens a later one."""
        trader = self._traders.get(address) or Trader(address=address)
        if trader.blacklisted_until is None or until > trader.blacklisted_until:
            self._journal.put(self._traders, address, replace(trader, blacklisted_until=until))

    def positions(self, address: str) -> tuple[TraderPosition, ...]:
        """Return a trader's positions as last seen, by coin."""
        return self._positions.get(address, ())

    def put_positions(self, address: str, positions: Iterable[TraderPosition], seen_at: datetime) -> None:  # noqa: ARG002 - only the file shows it
        """Replace a trader's positions by a complete reading."""
        self._journal.put(self._positions, address, tuple(sorted(positions, key=attrgetter("coin"))))

    def mark(self, address: str) -> PollMark | None:
        """Return how far the trader's fills have been read, None before the first time."""
        return self._marks.get(address)

    def put_mark(self, address: str, mark: PollMark) -> None:
        """Remember how far the trader's fills have been read."""
        self._journal.put(self._marks, address, mark)
