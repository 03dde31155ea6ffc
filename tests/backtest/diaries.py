"""Wallets that trade every day for weeks, their equity and a leaderboard read each night: what daily selections stand on."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.backtest.run import Plan
from hlcopy.domain.candles import Candles
from hlcopy.domain.models import from_ms, to_ms
from hlcopy.domain.policy import BreakerPolicy, Policy, ScoringPolicy
from hlcopy.ports import KnownEquity, Leader, Placing
from tests.builders import MINUTE_MS, T0, at, fill

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from hlcopy.domain.models import Fill
    from hlcopy.ports import Ledger

FIVE: Final = 5 * MINUTE_MS
BEFORE: Final = 40  # days
OUR_EQUITY: Final = 100_000.0
POLICY: Final = Policy(
    scoring=ScoringPolicy(min_trades_required=20),
    breakers=BreakerPolicy(on=False),
)
ANNA, BERT, CARL = ("0x" + digit * 40 for digit in "123")
COINS: Final = {ANNA: ("BTC", 60_000.0, 19), BERT: ("ETH", 2_000.0, 23), CARL: ("SOL", 150.0, 31)}


def price(coin: str, moment: datetime) -> float:
    """Return a coin's price: a wave of 4 % with a period of its own."""
    base, hours = next((base, hours) for name, base, hours in COINS.values() if name == coin)
    return base * (1 + 0.04 * math.sin(2 * math.pi * (to_ms(moment) - to_ms(T0)) / 3_600_000 / hours))


@dataclass(frozen=True, kw_only=True)
class Diaries:
    """A recorded ledger of wallets: `wins` says of a wallet and a day (0 is that of `T0`) whether its trade gains.

    Trades begin on the hour, or so much after it as `offset` says. `read_late` is how long after its moment an equity was read; `boards` are the days of which a leaderboard was read.
    """

    days: int = 5
    wallets: Sequence[str] = (ANNA, BERT, CARL)
    wins: Callable[[str, int], bool] = lambda _, day: day % 3 != 0
    read_late: timedelta = timedelta(0)
    boards: Sequence[int] = ()
    offset: timedelta = timedelta(0)
    strangers: Sequence[str] = ()
    policy: Policy = field(default=POLICY)

    def ledger(self) -> Ledger:
        """Return everything in memory."""
        return self.store(MemoryLedger())

    def store(self, ledger: Ledger) -> Ledger:
        """Add everything to a ledger."""
        for wallet in self.wallets:
            ledger.history.add_fills(each for day in range(-BEFORE, self.days) for each in self._trade(wallet, day))
            ledger.history.add_equity(self._equity(wallet, day) for day in range(-BEFORE, self.days))
            ledger.history.add_candles(self.candles(COINS[wallet][0]))
        for day in self.boards:
            rows = [self._leader(wallet, day, rank) for rank, wallet in enumerate((*self.wallets, *self.strangers), 1)]
            ledger.scoring.put_board(at(days=day).date(), "hyperliquid", rows)
        return ledger

    def plan(self, days: int | None = None, *, backdate_equity: bool = False) -> Plan:
        """Return the replay of the first days, by default of all."""
        last = (T0 + timedelta(days=(days or self.days) - 1)).date()
        return Plan(
            first_day=T0.date(),
            last_day=last,
            our_equity=OUR_EQUITY,
            policy=self.policy,
            equity={},
            backdate_equity=backdate_equity,
        )

    def _trade(self, wallet: str, day: int) -> list[Fill]:
        """Return a buy or sale of $60,000 in the morning and its end five hours later."""
        coin = COINS[wallet][0]
        begin = at(days=day, hours=8 + 2 * self.wallets.index(wallet)) + self.offset
        end = begin + timedelta(hours=5)
        opened, closed = price(coin, begin), price(coin, end)
        buys = (closed > opened) == self.wins(wallet, day)
        sign = 1 if buys else -1
        size = round(60_000 / opened, 3)
        number = 10 * (day + BEFORE + 1)
        same = {"trader": wallet, "coin": coin, "size": size, "fee": 0.0}
        return [
            fill(**same, is_buy=buys, price=opened, time=begin, oid=number),
            fill(
                **same,
                is_buy=not buys,
                price=closed,
                time=end,
                oid=number + 1,
                start_position=sign * size,
                closed_pnl=sign * size * (closed - opened),
            ),
        ]

    def _equity(self, wallet: str, day: int) -> KnownEquity:
        moment = at(days=day) - timedelta(minutes=10)
        pnl = 1_000.0 * (day + BEFORE)
        return KnownEquity(
            address=wallet,
            at=moment,
            value_usd=300_000.0 + pnl,
            pnl_usd=pnl,
            source="portfolio",
            read_at=moment + self.read_late,
        )

    @staticmethod
    def candles(coin: str) -> Candles:
        t = to_ms(at(days=-2)) + FIVE * np.arange(60 * 288, dtype=np.int64)
        path = np.array([price(coin, from_ms(int(each))) for each in [*t.tolist(), int(t[-1]) + FIVE]])
        opened, closed = path[:-1], path[1:]
        high, low = np.maximum(opened, closed), np.minimum(opened, closed)
        return Candles(coin, FIVE, t, opened, high, low, closed, np.ones(len(t)))

    @staticmethod
    def _leader(wallet: str, day: int, rank: int) -> Placing:
        pnl = 30_000.0 / rank + 100 * day
        leader = Leader(address=wallet, account_value=340_000.0, pnl_30d_usd=pnl, volume_30d_usd=3.6e6)
        return Placing(leader=leader, rank=rank)


def without_scoring(diaries: Diaries) -> Plan:
    """Return the replay of all days with a stated equity for everyone."""
    return replace(diaries.plan(), equity=dict.fromkeys(diaries.wallets, 340_000.0))
