"""Secrets that are known, every form in which they might show, and everything that a command leaves behind."""

from __future__ import annotations

import base64
import logging
import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from eth_account import Account as Wallet

from hlcopy.cli import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pytest

    from hlcopy.simulator.server import LocalVenue
    from tests.cli.conftest import Outcome

KEY: Final = "0x" + "c0ffee" * 10 + "beef"
AGENT: Final = str(Wallet.from_key(KEY).address).lower()
ACCOUNT: Final = "0x" + "ab" * 20
NANSEN_KEY: Final = "a-key-for-tests"  # what the local venue's Nansen knows
ALERT_TOKEN: Final = "an-alert-s-token"
BEAT_TOKEN: Final = "a-heartbeat-s-token"


def forms(secret: str) -> dict[str, bytes]:
    """Return a secret as it may show: as it is, and as programs write it."""
    bare = secret.removeprefix("0x")
    found = {
        "as it is": bare.encode(),
        "in upper case": bare.upper().encode(),
        "backwards": bare[::-1].encode(),
        "in base64": base64.b64encode(bare.encode()).rstrip(b"="),
        "in base64 with 0x": base64.b64encode(secret.encode()).rstrip(b"="),
        "as UTF-16": bare.encode("utf-16-le"),
        "as hexadecimal digits": bare.encode().hex().encode(),
    }
    if bare != secret:
        raw = bytes.fromhex(bare)
        found |= {
            "as bytes": raw,
            "as bytes backwards": raw[::-1],
            "as bytes in base64": base64.b64encode(raw).rstrip(b"="),
            "as a number": str(int(bare, 16)).encode(),
            "as Python shows bytes": repr(raw)[2:-1].encode(),
        }
    return found


CANARIES: Final[Mapping[str, bytes]] = {
    f"{name} {form}": text
    for name, secret in (
        ("the agent's key", KEY),
        ("Nansen's key", NANSEN_KEY),
        ("an alert's token", ALERT_TOKEN),
        ("the heartbeat's token", BEAT_TOKEN),
    )
    for form, text in forms(secret).items()
}


def leaks(blob: bytes) -> list[str]:
    """Return which secrets stand in bytes, and in which form; letters in either case."""
    lowered = blob.lower()
    return [name for name, text in CANARIES.items() if text.lower() in lowered]


@dataclass
class Stage:
    """A process's home, the venue that it trades at, and what has been seen of its commands so far."""

    home: Path
    venue: LocalVenue
    run: Callable[..., Outcome]
    monkeypatch: pytest.MonkeyPatch
    key_file: Path
    seen: dict[str, bytes] = field(default_factory=dict)

    def command(self, line: str) -> Outcome:
        """Run a command; keep what it printed."""
        done = self.run(line)
        self.seen[f"{line}: standard output"] = done.out.encode("utf-8", "surrogateescape")
        self.seen[f"{line}: standard error"] = done.err.encode("utf-8", "surrogateescape")
        return done

    def set(self, name: str, value: str) -> None:
        """Change a setting."""
        self.monkeypatch.setenv(name, value)

    def files(self) -> dict[Path, bytes]:
        """Return what every file holds but the one that is to hold the key."""
        found = (path for path in self.home.rglob("*") if path.is_file() and path.resolve() != self.key_file)
        return {path: path.read_bytes() for path in found}

    def found(self) -> dict[str, list[str]]:
        """Return where secrets show: printed, in any file, in the name of one, in what processes are called with."""
        everything = {**self.seen, **{str(path): data for path, data in self.files().items()}}
        everything["names of files"] = "\n".join(map(str, self.home.rglob("*"))).encode()
        everything["what we were called with"] = Path(f"/proc/{os.getpid()}/cmdline").read_bytes()
        return {where: shown for where, data in everything.items() if (shown := leaks(data))}


@contextmanager
def all_logged(path: Path) -> Iterator[None]:
    """Let the root logger write whatever anybody logs to a file, as a curious user's or a test runner's does."""
    root = logging.getLogger()
    before, handler = root.level, logging.FileHandler(path)
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        handler.close()


def forget() -> None:
    """Let the process know no secret and no log file, as a new one."""
    logs.scrub._secrets.clear()  # noqa: SLF001 - what a process has once


def too_open(folder: Path) -> dict[str, str]:
    """Return the files and folders below one that anybody but their owner can reach, and their modes."""
    modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in folder.rglob("*") if not path.is_symlink()}
    return {str(path.relative_to(folder)): oct(mode) for path, mode in modes.items() if mode & 0o077}
