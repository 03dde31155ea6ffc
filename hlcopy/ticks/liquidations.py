"""Leave a position whose trader was liquidated, and follow that trader no more for a while."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.domain.book import ExitReason, PositionStatus
from hlcopy.domain.episodes import chained
from hlcopy.domain.liquidation import Evidence, Fate, fate
from hlcopy.errors import TryLaterError
from hlcopy.ports import UNKNOWN
from hlcopy.ticks import exit as exits
from hlcopy.ticks import reconcile
from hlcopy.ticks.report import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hlcopy.domain.book import Position, PositionAction
    from hlcopy.domain.models import TraderState
    from hlcopy.ports import Desk, UnknownType

# The chain is followed from some way before the trade, so that its first link is seen as well.
_BEFORE_TRADE: Final = timedelta(hours=1)


def check(
    desk: Desk,
    positions: Sequence[Position],
    problems: list[Problem],
    now: datetime,
    *,
    actions: list[PositionAction],
    states: Mapping[str, TraderState | UnknownType] | None = None,
) -> list[Position]:
    """Judge the traders of some positions; close the copies of those who were liquidated and return them.

    What is done to our positions is added to `actions`.

    To be called without the account lock: it reads sources twice, seconds apart, where a position seems gone. `states` are
    readings of the traders made in this tick already.
    """
    if not positions:
        return []
    readings = _readings(desk, positions, problems, now, states)
    asked = _worth_reading(desk, positions, readings, now)
    # Read after the accounts, lest a close in between look like a position that vanished.
    unread = {each.source_trader for each in positions if each not in asked}
    complete = unread | _store_fills(desk, asked, problems, now)
    struck = [
        position
        for position in positions
        if position.source_trader in complete
        and _judge(desk, position, readings[position.source_trader], problems) is Fate.LIQUIDATED
    ]
    if struck:
        actions += _leave(desk, struck, now)
    return struck


def _worth_reading(
    desk: Desk, positions: Sequence[Position], readings: Mapping[str, _Readings], now: datetime
) -> list[Position]:
    """Return the positions whose traders' fills must be read, and of the others as many as the source has room for.

    A trader who plainly holds what we copied was liquidated in part at most, which `poll` sees in the fills, too.
    """
    held = {each.source_trader for each in positions} - {
        each.source_trader for each in positions if not readings[each.source_trader].holds(each)
    }
    room = desk.source.room(now)
    spare = len(held) if room is None else max(0, room - len(readings) + len(held))
    left_out = set(sorted(held)[spare:])
    return [position for position in positions if position.source_trader not in left_out]


@dataclass(slots=True)
class _Readings:
    """What was read of a trader's account, oldest first; `complete` unless a reading failed."""

    states: list[TraderState]
    complete: bool

    def add(self, state: TraderState | UnknownType) -> None:
        """Take in another reading."""
        if state is UNKNOWN:
            self.complete = False
        else:
            self.states.append(state)

    def sizes(self, coin: str) -> list[float]:
        """Return the signed size of a coin in each reading, zero where it is absent."""
        held = (state.positions.get(coin) for state in self.states)
        return [position.size if position is not None else 0.0 for position in held]

    def holds(self, position: Position) -> bool:
        """Whether a copied position is held on its side in the latest reading, and no reading failed."""
        return self.complete and bool(self.states) and not self.misses(position)

    def misses(self, position: Position) -> bool:
        """Whether a copied position isn't held on its side in the latest reading."""
        return bool(self.states) and self.sizes(position.coin)[-1] * position.side.sign <= 0


def _readings(
    desk: Desk,
    positions: Sequence[Position],
    problems: list[Problem],
    now: datetime,
    states: Mapping[str, TraderState | UnknownType] | None,
) -> dict[str, _Readings]:
    """Read the traders' positions, and once more, after one pause for all, those of which a copied position seems gone."""
    readings = {position.source_trader: _Readings([], complete=True) for position in positions}
    for address, state in (states or {}).items():
        if address in readings:
            readings[address].add(state)
    _read(desk, [address for address in readings if address not in (states or {})], readings, problems, now)
    suspicious = sorted({each.source_trader for each in positions if readings[each.source_trader].misses(each)})
    if suspicious:
        desk.pause(desk.policy.execution.liquidation_recheck.total_seconds())
        _read(desk, suspicious, readings, problems, now)
    return readings


def _read(
    desk: Desk, addresses: Sequence[str], readings: Mapping[str, _Readings], problems: list[Problem], now: datetime
) -> None:
    found = desk.together(lambda address: desk.source.positions(address, now), addresses)
    for address, state in zip(addresses, found, strict=True):
        readings[address].add(state)
        if state is UNKNOWN:
            problems.append(Problem(code="TRADER_UNREADABLE", message="positions can't be read", item=address))


def _store_fills(desk: Desk, positions: Sequence[Position], problems: list[Problem], now: datetime) -> set[str]:
    """Read and store the fills since the copied trades as far as `poll` hasn't yet; return whose are complete."""
    begins: dict[str, datetime] = {}
    for position in positions:
        begin = _unread_from(desk, position)
        begins[position.source_trader] = min(begin, begins.get(position.source_trader, begin))
    found = desk.together(lambda each: desk.source.fills(each[0], each[1], now), begins.items())
    complete = set()
    for address, fills in zip(begins, found, strict=True):
        if fills is UNKNOWN:
            problems.append(Problem(code="FILLS_UNREADABLE", message="can't be read", item=address))
        else:
            desk.ledger.history.add_fills(fills)
            complete.add(address)
    return complete


def _unread_from(desk: Desk, position: Position) -> datetime:
    """Return from when on a trader's fills aren't stored for sure."""
    mark = desk.ledger.traders.mark(position.source_trader)
    begin = _traded_at(desk, position) - _BEFORE_TRADE
    if mark is None or mark.followed_from > _traded_at(desk, position):
        return begin
    return max(begin, mark.read_until - desk.policy.cadence.poll_overlap)


def _traded_at(desk: Desk, position: Position) -> datetime:
    copied = desk.ledger.signals.get(position.signal_id)
    return copied.trade_time if copied is not None else position.opened_at


def _judge(desk: Desk, position: Position, readings: _Readings, problems: list[Problem]) -> Fate:
    trader, traded_at = position.source_trader, _traded_at(desk, position)
    # No upper end: a close after the tick began, seen by both readings, must be seen here too.
    fills = desk.ledger.history.fills(trader, coin=position.coin, since=traded_at - _BEFORE_TRADE)
    judged = fate(
        Evidence(
            trader=trader,
            side=position.side,
            since=traded_at,
            fills=chained(fills),
            held_sizes=readings.sizes(position.coin),
        )
    )
    if judged is Fate.UNKNOWN and readings.complete:
        message = "what became of the copied position can't be told from the fills; no exit"
        problems.append(Problem(code="FATE_UNKNOWN", message=message, item=f"{trader} {position.coin}"))
    return judged


def _leave(desk: Desk, struck: Sequence[Position], now: datetime) -> tuple[PositionAction, ...]:
    """Close the copies of liquidated traders, and blacklist them; return what was done."""
    until = now + desk.policy.execution.liquidation_cooldown
    with desk.account_lock():
        before = desk.ledger.book.count_actions()
        now = desk.present(now)
        account = reconcile.run(desk, now)
        ids = {position.id for position in struck}
        failed: TryLaterError | None = None
        for position in desk.ledger.book.positions():
            if position.id not in ids or position.status is PositionStatus.OPENING:
                continue
            desk.ledger.traders.blacklist(position.source_trader, until)
            held = account.positions.get(position.coin)
            if held is not None:
                try:
                    exits.close(desk, position, ExitReason.TRADER_LIQUIDATED, held.mark, now)
                except TryLaterError as error:  # every other one has its turn first
                    failed = error
            else:  # not seen in this reading: the next tick that sees it closes it
                reason = position.closing_reason or ExitReason.TRADER_LIQUIDATED
                closing = replace(position, status=PositionStatus.CLOSING, closing_reason=reason)
                desk.ledger.book.put_position(closing)
        reconcile.run(desk, now)
        if failed is not None:
            raise failed
        return tuple(desk.ledger.book.actions(skip=before))
