"""What somebody else does in a coin of ours is told apart from what we do, however late the fills tell of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hlcopy.domain.book import ExitReason, PositionStatus, Purpose
from hlcopy.ports import UNKNOWN, Accepted
from hlcopy.ticks import monitor, poll
from tests.builders import at, our_fill
from tests.ticks.eventful import Eventful, entered
from tests.ticks.looks import only, read

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hlcopy.domain.book import Order, OurFill, Position
    from hlcopy.ports import Desk, MissingType, Refused, UnknownType
    from tests.ticks.conftest import Scene


def by_hand(minutes: float, size: float, price: float = 61_000.0) -> OurFill:
    """Return a fill that no order of ours did; what is sold is negative."""
    return our_fill(is_buy=size > 0, size=abs(size), price=price, fee=0.0, time=at(minutes), client_order_id=None)


def partly_shown(scene: Scene, share: float) -> tuple[Desk, Eventful, Position, OurFill]:
    """Enter; the venue shows a share of the entry's fills. Return also the fill that is still to come."""
    desk = scene.desk()
    poll.run(desk, at(1))
    venue = Eventful(desk.exchange, hidden_fills=True)
    desk = venue.on(desk)
    poll.run(desk, at(15))
    held = only(scene)
    (sent,) = scene.ledger.book.orders(purpose=Purpose.ENTRY)
    early, late = (
        our_fill(
            size=held.size * part, price=held.entry_price, fee=0.0, time=at(15), client_order_id=sent.client_order_id
        )
        for part in (share, 1 - share)
    )
    venue.more_fills = [early]
    return desk, venue, held, late


def test_what_somebody_trades_right_after_a_position_ended_isn_t_booked_to_it(scene: Scene) -> None:
    desk, venue = entered(scene)
    held = only(scene)
    venue.positions["BTC"] = {}
    theirs = our_fill(is_buy=False, price=60_900.0, size=held.size / 4, time=at(20.3), client_order_id=None)
    venue.more_fills = [
        our_fill(is_buy=False, price=61_000.0, size=held.size / 2, time=at(20), client_order_id=None),
        our_fill(is_buy=False, price=61_000.0, size=held.size / 2, time=at(20), client_order_id=None),
        theirs,
        replace(theirs, identity="back again", is_buy=True, time=at(20.6)),
    ]
    for minutes in (21, 21.5):
        monitor.run(desk, at(minutes))

    closed = only(scene)
    booked = scene.ledger.book.fills(held.signal_id)
    assert [(fill.is_buy, fill.size) for fill in booked] == [(True, held.size), *[(False, held.size / 2)] * 2]
    assert (closed.status, closed.exit_price, closed.closed_at) == (PositionStatus.CLOSED, 61_000.0, at(20))


@pytest.mark.parametrize("part", [0.5, 1.0, 3.0], ids=["less", "as much", "more"])
def test_a_coin_that_somebody_closed_and_opened_anew_while_fills_were_hidden_is_theirs_once_these_tell(
    scene: Scene, part: float
) -> None:
    desk, venue = entered(scene)
    held = only(scene)
    venue.positions["BTC"] = {"size": held.size * part}
    venue.more_fills = [
        our_fill(is_buy=False, price=61_000.0, size=held.size, time=at(20), client_order_id=None),
        our_fill(is_buy=True, price=60_900.0, size=held.size * part, time=at(20.5), client_order_id=None),
    ]
    told, venue.more_fills = venue.more_fills, []
    monitor.run(desk, at(21))
    assert (only(scene).status, [stop.size for stop in read(desk, 21).stops]) == (
        PositionStatus.OPEN,
        [held.size * part],
    )

    venue.more_fills = told
    for minutes in (22, 22.5):
        monitor.run(desk, at(minutes))

    closed = only(scene)
    assert (closed.status, closed.close_reason, closed.closed_at) == (
        PositionStatus.CLOSED,
        ExitReason.CLOSED_ON_VENUE,
        at(20),
    )
    assert (closed.size, closed.exit_price) == (held.size, 61_000.0)
    assert closed.realized_pnl_usd == pytest.approx(
        (61_000.0 - closed.entry_price) * held.size - closed.fees_usd - closed.funding_usd
    )
    assert read(desk, 23).stops == ()


def test_a_rest_that_no_fill_explains_stays_ours_and_keeps_its_stop(scene: Scene) -> None:
    desk, venue = entered(scene)
    held = only(scene)
    venue.positions["BTC"] = {"size": held.size / 2}
    venue.more_fills = [our_fill(is_buy=False, price=61_000.0, size=held.size, time=at(20), client_order_id=None)]
    for minutes in (21, 22):
        monitor.run(desk, at(minutes))

    assert (only(scene).status, only(scene).size) == (PositionStatus.OPEN, held.size / 2)
    assert [stop.size for stop in read(desk, 22).stops] == [held.size / 2]


@pytest.mark.parametrize("part", [0.5, 3.0], ids=["less", "more"])
def test_what_our_stop_did_to_another_s_position_is_no_result_of_ours(scene: Scene, part: float) -> None:
    desk, venue = entered(scene)
    held = only(scene)
    venue.positions["BTC"] = {"size": held.size * part}
    monitor.run(desk, at(21))
    fired = only(scene).stop_client_order_id
    venue.positions["BTC"] = {}
    venue.more_fills = [
        by_hand(20, -held.size),
        by_hand(20.5, held.size * part),
        replace(by_hand(22, -held.size * part, 57_000.0), client_order_id=fired),
    ]
    for minutes in (23, 25):  # it was believed to be larger: it must stay away
        monitor.run(desk, at(minutes))

    closed = only(scene)
    assert (closed.close_reason, closed.closed_at, closed.exit_price) == (ExitReason.CLOSED_ON_VENUE, at(20), 61_000.0)
    assert closed.realized_pnl_usd is not None
    assert closed.realized_pnl_usd + closed.fees_usd + closed.funding_usd == pytest.approx(
        (61_000.0 - closed.entry_price) * held.size
    )


def test_a_foreign_fill_from_before_our_entry_doesn_t_keep_another_s_position_ours(scene: Scene) -> None:
    desk, venue = entered(scene)
    held = only(scene)
    scene.ledger.book.put_position(replace(held, opened_at=at(14)))  # our clock was behind, say
    venue.positions["BTC"] = {"size": held.size / 2}
    venue.more_fills = [by_hand(14.5, -1.0), by_hand(20, -held.size), by_hand(20.5, held.size / 2)]
    for minutes in (21, 22):
        monitor.run(desk, at(minutes))
    assert only(scene).status is PositionStatus.CLOSED


def test_a_late_part_of_an_entry_is_never_left_alone_when_as_much_as_was_shown_has_left(scene: Scene) -> None:
    desk, venue, held, late = partly_shown(scene, 0.4)
    venue.more_fills.append(by_hand(20, -held.size * 0.4))
    venue.positions["BTC"] = {"size": held.size * 0.6}
    monitor.run(desk, at(21))
    venue.positions["BTC"] = {}  # one reading without it
    monitor.run(desk, at(22))
    venue.positions["BTC"] = {"size": held.size * 0.6}
    venue.more_fills.append(late)
    for minutes in (23, 24):
        monitor.run(desk, at(minutes))

    assert (only(scene).status, only(scene).size) == (PositionStatus.OPEN, held.size * 0.6)
    assert len(read(desk, 24).stops) == 1


@pytest.mark.parametrize("cuts", [(1.0,), (0.4, 0.6)], ids=["at once", "in parts"])
def test_the_whole_result_is_booked_though_a_part_of_the_entry_s_fills_comes_after_the_end(
    scene: Scene, cuts: tuple[float, ...]
) -> None:
    desk, venue, held, late = partly_shown(scene, 0.4)
    venue.positions["BTC"] = {}
    venue.more_fills += [
        replace(by_hand(20 + number / 60, -held.size * cut), forced=ExitReason.ADL) for number, cut in enumerate(cuts)
    ]
    monitor.run(desk, at(21))
    venue.more_fills.append(replace(late, fee=0.3))
    for minutes in (22, 23, 80):
        monitor.run(desk, at(minutes))

    closed = only(scene)
    assert (closed.size, closed.fees_usd, closed.close_reason) == (pytest.approx(held.size), 0.3, ExitReason.ADL)
    assert closed.realized_pnl_usd == pytest.approx(
        (61_000.0 - closed.entry_price) * held.size - 0.3 - closed.funding_usd
    )


def test_a_coin_that_stands_on_the_other_side_ends_ours_though_no_fill_tells_of_it(scene: Scene) -> None:
    desk, venue = entered(scene)
    venue.positions["BTC"] = {"size": -only(scene).size / 2}
    for minutes in (21, 22, 24):
        monitor.run(desk, at(minutes))
    assert only(scene).status is PositionStatus.CLOSED


class Unanswered(Eventful):
    """Doesn't answer an entry, nor what became of it while `unknown`."""

    unknown = False

    def send(self, order: Order, now: datetime) -> Accepted | Refused | UnknownType:
        answer = self.venue.send(order, now)
        return UNKNOWN if order.purpose is Purpose.ENTRY else answer

    def find(self, client_order_id: str, now: datetime) -> Accepted | Refused | MissingType | UnknownType:
        return UNKNOWN if self.unknown else self.venue.find(client_order_id, now)


def unanswered(scene: Scene, venue: type[Unanswered] = Unanswered) -> tuple[Desk, Unanswered, Order]:
    desk = scene.desk()
    poll.run(desk, at(1))
    made = venue(desk.exchange)
    desk = made.on(desk)
    poll.run(desk, at(15))
    (sent,) = scene.ledger.book.orders(purpose=Purpose.ENTRY)
    return desk, made, sent


def test_what_somebody_adds_before_an_entry_is_settled_counts_once(scene: Scene) -> None:
    desk, venue, sent = unanswered(scene)
    venue.positions["BTC"] = {"size": sent.size * 1.5}
    venue.more_fills = [by_hand(15.2, sent.size / 2, 60_000.0)]
    for minutes in (15.5, 16):
        monitor.run(desk, at(minutes))
    assert only(scene).size == sent.size * 1.5

    venue.positions["BTC"] = {}
    venue.more_fills.append(by_hand(20, -sent.size * 1.5))
    monitor.run(desk, at(21))
    closed = only(scene)
    assert (closed.status, closed.size, closed.closed_at) == (PositionStatus.CLOSED, sent.size * 1.5, at(20))
    assert closed.realized_pnl_usd is not None


def test_an_entry_s_fill_that_names_the_venue_s_number_alone_counts_once(scene: Scene) -> None:
    class Numbered(Unanswered):
        """Knows the entry by a number that its fills have, too."""

        def find(self, client_order_id: str, now: datetime) -> Accepted | Refused | MissingType | UnknownType:
            found = super().find(client_order_id, now)
            return replace(found, venue_order_id=77) if isinstance(found, Accepted) and found.filled_size else found

        def fills(self, since: datetime, now: datetime) -> Sequence[OurFill] | UnknownType:
            known = super().fills(since, now)
            assert known is not UNKNOWN
            return [replace(each, client_order_id=None, venue_order_id=77) if each.is_buy else each for each in known]

    desk, venue, sent = unanswered(scene, Numbered)
    for minutes in (15.5, 16, 17):
        monitor.run(desk, at(minutes))
    venue.positions["BTC"] = {}
    venue.more_fills.append(by_hand(20, -sent.size))
    monitor.run(desk, at(21))

    closed = only(scene)
    assert (closed.status, closed.size) == (PositionStatus.CLOSED, sent.size)
    assert closed.realized_pnl_usd is not None


def test_the_rest_of_a_position_is_booked_late_though_a_part_of_it_had_left_long_before(scene: Scene) -> None:
    desk, venue = entered(scene)
    held = only(scene)
    venue.positions["BTC"] = {"size": held.size / 2}
    venue.more_fills = [by_hand(20, -held.size / 2)]
    for minutes in (21, 480):
        monitor.run(desk, at(minutes))
    venue.positions["BTC"] = {}
    for minutes in (481, 484):
        monitor.run(desk, at(minutes))
    assert (only(scene).close_reason, only(scene).closed_at) == (ExitReason.CLOSED_ON_VENUE, at(484))

    venue.more_fills.append(by_hand(480.5, -held.size / 2))
    monitor.run(desk, at(485))
    assert only(scene).closed_at == at(480.5)
    assert only(scene).realized_pnl_usd is not None


def test_what_somebody_trades_after_a_position_s_end_without_a_result_is_none_of_it(scene: Scene) -> None:
    desk, venue = entered(scene)
    held = only(scene)
    venue.positions["BTC"] = {}
    for minutes in (21, 24):
        monitor.run(desk, at(minutes))
    venue.more_fills = [by_hand(30, held.size, 50_000.0), by_hand(40, -held.size, 90_000.0)]
    monitor.run(desk, at(41))
    assert only(scene).realized_pnl_usd is None

    venue.more_fills.insert(0, by_hand(20, -held.size))
    monitor.run(desk, at(42))
    closed = only(scene)
    assert (closed.closed_at, closed.size, closed.exit_price) == (at(20), held.size, 61_000.0)


def test_an_entry_that_was_settled_by_a_part_of_it_isn_t_over_by_one_reading_without_it(scene: Scene) -> None:
    desk, venue, sent = unanswered(scene)
    venue.unknown, venue.hidden_fills = True, True
    venue.positions["BTC"] = {}  # the account lags
    early, late = (
        our_fill(size=sent.size * part, price=60_000.0, time=at(15), client_order_id=sent.client_order_id)
        for part in (0.4, 0.6)
    )
    venue.more_fills = [early]
    monitor.run(desk, at(15.5))
    venue.positions["BTC"] = {"size": sent.size}
    monitor.run(desk, at(16))
    venue.positions["BTC"] = {"size": sent.size * 0.6}
    venue.more_fills.append(by_hand(20, -sent.size * 0.4))
    monitor.run(desk, at(20.5))
    venue.positions["BTC"] = {}
    monitor.run(desk, at(21))
    venue.positions["BTC"] = {"size": sent.size * 0.6}
    venue.more_fills.append(late)
    monitor.run(desk, at(22))

    assert (only(scene).status, len(read(desk, 22).stops)) == (PositionStatus.OPEN, 1)


def test_a_result_that_is_known_is_never_unlearnt(scene: Scene) -> None:
    desk, venue, held, _ = partly_shown(scene, 0.4)
    ended = replace(held, status=PositionStatus.CLOSED, closed_at=at(20), realized_pnl_usd=123.0, funding_until=at(90))
    scene.ledger.book.put_position(ended)
    venue.positions["BTC"] = {}
    monitor.run(desk, at(91))
    assert only(scene) == ended
