"""The sweep: many configurations of the rules over the same recorded days, and how much of the best is luck."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hlcopy.cli import logs, options
from hlcopy.cli.backtest import Asked, Backdate, First, Last, Traders, changed_settings
from hlcopy.errors import BadInputError, TryLaterError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from hlcopy.backtest.run import Plan
    from hlcopy.backtest.sweep_report import Sweep
    from hlcopy.backtest.sweep_run import SweepPlan
    from hlcopy.backtest.sweep_space import Space
    from hlcopy.cli.options import Session

app = typer.Typer(rich_markup_mode=None)

_COMMAND: Final = "sweep"
_EXAMPLES: Final = """\
\b
Examples:
  hlcopy sweep --from 2025-01-01 --to 2025-05-01 \\
      --trader 0x513b8629fe877bb581bf244e326a047b249c4ff1=2000000 \\
      --set STOP_LOSS_PERCENT=3,5,8 --set TRAILING_STOP_PERCENT=5,8,12
  hlcopy sweep ... --set STOP_LOSS_PERCENT=2..10 --trials 100 --folds 3
  hlcopy sweep ... --storage postgresql://sweeps@db.example/sweeps

\b
What --by may be:
  sharpe  the Sharpe ratio of daily returns, a year
  return  the return over all days, in percent
  calmar  the year's growth over the deepest fall, known from 30 days on
  uplift  our exits less the trader's, percent of an entry on average

\b
The files it runs on come in with: hlcopy data import
"""

Sets = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="NAME=VALUES",
        help="A rule's setting with the values to try: 3,5,8, or with --trials a range 3..8; may be repeated.",
    ),
]
Trials = Annotated[
    int | None,
    typer.Option(
        "--trials", min=1, help="Search with so many trials in all, instead of the whole grid.", show_default=False
    ),
]
Folds = Annotated[
    int,
    typer.Option(
        "--folds", min=0, help="Walk forward: choose on the days so far, test on the next part, so many times."
    ),
]
By = Annotated[str, typer.Option("--by", metavar="FIGURE", help="What is maximised: sharpe, return, calmar, uplift.")]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", min=1, help="How many processes replay; by default one a core.", show_default=False),
]
Name = Annotated[
    str | None,
    typer.Option("--name", metavar="STUDY", help="The study's name, in place of its own.", show_default=False),
]
Storage = Annotated[
    str | None,
    typer.Option(
        "--storage",
        metavar="URL",
        help="Keep the study in this database, which any number of machines may share.",
        show_default=False,
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Another search: the same seed and jobs propose the same.")]
Top = Annotated[int, typer.Option("--top", min=1, help="How many configurations to list.")]


@app.callback()
def _commands() -> None:
    """Keep `app` a group, whatever the number of its commands."""


@app.command(_COMMAND, epilog=_EXAMPLES)
def sweep(  # noqa: PLR0913 - an option each
    *,
    first: First,
    last: Last,
    changes: Sets,
    trader: Traders = None,
    backdate_equity: Backdate = False,
    trials: Trials = None,
    folds: Folds = 0,
    by: By = "sharpe",
    jobs: Jobs = None,
    name: Name = None,
    storage: Storage = None,
    seed: Seed = 0,
    top: Top = 10,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Try many configurations, and say how much of the best is luck.

    Every configuration is a backtest on recorded history. Results are kept as they come: the same command goes on where it was stopped.
    A configuration with fewer than ten days with entries can't win. Nothing is sent anywhere.
    """
    from hlcopy.backtest.sweep import MEASURES, Window
    from hlcopy.backtest.sweep import folds as cut

    asked = Asked.of(first, last, trader, backdate_equity=backdate_equity)
    if by not in MEASURES:
        message = f"--by must be {', '.join(MEASURES)}, not {by!r}"
        raise BadInputError(message)
    if folds:
        cut(Window(first=asked.first_day, last=asked.last_day), folds)
    space = _space(changes, trials, chooses=not asked.equity)
    if space.size is not None and trials is not None and trials >= space.size:
        trials = None  # the grid is no larger
    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    base = asked.plan(session)
    from hlcopy.backtest.sweep_run import SweepPlan

    plan = SweepPlan(
        recording=_recording(session, base),
        rules=partial(_replayed, base, db, env_file),
        as_set=_as_set(session, space),
        space=space,
        trials=trials,
        seed=seed,
        by=by,
        folds=folds,
        given_name=name,
    )
    result = _run(session, plan, jobs or _cores(), storage)
    logs.log(_COMMAND, study=result.study, configurations=len(result.rows), tries=result.tries)
    from hlcopy.render.sweep import sweep_document, sweep_text

    if as_json:
        session.show_json(sweep_document(result))
    else:
        session.show(sweep_text(result, top, session.width))


def _space(changes: list[str], trials: int | None, *, chooses: bool) -> Space:
    """Return what is tried; every value is checked before any work."""
    from hlcopy.backtest.sweep_space import Listed, number_text, space
    from hlcopy.config.load import refusal
    from hlcopy.config.settings import NAMES, PREFIX, Settings

    whole = [
        NAMES[name].removeprefix(PREFIX) for name, field in Settings.model_fields.items() if field.annotation is int
    ]
    changed = changed_settings(changes, chooses=chooses)
    given = {variable.removeprefix(PREFIX): text for variable, text in changed.items()}
    made = space(given, whole=whole, trials=trials)
    for axis in made.axes:
        texts = axis.values if isinstance(axis, Listed) else (number_text(axis.low), number_text(axis.high))
        for text in texts:
            problem = refusal(PREFIX + axis.name, text)
            if problem is not None:
                message = f"--set {axis.name}: {text} won't do ({problem})"
                raise BadInputError(message)
    return made


def _replayed(base: Plan, db: Path | None, env_file: Path | None, values: Mapping[str, str]) -> Plan:
    """Return what to replay with some settings changed."""
    from hlcopy.config import load_settings
    from hlcopy.config.settings import PREFIX

    given = {PREFIX + name: value for name, value in values.items()}
    settings = load_settings(options.environment(db, given), env_file)
    return replace(base, policy=settings.replay_policy(), our_equity=settings.paper_equity_usd)


def _as_set(session: Session, asked: Space) -> dict[str, str]:
    """Return the values that the settings of a sweep have as they are."""
    from hlcopy.backtest.sweep_space import number_text
    from hlcopy.config.settings import PREFIX, VARIABLES

    values = {axis.name: getattr(session.settings, VARIABLES[PREFIX + axis.name]) for axis in asked.axes}
    return {
        name: number_text(value) if isinstance(value, (int, float)) else str(value) for name, value in values.items()
    }


def _cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _recording(session: Session, base: Plan) -> str:
    """Return the fingerprint of what is replayed, once all of it is there."""
    from hlcopy.backtest.run import record
    from hlcopy.backtest.sweep import fingerprint

    with session.store() as store, session.progress("Reading what is recorded"):
        return fingerprint(record(store, base))


def _run(session: Session, plan: SweepPlan, jobs: int, storage: str | None) -> Sweep:
    from hlcopy.adapters.store.studies import open_studies
    from hlcopy.backtest.sweep_run import Sweeper
    from hlcopy.backtest.sweep_worker import workers
    from hlcopy.cli.clock import SystemClock
    from hlcopy.wiring import opener

    path = session.settings.database
    sweeper: Sweeper | None = None
    try:
        with (
            _alone(path, storage),
            open_studies(path, storage) as studies,
            workers(opener(session.settings), jobs) as pool,
            session.progress() as progress,
        ):
            alone = storage is None
            sweeper = Sweeper(plan, studies, pool, jobs=jobs, alone=alone, clock=SystemClock(), progress=progress)
            return sweeper.run()
    except KeyboardInterrupt:
        done = f" with {sweeper.finished:,} of {sweeper.total:,} trials finished" if sweeper else ""
        session.warn(f"stopped{done}; what is finished is kept, and the same command goes on with the rest")
        raise


@contextmanager
def _alone(path: Path, storage: str | None) -> Iterator[None]:
    """Let only one sweep at a time work on our file, so that it knows what a killed one left behind."""
    from hlcopy.adapters.locks import command_lock

    if storage is not None:
        yield
        return
    with command_lock(path, _COMMAND) as held:
        if not held:
            message = (
                f"another `hlcopy sweep` works on {path}; wait for it to end, or share a database with --storage URL"
            )
            raise TryLaterError(message)
        yield
