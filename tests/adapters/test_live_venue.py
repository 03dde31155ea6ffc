"""Live trading at the local venue: the adapter's own words against a venue that verifies, matches and remembers."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.http import Http
from hlcopy.adapters.hyperliquid.account import HyperliquidAccount
from hlcopy.adapters.hyperliquid.client import InfoClient
from hlcopy.adapters.hyperliquid.market import HyperliquidMarket
from hlcopy.adapters.live import LiveExchange, signer
from hlcopy.adapters.memory import MemoryLedger
from hlcopy.adapters.memory.usage import MemoryRation
from hlcopy.domain.book import ExitReason, IntentState
from hlcopy.domain.policy import Policy
from hlcopy.domain.rations import MONITOR
from hlcopy.domain.refusals import Refusal
from hlcopy.errors import ConfigError
from hlcopy.ports import MISSING, UNKNOWN, Accepted, Account, Refused
from tests.live import ACCOUNT, AGENT, AGENT_KEY, Stood, entry, leaving, stop
from tests.venue import clock_of, local_venue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hlcopy.domain.book import Order
    from hlcopy.simulator.server import LocalVenue
    from hlcopy.simulator.trading import TradingFloor

SUBACCOUNT = "0x" + "5b" * 20


class Present:
    """The venue's clock, as hlcopy sees it."""

    def __init__(self, venue: LocalVenue) -> None:
        self._venue = venue
        self.behind = timedelta(0)

    def now(self) -> datetime:
        return datetime.fromtimestamp(clock_of(self._venue).now_ms() / 1000, UTC) - self.behind

    def monotonic(self) -> float:
        return clock_of(self._venue).now_ms() / 1000

    def sleep(self, seconds: float) -> None:
        clock_of(self._venue).advance(round(seconds * 1000))


@dataclass
class Trading:
    """A live exchange at a local venue."""

    exchange: LiveExchange
    venue: LocalVenue
    clock: Present
    told: list[str]

    @property
    def now(self) -> datetime:
        return self.clock.now()

    @property
    def floor(self) -> TradingFloor:
        return self.venue.floor

    def account(self) -> Account:
        found = self.exchange.account(self.now)
        assert found is not UNKNOWN, self.told
        return found

    def order(self, order: Order) -> Order:
        """Return an order as if built now."""
        return replace(order, created_at=self.now, expires_at=self.now + timedelta(seconds=15))

    def enter(self, **changes: object) -> object:
        return self.exchange.send(self.order(entry(**changes)), self.now)

    def protect(self, **changes: object) -> object:
        return self.exchange.send(self.order(stop(**{"client_order_id": STOP, **changes})), self.now)


ENTRY, STOP, EXIT = (f"0x{number:032x}" for number in (1, 2, 3))


@contextmanager
def trading(*, account: str = ACCOUNT) -> Iterator[Trading]:
    with local_venue() as venue, trading_at(venue, account=account) as made:
        yield made


@contextmanager
def trading_at(venue: LocalVenue, *, account: str = ACCOUNT) -> Iterator[Trading]:
    """Open an account at a venue, and a live exchange that trades in it."""
    venue.floor.open_account(ACCOUNT, 100_000.0)
    venue.floor.approve(AGENT, ACCOUNT, name="bot")
    if account != ACCOUNT:
        venue.floor.open_subaccount(account, ACCOUNT, 50_000.0)
    clock, told, controls = Present(venue), [], MemoryLedger().controls
    with Http(clock) as http:
        ration = MemoryRation(MONITOR, 1_000_000)
        client = InfoClient(http, venue.url, ration, clock)
        signs = signer(AGENT_KEY, network="testnet", url=venue.url, account=account, is_subaccount=account != ACCOUNT)
        exchange = LiveExchange(
            reader=HyperliquidAccount(client, account, controls, clock, told.append),
            signer=signs,
            listings=HyperliquidMarket(client, clock, told.append).listings,
            controls=controls,
            ration=ration,
            policy=Policy(),
            clock=clock,
            time_left=lambda: math.inf,
            standing=Stood(),
            tell=told.append,
        )
        made = Trading(exchange, venue, clock, told)
        made.account()
        yield made
        signs.close()


@pytest.fixture
def desk() -> Iterator[Trading]:
    with trading() as made:
        yield made


def test_leverage_is_set_and_read_back_and_may_be_set_again(desk: Trading) -> None:
    for _ in range(2):
        assert isinstance(desk.exchange.set_leverage("ETH", 3, desk.now), Accepted)
        leverage = desk.floor.leverage(ACCOUNT, "ETH")
        assert (leverage.is_cross, leverage.value) == (False, 3)


def test_an_entry_fills_and_shows_in_account_fills_and_status(desk: Trading) -> None:
    desk.exchange.set_leverage("ETH", 3, desk.now)
    filled = desk.enter(client_order_id=ENTRY)
    assert isinstance(filled, Accepted)
    assert (filled.state, filled.filled_size) == (IntentState.FILLED, 0.05)
    held = desk.account().positions["ETH"]
    assert (held.size, held.leverage, held.isolated, held.mark) == (0.05, 3, True, 2_000.0)
    assert held.entry_price == filled.average_price
    assert held.liquidation_price is not None
    assert 1_300 < held.liquidation_price < 1_400
    assert desk.exchange.find(ENTRY, desk.now) == filled
    fills = desk.exchange.fills(desk.now - timedelta(minutes=5), desk.now)
    assert fills is not UNKNOWN
    (fill,) = fills
    assert (fill.client_order_id, fill.venue_order_id, fill.size, fill.is_buy, fill.forced) == (
        ENTRY,
        filled.venue_order_id,
        0.05,
        True,
        None,
    )
    assert fill.fee == pytest.approx(0.05 * fill.price * 0.00045, abs=1e-6)


def test_a_subaccount_trades_by_its_masters_agent() -> None:
    with trading(account=SUBACCOUNT) as desk:
        assert isinstance(desk.enter(), Accepted)
        assert set(desk.account().positions) == {"ETH"}
        assert desk.floor.accounts[ACCOUNT].positions == {}


def test_an_entry_that_fills_in_part_says_how_much(desk: Trading) -> None:
    desk.floor.partial_next("ETH", 0.4)
    filled = desk.enter(client_order_id=ENTRY)
    assert isinstance(filled, Accepted)
    assert filled.filled_size == 0.02
    found = desk.exchange.find(ENTRY, desk.now)
    assert isinstance(found, Accepted)
    assert (found.state, found.filled_size) == (IntentState.FILLED, 0.02)
    assert found.average_price == pytest.approx(filled.average_price)


def test_an_entry_without_a_match_is_refused_and_found_refused(desk: Trading) -> None:
    refused = desk.enter(client_order_id=ENTRY, limit_price=1_990.0)
    assert isinstance(refused, Refused)
    assert refused.kind is Refusal.NO_MATCH
    assert desk.exchange.find(ENTRY, desk.now) == Refused("iocCancelRejected", Refusal.NO_MATCH)


def test_a_stop_rests_is_found_and_cancelled(desk: Trading) -> None:
    desk.enter()
    placed = desk.protect()
    assert isinstance(placed, Accepted)
    (resting,) = desk.account().stops
    assert (resting.coin, resting.size, resting.trigger_price, resting.is_buy, resting.reduce_only) == (
        "ETH",
        0.05,
        1_900.0,
        False,
        True,
    )
    assert resting.client_order_id == STOP
    assert desk.exchange.find(STOP, desk.now) == placed
    for _ in range(2):
        assert desk.exchange.cancel(stop(client_order_id=STOP), desk.now) == Accepted(IntentState.CANCELLED)
    assert desk.account().stops == ()
    found = desk.exchange.find(STOP, desk.now)
    assert isinstance(found, Accepted)
    assert found.state is IntentState.CANCELLED


def test_a_stop_beyond_the_mark_is_refused(desk: Trading) -> None:
    desk.enter()
    refused = desk.protect(trigger_price=2_100.0, limit_price=1_900.0)
    assert isinstance(refused, Refused)
    assert refused.kind is Refusal.BAD_TRIGGER


def test_a_stop_that_fired_is_found_filled_at_its_price(desk: Trading) -> None:
    desk.enter()
    desk.protect()
    desk.venue.venue.set_mark("ETH", 1_899.0, clock_of(desk.venue).now_ms() + 5_000)
    clock_of(desk.venue).advance(60_000)
    assert desk.account().positions == {}
    found = desk.exchange.find(STOP, desk.now)
    assert isinstance(found, Accepted)
    assert (found.state, found.filled_size) == (IntentState.FILLED, 0.05)
    assert found.average_price == pytest.approx(1_899.0, rel=0.01)


def test_an_exit_larger_than_the_position_is_found_as_what_it_closed(desk: Trading) -> None:
    desk.enter()
    filled = desk.exchange.send(desk.order(leaving(client_order_id=EXIT, size=0.2)), desk.now)
    assert isinstance(filled, Accepted)
    assert filled.filled_size == 0.05
    found = desk.exchange.find(EXIT, desk.now)
    assert isinstance(found, Accepted)
    assert found.filled_size == 0.05


def test_an_exit_of_nothing_is_already_flat(desk: Trading) -> None:
    refused = desk.exchange.send(desk.order(leaving()), desk.now)
    assert isinstance(refused, Refused)
    assert refused.kind is Refusal.ALREADY_FLAT


def test_an_order_that_the_venue_doesn_t_know_is_missing(desk: Trading) -> None:
    assert desk.exchange.find(EXIT, desk.now) is MISSING


def test_take_profits_and_limits_of_others_are_orders_and_no_stops(desk: Trading) -> None:
    desk.enter()
    desk.floor.place_order_by_hand(ACCOUNT, "ETH", 0.01, 1_500.0)
    desk.floor.place_stop_by_hand(ACCOUNT, "ETH", -0.05, 2_500.0, is_stop=False)
    desk.floor.place_stop_by_hand(ACCOUNT, "ETH", -0.05, 1_800.0)
    account = desk.account()
    assert [(each.trigger_price, each.client_order_id) for each in account.stops] == [(1_800.0, None)]
    assert sorted(each.price for each in account.orders) == [1_500.0, 2_500.0]


def test_what_the_venue_takes_itself_says_why(desk: Trading) -> None:
    desk.enter()
    desk.floor.deleverage(ACCOUNT, "ETH", 0.01)
    desk.floor.settle("ETH", 1_950.0)
    fills = desk.exchange.fills(desk.now - timedelta(minutes=5), desk.now)
    assert fills is not UNKNOWN
    assert [fill.forced for fill in fills] == [None, ExitReason.ADL, ExitReason.SETTLED]
    assert len({fill.identity for fill in fills}) == 3


def test_a_liquidation_says_so(desk: Trading) -> None:
    desk.exchange.set_leverage("ETH", 5, desk.now)
    desk.enter()
    desk.venue.venue.set_mark("ETH", 1_500.0, clock_of(desk.venue).now_ms() + 5_000)
    clock_of(desk.venue).advance(60_000)
    fills = desk.exchange.fills(desk.now - timedelta(minutes=5), desk.now)
    assert fills is not UNKNOWN
    assert {fill.forced for fill in fills[1:]} == {ExitReason.LIQUIDATED}
    assert len(fills) > 1


def test_funding_is_what_the_position_paid(desk: Trading) -> None:
    desk.enter()
    began = desk.now
    clock_of(desk.venue).advance(3 * 3_600_000 + 120_000)
    paid = desk.exchange.funding("ETH", began, desk.now)
    assert paid is not UNKNOWN
    assert desk.exchange.funding("BTC", began, desk.now) == 0.0
    assert desk.exchange.funding("ETH", desk.now - timedelta(minutes=1), desk.now) == 0.0


def test_transfers_are_what_went_in_less_what_went_out(desk: Trading) -> None:
    began = desk.now
    clock_of(desk.venue).advance(1_000)
    desk.floor.deposit(ACCOUNT, 500.0)
    desk.floor.withdraw(ACCOUNT, 200.0)
    assert desk.exchange.transfers(began, desk.now) == pytest.approx(300.0, abs=2.0)


def test_the_budget_is_what_is_left_of_our_actions(desk: Trading) -> None:
    desk.floor.leave_requests(ACCOUNT, 150)
    budget = desk.exchange.budget(desk.now)
    assert budget is not None
    assert budget is not UNKNOWN
    assert budget.left == 150


def test_an_exhausted_budget_is_a_refusal(desk: Trading) -> None:
    desk.floor.leave_requests(ACCOUNT, -5)
    refused = desk.enter()
    assert isinstance(refused, Refused)
    assert refused.kind is Refusal.BUDGET


def test_an_agent_that_was_dropped_ends_it(desk: Trading) -> None:
    desk.floor.drop_agent(AGENT)
    with pytest.raises(ConfigError, match="approve a new agent"):
        desk.enter()


@pytest.mark.parametrize("behind", [timedelta(seconds=30), timedelta(minutes=-10)], ids=["behind", "ahead"])
def test_a_clock_that_is_off_keeps_no_stop_and_no_exit_from_landing(desk: Trading, behind: timedelta) -> None:
    desk.enter(client_order_id=ENTRY)
    desk.clock.behind = behind
    desk.account()
    assert isinstance(desk.protect(), Accepted)
    assert isinstance(desk.exchange.cancel(stop(client_order_id=STOP), desk.now), Accepted)
    assert isinstance(desk.exchange.send(desk.order(leaving(client_order_id=EXIT)), desk.now), Accepted)
    assert desk.floor.accounts[ACCOUNT].positions == {}


def test_an_entry_of_a_clock_that_is_behind_has_expired(desk: Trading) -> None:
    desk.clock.behind = timedelta(seconds=30)
    desk.account()
    assert isinstance(desk.enter(), Refused)
    assert desk.floor.accounts[ACCOUNT].positions == {}
