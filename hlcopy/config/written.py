"""A settings file as text: each setting below the line that says what it means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from hlcopy.config.meanings import GROUPS
from hlcopy.config.settings import NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEAD: Final = """\
# Settings of hlcopy, written by `hlcopy init`. A variable of the process wins over this file.
# All settings, with what they mean: hlcopy config show. For this file's owner alone: chmod 600.
"""
_PLAIN: Final = re.compile(r"[\w./:@%+,~-]*", re.ASCII)


def env_text(values: Mapping[str, str]) -> str:
    """Return settings by field as a file that `load_settings` reads them back from."""
    told = [_HEAD]
    for group, meanings in GROUPS.items():
        members = [(field, meaning) for field, meaning in meanings.items() if field in values]
        if members:
            told.append(f"\n# --- {group} ---\n")
        told += [f"\n# {meaning}\n{NAMES[field]}={_quoted(values[field])}\n" for field, meaning in members]
    return "".join(told)


def _quoted(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
