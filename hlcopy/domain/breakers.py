"""When entries pause: pure functions of our equity and of how our positions ended (decision 30)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from hlcopy.domain.book import ExitReason, PositionStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from hlcopy.domain.book import Position
    from hlcopy.domain.policy import BreakerPolicy

STOPPED_BY = frozenset(
    {ExitReason.STOP_LOSS, ExitReason.TRAILING_STOP, ExitReason.STOP_REJECTED, ExitReason.LIQUIDATED}
)
_DAY = timedelta(days=1)
_NOISE = 1e-9  # of floats: a loss of exactly the limit has reached it


@dataclass(frozen=True, slots=True)
class EquitySample:
    """Our equity in USD at a moment, and what had been moved in less out since the first sample."""

    at: datetime
    equity_usd: float
    transfers_usd: float = 0.0

    @property
    def result_usd(self) -> float:
        """Equity without what was moved in: it changes by trading only."""
        return self.equity_usd - self.transfers_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """A pause of entries: its setting's name, since when, until when (None: until somebody resumes), and the measure.

    `trader` is set where only one trader's signals are left out.
    """

    name: str
    since: datetime
    until: datetime | None
    measured: float
    limit: float
    trader: str | None = None


def tripped(
    positions: Sequence[Position],
    equity: Sequence[EquitySample],
    resumed_at: datetime | None,
    now: datetime,
    policy: BreakerPolicy,
) -> tuple[Breaker, ...]:
    """Return the breakers in force; `equity` is oldest first and reaches to the present.

    A loss that was reached once counts until its pause is over, whatever came after.
    """
    if not policy.on:
        return ()
    found = (
        _daily_loss(equity, now, policy),
        _drawdown([sample for sample in equity if resumed_at is None or sample.at >= resumed_at], policy),
        _entries(positions, now, policy),
        _stops(positions, now, policy),
        *_traders(positions, now, policy),
    )
    return tuple(breaker for breaker in found if breaker is not None)


def was_stopped(position: Position) -> bool:
    """Whether a position was ended by a stop, or worse, with a loss; a result that isn't known counts as one."""
    if position.status is not PositionStatus.CLOSED or position.close_reason not in STOPPED_BY:
        return False
    return position.realized_pnl_usd is None or position.realized_pnl_usd < 0


def _growth(equity: Iterable[EquitySample]) -> list[tuple[EquitySample, float]]:
    """Return each sample with what one dollar of the first has become: transfers neither gain nor lose.

    Between two samples what was moved in counts as there from the beginning, what was moved out as there to the end, so
    that neither makes a loss look larger than it was.
    """
    grown: list[tuple[EquitySample, float]] = []
    worth = 1.0
    for sample in equity:
        if grown:
            before = grown[-1][0]
            moved = sample.transfers_usd - before.transfers_usd
            invested = before.equity_usd + max(0.0, moved)
            if invested > 0:
                worth *= max(0.0, sample.equity_usd + max(0.0, -moved)) / invested
        grown.append((sample, worth))
    return grown


def _loss_percent(base: float, worth: float) -> float:
    return (base - worth) / base * 100 if base > 0 else 0.0


def _is_reached(loss: float, limit: float) -> bool:
    return loss >= limit - _NOISE


def _day_of(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _daily_loss(equity: Sequence[EquitySample], now: datetime, policy: BreakerPolicy) -> Breaker | None:
    day = _day_of(now)
    grown = _growth(sample for sample in equity if day - _DAY <= sample.at <= now)
    today = [(sample, worth) for sample, worth in grown if sample.at >= day]
    if not today:
        return None
    before = [worth for sample, worth in grown if sample.at < day]
    base = before[-1] if before else today[0][1]
    for sample, worth in today:
        loss = _loss_percent(base, worth)
        if _is_reached(loss, policy.max_daily_loss_percent):
            return Breaker(
                name="MAX_DAILY_LOSS_PERCENT",
                since=sample.at,
                until=day + _DAY,
                measured=loss,
                limit=policy.max_daily_loss_percent,
            )
    return None


def _drawdown(equity: Iterable[EquitySample], policy: BreakerPolicy) -> Breaker | None:
    peak = 0.0
    for sample, worth in _growth(equity):
        peak = max(peak, worth)
        loss = _loss_percent(peak, worth)
        if _is_reached(loss, policy.max_drawdown_percent):
            return Breaker(
                name="MAX_DRAWDOWN_PERCENT",
                since=sample.at,
                until=None,
                measured=loss,
                limit=policy.max_drawdown_percent,
            )
    return None


def _entries(positions: Iterable[Position], now: datetime, policy: BreakerPolicy) -> Breaker | None:
    day = _day_of(now)
    today = sorted(position.opened_at for position in positions if position.opened_at >= day)
    if len(today) < policy.max_entries_per_day:
        return None
    return Breaker(
        name="MAX_ENTRIES_PER_DAY",
        since=today[policy.max_entries_per_day - 1] if policy.max_entries_per_day else day,
        until=day + _DAY,
        measured=len(today),
        limit=policy.max_entries_per_day,
    )


def _stopped_at(positions: Iterable[Position]) -> list[datetime]:
    return sorted(position.closed_at for position in positions if position.closed_at and was_stopped(position))


def _stops(positions: Iterable[Position], now: datetime, policy: BreakerPolicy) -> Breaker | None:
    """Return the pause after so many stops within six hours of each other; the last such series counts."""
    ends, number = _stopped_at(positions), policy.max_stops_in_6h
    for last in range(len(ends) - 1, number - 2, -1):
        in_time = ends[last] - ends[last - number + 1] <= policy.stops_window
        if in_time and now < ends[last] + policy.stops_pause:
            return Breaker(
                name="MAX_STOPS_IN_6H",
                since=ends[last],
                until=ends[last] + policy.stops_pause,
                measured=number,
                limit=number,
            )
    return None


def _traders(positions: Iterable[Position], now: datetime, policy: BreakerPolicy) -> list[Breaker]:
    """Return a pause for each trader whose latest copies were all stopped."""
    closed: dict[str, list[tuple[datetime, bool]]] = {}
    for position in positions:
        if position.status is PositionStatus.CLOSED and position.closed_at is not None:
            closed.setdefault(position.source_trader, []).append((position.closed_at, was_stopped(position)))
    found = []
    for trader, ends in sorted(closed.items()):
        latest = sorted(ends)[-policy.max_trader_stops :]
        until = latest[-1][0] + policy.trader_pause
        if len(latest) == policy.max_trader_stops and all(stopped for _, stopped in latest) and now < until:
            found.append(
                Breaker(
                    name="MAX_TRADER_STOPS",
                    since=latest[-1][0],
                    until=until,
                    measured=len(latest),
                    limit=policy.max_trader_stops,
                    trader=trader,
                )
            )
    return found
