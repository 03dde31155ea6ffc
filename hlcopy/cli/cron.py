"""The ticks under cron or systemd: cron print, install, remove."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hlcopy.cli import options
from hlcopy.errors import BadInputError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hlcopy.cli.options import Session
    from hlcopy.config import Settings
    from hlcopy.render.crontab import Plan

app = typer.Typer(rich_markup_mode=None)
cron = typer.Typer(rich_markup_mode=None)

Systemd = Annotated[
    bool, typer.Option("--systemd", help="Units of your user's systemd in place of lines for cron.", show_default=False)
]

_EXAMPLES: Final = """\
\b
Examples:
  hlcopy cron print
  hlcopy cron install && hlcopy doctor --from-cron
  hlcopy cron install --systemd
  hlcopy cron remove

\b
Cron and systemd may even run side by side: what one is doing, the other
leaves alone. Only our own block or units are ever changed or removed.
"""
_ENABLE: Final = (
    "systemctl --user daemon-reload",
    "systemctl --user enable --now hlcopy.service hlcopy-logs.timer",
    "loginctl enable-linger    # go on without you being logged in",
)
_DISABLE: Final = (
    "systemctl --user disable --now hlcopy.service hlcopy-logs.timer",
    "systemctl --user daemon-reload",
)
_OWNER_WRITES: Final = 0o644
_GROUP_EXAMPLES: Final = """\
\b
Examples:
  hlcopy cron print
  hlcopy cron install
  hlcopy cron remove --systemd
"""


@app.callback()
def _commands() -> None:
    """Keep `app` a group, whatever the number of its commands."""


@cron.callback(invoke_without_command=True, epilog=_GROUP_EXAMPLES)
def _cron(context: typer.Context) -> None:
    """Run the ticks by cron or systemd: print, install, remove."""
    options.help_when_bare(context)


app.add_typer(cron, name="cron")


@cron.command("print", epilog=_EXAMPLES)
def print_(
    *,
    systemd: Systemd = False,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Print the lines for cron, or the units for systemd, that run the ticks here.

    Their paths are absolute: of the program that runs, of the settings file and of the database.
    """
    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    if systemd:
        files = {str(_unit_folder() / name): text for name, text in _units(session, env_file).items()}
        text = "".join(f"# --- {path}\n{unit}\n" for path, unit in files.items()) + _told(_ENABLE)
        _show(session, "print", text, files=files, commands=_bare(_ENABLE))
        return
    block = block_of(session, env_file)
    _show(session, "print", block, crontab=block)


@cron.command("install", epilog=_EXAMPLES)
def install(
    *,
    systemd: Systemd = False,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Put the lines into your crontab, or the units into your systemd's folder.

    Installing again replaces what was installed before. Every other line and unit stays as it is.
    """
    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    if systemd:
        written = _install_units(_units(session, env_file))
        text = "".join(f"wrote {path}\n" for path in written) + _told(_ENABLE)
        _show(session, "install", text, files=written, commands=_bare(_ENABLE))
        return
    lines, changed = install_lines(session, env_file)
    said = "installed" if changed else "is already installed"
    text = f"{lines} lines of the crontab run hlcopy: {said}\nProve that they work: hlcopy doctor --from-cron\n"
    _show(session, "install", text, changed=changed, lines=lines)


@cron.command("remove", epilog=_EXAMPLES)
def remove(
    *,
    systemd: Systemd = False,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Take our lines out of your crontab, or our units out of your systemd's folder."""
    session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    if systemd:
        gone = _remove_units()
        text = "".join(f"removed {path}\n" for path in gone) + _told(_DISABLE) if gone else "no unit of ours is there\n"
        _show(session, "remove", text, files=gone, commands=_bare(_DISABLE) if gone else [])
        return
    from hlcopy.render import crontab as rendered
    from hlcopy.wiring import crontab

    before = _crontab()
    changed = rendered.has_block(before)
    if changed:
        crontab.write(rendered.removed(before))
    text = "our lines are out of the crontab\n" if changed else "no lines of ours are in the crontab\n"
    _show(session, "remove", text, changed=changed)


def install_lines(session: Session, env_file: Path | None) -> tuple[int, bool]:
    """Put our lines into the crontab; return how many run a tick, and whether anything changed."""
    from hlcopy.render import crontab as rendered
    from hlcopy.wiring import crontab

    block, before = block_of(session, env_file), _crontab()
    after = rendered.installed(before, block)
    if after != before:
        crontab.write(after)
    lines = sum(crontab.program_of(entry.command) is not None for entry in crontab.entries(block))
    return lines, after != before


def _crontab() -> str:
    from hlcopy.wiring import crontab

    text = crontab.read()
    if text is None:
        message = "there is no crontab program here; install cron, or use: hlcopy cron install --systemd"
        raise ConfigError(message)
    return text


def block_of(session: Session, env_file: Path | None) -> str:
    """Return our block for the crontab; the folder that its lines write to is there then."""
    from hlcopy.render.crontab import block

    _warn_of_environment(session)
    planned = plan(session.settings, env_file)
    _make_folder(planned.output.parent)
    return block(planned, session.settings.policy().cadence)


def _units(session: Session, env_file: Path | None) -> Mapping[str, str]:
    from hlcopy.render.systemd import units

    _warn_of_environment(session)
    return units(plan(session.settings, env_file))


def plan(settings: Settings, env_file: Path | None) -> Plan:
    """Return what lines and units name, all of it absolute."""
    from hlcopy.config import settings_file
    from hlcopy.render.crontab import Plan

    file, database = settings_file(env_file), settings.database.absolute()
    return Plan(
        program=_program(),
        env_file=file.absolute() if file is not None else None,
        folder=Path.cwd(),
        database=database,
        log=settings.log_path.absolute(),
        output=database.with_suffix(".cron.log"),
    )


def _make_folder(folder: Path) -> None:
    """Let the folder be there that cron's shell writes to: it opens its output before hlcopy could make one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"there is no folder {folder}, and none can be made ({error.strerror}); see HLCOPY_DB"
        raise ConfigError(message) from error


def _program() -> Sequence[str]:
    """Return how this very program is started: by its script, else as a module of this Python."""
    started = Path(sys.argv[0])
    if started.name == "hlcopy" and started.is_file() and os.access(started, os.X_OK):
        return (str(started.absolute()),)
    return (sys.executable, "-m", "hlcopy")


def _warn_of_environment(session: Session) -> None:
    """Say which settings lie where neither cron nor systemd finds them."""
    from hlcopy.config import VARIABLES

    lost = [name for name in VARIABLES if name in os.environ and name != "HLCOPY_DB"]
    if lost:
        session.warn(f"only your shell has {', '.join(lost)}; cron won't: put it into the settings file")
    if "PYTHONPATH" in os.environ and len(_program()) > 1:
        session.warn(
            "only your shell has PYTHONPATH: cron may run another hlcopy, or none; install it, and start its script"
        )


def _unit_folder() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"


def _is_ours(path: Path) -> bool:
    from hlcopy.render.systemd import MARK

    try:
        return path.read_text(encoding="utf-8", errors="replace").startswith(MARK)
    except FileNotFoundError:
        return False
    except OSError as error:
        message = f"{path} can't be read ({error.strerror})"
        raise BadInputError(message) from error


def _install_units(units: Mapping[str, str]) -> list[str]:
    folder = _unit_folder()
    for name in units:
        if (folder / name).exists() and not _is_ours(folder / name):
            message = f"{folder / name} isn't ours; move it away, or use it in place of hlcopy cron install"
            raise BadInputError(message)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in units.items():
            beside = folder / f".{name}.part"
            beside.write_text(text, encoding="utf-8")
            beside.chmod(_OWNER_WRITES)
            beside.replace(folder / name)
    except OSError as error:
        message = f"the units can't be written to {folder} ({error.strerror})"
        raise BadInputError(message) from error
    return [str(folder / name) for name in units]


def _remove_units() -> list[str]:
    from hlcopy.render.systemd import ROTATION, SERVICE

    paths = [_unit_folder() / name for name in (SERVICE, "hlcopy-logs.service", ROTATION)]
    ours = [path for path in paths if _is_ours(path)]
    for path in ours:
        path.unlink()
    return [str(path) for path in ours]


def _told(commands: Sequence[str]) -> str:
    return "Then run:\n" + "".join(f"  {command}\n" for command in commands)


def _bare(commands: Sequence[str]) -> list[str]:
    return [shlex.join(shlex.split(command, comments=True)) for command in commands]


def _show(session: Session, what: str, text: str, **facts: object) -> None:
    if session.as_json:
        session.show_json({"command": f"cron {what}", "ok": True, **facts})
    elif what == "print" or not session.quiet:
        session.show(text)
