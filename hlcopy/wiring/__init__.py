"""The composition root: settings in, opened adapters out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hlcopy.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from hlcopy.adapters.store import Store
    from hlcopy.config import Settings


def open_store(settings: Settings, *, create: bool, path: Path | None = None) -> Store:
    """Open the database that the settings name, or another at `path`, bound to their mode, network and account.

    `create` makes a missing file; without it `BadInputError` says that there is none.
    Raises `ConfigError` when the file belongs to another mode, network or account.
    """
    from hlcopy.adapters.store import Binding, Store

    binding = Binding(mode=settings.mode, network=settings.network, account=settings.binding_account)
    return Store.open(path or settings.database, binding, create=create)


def require_built(settings: Settings) -> None:
    """Raise `ConfigError` for what the settings ask for and isn't built yet."""
    if settings.mode == "live":
        message = "HLCOPY_MODE: live trading isn't built yet; set it to paper"
        raise ConfigError(message)
