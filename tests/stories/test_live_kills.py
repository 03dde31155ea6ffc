"""The process that enters is killed at each step of the saga, as the kernel does it: the next ticks finish what it began."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any, Final

import pytest

from hlcopy.simulator.server import CLOCK, DROP
from hlcopy.simulator.venue import quiet_world
from tests.stories.live import Live, settings
from tests.stories.plot import begin
from tests.venue import PRICES, START, local_venue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from subprocess import Popen

    from tests.cli.conftest import Outcome

UNHURRIED: Final = 20_000
NAKED_AT_MOST_S: Final = 45.0
NOTHING: Final = (0, 0, 0)
ONE: Final = (1, 1, 1)  # position, stop, row
LEVERAGE, ORDER, LOOK, FILLS = "exchange:updateLeverage", "exchange:order", "frontendOpenOrders", "userFillsByTime"

# Which request, counted from the first of its kind after the saga's claim; whether the venue does it; what comes of it.
STEPS: Final = [
    pytest.param(LEVERAGE, 1, False, NOTHING, id="claimed, leverage never arrives"),
    pytest.param(LEVERAGE, 1, True, NOTHING, id="leverage is set, its answer is lost"),
    pytest.param("activeAssetData", 1, False, NOTHING, id="leverage is being read back"),
    pytest.param(ORDER, 1, False, NOTHING, id="the entry never arrives"),
    pytest.param(ORDER, 1, True, ONE, id="the entry fills, its answer is lost"),
    pytest.param(ORDER, 2, False, ONE, id="the stop never arrives"),
    pytest.param(ORDER, 2, True, ONE, id="the stop rests, its answer is lost"),
    pytest.param(LOOK, 1, False, ONE, id="the stop is being looked for"),
    pytest.param(LOOK, 1, True, ONE, id="the stop was seen"),
    pytest.param(FILLS, 1, False, ONE, id="the fills are being read"),
    pytest.param(FILLS, 1, True, ONE, id="the fills were read"),
]


class Killer:
    """Kills a process at one of its requests after the first action, before the venue does it or after."""

    def __init__(self, kind: str, nth: int, *, applied: bool) -> None:
        self._kind, self._left, self._applied = kind, nth, applied
        self._acting = False
        self._begun = threading.Event()
        self._process: Popen[str] | None = None
        self.struck = False

    def aim(self, process: Popen[str]) -> None:
        """Name the process."""
        self._process = process
        self._begun.set()

    def __call__(self, kind: str) -> Any:  # noqa: ANN401 - any fault of the server
        """Be asked about a request."""
        self._acting |= kind.startswith("exchange:")
        if not self._acting or kind == CLOCK or kind != self._kind:
            return None
        self._left -= 1
        if self._left:
            return None
        if self._applied:
            return lambda _answer: self._strike()
        return self._strike()

    def _strike(self) -> Any:  # noqa: ANN401 - the server's own
        self._begun.wait()
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self.struck = True
        return DROP


@pytest.fixture
def live(home: Path, run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    """A trader's order is due to be copied."""
    monkeypatch.setenv("HLCOPY_HYPERLIQUID_WEIGHT_PER_MINUTE", str(UNHURRIED))
    with local_venue(quiet_world(START, PRICES, days=2), weight_per_minute=UNHURRIED) as venue:
        for name, value in settings(venue, home / "live.db").items():
            monkeypatch.setenv(name, value)
        story = Live(venue=venue, database=home / "live.db", run=run)
        story.begin()
        story.signal()
        yield story


@pytest.mark.parametrize(("kind", "nth", "applied", "expected"), STEPS)
def test_an_entry_killed_at_any_step_is_finished_by_two_clean_ticks(
    live: Live, kind: str, nth: int, expected: tuple[int, int, int], *, applied: bool
) -> None:
    live.venue.faults = killer = Killer(kind, nth, applied=applied)
    process = begin("poll --json")
    killer.aim(process)
    process.communicate(timeout=60)
    assert (process.returncode, killer.struck) == (-signal.SIGKILL, True)
    live.venue.faults = None

    for _ in range(2):
        live.wait(0.5)
        live.do("monitor")
        live.do("poll")
    held = int(live.held() != 0.0)
    assert (held, len(live.stops())) == expected[:2]
    if expected == NOTHING:
        live.wait(0.5)
        live.do("monitor")  # by then it is known that the entry can't land any more
        assert live.rows("SELECT decision FROM signals") == [("SKIP_NEVER_LANDED",)]
    assert len(live.rows("SELECT id FROM our_positions")) == expected[2]

    compared = live.comparison()
    assert compared.differences == []
    assert compared.longest_naked_s <= NAKED_AT_MOST_S
    assert live.do("verify")["ok"]
