"""What lint found, as text within 80 columns and as JSON."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from hlcopy.config.findings import Severity
from hlcopy.config.workload import credits_a_day, weight_a_minute
from hlcopy.render.tables import Column, Table, tables
from hlcopy.render.text import DASH, counted, percent, safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hlcopy.config.findings import Finding
    from hlcopy.config.lint import Linted
    from hlcopy.config.probe import LeastEquity

_WIDTH: Final = 79
_LONGEST: Final = 600
_COLOURS: Final = {Severity.ERROR: "1;31", Severity.WARNING: "33", Severity.NOTE: "2"}
_WORDS: Final = {Severity.ERROR: "ERROR", Severity.WARNING: "warning", Severity.NOTE: "note"}
_ROOM: Final = 9
_DAYS_A_MONTH: Final = 30


def lint_document(found: Linted, *, ok: bool) -> dict[str, object]:
    """Return the JSON document."""
    worst, day = found.worst, credits_a_day(found.asked)
    return {
        "command": "config lint",
        "ok": ok,
        "counts": {f"{each.value}s": _count(found.findings, each) for each in Severity},
        "findings": [
            {"name": each.name, "severity": each.severity.value, "why": each.why, "remedy": each.remedy}
            for each in found.findings
        ],
        "equity_usd": found.equity,
        "least_equity": [
            {
                "weight": each.weight,
                "leverage": each.leverage,
                "trader_roi_7d": each.week,
                "equity_usd": each.equity_usd,
                "reason": each.reason,
            }
            for each in found.least
        ],
        "worst_day": {
            "gap_percent": worst.gap_percent,
            "positions": worst.positions,
            "exposure_usd": worst.exposure_usd,
            "loss_usd": worst.loss_usd,
            "loss_percent": worst.loss_percent,
            "paused_by": worst.paused_by,
        },
        "forecast": {
            "measured": found.load.measured,
            "nansen_credits_per_day": day,
            "nansen_credits_per_month": day * _DAYS_A_MONTH,
            "weight_per_minute": weight_a_minute(found.asked, *{each.command for each in found.asked}),
            "requests_per_day": sum(each.requests for each in found.asked),
        },
    }


def lint_text(found: Linted, *, colour: bool, width: int | None) -> str:
    """Return the findings, then what the settings amount to: least equity, worst day, forecast."""
    parts = ["".join(f"{_finding(each, colour=colour)}\n" for each in found.findings) or "Nothing found.\n"]
    parts.append(tables([_least_table(found.least)], width=width, plain_width=80))
    parts.append(_worst_text(found) + _forecast_text(found))
    counts = [counted(_count(found.findings, each), _WORDS[each].lower()) for each in Severity]
    return "\n".join(parts) + f"\nlint: {', '.join(counts)}\n"


def _count(findings: Sequence[Finding], severity: Severity) -> int:
    return sum(each.severity is severity for each in findings)


def _finding(each: Finding, *, colour: bool) -> str:
    word = _WORDS[each.severity]
    painted = f"\x1b[{_COLOURS[each.severity]}m{word}\x1b[0m" if colour else word
    indent = " " * _ROOM
    lines = _wrapped(each.name, indent, indent)
    lines += [*_wrapped(each.why, indent, indent), *_wrapped(each.remedy, f"{indent}-> ", f"{indent}   ")]
    return "\n".join([painted + " " * (_ROOM - len(word)) + lines[0].removeprefix(indent), *lines[1:]])


def _wrapped(said: str, first: str, later: str) -> list[str]:
    return textwrap.wrap(
        safe(said, _LONGEST), _WIDTH, initial_indent=first, subsequent_indent=later, break_on_hyphens=False
    )


def _least_table(least: Sequence[LeastEquity]) -> Table:
    weeks = list(dict.fromkeys(each.week for each in least))
    leverages = list(dict.fromkeys(each.leverage for each in least))
    by_kind = {(each.leverage, each.week): each for each in least}
    return Table(
        title=f"Least equity for a signal of weight {least[0].weight:.2f} to pass",
        columns=[Column("TRADER'S LEVERAGE"), *(Column(f"7D ROI {week.upper()}", right=True) for week in weeks)],
        rows=[[f"{leverage:g}x", *(_usd(by_kind[leverage, week]) for week in weeks)] for leverage in leverages],
    )


def _usd(each: LeastEquity) -> str:
    return DASH if each.equity_usd is None else f"${each.equity_usd:,.0f}"


def _worst_text(found: Linted) -> str:
    worst = found.worst
    said = (
        f"Worst day: with ${found.equity:,.0f}, {counted(worst.positions, 'position')} of ${worst.exposure_usd:,.0f} in all, "
        f"every stop gapped through by {worst.gap_percent:g}%: -${worst.loss_usd:,.0f} "
        f"({percent(-worst.loss_percent, signed=True)}), fees included. "
    )
    said += f"Then {worst.paused_by} pauses entries." if worst.paused_by else "No breaker pauses entries then."
    return _paragraph(said)


def _forecast_text(found: Linted) -> str:
    day = credits_a_day(found.asked)
    basis = (
        "measured in the last week"
        if found.load.measured
        else "assumed: a full book, all traders followed, a long leaderboard"
    )
    shares = ", ".join(
        f"{command} {weight_a_minute(found.asked, command):,.0f}"
        for command in ("monitor", "poll", "positions", "score")
    )
    return _paragraph(
        f"Forecast ({basis}): {day:,.0f} Nansen credits a day, {day * _DAYS_A_MONTH:,.0f} a month; Hyperliquid weight a "
        f"minute in the mean: {shares}."
    )


def _paragraph(said: str) -> str:
    return "\n".join(textwrap.wrap(said, _WIDTH, break_on_hyphens=False)) + "\n"
