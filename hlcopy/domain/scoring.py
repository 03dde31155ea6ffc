"""What a trader's history is worth: metrics of fills, returns on equity, style and the composite score.

Unknown is None and never a number: a term that lacks its input stands at the neutral 0.5 and is counted. A number that
is broken (NaN, infinity) is not unknown: it scores nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from datetime import timedelta
from enum import StrEnum, unique
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from hlcopy.domain.episodes import FLAT_USD, Market, chained, group_orders, market_of
from hlcopy.domain.round_trips import round_trips

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from hlcopy.domain.models import Fill
    from hlcopy.domain.policy import ScoringPolicy

WEEK: Final = timedelta(days=7)
MONTH: Final = timedelta(days=30)
QUARTER: Final = timedelta(days=90)  # how far back orders and round trips count
NEUTRAL: Final = 0.5
MIN_BASE_SHARE: Final = 0.1  # of the account value: what a return is measured on at the least
_HOUR: Final = timedelta(hours=1)

HFT_TRADES_PER_DAY: Final = 5.0
HFT_HOLD_HOURS: Final = 4.0
SWING_TRADES_PER_DAY: Final = 0.3
SWING_HOLD_HOURS: Final = 336.0

ROI_AT_ONE: Final = 100.0
SHARPE_AT_ONE: Final = 3.0
LEVERAGE_SPAN: Final = 20.0
_MIN_RETURNS: Final = 2
_MIN_POSITIVE_WINDOWS: Final = 2
_MIN_POINTS: Final = 2


@unique
class Style(StrEnum):
    """How a trader trades; the fast ones can't be copied."""

    HFT = "HFT"
    SWING = "SWING"
    POSITION = "POSITION"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraderMetrics:
    """What a trader's perp fills say; amounts in USD net of fees.

    `returns` are PnL over entry notional of the closed round trips whose whole life was seen; `incomplete_trips` counts
    those left out because it wasn't. `leverage` is `effective_leverage`.
    """

    nof_trades: int | None
    days_active: int
    trades_per_day: float
    average_hold_hours: float | None
    returns: tuple[float, ...]
    win_rate: float | None
    incomplete_trips: int
    realized_7d_usd: float | None
    realized_30d_usd: float | None
    volume_30d_usd: float | None
    leverage: float | None
    last_activity: datetime | None

    @property
    def style(self) -> Style:
        """How the trader trades."""
        return classify_style(self.trades_per_day, self.average_hold_hours)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreInputs:
    """What is known of a trader at one moment: `roi_*` in percent of equity, amounts in USD, None where unknown.

    `label_known` is False where labels can't be had for that moment; without a label otherwise means that there is none.
    `smart_money` is membership in the leaderboard of smart money. `volume_30d_usd` replaces the one of the fills, which
    falls short when they were cut.
    """

    metrics: TraderMetrics
    account_value: float | None
    roi_7d: float | None
    roi_30d: float | None
    roi_90d: float | None
    label: str | None = None
    label_known: bool = True
    smart_money: bool = False
    volume_30d_usd: float | None = None
    blacklisted_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Consistency:
    """A consistency score, 0 to 1, and the windows that it stands on."""

    value: float
    windows: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The six parts of a score, each 0 to 1, under the names of their weights."""

    normalized_roi: float
    normalized_sharpe: float
    normalized_win_rate: float
    consistency_score: float
    smart_money_bonus: float
    risk_management_score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A score and all that it was made of; `neutral` names the parts that lacked their input."""

    parts: Parts
    neutral: tuple[str, ...]
    consistency_windows: tuple[str, ...]
    raw: float
    decay: float
    total: float


def measure(fills: Iterable[Fill], now: datetime, equity: float | None = None) -> TraderMetrics:
    """Return what one trader's fills up to now say; orders and round trips count for 90 days.

    Fills older than that are welcome: they tell how the round trips began. `days_active` runs in whole days from the
    first order, at least 1.
    """
    known = chained([fill for fill in fills if fill.time <= now and market_of(fill.coin) is Market.PERP])
    begin = now - QUARTER
    orders = [order for order in group_orders(known) if order.first_time >= begin]
    days_active = max((now - orders[0].first_time).days, 1) if orders else 1
    trips = [trip for trip in round_trips(known) if trip.closed_at is None or trip.closed_at >= begin]
    whole = [trip for trip in trips if trip.complete]
    closed = [trip for trip in whole if trip.closed_at is not None]
    holds = [((trip.closed_at or now) - trip.opened_at) / _HOUR for trip in whole]
    wins = sum(math.isfinite(trip.pnl_usd) and trip.pnl_usd > 0 for trip in closed)
    return TraderMetrics(
        nof_trades=len(orders),
        days_active=days_active,
        trades_per_day=len(orders) / days_active,
        average_hold_hours=sum(holds) / len(holds) if holds else None,
        returns=tuple(trip.pnl_usd / trip.entry_notional for trip in closed if trip.entry_notional > 0),
        win_rate=wins / len(closed) if closed else None,
        incomplete_trips=len(trips) - len(whole),
        realized_7d_usd=realized_pnl(known, now - WEEK, now),
        realized_30d_usd=realized_pnl(known, now - MONTH, now),
        volume_30d_usd=sum(fill.notional for fill in known if fill.time > now - MONTH),
        leverage=effective_leverage(known, equity, now),
        last_activity=known[-1].time if known else None,
    )


def realized_pnl(fills: Iterable[Fill], since: datetime, until: datetime) -> float:
    """Return closed PnL less fees of the perp fills after `since` and up to `until`, in USD."""
    return sum(
        fill.closed_pnl - fill.fee
        for fill in fills
        if since < fill.time <= until and market_of(fill.coin) is Market.PERP
    )


def effective_leverage(fills: Sequence[Fill], equity: float | None, now: datetime) -> float | None:
    """Return the leverage that a trader really used: gross position value over equity, averaged over time in a position.

    Looks at the last 30 days, or back to the first of the chained perp fills. Before its first fill a coin stood where
    that fill found it; positions are worth their latest fill's price. None when the equity is unknown or no position
    was seen for any time; infinite on an equity that can't carry one (decision 16).
    """
    if equity is None or not fills:
        return None
    held: dict[str, float] = {}
    for fill in reversed(fills):
        held[fill.coin] = abs(fill.start_position) * fill.price
    changes = [(fill.time, fill.coin, abs(fill.end_position) * fill.price) for fill in fills]
    reached = max(now - MONTH, fills[0].time)
    value_seconds = seconds = 0.0
    for time, coin, value in [*changes, (now, "", 0.0)]:
        if time > reached:
            gross = sum(held.values())
            if not gross < FLAT_USD:  # NaN counts: it must not pass for flat
                value_seconds += gross * (time - reached).total_seconds()
                seconds += (time - reached).total_seconds()
            reached = time
        held[coin] = value
    if seconds == 0:
        return None
    return value_seconds / seconds / equity if math.isfinite(equity) and equity > 0 else math.inf


def classify_style(trades_per_day: float, average_hold_hours: float | None) -> Style:
    """Return how a trader trades (specification 3.2).

    An unknown hold time contradicts nothing: then the number of orders a day decides alone.
    """
    hold = None if average_hold_hours is None or math.isnan(average_hold_hours) else average_hold_hours
    if trades_per_day > HFT_TRADES_PER_DAY and (hold is None or hold < HFT_HOLD_HOURS):
        return Style.HFT
    if trades_per_day >= SWING_TRADES_PER_DAY and (hold is None or hold < SWING_HOLD_HOURS):
        return Style.SWING
    return Style.POSITION


def normalized_roi(roi_90d: float) -> float:
    """Return a 90-day return in percent as 0 to 1; 100 % is full marks."""
    return _unit(roi_90d / ROI_AT_ONE)


def pseudo_sharpe(returns: Sequence[float]) -> float:
    """Return mean over sample deviation of returns as 0 to 1, full marks at 3; 0 without two returns or any spread."""
    if len(returns) < _MIN_RETURNS or min(returns) == max(returns):
        return 0.0
    mean = sum(returns) / len(returns)
    # Not `statistics.stdev`: it raises on infinity, which must only score nothing, and takes seven times as long.
    deviation = math.sqrt(_squares(returns, mean) / (len(returns) - 1))
    return _unit(mean / deviation / SHARPE_AT_ONE) if deviation > 0 else 0.0


def consistency_score(roi_7d: float, roi_30d: float, roi_90d: float | None) -> Consistency:
    """Return how steadily a trader earns, from returns in percent (specification 3.4).

    Without 90 days the same rule stands on 7 and 30 days: both positive are all, one is too few.
    """
    rois = {"7d": (roi_7d, 1), "30d": (roi_30d, 4)}
    if roi_90d is not None:
        rois["90d"] = (roi_90d, 12)
    positives = sum(math.isfinite(roi) and roi > 0 for roi, _ in rois.values())
    if positives == len(rois):
        weekly = [roi / weeks for roi, weeks in rois.values()]
        variance = _squares(weekly, sum(weekly) / len(weekly)) / len(weekly)
        value = 0.7 + max(0.0, 0.3 - variance / 100)
    else:
        value = 0.5 if positives >= _MIN_POSITIVE_WINDOWS else 0.2
    return Consistency(value=value, windows=tuple(rois))


def label_bonus(label: str | None, *, smart_money: bool) -> float:
    """Return the bonus of a trader's label; membership in smart money is worth its label (decision 17)."""
    if label and "Fund" in label:
        return 1.0
    if smart_money or (label and "Smart" in label):
        return 0.8
    return 0.5 if label else 0.0


def risk_score(leverage: float) -> float:
    """Return how carefully a trader uses leverage: 1 up to 1x, 0 from 21x on."""
    return _unit(1 - (leverage - 1) / LEVERAGE_SPAN)


def recency_decay(last_activity: datetime | None, now: datetime, halflife_days: float) -> float:
    """Return what a score keeps after the whole days without activity; nothing when there never was any."""
    if last_activity is None:
        return 0.0
    return float(2.0 ** (-max((now - last_activity).days, 0) / halflife_days))


def weigh(parts: Parts, policy: ScoringPolicy) -> float:
    """Return the weighted sum of the parts."""
    return math.fsum(policy.weights[part.name] * getattr(parts, part.name) for part in fields(parts))


def composite_score(inputs: ScoreInputs, policy: ScoringPolicy, now: datetime) -> Score:
    """Return a trader's score, 0 to 1 (specification 3.3); 0 for a win rate that is unknown or too extreme to be skill."""
    metrics = inputs.metrics
    known = {
        "normalized_roi": None if inputs.roi_90d is None else normalized_roi(inputs.roi_90d),
        "normalized_sharpe": pseudo_sharpe(metrics.returns),
        "normalized_win_rate": 0.0 if metrics.win_rate is None else _unit(metrics.win_rate),
        "smart_money_bonus": label_bonus(inputs.label, smart_money=inputs.smart_money) if inputs.label_known else None,
        "risk_management_score": None if metrics.leverage is None else risk_score(metrics.leverage),
    }
    consistency = None
    if inputs.roi_7d is not None and inputs.roi_30d is not None:
        consistency = consistency_score(inputs.roi_7d, inputs.roi_30d, inputs.roi_90d)
    known["consistency_score"] = None if consistency is None else consistency.value
    parts = Parts(**{name: NEUTRAL if value is None else value for name, value in known.items()})
    raw = weigh(parts, policy)
    decay = recency_decay(metrics.last_activity, now, policy.recency_halflife_days)
    credible = metrics.win_rate is not None and policy.min_win_rate <= metrics.win_rate <= policy.max_win_rate
    return Score(
        parts=parts,
        neutral=tuple(part.name for part in fields(parts) if known[part.name] is None),
        consistency_windows=() if consistency is None else consistency.windows,
        raw=raw,
        decay=decay,
        total=raw * decay if credible else 0.0,
    )


def return_on_equity_percent(pnl: float, account_value: float) -> float | None:
    """Return a PnL as percent of the equity it was made on, at least 10 % of the account value (decision 13).

    None when there is no equity to measure on.
    """
    return _percent(pnl, account_value - pnl, account_value)


def modified_dietz_percent(
    begin_value: float, end_value: float, flows: Iterable[tuple[datetime, float]], start: datetime, end: datetime
) -> float | None:
    """Return the flow-adjusted return of a period in percent: gain over begin value plus flows by the time they worked.

    `flows` are transfers as (moment, USD), positive into the account; those at the start or before are in the begin
    value already, those after the end aren't in the end value. The base is at least 10 % of the larger value, since
    withdrawals can bring it to nothing. None without equity or time.
    """
    if end <= start:
        return None
    inside = [(moment, usd) for moment, usd in flows if start < moment <= end]
    base = begin_value + sum(usd * ((end - moment) / (end - start)) for moment, usd in inside)
    gain = end_value - begin_value - sum(usd for _, usd in inside)
    return _percent(gain, base, max(begin_value, end_value))


def history_return_percent(
    points: Sequence[tuple[datetime, float, float]], since: datetime | None = None
) -> float | None:
    """Return the flow-adjusted return of an equity history in percent, from its beginning or from a moment within it.

    Points are (moment, value, profit so far) in USD, oldest first. What profit doesn't explain of a change of value is a
    transfer, half way between two points; a beginning between two points is interpolated. None when the history doesn't
    reach back to the moment, or has no two points.
    """
    known = list(points) if since is None else part_from(points, since)
    if len(known) < _MIN_POINTS:
        return None
    flows = [
        (before + (after - before) / 2, (value_after - value) - (pnl_after - pnl))
        for (before, value, pnl), (after, value_after, pnl_after) in pairwise(known)
    ]
    (start, begin_value, _), (end, end_value, _) = known[0], known[-1]
    return modified_dietz_percent(begin_value, end_value, flows, start, end)


def part_from(points: Sequence[tuple[datetime, float, float]], since: datetime) -> list[tuple[datetime, float, float]]:
    """Return an equity history from a moment within it on, its beginning interpolated; nothing when it isn't within."""
    for index, ((before, value, pnl), (after, value_after, pnl_after)) in enumerate(pairwise(points)):
        if before <= since < after:
            share = (since - before) / (after - before)
            begin = (since, value + share * (value_after - value), pnl + share * (pnl_after - pnl))
            return [begin, *points[index + 1 :]]
    return []


def roi_7d_at_stated_equity(fills: Iterable[Fill], equity: float, now: datetime) -> float | None:
    """Return the last 7 days' realised PnL in percent of an equity given by the user (decision 33)."""
    return _percent(realized_pnl(fills, now - WEEK, now), equity, equity)


def _percent(gain: float, base: float, account_value: float) -> float | None:
    if not (math.isfinite(base) and math.isfinite(account_value) and account_value > 0):
        return None
    percent = 100 * (gain / max(base, MIN_BASE_SHARE * account_value))
    return percent if math.isfinite(percent) else None


def _squares(values: Sequence[float], mean: float) -> float:
    return sum((value - mean) * (value - mean) for value in values)


def _unit(value: float) -> float:
    return min(1.0, max(0.0, value)) if math.isfinite(value) else 0.0
