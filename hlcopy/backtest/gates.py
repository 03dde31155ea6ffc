"""Does a gate refuse what would have lost? Every refused entry followed through our exits, gate by gate."""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import TYPE_CHECKING, Final

from hlcopy.backtest.bootstrap import MIN_DAYS, mean_interval
from hlcopy.backtest.report import Warn, replay_warnings
from hlcopy.backtest.shadows import Shadow, Untold, follow
from hlcopy.domain.models import EXECUTE, Action, SkipReason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date

    from hlcopy.backtest.run import Played
    from hlcopy.domain.models import Signal
    from hlcopy.ports import Progress

    Followed = tuple[Signal, Shadow | Untold]

_NO_ENTRY: Final = {SkipReason.ACTION, SkipReason.ADD_NO_OPEN, SkipReason.ADD_TOO_OLD}


@unique
class Source(StrEnum):
    """Whose decisions are judged: those of a replay, or those that the ticks really made."""

    REPLAY = "replay"
    LEDGER = "ledger"


@unique
class Verdict(StrEnum):
    """What the confidence interval of the mean result of the refused says of a gate."""

    EARNS = "earns its place"
    DOES_NOT = "does not"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What one decision held back, or let through if it is EXECUTE; percents are of each entry's notional, net of costs.

    `loss_avoided_pct` is the sum of the negative results and `gain_missed_pct` that of the positive ones. What passed was
    not refused, so it has no verdict. Of those not followed, `pending` may still be held, of `unknown` no candles tell.
    """

    decision: str
    refused: int
    followed: int
    pending: int
    unknown: int
    loss_avoided_pct: float
    gain_missed_pct: float
    mean_pct: float | None
    interval_pct: tuple[float, float] | None
    days: int
    verdict: Verdict | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The gates of a period, the one that refused most first; the last is EXECUTE, what passed."""

    source: Source
    start: date
    end: date
    gates: Sequence[Gate]
    warnings: Sequence[Warn]


def is_entry(signal: Signal) -> bool:
    """Whether a decided order was one to enter by, whatever became of it: an Open, or an Add early enough."""
    return signal.is_final and signal.action in {Action.OPEN, Action.ADD} and signal.decision not in _NO_ENTRY


def verdict_of(interval: tuple[float, float] | None) -> Verdict:
    """Return what an interval of the mean result of the refused says: only one wholly on one side of zero says anything."""
    if interval is None or interval[0] <= 0 <= interval[1]:
        return Verdict.UNKNOWN
    return Verdict.EARNS if interval[1] < 0 else Verdict.DOES_NOT


def gate(decision: str, shadows: Sequence[Shadow | Untold]) -> Gate:
    """Return what the entries of one decision came to."""
    known = [shadow for shadow in shadows if isinstance(shadow, Shadow)]
    pending = shadows.count(Untold.PENDING)
    results = [shadow.result_pct for shadow in known]
    days = [shadow.opened_at.date() for shadow in known]
    interval = mean_interval(results, days)
    return Gate(
        decision=decision,
        refused=len(shadows),
        followed=len(known),
        pending=pending,
        unknown=len(shadows) - len(known) - pending,
        loss_avoided_pct=math.fsum(result for result in results if result < 0),
        gain_missed_pct=math.fsum(result for result in results if result > 0),
        mean_pct=statistics.fmean(results) if results else None,
        interval_pct=interval,
        days=len(set(days)),
        verdict=None if decision == EXECUTE else verdict_of(interval),
    )


def judge(played: Played, last_day: date, progress: Progress | None = None) -> Judgement:
    """Follow every entry that a finished replay decided, and judge the gates by what they refused."""
    replay, end = played.replay, played.replay.clock.now
    ledger = replay.desk.ledger
    signals = ledger.signals.list()
    followed = follow_each(
        [signal for signal in signals if is_entry(signal)],
        lambda signal: follow(signal, replay.market, replay.desk.policy, end),
        progress,
    )
    positions = ledger.book.positions(live_only=False)
    warnings = replay_warnings(replay, played.recording, played.tally, signals, positions, (played.start, end))
    return judged(Source.REPLAY, played.start.date(), last_day, followed, warnings)


def follow_each(
    entries: Sequence[Signal], tell: Callable[[Signal], Shadow | Untold], progress: Progress | None
) -> list[Followed]:
    """Return entries with what `tell` says of each."""
    if progress is not None:
        progress.start("Following", len(entries))
    followed = []
    for signal in entries:
        followed.append((signal, tell(signal)))
        if progress is not None:
            progress.advance()
    if progress is not None:
        progress.finish()
    return followed


def judged(source: Source, start: date, end: date, followed: Sequence[Followed], warnings: Iterable[Warn]) -> Judgement:
    """Return the judgement on what became of entries; `warnings` are those that the entries themselves don't give."""
    by_decision: dict[str, list[Shadow | Untold]] = defaultdict(list)
    for signal, shadow in followed:
        by_decision[signal.decision].append(shadow)
    passed = by_decision.pop(EXECUTE, [])
    refusing = sorted(by_decision.items(), key=lambda item: (-len(item[1]), item[0]))
    gates = [gate(decision, shadows) for decision, shadows in (*refusing, (EXECUTE, passed))]
    return Judgement(
        source=source, start=start, end=end, gates=gates, warnings=[*warnings, *_warnings(followed, gates)]
    )


def _warnings(followed: Sequence[Followed], gates: Sequence[Gate]) -> Iterable[Warn]:
    """Name what the judgement doesn't know."""
    if all(each.decision == EXECUTE for each in gates):
        yield Warn(code="NOTHING_REFUSED", message="no entry was refused, so there is no gate to judge")
    for why in Untold:
        lost = Counter(signal.coin for signal, shadow in followed if shadow is why)
        if lost and why is not Untold.PENDING:
            coins = ", ".join(f"{coin} {count}" for coin, count in sorted(lost.items()))
            yield Warn(code="NOT_FOLLOWED", message=f"entries with {why}: {coins}")
    few = [f"{each.decision} {each.days}" for each in gates if each.days < MIN_DAYS and each.verdict is not None]
    if few:
        message = f"of a gate nothing is claimed under {MIN_DAYS} days with followed entries: {', '.join(few)}"
        yield Warn(code="INSUFFICIENT", message=message)
