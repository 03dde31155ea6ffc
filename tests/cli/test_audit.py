"""`hlcopy backtest audit`, and a backtest that chooses its traders: what they take, what they print."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.store import Binding, Store
from hlcopy.backtest import leaks
from tests.backtest.diaries import ANNA, BERT, CARL, Diaries

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Outcome

    Run = Callable[..., Outcome]

PERIOD = "--from 2026-03-01 --to 2026-03-03"
AUDIT = f"backtest audit {PERIOD} --moments 2"


@pytest.fixture
def recorded(database: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HLCOPY_MIN_TRADES_REQUIRED", "20")
    with Store.open(database, Binding("paper", "mainnet")) as store:
        Diaries(boards=(-1, 0, 1)).store(store)
    return database


def test_a_backtest_without_traders_chooses_them(run: Run, recorded: Path) -> None:
    assert recorded.exists()
    done = run(f"backtest {PERIOD} --json")
    assert (done.code, done.err) == (0, "")
    assert done.document["selection"]["days_followed"] == {ANNA: 3, BERT: 3, CARL: 3}
    assert done.document["trades"]
    told = run(f"backtest {PERIOD}")
    assert "Traders    chosen by score on each of 3 days: 3 wallets in all" in told.out
    assert "SURVIVORSHIP_BIASED" not in told.out


def test_a_stated_equity_can_t_be_backdated(run: Run, recorded: Path) -> None:
    assert recorded.exists()
    refused = run(f"backtest {PERIOD} --backdate-equity --trader {ANNA}=5")
    assert (refused.code, refused.out) == (2, "")
    assert "--backdate-equity is for traders chosen by score" in refused.err


def test_an_audit_that_finds_nothing_says_what_it_compared(run: Run, recorded: Path) -> None:
    assert recorded.exists()
    done = run(f"{AUDIT} --moments 1")
    assert (done.code, done.err) == (0, "")
    assert done.out.count("scrambled") == 1
    assert "No decision depends on what came after it" in done.out
    assert max(map(len, done.out.splitlines())) <= 80
    document = run(f"{AUDIT} --json").document
    assert (document["command"], document["ok"]) == ("audit", True)
    (audit,) = document["audits"]
    assert audit["planted"] is None
    assert [trial["difference"] for trial in audit["trials"]] == [None] * 4


def test_proving_it_plants_a_leak_in_each_kind_of_decision_and_finds_them(run: Run, recorded: Path) -> None:
    assert recorded.exists()
    done = run(f"backtest audit {PERIOD} --moments 4 --prove")
    assert (done.code, done.err) == (0, "")
    assert done.out.count(" yes") == 5
    assert "every planted leak was found" in done.out


def test_a_decision_that_knows_what_comes_is_shown_and_ends_with_1(
    run: Run, recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert recorded.exists()
    monkeypatch.setattr(leaks, "AHEAD", dict.fromkeys(leaks.AHEAD, leaks.AHEAD[leaks.Kind.SCORING] * 0))
    unfound = run("backtest audit --from 2026-03-01 --to 2026-03-01 --moments 1 --prove")
    assert unfound.code == 1
    assert "a planted leak wasn't found" in unfound.out


def test_the_first_decision_that_differs_is_told_with_what_it_was_and_became(
    run: Run, recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hlcopy.backtest import audit

    assert recorded.exists()
    honest = audit.audit

    def leaking(*args: object, **options: object) -> object:
        return honest(*args, **{**options, "planted": leaks.Kind.SCORING})  # type: ignore[arg-type]

    monkeypatch.setattr(audit, "audit", leaking)
    monkeypatch.setattr("hlcopy.render.audit._is_proof", lambda _: False)
    done = run(AUDIT)
    assert done.code == 1
    assert "These decisions knew what came after them" in done.out
    assert "scoring of 0x" in done.out
    assert "became" in done.out


def test_leaks_can_t_be_planted_where_traders_are_given(run: Run, recorded: Path) -> None:
    assert recorded.exists()
    refused = run(f"{AUDIT} --prove --trader {ANNA}=340000")
    assert (refused.code, refused.out) == (2, "")
    assert "--prove also leaks into scoring and selection" in refused.err


def test_an_audit_needs_its_days(run: Run, recorded: Path) -> None:
    assert recorded.exists()
    refused = run("backtest audit --to 2026-03-02")
    assert (refused.code, refused.out) == (2, "")
    assert "Missing option '--from'" in refused.err


def test_rules_of_the_choice_can_be_changed_where_a_choice_is_made(run: Run, recorded: Path) -> None:
    assert recorded.exists()
    done = run(f"backtest {PERIOD} --json --set PRIMARY_TRADERS=1")
    assert len(done.document["selection"]["days_followed"]) == 1
    assert done.document["assumptions"]["set"] == {"HLCOPY_PRIMARY_TRADERS": "1"}
