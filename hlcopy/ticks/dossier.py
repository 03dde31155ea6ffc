"""All that is stored of one trader, put together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hlcopy.domain.book import PositionStatus
from hlcopy.domain.episodes import Market, gaps, market_of
from hlcopy.domain.round_trips import round_trips

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hlcopy.domain.choices import Choice
    from hlcopy.domain.episodes import Gap
    from hlcopy.domain.models import Trader, TraderPosition
    from hlcopy.domain.round_trips import RoundTrip
    from hlcopy.ports import Ledger

_LATEST: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class OurResult:
    """What copying a trader came to, in USD; `realized_usd` is net of fees and funding, of closed copies alone."""

    copies: int = 0
    open: int = 0
    won: int = 0
    realized_usd: float = 0.0
    fees_usd: float = 0.0
    funding_usd: float = 0.0
    open_usd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """One trader: its score, its word from us, its positions as last seen, its last round trips, gaps, our result."""

    trader: Trader
    choice: Choice | None
    positions: tuple[TraderPosition, ...]
    trips: tuple[RoundTrip, ...]
    trips_known: int
    gaps: tuple[Gap, ...]
    fills: int
    ours: OurResult
    decisions: Mapping[str, int]


def dossier(ledger: Ledger, trader: Trader) -> Dossier:
    """Return what is stored of a trader."""
    address = trader.address
    fills = [fill for fill in ledger.history.fills(address) if market_of(fill.coin) is Market.PERP]
    trips = [trip for trip in round_trips(fills) if trip.closed_at is not None]
    trips.sort(key=lambda trip: (trip.closed_at or trip.opened_at, trip.coin))
    signals = [signal for signal in ledger.signals.list() if signal.trader == address]
    return Dossier(
        trader=trader,
        choice=ledger.choices.get(address),
        positions=ledger.traders.positions(address),
        trips=tuple(reversed(trips[-_LATEST:])),
        trips_known=len(trips),
        gaps=tuple(gaps(fills)),
        fills=len(fills),
        ours=_ours(ledger, address),
        decisions=dict(Counter(signal.decision for signal in signals).most_common()),
    )


def _ours(ledger: Ledger, address: str) -> OurResult:
    copies = [each for each in ledger.book.positions(live_only=False) if each.source_trader == address]
    closed = [each for each in copies if each.status is PositionStatus.CLOSED]
    live = [each for each in copies if each.status is not PositionStatus.CLOSED]
    results = [each.realized_pnl_usd or 0.0 for each in closed]
    return OurResult(
        copies=len(copies),
        open=len(live),
        won=sum(result > 0 for result in results),
        realized_usd=sum(results),
        fees_usd=sum(each.fees_usd for each in copies),
        funding_usd=sum(each.funding_usd for each in copies),
        open_usd=sum(each.size * each.entry_price for each in live),
    )
