"""`config show`: every setting in force, where it comes from, and no secret."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hlcopy.config import VARIABLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Outcome

    Run = Callable[..., Outcome]

CANARY = "c0ffee" * 10 + "beef"


def shown(run: Run, options: str = "") -> dict[str, dict[str, object]]:
    return {each["name"]: each for each in run(f"config show --json {options}").document["settings"]}


def test_every_setting_is_shown_in_order_with_its_default(run: Run) -> None:
    settings = shown(run)
    assert list(settings) == list(VARIABLES)
    assert {each["source"] for each in settings.values()} == {"default"}
    assert settings["HLCOPY_COPY_RATIO"] == {
        "name": "HLCOPY_COPY_RATIO",
        "value": 0.5,
        "source": "default",
        "meaning": "Our allocation as a share of the trader's.",
        "group": "Size and limits",
    }


def test_what_the_default_works_out_is_shown_worked_out(run: Run, home: Path) -> None:
    settings = shown(run)
    assert settings["HLCOPY_DB"]["value"] == str(home / "hlcopy" / "hlcopy-paper-mainnet.db")
    assert settings["HLCOPY_LOG_FILE"]["value"] == str(home / "hlcopy" / "hlcopy-paper-mainnet.log")
    assert settings["HLCOPY_HYPERLIQUID_URL"]["value"] == "https://api.hyperliquid.xyz"
    assert settings["HLCOPY_ACCOUNT_ADDRESS"]["value"] is None


def test_the_source_of_a_setting_is_named(run: Run, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    (home / "my.env").write_text("HLCOPY_COPY_RATIO=0.25\nHLCOPY_MAX_TOTAL_POSITIONS=3\n")
    monkeypatch.setenv("HLCOPY_MAX_TOTAL_POSITIONS", "4")
    settings = shown(run, "--changed --env-file my.env --db mine.db")
    assert {name: (each["value"], each["source"]) for name, each in settings.items()} == {
        "HLCOPY_DB": ("mine.db", "option --db"),
        "HLCOPY_COPY_RATIO": (0.25, "file my.env:1"),
        "HLCOPY_MAX_TOTAL_POSITIONS": (4, "environment"),
    }


def test_the_text_says_the_same_within_80_columns(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HLCOPY_MAX_TOTAL_OPEN_POSITIONS_USD_RATIO", "0.3")
    Path(".env").write_text("HLCOPY_ALLOW_PROXY=1\n")
    text = run("config show").out
    assert max(map(len, text.splitlines())) <= 80
    assert "HLCOPY_MAX_TOTAL_OPEN_POSITIONS_USD_RATIO=0.3  [environment]\n" in text
    assert "HLCOPY_ALLOW_PROXY=1  [file .env:1]\n" in text
    assert "HLCOPY_STOP_LOSS_PERCENT=5\n    Hard stop, in percent from entry.\n" in text
    assert "HLCOPY_ACCOUNT_ADDRESS=\n" in text
    assert "\n\nExits\n\n" in text


def test_only_what_was_changed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("config show --changed").out == "Every setting has its default.\n"
    monkeypatch.setenv("HLCOPY_COPY_RATIO", "0.3")
    assert run("config show --changed").out == (
        "Size and limits\n\nHLCOPY_COPY_RATIO=0.3  [environment]\n    Our allocation as a share of the trader's.\n"
    )


@pytest.mark.parametrize("flag", ["", "--json", "--changed"])
def test_secrets_are_only_said_to_be_set(run: Run, monkeypatch: pytest.MonkeyPatch, flag: str) -> None:
    monkeypatch.setenv("HLCOPY_AGENT_KEY", CANARY)
    monkeypatch.setenv("NANSEN_API_KEY", "canary-key")
    told = run(f"config show {flag}")
    assert told.code == 0
    assert CANARY not in told.out + told.err
    assert "canary-key" not in told.out + told.err
    assert shown(run)["HLCOPY_AGENT_KEY"]["value"] == "set"
    monkeypatch.delenv("HLCOPY_AGENT_KEY")
    assert shown(run)["HLCOPY_AGENT_KEY"]["value"] == "not set"


def test_a_wrong_setting_is_told_as_everywhere(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HLCOPY_COPY_RATIO", "2")
    failed = run("config show")
    assert failed.code == 78
    assert failed.err.startswith("error: HLCOPY_COPY_RATIO: ")


@pytest.mark.parametrize(
    ("settings", "options", "code"),
    [("", "", 0), ("", "--strict", 0), ("MAX_SAME_SIDE_RATIO=0.9", "", 0), ("MAX_SAME_SIDE_RATIO=0.9", "--strict", 1)]
    + [("TIMING_FROM=trade", options, 1) for options in ("", "--strict", "--json", "--quiet")],
)
def test_lint_fails_for_errors_and_when_strict_for_warnings(run: Run, settings: str, options: str, code: int) -> None:
    Path(".env").write_text(f"HLCOPY_{settings}\n" if settings else "")
    done = run(f"config lint {options}")
    assert done.code == code
    if options == "--json":
        assert done.document["ok"] is False
        assert done.document["findings"][0]["severity"] == "error"
    if options == "--quiet":
        assert done.out == ""
        assert done.err.startswith("error: HLCOPY_TIMING_FROM, HLCOPY_COPY_DELAY_MINUTES: dead branches")


def test_lint_judges_for_the_account_s_own_equity(run: Run) -> None:
    assert run("config lint --json").document["equity_usd"] == 100_000
    assert run("config lint --json --equity 5000").document["worst_day"]["exposure_usd"] == 2_500
    Path(".env").write_text("HLCOPY_PAPER_EQUITY_USD=7000\n")
    assert run("config lint --json").document["equity_usd"] == 7_000


def test_the_line_of_a_setting_is_that_which_counts(run: Run) -> None:
    Path(".env").write_text("# first\n\nHLCOPY_COPY_RATIO=0.2\nHLCOPY_MODE=paper\nHLCOPY_COPY_RATIO=0.3\n")
    settings = shown(run, "--changed")
    assert (settings["HLCOPY_COPY_RATIO"]["value"], settings["HLCOPY_COPY_RATIO"]["source"]) == (0.3, "file .env:5")
