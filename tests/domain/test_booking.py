from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlcopy.domain.book import ExitReason, Order, OurFill, PositionStatus, Purpose
from hlcopy.domain.booking import Tally, closed, course, is_anothers, is_funding_due, is_settled, reduced, tally
from hlcopy.domain.models import Side
from tests.builders import at, order, our_fill, position

LONG, SHORT = Side.LONG, Side.SHORT


def traded(signed: float, price: float, fee: float = 0.1) -> OurFill:
    return our_fill(is_buy=signed > 0, size=abs(signed), price=price, fee=fee)


def test_prices_are_weighted_by_size_and_fees_add_up() -> None:
    fills = [traded(2, 100, 0.1), traded(1, 130, 0.2), traded(-1, 120, 0.3), traded(-2, 150, 0.4)]
    assert tally(LONG, fills) == Tally(
        entry_size=3.0, entry_price=110.0, exit_size=3.0, exit_price=140.0, fees_usd=pytest.approx(1.0)
    )


def test_what_enters_a_long_leaves_a_short() -> None:
    fills = [traded(-2, 100), traded(1, 90)]
    sums = tally(SHORT, fills)
    assert (sums.entry_size, sums.entry_price, sums.exit_size, sums.exit_price) == (2.0, 100.0, 1.0, 90.0)


@pytest.mark.parametrize("side", Side)
def test_without_fills_there_is_no_price(side: Side) -> None:
    assert tally(side, []) == Tally(entry_size=0, entry_price=None, exit_size=0, exit_price=None, fees_usd=0)


OURS = "0x" + "1" * 32


def entry(answered: float, asked: float = 2.0) -> Order:
    return order(purpose=Purpose.ENTRY, client_order_id=OURS, filled_size=answered, size=asked)


def of_others(signed: float, price: float = 100.0) -> OurFill:
    return our_fill(is_buy=signed > 0, size=abs(signed), price=price, fee=0.1, client_order_id=None)


@pytest.mark.parametrize(
    ("left", "whole"), [(0.0, False), (1.9999, False), (2.0 - 1e-9, True), (2.0, True), (2.5, True)]
)
def test_a_position_is_over_once_its_fills_account_for_the_exit_of_all_that_was_entered(
    left: float, *, whole: bool
) -> None:
    fills = [traded(2, 100)] + ([of_others(-left)] if left else [])
    assert course(position(size=0.5), fills, entry(2.0)).is_over is whole


@pytest.mark.parametrize(
    ("answered", "fills", "entered"),
    [
        pytest.param(2.0, [], 2.0, id="answered, no fill shown yet"),
        pytest.param(2.0, [traded(0.5, 100)], 2.0, id="a part of its fills is shown"),
        pytest.param(0.0, [traded(0.5, 100), traded(1, 100)], 1.5, id="not answered, its fills are shown"),
        pytest.param(2.0, [traded(0.5, 100), of_others(1)], 3.0, id="a part is shown, and somebody added"),
        pytest.param(2.0, [traded(2, 100), of_others(-2), of_others(1)], 2.0, id="somebody opened after its end"),
        pytest.param(5.0, [], 2.0, id="settled by an account that held more than was asked for"),
        pytest.param(0.0, [], 9.0, id="nothing is known of it but what was held"),
    ],
)
def test_what_was_entered_is_told_by_the_entry_s_answer_or_fills_and_by_what_others_added_before_the_end(
    answered: float, fills: list[OurFill], entered: float
) -> None:
    believed = position(size=9.0, entry_size=9.0)  # another's was held meanwhile
    assert course(believed, fills, entry(answered)).entered == pytest.approx(entered)


def test_without_an_entry_that_is_known_the_position_says_what_was_entered() -> None:
    assert course(position(entry_size=2.0), [], None).entered == 2.0
    assert course(position(entry_size=2.0), [traded(3, 100)], None).entered == 3.0


def test_what_orders_of_ours_did_after_a_position_had_left_is_no_part_of_it() -> None:
    fills = [traded(2, 100), of_others(-1, 110), of_others(-1, 120), of_others(-3, 90)]
    assert course(position(), fills, entry(2.0)).fills == fills[:3]
    assert course(position(), fills[:2], entry(2.0)).fills == fills[:2]


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(
    ("ours", "foreign", "held", "anothers"),
    [
        pytest.param([2, -2], [3], 3, True, id="left, and opened anew"),
        pytest.param([2, -2], [3, -1], 2, True, id="and reduced"),
        pytest.param([2, -3], [4], 3, True, id="turned by hand, and back"),
        pytest.param([2, -2], [], 1, False, id="left, and a late part of our entry is there"),
        pytest.param([2, -2], [3], 4, False, id="a late part of our entry beside another's"),
    ],
)
def test_what_is_held_is_another_s_only_if_all_fills_since_ours_had_left_make_it(
    ours: list[float], foreign: list[float], held: float, side: Side, *, anothers: bool
) -> None:
    mine, theirs = ([traded(size * side.sign, 100) for size in each] for each in (ours, foreign))
    assert is_anothers(mine, theirs, held * side.sign) is anothers


def test_a_reduced_position_stays_open_with_what_it_cost_so_far() -> None:
    before = position(size=2.0, entry_size=2.0, funding_usd=0.7)
    after = reduced(before, [traded(2, 100), traded(-0.5, 110)], 1.5)
    assert (after.status, after.size, after.entry_size) == (PositionStatus.OPEN, 1.5, 2.0)
    assert (after.exit_price, after.fees_usd, after.funding_usd) == (110.0, pytest.approx(0.2), 0.7)
    assert (after.realized_pnl_usd, after.closed_at, after.close_reason) == (None, None, None)


def test_a_position_nothing_was_sold_of_has_no_exit_price() -> None:
    assert reduced(position(), [traded(2, 100)], 2.0).exit_price is None


@pytest.mark.parametrize(("side", "sign"), [(LONG, 1), (SHORT, -1)])
def test_a_closed_position_s_result_is_net_of_fees_and_funding(side: Side, sign: int) -> None:
    fills = [traded(sign * 2, 100, 0.09), traded(-sign * 0.5, 110, 0.02), traded(-sign * 1.5, 90, 0.06)]
    held = position(side=side, stop_confirmed=True, funding_usd=0.4)
    ended = closed(
        held,
        course(held, fills, entry(2.0)),
        reason=ExitReason.STOP_LOSS,
        at=at(hours=5),
    )
    assert (ended.status, ended.size, ended.stop_confirmed) == (PositionStatus.CLOSED, 2.0, False)
    assert (ended.closed_at, ended.close_reason) == (at(hours=5), ExitReason.STOP_LOSS)
    assert (ended.exit_price, ended.fees_usd, ended.funding_usd) == (95.0, pytest.approx(0.17), 0.4)
    assert ended.realized_pnl_usd == pytest.approx(sign * -5.0 * 2 - 0.17 - 0.4)


def test_the_result_isn_t_guessed_while_exit_fills_are_unknown() -> None:
    for fills in ([], [traded(2, 100)], [traded(2, 100), traded(-1, 110)]):
        ended = closed(position(), course(position(), fills, entry(2.0)), reason=ExitReason.CLOSED_ON_VENUE, at=at(1))
        assert (ended.status, ended.realized_pnl_usd) == (PositionStatus.CLOSED, None)


def test_an_entry_whose_fills_are_unknown_counts_at_the_price_of_its_position() -> None:
    held = position(entry_price=98.0)
    ended = closed(held, course(held, [traded(-2, 100)], entry(2.0)), reason=ExitReason.TIME_STOP, at=at(1))
    assert ended.realized_pnl_usd == pytest.approx(2 * 2 - 0.1)


sizes = st.lists(st.tuples(st.floats(0.01, 5), st.floats(1, 1e5), st.floats(0, 10)), min_size=1, max_size=6)


@given(sizes, sizes, st.sampled_from(Side))
def test_the_result_is_what_the_fills_took_in(
    entries: list[tuple[float, float, float]], exits: list[tuple[float, float, float]], side: Side
) -> None:
    size = sum(each for each, _, _ in entries)
    scale = size / sum(each for each, _, _ in exits)
    fills = [traded(side.sign * each, price, fee) for each, price, fee in entries]
    fills += [traded(-side.sign * each * scale, price, fee) for each, price, fee in exits]
    held = position(side=side, size=size, entry_size=size)
    ended = closed(
        held,
        course(held, fills, entry(size, size)),
        reason=ExitReason.TIME_STOP,
        at=at(1),
    )
    cash = -sum(fill.signed_size * fill.price + fill.fee for fill in fills)
    assert ended.realized_pnl_usd == pytest.approx(cash, rel=1e-6, abs=1e-3)


def test_what_an_exit_by_hand_opens_beyond_zero_is_no_result_of_ours() -> None:
    fills = [traded(2, 100, 0.0), traded(-0.5, 120, 0.0), traded(-5, 110, 0.0)]
    ended = closed(position(), course(position(), fills, entry(2.0)), reason=ExitReason.CLOSED_ON_VENUE, at=at(1))
    assert (ended.exit_price, ended.realized_pnl_usd) == (112.5, pytest.approx(25.0))


def test_a_position_is_as_old_as_its_first_fill() -> None:
    late = position(opened_at=at(10))
    assert reduced(late, [our_fill(is_buy=True, size=2, price=100, time=at(9.9))], 2.0).opened_at == at(9.9)
    assert reduced(late, [], 2.0).opened_at == at(10)


@pytest.mark.parametrize(
    ("read_until", "now", "due"),
    [
        pytest.param(None, 61, True, id="never read"),
        pytest.param(55, 59, False, id="no hour passed since"),
        pytest.param(55, 60, False, id="an hour strikes, and may not have been served yet"),
        pytest.param(55, 61, True, id="an hour was served"),
        pytest.param(60.5, 61, True, id="read half a minute after it, when it may not have been served yet"),
        pytest.param(61.5, 90, False, id="read a minute and a half after it"),
    ],
)
def test_funding_is_read_once_an_hour_when_it_must_have_been_served(
    read_until: float | None, now: float, *, due: bool
) -> None:
    held = position(opened_at=at(1), funding_until=None if read_until is None else at(read_until))
    assert is_funding_due(held, at(now)) is due


@pytest.mark.parametrize(
    ("closed_at", "read_until", "settled"),
    [
        pytest.param(30, 30, True, id="closed in the middle of an hour"),
        pytest.param(60, 60.1, False, id="closed as the hour strikes"),
        pytest.param(60, 61.1, True, id="and read again a minute later"),
        pytest.param(30, None, False, id="funding never read"),
    ],
)
def test_a_closed_position_is_settled_once_its_last_funding_must_have_been_served(
    closed_at: float, read_until: float | None, *, settled: bool
) -> None:
    ended = position(
        opened_at=at(1),
        status=PositionStatus.CLOSED,
        closed_at=at(closed_at),
        realized_pnl_usd=1.0,
        funding_until=None if read_until is None else at(read_until),
    )
    assert is_settled(ended) is settled
    assert not is_settled(replace(ended, realized_pnl_usd=None))
