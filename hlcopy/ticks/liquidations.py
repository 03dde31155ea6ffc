"""Leave a position whose trader was liquidated, and follow that trader no more for a while."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.domain.episodes import chained
from hlcopy.domain.liquidation import Evidence, Fate, fate
from hlcopy.domain.models import ExitReason, PositionStatus
from hlcopy.ports import UNKNOWN
from hlcopy.ticks import exit as exits
from hlcopy.ticks import reconcile
from hlcopy.ticks.report import Problem

if TYPE_CHECKING:
    from datetime import datetime

    from hlcopy.domain.models import Position
    from hlcopy.ports import Desk

# The chain is followed from some way before the trade, so that its first link is seen as well.
_BEFORE_TRADE: Final = timedelta(hours=1)


def check(desk: Desk, positions: list[Position], problems: list[Problem], now: datetime) -> list[Position]:
    """Judge the traders of some positions; close the copies of those who were liquidated and return them.

    To be called without the account lock: it reads sources twice, seconds apart, where a position seems gone.
    """
    struck = [position for position in positions if _judge(desk, position, problems, now) is Fate.LIQUIDATED]
    if not struck:
        return []
    until = now + desk.policy.execution.liquidation_cooldown
    with desk.account_lock():
        account = reconcile.run(desk, now)
        ids = {position.id for position in struck}
        for position in desk.ledger.book.positions():
            if position.id not in ids or position.status is PositionStatus.OPENING:
                continue
            desk.ledger.traders.blacklist(position.source_trader, until)
            held = account.positions.get(position.coin)
            if held is not None:
                exits.close(desk, position, ExitReason.TRADER_LIQUIDATED, held.mark, now)
            else:  # not seen in this reading: the next tick that sees it closes it
                reason = position.closing_reason or ExitReason.TRADER_LIQUIDATED
                closing = replace(position, status=PositionStatus.CLOSING, closing_reason=reason)
                desk.ledger.book.put_position(closing)
        reconcile.run(desk, now)
    return struck


def _judge(desk: Desk, position: Position, problems: list[Problem], now: datetime) -> Fate:
    readings: list[float] = []
    for _ in range(2):
        state = desk.source.state(position.source_trader, now)
        if state is UNKNOWN:
            problems.append(Problem(code="TRADER_UNREADABLE", message="can't be read", item=position.source_trader))
            break
        held = state.positions.get(position.coin)
        readings.append(held.size if held is not None else 0.0)
        if readings[-1] * position.side.sign > 0 or len(readings) > 1:
            break
        desk.pause(desk.policy.execution.liquidation_recheck.total_seconds())
    copied = desk.ledger.signals.get(position.signal_id)
    traded_at = copied.trade_time if copied is not None else position.opened_at
    since = traded_at - _BEFORE_TRADE
    # Read after the account, lest a close in between look like a position that vanished.
    latest = desk.source.fills(position.source_trader, since, now)
    if latest is UNKNOWN:
        problems.append(Problem(code="FILLS_UNREADABLE", message="can't be read", item=position.source_trader))
        return Fate.UNKNOWN
    desk.ledger.history.add_fills(latest)
    fills = desk.ledger.history.fills(position.source_trader, coin=position.coin, since=since, until=now)
    judged = fate(
        Evidence(
            trader=position.source_trader,
            side=position.side,
            since=traded_at,
            fills=chained(fills),
            held_sizes=tuple(readings),
        )
    )
    if judged is Fate.UNKNOWN and state is not UNKNOWN:
        message = "what became of the copied position can't be told from the fills; no exit"
        problems.append(Problem(code="FATE_UNKNOWN", message=message, item=f"{position.source_trader} {position.coin}"))
    return judged
