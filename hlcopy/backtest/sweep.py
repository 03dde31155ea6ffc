"""What a sweep makes of a replay: the outcome of a configuration, the measures that rank it, and the folds of time."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from hlcopy.backtest import metrics
from hlcopy.backtest.bootstrap import MIN_DAYS
from hlcopy.backtest.metrics import Moments
from hlcopy.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hlcopy.backtest.desk import Recording
    from hlcopy.backtest.report import Backtest
    from hlcopy.backtest.run import Plan

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Whole UTC days, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many days."""
        return (self.last - self.first) // _DAY + 1

    def __str__(self) -> str:
        return f"{self.first} to {self.last}"

    def of(self, plan: Plan) -> Plan:
        """Return a plan for these days."""
        return replace(plan, first_day=self.first, last_day=self.last)


def key_of(plan: Plan) -> str:
    """Return the same for two plans of the same rules and equity of ours, whatever texts made them."""
    return hashlib.sha256(repr((plan.policy, plan.our_equity)).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """The days that choose a configuration, and those right after them that it is tried on."""

    train: Window
    test: Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a replay of a configuration came to; percents of the starting equity, but `uplift_pct` of an entry.

    `days` counts the UTC days with entries, `uplift_days` those whose entries can be compared with the trader's exits.
    `returns` are the daily ones.
    """

    entries: int
    days: int
    return_pct: float
    drawdown_pct: float | None
    sharpe: float | None
    calmar: float | None
    uplift_pct: float | None
    uplift_days: int
    moments: Moments | None
    returns: tuple[float, ...] = ()
    warnings: tuple[tuple[str, str], ...] = field(default=(), compare=False)

    def kept(self, *, whole: bool) -> dict[str, Any]:
        """Return what a study keeps of it as JSON; without returns and warnings unless `whole`."""
        document = asdict(self)
        return document if whole else document | {"returns": (), "warnings": ()}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Outcome:
        """Return what a study has kept."""
        shape = document["moments"]
        return cls(
            **{
                **document,
                "moments": None if shape is None else Moments(**shape),
                "returns": tuple(document["returns"]),
                "warnings": tuple((code, message) for code, message in document["warnings"]),
            }
        )


def outcome(result: Backtest) -> Outcome:
    """Return what a sweep needs of a finished backtest."""
    figures, versus = result.figures, result.comparison and result.comparison.ours_vs_trader
    returns = metrics.daily_returns([point.equity_usd for point in figures.points])
    return Outcome(
        entries=len(result.positions),
        days=len({position.opened_at.date() for position in result.positions}),
        return_pct=result.metrics.return_pct,
        drawdown_pct=figures.drawdown.percent if figures.drawdown else None,
        sharpe=figures.sharpe,
        calmar=figures.calmar,
        uplift_pct=versus.percent.mean if versus else None,
        uplift_days=versus.days if versus else 0,
        moments=metrics.moments(returns),
        returns=tuple(returns),
        warnings=tuple((warning.code, warning.message) for warning in result.warnings),
    )


# What is maximised


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A figure that configurations are ranked by, the larger the better, and the days with entries that it rests on."""

    name: str
    meaning: str
    unit: str
    of: Callable[[Outcome], float | None]
    days: Callable[[Outcome], int]


MEASURES: Final = {
    measure.name: measure
    for measure in (
        Measure(
            name="sharpe",
            meaning="the Sharpe ratio of daily returns, a year",
            unit="",
            of=lambda outcome: outcome.sharpe,
            days=lambda outcome: outcome.days,
        ),
        Measure(
            name="return",
            meaning="the return over all days, in percent",
            unit="%",
            of=lambda outcome: outcome.return_pct,
            days=lambda outcome: outcome.days,
        ),
        Measure(
            name="calmar",
            meaning="the year's growth over the deepest fall, known from 30 days on",
            unit="",
            of=lambda outcome: outcome.calmar,
            days=lambda outcome: outcome.days,
        ),
        Measure(
            name="uplift",
            meaning="our exits less the trader's, percent of an entry on average",
            unit="%",
            of=lambda outcome: outcome.uplift_pct,
            days=lambda outcome: outcome.uplift_days,
        ),
    )
}


def judged(result: Outcome, by: Measure) -> tuple[float | None, str | None]:
    """Return the score of an outcome, or why it has none and can't win."""
    if not result.entries:
        return None, "INSUFFICIENT: no entries"
    if by.days(result) < MIN_DAYS:
        return None, f"INSUFFICIENT: {by.days(result)} days with entries, {MIN_DAYS} are needed"
    score = by.of(result)
    return (None, f"INSUFFICIENT: its {by.name} can't be told") if score is None else (score, None)


# Time


def folds(whole: Window, count: int) -> list[Fold]:
    """Return the folds of a period for an anchored walk-forward.

    The period is cut into `count` + 1 parts of equal length, to the day. Fold k is trained on the first k of them, always
    from the first day on, and tested on part k + 1. Raises `BadInputError` where the first part is too short to choose on.
    """
    starts = [whole.first + _DAY * (whole.days * part // (count + 1)) for part in range(count + 2)]
    if (starts[1] - starts[0]) // _DAY < MIN_DAYS:
        most = whole.days // MIN_DAYS - 1
        remedy = f"{most} fit" if most > 0 else f"even one needs {2 * MIN_DAYS} days"
        message = (
            f"--folds {count} leaves {whole.days // (count + 1)} days to choose on, {MIN_DAYS} are needed; {remedy}"
        )
        raise BadInputError(message)
    return [
        Fold(
            train=Window(first=whole.first, last=starts[part] - _DAY),
            test=Window(first=starts[part], last=starts[part + 1] - _DAY),
        )
        for part in range(1, count + 1)
    ]


def fingerprint(recording: Recording) -> str:
    """Return what changes whenever a recording does; all its candles are read."""
    digest = hashlib.sha256(repr(recording.universe).encode())
    for trader, fills in sorted(recording.fills.items()):
        digest.update(trader.encode())
        for fill in fills:
            digest.update(repr(fill).encode())
    for coin, tape in sorted(recording.tapes.items()):
        digest.update(f"{coin} {recording.funding.get(coin)!r}".encode())
        for candles, begin, end in tape.opening(0):
            digest.update(f"{candles.interval_ms}".encode())
            for column in (candles.t, candles.o, candles.h, candles.l, candles.c, candles.v):
                digest.update(column[begin:end].tobytes())
    return digest.hexdigest()[:16]
