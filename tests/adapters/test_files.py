from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters import files
from hlcopy.adapters.files import read_rows
from hlcopy.errors import BadInputError

if TYPE_CHECKING:
    from pathlib import Path


class Counting:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.total: int | None = None
        self.done = 0
        self.finished = 0

    def start(self, title: str, total: int | None) -> None:
        assert title.startswith("reading ")
        self.total = total

    def advance(self, units: int = 1) -> None:
        self.done += units

    def finish(self) -> None:
        self.finished += 1


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rows"


def rows(file: Path, content: bytes | str) -> list[tuple[str, dict[str, object]]]:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_rows(file, Counting()))


def refusal(file: Path, content: bytes | str) -> str:
    with pytest.raises(BadInputError) as caught:
        rows(file, content)
    message = str(caught.value)
    assert message.startswith(str(file))
    return message.removeprefix(str(file)).strip()


TWO_ROWS = [{"a": "1", "b": "x"}, {"a": "2", "b": "y"}]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("content", "places"),
    [
        ("a,b\n1,x\n2,y\n", ["line 2", "line 3"]),
        ("\ufeffa, b\r\n1,x\r\n\r\n2,y", ["line 2", "line 4"]),
        ('\n a,b\n"1",x\n2,"y"\n', ["line 3", "line 4"]),
        ('[{"a": "1", "b": "x"},\n {"a": "2", "b": "y"}]', ["row 1", "row 2"]),
        (' \n [{"a": "1", "b": "x"}, {"a": "2", "b": "y"}]\n', ["row 1", "row 2"]),
        ('{"a": "1", "b": "x"}\n\n{"a": "2", "b": "y"}\n', ["line 1", "line 3"]),
    ],
)
def test_a_file_s_form_is_told_by_its_content(file: Path, content: str, places: list[str], pack: type[bytes]) -> None:
    found = rows(file, pack(content.encode()))
    assert found == [(f"{file} {place}", row) for place, row in zip(places, TWO_ROWS, strict=True)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (b"a,b\n", "holds no rows"),
        (b"[]", "holds no rows"),
        (b"\x89PNG\r\n\x1a\n\x00\xff", "isn't text"),
        (gzip.compress(b"a,b\n1,\xff\xfe\n", mtime=0), "isn't text"),
        (gzip.compress(b"a,b\n" + b"1,2\n" * 9999, mtime=0)[:-20], "is cut off or damaged"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-4], "is cut off or damaged"),
        (b"\x1f\x8b\x09garbage", "is damaged"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:10] + b"\xff" * 20, "is cut off or damaged"),
        (b"a,a\n1,2\n", "names a column twice"),
        (b"BTC,1.5,2\nBTC,1.6,2\n", "line 1: is no header"),
        (b"\n0,0\n1,1\n", "line 2: is no header"),
        (b"a;b;c\n1;2;3\n", "line 1: separates its columns by semicolons; expected commas"),
        (b"a\tb\n1\t2\n", "line 1: separates its columns by tabs; expected commas"),
        (b"a,b\n1,2\n1\n", "line 3: has 1 value where the header has 2"),
        (b"a,b\n1,2,3\n", "line 2: has 3 values"),
        (b'a,b\n1,"2\n3', "line 3: isn't CSV"),
        (b'a,b\n1,"2"x\n', "line 2: isn't CSV"),
        (b'[{"a": 1},', "line 1: isn't JSON"),
        (b'[{"a": 1}] x', "line 1: isn't JSON"),
        (b'[{"a": 1}, 2]', "row 2: must be a JSON object"),
        (b'{"a": 1}\n{"a": \n', "line 2: isn't a whole JSON object"),
        (b"[" * 100_000, "holds a number too long or lists nested too deep"),
        (b'[{"a": ' + b"9" * 5000 + b"}]", "holds a number too long"),
        (b'{"a": ' + b"9" * 5000 + b"}", "holds a number too long"),
        (b'[{"a": "\xff"}]', "isn't text"),
        (b"[" + b" " * 9_000 + b"\xff]", "isn't text"),
        (b'{"a": 1}\n' * 9_000 + b"\xff", "isn't text"),
    ],
)
def test_what_can_t_be_read_is_refused_with_its_place(file: Path, content: bytes, said: str) -> None:
    assert refusal(file, content).startswith(said)


def test_a_file_without_a_header_is_told_what_it_should_name(file: Path) -> None:
    file.write_text("BTC,1.5\n")
    with pytest.raises(BadInputError, match=r"rows line 1: is no header; expected coin,px$"):
        list(read_rows(file, Counting(), ("coin", "px")))
    file.write_text("px,1\n2,3\n")
    assert list(read_rows(file, Counting(), ("coin", "px"))) == [(f"{file} line 2", {"px": "2", "1": "3"})]


def test_a_file_that_isn_t_there_or_is_a_folder_is_refused(tmp_path: Path) -> None:
    for path, why in ((tmp_path / "nowhere", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(BadInputError, match=f"can't be read \\({why}"):
            list(read_rows(path, Counting()))


def test_progress_counts_the_bytes_of_the_file_and_always_ends(file: Path) -> None:
    file.write_text("a,b\n" + "1,2\n" * 20_000)
    progress = Counting()
    assert len(list(read_rows(file, progress))) == 20_000
    assert progress.total == file.stat().st_size
    assert 0.5 * progress.total < progress.done <= progress.total
    assert progress.finished == 1
    file.write_text("a,b\n1\n")
    with pytest.raises(BadInputError):
        list(read_rows(file, progress))
    assert progress.finished == 2


def test_a_small_file_can_t_unpack_to_a_row_without_end(file: Path) -> None:
    said = refusal(file, gzip.compress(b'{"a": 1}\n{"b": "' + b"x" * 2**22 + b'"}\n'))
    assert said == "line 2: is too long for one row"


def test_nor_to_an_array_without_end(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_LONGEST_ARRAY", 1_000)
    assert "write one object on each line" in refusal(file, gzip.compress(b"[" + b" " * 1_000 + b"]"))
    file.write_text("[" + '{"a": 1}' + " " * 980 + "]")
    assert len(list(read_rows(file, Counting()))) == 1
