"""The backtest: recorded traders through the real ticks."""

from __future__ import annotations

import math
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperGroup

from hlcopy.cli import audit, logs, options, pages
from hlcopy.cli.fetching import EARLIEST
from hlcopy.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hlcopy.backtest.report import Backtest
    from hlcopy.backtest.run import Plan
    from hlcopy.cli.options import Session
    from hlcopy.ports import Ledger

app = typer.Typer(rich_markup_mode=None)

Save = Annotated[
    Path | None,
    typer.Option("--save", metavar="PATH", help="Keep signals and positions in a new database.", show_default=False),
]


def folder(given: str) -> Path:
    """Return the folder of `--csv`; an empty one is a shell variable that isn't set, not the folder we are in."""
    if not given.strip():
        message = "--csv is empty"
        raise BadInputError(message)
    return Path(given)


Csv = Annotated[
    Path | None,
    typer.Option(
        "--csv",
        parser=folder,
        metavar="DIR",
        help="Write trades.csv, equity.csv, daily.csv and skips.csv into a folder.",
        show_default=False,
    ),
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Another value of a rule's setting for this run, such as STOP_LOSS_PERCENT=3; may be repeated.",
        show_default=False,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Let --csv and --html write over files that exist.")]

_EXAMPLES: Final = """\
\b
Examples:
  hlcopy backtest --from 2025-03-16 --to 2025-05-01 \\
      --trader 0x513b8629fe877bb581bf244e326a047b249c4ff1=2000000
  hlcopy backtest --from 2025-03-16 --to 2025-05-01   # traders by score
  hlcopy backtest ... --save april.db && hlcopy signals --db april.db
  hlcopy backtest ... --csv april --html april.html
  hlcopy backtest ... --set STOP_LOSS_PERCENT=3 --set PROFIT_TAKE_TIER_1=0

\b
The files it runs on come in with: hlcopy data import
"""
_NOT_REPLAYED: Final = "Keys, files and where we trade"
_CHOICE: Final = "Which traders are followed"
"""The groups of settings that a replay doesn't look at, the second where its wallets are stated."""
_TRADER: Final = re.compile(r"(0[xX][0-9a-fA-F]{40})=(.+)")


@app.callback()
def _commands() -> None:
    """Keep `app` a group, whatever the number of its commands."""


First = Annotated[str, typer.Option("--from", metavar="DATE", help="The first UTC day.")]
Last = Annotated[str, typer.Option("--to", metavar="DATE", help="The last UTC day, whole.")]
Traders = Annotated[
    list[str] | None,
    typer.Option(
        "--trader",
        metavar="ADDRESS=EQUITY_USD",
        help="A wallet to follow and what it is worth; may be repeated. Without any, traders are chosen on each day by "
        "score from all that are recorded.",
    ),
]
Backdate = Annotated[
    bool,
    typer.Option(
        "--backdate-equity",
        help="Let what an account was worth count from the moment it is of, though it was read later.",
    ),
]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command line asks to be replayed."""

    first_day: date
    last_day: date
    equity: dict[str, float]
    backdate_equity: bool

    @classmethod
    def of(cls, first: str, last: str, traders: list[str] | None, *, backdate_equity: bool) -> Asked:
        """Read the options that say what; raises `BadInputError` for one that can't be meant."""
        equity = stated_equity(traders)
        if equity and backdate_equity:
            message = "--backdate-equity is for traders chosen by score; with --trader their equity is stated"
            raise BadInputError(message)
        return cls(*whole_days(first, last), equity, backdate_equity)

    def plan(self, session: Session) -> Plan:
        """Return it with the session's settings."""
        from hlcopy.backtest.run import Plan

        return Plan(
            first_day=self.first_day,
            last_day=self.last_day,
            our_equity=session.settings.paper_equity_usd,
            policy=session.settings.replay_policy(),
            equity=self.equity,
            backdate_equity=self.backdate_equity,
        )


def whole_days(first: str, last: str) -> tuple[date, date]:
    """Return the first and the last day, both over."""
    first_day, last_day = day("--from", first), day("--to", last)
    if first_day < EARLIEST:
        message = f"--from {first_day} lies before there was anything to record; {EARLIEST} is early enough"
        raise BadInputError(message)
    if last_day >= datetime.now(UTC).date():
        message = f"--to {last_day} isn't over yet; a backtest needs whole days of the past"
        raise BadInputError(message)
    return first_day, last_day


def day(option: str, given: str) -> date:
    """Return the day that an option gives."""
    try:
        return date.fromisoformat(given)
    except ValueError:
        message = f"{option} must be a day such as 2025-03-16, not {given!r}"
        raise BadInputError(message) from None


def stated_equity(traders: list[str] | None) -> dict[str, float]:
    """Return each wallet's stated equity by its lower-case address."""
    stated: dict[str, float] = {}
    for given in traders or ():
        match = _TRADER.fullmatch(given.strip())
        usd = _amount(match.group(2)) if match else None
        if match is None or usd is None:
            message = f"--trader must be ADDRESS=EQUITY_USD, 0x and 40 hexadecimal digits = dollars, not {given!r}"
            raise BadInputError(message)
        address = match.group(1).lower()
        if address in stated:
            message = f"--trader {address} is given twice"
            raise BadInputError(message)
        stated[address] = usd
    return stated


def changed_settings(changes: list[str], *, chooses: bool) -> dict[str, str]:
    """Return the settings that a run changes, by variable; refuse those that a replay doesn't look at.

    The rules of the choice of traders are among them where it `chooses` its traders.
    """
    from hlcopy.config.meanings import GROUPS
    from hlcopy.config.settings import PREFIX, VARIABLES
    from hlcopy.config.types import nearest

    unseen = {_NOT_REPLAYED} if chooses else {_NOT_REPLAYED, _CHOICE}
    of_rules = {field for group, fields in GROUPS.items() if group not in unseen for field in fields}
    known = {name for name, field in VARIABLES.items() if field in of_rules | {"paper_equity_usd"}}
    changed: dict[str, str] = {}
    for given in changes:
        name, found, value = given.partition("=")
        variable = PREFIX + name.strip().upper().removeprefix(PREFIX)
        if not found or not value.strip():
            message = f"--set must be NAME=VALUE, such as STOP_LOSS_PERCENT=3, not {given!r}"
            raise BadInputError(message)
        if variable not in known:
            message = f"--set {name}: no rule of a replay has this setting; the nearest is {nearest(variable, known)}"
            raise BadInputError(message)
        if variable in changed:
            message = f"--set {name} is given twice"
            raise BadInputError(message)
        changed[variable] = value.strip()
    return changed


def _amount(given: str) -> float | None:
    try:
        usd = float(given.replace("_", "").removeprefix("$"))
    except ValueError:
        return None
    return usd if math.isfinite(usd) and usd > 0 else None


class _Backtest(TyperGroup):
    """The group whose own options a command of it doesn't need."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - Typer's own signature
        """Parse; what is required isn't where a command follows, be it one that there isn't."""
        if args and not args[0].startswith("-"):
            for parameter in self.params:
                parameter.required = False
        return super().parse_args(ctx, args)


group = typer.Typer(rich_markup_mode=None, cls=_Backtest, epilog=_EXAMPLES, invoke_without_command=True)
app.add_typer(group, name="backtest")


@group.callback()
def backtest(  # noqa: PLR0913 - an option each
    context: typer.Context,
    *,
    first: First,
    last: Last,
    trader: Traders = None,
    backdate_equity: Backdate = False,
    changes: Changes = None,
    save: Save = None,
    csv: Csv = None,
    html: pages.Html = None,
    force: Force = False,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Replay recorded fills and candles through the ticks that trade.

    Prints the return and its risk, our exits against the trader's and against holding, the trades, exits and skips by
    reason, what it cost, and everything that was assumed. Nothing is sent anywhere and the recorded history isn't changed.
    """
    if context.invoked_subcommand is not None:
        return
    asked = Asked.of(first, last, trader, backdate_equity=backdate_equity)
    _check_files(csv, html, save, force=force)
    given = changed_settings(changes or [], chooses=not asked.equity)
    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet, given=given)
    result = _run(session, asked.plan(session), save, illustrated=html is not None)
    if given:
        result = replace(result, assumptions={"set": given, **result.assumptions})
    logs.log("backtest", first=str(result.start), last=str(result.end), entries=result.metrics.entries)
    from hlcopy.render.backtest import backtest_document, backtest_text

    if csv is not None:
        from hlcopy.render.sheets import backtest_sheets

        write_sheets(csv, backtest_sheets(result), "the backtest itself went well")
    if html is not None:
        pages.write(html, result)
    if as_json:
        session.show_json(backtest_document(result))
        return
    session.show(backtest_text(result, session.width))
    if save is not None:
        session.show(
            f"\nLook further:\n  hlcopy signals --db {save}\n  hlcopy positions --no-refresh --all --db {save}\n"
        )
    if csv is not None:
        session.show(f"\nWritten to {csv}: {', '.join(_sheets())}\n")
    if html is not None:
        session.show(f"\nWritten to {html}; open it in a browser\n")


@group.command("audit", epilog=audit.EXAMPLES)
def audit_(  # noqa: PLR0913 - an option each
    *,
    first: First,
    last: Last,
    trader: Traders = None,
    backdate_equity: Backdate = False,
    moments: audit.Moments = 10,
    seed: audit.Seed = 1,
    prove: audit.Prove = False,
    changes: Changes = None,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Prove that no decision of a backtest knows what came after it.

    Replays the period, then again with everything after a moment cut off or scrambled: fills, candles, funding, equity and
    leaderboards. Until that moment every score, choice, gate, size and exit must stay the same.
    """
    asked = Asked.of(first, last, trader, backdate_equity=backdate_equity)
    given = changed_settings(changes or [], chooses=not asked.equity)
    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet, given=given)
    code = audit.show(session, asked.plan(session), moments=moments, seed=seed, prove=prove)
    if code:
        raise typer.Exit(code)


def _check_files(csv: Path | None, html: Path | None, save: Path | None, *, force: bool) -> None:
    """Refuse before the work what can't be written after it."""
    if force and csv is None and html is None:
        message = "--force is for --csv DIR and --html FILE, of which none is given"
        raise BadInputError(message)
    if csv is not None:
        check_folder(csv, _sheets(), force=force)
    if html is not None:
        pages.check(html, force=force, beside=save)


def _sheets() -> tuple[str, ...]:
    from hlcopy.render.sheets import SHEETS

    return SHEETS


def check_folder(folder: Path, names: Sequence[str], *, force: bool) -> None:
    """Refuse before the work a folder that sheets can't be written into; one that isn't there is made."""
    if folder.exists() and not folder.is_dir():
        message = f"{folder} is a file; --csv needs a folder"
        raise BadInputError(message)
    try:
        there = [name for name in names if (folder / name).exists()]
        if there and not force:
            message = f"{folder} has {', '.join(there)} already; --force writes over them"
            raise BadInputError(message)
        folder.mkdir(exist_ok=True)
    except OSError as error:
        message = f"{folder} can't be made ({error.strerror}); --csv needs a folder whose parent exists"
        raise BadInputError(message) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        message = f"{folder} can't be written to (Permission denied); --csv needs a folder of yours"
        raise BadInputError(message)


def write_sheets(folder: Path, sheets: Mapping[str, str], comfort: str) -> None:
    """Write every sheet beside its name first, so that no half of one ever stands there; `comfort` says what was done."""
    for name, sheet in sheets.items():
        beside = folder / f".{name}.part"
        try:
            beside.write_text(sheet, encoding="utf-8")
            beside.replace(folder / name)
        except OSError as error:
            beside.unlink(missing_ok=True)
            message = f"{folder} can't be written to ({error.strerror}); {comfort}"
            raise BadInputError(message) from error


def _run(session: Session, plan: Plan, save: Path | None, *, illustrated: bool) -> Backtest:
    from hlcopy.adapters.memory import MemoryLedger

    ledger = MemoryLedger()
    with _reserved(save), session.store() as store:
        result = _replay(session, store, ledger, plan, illustrated=illustrated)
        if save is not None:
            from hlcopy.backtest.keep import keep
            from hlcopy.wiring import open_store

            with open_store(session.settings, path=save, create=True) as kept:
                keep(ledger, kept)
    return result


@contextmanager
def _reserved(path: Path | None) -> Iterator[None]:
    """Hold the name of a file to be while the block runs, so that its work isn't lost in the end; free it when it fails."""
    if path is None:
        yield
        return
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        message = f"{path} exists already; --save writes a new file"
        raise BadInputError(message) from None
    except OSError as error:
        message = f"{path} can't be written ({error.strerror}); --save needs a folder that exists"
        raise BadInputError(message) from error
    try:
        yield
    except BaseException:
        for name in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
            name.unlink(missing_ok=True)
        raise


def _replay(session: Session, recorded: Ledger, ledger: Ledger, plan: Plan, *, illustrated: bool) -> Backtest:
    from hlcopy.backtest.run import run

    with session.progress() as progress:
        return run(recorded, ledger, plan, progress=progress, illustrated=illustrated)
