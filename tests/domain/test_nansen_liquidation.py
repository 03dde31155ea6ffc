"""What became of a trader's position when Nansen is the only source (decision 25)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hlcopy.domain.liquidation import Evidence, Fate, fate
from hlcopy.domain.models import HYPERLIQUID, NANSEN, Side
from tests.builders import TRADER, at, fill, fills

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hlcopy.domain.models import Fill


def rows(*signed: float, start: float = 0.0, source: str = NANSEN) -> list[Fill]:
    """Return rows a minute apart; the first is the trade that was copied."""
    chain = fills(*signed, start=start, price=100.0)
    return [replace(each, time=at(index), oid=index + 1, source=source) for index, each in enumerate(chain)]


def judged(chain: Sequence[Fill], *held: float, side: Side = Side.LONG) -> Fate:
    return fate(Evidence(trader=TRADER, side=side, since=at(), fills=chain, held_sizes=held))


CASES = [
    ("gone twice without a closing row", rows(5.0), (0.0, 0.0), Fate.LIQUIDATED),
    ("gone twice after an add and a reduce", rows(5.0, 5.0, -4.0), (0.0, 0.0), Fate.LIQUIDATED),
    ("seen gone only once", rows(5.0), (0.0,), Fate.UNKNOWN),
    ("still held", rows(5.0), (5.0,), Fate.HELD),
    ("held again at the second look", rows(5.0), (0.0, 5.0), Fate.HELD),
    ("closed by a row", rows(5.0, -5.0), (0.0, 0.0), Fate.CLOSED),
    ("closed by a row whose sum is rounded", rows(0.3, -0.1, -0.1, -0.1), (0.0, 0.0), Fate.CLOSED),
    ("closed but for a remainder under a hundredth", rows(500.0, -498.0), (0.0, 0.0), Fate.CLOSED),
    ("turned", rows(5.0, -8.0), (-3.0, -3.0), Fate.CLOSED),
    ("closed by several rows", rows(5.0, -2.0, -3.0), (0.0, 0.0), Fate.CLOSED),
    ("the chain is broken", [*rows(5.0), *rows(0.0, 1.0, start=3.0)[1:]], (0.0, 0.0), Fate.UNKNOWN),
    ("not a row is there", [], (0.0, 0.0), Fate.UNKNOWN),
]  # fmt: skip


@pytest.mark.parametrize(("chain", "held", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_long_that_is_gone_without_a_closing_row_was_liquidated(
    chain: list[Fill], held: tuple[float, ...], expected: Fate
) -> None:
    assert judged(chain, *held) is expected


def test_a_short_is_judged_alike() -> None:
    assert judged(rows(-5.0), 0.0, 0.0, side=Side.SHORT) is Fate.LIQUIDATED
    assert judged(rows(-5.0, 5.0), 0.0, 0.0, side=Side.SHORT) is Fate.CLOSED


def test_a_row_that_says_liquidation_is_one() -> None:
    struck = replace(rows(5.0, -5.0)[1], liquidated_user=TRADER)
    assert judged([rows(5.0)[0], struck], 0.0) is Fate.LIQUIDATED


def test_an_untold_row_leaves_it_unknown() -> None:
    untold = fill(source=NANSEN, is_buy=False, size=5.0, start_position=12.0, time=at(2), price=100.0)
    assert judged([*rows(5.0), untold], 0.0, 0.0) is Fate.UNKNOWN


def test_a_remainder_counts_with_hyperliquids_exact_fills() -> None:
    exact = rows(500.0, -498.0, source=HYPERLIQUID)
    assert judged(exact, 0.0, 0.0) is Fate.LIQUIDATED
