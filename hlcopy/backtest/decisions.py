"""A ledger in memory that writes down every decision of a replay with the moment at which it was made."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from enum import StrEnum, unique
from typing import TYPE_CHECKING

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.adapters.memory.book import MemoryBook
from hlcopy.adapters.memory.signals import MemorySignals
from hlcopy.adapters.memory.traders import MemoryTraders
from hlcopy.domain.book import Purpose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from hlcopy.adapters.memory.journal import Journal
    from hlcopy.domain.book import Order, Position, PositionAction
    from hlcopy.domain.models import Signal, Trader

    Note = Callable[["Kind", str, dict[str, object]], None]


@unique
class Kind(StrEnum):
    """What a decision is about."""

    SCORING = "scoring"
    SELECTION = "selection"
    GATE = "gate"
    SIZING = "sizing"
    EXIT = "exit"


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision: when it was made, what it is about, and all that was measured and settled."""

    at: datetime
    kind: Kind
    about: str
    facts: dict[str, object]


_SIZES = ("copy_size_usd", "leverage")
_PLACES = ("tier", "disqualified_reason")


class DecisionLedger(MemoryLedger):
    """The ledgers in memory with `decisions`, the oldest first; `present` tells their moments, and until it's set none is."""

    def __init__(self) -> None:
        super().__init__()
        self.decisions: list[Decision] = []
        self.present: Callable[[], datetime] | None = None

        def note(kind: Kind, about: str, facts: dict[str, object]) -> None:
            if self.present is not None:
                self.decisions.append(Decision(self.present(), kind, about, facts))

        self._traders = _Traders(self._journal, note)
        self._signals = _Signals(self._journal, note)
        self._book = _Book(self._journal, note)


class _Traders(MemoryTraders):
    def __init__(self, journal: Journal, note: Note) -> None:
        super().__init__(journal)
        self._note = note

    def put(self, traders: Iterable[Trader]) -> None:
        rows = list(traders)
        for trader in rows:
            facts = asdict(trader)
            place = {name: facts.pop(name) for name in _PLACES}
            facts["terms"] = {name: value for name, value in trader.terms.items() if name != "rank"}
            self._note(Kind.SCORING, trader.address, facts)
            self._note(Kind.SELECTION, trader.address, {**place, "rank": trader.terms.get("rank")})
        super().put(rows)


class _Signals(MemorySignals):
    def __init__(self, journal: Journal, note: Note) -> None:
        super().__init__(journal)
        self._note = note

    def defer(self, signal: Signal) -> bool:
        self._judged(signal)
        return super().defer(signal)

    def decide(self, signal: Signal, fill_identities: Iterable[str]) -> bool:
        self._judged(signal)
        return super().decide(signal, fill_identities)

    def amend(self, signal: Signal) -> None:
        self._judged(signal)
        super().amend(signal)

    def _judged(self, signal: Signal) -> None:
        facts = asdict(replace(signal, evidence=None))  # what was decided, not what from: that holds the rules, too
        sizes = {name: facts.pop(name) for name in _SIZES}
        self._note(Kind.GATE, signal.id, facts)
        if signal.copy_size_usd is not None:
            self._note(Kind.SIZING, signal.id, sizes)


class _Book(MemoryBook):
    def __init__(self, journal: Journal, note: Note) -> None:
        super().__init__(journal)
        self._note = note

    def put_order(self, order: Order) -> None:
        if self.order(order.client_order_id) is None:  # what becomes of it is the venue's
            kind = Kind.SIZING if order.purpose is Purpose.ENTRY else Kind.EXIT
            self._note(kind, order.client_order_id, asdict(order))
        super().put_order(order)

    def put_position(self, position: Position) -> Position:
        stored = super().put_position(position)
        self._note(Kind.EXIT, f"position {stored.id}", asdict(stored))
        return stored

    def log_action(self, action: PositionAction) -> None:
        self._note(Kind.EXIT, f"position {action.position_id}", asdict(action))
        super().log_action(action)
