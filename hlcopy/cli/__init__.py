"""The command line: the commands, each imported when it is used, and the one edge where errors become exit codes."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from hlcopy import __version__
from hlcopy.cli import streams
from hlcopy.errors import HlcopyError, TryLaterError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

UNEXPECTED: Final = 3
INTERRUPTED: Final = 130
_NOBODY_ELSE: Final = 0o077
"""Whatever a command writes (reports and pages, too) tells of our account: it is for its owner alone."""

COMMANDS: Final = {
    "run-all": ("hlcopy.cli.service", "Run all ticks at their cadences until stopped, or once."),
    "score": ("hlcopy.cli.ticks", "Find traders, score them and choose whom to follow."),
    "poll": ("hlcopy.cli.ticks", "Fetch traders' orders, judge them, copy those that pass."),
    "monitor": ("hlcopy.cli.ticks", "Watch over our positions: stops, profit tiers, exits."),
    "positions": ("hlcopy.cli.ticks", "Refresh what traders hold, and show our positions."),
    "halt": ("hlcopy.cli.operate", "Open nothing new until resume; exits and stops go on."),
    "resume": ("hlcopy.cli.operate", "End a halt or a drawdown breaker, once you saw what it means."),
    "close": ("hlcopy.cli.operate", "Close one position of ours at once."),
    "flatten": ("hlcopy.cli.operate", "Halt, and close every position of ours at once."),
    "verify": ("hlcopy.cli.operate", "Prove that every position is guarded and that books agree."),
    "doctor": ("hlcopy.cli.doctor", "Look at all that hlcopy needs, and say how to mend it."),
    "init": ("hlcopy.cli.init", "Ask five questions, and write the settings file."),
    "cron": ("hlcopy.cli.cron", "Run the ticks by cron or systemd: print, install, remove."),
    "demo": ("hlcopy.cli.practice", "Watch made-up traders being ranked, judged and copied."),
    "drill": ("hlcopy.cli.drill", "Prove here that no fault leaves a position without a stop."),
    "simulate": ("hlcopy.cli.simulate", "Serve a made-up market on this machine, for rehearsals."),
    "backtest": ("hlcopy.cli.backtest", "Replay recorded fills and candles through the ticks that trade."),
    "sweep": ("hlcopy.cli.sweep", "Try many configurations, and say how much of the best is luck."),
    "gates": ("hlcopy.cli.gates", "Judge each gate by what the entries it refused would have made."),
    "status": ("hlcopy.cli.status", "Show how everything stands on one screen."),
    "report": ("hlcopy.cli.report", "Judge our own trades of a period by a backtest's figures."),
    "export": ("hlcopy.cli.report", "Write our trades, fills and funding as CSV, for taxes."),
    "why": ("hlcopy.cli.why", "Tell in plain words why something was copied, or wasn't."),
    "replay": ("hlcopy.cli.why", "Make a stored decision again from what it was made from."),
    "signals": ("hlcopy.cli.inspect", "List the judged orders of traders, newest first."),
    "traders": ("hlcopy.cli.traders", "Traders: list (when none is named), show, pin, ban, watch."),
    "alerts": ("hlcopy.cli.alerts", "Alerts: list (when none is named), test."),
    "config": ("hlcopy.cli.settings", "Settings: show, lint."),
    "budget": ("hlcopy.cli.budget", "Show what was spent of the APIs against the forecast."),
    "schema": ("hlcopy.cli.schemas", "Print the JSON Schema of what a command prints with --json."),
    "data": ("hlcopy.cli.history", "Recorded data: import, fetch, status; the file: backup, restore."),
}
"""The module of each command, whose `app` holds it, and its line in the list: help imports no command."""

HEADINGS: Final = {
    "Start here": ("demo", "init", "doctor"),
    "Ticks": ("run-all", "score", "poll", "monitor", "positions"),
    "Look": ("status", "why", "signals", "traders", "report", "alerts"),
    "Operate": ("halt", "resume", "close", "flatten", "verify"),
    "History and research": ("data", "backtest", "gates", "sweep", "replay", "export"),
    "Setup and rehearsal": ("config", "cron", "budget", "schema", "simulate", "drill"),
}
"""The commands under the headings of the list; each stands under one."""

EPILOG: Final = """\
\b
Examples:
  hlcopy demo
  hlcopy data import fills fills.csv.gz
  hlcopy data status
  hlcopy signals --decision EXECUTE --json
  hlcopy poll --help

\b
Exit codes:
    0  done, also when there was nothing to do
    1  some items failed, or a check found something wrong
    2  wrong usage or unusable input
    3  unexpected error; the traceback is in the log file
   75  try again later: something outside isn't available
   78  bad configuration, or not built yet
  130  interrupted

\b
Settings come from HLCOPY_* variables and a .env file; see .env.example.
"""


class Root(TyperGroup):
    """The root command, whose list of commands has headings."""

    def format_commands(self, _context: Any, formatter: Any) -> None:  # noqa: ANN401 - Typer's own signature, whose types are private
        """Write the commands under their headings, all summaries in one column."""
        room = max(map(len, COMMANDS))
        for heading, names in HEADINGS.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(room), COMMANDS[name][1]) for name in names])


app = typer.Typer(
    name="hlcopy",
    cls=Root,
    help="Copy the entries of good Hyperliquid perp traders; manage the exits alone.",
    epilog=EPILOG,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - the signature of an option's callback
    if wanted:
        typer.echo(f"hlcopy {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


class LazyCommand(TyperCommand):
    """Stands in the list of commands for one whose module is imported when it is called."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:  # noqa: ANN401 - Typer's own signature, whose types are private
        """Import the real command and hand over to it."""
        return self.load().make_context(info_name, args, parent, **extra)

    def load(self) -> Any:  # noqa: ANN401 - see above
        """Return the real command."""
        module, _ = COMMANDS[self.name or ""]
        group = get_command(import_module(module).app)
        command = group.commands[self.name]  # type: ignore[attr-defined]
        for each in (command, *getattr(command, "commands", {}).values()):
            _name_numbers(each)
        return command


def _name_numbers(command: TyperCommand) -> None:
    """Let help call a whole number N: the framework's INTEGER RANGE speaks to programmers."""
    for parameter in command.params:
        if parameter.type.name in {"int", "int range"} and parameter.metavar is None:
            parameter.metavar = "N"


def root() -> TyperGroup:
    """Return the root command with every command in its place."""
    group = get_group(app)
    for name, (_, summary) in COMMANDS.items():
        group.add_command(LazyCommand(name, help=summary, rich_markup_mode=None))
    return group


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; the only place that turns errors into exit codes and words."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - as long as the process lives
    if sys.stdout is None:
        _tell(f"error: {streams.UNWRITABLE} (it is closed)")
        return TryLaterError.exit_code
    before = os.umask(_NOBODY_ELSE)
    try:
        with streams.guarded() as out:
            return _run(sys.argv[1:] if argv is None else list(argv), out)
    finally:
        os.umask(before)


def _run(arguments: list[str], out: TextIO) -> int:
    said = ""
    try:
        code = root().main(args=arguments, prog_name="hlcopy", standalone_mode=False)
        out.flush()
    except (BrokenPipeError, SystemExit) as error:  # Typer makes a SystemExit of any broken pipe
        if streams.reader_left(out):
            streams.send_nowhere(out.fileno())
            return 0
        said, code = _crash(error), UNEXPECTED
    except HlcopyError as error:
        said, code = f"error: {error}", error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except typer.TyperException as error:
        said, code = f"error: {_usage(error)}", error.exit_code
    except Exception as error:  # noqa: BLE001 - the edge: nothing passes it
        said, code = _crash(error), UNEXPECTED
    if code == INTERRUPTED:  # Typer's own exit code for Ctrl-C
        said = "interrupted"
    if said:
        _tell(said)
    return code if isinstance(code, int) else 0


_PLAINER: Final = (
    (re.compile(r"(.+) is not a valid int(?: range)?\.?"), r"must be a whole number, not \1"),
    (re.compile(r"(\S+) is not in the range x>=(\S+)\."), r"must be \2 or more, not \1"),
    (re.compile(r"(\S+) is not in the range (\S+)<=x<=(\S+)\."), r"must be from \2 to \3, not \1"),
)
"""What Typer says of whole numbers, and how a person would."""


def _usage(error: typer.TyperException) -> str:
    """Return wrong usage as one line that ends with where to read on."""
    for pattern, plainer in _PLAINER:
        if pattern.fullmatch(error.message):
            error.message = pattern.sub(plainer, error.message)
    context = getattr(error, "ctx", None)
    near = getattr(error, "possibilities", None)
    told = f"{error.message}. Did you mean {near[0]}?" if near else error.format_message()
    said = " ".join(told.split()).removesuffix(".")
    return f"{said} (see {context.command_path} --help)" if context else said


def _crash(error: BaseException) -> str:
    from hlcopy.cli import logs

    path = logs.crash(error)
    details = f"the traceback is in {path}" if path else "the log file couldn't be written"
    return f"error: unexpected {type(error).__name__}; {details}"


def _tell(message: str) -> None:
    from hlcopy.cli import logs
    from hlcopy.render import safe

    with suppress(OSError):  # when nobody listens, the exit code still tells
        sys.stderr.write(f"{safe(logs.scrub(message), 2_000)}\n")
        sys.stderr.flush()
