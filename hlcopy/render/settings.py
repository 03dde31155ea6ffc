"""The settings as text within 80 columns, and as JSON."""

from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

from hlcopy.render.text import safe

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH: Final = 80
_INDENT: Final = "    "
_LONGEST: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A setting as it is shown; `source` is `default`, `environment`, `file PATH` or `option --db`."""

    name: str
    value: object
    source: str
    meaning: str
    group: str


def settings_document(settings: Sequence[Shown]) -> dict[str, object]:
    """Return the JSON document."""
    return {
        "settings": [
            {
                "name": each.name,
                "value": each.value,
                "source": each.source,
                "meaning": each.meaning,
                "group": each.group,
            }
            for each in settings
        ]
    }


def settings_text(settings: Sequence[Shown]) -> str:
    """Return the settings by group: name and value, below them where the value comes from and what it means."""
    if not settings:
        return "Every setting has its default.\n"
    groups = []
    for group, members in groupby(settings, key=lambda each: each.group):
        groups.append("\n\n".join([group, *(_entry(each) for each in members)]))
    return "\n\n".join(groups) + "\n"


def _entry(each: Shown) -> str:
    source = "" if each.source == "default" else f"  [{safe(each.source, _LONGEST)}]"
    said = f"{each.name}={_plain(each.value)}{source}"
    return "\n".join(
        [
            *textwrap.wrap(said, _WIDTH, subsequent_indent=_INDENT, break_on_hyphens=False),
            *textwrap.wrap(each.meaning, _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT),
        ]
    )


def _plain(value: object) -> str:
    """Return a value as a settings file would have it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, dict):
        whole = {
            key: int(each) if isinstance(each, float) and each.is_integer() else each for key, each in value.items()
        }
        return safe(f"'{json.dumps(whole)}'", _LONGEST)
    return safe(str(value), _LONGEST)
