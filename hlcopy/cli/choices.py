"""A person's word on traders: pin, ban, note, watch, a budget."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hlcopy.cli import logs, options
from hlcopy.cli.clock import present
from hlcopy.domain.choices import Choice
from hlcopy.domain.models import Trader
from hlcopy.domain.selection import PRIMARY, Disqualified
from hlcopy.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from pathlib import Path

    from hlcopy.adapters.store import Store

choosing = typer.Typer(rich_markup_mode=None)

_ADDRESS: Final = re.compile(r"0x[0-9a-f]{40}")
_LONGEST_NOTE: Final = 200
_MOST_USD: Final = 1e12
_OFF: Final = "off"

_CHOICE_EXAMPLES: Final = """\
\b
Examples:
  hlcopy traders {example}
  hlcopy traders show 0x513b

\b
A person's word outlasts every score. In backtests there is none.
"""

Address = Annotated[
    str, typer.Argument(metavar="ADDRESS", help="The trader; its beginning is enough.", show_default=False)
]


def one(known: Iterable[Trader], given: str) -> Trader:
    """Return the trader whose address begins as given, or is shortened like that in the table."""
    begin, _, end = given.lower().partition("…")
    matching = [trader for trader in known if trader.address.startswith(begin) and trader.address.endswith(end)]
    if len(matching) == 1:
        return matching[0]
    message = f"{len(matching)} traders' addresses begin with {given!r}; give more of it"
    if not matching:
        message = f"no known trader's address begins with {given!r}; list them with: hlcopy traders --all"
    raise BadInputError(message)


def _choose(
    given: str,
    change: Callable[[Choice], Choice],
    said: Callable[[Store, Choice], str],
    db: Path | None,
    env_file: Path | None,
    *,
    as_json: bool,
    quiet: bool,
    unknown: bool = False,
) -> None:
    """Change a person's word on a trader, and say what it means; `unknown` takes whole addresses that nobody scored."""
    from hlcopy.render.choices import choice_document

    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    now = present(session.settings)
    with session.store(create=unknown) as store, store.transaction():
        trader = _named(store, given, unknown=unknown)
        before = store.choices.get(trader.address) or Choice(address=trader.address, at=now)
        after = replace(change(before), at=now)
        store.choices.put(after)
        told = said(store, after)
    logs.log("choice", trader=trader.address, choice=told)
    if as_json:
        session.show_json({"address": trader.address, "choice": choice_document(after), "said": told})
    elif not quiet:
        session.show(f"{trader.address}: {told}\n")


def _named(store: Store, given: str, *, unknown: bool) -> Trader:
    whole = given.strip().lower()
    if unknown and _ADDRESS.fullmatch(whole) and store.traders.get(whole) is None:
        trader = Trader(address=whole)
        store.traders.put([trader])
        return trader
    if (
        unknown
        and _ADDRESS.fullmatch(whole) is None
        and not any(each.address.startswith(whole) for each in store.traders.all())
    ):
        message = f"{given!r} is no address: 0x and 40 hexadecimal digits, or the beginning of a known one"
        raise BadInputError(message)
    return one(store.traders.all(), given)


def _qualifies(trader: Trader | None, now: datetime) -> bool:
    """Whether nothing but its rank keeps a trader from being copied."""
    if trader is None or not trader.score > 0 or not trader.scored:
        return False
    struck = trader.blacklisted_until is not None and trader.blacklisted_until > now
    return not struck and trader.disqualified_reason in {None, Disqualified.OUTRANKED}


def _plain(name: str, about: str, change: Callable[[Choice], Choice], told: str, *, unknown: bool = False) -> None:
    """Add a command that needs to know nothing but the trader."""

    @choosing.command(name, help=about, epilog=_CHOICE_EXAMPLES.format(example=f"{name} 0x513b"))
    def command(
        address: Address,
        *,
        db: options.Db = None,
        env_file: options.EnvFile = None,
        as_json: options.Json = False,
        quiet: options.Quiet = False,
    ) -> None:
        _choose(
            address, change, lambda _store, _word: told, db, env_file, as_json=as_json, quiet=quiet, unknown=unknown
        )


@choosing.command("pin", epilog=_CHOICE_EXAMPLES.format(example="pin 0x513b"))
def pin(
    address: Address,
    *,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Keep a trader among the copied whatever its rank.

    A pin gives a place, and nothing else: who fails a criterion or is blacklisted isn't copied.
    """

    def said(store: Store, choice: Choice) -> str:
        trader = store.traders.get(choice.address)
        if trader is not None and _qualifies(trader, choice.at):
            store.traders.put([replace(trader, tier=PRIMARY, disqualified_reason=None)])
            return "pinned; it is copied from now on"
        why = trader.disqualified_reason if trader is not None else None
        return f"pinned; it isn't copied until a score finds it fit ({why or 'not scored yet'})"

    _choose(
        address,
        lambda word: replace(word, pinned=True, banned=False),
        said,
        db,
        env_file,
        as_json=as_json,
        quiet=quiet,
        unknown=True,
    )


_plain(
    "unpin",
    "Let a trader's rank decide again.",
    lambda word: replace(word, pinned=False),
    "not pinned; the next score decides by its rank",
)


_plain(
    "ban",
    "Never copy a trader (again).\n\nIt holds at once, for orders that wait, too. What was copied before is managed to its end.",
    lambda word: replace(word, banned=True, pinned=False),
    "banned; nothing of it is copied, open copies are managed to their end",
    unknown=True,
)


_plain(
    "unban",
    "Let a trader be copied again, if it is chosen.",
    lambda word: replace(word, banned=False),
    "not banned; where a score left it out meanwhile the next one decides",
)


@choosing.command("note", epilog=_CHOICE_EXAMPLES.format(example='note 0x513b "fades the open"'))
def note(
    address: Address,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to remember; empty forgets.", show_default=False)],
    *,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Remember something of a trader."""
    words = " ".join(text.split())
    if len(words) > _LONGEST_NOTE:
        message = f"a note has at most {_LONGEST_NOTE} characters, not {len(words)}"
        raise BadInputError(message)
    _choose(
        address,
        lambda word: replace(word, note=words or None),
        lambda _store, _word: "noted" if words else "the note is forgotten",
        db,
        env_file,
        as_json=as_json,
        quiet=quiet,
    )


@choosing.command("watch", epilog=_CHOICE_EXAMPLES.format(example="watch 0x513b8629fe877bb581bf244e326a047b249c4ff1"))
def watch(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The whole address.", show_default=False)],
    *,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Score a wallet that no leaderboard names.

    Each score reads its equity and fills like a candidate's. It is judged and ranked like all others: one that meets the
    criteria is secondary at the least, and copied if its rank or a pin says so.
    """
    told = "watched; the next score reads it: hlcopy score"
    _choose(
        address,
        lambda word: replace(word, watched=True),
        lambda _store, _word: told,
        db,
        env_file,
        as_json=as_json,
        quiet=quiet,
        unknown=True,
    )


_plain(
    "unwatch",
    "Leave a wallet to the leaderboards again.",
    lambda word: replace(word, watched=False),
    "not watched; the next score leaves it out unless a leaderboard names it",
)


@choosing.command("budget", epilog=_CHOICE_EXAMPLES.format(example="budget 0x513b 5000"))
def budget(
    address: Address,
    usd: Annotated[str, typer.Argument(metavar="USD|off", help="The most that may be open, or off.")],
    *,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Cap what may be open of the copies of a trader, in USD.

    A copy is made smaller to fit; what doesn't fit at all is skipped with SKIP_TRADER_BUDGET. Open copies stay.
    """
    cap = _usd(usd)
    told = "no budget" if cap is None else f"at most ${cap:,.2f} of its copies may be open"
    _choose(
        address,
        lambda word: replace(word, budget_usd=cap),
        lambda _store, _word: told,
        db,
        env_file,
        as_json=as_json,
        quiet=quiet,
    )


def _usd(given: str) -> float | None:
    if given.lower() == _OFF:
        return None
    try:
        usd = float(given.replace(",", "").removeprefix("$"))
    except ValueError:
        usd = math.nan
    if not 0 <= usd <= _MOST_USD:
        message = f"a budget is an amount in USD such as 5000, or off, not {given!r}"
        raise BadInputError(message)
    return usd
