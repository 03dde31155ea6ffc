"""The crontab example: valid for cron as it is, and its commands work where the README installs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from hlcopy.cli import root
from hlcopy.domain.policy import CadencePolicy
from hlcopy.render.crontab import Plan, block
from tests.venue import environment, local_venue

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "crontab.example").read_text()
ENTRY = re.compile(r"((?:\S+\s+){5})(\S.*)")


class Entry(NamedTuple):
    minute: str
    others: tuple[str, ...]
    command: str


def lines() -> list[str]:
    return [line for line in TEXT.splitlines() if line.strip() and not line.startswith("#")]


def variables() -> dict[str, str]:
    found = (re.fullmatch(r"([A-Z]+)=(.*)", line) for line in lines())
    return {match[1]: match[2].strip('"') for match in found if match}


def entries() -> list[Entry]:
    return [entry for entry in all_entries() if ".venv/bin/hlcopy" in entry.command]


def all_entries() -> list[Entry]:
    found = []
    for line in lines():
        match = ENTRY.fullmatch(line)
        if match and not re.match(r"[A-Z]+=", line):
            minute, *others = match[1].split()
            found.append(Entry(minute, tuple(others), match[2]))
    return found


def rotation() -> Entry:
    (found,) = (entry for entry in all_entries() if ".venv/bin/hlcopy" not in entry.command)
    return found


def ticks() -> list[tuple[str, str]]:
    return [(re.search(r"\.venv/bin/hlcopy (\S+)", entry.command)[1], entry.minute) for entry in entries()]  # type: ignore[index]


def test_every_line_is_a_comment_a_variable_or_an_entry() -> None:
    assert len(variables()) + len(all_entries()) == len(lines())
    assert TEXT.endswith("\n")


def test_cron_itself_would_take_it_as_it_stands() -> None:
    assert set(variables()) == {"SHELL", "PATH", "MAILTO"}
    assert variables()["SHELL"] == "/bin/sh"
    assert variables()["MAILTO"] == ""
    for entry in all_entries():
        assert "%" not in entry.command  # cron makes a line end of it
        assert not entry.command.endswith("\\")  # cron knows no continuation
        assert len(entry.command) < 900
    for entry in entries():
        assert entry.others == ("*", "*", "*", "*")


def test_no_path_is_anybody_s_own() -> None:
    assert not re.search(r"/(home|root|Users)\b", TEXT)
    for entry in entries():
        assert 'cd "$HOME/hlcopy" && .venv/bin/hlcopy ' in entry.command
        assert entry.command.endswith(' >> "$HOME/hlcopy-cron.log" 2>&1')


def test_each_tick_has_its_cadence() -> None:
    assert ticks() == [("monitor", "*"), ("monitor", "*"), ("poll", "*"), ("positions", "*/15"), ("score", "17")]
    first, second = (entry.command for entry in entries()[:2])
    assert second == f"sleep 30; {first}"
    assert all("--quiet" in entry.command for entry in entries())
    for entry in entries():
        assert ("--jitter" in entry.command) == ("monitor" not in entry.command)


def test_it_says_what_cron_print_says_for_that_place() -> None:
    home = Path("/somebody")
    plan = Plan(
        program=["/somebody/hlcopy/.venv/bin/hlcopy"],
        env_file=None,
        folder=home / "hlcopy",
        database=home / "x.db",
        log=home / "x.log",
        output=home / "hlcopy-cron.log",
    )
    printed = block(plan, CadencePolicy())
    plain = printed.replace("umask 077; ", "").replace(" --db /somebody/x.db", "").replace("/somebody/x.log ", "")
    plain = plain.replace("/somebody/hlcopy/.venv", ".venv")
    example = TEXT.replace('"$HOME/hlcopy"', "/somebody/hlcopy").replace(
        '"$HOME/hlcopy-cron.log"', "/somebody/hlcopy-cron.log"
    )
    *ours, ours_rotated = (line for line in plain.splitlines() if not line.startswith("#"))
    *theirs, theirs_rotated = (line for line in example.splitlines() if re.match(r"[*\d]", line))
    assert [_in_one_order(line) for line in ours] == [_in_one_order(line) for line in theirs]
    assert ours_rotated.split()[:5] == theirs_rotated.split()[:5]


def _in_one_order(line: str) -> str:
    """Return a line with its wait behind the change of folder, wherever it stands."""
    return re.sub(r"(sleep \d+; )(cd \S+ && )", r"\2\1", line)


def test_the_log_begins_anew_and_an_empty_one_stays(tmp_path: Path) -> None:
    log = tmp_path / "hlcopy-cron.log"
    for text in ("old\n", ""):
        log.write_text(text)
        subprocess.run(["/bin/sh", "-c", rotation().command], env={"HOME": str(tmp_path)}, check=True, timeout=10)
    assert (tmp_path / "hlcopy-cron.log.1").read_text() == "old\n"
    assert log.read_text() == ""


def test_every_option_is_one_of_the_command_s() -> None:
    for entry in entries():
        name, *options = re.search(r"bin/hlcopy (.*?) >>", entry.command)[1].split()  # type: ignore[index]
        known = {text for parameter in root().commands[name].load().params for text in parameter.opts}  # type: ignore[attr-defined]
        assert {option for option in options if option.startswith("--")} <= known


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A home with the program where the README installs it, settings for a local venue, and cron's bare environment."""
    program = tmp_path / "hlcopy" / ".venv" / "bin" / "hlcopy"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{os.pathsep.join(sys.path)}" exec "{sys.executable}" -m hlcopy "$@"\n')
    program.chmod(0o755)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sleep").write_text(f'#!/bin/sh\necho "$@" >> "{tmp_path}/slept"\n')
    (tmp_path / "bin" / "sleep").chmod(0o755)
    with local_venue() as venue:
        settings = environment(venue, tmp_path / "paper.db") | {"HLCOPY_LEADERBOARD_SOURCE": "hyperliquid"}
        text = "".join(f"{name}={value}\n" for name, value in settings.items())
        (tmp_path / "hlcopy" / ".env").write_text(text)
        path = f"{tmp_path}/bin:{variables()['PATH']}"
        yield {"HOME": str(tmp_path), "PATH": path, "SHELL": variables()["SHELL"], "LOGNAME": "somebody"}


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_each_command_works_where_the_readme_installs(installed: dict[str, str], number: int) -> None:
    command = re.sub(r"--jitter \d+", "--jitter 0", entries()[number].command)
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env=installed,
        cwd=installed["HOME"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    home = Path(installed["HOME"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (home / "hlcopy-cron.log").read_text() == ""  # nothing to say
    assert (home / "paper.db").exists()
    assert (home / "slept").exists() == ("sleep" in command)


def test_what_fails_is_in_the_log(installed: dict[str, str]) -> None:
    home = Path(installed["HOME"])
    settings = home / "hlcopy" / ".env"
    settings.write_text(settings.read_text() + "HLCOPY_COPY_RATIO=2\n")
    done = subprocess.run(
        ["/bin/sh", "-c", entries()[0].command],
        env=installed,
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (78, "", "")
    assert (home / "hlcopy-cron.log").read_text().startswith("error: HLCOPY_COPY_RATIO: ")


def test_the_daily_score_is_asked_for_every_hour_and_run_where_it_is_due() -> None:
    (score,) = (entry.command for entry in entries() if "hlcopy score" in entry.command)
    assert "--if-due" in score
