"""What the README tells a reader to type works, in its order, and what it shows of the output is what comes out."""

from __future__ import annotations

import doctest
import os
import re
import shlex
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from hlcopy.cli import COMMANDS, LazyCommand, logs, main, root
from tests.readme.blocks import Typed, typed, with_printed
from tests.readme.scene import lived, record

if TYPE_CHECKING:
    from collections.abc import Iterator

README: Final = Path(__file__).parents[2] / "README.md"
# Commands that this test doesn't type, and who does.
ELSEWHERE: Final = {
    r"python3 -m venv .*hlcopy demo": ".ci/run, in a copy of the tree",
    r"python3 -m venv .*pytest": ".ci/run",
    r"hlcopy demo": "tests/cli/test_demo.py",
    r"hlcopy run-all$": "tests/cli/test_run_all.py",
    r"hlcopy init$": "tests/cli/test_init.py",
    r"hlcopy cron install": "tests/cli/test_cron.py",
    r"hlcopy doctor --from-cron": "tests/cli/test_doctor.py",
}
# What no two runs have in common is written as "...", as in a doctest.
_CHECK: Final = doctest.OutputChecker()


def is_run_elsewhere(line: str) -> bool:
    return any(re.match(pattern, line) for pattern in ELSEWHERE)


def result_of(line: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Return the exit code of a command, and what it printed at 80 columns."""
    if line.startswith("hlcopy "):
        code = main(shlex.split(line)[1:])
        told = capsys.readouterr()
        return code, told.out + told.err
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def what_is_wrong(command: Typed, code: int, out: str) -> str | None:
    """Return what is wrong with a command's result, None for nothing."""
    if command.printed is None:
        return None if code == 0 else f"line {command.number}: {command.line}\nended with {code}:\n{out}"
    if _CHECK.check_output(command.printed + "\n", out, doctest.ELLIPSIS):
        return None
    return f"line {command.number}: {command.line}\nREADME.md says:\n{command.printed}\nit printed:\n{out}"


@pytest.fixture
def newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home with the recordings that the README imports."""
    monkeypatch.setattr(logs, "_file", None)
    monkeypatch.setattr(logs.scrub, "_secrets", [])
    for name in [name for name in os.environ if name.startswith(("HLCOPY_", "NANSEN_"))]:
        monkeypatch.delenv(name)
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    stand_in = tmp_path / "bin" / "crontab"  # nobody's own crontab is touched, whatever the README says
    stand_in.parent.mkdir()
    stand_in.write_text("#!/bin/sh\nexit 1\n")
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{stand_in.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.chdir(tmp_path)
    record(tmp_path)
    yield tmp_path
    monkeypatch.undo()
    time.tzset()


def test_every_command_works_and_prints_what_the_readme_shows(
    newcomer: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With UPDATE_README=1 the README is made to show it instead; look at the difference before you commit it."""
    update = os.environ.pop("UPDATE_README", "") == "1"
    text, wrong = README.read_text(), []
    shown: dict[int, str] = {}
    with lived(newcomer) as settings:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        for command in typed(text):
            if is_run_elsewhere(command.line):
                continue
            code, out = result_of(command.line, capsys)
            fault = what_is_wrong(command, code, out)
            if fault and command.printed is not None:
                shown[command.number] = out
            if fault:
                wrong.append(fault)
    if update:
        README.write_text(with_printed(text, shown))
    assert wrong == []


def test_every_command_and_option_that_the_readme_speaks_of_is_there() -> None:
    unknown = []
    for span in re.findall(r"`(hlcopy [^`]+)`", README.read_text().replace("\n", " ")):
        words = [word for word in span.split()[1:] if re.fullmatch(r"-{0,2}[a-z][a-z-]*", word)]
        command = root().commands[words.pop(0)] if words and words[0] in COMMANDS else None
        if isinstance(command, LazyCommand):
            command = command.load()
        while command is not None and words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]  # type: ignore[attr-defined]
        options = {name for each in getattr(command, "params", ()) for name in (*each.opts, *each.secondary_opts)}
        if command is None or not options.issuperset(
            word for word in words if word.startswith("-") and word != "--help"
        ):
            unknown.append(span)
    assert unknown == []
