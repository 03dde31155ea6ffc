"""The demo: a made-up market with made-up traders, replayed through the same ticks that trade."""

from __future__ import annotations

import shutil
import signal
import tempfile
import textwrap
import time
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hlcopy.cli import logs, options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hlcopy.adapters.store import Store
    from hlcopy.backtest.report import Backtest
    from hlcopy.cli.options import Session
    from hlcopy.domain.models import PositionAction
    from hlcopy.ports import Ledger
    from hlcopy.simulator.traders import World
    from hlcopy.ticks.report import Report

app = typer.Typer(rich_markup_mode=None)

START: Final = datetime(2026, 3, 1, tzinfo=UTC)
_LINES: Final = 60
_WIDTH: Final = 79
_EXAMPLES: Final = """\
\b
Examples:
  hlcopy demo
  hlcopy demo --seed 7 --keep
"""


@app.callback()
def _commands() -> None:
    """Keep `app` a group, whatever the number of its commands."""


@app.command("demo", epilog=_EXAMPLES)
def demo(
    *,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another market.")] = 7,
    days: Annotated[int, typer.Option(min=2, max=90, help="How long the market lasts.")] = 21,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the database to look further.")] = False,
    every_line: Annotated[bool, typer.Option("--all", help="Tell the whole story, not only its beginning.")] = False,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Watch made-up traders being judged and copied.

    Makes a market and eight traders whose behaviour is known, records them in a temporary database, and replays some weeks
    through the same ticks that trade. Nothing is needed, nothing leaves this machine.
    """
    began = time.perf_counter()
    with _folder(keep=keep) as folder:
        path = folder / "demo.db"
        session = options.Session.begin(path, env_file, as_json=as_json, quiet=quiet, practice=True)
        if session.settings.log_file is None:  # the traceback of a crash must outlive the folder
            logs.configure(Path(tempfile.gettempdir()) / "hlcopy-demo.log", session.settings.secrets)
        with session.store(create=True) as store:
            result, world = _play(session, store, seed, days, limit=None if every_line else _LINES, keep=keep)
        _tell_end(session, result, world, path if keep else None, seed, time.perf_counter() - began)


@contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    """Make a temporary folder that is gone afterwards, however the block ends, unless it ends well and is to be kept."""
    before = {ending: signal.signal(ending, signal.default_int_handler) for ending in (signal.SIGTERM, signal.SIGHUP)}
    folder = Path(tempfile.mkdtemp(prefix="hlcopy-demo-"))
    try:
        yield folder
    except BaseException:
        keep = False
        raise
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
        for ending, handler in before.items():
            signal.signal(ending, handler)


def _play(
    session: Session, store: Store, seed: int, days: int, *, limit: int | None, keep: bool
) -> tuple[Backtest, World]:
    from hlcopy.adapters.memory import MemoryLedger
    from hlcopy.backtest.keep import keep as keep_replay
    from hlcopy.backtest.run import run
    from hlcopy.simulator.traders import generate

    world = generate(seed, start=START, days=days)
    tell = _silent if session.as_json or session.quiet else session.show
    tell(f"A market of {len(world.candles)} coins and {len(world.traders)} traders, seed {seed}, {days} days:\n\n")
    tell("".join(_introduced(who.address, who.description) for who in world.traders))
    tell("\nTheir orders are judged, those that pass are copied, and the exits are ours:\n\n")
    with store.transaction():
        _record(store, world)
    ledger = MemoryLedger()
    narrator = _Narrator(ledger, tell, limit)
    with session.progress() as progress:
        result = run(
            store.history,
            ledger,
            first_day=START.date(),
            last_day=(START + timedelta(days=days - 1)).date(),
            equity={who.address: who.equity_usd for who in world.traders},
            our_equity=session.settings.paper_equity_usd,
            policy=session.settings.policy(),
            progress=progress,
            listen=narrator,
        )
    narrator.end_day()
    if keep:
        keep_replay(ledger, store)
    return result, world


def _introduced(address: str, description: str) -> str:
    from hlcopy.render import short_address

    name = f"  {short_address(address)}  "
    return textwrap.fill(description, _WIDTH, initial_indent=name, subsequent_indent=" " * len(name)) + "\n"


def _silent(_text: str) -> None:
    """Say nothing."""


def _record(store: Store, world: World) -> None:
    """Store the world as an import of its files would."""
    from hlcopy.adapters.wire import FillReader
    from hlcopy.domain.candles import Candles
    from hlcopy.domain.models import from_ms
    from hlcopy.ports import FundingRate
    from hlcopy.simulator.market import MINUTE_MS

    reader = FillReader()
    for rows in world.fills.values():
        store.history.add_fills(reader.read((f"row {number}", row) for number, row in enumerate(rows, 1)))
    for coin, series in world.candles.items():
        candles = Candles(coin, MINUTE_MS, series.t, series.o, series.h, series.l, series.c, series.v)
        store.history.add_candles(candles)
    for coin, funding in world.funding.items():
        rates = zip(funding.t.tolist(), funding.rate.tolist(), strict=True)
        store.history.add_funding(FundingRate(coin=coin, time=from_ms(at), rate=rate) for at, rate in rates)


class _Narrator:
    """Tells what the ticks do, line by line, until the limit of lines; skips and moved stops are summed up by day."""

    def __init__(self, ledger: Ledger, tell: Callable[[str], None], limit: int | None) -> None:
        self._ledger = ledger
        self._tell = tell
        self._left = limit
        self._told = 0
        self._day = START
        self._skipped: Counter[str] = Counter()
        self._moved: dict[int, list[PositionAction]] = {}

    def __call__(self, report: Report) -> None:
        from hlcopy.domain.models import EXECUTE
        from hlcopy.render.story import judged_line

        if report.at.date() != self._day.date():
            self.end_day()
            self._day = report.at
        for judged in report.decisions:
            if judged.decision == EXECUTE:
                self._say(judged_line(judged))
            elif judged.is_final:
                self._skipped[judged.decision] += 1
        self._tell_actions()

    def end_day(self) -> None:
        """Sum up the day."""
        from hlcopy.render.story import day_lines

        for position_id in sorted(self._moved, key=lambda moved: self._moved[moved][-1].at):
            self._tell_moves(position_id)
        for line in day_lines(self._day, self._skipped):
            self._say(line)
        self._skipped.clear()

    def _tell_actions(self) -> None:
        from hlcopy.render.story import action_line

        for done in self._ledger.book.actions(skip=self._told):
            self._told += 1
            position = self._ledger.book.position(done.position_id)
            if done.action == "stop_moved":
                self._moved.setdefault(done.position_id, []).append(done)
            elif position is not None:
                self._tell_moves(done.position_id, closed=True)
                self._say(action_line(position, done))

    def _tell_moves(self, position_id: int, *, closed: bool = False) -> None:
        from hlcopy.render.story import moves_line

        moves = self._moved.pop(position_id, [])
        position = self._ledger.book.position(position_id)
        if moves and position is not None:
            self._say(moves_line(position, moves, closed=closed))

    def _say(self, line: str) -> None:
        if self._left is None:
            self._tell(f"  {line}\n")
        elif self._left > 0:
            self._left -= 1
            self._tell(f"  {line}\n" if self._left else "  … and so on (--all tells the rest)\n")


def _tell_end(session: Session, result: Backtest, world: World, kept: Path | None, seed: int, seconds: float) -> None:
    if session.as_json:
        from hlcopy.render.backtest import backtest_document

        traders = [
            {"address": who.address, "equity_usd": who.equity_usd, "description": who.description}
            for who in world.traders
        ]
        document = backtest_document(result)
        session.show_json(
            {
                "seed": seed,
                "traders": traders,
                "database": str(kept) if kept else None,
                "duration_ms": round(seconds * 1000),
                **document,
            }
        )
        return
    from hlcopy.render.backtest import summary_text

    session.show("\n" + summary_text(result, session.width))
    session.show(
        f"\n{result.metrics.events:,} events in {seconds:.1f} s. The traders are made up: no result to expect.\n"
    )
    if kept is None:
        again = f"hlcopy demo --seed {seed} --days {world.days} --keep"
        session.show(f"\nTo look further, keep the database:\n  {again}\n  hlcopy backtest --help\n")
        return
    session.show(
        f"\nLook further:\n  hlcopy signals --db {kept}\n  hlcopy traders --db {kept}\n"
        f"  hlcopy positions --no-refresh --all --db {kept}\n  hlcopy data status --db {kept}\n"
    )
