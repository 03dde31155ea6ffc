"""What tests of ticks look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hlcopy.ports import UNKNOWN
from tests.builders import at

if TYPE_CHECKING:
    from hlcopy.domain.book import Position
    from hlcopy.ports import Account, Desk
    from tests.ticks.conftest import Scene


def only(scene: Scene) -> Position:
    """Return the only position there ever was."""
    (position,) = scene.ledger.book.positions(live_only=False)
    return position


def read(desk: Desk, minutes: float) -> Account:
    """Return our account as the venue shows it, which it must."""
    account = desk.exchange.account(at(minutes))
    assert account is not UNKNOWN
    return account
