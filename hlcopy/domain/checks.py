"""What a look at something found: in order or not, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at; `remedy` says what to do where `ok` is False, `ok` is None where it can't be told now."""

    name: str
    ok: bool | None
    said: str
    remedy: str = ""
