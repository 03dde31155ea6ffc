"""How a file is brought to the newest schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlcopy.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlite_utils import Database

    from hlcopy.adapters.store.connection import Connection

    Step = Callable[[Database], None]


def _m001(db: Database) -> None:
    from hlcopy.adapters.store.schema.m001_initial import m001_initial

    m001_initial(db)


def _m002(db: Database) -> None:
    from hlcopy.adapters.store.schema.m002_sources import m002_sources

    m002_sources(db)


def _m003(db: Database) -> None:
    from hlcopy.adapters.store.schema.m003_live import m003_live

    m003_live(db)


def _m004(db: Database) -> None:
    from hlcopy.adapters.store.schema.m004_history import m004_history

    m004_history(db)


def _m005(db: Database) -> None:
    from hlcopy.adapters.store.schema.m005_evidence import m005_evidence

    m005_evidence(db)


def _m006(db: Database) -> None:
    from hlcopy.adapters.store.schema.m006_alerts import m006_alerts

    m006_alerts(db)


def _m007(db: Database) -> None:
    from hlcopy.adapters.store.schema.m007_choices import m007_choices

    m007_choices(db)


def _m008(db: Database) -> None:
    from hlcopy.adapters.store.schema.m008_usage import m008_usage

    m008_usage(db)


MIGRATIONS: Final[tuple[Step, ...]] = (_m001, _m002, _m003, _m004, _m005, _m006, _m007, _m008)
"""The steps in their order; each is imported when a file needs it."""


def migrate(db: Connection) -> None:
    """Bring the file to the newest version; a file from a newer hlcopy is refused."""
    version = _version(db)
    if version > len(MIGRATIONS):
        message = (
            f"{db.path} has schema {version} of a newer hlcopy; install that one, or name another file in HLCOPY_DB"
        )
        raise ConfigError(message)
    for _ in range(version, len(MIGRATIONS)):
        _take_next_step(db)


def _take_next_step(db: Connection) -> None:
    from sqlite_utils import Database

    with db.transaction():
        version = _version(db)  # read again under the write lock: another process may have done this step meanwhile
        if version < len(MIGRATIONS):
            MIGRATIONS[version](Database(db.raw))
            db.run(f"PRAGMA user_version = {version + 1}")


def _version(db: Connection) -> int:
    row = db.row("PRAGMA user_version")
    return int(row[0]) if row else 0
