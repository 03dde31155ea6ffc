from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import pytest

from hlcopy.domain import gates
from hlcopy.domain.course import Passing, screening_of
from hlcopy.domain.episodes import effect_of
from hlcopy.domain.gates import Candidate, Defer, Holding, Portfolio, Skip, Timing
from hlcopy.domain.models import Action, OrderType, Side, SkipReason, Wait
from hlcopy.domain.policy import EntryPolicy, LimitsPolicy
from tests.builders import T0, TRADER, at, fill, fills, trader, trader_order, trader_position, trader_state

if TYPE_CHECKING:
    from datetime import datetime

    from hlcopy.domain.models import TraderOrder, TraderState

LONG, SHORT = Side.LONG, Side.SHORT
POLICY = EntryPolicy()
LIMITS = LimitsPolicy()
BROKEN = (math.nan, math.inf, -math.inf)
MARKET, LIMIT = Timing(OrderType.MARKET, 0.5), Timing(OrderType.LIMIT, 0.3)


def screened(
    order: TraderOrder,
    *,
    now: datetime,
    equity: float | None = 400_000.0,
    opened_at: datetime | None = None,
    broken: bool = False,
) -> Skip | Defer | Candidate:
    seen = screening_of(order, effect_of(order), opened_at=opened_at, broken=broken, equity=equity, now=now)
    return gates.screen(seen, POLICY)


def reason_of(verdict: Skip | Defer | Candidate) -> SkipReason | None:
    return verdict.reason if isinstance(verdict, Skip) else None


def opening(value: float = 60_000.0) -> TraderOrder:
    return trader_order(fill(price=60_000.0, size=value / 60_000.0))


def adding() -> TraderOrder:
    return trader_order(fill(price=60_000.0, size=1.0, start_position=2.0))


@pytest.mark.parametrize(
    ("case", "action", "opened_ago", "reason"),
    [
        ("an Open passes", Action.OPEN, None, None),
        ("an Add an hour after its Open passes", Action.ADD, timedelta(hours=1), None),
        ("an Add exactly two hours after passes", Action.ADD, timedelta(hours=2), None),
        ("an Add a second later is too old", Action.ADD, timedelta(hours=2, seconds=1), SkipReason.ADD_TOO_OLD),
        ("an Add three hours after is too old", Action.ADD, timedelta(hours=3), SkipReason.ADD_TOO_OLD),
        ("an Add without its Open", Action.ADD, None, SkipReason.ADD_NO_OPEN),
        ("a Reduce is no entry", Action.REDUCE, None, SkipReason.ACTION),
        ("a Close is no entry", Action.CLOSE, timedelta(hours=1), SkipReason.ACTION),
    ],
)
def test_which_actions_are_entries(
    case: str, action: Action, opened_ago: timedelta | None, reason: SkipReason | None
) -> None:
    opened_at = None if opened_ago is None else T0 - opened_ago
    assert gates.action_gate(action, opened_at=opened_at, trade_time=T0, policy=POLICY) is reason, case


@pytest.mark.parametrize(
    ("coin", "minimum"), [("BTC", 50_000.0), ("ETH", 25_000.0), ("SOL", 10_000.0), ("HYPE", 5_000.0), ("WIF", 5_000.0)]
)
def test_an_order_is_worth_at_least_its_coins_minimum(coin: str, minimum: float) -> None:
    assert gates.size_gate(coin, minimum, POLICY) is None
    assert gates.size_gate(coin, minimum - 0.01, POLICY) is SkipReason.SIZE_TOO_SMALL


@pytest.mark.parametrize(
    ("case", "weight", "reason"),
    [
        ("exactly a tenth passes", 0.10, None),
        ("just under a tenth", 0.0999, SkipReason.LOW_WEIGHT),
        ("nothing", 0.0, SkipReason.LOW_WEIGHT),
        ("levered beyond the account passes", 7.5, None),
        ("fifty times the account passes", 50.0, None),
        ("above fifty the equity must be wrong", 50.01, SkipReason.BAD_EQUITY),
    ],
)
def test_an_order_weighs_enough_but_not_absurdly_much(case: str, weight: float, reason: SkipReason | None) -> None:
    assert gates.weight_gate(weight, POLICY) is reason, case


def test_the_five_percent_check_stands_behind_the_ten_percent_one() -> None:
    lower = EntryPolicy(min_position_weight=0.01)
    assert gates.weight_gate(0.05, lower) is None
    assert gates.weight_gate(0.049, lower) is SkipReason.LOW_CONFIDENCE
    assert gates.weight_gate(0.049, POLICY) is SkipReason.LOW_WEIGHT


@pytest.mark.parametrize(
    ("equity", "reason"),
    [
        (None, SkipReason.UNKNOWN_EQUITY),
        (0.0, SkipReason.BAD_EQUITY),
        (-1.0, SkipReason.BAD_EQUITY),
        (math.nan, SkipReason.BAD_EQUITY),
        (math.inf, SkipReason.BAD_EQUITY),
        (0.01, None),
    ],
)
def test_equity_is_known_and_positive(equity: float | None, reason: SkipReason | None) -> None:
    assert gates.equity_gate(equity) is reason


@pytest.mark.parametrize("value", BROKEN)
def test_what_is_no_number_passes_no_gate(value: float) -> None:
    assert gates.size_gate("BTC", value, POLICY) is SkipReason.SIZE_TOO_SMALL
    assert gates.weight_gate(value, POLICY) is not None
    assert gates.equity_gate(value) is SkipReason.BAD_EQUITY
    assert gates.slippage_gate(value, POLICY) is SkipReason.SLIPPAGE
    assert gates.score_gate(trader(score=value), T0, POLICY) is SkipReason.STALE_SCORE
    assert gates.timing_gate(timedelta(minutes=5), value, 0.9, 0.3, POLICY) is SkipReason.STALE_HIGH_SLIPPAGE
    assert gates.timing_gate(timedelta(minutes=11), 0.0, value, 0.3, POLICY) is SkipReason.TOO_OLD
    assert gates.timing_gate(timedelta(minutes=11), 0.0, 0.9, value, POLICY) is SkipReason.TOO_OLD
    for portfolio in (Portfolio(equity=value), Portfolio(equity=1e5, holdings=(held("ETH", value),))):
        assert gates.book_gate("BTC", LONG, TRADER, portfolio, LIMITS) is SkipReason.MAX_EXPOSURE


def test_an_open_that_waited_is_a_candidate() -> None:
    expected = Candidate(Passing(time=T0, size_after=1.0), at(15))
    assert screened(opening(), now=at(15)) == expected
    assert screened(opening(), now=at(90)) == expected


def test_an_open_waits_fifteen_minutes_for_its_confirmation() -> None:
    assert screened(opening(), now=at(14, seconds=59)) == Defer(Wait.CONFIRMATION, at(15), T0)


@pytest.mark.parametrize(
    ("case", "order", "reason"),
    [
        ("under the coin's minimum", opening(49_999.0), SkipReason.SIZE_TOO_SMALL),
        ("a Reduce may turn into a flip", trader_order(fill(is_buy=False, start_position=5.0)), SkipReason.ACTION),
        ("a Close may turn into a flip", trader_order(fill(is_buy=False, start_position=1.0)), SkipReason.ACTION),
    ],
)
def test_an_order_that_may_still_become_an_entry_is_skipped_once_it_is_quiet(
    case: str, order: TraderOrder, reason: SkipReason
) -> None:
    for now in (T0, at(14, seconds=59)):
        assert screened(order, now=now) == Defer(Wait.STILL_FILLING, at(15)), case
    assert reason_of(screened(order, now=at(15))) is reason, case


def test_a_light_order_waits_and_is_skipped_with_its_measures() -> None:
    order = opening(60_000.0)
    assert screened(order, now=at(10), equity=600_001.0) == Defer(Wait.STILL_FILLING, at(15))
    skip = screened(order, now=at(15), equity=600_001.0)
    assert skip == Skip(SkipReason.LOW_WEIGHT, {"value_usd": 60_000.0, "weight": 60_000.0 / 600_001.0})
    assert isinstance(screened(order, now=at(15), equity=600_000.0), Candidate)


def test_every_fill_renews_the_wait_of_an_order_below_the_gates() -> None:
    order = trader_order(*fills(0.2, 0.2, price=60_000.0))
    assert screened(order, now=at(15)) == Defer(Wait.STILL_FILLING, at(15, seconds=1))
    assert reason_of(screened(order, now=at(15, seconds=1))) is SkipReason.SIZE_TOO_SMALL


def test_a_reduce_that_goes_on_through_zero_becomes_an_open_from_the_passing_fill_on() -> None:
    part = [fill(is_buy=False, price=60_000.0, size=2.0, start_position=2.5)]
    assert screened(trader_order(*part), now=at(5)) == Defer(Wait.STILL_FILLING, at(15))
    part.append(fill(is_buy=False, price=60_000.0, size=2.0, start_position=0.5, time=at(6)))
    assert screened(trader_order(*part), now=at(7)) == Defer(Wait.CONFIRMATION, at(21), at(6))
    assert screened(trader_order(*part), now=at(21)) == Candidate(Passing(time=at(6), size_after=1.5), at(21))


def test_an_order_that_passed_waits_from_then_on_however_long_it_fills() -> None:
    order = trader_order(*fills(*[0.1] * 20, price=60_000.0))
    passed = at(seconds=8)  # the ninth fill: $54,000
    assert screened(order, now=at(1)) == Defer(Wait.CONFIRMATION, passed + timedelta(minutes=15), passed)


def test_an_equity_that_makes_the_weight_absurd_is_not_waited_for() -> None:
    assert reason_of(screened(opening(), now=T0, equity=1_000.0)) is SkipReason.BAD_EQUITY


@pytest.mark.parametrize(
    ("equity", "reason"),
    [(None, SkipReason.UNKNOWN_EQUITY), (0.0, SkipReason.BAD_EQUITY), (math.nan, SkipReason.BAD_EQUITY)],
)
def test_an_order_of_a_trader_without_equity_is_skipped(equity: float | None, reason: SkipReason) -> None:
    assert reason_of(screened(opening(), now=at(20), equity=equity)) is reason


def test_an_add_is_screened_with_its_open() -> None:
    assert reason_of(screened(adding(), now=at(20))) is SkipReason.ADD_NO_OPEN
    assert reason_of(screened(adding(), now=at(20), opened_at=T0 - timedelta(hours=3))) is SkipReason.ADD_TOO_OLD
    assert isinstance(screened(adding(), now=at(20), opened_at=T0 - timedelta(hours=1)), Candidate)


def test_an_add_that_passes_the_gates_too_late_after_its_open_is_too_old() -> None:
    slow = trader_order(
        fill(price=60_000.0, size=0.5, start_position=1.0),
        fill(price=60_000.0, size=0.5, start_position=1.5, time=at(2)),
    )
    assert reason_of(screened(slow, now=at(5), opened_at=T0 - timedelta(minutes=119))) is SkipReason.ADD_TOO_OLD
    assert isinstance(screened(slow, now=at(17), opened_at=T0 - timedelta(minutes=118)), Candidate)


def test_a_gap_within_an_order_makes_it_unusable() -> None:
    assert reason_of(screened(opening(), now=T0, broken=True)) is SkipReason.HISTORY_GAP
    reducing = trader_order(fill(is_buy=False, start_position=5.0))
    assert reason_of(screened(reducing, now=at(15), broken=True)) is SkipReason.ACTION


@pytest.mark.parametrize(
    ("case", "overrides", "now", "reason"),
    [
        ("a young score", {}, at(hours=47), None),
        ("just under 48 hours", {}, at(hours=48, seconds=-1), None),
        ("48 hours is no longer younger than that", {}, at(hours=48), SkipReason.STALE_SCORE),
        ("never scored", {"last_scored_at": None}, T0, SkipReason.STALE_SCORE),
        ("disqualified by the last score", {"score": 0.0}, T0, SkipReason.STALE_SCORE),
        ("followed without scoring", {"last_scored_at": None, "scored": False}, at(days=90), None),
        ("blacklisted", {"blacklisted_until": at(days=14)}, at(days=1), SkipReason.BLACKLISTED),
        (
            "blacklisted and followed without scoring",
            {"blacklisted_until": at(1), "scored": False},
            T0,
            SkipReason.BLACKLISTED,
        ),
        ("the blacklisting ends", {"blacklisted_until": at(1)}, at(1), None),
    ],
)
def test_a_score_is_young_and_its_trader_isnt_blacklisted(
    case: str, overrides: dict[str, object], now: datetime, reason: SkipReason | None
) -> None:
    assert gates.score_gate(trader(**overrides), now, POLICY) is reason, case


@pytest.mark.parametrize(
    ("case", "side", "mark", "slippage", "passes"),
    [
        ("the specification's 1.5 %", LONG, 101.5, 1.5, True),
        ("the specification's 2.5 %", LONG, 102.5, 2.5, False),
        ("exactly 2 % passes", LONG, 102.0, 2.0, True),
        ("two-sided: a better price is limited too", LONG, 97.5, -2.5, False),
        ("a better price within the limit", LONG, 98.0, -2.0, True),
        ("a short suffers from a lower mark", SHORT, 98.5, 1.5, True),
        ("a short's limit", SHORT, 97.5, 2.5, False),
        ("a short gains from a higher mark", SHORT, 101.0, -1.0, True),
    ],
)
def test_the_slippage_gate_is_two_sided_and_inclusive(
    case: str, side: Side, mark: float, slippage: float, *, passes: bool
) -> None:
    measured = gates.signed_slippage(100.0, mark, side)
    assert measured == pytest.approx(slippage), case
    assert (gates.slippage_gate(measured, POLICY) is None) is passes, case


@pytest.mark.parametrize(
    ("case", "minutes", "slippage", "score", "weight", "timing"),
    [
        ("at once", 0.0, 1.9, 0.1, 0.1, MARKET),
        ("just under two minutes", 1.99, 1.9, 0.1, 0.1, MARKET),
        ("from two minutes on the price must be near", 2.0, 0.29, 0.1, 0.1, LIMIT),
        ("a price too far at two minutes", 2.0, 0.3, 0.1, 0.1, SkipReason.STALE_HIGH_SLIPPAGE),
        ("a price too far on the better side", 5.0, -0.3, 0.1, 0.1, SkipReason.STALE_HIGH_SLIPPAGE),
        ("just under ten minutes", 9.99, 0.0, 0.1, 0.1, LIMIT),
        ("from ten minutes on conviction is needed", 10.0, 0.0, 0.8, 0.3, SkipReason.TOO_OLD),
        ("and weight", 10.0, 0.0, 0.9, 0.25, SkipReason.TOO_OLD),
        ("both above their bounds", 10.0, 1.9, 0.81, 0.26, LIMIT),
        ("however late", 600.0, 0.0, 0.81, 0.26, LIMIT),
    ],
)
def test_the_timing_tiers(
    case: str, minutes: float, slippage: float, score: float, weight: float, timing: Timing | SkipReason
) -> None:
    assert gates.timing_gate(timedelta(minutes=minutes), slippage, score, weight, POLICY) == timing, case


def held(coin: str, exposure: float, side: Side = LONG, source: str | None = None) -> Holding:
    return Holding(coin=coin, side=side, exposure_usd=exposure, source_trader=source)


@pytest.mark.parametrize(
    ("case", "holdings", "limits", "reason"),
    [
        ("an empty book", (), LIMITS, None),
        ("the coin is held", (held("BTC", 1.0),), LIMITS, SkipReason.ALREADY_IN_TOKEN),
        ("the coin is held on the other side", (held("BTC", 1.0, SHORT),), LIMITS, SkipReason.ALREADY_IN_TOKEN),
        ("four positions", tuple(held(c, 1.0) for c in "ABCD"), LIMITS, None),
        ("five positions", tuple(held(c, 1.0) for c in "ABCDE"), LIMITS, SkipReason.MAX_POSITIONS),
        ("half the equity is out", (held("A", 50_000.0),), LIMITS, SkipReason.MAX_EXPOSURE),
        (
            "half on both sides together",
            (held("A", 25_000.0), held("B", 25_000.0, SHORT)),
            LIMITS,
            SkipReason.MAX_EXPOSURE,
        ),
        ("a cent under half", (held("A", 49_999.99),), LIMITS, None),
        ("no room per coin at all", (), LimitsPolicy(max_exposure_per_token=0.0), SkipReason.TOKEN_EXPOSURE),
        (
            "its trader has two, two are allowed",
            (held("A", 1.0, source=TRADER), held("B", 1.0, source=TRADER)),
            LimitsPolicy(max_positions_per_trader=2),
            SkipReason.TRADER_LIMIT,
        ),
        (
            "another trader has two",
            (held("A", 1.0, source="0xother"), held("B", 1.0)),
            LimitsPolicy(max_positions_per_trader=1),
            None,
        ),
        (
            "too much on its side",
            (held("A", 20_000.0),),
            LimitsPolicy(max_same_side_ratio=0.2),
            SkipReason.DIRECTION_LIMIT,
        ),
        ("as much on the other side", (held("A", 20_000.0, SHORT),), LimitsPolicy(max_same_side_ratio=0.2), None),
    ],
)
def test_our_book_has_room(
    case: str, holdings: tuple[Holding, ...], limits: LimitsPolicy, reason: SkipReason | None
) -> None:
    portfolio = Portfolio(equity=100_000.0, holdings=holdings)
    assert gates.book_gate("BTC", LONG, TRADER, portfolio, limits) is reason, case


def test_what_each_limit_leaves() -> None:
    portfolio = Portfolio(equity=100_000.0, holdings=(held("A", 10_000.0), held("B", 5_000.0, SHORT)))
    assert dict(gates.room_left("B", LONG, portfolio, LIMITS)) == {
        SkipReason.MAX_EXPOSURE: 35_000.0,
        SkipReason.TOKEN_EXPOSURE: 10_000.0,
        SkipReason.DIRECTION_LIMIT: 40_000.0,
    }


CROSS = trader_position(value_usd=150_000.0, leverage=20.0)
ISOLATED = trader_position(value_usd=150_000.0, leverage=20.0, isolated=True)
OTHER = trader_position(coin="ETH", size=-10.0, value_usd=150_000.0)


@pytest.mark.parametrize(
    ("case", "state", "leverage_from", "leverage"),
    [
        ("cross: all positions over equity", trader_state(CROSS, OTHER), "effective", 3.0),
        ("cross: at least 1", trader_state(CROSS, equity=1e9), "effective", 1.0),
        ("isolated: as chosen", trader_state(ISOLATED, OTHER), "effective", 20.0),
        ("nominal: as chosen, cross too", trader_state(CROSS, OTHER), "nominal", 20.0),
        ("nominal without a position", trader_state(OTHER), "nominal", None),
        ("effective without a position in the coin", trader_state(OTHER), "effective", 1.5),
        ("unknown equity", trader_state(CROSS, equity=None), "effective", None),
        ("no equity", trader_state(CROSS, equity=0.0), "effective", None),
        ("negative equity", trader_state(CROSS, equity=-5.0), "effective", None),
    ],
)
def test_which_leverage_the_penalty_uses(
    case: str, state: TraderState, leverage_from: Literal["effective", "nominal"], leverage: float | None
) -> None:
    policy = EntryPolicy(leverage_from=leverage_from)
    assert gates.effective_leverage(state, "BTC", policy) == leverage, case


def test_a_candidate_whose_facts_cant_be_had_waits_until_it_is_too_old() -> None:
    retry, wait = timedelta(minutes=1), Wait.UNKNOWN_TRADER_STATE
    assert gates.give_up_or_wait(wait, at(24.9), at(15), POLICY, retry) == Defer(wait, at(25.9))
    given_up = gates.give_up_or_wait(wait, at(25), at(15), POLICY, retry)
    assert given_up == Skip(SkipReason.TOO_OLD, {"waited_for": "unknown_trader_state"})


def test_an_add_below_the_gates_waits_since_it_may_outgrow_what_was_there() -> None:
    first = fill(price=60_000.0, size=0.1, start_position=0.005, oid=1)
    early = trader_order(first)
    late = trader_order(first, fill(price=60_000.0, size=0.9, start_position=0.105, oid=1, time=at(3)))

    assert screened(early, now=at(1)) == Defer(Wait.STILL_FILLING, at(15))
    assert reason_of(screened(early, now=at(15))) is SkipReason.ADD_NO_OPEN
    assert isinstance(screened(late, now=at(18)), Candidate)
