"""Bytes that a stranger might send: valid examples, changed where their structure says that it may hurt."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

_LONG: Final = b"A" * 2**20
VALUES: Final = (
    *(b"null", b"true", b"false", b"{}", b"[]", b'""', b"[null]", b"[[]]", b"[{}]", b'{"a":null}'),
    *(b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"1e-999", b"-0", b"-0.0", b"5e-324", b"1.7e308"),
    *(b"0", b"1", b"-1", b"1e15", b"1e18", b"9007199254740993", b"9223372036854775807", b"9223372036854775808"),
    *(b"-9223372036854775809", b"1" * 400, b"9" * 5_000, b"1795000000", b"1795000000000", b"0.1", b"01", b"+1", b"1_0"),
    *(b'"NaN"', b'"inf"', b'"-0"', b'"1e999"', b'"1e308"', b'"5e-324"', b'"1e-9"', b'"0x1f"', b'"1_0"', b'" 1 "'),
    *(b'"' + b"9" * 400 + b'"', b'"' + b"9" * 5_000 + b'"', b'"-"', b'"null"', b'"true"', b'"B"', b'"A"', b'"1"'),
    *(b'"\\u001b[31m\\u0007\\r\\n"', b'"\\u202eevil\\u2066"', b'"\\ud800"', b'"\\udfff\\ud800"', b'"\\u0000"'),
    *('"\u202ebidi\u200b"'.encode(), b'"\xff\xfe"', b'"\xed\xa0\x80"', '"\U0001f600\uffff"'.encode()),
    *(b"\"=cmd|' /C calc'!A0\"", b'"@SUM(1)"', b'"+1"', b'"-1"', b'"<script>alert(1)</script>"', b'"[red]x[/]"'),
    *(
        b'"0x' + b"1a" * 20 + b'"',
        b'"0x' + b"zz" * 20 + b'"',
        b'"BTC"',
        b'"@1"',
        b'"xyz:BTC"',
        b'"#12"',
        b'"PURR/USDC"',
    ),
    *(b'"2026-11-20T11:50:00Z"', b'"0001-01-01T00:00:00+14:00"', b'"9999-12-31T23:59:59-14:00"', b'"2026-11-20"'),
    *(b'"open"', b'"filled"', b'"canceled"', b'"rejected"', b'"weirdStatus"', b'"error"', b'"success"', b'"USDC"'),
    *(b"[" * 60 + b"]" * 60, b'{"a":' * 60 + b"1" + b"}" * 60, b'{"a":1,"a":2}', b'{"__proto__":1}'),
)
"""What may stand in the place of a value."""
RARE: Final = (b'"' + _LONG + b'"', b"[" * 200_000, b"1" * 200_000, b'{"a":' * 100_000, b"[" + b"0," * 50_000 + b"0]")
"""What costs time or memory to read: one in some thousands."""
WHOLE: Final = (
    *(
        b"",
        b" ",
        b"null",
        b"0",
        b'""',
        b"[]",
        b"{}",
        b"true",
        b"NaN",
        b"[null]",
        b"\x00",
        b"\xff\xfe\x00",
        b"\xef\xbb\xbf",
    ),
    *(b"<html><body>502 Bad Gateway</body></html>", b"\x1f\x8b\x08\x00", b"\x1b]0;title\x07", b"upstream timed out"),
    *(b'{"status":"err","response":null}', b'{"detail":{"code":"x","message":"y"}}', b'"text"', b"[[[[]]]]"),
)
_KEYS: Final = (b'"a"', b'""', b'"__class__"', b'"\\ud800"', b'"\\u001b[2J"', b'"' + b"k" * 5_000 + b'"')


@dataclass(frozen=True, slots=True)
class Node:
    """A value in a document, from byte to byte; with its key and the comma before, if it has them."""

    begin: int
    end: int
    member: int

    def whole(self) -> tuple[int, int]:
        return self.member, self.end


class Document:
    """A JSON document as bytes, and where its values stand in them."""

    def __init__(self, value: object) -> None:
        self._parts = bytearray()
        self.nodes: list[Node] = []
        self._write(value, 0)
        self.data = bytes(self._parts)

    def _write(self, value: object, member: int) -> None:
        begin = len(self._parts)
        place = len(self.nodes)
        self.nodes.append(Node(0, 0, 0))
        if isinstance(value, dict):
            self._members(b"{", b"}", [(json.dumps(key).encode() + b":", each) for key, each in value.items()])
        elif isinstance(value, list):
            self._members(b"[", b"]", [(b"", each) for each in value])
        else:
            self._parts += json.dumps(value).encode()
        self.nodes[place] = Node(begin, len(self._parts), member)

    def _members(self, opened: bytes, closed: bytes, members: Sequence[tuple[bytes, Any]]) -> None:
        self._parts += opened
        for number, (key, value) in enumerate(members):
            member = len(self._parts)
            self._parts += (b"," if number else b"") + key
            self._write(value, member)
        self._parts += closed


class Mutator:
    """Makes bytes out of examples; the same random numbers give the same bytes."""

    def __init__(self, seeds: Sequence[bytes], rng: random.Random) -> None:
        self._seeds = seeds
        self._rng = rng

    @cached_property
    def _documents(self) -> list[Document | None]:
        return [_document(seed) for seed in self._seeds]

    def next(self) -> bytes:
        """Return the next bytes."""
        number = int(self._rng.random() * len(self._seeds))
        return self._changed(self._seeds[number], self._documents[number])

    def changed(self, data: bytes) -> bytes:
        """Return given bytes changed, by their structure if they have one."""
        return self._changed(data, _document(data))

    def _changed(self, data: bytes, document: Document | None) -> bytes:
        dice = self._rng.random()
        if dice < 0.02:
            return self._one(WHOLE)
        if document is None:
            changed = data
            for _ in range(1 + int(self._rng.random() * 3)):
                changed = self._text(changed)
            return changed
        changed = document.data
        last = len(changed) + 1
        nodes = sorted((self._one(document.nodes) for _ in range(1 + int(self._rng.random() * 3))), key=_begin)
        for node in reversed(nodes):
            if node.end <= last:  # the others are parts of what was just changed
                changed = self._node(changed, node)
                last = node.member
        return self._text(changed) if dice > 0.95 else changed

    def _node(self, data: bytes, node: Node) -> bytes:  # noqa: PLR0911 - one for each kind of change
        begin, end = node.begin, node.end
        value = data[begin:end]
        kind = int(self._rng.random() * 12)
        if kind < 5:
            return data[:begin] + self._value() + data[end:]
        if kind == 5:
            return data[: node.member] + data[end:]
        if kind == 6:
            retyped = value[1:-1] if value[:1] == b'"' else b'"' + value.replace(b'"', b"") + b'"'
            return data[:begin] + retyped + data[end:]
        if kind == 7:
            again = data[node.member : end]
            return data[:end] + (again if again[:1] == b"," else b"," + again) + data[end:]
        if kind == 8:
            key = data[node.member : begin].lstrip(b",")
            return data[:end] + b"," + key + self._value() + data[end:]
        if kind == 9:
            return data[:begin] + self._one((b"[" + value + b"]", b'{"a":' + value + b"}")) + data[end:]
        if kind == 10:
            times = 2_100 if self._rng.random() < 0.002 and len(value) < 500 else 1 + int(self._rng.random() * 8)
            return data[:end] + (b"," + data[node.member : end].lstrip(b",")) * times + data[end:]
        other = self._one([each for each in self._documents if each is not None] or [Document(None)])
        taken = self._one(other.nodes)
        return data[:begin] + other.data[taken.begin : taken.end] + data[end:]

    def _value(self) -> bytes:
        dice = self._rng.random()
        if dice < 0.0005:
            return self._one(RARE)
        if dice < 0.1:
            return repr(self._rng.choice((-1, 1)) * 10 ** self._rng.uniform(-320, 308)).encode()
        return self._one(VALUES)

    def _text(self, data: bytes) -> bytes:  # noqa: PLR0911 - one for each kind of change
        """Return bytes changed without a thought for what they mean."""
        at = int(self._rng.random() * (len(data) + 1))
        kind = int(self._rng.random() * 8)
        if kind == 0:
            return data[:at]
        if kind == 1:
            return data[:at] + bytes((int(self._rng.random() * 256),)) + data[at + 1 :]
        if kind == 2:
            return data[:at] + self._rng.randbytes(1 + int(self._rng.random() * 8)) + data[at:]
        if kind == 3:
            return data[:at] + data[at + 1 + int(self._rng.random() * 20) :]
        if kind == 4:
            return data[:at] + self._value().strip(b'"') + data[at:]
        if kind == 5:
            parts = data.split(self._one((b",", b"\n", b"=", b" ", b'"')))
            parts[int(self._rng.random() * len(parts))] = self._value().strip(b'"')
            return self._one((b",", b"\n", b"=")).join(parts)
        if kind == 6:
            lines = data.splitlines(keepends=True) or [b"\n"]
            return b"".join(self._one(lines) for _ in range(len(lines) + 1))
        return (
            data[:at]
            + self._one((*_KEYS, b"\n", b"\r", b"\x00", b'"', b"'", b"\\", b"{", b"}", b"\xef\xbb\xbf"))
            + data[at:]
        )

    def _one(self, choices: Sequence[Any]) -> Any:  # noqa: ANN401 - one of what was given
        return choices[int(self._rng.random() * len(choices))]


def _document(data: bytes) -> Document | None:
    if data[:1] not in {b"{", b"["}:
        return None
    try:
        return Document(json.loads(data))
    except (ValueError, RecursionError):
        return None


def _begin(node: Node) -> int:
    return node.begin
