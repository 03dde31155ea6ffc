"""Our book as the limits see it: positions at their marks, unresolved orders, what others opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hlcopy.domain.book import IntentState, Purpose
from hlcopy.domain.gates import Holding, Portfolio
from hlcopy.domain.models import Side

if TYPE_CHECKING:
    from hlcopy.ports import Account, Desk


def portfolio(desk: Desk, account: Account) -> Portfolio:
    """Return what counts against our limits; read under the account lock and again after every entry (decision 11)."""
    holdings: dict[str, Holding] = {}
    for position in desk.ledger.book.positions():
        held = account.positions.get(position.coin)
        mark = held.mark if held is not None else position.entry_price
        size = max(position.size, abs(held.size)) if held is not None else position.size
        holdings[position.coin] = Holding(
            coin=position.coin, side=position.side, exposure_usd=size * mark, source_trader=position.source_trader
        )
    for coin, held in account.positions.items():
        foreign = Holding(coin=coin, side=Side.of(held.size), exposure_usd=abs(held.size) * held.mark)
        holdings.setdefault(coin, foreign)
    for order in desk.ledger.book.orders(state=IntentState.PENDING):
        # A late exit of a position that is gone could still meet the next one: its coin waits until it is resolved.
        if order.purpose is not Purpose.ENTRY:
            side = Side.SHORT if order.is_buy else Side.LONG
            holdings.setdefault(order.coin, Holding(coin=order.coin, side=side, exposure_usd=0.0))
    return Portfolio(equity=account.equity, holdings=tuple(holdings.values()))
