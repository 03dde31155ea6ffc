"""The demo: a local venue, its traders ranked and copied by the real ticks over HTTP, ten simulated days in seconds."""

from __future__ import annotations

import shutil
import signal
import tempfile
import textwrap
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hlcopy.cli import logs, options
from hlcopy.errors import HlcopyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hlcopy.adapters.store import Store
    from hlcopy.backtest.engine import Tally
    from hlcopy.cli.options import Session
    from hlcopy.cli.stage import Promise
    from hlcopy.domain.models import Trader
    from hlcopy.ports import Account
    from hlcopy.simulator.clock import DrivenClock
    from hlcopy.simulator.server import LocalVenue
    from hlcopy.simulator.world import Profile, World
    from hlcopy.ticks.report import Report

app = typer.Typer(rich_markup_mode=None)

START: Final = datetime(2026, 3, 1, tzinfo=UTC)
DAYS: Final = 10
HISTORY_DAYS: Final = 100
_KEY: Final = "demo-key"
_CREDITS: Final = 1_000.0
_WEIGHT_PER_MINUTE: Final = 12_000  # generous: to wait for a ration is of no interest here
_LINES: Final = 60
_WIDTH: Final = 79
_EXAMPLES: Final = """\
\b
Examples:
  hlcopy demo
  hlcopy demo --seed 8 --keep
"""


class BrokenPromiseError(HlcopyError):
    """The demo didn't show what it promises."""

    exit_code = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Played:
    """What ten days on the stage gave."""

    ranked: Mapping[str, Trader]
    kept: Sequence[Promise]
    tally: Tally
    account: Account


@app.callback()
def _commands() -> None:
    """Keep `app` a group, whatever the number of its commands."""


@app.command("demo", epilog=_EXAMPLES)
def demo(
    *,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another market.")] = 7,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the database to look further.")] = False,
    every_line: Annotated[bool, typer.Option("--all", help="Tell the whole story, not only its beginning.")] = False,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Watch made-up traders being ranked, judged and copied.

    Starts a venue on this machine that speaks Hyperliquid's and Nansen's formats, ranks its traders, and runs the real
    ticks over HTTP for ten simulated days. Nothing is needed, nothing leaves this machine. What it is to show is listed at
    its end; it fails if it didn't show it.
    """
    from hlcopy.simulator.clock import DrivenClock
    from hlcopy.simulator.nansen_api import NansenApi
    from hlcopy.simulator.server import LocalVenue
    from hlcopy.simulator.traders import generate
    from hlcopy.simulator.venue import Venue

    began = time.perf_counter()
    asked = options.Session.begin(
        None, env_file, as_json=as_json, quiet=quiet, practice=True
    )  # tells a bad setting now
    with asked.progress("Making a market"):
        world = generate(seed, start=START, days=DAYS, history_days=HISTORY_DAYS)
        venue, clock = Venue(world), DrivenClock(world.start_ms)
    nansen = NansenApi(venue, clock, key=_KEY, credits=_CREDITS)
    with (
        _folder(keep=keep) as folder,
        LocalVenue(venue, clock, weight_per_minute=_WEIGHT_PER_MINUTE, nansen=nansen) as served,
    ):
        path = folder / "demo.db"
        session = options.Session.begin(
            path, env_file, as_json=as_json, quiet=quiet, practice=True, given=_environment(served)
        )
        if session.settings.log_file is None:  # the traceback of a crash must outlive the folder
            logs.configure(Path(tempfile.gettempdir()) / "hlcopy-demo.log", session.settings.secrets)
        with session.store(create=True) as store:
            store.forgo_durability()
            played = _play(session, store, served, clock, limit=None if every_line else _LINES, seed=seed)
        seconds = time.perf_counter() - began
        _tell_end(session, played, served, path if keep else None, seed, seconds)
    broken = [promise.text for promise in played.kept if not promise.kept]
    if broken:
        message = f"seed {seed} doesn't show what the demo promises: {'; '.join(broken)}"
        raise BrokenPromiseError(message)


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


def _environment(served: LocalVenue) -> dict[str, str]:
    return {
        "HLCOPY_SOURCE_URL": served.url,
        "HLCOPY_HYPERLIQUID_URL": served.url,
        "HLCOPY_LEADERBOARD_URL": served.leaderboard_url,
        "HLCOPY_NANSEN_URL": served.nansen_url,
        "NANSEN_API_KEY": _KEY,
        "HLCOPY_HYPERLIQUID_WEIGHT_PER_MINUTE": str(_WEIGHT_PER_MINUTE),
        "HLCOPY_POLLING_INTERVAL_POSITIONS_SEC": "3600",  # spares requests; poll sees liquidations, too
    }


def _play(
    session: Session, store: Store, served: LocalVenue, clock: DrivenClock, *, limit: int | None, seed: int
) -> _Played:
    """Rank the traders, then run ten days of ticks."""
    from hlcopy.backtest.engine import Engine
    from hlcopy.cli.live import watching
    from hlcopy.cli.narrator import Narrator
    from hlcopy.cli.stage import open_stage, promises
    from hlcopy.ticks import reconcile

    world = served.venue.world
    silent = session.as_json or session.quiet
    with watching(session, store, served, silent=silent) as screen:
        tell = screen.tell
        tell(
            f"A market of {len(world.candles)} coins and {len(world.traders)} traders, seed {seed}, served at {served.url}.\n"
        )
        narrator = Narrator(store, tell, START, limit)

        def listen(report: Report) -> None:
            narrator(report)
            screen.refresh(report)

        with open_stage(
            session.settings, store, served, clock, progress=screen.progress, tell=session.warn, listen=listen
        ) as stage:
            stage.new_day(stage.now)
            ranked = {trader.address: trader for trader in store.traders.all()}
            tell(_ranking(world, ranked))
            tell("\nTen days of their orders are judged, some are copied, and the exits are ours:\n\n")
            tally = Engine(stage, START + timedelta(days=DAYS), listen=listen).run()
            narrator.end_day()
            account = reconcile.read(stage.desk, stage.now)
            kept = promises(store, world, ranked)
    return _Played(ranked=ranked, kept=kept, tally=tally, account=account)


def _ranking(world: World, ranked: Mapping[str, Trader]) -> str:
    """Return who was made of the traders: the followed ones first, by score."""
    best_first = sorted(world.traders, key=lambda who: _rank(ranked.get(who.address)))
    return "\nRanked by their past:\n" + "".join(_ranked(who, ranked.get(who.address)) for who in best_first)


def _rank(trader: Trader | None) -> tuple[bool, float]:
    return (trader is None or trader.tier is None, -trader.score if trader else 0.0)


def _ranked(who: Profile, trader: Trader | None) -> str:
    from hlcopy.render import short_address

    if trader is None:
        verdict = "not on the leaderboard"
    elif trader.tier:
        verdict = f"{trader.tier} {trader.score:.2f}"
    else:
        verdict = str(trader.disqualified_reason)
    name = f"  {short_address(who.address)}  {verdict:<13}  "
    return textwrap.fill(who.description, _WIDTH, initial_indent=name, subsequent_indent=" " * len(name)) + "\n"


def _tell_end(
    session: Session, played: _Played, served: LocalVenue, database: Path | None, seed: int, seconds: float
) -> None:
    if session.as_json:
        session.show_json(_document(played, served, database, seed, seconds))
        return
    from hlcopy.render.story import Ending, ending_text

    ending = Ending(
        days=DAYS,
        events=played.tally.events,
        ticks=played.tally.ticks,
        requests=served.usage.requests.total(),
        seconds=seconds,
        equity_usd=played.account.equity,
        gained_usd=played.account.equity - session.settings.paper_equity_usd,
        promises=[(each.text, each.kept) for each in played.kept],
    )
    session.show(ending_text(ending, seed, database))


def _document(
    played: _Played, served: LocalVenue, database: Path | None, seed: int, seconds: float
) -> Mapping[str, object]:
    traders = []
    for who in served.venue.traders:
        trader = played.ranked.get(who.address)
        traders.append(
            {
                "address": who.address,
                "kind": who.kind,
                "description": who.description,
                "tier": trader.tier if trader else None,
                "score": trader.score if trader else None,
                "disqualified_reason": trader.disqualified_reason if trader else None,
            }
        )
    return {
        "seed": seed,
        "days": DAYS,
        "events": played.tally.events,
        "ticks": dict(played.tally.ticks),
        "requests": served.usage.requests.total(),
        "equity_usd": played.account.equity,
        "traders": traders,
        "promises": [{"text": each.text, "kept": each.kept} for each in played.kept],
        "database": str(database) if database else None,
        "duration_ms": round(seconds * 1000),
    }
