"""How values become rows and back: a table's columns, each with the field that it holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from enum import Enum

    from hlcopy.adapters.store.connection import Row

T = TypeVar("T")


def to_text(moment: datetime) -> str:
    """Return a moment as ISO-8601 UTC text with milliseconds, always of one length: order of text is order of time."""
    if moment.tzinfo is not UTC:
        if moment.tzinfo is None:
            message = "a moment without a time zone can't be stored"
            raise ValueError(message)
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds")


def to_json(value: Mapping[str, object] | Iterable[object]) -> str:
    """Return JSON text that any reader accepts: numbers that JSON doesn't know become their names."""
    if hasattr(value, "items"):
        return json.dumps({key: _plain(item) for key, item in value.items()})
    return json.dumps([_plain(item) for item in value])


def _plain(item: object) -> object:
    return str(item) if isinstance(item, float) and not isfinite(item) else item


@dataclass(frozen=True, slots=True)
class Codec:
    """How a field is written to its column and read from it; None stays None."""

    write: Callable[[Any], object]
    read: Callable[[Any], object]


TIME: Final = Codec(to_text, datetime.fromisoformat)
FLAG: Final = Codec(int, bool)
JSON: Final = Codec(to_json, json.loads)
JSON_TUPLE: Final = Codec(to_json, lambda text: tuple(json.loads(text)))


def one_of(kind: type[Enum]) -> Codec:
    """Return the codec of an enumeration, stored as its values."""
    return Codec(lambda member: member.value, kind)


@dataclass(frozen=True, slots=True)
class Column:
    """A column, the field it holds when that has another name, and their translation."""

    name: str
    field: str = ""
    codec: Codec | None = None

    def write(self, item: object) -> object:
        """Return what the column holds of an item."""
        value = getattr(item, self.field or self.name)
        return value if value is None or self.codec is None else self.codec.write(value)

    def read(self, value: object) -> object:
        """Return the field's value."""
        return value if value is None or self.codec is None else self.codec.read(value)


class Table(Generic[T]):
    """The statements of one table and the translation of its rows to values of one class.

    `written` adds columns that are derived from the value, `beside` columns whose values are handed over beside it, and
    `computed` fields that are read by an SQL expression. `kept` columns are never replaced.
    """

    def __init__(
        self,
        name: str,
        make: Callable[..., T],
        columns: Iterable[Column],
        *,
        key: Sequence[str],
        kept: Iterable[str] = (),
        written: Mapping[str, Callable[[T], object]] | None = None,
        beside: Iterable[str] = (),
        computed: Mapping[str, str] | None = None,
    ) -> None:
        self._make = make
        self._columns = tuple(columns)
        self._written = dict(written or {})
        self._fields = [column.field or column.name for column in self._columns] + list(computed or {})
        stored = [column.name for column in self._columns]
        names = [*stored, *self._written, *beside]
        changed = [column for column in names if column not in (*key, *kept)]
        marks = ", ".join("?" * len(names))
        listed = ", ".join(names)
        # The names are constants of this package; nothing that anybody typed or sent ever becomes part of a statement.
        self.select = f"SELECT {', '.join([*stored, *(computed or {}).values()])} FROM {name}"  # noqa: S608
        self.insert = f"INSERT INTO {name} ({listed}) VALUES ({marks})"  # noqa: S608
        self.insert_once = f"INSERT OR IGNORE INTO {name} ({listed}) VALUES ({marks})"  # noqa: S608
        replaced = ", ".join(f"{column} = excluded.{column}" for column in changed)
        self.upsert = f"{self.insert} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {replaced}"

    def values(self, item: T, *beside: object) -> tuple[object, ...]:
        """Return an item's row for `insert`, `insert_once` and `upsert`."""
        own = [column.write(item) for column in self._columns]
        return (*own, *(get(item) for get in self._written.values()), *beside)

    def item(self, row: Row) -> T:
        """Return the item of a row of `select`."""
        own = len(self._columns)
        read = [column.read(value) for column, value in zip(self._columns, row[:own], strict=True)]
        return self._make(**dict(zip(self._fields, [*read, *row[own:]], strict=True)))
