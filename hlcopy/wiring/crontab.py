"""The user's crontab: read and written by the system's own program, and read as cron would run it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hlcopy.errors import ConfigError, TryLaterError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PATIENCE_S: Final = 5.0
CRON_PATH: Final = "/usr/bin:/bin"
_NONE_YET: Final = "no crontab for"
_VARIABLE: Final = re.compile(r"""\s*["']?([A-Za-z_]\w*)["']?\s*=\s*(.*?)\s*""")
_ENTRY: Final = re.compile(r"\s*(?:@[a-z]+|(?:\S+\s+){4}\S+)\s+(\S.*)")
_SUBCOMMAND: Final = re.compile(r"[a-z][a-z-]*")
_BETWEEN: Final = frozenset(";&|")


@dataclass(frozen=True, slots=True)
class Entry:
    """A line that cron would run: the shell's command, and the variables that the lines above it set."""

    command: str
    variables: Mapping[str, str]


def read() -> str | None:
    """Return the user's crontab as it is, empty when there is none, None where there is no cron.

    Raises `TryLaterError` when it can't be listed.
    """
    program = shutil.which("crontab")
    if program is None:
        return None
    listed = _run(program, "-l")
    if listed.returncode != 0:
        said = _words(listed.stderr)
        if _NONE_YET in said or not said:
            return ""
        message = f"crontab -l fails: {said}"
        raise TryLaterError(message)
    return listed.stdout.decode("utf-8", "surrogateescape")


def write(text: str) -> None:
    """Make a text the user's crontab, or leave none where it is empty.

    Raises `ConfigError` where there is no cron, `TryLaterError` when it isn't taken.
    """
    program = shutil.which("crontab")
    if program is None:
        message = "there is no crontab program here; install cron, or use: hlcopy cron install --systemd"
        raise ConfigError(message)
    done = _run(program, "-", given=text) if text else _run(program, "-r")
    if done.returncode != 0:
        message = f"crontab refuses it: {_words(done.stderr) or 'it does not say why'}"
        raise TryLaterError(message)


def entries(crontab: str) -> Iterator[Entry]:
    """Yield what cron would run, in the order of the lines."""
    variables: dict[str, str] = {}
    for line in crontab.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if (named := _VARIABLE.fullmatch(line)) is not None:
            variables[named[1]] = _bare(named[2])
        elif (entry := _ENTRY.fullmatch(line)) is not None:
            yield Entry(_until_per_cent(entry[1]), dict(variables))


def program_of(command: str) -> tuple[Path | None, tuple[str, ...], str] | None:
    """Return where a shell command runs hlcopy, with what, and which tick; None when it doesn't.

    The folder is the one that the command changes to, None when it stays in the home; the program is `hlcopy` under any
    path, or a Python with `-m hlcopy`.
    """
    folder: Path | None = None
    for words in _sentences(command):
        if len(words) > 1 and words[0] == "cd":
            folder = expanded(words[1])
        for place, word in enumerate(words):
            if Path(word).name != "hlcopy" or not _SUBCOMMAND.fullmatch((words[place + 1 :] or [""])[0]):
                continue
            module = place >= 2 and words[place - 1] == "-m"  # noqa: PLR2004 - python, -m
            program = (words[place - 2], "-m", word) if module else (word,)
            return folder, program, words[place + 1]
    return None


def expanded(text: str) -> Path:
    """Return a path of a shell line: home is the only variable that is known."""
    for short in ("${HOME}", "$HOME", "~"):
        if text.startswith(short):
            return Path(str(Path.home()) + text.removeprefix(short))
    return Path(text)


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that cron gives a command: next to nothing, and what the crontab sets."""
    known = {name: os.environ[name] for name in ("LOGNAME", "USER") if name in os.environ}
    return {**known, "HOME": str(Path.home()), "PATH": CRON_PATH, "SHELL": "/bin/sh", **variables}


def _sentences(command: str) -> Iterator[list[str]]:
    """Yield the words of each command of a shell line; a line that can't be parsed has none."""
    words = shlex.shlex(command, posix=True, punctuation_chars=True)
    words.whitespace_split, words.commenters = True, ""
    sentence: list[str] = []
    try:
        for word in words:
            if set(word) <= _BETWEEN:
                yield sentence
                sentence = []
            else:
                sentence.append(word)
    except ValueError:
        return
    yield sentence


def _until_per_cent(command: str) -> str:
    """Return what the shell gets: a bare per cent sign ends it, an escaped one is one."""
    return re.split(r"(?<!\\)%", command)[0].replace(r"\%", "%")


def _bare(text: str) -> str:
    quoted = re.fullmatch(r"""(["'])(.*)\1""", text)
    return quoted[2] if quoted else text


def _words(said: bytes) -> str:
    return " ".join(said.decode("utf-8", "replace").split())


def _run(program: str, argument: str, given: str = "") -> subprocess.CompletedProcess[bytes]:
    # Not our environment, in which keys may lie: it needs to know who asks, and nothing else.
    known = {name: os.environ[name] for name in ("HOME", "LOGNAME", "PATH", "USER") if name in os.environ}
    known["LC_ALL"] = "C"  # whether there is none yet is told in words
    try:
        return subprocess.run(  # noqa: S603 - the system's own program
            [program, argument],
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
            input=given.encode("utf-8", "surrogateescape"),  # bytes: whatever ends the lines of others stays
            env=known,
        )
    except subprocess.TimeoutExpired:
        message = f"crontab {argument} doesn't answer within {PATIENCE_S:g} s"
        raise TryLaterError(message) from None
