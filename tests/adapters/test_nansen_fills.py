"""How both ledgers keep Nansen's rows: they may grow, and are never added up with Hyperliquid's fills."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.adapters.store import Binding, Store
from hlcopy.adapters.store.history import StoredNansenFills
from hlcopy.domain.models import HYPERLIQUID, NANSEN
from tests.builders import OTHER_TRADER, TRADER, at, fill

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hlcopy.domain.models import Fill

    Ledger = MemoryLedger | Store

NO_HASH = "0x" + "0" * 64


@pytest.fixture(params=["file", "memory"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    if request.param == "memory":
        made = MemoryLedger()
        made.history.source = NANSEN
        yield made
        return
    with Store.open(tmp_path / "ledger.db", Binding("paper", "mainnet")) as store:
        store.history.source = NANSEN
        yield store


def row(**fields: object) -> Fill:
    return replace(fill(source=NANSEN, tid=0, hash="0x7d", direction="Long Open"), **fields)


def test_a_row_comes_back_as_it_was_put(ledger: Ledger) -> None:
    put = row(oid=554379794278, hash=NO_HASH, liquidated_user=TRADER, closed_pnl=-5.5)
    assert ledger.history.add_fills([put]) == 1
    assert ledger.history.fills(TRADER) == [put]


def test_rows_are_known_by_coin_order_and_hash(ledger: Ledger) -> None:
    rows = [row(), row(oid=2), row(hash="0x7e"), row(coin="ETH"), row(trader=OTHER_TRADER)]
    assert ledger.history.add_fills([*rows, row()]) == 5
    assert ledger.history.add_fills(rows) == 0


def test_a_row_that_has_grown_is_stored_larger_and_a_smaller_one_is_not(ledger: Ledger) -> None:
    ledger.history.add_fills([row(size=2.0), row(oid=2, time=at(5))])
    grown = row(size=5.0, time=at(9), price=101.0, start_position=-3.0, direction="Short Add", is_buy=False, fee=2.0)
    assert ledger.history.add_fills([grown]) == 0
    assert ledger.history.add_fills([row(size=4.0, price=1.0)]) == 0
    assert [(each.oid, each.size) for each in ledger.history.fills(TRADER)] == [(2, 1.0), (1, 5.0)]
    assert ledger.history.fills(TRADER, coin="BTC")[1] == grown


def test_a_row_whose_start_is_known_now_replaces_the_one_that_had_none(ledger: Ledger) -> None:
    ledger.history.add_fills([row(start_position=-9.0, direction="Short Add (start unknown)")])
    ledger.history.add_fills([row(start_position=0.0, direction="Short Add")])
    (stored,) = ledger.history.fills(TRADER)
    assert (stored.start_position, stored.direction) == (0.0, "Short Add")


def test_a_row_that_grows_within_one_reading_is_stored_once_at_its_largest(ledger: Ledger) -> None:
    assert ledger.history.add_fills([row(size=2.0), row(size=3.0), row(size=1.0)]) == 1
    assert [each.size for each in ledger.history.fills(TRADER)] == [3.0]


def test_a_fill_of_hyperliquids_is_kept_as_it_was_first_stored(ledger: Ledger) -> None:
    ledger.history.source = HYPERLIQUID
    ledger.history.add_fills([fill(tid=7, size=1.0)])
    assert ledger.history.add_fills([fill(tid=7, size=9.0)]) == 0
    assert [each.size for each in ledger.history.fills(TRADER)] == [1.0]


def test_the_fills_of_one_source_are_read_at_a_time(ledger: Ledger) -> None:
    ledger.history.add_fills([fill(tid=7, time=at(1)), row(size=2.0)])
    for source, sizes in ((NANSEN, [2.0]), (HYPERLIQUID, [1.0])):
        ledger.history.source = source
        assert [each.size for each in ledger.history.fills(TRADER)] == sizes
        assert [each.size for each in ledger.history.fills(TRADER, coin="BTC")] == sizes
        assert [each.count for each in ledger.history.fill_coverage()] == [1]


def test_growth_is_undone_with_its_transaction(ledger: Ledger) -> None:
    ledger.history.add_fills([row(size=2.0), row(oid=2, time=at(5))])
    before = ledger.history.fills(TRADER)
    with suppress(RuntimeError), ledger.transaction():
        ledger.history.add_fills([row(size=5.0, time=at(9)), row(oid=3)])
        raise RuntimeError
    assert ledger.history.fills(TRADER) == before
    assert ledger.history.add_fills([row(oid=3)]) == 1


def test_a_source_reads_the_rows_from_a_moment_on_and_the_last_one_before_it_of_each_coin(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    rows = [
        row(oid=1, time=at(1)),
        row(oid=2, time=at(2)),
        row(oid=3, time=at(2)),
        row(oid=4, time=at(1), coin="ETH"),
        row(oid=5, time=at(10)),
        row(oid=6, time=at(11), coin="SOL"),
    ]
    with Store.open(path, Binding("paper", "mainnet")) as store, StoredNansenFills(path) as remembered:
        assert remembered(TRADER, at(10)) == []
        store.history.add_fills([*rows, fill(time=at(9)), row(oid=9, trader=OTHER_TRADER, time=at(9))])
        assert [each.oid for each in remembered(TRADER, at(10))] == [4, 3, 5, 6]
        assert store.history.source == HYPERLIQUID
