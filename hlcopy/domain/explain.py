"""Why a decision is what it is: each gate with what was measured, what it asks for, and whether it held."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import TYPE_CHECKING

from hlcopy.domain import gates, safety, sizing
from hlcopy.domain.course import passing
from hlcopy.domain.decision import Open, prepare, verdict_of
from hlcopy.domain.models import Action, SkipReason, Wait
from hlcopy.domain.policy import Gate, for_coin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hlcopy.domain.decision import Evidence
    from hlcopy.domain.policy import Policy


@unique
class Unit(StrEnum):
    """What a measured number is of."""

    USD = "usd"
    SHARE = "share"
    PERCENT = "percent"
    MINUTES = "minutes"
    HOURS = "hours"
    NUMBER = "number"


@unique
class Asks(StrEnum):
    """How a gate compares."""

    AT_LEAST = "at least"
    AT_MOST = "at most"
    BELOW = "below"
    ABOVE = "above"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One gate; `holds` is None where it wasn't looked at. Numbers have a unit and a comparison, the rest is in words."""

    gate: str
    code: str
    holds: bool | None
    measured: float | str | None = None
    needed: float | str | None = None
    asks: Asks | None = None
    unit: Unit | None = None

    @property
    def shortfall(self) -> float | None:
        """How far the measured number is from what is asked for, as a share of that; None where it holds or has no number."""
        if self.holds is not False or not isinstance(self.measured, float) or not isinstance(self.needed, float):
            return None
        far = abs(self.measured - self.needed) / abs(self.needed) if self.needed else math.inf
        return far if math.isfinite(far) else None


def checks(evidence: Evidence) -> list[Check]:
    """Return every gate in the order in which it is asked, those behind the last that was reached unanswered."""
    return [*_screening(evidence), *_confirming(evidence), *_market(evidence), *_venue(evidence)]


def failed(evidence: Evidence) -> list[Check]:
    """Return the gates that didn't hold."""
    return [check for check in checks(evidence) if check.holds is False]


def _number(
    gate: str, code: str, measured: float | None, asks: Asks, needed: float, unit: Unit, *, applied: bool = True
) -> Check:
    """Return a gate that compares numbers; one that is switched off holds whatever was measured."""
    holds: bool | None = None
    if measured is not None:
        holds = (
            not applied
            or {
                Asks.AT_LEAST: needed <= measured < math.inf,
                Asks.AT_MOST: -math.inf < measured <= needed,
                Asks.BELOW: -math.inf < measured < needed,
                Asks.ABOVE: needed < measured < math.inf,
            }[asks]
        )
    shown = None if measured is None else float(measured)
    return Check(gate=gate, code=str(code), holds=holds, measured=shown, needed=float(needed), asks=asks, unit=unit)


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
    yield _number("order size", SkipReason.SIZE_TOO_SMALL, effect.value_usd, Asks.AT_LEAST, floor, Unit.USD)
    weight = effect.value_usd / equity if known and equity else None
    yield from _weights(weight, evidence.policy)
    waited = None if passed is None else (seen.now - passed.time).total_seconds() / 60
    if evidence.facts is not None and passed is not None:
        waited = (evidence.facts.now - passed.time).total_seconds() / 60
    delay = rules.copy_delay.total_seconds() / 60
    yield _number("time to confirm", "DEFERRED", waited, Asks.AT_LEAST, delay, Unit.MINUTES)


def _weights(weight: float | None, policy: Policy) -> Iterator[Check]:
    rules = policy.entry
    yield _number("weight", SkipReason.LOW_WEIGHT, weight, Asks.AT_LEAST, rules.min_position_weight, Unit.SHARE)
    if weight is not None and weight > rules.max_position_weight:
        yield _number("sane weight", SkipReason.BAD_EQUITY, weight, Asks.AT_MOST, rules.max_position_weight, Unit.SHARE)
    if rules.min_confidence_weight > rules.min_position_weight:
        least = rules.min_confidence_weight
        yield _number("confident weight", SkipReason.LOW_CONFIDENCE, weight, Asks.AT_LEAST, least, Unit.SHARE)


def _confirming(evidence: Evidence) -> Iterator[Check]:
    facts, policy = evidence.facts, evidence.policy
    rules, missing = policy.entry, evidence.missing
    if facts is None:
        lacking = "not reached" if missing is None else str(missing.wait).replace("_", " ")
        yield Check(
            gate="confirmation",
            code=SkipReason.TOO_OLD if _gave_up(evidence) else "DEFERRED",
            holds=False if _gave_up(evidence) else None,
            measured=lacking,
            needed=f"known within {rules.limit_until.total_seconds() / 60:g} min",
        )
        return
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


def _gave_up(evidence: Evidence) -> bool:
    """Whether facts couldn't be had until the order was too old."""
    verdict = verdict_of(evidence)
    return evidence.missing is not None and isinstance(verdict, gates.Skip) and "waited_for" in verdict.detail


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
    yield _number("kept of it", SkipReason.REDUCED, share, Asks.AT_LEAST, rules.confirm_min_kept, Unit.SHARE)


def _price(evidence: Evidence, weight: float) -> Iterator[Check]:
    facts, rules = evidence.facts, evidence.policy.entry
    if facts is None:
        return
    if facts.mark is None or not (math.isfinite(facts.mark) and facts.mark > 0):
        yield Check(gate="price", code=SkipReason.NO_PRICE, holds=False, measured="none", needed="a mark")
        return
    slippage = gates.signed_slippage(facts.effect.price, facts.mark, facts.effect.side)
    most = rules.max_price_slippage_percent
    yield _number("price moved", SkipReason.SLIPPAGE, abs(slippage), Asks.AT_MOST, most, Unit.PERCENT)
    since = facts.candidate.eligible_at if rules.timing_from == "eligible" else facts.candidate.passing.time
    age = facts.now - since
    timing = gates.timing_gate(age, slippage, facts.trader.score, weight, rules)
    if timing is SkipReason.STALE_HIGH_SLIPPAGE:
        most = rules.limit_slippage_percent
        yield _number("price moved, late", timing, abs(slippage), Asks.BELOW, most, Unit.PERCENT)
    else:
        minutes, most = age.total_seconds() / 60, rules.limit_until.total_seconds() / 60
        if not isinstance(timing, SkipReason) and not minutes < most:
            yield Check(gate="timeliness", code=SkipReason.TOO_OLD, holds=True, measured="late, by conviction")
        else:
            yield _number("timeliness", SkipReason.TOO_OLD, minutes, Asks.BELOW, most, Unit.MINUTES)
    if rules.require_consensus:
        least = rules.consensus_min_traders
        agree = facts.agreeing_traders
        yield _number("traders agreeing", SkipReason.NO_CONSENSUS, agree, Asks.AT_LEAST, least, Unit.NUMBER)


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
    yield _number("positions", SkipReason.MAX_POSITIONS, len(holdings), Asks.BELOW, most, Unit.NUMBER)
    his = sum(each.source_trader == facts.trader.address for each in holdings)
    most = limits.max_positions_per_trader
    yield _number("positions of the trader", SkipReason.TRADER_LIMIT, his, Asks.BELOW, most, Unit.NUMBER)
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
    yield _number("copy's size", SkipReason.SIZE_ZERO, usd, Asks.AT_LEAST, floor, Unit.USD)
    names = ("room in all", "room in the coin", "room on the side")
    rooms = gates.room_left(facts.coin, facts.effect.side, facts.portfolio, policy.limits)
    for name, (reason, room) in zip(names, rooms, strict=True):
        yield _number(name, reason, room, Asks.AT_LEAST, floor, Unit.USD)


def _told(held: gates.Skip) -> str:
    told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in held.detail.items() if value is not None)
    return told or str(held.reason)


def _market(evidence: Evidence) -> Iterator[Check]:
    facts, around, rules = evidence.facts, evidence.market, evidence.policy.safety
    if facts is not None and around is None and _gave_up(evidence):
        yield Check(gate="market", code=SkipReason.TOO_OLD, holds=False, measured="unknown", needed="known in time")
    if facts is None or around is None:
        return
    approved = gates.confirm(facts, evidence.policy)
    if isinstance(approved, gates.Skip):
        return
    usd, seen = approved.copy_size_usd, around.conditions
    if seen is not None:
        copy = safety.Copy(
            side=facts.effect.side,
            usd=usd,
            trader_position_usd=around.trader_position_usd,
            trader_hour_usd=around.trader_hour_usd,
        )
        found = dict(safety.size_against_market(copy, seen, rules)[1])
        found |= safety.cost(copy, seen, rules, evidence.policy.costs.taker_fee_percent)[1]
        found |= safety.price_integrity(seen, rules)[1] | safety.footprint(copy, seen, rules)[1]
        yield from _against_market({name: float(value or 0.0) for name, value in found.items()}, usd, evidence.policy)
    cut, most = around.dumps.at_least, rules.max_dump_share
    off = not rules.has(Gate.DUMP)
    code = SkipReason.OPEN_THEN_DUMP
    yield _number("entries he cuts at once", code, cut, Asks.AT_MOST, most, Unit.SHARE, applied=not off)


def _against_market(found: dict[str, float], usd: float, policy: Policy) -> Iterator[Check]:
    rules = policy.safety
    interest, volume = found["open_interest_usd"], found["day_volume_usd"]
    depth, exit_depth = found["depth_usd"], found["exit_depth_usd"]
    small, dear, odd, his = SkipReason.ILLIQUID, SkipReason.COST, SkipReason.PRICE_INTEGRITY, SkipReason.FOOTPRINT
    rows: tuple[tuple[Gate, str, str, float, Asks, float, Unit], ...] = (
        (Gate.SIZE, "open interest", small, interest, Asks.AT_LEAST, rules.min_open_interest_usd, Unit.USD),
        (Gate.SIZE, "day's volume", small, volume, Asks.AT_LEAST, rules.min_day_volume_usd, Unit.USD),
        (
            Gate.SIZE,
            "copy in open interest",
            small,
            usd,
            Asks.AT_MOST,
            rules.max_open_interest_share * interest,
            Unit.USD,
        ),
        (Gate.SIZE, "copy in day's volume", small, usd, Asks.AT_MOST, rules.max_day_volume_share * volume, Unit.USD),
        (Gate.SIZE, "copy in the book", small, usd, Asks.AT_MOST, rules.max_depth_share * depth, Unit.USD),
        (Gate.SIZE, "book to leave by", small, exit_depth, Asks.AT_LEAST, usd * rules.min_exit_depth, Unit.USD),
        (Gate.COST, "spread", dear, found["spread_percent"], Asks.AT_MOST, rules.max_spread_percent, Unit.PERCENT),
        (Gate.COST, "cost in and out", dear, found["cost_percent"], Asks.AT_MOST, rules.max_cost_percent, Unit.PERCENT),
        (
            Gate.PRICE,
            "mark off oracle",
            odd,
            found["oracle_gap_percent"],
            Asks.AT_MOST,
            rules.max_oracle_gap_percent,
            Unit.PERCENT,
        ),
        (
            Gate.PRICE,
            "book off mark",
            odd,
            found["mid_gap_percent"],
            Asks.AT_MOST,
            rules.max_mid_gap_percent,
            Unit.PERCENT,
        ),
        (
            Gate.FOOTPRINT,
            "he in open interest",
            his,
            found["trader_open_interest_share"],
            Asks.AT_MOST,
            rules.max_trader_open_interest_share,
            Unit.SHARE,
        ),
        (
            Gate.FOOTPRINT,
            "he in the hour",
            his,
            found["trader_hour_share"],
            Asks.AT_MOST,
            rules.max_trader_hour_share,
            Unit.SHARE,
        ),
    )
    for gate, name, code, measured, asks, needed, unit in rows:
        yield _number(name, code, measured, asks, needed, unit, applied=rules.has(gate))


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
