"""A decision as a function of what was read for it: made by the ticks, and made again when somebody asks why.

Signals get their verdicts here and nowhere else, so that a stored decision can be recomputed to the byte.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from hlcopy.domain import gates, orders, safety
from hlcopy.domain.models import DEFERRED, EXECUTE, Grounds, Signal, SkipReason

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from hlcopy.domain.course import Screening
    from hlcopy.domain.instrument import Instrument
    from hlcopy.domain.models import Side, TraderState, Wait
    from hlcopy.domain.policy import Policy

    Verdict = gates.Skip | gates.Defer | gates.Candidate

BY_VENUE: Final = frozenset({SkipReason.ORDER_REFUSED, SkipReason.NOT_FILLED, SkipReason.NEVER_LANDED})
"""What became at the venue of an entry that every rule approved."""

ORDER_ERROR: Final = "order_error"  # what the venue's answer adds to a signal's detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A fact that couldn't be had at `now`; `early` where it was lacking before the screening."""

    wait: Wait
    now: datetime
    retry: timedelta
    early: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """What an approved entry is prepared with: the coin's trading rules, None where it isn't listed, and our venue's mark."""

    instrument: Instrument | None
    mark: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence(Grounds):
    """Everything that a decision was made from, as far as it came."""

    policy: Policy
    screening: Screening
    missing: Missing | None = None
    facts: gates.Facts | None = None
    market: safety.Surroundings | None = None
    venue: Venue | None = None


class Open(Enum):
    """Where a recomputed decision ends because nobody looked any further then."""

    CONFIRMATION = "it would have been confirmed; what that would have met wasn't read"
    MARKET = "it would have passed up to the market's gates; the market wasn't read"
    ENTRY = "every gate would have passed; how the entry would have gone isn't known"


def verdict_of(evidence: Evidence) -> Verdict | gates.Approval | Open:
    """Return what the rules say of the evidence, up to the preparation of the entry."""
    rules, seen, missing = evidence.policy, evidence.screening, evidence.missing
    if missing is not None and missing.early:
        eligible_at = seen.first_time + rules.entry.copy_delay
        return gates.give_up_or_wait(missing.wait, missing.now, eligible_at, rules.entry, missing.retry)
    screened = gates.screen(seen, rules.entry)
    if not isinstance(screened, gates.Candidate):
        return screened
    if evidence.facts is not None:
        confirmed = gates.confirm(replace(evidence.facts, candidate=screened), rules)
        if isinstance(confirmed, gates.Skip):
            return confirmed
        if evidence.market is not None:
            return safety.weigh(confirmed, evidence.facts.effect.side, evidence.market, rules)
    if missing is not None:
        return gates.give_up_or_wait(missing.wait, missing.now, screened.eligible_at, rules.entry, missing.retry)
    return Open.CONFIRMATION if evidence.facts is None else Open.MARKET


def decide(evidence: Evidence, bare: Signal) -> Signal | Open:
    """Return a signal as the evidence decides it; `bare` is the signal before its screening."""
    verdict = verdict_of(evidence)
    if isinstance(verdict, Open):
        return verdict
    facts, seen, missing = evidence.facts, evidence.screening, evidence.missing
    if missing is not None and isinstance(verdict, (gates.Skip, gates.Defer)):
        first = bare if missing.early else screened(bare, gates.screen(seen, evidence.policy.entry), seen.now)
        return screened(first, verdict, seen.now if missing.early else missing.now)
    if facts is None or isinstance(verdict, (gates.Defer, gates.Candidate)):
        return screened(bare, verdict, seen.now)  # type: ignore[arg-type]
    known = screened(bare, gates.screen(seen, evidence.policy.entry), seen.now)
    told = measured(known, verdict, facts.state, facts.mark, facts.now)
    if isinstance(verdict, gates.Skip):
        return told
    if evidence.venue is None:
        return Open.ENTRY
    prepared = prepare(told.side, verdict.leverage, verdict.copy_size_usd, evidence.venue, evidence.policy)
    return replace(told, decision=prepared.value) if isinstance(prepared, SkipReason) else told


def prepare(
    side: Side, leverage: float | None, usd: float, venue: Venue, policy: Policy
) -> orders.Prepared | SkipReason:
    """Return leverage and size of an approved entry, or why it can't be entered."""
    if venue.instrument is None:
        return SkipReason.NOT_TRADABLE
    return orders.prepare_entry(
        side=side, leverage=leverage, usd=usd, mark=venue.mark, instrument=venue.instrument, policy=policy
    )


def screened(signal: Signal, verdict: Verdict, now: datetime) -> Signal:
    """Return a signal with the verdict of its screening, or with that of facts that couldn't be had."""
    trade_time = signal.trade_time
    told: dict[str, Any]
    if isinstance(verdict, gates.Candidate):
        trade_time = verdict.passing.time
        told = {}
    elif isinstance(verdict, gates.Defer):
        trade_time = verdict.trade_time or trade_time
        told = {"decision": DEFERRED, "wait": verdict.wait, "check_at": verdict.check_at}
    else:
        told = {"decision": verdict.reason.value, "wait": None, "check_at": None, "detail": dict(verdict.detail)}
    age = (now - trade_time).total_seconds()
    return replace(signal, trade_time=trade_time, age_seconds=age, updated_at=now, **told)


def measured(
    signal: Signal, verdict: gates.Skip | gates.Approval, state: TraderState, mark: float | None, now: datetime
) -> Signal:
    """Return a signal with what its confirmation measured; an approved one is EXECUTE."""
    slippage = gates.signed_slippage(signal.trade_price, mark, signal.side) if mark is not None else None
    weight = signal.value_usd / state.equity if state.equity else None
    signal = replace(
        signal,
        trader_equity=state.equity,
        position_weight=weight,
        mark_price=mark,
        slippage_pct=slippage,
        updated_at=now,
    )
    if isinstance(verdict, gates.Skip):
        passed = None if slippage is None else verdict.reason is not SkipReason.SLIPPAGE
        decision, detail = verdict.reason.value, dict(verdict.detail)
        return replace(signal, decision=decision, slippage_check_passed=passed, detail=detail)
    return replace(
        signal,
        decision=EXECUTE,
        slippage_check_passed=True,
        copy_size_usd=verdict.copy_size_usd,
        leverage=verdict.leverage,
        order_type=verdict.timing.order_type,
        max_slippage=verdict.timing.max_slippage,
        detail=_sizing(verdict),
    )


def _sizing(approval: gates.Approval) -> Mapping[str, float | str | None]:
    return {
        "base": approval.size.base,
        "multiplier": approval.size.multiplier,
        "penalty": approval.size.penalty,
        "cap": approval.size.cap,
        **approval.measured,
    }


# Made again


def document(signal: Signal) -> dict[str, object]:
    """Return a signal's decision as plain values by name, without what the venue made of it and when the row was made."""
    left_out = {"created_at", "evidence"}
    found = {each.name: _plain(getattr(signal, each.name)) for each in fields(signal) if each.name not in left_out}
    found["detail"] = {name: _plain(value) for name, value in signal.detail.items() if name != ORDER_ERROR}
    if signal.decision in BY_VENUE:
        found["decision"] = EXECUTE
    return found


def canonical(signal: Signal) -> str:
    """Return a decision as JSON of which there is one form only."""
    return json.dumps(document(signal), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def again(signal: Signal, evidence: Evidence) -> Signal | Open:
    """Return a stored signal as its evidence decides it anew; of the row only identity and the trader's score are taken."""
    effect, equity = evidence.screening.effect, evidence.screening.equity
    bare = Signal(
        id=signal.id,
        trader=signal.trader,
        coin=evidence.screening.coin,
        side=effect.side,
        action=effect.action,
        order_key=signal.order_key,
        value_usd=effect.value_usd,
        trade_price=effect.price,
        trade_time=evidence.screening.first_time,
        first_fill_at=evidence.screening.first_time,
        decision=DEFERRED,
        created_at=signal.created_at,
        updated_at=evidence.screening.now,
        position_weight=effect.value_usd / equity if equity else None,
        trader_equity=equity,
        trader_score=signal.trader_score,
        trader_roi_7d=signal.trader_roi_7d,
        evidence=evidence,
    )
    return decide(evidence, bare)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")  # as it is stored
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) else str(value)  # a column of numbers makes no difference either
    return str(value) if isinstance(value, str) else value
