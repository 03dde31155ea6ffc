"""The log file: one JSON line for each event, made only when something is logged; logging never fails a command."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from structlog.typing import EventDict, FilteringBoundLogger

_OWNER_ONLY: Final = 0o600
_KEY: Final = re.compile(r"(0[xX])?[0-9a-fA-F]{64,}")
_HIDDEN: Final = "[secret]"
_SHORTEST: Final = 8


class Scrubber:
    """Replaces what no output may show: texts of 64 and more hexadecimal digits, and the secrets that it is told."""

    def __init__(self) -> None:
        self._secrets: list[str] = []

    def hide(self, secrets: Iterable[str]) -> None:
        """Learn secrets, in the form that JSON writes them, too."""
        for secret in secrets:
            self.hide_one(secret)

    def hide_one(self, secret: str) -> None:
        """Learn a secret."""
        for form in (secret, json.dumps(secret)[1:-1]):
            if form and form not in self._secrets:
                self._secrets.append(form)

    def told(self, text: str) -> str:
        """Return the text without the secrets that it was told, for output that may hold hashes of 64 digits.

        What is too short to be a key would be found in all kinds of words.
        """
        for secret in self._secrets:
            if len(secret) >= _SHORTEST:
                text = text.replace(secret, _HIDDEN)
        return text

    def __call__(self, text: str) -> str:
        """Return the text without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return _KEY.sub(_HIDDEN, text)


class LogFile:
    """Appends lines to a file that others may rotate: it is opened anew when its name leads elsewhere.

    Several threads may use it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None
        self._lock = threading.Lock()
        self.problem = ""

    def msg(self, line: str) -> None:
        """Append a line; remember in `problem` what stood in the way, nothing when it was written."""
        data = (scrub(line) + "\n").encode("utf-8", "backslashreplace")
        with self._lock:
            try:
                self.problem = "" if os.write(self._current(), data) == len(data) else "it was cut off"
            except (OSError, ValueError) as error:
                self.problem = getattr(error, "strerror", None) or str(error)

    info = error = msg  # structlog calls the method of the event's level

    def close(self) -> None:
        """Close the file."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _current(self) -> int:
        if self._handle is not None and self._moved(self._handle):
            self.close()
        if self._handle is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _OWNER_ONLY)
        return self._handle

    def _moved(self, handle: int) -> bool:
        try:
            named, held = self.path.stat(), os.fstat(handle)
        except FileNotFoundError:
            return True
        return (named.st_dev, named.st_ino) != (held.st_dev, held.st_ino)


scrub: Final = Scrubber()
_file: LogFile | None = None
_warn: Callable[[str], None] | None = None


def configure(path: Path, secrets: Iterable[str], warn: Callable[[str], None] | None = None) -> None:
    """Say where the log lies, what it must never hold, and who is told, once, that it can't be written.

    Nothing is opened yet.
    """
    global _file, _warn  # a process has one log
    if _file is not None:
        _file.close()
    _file, _warn = LogFile(path), warn
    scrub.hide(secrets)


def log(event: str, **fields: object) -> None:
    """Append an event to the log file; when it can't be written, warn once and go on."""
    global _warn  # noqa: PLW0603 - see above
    file = _log_file()
    _logger(file).info(event, **fields)
    if file.problem and _warn is not None:
        _warn(f"the log file {file.path} can't be written ({file.problem})")
        _warn = None


def crash(error: BaseException) -> Path | None:
    """Append an unexpected error with its traceback; return the log file, None when it couldn't be written."""
    file = _log_file()
    try:
        _logger(file).error("unexpected error", exc_info=error)
    except Exception:  # noqa: BLE001 - whatever broke the command may break this, too
        return None
    return None if file.problem else file.path


def _log_file() -> LogFile:
    if _file is None:
        configure(_path_before_settings(), ())
    assert _file is not None  # noqa: S101 - configure has just made it
    return _file


def _path_before_settings() -> Path:
    given = os.environ.get("HLCOPY_LOG_FILE")
    if given:
        return Path(given)
    import platformdirs

    return platformdirs.user_data_path("hlcopy") / "hlcopy.log"


def _import_structlog() -> None:
    """Import structlog without its console's colours, which import rich and pygments: 50 ms that no tick needs.

    Only in the main thread: another might want rich itself in the meantime.
    """
    if "rich" in sys.modules or threading.current_thread() is not threading.main_thread():
        return
    sys.modules["rich"] = None  # type: ignore[assignment] # structlog then does as it does where rich is missing
    try:
        import structlog  # noqa: F401 - imported for the others to find
    finally:
        del sys.modules["rich"]


def _logger(file: LogFile) -> FilteringBoundLogger:
    _import_structlog()
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _plain,
            structlog.processors.JSONRenderer(),
        ],
        cache_logger_on_first_use=False,
    )
    logger: FilteringBoundLogger = structlog.wrap_logger(file, wrapper_class=structlog.make_filtering_bound_logger(0))
    return logger


def _plain(_logger: Any, _method: str, fields: EventDict) -> EventDict:  # noqa: ANN401 - structlog's own signature
    """Turn what JSON doesn't know into text."""
    return {
        name: value if isinstance(value, (str, int, float, type(None))) else str(value)
        for name, value in fields.items()
    }
