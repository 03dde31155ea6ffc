"""What `data fetch` does around the use case: days, whose history, the desk, and what is said in the end."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.errors import BadInputError, TryLaterError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hlcopy.adapters.http import Http
    from hlcopy.adapters.store import Store
    from hlcopy.cli.options import Session
    from hlcopy.ports import Clock, FetchDesk, Progress
    from hlcopy.ticks.fetch import Fetched, Wanted

COMMAND: Final = "fetch"
_DAY: Final = timedelta(days=1)
EARLIEST: Final = date(2020, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the user asked for."""

    first: date
    last: date
    traders: Sequence[str]
    coins: Sequence[str]


def asked(first: str, last: str, traders: Sequence[str], coins: Sequence[str]) -> Asked:
    """Return the options as values; raises `BadInputError` for days that make no period."""
    begin, end = _day("--from", first), _day("--to", last)
    if begin > end:
        message = f"--from {begin} lies after --to {end}"
        raise BadInputError(message)
    if begin < EARLIEST:
        message = f"--from {begin} lies before there was anything to fetch; {EARLIEST} is early enough"
        raise BadInputError(message)
    addresses = dict.fromkeys(address.lower() for address in traders)
    return Asked(first=begin, last=end, traders=list(addresses), coins=list(dict.fromkeys(coins)))


def _day(option: str, given: str) -> date:
    try:
        return date.fromisoformat(given)
    except ValueError:
        message = f"{option} must be a day such as 2025-03-16, not {given!r}"
        raise BadInputError(message) from None


def fetch(session: Session, what: Asked) -> tuple[Fetched, list[str]]:
    """Fetch, and return what became of it with the warnings in one list.

    Raises `TryLaterError` when another process is fetching into the same file.
    """
    from hlcopy.cli import clock as clocks
    from hlcopy.ticks import fetch as fetching
    from hlcopy.wiring.http import BoundedHttp

    real = clocks.SystemClock()
    with session.store(create=True) as store, BoundedHttp(real) as http, session.progress() as progress:
        clock = clocks.clock_of(session.settings, real, http)
        with desk(session, store, http, clock, progress) as opened:
            wanted, warnings = _wanted(opened, what)
            found = fetching.run(opened, wanted)
    return found, warnings + [f"{each.code}: {each.message}" for each in found.warnings]


@contextmanager
def desk(session: Session, store: Store, http: Http, clock: Clock, progress: Progress) -> Iterator[FetchDesk]:
    """Open what fills the recorded history; `TryLaterError` when another process is filling it."""
    from hlcopy.adapters.locks import command_lock
    from hlcopy.cli import ticking
    from hlcopy.wiring import desks

    settings = session.settings
    tell = ticking.Teller(session.warn)
    with command_lock(settings.database, COMMAND) as held:
        if not held:
            message = f"another `hlcopy data fetch` is filling {settings.database}; wait for it to end"
            raise TryLaterError(message)
        with desks.open_fetch_desk(settings, store, http, clock, tell=tell, progress=progress) as opened:
            yield opened


def _wanted(opened: FetchDesk, what: Asked) -> tuple[Wanted, list[str]]:
    from hlcopy.ticks import fetch as fetching

    now = opened.clock.now()
    today, warnings = now.date(), []
    if what.first > today:
        message = f"--from {what.first} lies in the future: today is {today}"
        raise BadInputError(message)
    if what.last > today:
        warnings.append(f"TO_CLIPPED: --to {what.last} lies in the future; fetched up to now, {today}")
    traders = what.traders or fetching.followed(opened)
    if not traders and not what.coins:
        message = "nobody is followed yet; run `hlcopy score` first, or name --trader ADDRESS or --coin COIN"
        raise BadInputError(message)
    start = datetime(what.first.year, what.first.month, what.first.day, tzinfo=UTC)
    after = min(what.last, today)
    end = min(datetime(after.year, after.month, after.day, tzinfo=UTC) + _DAY, now)
    return fetching.Wanted(start=start, end=end, traders=traders, coins=what.coins or None), warnings
