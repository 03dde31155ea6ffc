"""Nansen's leaderboard and summaries, for the daily selection."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.domain.models import NANSEN
from hlcopy.errors import ConfigError, OutOfCreditsError, RationedError, TryLaterError
from hlcopy.ports import UNKNOWN, Leader, Leaders, TradeSummary

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from hlcopy.adapters.nansen.client import NansenClient
    from hlcopy.adapters.nansen.models import LeaderRow
    from hlcopy.ports import DeepFills, Leaderboard, Portfolio, Profiles, UnknownType

_WINDOW: Final = timedelta(days=30)
_PAGES: Final = 2


class NansenLeaderboard:
    """The 2,000 traders with the best total PnL of 30 days, for 10 to 15 credits.

    Nothing is filtered out at the server: whoever is left out gets a reason here. Labels of smart money cost thirty times as
    much, so membership in a page filtered by them stands in for them (decision 17).
    """

    def __init__(self, client: NansenClient) -> None:
        self._client = client

    def leaders(self, now: datetime) -> Leaders:
        """Return the leaderboard of the last 30 days."""
        first, last = (now - _WINDOW).date(), now.date()
        board = self._client.perp_leaderboard(first, last, max_pages=_PAGES)
        smart = {row.trader_address for row in self._client.perp_leaderboard(first, last, smart_money=True).rows}
        rows = tuple(_leader(row, smart_money=row.trader_address in smart) for row in board.rows)
        return Leaders(source=NANSEN, rows=rows)


class AutoLeaderboard:
    """One leaderboard while its credits and budget last, else another."""

    def __init__(self, first: Leaderboard, fallback: Leaderboard) -> None:
        self._first = first
        self._fallback = fallback

    def leaders(self, now: datetime) -> Leaders:
        """Return the first leaderboard, or the fallback with a note that says why."""
        try:
            return self._first.leaders(now)
        except (OutOfCreditsError, RationedError) as error:
            leaders = self._fallback.leaders(now)
            note = f"the {leaders.source} leaderboard was taken instead of Nansen's: {error}"
            return replace(leaders, notes=(note, *leaders.notes))


class NansenProfiles:
    """Candidates' pasts as another source reads them, with Nansen's summary of their trades."""

    def __init__(self, inner: Profiles, client: NansenClient, tell: Callable[[str], None]) -> None:
        self._inner = inner
        self._client = client
        self._tell = tell

    def portfolio(self, address: str, now: datetime) -> Portfolio | UnknownType:
        """Return an account's equity histories."""
        return self._inner.portfolio(address, now)

    def deep_fills(
        self, address: str, since: datetime, until: datetime, *, at_most: int, now: datetime
    ) -> DeepFills | UnknownType:
        """Return the newest fills of a period, TWAP slices among them, `at_most` of them or a page more."""
        return self._inner.deep_fills(address, since, until, at_most=at_most, now=now)

    def summary(self, address: str, now: datetime) -> TradeSummary | UnknownType | None:
        """Return Nansen's summary of the last 30 days; None without a budget or credits.

        It is an extra, which `score` does without: a key that isn't accepted, or not for this, is told and ends nothing.
        """
        try:
            row = self._client.perp_pnl_summary(address, now - _WINDOW, now)
        except (OutOfCreditsError, RationedError):
            return None
        except (TryLaterError, ConfigError) as error:
            self._tell(str(error))
            return UNKNOWN
        return TradeSummary(
            address=address,
            read_at=now,
            trades=row.traded_times,
            realized_pnl_usd=row.realized_pnl_usd,
            fees_usd=row.fees_usd,
        )


def _leader(row: LeaderRow, *, smart_money: bool) -> Leader:
    return Leader(
        address=row.trader_address,
        account_value=row.account_value,
        pnl_30d_usd=row.total_pnl,
        volume_30d_usd=row.volume_usd,
        realized_30d_usd=row.realized_pnl_usd,
        label=row.trader_address_label,
        smart_money=smart_money,
    )
