"""Commands over the file and what it has recorded: data import, data fetch, data status, data backup, data restore."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hlcopy.cli import fetching, importing, keeping, logs, options
from hlcopy.errors import TryLaterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hlcopy.adapters.store import Store
    from hlcopy.domain.spans import Span
    from hlcopy.ports import CandleCoverage, FundingCoverage, History, Ledger, Progress
    from hlcopy.render.history import HistoryStatus, Hole

Files = Annotated[
    list[Path], typer.Argument(metavar="FILE...", help="CSV, JSON or JSON lines; may be gzip.", show_default=False)
]

_EXAMPLES: Final = """\
\b
Examples:
  hlcopy data import candles BTC-5m.csv.gz
  hlcopy data fetch --from 2026-02-01 --to 2026-02-28
  hlcopy data status
"""
_IMPORT_EXAMPLES: Final = """\
\b
Examples:
  hlcopy data import fills fills.csv.gz
  hlcopy data import fills userFills.json --trader 0x513b...
  hlcopy data import candles BTC-5m.csv.gz SOL-5m.csv.gz
"""
_FETCH_EXAMPLES: Final = """\
\b
Examples:
  hlcopy data fetch --from 2026-02-01 --to 2026-02-28
  hlcopy data fetch --from 2026-02-01 --to 2026-02-28 --trader 0x513b...
  hlcopy data fetch --from 2026-02-01 --to 2026-02-28 --coin BTC --coin SOL
"""
_STATUS_EXAMPLES: Final = """\
\b
Example:
  hlcopy data status --json
"""

app = typer.Typer(rich_markup_mode=None)
data = typer.Typer(rich_markup_mode=None)


@app.callback()
def _commands() -> None:
    """Keep `app` a group, whatever the number of its commands."""


@data.callback(invoke_without_command=True, epilog=_EXAMPLES)
def _data(context: typer.Context) -> None:
    """Recorded data: import, fetch, status; the file: backup, restore."""  # noqa: D401 - the line that help shows
    options.help_when_bare(context)


app.add_typer(data, name="data")


def _address(given: str | None) -> str | None:
    if given is not None and not re.fullmatch(r"0[xX][0-9a-fA-F]{40}", given):
        message = f"must be 0x and 40 hexadecimal digits, not {given!r}"
        raise typer.BadParameter(message)
    return given


def _addresses(given: list[str]) -> list[str]:
    for each in given:
        _address(each)
    return given


def _interval(given: str | None) -> str | None:
    if given is not None:
        from hlcopy.adapters.wire import INTERVALS

        if given not in INTERVALS:
            message = f"must be one of {', '.join(INTERVALS)}, not {given!r}"
            raise typer.BadParameter(message)
    return given


@data.command("import", epilog=_IMPORT_EXAMPLES)
def import_(
    kind: Annotated[
        importing.Kind, typer.Argument(metavar="KIND", help="fills, candles or funding.", show_default=False)
    ],
    files: Files,
    *,
    trader: Annotated[
        str | None,
        typer.Option(
            callback=_address, metavar="ADDRESS", help="Whose fills, if the rows don't say.", show_default=False
        ),
    ] = None,
    interval: Annotated[
        str | None,
        typer.Option(callback=_interval, metavar="NAME", help="Of candles: 1m to 1d; else told by their spacing."),
    ] = None,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Store recorded fills, candles or funding rates from files.

    All files are checked first: one bad row, and nothing of any of them is stored. What is stored stays: importing again
    changes nothing, and values that differ are told and left out.
    Columns have the venue's own names, as in userFills, candleSnapshot and fundingHistory.
    """
    for option, given, meant in (("--trader", trader, "fills"), ("--interval", interval, "candles")):
        if given is not None and kind != meant:
            message = f"{option} is for {meant} only"
            raise typer.BadParameter(message)
    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    with session.progress() as progress:
        parsed = importing.parse(kind, files, trader, interval, progress)  # type: ignore[arg-type] # the callback checked it
        with session.store(create=True) as store:
            progress.start("storing", None)
            with store.transaction():
                added, warnings = importing.store(parsed, store.history)
            warnings += importing.warnings_of(parsed, store.history)
            progress.finish()
            _shrink(store, session)
    logs.log("imported", kind=kind, files=len(files), read=parsed.rows, added=added)
    if as_json:
        session.show_json(
            {"kind": kind, "files": len(files), "read": parsed.rows, "added": added, "warnings": warnings}
        )
        return
    for warning in warnings:
        session.warn(warning)
    session.show(f"{kind}: read {parsed.rows:,} rows, added {added:,} to {session.settings.database}\n")


def _shrink(store: Store, session: options.Session) -> None:
    """Fold the write-ahead log into the file; when a tick holds the account lock, it does so instead."""
    from hlcopy.adapters.locks import account_lock

    with suppress(TryLaterError), account_lock(session.settings.database, timeout=0):
        store.checkpoint()


@data.command("fetch", epilog=_FETCH_EXAMPLES)
def fetch(
    *,
    first: Annotated[str, typer.Option("--from", metavar="DATE", help="The first UTC day.")],
    last: Annotated[str, typer.Option("--to", metavar="DATE", help="The last UTC day, whole.")],
    trader: Annotated[
        list[str],
        typer.Option(
            callback=_addresses,
            metavar="ADDRESS",
            help="Whose fills and equity; may be repeated. Else of all that are followed.",
            show_default=False,
        ),
    ] = [],  # noqa: B006 - Typer makes a new one for each call
    coin: Annotated[
        list[str],
        typer.Option(
            metavar="COIN",
            help="Of which perps; may be repeated. Else all that the traders traded.",
            show_default=False,
        ),
    ] = [],  # noqa: B006 - see above
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Download what a backtest of a period needs, as far as the venue still serves it.

    Fills and equity histories of traders, candles at the finest interval there still is, hourly funding, and today's
    public leaderboard. It takes its time, within a ration of the venue's API weight. What is stored isn't asked for again:
    one that was interrupted goes on where it was.
    """
    what = fetching.asked(first, last, trader, coin)
    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    found, warnings = fetching.fetch(session, what)
    logs.log("fetched", first=first, last=last, new=dict(found.new), failed=len(found.problems), down=found.down)
    from hlcopy.render.fetching import DOWN, fetched_document, fetched_text

    if as_json:
        session.show_json(fetched_document(found, warnings))
    else:
        for warning in warnings:
            session.warn(warning)
        if not quiet:
            session.show(fetched_text(found, session.width))
        for problem in found.problems:
            session.complain(f"{problem.code}: {problem.message}")
    if found.down:
        session.complain(DOWN)
        raise typer.Exit(TryLaterError.exit_code)
    if found.problems:
        raise typer.Exit(1)


@data.command("status", epilog=_STATUS_EXAMPLES)
def status(
    *,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Show what is recorded, and what is missing.

    Fills with their orders and gaps, candles and funding rates with theirs, equity through time, and whose equity is known.
    """
    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    with session.store() as store, session.progress() as progress:
        found = _status(store, progress)
    from hlcopy.render.history import history_document, history_tables

    if as_json:
        session.show_json(history_document(found, _interval_name))
    else:
        session.show(history_tables(found, _interval_name, session.width))


def _status(ledger: Ledger, progress: Progress) -> HistoryStatus:
    from hlcopy.domain.episodes import gaps, group_orders
    from hlcopy.render.history import HistoryStatus, TraderHistory

    histories = []
    history = ledger.history
    covered = history.fill_coverage()
    progress.start("checking fills", len(covered))
    for coverage in covered:
        fills = history.fills(coverage.trader)
        reach = ledger.scoring.reach(coverage.trader)
        orders = len(group_orders(fills))
        histories.append(TraderHistory(coverage=coverage, orders=orders, gaps=gaps(fills), reach=reach))
        progress.advance()
    progress.finish()
    candles, funding = history.candle_coverage(), history.funding_coverage()
    progress.start("checking candles", len(candles) + len(funding))
    candle_holes, funding_holes = {}, {}
    for series in candles:
        candle_holes[series.coin, series.interval_ms] = _candle_holes(history, series)
        progress.advance()
    for rates in funding:
        funding_holes[rates.coin] = _funding_holes(history, rates)
        progress.advance()
    progress.finish()
    return HistoryStatus(
        fills=histories,
        candles=candles,
        funding=funding,
        traders=[trader for trader in ledger.traders.all() if trader.account_value is not None],
        equity=history.equity_coverage(),
        candle_holes=candle_holes,
        funding_holes=funding_holes,
    )


def _candle_holes(history: History, series: CandleCoverage) -> list[Hole]:
    from hlcopy.domain.models import to_ms
    from hlcopy.domain.spans import holes

    if not series.missing:
        return []
    found = history.candles(series.coin, series.interval_ms, to_ms(series.first), to_ms(series.last) + 1)
    asked = history.fetched("candles", series.coin, series.interval_ms)
    return _holes(holes(found.runs()), series.interval_ms, asked)


def _funding_holes(history: History, series: FundingCoverage) -> list[Hole]:
    from hlcopy.domain.models import to_ms
    from hlcopy.domain.served import HOUR_MS
    from hlcopy.domain.spans import holes

    rates = history.funding(series.coin, series.first - timedelta(milliseconds=1), series.last)
    hours = [to_ms(rate.time) // HOUR_MS * HOUR_MS for rate in rates]
    asked = history.fetched("funding", series.coin, HOUR_MS)
    return _holes(holes((hour, hour + HOUR_MS) for hour in hours), HOUR_MS, asked)


def _holes(spans: Sequence[Span], step_ms: int, asked: Sequence[Span]) -> list[Hole]:
    from hlcopy.domain.models import from_ms
    from hlcopy.domain.spans import missing
    from hlcopy.render.history import Hole

    return [
        Hole(
            first=from_ms(span[0]),
            last=from_ms(span[1] - step_ms),
            count=(span[1] - span[0]) // step_ms,
            venue_has_none=not missing(span, asked),
        )
        for span in spans
    ]


def _interval_name(interval_ms: int) -> str:
    from hlcopy.adapters.wire import INTERVALS

    names = {length: name for name, length in INTERVALS.items()}
    return names.get(interval_ms, f"{interval_ms} ms")


data.command("backup", epilog=keeping.BACKUP_EXAMPLES)(keeping.backup)
data.command("restore", epilog=keeping.RESTORE_EXAMPLES)(keeping.restore)
