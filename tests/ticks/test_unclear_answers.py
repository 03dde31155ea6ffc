"""A venue that does what it is told and says nothing, or forgets for a moment: unknown is never success and never flat."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.domain.book import ExitReason, IntentState, PositionStatus, Purpose
from hlcopy.domain.gates import Approval, Timing
from hlcopy.domain.instrument import Instrument
from hlcopy.domain.models import DEFERRED, EXECUTE, OrderType, SkipReason, Wait
from hlcopy.domain.policy import LimitsPolicy, Policy
from hlcopy.domain.refusals import Refusal
from hlcopy.domain.sizing import CopySize
from hlcopy.errors import TryLaterError
from hlcopy.ports import MISSING, UNKNOWN, Accepted, Refused, VenuePosition
from hlcopy.ticks import entry, monitor, poll, positions
from hlcopy.ticks.portfolio import portfolio
from tests.builders import TRADER, at, fill, order, our_fill, paper_order
from tests.fakes import Executioner, Killed, MortalLedger
from tests.ticks.conftest import Scene, stage
from tests.ticks.looks import only, read

if TYPE_CHECKING:
    from hlcopy.domain.book import OurFill
    from hlcopy.ports import Desk


@dataclass
class Moody:
    """The paper venue behind a bad line: what it applies may go unanswered, what it holds may go unseen."""

    venue: Any
    unanswered: set[Purpose] = field(default_factory=set)
    fills_readable: bool = True
    blank_accounts: int = 0
    unreadable_accounts: int = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - it stands in for the port
        return getattr(self.venue, name)

    def send(self, sent: Any, now: Any) -> Any:  # noqa: ANN401 - see above
        answer = self.venue.send(sent, now)
        return UNKNOWN if sent.purpose in self.unanswered else answer

    def account(self, now: Any) -> Any:  # noqa: ANN401 - see above
        account = self.venue.account(now)
        if self.unreadable_accounts:
            self.unreadable_accounts -= 1
            return UNKNOWN
        if self.blank_accounts:
            self.blank_accounts -= 1
            return replace(account, positions={})
        return account

    def fills(self, since: Any, now: Any) -> Any:  # noqa: ANN401 - see above
        return self.venue.fills(since, now) if self.fills_readable else UNKNOWN


class Amnesiac(Moody):
    """Answers that it doesn't know any order."""

    def find(self, client_order_id: str, now: Any) -> Any:  # noqa: ANN401, ARG002 - the port's signature
        return MISSING


class Mute(Moody):
    """Doesn't answer what became of an order."""

    def find(self, client_order_id: str, now: Any) -> Any:  # noqa: ANN401, ARG002 - the port's signature
        return UNKNOWN


def moody(scene: Scene, kind: type[Moody], **moods: Any) -> tuple[Desk, Moody]:  # noqa: ANN401 - any field of it
    desk = scene.desk(moods.pop("policy", None))
    venue = kind(desk.exchange, **moods)
    return replace(desk, exchange=venue), venue  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [Mute, Amnesiac])
@pytest.mark.parametrize("fills_readable", [True, False])
def test_an_entry_without_an_answer_gets_its_stop_as_soon_as_its_fill_or_position_shows(
    scene: Scene, kind: type[Moody], *, fills_readable: bool
) -> None:
    desk, _ = moody(scene, kind, unanswered={Purpose.ENTRY}, fills_readable=fills_readable)
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    monitor.run(desk, at(15.5))

    account = read(desk, 16)
    assert only(scene).status is PositionStatus.OPEN
    assert [stop.size for stop in account.stops] == [abs(account.positions["BTC"].size)]
    assert scene.ledger.signals.list()[0].decision == EXECUTE
    assert sum(sent.purpose is Purpose.ENTRY for sent in scene.ledger.book.orders()) == 1


def test_an_entry_that_is_out_stops_the_entries_of_its_tick_and_the_rest_stay_due(scene: Scene) -> None:
    scene.source.add(fill(coin="ETH", price=3_000.0, size=30.0, oid=7, time=at(0.5)))
    scene.market.set("ETH", at(-60), 3_000.0)
    desk, venue = moody(scene, Mute, unanswered={Purpose.ENTRY}, fills_readable=False, blank_accounts=99)
    poll.run(desk, at(1))
    poll.run(desk, at(16))
    assert len(scene.ledger.book.positions()) == 1
    assert len(scene.ledger.signals.deferred()) == 1

    venue.unanswered, venue.fills_readable, venue.blank_accounts = set(), True, 0
    poll.run(desk, at(17))
    assert {position.coin for position in scene.ledger.book.positions()} == {"BTC", "ETH"}


def test_a_stop_that_our_account_shows_is_never_given_up_though_its_status_is_denied(scene: Scene) -> None:
    desk, _ = moody(scene, Amnesiac, unanswered={Purpose.STOP})
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    for minutes in (16, 17):
        monitor.run(desk, at(minutes))

    (sent,) = scene.ledger.book.orders(purpose=Purpose.STOP)
    assert sent.state is IntentState.RESTING
    assert only(scene).stop_client_order_id == sent.client_order_id


def test_an_entry_wants_a_second_reading_that_shows_its_coin_free(scene: Scene) -> None:
    theirs = VenuePosition(
        coin="BTC", size=-0.5, entry_price=60_000.0, leverage=3, isolated=True, liquidation_price=None, mark=60_000.0
    )

    class Forgetful(Moody):
        """Leaves out somebody else's position in every other answer."""

        def account(self, now: Any) -> Any:  # noqa: ANN401 - the port's signature
            self.blank_accounts = 1 - self.blank_accounts
            account = self.venue.account(now)
            return account if self.blank_accounts else replace(account, positions={"BTC": theirs})

    desk, venue = moody(scene, Forgetful)
    poll.run(desk, at(1))
    venue.blank_accounts = 0
    poll.run(desk, at(15))
    (signal,) = scene.ledger.signals.list()
    assert (signal.decision, signal.wait) == (DEFERRED, Wait.UNKNOWN_ACCOUNT)
    assert scene.ledger.book.orders() == []

    venue.blank_accounts = 1
    poll.run(desk, at(16))
    assert scene.ledger.signals.list()[0].decision == SkipReason.ALREADY_IN_TOKEN
    assert scene.ledger.book.orders() == []


def test_one_reading_without_the_position_neither_closes_it_nor_takes_its_stop(scene: Scene) -> None:
    desk, venue = moody(scene, Moody)
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    venue.blank_accounts = 3
    monitor.run(desk, at(16))
    assert (only(scene).status, only(scene).missing_since) == (PositionStatus.OPEN, at(16))
    assert len(read(desk, 16).stops) == 1

    monitor.run(desk, at(17))

    assert (only(scene).status, only(scene).missing_since) == (PositionStatus.OPEN, None)


@pytest.mark.parametrize("then", ["held", "unknown"])
def test_two_readings_without_the_position_that_are_far_apart_cost_no_stop(scene: Scene, then: str) -> None:
    desk, venue = moody(scene, Moody)
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    venue.blank_accounts = 1
    monitor.run(desk, at(16))
    assert only(scene).missing_since == at(16)

    class Again(Moody):
        """Leaves the position out once more, and says otherwise or nothing when asked again."""

        def account(self, now: Any) -> Any:  # noqa: ANN401 - the port's signature
            blank = self.blank_accounts
            account = super().account(now)
            return UNKNOWN if not blank and then == "unknown" else account

    with suppress(TryLaterError):  # our account can't be read at the end either
        monitor.run(replace(desk, exchange=Again(venue.venue, blank_accounts=1)), at(28))  # type: ignore[arg-type]
    assert only(scene).status is PositionStatus.OPEN
    assert len(read(desk, 28).stops) == 1

    venue.blank_accounts = 2 if then == "held" else 0  # having been seen, it must be missing for a while again
    monitor.run(desk, at(29))
    assert only(scene).status is PositionStatus.OPEN
    monitor.run(desk, at(30))
    assert (only(scene).status, only(scene).missing_since) == (PositionStatus.OPEN, None)


def test_a_position_that_stays_away_without_a_fill_is_closed_on_venue_with_an_unknown_result(scene: Scene) -> None:
    desk, venue = moody(scene, Moody)
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    venue.blank_accounts = 99
    monitor.run(desk, at(16))
    monitor.run(desk, at(17))
    assert only(scene).status is PositionStatus.OPEN
    monitor.run(desk, at(18))

    closed = only(scene)
    assert (closed.close_reason, closed.exit_price, closed.realized_pnl_usd) == (ExitReason.CLOSED_ON_VENUE, None, None)


def test_an_exit_whose_fills_can_t_be_read_is_booked_once_they_can(scene: Scene) -> None:
    desk, venue = moody(scene, Moody)
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    scene.market.set("BTC", at(20), 56_000.0)
    venue.fills_readable = False
    for minutes in (20, 21, 24):
        monitor.run(desk, at(minutes))
    assert only(scene).status is PositionStatus.OPEN

    venue.fills_readable = True
    monitor.run(desk, at(25))

    closed = only(scene)
    assert closed.close_reason is ExitReason.STOP_LOSS
    assert closed.realized_pnl_usd is not None
    assert closed.realized_pnl_usd < -400


@pytest.mark.parametrize("fills_readable", [True, False])
def test_a_tier_without_an_answer_is_not_taken_twice(scene: Scene, *, fills_readable: bool) -> None:
    desk, venue = moody(scene, Moody)
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    whole = only(scene).size
    scene.market.set("BTC", at(20), 66_100.0)
    mute = Mute(venue.venue, unanswered={Purpose.EXIT}, fills_readable=fills_readable)
    silent = replace(desk, exchange=mute)  # type: ignore[arg-type]
    for minutes in (20, 21, 22, 23):
        monitor.run(silent, at(minutes))

    assert abs(read(desk, 24).positions["BTC"].size) == pytest.approx(whole * 0.75, abs=1e-4)
    monitor.run(desk, at(24))
    assert only(scene).tiers_taken == (1,)


def test_what_a_tier_left_unfilled_is_sent_again_and_not_the_same_share(scene: Scene) -> None:
    desk, _ = moody(scene, Moody)
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    position = only(scene)
    half = order(
        client_order_id="0x" + "7" * 32,
        purpose=Purpose.EXIT,
        signal_id=position.signal_id,
        leg="tier-1",
        size=0.0312,
        reduce_only=True,
        is_buy=False,
        state=IntentState.CANCELLED,
        filled_size=0.0111,
        created_at=at(16),
    )
    scene.ledger.book.put_order(half)
    scene.market.set("BTC", at(20), 66_100.0)

    monitor.run(desk, at(20))

    rest = [sent for sent in scene.ledger.book.orders() if sent.leg == "tier-1" and sent != half]
    assert [sent.size for sent in rest] == [0.0201]
    assert only(scene).tiers_taken == (1,)


def test_a_rest_of_a_tier_too_small_to_sell_counts_as_taken(scene: Scene) -> None:
    desk, _ = moody(scene, Moody)
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    position = only(scene)
    nearly = order(
        client_order_id="0x" + "7" * 32,
        purpose=Purpose.EXIT,
        signal_id=position.signal_id,
        leg="tier-1",
        size=0.001,
        reduce_only=True,
        is_buy=False,
        state=IntentState.CANCELLED,
        filled_size=0.00085,
        created_at=at(16),
    )
    scene.ledger.book.put_order(nearly)
    scene.market.set("BTC", at(20), 66_100.0)
    monitor.run(desk, at(20))
    monitor.run(desk, at(21))

    assert only(scene).tiers_taken == (1,)
    assert [sent for sent in scene.ledger.book.orders() if sent.leg == "tier-1"] == [nearly]


def test_the_stop_after_a_fill_waits_for_no_account_reading(scene: Scene) -> None:
    desk, venue = moody(scene, Moody)
    poll.run(desk, at(1))
    venue.venue.account(at(15))

    class Blind(Moody):
        """Can't read the account once the entry is in."""

        def account(self, now: Any) -> Any:  # noqa: ANN401 - the port's signature
            held = self.venue.account(now)
            return UNKNOWN if held.positions else held

    blind = replace(desk, exchange=Blind(venue.venue))  # type: ignore[arg-type]
    with pytest.raises(TryLaterError, match="can't be read"):
        poll.run(blind, at(15))

    assert len(read(desk, 15).stops) == 1
    monitor.run(desk, at(16))
    assert (only(scene).status, only(scene).stop_confirmed) == (PositionStatus.OPEN, True)
    assert len(read(desk, 16).stops) == 1


def test_a_pending_exit_keeps_its_coin_from_being_entered_again(scene: Scene) -> None:
    desk, _ = moody(scene, Moody)
    scene.ledger.book.put_order(
        order(coin="BTC", purpose=Purpose.EXIT, is_buy=False, reduce_only=True, state=IntentState.PENDING)
    )
    (held,) = portfolio(desk, read(desk, 1)).holdings
    assert (held.coin, held.exposure_usd) == ("BTC", 0.0)


def test_a_venue_clock_behind_ours_loses_no_fill(scene: Scene) -> None:
    desk, venue = moody(scene, Moody)
    honest = venue.venue.fills
    venue.venue.fills = lambda since, now: [
        replace(each, time=each.time - (at(seconds=2) - at(0))) for each in honest(since, now)
    ]
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    scene.market.set("BTC", at(hours=70), 60_500.0)
    monitor.run(desk, at(16, hours=72))

    result = only(scene).realized_pnl_usd
    assert result is not None
    assert result > 40


def test_a_coin_without_rules_is_a_problem_and_not_silence(scene: Scene) -> None:
    desk, _ = moody(scene, Moody)
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    scene.market.unlisted.add("BTC")
    assert [problem.code for problem in monitor.run(desk, at(16)).problems] == ["NOT_TRADABLE"]


def test_an_add_whose_older_fills_can_t_be_read_waits(scene: Scene) -> None:
    scene.source.given[TRADER] = [fill(price=60_000.0, start_position=1.0, oid=2, time=at(0.5))]
    desk, _ = moody(scene, Moody)
    honest = scene.source.fills
    reach: list[Any] = []

    class Short:
        """A source that can't read far back."""

        state = scene.source.state
        room = scene.source.room

        def fills(self, trader: str, since: Any, now: Any) -> Any:  # noqa: ANN401 - the port's signature
            reach.append(since)
            return UNKNOWN if since < at(-90) else honest(trader, since, now)

    waiting = poll.run(replace(desk, source=Short()), at(1)).decisions  # type: ignore[arg-type]
    assert [signal.wait for signal in waiting] == ["unknown_history"]
    assert min(reach) < at(-90)


def test_an_unknown_equity_at_confirmation_waits(scene: Scene) -> None:
    desk, _ = moody(scene, Moody)
    poll.run(desk, at(1))
    scene.source.equity[TRADER] = None
    assert poll.run(desk, at(15)).decisions[0].wait == "unknown_trader_state"


def test_a_burst_without_order_ids_is_one_order_however_often_it_is_polled(scene: Scene) -> None:
    scene.source.given[TRADER] = [
        fill(price=60_000.0, size=0.5, start_position=0.5 * n, oid=0, time=at(n * 0.8)) for n in range(50)
    ]
    desk, _ = moody(scene, Moody, policy=Policy(limits=LimitsPolicy(max_total_positions=0)))
    for minutes in range(1, 60, 4):
        poll.run(desk, at(minutes))
    positions.run(desk, at(61))

    assert [signal.decision for signal in scene.ledger.signals.list()] == ["SKIP_MAX_POSITIONS"]


def guarded(scene: Scene, venue: Any, minutes: float, problems: set[str]) -> None:  # noqa: ANN401 - any venue
    """Whatever the venue holds on a coin we sent an order for has a row and a stop that covers it, or a problem is told."""
    account = venue.account(at(minutes))
    live = {position.coin for position in scene.ledger.book.positions()}
    for coin, held in account.positions.items():
        covered = any(stop.coin == coin and stop.size >= abs(held.size) for stop in account.stops)
        assert (coin in live and covered) or problems & {"STOP_UNCONFIRMED", "FOREIGN_POSITION"}


class Deaf(Moody):
    """Loses every stop on its way, and says nothing."""

    def send(self, sent: Any, now: Any) -> Any:  # noqa: ANN401 - the port's signature
        return UNKNOWN if sent.purpose is Purpose.STOP else self.venue.send(sent, now)


def test_a_position_whose_stop_is_lost_again_and_again_is_still_managed(scene: Scene) -> None:
    desk, venue = moody(scene, Deaf)
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    report = monitor.run(desk, at(16))
    guarded(scene, venue.venue, 16, {problem.code for problem in report.problems})
    scene.market.set("BTC", at(20), 56_000.0)
    monitor.run(desk, at(20))

    assert only(scene).close_reason is ExitReason.STOP_LOSS


def test_a_lost_stop_does_not_keep_a_liquidated_trader_s_copy_open(scene: Scene) -> None:
    desk, _ = moody(scene, Deaf)
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    scene.source.add(fill(price=55_000.0, is_buy=False, start_position=1.0, oid=2, time=at(30), liquidated_user=TRADER))
    poll.run(desk, at(35))

    assert only(scene).close_reason is ExitReason.TRADER_LIQUIDATED


def test_an_entry_still_in_flight_is_waited_for(scene: Scene) -> None:
    class InFlight(Moody):
        """Has the order and hasn't matched it."""

        def find(self, client_order_id: str, now: Any) -> Any:  # noqa: ANN401, ARG002 - the port's signature
            return Accepted(IntentState.PENDING)

    desk, venue = moody(scene, InFlight, unanswered={Purpose.ENTRY}, fills_readable=False, blank_accounts=99)
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    monitor.run(desk, at(15.2))
    assert only(scene).status is PositionStatus.OPENING

    venue.fills_readable, venue.blank_accounts = True, 0
    report = monitor.run(desk, at(15.5))
    assert only(scene).status is PositionStatus.OPEN
    guarded(scene, venue.venue, 16, {problem.code for problem in report.problems})


def test_an_entry_that_was_given_up_and_filled_after_all_is_taken_up_again(scene: Scene) -> None:
    class Liar(Moody):
        """Says that nothing matched, though it did."""

        def send(self, sent: Any, now: Any) -> Any:  # noqa: ANN401 - the port's signature
            answer = self.venue.send(sent, now)
            return Accepted(IntentState.CANCELLED) if sent.purpose is Purpose.ENTRY else answer

    desk, venue = moody(scene, Liar, fills_readable=False)
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    assert scene.ledger.signals.list()[0].decision == "SKIP_NOT_FILLED"
    assert [problem.code for problem in monitor.run(desk, at(16)).problems] == ["FOREIGN_POSITION"]

    venue.fills_readable = True
    monitor.run(desk, at(17))
    monitor.run(desk, at(18))

    assert scene.ledger.signals.list()[0].decision == EXECUTE
    assert (only(scene).status, only(scene).stop_confirmed) == (PositionStatus.OPEN, True)
    guarded(scene, venue.venue, 18, set())


def test_fills_that_show_only_a_part_of_an_entry_do_not_hide_the_rest(scene: Scene) -> None:
    desk, venue = moody(scene, Moody, unanswered={Purpose.ENTRY})
    honest = venue.venue.fills
    venue.venue.fills = lambda since, now: [replace(each, size=each.size / 10) for each in honest(since, now)]
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    monitor.run(desk, at(16))

    assert (only(scene).size, only(scene).entry_size) == (0.125, 0.125)
    guarded(scene, venue.venue, 16, set())


def test_a_stop_too_small_that_can_t_be_replaced_closes_the_position(scene: Scene) -> None:
    desk, venue = moody(scene, Moody)
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    (resting,) = scene.ledger.paper.orders(IntentState.RESTING)
    scene.ledger.paper.put_order(replace(resting, size=resting.size / 10))

    class NoMoreStops(Moody):
        """Refuses every stop."""

        def send(self, sent: Any, now: Any) -> Any:  # noqa: ANN401 - the port's signature
            return Refused("no") if sent.purpose is Purpose.STOP else self.venue.send(sent, now)

    monitor.run(replace(desk, exchange=NoMoreStops(venue.venue)), at(16))  # type: ignore[arg-type]

    assert only(scene).close_reason is ExitReason.STOP_REJECTED


def test_blank_readings_of_a_few_seconds_cost_no_stop(scene: Scene) -> None:
    desk, venue = moody(scene, Moody)
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    venue.blank_accounts = 99
    monitor.run(desk, at(16))
    monitor.run(desk, at(16.1))
    monitor.run(desk, at(17.5))
    venue.blank_accounts = 0
    monitor.run(desk, at(18))

    assert (only(scene).status, only(scene).missing_since) == (PositionStatus.OPEN, None)
    guarded(scene, venue.venue, 18, set())


def test_a_human_s_trade_on_the_coin_does_not_keep_an_entry_unresolved(scene: Scene) -> None:
    desk, venue = moody(scene, Lost)
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    honest = venue.venue.fills
    by_hand = our_fill(identity="hand", coin="BTC", client_order_id=None, time=at(15.1))
    venue.venue.fills = lambda since, now: [*honest(since, now), by_hand]
    for minutes in (15.5, 16, 17, 18):
        monitor.run(desk, at(minutes))

    assert scene.ledger.signals.list()[0].decision == "SKIP_NEVER_LANDED"
    assert scene.ledger.book.positions() == []


def test_a_tier_that_was_lost_is_sent_again_once_it_has_expired_and_the_position_is_whole(scene: Scene) -> None:
    desk, venue = moody(scene, Moody)
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    scene.market.set("BTC", at(20), 66_100.0)

    class LosesExits(Mute):
        """No exit arrives."""

        def send(self, sent: Any, now: Any) -> Any:  # noqa: ANN401 - the port's signature
            return UNKNOWN if sent.purpose is Purpose.EXIT else self.venue.send(sent, now)

    monitor.run(replace(desk, exchange=LosesExits(venue.venue)), at(20))  # type: ignore[arg-type]
    mute = replace(desk, exchange=Mute(venue.venue))  # type: ignore[arg-type]
    monitor.run(mute, at(20.4))
    assert sum(sent.leg == "tier-1" for sent in scene.ledger.book.orders()) == 1
    monitor.run(mute, at(21))
    monitor.run(mute, at(22))

    assert only(scene).tiers_taken == (1,)
    assert only(scene).size == pytest.approx(0.125 * 0.75, abs=1e-4)


def test_a_copy_that_isn_t_seen_when_its_trader_is_liquidated_is_closed_once_it_is(scene: Scene) -> None:
    desk, venue = moody(scene, Moody)
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    scene.source.add(fill(price=55_000.0, is_buy=False, start_position=1.0, oid=2, time=at(30), liquidated_user=TRADER))
    venue.blank_accounts = 4
    poll.run(desk, at(35))
    assert only(scene).closing_reason is ExitReason.TRADER_LIQUIDATED

    monitor.run(desk, at(36))
    assert only(scene).close_reason is ExitReason.TRADER_LIQUIDATED


def test_a_stop_that_was_taken_and_isn_t_seen_resting_is_not_confirmed(scene: Scene) -> None:
    class Absentminded(Moody):
        """Takes every stop, and shows none."""

        def account(self, now: Any) -> Any:  # noqa: ANN401 - the port's signature
            return replace(self.venue.account(now), stops=())

    desk, _ = moody(scene, Absentminded)
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    report = monitor.run(desk, at(16))

    assert not only(scene).stop_confirmed
    assert [problem.code for problem in report.problems] == ["STOP_UNCONFIRMED"]


class Lost(Moody):
    """No entry arrives, and nothing is said of it."""

    def send(self, sent: Any, now: Any) -> Any:  # noqa: ANN401 - the port's signature
        return UNKNOWN if sent.purpose is Purpose.ENTRY else self.venue.send(sent, now)


def test_an_entry_is_given_up_only_after_several_spaced_answers_that_it_isn_t_known(scene: Scene) -> None:
    desk, _ = moody(scene, Lost)
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    for minutes in (18, 18.01, 18.02):  # the first answer came with the entry itself; these are one more
        monitor.run(desk, at(minutes))
    assert only(scene).status is PositionStatus.OPENING

    monitor.run(desk, at(18.2))
    assert scene.ledger.signals.list()[0].decision == "SKIP_NEVER_LANDED"


def test_an_entry_is_not_given_up_while_anything_is_held_on_its_coin(scene: Scene) -> None:
    class Occupied(Lost):
        """Somebody is short on the coin."""

        def account(self, now: Any) -> Any:  # noqa: ANN401 - the port's signature
            mine = self.venue.account(now)
            short = VenuePosition("BTC", -1.0, 60_000.0, 3, isolated=True, liquidation_price=None, mark=60_000.0)
            return mine if now <= at(15) else replace(mine, positions={"BTC": short})

    desk, _ = moody(scene, Occupied)
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    for minutes in (16, 17, 18, 19, 20):
        monitor.run(desk, at(minutes))
    assert only(scene).status is PositionStatus.OPENING


def test_a_stop_that_outlived_its_position_is_cancelled_and_a_foreign_one_left_alone(scene: Scene) -> None:
    desk, _ = moody(scene, Moody)
    mine = order(purpose=Purpose.STOP, state=IntentState.RESTING, signal_id="gone", is_buy=False, reduce_only=True)
    scene.ledger.book.put_order(mine)
    scene.ledger.paper.put_order(paper_order(client_order_id=mine.client_order_id))
    scene.ledger.paper.put_order(paper_order(client_order_id="0x" + "9" * 32))

    monitor.run(desk, at(1))

    assert [stop.client_order_id for stop in read(desk, 1).stops] == ["0x" + "9" * 32]


def test_a_signal_that_another_tick_has_decided_is_never_entered(scene: Scene) -> None:
    desk, _ = moody(scene, Moody)
    poll.run(desk, at(1))
    (waiting,) = scene.ledger.signals.deferred()
    scene.ledger.signals.decide(replace(waiting, decision="SKIP_TOO_OLD"), [])
    size = CopySize(usd=7_500.0, base=7_500.0, multiplier=1.0, penalty=1.0, cap=10_000.0, floor=100.0)
    approval = Approval(
        copy_size_usd=7_500.0,
        timing=Timing(OrderType.MARKET, 0.5),
        weight=0.15,
        slippage_pct=0.0,
        leverage=1.0,
        size=size,
    )

    entered = entry.enter(desk, waiting, approval, 60_000.0, (), at(15))

    assert entered.decision == "SKIP_TOO_OLD"
    assert (scene.ledger.book.orders(), scene.ledger.book.positions(), read(desk, 15).positions) == ([], [], {})


def test_a_tier_said_to_be_unfilled_that_filled_is_not_sold_again(scene: Scene) -> None:
    class Denies(Moody):
        """Says of every exit that nothing matched."""

        def send(self, sent: Any, now: Any) -> Any:  # noqa: ANN401 - the port's signature
            answer = self.venue.send(sent, now)
            return Accepted(IntentState.CANCELLED) if sent.purpose is Purpose.EXIT else answer

    desk, _ = moody(scene, Denies)
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    scene.market.set("BTC", at(20), 66_100.0)
    for minutes in (20, 21, 22):
        monitor.run(desk, at(minutes))

    assert (only(scene).tiers_taken, only(scene).size) == ((1,), pytest.approx(0.125 * 0.75, abs=1e-4))


def test_a_candidate_that_couldn_t_be_confirmed_is_found_again_behind_newer_fills(scene: Scene) -> None:
    scene.source.add(fill(coin="ETH", price=3_000.0, size=0.1, oid=7, time=at(14)))
    desk, _ = moody(scene, Moody)

    def busy() -> Any:  # noqa: ANN401 - a lock that is never had
        message = "busy"
        raise TryLaterError(message)

    with pytest.raises(TryLaterError):
        poll.run(replace(desk, account_lock=busy), at(16))
    poll.run(desk, at(20))

    by_order = {signal.order_key: signal.decision for signal in scene.ledger.signals.list()}
    assert by_order["oid:1"] == EXECUTE


@dataclass
class Hidden(Amnesiac):
    """Shows nothing at all of an entry that filled, until it does."""

    shown: bool = False
    shown_too: list[OurFill] = field(default_factory=list)

    def account(self, now: Any) -> Any:  # noqa: ANN401 - the port's signature
        account = super().account(now)
        return account if self.shown or account is UNKNOWN else replace(account, positions={})

    def fills(self, since: Any, now: Any) -> Any:  # noqa: ANN401 - the port's signature
        more = [each for each in self.shown_too if each.time >= since]
        return [*self.venue.fills(since, now), *more] if self.shown else []


def given_up_and_filled(scene: Scene) -> tuple[Desk, Hidden]:
    desk, venue = moody(scene, Hidden, unanswered={Purpose.ENTRY})
    for tick, minutes in ((poll.run, 1), (poll.run, 15), (monitor.run, 16), (monitor.run, 17), (monitor.run, 18)):
        tick(desk, at(minutes))
    assert scene.ledger.signals.list()[0].decision == "SKIP_NEVER_LANDED"
    assert isinstance(venue, Hidden)
    venue.shown = True
    return desk, venue


def test_an_entry_that_was_given_up_and_filled_after_all_has_a_row_and_a_stop_though_the_tick_that_saw_it_broke_off(
    scene: Scene,
) -> None:
    desk, venue = given_up_and_filled(scene)
    venue.unreadable_accounts = 1
    with pytest.raises(TryLaterError, match="can't be read"):
        monitor.run(desk, at(20.5))

    monitor.run(desk, at(30))  # the machine was down meanwhile

    assert (only(scene).status, only(scene).stop_confirmed) == (PositionStatus.OPEN, True)
    assert [stop.size for stop in read(desk, 30).stops] == [only(scene).size]
    assert scene.ledger.signals.list()[0].decision == EXECUTE


def test_an_entry_that_was_given_up_is_taken_up_however_long_no_fill_of_it_was_shown(scene: Scene) -> None:
    desk, venue = given_up_and_filled(scene)
    venue.shown = False
    for minutes in range(19, 60, 5):
        monitor.run(desk, at(minutes))
    venue.shown = True

    monitor.run(desk, at(60))

    assert (only(scene).status, only(scene).stop_confirmed) == (PositionStatus.OPEN, True)


def test_an_entry_that_was_given_up_is_taken_up_though_a_newer_fill_was_booked_by_a_tick_that_broke_off(
    scene: Scene,
) -> None:
    desk, venue = given_up_and_filled(scene)
    venue.shown_too = [our_fill(coin="ETH", time=at(20.4), client_order_id=None)]
    venue.unreadable_accounts = 1
    with pytest.raises(TryLaterError, match="can't be read"):
        monitor.run(desk, at(20.5))

    monitor.run(desk, at(30))

    assert (only(scene).status, only(scene).stop_confirmed) == (PositionStatus.OPEN, True)


def revived_after(kill_at: int | None) -> tuple[Scene, Desk, list[str]]:
    scene = stage(MemoryLedger())
    desk, _ = given_up_and_filled(scene)
    executioner = Executioner(at=kill_at)
    mortal = replace(desk, ledger=MortalLedger(scene.ledger, executioner))  # type: ignore[arg-type]
    with suppress(Killed):
        monitor.run(mortal, at(20.5))
    return scene, desk, executioner.effects


@pytest.mark.parametrize("kill_at", range(len(revived_after(None)[2])))
def test_taking_up_an_entry_that_was_given_up_killed_anywhere_ends_in_one_guarded_position(kill_at: int) -> None:
    scene, desk, _ = revived_after(kill_at)

    monitor.run(desk, at(30))
    monitor.run(desk, at(30.5))

    assert (only(scene).status, only(scene).stop_confirmed) == (PositionStatus.OPEN, True)
    assert [stop.size for stop in read(desk, 31).stops] == [only(scene).size]


class Strict(Moody):
    """Takes legal sizes only, and shows what an entry filled in three pieces, whose float sum is none."""

    def send(self, sent: Any, now: Any) -> Any:  # noqa: ANN401 - see above
        legal = Instrument(coin=sent.coin, size_decimals=4, max_leverage=20).is_legal_size(sent.size)
        return super().send(sent, now) if legal else Refused(f"{sent.size} is no legal size", Refusal.SIZE)

    def fills(self, since: Any, now: Any) -> Any:  # noqa: ANN401 - see above
        return [
            replace(each, identity=f"{each.identity}/{number}", size=size)
            for each in super().fills(since, now)
            for number, size in enumerate((0.0221, 0.0889, 0.014))
        ]


def test_an_entry_known_by_its_fills_alone_keeps_its_position_though_their_float_sum_is_no_legal_size(
    scene: Scene,
) -> None:
    desk, venue = moody(scene, Strict, unanswered={Purpose.ENTRY})
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    monitor.run(desk, at(16))

    assert sum(each.size for each in venue.fills(at(0), at(16))) != read(desk, 16).positions["BTC"].size == 0.125
    assert (only(scene).status, only(scene).stop_confirmed) == (PositionStatus.OPEN, True)
    assert [stop.size for stop in read(desk, 16).stops] == [0.125]


@dataclass
class CutOff(Moody):
    """Can't be reached with a stop for a while: none leaves this machine."""

    unsent: int = 0

    def send(self, sent: Any, now: Any) -> Any:  # noqa: ANN401 - see above
        if sent.purpose is Purpose.STOP and self.unsent:
            self.unsent -= 1
            return Refused("not sent: the connection failed", Refusal.NOT_SENT)
        return super().send(sent, now)


@pytest.mark.parametrize("unsent", [2, 4])
def test_a_stop_that_never_left_was_not_refused_and_is_sent_again_until_it_rests(scene: Scene, unsent: int) -> None:
    desk, _ = moody(scene, CutOff, unsent=unsent)
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    assert (only(scene).status, only(scene).stop_confirmed) == (
        PositionStatus.OPEN,
        unsent == 2,
    )  # the same tick tries again

    report = monitor.run(desk, at(15.5))

    assert (only(scene).status, only(scene).stop_confirmed) == (PositionStatus.OPEN, True)
    assert [stop.size for stop in read(desk, 16).stops] == [only(scene).size]
    assert report.problems == ()


def test_an_older_stop_stays_where_its_successor_never_left(scene: Scene) -> None:
    desk, venue = moody(scene, CutOff)
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    before = only(scene).trigger_price
    scene.market.set("BTC", at(20), 63_000.0)
    assert isinstance(venue, CutOff)
    venue.unsent = 2
    report = monitor.run(desk, at(20))
    assert (report.problems, only(scene).trigger_price, only(scene).stop_confirmed) == ((), before, True)

    monitor.run(desk, at(20.5))
    (moved,) = read(desk, 21).stops
    assert before is not None
    assert (moved.trigger_price > before, only(scene).trigger_price) == (True, moved.trigger_price)
