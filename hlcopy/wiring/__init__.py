"""The composition root: settings in, opened adapters out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hlcopy.adapters.store import Store
    from hlcopy.config import Settings


def open_store(settings: Settings, *, create: bool, path: Path | None = None) -> Store:
    """Open the database that the settings name, or another at `path`, bound to their mode, network and account.

    `create` makes a missing file; without it `BadInputError` says that there is none.
    Raises `ConfigError` when the file belongs to another mode, network or account.
    """
    return opener(settings, create=create, path=path)()


def opener(settings: Settings, *, create: bool = False, path: Path | None = None) -> Callable[[], Store]:
    """Return what `open_store` does, to be done later, in another process too; it carries no secret there."""
    from functools import partial

    from hlcopy.adapters.store import Binding, Store

    binding = Binding(mode=settings.mode, network=settings.network, account=settings.binding_account)
    return partial(Store.open, path or settings.database, binding, create=create)
