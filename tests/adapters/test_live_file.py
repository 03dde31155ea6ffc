"""A file for live trading begins halted; no other does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.store import Binding, Store
from hlcopy.errors import ConfigError
from tests.builders import at

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = "0x" + "ab" * 20
LIVE = Binding("live", "testnet", ACCOUNT)


def test_a_new_live_file_is_halted_until_somebody_resumes(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    with Store.open(path, LIVE) as store:
        halt = store.controls.halt()
        assert halt is not None
        assert halt.reason == "new live file"
        assert abs(datetime.now(UTC) - halt.at) < timedelta(minutes=5)
        store.controls.resume(at())
    with Store.open(path, LIVE) as store:
        assert store.controls.halt() is None


def test_a_paper_file_isn_t_halted(tmp_path: Path) -> None:
    with Store.open(tmp_path / "paper.db", Binding("paper", "mainnet")) as store:
        assert store.controls.halt() is None


def test_a_file_that_belongs_to_others_isn_t_halted_by_a_look(tmp_path: Path) -> None:
    path = tmp_path / "paper.db"
    with Store.open(path, Binding("paper", "mainnet")):
        pass
    with pytest.raises(ConfigError):
        Store.open(path, LIVE)
    with Store.open(path, Binding("paper", "mainnet")) as store:
        assert store.controls.halt() is None
