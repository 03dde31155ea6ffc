"""The paper venue keeps the real one's rules, and its books always add up."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.adapters.paper import PaperExchange
from hlcopy.adapters.store import Binding, Store
from hlcopy.backtest.replay import ReplayClock, ReplayMarket
from hlcopy.backtest.tape import Tape
from hlcopy.domain.book import ExitReason, IntentState, Purpose
from hlcopy.domain.policy import CostPolicy
from hlcopy.ports import MISSING, UNKNOWN, Accepted, Refused
from tests.builders import MINUTE_MS, T0, at, candles, order, paper_order
from tests.fakes import FakeMarket, Killed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from hlcopy.domain.book import Order, OurFill
    from hlcopy.ports import Account, Ledger, Outcome, PriceFeed

COSTS = CostPolicy()
FREE = CostPolicy(base_slippage_percent={"_default": 0.0}, taker_fee_percent=0.0)
START = 100_000.0
FEE = 0.00045
FILLED, CANCELLED, RESTING = IntentState.FILLED, IntentState.CANCELLED, IntentState.RESTING
REDUCE_ONLY = Refused("Reduce only order would increase position.")


@dataclass
class Venue:
    """A paper venue at a market whose price is 100 at T0, and short ways to trade there."""

    ledger: Ledger = field(default_factory=MemoryLedger)
    market: FakeMarket = field(default_factory=FakeMarket)
    policy: CostPolicy = COSTS
    feed: PriceFeed | None = None

    def __post_init__(self) -> None:
        self.market.set("BTC", T0, 100.0)
        self._ids = count(1)

    @property
    def exchange(self) -> PaperExchange:
        """The venue as a process that starts now sees it."""
        return PaperExchange(self.ledger, self.feed or self.market, self.policy, START)

    def send(self, now: datetime = T0, **overrides: object) -> Outcome:
        facts = {"client_order_id": f"0x{next(self._ids):032x}", "limit_price": None, "expires_at": None}
        return self.exchange.send(order(**(facts | overrides)), now)

    def enter(self, size: float = 2.0, *, is_buy: bool = True, leverage: int = 3, now: datetime = T0) -> Outcome:
        self.exchange.set_leverage("BTC", leverage, now)
        return self.send(now, is_buy=is_buy, size=size)

    def leave(self, size: float, *, is_buy: bool = False, now: datetime = T0, **overrides: object) -> Outcome:
        facts = {"purpose": Purpose.EXIT, "reduce_only": True, "is_buy": is_buy, "size": size}
        return self.send(now, **(facts | overrides))

    def protect(self, trigger: float | None, *, is_buy: bool = False, now: datetime = T0, size: float = 2.0) -> Order:
        """Send a stop and return it."""
        stop = order(
            client_order_id=f"0x{next(self._ids):032x}",
            purpose=Purpose.STOP,
            is_buy=is_buy,
            size=size,
            trigger_price=trigger,
            reduce_only=True,
            expires_at=None,
        )
        self.exchange.send(stop, now)
        return stop

    def account(self, now: datetime = T0) -> Account:
        account = self.exchange.account(now)
        assert account is not UNKNOWN
        return account

    def fills(self, now: datetime = T0) -> list[OurFill]:
        fills = self.exchange.fills(T0, now)
        assert fills is not UNKNOWN
        return list(fills)

    def held(self, now: datetime = T0) -> float:
        """The signed size that is open in BTC."""
        position = self.account(now).positions.get("BTC")
        return position.size if position is not None else 0.0


@pytest.fixture(params=["file", "memory"])
def venue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Venue]:
    if request.param == "memory":
        yield Venue()
        return
    with Store.open(tmp_path / "paper.db", Binding("paper", "mainnet")) as store:
        yield Venue(store)


def test_an_account_nobody_has_used_holds_its_starting_equity(venue: Venue) -> None:
    account = venue.account()
    assert (account.equity, account.positions, account.stops, account.read_at) == (START, {}, (), T0)


# Orders


@pytest.mark.parametrize(("is_buy", "price"), [(True, 60_048.0), (False, 59_952.0)])
def test_an_order_fills_at_a_price_made_worse_by_its_size_and_pays_the_taker_fee(
    venue: Venue, *, is_buy: bool, price: float
) -> None:
    venue.market.set("BTC", T0, 60_000.0)
    assert venue.enter(10.0, is_buy=is_buy, leverage=20) == Accepted(FILLED, 10.0, pytest.approx(price))

    (filled,) = venue.fills()
    assert (filled.price, filled.fee) == (pytest.approx(price), pytest.approx(price * 10 * FEE))
    assert filled.slippage_usd == pytest.approx(480.0)
    assert (filled.is_buy, filled.time, filled.forced) == (is_buy, T0, None)
    account = venue.account()
    assert account.equity == pytest.approx(START - 480.0 - filled.fee)
    held = account.positions["BTC"]
    assert (held.size, held.leverage, held.isolated) == (10.0 if is_buy else -10.0, 20, True)


@pytest.mark.parametrize(
    ("is_buy", "bound", "state"),
    [
        (True, 100.0201, FILLED),
        (True, 100.02, CANCELLED),
        (False, 99.9799, FILLED),
        (False, 99.98, CANCELLED),
    ],
)
def test_what_lies_past_the_price_bound_isn_t_filled(
    venue: Venue, *, is_buy: bool, bound: float, state: IntentState
) -> None:
    venue.exchange.set_leverage("BTC", 3, T0)
    outcome = venue.send(is_buy=is_buy, limit_price=bound)
    assert isinstance(outcome, Accepted)
    assert outcome.state is state
    if state is CANCELLED:
        assert (outcome.filled_size, outcome.average_price) == (0.0, None)
        assert (venue.fills(), venue.held(), venue.account().equity) == ([], 0.0, START)


def test_a_market_that_is_halted_fills_nothing(venue: Venue) -> None:
    venue.market.halted.add("BTC")
    assert venue.enter() == Accepted(CANCELLED)
    assert venue.account().equity == START


@pytest.mark.parametrize("second", [{}, {"size": 5.0}, {"is_buy": False}])
def test_the_same_client_id_is_the_same_order(venue: Venue, second: dict[str, object]) -> None:
    first = venue.enter()
    assert venue.send(at(5), client_order_id="0x" + "0" * 31 + "1", **second) == first
    assert (len(venue.fills(at(5))), venue.held(at(5))) == (1, 2.0)


def test_a_refused_order_stays_refused_under_its_id(venue: Venue) -> None:
    refused = venue.leave(1.0, client_order_id="0xaa")
    venue.enter()
    assert refused == venue.leave(1.0, client_order_id="0xaa") == venue.exchange.find("0xaa", at(1)) == REDUCE_ONLY


def test_a_stop_sent_again_after_it_fired_doesn_t_rest_again(venue: Venue) -> None:
    venue.enter()
    stop = venue.protect(95.0)
    venue.market.set("BTC", at(1), 94.0)
    again = venue.exchange.send(stop, at(2))
    assert again == venue.exchange.find(stop.client_order_id, at(2))
    assert isinstance(again, Accepted)
    assert (again.state, again.filled_size) == (FILLED, 2.0)
    assert venue.account(at(2)).stops == ()


def test_an_order_nobody_sent_is_missing(venue: Venue) -> None:
    assert venue.exchange.find("0xbb", T0) is MISSING


def test_an_expired_order_is_refused_and_never_lands(venue: Venue) -> None:
    venue.exchange.set_leverage("BTC", 3, T0)
    assert isinstance(venue.send(at(seconds=15), client_order_id="0xcc", expires_at=at(seconds=15)), Accepted)
    late = venue.send(at(seconds=16), client_order_id="0xdd", expires_at=at(seconds=15))
    assert late == Refused("Order expired.")
    assert venue.exchange.find("0xdd", at(1)) is MISSING


def test_a_coin_that_isn_t_listed_is_refused(venue: Venue) -> None:
    venue.market.unlisted.add("BTC")
    assert venue.exchange.set_leverage("BTC", 1, T0) == Refused("Invalid leverage value")
    assert venue.send() == Refused("Unknown coin.")


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0.0999, Refused("Order must have minimum value of $10.")),
        (0.1, Accepted(FILLED, 0.1, pytest.approx(100.02))),
        (0.10001, Refused("Order has invalid size.")),
        (0.0, Refused("Order has invalid size.")),
    ],
)
def test_entries_keep_to_the_minimum_and_to_lots(venue: Venue, size: float, expected: Outcome) -> None:
    assert venue.enter(size) == expected


def test_only_a_whole_close_may_be_worth_less_than_the_minimum(venue: Venue) -> None:
    venue.enter(0.2, leverage=1)
    venue.market.set("BTC", at(1), 40.0)
    assert venue.leave(0.1, now=at(1)) == Refused("Order must have minimum value of $10.")
    assert isinstance(venue.leave(0.2, now=at(1)), Accepted)
    assert venue.held(at(1)) == 0.0


@pytest.mark.parametrize("long", [True, False])
def test_a_reduce_only_order_never_flips_and_never_increases(venue: Venue, *, long: bool) -> None:
    assert venue.leave(1.0, is_buy=not long) == REDUCE_ONLY
    venue.enter(is_buy=long)
    assert venue.leave(1.0, is_buy=long) == REDUCE_ONLY
    assert abs(venue.held()) == 2.0
    closed = venue.leave(5.0, is_buy=not long)
    assert isinstance(closed, Accepted)
    assert (closed.filled_size, venue.held()) == (2.0, 0.0)
    assert venue.leave(1.0, is_buy=not long) == REDUCE_ONLY


def test_an_entry_on_a_coin_that_is_held_is_refused(venue: Venue) -> None:
    venue.enter()
    for is_buy in (True, False):
        assert venue.send(is_buy=is_buy) == Refused("A position is open on this coin already.")
    assert venue.held() == 2.0


@pytest.mark.parametrize(("leverage", "taken"), [(1, True), (20, True), (21, False), (0, False), (-3, False)])
def test_leverage_lies_between_one_and_the_coin_s_maximum(venue: Venue, leverage: int, *, taken: bool) -> None:
    assert isinstance(venue.exchange.set_leverage("BTC", leverage, T0), Accepted) is taken


def test_leverage_can_t_be_changed_under_a_position(venue: Venue) -> None:
    venue.enter(leverage=3)
    assert isinstance(venue.exchange.set_leverage("BTC", 5, T0), Refused)
    assert venue.account().positions["BTC"].leverage == 3
    venue.leave(2.0)
    assert isinstance(venue.exchange.set_leverage("BTC", 5, T0), Accepted)


def test_an_entry_needs_its_margin_and_its_fee_in_cash() -> None:
    venue = Venue(policy=replace(COSTS, base_slippage_percent={"_default": 0.0}))
    short = Refused("Insufficient margin to place order.")
    assert venue.send() == short  # no leverage was ever set
    venue.exchange.set_leverage("BTC", 2, T0)
    most = START / (100 / 2 + 100 * FEE)
    assert venue.send(size=round(most + 0.0001, 4)) == short
    assert isinstance(venue.send(size=round(most - 0.0001, 4)), Accepted)
    venue.market.set("ETH", T0, 100.0)
    venue.exchange.set_leverage("ETH", 2, T0)
    assert venue.send(coin="ETH", size=1.0) == short


def test_a_part_that_is_left_releases_its_share_of_the_margin(venue: Venue) -> None:
    venue.enter(4.0, leverage=2)
    (before,) = venue.ledger.paper.positions()
    assert before.margin_usd == pytest.approx(4 * before.entry_price / 2)
    cash = venue.ledger.paper.cash()
    assert cash is not None

    venue.market.set("BTC", at(1), 110.0)
    venue.leave(1.0, now=at(1))

    (after,) = venue.ledger.paper.positions()
    assert (after.size, after.margin_usd) == (3.0, pytest.approx(before.margin_usd * 0.75))
    assert (after.entry_price, after.opened_at) == (before.entry_price, before.opened_at)
    (_, sold) = venue.fills(at(1))
    gain = sold.price - before.entry_price
    assert venue.ledger.paper.cash() == pytest.approx(cash + before.margin_usd / 4 + gain - sold.fee)


def test_parts_that_floats_can_t_hold_leave_nothing_behind(venue: Venue) -> None:
    venue.enter(0.6)
    venue.leave(0.2)
    venue.leave(0.2)
    assert venue.held() == 0.2
    venue.leave(0.2)
    assert (venue.held(), venue.account().positions) == (0.0, {})


def test_our_fills_are_told_from_a_moment_on(venue: Venue) -> None:
    venue.enter()
    venue.leave(2.0, now=at(2))
    assert [fill.time for fill in venue.fills(at(3))] == [T0, at(2)]
    later = venue.exchange.fills(at(1), at(3))
    assert later is not UNKNOWN
    assert [fill.time for fill in later] == [at(2)]


# Stops


@pytest.mark.parametrize("long", [True, False])
def test_a_stop_rests_only_where_it_protects(venue: Venue, *, long: bool) -> None:
    behind, ahead = (95.0, 105.0) if long else (105.0, 95.0)

    def state_of(trigger: float | None, *, closes: bool = True) -> object:
        stop = venue.protect(trigger, is_buy=long is not closes)
        return venue.exchange.find(stop.client_order_id, T0)

    invalid = Refused("Invalid TP/SL price.")
    assert state_of(behind) == REDUCE_ONLY
    venue.enter(is_buy=long)
    assert state_of(behind, closes=False) == REDUCE_ONLY
    assert state_of(ahead) == state_of(100.0) == state_of(None) == invalid
    assert state_of(behind) == Accepted(RESTING)
    (resting,) = venue.account().stops
    assert (resting.coin, resting.is_buy, resting.trigger_price) == ("BTC", not long, behind)
    assert (resting.size, resting.reduce_only) == (2.0, True)


@pytest.mark.parametrize(
    ("long", "path", "price"),
    [
        (True, [96.0, 95.0, 90.0], 95.0),
        (True, [96.0, 93.0, 97.0], 93.0),
        (False, [104.0, 105.0, 110.0], 105.0),
        (False, [104.0, 107.0, 103.0], 107.0),
    ],
    ids=["at its trigger", "at the first price past it", "a short's at its trigger", "a short's past it"],
)
def test_a_stop_fills_by_what_the_price_did_between_looks(path: list[float], price: float, *, long: bool) -> None:
    venue = Venue(policy=FREE)
    venue.enter(is_buy=long)
    stop = venue.protect(95.0 if long else 105.0, is_buy=not long)
    for minute, step in enumerate(path, 1):
        venue.market.set("BTC", at(minute), step)

    assert venue.held(at(60)) == 0.0
    assert venue.exchange.find(stop.client_order_id, at(60)) == Accepted(FILLED, 2.0, price)
    fired = venue.fills(at(60))[-1]
    assert (fired.price, fired.time, fired.client_order_id) == (price, at(2), stop.client_order_id)
    assert (fired.is_buy, fired.forced) == (not long, None)
    assert venue.account(at(60)).stops == ()


def test_a_stop_slips_and_pays_the_taker_fee(venue: Venue) -> None:
    venue.enter()
    venue.protect(95.0)
    venue.market.set("BTC", at(1), 95.0)
    fired = venue.fills(at(2))[-1]
    assert fired.price == pytest.approx(95 * (1 - 0.02 * (1 + 190 / 100_000 * 0.5) / 100))
    assert fired.fee == pytest.approx(fired.price * 2 * FEE)
    assert fired.slippage_usd == pytest.approx((95 - fired.price) * 2)


def test_a_price_from_before_the_stop_doesn_t_fire_it(venue: Venue) -> None:
    venue.enter()
    venue.market.set("BTC", at(1), 94.0)
    venue.market.set("BTC", at(2), 100.0)
    venue.protect(95.0, now=at(3))
    assert venue.held(at(4)) == 2.0


def test_a_stop_from_before_the_position_doesn_t_know_what_the_price_did_before_it(venue: Venue) -> None:
    venue.enter()
    venue.protect(95.0)
    venue.leave(2.0, now=at(1))
    venue.market.set("BTC", at(2), 94.0)
    venue.enter(now=at(3))
    assert venue.held(at(4)) == 2.0
    venue.market.set("BTC", at(5), 93.0)
    assert venue.held(at(5)) == 0.0


def test_of_several_stops_the_first_that_is_reached_fires(venue: Venue) -> None:
    venue.enter()
    loose = venue.protect(90.0)
    tight = venue.protect(97.0, now=at(1))
    for minute, step in ((2, 96.0), (3, 89.0)):
        venue.market.set("BTC", at(minute), step)

    assert venue.held(at(4)) == 0.0
    assert [fill.client_order_id for fill in venue.fills(at(4))][1:] == [tight.client_order_id]
    assert [stop.client_order_id for stop in venue.account(at(4)).stops] == [loose.client_order_id]


@pytest.mark.parametrize("long", [True, False])
def test_of_two_stops_in_one_candle_the_tighter_fires_whichever_was_placed_first(*, long: bool) -> None:
    closes = [100.0, 100.0, 85.0 if long else 115.0, 100.0]
    clock = ReplayClock(at(1))
    feed = ReplayMarket(clock, {"BTC": Tape.of(candles(closes))}, {}, {})
    venue = Venue(policy=FREE, feed=feed)
    venue.enter(is_buy=long, now=at(1))
    venue.protect(90.0 if long else 110.0, is_buy=not long, now=at(1))
    tight = venue.protect(97.0 if long else 103.0, is_buy=not long, now=at(1))

    clock.advance(at(3))

    assert venue.exchange.find(tight.client_order_id, at(3)) == Accepted(FILLED, 2.0, 97.0 if long else 103.0)
    assert venue.fills(at(3))[-1].time == at(2)


def in_candles(closes: list[float], now: datetime) -> tuple[Venue, ReplayClock]:
    """A venue that trades on candles of five minutes."""
    clock = ReplayClock(now)
    feed = ReplayMarket(clock, {"BTC": Tape.of(candles(closes, interval_ms=5 * MINUTE_MS))}, {}, {})
    return Venue(policy=FREE, feed=feed), clock


@pytest.mark.parametrize(("low", "fired"), [(94.0, True), (96.0, False)])
def test_a_stop_comes_before_an_exit_that_waits_for_the_next_candle(low: float, *, fired: bool) -> None:
    venue, clock = in_candles([100.0, low, low], T0)
    venue.enter()
    stop = venue.protect(95.0)
    clock.advance(at(7))

    sent = venue.leave(2.0, now=at(7))

    last = venue.fills(at(7))[-1]
    assert venue.held(at(7)) == 0.0
    if fired:
        assert sent == REDUCE_ONLY
        assert (last.client_order_id, last.price, last.time) == (stop.client_order_id, 95.0, at(5))
    else:
        assert sent == Accepted(FILLED, 2.0, low)
        assert (last.price, last.time) == (low, at(10))


def test_a_stop_doesn_t_know_the_candle_in_which_an_exit_fills() -> None:
    venue, clock = in_candles([100.0, 100.0, 90.0], T0)
    venue.enter()
    venue.protect(95.0)
    clock.advance(at(10))
    assert venue.leave(2.0, now=at(10)) == Accepted(FILLED, 2.0, 100.0)


def test_a_stop_for_less_leaves_the_rest_open_and_one_for_more_doesn_t_flip(venue: Venue) -> None:
    venue.enter(3.0)
    venue.protect(97.0, size=1.0)
    venue.protect(95.0, size=9.0)
    venue.market.set("BTC", at(1), 96.0)
    assert venue.held(at(1)) == 2.0
    venue.market.set("BTC", at(2), 94.0)
    assert venue.held(at(2)) == 0.0
    assert [fill.size for fill in venue.fills(at(2))] == [3.0, 1.0, 2.0]


def test_a_cancelled_stop_doesn_t_fire_and_cancelling_twice_is_no_error(venue: Venue) -> None:
    venue.enter()
    stop = venue.protect(95.0)
    for _ in range(2):
        assert venue.exchange.cancel(stop, at(1)) == Accepted(CANCELLED)
    venue.market.set("BTC", at(2), 90.0)
    assert (venue.held(at(3)), venue.account(at(3)).stops) == (2.0, ())
    assert venue.exchange.find(stop.client_order_id, at(3)) == Accepted(CANCELLED)


def test_cancelling_what_fired_or_never_was_counts_as_cancelled_and_changes_nothing(venue: Venue) -> None:
    venue.enter()
    stop = venue.protect(95.0)
    venue.market.set("BTC", at(1), 94.0)
    assert venue.exchange.cancel(stop, at(2)) == Accepted(CANCELLED)
    fired = venue.exchange.find(stop.client_order_id, at(2))
    assert isinstance(fired, Accepted)
    assert fired.state is FILLED
    assert venue.exchange.cancel(order(client_order_id="0xee"), at(2)) == Accepted(CANCELLED)


def test_a_stop_still_fires_when_its_coin_was_delisted(venue: Venue) -> None:
    venue.enter()
    venue.protect(95.0)
    venue.market.unlisted.add("BTC")
    venue.market.set("BTC", at(1), 94.0)
    assert venue.account(T0).positions["BTC"].liquidation_price is None
    assert venue.held(at(2)) == 0.0


def test_a_position_without_a_mark_is_valued_at_its_entry(venue: Venue) -> None:
    venue.enter()
    venue.market.path.clear()
    account = venue.account(at(1))
    assert account.positions["BTC"].mark == account.positions["BTC"].entry_price


# Funding


@pytest.mark.parametrize("long", [True, False])
def test_funding_is_paid_hourly_caught_up_late_and_once_only(venue: Venue, *, long: bool) -> None:
    venue.market.rates["BTC"] = [(at(hours=hour), 0.001) for hour in range(6)]
    venue.market.set("BTC", at(hours=2, minutes=30), 120.0)
    sign = 1 if long else -1
    venue.enter(is_buy=long, now=at(hours=0.5))
    equity = venue.account(at(hours=0.5)).equity

    for _ in range(2):
        venue.account(at(hours=3.5))
    venue.account(at(hours=3.75))

    paid = sign * 2 * 0.001 * (100 + 100 + 120)
    assert venue.exchange.funding("BTC", T0, at(hours=4)) == pytest.approx(paid)
    assert venue.exchange.funding("BTC", at(hours=2), at(hours=4)) == pytest.approx(sign * 2 * 0.001 * 120)
    assert venue.account(at(hours=3.75)).equity == pytest.approx(equity + sign * 40 - paid)


def test_funding_stops_with_the_position(venue: Venue) -> None:
    venue.market.rates["BTC"] = [(at(hours=hour), 0.001) for hour in range(1, 6)]
    venue.enter()
    venue.protect(95.0)
    venue.market.set("BTC", at(hours=2.5), 94.0)

    assert venue.held(at(hours=5.5)) == 0.0

    assert venue.exchange.funding("BTC", T0, at(hours=9)) == pytest.approx(2 * 2 * 0.001 * 100)
    venue.enter(now=at(hours=5.75))
    venue.account(at(hours=9))
    assert venue.exchange.funding("BTC", T0, at(hours=9)) == pytest.approx(2 * 2 * 0.001 * 100)


# Liquidation


@pytest.mark.parametrize(("long", "liquidation"), [(True, 100 * (1 - 1 / 3) / 0.975), (False, 100 * (4 / 3) / 1.025)])
def test_a_position_without_a_stop_is_liquidated_where_margin_ends(*, long: bool, liquidation: float) -> None:
    venue = Venue(policy=FREE)
    venue.enter(is_buy=long)
    assert venue.account().positions["BTC"].liquidation_price == pytest.approx(liquidation)
    sign = 1 if long else -1
    venue.market.set("BTC", at(1), liquidation + sign * 0.01)
    assert abs(venue.held(at(1))) == 2.0

    venue.market.set("BTC", at(2), liquidation)

    assert venue.held(at(3)) == 0.0
    fired = venue.fills(at(3))[-1]
    assert (fired.forced, fired.client_order_id, fired.time) == (ExitReason.LIQUIDATED, None, at(2))
    assert venue.account(at(3)).equity == pytest.approx(START + sign * 2 * (liquidation - 100))


def test_an_unlevered_long_is_never_liquidated(venue: Venue) -> None:
    venue.enter(leverage=1)
    assert venue.account().positions["BTC"].liquidation_price is None
    venue.market.set("BTC", at(1), 0.01)
    assert venue.held(at(1)) == 2.0


def test_a_stop_of_the_other_side_protects_from_no_liquidation(venue: Venue) -> None:
    venue.enter()
    venue.protect(95.0)
    venue.leave(2.0, now=at(1))
    venue.enter(is_buy=False, now=at(2))
    venue.market.set("BTC", at(3), 150.0)
    assert venue.held(at(3)) == 0.0
    assert venue.fills(at(3))[-1].forced is ExitReason.LIQUIDATED


@pytest.mark.parametrize("stopped", [True, False])
@pytest.mark.parametrize("long", [True, False])
def test_a_gap_past_bankruptcy_loses_exactly_the_margin(venue: Venue, *, long: bool, stopped: bool) -> None:
    venue.enter(is_buy=long, leverage=5)
    (held,) = venue.ledger.paper.positions()
    if stopped:
        venue.protect(95.0 if long else 105.0, is_buy=not long)
    entered = venue.fills()[0]
    venue.market.set("BTC", at(1), 30.0 if long else 300.0)

    account = venue.account(at(2))

    assert account.positions == {}
    assert account.equity == pytest.approx(START - held.margin_usd - entered.fee, abs=1e-6)
    fired = venue.fills(at(2))[-1]
    assert (fired.forced, fired.slippage_usd) == (ExitReason.LIQUIDATED, 0.0)
    assert fired.fee == pytest.approx(0.0, abs=1e-9)
    assert fired.price == pytest.approx(held.entry_price * (0.8 if long else 1.2))


def test_a_gap_past_the_stop_but_not_past_the_margin_is_a_stop(venue: Venue) -> None:
    venue.enter(leverage=5)
    venue.protect(95.0)
    venue.market.set("BTC", at(1), 82.0)
    venue.account(at(2))
    fired = venue.fills(at(2))[-1]
    assert fired.forced is None
    assert fired.price == pytest.approx(82.0, rel=1e-3)


# Crashes


class Dying:
    """Books whose process dies in one of their writes."""

    def __init__(self, target: object, method: str) -> None:
        self._target = target
        self._method = method

    def __getattr__(self, name: str) -> object:
        return self._die if name == self._method else getattr(self._target, name)

    def _die(self, *_args: object) -> None:
        raise Killed(self._method)


@pytest.mark.parametrize("method", ["put_cash", "put_position", "drop_position", "add_fill", "put_order"])
def test_a_venue_that_dies_while_it_fills_keeps_its_books_as_they_were(venue: Venue, method: str) -> None:
    leaving = method == "drop_position"
    venue.exchange.set_leverage("BTC", 3, T0)
    if leaving:
        venue.enter()
    before = (venue.account(), venue.fills())
    dying = venue.exchange
    dying._books = Dying(venue.ledger.paper, method)  # type: ignore[assignment]  # noqa: SLF001 - no port for a crash
    sent = order(client_order_id="0xff", limit_price=None, expires_at=None, is_buy=not leaving, reduce_only=leaving)

    with pytest.raises(Killed):
        dying.send(sent, T0)

    assert (venue.account(), venue.fills()) == before
    assert venue.exchange.find("0xff", T0) is MISSING
    assert isinstance(venue.exchange.send(sent, T0), Accepted)


def test_a_process_that_dies_after_the_venue_acted_finds_the_order_there(venue: Venue) -> None:
    outcome = venue.enter()  # and nothing of it reaches the ledger's own book
    assert venue.ledger.book.orders() == []

    reborn = venue.exchange
    assert reborn.find("0x" + "0" * 31 + "1", at(1)) == outcome
    assert venue.held(at(1)) == 2.0
    assert venue.account(at(1)).equity == pytest.approx(venue.account().equity)


def test_a_stop_that_can_t_be_booked_fires_again_at_the_next_look(venue: Venue) -> None:
    venue.enter()
    venue.protect(95.0)
    venue.market.set("BTC", at(1), 94.0)
    dying = venue.exchange
    dying._books = Dying(venue.ledger.paper, "put_order")  # type: ignore[assignment]  # noqa: SLF001 - see above
    with pytest.raises(Killed):
        dying.account(at(2))

    assert [stop.state for stop in venue.ledger.paper.orders(RESTING)] == [RESTING]
    assert (venue.held(at(3)), len(venue.fills(at(3)))) == (0.0, 2)


def test_a_resting_order_says_what_it_is() -> None:
    ledger = MemoryLedger()
    ledger.paper.put_order(paper_order(state=IntentState.REFUSED, error=None))
    assert PaperExchange(ledger, FakeMarket(), COSTS, START).find(paper_order().client_order_id, T0) == Refused(
        "refused"
    )


# What always holds

COINS = ("BTC", "ETH")
step = st.one_of(
    st.tuples(st.just("price"), st.sampled_from(COINS), st.floats(-0.3, 0.3)),
    st.tuples(st.just("wait"), st.sampled_from(COINS), st.integers(1, 300)),
    st.tuples(st.just("rate"), st.sampled_from(COINS), st.floats(-0.001, 0.001)),
    st.tuples(st.just("enter"), st.sampled_from(COINS), st.floats(-400, 400)),
    st.tuples(st.just("leave"), st.sampled_from(COINS), st.floats(0, 1.5)),
    st.tuples(st.just("stop"), st.sampled_from(COINS), st.floats(0.001, 0.2)),
)


class Life:
    """A venue to which anything may happen, and what its account must show."""

    def __init__(self) -> None:
        self.venue = Venue()
        self.venue.market.set("ETH", T0, 50.0)
        self.minute = 0

    def price(self, coin: str) -> float:
        return self.venue.market.path[coin][-1][1]

    def size(self, coin: str) -> float:
        held = self.venue.account(at(self.minute)).positions.get(coin)
        return held.size if held is not None else 0.0

    def apply(self, kind: str, coin: str, amount: float) -> None:
        now = at(self.minute)
        if kind == "price":
            self.minute += 1
            self.venue.market.set(coin, at(self.minute), self.price(coin) * (1 + amount))
        elif kind == "wait":
            self.minute += int(amount)
        elif kind == "rate":
            self.minute += 1
            self.venue.market.rates.setdefault(coin, []).append((at(self.minute), amount))
        elif kind == "enter":
            self.venue.exchange.set_leverage(coin, 1 + int(abs(amount)) % 20, now)
            self.venue.send(now, coin=coin, is_buy=amount > 0, size=round(abs(amount), 3))
        elif kind == "leave":
            size = round(abs(self.size(coin)) * amount, 3)
            self.venue.leave(size, coin=coin, is_buy=self.size(coin) < 0, now=now)
        else:
            long = self.size(coin) > 0
            stop = order(
                client_order_id=f"{coin}{self.minute}{amount}",
                purpose=Purpose.STOP,
                coin=coin,
                is_buy=not long,
                size=abs(self.size(coin)),
                trigger_price=self.price(coin) * (1 - amount if long else 1 + amount),
                reduce_only=True,
                reason=ExitReason.STOP_LOSS,
                expires_at=None,
            )
            self.venue.exchange.send(stop, now)

    def expected_equity(self) -> float:
        """Start, what every fill took in or gave out, fees, funding, and what is held at its price."""
        now = at(self.minute)
        positions = self.venue.account(now).positions
        fills = self.venue.fills(now)
        funding = sum(self.venue.ledger.paper.funding(coin, T0, now) for coin in COINS)
        traded = -sum(fill.signed_size * fill.price + fill.fee for fill in fills)
        return START + traded - funding + sum(held.size * held.mark for held in positions.values())


@given(st.lists(step, max_size=25))
@settings(max_examples=150, deadline=None)
def test_equity_is_start_and_realised_less_fees_and_funding_and_unrealised(
    steps: list[tuple[str, str, float]],
) -> None:
    life = Life()
    for kind, coin, amount in steps:
        life.apply(kind, coin, amount)
        now = at(life.minute)
        account = life.venue.account(now)
        assert account.equity == pytest.approx(life.expected_equity(), rel=1e-9, abs=1e-6)
        signed = {coin: sum(fill.signed_size for fill in life.venue.fills(now) if fill.coin == coin) for coin in COINS}
        held = {coin: account.positions[coin].size if coin in account.positions else 0.0 for coin in COINS}
        assert held == pytest.approx(signed, abs=1e-9)
        for position in life.venue.ledger.paper.positions():
            assert position.margin_usd == pytest.approx(
                abs(position.size) * position.entry_price / position.leverage, rel=1e-9
            )


@given(st.lists(step, max_size=25))
@settings(max_examples=50, deadline=None)
def test_how_often_the_account_is_read_makes_no_difference_to_what_it_holds(
    steps: list[tuple[str, str, float]],
) -> None:
    watched, left_alone = Life(), Life()
    for kind, coin, amount in steps:
        if kind in {"price", "wait", "rate"}:
            watched.apply(kind, coin, amount)
            watched.venue.account(at(watched.minute))
            left_alone.apply(kind, coin, amount)
        elif kind == "enter":
            for life in (watched, left_alone):
                life.apply(kind, coin, amount)
    now = at(watched.minute)
    assert watched.venue.account(now).positions == left_alone.venue.account(now).positions
    assert watched.venue.account(now).equity == pytest.approx(left_alone.venue.account(now).equity)
