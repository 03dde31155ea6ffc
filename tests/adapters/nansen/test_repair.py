"""The rules by which a row of Nansen's gets its true start, one at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import pytest

from hlcopy.adapters.nansen.repair import is_told, repair
from hlcopy.domain.episodes import chained, effect_of, gaps, group_orders
from hlcopy.domain.models import NANSEN, Action
from hlcopy.ports import UNKNOWN
from tests.adapters.nansen.aggregate import NO_HASH, rows_of
from tests.builders import at, fill, fills

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hlcopy.domain.models import Fill
    from hlcopy.ports import UnknownType

LATER = at(hours=5)


def row(direction: str, size: float, shown: float, **fields: object) -> Fill:
    """Return a row as Nansen gives it: its label, its size and the smallest start of its fills."""
    is_buy = direction in {"Long Open", "Long Add", "Short Reduce", "Short Close"}
    made = fill(
        direction=direction,
        is_buy=is_buy,
        size=size,
        start_position=shown,
        price=50_000.0,
        hash="0x7d",
        source=NANSEN,
        tid=0,
    )
    return replace(made, **fields)


def holding(size: float) -> Callable[[], Mapping[str, float]]:
    return lambda: {"BTC": size} if size else {}


def nobody() -> NoReturn:
    message = "what is held isn't needed"
    raise AssertionError(message)


def unreadable() -> UnknownType:
    return UNKNOWN


def repaired(rows: Sequence[Fill], stored: Sequence[Fill] = (), held: Callable[[], object] = nobody) -> list[Fill]:
    made = repair(rows, stored, held, LATER)
    assert isinstance(made, list)
    return made


def starts(rows: Sequence[Fill]) -> list[float | None]:
    return [each.start_position if is_told(each) else None for each in rows]


def actions(rows: Sequence[Fill]) -> list[Action]:
    return [effect_of(order).action for order in group_orders(rows)]


def test_a_row_that_buys_starts_where_it_says() -> None:
    rows = [
        row("Long Open", 2.0, 0.0, oid=1),
        row("Long Add", 3.0, 2.0, oid=2, time=at(1)),
        row("Short Reduce", 1.0, -4.0, oid=3, time=at(2)),
    ]
    assert starts(repaired(rows)) == [0.0, 2.0, -4.0]


SELLS = [
    ("a short opened by several fills", "Short Add", 10.0, -9.0, 0.0, 0.0),
    ("a short opened by one fill", "Short Open", 10.0, 0.0, 0.0, 0.0),
    ("a short added to by several fills", "Short Add", 10.0, -14.0, -5.0, -5.0),
    ("a short added to by one fill that doubles it", "Short Add", 10.0, -5.0, -5.0, -5.0),
    ("a long closed by several fills", "Long Reduce", 10.0, 3.0, 10.0, 10.0),
    ("a long closed by one fill", "Long Close", 10.0, 10.0, 10.0, 10.0),
    ("a long reduced by several fills", "Long Reduce", 4.0, 7.0, 10.0, 10.0),
    ("a long reduced to what looks like a close", "Long Close", 4.0, 4.0, 6.0, 6.0),
    ("a position from which it can't have started: too small", "Long Reduce", 4.0, 7.0, 6.9, None),
    ("a position from which it can't have started: too large", "Long Reduce", 4.0, 7.0, 11.0, None),
    ("a position before that isn't known", "Long Reduce", 4.0, 7.0, None, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("label", "size", "shown", "before", "start"), [c[1:] for c in SELLS], ids=[c[0] for c in SELLS]
)
def test_a_row_that_sells_starts_where_the_one_before_it_ended_if_it_can(
    label: str, size: float, shown: float, before: float | None, start: float | None
) -> None:
    stored = [] if before is None else [row("Long Add", 1.0, before - 1.0, oid=7, time=at(-60))]
    held = holding((before or 50.0) - size)
    assert starts(repaired([row(label, size, shown)], stored, held)) == [start]


HELD = [
    ("a short opened: as much is held", "Short Add", 10.0, -9.0, -10.0, 0.0),
    ("a short opened: a thousandth more is held", "Short Add", 10.0, -9.0, -10.01, 0.0),
    ("a short opened: a hundredth more is held", "Short Add", 10.0, -9.0, -10.1, None),
    ("an add of one fill that looks like an open", "Short Add", 10.0, -9.0, -19.0, None),
    ("a long closed: nothing is held", "Long Reduce", 10.0, 3.0, 0.0, 10.0),
    ("a long reduced: something is held", "Long Reduce", 10.0, 3.0, 2.0, None),
    ("a single fill that flipped: its part beyond zero is held", "Long Reduce", 10.0, 4.0, -6.0, None),
]  # fmt: skip


@pytest.mark.parametrize(("label", "size", "shown", "held", "start"), [c[1:] for c in HELD], ids=[c[0] for c in HELD])
def test_without_a_row_before_it_what_is_held_shows_whether_a_position_began_or_ended(
    label: str, size: float, shown: float, held: float, start: float | None
) -> None:
    assert starts(repaired([row(label, size, shown)], held=holding(held))) == [start]


def test_an_add_that_is_surely_one_needs_no_look_at_what_is_held() -> None:
    (made,) = repaired([row("Short Add", 10.0, -14.0)])
    assert not is_told(made)
    assert actions([made]) == [Action.ADD]


def test_a_burst_of_rows_that_opened_a_short_is_told_by_its_sum() -> None:
    rows = [
        row("Short Add", 2175.97, -1948.43, oid=1),
        row("Short Add", 1071.92, -3100.0, oid=2, time=at(1)),
        row("Short Add", 2036.32, -5200.0, oid=3, time=at(2)),
    ]
    made = repaired(rows, held=holding(-5284.21))
    assert starts(made) == [0.0, -2175.97, pytest.approx(-3247.89)]
    assert actions(made) == [Action.OPEN, Action.ADD, Action.ADD]
    assert gaps(made) == []


def test_a_row_is_told_by_a_later_one_that_buys() -> None:
    rows = [row("Short Add", 10.0, -9.0, oid=1), row("Short Reduce", 4.0, -10.0, oid=2, time=at(1))]
    assert starts(repaired(rows)) == [0.0, -10.0]


def test_a_start_told_earlier_is_kept_although_what_is_held_has_changed() -> None:
    (opened,) = repaired([row("Short Add", 10.0, -9.0)], held=holding(-10.0))
    assert starts(repaired([row("Short Add", 10.0, -9.0)], [opened], nobody)) == [0.0]


def test_a_row_that_has_grown_keeps_its_start() -> None:
    (opened,) = repaired([row("Short Add", 4.0, -3.0, hash=NO_HASH)], held=holding(-4.0))
    grown = row("Short Add", 10.0, -9.0, hash=NO_HASH, time=at(3))
    assert starts(repaired([grown], [opened], nobody)) == [0.0]


def test_a_break_before_a_row_is_left_visible() -> None:
    stored = [row("Long Open", 5.0, 0.0, oid=7, time=at(-60))]
    made = repaired([row("Long Add", 1.0, 8.0)], stored)
    assert [(gap.expected, gap.found) for gap in gaps([*stored, *made])] == [(5.0, 8.0)]


@pytest.mark.parametrize(
    ("label", "size", "shown", "becomes"),
    [
        ("Short Add", 10.0, -9.0, Action.ADD),
        ("Long Reduce", 10.0, 3.0, Action.REDUCE),
        ("Long Reduce", 10.0, -3.0, Action.REDUCE),
        ("Short Open", 10.0, 0.0, Action.REDUCE),
    ],
)
def test_an_untold_row_breaks_the_chain_on_both_sides_and_opens_nothing(
    label: str, size: float, shown: float, becomes: Action
) -> None:
    before = row("Long Open", 40.0, 0.0, oid=7, time=at(-60))
    after = row("Long Add", 1.0, 30.0, oid=9, time=at(60))
    (_, made, _) = repaired([before, row(label, size, shown), after], held=holding(31.0))
    assert not is_told(made)
    assert len(gaps([before, made, after])) == 2
    assert actions([made]) == [becomes]


def test_a_flip_met_by_the_next_row_needs_no_other_proof() -> None:
    rows = [
        row("Long Open", 5.0, 0.0, oid=1),
        row("Short Add", 12.0, -6.0, oid=2, time=at(1)),
        row("Short Reduce", 1.0, -7.0, oid=3, time=at(2)),
    ]
    made = repaired(rows)
    assert starts(made) == [0.0, 5.0, -7.0]
    flip = effect_of(group_orders(made)[1])
    assert (flip.action, flip.flipped, flip.size) == (Action.OPEN, True, 7.0)


@pytest.mark.parametrize(("held", "start"), [(-7.0, 5.0), (-6.0, None), (0.0, None)])
def test_a_flip_is_believed_when_its_part_beyond_zero_is_held(held: float, start: float | None) -> None:
    rows = [row("Long Open", 5.0, 0.0, oid=1), row("Long Reduce", 12.0, -6.0, oid=2, time=at(1))]
    assert starts(repaired(rows, held=holding(held))) == [0.0, start]


def test_a_flip_without_a_hash_is_not_believed() -> None:
    rows = [row("Long Open", 5.0, 0.0, oid=1), row("Long Reduce", 12.0, -6.0, oid=2, time=at(1), hash=NO_HASH)]
    assert starts(repaired(rows, held=holding(-7.0))) == [0.0, None]


def test_what_is_held_is_read_once_and_only_where_it_is_needed() -> None:
    asked = []

    def held() -> dict[str, float]:
        asked.append(1)
        return {"BTC": -10.0, "ETH": -10.0}

    rows = [
        row("Short Add", 10.0, -9.0),
        row("Short Add", 10.0, -9.0, coin="ETH"),
        row("Long Open", 1.0, 0.0, coin="SOL"),
    ]
    assert starts(repaired(rows, held=held)) == [0.0, 0.0, 0.0]
    assert len(asked) == 1


def test_what_cannot_be_read_leaves_everything_unknown() -> None:
    assert repair([row("Short Add", 10.0, -9.0)], [], unreadable, LATER) is UNKNOWN


@pytest.mark.parametrize(
    ("minutes", "known"), [(4.9, False), (5.0, True)], ids=["others may be missing yet", "none will come any more"]
)
def test_a_young_row_that_does_not_fit_what_is_held_is_asked_for_again(minutes: float, *, known: bool) -> None:
    made = repair([row("Short Add", 10.0, -9.0)], [], holding(-13.0), at(minutes))
    assert (made is not UNKNOWN) is known


def test_a_young_flip_that_does_not_fit_what_is_held_is_asked_for_again() -> None:
    rows = [row("Long Open", 5.0, 0.0, oid=1), row("Long Reduce", 12.0, -6.0, oid=2, time=at(1))]
    assert repair(rows, [], holding(5.0), at(2)) is UNKNOWN


def test_a_row_that_does_not_say_what_it_did_breaks_the_chain() -> None:
    rows = [
        row("Long Open", 5.0, 0.0, oid=1),
        row("No Side Settle (unreadable)", 2.0, 5.0, oid=2, time=at(1), is_buy=True),
        row("Long Reduce", 1.0, 3.0, oid=3, time=at(2)),
    ]
    made = repaired(rows, held=holding(2.0))
    assert starts(made) == [0.0, None, None]
    assert Action.OPEN not in actions(made)[1:]


def test_rows_of_one_moment_are_put_in_the_order_in_which_they_continue_each_other() -> None:
    true = fills(3.0, -1.0, 2.0, -3.0, time=at(0), price=50_000.0)
    rows = rows_of([replace(each, oid=number, hash=f"0x{number}") for number, each in enumerate(true, 1)])
    for order in (rows, rows[::-1], [rows[2], rows[0], rows[3], rows[1]]):
        made = repaired(order)
        assert [each.start_position for each in made] == [0.0, 3.0, 2.0, 4.0]


def test_many_rows_of_a_makers_order_in_one_moment_are_put_in_order() -> None:
    true = fills(*[-1.0] * 7, time=at(0), price=50_000.0)
    rows = rows_of([replace(each, oid=5, hash=f"0x{number}") for number, each in enumerate(true, 1)])
    made = repaired([rows[index] for index in (3, 0, 6, 1, 5, 2, 4)], held=holding(-7.0))
    assert starts(made) == [0.0, -1.0, -2.0, -3.0, -4.0, -5.0, -6.0]


def test_spot_rows_stay_as_they_are_and_a_builders_perp_is_repaired_without_a_look() -> None:
    rows = [row("No Side Sell", 1.0, 20.0, coin="@142"), row("Short Add", 10.0, -9.0, coin="xyz:NVDA", oid=2)]
    spot, builders = repaired(rows)
    assert spot.start_position == 20.0
    assert not is_told(builders)


# What the domain makes of repaired rows


def test_a_short_opened_by_several_fills_and_labelled_add_is_an_open() -> None:
    true = fills(-4.0, -5.0, -1.0, price=50_000.0, time=at(0), hash="0x7d")
    (shown,) = rows_of(true)
    assert shown.direction == "Short Add"
    (order,) = group_orders(repaired([shown], held=holding(-10.0)))
    effect = effect_of(order)
    assert (effect.action, effect.size) == (Action.OPEN, 10.0)


def test_a_long_closed_by_several_fills_and_labelled_reduce_is_a_close() -> None:
    opening = fills(10.0, price=50_000.0, time=at(0), hash="0x7c")
    closing = fills(-4.0, -6.0, start=10.0, price=51_000.0, time=at(30), hash="0x7d", oid=2)
    rows = rows_of(opening + closing)
    assert rows[1].direction == "Long Reduce"
    assert actions(repaired(rows)) == [Action.OPEN, Action.CLOSE]


def test_an_exit_by_twap_ends_with_a_close() -> None:
    slices = fills(-2.5, -2.5, -2.5, -2.5, start=10.0, price=51_000.0, hash=NO_HASH)
    slices = [replace(each, oid=100 + number, time=at(30 + number / 2)) for number, each in enumerate(slices)]
    rows = rows_of(fills(10.0, price=50_000.0, time=at(0), hash="0x7c") + slices)
    made = repaired(rows)
    assert actions(made) == [Action.OPEN, *[Action.REDUCE] * 3, Action.CLOSE]
    assert gaps(made) == []


def test_an_exit_by_one_order_without_a_hash_ends_with_a_close_however_often_it_was_seen_growing() -> None:
    opening = fills(10.0, price=50_000.0, time=at(0), hash="0x7c")
    slices = fills(-2.0, -3.0, -5.0, start=10.0, price=51_000.0, hash=NO_HASH, oid=2)
    slices = [replace(each, time=at(30 + number)) for number, each in enumerate(slices)]
    stored: list[Fill] = []
    for seen in (1, 2, 3):
        stored = repaired(rows_of(opening + slices[:seen]), stored)
    assert actions(chained(stored)) == [Action.OPEN, Action.CLOSE]
