from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hlcopy.domain import exits, stops
from hlcopy.domain.book import ExitReason
from hlcopy.domain.candles import Candles
from hlcopy.domain.instrument import Instrument
from hlcopy.domain.models import Side, from_ms
from hlcopy.domain.policy import ExitPolicy, Tier
from hlcopy.domain.scan import Event, EventKind, Exit, best_of_closes, first_exit, next_event
from tests import builders
from tests.backtest.plain_exits import Bar, PlainPosition

MINUTE = 60_000
NEVER = 10**15
LONG, SHORT = Side.LONG, Side.SHORT
STOP_LOSS, TRAILING_STOP, TIME_STOP = ExitReason.STOP_LOSS, ExitReason.TRAILING_STOP, ExitReason.TIME_STOP
FLAT = (100, 100, 100, 100)


def made(*rows: tuple[float, float, float, float], times: list[int] | None = None) -> Candles:
    """Candles of (open, high, low, close), a minute apart from zero on unless `times` says otherwise."""
    o, h, low, c = np.array(rows, dtype=np.float64).reshape(-1, 4).T
    t = np.array(times, dtype=np.int64) if times else np.arange(len(o), dtype=np.int64) * MINUTE
    return Candles("BTC", MINUTE, t, o, h, low, c, np.zeros_like(o))


def walk(seed: int, length: int, volatility: float) -> Candles:
    """A seeded walk from 100 with gaps between candles and wicks beyond their bodies."""
    rng = np.random.default_rng(seed)
    path = 100 * np.exp(np.cumsum(rng.normal(0, volatility, (length, 2))).reshape(length, 2))
    o, c = path.T
    wicks = np.exp(np.abs(rng.normal(0, volatility, (2, length))))
    h, low = np.maximum(o, c) * wicks[0], np.minimum(o, c) / wicks[1]
    return Candles("BTC", MINUTE, np.arange(length, dtype=np.int64) * MINUTE, o, h, low, c, np.zeros(length))


def bars(candles: Candles, start: int = 0) -> list[Bar]:
    columns = (candles.t, candles.o, candles.h, candles.l, candles.c)
    return [Bar(*row) for row in zip(*(column[start:].tolist() for column in columns), strict=True)]


def exit_of(candles: Candles, side: Side, start: int = 0, **overrides: object) -> Exit | None:
    facts = {"entry_price": 100.0, "side": side, "deadline_ms": NEVER, "policy": ExitPolicy()}
    return first_exit(candles, start, **(facts | overrides))


def line(steps: int) -> float:
    """The trigger so many grid lines above an entry at 100."""
    return 100 * (1 + steps * 0.0025)


EXITS = [
    ("the entry's own candle counts", LONG, [(100, 100, 94, 99)], Exit(0, 95.0, STOP_LOSS)),
    ("the entry's own candle counts for a short", SHORT, [(100, 106, 100, 101)], Exit(0, 105.0, STOP_LOSS)),
    ("a low at the trigger reaches it", LONG, [FLAT, (100, 100, 95, 99)], Exit(1, 95.0, STOP_LOSS)),
    ("a high at the trigger reaches it", SHORT, [FLAT, (100, 105, 99, 99)], Exit(1, 105.0, STOP_LOSS)),
    ("a low just above the trigger doesn't", LONG, [(100, 100, 95.01, 96)], None),
    ("a high just below the trigger doesn't", SHORT, [(100, 104.99, 99, 104)], None),
    ("a gap through the stop fills at the open", LONG, [FLAT, (94, 95, 93, 95)], Exit(1, 94.0, STOP_LOSS)),
    ("a short's gap fills at the open too", SHORT, [FLAT, (107, 108, 104, 104)], Exit(1, 107.0, STOP_LOSS)),
    ("a wick doesn't ratchet", LONG, [(100, 120, 100, 101), (101, 101, 96, 97)], None),
    ("a short's wick doesn't ratchet", SHORT, [(100, 100, 80, 99), (99, 104, 99, 103)], None),
    ("a close ratchets from the next candle on", LONG, [(100, 120, 96, 120), (120, 120, 110, 112)], Exit(1, line(41), TRAILING_STOP)),
    ("a short's close ratchets from the next candle on", SHORT, [(100, 104, 80, 80), (80, 87, 80, 86)], Exit(1, line(-54), TRAILING_STOP)),
    ("a lower close loosens nothing", LONG, [(100, 120, 100, 120), (115, 115, 112, 112), (112, 112, 110, 110)], Exit(2, line(41), TRAILING_STOP)),
    ("a gap through the trailing stop fills at the open", LONG, [(100, 120, 100, 120), (108, 109, 107, 109)], Exit(1, 108.0, TRAILING_STOP)),
    ("after a gain of 3.30 % the grid line is the hard stop: a stop-loss", LONG, [(100, 103.3, 100, 103.3), (103, 103, 95, 96)], Exit(1, 95.0, STOP_LOSS)),
    ("after a gain of 3.53 % the hard stop still holds", LONG, [(100, 103.53, 100, 103.53), (103, 103, 95.1, 96)], None),
    ("after a gain of 3.54 % the trailing stop holds", LONG, [(100, 103.54, 100, 103.54), (103, 103, 95.1, 96)], Exit(1, line(-19), TRAILING_STOP)),
    ("after a short's gain of 3.00 % the hard stop still holds", SHORT, [(100, 100, 97, 97), (97, 104.9, 97, 104)], None),
    ("after a short's gain of 3.01 % the trailing stop holds", SHORT, [(100, 100, 96.99, 96.99), (97, 104.9, 97, 104)], Exit(1, line(19), TRAILING_STOP)),
    ("the candles end first", LONG, [FLAT, FLAT], None),
    ("there are no candles", LONG, [], None),
]  # fmt: skip


@pytest.mark.parametrize(("side", "rows", "expected"), [case[1:] for case in EXITS], ids=[case[0] for case in EXITS])
def test_stops_are_found_where_the_rules_put_them(side: Side, rows: list, expected: Exit | None) -> None:
    assert exit_of(made(*rows), side) == expected


def test_candles_before_the_start_count_for_nothing() -> None:
    candles = made((100, 200, 50, 150), FLAT, (100, 100, 95, 95))
    assert exit_of(candles, LONG, 1) == Exit(2, 95.0, STOP_LOSS)


@pytest.mark.parametrize("side", Side)
def test_the_time_stop_comes_before_the_stop_of_the_same_candle(side: Side) -> None:
    candles = made(FLAT, (90, 120, 80, 85))
    assert exit_of(candles, side, deadline_ms=MINUTE) == Exit(1, 90.0, TIME_STOP)
    assert exit_of(candles, side, deadline_ms=MINUTE + 1).reason is STOP_LOSS


def test_the_time_stop_takes_the_first_candle_after_a_hole_in_the_data() -> None:
    candles = made(FLAT, (101, 101, 101, 101), times=[0, 10 * MINUTE])
    assert exit_of(candles, LONG, deadline_ms=3 * MINUTE) == Exit(1, 101.0, TIME_STOP)


def test_a_deadline_already_passed_leaves_at_the_first_candle() -> None:
    assert exit_of(made(FLAT, FLAT, FLAT), LONG, 2, deadline_ms=0) == Exit(2, 100.0, TIME_STOP)
    assert exit_of(made(FLAT), LONG, 1, deadline_ms=0) is None


def test_a_best_price_from_before_the_start_holds() -> None:
    candles = made((102, 102, 101, 101.5))
    assert exit_of(candles, LONG, best_price=110.0) == Exit(0, line(4), TRAILING_STOP)
    assert exit_of(candles, LONG) is None


def test_a_trigger_is_tested_and_filled_at_the_legal_price() -> None:
    instrument = Instrument(coin="BTC", size_decimals=5, max_leverage=40)
    candles = made((12_345, 12_345, 11_728, 11_728))
    facts = {"entry_price": 12_345.0, "best_price": 12_345.0}
    assert exit_of(candles, LONG, **facts) is None  # the exact trigger is 11,727.75
    left = exit_of(candles, LONG, **facts, legal=lambda price: instrument.stop_price(price, is_buy=False))
    assert left == Exit(0, 11_728.0, STOP_LOSS)


def test_the_reason_is_decided_before_the_price_is_made_legal() -> None:
    candles = made((100, 103.54, 100, 103.54), (100, 100, 95, 95))
    left = exit_of(candles, LONG, legal=lambda _: 95.0)  # the trailing line 95.25 falls on the hard stop's tick
    assert left == Exit(1, 95.0, TRAILING_STOP)


def test_each_trigger_is_made_legal_once() -> None:
    asked = []

    def legal(price: float) -> float:
        asked.append(price)
        return price

    closes = [*np.linspace(100, 150, 3000).tolist(), 100.0]
    left = exit_of(builders.candles(closes), LONG, legal=legal)
    assert left == Exit(3000, max(asked), TRAILING_STOP)
    assert len(asked) == len(set(asked)) > 1


@pytest.mark.parametrize("close", [float("nan"), float("inf")])
def test_a_close_that_is_not_finite_is_an_error(close: float) -> None:
    candles = made(FLAT, (100, 100, 100, close), FLAT)
    with pytest.raises(ValueError, match="BTC"):
        exit_of(candles, LONG)
    with pytest.raises(ValueError, match="BTC"):
        event_of(candles, LONG)


policies = st.builds(
    ExitPolicy,
    stop_loss_percent=st.floats(0.5, 40),
    trailing_stop_percent=st.floats(0.5, 40),
    trail_step_percent=st.floats(0.01, 3),
    tiers=st.just(()),
)
walks = st.builds(walk, st.integers(0, 2**32 - 1), st.integers(1, 1500), st.sampled_from([0.0005, 0.002, 0.01, 0.05]))
sides = st.sampled_from(Side)


@given(
    candles=walks,
    side=sides,
    policy=policies,
    start=st.integers(0, 20),
    hold=st.integers(0, 2000),
    moved=st.floats(0, 0.2),
)
def test_a_scan_equals_stepping(
    candles: Candles, side: Side, policy: ExitPolicy, start: int, hold: int, moved: float
) -> None:
    start = min(start, len(candles) - 1)
    entry = float(candles.o[start]) * (1 + side.sign * 0.0005)
    best = entry * (1 + side.sign * moved)
    deadline = (start + hold) * MINUTE
    facts = {"entry_price": entry, "best_price": best, "deadline_ms": deadline, "policy": policy}
    percents = (policy.stop_loss_percent, policy.trailing_stop_percent, policy.trail_step_percent)
    left = PlainPosition(entry, side.sign, deadline, *percents, best).live_through(bars(candles, start))
    expected = left and Exit(start + left.after, left.price, ExitReason(left.reason))
    assert exit_of(candles, side, start, **facts) == expected


@given(candles=walks, side=sides, policy=policies, power=st.integers(-20, 20))
def test_the_unit_of_price_changes_nothing(candles: Candles, side: Side, policy: ExitPolicy, power: int) -> None:
    unit = 2.0**power  # so that every product is exact
    scaled = replace(candles, o=candles.o * unit, h=candles.h * unit, l=candles.l * unit, c=candles.c * unit)
    here = exit_of(candles, side, policy=policy)
    there = exit_of(scaled, side, policy=policy, entry_price=100.0 * unit)
    assert there == (here and replace(here, price=here.price * unit))


@given(st.lists(st.tuples(*[st.integers(-60, 60)] * 4), min_size=1, max_size=40))
def test_long_and_short_mirror_each_other_at_the_hard_stop(moves: list[tuple[int, int, int, int]]) -> None:
    # Eighths around 100 mirror exactly; trailing stops don't, being percent of different prices, so theirs is far away.
    policy = ExitPolicy(trailing_stop_percent=50.0)
    eighths = np.array(moves) / 8
    up = np.stack([eighths[:, 0], eighths.max(1), eighths.min(1), eighths[:, 3]], axis=1)
    down = -up[:, [0, 2, 1, 3]]
    long = exit_of(made(*(100 + up).tolist()), LONG, policy=policy)
    short = exit_of(made(*(100 + down).tolist()), SHORT, policy=policy)
    assert short == (long and replace(long, price=200 - long.price))


def event_of(candles: Candles, side: Side, start: int = 0, **overrides: object) -> Event | None:
    policy = overrides.get("policy", ExitPolicy())
    facts = {
        "entry_price": 100.0,
        "side": side,
        "best_price": 100.0,
        "trigger_price": stops.trigger(100.0, overrides.get("best_price", 100.0), side, policy).price,
        "tiers_taken": (),
        "deadline_ms": NEVER,
        "policy": policy,
    }
    return next_event(candles, start, **(facts | overrides))


EVENTS = [
    ("nothing happens", {}, [FLAT, FLAT], None),
    ("the stop is reached", {}, [FLAT, (100, 100, 95, 96)], Event(EventKind.STOP, 1)),
    ("the stop is where it rests, not where it belongs", {"trigger_price": 97.0, "best_price": 100.0}, [(100, 100, 97, 97)], Event(EventKind.STOP, 0)),
    ("the first tier is reached at its gain", {"tiers_taken": (), "trigger_price": line(4)}, [(110, 110, 110, 110)], Event(EventKind.TIER, 0)),
    ("a gain that equals the tier's reaches it", {"policy": ExitPolicy(tiers=(Tier(number=1, gain_percent=25.0, fraction=0.5),)), "best_price": 125.0}, [(125, 125, 125, 125)], Event(EventKind.TIER, 0)),
    ("a wick takes no tier", {}, [(100, 130, 100, 100)], None),
    ("a tier taken isn't due again", {"tiers_taken": (1,), "best_price": 115.0}, [(115, 115, 115, 115)], None),
    ("the next tier is", {"tiers_taken": (1,), "best_price": 118.0}, [(115, 115, 115, 115), (119, 121, 119, 121)], Event(EventKind.TIER, 1)),
    ("a tier waits for a close, whatever the best price was", {"best_price": 115.0}, [(108, 109, 108, 109), (109, 110, 109, 110)], Event(EventKind.TIER, 1)),
    ("a gain below 3.54 % moves nothing", {}, [FLAT, (100, 103.5, 100, 103.5)], None),
    ("a gain of 3.54 % moves the trigger", {}, [FLAT, (100, 103.6, 100, 103.6)], Event(EventKind.MOVE, 1)),
    ("a stop left behind moves at the next close", {"best_price": 105.0, "trigger_price": 95.0}, [FLAT, FLAT], Event(EventKind.MOVE, 0)),
    ("a stop too tight moves at the next close", {"trigger_price": line(-14)}, [FLAT, (100, 105, 100, 105)], Event(EventKind.MOVE, 0)),
    ("a stop too tight may be right from the next close on", {"trigger_price": line(-14)}, [(100, 105, 100, 105), (105, 105, 100, 100)], None),
    ("the stop comes before the close of its candle", {}, [FLAT, (100, 115, 94, 115)], Event(EventKind.STOP, 1)),
    ("a close before the stop's candle comes first", {}, [(100, 105, 100, 105), (100, 100, 90, 90)], Event(EventKind.MOVE, 0)),
    ("the deadline comes before the stop of its candle", {"deadline_ms": MINUTE}, [FLAT, (90, 90, 80, 80)], Event(EventKind.TIME, 1)),
    ("a deadline passed is due at once", {"deadline_ms": 0}, [FLAT], Event(EventKind.TIME, 0)),
    ("there are no candles", {"deadline_ms": 0}, [], None),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "rows", "expected"), [case[1:] for case in EVENTS], ids=[case[0] for case in EVENTS])
def test_events_are_found_where_the_rules_put_them(facts: dict, rows: list, expected: Event | None) -> None:
    assert event_of(made(*rows), LONG, **facts) == expected


@given(candles=walks, side=sides, policy=policies, hold=st.integers(0, 2000), tick=st.sampled_from([None, 0.01, 0.5]))
def test_going_from_event_to_event_ends_where_one_scan_does(
    candles: Candles, side: Side, policy: ExitPolicy, hold: int, tick: float | None
) -> None:
    def legal(price: float) -> float:
        return price if tick is None else side.sign * np.ceil(side.sign * price / tick) * tick

    deadline = hold * MINUTE
    best, start = 100.0, 0
    stop = stops.trigger(100.0, best, side, policy)
    arrived = None
    while True:
        resting = legal(stop.price)
        facts = {"best_price": best, "trigger_price": resting, "deadline_ms": deadline, "policy": policy}
        event = event_of(candles, side, start, **facts, legal=legal)
        if event is None:
            break
        opened = float(candles.o[event.index])
        if event.kind is EventKind.TIME:
            arrived = Exit(event.index, opened, TIME_STOP)
            break
        if event.kind is EventKind.STOP:
            price = stops.fill_in_candle(resting, opened, candles.l[event.index], candles.h[event.index], side)
            # The resting price may stay while the exact trigger, and with it the reason, moves within a tick.
            for close in candles.c[start : event.index].tolist():
                best = stops.best_of(best, close, side)
            arrived = Exit(event.index, price, stops.trigger(100.0, best, side, policy).reason)
            break
        for close in candles.c[start : event.index + 1].tolist():
            best = stops.best_of(best, close, side)
        stop = stops.trigger(100.0, best, side, policy)
        assert legal(stop.price) != resting
        start = event.index + 1
    assert arrived == exit_of(candles, side, deadline_ms=deadline, policy=policy, legal=legal)


TIERED = ExitPolicy(
    tiers=(Tier(number=1, gain_percent=1.0, fraction=0.5), Tier(number=2, gain_percent=4.0, fraction=0.5))
)


@given(
    candles=walks,
    side=sides,
    taken=st.sampled_from([(), (1,), (2,), (1, 2)]),
    best=st.floats(0, 0.1),
    rests=st.sampled_from([0.0, 0.01, -0.01]),
    hold=st.integers(0, 2000),
)
def test_the_next_event_is_the_first_that_a_tick_on_every_candle_would_see(
    candles: Candles, side: Side, taken: tuple[int, ...], best: float, rests: float, hold: int
) -> None:
    best_price = 100.0 * (1 + side.sign * best)
    resting = stops.trigger(100.0, best_price, side, TIERED).price * (1 + rests)
    position = builders.position(side=side, best_price=best_price, tiers_taken=taken)
    expected = None
    for index, bar in enumerate(bars(candles)):
        best_price = stops.best_of(best_price, bar.close, side)
        if bar.time >= hold * MINUTE:
            expected = Event(EventKind.TIME, index)
        elif stops.fill_in_candle(resting, bar.open, bar.low, bar.high, side) is not None:
            expected = Event(EventKind.STOP, index)
        elif exits.tiers_due(position, bar.close, TIERED):
            expected = Event(EventKind.TIER, index)
        elif stops.trigger(100.0, best_price, side, TIERED).price != resting:
            expected = Event(EventKind.MOVE, index)
        if expected:
            break
    facts = {"best_price": position.best_price, "trigger_price": resting, "tiers_taken": taken, "policy": TIERED}
    assert event_of(candles, side, **facts, deadline_ms=hold * MINUTE) == expected


@settings(deadline=None)
@given(
    candles=walks,
    side=sides,
    policy=policies,
    hold=st.integers(0, 2000),
    rests=st.sampled_from([0.0, 0.001, -0.01]),
    length=st.integers(1, 400),
)
def test_the_next_event_is_the_same_when_candles_come_in_parts(
    candles: Candles, side: Side, policy: ExitPolicy, hold: int, rests: float, length: int
) -> None:
    resting = stops.trigger(100.0, 100.0, side, policy).price * (1 + rests)
    facts = {"trigger_price": resting, "deadline_ms": hold * MINUTE, "policy": policy}
    found, best = None, 100.0
    for begin in range(0, len(candles), length):
        part = candles.between(begin * MINUTE, (begin + length) * MINUTE)
        event = event_of(part, side, **facts, best_price=best)
        if event is not None:
            found = replace(event, index=begin + event.index)
            break
        best = best_of_closes(part, 0, len(part), best, side)
    assert found == event_of(candles, side, **facts)


@given(candles=walks, side=sides, policy=policies, hold=st.integers(1, 2000))
def test_deciding_at_every_close_equals_one_scan(candles: Candles, side: Side, policy: ExitPolicy, hold: int) -> None:
    policy = replace(policy, max_duration=timedelta(milliseconds=hold * MINUTE))
    position = builders.position(side=side, opened_at=from_ms(0))
    trail = stops.trailing_stop(100.0, side, policy)
    position = replace(position, trailing_stop_price=trail)
    trigger = stops.trigger(100.0, 100.0, side, policy)
    arrived = None
    steps = [*bars(candles), None]
    for index, (bar, following) in enumerate(pairwise(steps)):
        price = stops.fill_in_candle(trigger.price, bar.open, bar.low, bar.high, side)
        if price is not None:
            arrived = Exit(index, price, trigger.reason)
            break
        plan = exits.decide(position, bar.close, bar.close, from_ms(bar.time + MINUTE), policy)
        if plan.close:
            assert plan.close is TIME_STOP  # a close past the stop would have been a low or high past it
            arrived = following and Exit(index + 1, following.open, plan.close)
            break
        position = replace(position, best_price=plan.best_price, trailing_stop_price=plan.trailing_stop_price)
        trigger = plan.trigger
    assert arrived == exit_of(candles, side, deadline_ms=hold * MINUTE, policy=policy)
