"""A ledger's own trades by a backtest's figures, and against a replay of the same days."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.backtest.keep import keep
from hlcopy.backtest.lived import drift, lived
from hlcopy.backtest.run import play, record
from hlcopy.domain.models import EXECUTE
from tests.backtest.worlds import simulated

if TYPE_CHECKING:
    from hlcopy.backtest.run import Plan
    from hlcopy.ports import Ledger


@cache
def traded() -> tuple[Ledger, Plan]:
    """A ledger that traded by the very ticks, on the very market, that a replay of its days uses."""
    world = simulated(7, 3)
    plan = world.plan(3)
    ledger = world.store(MemoryLedger())
    memory = MemoryLedger()
    play(record(ledger, plan), memory, plan)
    keep(memory, ledger)
    return ledger, plan


def test_a_replay_of_what_was_traded_by_the_same_ticks_doesn_t_drift() -> None:
    ledger, plan = traded()
    found = drift(ledger, replace(plan, equity={}))
    assert found.lacking is None
    assert found.same_decisions == found.orders > 0
    assert len(found.both) == len(found.pairs) > 0
    assert {pair.entry_bps for pair in found.pairs} == {0.0}
    assert found.live_usd == found.replayed_usd


def test_what_was_entered_otherwise_is_told_as_drift() -> None:
    ledger, plan = traded()
    first = ledger.book.positions(live_only=False)[0]
    ledger.book.put_position(replace(first, entry_price=first.entry_price * (1 + first.side.sign * 0.001)))
    try:
        found = drift(ledger, replace(plan, equity={}))
    finally:
        ledger.book.put_position(first)
    (pair,) = (each for each in found.pairs if each.signal_id == first.signal_id)
    assert pair.entry_bps == pytest.approx(10.0)


def test_without_an_order_or_a_candle_it_is_said_that_nothing_can_be_compared() -> None:
    ledger, plan = traded()
    later = replace(
        plan, first_day=plan.first_day + timedelta(days=30), last_day=plan.last_day + timedelta(days=30), equity={}
    )
    assert drift(ledger, later).lacking is not None
    empty = lived(ledger, later, later.end)
    assert [warning.code for warning in empty.warnings] == ["CARRIED_OVER", "NO_ENTRIES"][-len(empty.warnings) :]

    blind = MemoryLedger()
    keep(ledger, blind)
    warned = {warning.code for warning in lived(blind, plan, plan.end).warnings}
    assert "NO_CANDLES" in warned
    assert "NO_CANDLES" in {warning.code for warning in drift(blind, replace(plan, equity={})).warnings}


def test_our_own_trades_are_summed_up_as_a_backtest_sums_up_its_own() -> None:
    ledger, plan = traded()
    result = lived(ledger, plan, plan.end, illustrated=True)
    positions = ledger.book.positions(live_only=False)
    assert [each.id for each in result.positions] == [each.id for each in positions]
    assert result.metrics.entries == sum(signal.decision == EXECUTE for signal in result.signals)
    assert result.metrics.realized_pnl_usd == pytest.approx(sum(each.realized_pnl_usd or 0.0 for each in positions))
    fall = result.figures.waterfall
    assert fall.gross_usd - fall.slippage_usd - fall.fees_usd - fall.funding_usd == pytest.approx(fall.net_usd)
    assert result.comparison is not None
    assert result.picture is not None
    assert set(result.picture.ways) == {each.id for each in positions}


def test_a_day_that_isn_t_over_counts_what_is_held_by_the_last_price_there_is() -> None:
    ledger, plan = traded()
    opened = [each.opened_at for each in ledger.book.positions(live_only=False) if each.closed_at is None]
    now = max(opened) + timedelta(minutes=30)
    result = lived(ledger, plan, now)
    assert result.metrics.open_at_end
    assert now < plan.end == result.figures.points[-1].at
    assert len(result.figures.points) == 4
