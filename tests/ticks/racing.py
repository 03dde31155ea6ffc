"""What each of two racing processes runs: the same ticks on one file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hlcopy.adapters.locks import account_lock
from hlcopy.adapters.store import Binding, Store
from tests.builders import at
from tests.ticks.conftest import WHOLE_LIFE, rising, stage

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier
    from pathlib import Path

BINDING = Binding(mode="paper", network="mainnet", account="")


def run_ticks(path: Path, start: Barrier) -> None:
    """Run every tick of a position's life at the same moments as the other process."""
    with Store.open(path, BINDING) as store:
        scene = rising(stage(store))
        desk = replace(scene.desk(), account_lock=lambda: account_lock(path))
        for tick, minutes in WHOLE_LIFE:
            start.wait(timeout=60)
            tick(desk, at(minutes))
