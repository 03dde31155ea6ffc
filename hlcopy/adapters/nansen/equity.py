"""Nansen's trades and positions, weighed by the equity that the account's mode calls for (decision 14)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hlcopy.ports import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hlcopy.domain.models import Fill, TraderState
    from hlcopy.ports import TraderSource, UnknownType


class WeighedSource:
    """A source whose equity comes from another: of a unified account, which most are, Nansen tells the margin only."""

    def __init__(self, trades: TraderSource, accounts: TraderSource) -> None:
        self._trades = trades
        self._accounts = accounts

    def room(self, now: datetime) -> int | None:
        """Return how many traders' fills can be read now."""
        return self._trades.room(now)

    def fills(self, trader: str, since: datetime, now: datetime) -> Sequence[Fill] | UnknownType:
        """Return every fill of the trader from `since` on."""
        return self._trades.fills(trader, since, now)

    def positions(self, trader: str, now: datetime) -> TraderState | UnknownType:
        """Return the trader's complete positions, without an equity."""
        state = self._trades.positions(trader, now)
        return state if state is UNKNOWN else replace(state, equity=None, equity_source="")

    def state(self, trader: str, now: datetime) -> TraderState | UnknownType:
        """Return the positions of the one and the equity of the other; the older of the two says how old that is."""
        state = self._trades.state(trader, now)
        account = UNKNOWN if state is UNKNOWN else self._accounts.state(trader, now)
        if state is UNKNOWN or account is UNKNOWN:
            return UNKNOWN
        read_at = min(state.read_at, account.read_at)
        return replace(state, equity=account.equity, equity_source=account.equity_source, read_at=read_at)
