"""Our equity through time, and which breakers that and our positions have tripped."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.domain import breakers as rules
from hlcopy.ports import UNKNOWN

if TYPE_CHECKING:
    from datetime import datetime

    from hlcopy.ports import Account, Desk

SAMPLED_EVERY: Final = timedelta(minutes=5)


def sample(desk: Desk, account: Account, now: datetime) -> None:
    """Add our equity to what is known of it, at most every five minutes; without knowing of transfers there is no sample."""
    controls = desk.ledger.controls
    last = controls.last_equity()
    if last is not None and now - last.at < SAMPLED_EVERY:
        return
    moved = 0.0 if last is None else desk.exchange.transfers(last.at, now)
    if moved is not UNKNOWN:
        before = 0.0 if last is None else last.transfers_usd
        controls.add_equity(rules.EquitySample(now, account.equity, before + moved))


def standing(desk: Desk, account: Account, now: datetime) -> tuple[rules.Breaker, ...]:
    """Return the breakers in force."""
    if not desk.policy.breakers.on:
        return ()
    controls = desk.ledger.controls
    equity = list(controls.equity())
    if equity:
        equity.append(rules.EquitySample(now, account.equity, equity[-1].transfers_usd))
    positions = desk.ledger.book.positions(live_only=False)
    return rules.tripped(positions, equity, controls.resumed_at(), now, desk.policy.breakers)
