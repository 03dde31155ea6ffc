"""The settings as they are in force, and what of them cannot work: config show, config lint."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hlcopy.cli import options

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hlcopy.cli.options import Session
    from hlcopy.config import Settings
    from hlcopy.config.workload import Load
    from hlcopy.render.settings import Shown

app = typer.Typer(rich_markup_mode=None)
config = typer.Typer(rich_markup_mode=None)

_SHOW_EXAMPLES: Final = """\
\b
Examples:
  hlcopy config show --changed
  hlcopy config show --json
"""
_LINT_EXAMPLES: Final = """\
\b
Examples:
  hlcopy config lint
  hlcopy config lint --gap 10 --equity 5000
  hlcopy config lint --strict --json

\b
Exit codes: 0 no error was found; 1 one was, or with --strict a warning.
Notes are of rules without effect by their defaults: nothing to mend.
"""
_WEEK: Final = timedelta(days=7)


@app.callback()
def _commands() -> None:
    """Keep `app` a group, whatever the number of its commands."""


@config.callback(invoke_without_command=True, epilog=_SHOW_EXAMPLES)
def _config(context: typer.Context) -> None:
    """Settings: show, lint."""  # noqa: D401 - the line that help shows
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


@config.command("lint", epilog=_LINT_EXAMPLES)
def lint(
    *,
    gap: Annotated[
        float,
        typer.Option("--gap", min=0, max=100, metavar="PERCENT", help="How far all stops gap on the worst day."),
    ] = 5.0,
    equity: Annotated[
        float | None,
        typer.Option(
            "--equity",
            min=1,
            max=1e12,
            metavar="USD",
            help="The account's equity; else as last seen.",
            show_default=False,
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 1 for warnings, too.")] = False,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Find what of the settings cannot work, and say what they amount to.

    Dead branches, caps that never bind, an equity too small for signals to pass, stops beyond liquidation, cadences that
    the APIs don't allow; the worst day in dollars, and what the sources will cost.
    """
    from hlcopy.config.findings import Severity
    from hlcopy.config.lint import lint as linted
    from hlcopy.render.lint import lint_document, lint_text

    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    seen, load = _account(session)
    found = linted(session.settings, equity=equity or seen, load=load, gap_percent=gap)
    bad = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    ok = not any(each.severity in bad for each in found.findings)
    if as_json:
        session.show_scrubbed(lint_document(found, ok=ok))
    elif quiet:
        for each in found.findings:
            if each.severity in bad:
                session.complain(f"{each.name}: {each.why}; {each.remedy}")
    else:
        colour = session.width is not None and not os.environ.get("NO_COLOR")
        session.show_scrubbed(lint_text(found, colour=colour, width=session.width))
    raise typer.Exit(0 if ok else 1)


def _account(session: Session) -> tuple[float, Load]:
    """Return our equity and the load as the database has them; what a new one would begin with where there is none."""
    from hlcopy.config.workload import assumed, measured

    settings, policy = session.settings, session.settings.policy()
    if not settings.database.exists():
        return settings.paper_equity_usd, assumed(policy)
    with session.store() as store:
        last = store.controls.last_equity()
        until = last.at if last is not None and settings.clock == "venue" else options.now()
        equity = last.equity_usd if last is not None and last.equity_usd > 0 else settings.paper_equity_usd
        return equity, measured(store, policy, until - _WEEK, until)


def _shown(settings: Settings, sources: Mapping[str, Path | None], db: Path | None) -> list[Shown]:
    from hlcopy.config import NAMES, lines_of
    from hlcopy.config.meanings import GROUPS
    from hlcopy.render.settings import Shown

    lines = {path: lines_of(path) for path in set(sources.values()) if path is not None}
    said = {
        field: "environment" if path is None else f"file {path}:{lines[path][NAMES[field]]}"
        for field, path in sources.items()
    }
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
