"""Which faults a request can meet in a drill."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hlcopy.drill.process import Tick
    from hlcopy.drill.stage import Stage
    from hlcopy.simulator.faults import Asked

LONGEST_STALE_MS: Final = 10_000
_TRUTH_BETWEEN_MS: Final = 60_000

_ANY: Final = ("lost", "unreachable", "slow", "429", "500", "502", "html", "null", "truncated")
_WRITES: Final = (*_ANY, "applied", "late", "refused")
_STALE: Final = frozenset({"clearinghouseState", "frontendOpenOrders", "userFillsByTime", "orderStatus"})
_EMPTY: Final = frozenset({"clearinghouseState", "frontendOpenOrders", "userFillsByTime", "orderStatus"})
KINDS: Final = (*_ANY, "applied", "late", "refused", "stale", "empty", "status")
"""Every fault of a request; of these `applied` and `late` let an action happen although its sender hears of none."""


def options(asked: Asked, stage: Stage, tick: Tick) -> tuple[str, ...]:  # noqa: ARG001 - all faults have the same shape
    """Return the faults that a request can meet now."""
    if asked.is_write:
        return _WRITES
    found = list(_ANY)
    own = asked.user == stage.account
    if own and asked.kind in _STALE and stage.has_earlier(asked):
        found.append("stale")
    if asked.kind in _EMPTY and stage.was_told_the_truth(asked, None if own else _TRUTH_BETWEEN_MS):
        found.append("empty")  # never twice in a row: nobody could tell that from the truth
    if own and asked.kind == "orderStatus":
        found.append("status")
    return tuple(found)
