"""What is worth telling a person who isn't looking, and when it is told again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum, unique
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

LASTS: Final = timedelta(days=1)
"""How long an alert is worth sending."""

_FIRST_WAIT: Final = timedelta(seconds=30)
_LONGEST_WAIT: Final = timedelta(minutes=15)
_LONGEST_TEXT: Final = 400
_DAY_HOURS: Final = 24


@unique
class Event(StrEnum):
    """What an alert is about, by the name that a setting calls it by."""

    ENTRY = "entry"
    EXIT = "exit"
    STOP_MISSING = "stop_missing"
    UNRESOLVED = "unresolved"
    BREAKER = "breaker"
    HALT = "halt"
    FAILING = "failing"
    CREDITS = "credits"
    AGENT = "agent"


URGENT: Final = frozenset({Event.STOP_MISSING, Event.UNRESOLVED, Event.FAILING})
"""What is told again while it lasts, and at night, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A message on its way: `delivered` names the channels that have it, `sent_at` is set once all of them do.

    `key` says what it is about: of one thing nobody is told twice within the quiet minutes.
    """

    event: Event
    key: str
    text: str
    at: datetime
    id: int | None = None
    tries: int = 0
    tried_at: datetime | None = None
    delivered: tuple[str, ...] = ()
    sent_at: datetime | None = None

    @property
    def expires_at(self) -> datetime:
        """When nobody wants to hear of it any more."""
        return self.at + LASTS

    def is_due(self, now: datetime) -> bool:
        """Whether it is to be tried now: at once, again in the next tick, then after waits that double up to 15 minutes."""
        if self.sent_at is not None or now >= self.expires_at:
            return False
        if self.tried_at is None or self.tries <= 1:
            return True
        wait = _FIRST_WAIT * int(2 ** min(self.tries - 2, 10))
        return now - self.tried_at >= min(wait, _LONGEST_WAIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Something that is so at present; `over` is what to say once it isn't any more, None where that needs no words."""

    event: Event
    key: str
    text: str
    over: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A condition as of the last look: when it was last told, and whether it stood then.

    One that came back within the quiet minutes stands without having been `announced`, and ends as silently.
    """

    event: Event
    key: str
    at: datetime
    standing: bool = True
    announced: bool = True
    over: str | None = None


def news(
    told: Mapping[str, Told], conditions: Sequence[Condition], now: datetime, quiet: timedelta
) -> tuple[list[Alert], dict[str, Told]]:
    """Return what to tell of the present conditions, and what to remember of them for the next look.

    A condition is told when it begins and, if it has words for that, when it ends; an urgent one again after each `quiet`.
    """
    alerts: list[Alert] = []
    kept: dict[str, Told] = {}
    for each in conditions:
        before = told.get(each.key)
        lately = before is not None and now - before.at < quiet
        repeats = each.event in URGENT or before is None or not before.standing
        if before is not None and (lately or not repeats):
            announced = before.announced if before.standing else False
            kept[each.key] = replace(before, standing=True, announced=announced, over=each.over)
        else:
            alerts.append(alert(each.event, each.key, each.text, now))
            kept[each.key] = Told(event=each.event, key=each.key, at=now, over=each.over)
    for key, before in told.items():
        if key in kept:
            continue
        if before.standing and before.announced and before.over is not None:
            alerts.append(alert(before.event, f"{key}:over", before.over, now))
        if now - before.at < quiet:
            kept[key] = replace(before, standing=False)
    return alerts, kept


def alert(event: Event, key: str, text: str, at: datetime) -> Alert:
    """Return an alert whose text is one line of bearable length."""
    line = " ".join(text.split())
    return Alert(
        event=event, key=key, text=line if len(line) <= _LONGEST_TEXT else line[: _LONGEST_TEXT - 1] + "…", at=at
    )


def is_night(now: datetime, hours: tuple[int, int] | None) -> bool:
    """Whether a moment lies in the quiet hours, full hours of UTC from the first up to the second; they may span midnight."""
    if hours is None:
        return False
    begin, end = hours
    return (now.hour - begin) % _DAY_HOURS < (end - begin) % _DAY_HOURS


def to_send(waiting: Iterable[Alert], now: datetime, hours: tuple[int, int] | None) -> list[Alert]:
    """Return the alerts to be tried now, the urgent ones alone while it is night."""
    night = is_night(now, hours)
    return [each for each in waiting if each.is_due(now) and (not night or each.event in URGENT)]
