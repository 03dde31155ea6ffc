"""The shapes of all JSON documents, as models and as published schemas.

A module here adds its commands with a `DOCUMENTS` of name and shape; nothing else needs to know of it.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.json_schema import JsonSchemaMode
    from pydantic_core import core_schema

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


class _Plain(GenerateJsonSchema):
    """Leaves out what says nothing to a reader: a title for each key, what an absent key would be taken for."""

    schema_dialect = DIALECT

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401, ARG002 - pydantic's own signature
        """Leave keys without a title: their names say the same."""
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> dict[str, Any]:
        """Return the schema of a key that may be absent."""
        return self.generate_inner(schema["schema"])


@cache
def documents() -> Mapping[str, Any]:
    """Return the shape of each command's document, by the command's name."""
    found: dict[str, Any] = {}
    for module in iter_modules(__path__, f"{__name__}."):
        found |= getattr(import_module(module.name), "DOCUMENTS", {})
    return dict(sorted(found.items()))


@cache
def adapter(command: str) -> TypeAdapter[Any]:
    """Return what validates a command's document."""
    return TypeAdapter(documents()[command])


def schema_of(command: str) -> dict[str, Any]:
    """Return the JSON Schema of a command's document."""
    return {"$schema": DIALECT, **adapter(command).json_schema(schema_generator=_Plain), "title": _title(command)}


def schema_of_all() -> dict[str, Any]:
    """Return one JSON Schema with a property for each command, which has the schema of its document."""
    wanted: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]]
    wanted = [(name, "validation", adapter(name)) for name in documents()]
    references, shared = TypeAdapter.json_schemas(wanted, schema_generator=_Plain)
    return {
        "$schema": DIALECT,
        "title": _title("COMMAND"),
        "type": "object",
        "properties": {name: references[name, "validation"] for name in documents()},
        "$defs": shared["$defs"],
    }


def _title(command: str) -> str:
    return f"hlcopy {command} --json"
