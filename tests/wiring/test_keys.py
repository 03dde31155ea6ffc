"""Where the agent's key comes from, and that it shows nowhere."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from hlcopy.config import load_settings
from hlcopy.errors import ConfigError
from hlcopy.wiring.keys import agent_key, refuse_own_key
from tests.live import ACCOUNT, AGENT, AGENT_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hlcopy.config import Settings


def settings(**changes: str) -> Settings:
    return load_settings({"HLCOPY_MODE": "live", "HLCOPY_ACCOUNT_ADDRESS": ACCOUNT, **changes})


def key_of(**changes: str) -> tuple[str, list[str]]:
    hidden: list[str] = []
    return agent_key(settings(**changes), hidden.append).reveal(), hidden


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "agent.key"
    path.write_text(AGENT_KEY + "\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("written", [AGENT_KEY, AGENT_KEY[2:], AGENT_KEY.upper().replace("0X", "0x")])
def test_a_key_of_the_environment_is_known_in_one_form_and_hidden_as_written(written: str) -> None:
    key, hidden = key_of(HLCOPY_AGENT_KEY=written)
    assert key == AGENT_KEY
    assert hidden == [written, AGENT_KEY[2:]]


def test_a_file_that_only_we_can_read_holds_the_key(file: Path) -> None:
    assert key_of(HLCOPY_AGENT_KEY_FILE=str(file))[0] == AGENT_KEY


def refused(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        key_of(HLCOPY_AGENT_KEY_FILE=str(path))
    said = str(caught.value)
    assert AGENT_KEY[2:] not in repr(caught.value) + said
    assert caught.value.__cause__ is None
    return said


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o601])
def test_a_file_that_others_can_reach_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert f"run chmod 600 {file}" in refused(file)


def test_a_symbolic_link_is_refused(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to(file)
    assert "is a symbolic link; name the file itself" in refused(link)


def test_a_folder_and_a_pipe_are_no_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    assert "is no file" in refused(pipe)
    folder = tmp_path / "folder"
    folder.mkdir()
    assert "is no file" in refused(folder)


def test_a_file_that_isn_t_there_is_named(tmp_path: Path) -> None:
    assert "can't be read (No such file or directory)" in refused(tmp_path / "none")


def test_another_user_s_file_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)
    assert "belongs to another user" in refused(file)


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o720, 0o702])
@pytest.mark.parametrize("depth", [1, 2], ids=["its folder", "a folder further up"])
def test_a_file_that_others_may_replace_is_refused(tmp_path: Path, mode: int, depth: int) -> None:
    path = tmp_path / "keys" / "deep" / "agent.key"
    path.parent.mkdir(parents=True)
    path.write_text(AGENT_KEY)
    path.chmod(0o600)
    folder = path.parents[depth - 1]
    folder.chmod(mode)
    assert f"run chmod go-w {folder}" in refused(path)
    folder.chmod(mode | 0o1000)  # sticky, as /tmp is: there everybody can replace only what is his
    assert key_of(HLCOPY_AGENT_KEY_FILE=str(path))[0] == AGENT_KEY


def test_once_a_key_is_read_no_core_is_dumped_and_nobody_looks_in(file: Path) -> None:
    program = (
        "import ctypes, resource, sys\n"
        "from hlcopy.config import load_settings\n"
        "from hlcopy.wiring.keys import agent_key\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)\n"
        "given = {'HLCOPY_MODE': 'live', 'HLCOPY_ACCOUNT_ADDRESS': sys.argv[1], 'HLCOPY_AGENT_KEY_FILE': sys.argv[2]}\n"
        "agent_key(load_settings(given), lambda _: None)\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    )
    command = [sys.executable, "-c", program, ACCOUNT, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "(0, 0) 0\n"


def test_a_file_in_a_git_work_tree_is_refused(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)  # noqa: S607 - whichever git there is
    (tmp_path / "deep").mkdir()
    path = tmp_path / "deep" / "agent.key"
    path.write_text(AGENT_KEY)
    path.chmod(0o600)
    assert f"lies in the git work tree {tmp_path}" in refused(path)


@pytest.mark.parametrize(
    "text", ["", "0x12", AGENT_KEY + " " + AGENT_KEY, AGENT_KEY + "00", "key = " + AGENT_KEY, "\0" * 64]
)
def test_what_is_no_key_is_refused_unseen(file: Path, text: str) -> None:
    file.write_text(text)
    said = refused(file)
    assert "doesn't hold a private key; it must be 64 hexadecimal digits and nothing else" in said


class Rings(KeyringBackend):
    """A keyring with one key, or a locked one."""

    priority = 1  # type: ignore[assignment]

    def __init__(self, text: str | None, *, locked: bool = False) -> None:
        self.text = text
        self.locked = locked
        self.asked: list[tuple[str, str]] = []

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError

    def delete_password(self, service: str, username: str) -> None:
        raise NotImplementedError

    def get_password(self, service: str, username: str) -> str | None:
        self.asked.append((service, username))
        if self.locked:
            raise KeyringLocked
        return self.text


@pytest.fixture
def rings() -> Iterator[Rings]:
    before, made = keyring.get_keyring(), Rings(AGENT_KEY)
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


def test_the_keyring_holds_the_key_under_the_account_s_address(rings: Rings) -> None:
    assert key_of(HLCOPY_AGENT_KEYRING="1")[0] == AGENT_KEY
    assert rings.asked == [("hlcopy", ACCOUNT)]


def test_a_keyring_without_a_key_says_how_to_store_one(rings: Rings) -> None:
    rings.text = None
    with pytest.raises(
        ConfigError, match=f"has no key for {ACCOUNT}; store the key with: keyring set hlcopy {ACCOUNT}"
    ):
        key_of(HLCOPY_AGENT_KEYRING="1")


def test_a_locked_keyring_says_so(rings: Rings) -> None:
    rings.locked = True
    with pytest.raises(ConfigError, match="the keyring can't be opened; unlock it"):
        key_of(HLCOPY_AGENT_KEYRING="1")


def test_without_a_key_it_says_where_to_get_one() -> None:
    with pytest.raises(
        ConfigError, match=r"app\.hyperliquid\.xyz/API and set HLCOPY_AGENT_KEY_FILE to a file of mode 0600"
    ):
        key_of()


def test_without_an_account_that_is_said_first() -> None:
    with pytest.raises(ConfigError, match="HLCOPY_ACCOUNT_ADDRESS"):
        agent_key(load_settings({"HLCOPY_MODE": "live"}), lambda _: None)


def test_a_key_shows_only_when_asked() -> None:
    key = agent_key(settings(HLCOPY_AGENT_KEY=AGENT_KEY), lambda _: None)
    assert repr(key) == str(key) == f"{key}" == "AgentKey(…)"


def test_the_accounts_own_key_or_its_masters_is_refused() -> None:
    refuse_own_key(AGENT, ACCOUNT)
    with pytest.raises(ConfigError, match="can withdraw everything"):
        refuse_own_key(AGENT, ACCOUNT, AGENT)
