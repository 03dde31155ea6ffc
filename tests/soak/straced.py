"""A run of the command line that the kernel kills at one of its system calls, by strace."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CALLS: Final = ("pwrite64", "fdatasync", "sendto", "recvfrom", "rename", "unlink", "flock")
_LONGEST_S: Final = 180


def can_trace() -> bool:
    """Whether strace is here and may trace."""
    strace = shutil.which("strace")
    return strace is not None and _run([strace, "-qq", "-e", "trace=none", sys.executable, "-c", ""], {}, None) == 0


def run(call: str, nth: int, command: str, environment: Mapping[str, str], said: Path) -> int | None:
    """Run a command that is killed at the nth call; return its exit code, negative for a signal, None without strace."""
    if not can_trace():
        return None
    strace = shutil.which("strace") or "strace"
    # A thread counts its own calls: the main one is the one that trades.
    inject = f"inject={call}:signal=SIGKILL:when={nth}"
    line = [strace, "-f", "-qq", "-o", os.devnull, "-e", f"trace={call}", "-e", inject]
    return _run([*line, sys.executable, "-m", "hlcopy", command, "--json"], environment, said)


def _run(line: list[str], environment: Mapping[str, str], said: Path | None) -> int:
    with open(said or os.devnull, "wb") as out:  # noqa: PTH123 - the null device, too
        done = subprocess.run(line, env=environment or None, stdout=out, stderr=out, timeout=_LONGEST_S, check=False)
    # strace ends as what it traced did, by the same signal.
    return -signal.SIGKILL if done.returncode in {-signal.SIGKILL, 128 + signal.SIGKILL} else done.returncode
