"""Whether anything new may be opened now: the halt, the breakers, and what is left of our actions at the venue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hlcopy.domain.gates import Skip
from hlcopy.domain.models import SkipReason
from hlcopy.ports import UNKNOWN, UnknownType
from hlcopy.ticks import breakers

if TYPE_CHECKING:
    from datetime import datetime

    from hlcopy.ports import Account, Desk


def held_back(desk: Desk, account: Account, trader: str, now: datetime) -> Skip | UnknownType | None:
    """Return why nothing of a trader's may be copied now, None when it may; `UNKNOWN` asks again later."""
    halt = desk.ledger.controls.halt()
    if halt is not None:
        return Skip(SkipReason.HALTED, {"halted_at": halt.at.isoformat(timespec="seconds"), "why": halt.reason})
    for breaker in breakers.standing(desk, account, now):
        if breaker.trader in {None, trader}:
            until = None if breaker.until is None else breaker.until.isoformat(timespec="seconds")
            return Skip(SkipReason.BREAKER, {"breaker": breaker.name, "measured": breaker.measured, "until": until})
    budget = desk.exchange.budget(now)
    if budget is UNKNOWN:
        return UNKNOWN
    if budget is not None and budget.left < desk.policy.execution.min_action_budget:
        return Skip(SkipReason.ACTION_BUDGET, {"actions_left": float(budget.left)})
    return None
