"""A process that runs ticks: its desk of real adapters, and its effects, at each of which it can be killed or delayed."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from hlcopy.adapters.hyperliquid.account import HyperliquidAccount
from hlcopy.adapters.hyperliquid.client import InfoClient
from hlcopy.adapters.hyperliquid.market import HyperliquidMarket
from hlcopy.adapters.hyperliquid.source import HyperliquidSource
from hlcopy.adapters.live import LiveExchange
from hlcopy.adapters.locks import account_lock, command_lock
from hlcopy.adapters.store import Store
from hlcopy.adapters.store.binding import bind
from hlcopy.adapters.store.connection import connect
from hlcopy.adapters.store.migrations import migrate
from hlcopy.adapters.store.usage import StoredRation
from hlcopy.domain.models import from_ms
from hlcopy.domain.rations import MONITOR
from hlcopy.drill import faults
from hlcopy.drill.scheduler import Killed
from hlcopy.drill.scratch import is_in_memory
from hlcopy.drill.wire import URL, BrokenError, LocalHttp, LocalSigner, TooLateError, UnreachableError
from hlcopy.errors import HlcopyError, TryLaterError
from hlcopy.ports import Desk
from hlcopy.simulator import faults as venue_faults
from hlcopy.simulator.server import DROP
from hlcopy.ticks import monitor, poll, positions
from hlcopy.wiring.desks import ALLOWANCES
from hlcopy.wiring.preflight import Identity, VenueStanding, require_ready

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from hlcopy.drill.dice import Decision
    from hlcopy.drill.scheduler import Thread
    from hlcopy.drill.stage import Stage
    from hlcopy.ticks.report import Report

COMMANDS: Final = ("monitor", "poll", "positions")
_RUN: Final[Mapping[str, Callable[[Desk, datetime], Report]]] = {
    "monitor": monitor.run,
    "poll": poll.run,
    "positions": positions.run,
}
_LOCK_S: Final = 20.0
_LOOK_MS: Final = 200  # between two looks at whether a lock is free
_KEPT_S: Final = 5.0
_TRAVEL_MS: Final = (10, 120)  # of a request, and of its answer
_LONGEST_DELAY_MS: Final = 60_000


@dataclass(slots=True, kw_only=True)
class Tick:
    """One run of a command: what befell it, and how it ended (`ok`, `busy`, `later`, `killed`, `crashed`).

    `opened_ms` is when its desk was open: what is asked of the agent before holds no lock, and isn't counted as its time.
    """

    command: str
    slot: int
    began_ms: int
    opened_ms: int | None = None
    ended_ms: int = 0
    points: int = 0
    faults: list[str] = field(default_factory=list)
    refusals: int = 0
    weight: int = 0
    alone: bool = True
    worst: bool = False
    outcome: str = "ok"
    error: str = ""
    labels: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nothing stood in its way."""
        return not self.faults and not self.refusals and not self.worst


class _Clock:
    """The present as this machine's clock tells it; who waits lets others work."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def now(self) -> datetime:
        """Return the present, as far as our clock is right."""
        stage = self._process.stage
        return from_ms(stage.clock.now_ms() + stage.skew_ms)

    def monotonic(self) -> float:
        """Return seconds on a stopwatch."""
        return self._process.stage.clock.now_ms() / 1000

    def sleep(self, seconds: float) -> None:
        """Let others work meanwhile."""
        self._process.sleep(seconds)


class _Watched:
    """A connection to the file whose commits are effects."""

    def __init__(self, raw: sqlite3.Connection, process: Process) -> None:
        self._raw = raw
        self._process = process

    def execute(self, sql: str, values: Any = ()) -> sqlite3.Cursor:  # noqa: ANN401 - what SQLite takes
        """Run a statement; one that commits is an effect."""
        commits = sql == "COMMIT" or (not self._raw.in_transaction and sql.startswith(("INSERT", "UPDATE", "DELETE")))
        if not commits:
            return self._raw.execute(sql, values)
        self._process.point("commit", may_wait=False)
        found = self._raw.execute(sql, values)
        self._process.point("committed")
        return found

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the connection has
        return getattr(self._raw, name)


class Process:
    """What cron starts again and again for one command; it has a new desk after each death, and now and then."""

    def __init__(self, stage: Stage, thread: Thread, number: int) -> None:
        self.stage = stage
        self.thread = thread
        self.tick: Tick | None = None
        self._number = number
        self._dead = False
        self._opened: ExitStack | None = None
        self._desk: Desk | None = None
        self._http: LocalHttp | None = None
        self._command = ""

    # Effects

    def point(self, label: str, *, may_wait: bool = True, options: tuple[str, ...] = ()) -> Decision | None:
        """Pass a point at which the process may be killed or held up; return which fault its request meets."""
        if self._dead:
            raise Killed
        tick = self.tick
        if tick is None:
            return None
        tick.points += 1
        self.stage.boundaries[label] += 1
        if self.stage.keeps_labels:
            tick.labels.append(label)
        decision = self.stage.decide_point(tick, label, options, may_wait=may_wait)
        if decision is None:
            return None
        tick.faults.append(decision.what)
        if decision.what == "kill":
            self.stage.kills[label] += 1
            self._dead = True
            raise Killed
        if decision.what == "delay":
            self.thread.wait_until(self.stage.clock.now_ms() + 1_000 + int(decision.part * _LONGEST_DELAY_MS))
            return None
        return decision

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        if self._dead:
            raise Killed
        self.thread.wait_until(self.stage.clock.now_ms() + max(1, round(seconds * 1000)))

    def carry(self, method: str, path: str, body: bytes, read_s: float) -> tuple[int, Mapping[str, str], bytes]:
        """Carry a request to the venue and its answer back."""
        stage, tick = self.stage, self.tick
        if tick is None or self._dead:
            raise Killed
        asked = venue_faults.read(path, body)
        stage.oracle.sending(asked, tick)
        decision = self.point(f"send {asked.kind}", options=faults.options(asked, stage, tick))
        what, part = (decision.what, decision.part) if decision else ("", 0.0)
        if stage.is_down:
            tick.faults.append("outage")
            what = what or "unreachable"
        if what in {"unreachable", "lost"}:
            self._travel(tick, 0)
            raise UnreachableError if what == "unreachable" else BrokenError
        self._travel(tick, 1)
        if stage.is_down and not what:
            raise BrokenError
        answer = stage.answer(method, path, body, asked, what, part, tick)
        self.point(f"answered {asked.kind}")
        if what == "slow":
            self.sleep(read_s)
            raise TooLateError
        self._travel(tick, 2)
        if answer == DROP:
            raise BrokenError
        return answer[0], answer[1], answer[2]

    def _travel(self, tick: Tick, part: int) -> None:
        low, high = _TRAVEL_MS
        drawn = self.stage.dice.draw(7, tick.slot, self._number, tick.points, part)
        self.sleep((low + drawn * (high - low)) / 1000)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the account's lock, as `account_lock` does, waiting for it on the venue's clock."""
        self.point("lock")
        left_s = 0.0 if self._http is None else self._http.left()
        ends = self.stage.clock.now_ms() + min(_LOCK_S, max(0.0, left_s)) * 1000
        with ExitStack() as held:
            while True:
                try:
                    held.enter_context(account_lock(self.stage.path, timeout=0.0))
                    break
                except TryLaterError:
                    if self.stage.clock.now_ms() >= ends:
                        raise
                self.sleep(_LOOK_MS / 1000)
            self.point("locked")
            yield

    def abort(self) -> None:
        """Let a tick that is at work end at its next effect."""
        self._dead = self.tick is not None

    # Ticks

    def begin(self, tick: Tick) -> None:
        """Run a tick, beginning now."""
        self.tick = tick
        self.thread.begin(self._run)

    def close(self) -> None:
        """Let go of everything, as the kernel does for the dead; in the thread that opened it."""
        if self._opened is not None:
            self._opened.close()
        self._opened = self._desk = self._http = None

    def _run(self) -> None:
        tick = self.tick
        assert tick is not None  # noqa: S101 - `begin` has just set it
        clock = self.stage.clock
        try:
            with command_lock(self.stage.path, tick.command) if self.stage.bug.locks else nullcontext(True) as held:  # noqa: FBT003 - held
                if not held:
                    tick.outcome = "busy"
                else:
                    self.stage.oracle.reported(tick, self._work(tick))
        except Killed:
            tick.outcome = "killed"
        except HlcopyError as error:
            tick.outcome, tick.error = "later", f"{type(error).__name__}: {error}"
        except Exception as error:  # noqa: BLE001 - the oracle's business
            tick.outcome, tick.error = "crashed", f"{type(error).__name__}: {error}"
            self.stage.keep_traceback(error)
        finally:
            self.tick = None
            tick.ended_ms = clock.now_ms()
        if tick.outcome == "killed" or self.stage.is_restarted(tick):
            self.close()
        self._dead = False
        self.stage.ended(tick)

    def _work(self, tick: Tick) -> Report:
        if self._desk is None or self._command != tick.command:
            self.close()
            self._open(tick.command)
        desk, http = self._desk, self._http
        assert desk is not None  # noqa: S101 - `_open` has just set both
        assert http is not None  # noqa: S101
        http.allow(ALLOWANCES[tick.command].tick_s)
        tick.opened_ms = self.stage.clock.now_ms()
        return _RUN[tick.command](desk, _Clock(self).now())

    def _open(self, command: str) -> None:
        stage, bug, clock, allowance = self.stage, self.stage.bug, _Clock(self), ALLOWANCES[command]
        self._command = command
        opened = self._opened = ExitStack()
        db = connect(stage.path, create=True)
        opened.callback(db.close)
        if not is_in_memory(stage.path):
            db.run("PRAGMA synchronous = OFF")  # a kill loses nothing of what the kernel has
        migrate(db)
        bind(db, stage.binding)
        db.raw = _Watched(db.raw, self)  # type: ignore[assignment]
        store = Store(db)
        http = self._http = LocalHttp(clock, self)
        opened.callback(http.close)
        http.allow(allowance.tick_s)
        rations = {
            share: opened.enter_context(StoredRation(stage.path, share, stage.weight_per_minute))
            for share in sorted({allowance.share, MONITOR})
        }
        own = InfoClient(http, URL, rations[MONITOR], clock, allowance.patience_s, allowance.queue_s)
        theirs = InfoClient(http, URL, rations[allowance.share], clock, allowance.patience_s, allowance.queue_s)
        market = HyperliquidMarket(own, clock, self._tell)
        signer = LocalSigner(stage.agent_key, stage.account, self)
        opened.callback(signer.close)
        who = Identity(agent=signer.address, account=stage.account, url=URL)

        def ask(entering: bool) -> Any:  # noqa: ANN401, FBT001 - what the standing takes
            return require_ready(own, who, store.controls, clock, self._tell, entering=entering, ask_time=False)

        ask(command == "poll")
        exchange = LiveExchange(
            reader=HyperliquidAccount(
                own, signer.address if bug.reads_as_agent else stage.account, store.controls, clock, self._tell
            ),
            signer=bug.signer(signer),
            listings=market.listings,
            controls=store.controls,
            ration=own.ration,
            policy=stage.policy,
            clock=clock,
            time_left=lambda: http.left() - _KEPT_S,
            standing=VenueStanding(ask, store.controls),
            tell=self._tell,
        )
        desk = Desk(
            policy=stage.policy,
            ledger=store,
            source=HyperliquidSource(theirs, clock, self._tell),
            market=market,
            exchange=exchange,
            account_lock=self.lock,
            pause=clock.sleep,
            clock=clock,
        )
        self._desk = bug.desk(desk)

    def _tell(self, text: str) -> None:
        if self.tick is not None:
            self.tick.told.append(text)
        self.stage.oracle.heard(text)
