from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from hlcopy.cli import logs

CANARY = "0x" + "c0ffee" * 10 + "beef"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def path(home: Path) -> Path:
    file = home / "deep" / "x.log"
    logs.configure(file, ['nansen"key', ""])
    return file


def test_nothing_is_made_before_something_is_logged(path: Path) -> None:
    assert not path.parent.exists()


def test_an_event_is_one_line_of_json_that_only_the_owner_reads(path: Path) -> None:
    logs.log("imported", added=3, path=Path("x"), odd="\x1b[31m\n", none=None)
    (line,) = lines(path)
    assert line | {"timestamp": ""} == {
        "event": "imported",
        "level": "info",
        "timestamp": "",
        "added": 3,
        "path": "x",
        "odd": "\x1b[31m\n",
        "none": None,
    }
    assert path.read_text().isascii()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_secrets_are_replaced_wherever_they_stand(path: Path) -> None:
    logs.log(f"key {CANARY}", header='Bearer nansen"key', **{f"k{CANARY[2:]}": "x"})
    written = path.read_text()
    assert CANARY[2:] not in written
    assert "nansen" not in written
    assert written.count("[secret]") == 3
    assert logs.scrub("0x" + "ab" * 20) == "0x" + "ab" * 20  # an address is no secret


def test_a_rotated_file_is_opened_anew(path: Path) -> None:
    logs.log("first")
    path.rename(path.with_suffix(".1"))
    logs.log("second")
    logs.log("third")
    assert [line["event"] for line in lines(path)] == ["second", "third"]
    assert [line["event"] for line in lines(path.with_suffix(".1"))] == ["first"]


def test_a_file_replaced_by_another_is_left(path: Path) -> None:
    logs.log("first")
    path.unlink()
    path.write_text("")
    logs.log("second")
    assert [line["event"] for line in lines(path)] == ["second"]


def test_a_log_that_can_t_be_written_fails_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.mkdir(parents=True)
    logs.log("lost")
    assert logs.crash(ValueError("lost")) is None

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    path.rmdir()
    monkeypatch.setattr(os, "write", full)
    logs.log("lost")


def test_that_the_log_can_t_be_written_is_told_once_and_why(path: Path, home: Path) -> None:
    told: list[str] = []
    path.mkdir(parents=True)
    logs.configure(path, [], told.append)
    logs.log("lost")
    logs.log("lost")
    assert told == [f"the log file {path} can't be written (Is a directory)"]
    logs.configure(home / "fine.log", [], told.append)
    logs.log("kept")
    assert len(told) == 1


def test_a_crash_is_logged_with_its_traceback(path: Path) -> None:
    with pytest.raises(ValueError, match="c0ffee") as caught:
        int(f"{CANARY} is no number")
    assert logs.crash(caught.value) == path
    (line,) = lines(path)
    assert "Traceback" in line["exception"]
    assert "ValueError: invalid literal" in line["exception"]
    assert "c0ffee" not in line["exception"]


def test_a_new_place_closes_the_old(path: Path, home: Path) -> None:
    logs.log("first")
    logs.configure(home / "other.log", [])
    logs.log("second")
    assert [line["event"] for line in lines(home / "other.log")] == ["second"]
    assert len(lines(path)) == 1
