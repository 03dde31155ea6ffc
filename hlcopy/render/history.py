"""What `data status` reports: recorded fills, candles, funding and equity, and what is missing of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hlcopy.render import text
from hlcopy.render.tables import Column, table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from hlcopy.domain.episodes import Gap
    from hlcopy.domain.models import Trader
    from hlcopy.ports import CandleCoverage, EquityCoverage, FillCoverage, FundingCoverage, Reach

    IntervalName = Callable[[int], str]

_FILLS: Final = (
    Column("TRADER"),
    Column("FROM"),
    Column("TO"),
    Column("FILLS", right=True),
    Column("ORDERS", right=True),
    Column("GAPS", right=True),
    Column("EQUITY"),
    Column("WHOLE FROM"),
)
_GAPS: Final = (
    Column("TRADER"),
    Column("COIN"),
    Column("AT (UTC)"),
    Column("EXPECTED", right=True),
    Column("FOUND", right=True),
)
_CANDLES: Final = (
    Column("COIN"),
    Column("INTERVAL"),
    Column("FROM (UTC)"),
    Column("TO (UTC)"),
    Column("CANDLES", right=True),
    Column("MISSING", right=True),
    Column("GAPS", right=True),
)
_FUNDING: Final = (
    Column("COIN"),
    Column("FROM (UTC)"),
    Column("TO (UTC)"),
    Column("RATES", right=True),
    Column("MISSING", right=True),
    Column("GAPS", right=True),
)
_EQUITY: Final = (
    Column("TRADER"),
    Column("FROM (UTC)"),
    Column("TO (UTC)"),
    Column("POINTS", right=True),
    Column("FIRST READ (UTC)"),
)
_HOLES: Final = (
    Column("COIN"),
    Column("OF"),
    Column("FROM (UTC)"),
    Column("TO (UTC)"),
    Column("MISSING", right=True),
    Column("WHY"),
)
_SHOWN_HOLES: Final = 10
_TOLD_HOLES: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """What is missing between two stored candles or rates; `venue_has_none` when it was asked for and there is nothing."""

    first: datetime
    last: datetime
    count: int
    venue_has_none: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TraderHistory:
    """One trader's stored fills: how many orders they are, where positions don't continue, and when they are whole."""

    coverage: FillCoverage
    orders: int
    gaps: Sequence[Gap]
    reach: Reach | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryStatus:
    """All that is recorded; `traders` are those whose equity is known, holes are by coin and interval or by coin."""

    fills: Sequence[TraderHistory]
    candles: Sequence[CandleCoverage]
    funding: Sequence[FundingCoverage]
    traders: Sequence[Trader]
    equity: Sequence[EquityCoverage] = ()
    candle_holes: Mapping[tuple[str, int], Sequence[Hole]] = field(default_factory=dict)
    funding_holes: Mapping[str, Sequence[Hole]] = field(default_factory=dict)


def history_document(status: HistoryStatus, interval_name: IntervalName) -> dict[str, object]:
    """Return the status as the contract's JSON document."""
    return {
        "fills": [
            {
                "trader_address": history.coverage.trader,
                "from": history.coverage.first,
                "to": history.coverage.last,
                "count": history.coverage.count,
                "orders": history.orders,
                "gaps": [
                    {"token_symbol": gap.coin, "at": gap.at, "expected": gap.expected, "found": gap.found}
                    for gap in history.gaps
                ],
                "complete_from": None if history.reach is None else history.reach.complete_from,
                "complete_until": None if history.reach is None else history.reach.complete_until,
            }
            for history in status.fills
        ],
        "candles": [
            {
                "token_symbol": candles.coin,
                "interval": interval_name(candles.interval_ms),
                "from": candles.first,
                "to": candles.last,
                "count": candles.count,
                "missing": candles.missing,
                "gaps": _told(status.candle_holes.get((candles.coin, candles.interval_ms), ())),
            }
            for candles in status.candles
        ],
        "funding": [
            {
                "token_symbol": rates.coin,
                "from": rates.first,
                "to": rates.last,
                "count": rates.count,
                "missing": _missing(status.funding_holes.get(rates.coin, ())),
                "gaps": _told(status.funding_holes.get(rates.coin, ())),
            }
            for rates in status.funding
        ],
        "equity": [
            {"trader_address": trader.address, "account_value": trader.account_value, "as_of": trader.last_scored_at}
            for trader in status.traders
        ],
        "equity_points": [
            {
                "trader_address": points.trader,
                "from": points.first,
                "to": points.last,
                "count": points.count,
                "first_read_at": points.first_read,
                "last_read_at": points.last_read,
            }
            for points in status.equity
        ],
    }


def history_tables(status: HistoryStatus, interval_name: IntervalName, width: int | None) -> str:
    """Return the status as tables; that of gaps only when there are any."""
    known = {trader.address for trader in status.traders}
    fills = [
        (
            text.short_address(history.coverage.trader),
            text.day(history.coverage.first),
            text.day(history.coverage.last),
            text.count(history.coverage.count),
            text.count(history.orders),
            text.count(len(history.gaps)),
            "yes" if history.coverage.trader in known else "no",
            text.day(history.reach.complete_from if history.reach else None),
        )
        for history in status.fills
    ]
    gaps = [
        (
            text.short_address(history.coverage.trader),
            gap.coin,
            text.moment(gap.at),
            text.amount(gap.expected),
            text.amount(gap.found),
        )
        for history in status.fills
        for gap in history.gaps
    ]
    candles = [
        (
            candles.coin,
            interval_name(candles.interval_ms),
            text.moment(candles.first),
            text.moment(candles.last),
            text.count(candles.count),
            text.count(candles.missing),
            text.count(len(status.candle_holes.get((candles.coin, candles.interval_ms), ()))),
        )
        for candles in status.candles
    ]
    funding = [
        (
            rates.coin,
            text.moment(rates.first),
            text.moment(rates.last),
            text.count(rates.count),
            text.count(_missing(status.funding_holes.get(rates.coin, ()))),
            text.count(len(status.funding_holes.get(rates.coin, ()))),
        )
        for rates in status.funding
    ]
    equity = [
        (
            text.short_address(points.trader),
            text.moment(points.first),
            text.moment(points.last),
            text.count(points.count),
            text.moment(points.first_read),
        )
        for points in status.equity
    ]
    parts = [table("Fills", _FILLS, fills, width=width)]
    if gaps:
        parts.append(table("Gaps: positions that don't continue", _GAPS, gaps, width=width))
    parts.append(table("Candles", _CANDLES, candles, width=width))
    parts.append(table("Funding", _FUNDING, funding, width=width))
    parts.append(table("Equity through time", _EQUITY, equity, width=width))
    holes = _holes(status, interval_name)
    if holes:
        title = f"Largest of {len(holes):,} gaps" if len(holes) > _SHOWN_HOLES else "Gaps in candles and funding"
        parts.append(table(title, _HOLES, [row for _, row in holes[:_SHOWN_HOLES]], width=width))
    return "\n".join(parts)


def _holes(status: HistoryStatus, interval_name: IntervalName) -> list[tuple[float, tuple[str, ...]]]:
    """Return the rows of all gaps, the longest first."""
    series = [(coin, interval_name(length), found) for (coin, length), found in status.candle_holes.items()]
    series += [(coin, "funding", found) for coin, found in status.funding_holes.items()]
    rows = [
        (
            -(hole.last - hole.first).total_seconds(),
            (
                coin,
                what,
                text.moment(hole.first),
                text.moment(hole.last),
                text.count(hole.count),
                "venue has none" if hole.venue_has_none else "not fetched",
            ),
        )
        for coin, what, found in series
        for hole in found
    ]
    return sorted(rows)


def _missing(holes: Sequence[Hole]) -> int:
    return sum(hole.count for hole in holes)


def _told(holes: Sequence[Hole]) -> list[dict[str, object]]:
    """Return the largest holes by time: a coin that hardly trades has thousands."""
    largest = sorted(holes, key=lambda hole: -hole.count)[:_TOLD_HOLES]
    return [
        {"from": hole.first, "to": hole.last, "count": hole.count, "venue_has_none": hole.venue_has_none}
        for hole in sorted(largest, key=lambda hole: hole.first)
    ]
