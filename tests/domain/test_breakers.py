"""When entries pause (decision 30)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlcopy.domain.book import ExitReason, PositionStatus
from hlcopy.domain.breakers import Breaker, EquitySample, tripped, was_stopped
from hlcopy.domain.policy import BreakerPolicy
from tests.builders import OTHER_TRADER, T0, TRADER, at, position

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hlcopy.domain.book import Position

RULES = BreakerPolicy()
NOON = at(hours=12)
MIDNIGHT = at(days=1)


def samples(*steps: tuple[datetime, float] | tuple[datetime, float, float]) -> list[EquitySample]:
    return [EquitySample(*step) for step in steps]


def found(
    *,
    equity: Sequence[EquitySample] = (),
    positions: Sequence[Position] = (),
    now: datetime = NOON,
    resumed_at: datetime | None = None,
    rules: BreakerPolicy = RULES,
) -> list[Breaker]:
    return list(tripped(positions, equity, resumed_at, now, rules))


def names(breakers: Sequence[Breaker]) -> list[str]:
    return [breaker.name for breaker in breakers]


def stopped(ended_at: datetime, **overrides: object) -> Position:
    ended = position(
        status=PositionStatus.CLOSED,
        opened_at=at(days=-9),
        closed_at=ended_at,
        close_reason=ExitReason.STOP_LOSS,
        realized_pnl_usd=-10.0,
    )
    return replace(ended, **overrides)  # type: ignore[arg-type]


def test_nothing_traded_trips_nothing() -> None:
    assert found() == []
    assert found(equity=samples((T0, 100.0))) == []


@pytest.mark.parametrize(
    ("case", "equity", "trips"),
    [
        ("just under the limit", [(at(-5), 100.0), (at(1), 97.01)], False),
        ("exactly the limit", [(at(-5), 100.0), (at(1), 97.0)], True),
        ("a loss that came back still counts today", [(at(-5), 100.0), (at(1), 96.0), (at(2), 101.0)], True),
        (
            "from the last sample of yesterday, not from its best",
            [(at(-50), 110.0), (at(-5), 100.0), (at(1), 98.0)],
            False,
        ),
        ("from today's first when yesterday has none", [(at(days=-2), 200.0), (at(1), 100.0), (at(2), 98.0)], False),
        ("from today's first, reached", [(at(1), 100.0), (at(2), 97.0)], True),
        ("a withdrawal is no loss", [(at(-5), 100.0), (at(1), 60.0, -40.0)], False),
        ("a loss behind a deposit", [(at(-5), 100.0), (at(1), 194.0, 100.0)], True),
        ("a deposit makes the base larger", [(at(-5), 100.0), (at(1), 195.0, 100.0)], False),
        ("a loss behind a withdrawal", [(at(-5), 100.0), (at(1), 56.0, -40.0)], True),
        (
            "what is left after a withdrawal is what can be lost",
            [(at(-5), 100.0), (at(1), 50.0, -50.0), (at(2), 48.0, -50.0)],
            True,
        ),
        ("a withdrawal makes no earlier loss larger", [(at(-5), 100.0), (at(1), 98.0), (at(2), 3.0, -95.0)], False),
        ("a withdrawal of a gain", [(at(-5), 100.0), (at(1), 300.0), (at(2), 50.0, -250.0)], False),
        ("a deposit and a loss of it at once", [(at(-5), 100.0), (at(1), 1070.0, 1000.0)], False),
        ("all is lost", [(at(-5), 100.0), (at(1), -5.0)], True),
        ("an empty account can't lose", [(at(-5), 0.0), (at(1), 0.0)], False),
        ("yesterday's loss is over", [(at(-90), 100.0), (at(-60), 92.0), (at(1), 92.0)], False),
    ],
)
def test_the_daily_loss_is_of_the_equity_at_midnight_transfers_left_out(
    case: str,
    equity: list[tuple[datetime, float]],
    trips: bool,  # noqa: FBT001 - a column of the table
) -> None:
    rules = replace(RULES, max_drawdown_percent=101.0)
    assert names(found(equity=samples(*equity), rules=rules)) == (["MAX_DAILY_LOSS_PERCENT"] if trips else []), case


def test_a_daily_loss_says_when_it_was_reached_how_large_and_that_it_ends_at_midnight() -> None:
    equity = samples((at(-5), 100.0), (at(1), 98.0), (at(2), 96.0), (at(3), 95.0))
    assert found(equity=equity) == [
        Breaker(name="MAX_DAILY_LOSS_PERCENT", since=at(2), until=MIDNIGHT, measured=pytest.approx(4.0), limit=3.0)
    ]
    assert found(equity=equity, now=MIDNIGHT) == []


@pytest.mark.parametrize(
    ("case", "equity", "trips"),
    [
        ("just under the limit", [(at(days=-9), 100.0), (at(days=-8), 90.01)], False),
        ("exactly the limit", [(at(days=-9), 100.0), (at(days=-8), 90.0)], True),
        (
            "slowly over weeks",
            [(at(days=-9), 100.0), (at(days=-5), 96.0), (at(days=-3), 92.0), (at(days=-2), 89.0)],
            True,
        ),
        (
            "it stays when the equity comes back",
            [(at(days=-9), 100.0), (at(days=-8), 89.0), (at(days=-7), 120.0)],
            True,
        ),
        (
            "from the highest, not from the first",
            [(at(days=-9), 100.0), (at(days=-8), 120.0), (at(days=-7), 108.0)],
            True,
        ),
        ("a withdrawal is no loss", [(at(days=-9), 100.0), (at(days=-8), 50.0, -50.0)], False),
        (
            "a deposit is no new high",
            [(at(days=-9), 100.0), (at(days=-8), 200.0, 100.0), (at(days=-7), 185.0, 100.0)],
            False,
        ),
    ],
)
def test_the_drawdown_is_from_the_highest_equity_transfers_left_out(
    case: str,
    equity: list[tuple[datetime, float]],
    trips: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert names(found(equity=samples(*equity))) == (["MAX_DRAWDOWN_PERCENT"] if trips else []), case


def test_a_drawdown_ends_only_when_somebody_resumes_and_is_measured_anew_from_there() -> None:
    fallen = samples((at(days=-9), 100.0), (at(days=-8), 85.0))
    (breaker,) = found(equity=fallen)
    assert (breaker.since, breaker.until, breaker.limit) == (at(days=-8), None, 10.0)
    assert breaker.measured == pytest.approx(15.0)
    assert found(equity=fallen, resumed_at=at(days=-7)) == []
    further = [*fallen, *samples((at(days=-6), 86.0), (at(days=-5), 77.0))]
    assert names(found(equity=further, resumed_at=at(days=-7))) == ["MAX_DRAWDOWN_PERCENT"]


@pytest.mark.parametrize(
    ("case", "opened", "trips"),
    [
        ("one under", [at(hours=hour) for hour in range(2)], False),
        ("the limit", [at(hours=hour) for hour in range(3)], True),
        ("yesterday's don't count", [at(-1), at(-2), at(1), at(2)], False),
        ("closed ones do", [T0, T0, T0], True),
    ],
)
def test_entries_of_the_utc_day_are_counted(
    case: str,
    opened: list[datetime],
    trips: bool,  # noqa: FBT001 - a column of the table
) -> None:
    rules = replace(RULES, max_entries_per_day=3)
    status = PositionStatus.CLOSED if opened == [T0, T0, T0] else PositionStatus.OPEN
    held = [position(opened_at=moment, status=status) for moment in opened]
    expected = [Breaker(name="MAX_ENTRIES_PER_DAY", since=opened[-1], until=MIDNIGHT, measured=3, limit=3)]
    assert found(positions=held, rules=rules) == (expected if trips else []), case
    assert found(positions=held, rules=rules, now=MIDNIGHT) == []


def test_no_entries_a_day_means_none() -> None:
    assert names(found(rules=replace(RULES, max_entries_per_day=0))) == ["MAX_ENTRIES_PER_DAY"]


@pytest.mark.parametrize(
    ("case", "ends", "trips"),
    [
        ("two", [at(hours=1), at(hours=2)], False),
        ("three within six hours", [at(hours=1), at(hours=4), at(hours=7)], True),
        ("three within a little more", [at(hours=1), at(hours=4), at(hours=7, seconds=1)], False),
        ("the last three count", [at(days=-5), at(hours=8), at(hours=9), at(hours=10)], True),
        ("the pause is over after twelve hours", [at(hours=-2), at(hours=-1), T0], False),
        (
            "one more, later, doesn't end an older series's pause",
            [at(hours=1), at(hours=2), at(hours=3), at(hours=11)],
            True,
        ),
    ],
)
def test_three_losing_stops_within_six_hours_pause_for_twelve(
    case: str,
    ends: list[datetime],
    trips: bool,  # noqa: FBT001 - a column of the table
) -> None:
    held = [stopped(moment, source_trader=str(index)) for index, moment in enumerate(ends)]
    assert names(found(positions=held)) == (["MAX_STOPS_IN_6H"] if trips else []), case


def test_a_pause_after_stops_runs_from_the_last_of_them() -> None:
    held = [stopped(at(hours=hour), source_trader=str(hour)) for hour in (7, 9, 8)]
    (breaker,) = found(positions=held)
    assert (breaker.since, breaker.until) == (at(hours=9), at(hours=21))
    assert (breaker.measured, breaker.limit, breaker.trader) == (3, 3, None)


@pytest.mark.parametrize(
    ("case", "ends", "trips"),
    [
        ("one", [stopped(at(1))], False),
        ("two in a row", [stopped(at(1)), stopped(at(2))], True),
        (
            "a better one between",
            [stopped(at(1)), stopped(at(2), close_reason=ExitReason.TIME_STOP), stopped(at(3))],
            False,
        ),
        ("a better one after", [stopped(at(1)), stopped(at(2)), stopped(at(3), realized_pnl_usd=5.0)], False),
        ("of two traders", [stopped(at(1)), stopped(at(2), source_trader=OTHER_TRADER)], False),
        ("told in any order", [stopped(at(3)), stopped(at(1), close_reason=ExitReason.MANUAL), stopped(at(2))], True),
        ("over after fourteen days", [stopped(at(days=-15)), stopped(NOON - timedelta(days=14))], False),
    ],
)
def test_two_stopped_copies_in_a_row_leave_the_trader_out_for_fourteen_days(
    case: str,
    ends: list[Position],
    trips: bool,  # noqa: FBT001 - a column of the table
) -> None:
    breakers = found(positions=ends)
    assert names(breakers) == (["MAX_TRADER_STOPS"] if trips else []), case
    assert [breaker.trader for breaker in breakers] == ([TRADER] if trips else [])
    for breaker in breakers:
        assert breaker.until == breaker.since + timedelta(days=14)


@pytest.mark.parametrize(
    ("reason", "pnl", "counts"),
    [
        (ExitReason.STOP_LOSS, -1.0, True),
        (ExitReason.TRAILING_STOP, -1.0, True),
        (ExitReason.TRAILING_STOP, 1.0, False),
        (ExitReason.STOP_REJECTED, None, True),
        (ExitReason.LIQUIDATED, -50.0, True),
        (ExitReason.STOP_LOSS, 0.0, False),
        (ExitReason.MANUAL, -1.0, False),
        (ExitReason.TIME_STOP, -1.0, False),
        (ExitReason.ADL, -1.0, False),
        (ExitReason.CLOSED_ON_VENUE, None, False),
    ],
)
def test_a_stop_counts_when_it_lost_or_nobody_knows(
    reason: ExitReason,
    pnl: float | None,
    counts: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert was_stopped(stopped(T0, close_reason=reason, realized_pnl_usd=pnl)) is counts
    assert not was_stopped(position(close_reason=reason, realized_pnl_usd=pnl))  # it is open still


def test_switched_off_nothing_trips() -> None:
    everything = [stopped(at(hours=hour)) for hour in range(3)]
    equity = samples((at(-5), 100.0), (at(1), 50.0))
    assert len(found(equity=equity, positions=everything)) == 4
    assert found(equity=equity, positions=everything, rules=replace(RULES, on=False)) == []


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=20), st.integers(-(10**9), 10**9))
def test_what_was_moved_before_the_first_sample_is_nobody_s_business(equities: list[int], moved: int) -> None:
    plain = [EquitySample(at(minutes), float(equity)) for minutes, equity in enumerate(equities)]
    shifted = [replace(sample, transfers_usd=float(moved)) for sample in plain]
    assert found(equity=plain) == found(equity=shifted)
