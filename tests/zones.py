"""Time zones of the machine, for tests of what is told in local time."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

CENTRAL_EUROPE: Final = "CET-1CEST,M3.5.0,M10.5.0/3"


@contextmanager
def time_zone(name: str) -> Iterator[None]:
    """Let this machine be in a time zone, by its POSIX name, while the block runs."""
    before = os.environ.get("TZ")
    try:
        os.environ["TZ"] = name
        time.tzset()
        yield
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()
