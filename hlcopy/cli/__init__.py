"""The command line: the commands, each imported when it is used, and the one edge where errors become exit codes."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperCommand
from typer.main import get_command, get_group

from hlcopy import __version__
from hlcopy.errors import HlcopyError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from typer.core import TyperGroup

UNEXPECTED: Final = 3
INTERRUPTED: Final = 130

COMMANDS: Final = {
    "demo": ("hlcopy.cli.practice", "Watch made-up traders being judged and copied."),
    "backtest": ("hlcopy.cli.backtest", "Replay recorded fills and candles through the same ticks that trade."),
    "signals": ("hlcopy.cli.inspect", "List the judged orders of traders, newest first."),
    "traders": ("hlcopy.cli.inspect", "List the known traders, best score first."),
    "positions": ("hlcopy.cli.inspect", "Show our positions."),
    "data": ("hlcopy.cli.history", "Recorded fills, candles and funding: import, status."),
}
"""The module of each command, whose `app` holds it, and its line in the list: help imports no command."""

EPILOG: Final = """\
\b
Examples:
  hlcopy demo
  hlcopy data import fills fills.csv.gz
  hlcopy data status
  hlcopy signals --decision EXECUTE --json

\b
Exit codes:
    0  done, also when there was nothing to do
    1  some items failed, or a check found something wrong
    2  wrong usage or unusable input
    3  unexpected error; the traceback is in the log file
   75  try again later: something outside isn't available
   78  bad configuration
  130  interrupted

\b
Settings come from HLCOPY_* variables and a .env file; see .env.example.
"""

app = typer.Typer(
    name="hlcopy",
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
        return group.commands[self.name]  # type: ignore[attr-defined]


def root() -> TyperGroup:
    """Return the root command with every command in its place."""
    group = get_group(app)
    for name, (_, summary) in COMMANDS.items():
        group.add_command(LazyCommand(name, help=summary, rich_markup_mode=None))
    return group


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; the only place that turns errors into exit codes and words."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a character that the terminal doesn't know must not end a command
            stream.reconfigure(errors="backslashreplace")
    out = sys.stdout
    try:
        code = root().main(args=sys.argv[1:] if argv is None else list(argv), prog_name="hlcopy", standalone_mode=False)
        out.flush()
    except (BrokenPipeError, SystemExit) as error:  # Typer makes a SystemExit of any broken pipe
        return _drop(out) if _reader_left(out) else _tell(_crash(error), UNEXPECTED)
    except HlcopyError as error:
        return _tell(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except typer.TyperException as error:
        return _tell(error.format_message(), error.exit_code, hint=_usage(error))
    except Exception as error:  # noqa: BLE001 - the edge: nothing passes it
        return _tell(_crash(error), UNEXPECTED)
    return code if isinstance(code, int) else 0


def _usage(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.get_usage()}\nTry '{context.command_path} --help' for help.\n\n" if context else ""


def _crash(error: BaseException) -> str:
    from hlcopy.cli import logs  # noqa: PLC0415 - a command without a crash needn't load it

    path = logs.crash(error)
    details = f"the traceback is in {path}" if path else "the log file couldn't be written"
    return f"unexpected {type(error).__name__}; {details}"


def _tell(message: str, code: int, hint: str = "") -> int:
    from hlcopy.cli import logs  # noqa: PLC0415 - only an error needs it
    from hlcopy.render import safe  # noqa: PLC0415 - only an error needs it

    with suppress(OSError):  # when nobody listens, the exit code still tells
        sys.stderr.write(f"{hint}error: {safe(logs.scrub(message), 2_000)}\n")
        sys.stderr.flush()
    return code


def _reader_left(out: TextIO) -> bool:
    """Return whether nobody reads our output any more; a pipe may also have broken elsewhere."""
    import select  # noqa: PLC0415 - only a broken pipe needs it

    poller = select.poll()
    with suppress(OSError):  # output that is no file has no reader to lose
        poller.register(out.fileno(), 0)
    return any(state & (select.POLLERR | select.POLLHUP) for _, state in poller.poll(0))


def _drop(out: TextIO) -> int:
    """Send what is left of the output nowhere, so that the interpreter's last flush is quiet, too; that is no error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
    return 0
