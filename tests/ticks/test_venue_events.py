"""What the venue or a person does to our positions while we sleep is found, booked with its reason, and protected anew."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from hlcopy.domain.book import ExitReason, IntentState, PositionStatus, Purpose
from hlcopy.domain.instrument import Instrument
from hlcopy.domain.models import EXECUTE
from hlcopy.errors import TryLaterError
from hlcopy.ports import Accepted, RestingOrder, RestingStop
from hlcopy.ticks import monitor, poll, positions
from tests.builders import TRADER, at, fill, our_fill
from tests.ticks.eventful import Eventful, entered
from tests.ticks.looks import only, read

if TYPE_CHECKING:
    from hlcopy.domain.book import Order
    from hlcopy.ports import Desk
    from tests.ticks.conftest import Scene


def told(scene: Scene) -> list[str]:
    return [line.action for line in scene.ledger.book.actions()]


def test_nothing_is_read_between_the_entry_s_answer_and_its_stop(scene: Scene) -> None:
    _, venue = entered(scene)
    sent = venue.asked.index("send entry")
    assert venue.asked[sent + 1] == "send stop"


@pytest.mark.parametrize(
    ("forced", "reason"),
    [
        (ExitReason.LIQUIDATED, ExitReason.LIQUIDATED),
        (ExitReason.ADL, ExitReason.ADL),
        (ExitReason.SETTLED, ExitReason.SETTLED),
        (None, ExitReason.CLOSED_ON_VENUE),
    ],
)
def test_what_ended_a_position_without_us_is_booked_at_the_venue_s_price_with_its_reason(
    scene: Scene, forced: ExitReason | None, reason: ExitReason
) -> None:
    desk, venue = entered(scene)
    held = only(scene)
    venue.positions["BTC"] = {}
    venue.more_fills = [
        our_fill(
            is_buy=False, price=61_000.0, size=held.size, fee=3.0, time=at(20), forced=forced, client_order_id=None
        )
    ]
    monitor.run(desk, at(21))

    closed = only(scene)
    assert (closed.status, closed.close_reason, closed.closed_at) == (PositionStatus.CLOSED, reason, at(20))
    assert closed.exit_price == 61_000.0
    assert closed.realized_pnl_usd == pytest.approx(
        (61_000.0 - held.entry_price) * held.size - closed.fees_usd - closed.funding_usd
    )
    assert read(desk, 21).stops == ()


@pytest.mark.parametrize("hidden_fills", [False, True])
def test_what_ended_a_position_before_its_entry_was_known_to_have_filled_is_booked_to_it(
    scene: Scene, *, hidden_fills: bool
) -> None:
    desk = scene.desk()
    poll.run(desk, at(1))
    venue = Eventful(desk.exchange, dark_after={Purpose.ENTRY})
    desk = replace(desk, exchange=venue)  # type: ignore[arg-type]
    with suppress(TryLaterError):
        poll.run(desk, at(15))
    venue.dark = False
    held = only(scene)
    assert held.status is PositionStatus.OPENING
    venue.positions["BTC"] = {}
    taken = our_fill(is_buy=False, price=61_000.0, size=held.size, time=at(15.2), client_order_id=None)
    venue.more_fills = [replace(taken, forced=ExitReason.ADL)]
    venue.hidden_fills = hidden_fills
    monitor.run(desk, at(15.5))
    venue.hidden_fills = False
    monitor.run(desk, at(16))

    closed = only(scene)
    assert (closed.status, closed.close_reason, closed.exit_price) == (PositionStatus.CLOSED, ExitReason.ADL, 61_000.0)
    assert closed.realized_pnl_usd == pytest.approx(
        (61_000.0 - closed.entry_price) * held.size - closed.fees_usd - closed.funding_usd
    )


def test_a_fill_from_before_a_position_isn_t_booked_to_it(scene: Scene) -> None:
    desk, venue = entered(scene)
    held = only(scene)
    venue.more_fills = [our_fill(is_buy=False, size=held.size, time=at(14), client_order_id=None)]
    monitor.run(desk, at(16))

    assert (only(scene).status, only(scene).size) == (PositionStatus.OPEN, held.size)
    assert [fill.is_buy for fill in scene.ledger.book.fills(held.signal_id)] == [True]


def test_a_fill_that_names_the_venue_s_number_alone_belongs_to_our_order(scene: Scene) -> None:
    desk, venue = entered(scene)
    held = only(scene)
    assert held.stop_client_order_id is not None
    stop = scene.ledger.book.order(held.stop_client_order_id)
    assert stop is not None
    scene.ledger.book.put_order(replace(stop, venue_order_id=4711))
    venue.positions["BTC"] = {}
    venue.more_fills = [
        our_fill(is_buy=False, price=57_000.0, size=held.size, time=at(20), client_order_id=None, venue_order_id=4711)
    ]
    monitor.run(desk, at(21))
    assert only(scene).close_reason is ExitReason.STOP_LOSS


def test_a_stop_that_somebody_cancelled_is_placed_again_in_the_same_tick_and_the_story_says_so(scene: Scene) -> None:
    desk, _ = entered(scene)
    held = only(scene)
    assert held.stop_client_order_id is not None
    stop = scene.ledger.book.order(held.stop_client_order_id)
    assert stop is not None
    desk.exchange.cancel(stop, at(20))
    monitor.run(desk, at(20))

    again = only(scene)
    assert again.stop_confirmed
    assert again.stop_client_order_id != held.stop_client_order_id
    assert [resting.client_order_id for resting in read(desk, 20).stops] == [again.stop_client_order_id]
    assert told(scene) == ["entered", "stop_placed", "stop_missing", "stop_restored"]
    states = {sent.client_order_id: sent.state for sent in scene.ledger.book.orders(purpose=Purpose.STOP)}
    assert states == {
        held.stop_client_order_id: IntentState.CANCELLED,
        again.stop_client_order_id: IntentState.RESTING,
    }


def test_a_position_whose_stop_fired_into_too_little_is_closed_for_the_stop_s_reason(scene: Scene) -> None:
    """The price is past the stop, no stop rests any more, and part of the position is left."""
    desk, venue = entered(scene)
    held = only(scene)
    assert held.stop_client_order_id is not None
    stop = scene.ledger.book.order(held.stop_client_order_id)
    assert stop is not None
    desk.exchange.cancel(stop, at(20))
    scene.market.set("BTC", at(20), 50_000.0)
    monitor.run(desk, at(20))
    assert (only(scene).status, only(scene).close_reason) == (PositionStatus.CLOSED, ExitReason.STOP_LOSS)
    assert "send stop" not in venue.asked[venue.asked.index("send exit") - 2 :]


def test_a_position_that_would_be_liquidated_before_its_stop_is_closed_at_once(scene: Scene) -> None:
    desk, venue = entered(scene)
    venue.positions["BTC"] = {"liquidation_price": 58_000.0}
    monitor.run(desk, at(20))
    venue.positions.clear()
    monitor.run(desk, at(20.5))
    assert only(scene).close_reason is ExitReason.STOP_REJECTED


def test_what_isn_t_ours_is_reported_and_left_alone(scene: Scene) -> None:
    desk, venue = entered(scene)
    venue.stops = (RestingStop("SOL", False, 3.0, 100.0, True, None),)  # noqa: FBT003 - a row of the port
    venue.orders = (RestingOrder("ETH", True, 1.0, 2_000.0, False, "0x" + "9" * 32),)  # noqa: FBT003 - see above
    report = monitor.run(desk, at(20))
    assert [(problem.code, problem.item) for problem in report.problems] == [
        ("FOREIGN_ORDER", "ETH"),
        ("FOREIGN_ORDER", "SOL"),
    ]
    assert only(scene).status is PositionStatus.OPEN


def test_a_position_in_cross_margin_is_reported(scene: Scene) -> None:
    desk, venue = entered(scene)
    venue.positions["BTC"] = {"isolated": False}
    assert [problem.code for problem in monitor.run(desk, at(20)).problems] == ["NOT_ISOLATED"]


def test_exits_that_the_venue_shows_late_are_booked_late(scene: Scene) -> None:
    desk, venue = entered(scene)
    held = only(scene)
    venue.positions["BTC"] = {}
    for minutes in (20, 21, 22.5):
        monitor.run(desk, at(minutes))
    assert (only(scene).close_reason, only(scene).realized_pnl_usd) == (ExitReason.CLOSED_ON_VENUE, None)

    late = our_fill(is_buy=False, price=60_500.0, size=held.size, fee=3.0, time=at(19.5), forced=ExitReason.ADL)
    venue.more_fills = [replace(late, client_order_id=None)]
    monitor.run(desk, at(23))
    closed = only(scene)
    assert (closed.close_reason, closed.exit_price, closed.closed_at) == (ExitReason.ADL, 60_500.0, at(19.5))
    assert closed.realized_pnl_usd == pytest.approx((60_500.0 - held.entry_price) * held.size - closed.fees_usd)


def test_funding_of_the_hour_in_which_a_position_ended_is_charged_late(scene: Scene) -> None:
    desk, venue = entered(scene)
    held = only(scene)
    venue.positions["BTC"] = {}
    venue.more_fills = [
        our_fill(is_buy=False, price=60_500.0, size=held.size, fee=0.0, time=at(60, seconds=0.4), client_order_id=None)
    ]
    venue.funding_usd = 0.0
    monitor.run(desk, at(60, seconds=5))
    before = only(scene).realized_pnl_usd
    assert before is not None
    venue.funding_usd = 1.25
    monitor.run(desk, at(61, seconds=5))
    assert (only(scene).funding_usd, only(scene).realized_pnl_usd) == (1.25, pytest.approx(before - 1.25))
    venue.funding_usd = 99.0
    monitor.run(desk, at(63))
    assert only(scene).funding_usd == 1.25


def test_a_stop_that_filled_is_known_as_filled(scene: Scene) -> None:
    desk, venue = entered(scene)
    held = only(scene)
    venue.hidden_stops = True
    known = Accepted(IntentState.FILLED, held.size, 57_000.0, 99)
    desk = replace(desk, exchange=_Finding(venue, known))  # type: ignore[arg-type]
    monitor.run(desk, at(20))
    assert held.stop_client_order_id is not None
    stop = scene.ledger.book.order(held.stop_client_order_id)
    assert stop is not None
    assert (stop.state, stop.filled_size, stop.venue_order_id) == (IntentState.FILLED, held.size, 99)


class _Finding(Eventful):
    """Answers the same about every order."""

    def __init__(self, venue: Any, found: Accepted) -> None:  # noqa: ANN401 - it stands in for the port
        super().__init__(venue)
        self._found = found

    def find(self, client_order_id: str, now: Any) -> Any:  # noqa: ANN401, ARG002 - the port's signature
        return self._found


@pytest.mark.parametrize("mark", [0.0, float("nan")])
@pytest.mark.parametrize("hours", [0, 73])
def test_a_position_shown_without_a_value_keeps_its_stop_and_leaves_the_others_theirs(
    scene: Scene, mark: float, hours: float
) -> None:
    scene.market.set("ETH", at(-60), 3_000.0)
    scene.source.add(fill(coin="ETH", price=3_000.0, size=30.0, oid=7, time=at(0.5)))
    desk, venue = entered(scene)
    poll.run(desk, at(16))
    for stop in scene.ledger.book.orders(purpose=Purpose.STOP):
        desk.exchange.cancel(stop, at(17))
    venue.positions["BTC"] = {"mark": mark}
    scene.market.unreadable.add("BTC")

    monitor.run(desk, at(17, hours=hours))

    held = read(desk, 17 + hours * 60)
    assert {stop.coin for stop in held.stops} == set(held.positions)
    assert set(held.positions) == ({"BTC"} if hours else {"BTC", "ETH"})  # ETH's time is up as well, and it has a price
    if hours:
        venue.positions.clear()
        monitor.run(desk, at(18, hours=hours))
        assert {each.close_reason for each in scene.ledger.book.positions(live_only=False)} == {ExitReason.TIME_STOP}


@dataclass
class Busy(Eventful):
    """Can't send anything for one coin: the database is kept busy when it is that one's turn."""

    coin: str = "BTC"

    def send(self, order: Order, now: Any) -> Any:  # noqa: ANN401 - see above
        if order.coin == self.coin:
            message = "another hlcopy command kept the database busy"
            raise TryLaterError(message)
        return super().send(order, now)


def two_entered(scene: Scene) -> Desk:
    scene.market.set("ETH", at(-60), 3_000.0)
    scene.source.add(fill(coin="ETH", price=3_000.0, size=30.0, oid=7, time=at(0.5)))
    desk, _ = entered(scene)
    poll.run(desk, at(16))
    return desk


def test_a_stop_that_can_t_be_sent_now_keeps_no_other_position_from_its_own(scene: Scene) -> None:
    desk = two_entered(scene)
    for stop in scene.ledger.book.orders(purpose=Purpose.STOP):
        desk.exchange.cancel(stop, at(17))
    busy = replace(desk, exchange=Busy(desk.exchange))  # type: ignore[arg-type]

    with pytest.raises(TryLaterError, match="busy"):
        monitor.run(busy, at(17))

    assert [stop.coin for stop in read(desk, 17).stops] == ["ETH"]
    monitor.run(desk, at(18))
    assert {stop.coin for stop in read(desk, 18).stops} == {"BTC", "ETH"}


def test_an_exit_that_can_t_be_sent_now_keeps_no_other_position_from_its_own(scene: Scene) -> None:
    desk = two_entered(scene)
    busy = replace(desk, exchange=Busy(desk.exchange))  # type: ignore[arg-type]

    report = monitor.run(busy, at(17, hours=72))

    assert [(problem.code, problem.item) for problem in report.problems] == [("NOT_MANAGED", "BTC")]
    assert set(read(desk, 17 + 72 * 60).positions) == {"BTC"}
    monitor.run(desk, at(18, hours=72))
    assert read(desk, 18 + 72 * 60).positions == {}


def test_a_copy_that_can_t_be_left_now_keeps_no_other_of_a_liquidated_trader_from_being_left(scene: Scene) -> None:
    desk = two_entered(scene)
    for coin, price, size in (("BTC", 55_000.0, 1.0), ("ETH", 2_800.0, 30.0)):
        scene.source.add(
            fill(
                coin=coin,
                price=price,
                size=size,
                is_buy=False,
                start_position=size,
                oid=9,
                time=at(31),
                liquidated_user=TRADER,
            )
        )
    busy = replace(desk, exchange=Busy(desk.exchange))  # type: ignore[arg-type]

    with pytest.raises(TryLaterError, match="busy"):
        positions.run(busy, at(35))

    assert set(read(desk, 35).positions) == {"BTC"}
    monitor.run(desk, at(36))
    assert read(desk, 36).positions == {}
    reasons = [each.close_reason for each in scene.ledger.book.positions(live_only=False)]
    assert reasons == [ExitReason.TRADER_LIQUIDATED] * 2


class _Coarse:
    """A market whose coin has few decimals."""

    def __init__(self, market: Any, size_decimals: int) -> None:  # noqa: ANN401 - it stands in for the port
        self._market, self._size_decimals = market, size_decimals

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - see above
        return getattr(self._market, name)

    def instrument(self, coin: str) -> Instrument:
        return Instrument(coin=coin, size_decimals=self._size_decimals, max_leverage=10)


@pytest.mark.parametrize(
    ("price", "decision"), [(0.25, EXECUTE), (0.012, "SKIP_NOT_TRADABLE"), (0.0025, "SKIP_NOT_TRADABLE")]
)
def test_a_coin_whose_prices_lie_too_far_apart_for_a_stop_is_not_entered(
    scene: Scene, price: float, decision: str
) -> None:
    """With three size decimals prices have three: from 0.25 the stop lies ten of them away, from 0.012 none."""
    scene.market.set("BTC", at(-60), price)
    scene.source.given.clear()
    scene.source.add(fill(price=price, size=60_000 / price, time=at(0), tid=1))
    desk = scene.desk()
    desk = replace(desk, market=_Coarse(desk.market, 3))
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    assert scene.ledger.signals.list()[0].decision == decision
