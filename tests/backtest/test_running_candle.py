"""An exit sent in the middle of a candle fills at the next one's open; the stop doesn't wait."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.adapters.paper import PaperExchange
from hlcopy.backtest.replay import ReplayClock, ReplayMarket
from hlcopy.backtest.tape import Tape
from hlcopy.domain.book import IntentState, Purpose
from hlcopy.domain.policy import CostPolicy
from hlcopy.ports import UNKNOWN, Accepted, Refused
from tests.builders import T0, at, candles, order

HOUR_MS = 3_600_000


@pytest.mark.parametrize(("low", "fires"), [(94.0, True), (96.0, False)])
def test_the_stop_of_the_running_candle_comes_before_an_exit_sent_in_it(low: float, *, fires: bool) -> None:
    series = candles([100.0, 100.0, 100.0, 100.0], interval_ms=HOUR_MS)
    lows = np.array(series.l)
    lows[1] = low
    clock = ReplayClock(T0)
    market = ReplayMarket(clock, {"BTC": Tape.of(replace(series, l=lows))}, {}, {})
    venue = PaperExchange(MemoryLedger(), market, CostPolicy(), 10_000.0)
    venue.set_leverage("BTC", 3, T0)
    entry = order(size=2.0, limit_price=101.0, expires_at=None)
    stop = order(
        client_order_id="0x" + "2" * 32,
        purpose=Purpose.STOP,
        is_buy=False,
        trigger_price=95.0,
        limit_price=None,
        reduce_only=True,
        expires_at=None,
    )
    leave = order(
        client_order_id="0x" + "3" * 32,
        purpose=Purpose.EXIT,
        is_buy=False,
        limit_price=90.0,
        reduce_only=True,
        expires_at=None,
    )
    venue.send(entry, T0)
    venue.send(stop, T0)
    clock.advance(at(80))

    answer = venue.send(leave, at(80))

    fills = venue.fills(T0, at(80))
    assert fills is not UNKNOWN
    if fires:
        assert isinstance(answer, Refused)
        assert (fills[-1].client_order_id, fills[-1].time) == (stop.client_order_id, at(60))
        assert fills[-1].price < 95.0
    else:
        assert isinstance(answer, Accepted)
        assert answer.state is IntentState.FILLED
        assert (fills[-1].client_order_id, fills[-1].time) == (leave.client_order_id, at(120))
