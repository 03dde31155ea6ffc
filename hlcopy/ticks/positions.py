"""Refresh what the traders hold, and see whether one that we copied was liquidated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hlcopy.domain.models import PositionStatus
from hlcopy.ports import UNKNOWN
from hlcopy.ticks import liquidations, monitor, reconcile
from hlcopy.ticks.report import Problem, Report

if TYPE_CHECKING:
    from datetime import datetime

    from hlcopy.ports import Desk


def run(desk: Desk, now: datetime) -> Report:
    """Read every followed trader's positions, apply the liquidation rule, and show our own."""
    problems: list[Problem] = []
    live = [position for position in desk.ledger.book.positions() if position.status is not PositionStatus.OPENING]
    followed = {trader.address for trader in desk.ledger.traders.all() if trader.tier is not None}
    sources = {position.source_trader for position in live}
    refreshed = 0
    for address in sorted(followed | sources):
        refreshed += _refresh(desk, address, problems, now)
    before = desk.ledger.book.count_actions()
    struck = liquidations.check(desk, live, problems, now)
    with desk.account_lock():
        account = reconcile.read(desk, now)
    views = tuple(monitor.view(position, account) for position in desk.ledger.book.positions())
    actions = tuple(desk.ledger.book.actions(skip=before))
    return Report(
        command="positions",
        at=now,
        counts={"positions": len(views), "traders": refreshed, "liquidated": len(struck)},
        problems=tuple(problems),
        actions=actions,
        positions=views,
    )


def _refresh(desk: Desk, address: str, problems: list[Problem], now: datetime) -> bool:
    state = desk.source.state(address, now)
    if state is UNKNOWN:
        problems.append(Problem(code="TRADER_UNREADABLE", message="positions can't be read", item=address))
        return False
    desk.ledger.traders.put_positions(address, state.positions.values(), state.read_at)
    return True
