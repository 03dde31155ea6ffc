"""What is committed is on the disk before anything is sent because of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlcopy.adapters.store import Binding, Store

if TYPE_CHECKING:
    from pathlib import Path

FULL: Final = 2


def test_what_was_committed_is_on_the_disk(tmp_path: Path) -> None:
    with Store.open(tmp_path / "x.db", Binding("paper", "mainnet")) as store:
        assert store._db.rows("PRAGMA synchronous")[0][0] == FULL  # noqa: SLF001 - nobody outside can ask
