"""`python -m hlcopy` is `hlcopy`."""

from __future__ import annotations

import sys

from hlcopy.cli import main

sys.exit(main())
