"""Find out from which position each of Nansen's rows really started.

A row is the fills of one order in one transaction, or all of an order's fills without a hash. Its `start_position` is the
minimum over them: the true start of a row that buys, while a row that sells started somewhere from that minimum up to its
own size above it. What was held before tells where; else what is held now, where it shows that the position passed zero.
A row whose start can't be told gets one that it can't have had: the chain then breaks on both of its sides for everybody
who looks, and the row itself enters nothing.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.adapters.nansen.bursts import has_hash
from hlcopy.domain.episodes import Market, is_continuous, is_flat, market_of
from hlcopy.ports import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from hlcopy.domain.models import Fill
    from hlcopy.ports import UnknownType

    Held = Callable[[], Mapping[str, float] | UnknownType]

UNTOLD: Final = " (start unknown)"
"""Ends the `direction` of a row whose start isn't known."""
UNREADABLE: Final = " (unreadable)"
"""Ends the `direction` of a row that doesn't say whether it bought or sold."""

_HELD_TOLERANCE: Final = 0.001  # of what the rows add up to
_LEAST_PART: Final = 1e-9  # of a row: no fill is a smaller part of its order, so what is left of it is nothing
_SETTLING: Final = timedelta(minutes=5)  # a row may come so much later than what is held shows its effect
_FEW: Final = 4  # rows of one moment whose every order is tried


@dataclass(slots=True)
class _Step:
    """A row in its place; `start` is None while it isn't known. `known` says that it is stored as it is."""

    row: Fill
    start: float | None = None
    known: bool = False

    @property
    def end(self) -> float | None:
        if self.start is None:
            return None
        end = self.start + self.row.signed_size
        return 0.0 if abs(end) <= _LEAST_PART * self.row.size else end


def is_told(fill: Fill) -> bool:
    """Whether a repaired row has its true start."""
    return not fill.direction.endswith((UNTOLD, UNREADABLE))


def repair(rows: Sequence[Fill], stored: Sequence[Fill], held: Held, now: datetime) -> list[Fill] | UnknownType:
    """Return one trader's rows by time with their true starts.

    `UNKNOWN` when what is held is needed and can't be read, or doesn't fit rows so young that others may be missing yet.
    `stored` are rows repaired earlier, by time: the last one of each coin before these rows, and these as they then were.
    `held` reads the signed sizes of the trader's main-dex perps; it is asked only where the rows alone don't tell.
    """
    by_coin: dict[str, list[Fill]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.time):
        by_coin[row.coin].append(row)
    earlier: dict[str, list[Fill]] = defaultdict(list)
    for fill in stored:
        earlier[fill.coin].append(fill)
    asked = _Once(held)
    repaired: list[Fill] = []
    for coin, coin_rows in by_coin.items():
        if market_of(coin) in {Market.SPOT, Market.OUTCOME}:
            repaired += coin_rows
            continue
        steps = _steps(coin_rows, earlier[coin])
        if market_of(coin) is Market.PERP and not _ask_what_is_held(steps, asked, coin, now):
            return UNKNOWN
        repaired += [_made(step) for step in steps]
    return sorted(repaired, key=lambda fill: fill.time)


class _Once:
    """What a trader holds, read when it is first asked for."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._answer: Mapping[str, float] | UnknownType | None = None

    def size(self, coin: str) -> float | UnknownType:
        if self._answer is None:
            self._answer = self._held()
        return UNKNOWN if self._answer is UNKNOWN else self._answer.get(coin, 0.0)


def _steps(rows: list[Fill], stored: list[Fill]) -> list[_Step]:
    """Return a coin's rows in their order, with the starts that the rows themselves and the stored ones tell."""
    known = {fill.identity: fill for fill in stored}
    mine = {row.identity for row in rows}
    before = [fill for fill in stored if fill.identity not in mine and fill.time <= rows[0].time]
    position = before[-1].end_position if before and is_told(before[-1]) else None
    steps: list[_Step] = []
    for _, moment in itertools.groupby(rows, key=lambda row: row.time):
        together = [_step(row, known.get(row.identity)) for row in moment]
        steps += _in_order(together, position)
        position = _follow(steps[-len(together) :], position)
    _trace_back(steps)
    return steps


def _step(row: Fill, known: Fill | None) -> _Step:
    """Return a row with the start it was stored with, if it still may have had that one; it may have grown since."""
    if known is not None and is_told(known) and _may_start(row, known.start_position):
        return _Step(row, known.start_position, known=row.size <= known.size)
    return _Step(row)


def _may_start(row: Fill, position: float) -> bool:
    """Whether a row can have started from a position, by the minimum that it shows."""
    shown = row.start_position
    if row.direction.endswith(UNREADABLE):
        return False
    if is_continuous(position, shown):
        return True
    return not row.is_buy and shown < position < shown + row.size * (1 - _LEAST_PART)


def _follow(steps: Iterable[_Step], position: float | None) -> float | None:
    """Fill in the starts that follow from the position before; return the one after, None when it isn't known."""
    for step in steps:
        if step.start is None:
            step.start = _start_of(step.row, position)
        position = step.end
    return position


def _start_of(row: Fill, position: float | None) -> float | None:
    if row.direction.endswith(UNREADABLE):
        return None
    if row.is_buy:
        return row.start_position
    return position if position is not None and _may_start(row, position) else None


def _in_order(together: list[_Step], position: float | None) -> list[_Step]:
    """Return the rows of one moment in the order in which they continue each other best."""
    if len(together) == 1:
        return together
    rising = sorted(together, key=lambda step: step.row.start_position)
    buys, sells = ([step for step in rising if step.row.is_buy is wanted] for wanted in (True, False))
    natural = buys + sells[::-1]
    if len(together) <= _FEW:
        orders: Iterable[Sequence[_Step]] = itertools.permutations(natural)
    else:
        orders = (natural, sells[::-1] + buys, together, rising, rising[::-1])
    return list(min(orders, key=lambda order: _breaks(order, position)))


def _breaks(order: Iterable[_Step], position: float | None) -> int:
    count = 0
    for step in order:
        start = step.start if step.start is not None else _start_of(step.row, position)
        if start is None or (position is not None and not is_continuous(position, start)):
            count += 1
        position = None if start is None else start + step.row.signed_size
    return count


def _trace_back(steps: list[_Step]) -> None:
    """Fill in starts from what came after: a row that buys, or one told earlier, began where the one before it ended."""
    for after, before in itertools.pairwise(reversed(steps)):
        if before.start is None and after.start is not None:
            start = after.start - before.row.signed_size
            if _may_start(before.row, start):
                before.start = start


def _ask_what_is_held(steps: list[_Step], asked: _Once, coin: str, now: datetime) -> bool:
    """Tell by what is held now which rows began or ended at zero, and whether others really crossed it.

    False when that can't be told yet.
    """
    untold = steps[_trailing_untold(steps) :]
    if any(_may_touch_zero(step.row) for step in untold):
        size = asked.size(coin)
        if size is UNKNOWN or (not _settle_at_zero(untold, size) and _is_young(untold[0], now)):
            return False
    for index, step in enumerate(steps):
        if not _crosses(step):
            continue
        turned = _turned(steps[index:], asked, coin)
        if turned is UNKNOWN or (turned is None and _is_young(step, now)):
            return False
        if not turned:
            _untell(steps, index)
    return True


def _is_young(step: _Step, now: datetime) -> bool:
    return now - step.row.time < _SETTLING


def _trailing_untold(steps: list[_Step]) -> int:
    """Return where the rows without a start begin that reach to the end."""
    index = len(steps)
    while index and steps[index - 1].start is None and not steps[index - 1].row.direction.endswith(UNREADABLE):
        index -= 1
    return index


def _may_touch_zero(row: Fill) -> bool:
    return _may_start(row, 0.0) or _may_start(row, -row.signed_size)


def _settle_at_zero(steps: list[_Step], held: float) -> bool:
    """Find the one place from which on the rows add up to what is held: the position was zero there; False without one."""
    for zero in range(len(steps), -1, -1):
        if _agrees(held, _signed(steps[zero:])):
            starts = _told_from(steps, zero)
            if any(start is not None for start in starts):
                for step, start in zip(steps, starts, strict=True):
                    step.start = start
                return True
    return False


def _told_from(steps: list[_Step], zero: int) -> list[float | None]:
    """Return the starts of the rows, had the position been zero before the one at `zero`.

    All of those after it must fit; of those before it as many as do, backwards.
    """
    after: list[float | None] = []
    position = 0.0
    for step in steps[zero:]:
        if not _may_start(step.row, position):
            return [None] * len(steps)
        after.append(position)
        position += step.row.signed_size
    before: list[float | None] = []
    place: float | None = 0.0
    for step in reversed(steps[:zero]):
        start = None if place is None else place - step.row.signed_size
        place = start if start is not None and _may_start(step.row, start) else None
        before.append(place)
    return before[::-1] + after


def _crosses(step: _Step) -> bool:
    """Whether a row seems to have turned a position, remainders apart."""
    if step.known or step.start is None or step.end is None or step.start * step.end >= 0:
        return False
    row = step.row
    return not any(is_flat(size, row.price, row.notional) for size in (step.start, step.end))


def _turned(steps: Sequence[_Step], asked: _Once, coin: str) -> bool | UnknownType | None:
    """Whether the first of these rows really crossed zero: the rows after it say so, or what is held now; None if not yet.

    A row without a hash may have gathered fills from before and after others: nothing confirms that it crossed.
    """
    first = steps[0]
    if not has_hash(first.row):
        return False
    if len(steps) > 1 and steps[1].row.is_buy and _continue(first, steps[1]):
        return True
    size = asked.size(coin)
    if size is UNKNOWN:
        return UNKNOWN
    return _leads_to(size, steps) or None


def _continue(before: _Step, after: _Step) -> bool:
    return before.end is not None and after.start is not None and is_continuous(before.end, after.start)


def _leads_to(held: float, steps: Sequence[_Step]) -> bool:
    """Whether an unbroken chain of rows ends at what is held."""
    end = steps[-1].end
    unbroken = all(_continue(before, after) for before, after in itertools.pairwise(steps))
    return unbroken and end is not None and _agrees(held, end)


def _untell(steps: list[_Step], index: int) -> None:
    """Forget a start and those that were told from it."""
    steps[index].start = None
    for step in steps[index + 1 :]:
        if step.known or step.row.is_buy:
            return
        step.start = None


def _agrees(held: float, expected: float) -> bool:
    return math.isclose(held, expected, rel_tol=_HELD_TOLERANCE, abs_tol=1e-9)


def _signed(steps: Iterable[_Step]) -> float:
    return math.fsum(step.row.signed_size for step in steps)


def _made(step: _Step) -> Fill:
    if step.start is not None:
        return replace(step.row, start_position=step.start)
    row = step.row
    direction = row.direction if row.direction.endswith(UNREADABLE) else row.direction + UNTOLD
    return replace(row, start_position=_impossible_start(row), direction=direction)


def _impossible_start(row: Fill) -> float:
    """Return a start that the row can't have had, and from which it enters nothing that could be copied.

    An entry short of unknown start adds to a short whose opening nobody knows; anything else reduces a position.
    """
    shown = row.start_position
    if row.direction.startswith("Short") and not row.is_buy and shown < 0:
        return shown - row.size
    beyond = abs(shown) + 2 * row.size
    return -beyond if row.is_buy else beyond
