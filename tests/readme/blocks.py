"""What the README tells a reader to type, and what it says comes of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

INDENT: Final = 4
_PROMPT: Final = "$ "
_PROGRAMS: Final = ("hlcopy ", "python", ".venv/", "crontab", "systemctl", "echo ", "umask ", "uv ", "docker ", "sudo ")
_COMMENT: Final = re.compile(r"(?:^|\s)#\s.*$")


@dataclass(frozen=True, slots=True)
class Typed:
    """A command of the README: the line it stands in, what is typed, and what is printed, if the README says so."""

    number: int
    line: str
    printed: str | None


def blocks(text: str) -> Iterator[list[tuple[int, str]]]:
    """Yield the indented blocks, each as numbered lines without their indent."""
    block: list[tuple[int, str]] = []
    for number, line in enumerate([*text.splitlines(), "."], start=1):
        if line.startswith(" " * INDENT) or (block and not line.strip()):
            block.append((number, line[INDENT:]))
        elif block:
            while not block[-1][1].strip():
                block.pop()
            yield block
            block = []


def typed(text: str) -> list[Typed]:
    """Return the commands of all blocks, in their order.

    After a prompt, `$ hlcopy …`, what follows up to the next prompt is what it prints. A block that begins with a program is
    a list of commands, whose lines may go on after a backslash. Any other block is no command.
    """
    found: list[Typed] = []
    for block in blocks(text):
        if block[0][1].startswith(_PROMPT):
            found += _session(block)
        elif block[0][1].lstrip().startswith(_PROGRAMS):
            found += _commands(block)
    return found


def _session(block: list[tuple[int, str]]) -> Iterator[Typed]:
    starts = [index for index, (_, line) in enumerate(block) if line.startswith(_PROMPT)]
    for start, end in zip(starts, [*starts[1:], len(block)], strict=True):
        number, line = block[start]
        printed = "\n".join(line for _, line in block[start + 1 : end]).strip("\n")
        yield Typed(number, _COMMENT.sub("", line.removeprefix(_PROMPT)).strip(), printed)


def _commands(block: list[tuple[int, str]]) -> Iterator[Typed]:
    begun, first = "", 0
    for number, line in block:
        first = first or number
        begun += " " + _COMMENT.sub("", line).strip()
        if begun.endswith("\\"):
            begun = begun.removesuffix("\\").rstrip()
        elif begun.strip():
            yield Typed(first, begun.strip(), None)
            begun, first = "", 0


def with_printed(text: str, printed: Mapping[int, str]) -> str:
    """Return the text with other output below the commands in some lines."""
    lines = text.splitlines()
    for command in reversed(typed(text)):
        if command.number in printed and command.printed is not None:
            end = command.number + len(command.printed.splitlines())
            new = printed[command.number].rstrip().splitlines()
            lines[command.number : end] = [(" " * INDENT + line).rstrip() for line in new]
    return "\n".join(lines) + "\n"
