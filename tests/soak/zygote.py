"""A process that has imported the program already and forks itself for each run of it: a real process, without its second of start."""

from __future__ import annotations

import json
import os
import socket
import sys
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_LONGEST_S: Final = 120.0
_UNEXPECTED: Final = 99
_WARM: Final = (
    "hlcopy.adapters.hyperliquid.account",
    "hlcopy.adapters.hyperliquid.market",
    "hlcopy.adapters.hyperliquid.source",
    "hlcopy.adapters.live",
    "hlcopy.adapters.live.sdk",
    "hlcopy.adapters.locks",
    "hlcopy.adapters.store",
    "hlcopy.cli.clock",
    "hlcopy.cli.operate",
    "hlcopy.cli.ticking",
    "hlcopy.cli.ticks",
    "hlcopy.config",
    "hlcopy.config.load",
    "hlcopy.render.operating",
    "hlcopy.ticks.monitor",
    "hlcopy.ticks.poll",
    "hlcopy.ticks.positions",
    "hlcopy.wiring.desks",
    "hlcopy.wiring.live",
    "hlcopy.wiring.together",
)


class Zygote:
    """Starts command lines of the program, one at a time; to be made before this process has threads.

    Their standard output and error go to the file `said`.
    """

    def __init__(self, said: Path) -> None:
        self._near, far = socket.socketpair()
        self._near.settimeout(_LONGEST_S)
        self._pid = os.fork()
        if not self._pid:
            self._near.close()
            with suppress(BaseException):
                _serve(far, said)
            os._exit(0)
        far.close()
        self._told = self._near.makefile("r")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._near.shutdown(socket.SHUT_RDWR)
        self._told.close()
        self._near.close()
        os.waitpid(self._pid, 0)

    def start(self, arguments: Sequence[str], environment: Mapping[str, str]) -> int:
        """Start a command line and return its process's number."""
        self._near.sendall(json.dumps([list(arguments), dict(environment)]).encode() + b"\n")
        return int(self._told.readline())

    def wait(self) -> int:
        """Return the exit code of what was started last, negative for the signal that killed it."""
        return os.waitstatus_to_exitcode(int(self._told.readline()))


def _serve(far: socket.socket, said: Path) -> None:
    for module in _WARM:
        import_module(module)
    for line in far.makefile("r"):
        arguments, environment = json.loads(line)
        pid = os.fork()
        if not pid:
            _run(arguments, environment, said)
        far.sendall(f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        far.sendall(f"{status}\n".encode())


def _run(arguments: Sequence[str], environment: Mapping[str, str], said: Path) -> None:
    code = _UNEXPECTED
    try:
        out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.environ.update(environment)
        from hlcopy.cli import main

        code = main(arguments)
        sys.stdout.flush()
    finally:
        os._exit(code)
