"""What our own trades of a period amount to: a report, and sheets for whoever reckons taxes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hlcopy import __version__
from hlcopy.cli import backtest, logs, options, pages
from hlcopy.cli.clock import present
from hlcopy.cli.fetching import EARLIEST
from hlcopy.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hlcopy.adapters.store import Store
    from hlcopy.backtest.run import Plan
    from hlcopy.cli.options import Session

app = typer.Typer(rich_markup_mode=None)

_DAYS: Final = 7
_MOST_DAYS: Final = 3_650
_DAY: Final = timedelta(days=1)
_REPORT_EXAMPLES: Final = """\
\b
Examples:
  hlcopy report
  hlcopy report --days 30 --html march.html
  hlcopy report --from 2026-03-01 --to 2026-03-31 --json
"""
_EXPORT_EXAMPLES: Final = """\
\b
Examples:
  hlcopy export --csv taxes-2026 --from 2026-01-01 --to 2026-12-31
  hlcopy export --csv taxes-2026 --force --json
"""

First = Annotated[str | None, typer.Option("--from", metavar="DATE", help="The first UTC day.", show_default=False)]
Last = Annotated[
    str | None, typer.Option("--to", metavar="DATE", help="The last UTC day; today if not given.", show_default=False)
]
Csv = Annotated[
    Path,
    typer.Option(
        "--csv",
        parser=backtest.folder,
        metavar="DIR",
        help="Write trades.csv, fills.csv and funding.csv into a folder.",
        show_default=False,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Write over files that are there already.")]


@dataclass(frozen=True, slots=True)
class Period:
    """Whole UTC days, both ends among them."""

    first: date
    last: date

    @property
    def start(self) -> datetime:
        """The first moment."""
        return datetime(self.first.year, self.first.month, self.first.day, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The moment after the last one."""
        return datetime(self.last.year, self.last.month, self.last.day, tzinfo=UTC) + _DAY


def _period(days: int | None, first: str | None, last: str | None, today: date) -> Period:
    """Return the days asked for; raises `BadInputError` for what makes no period."""
    if days is not None and (first is not None or last is not None):
        message = "--days counts back from today: give it alone, or --from and --to"
        raise BadInputError(message)
    if first is None and last is not None:
        message = "--to needs --from"
        raise BadInputError(message)
    end = today if last is None else backtest.day("--to", last)
    begin = today - (days or _DAYS) * _DAY + _DAY if first is None else backtest.day("--from", first)
    if end < begin:
        message = f"--to {end} lies before --from {begin}"
        raise BadInputError(message)
    return Period(begin, end)


@app.command("report", epilog=_REPORT_EXAMPLES)
def report(
    *,
    days: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=_MOST_DAYS,
            help=f"So many UTC days up to today; {_DAYS} if nothing is given.",
            show_default=False,
        ),
    ] = None,
    first: First = None,
    last: Last = None,
    html: pages.Html = None,
    force: Force = False,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Judge our own trades of a period by a backtest's figures.

    Trades, risk and return, costs from gross to net, by trader and by exit, our exits against the traders' own, and how far
    it all is from a replay of the same days on stored fills and candles. Nothing is traded, and nothing is asked outside.
    """
    from hlcopy.backtest.lived import drift, lived
    from hlcopy.render.report import report_document, report_text

    if force and html is None:
        message = "--force is for --html FILE, which isn't given"
        raise BadInputError(message)
    if html is not None:
        pages.check(html, force=force, beside=None)
    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    now = present(session.settings)
    period = _period(days, first, last, now.date())
    with session.store() as store, session.progress() as progress:
        store.history.source = session.settings.trade_source
        plan = _plan(session, store, period)
        result = lived(store, plan, now, illustrated=html is not None)
        drifted = drift(store, plan, progress)
    if html is not None and result.picture is not None:
        from hlcopy.render.page import data_table, joined, listed
        from hlcopy.render.page_backtest import backtest_page
        from hlcopy.render.report import drift_lines, drift_tables, title

        against = joined(*map(data_table, drift_tables(drifted)), listed(drift_lines(drifted)))
        more = [("drift", "Against a replay", against)]
        shown = backtest_page(result, result.picture, version=__version__, title=title(result), more=more)
        pages.put(html, shown, "the report itself went well")
    logs.log("report", first=str(period.first), last=str(period.last), entries=result.metrics.entries)
    if as_json:
        session.show_json(report_document(result, drifted))
        return
    session.show(report_text(result, drifted, session.width))
    if html is not None:
        session.show(f"\nWritten to {html}; open it in a browser\n")


def _plan(session: Session, store: Store, period: Period) -> Plan:
    """Return the period as a replay takes it, on what our account was worth when it began."""
    from hlcopy.backtest.run import Plan

    samples = [sample for sample in store.controls.equity() if sample.at < period.end]
    before = [sample for sample in samples if sample.at <= period.start]
    known = before[-1] if before else samples[0] if samples else None
    return Plan(
        first_day=period.first,
        last_day=period.last,
        our_equity=known.equity_usd if known is not None else session.settings.paper_equity_usd,
        policy=session.settings.policy(),
        equity={},
    )


@app.command("export", epilog=_EXPORT_EXAMPLES)
def export(
    *,
    csv: Csv,
    first: First = None,
    last: Last = None,
    force: Force = False,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write our trades, fills and funding as CSV, for taxes.

    Of the period: trades that ended in it, fills that happened in it, and the funding of positions that ended in it. All of
    it without --from. Times are UTC.
    """
    from hlcopy.render.ledger_sheets import SHEETS, ledger_sheets

    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    period = _period(None, first or str(EARLIEST), last, present(session.settings).date())
    backtest.check_folder(csv, SHEETS, force=force)
    with session.store() as store:
        positions = store.book.positions(live_only=False)
        fills = [(each, fill) for each in positions for fill in store.book.fills(each.signal_id)]
    ended = [each for each in positions if each.closed_at is not None and period.start <= each.closed_at < period.end]
    fills = [pair for pair in fills if period.start <= pair[1].time < period.end]
    fills.sort(key=lambda pair: (pair[1].time, pair[1].identity))
    sheets = ledger_sheets(ended, fills, [each for each in ended if each.funding_usd])
    backtest.write_sheets(csv, sheets, "nothing else was changed")
    counts = {"trades": len(ended), "fills": len(fills), "funding": sum(bool(each.funding_usd) for each in ended)}
    if as_json:
        session.show_json(_exported(period, csv, counts))
    elif not quiet:
        told = ", ".join(f"{count:,} {name}" for name, count in counts.items())
        session.show(f"Written to {csv}: {', '.join(SHEETS)} ({told})\n")


def _exported(period: Period, folder: Path, counts: Mapping[str, int]) -> dict[str, object]:
    return {
        "command": "export",
        "from": str(period.first),
        "to": str(period.last),
        "folder": os.fspath(folder),
        "counts": dict(counts),
    }
