from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlcopy.domain.book import ExitReason, IntentState, Order, Purpose
from hlcopy.domain.instrument import Instrument
from hlcopy.domain.models import Side
from hlcopy.domain.orders import client_order_id, entry_order, exit_order, stop_order
from hlcopy.domain.policy import ExecutionPolicy
from hlcopy.domain.stops import Trigger
from tests.builders import T0, at, position

if TYPE_CHECKING:
    from collections.abc import Callable

BTC = Instrument(coin="BTC", size_decimals=5, max_leverage=40)
RULES = ExecutionPolicy()
LONG, SHORT = Side.LONG, Side.SHORT


def entered(side: Side, mark: float = 60_000.0, max_slippage: float = 0.5) -> Order:
    return entry_order(
        signal_id="s",
        side=side,
        size=0.1,
        mark=mark,
        max_slippage=max_slippage,
        instrument=BTC,
        now=T0,
        policy=RULES,
    )


def stopped(side: Side, trigger: float, attempt: int = 1) -> Order:
    held = position(side=side, signal_id="s", size=0.25)
    reason = ExitReason.TRAILING_STOP
    return stop_order(held, Trigger(trigger, reason), attempt, instrument=BTC, now=T0, policy=RULES)


def left(side: Side, mark: float, leg: str = "exit", attempt: int = 1) -> Order:
    return exit_order(
        position(side=side, signal_id="s"),
        leg=leg,
        attempt=attempt,
        size=0.2,
        mark=mark,
        reason=ExitReason.TIME_STOP,
        instrument=BTC,
        now=T0,
        policy=RULES,
    )


def test_a_client_id_is_derived_from_its_cause_alone() -> None:
    first = client_order_id(Purpose.ENTRY, "s", "entry", 1)
    assert first == client_order_id(Purpose.ENTRY, "s", "entry", 1)
    assert re.fullmatch("0x[0-9a-f]{32}", first)


def test_different_causes_have_different_client_ids() -> None:
    causes = [
        (purpose, signal, leg, attempt)
        for purpose in Purpose
        for signal in ("s", "t", "s:entry")
        for leg in ("entry", "exit", "tier-1", "tier-1-2")
        for attempt in (1, 2, 12)
    ]
    assert len({client_order_id(*cause) for cause in causes}) == len(causes)


@pytest.mark.parametrize(("side", "bound"), [(LONG, 60_310.0), (SHORT, 59_710.0)])
def test_an_entry_pays_no_more_than_its_bound(side: Side, bound: float) -> None:
    order = entered(side, 60_010.0)
    assert (order.limit_price, order.is_buy, order.reduce_only) == (bound, side is LONG, False)
    assert (order.purpose, order.leg, order.attempt, order.state) == (Purpose.ENTRY, "entry", 1, IntentState.PENDING)
    assert (order.trigger_price, order.reason) == (None, None)
    assert (order.created_at, order.expires_at) == (T0, at(seconds=15))


@given(st.floats(100, 1e6), st.sampled_from(Side), st.floats(0, 5))
def test_a_bound_is_a_legal_price_and_never_beyond_what_was_allowed(mark: float, side: Side, percent: float) -> None:
    limit = entered(side, mark, percent).limit_price
    assert limit is not None
    assert BTC.price_down(limit) == limit
    allowed = mark * (1 + side.sign * percent / 100)
    assert (allowed - limit) * side.sign >= 0


@pytest.mark.parametrize(
    ("side", "trigger", "legal", "bound"),
    [(LONG, 57_123.4, 57_124.0, 51_411.0), (SHORT, 63_123.4, 63_123.0, 69_436.0)],
)
def test_a_stop_s_trigger_is_rounded_toward_safety_and_its_bound_lies_past_it(
    side: Side, trigger: float, legal: float, bound: float
) -> None:
    order = stopped(side, trigger)
    assert (order.trigger_price, order.limit_price) == (legal, bound)
    assert (order.is_buy, order.reduce_only, order.size) == (side is SHORT, True, 0.25)
    assert (order.purpose, order.leg, order.reason) == (Purpose.STOP, "stop", ExitReason.TRAILING_STOP)
    assert order.expires_at == at(seconds=30)


@given(st.floats(100, 1e6), st.sampled_from(Side))
def test_a_stop_that_fires_may_always_fill_at_its_trigger(trigger: float, side: Side) -> None:
    order = stopped(side, trigger)
    assert order.trigger_price is not None
    assert order.limit_price is not None
    assert (order.trigger_price - trigger) * side.sign >= 0
    worst = order.trigger_price * (1 - side.sign * RULES.stop_slippage_percent / 100)
    assert (order.limit_price - worst) * side.sign <= 0
    assert BTC.price_up(order.limit_price) == order.limit_price


@pytest.mark.parametrize(
    ("side", "attempt", "bound"),
    [
        (LONG, 1, 59_700.0),
        (LONG, 4, 57_000.0),
        (LONG, 5, 54_600.0),
        (LONG, 6, 54_600.0),
        (SHORT, 2, 60_600.0),
        (SHORT, 5, 65_400.0),
    ],
)
def test_an_exit_reduces_only_and_takes_a_worse_price_with_every_attempt(
    side: Side, attempt: int, bound: float
) -> None:
    order = left(side, 60_000.0, attempt=attempt)
    assert (order.limit_price, order.is_buy, order.reduce_only) == (bound, side is SHORT, True)
    assert (order.purpose, order.size, order.reason) == (Purpose.EXIT, 0.2, ExitReason.TIME_STOP)
    assert (order.trigger_price, order.expires_at) == (None, at(seconds=30))


@pytest.mark.parametrize("make", [lambda n: stopped(LONG, 57_000.0, n), lambda n: left(LONG, 60_000.0, attempt=n)])
def test_each_attempt_is_an_order_of_its_own(make: Callable[[int], Order]) -> None:
    first, second = make(1), make(2)
    assert (first.attempt, second.attempt) == (1, 2)
    assert first.client_order_id != second.client_order_id
    assert make(2) == second
