"""Why: the story of a signal, a position or the present, and decisions made again from what was stored for them."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hlcopy.cli import options
from hlcopy.cli.clock import present
from hlcopy.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hlcopy.adapters.store import Store
    from hlcopy.cli.options import Session
    from hlcopy.domain.models import Signal
    from hlcopy.domain.policy import Policy

app = typer.Typer(rich_markup_mode=None)

_NOW: Final = "now"
_WHY_EXAMPLES: Final = """\
\b
Examples:
  hlcopy why                  why nothing was entered of late
  hlcopy why 3f2a             a signal, by the beginning of its id
  hlcopy why '#5'             a position of ours
  hlcopy why BTC              what was made of a coin
  hlcopy why now --at 2026-03-10T12:00 --json
"""
_REPLAY_EXAMPLES: Final = """\
\b
Examples:
  hlcopy replay 3f2a
  hlcopy replay 3f2a --with MIN_POSITION_WEIGHT=0.05
  hlcopy replay --all --since 2026-03-01 --json

\b
Exit codes: 0 the same decision to the byte; 1 another one, or what it was
made from wasn't kept. With --with it tells what would change, and ends
with 0.
"""


def moment(option: str, given: str | None) -> datetime | None:
    """Return an ISO-8601 date or time; UTC when it names no zone."""
    if given is None:
        return None
    try:
        at = datetime.fromisoformat(given)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        message = f"{option} must be a date or time such as 2026-03-01 or 2026-03-01T12:30, not {given!r}"
        raise BadInputError(message) from None


@app.command("why", epilog=_WHY_EXAMPLES)
def why(
    *,
    subject: Annotated[
        str,
        typer.Argument(
            metavar="[ID|COIN|now]",
            help="A signal's id or its beginning, a position's number, a client order id, a coin, or the present.",
            show_default=False,
        ),
    ] = _NOW,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="DATE", help="As of this UTC date or time, not now.", show_default=False),
    ] = None,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Tell in plain words why something was copied, or wasn't.

    Of a signal: each gate with what it measured and asked for, what would have had to differ, orders, stops, costs, and how
    its trader left. Of the present: what became of the last day's orders, and the nearest misses. Asks nobody outside.
    """
    from hlcopy.ticks import story

    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    now = moment("--at", at) or present(session.settings)
    with session.store() as store:
        if subject.strip().lower() == _NOW:
            _tell_present(session, store, now)
            return
        found = story.find(store, subject)
        told = story.tell(store, story.newest_of(store, found), now)
    from hlcopy.render.why import recent_text, story_document, story_text

    if session.as_json:
        session.show_json({**story_document(told), "others": [signal.id for signal in found if signal != told.signal]})
        return
    if len(found) > 1:
        session.show(recent_text(story.recent(found), session.width) + "\n")
    session.show(story_text(told, session.width))


def _tell_present(session: Session, store: Store, now: datetime) -> None:
    from hlcopy.render.pauses import breaker_documents, halt_document, pauses_text
    from hlcopy.render.why import present_document, present_text
    from hlcopy.ticks import breakers, story

    seen = story.present(store, now)
    halted = store.controls.halt()
    standing = breakers.remembered(store, session.settings.policy().breakers, now)
    if session.as_json:
        pauses = {"halted": halt_document(halted), "breakers": breaker_documents(standing)}
        session.show_json({**present_document(seen), **pauses})
        return
    session.show(present_text(seen, pauses_text(halted, standing), session.width))


@app.command("replay", epilog=_REPLAY_EXAMPLES)
def replay(
    *,
    subject: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID]",
            help="A signal's id or its beginning, a position's number, or a client order id.",
            show_default=False,
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every stored decision.")] = False,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="DATE", help="With --all, only orders traded from then on (UTC).", show_default=False
        ),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="NAME=VALUE",
            help="Decide by another value of a rule's setting; may be repeated.",
            show_default=False,
        ),
    ] = None,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Make a stored decision again from what it was made from.

    Requires the same decision to the byte, by the rules that held then. Nothing is traded, and nothing is asked outside.
    """
    if everything == (subject is not None):
        message = "name one decision, or give --all"
        raise BadInputError(message)
    if since is not None and not everything:
        message = "--since is for --all"
        raise BadInputError(message)
    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    earliest = moment("--since", since)
    from hlcopy.config.vary import changed
    from hlcopy.render.replay import replays_document, replays_text
    from hlcopy.ticks.again import made_again

    def varied(policy: Policy) -> Policy:
        return changed(session.settings, policy, changes or [])

    with session.store() as store:
        signals = store.signals.list(since=earliest) if everything else _named(store, subject or "")
        with session.progress() if everything else nullcontext() as progress:
            done = made_again(store, signals, varied if changes else None, progress)
    if session.as_json:
        session.show_json(replays_document(done, changes or []))
    else:
        session.show(replays_text(done, changes or [], session.width))
    if not changes and any(not each.same for each in done):
        raise typer.Exit(1)


def _named(store: Store, subject: str) -> Sequence[Signal]:
    from hlcopy.ticks import story

    found = story.find(store, subject)
    if len(found) > 1:
        message = f"{subject} names {len(found)} decisions; name one by its id (hlcopy why {subject} lists the newest)"
        raise BadInputError(message)
    return found
