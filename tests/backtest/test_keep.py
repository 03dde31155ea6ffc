"""What a replay leaves in memory reads back equal from a file."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.store import Binding, Store
from hlcopy.backtest.keep import keep
from hlcopy.domain.book import PositionStatus
from tests.backtest.worlds import simulated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hlcopy.ports import Ledger


@cache
def replayed() -> Ledger:
    return simulated(7, 4).replay(3)[1]


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "kept.db", Binding("paper", "mainnet")) as store:
        yield store


def everything(ledger: Ledger) -> dict[str, object]:
    traders = ledger.traders.all()
    positions = ledger.book.positions(live_only=False)
    return {
        "traders": traders,
        "marks": [ledger.traders.mark(trader.address) for trader in traders],
        "held by traders": [ledger.traders.positions(trader.address) for trader in traders],
        "signals": ledger.signals.list(),
        "deferred": ledger.signals.deferred(),
        "positions": positions,
        "orders": ledger.book.orders(),
        "our fills": [ledger.book.fills(position.signal_id) for position in positions],
        "story": ledger.book.actions(),
        "their fills": [ledger.history.fills(trader.address) for trader in traders],
    }


def test_what_was_kept_reads_back_equal(target: Store) -> None:
    keep(replayed(), target)
    kept, given = everything(target), everything(replayed())
    for what, rows in given.items():
        assert kept[what] == rows, what
    statuses = {position.status for position in target.book.positions(live_only=False)}
    assert statuses == {PositionStatus.OPEN, PositionStatus.CLOSED}
    assert target.signals.deferred()
    assert any(trader.blacklisted_until is not None for trader in target.traders.all())


def test_it_goes_into_a_file_that_holds_the_history_already(target: Store) -> None:
    simulated(7, 4).store(target)
    before = target.history.candle_coverage(), target.history.fill_coverage()
    keep(replayed(), target)
    assert (target.history.candle_coverage(), target.history.fill_coverage()) == before
    assert target.signals.list() == replayed().signals.list()


def test_new_positions_get_new_ids(target: Store) -> None:
    keep(replayed(), target)
    last = target.book.positions(live_only=False)[-1]
    assert last.id is not None
    added = target.book.put_position(replace(last, id=None, signal_id="another"))
    assert added.id is not None
    assert added.id > last.id


def test_what_can_t_be_kept_whole_isn_t_kept_at_all(target: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        message = "no space left"
        raise OSError(message)

    monkeypatch.setattr(type(target.book), "log_action", full)
    with pytest.raises(OSError, match="no space"):
        keep(replayed(), target)
    assert (target.traders.all(), target.signals.list(), target.book.orders()) == ([], [], [])
    assert target.history.fill_coverage() == []
