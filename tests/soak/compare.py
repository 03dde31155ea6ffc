"""Compare the local venue's own log with our database; exit 1 on any difference.

python -m tests.soak.compare DIR        (with DIR/venue.jsonl and DIR/hlcopy.db)
"""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from hlcopy.drill.comparison import Comparison


def main() -> int:
    """Print what was compared and every difference."""
    folder = Path(sys.argv[1])
    venue = [json.loads(line) for line in (folder / "venue.jsonl").read_text().splitlines()]
    with closing(sqlite3.connect(f"file:{folder / 'hlcopy.db'}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        tables = {
            name: [dict(row) for row in db.execute(f"SELECT * FROM {name}")]  # noqa: S608 - names of this list
            for name in ("orders", "our_fills", "our_positions", "signals", "actions")
        }
    found = Comparison(venue, tables)
    for line in found.told:
        sys.stdout.write(f"{line}\n")
    for line in found.differences[:50]:
        sys.stdout.write(f"DIFFERENCE {line}\n")
    sys.stdout.write(f"{len(found.differences)} differences\n")
    return 1 if found.differences else 0


if __name__ == "__main__":
    sys.exit(main())
