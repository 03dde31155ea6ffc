"""What governs trading, in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hlcopy.domain.signing import next_nonce

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hlcopy.adapters.memory.journal import Journal
    from hlcopy.domain.breakers import EquitySample
    from hlcopy.ports import Fact, Halt


class MemoryControls:
    """The ledger of what governs trading, in memory."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._halt: dict[str, Halt] = {}
        self._moments: dict[str, datetime] = {}
        self._equity: dict[datetime, EquitySample] = {}
        self._nonces: dict[str, int] = {}
        self._facts: dict[str, Fact] = {}

    def halt(self) -> Halt | None:
        """Return the halt in force."""
        return self._halt.get("halt")

    def put_halt(self, halt: Halt) -> None:
        """Halt: nothing new is opened until somebody resumes."""
        self._journal.put(self._halt, "halt", halt)

    def resume(self, at: datetime) -> None:
        """End the halt; drawdown is measured from here on."""
        self._journal.drop(self._halt, "halt")
        self._journal.put(self._moments, "resumed", at)

    def resumed_at(self) -> datetime | None:
        """Return when trading was last resumed."""
        return self._moments.get("resumed")

    def equity(self, since: datetime | None = None) -> Sequence[EquitySample]:
        """Return our equity as sampled from a moment on, oldest first."""
        return [self._equity[at] for at in sorted(self._equity) if since is None or at >= since]

    def last_equity(self) -> EquitySample | None:
        """Return the newest sample."""
        return self._equity[max(self._equity)] if self._equity else None

    def add_equity(self, sample: EquitySample) -> None:
        """Append a sample; one of the same moment is replaced."""
        self._journal.put(self._equity, sample.at, sample)

    def thin_equity(self, before: datetime) -> None:
        """Keep of each UTC day before a moment only the samples with its highest and its lowest result."""
        days: dict[object, list[EquitySample]] = {}
        for sample in self._equity.values():
            if sample.at < before:
                days.setdefault(sample.at.date(), []).append(sample)
        for samples in days.values():
            ordered = sorted(samples, key=lambda sample: (sample.result_usd, sample.at))
            kept = {ordered[0].at, ordered[-1].at}
            for sample in samples:
                if sample.at not in kept:
                    self._journal.drop(self._equity, sample.at)

    def next_nonce(self, signer: str, now_ms: int) -> int:
        """Return the present in ms, or one more than a signer's last nonce where the venue may have taken that; remember it."""
        nonce = next_nonce(self._nonces.get(signer), now_ms)
        self._journal.put(self._nonces, signer, nonce)
        return nonce

    def fact(self, name: str) -> Fact | None:
        """Return what was found out under a name."""
        return self._facts.get(name)

    def put_fact(self, name: str, fact: Fact) -> None:
        """Remember what was found out."""
        self._journal.put(self._facts, name, fact)

    def drop_fact(self, name: str) -> None:
        """Forget it, so that it is found out anew."""
        self._journal.drop(self._facts, name)
