"""Recorded files as rows: CSV, a JSON array or JSON lines, any of them compressed with gzip; all told by content."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Final, NoReturn, cast

from hlcopy.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from hlcopy.ports import Progress

    Row = tuple[str, dict[str, object]]

_GZIP: Final = b"\x1f\x8b"
_STEP: Final = 2_000  # rows between two words to the progress
_LIST, _OBJECT = "[", "{"
_LONGEST_LINE: Final = 2**20
_LONGEST_ARRAY: Final = 2**29  # it is read whole, and a small file may unpack to any length
_SEPARATORS: Final = {";": "semicolons", "\t": "tabs", "|": "bars"}
_NUMBER: Final = re.compile(r"[-+]?\d+(\.\d*)?")


def read_rows(path: Path, progress: Progress, columns: Sequence[str] = ()) -> Iterator[Row]:
    """Yield each row of a file as its place, for messages (`fills.csv line 7`), and its values by name.

    CSV values are text; `columns` is what a header should name, for the message about a file without one. Raises `BadInputError` for a file that can't be read, is cut off, or holds no rows.
    """
    try:
        with path.open("rb") as raw, _as_text(raw) as text:
            progress.start(f"reading {path.name}", path.stat().st_size)
            yield from _counted(_rows(path, text, columns), raw, progress)
    except gzip.BadGzipFile:
        _refuse(path, "is damaged: its gzip data can't be unpacked")
    except (EOFError, zlib.error):
        _refuse(path, "is cut off or damaged: its gzip data doesn't end as it should")
    except OSError as error:
        _refuse(path, f"can't be read ({error.strerror})")
    except UnicodeDecodeError:
        _refuse(path, "isn't text; expected CSV or JSON, perhaps compressed with gzip")
    finally:
        progress.finish()


@contextmanager
def _as_text(raw: IO[bytes]) -> Iterator[IO[str]]:
    packed = raw.read(len(_GZIP)) == _GZIP
    raw.seek(0)
    plain = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if packed else raw
    with io.TextIOWrapper(plain, encoding="utf-8-sig", newline="") as text:
        yield text


def _counted(rows: Iterable[Row], raw: IO[bytes], progress: Progress) -> Iterator[Row]:
    """Yield the rows, telling the progress how many bytes of the file have been read."""
    told = 0
    for number, row in enumerate(rows):
        if number % _STEP == 0:
            read = raw.tell()
            progress.advance(read - told)
            told = read
        yield row


def _rows(path: Path, text: IO[str], columns: Sequence[str]) -> Iterator[Row]:
    first = ""
    while not first and (part := text.read(_STEP)):
        first = part.lstrip()[:1]
    if not first:
        _refuse(path, "is empty")
    text.seek(0)
    if first == _LIST:
        rows = _json_array(path, text)
    else:
        rows = _json_lines(path, text) if first == _OBJECT else _csv(path, text, columns)
    empty = True
    for row in rows:
        empty = False
        yield row
    if empty:
        _refuse(path, "holds no rows")


def _csv(path: Path, text: IO[str], columns: Sequence[str]) -> Iterator[Row]:
    reader = csv.reader(text, strict=True)
    try:
        lines = (cells for cells in reader if cells)
        header = [name.strip() for name in next(lines)]
        _check_header(path, f"line {reader.line_num}", header, columns)
        for cells in lines:
            if len(cells) != len(header):
                values = f"{len(cells)} value{'' if len(cells) == 1 else 's'}"
                _refuse(path, f"line {reader.line_num}: has {values} where the header has {len(header)}")
            yield f"{path} line {reader.line_num}", dict(zip(header, cells, strict=True))
    except csv.Error as error:
        _refuse(path, f"line {reader.line_num}: isn't CSV ({error})")


def _check_header(path: Path, line: str, header: Sequence[str], columns: Sequence[str]) -> None:
    if not set(columns) & set(header) and any(map(_NUMBER.fullmatch, header)):
        _refuse(path, f"{line}: is no header{'; expected ' if columns else ''}{','.join(columns)}")
    separators = [name for mark, name in _SEPARATORS.items() if mark in header[0]]
    if len(header) == 1 and separators:
        _refuse(path, f"{line}: separates its columns by {separators[0]}; expected commas")
    if len(set(header)) < len(header):
        _refuse(path, "names a column twice in its header")


def _json_array(path: Path, text: IO[str]) -> Iterator[Row]:
    whole = text.read(_LONGEST_ARRAY + 1)
    if len(whole) > _LONGEST_ARRAY:
        _refuse(path, "is too long for one JSON array; write one object on each line")
    try:
        rows = json.loads(whole)
    except json.JSONDecodeError as error:
        _refuse(path, f"line {error.lineno}: isn't JSON ({error.msg})")
    except (ValueError, RecursionError) as error:
        _refuse_unless_decoding(path, error)
    for number, row in enumerate(rows, 1):
        yield _object(row, f"{path} row {number}")


def _json_lines(path: Path, text: IO[str]) -> Iterator[Row]:
    for number, line in enumerate(iter(lambda: text.readline(_LONGEST_LINE), ""), 1):
        if line.isspace():
            continue
        if len(line) == _LONGEST_LINE:
            _refuse(path, f"line {number}: is too long for one row")
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            _refuse(path, f"line {number}: isn't a whole JSON object; write one on each line, or all in one array")
        except (ValueError, RecursionError) as error:
            _refuse_unless_decoding(path, error)
        yield _object(row, f"{path} line {number}")


def _refuse_unless_decoding(path: Path, error: Exception) -> NoReturn:
    """Refuse JSON that Python itself won't take: a number of thousands of digits, or nesting without end."""
    if isinstance(error, UnicodeDecodeError):
        raise error
    _refuse(path, "holds a number too long or lists nested too deep")


def _object(row: object, place: str) -> Row:
    if not isinstance(row, dict):
        message = f"{place}: must be a JSON object"
        raise BadInputError(message)
    return place, row


def _refuse(path: Path, problem: str) -> NoReturn:
    message = f"{path} {problem}"
    raise BadInputError(message)
