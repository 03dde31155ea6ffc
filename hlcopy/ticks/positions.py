"""Refresh what the traders hold, and see whether one that we copied was liquidated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hlcopy.domain.book import PositionStatus
from hlcopy.ports import UNKNOWN
from hlcopy.ticks import breakers, liquidations, monitor, reconcile
from hlcopy.ticks.report import Problem, Report

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from hlcopy.domain.book import PositionAction
    from hlcopy.domain.models import TraderState
    from hlcopy.ports import Desk, UnknownType


def run(desk: Desk, now: datetime) -> Report:
    """Read every followed trader's positions, apply the liquidation rule, and show our own."""
    problems: list[Problem] = []
    live = [position for position in desk.ledger.book.positions() if position.status is not PositionStatus.OPENING]
    followed = {trader.address for trader in desk.ledger.traders.followed()}
    sources = {position.source_trader for position in live}
    addresses = sorted(followed | sources)
    found = desk.together(lambda address: desk.source.positions(address, now), addresses)
    states = dict(zip(addresses, found, strict=True))
    refreshed = _refresh(desk, states, problems)
    actions: list[PositionAction] = []
    struck = liquidations.check(desk, live, problems, now, actions=actions, states=states)
    with desk.account_lock():
        account = reconcile.read(desk, now)
    views = tuple(monitor.view(position, account) for position in desk.ledger.book.positions())
    return Report(
        command="positions",
        at=now,
        counts={"positions": len(views), "traders": refreshed, "liquidated": len(struck)},
        problems=tuple(problems),
        actions=tuple(actions),
        positions=views,
        unreachable=bool(states) and not refreshed,
        halted=desk.ledger.controls.halt(),
        breakers=breakers.standing(desk, account, now),
    )


def _refresh(desk: Desk, states: Mapping[str, TraderState | UnknownType], problems: list[Problem]) -> int:
    """Store what the traders hold; return of how many that is known."""
    known = {address: state for address, state in states.items() if state is not UNKNOWN}
    problems += [
        Problem(code="TRADER_UNREADABLE", message="positions can't be read", item=address)
        for address in states
        if address not in known
    ]
    with desk.ledger.transaction():
        for address, state in known.items():
            desk.ledger.traders.put_positions(address, state.positions.values(), state.read_at)
    return len(known)
