"""What a finished sweep says: the configurations by rank, how much of the best is luck, and what choosing is worth later."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import accumulate
from operator import mul
from typing import TYPE_CHECKING, Final

from hlcopy.backtest import metrics
from hlcopy.backtest.bootstrap import MIN_DAYS
from hlcopy.backtest.metrics import DAYS_A_YEAR, Point
from hlcopy.backtest.report import Warn
from hlcopy.backtest.sweep import judged
from hlcopy.backtest.sweep_space import Listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hlcopy.backtest.sweep import Fold, Measure, Outcome, Window
    from hlcopy.backtest.sweep_run import SweepPlan
    from hlcopy.backtest.sweep_space import Space
    from hlcopy.backtest.sweep_study import Study, Tried

SHOWN_FROM: Final = 0.95  # a deflated Sharpe ratio as high as this shows more than luck
_ENOUGH: Final = 20  # scored trials: of fewer a search can't tell which settings matter


@dataclass(frozen=True, slots=True, kw_only=True)
class Deflated:
    """The best configuration's Sharpe ratio against what so many tries show by luck alone.

    `luckiest` is what they show, and `sharpe` the best's, both a year's; `probability` is of the true one being above it, and
    `undeflated` of it being above zero. Both are None where the returns can't tell.
    """

    sharpe: float
    luckiest: float
    probability: float | None
    undeflated: float | None

    @property
    def is_shown(self) -> bool:
        """Whether the best is better than luck."""
        return self.probability is not None and self.probability >= SHOWN_FROM


@dataclass(frozen=True, slots=True, kw_only=True)
class ByValue:
    """The configurations that share a setting's value: how many have a score, its mean and its best, None without one."""

    name: str
    value: str
    scored: int
    mean: float | None
    best: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldResult:
    """A fold's choice, None where no configuration could win, and what it and the settings as they are came to later."""

    fold: Fold
    chosen: Tried | None
    tested: Outcome
    as_set: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The test days of all folds in a row, their returns compounded."""

    return_pct: float
    drawdown_pct: float | None
    sharpe: float | None
    probabilistic_sharpe: float | None
    entries: int
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkForward:
    """The folds in a row: what was chosen, joined out of sample, beside the settings as they are on the same days.

    `in_sample` and `out_of_sample` are the mean scores of the choices over the folds that have both, `decay` the share of the
    first that is gone in the second; None where the first isn't above zero.
    """

    folds: Sequence[FoldResult]
    joined: Joined
    as_set: Joined
    in_sample: float | None
    out_of_sample: float | None

    @property
    def decay(self) -> float | None:
        """One less the mean score out of sample over that in sample."""
        if self.in_sample is None or self.out_of_sample is None or self.in_sample <= 0:
            return None
        return 1 - self.out_of_sample / self.in_sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A finished sweep; `rows` are its configurations by rank, those without a score last.

    `tries` counts all configurations that were ever tried on the same days, by this study or by another beside it.
    """

    study: str
    window: Window
    by: Measure
    space: Space
    seed: int | None
    rows: Sequence[Tried]
    as_set: Outcome
    as_set_values: Mapping[str, str]
    as_set_score: float | None
    as_set_why: str | None
    tries: int
    deflated: Deflated | None
    by_value: Sequence[ByValue]
    importances: Mapping[str, float]
    walked: WalkForward | None
    warnings: Sequence[Warn]

    @property
    def best(self) -> Tried | None:
        """The first by rank, None when no configuration can win."""
        return next((row for row in self.rows if row.score is not None), None)


def ranked(tried: Iterable[Tried]) -> list[Tried]:
    """Return each configuration once, the best score first, those without one last."""
    once: dict[object, Tried] = {}
    for each in tried:
        once.setdefault(each.key or tuple(each.values.items()), each)
    return sorted(once.values(), key=lambda each: (math.inf if each.score is None else -each.score, each.number))


def report(
    plan: SweepPlan, study: Study, *, as_set: Outcome, tries: Sequence[Outcome], folds: Sequence[FoldResult]
) -> Sweep:
    """Return what a finished study says; `tries` are all configurations that were ever tried on its days."""
    rows, by = ranked(study.tried()), plan.measure
    score, why = judged(as_set, by)
    scored = [row for row in rows if row.score is not None]
    walked = _walked(folds, by) if folds else None
    return Sweep(
        study=plan.name,
        window=plan.window,
        by=by,
        space=plan.space,
        seed=None if plan.trials is None else plan.seed,
        rows=rows,
        as_set=as_set,
        as_set_values=plan.as_set,
        as_set_score=score,
        as_set_why=why,
        tries=len(tries),
        deflated=_deflated(scored[0].outcome, tries) if scored else None,
        by_value=list(_by_value(plan.space, scored)),
        importances=study.importances if plan.trials is not None and len(scored) >= _ENOUGH else {},
        walked=walked,
        warnings=[*_warnings(rows, scored, walked), *(Warn(code=code, message=text) for code, text in as_set.warnings)],
    )


def _deflated(best: Outcome | None, tries: Sequence[Outcome]) -> Deflated | None:
    shape = best.moments if best else None
    if shape is None:
        return None
    ratios = [each.moments.ratio for each in tries if each.moments is not None]
    year = math.sqrt(DAYS_A_YEAR)
    return Deflated(
        sharpe=shape.ratio * year,
        luckiest=metrics.luckiest_sharpe(ratios, len(tries)) * year,
        probability=metrics.deflated_sharpe(shape, ratios, len(tries)),
        undeflated=metrics.probability_above(shape, 0.0),
    )


def _by_value(space: Space, scored: Sequence[Tried]) -> Iterable[ByValue]:
    """Yield what each value of a list came to, over all values of the others."""
    for axis in space.axes:
        if not isinstance(axis, Listed) or len(axis.values) == 1:
            continue
        scores: dict[str, list[float]] = {value: [] for value in axis.values}
        for row in scored:
            scores[row.values[axis.name]].append(row.score or 0.0)
        for value, found in scores.items():
            mean, best = (statistics.fmean(found), max(found)) if found else (None, None)
            yield ByValue(name=axis.name, value=value, scored=len(found), mean=mean, best=best)


def _walked(folds: Sequence[FoldResult], by: Measure) -> WalkForward:
    pairs = [
        (each.chosen.score, after)
        for each in folds
        if each.chosen is not None and each.chosen.score is not None and (after := by.of(each.tested)) is not None
    ]
    return WalkForward(
        folds=folds,
        joined=_joined([(each.fold.test, each.tested) for each in folds]),
        as_set=_joined([(each.fold.test, each.as_set) for each in folds]),
        in_sample=statistics.fmean(before for before, _ in pairs) if pairs else None,
        out_of_sample=statistics.fmean(after for _, after in pairs) if pairs else None,
    )


def _joined(parts: Sequence[tuple[Window, Outcome]]) -> Joined:
    """Return test windows in a row, each of which began anew with the starting equity: their returns compound."""
    returns = [value for _, part in parts for value in part.returns]
    equity = accumulate((1 + value for value in returns), mul, initial=1.0)
    start = datetime.combine(parts[0][0].first, time(), UTC)
    points = [Point(at=start + timedelta(days=day), equity_usd=value) for day, value in enumerate(equity)]
    fall = metrics.deepest_drawdown(points)
    return Joined(
        return_pct=(points[-1].equity_usd - 1) * 100,
        drawdown_pct=fall.percent if fall else None,
        sharpe=metrics.sharpe(returns),
        probabilistic_sharpe=metrics.probabilistic_sharpe(returns),
        entries=sum(part.entries for _, part in parts),
        days=sum(part.days for _, part in parts),
    )


def _warnings(rows: Sequence[Tried], scored: Sequence[Tried], walked: WalkForward | None) -> Iterable[Warn]:
    """Name what a reader must know before believing the best."""
    barred = [row for row in rows if row.score is None and row.outcome is not None]
    impossible = [row for row in rows if row.outcome is None]
    if scored and walked is None:
        message = "the best was chosen on the very days it is measured on; --folds tells what choosing is worth later"
        yield Warn(code="CHOSEN_IN_SAMPLE", message=message)
    if barred:
        message = f"{len(barred)} of {len(rows)} configurations can't win, for want of {MIN_DAYS} days with entries or a figure"
        yield Warn(code="INSUFFICIENT", message=message)
    if impossible:
        told = "; ".join(dict.fromkeys(row.why or "" for row in impossible))
        message = f"{len(impossible)} of {len(rows)} configurations contradict themselves and weren't replayed: {told}"
        yield Warn(code="INFEASIBLE", message=message)
    idle = [str(number) for number, each in enumerate(walked.folds if walked else (), 1) if each.chosen is None]
    if idle:
        message = f"no configuration could win in fold {', '.join(idle)}: the settings as they are were kept there"
        yield Warn(code="FOLD_INSUFFICIENT", message=message)
    if walked is not None and walked.joined.days < MIN_DAYS:
        message = f"{walked.joined.days} days with entries out of sample: nothing is claimed under {MIN_DAYS}"
        yield Warn(code="OUT_OF_SAMPLE_INSUFFICIENT", message=message)
