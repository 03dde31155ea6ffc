"""See the traders' new orders, judge them, and enter the ones that pass."""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from hlcopy.domain import decision, gates, safety
from hlcopy.domain.book import IntentState, PositionStatus
from hlcopy.domain.episodes import Since, chained, since_trade
from hlcopy.domain.liquidation import is_liquidation
from hlcopy.domain.models import EPOCH, EXECUTE, Wait
from hlcopy.ports import UNKNOWN, PollMark
from hlcopy.ticks import brakes, breakers, entry, judge, liquidations, reconcile, safe
from hlcopy.ticks.portfolio import portfolio
from hlcopy.ticks.report import Problem, Report
from hlcopy.ticks.schedule import is_due

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from hlcopy.domain.book import PositionAction
    from hlcopy.domain.models import Fill, Signal, Trader, TraderState
    from hlcopy.ports import Account, Desk, Marks, UnknownType
    from hlcopy.ticks.judge import Judged


_NOBODY: Final = "nobody is followed yet; choose traders with: hlcopy score"


def run(desk: Desk, now: datetime) -> Report:
    """Fetch what is due, leave who was liquidated, judge every order that isn't decided yet, confirm and enter those that pass.

    As many traders are read as the source's rate limits leave room for; the others stay due. Raises what stands in the way
    of opening positions, once everything that protects is done; all that would be judged stays due then.
    """
    problems: list[Problem] = []
    outcome = _Outcome(decided=[], candidates=[], marks={}, actions=[])
    due = _due_traders(desk, now)
    room = desk.source.room(now)
    turn = due if room is None else due[: max(0, room)]
    fetched = _fetch(desk, turn, problems, now)
    if fetched or len(turn) < len(due):
        _pass_over(desk, turn, fetched, now)
    _leave_liquidated(desk, fetched, outcome, problems, now)
    desk.exchange.require_ready()
    _judge(desk, _with_equity(desk, fetched, now), outcome, now)
    _confirm_all(desk, outcome, now)
    decided = outcome.decided
    decisions = Counter(signal.decision for signal in decided)
    counts = {"traders": len(turn), "waiting": len(due) - len(turn)}
    return Report(
        command="poll",
        at=now,
        counts={**counts, "decisions": sum(signal.is_final for signal in decided), **decisions},
        problems=tuple(problems),
        decisions=tuple(decided),
        actions=tuple(outcome.actions),
        notes=() if due or desk.ledger.traders.followed() else (_NOBODY,),
        unreachable=bool(turn) and not fetched,
    )


@dataclass(slots=True)
class _Outcome:
    """What a tick has decided and done so far, what still has to be confirmed, and how far its traders have been read then."""

    decided: list[Signal]
    candidates: list[Judged]
    marks: dict[str, PollMark]
    actions: list[PositionAction]


@dataclass(frozen=True, slots=True)
class _Fetched:
    """A trader's fills since the last mark, and the mark that belongs to them: it moves once their orders are judged."""

    trader: Trader
    fills: Sequence[Fill]
    mark: PollMark


def _due_traders(desk: Desk, now: datetime) -> list[Trader]:
    """Return the watched traders (decision 9) whose turn it is, and those with a deferred order that is due.

    Those with such an order, or with a copy of ours that is open, come first, then those that weren't asked for longest. Who
    couldn't be read since the order became due comes first no more.
    """
    deferred = desk.ledger.signals.deferred()
    ripe: dict[str, datetime] = {}
    for signal in deferred:
        check_at = signal.check_at or now
        if check_at <= now:
            ripe[signal.trader] = max(check_at, ripe.get(signal.trader, check_at))
    copied = {position.source_trader for position in desk.ledger.book.positions()}
    watched = {trader.address: trader for trader in desk.ledger.traders.followed() if trader.tier == "primary"}
    for address in {signal.trader for signal in deferred} | copied:
        trader = watched.get(address) or desk.ledger.traders.get(address)
        if trader is not None:
            watched[address] = trader
    due = []
    for address, trader in watched.items():
        mark = desk.ledger.traders.mark(address)
        polled_at = mark.polled_at if mark is not None else None
        has_turn = is_due(polled_at, now, desk.policy.cadence.address_trades)
        if address in ripe or has_turn:
            urgent = (address in copied and has_turn) or (address in ripe and (polled_at or EPOCH) < ripe[address])
            due.append((not urgent, polled_at or EPOCH, -trader.score, address))
    return [watched[address] for *_, address in sorted(due)]


def _fetch(desk: Desk, traders: Sequence[Trader], problems: list[Problem], now: datetime) -> list[_Fetched]:
    """Read the traders' fills since their last marks, all together, and store them; who can't be read is a problem."""
    cadence = desk.policy.cadence
    marks = [_mark(desk, trader, now) for trader in traders]
    asked = [
        (trader.address, max(mark.read_until - cadence.poll_overlap, mark.followed_from))
        for trader, mark in zip(traders, marks, strict=True)
    ]
    answers = desk.together(lambda each: desk.source.fills(each[0], each[1], now), asked)
    fetched = []
    for trader, mark, fills in zip(traders, marks, answers, strict=True):
        if fills is UNKNOWN:
            message = "its fills can't be read completely"
            problems.append(Problem(code="FILLS_UNREADABLE", message=message, item=trader.address))
            continue
        read_until = max((fill.time for fill in fills), default=mark.read_until)
        moved = replace(mark, read_until=max(read_until, mark.read_until), polled_at=now)
        fetched.append(_Fetched(trader, fills, moved))
    with desk.ledger.transaction():
        for each in fetched:
            desk.ledger.history.add_fills(each.fills)
    return fetched


def _mark(desk: Desk, trader: Trader, now: datetime) -> PollMark:
    """Return how far a trader's fills have been read, for one never read the moment from which they are to be."""
    begin = now - desk.policy.cadence.poll_lookback
    return desk.ledger.traders.mark(trader.address) or PollMark(followed_from=begin, read_until=begin, polled_at=begin)


def _pass_over(desk: Desk, asked: Sequence[Trader], fetched: Sequence[_Fetched], now: datetime) -> None:
    """Let those who couldn't be read wait for their next turn, lest they keep the others from theirs.

    How far they were read stays as it was.
    """
    read = {each.trader.address for each in fetched}
    with desk.ledger.transaction():
        for trader in asked:
            if trader.address not in read:
                desk.ledger.traders.put_mark(trader.address, replace(_mark(desk, trader, now), polled_at=now))


def _leave_liquidated(
    desk: Desk, fetched: list[_Fetched], outcome: _Outcome, problems: list[Problem], now: datetime
) -> None:
    """Close at once what was copied from traders whose fills say that they were liquidated."""
    marked = {
        each.trader.address for each in fetched if any(is_liquidation(fill, each.trader.address) for fill in each.fills)
    }
    if not marked:
        return
    copies = [
        position
        for position in desk.ledger.book.positions()
        if position.source_trader in marked and position.status is not PositionStatus.OPENING
    ]
    liquidations.check(desk, copies, problems, now, actions=outcome.actions)
    for index, each in enumerate(fetched):
        if each.trader.address in marked:
            trader = desk.ledger.traders.get(each.trader.address) or each.trader
            fetched[index] = replace(each, trader=trader)


def _with_equity(desk: Desk, fetched: Sequence[_Fetched], now: datetime) -> list[_Fetched]:
    """Return what was fetched, the traders' present equity where the daily score didn't know it and orders are weighed."""
    unknown = [each.trader.address for each in fetched if each.trader.account_value is None and each.fills]
    states = dict(zip(unknown, desk.together(lambda address: desk.source.state(address, now), unknown), strict=True))
    result = []
    for each in fetched:
        state = states.get(each.trader.address, UNKNOWN)
        if state is not UNKNOWN and not _is_stale(desk, state, now):
            result.append(replace(each, trader=replace(each.trader, account_value=state.equity)))
        else:
            result.append(each)
    return result


def _judge(desk: Desk, fetched: Sequence[_Fetched], outcome: _Outcome, now: datetime) -> None:
    """Screen every order that isn't decided yet; what that decides and how far each trader was read are stored in one go."""
    screened = [
        (each, judge.undecided(desk, each.trader, each.fills, each.mark.followed_from, now)) for each in fetched
    ]
    with desk.ledger.transaction():
        for each, orders in screened:
            candidates = [judged for judged in orders if isinstance(judged.verdict, gates.Candidate)]
            for judged in orders:
                if not isinstance(judged.verdict, gates.Candidate):
                    outcome.decided += _record(desk, judged)
            if candidates:
                # Those that stay unconfirmed are found again as long as the mark is behind them.
                outcome.candidates += candidates
                begin = min(judged.signal.first_fill_at for judged in candidates)
                outcome.marks[each.trader.address] = replace(each.mark, read_until=min(each.mark.read_until, begin))
            else:
                desk.ledger.traders.put_mark(each.trader.address, each.mark)


def _record(desk: Desk, judged: Judged) -> list[Signal]:
    """Store a skip or a deferral as it was judged; nothing is returned when another tick was first."""
    ledger = desk.ledger.signals
    stored = ledger.decide(judged.signal, judged.identities) if judged.signal.is_final else ledger.defer(judged.signal)
    return [judged.signal] if stored else []


def _confirm_all(desk: Desk, outcome: _Outcome, now: datetime) -> None:
    """Confirm the candidates under the account lock: by score x weight, then age (decision 11)."""
    if not outcome.candidates:
        return
    waiting = deque(sorted(outcome.candidates, key=_precedence))
    known = _look_ahead(desk, waiting, now)
    with desk.account_lock():
        before = desk.ledger.book.count_actions()
        began, now = now, desk.present(now)  # the lock may have been waited for
        account = reconcile.run(desk, now)
        breakers.sample(desk, account, now)  # so that a withdrawal isn't taken for a loss
        while waiting and _may_go_on(desk, began, now):
            judged = waiting.popleft()
            current = desk.ledger.signals.get(judged.signal.id)
            if current is not None and current.is_final:
                continue  # another tick was first
            # Asked again under the lock, which may have been waited for: a reading of a few seconds ago costs nothing.
            address = judged.trader.address
            state = desk.source.state(address, now) if address in known else UNKNOWN
            signals = _confirm(desk, judged, state, account, now)
            outcome.decided += signals
            entered = any(signal.decision == EXECUTE for signal in signals)
            if entered and (waiting or _is_unsettled(desk)):
                account = reconcile.run(desk, now)
            if desk.ledger.book.orders(state=IntentState.PENDING):
                break  # an answer is out: no more risk in this tick; the rest stays due, the next one reconciles first
        outcome.actions += desk.ledger.book.actions(skip=before)
    left = {judged.trader.address for judged in waiting}
    for address, mark in outcome.marks.items():
        if address not in left:
            desk.ledger.traders.put_mark(address, mark)


def _is_unsettled(desk: Desk) -> bool:
    """Whether an answer is out, or a position isn't protected: its stop wasn't sent, or it is being left."""
    bare = any(
        not each.stop_confirmed or each.status is PositionStatus.CLOSING for each in desk.ledger.book.positions()
    )
    return bare or bool(desk.ledger.book.orders(state=IntentState.PENDING))


def _may_go_on(desk: Desk, began: datetime, now: datetime) -> bool:
    """Whether another entry may be begun in a tick; what may not stays due."""
    return desk.present(now) - began < desk.policy.execution.new_risk_for and desk.exchange.can_open(now)


def _look_ahead(desk: Desk, candidates: Iterable[Judged], now: datetime) -> set[str]:
    """Read what confirmation will ask for before the lock, which keeps `monitor` waiting; return whose state is known."""
    for coin in sorted({judged.signal.coin for judged in candidates}):
        _marks(desk, coin, now)
    addresses = sorted({judged.trader.address for judged in candidates})
    states = desk.together(lambda address: desk.source.state(address, now), addresses)
    return {address for address, state in zip(addresses, states, strict=True) if state is not UNKNOWN}


def _precedence(judged: Judged) -> tuple[float, datetime, str]:
    weight = judged.signal.position_weight or 0.0
    return (-judged.trader.score * min(weight, 1.0), judged.signal.trade_time, judged.signal.id)


def _confirm(
    desk: Desk, judged: Judged, state: TraderState | UnknownType, account: Account, now: datetime
) -> list[Signal]:
    signal = judged.signal
    theirs, ours = _marks(desk, signal.coin, now)
    since = _since(desk, judged, now)
    if state is UNKNOWN or _is_stale(desk, state, now):
        return _put_off(desk, judged, Wait.UNKNOWN_TRADER_STATE, now)
    if theirs is UNKNOWN or ours is UNKNOWN:
        return _put_off(desk, judged, Wait.UNKNOWN_PRICE, now)
    if not since.unbroken:
        return _put_off(desk, judged, Wait.UNKNOWN_HISTORY, now)
    held_back = brakes.held_back(desk, account, signal.trader, now)
    if held_back is UNKNOWN:
        return _put_off(desk, judged, Wait.UNKNOWN_BUDGET, now)
    mark = theirs.last if theirs is not None and ours is not None and _is_price(ours.last) else None
    facts = gates.Facts(
        now=now,
        coin=signal.coin,
        effect=judged.effect,
        candidate=judged.candidate,
        trader=desk.ledger.traders.get(signal.trader) or judged.trader,  # blacklisted meanwhile?
        state=state,
        since=since,
        mark=mark,
        agreeing_traders=_agreeing(desk, signal),
        portfolio=portfolio(desk, account),
        held_back=held_back,
        choice=desk.ledger.choices.get(signal.trader),
    )
    return _decide(desk, judged, facts, ours, now)


def _decide(desk: Desk, judged: Judged, facts: gates.Facts, ours: Marks | None, now: datetime) -> list[Signal]:
    """Judge a candidate whose facts are all known, and enter it if nothing stands against it."""
    judged = _knowing(judged, facts=facts)
    confirmed = gates.confirm(facts, desk.policy)
    if isinstance(confirmed, gates.Approval):
        around = safe.look(desk, judged, facts.state, now)
        if around is UNKNOWN:
            return _put_off(desk, judged, Wait.UNKNOWN_MARKET, now)
        judged = _knowing(judged, market=around)
        confirmed = safety.weigh(confirmed, facts.effect.side, around, desk.policy)
    measured = decision.measured(judged.signal, confirmed, facts.state, facts.mark, now)
    if isinstance(confirmed, gates.Skip) or ours is None:
        return _record(desk, replace(judged, signal=measured))
    if not _is_free(desk, measured.coin, now):
        return _put_off(desk, judged, Wait.UNKNOWN_ACCOUNT, now)
    return [entry.enter(desk, measured, confirmed, ours.last, judged.identities, now)]


def _knowing(judged: Judged, **facts: Any) -> Judged:  # noqa: ANN401 - any field of the evidence
    """Return a judged order whose evidence knows more."""
    signal = judged.signal
    if not isinstance(signal.evidence, decision.Evidence):
        return judged
    return replace(judged, signal=replace(signal, evidence=replace(signal.evidence, **facts)))


def _is_free(desk: Desk, coin: str, now: datetime) -> bool:
    """Whether a second reading shows a coin free as well: the venue would net an entry with what one answer left out."""
    account = desk.exchange.account(now)
    return account is not UNKNOWN and coin not in account.positions


def _marks(desk: Desk, coin: str, now: datetime) -> tuple[Marks | UnknownType | None, Marks | UnknownType | None]:
    """Return the marks to compare with the trader's price, and those of the venue we'd trade at."""
    theirs = desk.prices.marks(coin, now, now)
    return theirs, theirs if desk.prices is desk.market else desk.market.marks(coin, now, now)


def _is_price(price: float) -> bool:
    return math.isfinite(price) and price > 0


def _is_stale(desk: Desk, state: TraderState, now: datetime) -> bool:
    """Whether an equity is too old, or isn't known at all, to weigh by; one stated for a replay never is."""
    max_age = desk.policy.entry.max_state_age
    return max_age is not None and (state.equity is None or now - state.read_at > max_age)


def _put_off(desk: Desk, judged: Judged, wait: Wait, now: datetime) -> list[Signal]:
    """Ask again in the next minute for a fact that can't be had, until the signal is too old."""
    policy, retry = desk.policy, desk.policy.cadence.trades
    verdict = gates.give_up_or_wait(wait, now, judged.candidate.eligible_at, policy.entry, retry)
    lacking = decision.Missing(wait=wait, now=now, retry=retry)
    return _record(desk, judge.as_judged(_knowing(judged, missing=lacking), verdict, now))


def _since(desk: Desk, judged: Judged, now: datetime) -> Since:
    passed = judged.candidate.passing
    fills = desk.ledger.history.fills(judged.trader.address, coin=judged.signal.coin, since=passed.time, until=now)
    return since_trade(judged.effect.side, passed.size_after, passed.time, chained(fills))


def _agreeing(desk: Desk, signal: Signal) -> int:
    """Count the followed traders who hold the coin on the signal's side, its own trader among them."""
    if not desk.policy.entry.require_consensus:
        return 1  # nobody asks: the others' positions aren't worth a query each
    others = sum(
        any(
            held.coin == signal.coin and held.side is signal.side
            for held in desk.ledger.traders.positions(trader.address)
        )
        for trader in desk.ledger.traders.followed()
        if trader.address != signal.trader
    )
    return others + 1
