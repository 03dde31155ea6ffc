"""What lint finds, and how bad it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import TYPE_CHECKING

from hlcopy.config.settings import NAMES

if TYPE_CHECKING:
    from hlcopy.config.settings import Settings


@unique
class Severity(StrEnum):
    """An error keeps hlcopy from trading as it is meant to, a warning from doing what a setting says.

    A note is of a rule that has no effect by its default: it is well to know, and nothing to change.
    """

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A setting, or the settings joined by a comma, that can't work; why, and what to do."""

    name: str
    severity: Severity
    why: str
    remedy: str


def names(*fields: str) -> str:
    """Return the variables of some fields."""
    return ", ".join(NAMES[field] for field in fields)


def idle(settings: Settings, *fields: str) -> Severity:
    """Return how bad it is that settings have no effect: who set one of them expects some."""
    return Severity.WARNING if settings.model_fields_set & set(fields) else Severity.NOTE
