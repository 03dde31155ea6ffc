"""What the venue refuses, and what somebody changes by hand: an entry ends, an exit goes on, the stop stays right."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from hlcopy.domain.book import ExitReason, IntentState, PositionStatus, Purpose
from hlcopy.domain.refusals import refusal_of
from hlcopy.errors import ConfigError
from hlcopy.ports import Refused
from hlcopy.ticks import monitor, poll
from tests.builders import TRADER, at, fill, our_fill
from tests.ticks.looks import only, read

if TYPE_CHECKING:
    from hlcopy.ports import Desk
    from tests.ticks.conftest import Scene


@dataclass
class Strict:
    """The paper venue, which refuses orders for a purpose with these words, and holds what a test says."""

    venue: Any
    purpose: Purpose = Purpose.ENTRY
    words: list[str] = field(default_factory=list)
    before: Any = None  # what happens as such an order arrives
    held: dict[str, float] = field(default_factory=dict)
    by_hand: list[Any] = field(default_factory=list)
    problem: str | None = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - it stands in for the port
        return getattr(self.venue, name)

    def require_ready(self) -> None:
        if self.problem is not None:
            raise ConfigError(self.problem)

    def send(self, order: Any, now: Any) -> Any:  # noqa: ANN401 - see above
        if order.purpose is not self.purpose or not self.words:
            return self.venue.send(order, now)
        if self.before is not None:
            self.before()
        said = self.words.pop(0)
        return Refused(said, refusal_of(said))

    def account(self, now: Any) -> Any:  # noqa: ANN401 - see above
        account = self.venue.account(now)
        positions = {
            coin: replace(each, size=self.held.get(coin, each.size)) for coin, each in account.positions.items()
        }
        return replace(account, positions=positions)

    def fills(self, since: Any, now: Any) -> Any:  # noqa: ANN401 - see above
        return [*self.venue.fills(since, now), *self.by_hand]


def strict(scene: Scene, **changes: Any) -> tuple[Desk, Strict]:  # noqa: ANN401 - any field of it
    desk = scene.desk()
    venue = Strict(desk.exchange, **changes)
    return replace(desk, exchange=venue), venue  # type: ignore[arg-type]


def entered(scene: Scene, **changes: Any) -> tuple[Desk, Strict]:  # noqa: ANN401 - see above
    desk, venue = strict(scene, **changes)
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    return desk, venue


@pytest.mark.parametrize(
    "words",
    [
        "Insufficient margin to place order. asset=0",
        "Order would increase open interest while open interest is capped. asset=0",
        "Order would increase open interest too quickly. asset=0",
        "Order would cause position to exceed margin tier limit at current leverage. asset=0",
        "Only post-only orders allowed immediately after a network upgrade. asset=0",
        "Something the venue never said before. asset=0",
    ],
)
def test_a_refused_entry_ends_with_the_venue_s_words_and_is_never_sent_again(scene: Scene, words: str) -> None:
    desk, _ = entered(scene, words=[words])
    for minutes in (16, 21, 26):
        poll.run(desk, at(minutes))

    (signal,) = scene.ledger.signals.list()
    assert (signal.decision, signal.detail["order_error"]) == ("SKIP_ORDER_REFUSED", words)
    assert [(sent.purpose, sent.state) for sent in scene.ledger.book.orders()] == [(Purpose.ENTRY, IntentState.REFUSED)]
    assert (scene.ledger.book.positions(live_only=False), read(desk, 26).positions) == ([], {})


@pytest.mark.parametrize(
    "words",
    [
        "Only post-only orders allowed immediately after a network upgrade. asset=0",
        "Order price too far from oracle. asset=0",
        "Order price cannot be more than 80% away from the reference price. asset=0",
        "Too many cumulative requests sent (10001 > 10000) for cumulative volume traded $0.",
    ],
)
def test_a_refused_exit_keeps_its_stop_and_is_priced_anew_by_the_next_tick(scene: Scene, words: str) -> None:
    desk, venue = entered(scene, purpose=Purpose.EXIT)
    venue.words = [words] * 9
    monitor.run(desk, at(15, hours=72))
    assert (only(scene).status, [stop.size for stop in read(desk, 15 + 72 * 60).stops]) == (
        PositionStatus.CLOSING,
        [0.125],
    )

    venue.words = []
    scene.market.set("BTC", at(16, hours=72), 61_000.0)
    monitor.run(desk, at(16, hours=72))
    last = max(scene.ledger.book.orders(purpose=Purpose.EXIT), key=lambda sent: sent.attempt)
    assert last.limit_price is not None
    assert 61_000.0 * 0.9 < last.limit_price < 61_000.0
    assert (only(scene).close_reason, read(desk, 16 + 72 * 60).stops) == (ExitReason.TIME_STOP, ())


def test_an_exit_that_comes_after_the_stop_is_no_failure_and_is_booked_by_the_stop_s_fill(scene: Scene) -> None:
    words = "Reduce only order would increase position. asset=0"
    desk, venue = entered(scene, purpose=Purpose.EXIT)
    venue.words = [words]
    venue.before = lambda: scene.market.set("BTC", at(15, hours=72), 56_000.0)

    reports = [monitor.run(desk, at(minutes, hours=72)) for minutes in (15, 15.5)]

    assert [report.problems for report in reports] == [(), ()]
    closed = only(scene)
    assert (closed.status, closed.close_reason) == (PositionStatus.CLOSED, ExitReason.STOP_LOSS)
    assert closed.exit_price == pytest.approx(56_000.0, rel=0.01)
    assert (read(desk, 16 + 72 * 60).positions, read(desk, 16 + 72 * 60).stops) == ({}, ())


@pytest.mark.parametrize(("size", "bought"), [(0.2, True), (0.05, False)], ids=["bought more", "sold a part"])
def test_what_a_person_adds_or_sells_changes_the_size_of_position_and_stop(
    scene: Scene, size: float, *, bought: bool
) -> None:
    desk, venue = entered(scene)
    venue.held["BTC"] = size
    venue.by_hand = [
        our_fill(
            identity="hand", is_buy=bought, price=60_000.0, size=abs(size - 0.125), time=at(20), client_order_id=None
        )
    ]
    monitor.run(desk, at(21))
    monitor.run(desk, at(22))

    assert (only(scene).status, only(scene).size) == (PositionStatus.OPEN, size)
    assert [stop.size for stop in read(desk, 22).stops] == [size]
    assert sum(sent.purpose is Purpose.ENTRY for sent in scene.ledger.book.orders()) == 1


def test_who_may_not_enter_still_leaves_a_liquidated_trader_and_loses_no_order(scene: Scene) -> None:
    """The clock is off, say: what protects goes on, and what is due to be judged stays so."""
    scene.market.set("ETH", at(-60), 3_000.0)
    desk, venue = entered(scene)
    scene.source.add(
        fill(coin="ETH", price=3_000.0, size=30.0, oid=7, time=at(29)),
        fill(price=55_000.0, is_buy=False, start_position=1.0, oid=2, time=at(30), liquidated_user=TRADER),
    )
    venue.problem = "our clock is 30.0 s behind the venue's"

    with pytest.raises(ConfigError, match=r"30\.0 s behind"):
        poll.run(desk, at(31))
    with pytest.raises(ConfigError, match=r"30\.0 s behind"):
        poll.run(desk, at(36))

    assert only(scene).close_reason is ExitReason.TRADER_LIQUIDATED
    assert {signal.order_key for signal in scene.ledger.signals.list()} == {"oid:1"}
    venue.problem = None
    poll.run(desk, at(37))
    assert {signal.order_key for signal in scene.ledger.signals.list()} >= {"oid:1", "oid:7"}
