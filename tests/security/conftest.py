"""A process with live settings whose secrets are known, beside a local venue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import Outcome, database, home, impatient, run
from tests.security.harness import ACCOUNT, AGENT, KEY, Stage, all_logged
from tests.venue import environment, local_venue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["database", "home", "impatient", "run"]  # fixtures, found here by their names


@pytest.fixture
def stage(home: Path, run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Live settings, a venue with an account and an agent of ours, and a root logger that takes everything."""
    key_file = home / "keys" / "agent.key"
    key_file.parent.mkdir(mode=0o700)
    key_file.write_text(KEY)
    key_file.chmod(0o600)
    monkeypatch.setenv("TMPDIR", str(home))
    monkeypatch.setattr("tempfile.tempdir", None)
    with local_venue() as venue, all_logged(home / "root.log"):
        venue.floor.open_account(ACCOUNT, 100_000.0)
        venue.floor.approve(AGENT, ACCOUNT, name="bot")
        given = {"HLCOPY_MODE": "live", "HLCOPY_ACCOUNT_ADDRESS": ACCOUNT, "HLCOPY_AGENT_KEY_FILE": str(key_file)}
        for name, value in {**environment(venue, home / "live.db"), **given}.items():
            monkeypatch.setenv(name, value)
        yield Stage(home=home, venue=venue, run=run, monkeypatch=monkeypatch, key_file=key_file)
        venue.faults = None
