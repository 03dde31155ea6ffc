"""The command line's frame: help, the error edge, exit codes, and what standard output and error carry."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import typer

from hlcopy import __version__
from hlcopy.adapters.store import Binding, Store
from hlcopy.cli import COMMANDS, HEADINGS, LazyCommand, logs, main, options, root
from hlcopy.errors import BadInputError, ConfigError, HlcopyError, LookAheadError, TryLaterError
from tests.builders import TRADER, trader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Outcome

    Run = Callable[..., Outcome]

CANARY = "c0ffee" * 10 + "beef"


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def begin(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(options.Session, "begin", begin)


def python(*arguments: str, stdout: int = subprocess.PIPE, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environ},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_program_alone_prints_its_help(run: Run) -> None:
    alone, asked = run(""), run("--help")
    assert alone == asked
    assert alone.code == 0
    assert alone.err == ""
    for word in (*COMMANDS, "Exit codes", "75", "78  bad configuration, or not built yet", "130"):
        assert word in alone.out


def test_a_group_alone_prints_its_help(run: Run) -> None:
    alone = run("data")
    assert alone == run("data --help")
    assert "import" in alone.out


@pytest.mark.parametrize("command", ["", "data", "data import", "data status", *COMMANDS])
def test_help_fits_80_columns(run: Run, command: str) -> None:
    shown = run(f"{command} --help")
    assert shown.code == 0
    assert max(map(len, shown.out.splitlines())) <= 80


def test_every_command_stands_under_one_heading_and_is_told_in_one_whole_line(run: Run) -> None:
    assert sorted(name for names in HEADINGS.values() for name in names) == sorted(COMMANDS)
    lines = run("--help").out.splitlines()
    for heading, names in HEADINGS.items():
        first = lines.index(f"{heading}:") + 1
        listed = [line.split(maxsplit=1) for line in lines[first : first + len(names)]]
        assert listed == [[name, COMMANDS[name][1]] for name in names]


@pytest.mark.parametrize(
    "command", ["", "config show", "data import", "data fetch", "data status", "backtest audit", *COMMANDS]
)
def test_help_has_examples(run: Run, command: str) -> None:
    shown = run(f"{command} --help").out
    assert f"\n    hlcopy {command}" in shown.partition("Example")[2]


def test_help_imports_no_command() -> None:
    code = "import sys; from hlcopy.cli import main; main(['--help']); print([m for m in sys.modules if 'inspect' in m "
    code += "and 'hlcopy' in m or m in ('pydantic', 'rich', 'numpy', 'structlog')])"
    done = python("-c", code)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_of_a_command_what_the_command_says_of_itself(name: str) -> None:
    stand_in = root().commands[name]
    assert isinstance(stand_in, LazyCommand)
    assert stand_in.load().get_short_help_str(200) == stand_in.get_short_help_str(200)


def test_the_version_is_the_package_s(run: Run) -> None:
    assert run("--version").out == f"hlcopy {__version__}\n"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("sginals", "No such command 'sginals'. Did you mean 'signals'?"),
        ("data stauts", "No such command 'stauts'. Did you mean 'status'?"),
        ("backtest audt --from 2025-01-01", "No such command 'audt'. Did you mean 'audit'?"),
        ("signals --nope", "No such option: --nope"),
        ("signals --limt 3", "No such option: --limt. Did you mean --limit?"),
        ("halt --resaon x", "No such option: --resaon. Did you mean --reason?"),
        ("signals --limit 0", "Invalid value for '--limit': must be 1 or more, not 0"),
        ("signals --limit many", "Invalid value for '--limit': must be a whole number, not 'many'"),
        ("simulate --days 99", "Invalid value for '--days': must be from 1 to 90, not 99"),
        ("data import", "Missing argument 'KIND'. Choose from: fills, candles, funding"),
        ("data import fill x.csv", "'fill' is not one of"),
    ],
)
def test_wrong_usage_is_one_line_that_says_where_to_read_on(run: Run, command: str, said: str) -> None:
    wrong = run(command)
    assert (wrong.code, wrong.out) == (2, "")
    assert wrong.err.startswith("error: ")
    assert said in wrong.err
    words = command.split()
    whole = words[:2] == ["data", "import"]
    named = "" if words[0] not in COMMANDS else " ".join(words[: 2 if whole else 1]) + " "
    assert wrong.err.endswith(f" (see hlcopy {named}--help)\n")
    assert wrong.err.count("\n") == 1


@pytest.mark.parametrize("command", ["signals", "demo"])
def test_help_calls_a_whole_number_n(run: Run, command: str) -> None:
    shown = run(f"{command} --help").out
    assert " N " in shown
    assert not re.search(r"\bINT(EGER)?\b", shown)


@pytest.mark.parametrize("option", ["--db", "--env-file"])
@pytest.mark.parametrize(("given", "said"), [("", "is empty"), (".", "must name a file, not '.'"), ("/", "must name")])
def test_an_option_that_names_no_file_is_wrong_usage(run: Run, option: str, given: str, said: str) -> None:
    wrong = run("signals", option, given)
    assert (wrong.code, wrong.out) == (2, "")
    assert wrong.err.startswith(f"error: {option} {said}")


def test_a_log_that_is_a_folder_is_a_wrong_setting(run: Run, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("HLCOPY_LOG_FILE", str(home))
    wrong = run("signals")
    assert wrong.code == 78
    assert wrong.err == f"error: the log file {home} is a folder; set HLCOPY_LOG_FILE to a file\n"


@pytest.mark.parametrize("quiet", [False, True])
def test_a_log_that_can_t_be_written_is_one_warning(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, quiet: bool
) -> None:
    monkeypatch.setenv("HLCOPY_LOG_FILE", "/dev/full")
    options.Session.begin(None, None, as_json=False, quiet=quiet)
    logs.log("first")
    logs.log("second")
    told = "warning: the log file /dev/full can't be written (No space left on device)\n"
    assert capsys.readouterr() == ("", "" if quiet else told)


@pytest.mark.parametrize("command", ["", "--help", "--version", "signals --help", "data", "traders", "traders --json"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_can_t_be_written_is_one_plain_line(database: Path, command: str, unbuffered: str) -> None:
    Store.open(database, Binding("paper", "mainnet")).close()
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        done = python("-m", "hlcopy", *command.split(), stdout=full, PYTHONUNBUFFERED=unbuffered)
    finally:
        os.close(full)
    assert done.returncode == 75
    assert done.stderr == "error: standard output can't be written (No space left on device)\n"


@pytest.mark.parametrize(("closed", "code"), [((1,), 75), ((2,), 2), ((1, 2), 75)])
def test_closed_streams_end_no_command_with_a_traceback(closed: tuple[int, ...], code: int) -> None:
    calls = "; ".join(f"os.close({stream})" for stream in closed)
    start = f"import os, sys; {calls}; os.execv(sys.executable, [sys.executable, '-m', 'hlcopy', '--nope'])"
    done = python("-c", start)
    told = "error: standard output can't be written (it is closed)\n"
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr == ("" if 2 in closed else told)


def test_characters_that_an_encoding_lacks_have_plain_forms(database: Path) -> None:
    with Store.open(database, Binding("paper", "mainnet")) as store:
        store.traders.put([trader(address=TRADER, style="é")])
    shown = python("-m", "hlcopy", "traders", PYTHONIOENCODING="ascii")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert f"{TRADER[:6]}..{TRADER[-4:]}" in shown.stdout
    assert "\\xe9" in shown.stdout


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (HlcopyError("x"), 3),
        (BadInputError("x"), 2),
        (ConfigError("x"), 78),
        (TryLaterError("x"), 75),
        (LookAheadError("x"), 3),
    ],
)
@pytest.mark.parametrize("flag", ["", "--json", "--quiet"])
def test_an_error_of_ours_is_one_plain_line_and_its_code(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: HlcopyError, code: int, flag: str
) -> None:
    failing(monkeypatch, error)
    assert run(f"traders {flag}") == type(run(""))(code, "", "error: x\n")


def test_an_error_line_can_t_move_the_cursor(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, BadInputError("a\x1b[31m\nb\u202e[bold]"))
    assert run("traders").err == "error: a\\x1b[31m\\nb\\u202e[bold]\n"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), typer.Abort()])
def test_an_interruption_is_130(run: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    failing(monkeypatch, error)
    assert run("traders") == type(run(""))(130, "", "interrupted\n")


def test_a_command_s_own_exit_code_passes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, typer.Exit(1))
    assert run("traders").code == 1


def test_the_unexpected_is_3_and_its_traceback_is_in_the_log_only(
    run: Run, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    failing(monkeypatch, ZeroDivisionError("what went wrong"))
    failed = run("traders --json")
    log = home / "hlcopy" / "hlcopy.log"
    assert failed.code == 3
    assert failed.out == ""
    assert failed.err == f"error: unexpected ZeroDivisionError; the traceback is in {log}\n"
    assert "Traceback" in log.read_text()
    assert "what went wrong" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_the_unexpected_after_the_settings_were_read_is_logged_where_they_say(
    run: Run, monkeypatch: pytest.MonkeyPatch, database: Path
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(CANARY + os.environ["NANSEN_API_KEY"])

    monkeypatch.setenv("NANSEN_API_KEY", "nansen-canary")
    monkeypatch.setattr(options.Session, "store", broken)
    failed = run("traders")
    assert str(database.with_suffix(".log")) in failed.err
    logged = database.with_suffix(".log").read_text()
    assert "RuntimeError: [secret][secret]" in logged
    assert CANARY not in logged + failed.err
    assert "nansen-canary" not in logged + failed.err


def test_an_unexpected_error_whose_log_can_t_be_written_is_still_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setenv("HLCOPY_LOG_FILE", str(home))
    failing(monkeypatch, ZeroDivisionError())
    assert run("traders").err == "error: unexpected ZeroDivisionError; the log file couldn't be written\n"


@pytest.mark.parametrize("flag", ["", "--json"])
@pytest.mark.parametrize(
    "environ",
    [
        {"HLCOPY_AGENT_KEY": CANARY + "00"},
        {"HLCOPY_AGENT_KEY": CANARY, "HLCOPY_COPY_RATIO": CANARY},
        {"HLCOPY_ACCOUNT_ADDRESS": CANARY},
        {"NANSEN_API_KEY": f"{CANARY} {CANARY}"},
        {"HLCOPY_AGENT_KEY": CANARY, "HLCOPY_DB": f"/{CANARY}/nowhere"},
        {"HLCOPY_AGENT_KEY": CANARY},
        {"HLCOPY_MIN_TRADE_VALUE_USD": f'{{"{CANARY}": "x"}}'},
        {f"HLCOPY_{CANARY}": "1"},
    ],
)
def test_no_failure_shows_a_secret(
    run: Run, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], flag: str, home: Path
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    failed = run(f"signals {flag}")
    assert failed.code in {2, 78}
    written = "".join(file.read_text() for file in home.rglob("*.log"))
    assert CANARY.lower() not in (failed.out + failed.err + written).lower()


def test_a_stranger_s_output_encoding_ends_no_command(home: Path) -> None:
    (home / "é.env").write_text("HLCOPY_MODE=x")
    failed = python("-m", "hlcopy", "traders", "--env-file", "é-ü.env", PYTHONIOENCODING="ascii:strict")
    assert failed.returncode == 2
    assert failed.stderr.startswith("error: ")


@pytest.mark.parametrize("arguments", [[], ["--version"], ["traders", "--json"]])
def test_a_reader_that_leaves_early_is_no_error(arguments: list[str], database: Path) -> None:
    Store.open(database, Binding("paper", "mainnet")).close()
    read, write = os.pipe()
    os.close(read)
    try:
        done = python("-m", "hlcopy", *arguments, stdout=write)
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_pipe_that_breaks_elsewhere_is_unexpected(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, BrokenPipeError(32, "Broken pipe"))
    failed = run("traders")
    assert failed.code == 3
    assert "the traceback is in" in failed.err


def test_closed_standard_error_changes_no_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed:
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    failing(monkeypatch, ConfigError("x"))
    monkeypatch.setattr(sys, "stderr", Closed())
    assert main(["traders"]) == 78


def test_the_program_runs_as_a_module_and_separates_its_streams(database: Path) -> None:
    done = python("-m", "hlcopy", "data", "status", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ")
    assert not database.exists()


def test_a_session_reads_the_named_files(home: Path) -> None:
    (home / "x.env").write_text("HLCOPY_COPY_RATIO=0.25\nHLCOPY_DB=ignored.db")
    session = options.Session.begin(home / "mine.db", home / "x.env", as_json=False, quiet=False)
    assert session.settings.copy_ratio == 0.25
    assert session.settings.database == home / "mine.db"
    assert not (home / "mine.log").exists()
    logs.log("event")
    assert (home / "mine.log").exists()


def test_warnings_go_to_standard_error_unless_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    for quiet in (False, True):
        options.Session.begin(None, None, as_json=False, quiet=quiet).warn("odd\x07")
    assert capsys.readouterr() == ("", "warning: odd\\x07\n")
