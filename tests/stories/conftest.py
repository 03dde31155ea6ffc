"""A process without settings beside a local venue with a past; its commands run in this process or in one of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hlcopy.simulator.venue import quiet_world
from hlcopy.wiring import desks
from tests.cli.conftest import Outcome, home, run
from tests.stories.plot import Story
from tests.venue import PRICES, START, environment, local_venue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hlcopy.simulator.server import LocalVenue

__all__ = ["home", "run"]  # fixtures, found here by their names

HISTORY_DAYS = 95
UNHURRIED = 20_000  # of request weight a minute: where the clock stands, nobody gets more by waiting


@pytest.fixture
def venue(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalVenue]:
    """A local venue of constant prices with 95 days of past, named by the settings of the process."""
    world = quiet_world(START, PRICES, days=14, history_days=HISTORY_DAYS)
    monkeypatch.setenv("HLCOPY_HYPERLIQUID_WEIGHT_PER_MINUTE", str(UNHURRIED))
    with local_venue(world, weight_per_minute=UNHURRIED) as served:
        for name, value in environment(served, home / "paper.db").items():
            monkeypatch.setenv(name, value)
        yield served


@pytest.fixture
def story(venue: LocalVenue, home: Path, run: Callable[..., Outcome]) -> Story:
    """What happens at the venue, and the commands that are run meanwhile."""
    return Story(venue=venue, home=home, run=run)


class _Allowances(dict[str, desks.Allowance]):
    """What commands may use: next to no patience while the venue is told to fail, for an outage needn't be waited out."""

    def __init__(self, venue: LocalVenue) -> None:
        super().__init__(desks.ALLOWANCES)
        self._venue = venue

    def __getitem__(self, command: str) -> desks.Allowance:
        allowance = super().__getitem__(command)
        if self._venue.faults is None:
            return allowance
        # A first wait takes half a second: nothing is asked twice, and honest answers have time on a busy machine.
        return replace(allowance, patience_s=0.49, queue_s=0.0)


@pytest.fixture
def impatient(venue: LocalVenue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ticks that give up after a moment as long as the venue fails."""
    monkeypatch.setattr(desks, "ALLOWANCES", _Allowances(venue))
