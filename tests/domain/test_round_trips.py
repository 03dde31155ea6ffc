from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlcopy.domain.models import Side
from hlcopy.domain.round_trips import RoundTrip, round_trips
from tests.builders import T0, at, fill

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hlcopy.domain.models import Fill

LONG, SHORT = Side.LONG, Side.SHORT


def traded(*steps: tuple[float, float, int], start: float = 0.0, entry: float = 0.0, coin: str = "BTC") -> list[Fill]:
    """Return fills a minute apart from steps of signed size, price and order number, with the venue's `closedPnl`.

    Each costs a fee of $0.5 a unit. The position begins at `start` with an average entry price.
    """
    made, position = [], start
    for minute, (signed, price, oid) in enumerate(steps):
        after = position + signed
        leaving = min(abs(signed), abs(position)) if position * signed < 0 else 0.0
        made.append(
            fill(
                coin=coin,
                is_buy=signed > 0,
                size=abs(signed),
                price=price,
                start_position=position,
                oid=oid,
                time=at(minute),
                fee=0.5 * abs(signed),
                closed_pnl=Side.of(position).sign * leaving * (price - entry),
            )
        )
        if leaving == 0:
            entry = (entry * abs(position) + price * abs(signed)) / abs(after)
        elif position * after < 0:
            entry = price
        position = after
    return made


def one_trip(fills: Sequence[Fill]) -> RoundTrip:
    (trip,) = round_trips(fills)
    return trip


def test_a_long_from_flat_to_flat() -> None:
    trip = one_trip(traded((2.0, 100.0, 1), (2.0, 110.0, 2), (-1.0, 120.0, 3), (-3.0, 124.0, 4)))
    assert trip == RoundTrip(
        coin="BTC",
        side=LONG,
        opened_at=T0,
        closed_at=at(3),
        entry_size=4.0,
        entry_price=105.0,
        exit_size=4.0,
        exit_price=123.0,
        peak_size=4.0,
        pnl_usd=4.0 * 18.0 - 8.0 * 0.5,
        complete=True,
    )
    assert trip.entry_notional == 420.0


def test_a_short_mirrors_a_long() -> None:
    trip = one_trip(traded((-4.0, 100.0, 1), (4.0, 90.0, 2)))
    assert (trip.side, trip.entry_price, trip.exit_price, trip.pnl_usd) == (SHORT, 100.0, 90.0, 36.0)


def test_an_open_position_is_a_trip_without_an_end() -> None:
    trip = one_trip(traded((4.0, 100.0, 1), (-1.0, 110.0, 2)))
    assert (trip.closed_at, trip.complete, trip.entry_size, trip.exit_size) == (None, True, 4.0, 1.0)
    assert one_trip(traded((4.0, 100.0, 1))).exit_price is None


def test_a_flip_ends_one_trip_and_begins_another_with_its_fee_in_proportion() -> None:
    long, short = round_trips(traded((4.0, 100.0, 1), (-10.0, 110.0, 2), (6.0, 105.0, 3)))
    assert (long.side, long.closed_at, long.exit_size, long.pnl_usd) == (LONG, at(1), 4.0, 40.0 - 4.0)
    assert (short.side, short.opened_at, short.entry_size) == (SHORT, at(1), 6.0)
    assert short.pnl_usd == pytest.approx(30.0 - 6.0)


def test_a_remainder_ends_a_trip_and_isnt_part_of_the_next() -> None:
    first, second = round_trips(traded((100.0, 10.0, 1), (-99.5, 11.0, 2), (50.0, 12.0, 3), (-50.5, 12.0, 4)))
    assert (first.closed_at, first.entry_size, first.exit_size, first.complete) == (at(1), 100.0, 99.5, True)
    assert (second.opened_at, second.entry_size, second.complete) == (at(2), 50.0, True)


def test_a_close_in_parts_ends_with_its_last_fill_also_within_its_last_percent() -> None:
    trip = one_trip(traded((100.0, 10.0, 1), (-99.5, 11.0, 2), (-0.4, 11.0, 2), (-0.1, 11.0, 2)))
    assert trip.closed_at == at(3)
    assert trip.exit_size == pytest.approx(100.0)
    assert trip.pnl_usd == pytest.approx(100.0 - 100.0)


def test_a_flip_in_parts_is_whole_also_when_a_fill_ends_near_zero() -> None:
    _, short = round_trips(traded((100.0, 10.0, 1), (-100.5, 10.0, 2), (-99.5, 10.0, 2), (100.0, 9.0, 3)))
    assert (short.opened_at, short.entry_size, short.exit_size) == (at(1), 100.0, 100.0)


def test_a_flip_that_pauses_at_exactly_zero_ends_there_and_begins_with_the_next_fill() -> None:
    long, short = round_trips(traded((4.0, 100.0, 1), (-4.0, 110.0, 2), (-6.0, 111.0, 2)))
    assert (long.closed_at, long.exit_size) == (at(1), 4.0)
    assert (short.opened_at, short.entry_size, short.entry_price) == (at(2), 6.0, 111.0)


def test_an_overshoot_by_a_remainder_is_no_trip() -> None:
    trip = one_trip(traded((100.0, 10.0, 1), (-60.0, 11.0, 2), (-40.3, 11.0, 2), (-0.2, 11.0, 2)))
    assert (trip.side, trip.closed_at) == (LONG, at(2))


def test_a_new_order_that_meets_what_is_flat_beside_it_begins_a_new_trip() -> None:
    first, second = round_trips(traded((2.0, 100.0, 1), (-1.5, 100.0, 2), (99.0, 100.0, 3), (-99.5, 101.0, 4)))
    assert (first.closed_at, first.entry_size, first.exit_size) == (at(1), 2.0, 1.5)
    assert (second.opened_at, second.entry_size, second.closed_at) == (at(2), 99.0, at(3))


def test_orders_that_open_side_by_side_make_one_trip() -> None:
    trip = one_trip(traded((0.2, 100.0, 1), (0.2, 100.0, 2), (50.0, 100.0, 1), (50.0, 100.0, 2), (-100.4, 101.0, 3)))
    assert trip.opened_at == T0
    assert trip.entry_size == pytest.approx(100.4)


def test_a_history_that_starts_in_a_position_gives_an_incomplete_trip_first() -> None:
    first, second = round_trips(traded((-6.0, 110.0, 1), (5.0, 100.0, 2), (-5.0, 101.0, 3), start=6.0, entry=100.0))
    assert (first.complete, first.side, first.entry_size, first.entry_price) == (False, LONG, 0.0, 0.0)
    assert (second.complete, second.opened_at) == (True, at(1))


def test_a_gap_makes_what_it_touches_incomplete_and_nothing_else() -> None:
    before = traded((5.0, 100.0, 1), (-5.0, 101.0, 2), (5.0, 100.0, 3))
    after = traded((-9.0, 100.0, 4), (2.0, 100.0, 5), (-2.0, 101.0, 6), start=9.0, entry=100.0)
    later = [replace(one, time=one.time + (at(10) - T0)) for one in after]
    trips = round_trips([*before, *later])
    assert [(trip.opened_at, trip.complete) for trip in trips] == [
        (T0, True),
        (at(2), False),
        (at(10), False),
        (at(11), True),
    ]


def test_a_gap_after_which_the_trader_is_flat_costs_one_trip_only() -> None:
    later = [replace(one, time=at(9)) for one in traded((1.0, 100.0, 4))]
    trips = round_trips([*traded((5.0, 100.0, 3)), *later])
    assert [(trip.opened_at, trip.complete) for trip in trips] == [(T0, False), (at(9), True)]


def test_trips_are_per_coin_and_of_perps_only() -> None:
    btc, eth = traded((1.0, 100.0, 1), (-1.0, 101.0, 2)), traded((1.0, 100.0, 3), (-1.0, 99.0, 4), coin="ETH")
    spot = traded((1.0, 100.0, 5), (-1.0, 101.0, 6), coin="@107")
    assert [trip.coin for trip in round_trips([*eth, *btc, *spot])] == ["BTC", "ETH"]
    assert round_trips([]) == []


steps = st.lists(
    st.tuples(st.integers(-9, 9).filter(bool).map(float), st.floats(80.0, 125.0), st.integers(0, 2)),
    min_size=1,
    max_size=40,
)


def numbered(drawn: list[tuple[float, float, int]]) -> list[tuple[float, float, int]]:
    """Give runs of fills of one direction a common order number now and then."""
    numbers, oid, previous = [], 1, 0.0
    for signed, _, change in drawn:
        oid += change > 0 or signed * previous < 0
        numbers.append(oid)
        previous = signed
    return [(signed, price, number) for (signed, price, _), number in zip(drawn, numbers, strict=True)]


@given(steps)
def test_the_results_of_complete_trips_are_their_fills_results_less_fees(drawn: list[tuple[float, float, int]]) -> None:
    fills = traded(*numbered(drawn))
    trips = round_trips(fills)
    assert all(trip.complete for trip in trips)
    expected = sum(one.closed_pnl - one.fee for one in fills)
    assert sum(trip.pnl_usd for trip in trips) == pytest.approx(expected, abs=1e-6)
    for trip in trips[:-1]:
        assert trip.closed_at is not None
        assert trip.exit_price is not None
        assert trip.entry_size == trip.exit_size >= trip.peak_size
        gross = trip.side.sign * (trip.exit_price - trip.entry_price) * trip.exit_size
        assert trip.pnl_usd == pytest.approx(gross - 0.5 * (trip.entry_size + trip.exit_size), abs=1e-6)
    assert (trips[-1].closed_at is None) is (fills[-1].end_position != 0)


@given(steps, st.integers(1, 39))
def test_a_history_cut_in_front_spoils_no_trip_but_the_one_it_cuts(
    drawn: list[tuple[float, float, int]], cut: int
) -> None:
    fills = traded(*numbered(drawn))
    # An order that the cut divides would be judged by its rest.
    kept = [one for one in fills[cut:] if one.oid not in {gone.oid for gone in fills[:cut]}]
    whole, part = round_trips(fills), round_trips(kept)
    assert all(trip.complete for trip in part[1:])
    assert [trip for trip in part if trip.complete] == [
        trip for trip in whole if kept and trip.opened_at >= kept[0].time and trip in part
    ]
