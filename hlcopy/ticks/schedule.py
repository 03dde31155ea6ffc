"""Which work is due: pure functions of when it was done last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hlcopy.domain.models import EPOCH

if TYPE_CHECKING:
    from datetime import datetime, timedelta


def slot(moment: datetime, every: timedelta) -> datetime:
    """Return the beginning of the period that a moment lies in; periods are counted from 1970, so that they never drift."""
    return moment - (moment - EPOCH) % every


def next_slot(moment: datetime, every: timedelta) -> datetime:
    """Return the first beginning of a period at or after a moment."""
    begun = slot(moment, every)
    return begun if begun == moment else begun + every


def is_due(last: datetime | None, now: datetime, every: timedelta) -> bool:
    """Whether work that is done once in every period hasn't been done in this one.

    What lies a period and more in the future was done before the clock was set back.
    """
    return last is None or slot(last, every) < slot(now, every) or last - now >= every
