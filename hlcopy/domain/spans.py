"""Stretches of time in milliseconds, the end not included, and what is missing between them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Span = tuple[int, int]


def joined(spans: Iterable[Span], within: int = 0) -> list[Span]:
    """Return spans by time, those that overlap, touch or lie `within` of each other made one; empty ones are left out."""
    found: list[Span] = []
    for since, until in sorted(spans):
        if until <= since:
            continue
        if found and since <= found[-1][1] + within:
            found[-1] = (found[-1][0], max(found[-1][1], until))
        else:
            found.append((since, until))
    return found


def missing(wanted: Span, covered: Iterable[Span]) -> list[Span]:
    """Return the parts of a span that no other covers, by time."""
    found: list[Span] = []
    begin, end = wanted
    for since, until in joined(covered):
        if since > begin:
            found.append((begin, min(since, end)))
        begin = max(begin, until)
        if begin >= end:
            break
    if begin < end:
        found.append((begin, end))
    return [(since, until) for since, until in found if since < until]


def holes(spans: Iterable[Span]) -> list[Span]:
    """Return what lies between spans, by time."""
    found = joined(spans)
    return [(before[1], after[0]) for before, after in pairwise(found)]
