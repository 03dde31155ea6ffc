"""A gate is judged by what the entries it refused come to under our exits."""

from __future__ import annotations

from datetime import timedelta
from functools import cache

import pytest

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.backtest.gates import Judgement, Verdict, gate, is_entry, judge, verdict_of
from hlcopy.backtest.run import Played, play, record
from hlcopy.backtest.shadows import Shadow, Untold, follow
from hlcopy.domain import costs
from hlcopy.domain.candles import Candles
from hlcopy.domain.models import DEFERRED, EXECUTE, Action, SkipReason
from hlcopy.domain.policy import CostPolicy, ExitPolicy, LimitsPolicy, Policy
from hlcopy.render.gates import gates_text
from tests.backtest.worlds import Recorded, simulated
from tests.builders import MINUTE_MS, T0, TRADER, at, candles, fill, funding_rate, signal

DAYS = 15
ENTRIES = 12
FIVE = 5 * MINUTE_MS


def played(world: Recorded, days: int, policy: Policy | None = None) -> Played:
    plan = world.plan(days, policy)
    return play(record(world.store(MemoryLedger()), plan), MemoryLedger(), plan)


def judged(world: Recorded, days: int, policy: Policy | None = None) -> Judgement:
    return judge(played(world, days, policy), (T0 + timedelta(days=days - 1)).date())


def moving(price: float, percent_a_day: float, days: int = DAYS) -> list[float]:
    return [price * (1 + percent_a_day / 100) ** (index / 288) for index in range(288 * days)]


@cache
def two_gates() -> Recorded:
    """Every day an entry of too little weight in BTC, which falls, and one of too little value in SOL, which rises."""
    made = []
    for day in range(ENTRIES):
        for coin, size, price, hour in (("BTC", 1.0, 60_000.0, 1), ("SOL", 1.0, 150.0, 2)):
            whole = {"coin": coin, "price": price, "size": size}
            made.append(fill(**whole, time=at(days=day, hours=hour), oid=len(made) + 1))
            made.append(
                fill(**whole, is_buy=False, start_position=size, time=at(days=day, hours=hour + 10), oid=len(made) + 1)
            )
    made.sort(key=lambda each: each.time)
    series = {
        "BTC": candles(moving(60_000.0, -3.0), interval_ms=FIVE),
        "SOL": candles(moving(150.0, 3.0), coin="SOL", interval_ms=FIVE),
    }
    return Recorded({TRADER: made}, series, {TRADER: 1_000_000.0})


def one_entry(**changes: object) -> Recorded:
    """A trader opens too little BTC at 1:00 of a flat market."""
    opened = fill(**{"price": 60_000.0, "size": 0.2, "time": at(hours=1), **changes})
    return Recorded({TRADER: [opened]}, {"BTC": candles([60_000.0] * 288 * 5, interval_ms=FIVE)}, {TRADER: 400_000.0})


def warned(judgement: Judgement, code: str) -> list[str]:
    return [warning.message for warning in judgement.warnings if warning.code == code]


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((-2.0, -0.1), Verdict.EARNS),
        ((0.1, 2.0), Verdict.DOES_NOT),
        ((-1.0, 1.0), Verdict.UNKNOWN),
        ((-1.0, 0.0), Verdict.UNKNOWN),
        ((0.0, 1.0), Verdict.UNKNOWN),
        (None, Verdict.UNKNOWN),
    ],
)
def test_only_an_interval_wholly_on_one_side_of_zero_says_anything(
    interval: tuple[float, float] | None, verdict: Verdict
) -> None:
    assert verdict_of(interval) is verdict


@pytest.mark.parametrize(("days", "verdict"), [(9, Verdict.UNKNOWN), (10, Verdict.EARNS)])
def test_under_ten_days_nothing_is_claimed(days: int, verdict: Verdict) -> None:
    found = gate(
        "SKIP_X",
        [
            Shadow(opened_at=at(days=day), result_pct=-1.0, closed_at=at(days=day, hours=day), reason=None)
            for day in range(days)
        ],
    )
    assert (found.days, found.verdict, found.interval_pct is None) == (days, verdict, days < 10)


def test_losses_and_gains_are_added_up_apart_and_what_couldn_t_be_followed_is_in_neither() -> None:
    results = [-1.0, -2.0, 4.0, 0.0]
    shadows = [Shadow(opened_at=T0, result_pct=result, closed_at=T0, reason=None) for result in results]
    found = gate("SKIP_X", [*shadows, *Untold])
    assert (found.refused, found.followed, found.pending, found.unknown, found.days) == (8, 4, 1, 3, 1)
    assert (found.loss_avoided_pct, found.gain_missed_pct, found.mean_pct) == (-3.0, 4.0, 0.25)


@pytest.mark.parametrize(
    ("decision", "action", "entry"),
    [
        (SkipReason.LOW_WEIGHT, Action.OPEN, True),
        (SkipReason.MAX_POSITIONS, Action.ADD, True),
        (EXECUTE, Action.OPEN, True),
        (SkipReason.ACTION, Action.REDUCE, False),
        (SkipReason.ADD_TOO_OLD, Action.ADD, False),
        (SkipReason.ADD_NO_OPEN, Action.ADD, False),
        (DEFERRED, Action.OPEN, False),
    ],
)
def test_an_entry_is_a_decided_open_or_an_early_add(decision: str, action: Action, entry: bool) -> None:  # noqa: FBT001 - a table's column
    assert is_entry(signal(decision=decision, action=action)) is entry


def test_a_gate_that_refuses_losers_earns_its_place_and_one_that_refuses_winners_does_not() -> None:
    judgement = judged(two_gates(), DAYS)
    found = {each.decision: each for each in judgement.gates}
    assert list(found) == ["SKIP_LOW_WEIGHT", "SKIP_SIZE_TOO_SMALL", EXECUTE]
    losers, winners = found["SKIP_LOW_WEIGHT"], found["SKIP_SIZE_TOO_SMALL"]
    assert (losers.refused, losers.followed, losers.days, losers.verdict) == (12, 12, 12, Verdict.EARNS)
    assert (winners.refused, winners.followed, winners.days, winners.verdict) == (12, 12, 12, Verdict.DOES_NOT)
    assert losers.loss_avoided_pct < -40
    assert losers.gain_missed_pct == winners.loss_avoided_pct == 0
    assert winners.gain_missed_pct > 60
    assert losers.interval_pct is not None
    assert losers.mean_pct == pytest.approx(losers.loss_avoided_pct / 12)
    assert losers.interval_pct[0] <= losers.mean_pct <= losers.interval_pct[1] < 0
    assert (found[EXECUTE].refused, found[EXECUTE].mean_pct, found[EXECUTE].verdict) == (0, None, None)


def test_run_twice_it_says_the_same() -> None:
    first, second = judged(two_gates(), DAYS), judged(two_gates(), DAYS)
    assert first == second
    assert gates_text(first, None) == gates_text(second, None)


def test_without_a_refused_entry_only_what_passed_is_told() -> None:
    judgement = judged(one_entry(size=1.0), 5)
    (passed,) = judgement.gates
    assert (passed.decision, passed.refused, passed.followed, passed.verdict) == (EXECUTE, 1, 1, None)
    assert warned(judgement, "NOTHING_REFUSED")
    assert not warned(judgement, "INSUFFICIENT")


def test_a_signal_whose_coin_has_no_candles_is_counted_but_not_followed() -> None:
    judgement = judged(one_entry(coin="DOGE", price=0.2, size=400_000.0), 5)
    blind, _ = judgement.gates
    assert (blind.decision, blind.refused, blind.followed, blind.days) == ("SKIP_NO_PRICE", 1, 0, 0)
    assert (blind.mean_pct, blind.interval_pct, blind.verdict) == (None, None, Verdict.UNKNOWN)
    assert ["DOGE 1" in message for message in warned(judgement, "NOT_FOLLOWED")] == [True]


def test_in_a_flat_market_an_entry_costs_fees_and_the_slippage_of_a_notional_of_1_both_ways() -> None:
    policy = Policy()
    ((refused, _),) = [judged(one_entry(), 5).gates]
    slip = costs.slippage_percent("BTC", 1.0, policy.costs) / 100
    fee = policy.costs.taker_fee_percent / 100
    expected = ((1 - slip) * (1 - fee) - (1 + slip) * (1 + fee)) / (1 + slip) * 100
    assert refused.mean_pct == pytest.approx(expected, rel=1e-6)


def test_funding_is_charged_for_as_long_as_it_is_held() -> None:
    world = one_entry()
    rates = [funding_rate(time=at(hours=hour), rate=1e-4) for hour in range(1, 120)]
    dear = Recorded(world.fills, world.candles, world.equity, {"BTC": rates})
    ((free, _), (charged, _)) = judged(world, 5).gates, judged(dear, 5).gates
    assert charged.mean_pct - free.mean_pct == pytest.approx(-72 * 0.01, rel=1e-3)


@pytest.mark.parametrize(("days", "followed", "pending"), [(3, 0, 1), (4, 1, 0)])
def test_what_may_still_be_held_at_the_end_is_pending_even_if_it_was_stopped_out_before(
    days: int, followed: int, pending: int
) -> None:
    """Entered at 1:15, so its 72 hours are over on the fourth day; the price falls through the stop on the first."""
    falling = candles([60_000.0] * 24 + [50_000.0] * 288 * 4, interval_ms=FIVE)
    world = one_entry()
    refused, _ = judged(Recorded(world.fills, {"BTC": falling}, world.equity), days).gates
    assert (refused.followed, refused.pending, refused.unknown) == (followed, pending, 0)
    assert (refused.mean_pct is None) == (not followed)


@pytest.mark.parametrize(
    ("missing", "what", "counts"),
    [
        (slice(60, 62), "two candles in a row", (1, 0)),
        (slice(60, 63), "three in a row", (0, 1)),
        (slice(400, 1_440), "the coin was delisted", (0, 1)),
        (slice(900, 1_440), "the candles end after the exit", (1, 0)),
        (slice(0, 1_440), "no candle at all", (0, 1)),
    ],
)
def test_an_entry_whose_candles_have_holes_or_end_is_unknown(
    missing: slice, what: str, counts: tuple[int, int]
) -> None:
    whole = candles([60_000.0] * 1_440, interval_ms=FIVE)
    lost = set(range(1_440)[missing])
    kept = [index for index in range(1_440) if index not in lost]
    columns = (column[kept] for column in (whole.t, whole.o, whole.h, whole.l, whole.c, whole.v))
    world = one_entry()
    judgement = judged(Recorded(world.fills, {"BTC": Candles("BTC", FIVE, *columns)}, world.equity), 5)
    refused, _ = judgement.gates
    assert (refused.followed, refused.unknown) == counts, what
    assert len(warned(judgement, "NOT_FOLLOWED")) == counts[1]


def test_no_limit_of_the_book_keeps_an_entry_from_being_followed() -> None:
    policy = Policy(limits=LimitsPolicy(max_total_positions=0))
    refused, passed = judged(one_entry(size=1.0), 5, policy).gates
    assert (refused.decision, refused.followed, passed.refused) == ("SKIP_MAX_POSITIONS", 1, 0)


def test_what_passed_is_entered_and_left_in_the_shadow_as_the_replay_did() -> None:
    """Without slippage by size nothing but lots can differ."""
    policy = Policy(costs=CostPolicy(slippage_size_factor=0.0), exit=ExitPolicy(max_duration=timedelta(hours=36)))
    done = played(simulated(4, 4), 3, policy)
    ledger, end = done.replay.desk.ledger, done.replay.clock.now
    positions = [each for each in ledger.book.positions(live_only=False) if each.close_reason != "TRADER_LIQUIDATED"]
    compared = set()
    for position in positions:
        decided = ledger.signals.get(position.signal_id)
        assert decided is not None
        shadow = follow(decided, done.replay.market, policy, end)
        if decided.updated_at + policy.exit.max_duration > end:
            assert shadow is Untold.PENDING
            continue
        assert isinstance(shadow, Shadow)
        compared.add(shadow.reason)
        assert (shadow.opened_at, shadow.closed_at, shadow.reason) == (
            position.opened_at,
            position.closed_at,
            position.close_reason,
        )
        if position.realized_pnl_usd is not None:
            cost = position.entry_price * position.entry_size
            assert shadow.result_pct == pytest.approx(100 * position.realized_pnl_usd / cost, abs=0.05)
    assert len(compared) > 1
