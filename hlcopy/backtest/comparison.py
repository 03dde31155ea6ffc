"""Are our exits better than the trader's, or than holding? Paired, entry by entry."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import TYPE_CHECKING

from hlcopy.backtest.bootstrap import mean_interval, tail_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hlcopy.backtest.books import Outcome, Trial


@unique
class Verdict(StrEnum):
    """What the confidence interval of the mean difference says of our exits."""

    BETTER = "better"
    WORSE = "worse"
    NOT_SHOWN = "not shown"


@unique
class Evidence(StrEnum):
    """Whether there are days enough for an interval at all."""

    SUFFICIENT = "SUFFICIENT"
    INSUFFICIENT = "INSUFFICIENT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The sums of one book over the entries it knows the end of; percents are of each entry's notional, net of costs."""

    entries: int
    won: int
    open_at_end: int
    net_usd: float
    fees_usd: float
    funding_usd: float
    slippage_usd: float
    mean_pct: float | None
    median_pct: float | None
    tail_5_pct: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """Our result less the other's, entry by entry: the mean with its interval, the median, the mean of the worst 5 %."""

    mean: float | None
    median: float | None
    tail_5: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Versus:
    """Our exits against another book on the entries that both know the end of; `left_out` are the others."""

    pairs: int
    left_out: int
    days: int
    better: int
    percent: Differences
    usd: Differences
    verdict: Verdict
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The three books of decision 36 and what they say of our exits."""

    ours: Book
    trader: Book
    hold: Book
    ours_vs_trader: Versus
    ours_vs_hold: Versus
    trials: Sequence[Trial]


def compare(trials: Sequence[Trial]) -> Comparison | None:
    """Return the comparison of the three books, None without an entry."""
    if not trials:
        return None
    return Comparison(
        ours=_book(trials, lambda trial: trial.ours),
        trader=_book(trials, lambda trial: trial.followed),
        hold=_book(trials, lambda trial: trial.held),
        ours_vs_trader=_versus(trials, lambda trial: trial.followed),
        ours_vs_hold=_versus(trials, lambda trial: trial.held),
        trials=trials,
    )


def verdict_of(interval: tuple[float, float] | None) -> Verdict:
    """Return what an interval of mean differences says: only one that lies wholly on one side of zero says anything."""
    if interval is None or interval[0] <= 0 <= interval[1]:
        return Verdict.NOT_SHOWN
    return Verdict.BETTER if interval[0] > 0 else Verdict.WORSE


def _book(trials: Sequence[Trial], of: Callable[[Trial], Outcome | None]) -> Book:
    known = [(trial, outcome) for trial in trials if (outcome := of(trial)) is not None]
    percents = [100 * outcome.net_usd / trial.notional_usd for trial, outcome in known]
    return Book(
        entries=len(known),
        won=sum(outcome.net_usd > 0 for _, outcome in known),
        open_at_end=sum(outcome.open_size > 0 for _, outcome in known),
        net_usd=sum(outcome.net_usd for _, outcome in known),
        fees_usd=sum(outcome.fees_usd for _, outcome in known),
        funding_usd=sum(outcome.funding_usd for _, outcome in known),
        slippage_usd=sum(outcome.slippage_usd for _, outcome in known),
        mean_pct=statistics.fmean(percents) if percents else None,
        median_pct=statistics.median(percents) if percents else None,
        tail_5_pct=tail_mean(percents),
    )


def _versus(trials: Sequence[Trial], other: Callable[[Trial], Outcome | None]) -> Versus:
    pairs = [
        (trial, trial.ours.net_usd - outcome.net_usd)
        for trial in trials
        if trial.ours is not None and (outcome := other(trial)) is not None
    ]
    days = [trial.opened_at.date() for trial, _ in pairs]
    usd = [difference for _, difference in pairs]
    percent = [100 * difference / trial.notional_usd for trial, difference in pairs]
    interval = mean_interval(percent, days)
    return Versus(
        pairs=len(pairs),
        left_out=len(trials) - len(pairs),
        days=len(set(days)),
        better=sum(difference > 0 for difference in usd),
        percent=_differences(percent, interval),
        usd=_differences(usd, mean_interval(usd, days)),
        verdict=verdict_of(interval),
        evidence=Evidence.INSUFFICIENT if interval is None else Evidence.SUFFICIENT,
    )


def _differences(values: Sequence[float], interval: tuple[float, float] | None) -> Differences:
    return Differences(
        mean=statistics.fmean(values) if values else None,
        median=statistics.median(values) if values else None,
        tail_5=tail_mean(values),
        interval=interval,
    )
