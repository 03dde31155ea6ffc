"""What keeps entries out, the halt and the breakers, in plain words and as JSON."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from hlcopy.render import text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hlcopy.domain.breakers import Breaker
    from hlcopy.ports import Halt

    Document = dict[str, object]

WIDTH: Final = 79
_MEASURED: Final[Mapping[str, str]] = {
    "MAX_DAILY_LOSS_PERCENT": "{measured} of equity lost in this UTC day, the limit is {limit}",
    "MAX_DRAWDOWN_PERCENT": "{measured} lost from the highest equity, the limit is {limit}",
    "MAX_ENTRIES_PER_DAY": "{measured} entries in this UTC day, {limit} are allowed",
    "MAX_STOPS_IN_6H": "{measured} losing stops within 6 hours, {limit} pause entries",
    "MAX_TRADER_STOPS": "the last {measured} copies were stopped, {limit} leave a trader out",
}


def pauses_text(halted: Halt | None, breakers: Sequence[Breaker]) -> str:
    """Return a line or a few for each thing that keeps entries out; nothing when nothing does."""
    lines = [] if halted is None else [halt_line(halted)]
    lines += [breaker_line(breaker) for breaker in breakers]
    return "".join(map(_folded, lines))


def halted_text(halted: Halt, *, already: bool) -> str:
    """Return what `halt` says: since when and why, and whether that was so before."""
    return _folded(f"{'Already: ' if already else ''}{halt_line(halted)}")


def _folded(line: str) -> str:
    return textwrap.fill(line, WIDTH, subsequent_indent="  ") + "\n"


def halt_line(halted: Halt) -> str:
    """Return since when and why nothing new is opened, and how that ends."""
    why = text.safe(halted.reason)
    return f"HALTED since {_when(halted.at)} ({why}): no new entries; end it with: hlcopy resume"


def breaker_line(breaker: Breaker) -> str:
    """Return which breaker, for whom, until when, what was measured and since when."""
    until = "until hlcopy resume" if breaker.until is None else f"until {_when(breaker.until)}"
    whom = "no new entries" if breaker.trader is None else f"no copies of {text.short_address(breaker.trader)}"
    percent = breaker.name.endswith("_PERCENT")
    measured, limit = (text.percent(each) if percent else f"{each:g}" for each in (breaker.measured, breaker.limit))
    said = _MEASURED.get(breaker.name, "{measured}, the limit is {limit}").format(measured=measured, limit=limit)
    return f"BREAKER {breaker.name}: {whom} {until}: {said} (since {_when(breaker.since)})"


def _when(at: datetime) -> str:
    return f"{text.local(at)} {text.zone(at)}"


def halt_document(halted: Halt | None) -> Document | None:
    """Return a halt as JSON, null without one."""
    return None if halted is None else {"at": halted.at, "reason": halted.reason}


def breaker_documents(breakers: Sequence[Breaker]) -> list[Document]:
    """Return breakers as JSON; `until` is null for one that only resume ends."""
    return [
        {
            "name": breaker.name,
            "since": breaker.since,
            "until": breaker.until,
            "measured": breaker.measured,
            "limit": breaker.limit,
            "trader": breaker.trader,
        }
        for breaker in breakers
    ]
