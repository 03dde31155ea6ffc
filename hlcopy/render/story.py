"""What ticks did as one line each, within 80 columns, in the order in which it happened."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hlcopy.domain.models import EXECUTE
from hlcopy.render import text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from hlcopy.domain.book import Position, PositionAction
    from hlcopy.domain.models import Signal

_WIDTH: Final = 77  # of a terminal, less the indent that the lines are told with
_ACTIONS: Final = {
    "entered": "entered",
    "stop_placed": "stop at",
    "reduced": "took part",
    "closed": "closed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What a demo came to; `promises` are what it was to show, and whether it did."""

    days: int
    events: int
    ticks: Mapping[str, int]
    requests: int
    seconds: float
    equity_usd: float
    gained_usd: float
    promises: Sequence[tuple[str, bool]]


def ending_text(ending: Ending, seed: int, database: Path | None) -> str:
    """Return the end of a demo's story, and how to look further; `database` is None where none is kept."""
    ticks = ", ".join(f"{count} {name}" for name, count in sorted(ending.ticks.items()))
    kept = "".join(f"  {'yes' if kept else 'NO '}  {promised}\n" for promised, kept in ending.promises)
    further = f"\nTo look further, keep the database:\n  hlcopy demo --seed {seed} --keep\n"
    if database is not None:
        further = (
            f"\nLook further:\n  hlcopy signals --db {database}\n  hlcopy traders --db {database}\n"
            f"  hlcopy positions --no-refresh --all --db {database}\n"
        )
    return (
        f"\n{ending.events:,} events in {ending.days} simulated days: {ticks}.\n"
        f"{ending.requests:,} requests over HTTP; {ending.seconds:.1f} s in all.\n"
        f"Equity {text.money(ending.equity_usd)} ({ending.gained_usd:+,.2f}): made up, like the traders; "
        f"nothing to expect.\n\nWhat it was to show:\n{kept}{further}"
    )


def judged_line(signal: Signal) -> str:
    """Return the line of a final decision."""
    trade = f"{signal.action} {signal.side} {signal.coin}"
    value = text.short_money(signal.value_usd)
    copied = f"COPY {text.short_money(signal.copy_size_usd)}" if signal.decision == EXECUTE else signal.decision
    who = text.short_address(signal.trader)
    return _line(signal.updated_at, "judged", f"{who} {trade:<16.16} {value:>7}  {copied}")


def action_line(position: Position, done: PositionAction) -> str:
    """Return the line of something done with a position of ours."""
    what = f"#{position.id} {position.side} {position.coin}"
    tail = text.price(done.price)
    if done.action == "closed":
        gained = position.realized_pnl_usd
        tail += f"  {done.reason}  {text.DASH if gained is None else f'{gained:+,.0f}'}"
    elif done.reason is not None:
        tail += f"  {done.reason}"
    return _line(done.at, _ACTIONS.get(done.action, done.action), f"{what:<16.16} {tail}")


def moves_line(position: Position, moves: Sequence[PositionAction], *, closed: bool) -> str:
    """Return the line of the moves that a stop made since the last such line, dated by the last one or by its day alone.

    `closed` says that something else happens to the position now; else the line belongs to a day's summary.
    """
    what = f"#{position.id} {position.side} {position.coin}"
    count = "1 move" if len(moves) == 1 else f"{len(moves)} moves"
    last = moves[-1].at
    told = f"{what:<16.16} {text.price(moves[-1].price)}  {count}"
    if closed:
        return _line(last, "trailed", told)
    return f"{last:%m-%d}        {'trailed':<9}  {text.safe(told)} until {last:%H:%M}"


def day_lines(day: datetime, skipped: Mapping[str, int]) -> list[str]:
    """Return the lines that sum up a day's skips, most frequent first; none for a day without."""
    shown = ", ".join(
        f"{count} {code.removeprefix('SKIP_').lower().replace('_', '-')}"
        for code, count in sorted(skipped.items(), key=lambda item: (-item[1], item[0]))
    )
    indent = f"{day:%m-%d}        skipped    "
    return textwrap.wrap(
        shown, _WIDTH, initial_indent=indent, subsequent_indent=" " * len(indent), break_on_hyphens=False
    )


def _line(at: datetime, verb: str, rest: str) -> str:
    return f"{at:%m-%d %H:%M}  {verb:<9}  {text.safe(rest)}"
