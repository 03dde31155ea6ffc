"""The agent's private key: from the environment, a file that nobody else can read, or the system's keyring."""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NoReturn

from hlcopy.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hlcopy.config import Settings

_SERVICE: Final = "hlcopy"
_KEY: Final = re.compile(r"(0[xX])?[0-9a-fA-F]{64}")
_OTHERS: Final = 0o077
_WRITABLE_BY_OTHERS: Final = 0o022
_NOT_DUMPABLE: Final = 4, 0  # prctl(PR_SET_DUMPABLE, 0)
_LONGEST: Final = 1_024


class AgentKey:
    """A private key that shows itself only when asked by name."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the key."""
        return self._text

    def __repr__(self) -> str:
        return "AgentKey(…)"


def agent_key(settings: Settings, hide: Callable[[str], None]) -> AgentKey:
    """Return the key that the settings name; `hide` is told of it before anything else is done with it.

    Raises `ConfigError` where there is none or it lies where others can read it; the message never holds it.
    """
    account = settings.binding_account or ""  # what is missing first is said first
    keep_from_dumps()
    if settings.agent_key is not None:
        text, source = settings.agent_key.get_secret_value(), "HLCOPY_AGENT_KEY"
    elif settings.agent_key_file is not None:
        text, source = _from_file(settings.agent_key_file), f"HLCOPY_AGENT_KEY_FILE: {settings.agent_key_file}"
    elif settings.agent_keyring:
        text, source = _from_keyring(account), "HLCOPY_AGENT_KEYRING"
    else:
        _refuse(
            "live mode needs the key of an agent (API wallet)",
            "make one at app.hyperliquid.xyz/API and set HLCOPY_AGENT_KEY_FILE to a file of mode 0600 that holds it",
        )
    text = text.strip()
    if text:
        hide(text)
        hide(text.lower().removeprefix("0x"))
    if not _KEY.fullmatch(text):
        _refuse(f"{source} doesn't hold a private key", "it must be 64 hexadecimal digits and nothing else")
    return AgentKey("0x" + text[-64:].lower())


def keep_from_dumps() -> None:
    """Let no core dump of this process be written, and no other process of the same user look into it, where that can be."""
    import ctypes
    import resource

    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(*_NOT_DUMPABLE, 0, 0, 0)


def refuse_own_key(signer: str, *owners: str) -> None:
    """Raise `ConfigError` when the key is that of the account itself or of its master: such a key can withdraw."""
    if signer in owners:
        _refuse(
            f"the key belongs to {signer} itself, which can withdraw everything",
            "make an agent (API wallet) at app.hyperliquid.xyz/API, use its key, and keep this one off this machine",
        )


def _from_file(path: Path) -> str:
    named = f"HLCOPY_AGENT_KEY_FILE: {path}"
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if path.is_symlink():
            _refuse(f"{named} is a symbolic link", "name the file itself")
        _refuse(f"{named} can't be read ({error.strerror})", "name a file of mode 0600 that holds the key")
    try:
        _refuse_unsafe(path, os.fstat(handle))
        return os.read(handle, _LONGEST).decode("utf-8", "replace")
    finally:
        os.close(handle)


def _refuse_unsafe(path: Path, found: os.stat_result) -> None:
    named = f"HLCOPY_AGENT_KEY_FILE: {path}"
    if not stat.S_ISREG(found.st_mode):
        _refuse(f"{named} is no file", "name a file of mode 0600 that holds the key")
    if found.st_uid != os.geteuid():
        _refuse(f"{named} belongs to another user", "let it belong to the user that hlcopy runs as: chown")
    if found.st_mode & _OTHERS:
        _refuse(f"{named} can be read by others", f"run chmod 600 {path}, and replace the key if others may have it")
    if (folder := _open_folder(path)) is not None:
        _refuse(f"{named} lies in {folder}, where others may put another in its place", f"run chmod go-w {folder}")
    if (tree := _git_tree(path)) is not None:
        _refuse(f"{named} lies in the git work tree {tree}", "move it elsewhere, lest it be committed")


def _open_folder(path: Path) -> Path | None:
    """Return the folder above a file that others may write to; in a sticky one they can replace only what is theirs."""
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if mode & _WRITABLE_BY_OTHERS and not mode & stat.S_ISVTX:
            return folder
    return None


def _git_tree(path: Path) -> Path | None:
    """Return the work tree that a file lies in, by its name or by where that leads."""
    folders = (*path.absolute().parents, *path.resolve().parents)
    return next((folder for folder in folders if (folder / ".git").exists()), None)


def _from_keyring(account: str) -> str:
    import keyring
    from keyring.errors import KeyringError

    remedy = f"store the key with: keyring set {_SERVICE} {account}"
    try:
        text = keyring.get_password(_SERVICE, account)
    except KeyringError:
        _refuse(
            "HLCOPY_AGENT_KEYRING: the keyring can't be opened", f"unlock it, or use HLCOPY_AGENT_KEY_FILE; {remedy}"
        )
    if text is None:
        _refuse(f"HLCOPY_AGENT_KEYRING: the keyring has no key for {account}", remedy)
    return text


def _refuse(problem: str, remedy: str) -> NoReturn:
    message = f"{problem}; {remedy}"
    raise ConfigError(message) from None
