"""The published shapes of JSON documents: schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hlcopy.cli import options  # noqa: TC001 - Typer reads annotations when the program runs
from hlcopy.cli.groups import LIST
from hlcopy.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

app = typer.Typer(rich_markup_mode=None)

_EXAMPLES: Final = """\
\b
Examples:
  hlcopy schema
  hlcopy schema poll
  hlcopy schema data status
  hlcopy schema --all > hlcopy.schema.json

\b
A document may get keys that its schema doesn't name; none is ever taken away.
"""


@app.callback()
def _commands() -> None:
    """Keep `app` a group, whatever the number of its commands."""


@app.command("schema", epilog=_EXAMPLES)
def schema(
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="[COMMAND...]", help="Whose document, such as: data status.", show_default=False),
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="One document with the schemas of all commands.")] = False,
    as_json: options.Json = False,
) -> None:
    """Print the JSON Schema of what a command prints with --json.

    Without a command, those that have one are listed. The schemas are JSON Schema, draft 2020-12.
    """
    from hlcopy.render.schemas import documents, schema_of, schema_of_all

    if command and everything:
        message = "--all needs no command"
        raise BadInputError(message)
    names = list(documents())
    if everything:
        _print(schema_of_all())
    elif command:
        _print(schema_of(_known(" ".join(command), names)))
    elif as_json:
        _print({"commands": names})
    else:
        typer.echo("\n".join(names))


def _print(document: Mapping[str, object]) -> None:
    """Print a document for people, too: a schema on one line tells them nothing."""
    typer.echo(json.dumps(document, indent=2))


def _known(given: str, names: list[str]) -> str:
    """Return the name of a command with a schema; raises `BadInputError` for another, with what it may have meant."""
    for name in (given, f"{given} {LIST}"):
        if name in names:
            return name
    from difflib import get_close_matches

    inside = [name for name in names if name.startswith(f"{given} ")]
    near = inside or get_close_matches(given, names, n=1)
    either = " or ".join(part for part in (", ".join(near[:-1]), *near[-1:]) if part)
    meant = f"did you mean {either}?" if near else "list them with: hlcopy schema"
    message = f"no schema is called {given!r}; {meant}"
    raise BadInputError(message)
