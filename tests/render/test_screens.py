"""The main screens as they are seen, kept in files: HLCOPY_SNAPSHOTS=write writes them anew, to be looked at by eye."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from hlcopy.cli import main
from tests.render import accounts, screens
from tests.render.accounts import cron_lines
from tests.render.screens import signals
from tests.zones import CENTRAL_EUROPE, time_zone

if TYPE_CHECKING:
    from collections.abc import Iterator

SCREENS: Final = {**screens.SCREENS, **accounts.SCREENS}
KEPT: Final = Path(__file__).parent / "snapshots"
STYLE: Final = re.compile(r"\x1b\[[0-9;]*m")
COLOURED: Final = re.compile(r"\x1b\[(?:[0-9;]*;)?3[0-7]m")
TABLES: Final = ("traders", "signals", "monitor", "data-status")


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An ordinary terminal in UTC."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    with time_zone("UTC"):
        yield


def kept(name: str, seen: str) -> str:
    """Return what was kept of a screen; keep what is seen now where that is asked for."""
    file = KEPT / f"{name}.txt"
    if os.environ.get("HLCOPY_SNAPSHOTS") == "write":
        KEPT.mkdir(exist_ok=True)
        file.write_text(seen, encoding="utf-8")
    return file.read_text(encoding="utf-8")


def without_style(shown: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in STYLE.sub("", shown).splitlines())


@pytest.mark.parametrize("width", [80, 160])
@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_is_as_it_was_seen(name: str, width: int) -> None:
    seen = without_style(SCREENS[name](width))
    assert max(map(len, seen.splitlines())) <= width
    assert seen == kept(f"{name}-{width}", seen)


@pytest.mark.parametrize("width", [80, 160])
def test_help_is_as_it_was_seen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(["--help"]) == 0
    seen = capsys.readouterr().out
    assert seen == kept(f"help-{width}", seen)


def test_lines_for_cron_are_as_they_were_seen() -> None:
    assert cron_lines() == kept("cron-print", cron_lines())


@pytest.mark.parametrize("name", ["positions", "verify", "signals", "doctor", "why-position", "status"])
def test_colours_are_as_they_were_seen(name: str) -> None:
    seen = SCREENS[name](80).replace("\x1b", "␛")
    assert seen == kept(f"{name}-80-colours", seen)


@pytest.mark.parametrize("name", SCREENS)
def test_a_pipe_gets_plain_text(name: str) -> None:
    assert "\x1b" not in SCREENS[name](None)


@pytest.mark.parametrize(
    "name", sorted(SCREENS.keys() - {"doctor", "config-lint"})
)  # whose commands ask for colour themselves
def test_no_color_leaves_no_colour(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert not COLOURED.search(SCREENS[name](80))


@pytest.mark.parametrize("width", [60, 40, 20])
@pytest.mark.parametrize("name", SCREENS)
def test_a_narrow_terminal_breaks_no_screen_and_no_table(name: str, width: int) -> None:
    seen = without_style(SCREENS[name](width))
    assert seen
    if name in TABLES and width == 60:
        assert max(map(len, seen.splitlines())) <= width


def test_times_are_this_machine_s_and_say_of_which_zone() -> None:
    with time_zone(CENTRAL_EUROPE):
        lines = signals(None).splitlines()
    assert lines[1].startswith("TIME (CET)")
    assert lines[2].startswith("2026-03-01 01:00")
