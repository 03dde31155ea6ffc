"""A process that tells a story of ticks on one file and is killed, for good, at one of its effects."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from hlcopy.adapters.store import Store
from tests.builders import at
from tests.fakes import Executioner
from tests.ticks.conftest import WHOLE_LIFE, rising, stage
from tests.ticks.racing import BINDING


class Kernel(Executioner):
    """Ends the process at once, as SIGKILL does: nothing is undone, nothing is closed."""

    def kill(self, effect: str) -> NoReturn:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError(effect)


if __name__ == "__main__":
    with Store.open(Path(sys.argv[1]), BINDING) as store:
        executioner = Kernel(at=int(sys.argv[2]))
        scene = rising(stage(store))
        for tick, minutes in WHOLE_LIFE:
            tick(scene.desk(executioner=executioner), at(minutes))
