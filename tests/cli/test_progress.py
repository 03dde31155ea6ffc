from __future__ import annotations

import io

import pytest

from hlcopy.cli.progress import progress_on


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "silent"), [(io.StringIO(), False), (Terminal(), True)])
def test_there_is_silence_without_a_terminal_or_when_asked_for(stream: io.StringIO, *, silent: bool) -> None:
    with progress_on(stream, silent=silent) as progress:
        progress.start("reading", 10)
        progress.advance(5)
        progress.finish()
    assert stream.getvalue() == ""


def test_a_terminal_sees_a_bar_and_hostile_titles_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with progress_on(stream, silent=False) as progress:
        progress.advance()
        progress.start("reading [red]x[/red].csv", 10)
        progress.advance(5)
        progress.start("storing", None)
        progress.finish()
        progress.finish()
    shown = stream.getvalue()
    assert "storing" in shown or "reading" in shown
    assert "\x1b[31m" not in shown
