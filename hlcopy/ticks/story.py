"""What the ledger knows of a signal: its decision, what came of it, and how its trader fared. Nothing is asked outside."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.domain.book import Purpose
from hlcopy.domain.episodes import after_trade, chained, is_continuous, is_flat
from hlcopy.domain.explain import checks
from hlcopy.domain.models import DEFERRED, EXECUTE, Action
from hlcopy.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hlcopy.domain.book import Order, OurFill, Position, PositionAction
    from hlcopy.domain.decision import Evidence
    from hlcopy.domain.explained import Check
    from hlcopy.domain.models import Fill, Run, Signal, Trader
    from hlcopy.ports import Ledger

DAY: Final = timedelta(days=1)
_NUMBER: Final = re.compile(r"#?(\d{1,9})")
_ORDER_ID: Final = re.compile(r"0x[0-9a-f]{32}")
_ID_PART: Final = re.compile(r"[0-9a-f][0-9a-f-]{3,}")
_MOST_RECENT: Final = 5
_ENTERING: Final = frozenset({Action.OPEN, Action.ADD})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a trader's own position went on after the trade that we judged, as far as stored fills tell.

    `left` is the share of it that is still held; `price` the average of what was taken off, None before anything was.
    `closed_at` is None while it is held, and `broken_at` says from when on fills are missing.
    """

    known_until: datetime | None
    left: float
    price: float | None
    gain_percent: float | None
    closed_at: datetime | None
    broken_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A signal and all that belongs to it."""

    signal: Signal
    evidence: Evidence | None
    version: str | None
    checks: Sequence[Check]
    trader: Trader | None
    position: Position | None
    orders: Sequence[Order]
    fills: Sequence[OurFill]
    actions: Sequence[PositionAction]
    ending: Ending | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """An entry of a trader that wasn't copied: how many gates it failed, and the one that it failed by most."""

    signal: Signal
    failed: int
    check: Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """Why nothing was entered of late: what became of the orders since a moment, and the nearest misses."""

    since: datetime
    until: datetime
    orders: int
    entries_of_traders: int
    decisions: Mapping[str, int]
    waiting: Sequence[Signal]
    entered: Sequence[Signal]
    misses: Sequence[Miss]
    unexplained: int
    last_poll: Run | None
    followed: int


def find(ledger: Ledger, subject: str) -> list[Signal]:
    """Return the signals that a text names: one, or those of a coin, newest first.

    A text is a position's number, a client order id of ours, a coin, or the beginning of a signal's id.
    Raises `BadInputError` where it names nothing, or more than one signal.
    """
    given = subject.strip()
    number = _NUMBER.fullmatch(given)
    if number is not None:
        return [_of_position(ledger, int(number.group(1)))]
    if _ORDER_ID.fullmatch(given.lower()):
        order = ledger.book.order(given.lower())
        if order is None:
            message = f"no order of ours has the client id {given}"
            raise BadInputError(message)
        return [_one(ledger, order.signal_id)]
    of_coin = [signal for signal in ledger.signals.list() if signal.coin.lower() == given.lower()]
    if of_coin:
        return of_coin
    if _ID_PART.fullmatch(given.lower()):
        found = ledger.signals.beginning(given.lower())
        if len(found) == 1:
            return list(found)
        if found:
            message = f"more than one signal's id begins with {given}; give more of it"
            raise BadInputError(message)
    message = (
        f"nothing is called {given!r}: give a coin that was traded, a position's number such as #5, a client order id, "
        "or at least four characters of a signal's id; list signals with: hlcopy signals --json"
    )
    raise BadInputError(message)


def _of_position(ledger: Ledger, number: int) -> Signal:
    position = ledger.book.position(number)
    if position is None:
        message = f"there is no position #{number}; list them with: hlcopy positions --no-refresh --all"
        raise BadInputError(message)
    return _one(ledger, position.signal_id)


def _one(ledger: Ledger, signal_id: str) -> Signal:
    signal = ledger.signals.get(signal_id)
    if signal is None:
        message = f"the signal {signal_id} isn't stored any more"
        raise BadInputError(message)
    return signal


def newest_of(ledger: Ledger, signals: Sequence[Signal]) -> Signal:
    """Return of a coin's signals the one that we hold a position of, else the newest that opened or added, else the newest."""
    held = {position.signal_id for position in ledger.book.positions()}
    entering = next((signal for signal in signals if signal.action in _ENTERING), signals[0])
    return next((signal for signal in signals if signal.id in held), entering)


def recent(signals: Sequence[Signal]) -> Sequence[Signal]:
    """Return the newest few."""
    return signals[:_MOST_RECENT]


def tell(ledger: Ledger, signal: Signal, now: datetime) -> Story:
    """Return all that is stored of a signal."""
    kept = ledger.signals.evidence(signal.id)
    position = next((each for each in ledger.book.positions(live_only=False) if each.signal_id == signal.id), None)
    return Story(
        signal=signal,
        evidence=None if kept is None else kept[0],
        version=None if kept is None else kept[1],
        checks=[] if kept is None else checks(kept[0]),
        trader=ledger.traders.get(signal.trader),
        position=position,
        orders=sorted(ledger.book.orders(signal.id), key=_in_turn),
        fills=ledger.book.fills(signal.id),
        actions=[] if position is None or position.id is None else ledger.book.actions(position.id),
        ending=_ending(ledger, signal, now) if signal.action in _ENTERING else None,
    )


def _in_turn(order: Order) -> tuple[datetime, bool]:
    """Return by what orders stand in the order of their sending: an entry and its stop may be of one moment."""
    return order.created_at, order.purpose is not Purpose.ENTRY


def _ending(ledger: Ledger, signal: Signal, now: datetime) -> Ending | None:
    """Follow the trader's position from the last fill of the judged order on."""
    fills = chained(ledger.history.fills(signal.trader, coin=signal.coin, since=signal.trade_time, until=now))
    side = signal.side
    entering = [fill for fill in fills if fill.time == signal.trade_time and fill.is_buy == (side.sign > 0)]
    if not entering:
        return None
    size = abs(entering[-1].end_position)
    return follow(size, signal, fills) if size > 0 else None


def follow(size: float, signal: Signal, fills: Sequence[Fill]) -> Ending:
    """Return how a position of a size went on through its trader's chained fills in the coin."""
    sign, position, highest = signal.side.sign, size * signal.side.sign, size
    taken = value = 0.0
    closed_at = broken_at = None
    for fill in after_trade(position, signal.side, signal.trade_time, fills):
        if not is_continuous(position, fill.start_position):
            broken_at = fill.time
            break
        before, position = sign * position, fill.end_position
        highest = max(highest, sign * position)
        off = min(before, before - sign * position)
        if off > 0:
            taken, value = taken + off, value + off * fill.price
        if sign * position <= 0 or (off > 0 and is_flat(position, fill.price, fill.notional)):
            closed_at = fill.time
            break
    price = value / taken if taken else None
    return Ending(
        known_until=fills[-1].time if fills else None,
        left=0.0 if closed_at else max(0.0, sign * position) / highest,
        price=price,
        gain_percent=None if price is None else sign * (price / signal.trade_price - 1) * 100,
        closed_at=closed_at,
        broken_at=broken_at,
    )


def present(ledger: Ledger, now: datetime, *, period: timedelta = DAY, most: int = _MOST_RECENT) -> Present:
    """Return what became of the orders that were traded within a period, and which of them missed by least."""
    since = now - period
    signals = [signal for signal in ledger.signals.list(since=since) if signal.trade_time <= now]
    misses, unexplained = [], 0
    for signal in signals:
        if signal.action not in _ENTERING or signal.decision in {EXECUTE, DEFERRED}:
            continue
        kept = ledger.signals.evidence(signal.id)
        wrong = [] if kept is None else [check for check in checks(kept[0]) if check.holds is False]
        if not wrong:
            unexplained += 1
            continue
        misses.append(Miss(signal=signal, failed=len(wrong), check=max(wrong, key=_by)))
    misses.sort(key=lambda miss: (miss.failed, _by(miss.check), -miss.signal.trade_time.timestamp()))
    return Present(
        since=since,
        until=now,
        orders=len(signals),
        entries_of_traders=sum(signal.action in _ENTERING for signal in signals),
        decisions=Counter(signal.decision for signal in signals),
        waiting=[signal for signal in signals if signal.decision == DEFERRED],
        entered=[signal for signal in signals if signal.decision == EXECUTE],
        misses=misses[:most],
        unexplained=unexplained,
        last_poll=ledger.runs.last("poll"),
        followed=sum(trader.tier == "primary" for trader in ledger.traders.followed()),
    )


def _by(check: Check) -> float:
    """Return by how much a gate was missed; what isn't a number counts as missed by all."""
    return 1.0 if check.shortfall is None else check.shortfall
