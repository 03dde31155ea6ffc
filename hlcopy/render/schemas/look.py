"""The documents of what only looks: signals, and schema itself."""

from __future__ import annotations

from typing import Final

from pydantic import JsonValue, RootModel

from hlcopy.render.schemas.base import Shape
from hlcopy.render.schemas.rows import SignalRow


class Signals(Shape):
    """Judged orders, newest first."""

    signals: list[SignalRow]


class Commands(Shape):
    """The commands whose documents have a schema."""

    commands: list[str]


class JsonSchema(RootModel[dict[str, JsonValue]]):
    """A JSON Schema, draft 2020-12: of one command, or of all by their names."""


DOCUMENTS: Final = {"signals": Signals, "schema": Commands | JsonSchema}
