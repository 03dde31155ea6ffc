"""The gates judged by what they refused: in a replay of recorded history, or in what the ledger really decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hlcopy.cli import backtest, fetching, logs, options
from hlcopy.errors import BadInputError, SourceDownError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hlcopy.adapters.http import Http
    from hlcopy.adapters.store import Store
    from hlcopy.backtest.decided import Decided
    from hlcopy.backtest.gates import Judgement
    from hlcopy.backtest.run import Plan
    from hlcopy.cli.options import Session
    from hlcopy.ports import Clock, Progress
    from hlcopy.ticks.fetch import Fetched

app = typer.Typer(rich_markup_mode=None)

_DAYS: Final = 30
_MOST_DAYS: Final = 3_650
_EXAMPLES: Final = """\
\b
Examples:
  hlcopy gates
  hlcopy gates --days 90 --json
  hlcopy gates --from 2026-03-01 --to 2026-03-31 --no-fetch
  hlcopy gates --from 2025-01-01 --to 2025-05-01 \\
      --trader 0x513b8629fe877bb581bf244e326a047b249c4ff1=2000000

\b
The files that a replay runs on come in with: hlcopy data import
"""


@app.callback()
def _commands() -> None:
    """Keep `app` a group, whatever the number of its commands."""


@app.command("gates", epilog=_EXAMPLES)
def gates(  # noqa: PLR0913 - an option each
    *,
    days: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=_MOST_DAYS,
            help=f"Of the ledger's own decisions, those on so many days up to today; {_DAYS} if nothing is given.",
            show_default=False,
        ),
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="The first UTC day.", show_default=False)
    ] = None,
    last: Annotated[
        str | None,
        typer.Option("--to", metavar="DATE", help="The last UTC day; today if not given.", show_default=False),
    ] = None,
    trader: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS=EQUITY_USD",
            help="Replay recorded history instead, of this wallet at what it is worth; may be repeated.",
            show_default=False,
        ),
    ] = None,
    replay: Annotated[
        bool, typer.Option("--replay", help="Replay recorded history, with traders chosen on each day by score.")
    ] = False,
    backdate_equity: backtest.Backdate = False,
    no_fetch: Annotated[
        bool, typer.Option("--no-fetch", help="Ask the venue for nothing: judge on stored candles alone.")
    ] = False,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Judge each gate by what the entries it refused would have made.

    Every entry that poll refused, paper or live, is entered in the shadow when it was decided and left by our exits, on
    the market's candles; those that lack are downloaded first. With --replay or --trader the decisions are those of a
    replay of recorded history. Tells the losses avoided, the gains missed, and whether what a gate refused loses by more than
    chance. Nothing is traded.
    """
    if trader or replay:
        _check_replay(days, first, last, no_fetch=no_fetch)
        plan = backtest.Asked.of(first or "", last or "", trader, backdate_equity=backdate_equity)
        session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
        _tell(session, _replayed(session, plan.plan(session)), ())
        return
    if backdate_equity:
        message = "--backdate-equity is for a replay with traders chosen by score; give --replay with it"
        raise BadInputError(message)
    asked = _asked(days, first, last)
    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    judgement, failed = _decided(session, asked, may_fetch=not no_fetch)
    _tell(session, judgement, failed)
    if failed:
        raise typer.Exit(1)


def _tell(session: Session, judgement: Judgement, failed: Sequence[str]) -> None:
    from hlcopy.render.gates import gates_document, gates_text

    first, last = str(judgement.start), str(judgement.end)
    logs.log("gates", source=judgement.source, first=first, last=last, gates=len(judgement.gates))
    if session.as_json:
        session.show_json(gates_document(judgement, failed))
        return
    session.show(gates_text(judgement, session.width))
    for each in failed:
        session.complain(each)


# A replay


def _check_replay(days: int | None, first: str | None, last: str | None, *, no_fetch: bool) -> None:
    if days is not None or first is None or last is None:
        message = "a replay of recorded history needs --from and --to (--days is for the ledger's own decisions)"
        raise BadInputError(message)
    if no_fetch:
        message = "--no-fetch is for the ledger's own decisions; a replay downloads nothing"
        raise BadInputError(message)


def _replayed(session: Session, plan: Plan) -> Judgement:
    from hlcopy.adapters.memory import MemoryLedger
    from hlcopy.backtest.gates import judge
    from hlcopy.backtest.run import play, record

    with session.store() as store, session.progress() as progress:
        played = play(record(store, plan), MemoryLedger(), plan, progress=progress)
        return judge(played, plan.last_day, progress)


# What the ledger decided


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """Whose decisions the user asked for: those of so many days up to today, or from a day on, up to another."""

    days: int
    first: date | None
    last: date | None

    def period(self, today: date) -> tuple[date, date]:
        """Return the first and the last day; raises `BadInputError` for a first one that hasn't come."""
        if self.first is None:
            return today - timedelta(days=self.days - 1), today
        if self.first > today:
            message = f"--from {self.first} lies in the future: today is {today}"
            raise BadInputError(message)
        return self.first, min(self.last or today, today)


def _asked(days: int | None, first: str | None, last: str | None) -> _Asked:
    if first is None and last is None:
        return _Asked(days=days or _DAYS, first=None, last=None)
    if days is not None:
        message = "--days counts back from today: give it alone, or --from and --to"
        raise BadInputError(message)
    if first is None:
        message = "--to needs --from"
        raise BadInputError(message)
    begin, end = backtest.day("--from", first), backtest.day("--to", last) if last is not None else None
    if end is not None and end < begin:
        message = f"--to {end} lies before --from {begin}"
        raise BadInputError(message)
    return _Asked(days=0, first=begin, last=end)


def _decided(session: Session, asked: _Asked, *, may_fetch: bool) -> tuple[Judgement, list[str]]:
    """Return the judgement on what the ledger decided, and what couldn't be read for it."""
    from hlcopy.backtest.decided import decided, judge_decided
    from hlcopy.cli import clock as clocks
    from hlcopy.wiring.http import BoundedHttp

    settings, real = session.settings, clocks.SystemClock()
    with session.store() as store, BoundedHttp(real) as http, session.progress() as progress:
        clock = clocks.clock_of(settings, real, http)
        now = clock.now()
        found = decided(store, *_period(session, asked, now), settings.policy(), now)
        fetched = None
        if may_fetch and found.windows:
            fetched = _fetch(session, found, store, http, clock, progress)
        store.history.source = settings.trade_source
        judgement = judge_decided(store, found, progress)
    _check_followed(found, judgement, fetched, may_fetch=may_fetch)
    return judgement, [f"{each.code}: {each.message}" for each in fetched.problems] if fetched else []


def _period(session: Session, asked: _Asked, now: datetime) -> tuple[date, date]:
    today = now.date()
    if asked.last is not None and asked.last > today:
        session.warn(f"TO_CLIPPED: --to {asked.last} lies in the future; judged up to now, {today}")
    return asked.period(today)


def _fetch(session: Session, found: Decided, store: Store, http: Http, clock: Clock, progress: Progress) -> Fetched:
    from hlcopy.ticks.fetch import run_coins

    with fetching.desk(session, store, http, clock, progress) as desk:
        fetched = run_coins(desk, found.windows)
    for each in fetched.warnings:
        session.warn(f"{each.code}: {each.message}")
    return fetched


def _check_followed(found: Decided, judgement: Judgement, fetched: Fetched | None, *, may_fetch: bool) -> None:
    """Refuse to print tables of nothing where candles are all that lacks, and say how to come by them."""
    if not found.due or any(gate.followed for gate in judgement.gates):
        return
    lacks = f"no stored candles tell of the {len(found.due)} entries in {', '.join(found.windows)}"
    if fetched is not None and fetched.down:
        message = f"{lacks}, and Hyperliquid can't be read now; run `hlcopy gates` again later"
        raise SourceDownError(message)
    if not may_fetch:
        message = f"{lacks}; run without --no-fetch, or import some with: hlcopy data import candles FILE"
        raise BadInputError(message)
