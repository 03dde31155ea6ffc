"""What cron would run: whether the crontab can be read, whether what its lines name is there, and whether they work."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hlcopy.domain.checks import Check
from hlcopy.wiring import crontab

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hlcopy.wiring.crontab import Entry

_NAME: Final = "cron"
FROM_CRON: Final = "from cron"
_DEFAULT_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
_SERVICE: Final = "fine where hlcopy run-all runs as a service; else: hlcopy cron install"
_ENOUGH_S: Final = 45.0
_LONGEST: Final = 300
_DID_ITS_WORK: Final = frozenset({0, 1})
_LATER: Final = 75
_WAITS: Final = re.compile(r"\bsleep\s+\d+\s*;\s*")
_JITTER: Final = re.compile(r"--jitter\s+\S+")
_OUTPUT: Final = re.compile(r"""\s*>>?\s*("[^"]*"|'[^']*'|\S+)\s+2>&1\s*$""")
_WHY: Final = {
    126: "the program may not be run",
    127: "the program isn't there",
}


def cron_check() -> Check:
    """Say whether the user's crontab runs hlcopy, and whether the programs that it names are there."""
    listed = crontab.read()
    if listed is None:
        return Check(
            name=_NAME, ok=True, said="there is no cron here", remedy="keep hlcopy run-all running as a service"
        )
    if not listed:
        return Check(name=_NAME, ok=True, said="no crontab", remedy=_SERVICE)
    entries = _ours(listed)
    if not entries:
        return Check(name=_NAME, ok=True, said="no line of the crontab runs hlcopy", remedy=_SERVICE)
    missing = dict.fromkeys(path for entry in entries for path in _missing(entry))
    if missing:
        said = f"the crontab names what isn't there: {', '.join(missing)}"
        return Check(name=_NAME, ok=False, said=said, remedy="hlcopy cron install, or correct it: crontab -e")
    return Check(name=_NAME, ok=True, said=f"{len(entries)} lines run hlcopy")


def from_cron_checks() -> Iterator[Check]:
    """Run each command of the crontab as cron would, and say how that ended.

    Nothing of our environment is there, and the folder is the root. A command's own waits are left out; one that still
    works after a while has shown that it can, and is stopped.
    """
    listed = crontab.read()
    entries = _ours(listed or "")
    if not entries:
        said = "there is no cron here" if listed is None else "no line of the crontab runs hlcopy"
        yield Check(name=FROM_CRON, ok=False, said=said, remedy="hlcopy cron install")
        return
    distinct = {(_at_once(entry.command), *sorted(entry.variables.items())): entry for entry in entries}
    for entry in distinct.values():
        yield _run(entry)


def _ours(listed: str) -> list[Entry]:
    return [entry for entry in crontab.entries(listed) if crontab.program_of(entry.command) is not None]


def _at_once(command: str) -> str:
    """Return a command without its waits."""
    return _JITTER.sub("--jitter 0", _WAITS.sub("", command))


def _run(entry: Entry) -> Check:
    """Run a command with what it prints caught, after its own file was opened as it would be."""
    named = crontab.program_of(entry.command)
    name = f"{FROM_CRON}: {named[2] if named else ''}"
    environ = crontab.environment(entry.variables)
    command, output = _at_once(entry.command), _OUTPUT.search(entry.command)
    if output is not None:
        command = _OUTPUT.sub("", command)
        code, said = _shell(f"umask 077; : >> {output[1]}", environ)
        if code != 0:
            return Check(name=name, ok=False, said=f"its output can't be written: {said}", remedy="hlcopy cron install")
    code, said = _shell(command, environ)
    if code is None:
        return Check(name=name, ok=True, said=f"works: after {_ENOUGH_S:g} s it was still at it, and was stopped")
    if code in _DID_ITS_WORK:
        return Check(name=name, ok=True, said="works" if not said else f"works, and says: {said}")
    if code == _LATER:
        return Check(name=name, ok=None, said=said or "it says: try later", remedy="try again in a moment")
    why = said or _WHY.get(code, f"it ends with exit code {code} without a word")
    return Check(name=name, ok=False, said=why, remedy="hlcopy cron install writes lines that work here")


def _shell(command: str, environ: dict[str, str]) -> tuple[int | None, str]:
    """Return how a shell's command ended, None when it was stopped, and what it said."""
    shell = environ["SHELL"] if Path(environ["SHELL"]).is_absolute() else "/bin/sh"
    with tempfile.TemporaryFile() as said:
        running = subprocess.Popen(  # noqa: S603 - the user's own crontab
            [shell, "-c", command],
            cwd="/",
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code: int | None = running.wait(_ENOUGH_S)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            if running.poll() is None:
                _stop(running)
        said.seek(0)
        words = said.read(8 * _LONGEST).decode("utf-8", "replace").split()
    return code, " ".join(words)[:_LONGEST]


def _stop(running: subprocess.Popen[bytes]) -> None:
    """End a shell and what it started: first as Ctrl-C would, so that it can end well."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(10)
            return


def _missing(entry: Entry) -> Iterator[str]:
    """Yield the folder or program of a line that isn't there; a bare name is looked up on cron's own short path."""
    named = crontab.program_of(entry.command)
    if named is None:
        return
    folder, program, _ = named
    folder = folder or Path.home()
    if not folder.is_dir():
        yield str(folder)
        return
    if "/" not in program[0]:
        path = entry.variables.get("PATH", _DEFAULT_PATH)
        if shutil.which(program[0], path=path) is None:
            yield f"{program[0]} (without its folder: cron's PATH is short)"
        return
    file = folder / crontab.expanded(program[0])
    if not (file.is_file() and os.access(file, os.X_OK)):
        yield str(file)
