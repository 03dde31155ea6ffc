"""Backups of the database: data backup, data restore, and the one that score makes every day."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from pathlib import Path  # noqa: TC003 - Typer reads annotations
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hlcopy.cli import logs, options
from hlcopy.errors import BadInputError, HlcopyError, TryLaterError

if TYPE_CHECKING:
    from datetime import datetime

    from hlcopy.config import Settings

_MIB: Final = 2**20
_ALL: Final = ("run-all", "score", "poll", "monitor", "positions", "backup")
"""The locks of whoever may have the database open for longer than a moment."""

BACKUP_EXAMPLES: Final = """\
\b
Examples:
  hlcopy data backup
  hlcopy data backup --to /mnt/usb --keep 30

\b
score makes one a day beside the database (HLCOPY_BACKUPS_KEPT, 0 for none).
Ticks may run meanwhile.
"""
RESTORE_EXAMPLES: Final = """\
\b
Examples:
  hlcopy data restore
  hlcopy data restore hlcopy.db.backups/hlcopy.2026-03-01T00-05-12Z.db

\b
Exit codes: 0 restored; 2 the backup can't be used, or the database is sound
and --force is missing; 75 another command has the database open.
"""


def backup(
    *,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            parser=options.file_of("--to"),
            metavar="DIR",
            help="The folder to keep it in, in place of the one beside the database.",
            show_default=False,
        ),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option(min=1, help="How many to keep there, in place of HLCOPY_BACKUPS_KEPT.", show_default=False),
    ] = None,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Copy the database, prove that the copy is sound, and keep the newest ones.

    The copy is one file, for its owner only, named by its UTC date and time.
    """
    from hlcopy.adapters.locks import command_lock
    from hlcopy.adapters.store import backups

    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    database = session.settings.database
    with command_lock(database, "backup") as held, session.progress() as progress:
        if not held:
            message = f"another backup of {database} is being made"
            raise TryLaterError(message)
        kept = keep or session.settings.backups_kept or None
        made, gone = backups.make(database, options.now(), keep=kept, folder=to, progress=progress)
    size = made.path.stat().st_size
    logs.log("backed up", path=str(made.path), bytes=size, removed=len(gone))
    if as_json:
        left = [str(each.path) for each in backups.found(database, made.path.parent)]
        told = {"path": str(made.path), "bytes": size, "at": made.at, "kept": left, "removed": [str(p) for p in gone]}
        session.show_json(told)
    elif not quiet:
        removed = f"; {len(gone)} older removed" if gone else ""
        session.show(f"{made.path}: {size / _MIB:.1f} MiB, sound{removed}\n")


def restore(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="The backup; else the newest good one beside it.", show_default=False),
    ] = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace a database that is sound, too.")] = False,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Put a backup in the place of a database that is damaged or missing.

    What was there is kept beside it. Live trading is halted then: look with verify what the venue holds, and resume.
    """
    from hlcopy.adapters.locks import account_lock, command_lock
    from hlcopy.adapters.store import Binding, backups
    from hlcopy.adapters.store.restoring import restore as put_back

    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    settings = session.settings
    database = settings.database
    if file is None:
        good = backups.newest_good(database)
        if good is None:
            message = f"there is no good backup in {backups.folder_of(database)}; name one"
            raise BadInputError(message)
        file = good.path
    binding = Binding(mode=settings.mode, network=settings.network, account=settings.binding_account)
    with ExitStack() as locks:
        for name in _ALL:
            if not locks.enter_context(command_lock(database, name)):
                message = f"hlcopy {name} has {database} open; end it, and keep cron from starting it, then try again"
                raise TryLaterError(message)
        locks.enter_context(account_lock(database, timeout=0.0))
        done = put_back(database, file, binding, options.now(), force=force)
    logs.log("restored", path=str(file), aside=[str(path) for path in done.aside])
    if as_json:
        aside = [str(path) for path in done.aside]
        session.show_json({"restored": str(file), "database": str(database), "aside": aside, "halted": done.halted})
    elif not quiet:
        kept = f"What was there is {shlex.quote(str(done.aside[0]))} now.\n" if done.aside else ""
        halted = "Trading is halted: see hlcopy verify, then hlcopy resume.\n" if done.halted else ""
        session.show(f"{database} is restored from {file}.\n{kept}{halted}")


def backup_due(settings: Settings, now: datetime) -> str | None:
    """Make the backup of the UTC day unless there is one; return why that failed, None if it didn't."""
    from hlcopy.adapters.locks import command_lock
    from hlcopy.adapters.store import backups

    if not settings.backups_kept:
        return None
    try:
        with command_lock(settings.database, "backup") as held:
            done = backups.found(settings.database)
            if held and not any(each.at.date() == now.date() for each in done):
                made, _ = backups.make(settings.database, now, keep=settings.backups_kept)
                logs.log("backed up", path=str(made.path))
    except HlcopyError as error:
        return str(error)
    return None
