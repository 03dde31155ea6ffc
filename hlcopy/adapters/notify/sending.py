"""The process that sends: messages as JSON on standard input, a line `number outcome` for each on standard output.

Like everything else here it uses no proxy of the environment and follows no redirect.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TextIO

import requests

from hlcopy.adapters.notify import DELIVERED

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNKNOWN: Final = "apprise doesn't understand this URL"
_REFUSED: Final = "it wasn't taken: refused, or not reachable"
_AT_ONCE: Final = 8


class _DirectSession(requests.Session):
    """A session that goes where it is told and nowhere else."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False

    def get_redirect_target(self, resp: requests.Response) -> None:  # none is ever followed
        """Return no place to go on to."""
        del resp


def main(given: TextIO, out: TextIO) -> None:
    """Send the messages that are given, and say of each what became of it as soon as that is known."""
    # This process does nothing else, so that what requests uses may be changed for all of apprise's services at once.
    requests.Session = requests.sessions.Session = _DirectSession  # type: ignore[misc]
    messages = json.load(given)

    def work(number: int) -> None:
        outcome = _send(messages[number])
        out.write(f"{number} {outcome}\n")
        out.flush()

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for done in [pool.submit(work, number) for number in range(len(messages))]:
            done.result()


def _send(message: Mapping[str, Any]) -> str:
    import apprise

    # Nothing is kept on disk, and nothing of what is sent is logged.
    asset = apprise.AppriseAsset(
        app_id="hlcopy", app_desc="hlcopy", storage_mode="memory", http_redirects=False, async_mode=False
    )
    channel = apprise.Apprise(asset=asset)
    if not channel.add(message["url"]):
        return _UNKNOWN
    taken = channel.notify(
        title=message["title"], body=message["body"], body_format=apprise.NotifyFormat.TEXT, interpret_escapes=False
    )
    return DELIVERED if taken else _REFUSED


if __name__ == "__main__":
    main(sys.stdin, sys.stdout)
