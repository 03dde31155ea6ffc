"""A known vulnerability of a dependency fails the gate; a service that can't be asked doesn't."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

AUDIT: Final = Path(__file__).parents[2] / ".ci" / "audit"
CLEAN: Final = {"name": "filelock", "version": "3.20", "vulns": []}
BAD: Final = {"name": "requests", "version": "2.31", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.32"]}]}
SKIPPED: Final = {"name": "rich", "skip_reason": "Dependency not found"}

pytestmark = pytest.mark.skipif(not AUDIT.exists(), reason="what is released has no gate")


@pytest.mark.parametrize(
    ("program", "code", "said"),
    [
        ([CLEAN, CLEAN], 0, "0 known vulnerabilities in 2 of 2 dependencies"),
        ([CLEAN, BAD], 1, "requests 2.31: PYSEC-1, mended in 2.32"),
        ([SKIPPED, CLEAN], 0, "0 known vulnerabilities in 1 of 2 dependencies"),
        ("raise ConnectionError", 0, "can't be asked for now"),
        ("print('Service down')", 0, "can't be asked for now"),
        ("import no_such_module", 0, "can't be asked for now"),
    ],
    ids=["none known", "one known", "one that isn't there", "unreachable", "no answer", "not installed"],
)
def test_only_a_known_vulnerability_fails_the_gate(
    tmp_path: Path, program: str | list[object], code: int, said: str
) -> None:
    if not isinstance(program, str):
        program = f"import sys; print({json.dumps({'dependencies': program})!r}); sys.exit({code})"
    (tmp_path / "pip_audit.py").write_text(program)
    (tmp_path / "some.lock").touch()
    done = subprocess.run(
        [sys.executable, AUDIT, tmp_path / "some.lock"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (code, "")
    assert said in done.stdout
