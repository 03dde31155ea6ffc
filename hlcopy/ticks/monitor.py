"""Watch over our positions: reconcile, move the stop, take tiers, close."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hlcopy.domain import exits as rules
from hlcopy.domain.book import ExitReason, Position, PositionStatus
from hlcopy.errors import LedgerError, TryLaterError
from hlcopy.ports import UNKNOWN, Marks
from hlcopy.ticks import breakers, reconcile, stop, tiers
from hlcopy.ticks import exit as exits
from hlcopy.ticks.report import PositionView, Problem, Report

if TYPE_CHECKING:
    from datetime import datetime

    from hlcopy.domain.book import PositionAction
    from hlcopy.domain.policy import Tier
    from hlcopy.ports import Account, Desk, RestingStop


def run(desk: Desk, now: datetime) -> Report:
    """Bring every position of ours up to date and leave those whose time has come."""
    problems: list[Problem] = []
    with desk.account_lock():
        before = desk.ledger.book.count_actions()  # counted under the lock: what others do isn't ours to tell
        now = desk.present(now)  # the lock may have been waited for
        account = reconcile.run(desk, now)
        watched = _watch(desk, account, problems, now)
        left = [each for each in watched if _act_alone(desk, each, account, problems, now)]
        if left:
            account = reconcile.run(desk, now)
        actions = tuple(desk.ledger.book.actions(skip=before))
        breakers.sample(desk, account, now)
    problems += _unguarded(desk, account)
    return _report(desk, account, actions, problems, now)


def _unguarded(desk: Desk, account: Account) -> list[Problem]:
    """Name the positions without a confirmed stop, and those at the venue that no row of ours knows."""
    live = desk.ledger.book.positions()
    found = [
        Problem(code="STOP_UNCONFIRMED", message="no stop is seen resting for its whole size", item=position.coin)
        for position in live
        if position.status is not PositionStatus.OPENING and not position.stop_confirmed
    ]
    ours = {position.coin for position in live}
    found += [
        Problem(code="FOREIGN_POSITION", message="open at the venue, not by us; left alone", item=coin)
        for coin in account.positions
        if coin not in ours
    ]
    found += [
        Problem(
            code="NOT_ISOLATED", message="held in cross margin: its loss has no bound but the account", item=held.coin
        )
        for held in account.positions.values()
        if held.coin in ours and not held.isolated
    ]
    foreign = {order.coin for order in account.orders}
    foreign |= {stop.coin for stop in account.stops if not _is_ours(desk, stop)}
    found += [
        Problem(code="FOREIGN_ORDER", message="rests at the venue, not by us; left alone", item=coin)
        for coin in sorted(foreign)
    ]
    return found


def _is_ours(desk: Desk, stop: RestingStop) -> bool:
    return stop.client_order_id is not None and desk.ledger.book.order(stop.client_order_id) is not None


@dataclass(frozen=True, slots=True)
class _Watched:
    """A position as its mark leaves it, and what is to be done at that mark."""

    position: Position
    mark: float
    close: ExitReason | None
    tiers: tuple[Tier, ...] = ()


def _watch(desk: Desk, account: Account, problems: list[Problem], now: datetime) -> list[_Watched]:
    """Decide our positions at their marks, and store what the marks tell of them in one go."""
    positions = [each for each in desk.ledger.book.positions() if each.status is not PositionStatus.OPENING]
    decided = [(position, _decide(desk, position, account, problems, now)) for position in positions]
    changed = [each.position for position, each in decided if each is not None and each.position != position]
    if changed:
        with desk.ledger.transaction():
            for position in changed:
                desk.ledger.book.put_position(position)
    return [each for _, each in decided if each is not None]


def _decide(
    desk: Desk, position: Position, account: Account, problems: list[Problem], now: datetime
) -> _Watched | None:
    """Decide one position at its mark; None when nothing can be told of it, or done with it, now."""
    held = account.positions.get(position.coin)
    if held is None:
        return None
    if desk.market.instrument(position.coin) is None:
        problems.append(Problem(code="NOT_TRADABLE", message="no trading rules: can't be managed", item=position.coin))
        return None
    if position.status is PositionStatus.CLOSING:
        return _Watched(position, held.mark, position.closing_reason or ExitReason.CLOSED_ON_VENUE)
    marks = desk.market.marks(position.coin, position.checked_at or position.opened_at, now)
    if marks is None or marks is UNKNOWN:
        problems.append(
            Problem(code="NO_PRICE", message="no fresh mark; its stop rests at the venue", item=position.coin)
        )
        time_is_up = rules.is_time_up(position.opened_at, now, desk.policy.exit)
        return _Watched(position, held.mark, ExitReason.TIME_STOP) if time_is_up else None
    marks = _since_entry(position, marks)
    best_mark = marks.highest if position.side.sign > 0 else marks.lowest
    plan = rules.decide(position, best_mark, marks.last, now, desk.policy.exit)
    watched = replace(
        position, best_price=plan.best_price, trailing_stop_price=plan.trailing_stop_price, checked_at=marks.at
    )
    return _Watched(watched, marks.last, plan.close, plan.tiers)


def _since_entry(position: Position, marks: Marks) -> Marks:
    """Return the marks of a position; one made before it was entered says nothing of it, and its entry price stands."""
    if marks.at > position.opened_at:
        return marks
    return Marks(position.entry_price, position.entry_price, position.entry_price, position.opened_at)


def _act_alone(desk: Desk, watched: _Watched, account: Account, problems: list[Problem], now: datetime) -> bool:
    """Do what was decided for one position; what can't be done now keeps no other from its turn."""
    try:
        return _act(desk, watched, account, problems, now)
    except LedgerError:
        raise  # what protects without books must hear of it
    except TryLaterError as error:
        problems.append(Problem(code="NOT_MANAGED", message=str(error), item=watched.position.coin))
        return True


def _act(desk: Desk, watched: _Watched, account: Account, problems: list[Problem], now: datetime) -> bool:
    """Do what was decided, and keep the stop; return whether an order to leave was sent."""
    position, mark = watched.position, watched.mark
    if watched.close is not None:
        exits.close(desk, position, watched.close, mark, now)
        return True
    if watched.tiers and tiers.take(desk, position, watched.tiers, mark, now):
        return True
    if stop.hold(desk, position, account, now) is None:
        problems.append(
            Problem(code="STOP_REJECTED", message="the venue refuses its stop: closing", item=position.coin)
        )
        exits.close(desk, replace(position, stop_confirmed=False), ExitReason.STOP_REJECTED, mark, now)
        return True
    return False


def view(position: Position, account: Account) -> PositionView:
    """Return a position with the venue's mark."""
    held = account.positions.get(position.coin)
    if held is None:
        return PositionView(position=position, mark_price=None, unrealized_pct=None)
    gain = rules.unrealized_percent(position.entry_price, held.mark, position.side)
    return PositionView(position=position, mark_price=held.mark, unrealized_pct=gain)


def _report(
    desk: Desk, account: Account, actions: tuple[PositionAction, ...], problems: list[Problem], now: datetime
) -> Report:
    positions = tuple(view(position, account) for position in desk.ledger.book.positions())
    return Report(
        halted=desk.ledger.controls.halt(),
        breakers=breakers.standing(desk, account, now),
        command="monitor",
        at=now,
        counts={"positions": len(positions), "actions": len(actions)},
        problems=tuple(problems),
        actions=actions,
        positions=positions,
    )
