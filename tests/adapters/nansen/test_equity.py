from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hlcopy.adapters.nansen.equity import WeighedSource
from hlcopy.domain.models import TraderState
from hlcopy.ports import UNKNOWN
from tests.builders import T0, TRADER, at, fill
from tests.fakes import FakeSource

if TYPE_CHECKING:
    from datetime import datetime


def test_trades_come_from_the_one_and_the_equity_from_the_other_which_may_be_older() -> None:
    trades, accounts = FakeSource(equity={TRADER: 12.0}, capacity=3), FakeSource(equity={TRADER: 400_000.0})
    trades.add(fill(time=T0))
    source = WeighedSource(trades, accounts)
    state = source.state(TRADER, at(20))
    assert isinstance(state, TraderState)
    assert (state.equity, set(state.positions), state.read_at) == (400_000.0, {"BTC"}, at(20))
    assert source.room(at(20)) == 3
    assert source.fills(TRADER, T0, at(20)) == trades.given[TRADER]
    held = source.positions(TRADER, at(20))
    assert isinstance(held, TraderState)
    assert (held.equity, set(held.positions)) == (None, {"BTC"})


def test_an_equity_keeps_its_own_age() -> None:
    class Old(FakeSource):
        def state(self, trader: str, now: datetime) -> TraderState:  # noqa: ARG002 - the port's signature
            known = super().state(trader, T0)
            assert isinstance(known, TraderState)
            return replace(known, read_at=T0)

    state = WeighedSource(FakeSource(equity={TRADER: 1.0}), Old(equity={TRADER: 2.0})).state(TRADER, at(20))
    assert isinstance(state, TraderState)
    assert state.read_at == T0


def test_without_either_nothing_is_known() -> None:
    for trades, accounts in (
        (FakeSource(unreadable={TRADER}), FakeSource()),
        (FakeSource(), FakeSource(unreadable={TRADER})),
    ):
        assert WeighedSource(trades, accounts).state(TRADER, T0) is UNKNOWN
