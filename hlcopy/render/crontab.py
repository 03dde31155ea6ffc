"""What cron is told: the lines that run the ticks, in a marked block that leaves a crontab's other lines as they are."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hlcopy.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import timedelta
    from pathlib import Path

    from hlcopy.domain.policy import CadencePolicy

BEGIN: Final = "# >>> hlcopy: written by `hlcopy cron install`, taken away by `hlcopy cron remove` >>>"
END: Final = "# <<< hlcopy <<<"

_BLOCK: Final = re.compile(rf"(?m)^{re.escape(BEGIN)}\n(?:.*\n)*?{re.escape(END)}(?:\n|\Z)")
_MINUTE_S: Final = 60
_HOUR_M: Final = 60
_LONGEST_LINE: Final = 900  # some crons read no more than 1,000 characters of a line


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the lines name: the running program, its settings file if there is one, its database and its logs; absolute.

    `folder` is where commands were typed so far: without a settings file one may be put there later.
    """

    program: Sequence[str]
    env_file: Path | None
    folder: Path
    database: Path
    log: Path
    output: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the crontab: when, how many seconds into that minute, and which tick with which options."""

    minute: str
    sleep: int
    tick: str


def lines(cadence: CadencePolicy) -> tuple[tuple[str, tuple[Line, ...]], ...]:
    """Return the lines by the comment above them.

    Jitter spreads what many machines ask in the same second; `monitor` has none, since its lines stand 30 seconds apart
    and find each other's lock otherwise.
    """
    return (
        ("Our positions: cron itself knows no seconds.", tuple(_within_minutes(cadence.monitor, "monitor --quiet"))),
        (
            "Traders' orders, a few seconds after monitor began.",
            (Line(minute=_every(cadence.trades), sleep=5, tick="poll --quiet --jitter 5"),),
        ),
        (
            "Traders' positions.",
            (Line(minute=_every(cadence.positions), sleep=10, tick="positions --quiet --jitter 10"),),
        ),
        (
            "Whom to follow: asked every hour and done once a period, so that a failed night is caught up with.",
            (Line(minute="17", sleep=0, tick="score --if-due --quiet --jitter 120"),),
        ),
    )


def block(plan: Plan, cadence: CadencePolicy) -> str:
    """Return our block, markers included.

    It sets no variable, since those would hold for the lines of others below it; all its paths are absolute. Raises
    `BadInputError` for paths that a crontab can't hold.
    """
    told = [BEGIN, "# Install again after a change of mode, network, HLCOPY_DB or cadences, or when the program moves."]
    for comment, members in lines(cadence):
        told += [f"# {comment}", *(f"{line.minute} * * * * {_command(plan, line)}" for line in members)]
    told += [
        "# Logs begin anew once a week, the last one is kept; hlcopy opens its log again by itself.",
        _rotation(plan),
    ]
    for line in told:
        if len(line) > _LONGEST_LINE:
            message = "a line for cron would be longer than cron reads; use shorter paths"
            raise BadInputError(message)
    return "\n".join([*told, END]) + "\n"


def installed(crontab: str, ours: str) -> str:
    """Return a crontab with our block where it stood, or at its end; every other line is kept as it is."""
    rest, count = _BLOCK.subn(lambda _: ours, crontab, count=1)
    if count:
        return rest
    return crontab + ("\n" if crontab and not crontab.endswith("\n") else "") + ours


def removed(crontab: str) -> str:
    """Return a crontab without our block; every other line is kept as it is."""
    return _BLOCK.sub("", crontab)


def has_block(crontab: str) -> bool:
    """Whether our block stands in a crontab."""
    return _BLOCK.search(crontab) is not None


def _within_minutes(every: timedelta, tick: str) -> Iterator[Line]:
    """Yield a line for each time that a tick runs in a minute; at least one."""
    seconds = max(1, round(every.total_seconds()))
    if seconds >= _MINUTE_S:
        yield Line(minute=_every(every), sleep=0, tick=tick)
        return
    for sleep in range(0, _MINUTE_S, max(seconds, 10)):  # more than six processes a minute only wait for each other
        yield Line(minute="*", sleep=sleep, tick=tick)


def _every(every: timedelta) -> str:
    """Return the minutes at which something runs that often, as often as cron can: the next divisor of an hour below."""
    minutes = max(1, int(every.total_seconds() // _MINUTE_S))
    step = max(divisor for divisor in range(1, _HOUR_M + 1) if _HOUR_M % divisor == 0 and divisor <= minutes)
    return {1: "*", _HOUR_M: "0"}.get(step, f"*/{step}")


def _command(plan: Plan, line: Line) -> str:
    options = [*([] if plan.env_file is None else ["--env-file", str(plan.env_file)]), "--db", str(plan.database)]
    place = "" if plan.env_file is not None else f"cd {_quoted(plan.folder)} && "
    program = " ".join(map(_quoted, plan.program))
    wait = f"sleep {line.sleep}; " if line.sleep else ""
    run = f"{program} {line.tick} {' '.join(map(_quoted, options))}"
    return f"umask 077; {wait}{place}{run} >> {_quoted(plan.output)} 2>&1"


def _rotation(plan: Plan) -> str:
    files = f"{_quoted(plan.log)} {_quoted(plan.output)}"
    return f'7 4 * * 0 for f in {files}; do [ ! -s "$f" ] || mv -f "$f" "$f.1"; done'


def _quoted(word: str | Path) -> str:
    """Return a word for cron's shell; cron itself makes a line's end of a bare per cent sign."""
    text = str(word)
    if not text.isprintable():
        message = f"{text!r} can't stand in a crontab; move it to a path of plain characters"
        raise BadInputError(message)
    return shlex.quote(text).replace("%", r"\%")
