"""Optuna's tables: beside ours in the same file, or in a database that several machines share."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from hlcopy.adapters.store.connection import connect, in_our_words
from hlcopy.errors import BadInputError, ConfigError, TryLaterError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from optuna.storages import RDBStorage

_PATIENCE_MS: Final = 60_000  # how long a sweep waits for the ticks, or other sweeps, to let it write
_only_reads = ContextVar("only_reads", default=False)
_ATTEMPTS: Final = 8
_BETWEEN_S: Final = (0.02, 0.2)
_WANTED: Final = "must be a database URL such as sqlite:////shared/sweep.db or postgresql://user@host/name"


@contextmanager
def open_studies(path: Path, url: str | None) -> Iterator[RDBStorage]:
    """Open the studies in our file at `path`, or at a database `url`, while the block runs.

    In our file their connections obey its rules: no automatic checkpoints, write-ahead log, a wait while it is busy. In any
    SQLite file transactions take the write lock when they begin, so that two sweeps never take the same trial; what reads
    much is done under `reading`, so that no tick waits for it.
    Raises `BadInputError` for a URL that names no database, `TryLaterError` when it can't be reached.
    """
    import optuna
    from sqlalchemy import event

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    where = shown(url) if url else str(path)
    with _told(where, path):
        storage = _opened(where, path, url)
        storage.engine.dispose()  # it made its tables over connections without the listeners
        event.listen(storage.engine, "connect", _prepare)
        event.listen(storage.engine, "begin", _take_the_lock)
        try:
            yield storage
        finally:
            storage.remove_session()
            storage.engine.dispose()


def _opened(where: str, path: Path, url: str | None) -> RDBStorage:
    """Open the storage and make its tables; two sweeps that make them at the same moment stand in each other's way once."""
    from optuna.exceptions import StorageInternalError
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random

    # The name is of no account: the connections come from us.
    name, made = (url, {}) if url else ("sqlite:///hlcopy", {"creator": lambda: _connected(path)})
    attempts = Retrying(
        retry=retry_if_exception_type((StorageInternalError, DBAPIError)),
        stop=stop_after_attempt(_ATTEMPTS),
        wait=wait_random(*_BETWEEN_S),
        reraise=True,
    )
    try:
        return attempts(RDBStorage, name, made)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        message = f"--storage {where} can't be opened ({error}); it {_WANTED}, with its driver installed"
        raise BadInputError(message) from error
    except RuntimeError as error:
        message = f"the studies in {where} are of another version of Optuna: {error}"
        raise ConfigError(message) from error


def _connected(path: Path) -> sqlite3.Connection:
    db = connect(path, create=False, shared=True)
    db.run("PRAGMA synchronous = NORMAL")  # a power cut may take the last trials, which are tried again
    return db.raw


def shown(url: str) -> str:
    """Return a database URL without its password."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        message = f"--storage {_WANTED}"
        raise BadInputError(message) from None


@contextmanager
def reading() -> Iterator[None]:
    """Let transactions only read while the block runs: they take no lock, however much they read."""
    before = _only_reads.set(True)
    try:
        yield
    finally:
        _only_reads.reset(before)


def _prepare(raw: Any, _record: object) -> None:  # noqa: ANN401 - whatever the driver's connection is
    """Let a SQLite connection wait, and leave the beginning of transactions to `_take_the_lock`."""
    if isinstance(raw, sqlite3.Connection):
        raw.isolation_level = None
        raw.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")


def _take_the_lock(connection: Any) -> None:  # noqa: ANN401 - SQLAlchemy's, imported when it is needed
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN" if _only_reads.get() else "BEGIN IMMEDIATE")


@contextmanager
def _told(where: str, path: Path) -> Iterator[None]:
    """Say in our words what a database does wrong."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (StorageInternalError, SQLAlchemyError) as error:
        cause = _cause(error)
        told = in_our_words(cause, path) if isinstance(cause, sqlite3.Error) and where == str(path) else None
        message = (
            f"the studies in {where} can't be read or written ({cause}); what is finished is kept, try again later"
        )
        raise told if isinstance(told, ConfigError) else TryLaterError(message) from error


def _cause(error: BaseException) -> BaseException:
    """Return the driver's own error below Optuna's and SQLAlchemy's."""
    while (below := getattr(error, "orig", None) or error.__cause__) is not None:
        error = below
    return error
