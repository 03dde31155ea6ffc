"""What `doctor` looks at, one thing after the other: each look is guarded, so that one that fails never hides the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlcopy.domain.checks import Check
from hlcopy.errors import HlcopyError, TryLaterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Look = Callable[[], Check | Iterable[Check]]

_LATER: Final = "try again in a moment"
_UNEXPECTED: Final = "the traceback is in the log file; please report it"


def guarded(name: str, look: Look, crashed: Callable[[BaseException], object]) -> list[Check]:
    """Return what a look found; where it failed, also a check of that name which says why.

    An error of ours is wrong, or unknown where it may pass; any other is unknown, and `crashed` is told of it.
    """
    checks: list[Check] = []
    try:
        found = look()
        checks.extend([found] if isinstance(found, Check) else found)
    except TryLaterError as error:
        checks.append(Check(name=name, ok=None, said=str(error), remedy=_LATER))
    except HlcopyError as error:
        said, _, remedy = str(error).partition("; ")
        checks.append(Check(name=name, ok=False, said=said, remedy=remedy))
    except Exception as error:  # noqa: BLE001 - whatever it is, the others are still looked at
        crashed(error)
        said = f"couldn't be looked at ({type(error).__name__})"
        checks.append(Check(name=name, ok=None, said=said, remedy=_UNEXPECTED))
    return checks
