"""The venue with real orders, put together: key, account, standing, signer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from hlcopy.wiring.keys import agent_key, refuse_own_key
from hlcopy.wiring.preflight import Identity, Ready, VenueStanding, require_ready

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack

    from hlcopy.adapters.hyperliquid.client import InfoClient
    from hlcopy.adapters.hyperliquid.market import HyperliquidMarket
    from hlcopy.adapters.live import LiveExchange
    from hlcopy.config import Settings
    from hlcopy.ports import Clock, Ledger

_KEPT_S: Final = 5.0
"""In the last seconds of a tick nothing new is begun (decision 28)."""


def open_exchange(
    settings: Settings,
    ledger: Ledger,
    client: InfoClient,
    market: HyperliquidMarket,
    clock: Clock,
    opened: ExitStack,
    *,
    time_left: Callable[[], float],
    entering: bool,
    hide: Callable[[str], None],
    tell: Callable[[str], None],
) -> LiveExchange:
    """Return the venue that the settings name, with our account there; it is closed with `opened`.

    Raises `ConfigError` where key, agent or account aren't in order, `TryLaterError` where the venue can't be asked. What
    only keeps from opening positions waits for `require_ready`: who enters protects, too.
    """
    from hlcopy.adapters import live
    from hlcopy.adapters.hyperliquid.account import HyperliquidAccount

    account = settings.binding_account or ""
    key = agent_key(settings, hide)
    who = Identity(agent=live.address_of(key.reveal()), account=account, url=settings.venue_url)
    refuse_own_key(who.agent, account)

    def ask(entering: bool, postpone: bool = False) -> Ready:  # noqa: FBT001, FBT002 - a callback takes no keywords
        real = settings.clock == "system"
        return require_ready(
            client, who, ledger.controls, clock, tell, entering=entering, ask_time=real, postpone=postpone
        )

    ready = ask(entering, postpone=True)
    signer = live.signer(
        key.reveal(),
        network=settings.signs_for,
        url=settings.venue_url,
        account=account,
        is_subaccount=ready.is_subaccount,
    )
    opened.callback(signer.close)
    return live.LiveExchange(
        reader=HyperliquidAccount(client, account, ledger.controls, clock, tell),
        signer=signer,
        listings=market.listings,
        controls=ledger.controls,
        ration=client.ration,
        policy=settings.policy(),
        clock=clock,
        time_left=partial(_without_the_last, time_left),
        standing=VenueStanding(ask, ledger.controls, ready),
        tell=tell,
    )


def _without_the_last(time_left: Callable[[], float]) -> float:
    return time_left() - _KEPT_S
