"""What counts against our limits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from hlcopy.domain.models import EXECUTE
from hlcopy.ports import VenuePosition
from hlcopy.ticks import poll
from tests.builders import at

if TYPE_CHECKING:
    from tests.ticks.conftest import Scene


@dataclass
class Shared:
    """The paper venue, where another program holds something in our account."""

    venue: Any
    held: VenuePosition

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - it stands in for the port
        return getattr(self.venue, name)

    def account(self, now: Any) -> Any:  # noqa: ANN401 - see above
        account = self.venue.account(now)
        return replace(account, positions={**account.positions, self.held.coin: self.held})


def held(coin: str, size: float, mark: float) -> VenuePosition:
    return VenuePosition(coin, size, mark, 3, isolated=True, liquidation_price=None, mark=mark)


@pytest.mark.parametrize(
    ("foreign", "decision"),
    [
        pytest.param(held("BTC", -0.01, 60_000.0), "SKIP_ALREADY_IN_TOKEN", id="the coin itself"),
        pytest.param(held("SOL", 400.0, 150.0), "SKIP_MAX_EXPOSURE", id="more than half of our equity elsewhere"),
        pytest.param(held("SOL", -10.0, 150.0), EXECUTE, id="a little elsewhere"),
    ],
)
def test_what_others_hold_counts_against_our_limits_and_keeps_its_coin_from_us(
    scene: Scene, foreign: VenuePosition, decision: str
) -> None:
    desk = scene.desk()
    desk = replace(desk, exchange=Shared(desk.exchange, foreign))  # type: ignore[arg-type]
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    assert [signal.decision for signal in scene.ledger.signals.list()] == [decision]
