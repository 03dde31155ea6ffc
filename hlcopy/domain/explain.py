"""Why a decision is what it is: each gate with what was measured, what it asks for, and whether it held."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hlcopy.domain import gates, sizing
from hlcopy.domain.course import passing
from hlcopy.domain.decision import Open, prepare, verdict_of
from hlcopy.domain.explain_market import gave_up, market_checks
from hlcopy.domain.explained import Asks, Check, Unit, number
from hlcopy.domain.models import Action, SkipReason, Wait
from hlcopy.domain.policy import for_coin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hlcopy.domain.decision import Evidence
    from hlcopy.domain.policy import Policy


def checks(evidence: Evidence) -> list[Check]:
    """Return every gate in the order in which it is asked, those behind the last that was reached unanswered."""
    return [*_screening(evidence), *_confirming(evidence), *market_checks(evidence), *_venue(evidence)]


def failed(evidence: Evidence) -> list[Check]:
    """Return the gates that didn't hold."""
    return [check for check in checks(evidence) if check.holds is False]


def _screening(evidence: Evidence) -> Iterator[Check]:
    seen, rules, missing = evidence.screening, evidence.policy.entry, evidence.missing
    effect, equity = seen.effect, seen.equity
    unread = missing is not None and missing.early
    floor = for_coin(rules.min_trade_value_usd, seen.coin)
    known = equity is not None and gates.equity_gate(equity) is None
    passed = passing(seen.steps, floor, rules.min_position_weight, equity) if equity is not None and known else None
    reason = gates.action_gate(
        effect.action,
        opened_at=seen.opened_at,
        trade_time=seen.first_time if passed is None else passed.time,
        policy=rules,
    )
    done = str(effect.action)
    if effect.action is Action.ADD and seen.opened_at is not None:
        done += f", {(seen.first_time - seen.opened_at).total_seconds() / 3600:.1f} h after its Open"
    lacks_open = unread and missing is not None and missing.wait is Wait.UNKNOWN_HISTORY
    yield Check(
        gate="what it did",
        code=str(reason or SkipReason.ACTION),
        holds=None if lacks_open else reason is None,
        measured=done,
        needed=f"Open, Add within {rules.add_max_age.total_seconds() / 3600:g} h",
    )
    if rules.allow_coins or rules.deny_coins:
        listed = gates.coin_gate(seen.coin, rules)
        yield Check(
            gate="coin's lists",
            code=SkipReason.COIN_NOT_ALLOWED,
            holds=listed is None,
            measured=seen.coin,
            needed="allowed and not denied",
        )
    yield Check(
        gate="history",
        code=SkipReason.HISTORY_GAP,
        holds=not seen.broken,
        measured="a fill is missing" if seen.broken else "unbroken",
        needed="unbroken",
    )
    yield Check(
        gate="trader's equity",
        code=str(gates.equity_gate(equity) or SkipReason.UNKNOWN_EQUITY),
        holds=None if unread and equity is None else known,
        measured="unknown" if equity is None else f"${equity:,.0f}",
        needed="known and positive",
    )
    yield number("order size", SkipReason.SIZE_TOO_SMALL, effect.value_usd, Asks.AT_LEAST, floor, Unit.USD)
    weight = effect.value_usd / equity if known and equity else None
    yield from _weights(weight, evidence.policy)
    waited = None if passed is None else (seen.now - passed.time).total_seconds() / 60
    if evidence.facts is not None and passed is not None:
        waited = (evidence.facts.now - passed.time).total_seconds() / 60
    delay = rules.copy_delay.total_seconds() / 60
    yield number("time to confirm", "DEFERRED", waited, Asks.AT_LEAST, delay, Unit.MINUTES)


def _weights(weight: float | None, policy: Policy) -> Iterator[Check]:
    rules = policy.entry
    yield number("weight", SkipReason.LOW_WEIGHT, weight, Asks.AT_LEAST, rules.min_position_weight, Unit.SHARE)
    if weight is not None and weight > rules.max_position_weight:
        yield number("sane weight", SkipReason.BAD_EQUITY, weight, Asks.AT_MOST, rules.max_position_weight, Unit.SHARE)
    if rules.min_confidence_weight > rules.min_position_weight:
        least = rules.min_confidence_weight
        yield number("confident weight", SkipReason.LOW_CONFIDENCE, weight, Asks.AT_LEAST, least, Unit.SHARE)


def _confirming(evidence: Evidence) -> Iterator[Check]:
    facts, policy = evidence.facts, evidence.policy
    rules, missing = policy.entry, evidence.missing
    if facts is None:
        lacking = "not reached" if missing is None else str(missing.wait).replace("_", " ")
        yield Check(
            gate="confirmation",
            code=SkipReason.TOO_OLD if gave_up(evidence) else "DEFERRED",
            holds=False if gave_up(evidence) else None,
            measured=lacking,
            needed=f"known within {rules.limit_until.total_seconds() / 60:g} min",
        )
        return
    if facts.choice is not None and facts.choice.banned:
        yield Check(gate="your word", code=SkipReason.BANNED, holds=False, measured="banned", needed="not banned")
    score = gates.score_gate(facts.trader, facts.now, rules)
    told = f"score {facts.trader.score:.2f}"
    if facts.trader.scored and facts.trader.last_scored_at is not None:
        told += f", {(facts.now - facts.trader.last_scored_at).total_seconds() / 3600:.1f} h old"
    yield Check(
        gate="trader's score",
        code=str(score or SkipReason.STALE_SCORE),
        holds=score is None,
        measured="blacklisted" if score is SkipReason.BLACKLISTED else told,
        needed=f"above 0, under {rules.max_score_age.total_seconds() / 3600:g} h old",
    )
    equity = facts.state.equity
    weight = facts.effect.value_usd / equity if equity else None
    if weight is not None:
        yield from (
            Check(
                gate=f"{check.gate} again",
                code=check.code,
                holds=check.holds,
                measured=check.measured,
                needed=check.needed,
                asks=check.asks,
                unit=check.unit,
            )
            for check in _weights(weight, policy)
        )
    yield from _kept(evidence)
    yield from _price(evidence, weight or 0.0)
    yield from _book(evidence)


def _kept(evidence: Evidence) -> Iterator[Check]:
    facts, rules = evidence.facts, evidence.policy.entry
    if facts is None:
        return
    if gates.kept_gate(facts, rules) is SkipReason.REVERSED:
        yield Check(
            gate="still his position",
            code=SkipReason.REVERSED,
            holds=False,
            measured="left or turned since",
            needed="held since",
        )
        return
    held = facts.state.positions.get(facts.coin)
    share = abs(held.size if held is not None else 0.0) / facts.candidate.passing.size_after
    yield number("kept of it", SkipReason.REDUCED, share, Asks.AT_LEAST, rules.confirm_min_kept, Unit.SHARE)


def _price(evidence: Evidence, weight: float) -> Iterator[Check]:
    facts, rules = evidence.facts, evidence.policy.entry
    if facts is None:
        return
    if facts.mark is None or not (math.isfinite(facts.mark) and facts.mark > 0):
        yield Check(gate="price", code=SkipReason.NO_PRICE, holds=False, measured="none", needed="a mark")
        return
    slippage = gates.signed_slippage(facts.effect.price, facts.mark, facts.effect.side)
    most = rules.max_price_slippage_percent
    yield number("price moved", SkipReason.SLIPPAGE, abs(slippage), Asks.AT_MOST, most, Unit.PERCENT)
    since = facts.candidate.eligible_at if rules.timing_from == "eligible" else facts.candidate.passing.time
    age = facts.now - since
    timing = gates.timing_gate(age, slippage, facts.trader.score, weight, rules)
    if timing is SkipReason.STALE_HIGH_SLIPPAGE:
        most = rules.limit_slippage_percent
        yield number("price moved, late", timing, abs(slippage), Asks.BELOW, most, Unit.PERCENT)
    else:
        minutes, most = age.total_seconds() / 60, rules.limit_until.total_seconds() / 60
        if not isinstance(timing, SkipReason) and not minutes < most:
            yield Check(gate="timeliness", code=SkipReason.TOO_OLD, holds=True, measured="late, by conviction")
        else:
            yield number("timeliness", SkipReason.TOO_OLD, minutes, Asks.BELOW, most, Unit.MINUTES)
    if rules.require_consensus:
        least = rules.consensus_min_traders
        agree = facts.agreeing_traders
        yield number("traders agreeing", SkipReason.NO_CONSENSUS, agree, Asks.AT_LEAST, least, Unit.NUMBER)


def _book(evidence: Evidence) -> Iterator[Check]:
    facts, policy = evidence.facts, evidence.policy
    if facts is None:
        return
    held = facts.held_back
    yield Check(
        gate="entries allowed",
        code=str(SkipReason.HALTED if held is None else held.reason),
        holds=held is None,
        measured="yes" if held is None else _told(held),
        needed="no halt, no breaker",
    )
    holdings, limits = facts.portfolio.holdings, policy.limits
    taken = any(each.coin == facts.coin for each in holdings)
    yield Check(
        gate="coin is free",
        code=SkipReason.ALREADY_IN_TOKEN,
        holds=not taken,
        measured="taken" if taken else "free",
        needed="free",
    )
    most = limits.max_total_positions
    yield number("positions", SkipReason.MAX_POSITIONS, len(holdings), Asks.BELOW, most, Unit.NUMBER)
    his = sum(each.source_trader == facts.trader.address for each in holdings)
    most = limits.max_positions_per_trader
    yield number("positions of the trader", SkipReason.TRADER_LIMIT, his, Asks.BELOW, most, Unit.NUMBER)
    size = sizing.copy_size(
        trader_position_value=facts.effect.value_usd,
        trader_account_value=facts.state.equity or 0.0,
        our_account_value=facts.portfolio.equity,
        trader_roi_7d=facts.trader.roi_7d,
        leverage=gates.effective_leverage(facts.state, facts.coin, policy.entry),
        policy=policy.sizing,
    )
    usd = min(size.base * size.multiplier * size.penalty, size.cap)
    floor = policy.sizing.min_copy_size_usd
    yield number("copy's size", SkipReason.SIZE_ZERO, usd, Asks.AT_LEAST, floor, Unit.USD)
    names = ("room in all", "room in the coin", "room on the side", "trader's budget")
    rooms = gates.room_left(facts.coin, facts.effect.side, facts.portfolio, policy.limits)
    rooms += gates.budget_left(facts.trader.address, facts.choice, facts.portfolio)
    for name, (reason, room) in zip(names, rooms, strict=False):  # not every trader has a budget
        yield number(name, reason, room, Asks.AT_LEAST, floor, Unit.USD)


def _told(held: gates.Skip) -> str:
    told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in held.detail.items() if value is not None)
    return told or str(held.reason)


def _venue(evidence: Evidence) -> Iterator[Check]:
    if evidence.venue is None or evidence.facts is None:
        return
    verdict = verdict_of(evidence)
    if isinstance(verdict, (Open, gates.Skip, gates.Defer, gates.Candidate)):
        return
    side, usd = evidence.facts.effect.side, verdict.copy_size_usd
    made = prepare(side, verdict.leverage, usd, evidence.venue, evidence.policy)
    refused = made if isinstance(made, SkipReason) else None
    yield Check(
        gate="order can be made",
        code=str(refused or SkipReason.NOT_TRADABLE),
        holds=refused is None,
        measured=made.removeprefix("SKIP_").lower().replace("_", " ")
        if isinstance(made, SkipReason)
        else f"{made.leverage}x",
        needed="tradable, a safe stop",
    )
