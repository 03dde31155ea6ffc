"""Prove that every position of ours is guarded at the venue, that nothing of ours is left over, and that books agree."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hlcopy.domain import naked
from hlcopy.domain.book import IntentState, PositionStatus
from hlcopy.ticks import reconcile, stop
from hlcopy.ticks.report import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from hlcopy.domain.book import Order, Position
    from hlcopy.domain.naked import NakedTime
    from hlcopy.ports import Account, Desk, RestingOrder, RestingStop, VenuePosition

_SAME: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """A position of ours beside what the venue holds of it; `stops` are those of ours that rest for it."""

    position: Position
    held: VenuePosition | None
    stops: tuple[RestingStop, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a look at the venue proved; `repaired` is what was wrong before it was fixed."""

    at: datetime
    positions: tuple[Guarded, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    naked: NakedTime
    repaired: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def run(desk: Desk, now: datetime, *, fix: bool = False) -> Verdict:
    """Look at our account and compare; with `fix` reconcile what is wrong, and look again.

    Raises TryLaterError when our account can't be read.
    """
    with desk.account_lock():
        now = desk.present(now)
        verdict = _look(desk, reconcile.read(desk, now), now)
        if verdict.ok or not fix:
            return verdict
        reconcile.run(desk, now)
        now = desk.present(now)
        again = _look(desk, reconcile.read(desk, now), now)
    left = set(again.problems)
    repaired = tuple(problem for problem in verdict.problems if problem not in left)
    return Verdict(
        at=again.at,
        positions=again.positions,
        problems=again.problems,
        notes=again.notes,
        naked=again.naked,
        repaired=repaired,
    )


def _look(desk: Desk, account: Account, now: datetime) -> Verdict:
    book = desk.ledger.book
    live = book.positions()
    guarded = tuple(
        _guarded(desk, position, account) for position in live if position.status is not PositionStatus.OPENING
    )
    unresolved = (_unresolved(order) for order in book.orders(state=IntentState.PENDING))
    problems = [problem for each in guarded for problem in each.problems]
    problems += [*unresolved, *_orphans(desk, account)]
    return Verdict(
        at=now,
        positions=guarded,
        problems=tuple(problems),
        notes=tuple(_foreign(desk, account)),
        naked=naked.summed_up(naked.spans(book.actions(), now)),
    )


def _guarded(desk: Desk, position: Position, account: Account) -> Guarded:
    held = account.positions.get(position.coin)
    stops = tuple(stop.ours(desk, position, account))
    found = [*_books_differ(position, held)]
    if held is not None:
        found += _unguarded(position, held, stops)
    problems = tuple(Problem(code=code, message=message, item=position.coin) for code, message in found)
    return Guarded(position=position, held=held, stops=stops, problems=problems)


def _books_differ(position: Position, held: VenuePosition | None) -> Iterator[tuple[str, str]]:
    """Yield how the ledger differs from the venue."""
    if held is None:
        yield "NOT_AT_VENUE", "open in the ledger, not at the venue"
    elif held.size * position.side.sign <= 0:
        yield "OTHER_SIDE", f"{position.side} in the ledger, the other side at the venue"
    elif not math.isclose(abs(held.size), position.size, rel_tol=_SAME):
        yield "SIZE_DIFFERS", f"{position.size:g} in the ledger, {abs(held.size):g} at the venue"


def _unguarded(position: Position, held: VenuePosition, stops: tuple[RestingStop, ...]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the stops of a position, and with its margin, which bounds what a stop doesn't."""
    if not stops:
        yield "NO_STOP", "no stop of ours rests at the venue"
    if len(stops) > 1:
        yield "SEVERAL_STOPS", f"{len(stops)} stops of ours rest where one belongs"
    if not held.isolated:
        yield "NOT_ISOLATED", "held in cross margin: its loss has no bound but the account"
    side, size = position.side.sign, abs(held.size)
    for resting in stops:
        if not resting.reduce_only:
            yield "STOP_NOT_REDUCE_ONLY", "its stop isn't reduce-only: it could open a position"
        if resting.is_buy != (held.size < 0):
            yield "STOP_WRONG_SIDE", "its stop would enlarge it"
        if not math.isclose(resting.size, size, rel_tol=_SAME):
            code = "STOP_TOO_SMALL" if resting.size < size else "STOP_TOO_LARGE"
            yield code, f"its stop is for {resting.size:g}, the position is {size:g}"
        if not (resting.trigger_price - position.stop_price * (1 - side * _SAME)) * side >= 0:
            yield (
                "STOP_TOO_FAR",
                f"its stop is at {resting.trigger_price:g}, beyond the {position.stop_price:g} allowed",
            )
        liquidation = held.liquidation_price
        if liquidation is not None and not (resting.trigger_price - liquidation) * side > 0:
            yield "STOP_PAST_LIQUIDATION", f"liquidation at {liquidation:g} comes before its stop"


def _unresolved(order: Order) -> Problem:
    message = f"what became of its {order.purpose} order of {order.created_at:%H:%M:%S} UTC isn't known yet"
    return Problem(code="UNRESOLVED", message=message, item=order.coin)


def _orphans(desk: Desk, account: Account) -> Iterator[Problem]:
    """Yield what rests at the venue by our doing and belongs to no position of ours."""
    live = {position.signal_id for position in desk.ledger.book.positions()}
    for resting in account.stops:
        order = _order_of(desk, resting)
        if order is not None and order.signal_id not in live:
            yield Problem(code="ORPHAN_STOP", message="a stop of ours rests without a position", item=resting.coin)
    for resting_order in account.orders:
        if _order_of(desk, resting_order) is not None:
            yield Problem(
                code="ORPHAN_ORDER", message="an order of ours rests; none ever should", item=resting_order.coin
            )


def _foreign(desk: Desk, account: Account) -> Iterator[str]:
    """Yield what others have at the venue: it is left alone."""
    ours = {position.coin for position in desk.ledger.book.positions()}
    for coin, held in account.positions.items():
        if coin not in ours:
            yield f"{coin}: a position of {held.size:+g} that isn't ours is open; left alone"
    everything: tuple[RestingStop | RestingOrder, ...] = (*account.stops, *account.orders)
    for resting in everything:
        if _order_of(desk, resting) is None:
            yield f"{resting.coin}: an order that isn't ours rests; left alone"


def _order_of(desk: Desk, resting: RestingStop | RestingOrder) -> Order | None:
    return desk.ledger.book.order(resting.client_order_id) if resting.client_order_id else None
