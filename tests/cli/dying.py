"""`hlcopy sweep` in a process that is sent a signal once so many of its trials are finished: KILL alone, INT with all of its group."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from hlcopy.backtest.sweep_study import Study
from hlcopy.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable


def deadly(sent: signal.Signals, after: int) -> Callable[..., None]:
    """Return what finishes trials and sends the signal after so many of them."""
    finish, left = Study.finish, after

    def finish_and_die(study: Study, *found: Any) -> None:  # noqa: ANN401 - handed on as it comes
        nonlocal left
        finish(study, *found)
        left -= 1
        if left == 0:
            os.kill(os.getpid() if sent is signal.SIGKILL else -os.getpgrp(), sent)

    return finish_and_die


if __name__ == "__main__":
    name, number, *line = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs tests in the background may have it ignored
    Study.finish = deadly(signal.Signals[name], int(number))  # type: ignore[method-assign]
    sys.exit(main(line))
