"""Fills read page by page: nothing lost at an edge, nothing twice, both streams in one chain."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from hlcopy.adapters.hyperliquid.fills import forward, read_deep, read_since, read_updates
from hlcopy.domain.models import from_ms
from hlcopy.errors import BadAnswerError, SourceDownError
from tests.adapters.hyperliquid.rows import PAGE, T0, USER, FillServer, climb, fill, wired
from tests.servers import DROP, Reply, Request, ok

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hlcopy.domain.models import Fill

SINCE = from_ms(T0)
UNTIL = from_ms(T0 + 50_000_000)


def is_one_chain(fills: Sequence[Fill]) -> bool:
    return all(before.end_position == after.start_position for before, after in itertools.pairwise(fills))


def seconds(count: int, start: int = T0) -> list[int]:
    return [start + 1_000 * number for number in range(count)]


TIMES = {
    "no fill": [],
    "one fill": seconds(1),
    "one less than a page": seconds(PAGE - 1),
    "exactly a page": seconds(PAGE),
    "one more than a page": seconds(PAGE + 1),
    "exactly two pages, the edge counted twice": seconds(2 * PAGE - 1),
    "two pages and a half": seconds(5_000),
    "a tie across the first edge": [*seconds(PAGE - 3), *[T0 + 9_000_000] * 7, *seconds(50, T0 + 9_100_000)],
    "a tie that ends with the page": [*seconds(PAGE - 3), *[T0 + 9_000_000] * 3, *seconds(50, T0 + 9_100_000)],
    "nearly a page in one moment": [T0, *[T0 + 5] * (PAGE - 1), *seconds(3, T0 + 50)],
}


@pytest.mark.parametrize("name", TIMES)
def test_every_fill_is_read_once_and_in_order(name: str) -> None:
    times = TIMES[name]
    with wired(FillServer(climb(times))) as wire:
        fills = read_since(wire.client, USER, SINCE)
    assert [each.tid for each in fills] == [1_000_000 + number for number in range(len(times))]
    assert is_one_chain(fills)


@pytest.mark.parametrize("name", TIMES)
def test_the_deep_read_finds_the_same_from_the_other_end(name: str) -> None:
    times = TIMES[name]
    with wired(FillServer(climb(times))) as wire:
        deep = read_deep(wire.client, USER, SINCE, UNTIL, at_most=10_000)
    assert [each.tid for each in deep.fills] == [1_000_000 + number for number in range(len(times))]
    assert is_one_chain(deep.fills)
    assert deep.complete_from == SINCE


@pytest.mark.parametrize("name", TIMES)
def test_every_slice_is_read_once_and_in_order(name: str) -> None:
    times = TIMES[name]
    with wired(FillServer(slices=climb(times))) as wire:
        fills = read_since(wire.client, USER, SINCE)
    assert [each.tid for each in fills] == [1_000_000 + number for number in range(len(times))]
    assert {each.twap_id for each in fills} <= {77}


def test_fills_before_the_moment_asked_for_arent_read() -> None:
    with wired(FillServer(climb(seconds(10)))) as wire:
        fills = read_since(wire.client, USER, from_ms(T0 + 3_000))
    assert [each.time for each in fills] == [from_ms(time) for time in seconds(10)[3:]]


def test_there_is_no_upper_end_so_that_a_close_while_we_read_is_seen() -> None:
    with wired(FillServer(climb(seconds(1)))) as wire:
        read_since(wire.client, USER, SINCE)
        assert all("endTime" not in body for body in wire.asked())


def test_a_page_that_one_moment_fills_is_no_endless_loop() -> None:
    with wired(FillServer(climb([T0] * (PAGE + 1)))) as wire:
        with pytest.raises(BadAnswerError, match=f"2000 rows and more at the moment {T0}"):
            read_since(wire.client, USER, SINCE)
        with pytest.raises(BadAnswerError, match="can't be read"):
            read_deep(wire.client, USER, SINCE, from_ms(T0), at_most=10_000)


def test_both_streams_make_one_chain() -> None:
    chain = climb(seconds(600))
    with wired(FillServer([*chain[:200], *chain[400:]], chain[200:400])) as wire:
        fills = read_since(wire.client, USER, SINCE)
    assert len(fills) == 600
    assert is_one_chain(fills)
    assert [each.twap_id for each in fills] == [None] * 200 + [77] * 200 + [None] * 200


def test_both_streams_of_one_moment_are_put_in_the_order_of_their_chain() -> None:
    chain = climb([T0] * 6)
    with wired(FillServer([chain[0], chain[3], chain[5]], [chain[1], chain[2], chain[4]])) as wire:
        fills = read_since(wire.client, USER, SINCE)
    assert [each.tid - 1_000_000 for each in fills] == [0, 1, 2, 3, 4, 5]


def test_a_slice_that_stands_in_both_streams_is_one_fill() -> None:
    chain = climb(seconds(3))
    with wired(FillServer(chain, chain[1:2])) as wire:
        fills = read_since(wire.client, USER, SINCE)
    assert [each.twap_id for each in fills] == [None, 77, None]


def test_dust_without_numbers_of_its_own_is_kept() -> None:
    dust = [fill(0, T0 + n, coin="@7", tid=0, oid=0, dir="Spot Dust Conversion") for n in range(3)]
    with wired(FillServer(dust)) as wire:
        assert len(read_since(wire.client, USER, SINCE)) == 3


def test_a_fill_says_what_it_was() -> None:
    liquidation = {"liquidatedUser": USER.upper().replace("0X", "0x"), "markPx": "59000.0", "method": "market"}
    row = fill(1, T0, 5.0, 2.0, side="A", dir="Close Long", closedPnl="-12.5", liquidation=liquidation, crossed=False)
    with wired(FillServer([row])) as wire:
        (found,) = read_since(wire.client, USER, SINCE)
    assert (found.trader, found.coin, found.is_buy, found.size) == (USER, "BTC", False, 2.0)
    assert (found.start_position, found.end_position) == (5.0, 3.0)
    assert (found.price, found.closed_pnl, found.fee, found.direction) == (60000.5, -12.5, 0.27, "Close Long")
    assert (found.oid, found.tid, found.crossed, found.liquidated_user) == (9_001, 1_000_001, False, USER)


class Flaky(FillServer):
    """Fails every other answer."""

    def __init__(self, failure: Reply, rows: list[dict[str, Any]]) -> None:
        super().__init__(rows)
        self.failure = failure
        self.count = 0

    def __call__(self, request: Request) -> Reply:
        self.count += 1
        return self.failure if self.count % 2 else super().__call__(request)


@pytest.mark.parametrize(
    "failure",
    [DROP, (200, {"content-length": "9999"}, b'[{"coin": "BTC",'), ok(b'[{"coin": "BTC", "px"'), (503, {}, b"<html>")],
    ids=["dropped", "cut short by the connection", "cut short by the server", "503"],
)
def test_a_half_read_page_is_read_again(failure: Reply) -> None:
    with wired(Flaky(failure, climb(seconds(4_500)))) as wire:
        fills = read_since(wire.client, USER, SINCE)
    assert len(fills) == 4_500
    assert is_one_chain(fills)


def test_a_stream_that_cant_be_read_makes_all_unknown() -> None:
    def only_fills(request: Request) -> Reply:
        return ok([fill(1, T0)]) if request.json["type"] == "userFillsByTime" else (500, {}, None)

    with wired(only_fills) as wire, pytest.raises(SourceDownError):
        read_since(wire.client, USER, SINCE)


def test_pages_grow_the_ration_by_their_rows() -> None:
    with wired(FillServer(climb(seconds(PAGE + 40)))) as wire:
        before = wire.ration.left(wire.clock.now())
        read_since(wire.client, USER, SINCE)
        # A full page, a second one that begins with the last row of the first, and no slices.
        assert before - wire.ration.left(wire.clock.now()) == (20 + 100) + (20 + 3) + 20


def test_the_deep_read_stops_after_enough_and_says_from_when_on_it_is_complete() -> None:
    with wired(FillServer(climb(seconds(9_000)))) as wire:
        deep = read_deep(wire.client, USER, SINCE, UNTIL, at_most=3_000)
    assert [each.tid for each in deep.fills] == [1_000_000 + number for number in range(9_000 - 3_999, 9_000)]
    # Other fills of the oldest one's moment may be missing.
    assert deep.complete_from == deep.fills[0].time.replace(microsecond=deep.fills[0].time.microsecond + 1_000)


def test_as_many_rows_as_three_pages_hold_are_read_in_three_pages() -> None:
    with wired(FillServer(climb(seconds(9_000)))) as wire:
        deep = read_deep(wire.client, USER, SINCE, UNTIL, at_most=3 * PAGE)
        asked = [request.json["type"] for request in wire.server.requests]
    assert asked.count("userFillsByTime") == 3
    assert len(deep.fills) == 3 * PAGE - 2


def test_the_deep_read_ends_where_it_is_told_to() -> None:
    with wired(FillServer(climb(seconds(100)), climb(seconds(100), 500))) as wire:
        deep = read_deep(wire.client, USER, from_ms(T0 + 10_000), from_ms(T0 + 20_000), at_most=5_000)
    assert {each.time for each in deep.fills} == {from_ms(time) for time in seconds(100)[10:21]}


def test_what_lies_beyond_the_venues_reach_isnt_called_complete() -> None:
    with wired(FillServer(climb(seconds(10_100)[-10_000:]))) as wire:
        deep = read_deep(wire.client, USER, SINCE, UNTIL, at_most=50_000)
    assert len(deep.fills) == 10_000
    assert deep.complete_from > deep.fills[0].time


def test_slices_of_a_long_past_are_known_from_their_newest_page_on() -> None:
    with wired(FillServer(slices=climb(seconds(7_000)))) as wire:
        deep = read_deep(wire.client, USER, SINCE, UNTIL, at_most=6_000)
    complete = [each for each in deep.fills if each.time >= deep.complete_from]
    assert [each.tid for each in complete] == [1_000_000 + number for number in range(5_001, 7_000)]
    assert len(wire.server.requests) == 3


def test_slices_of_two_pages_that_overlap_are_complete() -> None:
    with wired(FillServer(slices=climb(seconds(3_500)))) as wire:
        deep = read_deep(wire.client, USER, SINCE, UNTIL, at_most=6_000)
    assert deep.complete_from == SINCE
    assert is_one_chain(deep.fills)
    assert len(deep.fills) == 3_500


def test_a_server_that_ignores_the_direction_is_caught() -> None:
    rows = climb(seconds(PAGE))
    with (
        wired(lambda request: ok(rows if request.json["type"] == "userFillsByTime" else [])) as wire,
        pytest.raises(BadAnswerError, match="came oldest first"),
    ):
        read_deep(wire.client, USER, SINCE, UNTIL, at_most=6_000)


def test_ledger_updates_are_read_page_by_page() -> None:
    updates = [
        {"time": time, "hash": f"0x{number:064x}", "delta": {"type": "deposit", "usdc": "5.0"}}
        for number, time in enumerate(seconds(1_100))
    ]

    def serve(request: Request) -> Reply:
        return ok([update for update in updates if update["time"] >= request.json["startTime"]][:500])

    with wired(serve) as wire:
        assert [update.hash for update in read_updates(wire.client, USER, SINCE)] == [row["hash"] for row in updates]


def test_paging_works_for_pages_of_any_size() -> None:
    rows = [_Row(time, number) for number, time in enumerate([1, 2, 2, 2, 3, 4, 4, 5, 5, 6])]
    for size in (4, 5, 6, 10, 11):
        read = forward(lambda begin, _: [row for row in rows if row.time >= begin][:size], 1, size)  # noqa: B023 - used at once
        assert read == rows


class _Row:
    def __init__(self, time: int, number: int) -> None:
        self.time = time
        self.key = (number,)
