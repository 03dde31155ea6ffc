"""What is recorded: whether ticks run, whom they follow, and what keeps entries out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.domain.checks import Check
from hlcopy.ticks import breakers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from hlcopy.domain.models import Run
    from hlcopy.domain.policy import Policy
    from hlcopy.ports import Ledger

_START: Final = "start them: hlcopy run-all as a service, or crontab.example"
_SLACK: Final = timedelta(minutes=1)
_MOST_SLACK: Final = timedelta(days=1)
_CUT_OFF: Final = timedelta(hours=2)
_ALERTS_LOOKED_AT: Final = 200
_LOST_FOR: Final = timedelta(days=3)


def tick_checks(ledger: Ledger, cadences: Mapping[str, timedelta], now: datetime) -> Iterable[Check]:
    """Say of each tick when it last ran, against its cadence, and how that ended."""
    last = {command: ledger.runs.last(command) for command in cadences}
    if not any(last.values()):
        yield Check(name="ticks", ok=None, said="none has ever run", remedy=_START)
        return
    for command, every in cadences.items():
        yield _tick_check(command, last[command], every, now)


def _tick_check(command: str, run: Run | None, every: timedelta, now: datetime) -> Check:
    if run is None:
        return Check(name=command, ok=False, said="has never run", remedy=_START)
    age = now - run.started_at
    said = f"ran {in_words(age)} ago, due every {in_words(every)}"
    if age > every + min(2 * every, _MOST_SLACK) + _SLACK:
        return Check(name=command, ok=False, said=said, remedy=_START)
    if run.finished_at is None and age > _CUT_OFF:
        return Check(name=command, ok=False, said=f"{said}; that run never ended", remedy=f"run it: hlcopy {command}")
    if run.ok is False:
        why = run.errors[0] if run.errors else "it doesn't say why"
        return Check(name=command, ok=False, said=f"{said}; it failed: {why}", remedy=f"run it: hlcopy {command}")
    return Check(name=command, ok=True, said=said)


def scores_check(ledger: Ledger, policy: Policy, now: datetime) -> Check:
    """Say how old the scores of those who are followed are: entries need young ones."""
    followed = ledger.traders.followed()
    scored = [trader.last_scored_at for trader in followed if trader.scored and trader.last_scored_at is not None]
    if not followed:
        return Check(name="traders", ok=None, said="nobody is followed yet", remedy="find traders: hlcopy score")
    primary = sum(trader.tier == "primary" for trader in followed)
    said = f"{len(followed)} followed, {primary} of them copied"
    if not scored:
        return Check(name="traders", ok=True, said=said)
    age, limit = now - max(scored), policy.entry.max_score_age
    said += f", scored {in_words(age)} ago"
    if age <= limit:
        return Check(name="traders", ok=True, said=said)
    remedy = f"nothing is entered on scores older than {in_words(limit)}: hlcopy score"
    return Check(name="traders", ok=False, said=said, remedy=remedy)


def entries_checks(ledger: Ledger, policy: Policy, now: datetime) -> Iterable[Check]:
    """Say what keeps entries out: it is meant to, and so not wrong."""
    halt = ledger.controls.halt()
    standing = breakers.remembered(ledger, policy.breakers, now)
    if halt is not None:
        said = f"halted since {halt.at:%Y-%m-%d %H:%M} UTC ({halt.reason})"
        yield Check(name="entries", ok=True, said=said, remedy="end it with: hlcopy resume")
    for breaker in standing:
        until = "hlcopy resume" if breaker.until is None else f"{breaker.until:%Y-%m-%d %H:%M} UTC"
        whose = "" if breaker.trader is None else f" for {breaker.trader}"
        said = (
            f"{breaker.name} pauses them{whose} until {until}: {breaker.measured:.3g} measured, limit {breaker.limit:g}"
        )
        yield Check(name="entries", ok=True, said=said)
    if halt is None and not standing:
        yield Check(name="entries", ok=True, said="allowed: neither halted nor paused by a breaker")


def alerts_check(ledger: Ledger, channels: Sequence[str], now: datetime) -> Check:
    """Say who is told, whether alerts reach them, and which of the last days never did."""
    name = "alerts"
    if not channels:
        remedy = "let people be told: HLCOPY_ALERT_URLS"
        return Check(name=name, ok=True, said="nobody is told anything", remedy=remedy)
    recent = ledger.outbox.recent(_ALERTS_LOOKED_AT)
    said = f"sent to {', '.join(channels)}"
    last = next((each.sent_at for each in recent if each.sent_at is not None), None)
    said += "; none was sent yet" if last is None else f"; the last one {in_words(now - last)} ago"
    failing = [each for each in recent if each.sent_at is None and each.tries and now - each.at < _LOST_FOR]
    if failing:
        lacking = sorted({label for each in failing for label in channels if label not in each.delivered})
        said += f"; {len(failing)} couldn't be sent" + (f" to {', '.join(lacking)}" if lacking else "")
        return Check(name=name, ok=False, said=said, remedy="see which channel fails: hlcopy alerts test")
    return Check(name=name, ok=True, said=said)


def in_words(span: timedelta) -> str:
    """Return a time as its largest unit: 42 s, 5 min, 3 h, 2 d."""
    seconds = max(0.0, span.total_seconds())
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
