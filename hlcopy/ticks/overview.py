"""How everything stands, by what is stored and the marks that are handed over: the screen of the morning."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.domain.exits import unrealized_percent
from hlcopy.ticks import breakers
from hlcopy.ticks.schedule import slot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hlcopy.domain.book import Position
    from hlcopy.domain.breakers import Breaker, EquitySample
    from hlcopy.domain.models import Run
    from hlcopy.domain.policy import Policy
    from hlcopy.ports import Halt, Ledger

DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A position of ours with how far it is from its ends; what needs a mark is None without one.

    `to_stop_pct` is how far the mark may move against it until its stop, in percent of the mark; `time_left` until the time
    stop, which may be past.
    """

    position: Position
    mark: float | None
    gain_pct: float | None
    unrealized_usd: float | None
    to_stop_pct: float | None
    time_left: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A tick's last run, and when it should run next; `errors` are those of that run."""

    command: str
    run: Run | None
    next_due: datetime

    @property
    def seconds(self) -> float | None:
        """How long its last run took, None while it runs or when it was cut off."""
        run = self.run
        return None if run is None or run.finished_at is None else (run.finished_at - run.started_at).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """How everything stands; results in USD leave out what was moved in and out, and are None without a sample before."""

    at: datetime
    equity: EquitySample | None
    curve: Sequence[EquitySample]
    today_usd: float | None
    week_usd: float | None
    closed_today: int
    closed_week: int
    held: Sequence[Held]
    decisions: Mapping[str, int]
    ticks: Sequence[Tick]
    halted: Halt | None
    breakers: Sequence[Breaker]
    followed: int


def overview(
    ledger: Ledger,
    policy: Policy,
    cadences: Mapping[str, timedelta],
    marks: Mapping[str, float],
    now: datetime,
) -> Overview:
    """Return how everything stands; `marks` are of the coins we hold, as far as they are known."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    samples = [sample for sample in ledger.controls.equity() if sample.at <= now]
    closed = ledger.book.closed_since(now - WEEK)
    return Overview(
        at=now,
        equity=samples[-1] if samples else None,
        curve=[sample for sample in samples if sample.at >= now - WEEK],
        today_usd=_result_since(samples, midnight),
        week_usd=_result_since(samples, now - WEEK),
        closed_today=sum(position.closed_at is not None and position.closed_at >= midnight for position in closed),
        closed_week=len(closed),
        held=[_held(position, marks.get(position.coin), policy, now) for position in ledger.book.positions()],
        decisions=Counter(signal.decision for signal in ledger.signals.list(since=now - DAY)),
        ticks=[_tick(ledger, command, every, now) for command, every in cadences.items()],
        halted=ledger.controls.halt(),
        breakers=breakers.remembered(ledger, policy.breakers, now),
        followed=len(ledger.traders.followed()),
    )


def _result_since(samples: Sequence[EquitySample], since: datetime) -> float | None:
    """Return what was made since the last sample before a moment, else since the first one; None without a later one."""
    if not samples or samples[-1].at <= since:
        return None
    before = [sample for sample in samples if sample.at <= since]
    return samples[-1].result_usd - (before[-1] if before else samples[0]).result_usd


def _held(position: Position, mark: float | None, policy: Policy, now: datetime) -> Held:
    trigger = position.trigger_price
    known = mark is not None and mark > 0
    return Held(
        position=position,
        mark=mark if known else None,
        gain_pct=unrealized_percent(position.entry_price, mark, position.side) if known and mark else None,
        unrealized_usd=position.side.sign * (mark - position.entry_price) * position.size if known and mark else None,
        to_stop_pct=None
        if not known or not mark or trigger is None
        else position.side.sign * (mark - trigger) / mark * 100,
        time_left=position.opened_at + policy.exit.max_duration - now,
    )


def _tick(ledger: Ledger, command: str, every: timedelta, now: datetime) -> Tick:
    run = ledger.runs.last(command)
    this = slot(now, every)
    had_its_turn = run is not None and run.started_at >= this
    return Tick(command=command, run=run, next_due=this + every if had_its_turn else now)
