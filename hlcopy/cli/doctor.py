"""One look at everything that hlcopy needs: doctor."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hlcopy.cli import logs, options
from hlcopy.domain.checks import Check
from hlcopy.errors import ConfigError, HlcopyError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from hlcopy.cli.clock import SystemClock
    from hlcopy.cli.options import Session
    from hlcopy.config import Settings
    from hlcopy.wiring.health import Look
    from hlcopy.wiring.http import BoundedHttp
    from hlcopy.wiring.preflight import Identity

app = typer.Typer(rich_markup_mode=None)

_EXAMPLES: Final = """\
\b
Examples:
  hlcopy doctor
  hlcopy doctor --json
  hlcopy doctor --from-cron    # also runs what the crontab has, as cron would
  hlcopy doctor --quiet        # under cron: says nothing while all is well

\b
Exit codes: 0 nothing is wrong; 1 something is. A question mark is what can't
be told now, and no failure. It trades nothing and spends no credits; what
--from-cron runs does what cron has it do.
"""


@app.callback()
def _commands() -> None:
    """Keep `app` a group, whatever the number of its commands."""


@app.command("doctor", epilog=_EXAMPLES)
def doctor(
    *,
    db: options.Db = None,
    env_file: options.EnvFile = None,
    from_cron: Annotated[
        bool,
        typer.Option(
            "--from-cron",
            help="Also run each command of the crontab, in cron's bare environment.",
            show_default=False,
        ),
    ] = False,
    as_json: options.Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say only what is wrong, on standard error.")] = False,
) -> None:
    """Look at all that hlcopy needs, and say how to mend it.

    Settings, key and account, the venue and its clock, sources, the database and its disk, ticks and cron. Every check is
    made, whatever the ones before it found.
    """
    began, at = time.perf_counter(), options.now()
    try:
        session = options.Session.begin(db, env_file, as_json=as_json, quiet=quiet)
    except ConfigError as error:
        session = _without_settings(as_json=as_json, quiet=quiet)
        checks = [Check(name="settings", ok=False, said=str(error), remedy=".env.example lists them all")]
    else:
        with session.progress("Running the crontab's commands" if from_cron else "Looking"):
            checks = _Looks(session, db, env_file).all(from_cron=from_cron)
    wrong = [check for check in checks if check.ok is False]
    _show(session, checks, at, began)
    raise typer.Exit(1 if wrong else 0)


def _without_settings(*, as_json: bool, quiet: bool) -> Session:
    """Return a session that can say what is wrong with the settings."""
    from hlcopy.config import Settings

    return options.Session(settings=Settings(), as_json=as_json, quiet=quiet)


def _show(session: Session, checks: list[Check], at: datetime, began: float) -> None:
    from hlcopy.render.checks import checks_document, checks_text

    wrong = [check for check in checks if check.ok is False]
    if session.as_json:
        session.show_scrubbed(
            {
                "command": "doctor",
                "ok": not wrong,
                "at": at,
                "mode": session.settings.mode,
                "duration_ms": round((time.perf_counter() - began) * 1000),
                "errors": [],
                **checks_document(checks),
            }
        )
    elif session.quiet:
        for check in wrong:
            session.complain(f"doctor: {check.name}: {check.said}" + (f"; {check.remedy}" if check.remedy else ""))
    else:
        colour = session.width is not None and not os.environ.get("NO_COLOR")
        session.show_scrubbed(checks_text(checks, colour=colour))


class _Looks:
    """The checks one after the other; what one finds never keeps the next from being made."""

    def __init__(self, session: Session, db: Path | None, env_file: Path | None) -> None:
        self._session = session
        self._settings: Settings = session.settings
        self._environ = dict(os.environ) if db is None else {**os.environ, "HLCOPY_DB": str(db)}
        self._env_file = env_file
        self._checks: list[Check] = []

    def all(self, *, from_cron: bool) -> list[Check]:
        """Make every check."""
        from hlcopy.cli import clock as clocks
        from hlcopy.wiring.http import BoundedHttp

        stop = threading.Event()
        real = clocks.SystemClock(stop)
        try:
            with BoundedHttp(real) as http:
                self._setup()
                self._network(http, real)
                self._files()
                self._records(self._now(http, real))
                if from_cron:
                    self._from_cron()
        finally:
            stop.set()
        return self._checks

    def _look(self, name: str, look: Look) -> None:
        from hlcopy.wiring.health import guarded

        self._checks += guarded(name, look, logs.crash)

    def _setup(self) -> None:
        from hlcopy.config import load_with_sources
        from hlcopy.wiring.health import files, network

        self._look(
            "settings",
            lambda: files.settings_check(self._settings, load_with_sources(self._environ, self._env_file)[1]),
        )
        self._look("mode", lambda: network.mode_check(self._settings))

    def _network(self, http: BoundedHttp, real: SystemClock) -> None:
        from hlcopy.wiring.health import network

        settings = self._settings
        self._look("hyperliquid", lambda: network.venue_checks(settings, http, real))
        if settings.allow_coins or settings.deny_coins:
            self._look("coins", lambda: network.coins_check(settings, http, real))
        if settings.mode == "live":
            self._account(http, real)
        self._look("leaderboard", lambda: network.leaderboard_check(settings, http))
        self._look("nansen", lambda: network.nansen_check(settings, options.now()))

    def _account(self, http: BoundedHttp, real: SystemClock) -> None:
        """Look at key, agent and account."""
        from hlcopy.cli import clock as clocks
        from hlcopy.wiring.health import network
        from hlcopy.wiring.identity import identity

        found: list[Identity] = []

        def key() -> Check:
            found.append(identity(self._settings, logs.scrub.hide_one))
            return Check(name="key", ok=True, said=f"{_source_of_key(self._settings)}: that of {found[0].agent}")

        self._look("key", key)
        if found:
            clock = clocks.clock_of(self._settings, real, http)
            store = self._session.store() if self._settings.database.exists() else None
            self._look(
                "account",
                lambda: network.live_checks(self._settings, http, clock, store, found[0], self._session.warn),
            )

    def _files(self) -> None:
        from hlcopy.wiring.health import files

        self._look("database", lambda: files.database_check(self._settings))
        self._look("disk", lambda: files.disk_check(self._settings))
        self._look("log", lambda: files.log_check(self._settings))

    def _records(self, now: datetime) -> None:
        from hlcopy.wiring.health import cron

        self._look("cron", cron.cron_check)
        if not self._settings.database.exists() or any(c.name == "database" and c.ok is False for c in self._checks):
            return
        from hlcopy.cli.cadence import cadences
        from hlcopy.wiring.health import running

        policy = self._settings.policy()
        try:
            with self._session.store() as store:
                self._look("ticks", lambda: running.tick_checks(store, cadences(policy), now))
                self._look("traders", lambda: running.scores_check(store, policy, now))
                self._look("entries", lambda: running.entries_checks(store, policy, now))
                channels = self._settings.alert_channels
                self._look("alerts", lambda: running.alerts_check(store, list(channels), now))
        except HlcopyError as error:
            self._checks.append(Check(name="ticks", ok=None, said=str(error)))

    def _from_cron(self) -> None:
        from hlcopy.wiring.health import cron

        self._look(cron.FROM_CRON, cron.from_cron_checks)

    def _now(self, http: BoundedHttp, real: SystemClock) -> datetime:
        """Return the present by the clock that ticks go by; by this machine's where that can't be read."""
        from hlcopy.cli import clock as clocks
        from hlcopy.wiring.health.network import PATIENCE_S

        http.allow(PATIENCE_S)
        try:
            return clocks.clock_of(self._settings, real, http).now()
        except HlcopyError:
            return options.now()


def _source_of_key(settings: Settings) -> str:
    if settings.agent_key is not None:
        return "HLCOPY_AGENT_KEY"
    return f"file {settings.agent_key_file}" if settings.agent_key_file is not None else "the OS keyring"
