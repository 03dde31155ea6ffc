"""Which orders of a trader we copy: `screen` needs no market, `confirm` judges the facts of the moment.

Every gate is written so that NaN and infinity fail it: a comparison that must hold, never one that must not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hlcopy.domain import sizing
from hlcopy.domain.course import passing
from hlcopy.domain.models import Action, OrderType, Side, SkipReason, Wait
from hlcopy.domain.policy import for_coin

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from hlcopy.domain.choices import Choice
    from hlcopy.domain.course import Passing, Screening
    from hlcopy.domain.episodes import Effect, Since
    from hlcopy.domain.models import Trader, TraderState
    from hlcopy.domain.policy import EntryPolicy, LimitsPolicy, Policy


@dataclass(frozen=True, slots=True)
class Skip:
    """The order isn't copied; `detail` holds what was measured."""

    reason: SkipReason
    detail: Mapping[str, float | str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Defer:
    """The order can't be judged before `check_at`; `trade_time` is set once it passed the size and weight gates."""

    wait: Wait
    check_at: datetime
    trade_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """The order became a trade and has waited long enough to be confirmed."""

    passing: Passing
    eligible_at: datetime


@dataclass(frozen=True, slots=True)
class Timing:
    """How an entry is executed: order type and price bound in percent."""

    order_type: OrderType
    max_slippage: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What counts against our limits in one coin: a position of ours, an unresolved order at full size, a foreign one."""

    coin: str
    side: Side
    exposure_usd: float
    source_trader: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """Our book as the limits see it; equity in USD."""

    equity: float
    holdings: tuple[Holding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that the confirmation of one candidate is judged by, read at `now`.

    `held_back` says why nothing new may be opened, whatever the candidate: a halt, a breaker. `choice` is a person's word on
    the trader.
    """

    now: datetime
    coin: str
    effect: Effect
    candidate: Candidate
    trader: Trader
    state: TraderState
    since: Since
    mark: float | None
    agreeing_traders: int
    portfolio: Portfolio
    held_back: Skip | None = None
    choice: Choice | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Every gate passed: what is to be entered, and what was measured."""

    copy_size_usd: float
    timing: Timing
    weight: float
    slippage_pct: float
    leverage: float | None
    size: sizing.CopySize
    measured: Mapping[str, float | str | None] = field(default_factory=dict)


# Screening


def action_gate(
    action: Action, *, opened_at: datetime | None, trade_time: datetime, policy: EntryPolicy
) -> SkipReason | None:
    """Pass an Open, and an Add within `add_max_age` of its Open (specification 4.2, step 1)."""
    if action is Action.OPEN:
        return None
    if action is not Action.ADD:
        return SkipReason.ACTION
    if opened_at is None:
        return SkipReason.ADD_NO_OPEN
    return None if trade_time - opened_at <= policy.add_max_age else SkipReason.ADD_TOO_OLD


def coin_gate(coin: str, policy: EntryPolicy) -> SkipReason | None:
    """Pass a coin that the lists of allowed and of denied coins leave; capitals don't matter."""
    name = coin.casefold()
    allowed = not policy.allow_coins or name in policy.allow_coins
    return None if allowed and name not in policy.deny_coins else SkipReason.COIN_NOT_ALLOWED


def size_gate(coin: str, value_usd: float, policy: EntryPolicy) -> SkipReason | None:
    """Pass an order worth at least the coin's minimum (step 2)."""
    enough = math.isfinite(value_usd) and value_usd >= for_coin(policy.min_trade_value_usd, coin)
    return None if enough else SkipReason.SIZE_TOO_SMALL


def weight_gate(weight: float, policy: EntryPolicy) -> SkipReason | None:
    """Pass an order that is a large enough part of its trader's account, but not an absurd one (step 3)."""
    if weight > policy.max_position_weight:
        return SkipReason.BAD_EQUITY
    if not (math.isfinite(weight) and weight >= policy.min_position_weight):
        return SkipReason.LOW_WEIGHT
    return None if weight >= policy.min_confidence_weight else SkipReason.LOW_CONFIDENCE


def equity_gate(equity: float | None) -> SkipReason | None:
    """Pass a trader whose equity is known and positive."""
    if equity is None:
        return SkipReason.UNKNOWN_EQUITY
    return None if math.isfinite(equity) and equity > 0 else SkipReason.BAD_EQUITY


def screen(seen: Screening, policy: EntryPolicy) -> Skip | Defer | Candidate:
    """Judge an order by itself: what it did, how large it is, whether it still fills and has waited long enough.

    An order that hasn't passed the size and weight gates may still fill, and what it does may still change: a reduce
    becomes an Open beyond zero, an Add one when it outgrows what was there. Such an order waits until no fill has come for
    `order_quiet` (decision 3).
    """
    effect, equity = seen.effect, seen.equity
    quiet_at = seen.last_time + policy.order_quiet
    weight = effect.value_usd / equity if equity else math.nan
    passed = None
    if effect.is_entry and equity_gate(equity) is None and equity is not None:
        passed = passing(
            seen.steps, for_coin(policy.min_trade_value_usd, seen.coin), policy.min_position_weight, equity
        )
    skip = (
        action_gate(effect.action, opened_at=seen.opened_at, trade_time=seen.first_time, policy=policy)
        or coin_gate(seen.coin, policy)
        or (SkipReason.HISTORY_GAP if seen.broken else None)
        or equity_gate(equity)
        or size_gate(seen.coin, effect.value_usd, policy)
        or weight_gate(weight, policy)
    )
    if skip is None and passed is None:
        skip = SkipReason.SIZE_TOO_SMALL
    if skip is not None or passed is None:
        hopeless = skip in {SkipReason.UNKNOWN_EQUITY, SkipReason.BAD_EQUITY}
        if passed is None and not hopeless and seen.now < quiet_at:
            return Defer(Wait.STILL_FILLING, quiet_at)
        detail = {"value_usd": effect.value_usd, "weight": weight if math.isfinite(weight) else None}
        return Skip(skip or SkipReason.SIZE_TOO_SMALL, detail)
    skip = action_gate(effect.action, opened_at=seen.opened_at, trade_time=passed.time, policy=policy)
    if skip is not None:
        return Skip(skip)
    eligible_at = passed.time + policy.copy_delay
    if seen.now < eligible_at:
        return Defer(Wait.CONFIRMATION, eligible_at, passed.time)
    return Candidate(passed, eligible_at)


# Confirming


def score_gate(trader: Trader, now: datetime, policy: EntryPolicy) -> SkipReason | None:
    """Pass a trader who isn't blacklisted and whose score is young enough (decision 9); 0 is that of the disqualified."""
    if trader.blacklisted_until is not None and now < trader.blacklisted_until:
        return SkipReason.BLACKLISTED
    if not math.isfinite(trader.score):
        return SkipReason.STALE_SCORE
    if not trader.scored:
        return None
    scored_at = trader.last_scored_at
    is_young = scored_at is not None and now - scored_at < policy.max_score_age
    return None if is_young and trader.score > 0 else SkipReason.STALE_SCORE


def kept_gate(facts: Facts, policy: EntryPolicy) -> SkipReason | None:
    """Pass a trade whose position kept its side and enough of its size since (decision 6)."""
    held = facts.state.positions.get(facts.coin)
    size = held.size if held is not None else 0.0
    if facts.since.reversed or not size * facts.effect.side.sign > 0:
        return SkipReason.REVERSED
    kept = abs(size) / facts.candidate.passing.size_after
    return None if math.isfinite(size) and kept >= policy.confirm_min_kept else SkipReason.REDUCED


def signed_slippage(trade_price: float, mark: float, side: Side) -> float:
    """Return how much worse the mark is than the trader's price, in percent; negative when it is better."""
    return side.sign * (mark - trade_price) / trade_price * 100


def slippage_gate(slippage_pct: float, policy: EntryPolicy) -> SkipReason | None:
    """Pass a price close enough to the trader's on either side (step 5, decision 7)."""
    return None if abs(slippage_pct) <= policy.max_price_slippage_percent else SkipReason.SLIPPAGE


def timing_gate(
    age: timedelta, slippage_pct: float, score: float, weight: float, policy: EntryPolicy
) -> Timing | SkipReason:
    """Choose how to execute by age (step 6; decision 1 says from when age counts)."""
    if age < policy.market_until:
        return Timing(OrderType.MARKET, policy.market_slippage_percent)
    limit = Timing(OrderType.LIMIT, policy.limit_slippage_percent)
    if age < policy.limit_until:
        return limit if abs(slippage_pct) < policy.limit_slippage_percent else SkipReason.STALE_HIGH_SLIPPAGE
    convinced = policy.late_min_score < score < math.inf and policy.late_min_weight < weight < math.inf
    return limit if convinced else SkipReason.TOO_OLD


def effective_leverage(state: TraderState, coin: str, policy: EntryPolicy) -> float | None:
    """Return the leverage that the penalty uses (decision 12), None when it isn't known."""
    held = state.positions.get(coin)
    if held is not None and (held.isolated or policy.leverage_from == "nominal"):
        return held.leverage
    if policy.leverage_from == "nominal" or not state.equity or not state.equity > 0:
        return None
    leverage = sum(position.value_usd for position in state.positions.values()) / state.equity
    return max(1.0, leverage) if math.isfinite(leverage) else leverage  # max() would make a NaN unlevered


def book_gate(coin: str, side: Side, trader: str, portfolio: Portfolio, policy: LimitsPolicy) -> SkipReason | None:
    """Pass while our book has a place for one more position (step 8, decisions 10 and 11)."""
    holdings = portfolio.holdings
    if any(holding.coin == coin for holding in holdings):
        return SkipReason.ALREADY_IN_TOKEN
    if len(holdings) >= policy.max_total_positions:
        return SkipReason.MAX_POSITIONS
    if sum(holding.source_trader == trader for holding in holdings) >= policy.max_positions_per_trader:
        return SkipReason.TRADER_LIMIT
    rooms = room_left(coin, side, portfolio, policy)
    return next((reason for reason, room in rooms if not 0 < room < math.inf), None)


def room_left(
    coin: str, side: Side, portfolio: Portfolio, policy: LimitsPolicy
) -> tuple[tuple[SkipReason, float], ...]:
    """Return what each exposure limit leaves in USD, by the reason it gives when that is too little."""
    holdings, equity = portfolio.holdings, portfolio.equity
    total = sum(holding.exposure_usd for holding in holdings)
    in_coin = sum(holding.exposure_usd for holding in holdings if holding.coin == coin)
    on_side = sum(holding.exposure_usd for holding in holdings if holding.side is side)
    return (
        (SkipReason.MAX_EXPOSURE, equity * policy.max_total_exposure_ratio - total),
        (SkipReason.TOKEN_EXPOSURE, equity * policy.max_exposure_per_token - in_coin),
        (SkipReason.DIRECTION_LIMIT, equity * policy.max_same_side_ratio - on_side),
    )


def budget_left(trader: str, choice: Choice | None, portfolio: Portfolio) -> tuple[tuple[SkipReason, float], ...]:
    """Return what a trader's budget leaves in USD, with the reason it gives; nothing without a budget."""
    if choice is None or choice.budget_usd is None:
        return ()
    used = sum(holding.exposure_usd for holding in portfolio.holdings if holding.source_trader == trader)
    return ((SkipReason.TRADER_BUDGET, choice.budget_usd - used),)


def give_up_or_wait(
    wait: Wait, now: datetime, eligible_at: datetime, policy: EntryPolicy, retry: timedelta
) -> Skip | Defer:
    """Defer a candidate whose facts can't be had, until it is too old for them to matter (decision 6)."""
    if now - eligible_at >= policy.limit_until:
        return Skip(SkipReason.TOO_OLD, {"waited_for": wait.value})
    return Defer(wait, now + retry)


def confirm(facts: Facts, policy: Policy) -> Skip | Approval:
    """Judge a candidate by the facts of the moment, in the order of the specification's pipeline."""
    banned = SkipReason.BANNED if facts.choice is not None and facts.choice.banned else None
    skip = banned or score_gate(facts.trader, facts.now, policy.entry) or equity_gate(facts.state.equity)
    if skip is not None or facts.state.equity is None:
        return Skip(skip or SkipReason.UNKNOWN_EQUITY, {"trader_equity": facts.state.equity})
    weight = facts.effect.value_usd / facts.state.equity
    skip = (
        size_gate(facts.coin, facts.effect.value_usd, policy.entry)
        or weight_gate(weight, policy.entry)
        or kept_gate(facts, policy.entry)
    )
    if skip is not None:
        return Skip(skip, {"weight": weight})
    return _confirm_price(facts, weight, policy)


def _confirm_price(facts: Facts, weight: float, policy: Policy) -> Skip | Approval:
    rules = policy.entry
    if facts.mark is None or not (math.isfinite(facts.mark) and facts.mark > 0):
        return Skip(SkipReason.NO_PRICE, {"weight": weight})
    slippage = signed_slippage(facts.effect.price, facts.mark, facts.effect.side)
    measured = {"weight": weight, "slippage_pct": slippage}
    skip = slippage_gate(slippage, rules)
    if skip is not None:
        return Skip(skip, measured)
    since = facts.candidate.eligible_at if rules.timing_from == "eligible" else facts.candidate.passing.time
    timing = timing_gate(facts.now - since, slippage, facts.trader.score, weight, rules)
    if isinstance(timing, SkipReason):
        return Skip(timing, measured)
    if rules.require_consensus and facts.agreeing_traders < rules.consensus_min_traders:
        return Skip(SkipReason.NO_CONSENSUS, measured | {"agreeing_traders": facts.agreeing_traders})
    return _confirm_room(facts, weight, slippage, timing, policy)


def _confirm_room(facts: Facts, weight: float, slippage: float, timing: Timing, policy: Policy) -> Skip | Approval:
    measured = {"weight": weight, "slippage_pct": slippage}
    if facts.held_back is not None:
        return Skip(facts.held_back.reason, measured | dict(facts.held_back.detail))
    side, portfolio = facts.effect.side, facts.portfolio
    skip = book_gate(facts.coin, side, facts.trader.address, portfolio, policy.limits)
    if skip is not None:
        return Skip(skip, measured)
    leverage = effective_leverage(facts.state, facts.coin, policy.entry)
    size = sizing.copy_size(
        trader_position_value=facts.effect.value_usd,
        trader_account_value=facts.state.equity or 0.0,
        our_account_value=portfolio.equity,
        trader_roi_7d=facts.trader.roi_7d,
        leverage=leverage,
        policy=policy.sizing,
    )
    if not size.usd > 0:
        made_of = {"base": size.base, "multiplier": size.multiplier, "penalty": size.penalty, "floor": size.floor}
        return Skip(SkipReason.SIZE_ZERO, measured | made_of)
    rooms = room_left(facts.coin, side, portfolio, policy.limits)
    rooms += budget_left(facts.trader.address, facts.choice, portfolio)
    for reason, room in rooms:
        if not min(size.usd, room) >= policy.sizing.min_copy_size_usd:
            return Skip(reason, measured | {"room_usd": room})
    room = min(left for _, left in rooms)
    return Approval(
        copy_size_usd=round(min(size.usd, room), 2),
        timing=timing,
        weight=weight,
        slippage_pct=slippage,
        leverage=leverage,
        size=size,
    )
