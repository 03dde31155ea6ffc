"""Signals in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hlcopy import __version__
from hlcopy.domain.decision import Evidence

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterable
    from datetime import datetime

    from hlcopy.adapters.memory.journal import Journal
    from hlcopy.domain.models import Signal


class MemorySignals:
    """The ledger of judged orders in memory; the deferred ones are kept apart, since every tick asks for them."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._final: dict[str, Signal] = {}
        self._deferred: dict[str, Signal] = {}
        self._seen: dict[str, None] = {}

    def get(self, signal_id: str) -> Signal | None:
        """Return one signal."""
        return self._deferred.get(signal_id) or self._final.get(signal_id)

    def defer(self, signal: Signal) -> bool:
        """Store a deferred signal, inserting or updating it; False, and nothing changed, when it is already final."""
        if signal.id in self._final:
            return False
        self._journal.put(self._deferred, signal.id, signal)
        return True

    def decide(self, signal: Signal, fill_identities: Iterable[str]) -> bool:
        """Store a final decision and mark its fills as decided; False, and nothing changed, when it is already final."""
        if signal.id in self._final:
            return False
        self._journal.drop(self._deferred, signal.id)
        self._journal.put(self._final, signal.id, signal)
        self._mark_seen(fill_identities)
        return True

    def evidence(self, signal_id: str) -> tuple[Evidence, str] | None:
        """Return what a decision was made from and the version of hlcopy that made it; None where that wasn't kept."""
        signal = self.get(signal_id)
        kept = None if signal is None else signal.evidence
        return (kept, __version__) if isinstance(kept, Evidence) else None

    def beginning(self, prefix: str, *, limit: int = 2) -> builtins.list[Signal]:
        """Return signals whose id begins with a text, by id."""
        known = sorted([*self._final, *self._deferred])
        found = (self.get(each) for each in known if each.startswith(prefix))
        return [signal for signal in found if signal is not None][:limit]

    def amend(self, signal: Signal) -> None:
        """Replace a final signal by what became of it at the venue: never landed, not filled, filled after all."""
        if signal.id in self._final:
            self._journal.put(self._final, signal.id, signal)

    def attach(self, fill_identities: Iterable[str], at: datetime) -> None:  # noqa: ARG002 - only the file shows it
        """Mark late fills of a decided order as decided."""
        self._mark_seen(fill_identities)

    def seen(self, fill_identities: Iterable[str]) -> set[str]:
        """Return those of the identities that are marked as decided."""
        return {identity for identity in fill_identities if identity in self._seen}

    def deferred(self, trader: str | None = None) -> builtins.list[Signal]:
        """Return the deferred signals, soonest due first, then by id."""
        wanted = (signal for signal in self._deferred.values() if trader is None or signal.trader == trader)
        return sorted(wanted, key=_due)

    def list(
        self, *, limit: int | None = None, decision: str | None = None, since: datetime | None = None
    ) -> builtins.list[Signal]:
        """Return signals, newest trade first, then by id; `since` is by trade time."""
        wanted = [
            signal
            for table in (self._final, self._deferred)
            for signal in table.values()
            if (decision is None or signal.decision == decision) and (since is None or signal.trade_time >= since)
        ]
        wanted.sort(key=lambda signal: signal.id)
        wanted.sort(key=lambda signal: signal.trade_time, reverse=True)
        return wanted if limit is None else wanted[:limit]

    def _mark_seen(self, fill_identities: Iterable[str]) -> None:
        for identity in fill_identities:
            self._journal.put(self._seen, identity, None)


def _due(signal: Signal) -> tuple[float, str]:
    return (float("-inf") if signal.check_at is None else signal.check_at.timestamp(), signal.id)
