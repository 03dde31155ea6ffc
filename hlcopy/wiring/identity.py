"""Who we are in live mode: the account, and the agent whose key signs for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hlcopy.wiring.keys import agent_key
from hlcopy.wiring.preflight import Identity

if TYPE_CHECKING:
    from collections.abc import Callable

    from hlcopy.config import Settings


def identity(settings: Settings, hide: Callable[[str], None]) -> Identity:
    """Return the agent and the account of the settings; `hide` is told of the key, which goes no further.

    Raises `ConfigError` where the account or the key is missing, or lies where others can read it.
    """
    from hlcopy.adapters import live

    account = settings.binding_account or ""
    key = agent_key(settings, hide)
    return Identity(agent=live.address_of(key.reveal()), account=account, url=settings.venue_url)
