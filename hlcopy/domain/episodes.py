"""A trader's fills become orders, and positions are followed through them.

What an order did is derived from the chain of `start_position` and signed sizes alone, never from a label (decision 2).
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum, unique
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid5

from hlcopy.domain.models import Action, Fill, Side, TraderOrder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

CONTINUITY: Final = 1e-6  # of the position: what the venue's decimals leave after a long chain of additions
_COINS: Final = 4096
FLAT_USD: Final = 10.0
FLAT_SHARE: Final = 0.01  # of the order that left or met the remainder
_TANGLES: Final = 1024  # of the past: every look back finds the same again
_ORDERS: Final = 4096  # every poll meets those of the last minutes again
BURST_GAP: Final = timedelta(seconds=60)
_SIGNALS: Final = UUID("6f1d1c0e-51c2-5b8e-9d0b-3c6f0f4f7f11")


@unique
class Market(StrEnum):
    """Which kind of market a coin's name belongs to."""

    PERP = "perp"
    SPOT = "spot"
    OUTCOME = "outcome"
    HIP3 = "hip3"


@lru_cache(maxsize=_COINS)
def market_of(coin: str) -> Market:
    """Return the kind of market of a coin's name; only main-dex perps make signals."""
    if coin.startswith("@") or "/" in coin:
        return Market.SPOT
    if coin.startswith(("#", "+")):
        return Market.OUTCOME
    return Market.HIP3 if ":" in coin else Market.PERP


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A break in a coin's chain: `found` is the position a fill started from, `expected` what the fills before it left."""

    coin: str
    at: datetime
    expected: float
    found: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What an order did; `size`, `value_usd` and `price` (VWAP) are of the part that counts for its action.

    For an Open, also one that flipped, that is the part beyond zero; for an Add what it added; else what it took off.
    """

    action: Action
    side: Side
    size: float
    value_usd: float
    price: float
    flipped: bool = False

    @property
    def is_entry(self) -> bool:
        """Whether the order left its trader with more of a position."""
        return self.action in {Action.OPEN, Action.ADD}


def is_continuous(expected: float, found: float) -> bool:
    """Whether a fill starts where the chain stood."""
    return expected == found or math.isclose(expected, found, rel_tol=CONTINUITY, abs_tol=1e-9)


def is_flat(size: float, price: float, order_value_usd: float) -> bool:
    """Whether a position is a mere remainder: under $10 or 1 % of the order beside it (decision 2)."""
    return abs(size) * price < max(FLAT_USD, FLAT_SHARE * order_value_usd)


def signal_id(order: TraderOrder) -> str:
    """Return the id of an order's signal: derived from trader, coin and order, so that a repeat is recognised."""
    return _signal_id(f"{order.trader}:{order.coin}:{order.key}")


@lru_cache(maxsize=_ORDERS)
def _signal_id(cause: str) -> str:
    return str(uuid5(_SIGNALS, cause))


def order_key(fill: Fill) -> str | None:
    """Return the identity of the order a fill belongs to, None when only a burst can tell."""
    if fill.twap_id is not None:
        return f"twap:{fill.twap_id}"
    return f"oid:{fill.oid}" if fill.oid else None


def chained(fills: Sequence[Fill]) -> list[Fill]:
    """Return fills of one trader by time, those of one moment and coin put in the order in which they continue each other.

    The order given is kept wherever it is continuous; within one moment the venue's own order may have been lost.
    """
    by_time = sorted(fills, key=attrgetter("time"))
    if _is_chained(by_time):  # nearly always, and several times cheaper to see than to do
        return by_time
    position: dict[str, float] = {}
    result: list[Fill] = []
    for _, moment in itertools.groupby(by_time, key=lambda fill: fill.time):
        together = list(moment)
        if len(together) > 1:
            together = _untangle(together, position)
        for fill in together:
            position[fill.coin] = fill.end_position
        result += together
    return result


def _is_chained(fills: Sequence[Fill]) -> bool:
    """Whether every perp fill continues the one before it in its coin."""
    position: dict[str, float] = {}
    for fill in fills:
        coin, start = fill.coin, fill.start_position
        expected = position.get(coin, start)
        if expected != start and not is_continuous(expected, start) and market_of(coin) is Market.PERP:
            return False
        position[coin] = start + (fill.size if fill.is_buy else -fill.size)
    return True


def _untangle(together: list[Fill], position: dict[str, float]) -> list[Fill]:
    by_coin: dict[str, list[Fill]] = defaultdict(list)
    for fill in together:
        by_coin[fill.coin].append(fill)
    tangled = {
        coin for coin, part in by_coin.items() if market_of(coin) is Market.PERP and _breaks(part, position.get(coin))
    }
    if not tangled:
        return together
    return [
        fill
        for coin, part in by_coin.items()
        for fill in (_least_broken(tuple(part), position.get(coin)) if coin in tangled else part)
    ]


def _breaks(fills: Sequence[Fill], start: float | None) -> int:
    count = 0
    expected = start
    for fill in fills:
        if expected is not None and not is_continuous(expected, fill.start_position):
            count += 1
        expected = fill.end_position
    return count


@lru_cache(maxsize=_TANGLES)
def _least_broken(fills: tuple[Fill, ...], start: float | None) -> Sequence[Fill]:
    by_tid = sorted(fills, key=lambda fill: fill.tid)
    best = min((fills, tuple(by_tid), fills[::-1]), key=lambda order: _breaks(order, start))
    if not _breaks(best, start):
        return best
    return min((best, tuple(_linked(by_tid, start))), key=lambda order: _breaks(order, start))


def _linked(fills: list[Fill], start: float | None) -> list[Fill]:
    """Follow the chain: take the fill that starts where the last one ended, else one that continues no other."""
    remaining = list(fills)
    linked: list[Fill] = []
    expected = start
    while remaining:
        linked.append(remaining.pop(_next(remaining, expected)))
        expected = linked[-1].end_position
    return linked


def _next(remaining: list[Fill], expected: float | None) -> int:
    going_on = [
        index
        for index, fill in enumerate(remaining)
        if expected is not None and is_continuous(expected, fill.start_position)
    ]
    candidates = going_on or [i for i, fill in enumerate(remaining) if _starts_a_chain(remaining, fill)] or [0]
    # One that another continues comes first: after a dead end the rest would look like a gap.
    return next((i for i in candidates if _has_next(remaining, remaining[i])), candidates[0])


def _starts_a_chain(fills: list[Fill], first: Fill) -> bool:
    """Whether more fills leave the position that a fill starts from than come to it."""
    leaving = sum(is_continuous(first.start_position, fill.start_position) for fill in fills)
    coming = sum(is_continuous(first.start_position, fill.end_position) for fill in fills)
    return leaving > coming


def _has_next(fills: list[Fill], this: Fill) -> bool:
    return any(is_continuous(this.end_position, fill.start_position) for fill in fills if fill is not this)


def gaps(fills: Sequence[Fill]) -> list[Gap]:
    """Return the breaks in the perp chains of one trader's fills, by time; spot sizes lose their fee and don't chain."""
    position: dict[str, float] = {}
    found: list[Gap] = []
    for fill in chained(fills):
        if market_of(fill.coin) is not Market.PERP:
            continue
        expected = position.get(fill.coin)
        if expected is not None and not is_continuous(expected, fill.start_position):
            found.append(Gap(coin=fill.coin, at=fill.time, expected=expected, found=fill.start_position))
        position[fill.coin] = fill.end_position
    return found


_Key = tuple[str, str, bool]


def group_orders(fills: Sequence[Fill]) -> list[TraderOrder]:
    """Return the orders of one trader's fills, by first fill: by oid, TWAP slices by twapId, else bursts of a coin and side."""
    return orders_of(chained(fills))


def orders_of(chain: Sequence[Fill]) -> list[TraderOrder]:
    """Return the same as `group_orders` of fills that are chained."""
    groups: dict[_Key, list[Fill]] = {}
    for fill, key in zip(chain, _keys(chain), strict=True):
        groups.setdefault(key, []).append(fill)
    return [
        TraderOrder(trader=part[0].trader, coin=coin, key=key, is_buy=is_buy, fills=tuple(part))
        for (coin, key, is_buy), part in groups.items()
    ]


def _keys(chain: Iterable[Fill]) -> Iterator[_Key]:
    """Return the coin, the identity and the side of the order that each of some chained fills belongs to."""
    bursts: dict[tuple[str, bool], tuple[str, datetime]] = {}
    for fill in chain:
        key = order_key(fill)
        if key is None:
            key, last = bursts.get((fill.coin, fill.is_buy), ("", fill.time))
            if not key or fill.time - last > BURST_GAP:
                key = f"burst:{fill.identity}"
            bursts[fill.coin, fill.is_buy] = (key, fill.time)
        yield fill.coin, key, fill.is_buy


def beyond_zero(fill: Fill) -> float:
    """Return how much of a fill lies in the direction of its order beyond zero."""
    sign = 1 if fill.is_buy else -1
    start = max(0.0, sign * fill.start_position)
    return max(0.0, max(0.0, sign * fill.end_position) - start)


def effect_of(order: TraderOrder) -> Effect:
    """Return what an order has done so far; a remainder under max($10, 1 % of the order) counts as flat on both ends."""
    first, last = order.fills[0], order.fills[-1]
    value = sum(fill.notional for fill in order.fills)
    sign = 1 if order.is_buy else -1
    direction = Side.LONG if order.is_buy else Side.SHORT
    before, after = sign * first.start_position, sign * last.end_position
    starts_flat = is_flat(before, first.price, value)
    if before >= 0 or (starts_flat and after > 0):
        entering = [(beyond_zero(fill), fill.price) for fill in order.fills]
        action = Action.OPEN if starts_flat else Action.ADD
        return _effect(action, direction, entering, flipped=False)
    ends_flat = is_flat(after, last.price, value)
    if after > 0 and not ends_flat:
        entering = [(beyond_zero(fill), fill.price) for fill in order.fills]
        return _effect(Action.OPEN, direction, entering, flipped=True)
    leaving = [(fill.size, fill.price) for fill in order.fills]
    return _effect(Action.CLOSE if ends_flat else Action.REDUCE, direction.opposite, leaving, flipped=False)


def _effect(action: Action, side: Side, parts: Iterable[tuple[float, float]], *, flipped: bool) -> Effect:
    size = value = 0.0
    price = 0.0
    for part, part_price in parts:
        size += part
        value += part * part_price
        price = part_price
    return Effect(
        action=action, side=side, size=size, value_usd=value, price=value / size if size > 0 else price, flipped=flipped
    )


def has_gap(order: TraderOrder, coin_fills: Sequence[Fill]) -> bool:
    """Whether the chain of the coin breaks between the order's first and last fill."""
    first, last = order.fills[0].identity, order.fills[-1].identity
    expected: float | None = None
    inside = False
    for fill in coin_fills:
        inside = inside or fill.identity == first
        if inside and expected is not None and not is_continuous(expected, fill.start_position):
            return True
        if inside:
            expected = fill.end_position
        if fill.identity == last:
            break
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A fill as part of its order: what counts as flat is judged by the order, before its first fill and after its last."""

    order: TraderOrder
    effect: Effect
    value_usd: float
    is_first: bool
    is_last: bool

    def opens(self, side: Side) -> bool:
        """Whether its order opened a position on a side from flat."""
        return self.effect.action is Action.OPEN and self.effect.side is side and not self.effect.flipped


def shares_of(coin_fills: Sequence[Fill]) -> dict[str, Share]:
    """Return what each of the chained fills of a coin is part of, by identity."""
    shares: dict[str, Share] = {}
    for order in orders_of(coin_fills):
        effect = effect_of(order)
        value = sum(fill.notional for fill in order.fills)
        for fill in order.fills:
            shares[fill.identity] = Share(
                order=order,
                effect=effect,
                value_usd=value,
                is_first=fill is order.fills[0],
                is_last=fill is order.fills[-1],
            )
    return shares


def opened_at(order: TraderOrder, coin_fills: Sequence[Fill]) -> datetime | None:
    """Return when the position that an order adds to left zero; None when its Open isn't among the fills or a gap hides it.

    `coin_fills` are the trader's chained fills in the coin, from before the order on.
    """
    first = order.fills[0]
    sign = 1 if order.is_buy else -1
    keys = list(_keys(coin_fills))
    values = _values(coin_fills, keys)
    opened: datetime | None = None
    opened_by: _Key | None = None
    expected: float | None = None
    for fill, key in zip(coin_fills, keys, strict=True):
        if expected is not None and not is_continuous(expected, fill.start_position):
            opened = None
        if fill.time == first.time and fill.identity == first.identity:
            break
        expected = fill.end_position
        after = sign * expected
        if fill.is_buy == order.is_buy and after > 0:
            began_flat = sign * fill.start_position < 0 or is_flat(fill.start_position, fill.price, values[key])
            # The first fills of an order that opens are all near zero: the first of them left it.
            if began_flat and (opened is None or key != opened_by):
                opened, opened_by = fill.time, key
        elif after <= 0 or is_flat(expected, fill.price, values[key]):
            opened = None
    return opened


def _values(chain: Iterable[Fill], keys: Iterable[_Key]) -> Mapping[_Key, float]:
    """Return what the fills of each order are worth together."""
    values: dict[_Key, float] = defaultdict(float)
    for fill, key in zip(chain, keys, strict=True):
        values[key] += fill.notional
    return values


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """What became of a trade's position since: whether it ever touched zero or turned, and whether the chain is unbroken."""

    reversed: bool
    unbroken: bool
    position: float | None


def since_trade(side: Side, size_after: float, trade_time: datetime, coin_fills: Sequence[Fill]) -> Since:
    """Follow a coin's chained fills after a trade; `size_after` is the position just after it, in base units."""
    position = side.sign * size_after
    keys = list(_keys(coin_fills))
    values = _values(coin_fills, keys)
    key_of = {fill.identity: key for fill, key in zip(coin_fills, keys, strict=True)}
    for fill in after_trade(position, side, trade_time, coin_fills):
        if not is_continuous(position, fill.start_position):
            return Since(reversed=False, unbroken=False, position=None)
        position = fill.end_position
        leaving = fill.is_buy != (side is Side.LONG)
        value = values[key_of[fill.identity]]
        if side.sign * position <= 0 or (leaving and is_flat(position, fill.price, value)):
            return Since(reversed=True, unbroken=True, position=position)
    return Since(reversed=False, unbroken=True, position=position)


def after_trade(position: float, side: Side, trade_time: datetime, coin_fills: Sequence[Fill]) -> Sequence[Fill]:
    """Return the fills that came after the one that left a trade's position at `position`."""
    fills = [fill for fill in coin_fills if fill.time >= trade_time]
    same_moment = sum(fill.time == trade_time for fill in fills)
    for index in range(same_moment - 1, -1, -1):
        fill = fills[index]
        if fill.is_buy == (side is Side.LONG) and is_continuous(position, fill.end_position):
            return fills[index + 1 :]
    return fills[same_moment:]
