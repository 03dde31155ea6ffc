from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlcopy.domain import gates
from hlcopy.domain.course import Passing, screening_of
from hlcopy.domain.episodes import Effect, Since, effect_of
from hlcopy.domain.gates import Approval, Candidate, Facts, Holding, Portfolio, Skip, Timing
from hlcopy.domain.models import Action, OrderType, Side, SkipReason, TraderPosition
from hlcopy.domain.policy import EntryPolicy, LimitsPolicy, Policy, SizingPolicy
from tests.builders import T0, TRADER, at, fill, trader, trader_order, trader_position, trader_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

LONG, SHORT = Side.LONG, Side.SHORT
POLICY = Policy()
LITERAL = Policy(entry=EntryPolicy(timing_from="trade"))
CONSENSUS = Policy(entry=EntryPolicy(require_consensus=True))
PRICE = 60_000.0
CENT = 0.01


def holding(of: TraderPosition, **overrides: object) -> dict[str, object]:
    """Return the override of a trader's state in which it holds a position."""
    return {"state": trader_state(replace(of, **overrides), equity=400_000.0)}  # type: ignore[arg-type]


HELD: Final = trader_position(size=1.0, value_usd=PRICE, leverage=20.0)


def facts(**overrides: object) -> Facts:
    """Return the constructed example a minute after its confirmation: every gate passes."""
    made = Facts(
        now=at(16),
        coin="BTC",
        effect=Effect(action=Action.OPEN, side=LONG, size=1.0, value_usd=PRICE, price=PRICE),
        candidate=Candidate(Passing(time=T0, size_after=1.0), at(15)),
        trader=trader(roi_7d=15.0),
        state=trader_state(HELD, equity=400_000.0),
        since=Since(reversed=False, unbroken=True, position=1.0),
        mark=PRICE,
        agreeing_traders=1,
        portfolio=Portfolio(equity=100_000.0),
    )
    return replace(made, **overrides)  # type: ignore[arg-type]


def mirrored(of: Facts) -> Facts:
    """Return the same facts of a short: sizes and price moves turned over."""
    positions = [replace(position, size=-position.size) for position in of.state.positions.values()]
    holdings = tuple(replace(held, side=held.side.opposite) for held in of.portfolio.holdings)
    return replace(
        of,
        effect=replace(of.effect, side=of.effect.side.opposite),
        state=trader_state(*positions, equity=of.state.equity),
        mark=None if of.mark is None else 2 * PRICE - of.mark,
        portfolio=replace(of.portfolio, holdings=holdings),
    )


def approved(of: Facts, policy: Policy = POLICY) -> Approval:
    verdict = gates.confirm(of, policy)
    assert isinstance(verdict, Approval)
    return verdict


def refused(of: Facts, policy: Policy = POLICY) -> Skip:
    verdict = gates.confirm(of, policy)
    assert isinstance(verdict, Skip)
    return verdict


@pytest.mark.parametrize("side", Side)
def test_the_constructed_example_passes_every_gate_and_is_worth_7500_dollars(side: Side) -> None:
    order = trader_order(fill(is_buy=side is LONG, price=PRICE, size=1.0))
    effect = effect_of(order)
    seen = screening_of(order, effect, opened_at=None, broken=False, equity=400_000.0, now=at(16))
    candidate = gates.screen(seen, POLICY.entry)
    assert isinstance(candidate, Candidate)
    example = facts(effect=effect, candidate=candidate, **holding(HELD, size=float(side.sign)))
    approval = approved(example)
    assert approval.copy_size_usd == 7_500.00
    assert approval.weight == 0.15
    assert approval.leverage == 1.0
    assert approval.slippage_pct == 0.0
    assert approval.timing == Timing(OrderType.MARKET, 0.5)


@pytest.mark.parametrize(
    ("case", "overrides", "usd"),
    [
        ("a lukewarm week", {"trader": trader(roi_7d=5.0)}, 5_625.0),
        ("a cold week", {"trader": trader(roi_7d=-1.0)}, 3_750.0),
        ("an unknown week", {"trader": trader(roi_7d=None)}, 3_750.0),
        ("an isolated 20x", holding(HELD, isolated=True), 1_500.0),
        ("a cross position's chosen 20x doesn't count", holding(HELD), 7_500.0),
        ("twice its equity out", holding(HELD, value_usd=800_000.0), 6_750.0),
        ("capped at a tenth of ours", {"effect": replace(facts().effect, value_usd=120_000.0)}, 10_000.0),
    ],
)
def test_the_size_of_a_confirmed_copy(case: str, overrides: dict[str, object], usd: float) -> None:
    assert approved(facts(**overrides)).copy_size_usd == pytest.approx(usd), case


def test_nominal_leverage_restores_the_literal_reading() -> None:
    nominal = Policy(entry=EntryPolicy(leverage_from="nominal"))
    assert approved(facts(), nominal).copy_size_usd == 1_500.0


@pytest.mark.parametrize(
    ("case", "overrides", "reason"),
    [
        ("blacklisted", {"trader": trader(blacklisted_until=at(days=1))}, SkipReason.BLACKLISTED),
        ("an old score", {"now": at(days=2)}, SkipReason.STALE_SCORE),
        ("unknown equity", {"state": trader_state(HELD, equity=None)}, SkipReason.UNKNOWN_EQUITY),
        ("no equity", {"state": trader_state(HELD, equity=0.0)}, SkipReason.BAD_EQUITY),
        ("an absurd weight", {"state": trader_state(HELD, equity=1_000.0)}, SkipReason.BAD_EQUITY),
        ("too light by the equity re-read", {"state": trader_state(HELD, equity=600_001.0)}, SkipReason.LOW_WEIGHT),
        ("too small", {"effect": replace(facts().effect, value_usd=49_999.0)}, SkipReason.SIZE_TOO_SMALL),
        ("gone", {"state": trader_state(equity=400_000.0)}, SkipReason.REVERSED),
        ("on the other side", holding(HELD, size=-1.0), SkipReason.REVERSED),
        ("flat", holding(HELD, size=0.0), SkipReason.REVERSED),
        (
            "back, but it touched zero",
            {"since": Since(reversed=True, unbroken=True, position=1.0)},
            SkipReason.REVERSED,
        ),
        ("reduced to less than 0.7", holding(HELD, size=0.699), SkipReason.REDUCED),
        ("no mark", {"mark": None}, SkipReason.NO_PRICE),
        ("a mark of zero", {"mark": 0.0}, SkipReason.NO_PRICE),
        ("a negative mark", {"mark": -PRICE}, SkipReason.NO_PRICE),
        ("a worse price", {"mark": PRICE * 1.025}, SkipReason.SLIPPAGE),
        ("a better price", {"mark": PRICE * 0.975}, SkipReason.SLIPPAGE),
        ("late and away", {"now": at(20), "mark": PRICE * 1.004}, SkipReason.STALE_HIGH_SLIPPAGE),
        ("too late", {"now": at(25)}, SkipReason.TOO_OLD),
    ],
)
def test_why_a_candidate_is_refused(case: str, overrides: dict[str, object], reason: SkipReason) -> None:
    assert refused(facts(**overrides)).reason is reason, case


@pytest.mark.parametrize("kept", [0.7, 1.0, 3.0])
def test_a_position_that_kept_enough_or_grew_is_confirmed(kept: float) -> None:
    assert approved(facts(**holding(HELD, size=kept))).copy_size_usd == 7_500.0


@pytest.mark.parametrize(
    ("case", "policy", "now", "score", "value", "timing"),
    [
        ("at once", POLICY, at(15), 0.1, PRICE, OrderType.MARKET),
        ("two minutes after confirmation", POLICY, at(17), 0.1, PRICE, OrderType.LIMIT),
        ("ten minutes after", POLICY, at(25), 0.1, PRICE, SkipReason.TOO_OLD),
        ("ten minutes after with conviction", POLICY, at(25), 0.81, 2 * PRICE, OrderType.LIMIT),
        ("the literal reading is always too late", LITERAL, at(15), 0.8, 2 * PRICE, SkipReason.TOO_OLD),
        ("but for the convinced", LITERAL, at(15), 0.81, 2 * PRICE, OrderType.LIMIT),
        ("literal weight must be above a quarter", LITERAL, at(15), 0.81, PRICE, SkipReason.TOO_OLD),
    ],
)
def test_from_when_age_counts(
    case: str, policy: Policy, now: datetime, score: float, value: float, timing: OrderType | SkipReason
) -> None:
    of = facts(now=now, trader=trader(score=score), effect=replace(facts().effect, value_usd=value))
    if isinstance(timing, OrderType):
        assert approved(of, policy).timing.order_type is timing, case
    else:
        assert refused(of, policy).reason is timing, case


def test_consensus_is_asked_for_only_when_set() -> None:
    assert isinstance(gates.confirm(facts(agreeing_traders=1), POLICY), Approval)
    assert refused(facts(agreeing_traders=1), CONSENSUS).reason is SkipReason.NO_CONSENSUS
    assert isinstance(gates.confirm(facts(agreeing_traders=2), CONSENSUS), Approval)


def book(*holdings: Holding, equity: float = 100_000.0) -> dict[str, object]:
    return {"portfolio": Portfolio(equity=equity, holdings=holdings)}


def held(coin: str, exposure: float, side: Side = LONG, source: str | None = None) -> Holding:
    return Holding(coin=coin, side=side, exposure_usd=exposure, source_trader=source)


@pytest.mark.parametrize(
    ("case", "overrides", "limits", "usd"),
    [
        ("room for all of it", book(held("ETH", 42_500.0)), LimitsPolicy(), 7_500.0),
        ("clamped to the total that is left", book(held("ETH", 45_000.0)), LimitsPolicy(), 5_000.0),
        ("clamped to exactly the floor", book(held("ETH", 49_900.0)), LimitsPolicy(), 100.0),
        ("under the floor", book(held("ETH", 49_900.01)), LimitsPolicy(), SkipReason.MAX_EXPOSURE),
        ("nothing left", book(held("ETH", 60_000.0)), LimitsPolicy(), SkipReason.MAX_EXPOSURE),
        ("clamped to the coin's room", book(), LimitsPolicy(max_exposure_per_token=0.05), 5_000.0),
        (
            "the coin's room is under the floor",
            book(),
            LimitsPolicy(max_exposure_per_token=0.0009),
            SkipReason.TOKEN_EXPOSURE,
        ),
        ("clamped to the side's room", book(held("ETH", 7_000.0)), LimitsPolicy(max_same_side_ratio=0.1), 3_000.0),
        (
            "the side's room is under the floor",
            book(held("ETH", 9_950.0)),
            LimitsPolicy(max_same_side_ratio=0.1),
            SkipReason.DIRECTION_LIMIT,
        ),
        ("the coin is held", book(held("BTC", 1.0, SHORT)), LimitsPolicy(), SkipReason.ALREADY_IN_TOKEN),
        ("five positions", book(*(held(c, 1.0) for c in "ABCDE")), LimitsPolicy(), SkipReason.MAX_POSITIONS),
        (
            "one per trader",
            book(held("ETH", 1.0, source=TRADER)),
            LimitsPolicy(max_positions_per_trader=1),
            SkipReason.TRADER_LIMIT,
        ),
    ],
)
def test_limits_hold_after_the_new_trade(
    case: str, overrides: dict[str, object], limits: LimitsPolicy, usd: float | SkipReason
) -> None:
    policy = Policy(limits=limits)
    if isinstance(usd, SkipReason):
        assert refused(facts(**overrides), policy).reason is usd, case
    else:
        assert approved(facts(**overrides), policy).copy_size_usd == pytest.approx(usd), case


def test_a_size_under_the_floor_tells_what_it_was_made_of() -> None:
    skip = refused(facts(trader=trader(roi_7d=5.0), **book(equity=1_000.0)))
    assert skip.reason is SkipReason.SIZE_ZERO
    assert skip.detail == {
        "weight": 0.15,
        "slippage_pct": 0.0,
        "base": 75.0,
        "multiplier": 0.75,
        "penalty": 1.0,
        "floor": 100.0,
    }


def test_a_refused_price_is_told() -> None:
    assert refused(facts(mark=PRICE * 1.03)).detail["slippage_pct"] == pytest.approx(3.0)


def of_position(of: Facts, **changes: float) -> Facts:
    return replace(of, **holding(of.state.positions["BTC"], **changes))  # type: ignore[arg-type]


NUMBERS: Final[dict[str, Callable[[Facts, float], Facts]]] = {
    "mark": lambda of, x: replace(of, mark=x),
    "order value": lambda of, x: replace(of, effect=replace(of.effect, value_usd=x)),
    "order price": lambda of, x: replace(of, effect=replace(of.effect, price=x)),
    "size after the trade": lambda of, x: replace(
        of, candidate=replace(of.candidate, passing=replace(of.candidate.passing, size_after=x))
    ),
    "score": lambda of, x: replace(of, trader=replace(of.trader, score=x)),
    "last week": lambda of, x: replace(of, trader=replace(of.trader, roi_7d=x)),
    "trader's equity": lambda of, x: replace(of, state=replace(of.state, equity=x)),
    "trader's size": lambda of, x: of_position(of, size=x),
    "trader's position value": lambda of, x: of_position(of, value_usd=x),
    "isolated leverage": lambda of, x: of_position(of, leverage=x, isolated=True),
    "another position of the trader": lambda of, x: replace(
        of, state=trader_state(HELD, trader_position(coin="ETH", value_usd=x), equity=400_000.0)
    ),
    "our equity": lambda of, x: replace(of, portfolio=Portfolio(equity=x)),
    "exposure": lambda of, x: replace(of, portfolio=Portfolio(equity=100_000.0, holdings=(held("ETH", x),))),
}
CONVINCED = facts(now=at(30), trader=trader(score=0.9), effect=replace(facts().effect, value_usd=2 * PRICE))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("fact", NUMBERS)
@pytest.mark.parametrize("of", [facts(), facts(now=at(20)), CONVINCED], ids=["market", "limit", "late"])
def test_no_fact_that_is_no_number_is_ever_approved(of: Facts, fact: str, value: float) -> None:
    assert isinstance(gates.confirm(of, POLICY), Approval)
    assert isinstance(gates.confirm(NUMBERS[fact](of, value), POLICY), Skip)


exposures = st.floats(min_value=0.0, max_value=30_000.0)
holdings = st.lists(
    st.builds(held, st.sampled_from(["BTC", "ETH", "SOL", "HYPE", "WIF", "ENA"]), exposures, st.sampled_from(Side)),
    max_size=6,
)
limits = st.builds(
    LimitsPolicy,
    max_total_positions=st.integers(1, 6),
    max_total_exposure_ratio=st.floats(0.01, 1.0),
    max_exposure_per_token=st.floats(0.001, 0.2),
    max_same_side_ratio=st.floats(0.01, 1.0),
)


@given(
    book_of=holdings,
    limits=limits,
    equity=st.floats(min_value=500.0, max_value=1e7),
    value=st.floats(min_value=50_000.0, max_value=5e6),
    move=st.floats(min_value=-1.9, max_value=1.9),
    side=st.sampled_from(Side),
)
def test_an_approved_copy_passes_no_cap_and_long_and_short_mirror(
    book_of: list[Holding], limits: LimitsPolicy, equity: float, value: float, move: float, side: Side
) -> None:
    policy = Policy(limits=limits, sizing=SizingPolicy(max_single_position_usd=20_000.0))
    of = facts(
        effect=replace(facts().effect, value_usd=value, side=side),
        mark=PRICE * (1 + move / 100),
        portfolio=Portfolio(equity=equity, holdings=tuple(book_of)),
        **holding(HELD, size=float(side.sign)),
    )
    verdict, mirror = gates.confirm(of, policy), gates.confirm(mirrored(of), policy)
    if isinstance(verdict, Skip):
        assert isinstance(mirror, Skip)
        assert mirror.reason is verdict.reason
        return
    assert isinstance(mirror, Approval)
    usd = verdict.copy_size_usd
    assert mirror.copy_size_usd == usd
    assert mirror.slippage_pct == pytest.approx(verdict.slippage_pct, abs=1e-9)
    assert 100.0 <= usd <= min(0.10 * equity, 20_000.0) + CENT
    assert len(book_of) < limits.max_total_positions
    assert all(one.coin != "BTC" for one in book_of)
    assert usd <= equity * limits.max_exposure_per_token + CENT
    assert usd + sum(one.exposure_usd for one in book_of) <= equity * limits.max_total_exposure_ratio + CENT
    on_side = sum(one.exposure_usd for one in book_of if one.side is side)
    assert usd + on_side <= equity * limits.max_same_side_ratio + CENT
