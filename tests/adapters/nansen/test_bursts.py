"""Which rows without a hash are one order."""

from __future__ import annotations

from dataclasses import replace

from hlcopy.adapters.nansen.bursts import in_bursts
from hlcopy.domain.episodes import effect_of, group_orders
from hlcopy.domain.models import NANSEN, Action, Fill
from tests.adapters.nansen.aggregate import NO_HASH
from tests.builders import at, fill, fills


def slices(*signed: float, start: float = 0.0) -> list[Fill]:
    """Return rows half a minute apart, each an order of its own without a hash."""
    chain = fills(*signed, start=start, hash=NO_HASH, tid=0, source=NANSEN)
    return [replace(row, oid=100 + index, time=at(index / 2)) for index, row in enumerate(chain)]


def test_slices_that_open_a_position_are_one_open() -> None:
    (order,) = group_orders(in_bursts(slices(1.0, 1.0, 1.0), []))
    effect = effect_of(order)
    assert (effect.action, effect.size) == (Action.OPEN, 3.0)


def test_slices_that_take_a_position_off_are_one_close() -> None:
    (order,) = group_orders(in_bursts(slices(-1.0, -1.0, -1.0, start=3.0), []))
    assert effect_of(order).action is Action.CLOSE


def test_a_row_with_a_hash_keeps_its_own_order() -> None:
    rows = [*slices(1.0), fill(source=NANSEN, hash="0x7d", oid=7, time=at(0.2), start_position=1.0)]
    assert [order.key for order in group_orders(in_bursts(rows, []))] == ["twap:100", "oid:7"]


def test_a_burst_is_of_one_coin_and_one_side() -> None:
    rows = slices(1.0, -1.0, 1.0)
    rows[2] = replace(rows[2], coin="ETH")
    assert [row.twap_id for row in in_bursts(rows, [])] == [100, 101, 102]


def test_a_burst_ends_with_a_pause_of_more_than_a_minute() -> None:
    first, second, third = slices(1.0, 1.0, 1.0)
    rows = [first, replace(second, time=at(1)), replace(third, time=at(2.1))]
    assert [row.twap_id for row in in_bursts(rows, [])] == [100, 100, 102]


def test_a_burst_keeps_its_number_when_it_is_read_again_without_its_beginning() -> None:
    rows = slices(1.0, 1.0, 1.0, 1.0)
    stored = in_bursts(rows[:2], [])
    assert [row.twap_id for row in in_bursts(rows[1:], stored)] == [100, 100, 100]
