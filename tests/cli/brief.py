"""`hlcopy demo` in a process, with fewer days than its ten: of the present, and of the past."""

from __future__ import annotations

import sys
from unittest.mock import patch

from hlcopy.cli import main, practice

if __name__ == "__main__":
    days, history_days, *line = sys.argv[1:]
    with patch.multiple(practice, DAYS=int(days), HISTORY_DAYS=int(history_days)):
        sys.exit(main(["demo", *line]))
