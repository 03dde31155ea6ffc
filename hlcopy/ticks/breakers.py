"""Sample our equity, and tell which breakers are in force."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.domain import breakers
from hlcopy.domain.breakers import EquitySample
from hlcopy.ports import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hlcopy.domain.breakers import Breaker
    from hlcopy.domain.policy import BreakerPolicy
    from hlcopy.ports import Account, Controls, Desk, Ledger

SAMPLE_EVERY: Final = timedelta(minutes=5)
_PATIENCE: Final = timedelta(hours=6)
_SET_BACK: Final = timedelta(hours=1)  # a sample further ahead was made by a clock that was wrong: it tells of nothing
_DAY: Final = timedelta(days=1)
_REMEMBERED: Final = timedelta(
    days=90
)  # of how positions ended: two stopped copies of a trader further apart don't count


def standing(desk: Desk, account: Account, now: datetime) -> tuple[Breaker, ...]:
    """Return the breakers in force, with the present reading of our account beside the samples."""
    rules, at = desk.policy.breakers, max(now, account.read_at)
    return _in_force(desk.ledger, rules, _present(desk, account, at), at) if rules.on else ()


def remembered(ledger: Ledger, rules: BreakerPolicy, now: datetime) -> tuple[Breaker, ...]:
    """Return the breakers in force by what is stored, for where our account isn't read."""
    return _in_force(ledger, rules, (), now) if rules.on else ()


def sample(desk: Desk, account: Account, now: datetime) -> None:
    """Remember our equity, at most every five minutes, but at once where it trips a breaker that wasn't in force.

    What was moved in or out since the last sample is read at the venue, up to when our account was read; while that isn't
    known nothing is remembered, but for hours only: then it counts as nothing, lest losses are measured no more.
    """
    controls, now = desk.ledger.controls, max(now, account.read_at)
    last = _last(controls, now)
    if last is None:
        if math.isfinite(account.equity):
            controls.add_equity(EquitySample(now, account.equity))
        return
    fell = account.equity < last.equity_usd  # else it trips nothing that the last sample didn't
    if now <= last.at or not (now - last.at >= SAMPLE_EVERY or (fell and _trips(desk, account, now))):
        return
    moved = desk.exchange.transfers(last.at, now)
    if moved is UNKNOWN and now - last.at >= _PATIENCE:
        moved = 0.0
    if moved is UNKNOWN or not (math.isfinite(moved) and math.isfinite(account.equity)):
        return
    with desk.ledger.transaction():
        controls.add_equity(EquitySample(now, account.equity, last.transfers_usd + moved))
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        if last.at < today:  # yesterday stays whole: its last sample is what today's loss is measured from
            controls.thin_equity(today - _DAY)


def _samples(controls: Controls, now: datetime) -> Sequence[EquitySample]:
    """Return our equity as sampled, but for what a clock that has been set back since dated far ahead."""
    return [sample for sample in controls.equity() if sample.at <= now + _SET_BACK]


def _last(controls: Controls, now: datetime) -> EquitySample | None:
    """Return the newest of these samples."""
    last = controls.last_equity()
    if last is None or last.at <= now + _SET_BACK:
        return last
    known = _samples(controls, now)
    return known[-1] if known else None


def _trips(desk: Desk, account: Account, now: datetime) -> bool:
    """Whether the present reading trips a breaker which the samples alone don't: it might have recovered by the next one."""
    before = {breaker.name for breaker in remembered(desk.ledger, desk.policy.breakers, now)}
    return any(breaker.name not in before for breaker in standing(desk, account, now))


def _present(desk: Desk, account: Account, now: datetime) -> Sequence[EquitySample]:
    """Return the present reading as a sample; none where it says nothing, or a stored one is newer."""
    last = _last(desk.ledger.controls, now)
    if not math.isfinite(account.equity) or (last is not None and last.at >= now):
        return ()
    return (EquitySample(now, account.equity, last.transfers_usd if last is not None else 0.0),)


def _in_force(
    ledger: Ledger, rules: BreakerPolicy, present: Sequence[EquitySample], now: datetime
) -> tuple[Breaker, ...]:
    equity = [*_samples(ledger.controls, now), *present]
    positions = [*ledger.book.positions(), *ledger.book.closed_since(now - _REMEMBERED)]
    return breakers.tripped(positions, equity, ledger.controls.resumed_at(), now, rules)
