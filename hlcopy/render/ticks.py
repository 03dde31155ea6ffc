"""What a tick did, for a person and as JSON."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hlcopy.domain.models import EXECUTE
from hlcopy.errors import HlcopyError, TryLaterError
from hlcopy.render import text
from hlcopy.render.pauses import breaker_documents, halt_document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hlcopy.domain.book import Position, PositionAction
    from hlcopy.domain.models import Signal
    from hlcopy.render.tables import Column
    from hlcopy.ticks.report import PositionView, Problem, Report

    Document = dict[str, object]

_WIDTH: Final = 79
HOLDS: Final = ("positions", "monitor", "close", "flatten")
"""The commands that show our positions."""

_TOLD_PROBLEMS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """One run of a tick as it is shown.

    Without a report it either failed or was being done by another process, which a note says. `held` has the positions
    that its actions belong to, `told` what its sources said of trouble. `aside` is what failed beside it, an alert say:
    it is reported, and makes no tick a failed one.
    """

    command: str
    at: datetime
    mode: str
    duration_ms: int
    report: Report | None = None
    failure: HlcopyError | None = None
    notes: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    held: Mapping[int, Position] = field(default_factory=dict)
    aside: tuple[Problem, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 done, or being done elsewhere; 1 some of it failed; 75 try again later; else what its error says."""
        if self.failure is not None:
            return self.failure.exit_code
        if self.report is None or self.report.ok:
            return 0
        return TryLaterError.exit_code if self.report.unreachable else 1


def tick_document(ticked: Ticked) -> Document:
    """Return the JSON document of a tick."""
    report = ticked.report
    problems = (*(report.problems if report is not None else ()), *ticked.aside)
    document: Document = {
        "command": ticked.command,
        "ok": ticked.exit_code == 0,
        "at": ticked.at,
        "mode": ticked.mode,
        "duration_ms": ticked.duration_ms,
        "counts": dict(report.counts) if report is not None else {},
        "errors": [*_failed(ticked), *({"code": p.code, "message": p.message, "item": p.item} for p in problems)],
        "notes": list(all_notes(ticked)),
    }
    if ticked.command == "poll":
        document["decisions"] = [_decision(signal) for signal in (report.decisions if report is not None else ())]
    if ticked.command != "score":
        document["actions"] = [_action(ticked, done) for done in (report.actions if report is not None else ())]
        document["halted"] = halt_document(report.halted if report is not None else None)
        document["breakers"] = breaker_documents(report.breakers if report is not None else ())
    if ticked.command in HOLDS:
        document["positions"] = [_held(view) for view in (report.positions if report is not None else ())]
    return document


def all_notes(ticked: Ticked) -> tuple[str, ...]:
    """Return what the user should know of a tick beside its outcome."""
    return (*ticked.notes, *(ticked.report.notes if ticked.report is not None else ()))


def news_lines(ticked: Ticked) -> list[str]:
    """Return a line for each thing done: orders judged for good, and what happened to our positions."""
    from hlcopy.render.story import action_line, judged_line

    report = ticked.report
    if report is None:
        return []
    lines = [judged_line(signal) for signal in report.decisions if signal.is_final]
    for done in report.actions:
        position = ticked.held.get(done.position_id)
        if position is not None:
            lines.append(action_line(position, done))
    return lines


def summary_text(ticked: Ticked) -> str:
    """Return what was counted, as one line or a few."""
    counts = ticked.report.counts if ticked.report is not None else {}
    told = ", ".join(f"{count:,} {text.safe(_counted(name))}" for name, count in counts.items())
    said = "\n".join((*all_notes(ticked), f"{ticked.command}: {told}" if told else "")).strip()
    return "".join(textwrap.fill(line, _WIDTH, subsequent_indent="  ") + "\n" for line in said.splitlines())


def _counted(name: str) -> str:
    return name if name.isupper() else name.replace("_", " ")


def error_lines(ticked: Ticked) -> list[str]:
    """Return what went wrong, a line each; many failures of one tick are cut short, the log has them all."""
    return [*_own_errors(ticked), *(problem_line(ticked.command, problem) for problem in ticked.aside)]


def _own_errors(ticked: Ticked) -> list[str]:
    if ticked.failure is not None:
        return [f"{ticked.command}: {ticked.failure}"]
    report = ticked.report
    if report is None or report.ok:
        return []
    if report.unreachable:
        why = f" ({ticked.told[0]})" if ticked.told else ""
        return [f"{ticked.command}: nothing could be read{why}; nothing is lost, the next run goes on from here"]
    lines = [problem_line(ticked.command, problem) for problem in report.problems[:_TOLD_PROBLEMS]]
    more = len(report.problems) - len(lines)
    return [*lines, f"{ticked.command}: and {more} more, all in the log"] if more else lines


def problem_line(command: str, problem: Problem) -> str:
    """Return one failure of many."""
    items = " ".join(map(text.short_address, problem.item.split()))
    return f"{command}: {items}: {problem.message} ({problem.code})"


def positions_table(views: Sequence[PositionView], width: int | None) -> str:
    """Return our positions with their marks as a table."""
    from hlcopy.render.tables import table

    return table("Positions", _columns(), [_row(view) for view in views], width=width)


def _columns() -> tuple[Column, ...]:
    from hlcopy.render import tones
    from hlcopy.render.tables import Column

    left = ("COIN", "SIDE", "TIERS", "STATUS")
    headings = ("ID", "COIN", "SIDE", "VALUE", "ENTRY", "MARK", "GAIN", "STOP", "TIERS", "STATUS")
    toned = {"GAIN": tones.gain, "STOP": tones.unconfirmed}
    return tuple(Column(heading, right=heading not in left, tone=toned.get(heading)) for heading in headings)


def _row(view: PositionView) -> tuple[str, ...]:
    position = view.position
    return (
        str(position.id),
        position.coin,
        position.side,
        text.short_money(position.value_usd),
        text.price(position.entry_price),
        text.price(view.mark_price),
        text.percent(view.unrealized_pct, signed=True),
        text.price(position.trigger_price) + ("" if position.stop_confirmed else "?"),
        ",".join(map(str, position.tiers_taken)) or text.DASH,
        position.status,
    )


def _failed(ticked: Ticked) -> list[Document]:
    if ticked.failure is None:
        return []
    return [{"code": _code(ticked.failure), "message": str(ticked.failure), "item": ticked.command}]


def _code(failure: HlcopyError) -> str:
    """Return an error's class as a code: `SourceDownError` is `SOURCE_DOWN`."""
    name = type(failure).__name__.removesuffix("Error")
    return "".join(f"_{letter}" if letter.isupper() else letter for letter in name).lstrip("_").upper()


def _decision(signal: Signal) -> Document:
    skipped = signal.decision != EXECUTE
    return {
        "signal_id": signal.id,
        "trader_address": signal.trader,
        "token_symbol": signal.coin,
        "side": signal.side,
        "action": signal.action,
        "value_usd": signal.value_usd,
        "decision": signal.decision,
        "copy_size_usd": signal.copy_size_usd,
        "reason": (signal.wait or signal.decision) if skipped else None,
    }


def _action(ticked: Ticked, done: PositionAction) -> Document:
    position = ticked.held.get(done.position_id)
    return {
        "position_id": done.position_id,
        "token_symbol": position.coin if position is not None else None,
        "action": done.action,
        "reason": done.reason,
        "price": done.price,
        "at": done.at,
    }


def _held(view: PositionView) -> Document:
    from hlcopy.render.rows import position_row

    return position_row(view.position, view.mark_price)
