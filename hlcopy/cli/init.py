"""The settings file in five questions: init."""

from __future__ import annotations

import os
import shlex
import sys
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hlcopy.cli import logs, options
from hlcopy.errors import BadInputError, ConfigError, HlcopyError, TryLaterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hlcopy.cli.options import Session
    from hlcopy.config import Settings

app = typer.Typer(rich_markup_mode=None)

_EXAMPLES: Final = """\
\b
Examples:
  hlcopy init                                  # asks
  hlcopy init --yes                            # paper trading, all defaults
  hlcopy init --mode live --network testnet --account 0x... \\
      --agent-key-file ~/.hlcopy-agent --cron install

\b
Keys are read from files or typed unseen, and never shown.
"""
_PATIENCE_S: Final = 5.0
_CRON: Final = ("no", "print", "install")


@dataclass(frozen=True, slots=True)
class Question:
    """A setting that is asked for: the flag that answers it, the words, and the answer that Enter gives.

    None as default is for what must be said.
    """

    field: str
    flag: str
    words: str
    default: str | None
    hidden: bool = False


_MODE: Final = Question("mode", "--mode", "Trade on paper, or live?", "paper")
_NANSEN: Final = Question(
    "nansen_api_key", "--nansen-key-file", "Nansen key, if you have one (not shown while you type)", "", hidden=True
)
_ASKED: Final[Mapping[str, tuple[Question, ...]]] = {
    "paper": (
        Question("paper_equity_usd", "--paper-equity", "What does the paper account start with, in USD?", "100000"),
        Question("copy_ratio", "--copy-ratio", "Our allocation as a share of the trader's", "0.5"),
        Question("max_daily_loss_percent", "--max-daily-loss", "Loss in a day that pauses entries, in percent", "3"),
        _NANSEN,
    ),
    "live": (
        Question("network", "--network", "On testnet, or mainnet?", "testnet"),
        Question("account_address", "--account", "Address of the trading account", None),
        Question(
            "agent_key_file", "--agent-key-file", "File of mode 0600 with the key of its API wallet (agent)", None
        ),
        _NANSEN,
    ),
}


@app.callback()
def _commands() -> None:
    """Keep `app` a group, whatever the number of its commands."""


@app.command("init", epilog=_EXAMPLES)
def init(  # noqa: PLR0913 - a flag for each answer
    *,
    mode: Annotated[str | None, typer.Option("--mode", metavar="MODE", help="paper or live.")] = None,
    network: Annotated[str | None, typer.Option("--network", metavar="NET", help="Live: testnet or mainnet.")] = None,
    account: Annotated[
        str | None, typer.Option("--account", metavar="ADDRESS", help="Live: the trading account.")
    ] = None,
    agent_key_file: Annotated[
        str | None, typer.Option("--agent-key-file", metavar="PATH", help="Live: the file with the agent's key.")
    ] = None,
    paper_equity: Annotated[
        str | None, typer.Option("--paper-equity", metavar="USD", help="Paper: what it starts with.")
    ] = None,
    copy_ratio: Annotated[
        str | None, typer.Option("--copy-ratio", metavar="SHARE", help="Our allocation as a share of the trader's.")
    ] = None,
    max_daily_loss: Annotated[
        str | None, typer.Option("--max-daily-loss", metavar="PERCENT", help="Loss in a day that pauses entries.")
    ] = None,
    nansen_key_file: Annotated[
        str | None,
        typer.Option("--nansen-key-file", metavar="PATH", help="A file with the Nansen key; - for standard input."),
    ] = None,
    cron: Annotated[
        str | None, typer.Option("--cron", metavar="no|print|install", help="The lines for cron: print or install.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: defaults for what no flag says.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file; the old one is kept beside it.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Don't ask Nansen whether the key is good.")] = False,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Ask five questions, and write the settings file.

    Each answer is checked at once. The file is ./.env, or the one of --env-file; only its owner can read it.
    """
    given = {
        "mode": mode,
        "network": network,
        "account_address": account,
        "agent_key_file": agent_key_file,
        "paper_equity_usd": paper_equity,
        "copy_ratio": copy_ratio,
        "max_daily_loss_percent": max_daily_loss,
        "nansen_api_key": _key_of(nansen_key_file),
    }
    answers = {field: text for field, text in given.items() if text is not None}
    may_ask = sys.stdin.isatty() and not (yes or as_json)
    if not (may_ask or yes or answers):
        message = "nobody can be asked here: answer with --mode, --account and the other flags, or say --yes for paper"
        raise BadInputError(message)
    if cron is not None and cron not in _CRON:
        message = f"--cron must be {', '.join(_CRON[:-1])} or {_CRON[-1]}"
        raise BadInputError(message)
    _Init(env_file, db, force=force, offline=offline, may_ask=may_ask, as_json=as_json, quiet=quiet).run(answers, cron)


def _key_of(path: str | None) -> str | None:
    """Return the key in a file, which is hidden from all output from here on."""
    if path is None:
        return None
    try:
        key = (sys.stdin.readline() if path == "-" else Path(path).expanduser().read_text(encoding="utf-8")).strip()
    except (OSError, UnicodeDecodeError) as error:
        message = f"--nansen-key-file {path} can't be read ({getattr(error, 'strerror', None) or 'it is no text'})"
        raise BadInputError(message) from None
    if not key:
        message = f"--nansen-key-file {path} is empty; leave the flag out if you have no key"
        raise BadInputError(message)
    logs.scrub.hide_one(key)
    return key


class _Init:
    """One run: the answers so far, each checked, and what became of them."""

    def __init__(
        self,
        env_file: Path | None,
        db: Path | None,
        *,
        force: bool,
        offline: bool,
        may_ask: bool,
        as_json: bool,
        quiet: bool,
    ) -> None:
        from hlcopy.config import settings_of

        self._path = env_file or Path(".env")
        self._force = force
        self._offline = offline
        self._may_ask = may_ask
        self._environ = settings_of(os.environ)
        self._session = options.Session(settings=self._environ, as_json=as_json, quiet=quiet)
        self._answers = {} if db is None else {"db": str(db.absolute())}
        self._checked: list[dict[str, object]] = []

    def run(self, given: Mapping[str, str], cron: str | None) -> None:
        """Ask and check, write, read back, and say how to go on."""
        from hlcopy.config.written import env_text
        from hlcopy.wiring import envfile

        envfile.refuse_existing(self._path, force=self._force)
        mode = self._answer(_MODE, given, 1)
        asked = {"mode", *(question.field for question in _ASKED[mode])}
        for number, question in enumerate(_ASKED[mode], start=2):
            self._answer(question, given, number)
        for other in (each for each in _ASKED["paper" if mode == "live" else "live"] if each.field not in asked):
            if other.field in given:  # such as the share that is copied, for live, too
                self._take(other, given[other.field])
        self._settings()  # what the answers say against each other is told before anything is written
        kept = envfile.put(self._path, env_text(self._answers), force=self._force, now=options.now())
        session = self._read_back()
        wanted = cron or (self._offer() if self._may_ask else "no")
        self._tell(session, kept, wanted)

    def _answer(self, question: Question, given: Mapping[str, str], number: int) -> str:
        """Return the answer to a question: the flag's, else what is typed until it is good, else the default."""
        if question.field in given:
            return self._take(question, given[question.field])
        if not self._may_ask:
            if question.default is None:
                message = f"live mode needs {question.flag}"
                raise BadInputError(message)
            return self._take(question, question.default)
        while True:
            text: str = typer.prompt(
                f"{number}/5  {question.words}",
                default=question.default,
                hide_input=question.hidden,
                show_default=bool(question.default),
                err=True,
            )
            if question.hidden and text:
                logs.scrub.hide_one(text.strip())
            try:
                return self._take(question, text)
            except HlcopyError as error:
                self._session.complain(str(error).removeprefix(f"{question.flag}: "))

    def _take(self, question: Question, text: str) -> str:
        """Check an answer and keep it; one that is empty leaves the setting at its default."""
        from hlcopy.config import NAMES
        from hlcopy.config.load import refusal

        text = text.strip()
        if not text:
            if question.default is None:
                message = f"{question.flag} is empty"
                raise BadInputError(message)
            return text
        wrong = refusal(NAMES[question.field], text)
        if wrong is not None:
            message = f"{question.flag}: {wrong.removeprefix(f'{NAMES[question.field]}: ')}"
            raise BadInputError(message)
        if question.field == "agent_key_file":
            text = str(Path(text).expanduser().absolute())
            self._check_agent(text)
        if question.field == "nansen_api_key":
            self._check_nansen(text)
        self._answers[question.field] = text
        return text

    def _check_agent(self, file: str) -> None:
        """Look at the key's file by the rules that live trading has, and at whose key it is."""
        from hlcopy.wiring.identity import identity
        from hlcopy.wiring.keys import refuse_own_key

        who = identity(self._settings(agent_key_file=file), logs.scrub.hide_one)
        refuse_own_key(who.agent, who.account)
        self._note("agent", ok=True, said=f"the key is that of {who.agent}; its account must have approved it")

    def _check_nansen(self, key: str) -> None:
        """Ask Nansen what the key is worth, which costs nothing; one that it refuses isn't taken."""
        from hlcopy.adapters.http import Http
        from hlcopy.adapters.memory.credits import MemoryMeter
        from hlcopy.adapters.nansen.client import NansenClient
        from hlcopy.cli.clock import SystemClock

        if self._offline:
            self._note("nansen", ok=None, said="the key wasn't tried")
            return
        clock = SystemClock(threading.Event())
        with self._session.progress() as progress, Http(clock) as http:
            progress.start("Asking Nansen", None)
            client = NansenClient(http, self._environ.nansen_url, key, MemoryMeter(0), clock, patience=_PATIENCE_S)
            try:
                account = client.account()
            except TryLaterError as error:
                self._note("nansen", ok=None, said=f"the key couldn't be tried: {error}")
                return
        left = "" if account.credits_remaining is None else f"; {account.credits_remaining:,g} credits are left"
        self._note("nansen", ok=True, said=f"the key is good{left}")

    def _settings(self, **more: str) -> Settings:
        """Return the settings that the answers make."""
        from hlcopy.config import NAMES, settings_of

        return settings_of({NAMES[field]: text for field, text in {**self._answers, **more}.items()})

    def _note(self, name: str, *, ok: bool | None, said: str) -> None:
        self._checked.append({"name": name, "ok": ok, "said": said})
        if not self._session.as_json and not self._session.quiet:
            sys.stderr.write(f"  {logs.scrub(said)}\n")

    def _read_back(self) -> Session:
        """Read the file as every command will, and warn of what wins over it."""
        from hlcopy.config import NAMES, load_with_sources

        settings, sources = load_with_sources(os.environ, self._path)
        covered = [NAMES[field] for field in self._answers if sources.get(field) != self._path]
        if covered:
            self._session.warn(f"your environment has another {', '.join(covered)}, which wins over the file")
        logs.configure(settings.log_path, settings.secrets, self._session.warn)
        return replace(self._session, settings=settings)

    def _offer(self) -> str:
        while True:
            text: str = typer.prompt("Run the ticks by cron: no, print the lines, or install?", default="no", err=True)
            if text.strip() in _CRON:
                return text.strip()
            self._session.complain("it must be no, print or install")

    def _tell(self, session: Session, kept: Path | None, cron: str) -> None:
        """Put the lines for cron where they are wanted, and say what comes next."""
        from hlcopy.cli import cron as lines
        from hlcopy.config import NAMES

        block = lines.block_of(session, self._path) if cron == "print" else None
        if cron == "install":
            try:
                lines.install_lines(session, self._path)
            except HlcopyError as error:
                message = f"{self._path} is written, but not the crontab: {error}"
                raise ConfigError(message) from error
        steps = self._steps(cron)
        if session.as_json:
            session.show_json(
                {
                    "command": "init",
                    "ok": True,
                    "at": options.now(),
                    "mode": self._answers["mode"],
                    "file": str(self._path.absolute()),
                    "kept": None if kept is None else str(kept.absolute()),
                    "settings": [NAMES[field] for field in self._answers],
                    "checks": self._checked,
                    "cron": cron,
                    "crontab": block,
                    "next": steps,
                }
            )
        elif not session.quiet:
            told = [f"wrote {self._path}"]
            told += [f"the old one is {kept}"] if kept is not None else []
            told += ["the crontab runs the ticks now"] if cron == "install" else []
            said = "\n".join([*told, "Next:", *(f"  {step}" for step in steps)])
            session.show_scrubbed(f"{said}\n" + (f"\n{block}" if block else ""))
        elif block:
            session.show_scrubbed(block)

    def _steps(self, cron: str) -> list[str]:
        """Return the next two commands."""
        option = "" if self._path == Path(".env") else f" --env-file {shlex.quote(str(self._path))}"
        first = "hlcopy doctor" + (" --from-cron" if cron == "install" else "")
        return [f"{first}{option}", f"hlcopy score{option}"]
