"""`init`: five answers, each checked at once, become a settings file that every command reads."""

from __future__ import annotations

import io
import json
import stat
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from hlcopy.adapters import live
from hlcopy.config import load_settings
from hlcopy.config.written import env_text
from hlcopy.errors import BadInputError
from hlcopy.wiring import envfile
from tests.venue import KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from hlcopy.simulator.server import LocalVenue
    from tests.cli.conftest import Outcome

    Run = Callable[..., Outcome]

ACCOUNT = "0x" + "ab" * 20
AGENT_KEY = "0x" + "17" * 32
NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Keyboard(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Answer the questions with these texts, an empty one being Enter; return what was asked."""

    def answer(*texts: str) -> list[str]:
        asked: list[str] = []
        left = list(texts)

        def prompt(words: str, *, default: str | None = None, hide_input: bool = False, **_: object) -> str:
            asked.append(words + (" (hidden)" if hide_input else ""))
            return left.pop(0) or default or ""

        monkeypatch.setattr(typer, "prompt", prompt)
        monkeypatch.setattr(sys, "stdin", Keyboard())
        return asked

    return answer


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key's address without the library that works it out, which takes long to import."""
    monkeypatch.setattr(live, "address_of", lambda key: f"0x{key[-40:]}")


def key_file(home: Path, name: str = "agent", mode: int = 0o600) -> Path:
    path = home / name
    path.write_text(AGENT_KEY)
    path.chmod(mode)
    return path


def changed(run: Run) -> dict[str, object]:
    return {each["name"]: each["value"] for each in run("config show --changed --json").document["settings"]}


def test_without_a_terminal_and_flags_the_flags_are_named(run: Run) -> None:
    refused = run("init")
    assert refused.code == 2
    assert "--mode" in refused.err
    assert "--yes" in refused.err
    assert not Path(".env").exists()


def test_yes_writes_the_defaults_for_its_owner_alone(run: Run) -> None:
    done = run("init --yes")
    assert (done.code, done.err) == (0, "")
    assert done.out == "wrote .env\nNext:\n  hlcopy doctor\n  hlcopy score\n"
    assert stat.S_IMODE(Path(".env").stat().st_mode) == 0o600
    assert load_settings({}, Path(".env")) == load_settings({}, _empty())
    assert "# Our allocation as a share of the trader's.\nHLCOPY_COPY_RATIO=0.5\n" in Path(".env").read_text()


def _empty() -> Path:
    Path("empty.env").write_text("")
    return Path("empty.env")


def test_five_questions_each_asked_again_until_its_answer_is_good(run: Run, typed: Callable[..., list[str]]) -> None:
    asked = typed("papier", "paper", "-1", "5000", "", "200", "2", "", "no")
    done = run("init")
    assert done.code == 0
    assert [words[:3] for words in asked] == ["1/5", "1/5", "2/5", "2/5", "3/5", "4/5", "4/5", "5/5", "Run"]
    assert done.err.count("error: ") == 3
    assert changed(run) == {
        "HLCOPY_MODE": "paper",
        "HLCOPY_PAPER_EQUITY_USD": 5000,
        "HLCOPY_COPY_RATIO": 0.5,
        "HLCOPY_MAX_DAILY_LOSS_PERCENT": 2,
    }


def test_live_asks_for_network_account_and_key(run: Run, home: Path, typed: Callable[..., list[str]]) -> None:
    asked = typed("live", "", "0x12", ACCOUNT, str(key_file(home, "open", 0o644)), str(key_file(home)), "", "no")
    done = run("init")
    assert done.code == 0
    assert len(asked) == 8
    assert "can be read by others" in done.err
    assert "the key is that of 0x" in done.err
    assert changed(run) == {
        "HLCOPY_MODE": "live",
        "HLCOPY_NETWORK": "testnet",
        "HLCOPY_ACCOUNT_ADDRESS": ACCOUNT,
        "HLCOPY_AGENT_KEY_FILE": str(home / "agent"),
    }


def test_the_account_s_own_key_is_refused(run: Run, home: Path) -> None:
    refused = run(f"init --mode live --account 0x{AGENT_KEY[-40:]} --agent-key-file {key_file(home)}")
    assert refused.code == 78
    assert "can withdraw everything" in refused.err
    assert not Path(".env").exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--mode real", "--mode: input should be 'paper' or 'live'"),
        ("--mode live", "live mode needs --account"),
        (f"--mode live --account {ACCOUNT}", "live mode needs --agent-key-file"),
        (f"--mode live --account {ACCOUNT} --agent-key-file nowhere", "nowhere can't be read"),
        ("--account 0x12", "--account: must be an address"),
        ("--paper-equity 0", "--paper-equity: input should be greater than 0"),
        ("--paper-equity nan", "--paper-equity: "),
        ("--copy-ratio 2", "--copy-ratio: "),
        ("--nansen-key-file none", "--nansen-key-file none can't be read"),
        ("--cron perhaps --yes", "--cron must be no, print or install"),
        ("--yes --env-file x/y.env", "there is no folder x"),
    ],
)
def test_a_bad_flag_is_named_and_nothing_is_written(run: Run, flags: str, said: str) -> None:
    refused = run(f"init {flags}")
    assert refused.code in {2, 78}
    assert said in refused.err
    assert not Path(".env").exists()


def test_a_file_that_is_there_stays_unless_forced_and_then_is_kept(run: Run) -> None:
    Path(".env").write_text("NANSEN_API_KEY=old\n")
    refused = run("init --yes")
    assert refused.code == 2
    assert "--force" in refused.err
    assert Path(".env").read_text() == "NANSEN_API_KEY=old\n"
    done = run("init --yes --force --json").document
    assert Path(done["kept"]).read_text() == "NANSEN_API_KEY=old\n"
    assert done["settings"][0] == "HLCOPY_MODE"
    assert not list(Path().glob(".*.part"))


def test_a_file_that_comes_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    envfile.refuse_existing(path, force=False)
    path.write_text("theirs")
    with pytest.raises(BadInputError, match="there already"):
        envfile.put(path, "ours", force=False, now=NOW)
    assert [each.read_text() for each in tmp_path.iterdir()] == ["theirs"]


def test_old_files_of_the_same_second_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    for text in ("1", "2", "3"):
        envfile.put(path, text, force=True, now=NOW)
    assert sorted(each.read_text() for each in tmp_path.iterdir()) == ["1", "2", "3"]
    assert path.read_text() == "3"


def test_a_nansen_key_is_tried_and_never_shown(run: Run, venue: LocalVenue, home: Path) -> None:
    (home / "key").write_text(KEY + "\n")
    done = run("init --yes --json --nansen-key-file key")
    assert done.code == 0
    (check,) = json.loads(done.out)["checks"]
    assert (check["name"], check["ok"]) == ("nansen", True)
    assert "credits are left" in check["said"]
    assert KEY not in done.out + done.err
    assert f"NANSEN_API_KEY={KEY}\n" in Path(".env").read_text()
    assert not venue.crashes


@pytest.mark.usefixtures("venue")
def test_a_nansen_key_that_is_refused_is_not_written(run: Run, home: Path) -> None:
    (home / "key").write_text("another-key\n")
    refused = run("init --yes --nansen-key-file key")
    assert refused.code == 78
    assert "doesn't accept the key" in refused.err
    assert "another-key" not in refused.err
    assert not Path(".env").exists()


def test_offline_nobody_is_asked(run: Run, home: Path) -> None:
    (home / "key").write_text(KEY)
    done = run("init --yes --offline --nansen-key-file key")
    assert (done.code, done.err) == (0, "  the key wasn't tried\n")


def test_what_the_environment_says_otherwise_is_warned_of(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HLCOPY_COPY_RATIO", "0.3")
    assert "has another HLCOPY_COPY_RATIO, which wins over the file" in run("init --yes").err


def test_the_lines_for_cron_name_the_new_file(run: Run, home: Path) -> None:
    done = run("init --yes --cron print --env-file my.env --db mine.db --json").document
    assert f"--env-file {home}/my.env --db {home}/mine.db" in done["crontab"]
    assert done["next"] == ["hlcopy doctor --env-file my.env", "hlcopy score --env-file my.env"]


def test_a_crontab_that_fails_leaves_the_file_and_says_so(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(home / "nothing"))
    failed = run("init --yes --cron install")
    assert failed.code == 78
    assert ".env is written, but not the crontab: there is no crontab program here" in failed.err
    assert Path(".env").exists()


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1))
def test_any_path_is_read_back_as_it_was_written(name: str) -> None:
    from hlcopy.config.load import _read_env_file  # the parser alone: not every name is a good setting

    path = Path.cwd() / "written.env"
    path.write_text(env_text({"db": f"/x/{name} y"}), encoding="utf-8")
    assert _read_env_file(path) == {"HLCOPY_DB": f"/x/{name} y"}
