"""A person's word on traders, and all that is known of one."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from hlcopy.render import text, tones
from hlcopy.render.rows import trader_row
from hlcopy.render.tables import Column, table, times
from hlcopy.render.traders import trader_detail

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hlcopy.domain.choices import Choice
    from hlcopy.domain.round_trips import RoundTrip
    from hlcopy.ticks.dossier import Dossier, OurResult

    Document = dict[str, object]

_WIDTH: Final = 79
_ROOM: Final = 18
_GAPS_TOLD: Final = 5
_CENTURY: Final = len("20")
_TRIPS: Final = (
    Column("COIN"),
    Column("SIDE"),
    Column("VALUE", right=True),
    Column("ENTRY", right=True),
    Column("EXIT", right=True),
    Column("RESULT", right=True, tone=tones.gain),
)


def choice_words(choice: Choice) -> str:
    """Return a person's word in a few words."""
    words = [
        word
        for word, holds in (("pinned", choice.pinned), ("banned", choice.banned), ("watched", choice.watched))
        if holds
    ]
    if choice.budget_usd is not None:
        words.append(f"budget {text.money(choice.budget_usd)}")
    if choice.note is not None:
        words.append(f"note: {text.safe(choice.note)}")
    return ", ".join(words)


def choices_text(choices: Sequence[Choice]) -> str:
    """Return a line or a few for each trader on whom there is a word; nothing where there is none."""
    if not choices:
        return ""
    lines = ["", "Your word"]
    for choice in choices:
        told = f"{text.short_address(choice.address)}  {choice_words(choice)}"
        lines.append(textwrap.fill(told, _WIDTH, subsequent_indent=" " * 13))
    return "\n".join(lines) + "\n"


def choice_document(choice: Choice | None) -> Document | None:
    """Return a person's word as JSON, null where there is none."""
    if choice is None or not choice.says_something:
        return None
    return {
        "pinned": choice.pinned,
        "banned": choice.banned,
        "watched": choice.watched,
        "budget_usd": choice.budget_usd,
        "note": choice.note,
        "at": choice.at,
    }


def dossier_text(found: Dossier, now: datetime, width: int | None) -> str:
    """Return all that is known of a trader, within 80 columns."""
    choice = found.choice
    lines = [
        ("your word", text.DASH if choice is None else choice_words(choice)),
        ("holds", _holds(found)),
        ("our copies", _ours(found.ours)),
        ("its orders", ", ".join(f"{count:,} {decision}" for decision, count in found.decisions.items()) or text.DASH),
        ("history", _history(found)),
    ]
    told = "".join(
        textwrap.fill(f"{name:<{_ROOM}}{text.safe(value, 1_000)}", _WIDTH, subsequent_indent=" " * _ROOM) + "\n"
        for name, value in lines
    )
    columns = (
        times("OPENED", [trip.opened_at for trip in found.trips]),
        times("CLOSED", [trip.closed_at for trip in found.trips]),
        *_TRIPS,
    )
    trips = table(
        f"Last round trips of {found.trips_known:,}; a question mark: not seen whole",
        columns,
        list(map(_trip, found.trips)),
        width=width,
        plain_width=_WIDTH,
    )
    return f"{trader_detail(found.trader, now, width)}\n{told}\n{trips}"


def _holds(found: Dossier) -> str:
    held = (f"{each.coin} {each.side} {text.short_money(each.value_usd)}" for each in found.positions)
    return ", ".join(held) or "nothing, as last seen"


def _ours(ours: OurResult) -> str:
    if not ours.copies:
        return "none yet"
    closed = ours.copies - ours.open
    said = f"{text.counted(ours.copies, 'copy', 'copies')}, {ours.open} open ({text.money(ours.open_usd)} at entry)"
    if closed:
        said += f"; of {closed} closed {ours.won} won, {text.money(ours.realized_usd)} net"
    return f"{said}; fees {text.money(ours.fees_usd)}, funding {text.money(ours.funding_usd)}"


def _history(found: Dossier) -> str:
    said = text.counted(found.fills, "stored perp fill")
    if not found.gaps:
        return f"{said}, no gap"
    last = (f"{gap.coin} at {text.local(gap.at)} {text.zone(gap.at)}" for gap in found.gaps[-_GAPS_TOLD:])
    return f"{said}, {text.counted(len(found.gaps), 'gap')}, the last: {', '.join(last)}"


def _trip(trip: RoundTrip) -> tuple[str, ...]:
    return (
        text.local(trip.opened_at)[_CENTURY:],
        text.local(trip.closed_at)[_CENTURY:] if trip.closed_at is not None else text.DASH,
        trip.coin,
        trip.side,
        text.short_money(trip.entry_notional),
        text.price(trip.entry_price if trip.entry_size else None),
        text.price(trip.exit_price),
        text.short_money(trip.pnl_usd) + ("" if trip.complete else "?"),
    )


def dossier_document(found: Dossier) -> Document:
    """Return all that is known of a trader as JSON."""
    return {
        "trader": trader_row(found.trader),
        "choice": choice_document(found.choice),
        "positions": [
            {
                "token_symbol": each.coin,
                "side": each.side,
                "size": each.size,
                "value_usd": each.value_usd,
                "leverage": each.leverage,
            }
            for each in found.positions
        ],
        "round_trips": [
            {
                "token_symbol": trip.coin,
                "side": trip.side,
                "opened_at": trip.opened_at,
                "closed_at": trip.closed_at,
                "value_usd": trip.entry_notional,
                "entry_price": trip.entry_price,
                "exit_price": trip.exit_price,
                "pnl_usd": trip.pnl_usd,
                "complete": trip.complete,
            }
            for trip in found.trips
        ],
        "round_trips_known": found.trips_known,
        "fills": found.fills,
        "gaps": [
            {"token_symbol": gap.coin, "at": gap.at, "expected": gap.expected, "found": gap.found} for gap in found.gaps
        ],
        "ours": {name: getattr(found.ours, name) for name in type(found.ours).__slots__},
        "decisions": dict(found.decisions),
    }
