"""What the sources cost: budget."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hlcopy.cli import options
from hlcopy.errors import BadInputError

if TYPE_CHECKING:
    from hlcopy.cli.options import Session
    from hlcopy.config.spending import Spending

app = typer.Typer(rich_markup_mode=None)

_EXAMPLES: Final = """\
\b
Examples:
  hlcopy budget
  hlcopy budget --endpoints
  hlcopy budget --json

\b
The forecast is what the cadences ask for at the load that the ledger shows:
traders followed, positions held, orders confirmed. A machine that was off
spends less than forecast, one that had to catch up more.
"""
_WEEK: Final = timedelta(days=7)
_MONTH: Final = 30


@app.callback()
def _commands() -> None:
    """Keep `app` a group, whatever the number of its commands."""


@app.command("budget", epilog=_EXAMPLES)
def budget(
    *,
    endpoints: Annotated[
        bool, typer.Option("--endpoints", help="A line for each endpoint.", show_default=False)
    ] = False,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="MOMENT", help="As of a moment in UTC, such as 2026-03-08T00:00; else now."),
    ] = None,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Show what was spent of the APIs against the forecast.

    Today, and in seven days: requests and weight at Hyperliquid by command, credits at Nansen. A day is one of UTC. It asks
    nobody anything.
    """
    from hlcopy.config.workload import credits_a_day, forecast, measured
    from hlcopy.render.budget import budget_document, budget_text

    given = _moment(at) if at is not None else None
    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    settings, now = session.settings, given or _present(session)
    periods = _periods(session, now)
    with session.store() as store:
        load = measured(store, settings.policy(), periods[-1].since, now)
    spent_today = sum(line.credits for line in periods[0].lines)
    left = max(0.0, settings.nansen_credits_per_day - spent_today)
    month = credits_a_day(forecast(settings, load)) * _MONTH
    if as_json:
        session.show_json(budget_document(periods, at=now, left=left, month=month))
    elif not quiet:
        session.show(budget_text(periods, left=left, month=month, width=session.width, endpoints=endpoints))


def _present(session: Session) -> datetime:
    """Return the present; that of a venue on this machine, which isn't asked, as of the last request."""
    from hlcopy.adapters.store.usage import StoredUsage

    if session.settings.clock != "venue":
        return options.now()
    with session.store(), StoredUsage(session.settings.database) as usage:
        return usage.latest() or options.now()


def _periods(session: Session, now: datetime) -> list[Spending]:
    """Return what was spent today, and in the seven UTC days that end with it."""
    from hlcopy.adapters.store.usage import StoredUsage
    from hlcopy.config.spending import first_use, spending
    from hlcopy.config.workload import DAY, measured, midnight

    settings, today = session.settings, midnight(now)
    found = []
    with session.store() as store, StoredUsage(settings.database) as usage:
        for name, begin in (("Today", today), ("7 days", today + DAY - _WEEK)):
            used = usage.used(begin, now)
            since = first_use(used, begin)
            load = measured(store, settings.policy(), since, now)
            found.append(spending(name, settings, used, load, since, now))
    return found


def _moment(text: str) -> datetime:
    from datetime import UTC

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        message = f"--at: {text!r} is no moment; write it as 2026-03-08T00:00"
        raise BadInputError(message) from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
