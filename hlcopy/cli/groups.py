"""A group of commands that lists when none of them is named."""

from __future__ import annotations

from typing import Any, Final

from typer.core import TyperGroup

LIST: Final = "list"
_HELP: Final = ("-h", "--help")


class ListingGroup(TyperGroup):
    """Takes what isn't the name of one of its commands as what `list` is to be called with."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - Typer's own signature, whose types are private
        """Name `list` where no command is named and no help is asked for."""
        named = bool(args) and (args[0] in self.commands or args[0] in _HELP)
        return super().parse_args(ctx, args if named else [LIST, *args])
