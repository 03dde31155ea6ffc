"""Whatever a stranger names himself: no terminal, log, sheet or page takes it for a command."""

from __future__ import annotations

import csv
import html
import json
import re
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hlcopy.cli import logs
from hlcopy.cli.options import Session
from hlcopy.config import Settings
from hlcopy.render import json_document, safe
from hlcopy.render.page import data_table, element
from hlcopy.render.sheets import sheet
from hlcopy.render.tables import Column, Table, table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMANDS: Final = re.compile("[^\n\x20-\x7e\xa0-\u200a\u2010-\u2027\u202f-\u205f\u2070-\ufdcf\ufdf0-\U0010ffff]")
"""What a terminal may take for a command: control characters, and those that hide text or turn its direction."""
OWN_STYLE: Final = re.compile("\x1b\\[[0-9;]*m")
HURTS: Final = (
    "\x1b]0;x\x07",
    "\x1b[2J",
    "\x9b1m",
    "\r",
    "\n",
    "\u202e",
    "\u2066",
    "\u200b",
    "\ud800",
    "[red]",
    "[/]",
    "\x00",
)
FORMULAS: Final = ("=1+1", "=cmd|' /C calc'!A0", "@SUM(1)", "+1", "-1", "\t=1", "\r=1", '"=1', "\uff1d1+1", "\ufeff=1")
MARKUP: Final = ("<script>alert(1)</script>", '"><img src=x onerror=y>', "</td>", "&lt;", "' onclick='", "<!--", "]]>")

hostile: Final = st.lists(st.sampled_from((*HURTS, *FORMULAS, *MARKUP)) | st.text(max_size=6), max_size=6).map("".join)
QUIETLY: Final = settings(
    max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@QUIETLY
@given(hostile, st.sampled_from([None, 40, 80, 200]))
def test_no_table_passes_a_command_on(text: str, width: int | None) -> None:
    shown = table("a title", [Column("who"), Column("much", right=True)], [[text, text], ["x", "1"]], width=width)
    plain = OWN_STYLE.sub("", shown)
    assert COMMANDS.search(plain) is None
    assert plain.isascii() or plain.encode()


@QUIETLY
@given(hostile)
def test_no_json_document_passes_one_on(text: str) -> None:
    shown = json_document({text: text, "list": [text]})
    assert shown.isascii()
    assert shown.isprintable()
    assert json.loads(shown)["list"] == [text]


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(logs, "_file", None)
    logs.configure(tmp_path / "x.log", ())
    yield tmp_path / "x.log"
    logs.configure(tmp_path / "x.log", ())  # closes it


@QUIETLY
@given(text=hostile)
def test_no_log_line_passes_one_on_or_becomes_two(log: Path, text: str) -> None:
    before = log.read_bytes() if log.exists() else b""
    logs.log(text, label=text, other=[text])
    line = log.read_bytes().removeprefix(before)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert line[:-1].decode("ascii").isprintable()
    assert json.loads(line)["label"] == text


@QUIETLY
@given(text=hostile)
def test_no_warning_and_no_failure_passes_one_on(capsys: pytest.CaptureFixture[str], text: str) -> None:
    session = Session(settings=Settings(), as_json=False, quiet=False)
    session.warn(text)
    session.complain(text)
    told = capsys.readouterr().err
    assert COMMANDS.search(told) is None
    assert told.count("\n") == 2


@QUIETLY
@given(st.one_of(hostile, st.sampled_from(FORMULAS), st.builds("".join, st.tuples(st.sampled_from(FORMULAS), hostile))))
def test_no_cell_of_a_sheet_is_a_formula(text: str) -> None:
    text_of = sheet(("label",), [{"label": text}])
    ((cell,),) = list(csv.reader(text_of.splitlines()))[1:] or [("",)]
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"))
    assert COMMANDS.search(cell) is None


@QUIETLY
@given(hostile)
def test_no_page_takes_text_for_markup(text: str) -> None:
    page = data_table(Table(text, [Column("who")], [[text]])) + element("p", text, title=text, class_=text)
    bare = re.sub(r"</?(div|table|caption|thead|tbody|tr|th|td|p)\b[^<>]*>", "", page)
    assert "<" not in bare
    assert html.unescape(page).count(safe(text, 2_000)) >= 4 or not text
    assert COMMANDS.search(page) is None
