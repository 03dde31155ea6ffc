"""Decisions made again from what was stored for them, as they were or by other rules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hlcopy.domain import decision
from hlcopy.domain.decision import Open

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hlcopy.domain.models import Signal
    from hlcopy.domain.policy import Policy
    from hlcopy.ports import Ledger, Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """A stored decision and what it is when it is made again; both None in `was` and `now` where nothing was kept.

    `differences` are the fields that aren't the same to the byte, as they were and as they are now.
    """

    signal: Signal
    made: Signal | Open | None
    version: str | None
    differences: Mapping[str, tuple[object, object]]

    @property
    def same(self) -> bool:
        """Whether the decision is the same to the byte; what can't be made again isn't."""
        return self.made is not None and not isinstance(self.made, Open) and not self.differences


def made_again(
    ledger: Ledger,
    signals: Sequence[Signal],
    vary: Callable[[Policy], Policy] | None = None,
    progress: Progress | None = None,
) -> list[Again]:
    """Return each decision made again, by the rules that `vary` makes of its own where given."""
    known: dict[int, tuple[Policy, Policy]] = {}
    done = []
    if progress is not None:
        progress.start("decisions made again", len(signals))
    for signal in signals:
        done.append(_again(ledger, signal, vary, known))
        if progress is not None:
            progress.advance()
    if progress is not None:
        progress.finish()
    return done


def _again(
    ledger: Ledger, signal: Signal, vary: Callable[[Policy], Policy] | None, known: dict[int, tuple[Policy, Policy]]
) -> Again:
    kept = ledger.signals.evidence(signal.id)
    if kept is None:
        return Again(signal=signal, made=None, version=None, differences={})
    evidence, version = kept
    if vary is not None:
        rules = evidence.policy
        _, other = known.setdefault(id(rules), (rules, vary(rules)))
        evidence = replace(evidence, policy=other)
    made = decision.again(signal, evidence)
    found: dict[str, tuple[object, object]] = {}
    if not isinstance(made, Open) and decision.canonical(made) != decision.canonical(signal):
        was, now = decision.document(signal), decision.document(made)
        found = {name: (was[name], now[name]) for name in was if was[name] != now[name]}
    return Again(signal=signal, made=made, version=version, differences=found)
