"""What an operator's commands show: the outlook before resuming, and what `verify` proved."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from hlcopy.render import text, tones
from hlcopy.render.pauses import WIDTH, breaker_documents, breaker_line, halt_document
from hlcopy.render.tables import Column, table
from hlcopy.render.ticks import problem_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hlcopy.domain.naked import NakedTime
    from hlcopy.ticks.operate import Outlook
    from hlcopy.ticks.report import Problem
    from hlcopy.ticks.verify import Guarded, Verdict

    Document = dict[str, object]

_LONGEST: Final = 500
_GUARDED: Final = (
    Column("ID", right=True),
    Column("COIN"),
    Column("SIDE"),
    Column("SIZE", right=True),
    Column("AT VENUE", right=True),
    Column("MARK", right=True),
    Column("STOP", right=True),
    Column("LIQUIDATED", right=True),
    Column("PROVED", tone=tones.proof),
)


def outlook_text(seen: Outlook, where: Sequence[tuple[str, str]]) -> str:
    """Return what stands before somebody who resumes; `where` has mode, network, account and the like, by name."""
    positions = [f"#{view.position.id} {view.position.coin} {view.position.side}" for view in seen.positions]
    rows = [
        *where,
        ("equity", text.money(seen.equity)),
        ("largest possible order", text.money(seen.largest_order_usd)),
        ("open positions", ", ".join(positions) or "none"),
    ]
    if seen.foreign:
        rows.append(("not ours, left alone", ", ".join(seen.foreign)))
    if seen.halt is not None:
        rows.append(
            ("ends", f"the halt since {text.local(seen.halt.at)} {text.zone(seen.halt.at)} ({seen.halt.reason})")
        )
    rows += [("ends", breaker_line(breaker)) for breaker in seen.ending]
    rows += [("stays", breaker_line(breaker)) for breaker in seen.staying]
    room = max(len(name) for name, _ in rows) + 2
    return "".join(_row(name, value, room) for name, value in rows)


def _row(name: str, value: str, room: int) -> str:
    first, *more = textwrap.wrap(text.safe(value, _LONGEST), WIDTH - room, break_on_hyphens=False) or [""]
    return f"{name:<{room}}{first}\n" + "".join(f"{'':<{room}}{line}\n" for line in more)


def outlook_document(seen: Outlook) -> Document:
    """Return the outlook as JSON."""
    return {
        "halted": halt_document(seen.halt),
        "equity_usd": seen.equity,
        "largest_order_usd": seen.largest_order_usd,
        "positions": [
            {"id": view.position.id, "token_symbol": view.position.coin, "side": view.position.side}
            for view in seen.positions
        ],
        "foreign": list(seen.foreign),
        "ending": breaker_documents(seen.ending),
        "breakers": breaker_documents(seen.staying),
    }


def verdict_text(verdict: Verdict, width: int | None) -> str:
    """Return what was proved of each position, what is wrong, what was repaired and how long positions were naked."""
    lines = [f"note: {note}" for note in verdict.notes]
    lines += [f"repaired: {problem.item}: {problem.message} ({problem.code})" for problem in verdict.repaired]
    lines.append(naked_line(verdict.naked))
    lines.append(_summary(verdict))
    shown = table("Positions", _GUARDED, [_guarded_row(each) for each in verdict.positions], width=width)
    return shown + "".join(
        textwrap.fill(text.safe(line, _LONGEST), WIDTH, subsequent_indent="  ") + "\n" for line in lines
    )


def verdict_lines(verdict: Verdict) -> list[str]:
    """Return what is wrong, a line each."""
    return [problem_line("verify", problem) for problem in verdict.problems]


def naked_line(naked: NakedTime) -> str:
    """Return the naked seconds as one line."""
    if not naked.spans:
        return "naked seconds: none, nothing was ever entered"
    times = f"total {naked.total_s:,.1f}, p99 {naked.p99_s:,.1f}, longest {naked.longest_s:,.1f}"
    lasting = f"; lasting: position {', '.join(f'#{span.position_id}' for span in naked.lasting)}"
    return f"naked seconds: {times}, in {naked.spans:,} spans" + (lasting if naked.lasting else "")


def _summary(verdict: Verdict) -> str:
    stops = sum(len(each.stops) for each in verdict.positions)
    wrong = len(verdict.problems)
    said = "all is well" if not wrong else f"{wrong} {'thing is' if wrong == 1 else 'things are'} wrong"
    counted = f"{text.counted(len(verdict.positions), 'position')}, {text.counted(stops, 'stop')} of ours"
    return f"verify: {counted}: {said}"


def _guarded_row(each: Guarded) -> tuple[str, ...]:
    position, held = each.position, each.held
    return (
        str(position.id),
        position.coin,
        position.side,
        text.amount(position.size),
        text.amount(held.size if held is not None else None),
        text.price(held.mark if held is not None else None),
        ",".join(text.price(stop.trigger_price) for stop in each.stops) or text.DASH,
        text.price(held.liquidation_price if held is not None else None),
        "yes" if not each.problems else "NO",
    )


def verdict_document(verdict: Verdict) -> Document:
    """Return what `verify` adds to the shape of every command."""
    naked = verdict.naked
    return {
        "counts": {
            "positions": len(verdict.positions),
            "stops": sum(len(each.stops) for each in verdict.positions),
            "wrong": len(verdict.problems),
            "repaired": len(verdict.repaired),
        },
        "errors": [_problem(problem) for problem in verdict.problems],
        "repaired": [_problem(problem) for problem in verdict.repaired],
        "notes": list(verdict.notes),
        "positions": [_guarded_document(each) for each in verdict.positions],
        "naked_seconds": {
            "spans": naked.spans,
            "total": naked.total_s,
            "p99": naked.p99_s,
            "max": naked.longest_s,
            "lasting": [{"position_id": span.position_id, "since": span.since} for span in naked.lasting],
        },
    }


def _guarded_document(each: Guarded) -> Document:
    held = each.held
    return {
        "id": each.position.id,
        "token_symbol": each.position.coin,
        "side": each.position.side,
        "size": each.position.size,
        "venue_size": held.size if held is not None else None,
        "mark_price": held.mark if held is not None else None,
        "liquidation_price": held.liquidation_price if held is not None else None,
        "stops": [
            {"trigger_price": stop.trigger_price, "size": stop.size, "reduce_only": stop.reduce_only}
            for stop in each.stops
        ],
        "ok": not each.problems,
    }


def _problem(problem: Problem) -> Document:
    return {"code": problem.code, "message": problem.message, "item": problem.item}
