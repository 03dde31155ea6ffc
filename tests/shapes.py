"""Holds what a command printed with `--json` against its published schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hlcopy.cli.groups import LIST
from hlcopy.render.schemas import adapter, documents

if TYPE_CHECKING:
    from collections.abc import Sequence


def check_shape(arguments: Sequence[str], document: str) -> None:
    """Require that a document is what its command's schema says, and has no key that it doesn't name."""
    first = arguments[0]
    name = next(each for each in (" ".join(arguments[:2]), first, f"{first} {LIST}") if each in documents())
    adapter(name).validate_json(document, extra="forbid")
