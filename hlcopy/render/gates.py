"""The judgement of the gates as a document and as text within 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlcopy.backtest.bootstrap import CONFIDENCE_PERCENT, MIN_DAYS
from hlcopy.backtest.gates import Source
from hlcopy.domain.models import EXECUTE
from hlcopy.render import text
from hlcopy.render.backtest import paragraphs, warning_lines
from hlcopy.render.figures import PLAIN_WIDTH, signed
from hlcopy.render.tables import Column, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hlcopy.backtest.gates import Gate, Judgement

_SUMS: Final = (
    Column("DECISION"),
    Column("ENTRIES", right=True),
    Column("FOLLOWED", right=True),
    Column("PENDING", right=True),
    Column("LOSS AVOIDED", right=True),
    Column("GAIN MISSED", right=True),
)
_MEANS: Final = (
    Column("DECISION"),
    Column("NET", right=True),
    Column(f"{CONFIDENCE_PERCENT:.0f}% INTERVAL", right=True),
    Column("DAYS", right=True),
    Column("THE GATE"),
)
_TITLES: Final = {Source.REPLAY: "Gates of a replay", Source.LEDGER: "Gates in what the ledger decided"}
_NOTES: Final = (
    "each entry alone, at the price of its decision, through our exits, net of costs",
    "with a notional of 1, whatever anybody's equity: what was refused before it was sized counts as what was sized",
    "pending is what may still be held at the end; it counts in nothing else, even if it was left before",
    "no limit of the book applies: several refused orders of one trade count each",
    f"a gate earns its place where the interval of what it refused lies wholly below zero; {MIN_DAYS} days are needed",
    f"{EXECUTE} is what passed, to compare with: entered the same way, so its size plays no part",
    "entries are held for days, so those of days in a row move together and intervals are narrower than they should be",
    "a trader's liquidation ends no entry here; the ticks that trade would leave with it",
)


def gates_document(judgement: Judgement, failed: Sequence[str] = ()) -> dict[str, object]:
    """Return the one JSON document of a judgement; `failed` is what couldn't be read for it."""
    return {
        "command": "gates",
        "ok": not failed,
        "source": judgement.source,
        "from": judgement.start.isoformat(),
        "to": judgement.end.isoformat(),
        "gates": [{name: getattr(gate, name) for name in gate.__dataclass_fields__} for gate in judgement.gates],
        "warnings": list(warning_lines(judgement.warnings)),
        "errors": list(failed),
    }


def gates_text(judgement: Judgement, width: int | None) -> str:
    """Return a judgement as tables and paragraphs; plain when `width` is None."""
    title = f"{_TITLES[judgement.source]} from {judgement.start} to {judgement.end} (UTC)\n"
    if not any(gate.refused for gate in judgement.gates):
        return f"{title}\nNo entry was judged.\n\n{paragraphs('Warnings', warning_lines(judgement.warnings))}"
    sums = [_sums_row(gate) for gate in judgement.gates]
    means = [_means_row(gate) for gate in judgement.gates]
    return "\n".join(
        (
            title,
            table(
                "The refused, followed: percents of notional, added up",
                _SUMS,
                sums,
                width=width,
                plain_width=PLAIN_WIDTH,
            ),
            table("Percent of notional per signal", _MEANS, means, width=width, plain_width=PLAIN_WIDTH),
            paragraphs("Notes", _NOTES),
            paragraphs("Warnings", warning_lines(judgement.warnings)),
        )
    )


def _sums_row(gate: Gate) -> tuple[str, ...]:
    return (
        gate.decision,
        text.count(gate.refused),
        text.count(gate.followed),
        text.count(gate.pending),
        signed(gate.loss_avoided_pct),
        signed(gate.gain_missed_pct),
    )


def _means_row(gate: Gate) -> tuple[str, ...]:
    interval = gate.interval_pct
    between = text.DASH if interval is None else f"{signed(interval[0])} to {signed(interval[1])}"
    return gate.decision, signed(gate.mean_pct), between, str(gate.days), gate.verdict or text.DASH
