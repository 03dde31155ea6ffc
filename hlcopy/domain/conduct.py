"""How a trader's record came about: by a few strokes, by trading with himself, by leaving as soon as he is copied, by luck.

What is measured here says nothing of how good a trader is, only whether the numbers that say so can be believed. A measure
that has nothing to stand on is None.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from statistics import NormalDist
from typing import TYPE_CHECKING, Final, NamedTuple

from hlcopy.domain.episodes import Market, chained, effect_of, group_orders, is_continuous, market_of
from hlcopy.domain.round_trips import round_trips

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from hlcopy.domain.models import Fill
    from hlcopy.domain.round_trips import RoundTrip

MIN_BASE_SHARE: Final = 0.1  # of the largest value: what a flow is measured on at the least
DUMP_WINDOW: Final = timedelta(minutes=30)  # after the moment of our copy
DUMP_KEPT: Final = 0.5  # or less of what was held then
COPIED_KEPT: Final = 0.7  # of an entry: with less left, it is no longer copied
QUICK: Final = timedelta(seconds=60)
_BEST: Final = 2  # round trips without which a profit must stay one
_MIN_RETURNS: Final = 3
_LARGE: Final = 0.5  # of the largest that a position becomes: an entry that was meant to be seen
_Z: Final = 1.645
_EULER: Final = 0.5772156649
_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class Concentration:
    """How a profit is spread over round trips: shares of the gross profit, and in USD what is left without the best two."""

    largest: float
    herfindahl: float
    without_best_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Dumps:
    """Of the entries that could have been copied, how many were cut at once after that."""

    entries: int
    cut: int

    @property
    def at_least(self) -> float:
        """The share that is cut for certain, as far as so few entries can tell."""
        return at_least(self.cut, self.entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """What a trader's perp fills say of how the record came about.

    `coins` are those of the round trips; `quick_share` is that of the round trips under a minute, `net_share` what remained of all that was bought and sold;
    `skill` is the mean return of a round trip in standard errors.
    """

    trips: int
    coins: int
    concentration: Concentration | None
    quick_share: float | None
    net_share: float | None
    dumps: Dumps
    skill: float | None


def conduct_of(fills: Iterable[Fill], since: datetime, now: datetime, copy_delay: timedelta) -> Conduct:
    """Measure a trader's fills up to now; round trips and entries count that ended or came after `since`."""
    known = chained([fill for fill in fills if fill.time <= now and market_of(fill.coin) is Market.PERP])
    trips = [trip for trip in round_trips(known) if trip.complete and trip.closed_at is not None]
    closed = [trip for trip in trips if trip.closed_at is not None and trip.closed_at >= since]
    counted = [fill for fill in known if fill.time >= since]
    return Conduct(
        trips=len(closed),
        coins=len({trip.coin for trip in closed}),
        concentration=concentration([trip.pnl_usd for trip in closed]),
        quick_share=sum(_is_quick(trip) for trip in closed) / len(closed) if closed else None,
        net_share=net_share(counted),
        dumps=dumps_of(counted, now, copy_delay),
        skill=skill([trip.pnl_usd / trip.entry_notional for trip in closed if trip.entry_notional > 0]),
    )


def concentration(pnls: Sequence[float]) -> Concentration | None:
    """Return how a profit is spread, None where nothing was won; with a broken number all of it is broken."""
    won = [pnl for pnl in pnls if not pnl <= 0]  # NaN counts: it must not pass for a loss
    if not won:
        return None
    gross = math.fsum(won) if all(map(math.isfinite, won)) else math.nan
    shares = [pnl / gross for pnl in won]
    broken = not all(map(math.isfinite, [*pnls, *shares]))
    return Concentration(
        largest=math.nan if broken else max(shares),
        herfindahl=math.nan if broken else math.fsum(share * share for share in shares),
        without_best_usd=math.nan if broken else math.fsum(sorted(pnls)[:-_BEST]),
    )


def net_share(fills: Sequence[Fill]) -> float | None:
    """Return what remained of all that was bought and sold: near 0 when everything was undone, 1 when nothing was."""
    gross = sum(fill.notional for fill in fills)
    if gross == 0:
        return None
    return abs(sum(fill.notional if fill.is_buy else -fill.notional for fill in fills)) / gross


def dumps_of(fills: Sequence[Fill], now: datetime, copy_delay: timedelta) -> Dumps:
    """Count the chained fills' entries that a copy would have followed, and those of them that were cut soon after it.

    An entry counts that made up at least half of the largest that the position became, was still there when it would have
    been copied, and whose next half hour is over.
    """
    entries = cut = 0
    by_coin: dict[str, list[Fill]] = {}
    for fill in fills:
        by_coin.setdefault(fill.coin, []).append(fill)
    for coin_fills in by_coin.values():
        place = {fill.identity: index for index, fill in enumerate(coin_fills)}
        for order in group_orders(coin_fills):
            effect, last = effect_of(order), order.fills[-1]
            copied_at = order.last_time + copy_delay
            if not effect.is_entry or copied_at + DUMP_WINDOW > now:
                continue
            later = _followed(coin_fills[place[last.identity] :], effect.side.sign, copied_at)
            after = effect.side.sign * last.end_position
            if later is None or not later.at_copy >= COPIED_KEPT * after or not effect.size >= _LARGE * later.peak:
                continue
            entries += 1
            cut += not later.least > DUMP_KEPT * later.at_copy
    return Dumps(entries=entries, cut=cut)


class _Later(NamedTuple):
    """What became of a position: its size when a copy was made, the least of the half hour after it, the most until flat."""

    at_copy: float
    least: float
    peak: float


def _followed(fills: Iterable[Fill], sign: int, copied_at: datetime) -> _Later | None:
    """Follow a position from the fill that left it until it is flat; None where the chain breaks."""
    at_copy = least = peak = 0.0
    expected: float | None = None
    for fill in fills:
        if expected is not None and not is_continuous(expected, fill.start_position):
            return None
        held = sign * fill.end_position
        if expected is None or fill.time <= copied_at:
            at_copy = least = held
        elif fill.time <= copied_at + DUMP_WINDOW:
            least = min(least, held)
        peak = max(peak, held)
        if held <= 0:
            break
        expected = fill.end_position
    return _Later(at_copy, least, peak)


def dumped_at(fills: Iterable[Fill], coin: str, sign: int, copied_at: datetime) -> datetime | None:
    """Return when a trader cut by half what had just been copied at a moment; None if he didn't, or where the chain breaks.

    `fills` are chained; `sign` is that of the position.
    """
    held: float | None = None
    copied: float | None = None
    for fill in fills:
        if fill.coin != coin or fill.time > copied_at + DUMP_WINDOW:
            continue
        if fill.time > copied_at:
            if held is not None and not is_continuous(held, fill.start_position):
                return None
            copied = sign * fill.start_position if copied is None else copied
            if copied > 0 and not sign * fill.end_position > DUMP_KEPT * copied:
                return fill.time
        held = fill.end_position
    return None


def at_least(count: int, total: int) -> float:
    """Return what a share is at least, given so many of so many: the lower end of Wilson's 90 % interval."""
    if not total:
        return 0.0
    share, square = count / total, _Z * _Z
    middle = share + square / (2 * total)
    spread = _Z * math.sqrt(share * (1 - share) / total + square / (4 * total * total))
    return max(0.0, (middle - spread) / (1 + square / total))


def skill(returns: Sequence[float]) -> float | None:
    """Return the mean of returns in standard errors, allowing for their skew and tails; None where there are too few.

    Returns that don't differ at all are no evidence: 0.
    """
    count = len(returns)
    if count < _MIN_RETURNS:
        return None
    mean = math.fsum(returns) / count
    deviations = [each - mean for each in returns]
    variance = math.fsum(each**2 for each in deviations) / (count - 1)
    if not math.isfinite(variance):
        return math.nan
    if not variance > 0:
        return 0.0
    scale = math.sqrt(variance)
    ratio = mean / scale
    skew = math.fsum((each / scale) ** 3 for each in deviations) / count
    tails = math.fsum((each / scale) ** 4 for each in deviations) / count
    width = 1 - skew * ratio + (tails - 1) / 4 * ratio**2
    return ratio * math.sqrt((count - 1) / max(width, 1.0))


def luck_of(trials: int) -> float:
    """Return what the best of so many wallets without any skill is expected to show, in standard errors."""
    if trials <= 1:
        return 0.0
    return (1 - _EULER) * _NORMAL.inv_cdf(1 - 1 / trials) + _EULER * _NORMAL.inv_cdf(1 - 1 / (trials * math.e))


def largest_flow(points: Sequence[tuple[datetime, float, float]], within: timedelta) -> float | None:
    """Return the largest transfer of an equity history within a span of time, as a share of the value before it.

    Points are (moment, value, profit so far) in USD, oldest first; what profit doesn't explain of a change of value is a
    transfer. The share is of at least a tenth of the largest value. None without two points.
    """
    if len(points) < 2:  # noqa: PLR2004 - a change needs two
        return None
    floor = MIN_BASE_SHARE * max(value for _, value, _ in points)
    largest = 0.0
    for index, (begin, value, pnl) in enumerate(points):
        for moment, later, pnl_later in points[index + 1 :]:
            if moment - begin > within:
                break
            base = max(value, floor)
            share = abs((later - value) - (pnl_later - pnl)) / base if base > 0 else math.inf
            if not share <= largest:
                largest = share
    return largest


def _is_quick(trip: RoundTrip) -> bool:
    return trip.closed_at is not None and trip.closed_at - trip.opened_at < QUICK
