"""A group of commands that lists when none of them is named."""

from __future__ import annotations

from typing import Any, Final

from typer.core import TyperGroup

LIST: Final = "list"
_HELP: Final = ("-h", "--help")
_LISTED: Final = ("-", "0x")


class ListingGroup(TyperGroup):
    """Takes an option or an address, and nothing at all, as what `list` is to be called with."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - Typer's own signature, whose types are private
        """Name `list` where no command is named and no help is asked for."""
        named = bool(args) and (args[0] in _HELP or not args[0].lower().startswith(_LISTED))
        return super().parse_args(ctx, args if named else [LIST, *args])
