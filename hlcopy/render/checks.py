"""What `doctor` found: a line for each check, its remedy below it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from hlcopy.render import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hlcopy.domain.checks import Check

_WIDTH: Final = 79
_LONGEST: Final = 500
_WORDS: Final = {True: "ok", False: "WRONG", None: "?"}
_COLOURS: Final = {True: "32", False: "1;31", None: "33"}
_WORD_ROOM: Final = 7


def checks_text(checks: Sequence[Check], *, colour: bool) -> str:
    """Return the checks aligned, and how many are wrong; words have a colour where that is wanted."""
    room = max((len(check.name) for check in checks), default=0) + 2
    shown = "".join(_check(check, room, colour=colour) for check in checks)
    wrong, unknown = (sum(check.ok is state for check in checks) for state in (False, None))
    said = f"{wrong} wrong" if wrong else "nothing is wrong"
    return f"{shown}doctor: {len(checks)} things looked at: {said}" + (f", {unknown} unknown" if unknown else "") + "\n"


def _check(check: Check, room: int, *, colour: bool) -> str:
    word = _WORDS[check.ok]
    pad = " " * (_WORD_ROOM - len(word))
    painted = f"\x1b[{_COLOURS[check.ok]}m{word}\x1b[0m" if colour else word
    indent = " " * (_WORD_ROOM + room)
    lines = _wrapped(check.said, indent, indent)
    lines += _wrapped(check.remedy, f"{indent}-> ", f"{indent}   ") if check.remedy else []
    first = lines[0].removeprefix(indent) if lines else ""
    return "".join(f"{line}\n" for line in (f"{painted}{pad}{check.name:<{room}}{first}".rstrip(), *lines[1:]))


def _wrapped(said: str, first: str, later: str) -> list[str]:
    return textwrap.wrap(
        text.safe(said, _LONGEST), _WIDTH, initial_indent=first, subsequent_indent=later, break_on_hyphens=False
    )


def checks_document(checks: Sequence[Check]) -> dict[str, object]:
    """Return the checks as JSON; `ok` is null where it can't be told now."""
    return {
        "counts": {
            "checks": len(checks),
            "wrong": sum(check.ok is False for check in checks),
            "unknown": sum(check.ok is None for check in checks),
        },
        "checks": [
            {"name": check.name, "ok": check.ok, "said": check.said, "remedy": check.remedy or None} for check in checks
        ],
    }
