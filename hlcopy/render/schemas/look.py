"""The documents of what only looks: signals, traders, config show, and schema itself."""

from __future__ import annotations

from typing import Final

from pydantic import Field, JsonValue, RootModel

from hlcopy.render.schemas.base import Shape
from hlcopy.render.schemas.rows import SignalRow, TraderRow


class Signals(Shape):
    """Judged orders, newest first."""

    signals: list[SignalRow]


class Traders(Shape):
    """Known traders, those left out among them."""

    traders: list[TraderRow]


class Setting(Shape):
    """A setting in force; of a secret only whether it is set."""

    name: str
    value: bool | float | str | dict[str, float] | None
    source: str = Field(description="default, environment, file PATH, option --db")
    meaning: str
    group: str


class ConfigShow(Shape):
    """Every setting in force."""

    settings: list[Setting]


class Commands(Shape):
    """The commands whose documents have a schema."""

    commands: list[str]


class JsonSchema(RootModel[dict[str, JsonValue]]):
    """A JSON Schema, draft 2020-12: of one command, or of all by their names."""


DOCUMENTS: Final = {
    "signals": Signals,
    "traders": Traders,
    "config show": ConfigShow,
    "schema": Commands | JsonSchema,
}
