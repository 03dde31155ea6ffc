"""The soak of kills, as short as it can be; `python -m tests.soak.kills --kills 1000` is the real one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_processes_that_are_killed_leave_nothing_that_a_clean_tick_can_t_mend() -> None:
    line = [sys.executable, "-m", "tests.soak.kills", "--kills", "3", "--seed", "2", "--cold", "0", "--brief"]
    done = subprocess.run(
        line, env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT, capture_output=True, text=True, check=False
    )
    report = json.loads(done.stdout)
    assert (done.returncode, report["violations"], report["kills"]) == (0, [], 3)
