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
        "HLCOPY_COPY_RATIO": (0.25, "file my.env"),
        "HLCOPY_MAX_TOTAL_POSITIONS": (4, "environment"),
    }


def test_the_text_says_the_same_within_80_columns(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HLCOPY_MAX_TOTAL_OPEN_POSITIONS_USD_RATIO", "0.3")
    Path(".env").write_text("HLCOPY_ALLOW_PROXY=1\n")
    text = run("config show").out
    assert max(map(len, text.splitlines())) <= 80
    assert "HLCOPY_MAX_TOTAL_OPEN_POSITIONS_USD_RATIO=0.3  [environment]\n" in text
    assert "HLCOPY_ALLOW_PROXY=1  [file .env]\n" in text
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
