"""When our equity is sampled, and which breakers stand."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import inf, nan
from typing import TYPE_CHECKING, Any

import pytest

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.domain.book import ExitReason, PositionStatus
from hlcopy.domain.breakers import EquitySample
from hlcopy.domain.policy import BreakerPolicy, Policy
from hlcopy.ports import UNKNOWN, Account, UnknownType
from hlcopy.ticks import breakers, positions
from tests.builders import T0, at, position
from tests.fakes import FakeMarket, FakeSource, desk_of

if TYPE_CHECKING:
    from datetime import datetime

    from hlcopy.ports import Desk, Ledger


@dataclass(slots=True)
class Transfers:
    """A venue that tells of nothing but transfers."""

    moved: float | UnknownType = 0.0
    asked: list[tuple[datetime, datetime]] = field(default_factory=list)

    def transfers(self, since: datetime, until: datetime) -> float | UnknownType:
        self.asked.append((since, until))
        return self.moved


@pytest.fixture
def ledger() -> Ledger:
    return MemoryLedger()


@pytest.fixture
def venue() -> Transfers:
    return Transfers()


@pytest.fixture
def desk(ledger: Ledger, venue: Transfers) -> Desk:
    exchange: Any = venue
    return replace(desk_of(ledger, FakeSource(), FakeMarket()), exchange=exchange)


def reading(equity: float, read_at: datetime = T0) -> Account:
    return Account(equity=equity, positions={}, stops=(), read_at=read_at)


def test_the_first_reading_is_a_sample_and_asks_for_no_transfers(desk: Desk, venue: Transfers) -> None:
    breakers.sample(desk, reading(100.0), T0)
    assert desk.ledger.controls.equity() == [EquitySample(T0, 100.0)]
    assert venue.asked == []


def test_equity_is_sampled_at_most_every_five_minutes(desk: Desk, venue: Transfers) -> None:
    for minutes in (0, 1, 4.9, 5, 5, 9.9, 10):
        breakers.sample(desk, reading(100.0), at(minutes))
    assert [sample.at for sample in desk.ledger.controls.equity()] == [T0, at(5), at(10)]
    assert venue.asked == [(T0, at(5)), (at(5), at(10))]


def test_transfers_add_up_over_samples(desk: Desk, venue: Transfers) -> None:
    breakers.sample(desk, reading(100.0), T0)
    for minutes, moved in ((5, 50.0), (10, 0.0), (15, -30.0)):
        venue.moved = moved
        breakers.sample(desk, reading(120.0), at(minutes))
    assert [sample.transfers_usd for sample in desk.ledger.controls.equity()] == [0.0, 50.0, 50.0, 20.0]


@pytest.mark.parametrize("moved", [UNKNOWN, nan, inf])
def test_while_transfers_aren_t_known_nothing_is_sampled_and_the_next_sample_catches_up(
    desk: Desk, venue: Transfers, moved: float | UnknownType
) -> None:
    breakers.sample(desk, reading(100.0), T0)
    venue.moved = moved
    breakers.sample(desk, reading(100.0), at(5))
    assert len(desk.ledger.controls.equity()) == 1
    venue.moved = 7.0
    breakers.sample(desk, reading(107.0), at(6))
    assert desk.ledger.controls.last_equity() == EquitySample(at(6), 107.0, 7.0)
    assert venue.asked[-1] == (T0, at(6))


@pytest.mark.parametrize("equity", [nan, inf])
def test_an_equity_that_is_no_number_is_no_sample_and_trips_nothing(desk: Desk, equity: float) -> None:
    breakers.sample(desk, reading(equity), T0)
    assert desk.ledger.controls.last_equity() is None
    breakers.sample(desk, reading(100.0), T0)
    breakers.sample(desk, reading(equity), at(5))
    assert breakers.standing(desk, reading(equity), at(5)) == ()
    assert len(desk.ledger.controls.equity()) == 1


def test_a_reading_that_trips_a_breaker_is_sampled_at_once_and_stays_remembered(desk: Desk) -> None:
    breakers.sample(desk, reading(100.0), T0)
    breakers.sample(desk, reading(96.0), at(1))
    assert desk.ledger.controls.last_equity() == EquitySample(at(1), 96.0)
    (breaker,) = breakers.standing(desk, reading(100.0), at(2))
    assert (breaker.name, breaker.since) == ("MAX_DAILY_LOSS_PERCENT", at(1))
    breakers.sample(desk, reading(95.0), at(3))  # it stands already: no hurry
    assert desk.ledger.controls.last_equity() == EquitySample(at(1), 96.0)


def test_a_withdrawal_between_two_samples_is_looked_up_before_it_counts_as_a_loss(desk: Desk, venue: Transfers) -> None:
    breakers.sample(desk, reading(100.0), T0)
    venue.moved = -50.0
    breakers.sample(desk, reading(50.0), at(1))
    assert desk.ledger.controls.last_equity() == EquitySample(at(1), 50.0, -50.0)
    assert breakers.standing(desk, reading(50.0), at(1)) == ()
    assert breakers.standing(desk, reading(50.0), at(2)) == ()


def test_a_transfer_counts_up_to_when_our_account_was_read(desk: Desk, venue: Transfers) -> None:
    breakers.sample(desk, reading(100.0), T0)
    venue.moved = -50.0
    breakers.sample(desk, reading(50.0, read_at=at(5, seconds=20)), at(5))  # the tick waited for the account
    assert venue.asked == [(T0, at(5, seconds=20))]
    assert desk.ledger.controls.last_equity() == EquitySample(at(5, seconds=20), 50.0, -50.0)
    assert breakers.standing(desk, reading(48.0, read_at=at(5, seconds=20)), at(5)) == ()
    assert len(breakers.standing(desk, reading(48.0, read_at=at(5, seconds=21)), at(5))) == 1


def test_the_present_reading_counts_without_a_sample_of_it(desk: Desk) -> None:
    breakers.sample(desk, reading(100.0), T0)
    assert breakers.standing(desk, reading(99.0), at(1)) == ()
    assert [breaker.since for breaker in breakers.standing(desk, reading(97.0), at(1))] == [at(1)]
    assert breakers.remembered(desk.ledger, desk.policy.breakers, at(1)) == ()


def test_a_clock_that_was_set_back_samples_nothing_twice(desk: Desk) -> None:
    breakers.sample(desk, reading(100.0), at(10))
    breakers.sample(desk, reading(50.0), at(5))
    breakers.sample(desk, reading(50.0), at(10))
    assert desk.ledger.controls.equity() == [EquitySample(at(10), 100.0)]


def test_transfers_that_stay_unknown_blind_no_breaker(desk: Desk, venue: Transfers) -> None:
    breakers.sample(desk, reading(100.0), T0)
    venue.moved = UNKNOWN
    for hours in range(1, 49):
        breakers.sample(desk, reading(100.0), at(hours=hours))
    breakers.sample(desk, reading(95.0), at(20, hours=48))
    tripped = breakers.standing(desk, reading(95.0), at(20, hours=48))
    assert [breaker.name for breaker in tripped] == ["MAX_DAILY_LOSS_PERCENT"]


def test_after_a_clock_that_was_days_ahead_losses_are_measured_on(desk: Desk) -> None:
    breakers.sample(desk, reading(100.0), T0)
    breakers.sample(desk, reading(100.0), at(days=30))
    breakers.sample(desk, reading(99.0), at(10))
    assert EquitySample(at(10), 99.0) in desk.ledger.controls.equity()
    tripped = [breaker.name for breaker in breakers.standing(desk, reading(89.0), at(11))]
    assert tripped == ["MAX_DAILY_LOSS_PERCENT", "MAX_DRAWDOWN_PERCENT"]
    breakers.sample(desk, reading(89.0), at(11))
    rules = desk.policy.breakers
    assert [breaker.name for breaker in breakers.remembered(desk.ledger, rules, at(12))] == tripped


def test_old_days_are_thinned_and_yesterday_and_today_are_kept_whole(desk: Desk) -> None:
    for day in range(3):
        for minutes, equity in ((0, 100.0), (5, 101.0), (10, 99.0), (15, 100.5)):
            breakers.sample(desk, reading(equity), at(minutes, days=day))
    kept = [sample.at for sample in desk.ledger.controls.equity()]
    assert kept == [at(5), at(10), *(at(minutes, days=day) for day in (1, 2) for minutes in (0, 5, 10, 15))]


def test_switched_off_equity_is_sampled_and_nothing_trips(ledger: Ledger, venue: Transfers) -> None:
    exchange: Any = venue
    off = Policy(breakers=BreakerPolicy(on=False))
    desk = replace(desk_of(ledger, FakeSource(), FakeMarket(), policy=off), exchange=exchange)
    breakers.sample(desk, reading(100.0), T0)
    breakers.sample(desk, reading(10.0), at(1))
    breakers.sample(desk, reading(10.0), at(5))
    assert [sample.at for sample in ledger.controls.equity()] == [T0, at(5)]
    assert breakers.standing(desk, reading(1.0), at(6)) == ()
    assert breakers.remembered(ledger, off.breakers, at(6)) == ()


def test_what_is_stored_is_enough_to_tell_of_breakers(desk: Desk, ledger: Ledger) -> None:
    breakers.sample(desk, reading(100.0), T0)
    breakers.sample(desk, reading(85.0), at(5))
    for minutes in (1, 2):
        ledger.book.put_position(
            position(
                status=PositionStatus.CLOSED,
                closed_at=at(minutes),
                close_reason=ExitReason.STOP_LOSS,
                realized_pnl_usd=-7.0,
            )
        )
    rules = desk.policy.breakers
    standing = [breaker.name for breaker in breakers.remembered(ledger, rules, at(6))]
    assert standing == ["MAX_DAILY_LOSS_PERCENT", "MAX_DRAWDOWN_PERCENT", "MAX_TRADER_STOPS"]
    ledger.controls.resume(at(6))
    staying = [breaker.name for breaker in breakers.remembered(ledger, rules, at(6))]
    assert staying == ["MAX_DAILY_LOSS_PERCENT", "MAX_TRADER_STOPS"]


def test_the_positions_tick_tells_of_halt_and_breakers() -> None:
    ledger = MemoryLedger()
    desk = desk_of(ledger, FakeSource(), FakeMarket(), equity=90.0)
    ledger.controls.add_equity(EquitySample(T0, 100.0))
    for _ in range(2):
        report = positions.run(desk, at(1))
        assert report.halted is None
        assert [breaker.name for breaker in report.breakers] == ["MAX_DAILY_LOSS_PERCENT", "MAX_DRAWDOWN_PERCENT"]
