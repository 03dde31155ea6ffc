"""Print what an episode of a seed came to: its decisions, the venue's log and the database, as one number."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from hlcopy.drill.dice import Dice
from hlcopy.drill.stage import Stage


def fingerprint(seed: int, minutes: int, rate: float = 0.3) -> str:
    """Play an episode and return the number."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "drill.db"
        stage = Stage(path, Dice(seed), rate=rate, minutes=minutes)
        try:
            stage.play()
        finally:
            stage.close()
        with closing(sqlite3.connect(path)) as db:
            told = [line for line in db.iterdump() if 'INSERT INTO "halts"' not in line]  # by this machine's clock
    decided = json.dumps([decision.row() for decision in stage.dice.taken])
    said = [decided, json.dumps(stage.floor.journal.entries), *told]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()


if __name__ == "__main__":
    sys.stdout.write(fingerprint(int(sys.argv[1]), int(sys.argv[2])))
