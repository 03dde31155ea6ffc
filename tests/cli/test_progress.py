from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import pytest

from hlcopy.cli.progress import progress_on

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Outcome


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "silent"), [(io.StringIO(), False), (Terminal(), True)])
def test_there_is_silence_without_a_terminal_or_when_asked_for(stream: io.StringIO, *, silent: bool) -> None:
    with progress_on(stream, silent=silent, between="Working") as progress:
        progress.start("reading", 10)
        progress.advance(5)
        progress.finish()
    assert stream.getvalue() == ""


def test_a_terminal_sees_a_bar_and_hostile_titles_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with progress_on(stream, silent=False, between="Working") as progress:
        progress.advance()
        progress.start("reading [red]x[/red].csv", 10)
        progress.advance(5)
        progress.start("storing", None)
        progress.finish()
        progress.finish()
    shown = stream.getvalue()
    assert "storing" in shown or "reading" in shown
    assert "\x1b[31m" not in shown


def test_what_is_done_between_steps_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with progress_on(stream, silent=False, between="Reading what is recorded") as progress:
        progress.start("Replaying", 10)
        progress.finish()
    assert "Reading what is recorded" in stream.getvalue()


@pytest.mark.usefixtures("venue")
@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("monitor", "Asking the venue"),
        ("poll", "Asking the venue"),
        ("verify", "Asking the venue"),
        ("doctor", "Looking"),
        ("data status", "Working"),
    ],
)
def test_who_waits_at_a_terminal_sees_for_what_and_json_stays_alone(
    run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, command: str, said: str
) -> None:
    run("monitor")  # makes the database
    monkeypatch.setenv("TERM", "xterm")
    for more, seen in (("", True), ("--json", False), ("--quiet", False)):
        stream = Terminal()
        monkeypatch.setattr(sys, "stderr", stream)
        run(f"{command} {more}")
        assert (said in stream.getvalue()) is seen
