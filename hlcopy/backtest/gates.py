"""Does a gate refuse what would have lost? Every refused entry followed through our exits, gate by gate."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import TYPE_CHECKING, Final

from hlcopy.backtest.bootstrap import MIN_DAYS, mean_interval
from hlcopy.backtest.report import Warn, replay_warnings
from hlcopy.backtest.shadows import follow
from hlcopy.domain.models import EXECUTE, Action, SkipReason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from hlcopy.backtest.run import Played
    from hlcopy.backtest.shadows import Shadow
    from hlcopy.domain.models import Signal
    from hlcopy.ports import Progress

_NO_ENTRY: Final = {SkipReason.ACTION, SkipReason.ADD_NO_OPEN, SkipReason.ADD_TOO_OLD}


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
    not refused, so it has no verdict.
    """

    decision: str
    refused: int
    followed: int
    loss_avoided_pct: float
    gain_missed_pct: float
    mean_pct: float | None
    interval_pct: tuple[float, float] | None
    days: int
    verdict: Verdict | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The gates of a replay, the one that refused most first; the last is EXECUTE, what passed."""

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


def gate(decision: str, shadows: Sequence[Shadow | None]) -> Gate:
    """Return what the entries of one decision came to; None stands for one that couldn't be followed."""
    known = [shadow for shadow in shadows if shadow is not None]
    results = [shadow.result_pct for shadow in known]
    days = [shadow.opened_at.date() for shadow in known]
    interval = mean_interval(results, days)
    return Gate(
        decision=decision,
        refused=len(shadows),
        followed=len(known),
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
    entries = [signal for signal in signals if is_entry(signal)]
    if progress is not None:
        progress.start("Following", len(entries))
    followed: list[tuple[Signal, Shadow | None]] = []
    for signal in entries:
        followed.append((signal, follow(signal, replay.market, replay.desk.policy, end)))
        if progress is not None:
            progress.advance()
    if progress is not None:
        progress.finish()
    by_decision: dict[str, list[Shadow | None]] = defaultdict(list)
    for signal, shadow in followed:
        by_decision[signal.decision].append(shadow)
    passed = by_decision.pop(EXECUTE, [])
    refusing = sorted(by_decision.items(), key=lambda item: (-len(item[1]), item[0]))
    gates = [gate(decision, shadows) for decision, shadows in (*refusing, (EXECUTE, passed))]
    positions = ledger.book.positions(live_only=False)
    return Judgement(
        start=played.start.date(),
        end=last_day,
        gates=gates,
        warnings=[
            *replay_warnings(replay, played.recording, played.tally, signals, positions, (played.start, end)),
            *_warnings(followed, gates),
        ],
    )


def _warnings(followed: Sequence[tuple[Signal, Shadow | None]], gates: Sequence[Gate]) -> Iterable[Warn]:
    """Name what the judgement doesn't know."""
    if all(each.decision == EXECUTE for each in gates):
        yield Warn(code="NOTHING_REFUSED", message="no entry was refused, so there is no gate to judge")
    lost = [signal.coin for signal, shadow in followed if shadow is None]
    if lost:
        coins = ", ".join(f"{coin} {lost.count(coin)}" for coin in sorted(set(lost)))
        yield Warn(
            code="NOT_FOLLOWED", message=f"entries without a price, or no trade at it, when they were decided: {coins}"
        )
    still = sum(shadow is not None and shadow.closed_at is None for _, shadow in followed)
    if still:
        yield Warn(code="OPEN_AT_END", message=f"{still} followed entries were open at the end: their last mark counts")
    few = [f"{each.decision} {each.days}" for each in gates if each.days < MIN_DAYS and each.verdict is not None]
    if few:
        message = f"of a gate nothing is claimed under {MIN_DAYS} days with followed entries: {', '.join(few)}"
        yield Warn(code="INSUFFICIENT", message=message)
