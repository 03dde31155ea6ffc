"""Traders: who is followed and why, and all that is known of one."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from hlcopy.cli import options
from hlcopy.cli.choices import Address, choosing, one
from hlcopy.cli.clock import present
from hlcopy.cli.groups import LIST, ListingGroup
from hlcopy.domain.selection import PRIMARY, SECONDARY

app = typer.Typer(rich_markup_mode=None)
traders = typer.Typer(rich_markup_mode=None, cls=ListingGroup)

_TIERS: Final = (PRIMARY, SECONDARY)

_GROUP_EXAMPLES: Final = """\
\b
Examples:
  hlcopy traders
  hlcopy traders --all --json
  hlcopy traders show 0x513b
  hlcopy traders ban 0x513b
"""
_LIST_EXAMPLES: Final = """\
\b
Examples:
  hlcopy traders
  hlcopy traders --all --tier primary
  hlcopy traders 0x513b
  hlcopy traders --json
"""
_SHOW_EXAMPLES: Final = """\
\b
Examples:
  hlcopy traders show 0x513b
  hlcopy traders show 0x513b --json
"""


@app.callback()
def _commands() -> None:
    """Keep `app` a group, whatever the number of its commands."""


@traders.callback(epilog=_GROUP_EXAMPLES)
def _traders() -> None:
    """Traders: list (when none is named), show, pin, ban, watch."""


app.add_typer(traders, name="traders")


def _tier(given: str | None) -> str | None:
    """Return a tier; refuse what is none."""
    if given is None or given.lower() in _TIERS:
        return given and given.lower()
    message = f"must be {' or '.join(_TIERS)}, not {given!r}"
    raise typer.BadParameter(message)


@traders.command(LIST, epilog=_LIST_EXAMPLES)
def list_traders(
    *,
    address: Annotated[
        str | None,
        typer.Argument(
            metavar="[ADDRESS]",
            help="Show what this trader's score was made of; its beginning is enough.",
            show_default=False,
        ),
    ] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Those left out, too, with the reason.")] = False,
    tier: Annotated[
        str | None,
        typer.Option(callback=_tier, metavar="TIER", help="Only primary or secondary traders.", show_default=False),
    ] = None,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """List the followed, best score first, and why others aren't.

    Returns are percent of equity; JSON lists all traders, those left out among them.
    """
    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    with session.store() as store:
        known = store.traders.all()
        choices = store.choices.all()
    chosen = known if address is None else [one(known, address)]
    found = [trader for trader in chosen if tier is None or trader.tier == tier]
    if as_json:
        from hlcopy.render.choices import choice_document
        from hlcopy.render.rows import trader_row

        words = {choice.address: choice for choice in choices}
        rows = [{**trader_row(each), "choice": choice_document(words.get(each.address))} for each in found]
        session.show_json({"traders": rows})
        return
    from hlcopy.render.choices import choices_text
    from hlcopy.render.traders import trader_detail, traders_tables

    if address is not None and found:
        session.show(trader_detail(found[0], present(session.settings), session.width))
        return
    session.show(traders_tables(found, present(session.settings), session.width, with_left_out=everybody))
    session.show(choices_text(choices))
    if not known:
        session.show("Nobody has been scored yet. Find traders with: hlcopy score\n")


@traders.command("show", epilog=_SHOW_EXAMPLES)
def show(
    address: Address,
    *,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Show all that is known of one trader.

    Its score part by part, its last round trips, gaps in its history, what we made of copying it, and your word on it.
    """
    from hlcopy.render.choices import dossier_document, dossier_text
    from hlcopy.ticks.dossier import dossier

    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    with session.store() as store:
        found = dossier(store, one(store.traders.all(), address))
    if as_json:
        session.show_json(dossier_document(found))
    else:
        session.show(dossier_text(found, present(session.settings), session.width))


traders.add_typer(choosing)
