"""`hlcopy gates`: what it takes and what it prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.store import Binding, Store
from tests.backtest.worlds import Recorded
from tests.builders import MINUTE_MS, TRADER, at, candles, fill

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Outcome

    Run = Callable[..., Outcome]

ONE = f"gates --from 2026-03-01 --to 2026-03-05 --trader {TRADER}=400000"


@pytest.fixture
def recorded(database: Path) -> Path:
    """Five days in which one entry passes, one is too small and one has no price."""
    fills = [
        fill(price=60_000.0, size=0.2, time=at(hours=1), oid=1),
        fill(price=60_000.0, size=0.2, start_position=0.2, is_buy=False, time=at(hours=4), oid=2),
        fill(coin="DOGE", price=0.2, size=400_000.0, time=at(hours=5), oid=3),
        fill(price=60_000.0, time=at(hours=6), oid=4),
    ]
    world = Recorded({TRADER: fills}, {"BTC": candles([60_000.0] * 1440, interval_ms=5 * MINUTE_MS)}, {})
    with Store.open(database, Binding("paper", "mainnet")) as store:
        world.store(store)
    return database


def test_the_document_has_a_gate_for_every_decision_and_what_passed_last(run: Run, recorded: Path) -> None:
    assert recorded.exists()
    done = run(f"{ONE} --json")
    document = done.document
    assert (done.code, done.err, done.out.count("\n")) == (0, "", 1)
    assert list(document) == ["command", "ok", "source", "from", "to", "gates", "warnings", "errors"]
    told = ["gates", True, "replay", "2026-03-01", "2026-03-05"]
    assert [document[key] for key in ("command", "ok", "source", "from", "to")] == told
    blind, small, passed = document["gates"]
    assert list(small) == [
        "decision",
        "refused",
        "followed",
        "pending",
        "unknown",
        "loss_avoided_pct",
        "gain_missed_pct",
        "mean_pct",
        "interval_pct",
        "days",
        "verdict",
    ]
    assert (small["decision"], small["refused"], small["followed"], small["days"]) == ("SKIP_SIZE_TOO_SMALL", 1, 1, 1)
    assert small["loss_avoided_pct"] == small["mean_pct"] < 0
    assert (small["interval_pct"], small["verdict"]) == (None, "unknown")
    assert (blind["decision"], blind["followed"], blind["mean_pct"]) == ("SKIP_NO_PRICE", 0, None)
    assert (passed["decision"], passed["refused"], passed["verdict"]) == ("EXECUTE", 1, None)
    assert any(warning.startswith("NOT_FOLLOWED: ") for warning in document["warnings"])


def test_the_text_stays_within_80_columns_and_names_every_gate(run: Run, recorded: Path) -> None:
    assert recorded.exists()
    done = run(ONE)
    assert (done.code, done.err) == (0, "")
    assert max(map(len, done.out.splitlines())) <= 80
    for said in (
        "SKIP_SIZE_TOO_SMALL",
        "SKIP_NO_PRICE",
        "EXECUTE",
        "LOSS AVOIDED",
        "95% INTERVAL",
        "unknown",
        "INSUFFICIENT",
    ):
        assert said in done.out


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"gates --from 2026-03-05 --to 2026-03-01 --trader {TRADER}=1", "lies before --from"),
        (f"gates --from 2026-03-01 --to 9999-01-01 --trader {TRADER}=1", "isn't over yet"),
        (f"gates --from March --to 2026-03-01 --trader {TRADER}=1", "--from must be a day"),
        ("gates --from 2026-03-01 --to 2026-03-02 --trader 0x1=1", "--trader must be ADDRESS=EQUITY_USD"),
    ],
)
def test_wrong_usage_says_what_is_wrong(run: Run, recorded: Path, line: str, said: str) -> None:
    assert recorded.exists()
    wrong = run(line)
    assert (wrong.code, wrong.out) == (2, "")
    assert said in wrong.err
