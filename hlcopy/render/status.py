"""How everything stands, on one screen of 80 columns, and as JSON."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from hlcopy.render import text, tones
from hlcopy.render.pauses import breaker_documents, halt_document, pauses_text
from hlcopy.render.rows import position_row
from hlcopy.render.tables import Column, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hlcopy.ticks.overview import Held, Overview, Tick

WIDTH: Final = 79
PLAIN_WIDTH: Final = 80
_BARS: Final = "▁▂▃▄▅▆▇█"
_CURVE: Final = 40  # columns
_HELD: Final = (
    Column("ID", right=True),
    Column("COIN"),
    Column("SIDE"),
    Column("VALUE", right=True),
    Column("MARK", right=True),
    Column("GAIN", right=True, tone=tones.gain),
    Column("RESULT", right=True, tone=tones.gain),
    Column("STOP", right=True, tone=tones.unconfirmed),
    Column("TO STOP", right=True),
    Column("TIME LEFT", right=True),
)
_TICKS: Final = (
    Column("TICK"),
    Column("LAST RUN"),
    Column("TOOK", right=True),
    Column("NEXT DUE"),
    Column("HOW IT ENDED"),
)


class Budgets(Protocol):
    """What is left to ask with: weight of this minute and its limit by share, and Nansen's credits of a UTC day."""

    @property
    def weight(self) -> Mapping[str, tuple[int, int]]:
        """Left and limit by share."""

    @property
    def credits_spent(self) -> float:
        """Of this UTC day."""

    @property
    def credits_per_day(self) -> float:
        """What may be spent in a day."""

    @property
    def credits_left(self) -> float | None:
        """What Nansen told last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Which account this is about."""

    mode: str
    network: str
    account: str | None


def status_text(seen: Overview, where: Where, budgets: Budgets, notes: Sequence[str], width: int | None) -> str:
    """Return the screen."""
    pauses = pauses_text(seen.halted, seen.breakers) or "Entries are allowed: neither halted nor paused by a breaker.\n"
    parts = [
        _head(seen, where, width) + pauses,
        _positions(seen, width),
        _decisions(seen),
        table("Ticks", _TICKS, [_tick_row(tick, seen) for tick in seen.ticks], width=width, plain_width=PLAIN_WIDTH),
        _budgets(budgets) + "".join(_folded(f"note: {note}") for note in notes),
    ]
    return "\n".join(parts)


def _head(seen: Overview, where: Where, width: int | None) -> str:
    account = "" if where.account is None else f"  {text.short_address(where.account)}"
    lines = [
        f"{where.mode.upper()} on {where.network}{account}  {text.local(seen.at, seconds=True)} {text.zone(seen.at)}"
    ]
    if seen.equity is None:
        return lines[0] + "\nEquity isn't known yet: monitor and poll sample it.\n"
    equity = seen.equity.equity_usd
    today, week = (_result(usd, equity) for usd in (seen.today_usd, seen.week_usd))
    lines.append(f"Equity {text.money(equity)}   today {today}   7 days {week}")
    values = [sample.equity_usd for sample in seen.curve]
    if len(values) > 1:
        low, high = text.short_money(min(values)), text.short_money(max(values))
        sampled = text.span(max(0.0, (seen.at - seen.equity.at).total_seconds()))
        told = f"low {low}, high {high} in 7 days, sampled {sampled} ago"
        room = 0 if width is None else min(_CURVE, min(width, WIDTH) - len(told) - 2)
        lines.append(f"{sparkline(values, room)}  {told}" if room > 1 else told)
    return "\n".join(lines) + "\n"


def _result(usd: float | None, equity: float) -> str:
    if usd is None:
        return text.DASH
    before = equity - usd
    share = f" ({usd / before * 100:+.2f}%)" if before > 0 else ""
    return f"{'+' if usd >= 0 else ''}{text.money(usd)}{share}"


def sparkline(values: Sequence[float], columns: int) -> str:
    """Return numbers as a line of bars of eight heights, evenly thinned out to at most so many columns."""
    count = min(columns, len(values))
    shown = [values[round(index * (len(values) - 1) / max(1, count - 1))] for index in range(count)]
    low, high = min(shown), max(shown)
    if low == high:
        return _BARS[0] * count
    return "".join(_BARS[round((value - low) / (high - low) * (len(_BARS) - 1))] for value in shown)


def _positions(seen: Overview, width: int | None) -> str:
    shown = table("Positions", _HELD, list(map(_held_row, seen.held)), width=width, plain_width=PLAIN_WIDTH)
    return shown + f"Closed: {seen.closed_today:,} today, {seen.closed_week:,} in 7 days\n"


def _held_row(held: Held) -> tuple[str, ...]:
    position, left = held.position, held.time_left.total_seconds()
    result = held.unrealized_usd
    return (
        str(position.id),
        position.coin,
        position.side,
        text.short_money(position.size * (held.mark or position.entry_price)),
        text.price(held.mark),
        text.percent(held.gain_pct, signed=True),
        text.DASH if result is None else f"{result:+,.0f}",
        text.price(position.trigger_price) + ("" if position.stop_confirmed else "?"),
        text.percent(held.to_stop_pct),
        text.span(left) if left > 0 else "over",
    )


def _decisions(seen: Overview) -> str:
    if not seen.decisions:
        told = f"Signals of 24 hours: none; {text.counted(seen.followed, 'trader')} followed"
        return _folded(told)
    first = {"EXECUTE": 0, "DEFERRED": 1}
    order = sorted(seen.decisions.items(), key=lambda item: (first.get(item[0], 2), -item[1], item[0]))
    told = ", ".join(f"{count:,} {code}" for code, count in order)
    said = f"Signals of 24 hours: {told}; {text.counted(seen.followed, 'trader')} followed"
    return _folded(said)


def _tick_row(tick: Tick, seen: Overview) -> tuple[str, ...]:
    run = tick.run
    due = "now" if tick.next_due <= seen.at else f"in {text.span((tick.next_due - seen.at).total_seconds())}"
    if run is None:
        return (tick.command, "never", text.DASH, due, text.DASH)
    ago = text.span(max(0.0, (seen.at - run.started_at).total_seconds()))
    took = text.DASH if tick.seconds is None else f"{tick.seconds:,.1f} s"
    return (tick.command, f"{ago} ago", took, due, _ended(tick))


def _ended(tick: Tick) -> str:
    run = tick.run
    if run is None or run.ok is None:
        return "runs still, or was cut off"
    failed = f"{text.counted(len(run.errors), 'failure')}: {run.errors[0]}" if run.errors else ""
    if run.ok:
        return f"done, {failed}" if failed else "done"
    return f"FAILED: {run.errors[0]}" if run.errors else "FAILED"


def _budgets(budgets: Budgets) -> str:
    weights = ", ".join(f"{share} {left:,} of {most:,}" for share, (left, most) in budgets.weight.items())
    credits_told = f"{budgets.credits_spent:,.0f} of {budgets.credits_per_day:,.0f} used today"
    if budgets.credits_left is not None:
        credits_told += f", {budgets.credits_left:,.0f} left in all"
    return _folded(f"API weight left: {weights} a minute") + _folded(f"Nansen credits: {credits_told}")


def _folded(line: str) -> str:
    return textwrap.fill(text.safe(line), WIDTH, subsequent_indent="  ", break_on_hyphens=False) + "\n"


def status_document(seen: Overview, where: Where, budgets: Budgets, notes: Sequence[str]) -> dict[str, object]:
    """Return the same as JSON."""
    return {
        "command": "status",
        "at": seen.at,
        "mode": where.mode,
        "network": where.network,
        "account": where.account,
        "equity_usd": None if seen.equity is None else seen.equity.equity_usd,
        "equity_at": None if seen.equity is None else seen.equity.at,
        "equity_curve": [{"at": sample.at, "equity_usd": sample.equity_usd} for sample in seen.curve],
        "today_usd": seen.today_usd,
        "week_usd": seen.week_usd,
        "closed_today": seen.closed_today,
        "closed_week": seen.closed_week,
        "positions": [
            {
                **position_row(held.position, held.mark),
                "unrealized_usd": held.unrealized_usd,
                "to_stop_pct": held.to_stop_pct,
                "time_left_s": held.time_left.total_seconds(),
            }
            for held in seen.held
        ],
        "decisions_24h": seen.decisions,
        "followed": seen.followed,
        "ticks": list(_tick_documents(seen)),
        "api_weight": {share: {"left": left, "limit": most} for share, (left, most) in budgets.weight.items()},
        "credits": {
            "spent_today": budgets.credits_spent,
            "per_day": budgets.credits_per_day,
            "left": budgets.credits_left,
        },
        "halted": halt_document(seen.halted),
        "breakers": breaker_documents(seen.breakers),
        "notes": list(notes),
    }


def _tick_documents(seen: Overview) -> Iterator[dict[str, object]]:
    for tick in seen.ticks:
        run = tick.run
        yield {
            "command": tick.command,
            "started_at": None if run is None else run.started_at,
            "duration_s": tick.seconds,
            "ok": None if run is None else run.ok,
            "errors": [] if run is None else list(run.errors),
            "counts": {} if run is None else run.counts,
            "next_due_at": tick.next_due,
        }
