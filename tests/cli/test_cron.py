"""`cron print|install|remove`: our lines come and go, and nobody else's are touched."""

from __future__ import annotations

import os
import re
import select
import shlex
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlcopy.domain.policy import CadencePolicy
from hlcopy.errors import BadInputError
from hlcopy.render.crontab import BEGIN, END, Plan, block, has_block, installed, removed
from hlcopy.render.systemd import units
from hlcopy.wiring import crontab
from hlcopy.wiring.health import cron as health

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Outcome

    Run = Callable[..., Outcome]

OTHERS = "MAILTO=me\r\n# mine\n0 3 * * *  backup --all  \n\n\t5 5 * * 1 echo 100\\% \xe9\n"
STAND_IN = """\
#!/bin/sh
case "$1" in
-l) [ -f "$HOME/tab" ] && exec /bin/cat "$HOME/tab"; echo "no crontab for somebody" >&2; exit 1;;
-r) exec /bin/rm "$HOME/tab";;
-) exec /bin/cat > "$HOME/tab";;
esac
exit 9
"""


def plan(folder: str = "/home/x", *, env_file: bool = True) -> Plan:
    place = Path(folder)
    return Plan(
        program=[f"{folder}/.venv/bin/hlcopy"],
        env_file=place / ".env" if env_file else None,
        folder=place,
        database=place / "paper.db",
        log=place / "paper.log",
        output=place / "paper.cron.log",
    )


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def tab(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's crontab, kept by a stand-in for the system's program."""
    script(home / "bin" / "crontab", STAND_IN)
    monkeypatch.setenv("PATH", f"{home}/bin:/usr/bin:/bin")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return home / "tab"


def program(home: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Let the running program be a script of this name with a body."""
    script(home / ".venv" / "bin" / "hlcopy", f"#!/bin/sh\n{body}\n")
    monkeypatch.setattr(sys, "argv", [str(home / ".venv" / "bin" / "hlcopy")])


def test_install_adds_our_lines_below_those_of_others_and_remove_gives_back_every_byte(run: Run, tab: Path) -> None:
    tab.write_bytes(OTHERS.encode("latin-1"))
    assert run("cron install").code == 0
    after = tab.read_bytes()
    assert after.startswith(OTHERS.encode("latin-1"))
    assert after.count(BEGIN.encode()) == 1
    assert run("cron remove").out == "our lines are out of the crontab\n"
    assert tab.read_bytes() == OTHERS.encode("latin-1")


def test_installing_again_changes_nothing_and_a_new_place_replaces_the_old(run: Run, tab: Path) -> None:
    assert run("cron install --json").document["changed"] is True
    first = tab.read_text()
    again = run("cron install --json").document
    assert (again["changed"], again["lines"]) == (False, 5)
    assert tab.read_text() == first
    run("cron install --db other.db")
    assert tab.read_text().count(BEGIN) == 1
    assert "other.db" in tab.read_text()


def test_a_crontab_that_held_only_ours_is_gone_afterwards(run: Run, tab: Path) -> None:
    run("cron install")
    run("cron remove")
    assert not tab.exists()
    assert run("cron remove --json").document == {"command": "cron remove", "ok": True, "changed": False}


def test_every_path_is_absolute_and_a_settings_file_is_named(
    run: Run, tab: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(home, monkeypatch, "exit 0")
    without = run("cron print --db paper.db").out
    assert f"cd {home} && {home}/.venv/bin/hlcopy monitor --quiet --db {home}/paper.db" in without
    (home / ".env").write_text("")
    told = run("cron print --db paper.db").out
    assert f"{home}/.venv/bin/hlcopy monitor --quiet --env-file {home}/.env --db {home}/paper.db" in told
    assert not tab.exists()


def test_what_only_the_shell_has_is_warned_of(run: Run, tab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HLCOPY_COPY_RATIO", "0.3")
    said = run("cron install").err
    assert "only your shell has HLCOPY_COPY_RATIO" in said
    assert "COPY_RATIO" not in tab.read_text()


def test_a_module_found_by_the_shell_s_path_alone_is_warned_of(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    assert "cron may run another hlcopy" in run("cron print").err
    program(home, monkeypatch, "exit 0")
    assert run("cron print").err == ""


def test_without_a_crontab_program_the_other_way_is_named(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(home / "nothing"))
    for command in ("cron install", "cron remove"):
        refused = run(command)
        assert refused.code == 78
        assert "no crontab program here" in refused.err
        assert "--systemd" in refused.err


def test_a_crontab_that_cannot_be_listed_is_never_written_over(run: Run, home: Path, tab: Path) -> None:
    script(home / "bin" / "crontab", '#!/bin/sh\n[ "$1" = -l ] || exec /bin/cat > "$HOME/tab"\necho busy >&2; exit 1\n')
    refused = run("cron install")
    assert (refused.code, refused.err) == (75, "error: crontab -l fails: busy\n")
    assert not tab.exists()


@given(st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=30), max_size=6))
def test_whatever_others_wrote_stays(lines: list[str]) -> None:
    before = "".join(f"{line}\n" for line in lines)
    ours = block(plan(), CadencePolicy())
    once = installed(before, ours)
    assert installed(once, ours) == once
    assert removed(once) == before
    moved = installed(once + "1 1 * * * later\n", block(plan("/elsewhere"), CadencePolicy()))
    assert removed(moved) == before + "1 1 * * * later\n"
    assert not has_block(before)


@pytest.mark.parametrize(
    ("seconds", "when"),
    [
        (10, ["* 0", "* 10", "* 20", "* 30", "* 40", "* 50"]),
        (1, ["* 0", "* 10", "* 20", "* 30", "* 40", "* 50"]),
        (30, ["* 0", "* 30"]),
        (60, ["* 0"]),
        (119, ["* 0"]),
        (900, ["*/15 0"]),
        (25 * 60, ["*/20 0"]),
        (7_200, ["0 0"]),
    ],
)
def test_cron_comes_as_near_to_a_cadence_as_it_can(seconds: int, when: list[str]) -> None:
    told = block(plan(), CadencePolicy(monitor=timedelta(seconds=seconds)))
    found = [line for line in told.splitlines() if "hlcopy monitor" in line]
    waits = [(re.findall(r"sleep (\d+);", line) or ["0"])[0] for line in found]
    assert [f"{line.split()[0]} {wait}" for line, wait in zip(found, waits, strict=True)] == when


@pytest.mark.parametrize("folder", ["/home/a b", "/x/100%", "/x/it's", "/x/$HOME", "/x/a;b&c"])
def test_a_path_of_any_plain_characters_reaches_the_program_as_it_is(folder: str) -> None:
    (first, *_) = crontab.entries(block(plan(folder), CadencePolicy()))
    words = shlex.split(first.command)
    assert words[2:] == [
        *(f"{folder}/.venv/bin/hlcopy", "monitor", "--quiet", "--env-file", f"{folder}/.env"),
        *("--db", f"{folder}/paper.db", ">>", f"{folder}/paper.cron.log", "2>&1"),
    ]
    assert crontab.program_of(first.command) == (None, (f"{folder}/.venv/bin/hlcopy",), "monitor")


@pytest.mark.parametrize("folder", ["/x/a\nb", "/x/" + "long/" * 200])
def test_a_path_that_no_crontab_can_hold_is_refused(folder: str) -> None:
    with pytest.raises(BadInputError):
        block(plan(folder), CadencePolicy())


def test_the_rotation_keeps_the_last_log_of_each(tmp_path: Path) -> None:
    (tmp_path / "paper.log").write_text("old")
    told = block(plan(str(tmp_path)), CadencePolicy()).splitlines()
    assert told[-1] == END
    subprocess.run(["/bin/sh", "-c", told[-2].split(maxsplit=5)[5]], check=True, timeout=10)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"paper.log.1": "old"}


def test_units_are_printed_written_and_taken_away_again(run: Run, home: Path) -> None:
    folder = home / "systemd" / "user"
    printed = run("cron print --systemd --json").document["files"]
    assert not folder.exists()
    done = run("cron install --systemd --json").document
    assert {path: Path(path).read_text() for path in done["files"]} == printed
    assert done["commands"][1] == "systemctl --user enable --now hlcopy.service hlcopy-logs.timer"
    assert run("cron install --systemd").code == 0  # again
    (folder / "other.service").write_text("[Unit]\n")
    run("cron remove --systemd")
    assert [path.name for path in folder.iterdir()] == ["other.service"]


def test_a_unit_of_somebody_else_stays(run: Run, home: Path) -> None:
    other = home / "systemd" / "user" / "hlcopy.service"
    other.parent.mkdir(parents=True)
    other.write_text("[Unit]\n")
    refused = run("cron install --systemd")
    assert (refused.code, other.read_text()) == (2, "[Unit]\n")
    assert "isn't ours" in refused.err
    assert run("cron remove --systemd").out == "no unit of ours is there\n"
    assert [path.name for path in other.parent.iterdir()] == ["hlcopy.service"]


def test_a_unit_s_command_holds_any_path() -> None:
    service = units(plan('/x/a b/100%/$y/"q'))["hlcopy.service"]
    (command,) = re.findall(r"(?m)^ExecStart=(.*)$", service)
    words = [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(command)]
    assert words[:4] == ['/x/a b/100%/$y/"q/.venv/bin/hlcopy', "run-all", "--quiet", "--env-file"]
    assert "WorkingDirectory=/x/a b/100%%/$y" in service


# doctor --from-cron


def from_cron(run: Run) -> dict[str, tuple[bool | None, str]]:
    checks = run("doctor --from-cron --json").document["checks"]
    return {check["name"]: (check["ok"], check["said"]) for check in checks if check["name"].startswith("from cron")}


@pytest.mark.usefixtures("venue")
def test_each_command_of_the_crontab_is_run_as_cron_would(
    run: Run, tab: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = 'echo "$1 in $PWD with $(/usr/bin/env | /usr/bin/sort | /usr/bin/cut -d= -f1 | /usr/bin/tr "\\n" " ")"'
    program(home, monkeypatch, f'{body}; [ "$1" != poll ] || exit 78; [ "$1" != positions ] || exit 75')
    monkeypatch.setenv("A_KEY_OF_OURS", "x")
    tab.write_text("EDITOR=vi\n* * * * * echo other > $HOME/ran\n")
    run("cron install")
    found = from_cron(run)
    assert {name: ok for name, (ok, _) in found.items()} == {
        "from cron: monitor": True,
        "from cron: poll": False,
        "from cron: positions": None,
        "from cron: score": True,
    }
    said = found["from cron: monitor"][1]
    names = set(said.split(" with ")[1].split())
    assert said.startswith(f"works, and says: monitor in {home} with") or " monitor in / with" in said
    assert names - {"LOGNAME", "USER", "_", "OLDPWD", "SHLVL"} == {"EDITOR", "HOME", "PATH", "PWD", "SHELL"}
    assert not (home / "ran").exists()


@pytest.mark.usefixtures("venue")
def test_a_python_that_needs_our_environment_is_found_out(
    run: Run, tab: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(home, monkeypatch, 'exec "$NEEDED/hlcopy" "$@"')
    run("cron install")
    assert "not found" in from_cron(run)["from cron: score"][1]
    assert tab.exists()


@pytest.mark.usefixtures("venue")
def test_without_lines_of_ours_there_is_nothing_to_prove(run: Run, tab: Path) -> None:
    tab.write_text("* * * * * backup\n")
    assert from_cron(run) == {"from cron": (False, "no line of the crontab runs hlcopy")}


@pytest.mark.usefixtures("venue")
def test_an_output_that_cannot_be_written_is_wrong(run: Run, tab: Path) -> None:
    tab.write_text("* * * * * /usr/bin/hlcopy monitor --quiet >> /proc/none/x.log 2>&1\n")
    ok, said = from_cron(run)["from cron: monitor"]
    assert ok is False
    assert said.startswith("its output can't be written")


def test_a_command_that_still_works_after_a_while_has_proven_itself(
    tab: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_ENOUGH_S", 0.2)
    script(home / "hlcopy", '#!/bin/sh\necho $$ > "$HOME/pid"\nexec /bin/sleep 600\n')
    tab.write_text(f"* * * * * {home}/hlcopy score\n")
    (check,) = health.from_cron_checks()
    assert check.ok is True
    assert "still at it" in check.said
    assert is_over(int((home / "pid").read_text()))


def is_over(pid: int) -> bool:
    """Whether a process has ended, even if nobody has asked for its exit code yet."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], 5)[0])
    finally:
        os.close(watched)
