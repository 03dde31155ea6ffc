"""A finished sweep as a document and as text within 80 columns."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from string import ascii_uppercase
from typing import TYPE_CHECKING, Final

from hlcopy.backtest.sweep_report import SHOWN_FROM
from hlcopy.render import text
from hlcopy.render.backtest import paragraphs, warning_lines
from hlcopy.render.figures import PLAIN_WIDTH, number, signed
from hlcopy.render.tables import Column, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hlcopy.backtest.sweep import Measure, Outcome
    from hlcopy.backtest.sweep_report import FoldResult, Joined, Sweep, WalkForward
    from hlcopy.backtest.sweep_space import Axis
    from hlcopy.backtest.sweep_study import Tried

_WIDTH: Final = 79
_LONGEST_VALUE: Final = 12
_AS_SET: Final = "as set"
_FIGURES: Final = (
    Column("RETURN", right=True),
    Column("SHARPE", right=True),
    Column("UPLIFT", right=True),
    Column("FALL", right=True),
    Column("ENTRIES", right=True),
    Column("DAYS", right=True),
)
_BY_VALUE: Final = (
    Column("SETTING"),
    Column("VALUE", right=True),
    Column("SCORED", right=True),
    Column("MEAN", right=True),
    Column("BEST", right=True),
)
_IMPORTANCES: Final = (Column("SETTING"), Column("SHARE", right=True))
_NOTES: Final = (
    "each configuration is a backtest of its own: the ticks that trade, from the starting equity, with nothing held",
    "uplift: our exits less the trader's own on the same entries, percent of an entry on average",
    "deflated Sharpe: the probability that the true ratio is above what so many tries without skill would show by luck",
    "every configuration ever tried on these days is a try, in this study and in others beside it",
)
_FOLD_NOTES: Final = (
    "a fold is a sweep of its own on the days before its test days; of those it knows nothing",
    "each window begins with the starting equity and nothing held; what is open at its end counts at its last mark",
    "so no position spans a boundary; joined, the daily returns of the test windows compound",
)


# The document


def sweep_document(sweep: Sweep) -> dict[str, object]:
    """Return the one JSON document of a sweep."""
    best, deflated = sweep.best, sweep.deflated
    return {
        "command": "sweep",
        "ok": True,
        "from": sweep.window.first.isoformat(),
        "to": sweep.window.last.isoformat(),
        "study": sweep.study,
        "by": sweep.by.name,
        "seed": sweep.seed,
        "settings": sweep.space.document(),
        "as_set": {
            "values": dict(sweep.as_set_values),
            "score": sweep.as_set_score,
            "why": sweep.as_set_why,
            **_figures(sweep.as_set),
        },
        "best": None if best is None else _row_document(sweep, best),
        "tries": sweep.tries,
        "deflated_sharpe": None if deflated is None else asdict(deflated) | {"better_than_luck": deflated.is_shown},
        "configurations": [_row_document(sweep, row) for row in sweep.rows],
        "by_value": [asdict(each) for each in sweep.by_value],
        "importances": dict(sweep.importances),
        "walk_forward": None if sweep.walked is None else _walked_document(sweep.by, sweep.walked),
        "warnings": list(warning_lines(sweep.warnings)),
    }


def _row_document(sweep: Sweep, row: Tried) -> dict[str, object]:
    less = None if row.score is None or sweep.as_set_score is None else row.score - sweep.as_set_score
    return {
        "trial": row.number,
        "values": dict(row.values),
        "score": row.score,
        "score_less_as_set": less,
        "why": row.why,
        **(_figures(row.outcome) if row.outcome else {}),
    }


def _figures(outcome: Outcome) -> dict[str, object]:
    return {
        "entries": outcome.entries,
        "days_with_entries": outcome.days,
        "return_pct": outcome.return_pct,
        "max_drawdown_pct": outcome.drawdown_pct,
        "sharpe": outcome.sharpe,
        "calmar": outcome.calmar,
        "uplift_pct": outcome.uplift_pct,
    }


def _walked_document(by: Measure, walked: WalkForward) -> dict[str, object]:
    return {
        "folds": [
            {
                "train": {"from": each.fold.train.first.isoformat(), "to": each.fold.train.last.isoformat()},
                "test": {"from": each.fold.test.first.isoformat(), "to": each.fold.test.last.isoformat()},
                "chosen": dict(each.chosen.values) if each.chosen else None,
                "in_sample": each.chosen.score if each.chosen else None,
                "out_of_sample": by.of(each.tested),
                "tested": _figures(each.tested),
                "as_set": _figures(each.as_set),
            }
            for each in walked.folds
        ],
        "out_of_sample": asdict(walked.joined),
        "as_set": asdict(walked.as_set),
        "mean_in_sample": walked.in_sample,
        "mean_out_of_sample": walked.out_of_sample,
        "decay": walked.decay,
    }


# The text


def sweep_text(sweep: Sweep, top: int, width: int | None) -> str:
    """Return a sweep as tables and paragraphs, with the first `top` configurations; plain when `width` is None."""
    shown = sweep.rows[:top]
    many = f"{len(shown)} of {len(sweep.rows)}" if len(shown) < len(sweep.rows) else f"all {len(shown)}"
    settings = _letters(sweep.space.axes)
    parts = [
        f"Sweep from {sweep.window.first} to {sweep.window.last} (UTC, both days whole)\n",
        _sums(sweep),
        table(
            f"Configurations by {sweep.by.name} ({many})",
            _rank_columns(sweep.by, settings),
            [_as_set_row(sweep), *(_row(sweep, place, row) for place, row in enumerate(shown, 1))],
            width=width,
            plain_width=PLAIN_WIDTH,
        ),
        "".join(f"{letter} is {axis.name}\n" for letter, axis in settings),
        *_mattered(sweep, width),
        *([_walked(sweep, sweep.walked, width)] if sweep.walked else []),
        paragraphs("Notes", (*_NOTES, *(_FOLD_NOTES if sweep.walked else ()))),
        paragraphs("Warnings", warning_lines(sweep.warnings)),
    ]
    return "\n".join(parts)


def _letters(axes: Sequence[Axis]) -> list[tuple[str, Axis]]:
    """Return the settings with the letters that stand for them in a table."""
    return [(ascii_uppercase[at % 26] * (at // 26 + 1), axis) for at, axis in enumerate(axes)]


def _sums(sweep: Sweep) -> str:
    barred = sum(row.score is None for row in sweep.rows)
    lines = (
        ("Best", _best(sweep)),
        ("As set", _as_set(sweep)),
        ("Luck", _luck(sweep)),
        *_later(sweep),
        (
            "Tried",
            f"{text.counted(len(sweep.rows), 'configuration')}, of which {barred:,} can't win; study {sweep.study}",
        ),
        ("Mind", ", ".join(dict.fromkeys(warning.code for warning in sweep.warnings)) or "nothing"),
    )
    told = (
        textwrap.fill(text.safe(value, 2_000), _WIDTH, initial_indent=f"  {name:<9}", subsequent_indent=" " * 11)
        for name, value in lines
    )
    return "Result\n" + "".join(f"{line}\n" for line in told)


def _best(sweep: Sweep) -> str:
    if sweep.best is None:
        return "none: no configuration can win (INSUFFICIENT), nothing is claimed"
    values = ", ".join(f"{name}={value}" for name, value in sweep.best.values.items())
    return f"{values}: {sweep.by.name} {_score(sweep.by, sweep.best.score)}"


def _as_set(sweep: Sweep) -> str:
    """Return how the settings as they are compare with the best."""
    if sweep.as_set_score is None:
        return sweep.as_set_why or text.DASH
    told = f"{sweep.by.name} {_score(sweep.by, sweep.as_set_score)}"
    if sweep.best is None or sweep.best.score is None:
        return told
    better = sweep.best.score - sweep.as_set_score
    if better <= 0:
        return f"{told}; nothing that was tried is better"
    return f"{told}; the best is {_score(sweep.by, better).removeprefix('+')} above"


def _luck(sweep: Sweep) -> str:
    """Return whether the best is more than the luck of many tries."""
    tries = text.counted(sweep.tries, "try", "tries")
    deflated = sweep.deflated
    if deflated is None or deflated.probability is None:
        return f"not shown better than luck over {tries}: there is no Sharpe ratio to tell it from"
    verdict = "better" if deflated.is_shown else "not shown better"
    needed = "" if deflated.is_shown else f", {SHOWN_FROM:.0%} is needed"
    alone = "" if deflated.undeflated is None else f"; were it the only try: {deflated.undeflated:.1%}"
    return (
        f"{verdict} than luck over {tries}: deflated Sharpe {deflated.probability:.1%}{needed} "
        f"(its Sharpe is {deflated.sharpe:.2f}, luck alone shows {deflated.luckiest:.2f}{alone})"
    )


def _later(sweep: Sweep) -> Iterable[tuple[str, str]]:
    """Yield what choosing was worth on later days."""
    walked = sweep.walked
    if walked is None:
        return
    yield "Later", f"{text.counted(len(walked.folds), 'fold')}, out of sample: {_joined(walked.joined)}"
    yield "", f"as set on the same days: {_joined(walked.as_set)}"
    if walked.in_sample is not None:
        means = f"{_score(sweep.by, walked.in_sample)} in sample, {_score(sweep.by, walked.out_of_sample)} out of it"
        yield "", f"mean {sweep.by.name} of the choices {means}{_decay(walked.decay)}"


def _decay(decay: float | None) -> str:
    """Return how much of a score was gone on later days."""
    if decay is None:
        return ""
    return f": {'none' if decay <= 0 else 'all' if decay >= 1 else f'{decay:.0%}'} of it is gone"


def _joined(joined: Joined) -> str:
    entries = f"{text.counted(joined.entries, 'entry', 'entries')} on {text.counted(joined.days, 'day')}"
    return f"return {signed(joined.return_pct)}, Sharpe {number(joined.sharpe)}, {entries}"


def _rank_columns(by: Measure, settings: Sequence[tuple[str, Axis]]) -> list[Column]:
    calmar = [Column("CALMAR", right=True)] if by.name == "calmar" else []
    letters = [Column(letter, right=True) for letter, _ in settings]
    return [Column("#"), *letters, *calmar, *_FIGURES, Column("LESS AS SET", right=True)]


def _as_set_row(sweep: Sweep) -> tuple[str, ...]:
    return (_AS_SET, *_values(sweep.space.axes, sweep.as_set_values), *_cells(sweep.by, sweep.as_set), "")


def _row(sweep: Sweep, place: int, row: Tried) -> tuple[str, ...]:
    values = _values(sweep.space.axes, row.values)
    cells = _cells(sweep.by, row.outcome) if row.outcome else [text.DASH] * len(_cells(sweep.by, sweep.as_set))
    if row.score is None:
        return (text.DASH, *values, *cells, (row.why or text.DASH).partition(":")[0])
    less = text.DASH if sweep.as_set_score is None else _score(sweep.by, row.score - sweep.as_set_score)
    return (str(place), *values, *cells, less)


def _values(axes: Sequence[Axis], values: Mapping[str, str]) -> list[str]:
    return [text.safe(values[axis.name], _LONGEST_VALUE) for axis in axes]


def _cells(by: Measure, outcome: Outcome) -> tuple[str, ...]:
    return (
        *([number(outcome.calmar)] if by.name == "calmar" else []),
        signed(outcome.return_pct),
        number(outcome.sharpe),
        signed(outcome.uplift_pct),
        text.DASH if outcome.drawdown_pct is None else f"{outcome.drawdown_pct:.2f}%",
        str(outcome.entries),
        str(outcome.days),
    )


def _score(by: Measure, score: float | None) -> str:
    if score is None:
        return text.DASH
    if by.unit == "%":
        return signed(score)
    return f"{score:+,.2f}" if round(score, 2) else "0.00"


def _mattered(sweep: Sweep, width: int | None) -> Iterable[str]:
    """Yield what each value came to, and for a search how much each setting matters."""
    if sweep.by_value:
        rows = [
            (each.name, text.safe(each.value, _LONGEST_VALUE), str(each.scored), *_both(sweep.by, each.mean, each.best))
            for each in sweep.by_value
        ]
        title = f"What each value came to, by {sweep.by.name}"
        yield table(title, _BY_VALUE, rows, width=width, plain_width=PLAIN_WIDTH)
    if sweep.importances:
        rows = [(name, f"{share:.0%}") for name, share in sweep.importances.items()]
        title = "Which settings set the good trials apart"
        yield table(title, _IMPORTANCES, rows, width=width, plain_width=PLAIN_WIDTH)


def _both(by: Measure, *scores: float | None) -> tuple[str, ...]:
    return tuple(_score(by, score) for score in scores)


def _walked(sweep: Sweep, walked: WalkForward, width: int | None) -> str:
    columns = [
        Column("FOLD"),
        Column("CHOSEN ON"),
        Column("TESTED ON"),
        *(Column(letter, right=True) for letter, _ in _letters(sweep.space.axes)),
        Column("IN", right=True),
        Column("OUT", right=True),
        Column("AS SET", right=True),
    ]
    rows = [_fold_row(sweep, place, each) for place, each in enumerate(walked.folds, 1)]
    return table(f"Walk forward by {sweep.by.name}", columns, rows, width=width, plain_width=PLAIN_WIDTH)


def _fold_row(sweep: Sweep, place: int, each: FoldResult) -> tuple[str, ...]:
    values = _values(sweep.space.axes, each.chosen.values if each.chosen else sweep.as_set_values)
    scores = (each.chosen.score if each.chosen else None, sweep.by.of(each.tested), sweep.by.of(each.as_set))
    spans = (f"{window.first:%y-%m-%d}..{window.last:%y-%m-%d}" for window in (each.fold.train, each.fold.test))
    return (f"{place}" if each.chosen else f"{place} {_AS_SET}", *spans, *values, *_both(sweep.by, *scores))
