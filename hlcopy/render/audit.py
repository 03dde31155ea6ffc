"""An audit of a backtest as a document and as text within 80 columns."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from hlcopy.render import text
from hlcopy.render.backtest import paragraphs
from hlcopy.render.figures import PLAIN_WIDTH
from hlcopy.render.tables import Column, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hlcopy.backtest.audit import Audit, Trial
    from hlcopy.backtest.decisions import Decision

_TRIALS: Final = (
    Column("FUTURE CHANGED AFTER"),
    Column("HOW"),
    Column("DECISIONS COMPARED", right=True),
    Column("FIRST DIFFERENCE"),
)
_PLANTED: Final = (
    Column("LEAK PLANTED IN"),
    Column("REPLAYS", right=True),
    Column("DIFFERENT", right=True),
    Column("FIRST SEEN IN"),
    Column("FOUND"),
)
_TOLD: Final = 6
_WIDTH: Final = 79


def audit_document(audits: Sequence[Audit], *, passed: bool) -> dict[str, object]:
    """Return the one JSON document of audits, one with nothing planted or one for each leak."""
    plan = audits[0].plan
    return {
        "command": "audit",
        "ok": passed,
        "from": plan.first_day.isoformat(),
        "to": plan.last_day.isoformat(),
        "seed": audits[0].seed,
        "audits": [
            {
                "planted": audit.planted,
                "decisions": audit.decisions,
                "trials": [_trial_document(trial) for trial in audit.trials],
            }
            for audit in audits
        ],
    }


def _trial_document(trial: Trial) -> dict[str, object]:
    difference = trial.difference
    return {
        "moment": trial.moment,
        "how": trial.how,
        "compared": trial.compared,
        "difference": None
        if difference is None
        else {
            "kind": difference.kind,
            "expected": _decision_document(difference.expected),
            "found": _decision_document(difference.found),
        },
    }


def _decision_document(decision: Decision | None) -> dict[str, object] | None:
    if decision is None:
        return None
    return {"at": decision.at, "about": decision.about, "facts": {k: _fact(v) for k, v in decision.facts.items()}}


def _fact(value: object) -> object:
    return value if isinstance(value, (int, float)) or value is None else str(value)


def audit_text(audits: Sequence[Audit], width: int | None, *, passed: bool) -> str:
    """Return audits as tables and paragraphs; plain when `width` is None."""
    plan = audits[0].plan
    title = f"Audit of the backtest from {plan.first_day} to {plan.last_day} (UTC, both days whole)\n"
    if _is_proof(audits):
        rows = [_planted_row(audit) for audit in audits]
        body = table("Planted leaks", _PLANTED, rows, width=width, plain_width=PLAIN_WIDTH)
        verdict = "every planted leak was found" if passed else "a planted leak wasn't found; try more --moments"
        return "\n".join((title, body, f"{verdict}\n"))
    (audit,) = audits
    body = table(
        "Other futures", _TRIALS, [_row(trial) for trial in audit.trials], width=width, plain_width=PLAIN_WIDTH
    )
    differing = [trial for trial in audit.trials if trial.difference is not None]
    if not differing:
        counts = ", ".join(f"{count:,} {kind}" for kind, count in sorted(audit.decisions.items()))
        found = f"No decision depends on what came after it ({counts})."
        return "\n".join((title, body, textwrap.fill(found, _WIDTH) + "\n"))
    told = [line for trial in differing[:_TOLD] for line in _difference_lines(trial)]
    return "\n".join((title, body, paragraphs("These decisions knew what came after them", told)))


def _is_proof(audits: Sequence[Audit]) -> bool:
    """Whether leaks were planted, to be found."""
    return audits[0].planted is not None


def _row(trial: Trial) -> tuple[str, ...]:
    found = text.DASH
    if trial.difference is not None:
        either = trial.difference.expected or trial.difference.found
        found = f"{trial.difference.kind} at {either.at:%m-%d %H:%M}" if either else text.DASH
    return f"{trial.moment:%Y-%m-%d %H:%M}", trial.how, f"{trial.compared:,}", found


def _planted_row(audit: Audit) -> tuple[str, ...]:
    differing = [trial.difference for trial in audit.trials if trial.difference is not None]
    first = min(differing, key=lambda each: list(audit.decisions).index(each.kind), default=None)
    return (
        str(audit.planted),
        str(len(audit.trials)),
        str(len(differing)),
        text.DASH if first is None else str(first.kind),
        "no" if audit.passed else "yes",
    )


def _difference_lines(trial: Trial) -> Iterable[str]:
    difference = trial.difference
    if difference is None:
        return
    expected, found = difference.expected, difference.found
    either = expected or found
    if either is None:
        return
    what = f"{difference.kind} of {either.about} at {either.at:%Y-%m-%d %H:%M:%S}, its future {trial.how}"
    if expected is None or found is None:
        yield f"{what}: made {'only then' if expected is None else 'no more'}"
    elif (expected.at, expected.about) != (found.at, found.about):
        yield f"{what}: instead {found.kind} of {found.about} at {found.at:%Y-%m-%d %H:%M:%S}"
    else:
        yield f"{what}: {', '.join(_changes(expected.facts, found.facts))}"


def _changes(expected: Mapping[str, object], found: Mapping[str, object]) -> Iterable[str]:
    for name, value in expected.items():
        other = found.get(name)
        if repr(value) != repr(other):
            if isinstance(value, dict) and isinstance(other, dict):
                yield from _changes(value, other)
            else:
                yield f"{name} {value} became {other}"
