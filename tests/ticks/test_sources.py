"""What the ticks ask of their sources, when, and how much at once; what they say when a source is down."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.paper import PaperExchange
from hlcopy.domain.book import ExitReason, PositionStatus
from hlcopy.domain.models import DEFERRED, EXECUTE
from hlcopy.domain.policy import EntryPolicy, Policy
from hlcopy.errors import TryLaterError
from hlcopy.ports import UNKNOWN
from hlcopy.ticks import monitor, poll, positions
from tests.builders import OTHER_TRADER, T0, TRADER, at, fill, poll_mark, trader
from tests.fakes import Crowd, FakeMarket, FakeSource, desk_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from hlcopy.domain.book import Order
    from hlcopy.domain.models import Signal, TraderState
    from hlcopy.ports import Desk, Outcome, UnknownType
    from tests.ticks.conftest import Scene

THIRD = "0x" + "f" * 40


def followed(scene: Scene, *addresses: str) -> None:
    """Follow more traders, polled as long ago as the first."""
    for address in addresses:
        scene.ledger.traders.put([trader(address=address, account_value=400_000.0)])
        scene.ledger.traders.put_mark(address, poll_mark(followed_from=at(-60), read_until=at(-60), polled_at=at(-60)))
        scene.source.equity[address] = 400_000.0


def entered(scene: Scene, desk: Desk) -> None:
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    assert len(scene.ledger.book.positions()) == 1


def decision_of(scene: Scene, order_key: str) -> Signal:
    return next(signal for signal in scene.ledger.signals.list() if signal.order_key == order_key)


# Together


def test_the_fills_of_all_due_traders_are_read_at_once_and_so_are_the_states_of_all_candidates(scene: Scene) -> None:
    followed(scene, OTHER_TRADER, THIRD)
    scene.market.set("ETH", at(-60), 3_000.0)
    scene.source.add(fill(trader=OTHER_TRADER, coin="ETH", price=3_000.0, size=20.0, oid=7, time=T0))
    crowd = Crowd()
    desk = desk_of(scene.ledger, scene.source, scene.market, together=crowd)
    poll.run(desk, at(1))
    crowd.asked.clear()

    poll.run(desk, at(15))

    fills, _, states = crowd.asked
    assert sorted(address for address, _ in fills) == sorted([TRADER, OTHER_TRADER, THIRD])
    assert sorted(states) == sorted([TRADER, OTHER_TRADER])


def test_positions_reads_all_traders_at_once_and_never_asks_for_an_equity(scene: Scene) -> None:
    followed(scene, OTHER_TRADER)
    scene.ledger.traders.put([trader(address=THIRD, tier="secondary")])
    crowd = Crowd()
    desk = desk_of(scene.ledger, scene.source, scene.market, together=crowd)

    positions.run(desk, at(1))

    assert crowd.asked == [sorted([TRADER, OTHER_TRADER, THIRD])]
    assert {kind for kind, _ in scene.source.read} == {"positions"}


def test_all_suspicious_positions_share_one_pause_and_what_is_held_is_read_once(scene: Scene) -> None:
    followed(scene, OTHER_TRADER, THIRD)
    for number, (address, coin) in enumerate([(OTHER_TRADER, "ETH"), (THIRD, "SOL")], 7):
        scene.market.set(coin, at(-60), 3_000.0)
        scene.source.add(fill(trader=address, coin=coin, price=3_000.0, size=20.0, oid=number, time=T0))
    paused: list[float] = []
    desk = desk_of(scene.ledger, scene.source, scene.market, paused=paused)
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    scene.source.held = {TRADER: {"BTC": 0.0}, OTHER_TRADER: {"ETH": 0.0}}
    scene.source.read.clear()

    report = positions.run(desk, at(30))

    assert paused == [5.0]
    assert report.counts["liquidated"] == 2
    read = [address for _, address in scene.source.read]
    assert {address: read.count(address) for address in read} == {TRADER: 2, OTHER_TRADER: 2, THIRD: 1}
    (left,) = scene.ledger.book.positions()
    assert left.coin == "SOL"


def test_a_position_that_is_back_in_the_second_reading_was_not_liquidated(scene: Scene) -> None:
    paused: list[float] = []
    desk = desk_of(scene.ledger, scene.source, scene.market, paused=paused)
    entered(scene, desk)
    scene.source.held[TRADER] = {"BTC": 0.0}
    back = replace(desk, pause=lambda _seconds: scene.source.held.clear())

    report = positions.run(back, at(30))

    assert (report.counts["liquidated"], report.problems) == (0, ())
    assert scene.ledger.book.positions()[0].status is PositionStatus.OPEN


def test_one_good_and_one_failed_reading_exit_nothing(scene: Scene) -> None:
    desk = desk_of(scene.ledger, scene.source, scene.market)
    entered(scene, desk)
    scene.source.held[TRADER] = {"BTC": 0.0}
    failing = replace(desk, pause=lambda _seconds: scene.source.unreadable.add(TRADER))

    report = positions.run(failing, at(30))

    assert [problem.code for problem in report.problems] == ["TRADER_UNREADABLE"]
    assert scene.ledger.book.positions()[0].status is PositionStatus.OPEN


def test_fills_that_poll_has_stored_are_not_read_again_to_judge_a_liquidation(scene: Scene) -> None:
    desk = desk_of(scene.ledger, scene.source, scene.market)
    entered(scene, desk)
    scene.source.add(fill(coin="ETH", price=3_000.0, size=1.0, oid=9, time=at(hours=5)))
    poll.run(desk, at(hours=6))
    scene.source.asked.clear()

    positions.run(desk, at(hours=6.1))

    assert scene.source.asked == [(TRADER, at(-5, hours=5))]


def test_a_liquidation_is_not_judged_by_fills_that_may_be_incomplete(scene: Scene) -> None:
    desk = desk_of(scene.ledger, scene.source, scene.market)
    entered(scene, desk)
    scene.source.held[TRADER] = {"BTC": 0.0}
    scene.source.silent.add(TRADER)

    report = positions.run(desk, at(30))

    assert [problem.code for problem in report.problems] == ["FILLS_UNREADABLE"]
    assert scene.ledger.book.positions()[0].status is PositionStatus.OPEN


def test_two_copies_of_one_trader_are_judged_by_one_read_from_before_the_earlier_trade(scene: Scene) -> None:
    scene.source.add(fill(coin="AAVE", price=3_000.0, size=20.0, oid=7, time=at(-10)))
    scene.market.set("AAVE", at(-60), 3_000.0)
    desk = desk_of(scene.ledger, scene.source, scene.market)
    poll.run(desk, at(1))
    poll.run(desk, at(5))
    poll.run(desk, at(15))
    assert len(scene.ledger.book.positions()) == 2
    scene.ledger.traders.put_mark(TRADER, poll_mark(followed_from=at(5), read_until=at(20), polled_at=at(20)))
    scene.source.asked.clear()

    positions.run(desk, at(30))

    assert scene.source.asked == [(TRADER, at(-70))]


def test_a_trader_followed_only_since_the_copied_trade_is_read_from_before_it(scene: Scene) -> None:
    desk = desk_of(scene.ledger, scene.source, scene.market)
    entered(scene, desk)
    scene.ledger.traders.put_mark(TRADER, poll_mark(followed_from=at(5), read_until=at(20), polled_at=at(20)))
    scene.source.asked.clear()

    positions.run(desk, at(30))

    assert scene.source.asked == [(TRADER, at(-60))]


# Room


def test_poll_reads_as_many_traders_as_there_is_room_for_and_the_rest_stay_due(scene: Scene) -> None:
    followed(scene, OTHER_TRADER, THIRD)
    scene.ledger.traders.put_mark(THIRD, poll_mark(followed_from=at(-90), read_until=at(-90), polled_at=at(-90)))
    scene.source.capacity = 2
    desk = scene.desk()

    first = poll.run(desk, at(1))
    second = poll.run(desk, at(2))

    assert [first.counts["traders"], first.counts["waiting"]] == [2, 1]
    assert [second.counts["traders"], second.counts["waiting"]] == [1, 0]
    assert (first.problems, first.unreachable) == ((), False)
    asked = [address for address, _ in scene.source.asked]
    assert asked[0] == THIRD
    assert sorted(asked) == sorted([TRADER, OTHER_TRADER, THIRD])


def test_a_trader_with_a_ripe_order_or_an_open_copy_comes_before_those_unread_for_longest(scene: Scene) -> None:
    desk = scene.desk()
    poll.run(desk, at(1))
    followed(scene, OTHER_TRADER, THIRD)
    scene.source.capacity = 1

    ripe = poll.run(desk, at(15))
    assert [signal.decision for signal in ripe.decisions] == [EXECUTE]
    poll.run(desk, at(20))

    assert [address for address, _ in scene.source.asked] == [TRADER, TRADER, TRADER]


def test_without_room_nothing_is_read_and_nothing_is_lost(scene: Scene) -> None:
    desk = scene.desk()
    poll.run(desk, at(1))
    scene.source.capacity = 0

    report = poll.run(desk, at(15))
    assert (report.counts["traders"], report.counts["waiting"], report.unreachable, report.ok) == (0, 1, False, True)
    scene.source.capacity = None

    assert [signal.decision for signal in poll.run(desk, at(16)).decisions] == [EXECUTE]


def test_who_can_t_be_read_keeps_nobody_from_a_turn_and_is_asked_again_at_its_own(scene: Scene) -> None:
    followed(scene, OTHER_TRADER, THIRD)
    scene.ledger.traders.put_mark(THIRD, poll_mark(followed_from=at(-90), read_until=at(-90), polled_at=at(-90)))
    scene.source.capacity, scene.source.silent = 1, {THIRD}

    for minutes in (1, 2, 3, 4, 5):
        poll.run(scene.desk(), at(minutes))

    addresses, begins = zip(*scene.source.asked, strict=True)
    assert addresses[0] == addresses[3] == THIRD
    assert sorted(addresses[1:3]) == sorted([TRADER, OTHER_TRADER])
    assert begins[3] == at(-90)  # it was read no further


def test_who_can_t_be_read_comes_first_no_more_for_a_ripe_order(scene: Scene) -> None:
    desk = scene.desk()
    poll.run(desk, at(1))
    followed(scene, OTHER_TRADER)
    scene.ledger.traders.put_mark(OTHER_TRADER, poll_mark(followed_from=at(-60), read_until=at(12), polled_at=at(12)))
    scene.source.capacity, scene.source.silent = 1, {TRADER}
    scene.source.asked.clear()

    for minutes in (15, 16, 17):
        poll.run(desk, at(minutes))

    assert [address for address, _ in scene.source.asked] == [TRADER, OTHER_TRADER, TRADER]


def test_a_source_that_is_down_for_all_is_asked_again_by_the_next_tick(scene: Scene) -> None:
    scene.source.silent = {TRADER}
    poll.run(scene.desk(), at(1))
    poll.run(scene.desk(), at(2))
    assert [address for address, _ in scene.source.asked] == [TRADER, TRADER]


# Down


def test_a_source_that_is_down_for_all_makes_a_tick_unreachable_and_one_trader_doesn_t(scene: Scene) -> None:
    followed(scene, OTHER_TRADER)
    scene.source.silent = scene.source.unreadable = {TRADER}
    assert not poll.run(scene.desk(), at(1)).unreachable
    assert not positions.run(scene.desk(), at(1)).unreachable

    scene.source.silent = scene.source.unreadable = {TRADER, OTHER_TRADER}
    polled, refreshed = poll.run(scene.desk(), at(6)), positions.run(scene.desk(), at(6))
    assert (polled.unreachable, len(polled.problems)) == (True, 2)
    assert (refreshed.unreachable, len(refreshed.problems)) == (True, 2)


def test_a_tick_with_nobody_to_read_is_not_unreachable(scene: Scene) -> None:
    poll.run(scene.desk(), at(1))
    assert not poll.run(scene.desk(), at(2)).unreachable
    scene.ledger.traders.put([trader(tier=None)])
    assert not positions.run(scene.desk(), at(2)).unreachable


def test_prices_that_can_t_be_looked_at_end_a_tick_for_later_and_lose_no_order(scene: Scene) -> None:
    desk = scene.desk()
    entered(scene, desk)
    scene.market.dark = True
    for tick in (monitor.run, positions.run):
        with pytest.raises(TryLaterError):
            tick(desk, at(20))
    assert scene.ledger.book.positions()[0].status is PositionStatus.OPEN

    scene.market.dark = False
    scene.market.set("BTC", at(21), 56_000.0)
    monitor.run(desk, at(22))
    (closed,) = scene.ledger.book.positions(live_only=False)
    assert closed.close_reason is ExitReason.STOP_LOSS


def test_a_first_sight_candidate_that_an_open_answer_kept_waiting_stays_due(scene: Scene) -> None:
    followed(scene, OTHER_TRADER)
    scene.market.set("ETH", at(-60), 3_000.0)
    scene.source.add(fill(trader=OTHER_TRADER, coin="ETH", price=3_000.0, size=20.0, oid=7, time=at(0.5)))
    desk = scene.desk()

    class Mute(PaperExchange):
        """Does nothing and says nothing."""

        def send(self, order: Order, now: datetime) -> Outcome:  # noqa: ARG002 - the port's signature
            return UNKNOWN

    mute = Mute(scene.ledger, scene.market, desk.policy.costs, 100_000.0)
    poll.run(replace(desk, exchange=mute), at(16))
    assert len(scene.ledger.signals.list()) == 1

    poll.run(desk, at(17))

    assert {signal.coin: signal.decision for signal in scene.ledger.signals.list()} == {"BTC": EXECUTE, "ETH": EXECUTE}


def test_rules_that_can_t_be_read_end_the_tick_and_the_order_is_entered_by_the_next(scene: Scene) -> None:
    desk = scene.desk()
    scene.market.lawless = True
    with pytest.raises(TryLaterError):
        poll.run(desk, at(15))
    scene.market.lawless = False

    assert [signal.decision for signal in poll.run(desk, at(16)).decisions] == [EXECUTE]


# Under the lock


@contextmanager
def waited_for(scene: Scene) -> Iterator[None]:
    """Stand for a lock that was waited for while the trader turned."""
    scene.source.held[TRADER] = {"BTC": -1.0}
    yield


def test_a_trader_s_state_is_asked_again_under_the_lock(scene: Scene) -> None:
    desk = scene.desk()
    poll.run(desk, at(1))

    poll.run(replace(desk, account_lock=lambda: waited_for(scene)), at(15))

    assert scene.source.read == [("state", TRADER), ("state", TRADER)]
    assert decision_of(scene, "oid:1").decision == "SKIP_REVERSED_AFTER_DELAY"


def test_a_trader_who_couldn_t_be_read_before_the_lock_keeps_nobody_waiting_under_it(scene: Scene) -> None:
    desk = scene.desk()
    poll.run(desk, at(1))
    scene.source.unreadable.add(TRADER)

    poll.run(desk, at(15))

    assert scene.source.read == [("state", TRADER)]
    assert decision_of(scene, "oid:1").wait == "unknown_trader_state"


def test_a_trader_blacklisted_while_the_lock_was_waited_for_is_not_copied(scene: Scene) -> None:
    desk = scene.desk()
    poll.run(desk, at(1))

    @contextmanager
    def lock() -> Iterator[None]:
        scene.ledger.traders.blacklist(TRADER, at(days=14))
        yield

    poll.run(replace(desk, account_lock=lock), at(15))

    assert decision_of(scene, "oid:1").decision == "SKIP_TRADER_BLACKLISTED"


# Two markets


@pytest.mark.parametrize(
    ("theirs", "ours", "decision"),
    [
        (60_000.0, 30_000.0, EXECUTE),
        (66_000.0, 60_000.0, "SKIP_SLIPPAGE_EXCEEDED"),
        (None, 60_000.0, "SKIP_NO_PRICE"),
        (60_000.0, None, "SKIP_NO_PRICE"),
        (60_000.0, float("nan"), "SKIP_NO_PRICE"),
        (60_000.0, 0.0, "SKIP_NO_PRICE"),
    ],
    ids=[
        "the venue's own price is another",
        "the reference has run away",
        "the reference has no price",
        "the venue has no price",
        "the venue's price is no number",
        "the venue's price is zero",
    ],
)
def test_the_trader_s_price_is_compared_with_the_reference_and_the_entry_is_priced_at_the_venue(
    scene: Scene, theirs: float | None, ours: float | None, decision: str
) -> None:
    reference = FakeMarket()
    scene.market.path.clear()
    for market, price in ((reference, theirs), (scene.market, ours)):
        if price is not None:
            market.set("BTC", at(-60), price)
    desk = desk_of(scene.ledger, scene.source, scene.market, reference=reference)
    poll.run(desk, at(1))
    poll.run(desk, at(15))

    assert decision_of(scene, "oid:1").decision == decision
    held = [(position.size, round(position.entry_price)) for position in scene.ledger.book.positions()]
    assert held == ([(0.25, 30_006)] if decision == EXECUTE else [])


@pytest.mark.parametrize("unreadable", ["reference", "venue"])
def test_either_price_that_can_t_be_read_defers(scene: Scene, unreadable: str) -> None:
    reference = FakeMarket()
    reference.set("BTC", at(-60), 60_000.0)
    desk = desk_of(scene.ledger, scene.source, scene.market, reference=reference)
    poll.run(desk, at(1))
    market = reference if unreadable == "reference" else scene.market
    market.unreadable.add("BTC")
    poll.run(desk, at(15))
    assert decision_of(scene, "oid:1").wait == "unknown_price"

    market.unreadable.clear()
    poll.run(desk, at(16))
    assert decision_of(scene, "oid:1").decision == EXECUTE


# Equity


def test_an_equity_that_the_score_didn_t_know_is_read_and_weighed(scene: Scene) -> None:
    scene.ledger.traders.put([trader(account_value=None)])
    desk = scene.desk()

    (waiting,) = poll.run(desk, at(1)).decisions
    assert (waiting.wait, waiting.position_weight) == ("confirmation", 0.15)
    assert poll.run(desk, at(15)).decisions[0].decision == EXECUTE


@pytest.mark.parametrize("unreadable", [True, False])
def test_an_equity_that_nobody_knows_defers_until_the_order_is_too_old(scene: Scene, *, unreadable: bool) -> None:
    scene.ledger.traders.put([trader(account_value=None)])
    scene.source.equity.clear()
    if unreadable:
        scene.source.unreadable.add(TRADER)
    desk = scene.desk()

    (waiting,) = poll.run(desk, at(1)).decisions
    assert (waiting.decision, waiting.wait, waiting.check_at) == (DEFERRED, "unknown_trader_state", at(2))
    assert poll.run(desk, at(24)).decisions[0].decision == DEFERRED
    assert poll.run(desk, at(25)).decisions[0].decision == "SKIP_TOO_OLD"


def test_an_equity_read_too_long_ago_is_unknown(scene: Scene) -> None:
    scene.ledger.traders.put([trader(account_value=None)])
    desk = scene.desk()

    class Late(FakeSource):
        """Its equities were read two hours ago."""

        def state(self, trader: str, now: datetime) -> TraderState | UnknownType:
            state = super().state(trader, now)
            return state if state is UNKNOWN else replace(state, read_at=at(-120))

    late = Late(equity=scene.source.equity, given=scene.source.given)

    assert poll.run(replace(desk, source=late), at(1)).decisions[0].wait == "unknown_trader_state"


def test_in_a_replay_an_equity_that_nobody_stated_stays_unknown(scene: Scene) -> None:
    scene.ledger.traders.put([trader(account_value=None)])
    scene.source.equity.clear()
    desk = scene.desk(Policy(entry=EntryPolicy(max_state_age=None)))

    assert poll.run(desk, at(1)).decisions[0].decision == "SKIP_UNKNOWN_EQUITY"


def test_traders_who_plainly_hold_what_we_copied_are_read_only_as_far_as_the_source_has_room(scene: Scene) -> None:
    desk = desk_of(scene.ledger, scene.source, scene.market)
    entered(scene, desk)
    scene.source.asked.clear()
    scene.source.capacity = 0
    assert positions.run(desk, at(30)).problems == ()
    assert scene.source.asked == []
    scene.source.held[TRADER] = {"BTC": 0.0}  # gone: this must be looked into, whatever the room
    positions.run(desk, at(45))
    assert [address for address, _ in scene.source.asked] == [TRADER]


def test_a_poll_that_has_nobody_to_follow_says_how_to_find_somebody(scene: Scene) -> None:
    assert poll.run(scene.desk(), at(1)).notes == ()
    scene.ledger.traders.put([trader(address=TRADER, tier=None)])
    assert "hlcopy score" in poll.run(scene.desk(), at(2)).notes[0]
