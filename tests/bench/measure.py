"""A command as a process of its own: what it took of the processor, the clock and memory, as the system counts it."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_KIB: Final = 1024


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds of processor and of clock, medians of some runs; the largest peak in MiB; what the last run printed."""

    cpu: float
    wall: float
    peak: float
    printed: str


@dataclass(frozen=True, slots=True)
class _Run:
    cpu: float
    wall: float
    peak: float
    printed: str


def make(kind: str, path: Path, *sizes: str) -> None:
    """Write a world in another process."""
    subprocess.run([sys.executable, "-m", "tests.bench.worlds", kind, str(path), *sizes], check=True)


def measure(commands: Mapping[str, Sequence[str]], runs: int) -> dict[str, Took]:
    """Run commands of Python in turn, as often as asked, so that all of them see the same machine."""
    done: dict[str, list[_Run]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            done[name].append(_run(command))
    return {name: _median(part) for name, part in done.items()}


def _run(command: Sequence[str]) -> _Run:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    started = time.perf_counter()
    with subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, env=environment, text=True) as process:
        printed = process.stdout.read() if process.stdout is not None else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        message = f"{' '.join(command)} ended with {process.returncode}"
        raise RuntimeError(message)
    peak = usage.ru_maxrss / (_KIB if sys.platform != "darwin" else _KIB**2)
    return _Run(usage.ru_utime + usage.ru_stime, time.perf_counter() - started, peak, printed)


def _median(runs: Sequence[_Run]) -> Took:
    return Took(
        statistics.median(run.cpu for run in runs),
        statistics.median(run.wall for run in runs),
        max(run.peak for run in runs),
        runs[-1].printed,
    )
