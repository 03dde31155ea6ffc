"""The gates that ask the market and the trader's ways, as they are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hlcopy.domain import gates, safety
from hlcopy.domain.decision import verdict_of
from hlcopy.domain.explained import Asks, Check, Unit, number
from hlcopy.domain.models import SkipReason
from hlcopy.domain.policy import Gate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hlcopy.domain.decision import Evidence
    from hlcopy.domain.policy import Policy


def market_checks(evidence: Evidence) -> Iterator[Check]:
    """Yield the gates that are asked last; none where an earlier one didn't hold."""
    facts, around, rules = evidence.facts, evidence.market, evidence.policy.safety
    if facts is not None and around is None and gave_up(evidence):
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
            dumped_ago_days=around.dumped_ago_days,
        )
        found = dict(safety.size_against_market(copy, seen, rules)[1])
        found |= safety.cost(copy, seen, rules, evidence.policy.costs.taker_fee_percent)[1]
        found |= safety.price_integrity(seen, rules)[1] | safety.footprint(copy, seen, rules)[1]
        yield from _against_market({name: float(value or 0.0) for name, value in found.items()}, usd, evidence.policy)
    cut, most = around.dumps.at_least, rules.max_dump_share
    off = not rules.has(Gate.DUMP)
    code = SkipReason.OPEN_THEN_DUMP
    yield number("entries he cuts at once", code, cut, Asks.AT_MOST, most, Unit.SHARE, applied=not off)
    ago, pause = around.dumped_ago_days, rules.dump_pause_days
    if ago is not None:
        yield number("days since he cut ours", code, ago, Asks.AT_LEAST, pause, Unit.NUMBER, applied=not off)


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
            Gate.COST,
            "funding an hour",
            dear,
            found["funding_percent"],
            Asks.AT_MOST,
            rules.max_funding_against_percent,
            Unit.PERCENT,
        ),
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
        yield number(name, code, measured, asks, needed, unit, applied=rules.has(gate))


def gave_up(evidence: Evidence) -> bool:
    """Whether facts couldn't be had until the order was too old."""
    verdict = verdict_of(evidence)
    return evidence.missing is not None and isinstance(verdict, gates.Skip) and "waited_for" in verdict.detail
