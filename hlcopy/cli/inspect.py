"""What was judged: signals."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from hlcopy.cli import options
from hlcopy.domain.models import DEFERRED, EXECUTE, SkipReason
from hlcopy.errors import BadInputError

app = typer.Typer(rich_markup_mode=None)

_DECISIONS: Final = (EXECUTE, DEFERRED, *SkipReason)

_SIGNALS_EXAMPLES: Final = f"""\
\b
Examples:
  hlcopy signals --limit 50
  hlcopy signals --decision EXECUTE --since 2026-03-01 --json

Decisions: {", ".join(_DECISIONS)}
"""


def _decision(given: str | None) -> str | None:
    """Return a decision code in capitals; refuse what is none, lest a typing error look like an empty list."""
    if given is None or given.upper() in _DECISIONS:
        return given and given.upper()
    import difflib

    near = difflib.get_close_matches(given.upper(), _DECISIONS, n=1)
    message = f"no decision is called {given!r}; " + (f"did you mean {near[0]}?" if near else "help lists them all")
    raise typer.BadParameter(message)


def _moment(given: str | None) -> datetime | None:
    """Return an ISO-8601 date or time; UTC when it names no zone."""
    if given is None:
        return None
    try:
        moment = datetime.fromisoformat(given)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        message = f"--since must be a date or time such as 2026-03-01 or 2026-03-01T12:30, not {given!r}"
        raise BadInputError(message) from None


@app.callback()
def _commands() -> None:
    """Keep `app` a group, whatever the number of its commands."""


@app.command("signals", epilog=_SIGNALS_EXAMPLES)
def signals(
    *,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="How many to show.")] = 20,
    decision: Annotated[
        str | None,
        typer.Option(
            callback=_decision,
            metavar="CODE",
            help="Only this decision, such as EXECUTE or SKIP_TOO_OLD.",
            show_default=False,
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Only orders traded at or after this UTC date or time.", show_default=False),
    ] = None,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """List the judged orders of traders, newest first."""
    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    earliest = _moment(since)
    with session.store() as store:
        found = store.signals.list(limit=limit, decision=decision, since=earliest)
        none_at_all = not found and not store.signals.list(limit=1)
    if as_json:
        from hlcopy.render.rows import signal_row

        session.show_json({"signals": [signal_row(signal) for signal in found]})
    else:
        from hlcopy.render.reports import signals_table

        session.show(signals_table(found, session.width))
        if none_at_all:
            session.show(
                "They come from: hlcopy poll.\nA backtest keeps its own with --save FILE; see them with --db FILE\n"
            )
