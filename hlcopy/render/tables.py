"""Tables: drawn with Rich at a terminal's width, aligned with spaces when the output goes elsewhere."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from hlcopy.render.text import safe, zone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

_GAPS: Final = ("  ", " ")  # between the columns of a plain table, the narrower where the wider leaves no room
_NARROWEST_TEXT: Final = 12  # columns of a terminal: a shortened address, a day


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading; numbers stand at its right. On a terminal `tone` gives a cell its colour."""

    heading: str
    right: bool = False
    tone: Callable[[str], str] | None = None


def times(heading: str, moments: Iterable[datetime | None]) -> Column:
    """Return the column of moments in this machine's time zone, whose name it says; a change of clocks has two."""
    zones = {zone(at) for at in moments if at is not None}
    return Column(f"{heading} ({zones.pop() if len(zones) == 1 else 'local'})")


@dataclass(frozen=True, slots=True)
class Table:
    """What a table shows, whatever it is drawn with."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]


def tables(shown: Iterable[Table], *, width: int | None, plain_width: int | None = None) -> str:
    """Return tables as `table` draws them, an empty line between two."""
    return "\n".join(table(each.title, each.columns, each.rows, width=width, plain_width=plain_width) for each in shown)


def table(
    title: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    *,
    width: int | None,
    plain_width: int | None = None,
) -> str:
    """Return a table as text that ends with a newline: for a terminal of `width` columns, plain when it is None.

    Cells may hold anything that a stranger sent; a table without rows says so. Numbers stay whole: where a terminal is
    too narrow for them, or for a plain table within `plain_width`, each row becomes a few lines.
    """
    cells = [[safe(cell) for cell in row] for row in rows]
    if not cells:
        return f"{title}: none\n"
    if width is None:
        for gap in _GAPS:
            plain = _plain(title, columns, cells, gap)
            if plain_width is None or max(map(len, plain.splitlines())) <= plain_width:
                return plain
        return _stacked(title, columns, cells, plain_width or 0)
    if _narrowest(columns, cells) > width:
        return _stacked(title, columns, cells, width)
    return _drawn(title, columns, cells, width)


def _plain(title: str, columns: Sequence[Column], cells: Sequence[Sequence[str]], gap: str) -> str:
    headings = [column.heading for column in columns]
    widths = [max(map(len, texts)) for texts in zip(headings, *cells, strict=True)]
    lines = [title]
    for row in (headings, *cells):
        parts = (
            text.rjust(width) if column.right else text.ljust(width)
            for column, text, width in zip(columns, row, widths, strict=True)
        )
        lines.append(gap.join(parts).rstrip())
    return "\n".join(lines) + "\n"


def _narrowest(columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> int:
    """Return the width below which a drawn table would have to break numbers, or other columns into shreds."""
    texts = zip([column.heading for column in columns], *cells, strict=True)
    needed = (
        max(map(len, found)) if column.right else min(max(map(len, found)), _NARROWEST_TEXT)
        for column, found in zip(columns, texts, strict=True)
    )
    return sum(needed) + len(columns) - 1


def _stacked(title: str, columns: Sequence[Column], cells: Sequence[Sequence[str]], width: int) -> str:
    """Return each row as lines of a heading and its value."""
    room = max(len(column.heading) for column in columns) + 2
    lines = [title]
    for row in cells:
        lines.append("")
        for column, text in zip(columns, row, strict=True):
            first, *more = textwrap.wrap(text, max(width - room, _NARROWEST_TEXT)) or [""]
            lines += [column.heading.ljust(room) + first, *(" " * room + part for part in more)]
    return "\n".join(map(str.rstrip, lines)) + "\n"


def _drawn(title: str, columns: Sequence[Column], cells: Sequence[Sequence[str]], width: int) -> str:
    from io import StringIO

    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(
        title=Text(title),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 0),
    )

    def toned(column: Column, cell: str) -> Text:
        return Text(cell, style=column.tone(cell) if column.tone else "")

    for column in columns:
        justify: Literal["right", "left"] = "right" if column.right else "left"
        drawn.add_column(column.heading, justify=justify, overflow="fold", no_wrap=column.right)
    for row in cells:
        drawn.add_row(*map(toned, columns, row))
    console = Console(file=StringIO(), width=width, force_terminal=True)
    with console.capture() as capture:
        console.print(drawn)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"
