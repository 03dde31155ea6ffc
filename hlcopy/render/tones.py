"""What a colour means, the same in every table: green is good for us, red is not, yellow isn't known or settled yet."""

from __future__ import annotations

from typing import Final

from hlcopy.domain.models import DEFERRED, EXECUTE
from hlcopy.render.text import DASH

GOOD: Final = "green"
BAD: Final = "red"
OPEN: Final = "yellow"

_DECISIONS: Final = {EXECUTE: GOOD, DEFERRED: OPEN}
_PROOFS: Final = {"yes": GOOD, "NO": BAD}


def gain(cell: str) -> str:
    """Return the tone of a signed amount; zero and what isn't known have none."""
    if cell == DASH or not any(digit in cell for digit in "123456789"):
        return ""
    return BAD if cell.startswith("-") else GOOD


def decision(cell: str) -> str:
    """Return the tone of a decision; a skip has none, there are far too many."""
    return _DECISIONS.get(cell.partition(" ")[0], "")


def proof(cell: str) -> str:
    """Return the tone of whether something was proved."""
    return _PROOFS.get(cell, "")


def unconfirmed(cell: str) -> str:
    """Return the tone of what has a question mark behind it."""
    return OPEN if cell.endswith("?") else ""
