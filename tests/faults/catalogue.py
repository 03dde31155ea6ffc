"""The faults that live copying meets, 135 of them, and which test shows what becomes of each.

H: orders on their way to the venue; R: what is read of it; N: Nansen; P: processes and clocks; D: the database and its disk;
A: traders who trade against those who copy; S: keys and packages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault in a few words, the tests that show our behaviour (below `tests/`), or why none does.

    `note` says where we do less or something else than could be wished, and why.
    """

    id: str
    says: str
    tests: tuple[str, ...] = ()
    note: str = ""


COUNTS: Final = {"H": 45, "R": 22, "N": 21, "P": 22, "D": 12, "A": 8, "S": 5}
