"""See the traders' new orders, judge them, and enter the ones that pass."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hlcopy.domain import gates
from hlcopy.domain.episodes import Since, chained, since_trade
from hlcopy.domain.liquidation import is_liquidation
from hlcopy.domain.models import IntentState, PositionStatus, Wait
from hlcopy.ports import UNKNOWN, PollMark
from hlcopy.ticks import entry, judge, liquidations, reconcile
from hlcopy.ticks.portfolio import portfolio
from hlcopy.ticks.report import Problem, Report
from hlcopy.ticks.schedule import is_due

if TYPE_CHECKING:
    from datetime import datetime

    from hlcopy.domain.models import Fill, Signal, Trader, TraderState
    from hlcopy.ports import Account, Desk, UnknownType
    from hlcopy.ticks.judge import Judged


def run(desk: Desk, now: datetime) -> Report:
    """Fetch what is due, judge every order that isn't decided yet, confirm and enter those that pass."""
    problems: list[Problem] = []
    outcome = _Outcome(decided=[], candidates=[])
    due = _due_traders(desk, now)
    for trader in due:
        _poll_trader(desk, trader, outcome, problems, now)
    _confirm_all(desk, outcome, now)
    decided = outcome.decided
    counts = Counter(signal.decision for signal in decided)
    return Report(
        command="poll",
        at=now,
        counts={"traders": len(due), "decisions": sum(signal.is_final for signal in decided), **counts},
        problems=tuple(problems),
        decisions=tuple(decided),
    )


def fetch(desk: Desk, address: str, problems: list[Problem], now: datetime) -> tuple[list[Fill], PollMark] | None:
    """Read and store a trader's fills since the last mark; None when they can't be read completely.

    The mark that belongs to them is returned and not stored: it moves once their orders have been judged.
    """
    cadence = desk.policy.cadence
    begin = now - cadence.poll_lookback
    mark = desk.ledger.traders.mark(address) or PollMark(followed_from=begin, read_until=begin, polled_at=begin)
    fills = desk.source.fills(address, max(mark.read_until - cadence.poll_overlap, mark.followed_from), now)
    if fills is UNKNOWN:
        problems.append(Problem(code="FILLS_UNREADABLE", message="its fills can't be read completely", item=address))
        return None
    desk.ledger.history.add_fills(fills)
    read_until = max((fill.time for fill in fills), default=mark.read_until)
    return list(fills), replace(mark, read_until=max(read_until, mark.read_until), polled_at=now)


@dataclass(slots=True)
class _Outcome:
    """What a tick has decided so far, and what still has to be confirmed."""

    decided: list[Signal]
    candidates: list[Judged]


def _due_traders(desk: Desk, now: datetime) -> list[Trader]:
    """Return the watched traders (decision 9) whose turn it is, and those with a deferred order that is due."""
    deferred = desk.ledger.signals.deferred()
    waiting = {signal.trader for signal in deferred}
    ripe = {signal.trader for signal in deferred if signal.check_at is None or signal.check_at <= now}
    sources = {position.source_trader for position in desk.ledger.book.positions()}
    due = []
    for trader in desk.ledger.traders.all():
        if trader.tier != "primary" and trader.address not in waiting | sources:
            continue
        mark = desk.ledger.traders.mark(trader.address)
        polled_at = mark.polled_at if mark is not None else None
        if trader.address in ripe or is_due(polled_at, now, desk.policy.cadence.address_trades):
            due.append(trader)
    return due


def _poll_trader(desk: Desk, trader: Trader, outcome: _Outcome, problems: list[Problem], now: datetime) -> None:
    fetched = fetch(desk, trader.address, problems, now)
    if fetched is None:
        return
    fills, mark = fetched
    if any(is_liquidation(fill, trader.address) for fill in fills):
        copies = [
            position
            for position in desk.ledger.book.positions()
            if position.source_trader == trader.address and position.status is not PositionStatus.OPENING
        ]
        liquidations.check(desk, copies, problems, now)
        trader = desk.ledger.traders.get(trader.address) or trader
    for judged in judge.undecided(desk, trader, fills, mark.followed_from, now):
        if isinstance(judged.verdict, gates.Candidate):
            outcome.candidates.append(judged)
        else:
            outcome.decided += _record(desk, judged)
    # Candidates that a crash leaves unconfirmed are found again as long as the mark is behind them.
    mine = (judged for judged in outcome.candidates if judged.trader.address == trader.address)
    open_since = min((judged.signal.first_fill_at for judged in mine), default=mark.read_until)
    desk.ledger.traders.put_mark(trader.address, replace(mark, read_until=min(mark.read_until, open_since)))


def _record(desk: Desk, judged: Judged) -> list[Signal]:
    """Store a skip or a deferral as it was judged; nothing is returned when another tick was first."""
    ledger = desk.ledger.signals
    stored = ledger.decide(judged.signal, judged.identities) if judged.signal.is_final else ledger.defer(judged.signal)
    return [judged.signal] if stored else []


def _confirm_all(desk: Desk, outcome: _Outcome, now: datetime) -> None:
    """Confirm the candidates under the account lock: by score x weight, then age (decision 11)."""
    if not outcome.candidates:
        return
    # Sources are slow: they are read before the lock, which keeps `monitor` waiting.
    addresses = {judged.trader.address for judged in outcome.candidates}
    states = {address: desk.source.state(address, now) for address in sorted(addresses)}
    with desk.account_lock():
        account = reconcile.run(desk, now)
        for judged in sorted(outcome.candidates, key=_precedence):
            current = desk.ledger.signals.get(judged.signal.id)
            if current is not None and current.is_final:
                continue  # another tick was first
            signals, account = _confirm(desk, judged, states[judged.trader.address], account, now)
            outcome.decided += signals
            if desk.ledger.book.orders(state=IntentState.PENDING):
                break  # an answer is out: no more risk in this tick; the rest stays due, the next one reconciles first


def _precedence(judged: Judged) -> tuple[float, datetime, str]:
    weight = judged.signal.position_weight or 0.0
    return (-judged.trader.score * min(weight, 1.0), judged.signal.trade_time, judged.signal.id)


def _confirm(
    desk: Desk, judged: Judged, state: TraderState | UnknownType, account: Account, now: datetime
) -> tuple[list[Signal], Account]:
    signal = judged.signal
    marks = desk.market.marks(signal.coin, now, now)
    since = _since(desk, judged, now)
    if state is UNKNOWN or _is_stale(desk, state, now):
        return _put_off(desk, judged, Wait.UNKNOWN_TRADER_STATE, now), account
    if marks is UNKNOWN:
        return _put_off(desk, judged, Wait.UNKNOWN_PRICE, now), account
    if not since.unbroken:
        return _put_off(desk, judged, Wait.UNKNOWN_HISTORY, now), account
    mark = marks.last if marks is not None else None
    facts = gates.Facts(
        now=now,
        coin=signal.coin,
        effect=judged.effect,
        candidate=judged.candidate,
        trader=judged.trader,
        state=state,
        since=since,
        mark=mark,
        agreeing_traders=_agreeing(desk, signal),
        portfolio=portfolio(desk, account),
    )
    confirmed = gates.confirm(facts, desk.policy)
    measured = judge.measured(signal, confirmed, state, mark, now)
    if isinstance(confirmed, gates.Skip) or mark is None:
        return _record(desk, replace(judged, signal=measured)), account
    entered = entry.enter(desk, measured, confirmed, mark, judged.identities, now)
    return [entered], reconcile.run(desk, now)


def _is_stale(desk: Desk, state: TraderState, now: datetime) -> bool:
    """Whether an equity is too old, or isn't known at all, to weigh by; one stated for a replay never is."""
    max_age = desk.policy.entry.max_state_age
    return max_age is not None and (state.equity is None or now - state.read_at > max_age)


def _put_off(desk: Desk, judged: Judged, wait: Wait, now: datetime) -> list[Signal]:
    """Ask again in the next minute for a fact that can't be had, until the signal is too old."""
    policy = desk.policy
    verdict = gates.give_up_or_wait(wait, now, judged.candidate.eligible_at, policy.entry, policy.cadence.trades)
    return _record(desk, judge.as_judged(judged, verdict, now))


def _since(desk: Desk, judged: Judged, now: datetime) -> Since:
    passed = judged.candidate.passing
    fills = desk.ledger.history.fills(judged.trader.address, coin=judged.signal.coin, since=passed.time, until=now)
    return since_trade(judged.effect.side, passed.size_after, passed.time, chained(fills))


def _agreeing(desk: Desk, signal: Signal) -> int:
    """Count the followed traders who hold the coin on the signal's side, its own trader among them."""
    others = sum(
        any(
            held.coin == signal.coin and held.side is signal.side
            for held in desk.ledger.traders.positions(trader.address)
        )
        for trader in desk.ledger.traders.all()
        if trader.tier is not None and trader.address != signal.trader
    )
    return others + 1
