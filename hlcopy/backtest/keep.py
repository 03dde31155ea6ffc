"""Write what a replay left in memory to a ledger that can be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hlcopy.ports import Ledger


def keep(replayed: Ledger, target: Ledger) -> None:
    """Copy traders, signals, positions with their orders, fills and story, and the traders' fills, all or nothing."""
    with target.transaction():
        _keep_traders(replayed, target)
        for signal in replayed.signals.list():
            if signal.is_final:
                target.signals.decide(signal, ())
            else:
                target.signals.defer(signal)
        for position in replayed.book.positions(live_only=False):
            target.book.put_position(position)
            target.book.add_fills(position.signal_id, replayed.book.fills(position.signal_id))
        for order in replayed.book.orders():
            target.book.put_order(order)
        for action in replayed.book.actions():
            target.book.log_action(action)


def _keep_traders(replayed: Ledger, target: Ledger) -> None:
    target.traders.put(replayed.traders.all())
    for trader in replayed.traders.all():
        mark = replayed.traders.mark(trader.address)
        if trader.blacklisted_until is not None:
            target.traders.blacklist(trader.address, trader.blacklisted_until)
        if mark is not None:
            target.traders.put_mark(trader.address, mark)
            target.traders.put_positions(
                trader.address, replayed.traders.positions(trader.address), seen_at=mark.polled_at
            )
        target.history.add_fills(replayed.history.fills(trader.address))
