"""Alerts by hand: alerts list, alerts test."""

from __future__ import annotations

import time
from typing import Annotated, Final

import typer

from hlcopy.cli import options
from hlcopy.cli.clock import present
from hlcopy.cli.groups import LIST, ListingGroup
from hlcopy.errors import ConfigError

app = typer.Typer(rich_markup_mode=None)
alerts = typer.Typer(rich_markup_mode=None, cls=ListingGroup)

_GROUP_EXAMPLES: Final = """\
\b
Examples:
  hlcopy alerts
  hlcopy alerts test
"""
_LIST_EXAMPLES: Final = """\
\b
Examples:
  hlcopy alerts
  hlcopy alerts list --limit 5 --json
"""
_TEST_EXAMPLES: Final = """\
\b
Examples:
  HLCOPY_ALERT_URLS=tgram://TOKEN/CHAT hlcopy alerts test
  hlcopy alerts test --json

\b
Exit codes: 0 every channel took the message; 1 one didn't; 78 none is set.
The forms of URLs: https://appriseit.com/services/
"""
_LIMIT: Final = 20

Limit = Annotated[int, typer.Option("--limit", min=1, metavar="N", help="How many to show.")]


@app.callback()
def _commands() -> None:
    """Keep `app` a group, whatever the number of its commands."""


@alerts.callback(epilog=_GROUP_EXAMPLES)
def _alerts() -> None:
    """Alerts: list (when none is named), test."""


app.add_typer(alerts, name="alerts")


@alerts.command(LIST, epilog=_LIST_EXAMPLES)
def list_alerts(
    *,
    limit: Limit = _LIMIT,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """List what was told, newest first, and what waits to be sent."""
    from hlcopy.render.alerts import alerts_document, alerts_text

    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    now = present(session.settings)
    with session.store() as store:
        found = store.outbox.recent(limit)
    if as_json:
        session.show_json({"alerts": alerts_document(found, now), "channels": list(session.settings.alert_channels)})
        return
    session.show(alerts_text(found, now))
    if not session.settings.alert_channels:
        session.show("Nobody is told anything: set HLCOPY_ALERT_URLS, then hlcopy alerts test\n")


@alerts.command("test", epilog=_TEST_EXAMPLES)
def try_alerts(
    *,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Send a message to each channel, and say which of them took it."""
    from hlcopy.adapters.notify import Message, send
    from hlcopy.cli.alerting import TIME_S, where
    from hlcopy.render.alerts import results_table

    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    channels = session.settings.alert_channels
    if not channels:
        message = "HLCOPY_ALERT_URLS is empty: set it to apprise's URLs, such as tgram://TOKEN/CHAT"
        raise ConfigError(message)
    began, at = time.perf_counter(), options.now()
    title = f"hlcopy {where(session.settings)}: test"
    body = "This is how alerts arrive."
    why = send([Message(url=url, title=title, body=body) for url in channels.values()], TIME_S)
    results = dict(zip(channels, why, strict=True))
    worked = not any(results.values())
    if as_json:
        session.show_json(
            {
                "command": "alerts test",
                "ok": worked,
                "at": at,
                "mode": session.settings.mode,
                "duration_ms": round((time.perf_counter() - began) * 1000),
                "counts": {"channels": len(results), "failed": sum(map(bool, results.values()))},
                "errors": [
                    {"code": "ALERT_FAILED", "message": said, "item": label} for label, said in results.items() if said
                ],
                "channels": [
                    {"channel": label, "ok": said is None, "message": said} for label, said in results.items()
                ],
            }
        )
    elif not quiet:
        session.show(results_table(results, session.width))
    raise typer.Exit(0 if worked else 1)
