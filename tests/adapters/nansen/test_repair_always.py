"""Whatever a trader does, and whenever the rows are read: a repaired row tells the truth or breaks the chain."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from hlcopy.adapters.nansen.bursts import in_bursts
from hlcopy.adapters.nansen.repair import is_told, repair
from hlcopy.domain.episodes import FLAT_SHARE, chained, effect_of, group_orders, has_gap, is_flat, opened_at
from hlcopy.domain.models import Action, Fill
from tests.adapters.nansen.aggregate import NO_HASH, rows_of
from tests.builders import T0, fill

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hlcopy.domain.models import TraderOrder

LOT: Final = 0.001
PRICE: Final = 50_000.0
WINDOW: Final = timedelta(hours=1)


@st.composite
def order_fills(draw: st.DrawFn, oid: int, minute: int) -> list[tuple[int, int, int, str]]:
    """Draw an order: its fills as seconds, oid, signed lots and hash."""
    parts = draw(st.lists(st.integers(1, 60), min_size=1, max_size=5))
    sign = draw(st.sampled_from((1, -1)))
    kind = draw(st.sampled_from(("taker", "maker", "hidden", "slices")))
    drawn = []
    for index, lots in enumerate(parts):
        hashed = {"taker": f"0x{oid:064x}", "maker": f"0x{oid:032x}{index + 1:032x}"}.get(kind, NO_HASH)
        later = 0 if kind == "taker" else 7 * index
        drawn.append((60 * minute + later, oid + index if kind == "slices" else oid, sign * lots, hashed))
    return drawn


@st.composite
def histories(draw: st.DrawFn, *, apart: bool) -> list[Fill]:
    """Draw the true fills of one coin; orders come one after the other when `apart`, else some fill at the same time."""
    start = draw(st.sampled_from((0, 0, 0, 40, -40)))
    minute, events = 0, []
    for number in range(draw(st.integers(1, 7))):
        minute += draw(st.integers(2, 30)) if apart else draw(st.sampled_from((0, 0, 1, 10)))
        events += draw(order_fills(10 * number + 10, minute))
    events.sort(key=lambda event: event[0])
    position = start
    made = []
    flat_out = draw(st.booleans())
    for seconds, oid, lots, hashed in events:
        made.append(_fill(seconds, oid, lots, hashed, position))
        position += lots
    if flat_out and position:
        half = position // 2
        for lots in (-half, -(position - half)):
            if lots:
                made.append(_fill(60 * (minute + 5), 9_999, lots, f"0x{9_999:064x}", position))
                position += lots
    return made


def _fill(seconds: int, oid: int, lots: int, hashed: str, position: int) -> Fill:
    return fill(
        is_buy=lots > 0,
        size=round(abs(lots) * LOT, 3),
        price=PRICE,
        time=T0 + timedelta(seconds=seconds),
        start_position=round(position * LOT, 3),
        oid=oid,
        hash=hashed,
    )


def polled(truth: list[Fill], polls: Iterable[int], first: int) -> list[Fill]:
    """Return what is stored after polls so many fills into the history, overlapping by an hour; the first are never seen."""
    stored: dict[str, Fill] = {}
    read_until = truth[first].time
    for count in [*polls, len(truth)]:
        done = truth[:count]
        if not done:
            continue
        begin = max(read_until - WINDOW, truth[first].time)
        read_until = max(read_until, done[-1].time)
        rows = [row for row in rows_of(done) if row.time >= begin]
        held = {"BTC": round(done[-1].end_position, 6)}
        later = done[-1].time + WINDOW
        repaired = repair(rows, sorted(stored.values(), key=lambda each: each.time), lambda held=held: held, later)
        assert isinstance(repaired, list)
        for row in in_bursts(repaired, list(stored.values())):
            known = stored.get(row.identity)
            if known is None or row.size > known.size or row.start_position != known.start_position:
                stored[row.identity] = replace(row, twap_id=known.twap_id if known else row.twap_id)
    return chained(list(stored.values()))


def really(order: TraderOrder, truth: list[Fill]) -> TraderOrder:
    """Return the order with its true fills."""
    oids = {row.oid for row in order.fills}
    return replace(order, fills=tuple(each for each in truth if each.oid in oids))


def on_the_edge(order: TraderOrder) -> bool:
    """Whether rounding decides if what an order met or left counts as flat."""
    size = sum(each.size for each in order.fills)
    ends = (abs(order.fills[0].start_position), abs(order.fills[-1].end_position))
    return any(abs(end - FLAT_SHARE * size) < 0.01 * LOT for end in ends)


def entered(order: TraderOrder, fills: list[Fill]) -> bool:
    """Whether an order would be judged as an entry: an Open, or an Add to a position whose Open is there."""
    effect = effect_of(order)
    if has_gap(order, fills) or not effect.is_entry:
        return False
    return effect.action is Action.OPEN or opened_at(order, fills) is not None


@settings(max_examples=150, deadline=None)
@given(truth=histories(apart=True), data=st.data())
def test_a_told_start_is_the_true_one_and_an_untold_one_breaks_the_chain(
    truth: list[Fill], data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, len(truth) - 1))
    polls = sorted(data.draw(st.lists(st.integers(first, len(truth)), max_size=4)))
    true_starts: dict[tuple[int, str], float] = {}
    for each in truth:
        true_starts.setdefault((each.oid, each.hash), each.start_position)
    stored = polled(truth, polls, first)
    for row in stored:
        start = true_starts[row.oid, row.hash]
        if is_told(row):
            assert abs(row.start_position - start) <= 0.001 * max(row.size, abs(start)) + 1e-9
        else:
            assert abs(row.start_position - start) > 0.5 * LOT
            assert abs(row.end_position - (start + row.signed_size)) > 0.5 * LOT


@settings(max_examples=150, deadline=None)
@given(truth=histories(apart=True), data=st.data())
def test_what_a_repaired_order_did_is_what_it_really_did(truth: list[Fill], data: st.DataObject) -> None:
    polls = sorted(data.draw(st.lists(st.integers(0, len(truth)), max_size=4)))
    stored = polled(truth, polls, 0)
    for order in group_orders(stored):
        if on_the_edge(really(order, truth)):
            continue
        if all(is_told(row) for row in order.fills):
            effect, true = effect_of(order), effect_of(really(order, truth))
            assert (effect.action, effect.side, effect.flipped) == (true.action, true.side, true.flipped)
            assert abs(effect.size - true.size) <= 0.002 * true.size
        else:
            assert not entered(order, stored)


@settings(max_examples=150, deadline=None)
@given(truth=histories(apart=False), data=st.data())
def test_orders_that_fill_in_turns_never_make_up_an_entry(truth: list[Fill], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(truth) - 1))
    polls = sorted(data.draw(st.lists(st.integers(first, len(truth)), max_size=4)))
    stored = polled(truth, polls, first)
    begun_before = {each.oid for each in truth[:first]}  # poll judges no order that began before it followed the trader
    for order in group_orders(stored):
        if begun_before & {each.oid for each in order.fills}:
            continue
        if entered(order, stored) and not is_flat(order.fills[-1].end_position, PRICE, 0.0):
            true = effect_of(really(order, truth))
            assert true.is_entry
            assert true.side is effect_of(order).side
