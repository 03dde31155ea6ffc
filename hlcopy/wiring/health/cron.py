"""What cron would run: whether the crontab can be read, and what its lines name is there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hlcopy.domain.checks import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATIENCE_S: Final = 5.0
_NAME: Final = "cron"
_FOLDER: Final = re.compile(r"""\bcd\s+("[^"]+"|'[^']+'|[^\s;&|]+)""")
_PROGRAM: Final = re.compile(r"""(?<![\w.-])((?:[\w.$~{}-]*/)+hlcopy|hlcopy)(?=["']?\s+[a-z])""")
_SERVICE: Final = "fine where hlcopy run-all runs as a service; else see crontab.example"


def cron_check() -> Check:
    """Say whether the user's crontab runs hlcopy, and whether the programs that it names are there."""
    program = shutil.which("crontab")
    if program is None:
        return Check(
            name=_NAME, ok=True, said="there is no cron here", remedy="keep hlcopy run-all running as a service"
        )
    # Neither input nor our environment, in which keys may lie: it needs to know who asks, and nothing else.
    known = {name: os.environ[name] for name in ("HOME", "LOGNAME", "PATH", "USER") if name in os.environ}
    listed = subprocess.run(  # noqa: S603 - the system's own program
        [program, "-l"],
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
        stdin=subprocess.DEVNULL,
        env=known,
    )
    if listed.returncode != 0:
        said = " ".join(listed.stderr.split()) or "it can't be listed"
        return Check(name=_NAME, ok=True, said=f"no crontab ({said})", remedy=_SERVICE)
    entries = [line for line in listed.stdout.splitlines() if _runs_us(line)]
    if not entries:
        return Check(name=_NAME, ok=True, said="no line of the crontab runs hlcopy", remedy=_SERVICE)
    missing = dict.fromkeys(path for line in entries for path in _missing(line))
    if missing:
        said = f"the crontab names what isn't there: {', '.join(missing)}"
        return Check(name=_NAME, ok=False, said=said, remedy="correct it: crontab -e")
    return Check(name=_NAME, ok=True, said=f"{len(entries)} lines run hlcopy")


def _runs_us(line: str) -> bool:
    return not line.lstrip().startswith("#") and _PROGRAM.search(line) is not None


def _missing(line: str) -> Iterator[str]:
    """Yield the folder or program of a line that isn't there; a bare name is looked up on cron's own short path."""
    home = Path.home()
    changed = _FOLDER.search(line)
    folder = _expanded(changed[1], home) if changed else home
    if not folder.is_dir():
        yield str(folder)
        return
    found = _PROGRAM.search(line)
    if found is None:
        return
    if "/" not in found[1]:
        if shutil.which("hlcopy", path="/usr/local/bin:/usr/bin:/bin") is None:
            yield "hlcopy (without its folder: cron's PATH is short)"
        return
    program = folder / _expanded(found[1], home)
    if not (program.is_file() and os.access(program, os.X_OK)):
        yield str(program)


def _expanded(text: str, home: Path) -> Path:
    """Return a path of a shell line: home is the only variable that is known."""
    bare = text.strip("\"'")
    for short in ("${HOME}", "$HOME", "~"):
        if bare.startswith(short):
            return Path(str(home) + bare.removeprefix(short))
    return Path(bare)
