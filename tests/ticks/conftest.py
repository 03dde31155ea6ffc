"""A desk whose one trader opens a position that passes every gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.ticks import monitor, poll
from tests.builders import T0, TRADER, at, fill, poll_mark, trader
from tests.fakes import Executioner, FakeMarket, FakeSource, desk_of

if TYPE_CHECKING:
    from hlcopy.domain.policy import Policy
    from hlcopy.ports import Desk, Ledger


@dataclass(slots=True)
class Scene:
    """A trader worth 400,000 USD who buys 60,000 USD of BTC at T0, and the world around it."""

    ledger: Ledger
    source: FakeSource
    market: FakeMarket

    def desk(self, policy: Policy | None = None, executioner: Executioner | None = None) -> Desk:
        return desk_of(self.ledger, self.source, self.market, policy=policy, executioner=executioner)


def stage(ledger: Ledger) -> Scene:
    """Set the scene on a ledger."""
    source = FakeSource(equity={TRADER: 400_000.0})
    market = FakeMarket()
    market.set("BTC", at(-60), 60_000.0)
    ledger.traders.put([trader(account_value=400_000.0, roi_7d=15.0)])
    ledger.traders.put_mark(TRADER, poll_mark(followed_from=at(-60), read_until=at(-60), polled_at=at(-60)))
    source.add(fill(price=60_000.0, size=1.0, time=T0, tid=1))
    return Scene(ledger, source, market)


# Entered, trailed, a tier taken, stopped out: when each tick of it runs, in minutes after T0.
WHOLE_LIFE: Final = (
    (poll.run, 1.0),
    (poll.run, 15.0),
    (monitor.run, 16.0),
    (monitor.run, 30.0),
    (monitor.run, 40.0),
    (monitor.run, 41.0),
    (monitor.run, 50.0),
    (monitor.run, 60.0),
    (monitor.run, 61.0),
    (monitor.run, 62.0),
)


def rising(scene: Scene) -> Scene:
    """Let the price rise through a tier and fall through the trailing stop."""
    for minutes, price in ((30, 64_000.0), (40, 66_500.0), (50, 65_000.0), (60, 58_000.0)):
        scene.market.set("BTC", at(minutes), price)
    return scene


@pytest.fixture
def scene() -> Scene:
    return stage(MemoryLedger())
