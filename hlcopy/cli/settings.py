"""The settings as they are in force: config show."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hlcopy.cli import options

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hlcopy.config import Settings
    from hlcopy.render.settings import Shown

app = typer.Typer(rich_markup_mode=None)
config = typer.Typer(rich_markup_mode=None)

_SHOW_EXAMPLES: Final = """\
\b
Examples:
  hlcopy config show --changed
  hlcopy config show --json
"""


@app.callback()
def _commands() -> None:
    """Keep `app` a group, whatever the number of its commands."""


@config.callback(invoke_without_command=True, epilog=_SHOW_EXAMPLES)
def _config(context: typer.Context) -> None:
    """Settings: show."""  # noqa: D401 - the line that help shows
    options.help_when_bare(context)


app.add_typer(config, name="config")


@config.command("show", epilog=_SHOW_EXAMPLES)
def show(
    *,
    changed: Annotated[bool, typer.Option("--changed", help="Only what isn't left at its default.")] = False,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Show every setting in force, where it comes from and what it means.

    Secrets are shown as set or not set, never themselves.
    """
    from hlcopy.config import load_with_sources
    from hlcopy.render.settings import settings_document, settings_text

    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    environ = dict(os.environ) if db is None else {**os.environ, "HLCOPY_DB": str(db)}
    settings, sources = load_with_sources(environ, env_file)
    shown = [each for each in _shown(settings, sources, db) if each.source != "default" or not changed]
    if as_json:
        session.show_scrubbed(settings_document(shown))
    else:
        session.show_scrubbed(settings_text(shown))


def _shown(settings: Settings, sources: Mapping[str, Path | None], db: Path | None) -> list[Shown]:
    from hlcopy.config import NAMES
    from hlcopy.config.meanings import GROUPS
    from hlcopy.render.settings import Shown

    said = {field: "environment" if path is None else f"file {path}" for field, path in sources.items()}
    if db is not None:
        said["db"] = "option --db"
    return [
        Shown(
            name=NAMES[field],
            value=_value(settings, field),
            source=said.get(field, "default"),
            meaning=meaning,
            group=group,
        )
        for group, meanings in GROUPS.items()
        for field, meaning in meanings.items()
    ]


def _value(settings: Settings, field: str) -> object:
    """Return what is in force, worked out where the default says so; of a secret only whether it is set."""
    from hlcopy.config import SECRET_FIELDS

    if field in SECRET_FIELDS:
        return "set" if getattr(settings, field) else "not set"
    worked_out = {"db": settings.database, "log_file": settings.log_path, "hyperliquid_url": settings.venue_url}
    value = worked_out.get(field, getattr(settings, field))
    return value if isinstance(value, (str, int, float, dict, type(None))) else str(value)
