"""Recorded worlds to replay: the simulator's, as an import of its files would store them, and small ones made by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.adapters.wire import FillReader
from hlcopy.backtest.desk import ReplayDesk, build, load
from hlcopy.backtest.run import Plan, run
from hlcopy.domain.candles import Candles
from hlcopy.domain.models import from_ms
from hlcopy.domain.policy import Policy
from hlcopy.ports import FundingRate
from hlcopy.simulator.traders import generate
from tests.builders import MINUTE_MS, T0

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hlcopy.backtest.report import Backtest
    from hlcopy.domain.models import Fill
    from hlcopy.ports import Ledger
    from hlcopy.simulator.market import Series

OUR_EQUITY = 100_000.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a replay runs on, and the equity to state for each trader."""

    fills: Mapping[str, Sequence[Fill]]
    candles: Mapping[str, Candles]
    equity: Mapping[str, float]
    funding: Mapping[str, Sequence[FundingRate]] = field(default_factory=dict)

    def store(self, ledger: Ledger) -> Ledger:
        """Add it to the history of a ledger."""
        for fills in self.fills.values():
            ledger.history.add_fills(fills)
        for candles in self.candles.values():
            ledger.history.add_candles(candles)
        for rates in self.funding.values():
            ledger.history.add_funding(rates)
        return ledger

    def desk(self, days: int, policy: Policy | None = None) -> tuple[ReplayDesk, datetime]:
        """Return a desk at `T0`, and the end of its replay."""
        end = T0 + timedelta(days=days)
        history = self.store(MemoryLedger()).history
        recording = load(history, list(self.equity), T0, end - timedelta(milliseconds=1))
        return build(recording, MemoryLedger(), self.equity, T0, policy or Policy(), OUR_EQUITY), end

    def replay(self, days: int, policy: Policy | None = None, *, illustrated: bool = False) -> tuple[Backtest, Ledger]:
        """Replay the first days; return the result and the ledger that it was written to."""
        ledger = MemoryLedger()
        plan = self.plan(days, policy)
        return run(self.store(MemoryLedger()), ledger, plan, illustrated=illustrated), ledger

    def plan(self, days: int, policy: Policy | None = None) -> Plan:
        """Return what to replay of the first days."""
        return Plan(
            first_day=T0.date(),
            last_day=(T0 + timedelta(days=days - 1)).date(),
            equity=self.equity,
            our_equity=OUR_EQUITY,
            policy=policy or Policy(),
        )


@cache
def illustrated() -> tuple[Backtest, Ledger]:
    """Return a drawn replay of six simulated days: a dozen entries of both sides that end in every usual way."""
    return simulated(4, 6).replay(6, illustrated=True)


@cache
def simulated(seed: int, days: int, *, minutes: int = 1, gap: float = 0.0) -> Recorded:
    """Return the simulator's world from `T0` on, its candles some minutes long and opening off the last close by about `gap`.

    Of its traders those whom scoring would follow, and two who place orders that no copy follows.
    """
    world = generate(seed, start=T0, days=days, history_days=0)
    reader = FillReader()
    traders = [who for who in world.traders if who.fate == "primary" or who.kind in {"fast", "small"}]
    return Recorded(
        fills={
            who.address: list(
                reader.read((f"row {number}", row) for number, row in enumerate(world.fills[who.address], 1))
            )
            for who in traders
        },
        candles={coin: _candles(coin, series, minutes, gap) for coin, series in world.candles.items()},
        equity={who.address: who.equity_usd for who in traders},
        funding={
            coin: [
                FundingRate(coin=coin, time=from_ms(at), rate=rate)
                for at, rate in zip(funding.t.tolist(), funding.rate.tolist(), strict=True)
            ]
            for coin, funding in world.funding.items()
        },
    )


def _candles(coin: str, series: Series, minutes: int, gap: float) -> Candles:
    every = slice(None, None, minutes)
    high, low, close, volume = (column.reshape(-1, minutes) for column in (series.h, series.l, series.c, series.v))
    noise = np.random.default_rng(len(coin)).normal(0.0, 1.0, len(series.o[every]))
    opened = series.o[every] * (1 + gap * noise)
    return Candles(
        coin,
        minutes * MINUTE_MS,
        series.t[every],
        opened,
        np.maximum(high.max(axis=1), opened),
        np.minimum(low.min(axis=1), opened),
        close[:, -1],
        volume.sum(axis=1),
    )
