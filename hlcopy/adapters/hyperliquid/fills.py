"""Fills read whole: pages that lose nothing at their edges, and both streams put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from hlcopy.adapters.hyperliquid.client import FULL_PAGE, FULL_UPDATES
from hlcopy.domain.episodes import chained
from hlcopy.domain.models import from_ms, to_ms
from hlcopy.errors import BadAnswerError
from hlcopy.ports import FILLS_SERVED, DeepFills

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from hlcopy.adapters.hyperliquid.client import InfoClient
    from hlcopy.adapters.hyperliquid.models import ApiFill, ApiSlice, ApiUpdate
    from hlcopy.domain.models import Fill


class _Timed(Protocol):
    @property
    def time(self) -> int: ...

    @property
    def key(self) -> tuple[object, ...]: ...


Row = TypeVar("Row", bound=_Timed)


def forward(read: Callable[[int, int], list[Row]], start: int, full: int = FULL_PAGE) -> list[Row]:
    """Return all rows from `start` on, page by page; each page begins at the last moment of the one before.

    `read` gets the moment to begin at and how many rows to expect. Rows of one moment keep the order in which they came.
    Raises `BadAnswerError` when a moment alone fills a page: what else it holds can't be had.
    """
    rows: dict[tuple[object, ...], Row] = {}
    expect = 0
    while True:
        page = read(start, expect)
        rows |= {row.key: row for row in page if row.key not in rows}
        if len(page) < full:
            return sorted(rows.values(), key=_time)
        start = _next_edge(start, max(row.time for row in page), full)
        expect = full


def backward(read: Callable[[int], list[Row]], start: int, end: int, at_most: int) -> tuple[list[Row], int]:
    """Return the newest rows up to `end`, a page more than `at_most` of them at most, and from when on they are complete.

    `read` gets the moment to end at and answers the newest rows first.
    """
    rows: dict[tuple[object, ...], Row] = {}
    given = 0  # with those that stand on two pages, lest three full pages be short of 6,000 rows by two
    while True:
        page = read(end)
        given += len(page)
        rows |= {row.key: row for row in page if row.key not in rows}
        oldest_first = [*rows.values()]
        oldest_first.reverse()  # first, since sorting keeps the order of rows of one moment
        ordered = sorted(oldest_first, key=_time)
        if len(page) < FULL_PAGE:
            return ordered, start if len(rows) < FILLS_SERVED or not ordered else ordered[0].time + 1
        if page[0].time < page[-1].time:
            message = "fills asked for newest first came oldest first"
            raise BadAnswerError(message)
        if given >= at_most:
            return ordered, max(start, ordered[0].time + 1)
        end = _next_edge(end, min(row.time for row in page), FULL_PAGE)


def _next_edge(before: int, edge: int, full: int) -> int:
    if edge == before:
        message = f"{full} rows and more at the moment {edge}: what else it holds can't be read"
        raise BadAnswerError(message)
    return edge


def read_since(client: InfoClient, user: str, since: datetime) -> list[Fill]:
    """Return every fill of a user from a moment on, TWAP slices among them, in the order in which they continue each other.

    There is no upper end, lest a close that happens while we read look like a position that vanished.
    """
    start = to_ms(since)
    fills = forward(lambda begin, expect: client.user_fills_by_time(user, begin, expect=expect), start)
    slices = forward(lambda begin, expect: client.user_twap_slice_fills_by_time(user, begin, expect=expect), start)
    return merged(user, fills, slices)


def read_period(client: InfoClient, user: str, since: datetime, until: datetime) -> list[Fill]:
    """Return the fills of a period, TWAP slices among them, in the order in which they continue each other.

    What the venue no longer serves is absent without a word: whoever asks counts what came against `FILLS_SERVED`.
    """
    start, end = to_ms(since), to_ms(until)
    fills = forward(lambda begin, expect: client.user_fills_by_time(user, begin, end, expect=expect), start)
    slices = forward(lambda begin, expect: client.user_twap_slice_fills_by_time(user, begin, end, expect=expect), start)
    return merged(user, fills, slices)


def read_deep(client: InfoClient, user: str, since: datetime, until: datetime, at_most: int) -> DeepFills:
    """Return the newest fills of a period, TWAP slices among them."""
    start, end = to_ms(since), to_ms(until)
    fills, fills_from = backward(
        lambda edge: client.user_fills_by_time(user, start, edge, newest_first=True, expect=FULL_PAGE),
        start,
        end,
        at_most,
    )
    slices, slices_from = _newest_slices(client, user, start, end)
    complete_from = max(fills_from, slices_from)
    return DeepFills(fills=merged(user, fills, slices), complete_from=max(since, from_ms(complete_from)))


def _newest_slices(client: InfoClient, user: str, start: int, end: int) -> tuple[list[ApiSlice], int]:
    """Return the newest TWAP slices and from when on they are complete: this stream can't be asked for in reverse."""
    page = client.user_twap_slice_fills_by_time(user, start, end)
    if len(page) < FULL_PAGE:
        return page, start
    newest = [row for row in reversed(client.user_twap_slice_fills(user)) if start <= row.time <= end]
    if not newest:
        message = f"the newest TWAP slices of {user} lie after the period asked for"
        raise BadAnswerError(message)
    edge = min(row.time for row in newest) + 1
    if edge > max(row.time for row in page):
        return newest, edge
    both = {row.key: row for row in (*page, *newest)}
    return list(both.values()), start


def merged(user: str, fills: Iterable[ApiFill], slices: Iterable[ApiSlice]) -> list[Fill]:
    """Return both streams as one chain; a slice that stands in both is taken with its TWAP's number."""
    of_twaps = {row.key: row for row in slices}
    trader = user.lower()
    singles = [row.to_fill(trader) for row in fills if row.key not in of_twaps]
    return chained([*singles, *(row.to_fill(trader) for row in of_twaps.values())])


def read_updates(client: InfoClient, user: str, since: datetime) -> list[ApiUpdate]:
    """Return every ledger update of a user from a moment on, oldest first."""
    return forward(lambda begin, _: client.ledger_updates(user, begin), to_ms(since), FULL_UPDATES)


def _time(row: _Timed) -> int:
    return row.time
