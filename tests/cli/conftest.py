from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from hlcopy.cli import logs, main
from hlcopy.wiring import desks
from tests.shapes import check_shape
from tests.venue import environment, local_venue
from tests.zones import time_zone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hlcopy.simulator.server import LocalVenue


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.out)
        return parsed


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A process without settings, in an empty directory, with an empty home."""
    for name in list(os.environ):
        if name.startswith(("HLCOPY_", "NANSEN_", "COLUMNS")):
            monkeypatch.delenv(name)
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logs, "_file", None)
    monkeypatch.setattr(logs.scrub, "_secrets", [])
    return tmp_path


@pytest.fixture(autouse=True)
def utc() -> Iterator[None]:
    """A machine whose clock is in UTC, wherever the tests run."""
    with time_zone("UTC"):
        yield


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    def command(line: str, *more: str) -> Outcome:
        given = [*line.split(), *more]
        code = main(given)
        captured = capsys.readouterr()
        if "--json" in given and captured.out:
            check_shape(given, captured.out)
        return Outcome(code, captured.out, captured.err)

    return command


@pytest.fixture
def database(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path that HLCOPY_DB names; nothing is there yet."""
    path = home / "paper.db"
    monkeypatch.setenv("HLCOPY_DB", str(path))
    return path


@pytest.fixture
def venue(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalVenue]:
    """A local venue that the process's settings name, with its own clock."""
    with local_venue() as served:
        for name, value in environment(served, home / "paper.db").items():
            monkeypatch.setenv(name, value)
        yield served


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ticks that give up after a moment: an outage needn't be waited out."""
    brief = {
        name: desks.Allowance(share=allowance.share, patience_s=0.2, queue_s=0.0, tick_s=2.0)
        for name, allowance in desks.ALLOWANCES.items()
    }
    monkeypatch.setattr(desks, "ALLOWANCES", brief)
