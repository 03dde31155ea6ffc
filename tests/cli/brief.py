"""`hlcopy demo` in a process, with fewer days than its ten: of the present, and of the past."""

from __future__ import annotations

import sys

from hlcopy.cli import main, practice

if __name__ == "__main__":
    days, history_days, *line = sys.argv[1:]
    practice.DAYS, practice.HISTORY_DAYS = int(days), int(history_days)  # type: ignore[misc]
    sys.exit(main(["demo", *line]))
