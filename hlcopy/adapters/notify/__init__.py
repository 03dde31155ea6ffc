"""Sends messages to people with apprise, in a process of its own.

Apprise takes a second to load, speaks to a hundred services in as many ways, and some of them wait as long as they like: so
it lives in a process that is ended when its time is up. Addresses are secrets; they go there through a pipe, and nothing
comes back but which of them took the message.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

DELIVERED: Final = "delivered"
_LATE: Final = "no answer in time"
_KEPT: Final = ("HOME", "LANG", "PATH", "TZ")
"""What the process learns of our environment: no key, no proxy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one address is to be sent; the address is apprise's URL."""

    url: str
    title: str
    body: str


def send(messages: Sequence[Message], seconds: float) -> list[str | None]:
    """Send messages, all at the same time; return why each failed, None for one that was taken.

    It returns after so many seconds at the latest: what isn't known by then failed, though it may still arrive.
    """
    work = json.dumps([asdict(message) for message in messages]).encode()
    command = [sys.executable, "-P", "-m", "hlcopy.adapters.notify.sending"]
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    try:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )
    except OSError as error:
        return [f"no process for it ({error.strerror})"] * len(messages)
    with process:
        try:
            said, _ = process.communicate(work, timeout=seconds)
        except subprocess.TimeoutExpired as expired:
            process.kill()
            said = expired.stdout or b""
        except BaseException:
            process.kill()
            raise
    return _outcomes(said, len(messages))


def _outcomes(said: bytes, count: int) -> list[str | None]:
    """Return the outcome of each message from the lines `number outcome`; one without a line came to no end."""
    found: dict[int, str] = {}
    for line in said.decode("ascii", "replace").splitlines():
        number, _, outcome = line.partition(" ")
        if number.isdecimal() and outcome:
            found[int(number)] = outcome
    outcomes = (found.get(number, _LATE) for number in range(count))
    return [None if outcome == DELIVERED else outcome for outcome in outcomes]
