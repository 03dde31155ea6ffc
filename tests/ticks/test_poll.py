"""What `poll` does with a trader's orders."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hlcopy.domain.book import PositionStatus
from hlcopy.domain.choices import Choice
from hlcopy.domain.models import DEFERRED, EXECUTE, Side
from hlcopy.domain.policy import EntryPolicy, LimitsPolicy, Policy
from hlcopy.ticks import monitor, poll
from tests.builders import OTHER_TRADER, T0, TRADER, at, fill, trader

if TYPE_CHECKING:
    from tests.ticks.conftest import Scene


def decisions(scene: Scene) -> list[str]:
    return [signal.decision for signal in scene.ledger.signals.list()]


def test_a_fresh_trade_waits_for_its_confirmation(scene: Scene) -> None:
    report = poll.run(scene.desk(), at(1))

    (signal,) = report.decisions
    assert (signal.decision, signal.wait, signal.check_at) == (DEFERRED, "confirmation", at(15))
    assert (signal.trade_time, signal.value_usd, signal.position_weight) == (T0, 60_000.0, 0.15)


def test_the_constructed_example_enters_with_7500_dollars_and_a_resting_stop(scene: Scene) -> None:
    desk = scene.desk()
    poll.run(desk, at(1))

    report = poll.run(desk, at(15))

    (signal,) = report.decisions
    assert (signal.decision, signal.copy_size_usd, signal.leverage) == (EXECUTE, 7_500.0, 1.0)
    assert (signal.order_type, signal.max_slippage, signal.slippage_pct) == ("market", 0.5, 0.0)
    (position,) = scene.ledger.book.positions()
    assert (position.status, position.side, position.size) == (PositionStatus.OPEN, Side.LONG, 0.125)
    assert position.value_usd == pytest.approx(7_500, rel=1e-3)
    assert position.stop_price == position.entry_price * 0.95
    assert position.stop_confirmed
    account = desk.exchange.account(at(15))
    (stop,) = account.stops
    assert (stop.size, stop.reduce_only, stop.is_buy) == (0.125, True, False)
    assert stop.trigger_price == position.trigger_price >= position.stop_price


def test_a_second_run_of_the_same_minute_changes_nothing(scene: Scene) -> None:
    desk = scene.desk()
    for minutes in (1, 1, 15, 15, 15):
        last = poll.run(desk, at(minutes))

    assert last.decisions == ()
    assert len(scene.ledger.book.positions()) == 1
    assert decisions(scene) == [EXECUTE]
    assert len(scene.ledger.paper.fills(at(-60))) == 1


def test_fills_are_marked_as_decided_only_with_their_decision(scene: Scene) -> None:
    identity = scene.source.given[TRADER][0].identity
    poll.run(scene.desk(), at(1))
    assert scene.ledger.signals.seen([identity]) == set()

    poll.run(scene.desk(), at(15))
    assert scene.ledger.signals.seen([identity]) == {identity}


def test_late_fills_of_a_decided_order_are_attached_and_change_nothing(scene: Scene) -> None:
    desk = scene.desk()
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    late = fill(price=60_100.0, size=0.5, start_position=1.0, time=at(20))
    scene.source.add(late)

    report = poll.run(desk, at(25))

    assert report.decisions == ()
    assert decisions(scene) == [EXECUTE]
    assert scene.ledger.signals.seen([late.identity]) == {late.identity}


def test_an_order_still_filling_is_judged_by_all_its_fills_and_timed_by_the_one_that_passed(scene: Scene) -> None:
    scene.source.given[TRADER] = [
        fill(price=60_000.0, size=0.5, time=T0),
        fill(price=61_000.0, size=0.5, start_position=0.5, time=at(10)),
        fill(price=60_500.0, size=0.5, start_position=1.0, time=at(20)),
    ]
    scene.market.set("BTC", at(20), 60_500.0)
    desk = scene.desk()

    (waiting,) = poll.run(desk, at(1)).decisions
    assert (waiting.wait, waiting.check_at) == ("still_filling", at(15))
    (passed,) = poll.run(desk, at(15)).decisions
    assert (passed.wait, passed.trade_time, passed.check_at) == ("confirmation", at(10), at(25))
    (entered,) = poll.run(desk, at(25)).decisions

    assert (entered.decision, entered.value_usd) == (EXECUTE, 90_750.0)
    assert entered.trade_price == 60_500.0


def test_an_order_that_stays_small_is_skipped_once_it_is_quiet(scene: Scene) -> None:
    scene.source.given[TRADER] = [fill(price=60_000.0, size=0.1, time=T0)]
    desk = scene.desk()

    poll.run(desk, at(14))
    assert decisions(scene) == [DEFERRED]
    poll.run(desk, at(15))
    assert decisions(scene) == ["SKIP_SIZE_TOO_SMALL"]


def test_spot_outcome_and_hip3_fills_are_stored_and_make_no_signal(scene: Scene) -> None:
    coins = ("@107", "PURR/USDC", "#12", "xyz:NVDA")
    scene.source.given[TRADER] = [fill(coin=coin, price=60_000.0, oid=n) for n, coin in enumerate(coins, 1)]

    poll.run(scene.desk(), at(1))

    assert len(scene.ledger.history.fills(TRADER)) == 4
    assert decisions(scene) == []


def test_an_order_that_began_before_its_trader_was_followed_is_not_judged(scene: Scene) -> None:
    scene.source.given[TRADER] = [fill(price=60_000.0, time=at(-61)), fill(price=60_000.0, start_position=1.0, time=T0)]
    scene.ledger.history.add_fills(scene.source.given[TRADER][:1])

    poll.run(scene.desk(), at(1))

    assert decisions(scene) == []


def test_an_add_is_judged_by_the_open_that_came_before_it(scene: Scene) -> None:
    scene.source.add(
        fill(price=60_000.0, size=1.0, start_position=1.0, oid=2, time=at(100)),
        fill(price=60_000.0, size=1.0, start_position=2.0, oid=3, time=at(121)),
    )
    desk = scene.desk(Policy(limits=LimitsPolicy(max_total_positions=0)))
    for minutes in (1, 15, 105, 115, 125, 140):
        poll.run(desk, at(minutes))

    by_order = {signal.order_key: signal.decision for signal in scene.ledger.signals.list()}
    assert by_order == {"oid:1": "SKIP_MAX_POSITIONS", "oid:2": "SKIP_MAX_POSITIONS", "oid:3": "SKIP_ADD_TOO_OLD"}


def test_an_add_whose_open_is_older_than_the_first_look_fetches_it(scene: Scene) -> None:
    scene.source.given[TRADER] = [
        fill(price=60_000.0, size=1.0, oid=9, time=at(-90)),
        fill(price=60_000.0, size=1.0, start_position=1.0, oid=2, time=T0),
    ]
    desk = scene.desk()

    poll.run(desk, at(1))
    poll.run(desk, at(15))

    assert {signal.order_key: signal.decision for signal in scene.ledger.signals.list()} == {"oid:2": EXECUTE}


def test_a_trade_taken_back_within_the_delay_is_skipped(scene: Scene) -> None:
    scene.source.add(fill(price=60_000.0, is_buy=False, start_position=1.0, oid=2, time=at(10)))
    desk = scene.desk()
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    poll.run(desk, at(30))

    by_order = {signal.order_key: signal.decision for signal in scene.ledger.signals.list()}
    assert by_order == {"oid:1": "SKIP_REVERSED_AFTER_DELAY", "oid:2": "SKIP_ACTION_TYPE"}


def test_a_reduce_that_goes_on_to_flip_is_judged_as_the_open_it_became(scene: Scene) -> None:
    scene.source.add(
        fill(price=60_000.0, size=0.5, is_buy=False, start_position=1.0, oid=2, time=at(20)),
        fill(price=60_000.0, size=1.75, is_buy=False, start_position=0.5, oid=2, time=at(28)),
    )
    desk = scene.desk(Policy(limits=LimitsPolicy(max_total_positions=0)))
    for minutes in (1, 15, 25, 30):
        poll.run(desk, at(minutes))
    (flip,) = scene.ledger.signals.deferred()

    assert (flip.action, flip.side, flip.value_usd, flip.trade_time) == ("Open", Side.SHORT, 75_000.0, at(28))


def test_an_unreadable_trader_is_asked_again_until_the_signal_is_too_old(scene: Scene) -> None:
    desk = scene.desk()
    poll.run(desk, at(1))
    scene.source.unreadable.add(TRADER)

    (waiting,) = poll.run(desk, at(15)).decisions
    assert (waiting.decision, waiting.wait, waiting.check_at) == (DEFERRED, "unknown_trader_state", at(16))
    (given_up,) = poll.run(desk, at(25)).decisions
    assert given_up.decision == "SKIP_TOO_OLD"


def test_unknown_is_never_closed_and_a_trader_who_answers_again_is_confirmed(scene: Scene) -> None:
    desk = scene.desk()
    poll.run(desk, at(1))
    scene.source.unreadable.add(TRADER)
    poll.run(desk, at(15))
    scene.source.unreadable.clear()

    assert poll.run(desk, at(16)).decisions[0].decision == EXECUTE


def test_a_hole_in_the_trader_s_history_since_the_trade_is_unknown_and_not_flat(scene: Scene) -> None:
    scene.source.add(fill(price=60_000.0, size=0.1, start_position=3.0, oid=2, time=at(12)))
    desk = scene.desk()
    poll.run(desk, at(1))

    poll.run(desk, at(15))

    waiting = next(signal for signal in scene.ledger.signals.list() if signal.order_key == "oid:1")
    assert (waiting.decision, waiting.wait) == (DEFERRED, "unknown_history")


def test_a_price_that_can_t_be_read_defers_and_a_market_without_price_skips(scene: Scene) -> None:
    desk = scene.desk()
    poll.run(desk, at(1))
    scene.market.unreadable.add("BTC")
    assert poll.run(desk, at(15)).decisions[0].wait == "unknown_price"

    scene.market.unreadable.clear()
    scene.market.path.clear()
    assert poll.run(desk, at(16)).decisions[0].decision == "SKIP_NO_PRICE"


def test_fills_that_can_t_be_read_are_a_problem_and_the_other_traders_go_on(scene: Scene) -> None:
    scene.ledger.traders.put([trader(address=OTHER_TRADER, account_value=100_000.0)])
    scene.source.silent.add(OTHER_TRADER)

    report = poll.run(scene.desk(), at(1))

    assert [(problem.code, problem.item) for problem in report.problems] == [("FILLS_UNREADABLE", OTHER_TRADER)]
    assert not report.ok
    assert len(report.decisions) == 1


def test_fills_of_an_outage_are_found_by_the_mark_and_not_by_the_clock(scene: Scene) -> None:
    desk = scene.desk()
    scene.source.silent.add(TRADER)
    poll.run(desk, at(1))
    scene.source.silent.clear()

    poll.run(desk, at(hours=7))

    assert decisions(scene) == ["SKIP_TOO_OLD"]


def test_only_primaries_and_those_we_wait_for_or_copied_are_polled(scene: Scene) -> None:
    scene.ledger.traders.put([trader(address=OTHER_TRADER, tier="secondary")])

    poll.run(scene.desk(), at(1))

    assert {address for address, _ in scene.source.asked} == {TRADER}


def test_a_demoted_trader_s_deferred_signal_is_still_decided(scene: Scene) -> None:
    desk = scene.desk()
    poll.run(desk, at(1))
    scene.ledger.traders.put([trader(account_value=400_000.0, tier=None)])

    assert poll.run(desk, at(15)).decisions[0].decision == EXECUTE


def test_a_demoted_trader_is_watched_for_what_we_copied_and_none_of_its_new_orders_is_judged(scene: Scene) -> None:
    desk = scene.desk()
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    scene.ledger.traders.put([trader(account_value=400_000.0, tier=None)])
    scene.market.set("ETH", at(-60), 3_000.0)
    scene.source.add(fill(coin="ETH", price=3_000.0, size=20.0, oid=2, time=at(16)))
    scene.source.asked.clear()

    poll.run(desk, at(20))
    poll.run(desk, at(32))

    assert [address for address, _ in scene.source.asked] == [TRADER, TRADER]
    assert {signal.coin for signal in scene.ledger.signals.list()} == {"BTC"}
    assert [position.coin for position in scene.ledger.book.positions()] == ["BTC"]


def test_a_trader_whom_the_last_score_disqualified_is_not_copied(scene: Scene) -> None:
    desk = scene.desk()
    poll.run(desk, at(1))
    scene.ledger.traders.put([trader(account_value=400_000.0, tier=None, score=0.0, disqualified_reason="HFT")])

    assert poll.run(desk, at(15)).decisions[0].decision == "SKIP_STALE_SCORE"


def test_a_stale_score_enters_nothing(scene: Scene) -> None:
    scene.ledger.traders.put([trader(account_value=400_000.0, last_scored_at=at(hours=-50))])
    desk = scene.desk()
    poll.run(desk, at(1))
    assert poll.run(desk, at(15)).decisions[0].decision == "SKIP_STALE_SCORE"


def test_the_best_candidate_of_a_tick_comes_first(scene: Scene) -> None:
    scene.ledger.traders.put([trader(address=OTHER_TRADER, score=0.9, account_value=400_000.0)])
    scene.source.equity[OTHER_TRADER] = 400_000.0
    scene.source.add(fill(trader=OTHER_TRADER, coin="ETH", price=3_000.0, size=20.0, oid=7, time=at(0.5)))
    scene.market.set("ETH", at(-60), 3_000.0)
    desk = scene.desk(Policy(limits=LimitsPolicy(max_total_positions=1)))
    poll.run(desk, at(1))

    poll.run(desk, at(16))

    by_coin = {signal.coin: signal.decision for signal in scene.ledger.signals.list()}
    assert by_coin == {"ETH": EXECUTE, "BTC": "SKIP_MAX_POSITIONS"}


def test_the_book_is_read_again_after_every_entry(scene: Scene) -> None:
    scene.source.add(*[fill(coin=coin, price=60_000.0, oid=n, time=at(0.2)) for n, coin in enumerate("ABCDEF", 10)])
    for coin in "ABCDEF":
        scene.market.set(coin, at(-60), 60_000.0)
    desk = scene.desk(Policy(limits=LimitsPolicy(max_total_exposure_ratio=0.10)))
    poll.run(desk, at(1))

    poll.run(desk, at(16))

    account = desk.exchange.account(at(16))
    exposure = sum(abs(held.size) * held.mark for held in account.positions.values())
    assert 9_000 < exposure <= 10_000
    assert "SKIP_MAX_EXPOSURE" in decisions(scene)


def test_an_entry_that_finds_no_price_inside_its_bound_is_not_filled_and_leaves_no_position(scene: Scene) -> None:
    scene.market.halted.add("BTC")
    desk = scene.desk()
    poll.run(desk, at(1))

    (signal,) = poll.run(desk, at(15)).decisions

    assert signal.decision == "SKIP_NOT_FILLED"
    assert scene.ledger.book.positions(live_only=False) == []


def test_a_coin_that_isn_t_listed_is_not_tradable(scene: Scene) -> None:
    scene.market.unlisted.add("BTC")
    desk = scene.desk()
    poll.run(desk, at(1))
    assert poll.run(desk, at(15)).decisions[0].decision == "SKIP_NOT_TRADABLE"


def test_consensus_counts_the_followed_traders_who_hold_the_same_side(scene: Scene) -> None:
    policy = Policy(entry=EntryPolicy(require_consensus=True))
    desk = scene.desk(policy)
    poll.run(desk, at(1))
    assert poll.run(desk, at(15)).decisions[0].decision == "SKIP_NO_CONSENSUS"


def test_a_copy_delay_of_zero_enters_at_once(scene: Scene) -> None:
    policy = Policy(entry=replace(EntryPolicy(), copy_delay=timedelta(0)))
    assert poll.run(scene.desk(policy), at(1)).decisions[0].decision == EXECUTE


def test_a_short_is_copied_as_a_short_with_its_stop_above(scene: Scene) -> None:
    scene.source.given[TRADER] = [fill(price=60_000.0, size=1.0, is_buy=False, time=T0)]
    desk = scene.desk()
    poll.run(desk, at(1))
    poll.run(desk, at(15))

    (position,) = scene.ledger.book.positions()
    assert position.side is Side.SHORT
    assert position.trigger_price == pytest.approx(position.entry_price * 1.05, rel=1e-4)
    monitor.run(desk, at(16))
    assert scene.ledger.book.positions()[0].stop_confirmed


def test_a_ban_holds_for_an_order_that_waits_and_leaves_open_copies_alone(scene: Scene) -> None:
    desk = scene.desk()
    for minutes in (1, 15):
        poll.run(desk, at(minutes))
    scene.ledger.choices.put(Choice(address=TRADER, at=at(16), banned=True))
    scene.market.set("ETH", at(0), 3_000.0)
    scene.source.add(fill(coin="ETH", price=3_000.0, size=20.0, oid=7, time=at(20)))
    for minutes in (21, 36):
        poll.run(desk, at(minutes))
    by_order = {signal.order_key: signal.decision for signal in scene.ledger.signals.list()}
    assert by_order == {"oid:1": "EXECUTE", "oid:7": "SKIP_TRADER_BANNED"}
    assert [position.coin for position in scene.ledger.book.positions()] == ["BTC"]


def test_an_order_in_a_denied_coin_is_skipped(scene: Scene) -> None:
    desk = scene.desk(Policy(entry=EntryPolicy(deny_coins=frozenset({"btc"}))))
    for minutes in (1, 15):
        poll.run(desk, at(minutes))
    assert [signal.decision for signal in scene.ledger.signals.list()] == ["SKIP_COIN_NOT_ALLOWED"]
