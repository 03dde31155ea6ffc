from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlcopy.domain import episodes
from hlcopy.domain.course import Passing, passing, steps_of
from hlcopy.domain.episodes import Effect, Gap, Market
from hlcopy.domain.models import Action, Side
from tests.builders import T0, at, fill, fills, trader_order

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hlcopy.domain.models import Fill, TraderOrder

LONG, SHORT = Side.LONG, Side.SHORT
OPEN, ADD, REDUCE, CLOSE = Action.OPEN, Action.ADD, Action.REDUCE, Action.CLOSE


def orders(*signed_sizes: float, start: float = 0.0, minutes: int = 1) -> list[Fill]:
    """Return a chain of fills, each an order of its own, `minutes` apart."""
    made, position = [], start
    for index, signed in enumerate(signed_sizes):
        made.append(
            fill(
                is_buy=signed > 0, size=abs(signed), start_position=position, oid=100 + index, time=at(minutes * index)
            )
        )
        position += signed
    return made


def effect(*signed_sizes: float, start: float = 0.0, price: float = 100.0) -> Effect:
    return episodes.effect_of(trader_order(*fills(*signed_sizes, start=start, price=price)))


@pytest.mark.parametrize(
    ("coin", "market"),
    [
        ("BTC", Market.PERP),
        ("kPEPE", Market.PERP),
        ("@107", Market.SPOT),
        ("PURR/USDC", Market.SPOT),
        ("#123", Market.OUTCOME),
        ("+123", Market.OUTCOME),
        ("xyz:NVDA", Market.HIP3),
    ],
)
def test_a_coins_name_tells_its_market(coin: str, market: Market) -> None:
    assert episodes.market_of(coin) is market


@pytest.mark.parametrize(
    ("case", "signed", "start", "action", "side", "size"),
    [
        ("opens long", (5.0,), 0.0, OPEN, LONG, 5.0),
        ("opens short", (-5.0,), 0.0, OPEN, SHORT, 5.0),
        ("opens short in parts, which a label calls Add", (-2.0, -3.0), 0.0, OPEN, SHORT, 5.0),
        ("adds to a long", (5.0,), 10.0, ADD, LONG, 5.0),
        ("adds to a short", (-5.0,), -10.0, ADD, SHORT, 5.0),
        ("reduces a long", (-4.0,), 10.0, REDUCE, LONG, 4.0),
        ("reduces a short", (4.0,), -10.0, REDUCE, SHORT, 4.0),
        ("closes a long", (-10.0,), 10.0, CLOSE, LONG, 10.0),
        ("closes a long in parts, which a label calls Reduce", (-4.0, -6.0), 10.0, CLOSE, LONG, 10.0),
        ("closes a short", (10.0,), -10.0, CLOSE, SHORT, 10.0),
        ("turns a long into a short", (-15.0,), 10.0, OPEN, SHORT, 5.0),
        ("turns a short into a long in parts", (6.0, 9.0), -10.0, OPEN, LONG, 5.0),
    ],
)
def test_what_an_order_did(
    case: str, signed: Sequence[float], start: float, action: Action, side: Side, size: float
) -> None:
    did = effect(*signed, start=start)
    assert (did.action, did.side, did.size) == (action, side, size), case
    assert did.value_usd == pytest.approx(size * 100.0), case
    assert did.is_entry is (action in {OPEN, ADD}), case
    assert did.flipped is ("turns" in case), case


@pytest.mark.parametrize(
    ("case", "signed", "start", "action", "side"),
    [
        ("under $10 before counts as flat", (5.0,), 0.099, OPEN, LONG),
        ("$10 before doesn't", (5.0,), 0.1, ADD, LONG),
        ("under 1 % of the order before", (100.0,), 0.99, OPEN, LONG),
        ("1 % of the order before doesn't", (100.0,), 1.0, ADD, LONG),
        ("a remainder of the other side before", (100.0,), -0.5, OPEN, LONG),
        ("the same for a short", (-100.0,), 0.5, OPEN, SHORT),
        ("under $10 after counts as closed", (-5.0,), 5.099, CLOSE, LONG),
        ("$10.50 after doesn't", (-5.0,), 5.105, REDUCE, LONG),
        ("under 1 % of the order after", (-100.0,), 100.9, CLOSE, LONG),
        ("1 % of the order after doesn't", (-100.0,), 101.0, REDUCE, LONG),
        ("an overshoot under 1 % is a close", (-100.0,), 99.5, CLOSE, LONG),
        ("an overshoot of more is a flip", (-100.0,), 98.0, OPEN, SHORT),
        ("an overshoot of a short's close", (100.0,), -99.5, CLOSE, SHORT),
        ("part of a remainder goes", (-0.01,), 0.05, CLOSE, LONG),
    ],
)
def test_a_remainder_counts_as_flat_before_and_after(
    case: str, signed: Sequence[float], start: float, action: Action, side: Side
) -> None:
    did = effect(*signed, start=start)
    assert (did.action, did.side) == (action, side), case


def test_a_flips_value_price_and_size_are_of_the_part_beyond_zero() -> None:
    members = [
        fill(is_buy=False, price=100.0, size=6.0, start_position=10.0),
        fill(is_buy=False, price=90.0, size=8.0, start_position=4.0),
        fill(is_buy=False, price=80.0, size=4.0, start_position=-4.0),
    ]
    did = episodes.effect_of(trader_order(*members))
    assert did == Effect(action=OPEN, side=SHORT, size=8.0, value_usd=680.0, price=85.0, flipped=True)


def test_an_open_from_a_remainder_of_the_other_side_counts_what_lies_beyond_zero() -> None:
    did = effect(100.0, start=-0.5)
    assert (did.size, did.value_usd, did.flipped) == (99.5, 9_950.0, False)


def test_the_price_is_the_volume_weighted_average() -> None:
    members = [fill(price=100.0, size=1.0), fill(price=110.0, size=3.0, start_position=1.0)]
    assert episodes.effect_of(trader_order(*members)).price == pytest.approx(107.5)


def test_fills_of_one_order_belong_together_even_with_others_between() -> None:
    mine = [fill(oid=7, start_position=0.0), fill(oid=7, start_position=0.5, time=at(59))]
    other = fill(oid=8, is_buy=False, size=0.5, start_position=1.0, time=at(30))
    grouped = episodes.group_orders([mine[0], other, mine[1]])
    assert [(order.key, order.fills) for order in grouped] == [("oid:7", tuple(mine)), ("oid:8", (other,))]
    assert (grouped[0].first_time, grouped[0].last_time) == (T0, at(59))
    assert episodes.effect_of(grouped[0]).value_usd == 200.0


def test_slices_of_a_twap_belong_together_by_its_id() -> None:
    slices = [fill(oid=10 + i, twap_id=77, start_position=float(i), time=at(i), hash="0x" + "0" * 64) for i in range(3)]
    grouped = episodes.group_orders(slices)
    assert [(order.key, len(order.fills)) for order in grouped] == [("twap:77", 3)]


def test_the_same_order_number_in_two_coins_is_two_orders() -> None:
    grouped = episodes.group_orders([fill(oid=5), fill(oid=5, coin="ETH")])
    assert [order.coin for order in grouped] == ["BTC", "ETH"]
    assert len({episodes.signal_id(order) for order in grouped}) == 2


def test_fills_without_an_order_number_belong_to_bursts_of_a_coin_and_side() -> None:
    def loose(seconds: int, start: float, **overrides: object) -> Fill:
        return fill(**({"oid": 0, "time": at(seconds=seconds), "start_position": start} | overrides))

    burst = [loose(0, 0.0), loose(60, 1.0), loose(120, 2.0)]
    after_a_pause = loose(181, 3.0)
    sale = loose(10, 1.0, is_buy=False, coin="ETH")
    grouped = episodes.group_orders([*burst, after_a_pause, sale])
    assert {order.fills for order in grouped} == {tuple(burst), (after_a_pause,), (sale,)}
    assert {order.is_buy for order in grouped} == {True, False}


def test_a_hash_is_no_identity() -> None:
    zero = "0x" + "0" * 64
    apart = [fill(oid=1, hash=zero), fill(oid=2, hash=zero, start_position=1.0)]
    together = [fill(oid=3, hash="0x1", coin="ETH"), fill(oid=3, hash="0x2", coin="ETH", start_position=1.0)]
    assert sorted(len(order.fills) for order in episodes.group_orders([*apart, *together])) == [1, 1, 2]


def test_a_signals_id_is_the_same_when_its_order_has_grown() -> None:
    first, second = fills(1.0, 1.0)
    assert episodes.signal_id(trader_order(first)) == episodes.signal_id(trader_order(first, second))
    assert episodes.signal_id(trader_order(first)) != episodes.signal_id(trader_order(fill(oid=2)))


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=12),
    sign=st.sampled_from([1, -1]),
    start=st.sampled_from([0, 3, -5]),
    seen_before=st.booleans(),
    data=st.data(),
)
def test_rows_of_one_moment_make_the_same_orders_in_any_order(
    sizes: list[int], sign: int, start: int, data: st.DataObject, *, seen_before: bool
) -> None:
    before = [fill(is_buy=True, size=1.0, start_position=start - 1.0, oid=50, time=at(-1))] if seen_before else []
    chain = fills(*(sign * float(size) for size in sizes), start=float(start), time=T0)
    # Two orders follow each other within the moment; the venue's numbers of fills say nothing about their order.
    numbers = data.draw(st.permutations(range(len(chain))))
    moment = [
        fill(
            is_buy=part.is_buy,
            size=part.size,
            start_position=part.start_position,
            oid=1 + (index >= len(chain) // 2),
            tid=1_000_000 + number,
        )
        for index, (part, number) in enumerate(zip(chain, numbers, strict=True))
    ]
    shuffled = data.draw(st.permutations(moment))
    expected = episodes.group_orders([*before, *moment])
    assert episodes.chained([*before, *shuffled]) == [*before, *moment]
    assert episodes.group_orders([*before, *shuffled]) == expected
    assert episodes.gaps([*before, *shuffled]) == []


def test_rows_of_one_moment_that_went_back_and_forth_are_linked_without_a_dead_end() -> None:
    there, back, away = (
        fill(size=1.0, tid=3),
        fill(is_buy=False, size=1.0, start_position=1.0, tid=2),
        fill(size=2.0, tid=1),
    )
    for rows in ([there, away, back], [away, back, there], [back, there, away]):
        assert episodes.gaps(rows) == []


def test_a_chain_that_broke_within_a_moment_is_linked_as_far_as_it_goes() -> None:
    chain = fills(1.0, 1.0, time=T0)
    later = fills(1.0, 1.0, start=7.0, time=T0)
    assert len(episodes.gaps([later[1], chain[1], later[0], chain[0]])) == 1


def test_a_missing_fill_is_named_by_what_was_expected_and_found() -> None:
    chain = orders(5.0, 2.0, -1.0)
    assert episodes.gaps(chain) == []
    assert episodes.gaps([chain[0], chain[2]]) == [Gap(coin="BTC", at=at(2), expected=5.0, found=7.0)]


def test_each_coin_has_its_own_chain_and_spot_has_none() -> None:
    btc, eth = orders(5.0, 2.0), fills(3.0, coin="ETH")
    spot = [fill(coin="@107", size=9.9), fill(coin="@107", size=1.0, start_position=9.8)]
    assert episodes.gaps([*btc, *eth, *spot]) == []


def test_the_rounding_of_a_long_chain_is_no_gap() -> None:
    chain = [fill(size=1e6), fill(start_position=1e6 * (1 + 9e-7), time=at(1))]
    assert episodes.gaps(chain) == []
    assert len(episodes.gaps([chain[0], fill(start_position=1e6 * (1 + 2e-6), time=at(1))])) == 1


def test_a_gap_within_an_order_is_found_and_one_before_or_after_it_isnt() -> None:
    chain = orders(5.0, 1.0, 1.0, 1.0, 2.0)
    inner = trader_order(chain[1], chain[3])
    assert not episodes.has_gap(inner, chain)
    assert episodes.has_gap(inner, [*chain[:2], chain[3]])
    assert not episodes.has_gap(inner, [fill(size=99.0, time=at(-1)), *chain])
    assert not episodes.has_gap(inner, chain[:4])
    assert not episodes.has_gap(trader_order(fill(coin="ETH")), chain)


@pytest.mark.parametrize(
    ("case", "min_value", "min_weight", "equity", "start", "signed", "passed"),
    [
        ("by both at the third fill", 250.0, 0.1, 1_000.0, 0.0, (1.0, 1.0, 1.0, 1.0), (2, 3.0)),
        ("weight comes later than value", 150.0, 0.4, 1_000.0, 0.0, (1.0, 1.0, 1.0, 1.0), (3, 4.0)),
        ("exactly at both", 200.0, 0.2, 1_000.0, 0.0, (1.0, 1.0, 1.0), (1, 2.0)),
        ("not by value", 500.0, 0.1, 1_000.0, 0.0, (1.0, 1.0), None),
        ("not by weight", 100.0, 0.5, 1_000.0, 0.0, (1.0, 1.0), None),
        ("an Add's position is larger than what it added", 200.0, 0.1, 1_000.0, 5.0, (1.0, 1.0), (1, 7.0)),
        ("a flip counts from zero on", 200.0, 0.1, 1_000.0, 2.0, (-2.0, -1.0, -1.0), (2, 2.0)),
        ("without minimums a flip passes beyond zero, not at it", 0.0, 0.0, 1_000.0, 2.0, (-2.0, -1.0), (1, 1.0)),
    ],
)
def test_an_order_becomes_a_trade_at_the_fill_that_passes_both_gates(
    case: str,
    min_value: float,
    min_weight: float,
    equity: float,
    start: float,
    signed: Sequence[float],
    passed: tuple[int, float] | None,
) -> None:
    order = trader_order(*fills(*signed, start=start))
    expected = None if passed is None else Passing(time=at(seconds=passed[0]), size_after=passed[1])
    assert passing(steps_of(order), min_value, min_weight, equity) == expected, case


def test_fills_of_the_moment_that_passes_are_one_trade() -> None:
    first, second, third = fills(3.0, 2.0, 1.0)
    at_once = trader_order(first, replace(second, time=first.time), third)
    assert passing(steps_of(at_once), 250.0, 0.1, 1_000.0) == Passing(time=first.time, size_after=5.0)


@given(st.lists(st.integers(-9, 9).filter(bool), min_size=1, max_size=25))
def test_every_order_did_exactly_one_thing(sizes: list[int]) -> None:
    chain = orders(*map(float, sizes))
    grouped = episodes.group_orders(chain)
    assert len(grouped) == len(sizes)
    position = 0
    for order, size in zip(grouped, sizes, strict=True):
        after = position + size
        did = episodes.effect_of(order)
        if position * size >= 0:
            action, side, part = (ADD if position else OPEN), Side.of(size), size
        elif position * after >= 0:
            action, side, part = (REDUCE if after else CLOSE), Side.of(position), size
        else:
            action, side, part = OPEN, Side.of(after), after
        assert (did.action, did.side, did.size) == (action, side, abs(part))
        assert did.flipped is (position * after < 0)
        position = after


@st.composite
def tangled(draw: st.DrawFn) -> list[Fill]:
    """Fills of a coin, several of one moment and one order, here and there one missing, in any order within a moment."""
    made: list[Fill] = []
    position, minute = 0.0, 0
    for number in range(draw(st.integers(1, 14))):
        minute += draw(st.sampled_from([0, 0, 0, 1]))
        signed = draw(st.sampled_from([-3.0, -1.0, -0.001, 0.001, 1.0, 2.0, -position or 1.0]))
        oid = draw(st.sampled_from([number + 1, 1 + number // 3, 0]))
        made.append(
            fill(is_buy=signed > 0, size=abs(signed), start_position=position, oid=oid, tid=number, time=at(minute))
        )
        position += signed
    kept = [each for each in made if draw(st.integers(0, 9))]
    return draw(st.permutations(kept or made))


@given(tangled())
def test_what_is_chained_stays_as_it_is(given_fills: list[Fill]) -> None:
    chain = episodes.chained(given_fills)
    assert episodes.chained(chain) == chain
    assert episodes.orders_of(chain) == episodes.group_orders(given_fills)


def opened_step_by_step(order: TraderOrder, chain: Sequence[Fill]) -> datetime | None:
    """When the position left zero, by what every order did as a whole."""
    sign, shares = (1 if order.is_buy else -1), episodes.shares_of(chain)
    opened, by, expected = None, None, None
    for each in chain:
        if expected is not None and not episodes.is_continuous(expected, each.start_position):
            opened = None
        if each.identity == order.fills[0].identity:
            break
        expected = each.end_position
        share = shares[each.identity]
        flat = [episodes.is_flat(size, each.price, share.value_usd) for size in (each.start_position, expected)]
        if each.is_buy == order.is_buy and sign * expected > 0:
            if (flat[0] or sign * each.start_position < 0) and (opened is None or share.order is not by):
                opened, by = each.time, share.order
        elif flat[1] or sign * expected <= 0:
            opened = None
    return opened


@given(tangled())
def test_when_a_position_was_opened_is_told_by_the_orders_of_its_chain(given_fills: list[Fill]) -> None:
    chain = episodes.chained(given_fills)
    for order in episodes.orders_of(chain):
        past = [each for each in chain if each.time <= order.first_time]
        assert episodes.opened_at(order, past) == opened_step_by_step(order, past)
