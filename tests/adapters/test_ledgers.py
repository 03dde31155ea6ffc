"""What every ledger promises, over the file and in memory alike."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from math import inf
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.adapters.store import Binding, Store
from hlcopy.domain.alerts import Event, Told, alert
from hlcopy.domain.book import ExitReason, IntentState, PositionStatus, Purpose
from hlcopy.domain.breakers import EquitySample
from hlcopy.domain.choices import Choice
from hlcopy.domain.models import EXECUTE, Action, OrderType, Run, Side, SkipReason, Trader, Wait, to_ms
from hlcopy.ports import (
    CandleBlock,
    CandleCoverage,
    Crawl,
    EquityCoverage,
    EquityPoint,
    Fact,
    FillCoverage,
    FundingCoverage,
    Halt,
    KnownEquity,
    Leader,
    Placing,
    Portfolio,
    Reach,
    TradeSummary,
)
from tests.builders import (
    MINUTE_MS,
    OTHER_TRADER,
    T0,
    TRADER,
    action,
    at,
    candles,
    fill,
    funding_rate,
    order,
    our_fill,
    paper_order,
    paper_position,
    poll_mark,
    position,
    signal,
    trader,
    trader_position,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from hlcopy.domain.candles import Candles
    from hlcopy.ports import Ledger


class BoomError(Exception):
    """What goes wrong inside a transaction."""


@pytest.fixture(params=["file", "memory"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    if request.param == "memory":
        yield MemoryLedger()
        return
    with Store.open(tmp_path / "ledger.db", Binding("paper", "mainnet")) as store:
        yield store


def crawl(**overrides: object) -> Crawl:
    made = Crawl(began_at=T0, source="hyperliquid", board_rows=3, left_out={"HFT": 2}, notes=("a note",))
    return replace(made, **overrides)  # type: ignore[arg-type]


def leader(**overrides: object) -> Leader:
    made = Leader(address=TRADER, account_value=1_000.0, pnl_30d_usd=50.0, volume_30d_usd=9_000.0)
    return replace(made, **overrides)  # type: ignore[arg-type]


def portfolio(**overrides: object) -> Portfolio:
    windows = {"week": (EquityPoint(at(-1), 90.0, 0.0), EquityPoint(T0, 100.0, 5.0)), "month": ()}
    return replace(Portfolio(address=TRADER, read_at=T0, windows=windows), **overrides)  # type: ignore[arg-type]


def reach(**overrides: object) -> Reach:
    return replace(Reach(address=TRADER, complete_from=at(-9), complete_until=T0), **overrides)  # type: ignore[arg-type]


def summary(**overrides: object) -> TradeSummary:
    made = TradeSummary(address=TRADER, read_at=T0, trades=185, realized_pnl_usd=12.5, fees_usd=2.5)
    return replace(made, **overrides)  # type: ignore[arg-type]


def known_equity(**overrides: object) -> KnownEquity:
    made = KnownEquity(address=TRADER, at=T0, value_usd=1_000.0, pnl_usd=5.0, source="portfolio", read_at=at(hours=1))
    return replace(made, **overrides)  # type: ignore[arg-type]


def closes(found: Candles) -> list[float]:
    return [float(close) for close in found.c]


def test_a_trader_comes_back_as_it_was_put(ledger: Ledger) -> None:
    full = trader(blacklisted_until=at(days=3), disqualified_reason="HFT", scored=False)
    bare = Trader(address=OTHER_TRADER)
    ledger.traders.put([full, bare])
    assert [full, bare] == [ledger.traders.get(TRADER), ledger.traders.get(OTHER_TRADER)]
    assert ledger.traders.get("0xnobody") is None


def test_traders_are_listed_best_score_first_then_by_address(ledger: Ledger) -> None:
    ledger.traders.put(
        [trader(address=address, score=score) for address, score in (("c", 0.5), ("b", 0.9), ("a", 0.5))]
    )
    assert [each.address for each in ledger.traders.all()] == ["b", "a", "c"]


def test_a_new_score_replaces_the_old_but_keeps_the_blacklisting(ledger: Ledger) -> None:
    ledger.traders.put([trader()])
    ledger.traders.blacklist(TRADER, at(days=14))
    ledger.traders.put([trader(score=0.1, label=None, blacklisted_until=None)])
    assert ledger.traders.get(TRADER) == trader(score=0.1, label=None, blacklisted_until=at(days=14))


def test_a_new_score_never_blacklists_a_stored_trader(ledger: Ledger) -> None:
    ledger.traders.put([trader()])
    ledger.traders.put([trader(blacklisted_until=at(days=1))])
    assert ledger.traders.get(TRADER) == trader()


def test_an_earlier_end_never_shortens_a_blacklisting(ledger: Ledger) -> None:
    ledger.traders.put([trader()])
    for days, expected in ((5, 5), (2, 5), (9, 9)):
        ledger.traders.blacklist(TRADER, at(days=days))
        assert ledger.traders.get(TRADER) == trader(blacklisted_until=at(days=expected))


def test_a_trader_nobody_scored_can_be_blacklisted(ledger: Ledger) -> None:
    ledger.traders.blacklist(TRADER, at(days=14))
    assert ledger.traders.all() == [Trader(address=TRADER, blacklisted_until=at(days=14))]


def test_a_reading_of_positions_replaces_the_one_before(ledger: Ledger) -> None:
    short = trader_position(coin="ETH", size=-3.0, entry_price=None, leverage=None, isolated=True)
    ledger.traders.put_positions(TRADER, [short, trader_position()], T0)
    ledger.traders.put_positions(OTHER_TRADER, [trader_position(size=7.0)], T0)
    assert ledger.traders.positions(TRADER) == (trader_position(), short)
    ledger.traders.put_positions(TRADER, [short], at(1))
    ledger.traders.put_positions(TRADER, [short], at(1))
    assert ledger.traders.positions(TRADER) == (short,)
    ledger.traders.put_positions(TRADER, [], at(2))
    assert ledger.traders.positions(TRADER) == ()
    assert ledger.traders.positions(OTHER_TRADER) == (trader_position(size=7.0),)


def test_the_followed_are_those_with_a_tier_best_first(ledger: Ledger) -> None:
    ledger.traders.put(
        [
            trader(address="a", score=0.1, tier="secondary"),
            trader(address="b", score=0.9, tier=None),
            trader(address="d", score=0.5, tier="primary"),
            trader(address="c", score=0.5, tier="primary"),
        ]
    )
    assert [each.address for each in ledger.traders.followed()] == ["c", "d", "a"]


def test_a_crawl_comes_back_as_it_began_and_as_it_ended(ledger: Ledger) -> None:
    assert ledger.scoring.last() is None
    ledger.scoring.begin(crawl(), [])
    assert ledger.scoring.last() == crawl()
    ledger.scoring.begin(crawl(began_at=at(-5)), [])
    ledger.scoring.finish(T0, at(9), {})
    assert ledger.scoring.last() == crawl(finished_at=at(9))


def test_a_leaderboard_is_kept_for_each_day_by_rank_then_by_profit(ledger: Ledger) -> None:
    rows = [
        Placing(leader=leader(address="c", pnl_30d_usd=None), reason="BAD_EQUITY"),
        Placing(leader=leader(address="b", pnl_30d_usd=-5.0), reason="NEGATIVE_30D"),
        Placing(leader=leader(address="a", pnl_30d_usd=-2.0), reason="NEGATIVE_30D"),
        Placing(leader=leader(address="e", label="Fund", smart_money=True, realized_30d_usd=1.5), rank=2),
        Placing(leader=leader(address="d", account_value=None, volume_30d_usd=None), rank=1),
    ]
    ledger.scoring.begin(crawl(), rows)
    assert ledger.scoring.board(T0.date()) == rows[::-1]
    ledger.scoring.begin(crawl(began_at=at(days=1)), rows[:1])
    ledger.scoring.finish(at(days=1), at(days=1), {"c": "OUTRANKED", "nobody": "HFT"})
    assert ledger.scoring.board(T0.date()) == rows[::-1]
    assert ledger.scoring.board(at(days=1).date()) == [replace(rows[0], reason="OUTRANKED")]
    ledger.scoring.begin(crawl(began_at=at(3)), rows[3:4])
    assert ledger.scoring.board(T0.date()) == rows[3:4]


def test_what_was_read_of_a_candidate_replaces_what_was_read_before(ledger: Ledger) -> None:
    assert ledger.scoring.portfolio(TRADER) is None
    assert ledger.scoring.reach(TRADER) is None
    assert ledger.scoring.summary(TRADER) is None
    for later in (T0, at(9)):
        ledger.scoring.put_portfolio(portfolio(read_at=later))
        ledger.scoring.put_reach(reach(complete_until=later, exhausted=later == T0))
        ledger.scoring.put_summary(summary(read_at=later))
    assert ledger.scoring.portfolio(TRADER) == portfolio(read_at=at(9))
    assert ledger.scoring.reach(TRADER) == reach(complete_until=at(9))
    assert ledger.scoring.summary(TRADER) == summary(read_at=at(9))
    assert ledger.scoring.portfolio(OTHER_TRADER) is None


def test_a_poll_mark_is_remembered(ledger: Ledger) -> None:
    assert ledger.traders.mark(TRADER) is None
    ledger.traders.put_mark(TRADER, poll_mark(read_until=T0, polled_at=at(1)))
    ledger.traders.put_mark(TRADER, poll_mark(read_until=at(2), polled_at=at(3)))
    assert ledger.traders.mark(TRADER) == poll_mark(read_until=at(2), polled_at=at(3))


def test_a_signal_comes_back_as_it_was_put(ledger: Ledger) -> None:
    full = signal(
        id="full",
        side=Side.SHORT,
        action=Action.ADD,
        decision=SkipReason.SLIPPAGE.value,
        age_seconds=900.5,
        slippage_check_passed=False,
        slippage_pct=2.5,
        mark_price=102.5,
        trader_score=0.7,
        trader_roi_7d=-3.0,
        copy_size_usd=500.0,
        leverage=2.5,
        order_type=OrderType.LIMIT,
        max_slippage=0.3,
        wait=Wait.CONFIRMATION,
        detail={"base_usd": 1.5, "note": "half", "nothing": None},
    )
    bare = signal(id="bare", position_weight=None, trader_equity=None, check_at=None)
    ledger.signals.decide(full, ())
    ledger.signals.defer(bare)
    assert (full, bare) == (ledger.signals.get("full"), ledger.signals.get("bare"))
    assert ledger.signals.get("nothing") is None


def test_a_deferral_is_updated_in_place(ledger: Ledger) -> None:
    later = signal(check_at=at(30), wait=Wait.UNKNOWN_TRADER_STATE)
    assert [ledger.signals.defer(signal()), ledger.signals.defer(later), ledger.signals.defer(later)] == [True] * 3
    assert ledger.signals.list() == [later]


def test_a_final_decision_is_never_overwritten(ledger: Ledger) -> None:
    final = signal(decision=EXECUTE)
    ledger.signals.defer(signal())
    assert ledger.signals.decide(final, ["f1"])
    assert not ledger.signals.decide(signal(decision=SkipReason.TOO_OLD.value), ["f2"])
    assert not ledger.signals.defer(signal())
    assert ledger.signals.list() == [final]
    assert ledger.signals.deferred() == []


def test_a_signal_can_be_decided_at_once(ledger: Ledger) -> None:
    assert ledger.signals.decide(signal(decision=EXECUTE), [])
    assert ledger.signals.get("signal-1") == signal(decision=EXECUTE)


def test_a_decision_marks_its_fills_and_a_refused_one_does_not(ledger: Ledger) -> None:
    assert ledger.signals.seen(["f1"]) == set()
    ledger.signals.decide(signal(decision=EXECUTE), ["f1", "f2", "f1"])
    ledger.signals.decide(signal(decision=EXECUTE), ["f3"])
    assert ledger.signals.seen(["f1", "f2", "f3", "f1"]) == {"f1", "f2"}
    assert ledger.signals.seen([]) == set()


def test_late_fills_are_marked_once(ledger: Ledger) -> None:
    ledger.signals.decide(signal(decision=EXECUTE), ["f1"])
    ledger.signals.attach(["f1", "f2"], at(1))
    ledger.signals.attach(iter(["f2"]), at(2))
    assert ledger.signals.seen(iter(["f0", "f1", "f2"])) == {"f1", "f2"}


def test_thousands_of_identities_can_be_asked_for_at_once(ledger: Ledger) -> None:
    identities = [f"f{index}" for index in range(40_000)]
    ledger.signals.attach(identities[::2], T0)
    assert ledger.signals.seen(identities) == set(identities[::2])


def test_only_a_final_signal_is_amended(ledger: Ledger) -> None:
    landed = signal(decision=EXECUTE, copy_size_usd=500.0)
    gone = replace(landed, decision=SkipReason.NEVER_LANDED.value)
    ledger.signals.amend(landed)
    assert ledger.signals.list() == []
    ledger.signals.defer(signal())
    ledger.signals.amend(landed)
    assert ledger.signals.list() == [signal()]
    ledger.signals.decide(signal(decision=EXECUTE), [])
    for amended, expected in ((landed, landed), (gone, gone), (landed, landed)):
        ledger.signals.amend(amended)
        assert ledger.signals.list() == [expected]


def test_deferred_signals_are_listed_soonest_due_first_then_by_id(ledger: Ledger) -> None:
    for name, due, who in (("d", at(5), TRADER), ("b", at(5), TRADER), ("c", at(1), OTHER_TRADER), ("a", None, TRADER)):
        ledger.signals.defer(signal(id=name, check_at=due, trader=who))
    ledger.signals.decide(signal(id="e", decision=EXECUTE), [])
    assert [each.id for each in ledger.signals.deferred()] == ["a", "c", "b", "d"]
    assert [each.id for each in ledger.signals.deferred(OTHER_TRADER)] == ["c"]


def test_signals_are_listed_newest_trade_first_then_by_id(ledger: Ledger) -> None:
    for name, minutes in (("c", 1), ("a", 1), ("d", 3), ("b", 0)):
        ledger.signals.defer(signal(id=name, trade_time=at(minutes)))
    ledger.signals.decide(signal(id="e", decision=EXECUTE, trade_time=at(2)), [])
    assert [each.id for each in ledger.signals.list()] == ["d", "e", "a", "c", "b"]
    assert [each.id for each in ledger.signals.list(limit=2)] == ["d", "e"]
    assert [each.id for each in ledger.signals.list(limit=0)] == []
    assert [each.id for each in ledger.signals.list(decision="DEFERRED", limit=2)] == ["d", "a"]
    assert [each.id for each in ledger.signals.list(since=at(1))] == ["d", "e", "a", "c"]
    assert [each.id for each in ledger.signals.list(since=at(1), decision=EXECUTE)] == ["e"]


def test_a_position_gets_its_id_when_it_is_first_put(ledger: Ledger) -> None:
    first = ledger.book.put_position(position())
    second = ledger.book.put_position(position(coin="ETH"))
    assert (first.id, second.id) == (1, 2)
    assert ledger.book.positions() == [first, second]
    assert ledger.book.position(2) == second
    assert ledger.book.position(3) is None


@pytest.mark.parametrize("side", Side)
def test_a_position_comes_back_as_it_was_put(ledger: Ledger, side: Side) -> None:
    opened = ledger.book.put_position(position(side=side, best_price=101.25, status=PositionStatus.OPENING))
    full = replace(
        opened,
        status=PositionStatus.CLOSED,
        best_price=110.5,
        trigger_price=95.25,
        stop_client_order_id="0xstop",
        stop_confirmed=True,
        tiers_taken=(1, 2),
        checked_at=at(1),
        closing_reason=ExitReason.TIME_STOP,
        closed_at=at(2),
        close_reason=ExitReason.TRAILING_STOP,
        exit_price=99.5,
        realized_pnl_usd=-3.25,
        fees_usd=0.5,
        funding_usd=-0.25,
        funding_until=at(3),
        missing_since=at(4),
    )
    assert ledger.book.put_position(full) == full
    assert ledger.book.positions(live_only=False) == [full]


def test_closed_positions_are_left_out_of_the_live_ones(ledger: Ledger) -> None:
    put = [ledger.book.put_position(position(status=status)) for status in PositionStatus]
    assert ledger.book.positions() == [each for each in put if each.status is not PositionStatus.CLOSED]
    assert ledger.book.positions(live_only=False) == put
    ledger.book.put_position(replace(put[0], status=PositionStatus.CLOSED))
    assert [each.id for each in ledger.book.positions()] == [2, 3]


def test_the_id_of_a_dropped_position_never_comes_again(ledger: Ledger) -> None:
    ledger.book.put_position(position())
    ledger.book.drop_position(1)
    ledger.book.drop_position(1)
    assert ledger.book.positions(live_only=False) == []
    assert ledger.book.put_position(position()).id == 2
    ledger.book.put_position(position(id=7))
    assert ledger.book.put_position(position()).id == 8


def test_an_order_comes_back_as_it_was_put(ledger: Ledger) -> None:
    bare = order()
    full = order(
        client_order_id="0xfull",
        purpose=Purpose.STOP,
        leg="stop",
        attempt=3,
        is_buy=False,
        limit_price=None,
        trigger_price=95.0,
        reduce_only=True,
        expires_at=None,
        reason=ExitReason.STOP_LOSS,
        state=IntentState.FILLED,
        filled_size=1.5,
        average_price=94.9,
        error="late",
        misses=2,
        last_miss_at=at(1),
        venue_order_id=7,
    )
    ledger.book.put_order(bare)
    ledger.book.put_order(full)
    assert (bare, full) == (ledger.book.order(bare.client_order_id), ledger.book.order("0xfull"))
    assert ledger.book.order("0xnothing") is None


def test_an_order_is_found_by_the_number_that_the_venue_gave_it(ledger: Ledger) -> None:
    for name, number in (("a", 7), ("b", None), ("c", 2**53)):
        ledger.book.put_order(order(client_order_id=name, venue_order_id=number))
    found = [ledger.book.order_numbered(number) for number in (7, 2**53, 8)]
    assert [each and each.client_order_id for each in found] == ["a", "c", None]
    ledger.book.put_order(order(client_order_id="b", venue_order_id=8))
    assert ledger.book.order_numbered(8) == order(client_order_id="b", venue_order_id=8)


@pytest.mark.parametrize("forced", [None, ExitReason.LIQUIDATED, ExitReason.ADL, ExitReason.SETTLED])
def test_what_the_venue_took_by_force_is_remembered_with_the_fill(ledger: Ledger, forced: ExitReason | None) -> None:
    fill = our_fill(forced=forced, venue_order_id=9)
    ledger.book.add_fills("s1", [fill])
    ledger.paper.add_fill(fill)
    assert ledger.book.fills("s1") == ledger.paper.fills(T0) == [fill]


def test_orders_are_listed_by_creation_then_client_id(ledger: Ledger) -> None:
    for name, minutes, signal_id in (("c", 1, "s1"), ("a", 1, "s2"), ("b", 0, "s1")):
        ledger.book.put_order(order(client_order_id=name, created_at=at(minutes), signal_id=signal_id))
    ledger.book.put_order(order(client_order_id="b", created_at=T0, signal_id="s1", state=IntentState.FILLED))

    def names(signal_id: str | None = None, state: IntentState | None = None) -> list[str]:
        return [each.client_order_id for each in ledger.book.orders(signal_id, state=state)]

    assert names() == ["b", "a", "c"]
    assert names("s1") == ["b", "c"]
    assert names(state=IntentState.PENDING) == ["a", "c"]
    assert names("s1", IntentState.FILLED) == ["b"]
    assert names("s3") == []


def test_an_order_put_again_for_another_signal_moves_there(ledger: Ledger) -> None:
    ledger.book.put_order(order(signal_id="s1"))
    ledger.book.put_order(order(signal_id="s2"))
    assert ledger.book.orders("s1") == []
    assert ledger.book.orders("s2") == [order(signal_id="s2")]


def test_our_fills_are_booked_once(ledger: Ledger) -> None:
    late, early = (
        our_fill(time=at(1)),
        our_fill(time=T0, client_order_id=None, forced=ExitReason.LIQUIDATED, slippage_usd=0.5),
    )
    same_time = our_fill(time=at(1))
    assert ledger.book.add_fills("s1", [late, early, late]) == 2
    assert ledger.book.add_fills("s1", [late, same_time]) == 1
    assert ledger.book.add_fills("s2", [early]) == 0
    assert ledger.book.fills("s1") == [early, late, same_time]
    assert ledger.book.fills("s2") == []


def test_a_fill_that_is_no_positions_is_booked_to_none_until_one_is_known(ledger: Ledger) -> None:
    foreign, own = our_fill(time=at(1)), our_fill(time=at(2))
    assert ledger.book.add_fills(None, [foreign]) == 1
    assert ledger.book.fills("s1") == []

    assert ledger.book.add_fills("s1", [foreign, own]) == 1
    assert ledger.book.add_fills("s2", [foreign]) == 0
    assert ledger.book.add_fills(None, [foreign]) == 0
    assert ledger.book.fills("s1") == [foreign, own]
    assert ledger.book.fills("s2") == []


def test_a_fill_that_is_given_to_a_signal_later_keeps_its_place_among_those_of_its_time(ledger: Ledger) -> None:
    first, second = our_fill(time=at(1)), our_fill(time=at(1))
    ledger.book.add_fills(None, [first])
    ledger.book.add_fills("s1", [second])
    ledger.book.add_fills("s1", [first])
    assert ledger.book.fills("s1") == [first, second]


def test_a_fill_is_given_its_order_with_its_signal(ledger: Ledger) -> None:
    unnamed = our_fill(client_order_id=None, venue_order_id=7)
    ledger.book.add_fills(None, [unnamed])
    ledger.book.add_fills("s1", [replace(unnamed, client_order_id="0x" + "2" * 32)])
    assert ledger.book.fills("s1") == [replace(unnamed, client_order_id="0x" + "2" * 32)]


def test_positions_that_ended_since_are_found_in_whatever_order_their_ends_became_known(ledger: Ledger) -> None:
    ends = (at(hours=10), at(hours=2), at(hours=7))
    rows = [ledger.book.put_position(position(status=PositionStatus.CLOSED, closed_at=end)) for end in ends]
    assert ledger.book.closed_since(at(hours=7)) == [rows[0], rows[2]]

    moved = ledger.book.put_position(replace(rows[0], closed_at=at(hours=3)))
    assert ledger.book.closed_since(at(hours=7)) == [rows[2]]
    assert ledger.book.closed_since(at(hours=3)) == [moved, rows[2]]


def test_foreign_fills_are_those_of_a_coin_that_belong_to_no_signal(ledger: Ledger) -> None:
    before, late, early = (our_fill(time=at(minutes)) for minutes in (0, 2, 1))
    ledger.book.add_fills(None, [before, late, early, our_fill(coin="ETH", time=at(2))])
    ledger.book.add_fills("s1", [our_fill(time=at(2))])
    assert ledger.book.foreign_fills("BTC", at(1)) == [early, late]

    ledger.book.add_fills("s1", [late])
    assert ledger.book.foreign_fills("BTC", at(1)) == [early]


def test_the_mark_of_our_fills_is_the_one_that_was_put_whatever_is_booked(ledger: Ledger) -> None:
    assert ledger.book.fills_mark() is None
    ledger.book.put_fills_mark(at(5))
    ledger.book.add_fills(None, [our_fill(time=at(9)), our_fill(time=at(2))])
    assert ledger.book.fills_mark() == at(5)
    for mark in (at(11), at(7)):
        ledger.book.put_fills_mark(mark)
        assert ledger.book.fills_mark() == mark


def test_a_positions_story_is_told_in_order(ledger: Ledger) -> None:
    entered = action(position_id=1, at=at(1), price=100.0)
    other = action(position_id=2, at=at(0), price=None)
    closed = action(position_id=1, at=at(2.5), action="closed", reason=ExitReason.STOP_LOSS, price=95.0)
    for line in (entered, other, closed):
        ledger.book.log_action(line)

    assert ledger.book.actions(1) == [entered, closed]
    assert ledger.book.actions() == [entered, other, closed]
    assert ledger.book.actions(skip=2) == [closed]
    assert ledger.book.actions(2, skip=2) == []
    assert ledger.book.count_actions() == 3


def test_a_fill_comes_back_as_it_was_put(ledger: Ledger) -> None:
    full = fill(
        is_buy=False,
        time=T0 + timedelta(milliseconds=1),
        start_position=-0.1,
        direction="Close Long",
        closed_pnl=-1.5,
        fee=0.045,
        fee_token="USDH",
        hash="0x" + "f" * 64,
        oid=2**40,
        tid=2**52,
        twap_id=7,
        crossed=False,
        liquidated_user=TRADER,
    )
    bare = fill()
    assert ledger.history.add_fills([bare, full]) == 2
    assert ledger.history.fills(TRADER) == [bare, full]


def test_fills_are_stored_once_by_identity(ledger: Ledger) -> None:
    first = fill(tid=1)
    others = [fill(tid=1, is_buy=False), fill(tid=1, coin="ETH"), fill(tid=1, trader=OTHER_TRADER), fill(tid=2)]
    assert ledger.history.add_fills([first, first]) == 1
    assert ledger.history.add_fills(iter([replace(first, size=9.0), *others])) == 4
    assert ledger.history.add_fills([first, *others]) == 0
    assert ledger.history.add_fills([]) == 0
    assert first in ledger.history.fills(TRADER)
    assert len(ledger.history.fills(TRADER)) == 4


def test_fills_are_read_by_time_then_order_of_arrival(ledger: Ledger) -> None:
    late, twin, early = fill(time=at(2), tid=9), fill(time=at(2), tid=5), fill(time=at(1), tid=7)
    ledger.history.add_fills([late, twin])
    ledger.history.add_fills([early, last := fill(time=at(3), tid=1)])
    assert ledger.history.fills(TRADER) == [early, late, twin, last]


def test_fills_are_chosen_by_trader_coin_and_inclusive_times(ledger: Ledger) -> None:
    made = [fill(time=at(minute), coin="BTC" if minute % 2 else "ETH") for minute in range(6)]
    ledger.history.add_fills([*made, fill(trader=OTHER_TRADER, time=at(2))])
    assert ledger.history.fills(TRADER, since=at(1), until=at(4)) == made[1:5]
    assert ledger.history.fills(TRADER, coin="BTC") == made[1::2]
    assert ledger.history.fills(TRADER, coin="ETH", since=at(1)) == [made[2], made[4]]
    assert ledger.history.fills(TRADER, until=at(0)) == made[:1]
    assert ledger.history.fills("0xnobody") == []
    assert ledger.history.fills(TRADER, coin="SOL") == []


def test_fill_coverage_is_by_trader(ledger: Ledger) -> None:
    assert ledger.history.fill_coverage() == []
    ledger.history.add_fills(
        [fill(trader=OTHER_TRADER, time=at(9)), fill(time=at(3)), fill(time=at(1)), fill(time=at(2))]
    )
    assert ledger.history.fill_coverage() == [
        FillCoverage(trader=TRADER, first=at(1), last=at(3), count=3),
        FillCoverage(trader=OTHER_TRADER, first=at(9), last=at(9), count=1),
    ]


def test_candles_come_back_in_order_across_days(ledger: Ledger) -> None:
    put = candles([100.0 + index / 8 for index in range(3000)], spread=0.5)
    assert ledger.history.add_candles(put) == 3000
    found = ledger.history.candles("BTC", MINUTE_MS, int(put.t[10]), int(put.t[2990]))
    assert (found.coin, found.interval_ms, len(found)) == ("BTC", MINUTE_MS, 2980)
    for name in ("t", "o", "h", "l", "c", "v"):
        assert getattr(found, name).tolist() == getattr(put, name)[10:2990].tolist()


def test_a_stored_candle_is_kept_whatever_comes_later_for_its_time(ledger: Ledger) -> None:
    assert ledger.history.add_candles(candles([1.0, 2.0, 3.0])) == 3
    assert ledger.history.add_candles(candles([1.0, 2.0, 3.0])) == 0
    assert ledger.history.add_candles(candles([20.0, 30.0, 40.0], start=at(1))) == 1
    assert ledger.history.add_candles(candles([0.5], start=at(-1))) == 1
    assert closes(ledger.history.candles("BTC", MINUTE_MS, 0, 2**50)) == [0.5, 1.0, 2.0, 3.0, 40.0]
    assert ledger.history.add_candles(candles([7.0] * 6, start=at(-1))) == 1
    assert closes(ledger.history.candles("BTC", MINUTE_MS, 0, 2**50)) == [0.5, 1.0, 2.0, 3.0, 40.0, 7.0]


def test_candles_with_holes_keep_their_times(ledger: Ledger) -> None:
    ledger.history.add_candles(candles([1.0, 2.0]))
    ledger.history.add_candles(candles([3.0], start=at(5)))
    ledger.history.add_candles(candles([4.0], start=at(days=2)))
    found = ledger.history.candles("BTC", MINUTE_MS, 0, 2**50)
    assert found.t.tolist() == [to_ms(moment) for moment in (T0, at(1), at(5), at(days=2))]
    assert closes(found) == [1.0, 2.0, 3.0, 4.0]


def test_any_number_is_a_price(ledger: Ledger) -> None:
    put = candles([1 / 3, 2.5e9, 1e-12, 3e300, inf, 0.00001234])
    ledger.history.add_candles(put)
    assert closes(ledger.history.candles("BTC", MINUTE_MS, 0, 2**50)) == put.c.tolist()


def test_candles_are_kept_apart_by_coin_and_interval(ledger: Ledger) -> None:
    for coin, interval_ms, price in (("BTC", MINUTE_MS, 1.0), ("BTC", 5 * MINUTE_MS, 2.0), ("ETH", MINUTE_MS, 3.0)):
        ledger.history.add_candles(candles([price], coin=coin, interval_ms=interval_ms))
    assert closes(ledger.history.candles("BTC", 5 * MINUTE_MS, 0, 2**50)) == [2.0]
    assert closes(ledger.history.candles("ETH", MINUTE_MS, 0, 2**50)) == [3.0]


@pytest.mark.parametrize(("start", "end"), [(at(0), at(0)), (at(10), at(20)), (at(-20), at(0)), (at(5), at(1))])
def test_no_candles_is_an_empty_answer(ledger: Ledger, start: object, end: object) -> None:
    ledger.history.add_candles(candles([1.0, 2.0]))
    for coin in ("BTC", "ETH"):
        assert len(ledger.history.candles(coin, MINUTE_MS, to_ms(start), to_ms(end))) == 0  # type: ignore[arg-type]


def test_adding_no_candles_changes_nothing(ledger: Ledger) -> None:
    assert ledger.history.add_candles(candles([1.0]).between(0, 0)) == 0
    assert ledger.history.candle_coverage() == []


def test_candle_blocks_are_told_by_day_finest_first(ledger: Ledger) -> None:
    ledger.history.add_candles(candles([1.0] * 3, coin="ETH"))
    ledger.history.add_candles(candles([1.0] * 2, interval_ms=5 * MINUTE_MS, start=at(days=1)))
    ledger.history.add_candles(candles([1.0] * 10, start=at(-5, days=1)))
    ledger.history.add_candles(candles([1.0], start=at(9, days=1)))
    ledger.history.add_candles(candles([1.0], start=at(days=2)))

    def told(start: datetime, end: datetime) -> list[CandleBlock]:
        return ledger.history.candle_blocks("BTC", to_ms(start), to_ms(end))

    def block(first: datetime, last: datetime, count: int, minutes: int = 1) -> CandleBlock:
        return CandleBlock(interval_ms=minutes * MINUTE_MS, first_ms=to_ms(first), last_ms=to_ms(last), count=count)

    first, second = block(at(-5, days=1), at(-1, days=1), 5), block(at(days=1), at(9, days=1), 6)
    five, third = block(at(days=1), at(5, days=1), 2, minutes=5), block(at(days=2), at(days=2), 1)
    assert told(at(days=-3), at(days=9)) == [first, second, five, third]
    assert told(at(hours=30), at(hours=31)) == [second, five]  # whole days, whatever the hour
    assert told(at(days=3), at(days=4)) == []


def test_candle_coverage_counts_the_missing_ones(ledger: Ledger) -> None:
    ledger.history.add_candles(candles([1.0] * 3, coin="ETH"))
    ledger.history.add_candles(candles([1.0] * 10, interval_ms=5 * MINUTE_MS))
    ledger.history.add_candles(candles([1.0] * 10))
    ledger.history.add_candles(candles([1.0] * 10, start=at(days=1)))
    coverage = ledger.history.candle_coverage()
    assert coverage[0] == CandleCoverage(
        coin="BTC", interval_ms=MINUTE_MS, first=T0, last=at(9, days=1), count=20, missing=1430
    )
    assert [(each.coin, each.interval_ms, each.missing) for each in coverage[1:]] == [
        ("BTC", 5 * MINUTE_MS, 0),
        ("ETH", MINUTE_MS, 0),
    ]


def test_funding_rates_are_stored_once(ledger: Ledger) -> None:
    rates = [funding_rate(time=at(hours=hour), rate=hour / 1e6) for hour in range(4)]
    assert ledger.history.add_funding([rates[2], rates[0], rates[3], rates[1]]) == 4
    assert ledger.history.add_funding([replace(rates[0], rate=9.0), funding_rate(coin="ETH")]) == 1
    assert ledger.history.funding("BTC", at(hours=-1), at(hours=9)) == rates
    assert ledger.history.funding_coverage() == [
        FundingCoverage(coin="BTC", first=T0, last=at(hours=3), count=4),
        FundingCoverage(coin="ETH", first=T0, last=T0, count=1),
    ]


def test_funding_is_read_after_the_start_and_up_to_the_end(ledger: Ledger) -> None:
    rates = [funding_rate(time=at(hours=hour)) for hour in range(4)]
    ledger.history.add_funding(rates)
    assert ledger.history.funding("BTC", T0, at(hours=2)) == rates[1:3]
    assert ledger.history.funding("SOL", T0, at(hours=2)) == []


def test_equity_keeps_its_older_points_and_the_moment_each_was_first_read(ledger: Ledger) -> None:
    points = [known_equity(at=at(days=day), value_usd=100.0 * day, read_at=at(days=5)) for day in (1, 3, 2)]
    assert ledger.history.add_equity([*points, points[0]]) == 3
    again = [replace(point, value_usd=7.0, pnl_usd=None, read_at=at(days=9)) for point in points]
    assert (
        ledger.history.add_equity(
            [*again, known_equity(address=OTHER_TRADER), known_equity(at=at(days=8), read_at=at(days=9))]
        )
        == 2
    )
    assert ledger.history.equity_at(TRADER, at(days=7)) == points[1]
    assert ledger.history.equity_coverage() == [
        EquityCoverage(
            trader=TRADER,
            first=at(days=1),
            last=at(days=8),
            count=4,
            first_read=at(days=5),
            last_read=at(days=9),
        ),
        EquityCoverage(trader=OTHER_TRADER, first=T0, last=T0, count=1, first_read=at(hours=1), last_read=at(hours=1)),
    ]


def test_equity_is_known_at_a_moment_only_once_it_was_read(ledger: Ledger) -> None:
    early = known_equity(at=at(days=1), read_at=at(days=1), pnl_usd=None)
    late = known_equity(at=at(days=2), read_at=at(days=6), value_usd=2.0)
    ledger.history.add_equity([early, late])
    known = ledger.history.equity_at
    assert known(TRADER, at(hours=23)) is None
    assert known(TRADER, at(days=1)) == early
    assert known(TRADER, at(days=5)) == early
    assert known(TRADER, at(days=6)) == late
    assert known(TRADER, at(days=3), known_by=at(days=6)) == late
    assert known(TRADER, at(days=3), known_by=at(hours=1)) is None
    assert known(OTHER_TRADER, at(days=9)) is None
    assert ledger.history.equity(TRADER) == [early, late]
    assert ledger.history.equity(OTHER_TRADER) == []


def test_spans_that_were_fetched_are_remembered_by_series(ledger: Ledger) -> None:
    history = ledger.history
    assert history.fetched("candles", "BTC", MINUTE_MS) == []
    history.put_fetched("candles", "BTC", MINUTE_MS, [(50, 60), (10, 20)])
    history.put_fetched("candles", "BTC", 5 * MINUTE_MS, [(1, 2)])
    history.put_fetched("funding", "BTC", MINUTE_MS, [(3, 4)])
    assert history.fetched("candles", "BTC", MINUTE_MS) == [(10, 20), (50, 60)]
    history.put_fetched("candles", "BTC", MINUTE_MS, [(10, 60)])
    assert history.fetched("candles", "BTC", MINUTE_MS) == [(10, 60)]
    assert history.fetched("candles", "BTC", 5 * MINUTE_MS) == [(1, 2)]
    assert history.fetched("funding", "BTC", MINUTE_MS) == [(3, 4)]


def test_a_day_s_leaderboard_can_be_kept_without_a_crawl(ledger: Ledger) -> None:
    ledger.scoring.put_board(T0.date(), "hyperliquid", [Placing(leader=leader()), Placing(leader=leader(address="b"))])
    assert len(ledger.scoring.board(T0.date())) == 2
    assert ledger.scoring.last() is None
    ledger.scoring.put_board(T0.date(), "hyperliquid", [Placing(leader=leader(), rank=1)])
    assert ledger.scoring.board(T0.date()) == [Placing(leader=leader(), rank=1)]


def test_the_days_with_a_leaderboard_are_listed_with_its_source(ledger: Ledger) -> None:
    assert ledger.scoring.boards() == []
    ledger.scoring.put_board(at(days=1).date(), "nansen", [Placing(leader=leader())])
    ledger.scoring.put_board(T0.date(), "nansen", [Placing(leader=leader())])
    ledger.scoring.put_board(T0.date(), "hyperliquid", [Placing(leader=leader()), Placing(leader=leader(address="b"))])
    ledger.scoring.put_board(at(days=2).date(), "hyperliquid", [])
    assert ledger.scoring.boards() == [(T0.date(), "hyperliquid"), (at(days=1).date(), "nansen")]


def test_a_run_is_recorded_from_start_to_finish(ledger: Ledger) -> None:
    assert ledger.runs.last("poll") is None
    first = ledger.runs.start("poll", T0)
    assert ledger.runs.last("poll") == Run(id=first, command="poll", started_at=T0)
    ledger.runs.finish(first, at(1), ok=False, counts={"traders": 3}, errors=["one failed"])
    done = Run(
        id=first,
        command="poll",
        started_at=T0,
        finished_at=at(1),
        ok=False,
        counts={"traders": 3},
        errors=("one failed",),
    )
    assert ledger.runs.last("poll") == done
    other = ledger.runs.start("monitor", at(2))
    assert other != first
    assert ledger.runs.last("poll") == done
    again = ledger.runs.start("poll", at(-5))
    assert ledger.runs.last("poll") == Run(id=again, command="poll", started_at=at(-5))


def test_old_runs_are_forgotten_but_each_command_s_newest(ledger: Ledger) -> None:
    old, older = ledger.runs.start("poll", at(0)), ledger.runs.start("score", at(1))
    newest = ledger.runs.start("poll", at(10))
    assert ledger.runs.prune(at(5)) == 1
    assert ledger.runs.prune(at(5)) == 0
    assert ledger.runs.last("poll") == Run(id=newest, command="poll", started_at=at(10))
    assert ledger.runs.last("score") == Run(id=older, command="score", started_at=at(1))
    assert ledger.runs.start("poll", at(11)) not in {old, older, newest}


def test_the_paper_account_does_not_exist_before_it_is_made(ledger: Ledger) -> None:
    assert (ledger.paper.cash(), ledger.paper.synced_at()) == (None, None)
    ledger.paper.put_synced_at(T0)
    assert (ledger.paper.cash(), ledger.paper.synced_at()) == (None, T0)
    ledger.paper.put_cash(0.0)
    ledger.paper.put_cash(99.5)
    ledger.paper.put_synced_at(at(1))
    assert (ledger.paper.cash(), ledger.paper.synced_at()) == (99.5, at(1))


def test_paper_positions_are_one_for_each_coin(ledger: Ledger) -> None:
    short = paper_position(coin="ETH", size=-1.0)
    for each in (short, paper_position(), paper_position(size=3.0)):
        ledger.paper.put_position(each)
    assert ledger.paper.positions() == [paper_position(size=3.0), short]
    ledger.paper.drop_position("BTC")
    ledger.paper.drop_position("BTC")
    assert ledger.paper.positions() == [short]


def test_paper_leverage_is_set_for_each_coin(ledger: Ledger) -> None:
    assert ledger.paper.leverage("BTC") is None
    ledger.paper.put_leverage("BTC", 3)
    ledger.paper.put_leverage("BTC", 5)
    assert ledger.paper.leverage("BTC") == 5
    assert ledger.paper.leverage("ETH") is None


def test_paper_orders_are_listed_by_state_oldest_first(ledger: Ledger) -> None:
    late, twin, early = (
        paper_order(client_order_id=name, placed_at=at(minutes)) for name, minutes in (("b", 2), ("a", 2), ("c", 1))
    )
    for each in (late, twin, early):
        ledger.paper.put_order(each)
    assert ledger.paper.orders(IntentState.RESTING) == [early, twin, late]
    done = replace(
        twin,
        state=IntentState.FILLED,
        trigger_price=None,
        filled_size=2.0,
        average_price=94.5,
        error="thin",
        is_buy=True,
    )
    ledger.paper.put_order(done)
    assert ledger.paper.orders(IntentState.RESTING) == [early, late]
    assert ledger.paper.orders(IntentState.FILLED) == [done]
    assert ledger.paper.order("a") == done
    assert ledger.paper.order("d") is None


def test_paper_fills_are_read_in_the_order_they_were_appended(ledger: Ledger) -> None:
    made = [our_fill(time=at(minutes)) for minutes in (3, 1, 2, 5)]
    for each in made:
        ledger.paper.add_fill(each)
    assert ledger.paper.fills(at(2)) == [made[0], made[2], made[3]]
    assert ledger.paper.fills(at(4)) == [made[3]]
    assert ledger.paper.fills(at(6)) == []
    assert ledger.paper.count_fills() == 4


def test_paper_funding_is_summed_after_the_start_and_up_to_the_end(ledger: Ledger) -> None:
    for hour, usd in ((3, 8.0), (1, 1.0), (2, -0.5), (2, -0.5)):
        ledger.paper.add_funding("BTC", at(hours=hour), usd)
    assert ledger.paper.funding("BTC", at(hours=1), at(hours=3)) == 7.0
    assert ledger.paper.funding("BTC", T0, at(hours=2)) == 0.0
    assert ledger.paper.funding("ETH", T0, at(hours=9)) == 0.0


def test_nothing_is_halted_until_somebody_halts(ledger: Ledger) -> None:
    assert ledger.controls.halt() is None
    assert ledger.controls.resumed_at() is None


def test_the_newest_halt_is_in_force_until_somebody_resumes(ledger: Ledger) -> None:
    ledger.controls.put_halt(Halt(T0, "first"))
    ledger.controls.put_halt(Halt(at(1), "second"))
    assert ledger.controls.halt() == Halt(at(1), "second")
    ledger.controls.resume(at(2))
    assert ledger.controls.halt() is None
    assert ledger.controls.resumed_at() == at(2)
    ledger.controls.put_halt(Halt(at(3), "third"))
    assert ledger.controls.halt() == Halt(at(3), "third")
    assert ledger.controls.resumed_at() == at(2)


def test_equity_is_read_oldest_first_from_a_moment_on(ledger: Ledger) -> None:
    late, early = EquitySample(at(2), 90.0, -5.0), EquitySample(at(1), 100.0)
    assert ledger.controls.last_equity() is None
    for each in (late, early):
        ledger.controls.add_equity(each)
    assert list(ledger.controls.equity()) == [early, late]
    assert list(ledger.controls.equity(at(2))) == [late]
    assert ledger.controls.last_equity() == late
    ledger.controls.add_equity(EquitySample(at(2), 91.0))
    assert list(ledger.controls.equity()) == [early, EquitySample(at(2), 91.0)]


def test_thinned_equity_keeps_of_each_day_the_highest_and_the_lowest_result(ledger: Ledger) -> None:
    day = [EquitySample(at(hours=hour), equity) for hour, equity in enumerate((100.0, 104.0, 98.0, 101.0))]
    moved = EquitySample(at(hours=9), 200.0, 100.0)  # a deposit is no result
    other = [EquitySample(at(days=1, hours=hour), equity) for hour, equity in ((1, 90.0), (2, 95.0), (3, 93.0))]
    for each in (*day, moved, *other):
        ledger.controls.add_equity(each)
    ledger.controls.thin_equity(at(days=1))
    assert list(ledger.controls.equity()) == [day[1], day[2], *other]
    ledger.controls.thin_equity(at(days=1))
    assert list(ledger.controls.equity()) == [day[1], day[2], *other]
    ledger.controls.thin_equity(at(days=1, hours=3))
    assert list(ledger.controls.equity()) == [day[1], day[2], *other]


def test_a_nonce_is_the_present_or_one_more_than_the_last_and_each_signer_has_its_own(ledger: Ledger) -> None:
    given = [ledger.controls.next_nonce(signer, now) for signer, now in (("a", 5), ("a", 5), ("a", 3), ("b", 3))]
    assert given == [5, 6, 7, 3]
    assert ledger.controls.next_nonce("a", 100) == 100


def test_nonces_come_back_to_the_present_after_a_clock_that_was_days_ahead(ledger: Ledger) -> None:
    day, wrong = 86_400_000, 30 * 86_400_000
    assert [ledger.controls.next_nonce("a", wrong), ledger.controls.next_nonce("a", wrong)] == [wrong, wrong + 1]
    assert ledger.controls.next_nonce("a", 5) == 5  # none from more than a day ahead was ever taken
    assert ledger.controls.next_nonce("a", day) == day
    assert ledger.controls.next_nonce("a", 5) == day + 1  # it may have taken this one


def test_a_fact_is_remembered_until_it_is_dropped(ledger: Ledger) -> None:
    assert ledger.controls.fact("mode") is None
    ledger.controls.put_fact("mode", Fact("disabled", T0))
    ledger.controls.put_fact("mode", Fact("default", at(1)))
    assert ledger.controls.fact("mode") == Fact("default", at(1))
    ledger.controls.drop_fact("mode")
    ledger.controls.drop_fact("mode")
    assert ledger.controls.fact("mode") is None


def write_everything(ledger: Ledger) -> None:
    ledger.controls.put_halt(Halt(at(5), "more"))
    ledger.controls.resume(at(6))
    ledger.controls.put_halt(Halt(at(7), "again"))
    ledger.controls.add_equity(EquitySample(at(5), 5.0))
    ledger.controls.thin_equity(at(days=1))
    ledger.controls.next_nonce("a", 5)
    ledger.controls.put_fact("mode", Fact("default", at(5)))
    ledger.controls.drop_fact("kept")
    ledger.traders.put([trader(score=0.9), trader(address="new")])
    ledger.traders.blacklist(TRADER, at(days=20))
    ledger.traders.put_positions(TRADER, [], at(5))
    ledger.traders.put_mark(TRADER, poll_mark(read_until=at(5), polled_at=at(5)))
    ledger.scoring.begin(crawl(began_at=at(5)), [Placing(leader=leader(), rank=1), Placing(leader=leader(address="b"))])
    ledger.scoring.finish(at(5), at(6), {TRADER: "HFT"})
    ledger.scoring.put_board(T0.date(), "hyperliquid", [Placing(leader=leader(address="c"))])
    ledger.scoring.put_portfolio(portfolio(read_at=at(5)))
    ledger.scoring.put_reach(reach(complete_until=at(5), exhausted=True))
    ledger.scoring.put_summary(summary(trades=9))
    ledger.signals.decide(signal(decision=EXECUTE), ["f1"])
    ledger.signals.amend(signal(decision=EXECUTE, copy_size_usd=1.0))
    ledger.signals.defer(signal(id="new"))
    ledger.signals.attach(["f2"], at(5))
    ledger.book.put_position(position(id=1, status=PositionStatus.CLOSED))
    ledger.book.put_position(position(coin="ETH"))
    ledger.book.drop_position(1)
    ledger.book.put_position(position(coin="SOL", status=PositionStatus.CLOSED, closed_at=at(hours=2)))
    ledger.book.put_order(order(signal_id="s2", state=IntentState.FILLED, venue_order_id=7))
    ledger.book.add_fills("signal-1", [our_fill(time=at(5)), our_fill(identity="foreign")])
    ledger.book.put_fills_mark(at(6))
    ledger.book.log_action(action(at=at(5), price=None))
    ledger.history.add_fills([fill(time=at(-5)), fill(coin="SOL"), fill(trader=OTHER_TRADER)])
    ledger.history.add_candles(candles([9.0, 9.0, 9.0]))
    ledger.history.add_candles(candles([9.0], coin="ETH"))
    ledger.history.add_funding([funding_rate(time=at(hours=1)), funding_rate(coin="ETH")])
    ledger.history.add_equity([known_equity(), known_equity(at=at(5))])
    ledger.history.put_fetched("candles", "BTC", MINUTE_MS, [(1, 9)])
    ledger.runs.finish(ledger.runs.start("poll", at(5)), at(6), ok=True, counts={}, errors=())
    ledger.paper.put_cash(1.0)
    ledger.paper.put_synced_at(at(5))
    ledger.paper.put_position(paper_position(size=9.0))
    ledger.paper.drop_position("BTC")
    ledger.paper.put_leverage("BTC", 1)
    ledger.paper.put_order(paper_order(state=IntentState.CANCELLED))
    ledger.paper.add_fill(our_fill(time=at(5)))
    ledger.paper.add_funding("BTC", at(5), 1.0)


def read_everything(ledger: Ledger) -> dict[str, object]:
    funding_span = (at(days=-1), at(days=1))
    found = {coin: ledger.history.candles(coin, MINUTE_MS, 0, 2**50) for coin in ("BTC", "ETH")}
    return {
        "traders": ledger.traders.all(),
        "followed": ledger.traders.followed(),
        "crawl": ledger.scoring.last(),
        "leaderboard": ledger.scoring.board(T0.date()),
        "portfolio": ledger.scoring.portfolio(TRADER),
        "reach": ledger.scoring.reach(TRADER),
        "summary": ledger.scoring.summary(TRADER),
        "trader positions": ledger.traders.positions(TRADER),
        "marks": ledger.traders.mark(TRADER),
        "signals": ledger.signals.list(),
        "deferred": ledger.signals.deferred(),
        "seen": ledger.signals.seen(["f0", "f1", "f2"]),
        "live": ledger.book.positions(),
        "positions": ledger.book.positions(live_only=False),
        "orders": [ledger.book.orders(signal_id) for signal_id in (None, "signal-1", "s2")],
        "our fills": [ledger.book.fills(signal_id) for signal_id in ("signal-1", "a", "b", "c")],
        "ended": [ledger.book.closed_since(at(hours=hours)) for hours in (0, 1, 3)],
        "foreign fills": ledger.book.foreign_fills("BTC", at(-9)),
        "our fills' mark": ledger.book.fills_mark(),
        "actions": ledger.book.actions(),
        "fills": [ledger.history.fills(TRADER), ledger.history.fills(TRADER, coin="BTC")],
        "fill coverage": ledger.history.fill_coverage(),
        "candles": {coin: (each.t.tolist(), each.c.tolist(), each.v.tolist()) for coin, each in found.items()},
        "candle coverage": ledger.history.candle_coverage(),
        "funding": ledger.history.funding("BTC", *funding_span),
        "funding coverage": ledger.history.funding_coverage(),
        "equity through time": [ledger.history.equity_at(TRADER, at(days=2)), *ledger.history.equity_coverage()],
        "fetched": [ledger.history.fetched("candles", coin, MINUTE_MS) for coin in ("BTC", "ETH")],
        "runs": ledger.runs.last("poll"),
        "paper account": (ledger.paper.cash(), ledger.paper.synced_at(), ledger.paper.leverage("BTC")),
        "paper positions": ledger.paper.positions(),
        "paper orders": [ledger.paper.orders(state) for state in IntentState],
        "paper fills": (ledger.paper.fills(T0), ledger.paper.count_fills()),
        "paper funding": ledger.paper.funding("BTC", *funding_span),
        "numbered": ledger.book.order_numbered(7),
        "halt": (ledger.controls.halt(), ledger.controls.resumed_at()),
        "equity": (list(ledger.controls.equity()), ledger.controls.last_equity()),
        "facts": [ledger.controls.fact(name) for name in ("mode", "kept", "a", "b", "c")],
    }


def write_a_beginning(ledger: Ledger) -> None:
    ledger.controls.put_halt(Halt(T0, "new"))
    for minutes, equity in ((1, 3.0), (2, 1.0), (3, 2.0)):
        ledger.controls.add_equity(EquitySample(at(minutes), equity))
    ledger.controls.put_fact("kept", Fact("so far", T0))
    ledger.traders.put([trader()])
    ledger.scoring.begin(crawl(), [Placing(leader=leader())])
    ledger.scoring.put_portfolio(portfolio())
    ledger.scoring.put_reach(reach())
    ledger.scoring.put_summary(summary())
    ledger.traders.put_positions(TRADER, [trader_position()], T0)
    ledger.traders.put_mark(TRADER, poll_mark(read_until=T0, polled_at=T0))
    ledger.signals.defer(signal())
    ledger.signals.attach(["f0"], T0)
    ledger.book.put_position(position())
    ledger.book.put_order(order())
    ledger.book.add_fills("signal-1", [our_fill()])
    ledger.book.add_fills(None, [our_fill(identity="foreign", time=at(1))])
    ledger.book.log_action(action())
    ledger.history.add_fills([fill(), fill(time=at(1))])
    ledger.history.add_candles(candles([1.0, 2.0]))
    ledger.history.add_funding([funding_rate()])
    ledger.history.add_equity([known_equity()])
    ledger.history.put_fetched("candles", "BTC", MINUTE_MS, [(1, 2), (5, 6)])
    ledger.runs.start("poll", T0)
    ledger.paper.put_cash(100.0)
    ledger.paper.put_position(paper_position())
    ledger.paper.put_order(paper_order())
    ledger.paper.add_fill(our_fill())
    ledger.paper.add_funding("BTC", T0, 0.5)


def test_a_transaction_keeps_everything_when_it_ends_well(ledger: Ledger) -> None:
    write_a_beginning(ledger)
    before = read_everything(ledger)
    with ledger.transaction():
        write_everything(ledger)
        inside = read_everything(ledger)
    assert read_everything(ledger) == inside
    assert [name for name in inside if inside[name] == before[name]] == []


def attempt(ledger: Ledger, write: Callable[[Ledger], object], error: type[BaseException] = BoomError) -> None:
    with ledger.transaction():
        write(ledger)
        raise error


def test_a_transaction_that_raises_leaves_no_trace(ledger: Ledger) -> None:
    write_a_beginning(ledger)
    before = read_everything(ledger)
    with pytest.raises(BoomError):
        attempt(ledger, write_everything)
    assert read_everything(ledger) == before
    assert ledger.book.put_position(position()).id == 2


def test_an_empty_ledger_is_empty_again_after_a_transaction_that_raises(ledger: Ledger) -> None:
    before = read_everything(ledger)
    with pytest.raises(BoomError):
        attempt(ledger, write_a_beginning)
    assert read_everything(ledger) == before


def test_a_nested_transaction_is_undone_with_the_outer_one(ledger: Ledger) -> None:
    def nested(inner: Ledger) -> None:
        with inner.transaction():
            write_a_beginning(inner)

    before = read_everything(ledger)
    with pytest.raises(BoomError):
        attempt(ledger, nested)
    assert read_everything(ledger) == before


def test_a_nested_transaction_that_raises_is_undone_alone_when_the_outer_one_goes_on(ledger: Ledger) -> None:
    with ledger.transaction():
        ledger.signals.defer(signal(id="kept"))
        with pytest.raises(BoomError):
            attempt(ledger, lambda inner: inner.signals.defer(signal(id="undone")))
        ledger.signals.defer(signal(id="kept too"))
    assert [each.id for each in ledger.signals.list()] == ["kept", "kept too"]


def test_an_interrupted_transaction_leaves_no_trace(ledger: Ledger) -> None:
    with pytest.raises(KeyboardInterrupt):
        attempt(ledger, lambda inner: inner.signals.decide(signal(decision=EXECUTE), ["f1"]), KeyboardInterrupt)
    assert ledger.signals.list() == []
    assert ledger.signals.seen(["f1"]) == set()


@dataclass(frozen=True)
class Step:
    """A call of a method of a ledger."""

    part: str
    method: str
    arguments: tuple[object, ...]

    def __call__(self, ledger: Ledger) -> object:
        return getattr(getattr(ledger, self.part), self.method)(*self.arguments)


@dataclass(frozen=True)
class Transaction:
    """Steps inside a transaction, which raises at its end or doesn't."""

    steps: list[Step | Transaction]
    fails: bool

    def __call__(self, ledger: Ledger) -> list[object]:
        answers: list[object] = []
        with suppress(BoomError), ledger.transaction():
            answers = [step(ledger) for step in self.steps]
            if self.fails:
                raise BoomError
        return answers


def step(part: str, method: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.builds(Step, st.just(part), st.just(method), st.tuples(*arguments))


MOMENTS = st.integers(0, 9).map(at)
NAMES = st.sampled_from(["a", "b", "c"])
COINS = st.sampled_from(["BTC", "ETH"])
NUMBERS = st.integers(1, 9).map(float)
WALLETS = st.sampled_from([TRADER, OTHER_TRADER])
SIGNALS = st.builds(signal, id=NAMES, trader=WALLETS, trade_time=MOMENTS, check_at=st.none() | MOMENTS)
FINALS = st.builds(
    signal, id=NAMES, trade_time=MOMENTS, decision=st.sampled_from([EXECUTE, "SKIP_TOO_OLD"]), copy_size_usd=NUMBERS
)
POSITIONS = st.builds(
    lambda status, hours, **rest: position(
        status=status, closed_at=at(hours=hours) if status is PositionStatus.CLOSED else None, **rest
    ),
    id=st.none() | st.integers(1, 3),
    size=NUMBERS,
    status=st.sampled_from(PositionStatus),
    hours=st.integers(0, 5),
)
ORDERS = st.builds(
    order,
    client_order_id=NAMES,
    signal_id=NAMES,
    created_at=MOMENTS,
    state=st.sampled_from(IntentState),
)
OUR_FILLS = st.builds(our_fill, identity=NAMES, time=MOMENTS)
FILLS = st.builds(fill, trader=WALLETS, coin=COINS, tid=st.integers(1, 5), time=MOMENTS)
CANDLES = st.builds(
    lambda coin, values, start: candles(values, coin=coin, start=at(start)),
    COINS,
    st.lists(NUMBERS, max_size=3),
    st.sampled_from([-2, -1, 0, 1, 4]),
)
RATES = st.builds(funding_rate, coin=COINS, time=MOMENTS, rate=NUMBERS)
EQUITIES = st.builds(known_equity, address=WALLETS, at=MOMENTS, value_usd=NUMBERS, read_at=MOMENTS)
SPANS = st.sampled_from([(1, 2), (5, 6)])
TIERS = st.sampled_from(["primary", "secondary", None])
PLACINGS = st.builds(Placing, leader=st.builds(leader, address=WALLETS, pnl_30d_usd=st.none() | NUMBERS))
STEPS = st.one_of(
    step("traders", "put", st.lists(st.builds(trader, address=WALLETS, score=NUMBERS, tier=TIERS), max_size=2)),
    step("scoring", "begin", st.builds(crawl, began_at=MOMENTS), st.lists(PLACINGS, max_size=2)),
    step("scoring", "finish", MOMENTS, MOMENTS, st.dictionaries(WALLETS, st.none() | NAMES, max_size=1)),
    step("scoring", "put_portfolio", st.builds(portfolio, address=WALLETS, read_at=MOMENTS)),
    step("scoring", "put_reach", st.builds(reach, address=WALLETS, complete_until=MOMENTS, exhausted=st.booleans())),
    step("scoring", "put_summary", st.builds(summary, address=WALLETS, read_at=MOMENTS)),
    step("traders", "blacklist", WALLETS, MOMENTS),
    step("traders", "put_positions", WALLETS, st.lists(st.builds(trader_position, size=NUMBERS), max_size=1), MOMENTS),
    step("traders", "put_mark", WALLETS, st.builds(poll_mark, read_until=MOMENTS)),
    step("signals", "defer", SIGNALS),
    step("signals", "decide", FINALS, st.lists(NAMES)),
    step("signals", "amend", FINALS),
    step("signals", "attach", st.lists(NAMES), MOMENTS),
    step("book", "put_position", POSITIONS),
    step("book", "drop_position", st.integers(1, 3)),
    step("book", "put_order", ORDERS),
    step("book", "add_fills", st.none() | NAMES, st.lists(OUR_FILLS, max_size=3)),
    step("book", "put_fills_mark", MOMENTS),
    step("book", "log_action", st.builds(action, position_id=st.integers(1, 3), at=MOMENTS, price=st.none() | NUMBERS)),
    step("controls", "put_halt", st.builds(Halt, MOMENTS, NAMES)),
    step("controls", "resume", MOMENTS),
    step("controls", "add_equity", st.builds(EquitySample, MOMENTS | st.just(at(days=1)), NUMBERS, NUMBERS)),
    step("controls", "thin_equity", MOMENTS | st.just(at(days=2))),
    step("controls", "next_nonce", NAMES, st.integers(1, 9)),
    step("controls", "put_fact", NAMES, st.builds(Fact, NAMES, MOMENTS)),
    step("controls", "drop_fact", NAMES),
    step("history", "add_fills", st.lists(FILLS, max_size=4)),
    step("history", "add_candles", CANDLES),
    step("history", "add_funding", st.lists(RATES, max_size=3)),
    step("history", "add_equity", st.lists(EQUITIES, max_size=3)),
    step(
        "history",
        "put_fetched",
        st.just("candles"),
        COINS,
        st.just(MINUTE_MS),
        st.lists(SPANS, max_size=2, unique=True),
    ),
    step("scoring", "put_board", st.just(T0.date()), NAMES, st.lists(PLACINGS, max_size=2)),
    step("runs", "start", NAMES, MOMENTS),
    step("paper", "put_cash", NUMBERS),
    step("paper", "put_position", st.builds(paper_position, coin=COINS, size=NUMBERS)),
    step("paper", "drop_position", COINS),
    step("paper", "put_order", st.builds(paper_order, client_order_id=NAMES, state=st.sampled_from(IntentState))),
    step("paper", "add_fill", OUR_FILLS),
    step("paper", "add_funding", COINS, MOMENTS, NUMBERS),
)
SCRIPTS = st.lists(
    STEPS
    | st.recursive(
        st.builds(Transaction, st.lists(STEPS, max_size=6), st.booleans()),
        lambda inner: st.builds(Transaction, st.lists(STEPS | inner, max_size=4), st.booleans()),
        max_leaves=3,
    ),
    max_size=20,
)


@pytest.fixture(scope="module")
def blank_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("blank") / "ledger.db"
    Store.open(path, Binding("paper", "mainnet")).close()
    return path


@given(script=SCRIPTS)
@settings(deadline=None, max_examples=60)
def test_the_file_and_memory_answer_alike_whatever_happens(blank_file: Path, script: list[Step | Transaction]) -> None:
    with TemporaryDirectory() as folder:
        copied = Path(copyfile(blank_file, Path(folder, "ledger.db")))
        with Store.open(copied, Binding("paper", "mainnet"), create=False) as store:
            memory = MemoryLedger()
            for each in script:
                assert each(store) == each(memory)
            assert read_everything(store) == read_everything(memory)
            assert store.history.fills(OTHER_TRADER) == memory.history.fills(OTHER_TRADER)


def test_alerts_keep_their_order_and_what_became_of_them(ledger: Ledger) -> None:
    first, second = alert(Event.ENTRY, "a", "one", T0), alert(Event.EXIT, "b", "two", at(1))
    ledger.outbox.add([first, second])
    waiting = ledger.outbox.waiting(at(2))
    assert [replace(each, id=None) for each in waiting] == [first, second]
    assert ledger.outbox.recent(1) == waiting[1:]
    tried = replace(waiting[0], tries=2, tried_at=at(2), delivered=("1 json",))
    ledger.outbox.put(tried)
    ledger.outbox.put(replace(waiting[1], sent_at=at(2)))
    assert ledger.outbox.waiting(at(2)) == [tried]
    assert ledger.outbox.waiting(tried.expires_at) == []
    assert ledger.outbox.prune(at(1)) == 1
    assert [each.text for each in ledger.outbox.recent(9)] == ["two"]


def test_what_was_told_is_replaced_as_a_whole_or_not_at_all(ledger: Ledger) -> None:
    told = [
        Told(event=Event.HALT, key="a", at=T0, over="over"),
        Told(event=Event.STOP_MISSING, key="b", at=at(1), standing=False, announced=False),
    ]
    ledger.outbox.put_told(told)
    assert list(ledger.outbox.told().values()) == told
    with suppress(BoomError), ledger.transaction():
        ledger.outbox.put_told(told[1:])
        ledger.outbox.add([alert(Event.ENTRY, "a", "one", T0)])
        raise BoomError
    assert list(ledger.outbox.told().values()) == told
    assert ledger.outbox.recent(9) == []


def test_a_command_s_newest_runs_come_newest_first(ledger: Ledger) -> None:
    for command in ("poll", "poll", "monitor", "poll"):
        ledger.runs.start(command, T0)
    assert [run.id for run in ledger.runs.recent("poll", 2)] == [4, 2]
    assert ledger.runs.recent("score", 2) == []


def test_a_person_s_word_is_kept_until_it_says_nothing(ledger: Ledger) -> None:
    full = Choice(address=TRADER, at=T0, pinned=True, banned=True, watched=True, budget_usd=0.0, note="a note")
    for word in (full, Choice(address=OTHER_TRADER, at=T0, note="x")):
        ledger.choices.put(word)
    assert ledger.choices.get(TRADER) == full
    ledger.traders.put([trader()])
    with suppress(BoomError), ledger.transaction():
        ledger.choices.put(Choice(address=TRADER, at=at(1)))
        raise BoomError
    assert [each.address for each in ledger.choices.all()] == [TRADER, OTHER_TRADER]
    ledger.choices.put(Choice(address=TRADER, at=at(1)))
    assert ledger.choices.get(TRADER) is None
