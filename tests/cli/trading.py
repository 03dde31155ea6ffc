"""A trader whose order is copied over HTTP, for tests of commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hlcopy.adapters.store import Binding, Store
from hlcopy.simulator.venue import Profile
from tests.builders import TRADER, trader
from tests.venue import MINUTE_MS, START, START_MS, clock_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hlcopy.simulator.server import LocalVenue
    from tests.cli.conftest import Outcome

    Run = Callable[..., Outcome]


def open_store(home: Path) -> Store:
    return Store.open(home / "paper.db", Binding("paper", "mainnet"))


def follow(home: Path, venue: LocalVenue, *addresses: str, equity: float = 400_000.0) -> None:
    """Let traders be primaries, scored just now."""
    with open_store(home) as store:
        for address in addresses:
            venue.venue.add_trader(Profile(address=address, equity_usd=equity, description="a trader of this test"))
            scored = trader(address=address, tier="primary", score=0.7, account_value=equity, last_scored_at=START)
            store.traders.put([scored])


def wait(venue: LocalVenue, minutes: float) -> None:
    clock_of(venue).advance(round(minutes * MINUTE_MS))


def enter(run: Run, home: Path, venue: LocalVenue) -> None:
    """Have a trader's order for $60,000 of BTC copied."""
    follow(home, venue, TRADER)
    venue.venue.trade(TRADER, "BTC", 1.0, START_MS)
    wait(venue, 6)
    assert [each["decision"] for each in run("poll --json").document["decisions"]] == ["DEFERRED"]
    wait(venue, 10)
    assert [each["decision"] for each in run("poll --json").document["decisions"]] == ["EXECUTE"]
