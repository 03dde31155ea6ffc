"""What a tick works with when the database fails: a copy of what can still be read of it, in memory."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.adapters.memory.usage import MemoryRation, Window
from hlcopy.errors import HlcopyError, LedgerError
from hlcopy.wiring import desks, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hlcopy.adapters.http import Http
    from hlcopy.config import Settings
    from hlcopy.ports import Clock, Desk, Ledger

    Tell = Callable[[str], None]

COMMAND: Final = "monitor"


@contextmanager
def open_shelter(
    settings: Settings, http: Http, clock: Clock, *, tell: Tell, hide: Tell
) -> Iterator[tuple[Desk, bool]]:
    """Open a desk that writes nothing to disk, and say whether our books could be read; profit isn't taken from it.

    Raises as `open_desk` does, and `TryLaterError` from its lock when another command is trading.
    """
    ledger, known = MemoryLedger(), True
    try:
        with open_store(settings, create=False) as store:
            _remember(store, ledger)
    except HlcopyError:
        ledger, known = MemoryLedger(), False
    window = Window()
    per_minute = settings.hyperliquid_weight_per_minute
    with desks.open_desk(
        settings,
        ledger,
        http,
        clock,
        command=COMMAND,
        tell=tell,
        hide=hide,
        ration_of=lambda share: MemoryRation(share, per_minute, window),
    ) as desk:
        # What was taken isn't remembered here: a tier would be taken again by every tick.
        policy = replace(desk.policy, exit=replace(desk.policy.exit, tiers=()))
        yield replace(desk, policy=policy, account_lock=lambda: _lock(desk)), known


def _remember(kept: Ledger, ledger: MemoryLedger) -> None:
    """Copy our positions that aren't over, with all that belongs to them."""
    for position in kept.book.positions():
        signal = kept.signals.get(position.signal_id)
        if signal is not None:
            ledger.signals.amend(signal)
        for order in kept.book.orders(position.signal_id):
            ledger.book.put_order(order)
        ledger.book.add_fills(position.signal_id, kept.book.fills(position.signal_id))
        ledger.book.put_position(position)
    halt, mark, equity = kept.controls.halt(), kept.book.fills_mark(), kept.controls.last_equity()
    if halt is not None:
        ledger.controls.put_halt(halt)
    if mark is not None:
        ledger.book.put_fills_mark(mark)
    if equity is not None:
        ledger.controls.add_equity(equity)


@contextmanager
def _lock(desk: Desk) -> Iterator[None]:
    """Hold the account's lock; where its file can't even be used, nobody else holds it either."""
    with ExitStack() as held:
        with suppress(LedgerError):
            held.enter_context(desk.account_lock())
        yield
