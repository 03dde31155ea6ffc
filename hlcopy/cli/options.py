"""What every command shares: its common options, its settings, and the way it speaks."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hlcopy.cli import logs
from hlcopy.errors import BadInputError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hlcopy.adapters.store import Store
    from hlcopy.config import Settings
    from hlcopy.ports import Progress


def file_of(option: str) -> Callable[[str], Path]:
    """Return a parser of an option's path that refuses what names no file, such as a shell variable that isn't set."""

    def parse(given: str) -> Path:
        if not Path(given).name:
            message = f"{option} must name a file, not {given!r}" if given.strip() else f"{option} is empty"
            raise BadInputError(message)
        return Path(given)

    return parse


Db = Annotated[
    Path | None,
    typer.Option(
        "--db",
        parser=file_of("--db"),
        metavar="PATH",
        help="The database file; wins over HLCOPY_DB.",
        show_default=False,
    ),
]
EnvFile = Annotated[
    Path | None,
    typer.Option(
        "--env-file",
        parser=file_of("--env-file"),
        metavar="PATH",
        help="The settings file, in place of ./.env.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Say nothing but errors on standard error.")]
TickQuiet = Annotated[bool, typer.Option("--quiet", help="Say only what was done, and errors on standard error.")]

_LONGEST_FAILURE: Final = 500


def now() -> datetime:
    """Return the present moment: commands read it here and hand it on."""
    return datetime.now(UTC)


def environment(db: Path | None, given: Mapping[str, str]) -> dict[str, str]:
    """Return the process's environment with `--db`, and what was given for this run, above it."""
    return {**os.environ, **({} if db is None else {"HLCOPY_DB": str(db)}), **given}


def help_when_bare(context: typer.Context) -> None:
    """Print a group's help when no command of it was named."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _refuse_folder(log: Path) -> None:
    with suppress(OSError):  # a path that can't be looked at is told when something is to be logged
        if log.is_dir():
            message = f"the log file {log} is a folder; set HLCOPY_LOG_FILE to a file"
            raise ConfigError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One run of a command: its settings, and how it speaks to whoever called it."""

    settings: Settings
    as_json: bool
    quiet: bool

    @classmethod
    def begin(
        cls,
        db: Path | None,
        env_file: Path | None,
        *,
        as_json: bool,
        quiet: bool,
        practice: bool = False,
        given: Mapping[str, str] | None = None,
    ) -> Session:
        """Read the settings, with `--db` above all other sources, and say where the log lies.

        `practice` is for what only plays: it is paper on mainnet, whatever is set up for trading. `given` stands above
        everything.
        """
        from hlcopy.config import load_settings

        only_plays = {"HLCOPY_MODE": "paper", "HLCOPY_NETWORK": "mainnet"} if practice else {}
        settings = load_settings(environment(db, {**only_plays, **(given or {})}), env_file)
        _refuse_folder(settings.log_path)
        session = cls(settings=settings, as_json=as_json, quiet=quiet)
        logs.configure(settings.log_path, settings.secrets, session.warn)
        return session

    @contextmanager
    def store(self, *, create: bool = False) -> Iterator[Store]:
        """Open the database while the block runs."""
        from hlcopy.wiring import open_store

        with open_store(self.settings, create=create) as store:
            yield store

    @contextmanager
    def progress(self, between: str = "Working") -> Iterator[Progress]:
        """Show progress on standard error while the block runs, if that is a terminal; `between` is told between steps."""
        from hlcopy.cli.progress import progress_on

        with progress_on(sys.stderr, silent=self.quiet or self.as_json, between=between) as progress:
            yield progress

    @property
    def width(self) -> int | None:
        """The terminal's width, None when standard output is no terminal."""
        return shutil.get_terminal_size().columns if sys.stdout.isatty() else None

    def show(self, text: str) -> None:
        """Print text, which brings its own newline."""
        sys.stdout.write(logs.scrub.told(text))

    def show_json(self, document: Mapping[str, object]) -> None:
        """Print the one JSON document."""
        from hlcopy.render import json_document

        sys.stdout.write(logs.scrub.told(json_document(document)) + "\n")

    def show_scrubbed(self, shown: str | Mapping[str, object]) -> None:
        """Print text or the JSON document of what settings may hold: a key may stand where it doesn't belong."""
        from hlcopy.render import json_document

        text = shown if isinstance(shown, str) else json_document(shown) + "\n"
        sys.stdout.write(logs.scrub(text))

    def warn(self, text: str) -> None:
        """Print a warning on standard error, unless asked to be quiet."""
        from hlcopy.render import safe

        if not self.quiet:
            sys.stderr.write(f"warning: {safe(logs.scrub(text))}\n")

    def complain(self, text: str) -> None:
        """Print a failure on standard error."""
        from hlcopy.render import safe

        sys.stderr.write(f"error: {safe(logs.scrub(text), _LONGEST_FAILURE)}\n")
