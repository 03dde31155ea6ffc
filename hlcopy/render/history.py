"""What `data status` reports: recorded fills, candles, funding and known equity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hlcopy.render import text
from hlcopy.render.tables import Column, table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hlcopy.domain.episodes import Gap
    from hlcopy.domain.models import Trader
    from hlcopy.ports import CandleCoverage, FillCoverage, FundingCoverage

    IntervalName = Callable[[int], str]

_FILLS: Final = (
    Column("TRADER"),
    Column("FROM"),
    Column("TO"),
    Column("FILLS", right=True),
    Column("ORDERS", right=True),
    Column("GAPS", right=True),
    Column("EQUITY KNOWN"),
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
)
_FUNDING: Final = (Column("COIN"), Column("FROM (UTC)"), Column("TO (UTC)"), Column("RATES", right=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class TraderHistory:
    """One trader's stored fills: how many orders they are, and where positions don't continue."""

    coverage: FillCoverage
    orders: int
    gaps: Sequence[Gap]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryStatus:
    """All that is recorded; `traders` are those whose equity is known."""

    fills: Sequence[TraderHistory]
    candles: Sequence[CandleCoverage]
    funding: Sequence[FundingCoverage]
    traders: Sequence[Trader]


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
            }
            for candles in status.candles
        ],
        "funding": [
            {"token_symbol": rates.coin, "from": rates.first, "to": rates.last, "count": rates.count}
            for rates in status.funding
        ],
        "equity": [
            {"trader_address": trader.address, "account_value": trader.account_value, "as_of": trader.last_scored_at}
            for trader in status.traders
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
        )
        for candles in status.candles
    ]
    funding = [
        (rates.coin, text.moment(rates.first), text.moment(rates.last), text.count(rates.count))
        for rates in status.funding
    ]
    parts = [table("Fills", _FILLS, fills, width=width)]
    if gaps:
        parts.append(table("Gaps: positions that don't continue", _GAPS, gaps, width=width))
    parts.append(table("Candles", _CANDLES, candles, width=width))
    parts.append(table("Funding", _FUNDING, funding, width=width))
    return "\n".join(parts)
