"""What systemd is told: a user's service that runs all ticks, and a timer that lets the logs begin anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlcopy.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hlcopy.render.crontab import Plan

MARK: Final = "# Written by `hlcopy cron install --systemd`, taken away by `hlcopy cron remove --systemd`."
SERVICE: Final = "hlcopy.service"
ROTATION: Final = "hlcopy-logs.timer"

_SPECIAL: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "%": "%%", "$": "$$"})

_SERVICE: Final = """\
{mark}
[Unit]
Description=hlcopy: copies the entries of good traders, manages the exits alone
StartLimitIntervalSec=0

[Service]
WorkingDirectory={folder}
ExecStart={command}
Restart=always
RestartSec=10
# Wrong settings don't get right by trying again.
RestartPreventExitStatus=2 78
TimeoutStopSec=60
UMask=0077
# What it never needs. A user's systemd can't shut files away everywhere, so nothing here relies on that.
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
SystemCallArchitectures=native
LimitCORE=0
MemoryMax=1G

[Install]
WantedBy=default.target
"""
_LOGS_SERVICE: Final = """\
{mark}
[Unit]
Description=hlcopy: lets its log begin anew; the last one is kept

[Service]
Type=oneshot
ExecCondition=/bin/sh -c 'test -s "$$1"' sh {log}
ExecStart=/bin/sh -c 'mv -f "$$1" "$$1.1"' sh {log}
"""
_LOGS_TIMER: Final = """\
{mark}
[Unit]
Description=hlcopy: lets its log begin anew once a week

[Timer]
OnCalendar=weekly
RandomizedDelaySec=1h
Persistent=true

[Install]
WantedBy=timers.target
"""


def units(plan: Plan) -> Mapping[str, str]:
    """Return the units by their file names; raises `BadInputError` for paths that a unit can't hold."""
    options = [*([] if plan.env_file is None else ["--env-file", str(plan.env_file)]), "--db", str(plan.database)]
    command = " ".join(_quoted(word) for word in (*plan.program, "run-all", "--quiet", *options))
    return {
        SERVICE: _SERVICE.format(mark=MARK, folder=_plain(plan.folder), command=command),
        "hlcopy-logs.service": _LOGS_SERVICE.format(mark=MARK, log=_quoted(plan.log)),
        ROTATION: _LOGS_TIMER.format(mark=MARK),
    }


def _quoted(word: str | Path) -> str:
    """Return a word of a command line; systemd itself puts values for per cent and dollar signs."""
    text = _checked(word).translate(_SPECIAL)
    return text if all(char.isalnum() or char in "/._-+=:@,%" for char in text) else f'"{text}"'


def _plain(path: Path) -> str:
    """Return a path that stands alone behind an equals sign, where quotes would be part of it."""
    return _checked(path).replace("%", "%%")


def _checked(word: str | Path) -> str:
    text = str(word)
    if not text.isprintable():
        message = f"{text!r} can't stand in a unit; move it to a path of plain characters"
        raise BadInputError(message)
    return text
