"""The command that serves a made-up market over HTTP, for rehearsals: it speaks Hyperliquid's and Nansen's formats."""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile
import textwrap
import threading
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hlcopy.cli import options
from hlcopy.errors import BadInputError, TryLaterError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hlcopy.cli.options import Session
    from hlcopy.simulator.server import LocalVenue
    from hlcopy.simulator.switches import Switches
    from hlcopy.simulator.traders import World

app = typer.Typer(rich_markup_mode=None)

START: Final = datetime(2026, 3, 1, tzinfo=UTC)
KEY: Final = "local-venue-key"
ACCOUNT: Final = "0x" + "acc0" * 10
AGENT_KEY: Final = (
    "0x" + ("10ca1" * 13)[:64]
)  # "local", over and over: everybody knows it, so nothing real may ever trust it
_WIDTH: Final = 79
_REHEARSAL: Final = "That trades live in an account of this market alone;\nits key is known to everybody.\n"
_EXAMPLES: Final = """\
\b
Examples:
  hlcopy simulate --port 8777
  hlcopy simulate --speed 60 --seed 8
  hlcopy simulate --account 1000
  hlcopy simulate --account 1000 --fault exchange.order:lost@3
  hlcopy simulate --fault 'info.*:502~0.05' --fault 'nansen.*:429~0.1'

\b
Faults can be switched while it runs: GET and POST /faults, with
{"add": ["SPEC"]} or {"clear": true}. It listens on this machine alone.
"""


@app.callback()
def _commands() -> None:
    """Keep `app` a group, whatever the number of its commands."""


def _print_faults(wanted: bool) -> None:  # noqa: FBT001 - the signature of an option's callback
    if wanted:
        from hlcopy.simulator.switches import faults_help

        typer.echo(faults_help(), nl=False)
        raise typer.Exit


@app.command("simulate", epilog=_EXAMPLES)
def simulate(  # noqa: PLR0913 - an option each
    *,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Where to listen; 0 takes a free one.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another market.")] = 7,
    days: Annotated[int, typer.Option(min=1, max=90, help="How long its present lasts.")] = 10,
    crowd: Annotated[int, typer.Option(min=0, max=2_000, help="More traders, for a longer leaderboard.")] = 0,
    speed: Annotated[float, typer.Option(metavar="X", help="How much faster than real time.")] = 1.0,
    driven: Annotated[bool, typer.Option("--driven", help="Stand still until POST /clock moves it.")] = False,
    nansen_key: Annotated[str, typer.Option(metavar="KEY", help="The key that its Nansen API knows.")] = KEY,
    account: Annotated[
        float,
        typer.Option(min=0, metavar="USD", help="Open an account with this much, to trade live in; 0 opens none."),
    ] = 0,
    fault: Annotated[
        list[str],
        typer.Option(metavar="SPEC", help="Switch a fault on; may be repeated. See --faults-help.", show_default=False),
    ] = [],  # noqa: B006 - Typer makes a new one for each call
    _faults_help: Annotated[
        bool,
        typer.Option("--faults-help", callback=_print_faults, is_eager=True, help="List the faults and exit."),
    ] = False,
    credits_: Annotated[float, typer.Option("--credits", min=0, metavar="N", help="Credits of that key.")] = 10_000,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Serve a made-up market on this machine, for rehearsals.

    Speaks Hyperliquid's info and exchange APIs, its public leaderboard and Nansen's API, with their refusals and limits.
    Serves until it is interrupted or told to end; then it is gone, and nothing was stored.
    """
    if not 0 < speed <= 86_400:  # noqa: PLR2004 - a day a second
        message = f"--speed must be above 0 and at most 86400, not {speed:g}"
        raise BadInputError(message)
    if driven and speed != 1.0:
        message = "--driven has no speed: give one of the two"
        raise BadInputError(message)
    switches = _switched(fault, seed)
    session = options.Session.begin(None, env_file, as_json=as_json, quiet=quiet, practice=True)
    from hlcopy.simulator.clock import DrivenClock, RunningClock
    from hlcopy.simulator.nansen_api import NansenApi
    from hlcopy.simulator.server import HOST, LocalVenue
    from hlcopy.simulator.traders import generate
    from hlcopy.simulator.venue import Venue

    with _telling_of(port), socket.create_server((HOST, port)):
        pass  # making a market takes seconds: whether it can be served is known before
    with session.progress("Making a market"):
        world = generate(seed, start=START, days=days, crowd=crowd)
        venue = Venue(world)
    start_ms = int(START.timestamp() * 1000)
    clock = DrivenClock(start_ms) if driven else RunningClock(start_ms, time.monotonic, speed=speed)
    nansen = NansenApi(venue, clock, key=nansen_key, credits=credits_)
    with _told_to_end() as end, ExitStack() as stack:
        with _telling_of(port):
            served = stack.enter_context(LocalVenue(venue, clock, port=port, nansen=nansen))
        served.switches = switches
        served.prepare()
        environment = _environment(served, nansen_key) | (_open_account(served, account) if account else {})
        _tell(session, served.url, environment, world, seed=seed, speed=None if driven else speed)
        end.wait()


def _switched(specs: list[str], seed: int) -> Switches:
    """Return the faults that are on from the beginning."""
    from hlcopy.simulator.switches import Switches

    switches = Switches(seed)
    for spec in specs:
        try:
            switches.add(spec)
        except ValueError as error:
            message = f"--fault: {error}; hlcopy simulate --faults-help lists them"
            raise BadInputError(message) from None
    return switches


@contextmanager
def _telling_of(port: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        message = f"port {port} can't be had ({reason}); --port 0 takes a free one"
        raise TryLaterError(message) from None


@contextmanager
def _told_to_end() -> Iterator[threading.Event]:
    """Yield an event that is set when this process is told to end."""
    end = threading.Event()
    endings = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {ending: signal.signal(ending, lambda *_: end.set()) for ending in endings}
    try:
        yield end
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)


def _environment(served: LocalVenue, key: str) -> dict[str, str]:
    """Return the settings that use the venue, with a database of its own: a real one must not hear of a made-up market."""
    database = Path(tempfile.gettempdir()) / f"hlcopy-local-{os.getpid()}.db"
    return {
        "HLCOPY_DB": str(database),
        "HLCOPY_SOURCE_URL": served.url,
        "HLCOPY_HYPERLIQUID_URL": served.url,
        "HLCOPY_LEADERBOARD_URL": served.leaderboard_url,
        "HLCOPY_NANSEN_URL": served.nansen_url,
        "NANSEN_API_KEY": key,
        "HLCOPY_CLOCK": "venue",
    }


def _open_account(served: LocalVenue, usd: float) -> dict[str, str]:
    """Open the account that can be traded in, and return the settings that trade in it."""
    from hlcopy.simulator.signatures import address_of

    served.floor.open_account(ACCOUNT, usd)
    served.floor.approve(address_of(AGENT_KEY), ACCOUNT, name="hlcopy")
    return {"HLCOPY_MODE": "live", "HLCOPY_ACCOUNT_ADDRESS": ACCOUNT, "HLCOPY_AGENT_KEY": AGENT_KEY}


def _tell(
    session: Session, url: str, environment: dict[str, str], world: World, *, seed: int, speed: float | None
) -> None:
    """Say where the venue is, how to reach it and who lives there; `speed` is None for a driven clock."""
    if session.as_json:
        traders = [
            {"address": who.address, "kind": who.kind, "equity_usd": who.equity_usd, "description": who.description}
            for who in world.traders
        ]
        session.show_json(
            {
                "command": "simulate",
                "url": url,
                "seed": seed,
                "at": START.isoformat(),
                "until": (START + timedelta(days=world.days)).isoformat(),
                "clock": "driven" if speed is None else "running",
                "speed": speed,
                "environment": environment,
                "traders": traders,
            }
        )
    elif not session.quiet:
        session.show(_text(url, environment, world, seed, speed))
    sys.stdout.flush()


def _text(url: str, environment: dict[str, str], world: World, seed: int, speed: float | None) -> str:
    from hlcopy.simulator.crowd import KIND

    if speed is None:
        pace = f"stands still until it is moved:\n  curl {url}/clock -d '{{\"advance_ms\": 60000}}'"
    else:
        pace = "runs in real time." if speed == 1 else f"runs {speed:g} times as fast as real time."
    settings = "".join(f"  export {name}={value}\n" for name, value in environment.items())
    known = [_introduced(who.address, who.description) for who in world.traders if who.kind != KIND]
    others = len(world.traders) - len(known)
    crowd = f"  and {others:,} more\n" if others else ""
    until = START + timedelta(days=world.days)
    rehearsal = _REHEARSAL if "HLCOPY_AGENT_KEY" in environment else ""
    return (
        f"A market of {len(world.candles)} coins and {len(world.traders):,} traders (seed {seed}) answers at {url}\n"
        f"Its time is {START:%Y-%m-%d} to {until:%Y-%m-%d} and {pace}\n\n"
        f"To use it, in another shell:\n{settings}{rehearsal}\nWho trades there:\n{''.join(known)}{crowd}\n"
        "Ctrl-C ends it.\n"
    )


def _introduced(address: str, description: str) -> str:
    name = f"  {address}  "
    return textwrap.fill(f"{name}{description}", _WIDTH, subsequent_indent=" " * 4) + "\n"
