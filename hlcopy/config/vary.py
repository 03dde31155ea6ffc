"""Rules as they'd be with another value of a setting, whatever the other settings are now."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from hlcopy.config.load import refusal
from hlcopy.config.settings import PREFIX, VARIABLES, Settings
from hlcopy.config.types import nearest
from hlcopy.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hlcopy.domain.policy import Policy

_BY_DECISION: Final = ("entry", "sizing", "limits", "exit", "execution", "costs", "safety")
"""The parts of the rules that a decision is made by, once its trader is chosen."""


def changed(settings: Settings, policy: Policy, changes: Sequence[str]) -> Policy:
    """Return rules with other values, each given as NAME=VALUE.

    Only what a setting decides is put in: all else stays as the rules have it. Raises `BadInputError` for what is no
    setting of such a rule, and for what it can't be.
    """
    for given in changes:
        name, found, value = given.partition("=")
        variable = PREFIX + name.strip().upper().removeprefix(PREFIX)
        field = VARIABLES.get(variable)
        parts = {} if field is None else _decides(field)
        if not found or not value.strip():
            message = f"--with must be NAME=VALUE, such as MIN_POSITION_WEIGHT=0.05, not {given!r}"
            raise BadInputError(message)
        if not parts or field is None:
            known = [each for each, its in VARIABLES.items() if _decides(its)]
            message = f"--with {name}: no decision is made by this setting; the nearest is {nearest(variable, known)}"
            raise BadInputError(message)
        wrong = refusal(variable, value)
        if wrong is not None:
            message = f"--with {wrong}"
            raise BadInputError(message)
        wanted = _settings(settings, field, value.strip()).policy()
        for part, names in parts.items():
            of_part = {each: getattr(getattr(wanted, part), each) for each in names}
            policy = replace(policy, **{part: replace(getattr(policy, part), **of_part)})
    return policy


def _settings(settings: Settings, field: str, value: str) -> Settings:
    """Return settings with one of them replaced by a text that was found good."""
    one = getattr(Settings.model_validate({field: value}), field)
    return settings.model_copy(update={field: one})


def _decides(field: str) -> Mapping[str, Sequence[str]]:
    """Return which fields of which parts of the rules a setting decides: those that another value of it changes."""
    base = Settings()
    other = base.model_copy(update={field: _another(getattr(base, field))})
    try:
        one, two = base.policy(), other.policy()
    except (TypeError, ValueError, AttributeError):
        return {}
    found: dict[str, list[str]] = {}
    for part in _BY_DECISION:
        before, after = getattr(one, part), getattr(two, part)
        if is_dataclass(before):
            names = [each.name for each in fields(before) if getattr(before, each.name) != getattr(after, each.name)]
            found |= {part: names} if names else {}
    return found


def _another(value: Any) -> Any:  # noqa: ANN401 - a setting of any type
    """Return a value that differs from a setting's."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value * 2 + 1
    if isinstance(value, dict):
        return {name: number * 2 + 1 for name, number in value.items()}
    return "size" if value is None else f"another {value}"
