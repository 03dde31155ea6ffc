"""What an operator does by hand: halt, resume, close one position of ours, close them all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hlcopy.domain.book import ExitReason, PositionStatus
from hlcopy.errors import BadInputError, TryLaterError
from hlcopy.ports import Halt
from hlcopy.ticks import breakers, monitor, reconcile
from hlcopy.ticks import exit as exits
from hlcopy.ticks.report import Problem, Report

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from hlcopy.domain.book import Position
    from hlcopy.domain.breakers import Breaker
    from hlcopy.domain.policy import Policy
    from hlcopy.ports import Account, Controls, Desk
    from hlcopy.ticks.report import PositionView

FLATTEN: Final = "flatten"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What stands before somebody who resumes: the halt, our account, and which breakers go and stay; amounts in USD."""

    halt: Halt | None
    equity: float
    largest_order_usd: float
    positions: tuple[PositionView, ...]
    foreign: tuple[str, ...]
    ending: tuple[Breaker, ...]
    staying: tuple[Breaker, ...]

    @property
    def has_anything_to_end(self) -> bool:
        """Whether resuming changes anything."""
        return self.halt is not None or bool(self.ending)


def halt(controls: Controls, reason: str, now: datetime) -> Halt:
    """Halt, unless that was done already; return the halt in force."""
    standing = controls.halt()
    if standing is None:
        standing = Halt(now, reason)
        controls.put_halt(standing)
    return standing


def outlook(desk: Desk, now: datetime) -> Outlook:
    """Return what resuming would mean; raises TryLaterError when our account can't be read."""
    with desk.account_lock():
        account = reconcile.read(desk, now)
    standing = breakers.standing(desk, account, now)
    live = desk.ledger.book.positions()
    ours = {position.coin for position in live}
    return Outlook(
        halt=desk.ledger.controls.halt(),
        equity=account.equity,
        largest_order_usd=largest_order(desk.policy, account.equity),
        positions=tuple(monitor.view(position, account) for position in live),
        foreign=tuple(coin for coin in account.positions if coin not in ours),
        ending=tuple(breaker for breaker in standing if breaker.until is None),
        staying=tuple(breaker for breaker in standing if breaker.until is not None),
    )


def largest_order(policy: Policy, equity: float) -> float:
    """Return the largest copy in USD that sizing and limits allow at an equity, with nothing else open."""
    sizing, limits = policy.sizing, policy.limits
    ratio = min(
        sizing.max_single_position_ratio,
        limits.max_exposure_per_token,
        limits.max_total_exposure_ratio,
        limits.max_same_side_ratio,
    )
    usd = min(max(0.0, equity) * ratio, sizing.max_single_position_usd)
    return usd if usd >= sizing.min_copy_size_usd and limits.max_total_positions else 0.0


def close(desk: Desk, target: str, now: datetime) -> Report:
    """Close one position of ours, named by its id or coin, at once; one that is closed already is success.

    Raises BadInputError for what is no open position of ours, TryLaterError when our account can't be read or the
    position's entry isn't settled yet.
    """
    with desk.account_lock():
        now = desk.present(now)
        before = desk.ledger.book.count_actions()
        account = reconcile.run(desk, now)
        position = _named(desk, target, account)
        if position.status is PositionStatus.CLOSED:
            note = f"{_label(position)} is closed already: {_how(position)}. {_what_is_open(desk)}"
            return _report(desk, "close", account, (), before, now, notes=(note,))
        if position.status is PositionStatus.OPENING:
            message = f"{_label(position)}: its entry isn't settled yet; try again in a minute"
            raise TryLaterError(message)
        account, failed = _leave(desk, [position], account, now)
        return _report(desk, "close", account, [position], before, now, failed)


def flatten(desk: Desk, now: datetime) -> Report:
    """Halt, then close every position of ours; what others opened is left alone.

    Raises TryLaterError when our account can't be read; the halt stands all the same.
    """
    halt(desk.ledger.controls, FLATTEN, now)
    with desk.account_lock():
        now = desk.present(now)
        before = desk.ledger.book.count_actions()
        account = reconcile.run(desk, now)
        positions = desk.ledger.book.positions()
        account, failed = _leave(desk, positions, account, now)
        return _report(desk, "flatten", account, positions, before, now, failed)


def _named(desk: Desk, target: str, account: Account) -> Position:
    """Return the position that an id or a coin names, be it closed already."""
    book = desk.ledger.book
    digits = target.removeprefix("#")
    if digits.isdecimal():
        found = book.position(int(digits))
        if found is not None:
            return found
        message = f"no position of ours has the id {digits}. {_what_is_open(desk)}"
        raise BadInputError(message)
    wanted = target.casefold()
    ours = [each for each in book.positions(live_only=False) if each.coin.casefold() == wanted]
    live = [each for each in ours if each.status is not PositionStatus.CLOSED]
    if live:
        return live[-1]
    foreign = next((coin for coin in account.positions if coin.casefold() == wanted), None)
    if foreign is not None:
        message = f"{foreign}: that position wasn't opened by hlcopy and is left alone; close it where it was opened"
        raise BadInputError(message)
    if ours:
        return ours[-1]
    message = f"nothing of ours was ever open in {target}. {_what_is_open(desk)}"
    raise BadInputError(message)


def _what_is_open(desk: Desk) -> str:
    labels = [_label(position) for position in desk.ledger.book.positions()]
    return f"Open: {', '.join(labels)}" if labels else "Nothing of ours is open"


def _label(position: Position) -> str:
    return f"#{position.id} {position.coin} {position.side}"


def _how(position: Position) -> str:
    at = "" if position.closed_at is None else f", {position.closed_at:%Y-%m-%d %H:%M} UTC"
    return f"{position.close_reason or 'reason unknown'}{at}"


def _leave(
    desk: Desk, positions: Sequence[Position], account: Account, now: datetime
) -> tuple[Account, dict[int | None, str]]:
    """Send an order to leave each position that the venue holds, then book what came of it; one failing stops no other."""
    failed: dict[int | None, str] = {}
    sent = False
    for position in positions:
        held = account.positions.get(position.coin)
        if position.status is PositionStatus.OPENING or held is None:
            continue
        if desk.market.instrument(position.coin) is None:
            failed[position.id] = "the venue has no trading rules for it: close it there"
            continue
        try:
            exits.close(desk, position, ExitReason.MANUAL, held.mark, now)
            sent = True
        except TryLaterError as error:
            failed[position.id] = str(error)
    try:
        return reconcile.run(desk, desk.present(now)), failed
    except TryLaterError as error:
        if not sent:
            raise
        message = f"orders to leave were sent, but what came of them can't be read now ({error}); run it again"
        raise TryLaterError(message) from error


def _report(
    desk: Desk,
    command: str,
    account: Account,
    wanted: Iterable[Position],
    before: int,
    now: datetime,
    failed: dict[int | None, str] | None = None,
    *,
    notes: tuple[str, ...] = (),
) -> Report:
    book = desk.ledger.book
    live = book.positions()
    left = {each.id: each for each in live}
    asked = [each for each in wanted if each.id is not None]
    problems = tuple(
        _still_open(left[each.id], account, (failed or {}).get(each.id)) for each in asked if each.id in left
    )
    ours = {position.coin for position in live}
    foreign = tuple(
        f"{coin}: open at the venue, not by us; left alone" for coin in account.positions if coin not in ours
    )
    actions = tuple(book.actions(skip=before))
    ended = [book.position(each.id) for each in asked if each.id is not None]
    return Report(
        command=command,
        at=now,
        counts={
            "closed": sum(each is not None and each.status is PositionStatus.CLOSED for each in ended),
            "left": len(problems),
        },
        problems=problems,
        actions=actions,
        positions=tuple(monitor.view(position, account) for position in live),
        notes=(*notes, *foreign),
        halted=desk.ledger.controls.halt(),
        breakers=breakers.standing(desk, account, now),
    )


def _still_open(position: Position, account: Account, why: str | None) -> Problem:
    if position.status is PositionStatus.OPENING:
        code, message = "ENTRY_UNSETTLED", "its entry isn't settled yet; run it again in a minute"
    elif position.coin not in account.positions:
        code, message = "NOT_AT_VENUE", "the venue doesn't show it; monitor settles it within minutes"
    else:
        code, message = "STILL_OPEN", why or "not all of it was filled; monitor goes on closing it, or run it again"
    return Problem(code=code, message=message, item=position.coin)
