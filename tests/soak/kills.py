"""The real command line in live mode, over HTTP, killed by SIGKILL at any moment: what must hold is checked after every round.

    python -m tests.soak.kills --kills 1000 [--seed 1] [--cold 20] [--strace 12] [--brief] [--out DIR]

Half of the kills come at a random moment of a run, half while it waits for an answer. `--cold N` starts every Nth run as a
process of its own instead of from one that has imported everything. `--strace N` adds kills by the kernel at the first N calls
of each system call that touches disk or network, where strace can trace. Prints its figures as JSON; exit 1 on a violation.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack, closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from hlcopy.adapters.store import Binding, Store
from hlcopy.domain.models import Trader, from_ms
from hlcopy.drill.comparison import Comparison
from hlcopy.drill.dice import Dice
from hlcopy.drill.world import TRADER_USD, TRADERS, World
from hlcopy.ports import PollMark
from hlcopy.simulator.clock import DrivenClock
from hlcopy.simulator.server import CLOCK, DROP, LocalVenue
from hlcopy.simulator.signatures import address_of
from tests.soak import straced
from tests.soak.zygote import Zygote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ACCOUNT: Final = "0x" + "acc0" * 10
AGENT_KEY: Final = "0x" + "5a" * 32
EQUITY_USD: Final = 100_000.0
UNHURRIED: Final = 100_000
MINUTE_MS: Final = 60_000
COMMANDS: Final = ("poll", "poll", "poll", "monitor", "monitor", "positions")
CLEAN_TICKS: Final = 26
_MOST_AT_ONCE: Final = 3
_VERIFY_EVERY: Final = 10
_LOT: Final = 1e-9
_RESTLESS: Final = 3
"""How many minutes' worth of orders the traders give in half a one: what isn't entered can't be killed while it is."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Kill, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cold", type=int, default=20)
    parser.add_argument("--strace", type=int, default=0)
    parser.add_argument("--brief", action="store_true", help="don't wait until the books equal the venue's log")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as made:
        folder = asked.out or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        with Kills(folder, asked.seed, cold=asked.cold) as kills:
            kills.run(asked.kills)
            if asked.strace:
                kills.trace(asked.strace)
            if not asked.brief:
                kills.end()
            sys.stdout.write(json.dumps(kills.report(), indent=1) + "\n")
            return 1 if kills.violations else 0


class Kills:
    """A venue, a database in live mode, and the processes that are killed."""

    def __init__(self, folder: Path, seed: int, *, cold: int) -> None:
        self.folder = folder
        self.database = folder / "live.db"
        for old in folder.glob("live.db*"):
            old.unlink()
        self.random = random.Random(f"kills {seed}")  # noqa: S311 - a rehearsal's dice
        self.world = World(Dice(seed))
        self.clock = DrivenClock(self.world.begin_ms)
        self.local = LocalVenue(self.world.venue, self.clock, weight_per_minute=UNHURRIED)
        self.floor = self.local.floor
        self.violations: list[str] = []
        self.counts: Counter[str] = Counter()
        self.kills: Counter[str] = Counter()
        self.places: Counter[str] = Counter()
        self._cold = cold
        self._steps = self._runs = self._rounds = 0
        self.longest_naked_s = 0.0
        self._lasts = dict.fromkeys(COMMANDS, 0.4)
        self._opened = ExitStack()
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        """Open venue, account and database; trading is resumed."""
        self._zygote = self._opened.enter_context(Zygote(self.folder / "said"))  # before the venue has threads
        self._opened.enter_context(self.local)
        self.floor.open_account(ACCOUNT, EQUITY_USD)
        self.floor.approve(address_of(AGENT_KEY), ACCOUNT, name="kills")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("HLCOPY_", "NANSEN_"))},
            "HLCOPY_DB": str(self.database),
            "HLCOPY_SOURCE_URL": self.local.url,
            "HLCOPY_HYPERLIQUID_URL": self.local.url,
            "HLCOPY_LEADERBOARD_URL": self.local.leaderboard_url,
            "HLCOPY_NANSEN_URL": self.local.nansen_url,
            "HLCOPY_CLOCK": "venue",
            "HLCOPY_MODE": "live",
            "HLCOPY_ACCOUNT_ADDRESS": ACCOUNT,
            "HLCOPY_AGENT_KEY": AGENT_KEY,
            "HLCOPY_BREAKERS": "off",
            "HLCOPY_GATES_OFF": "dump",
            "HLCOPY_COPY_DELAY_MINUTES": "2",
            "HLCOPY_ORDER_QUIET_MINUTES": "4",
            "HLCOPY_POLLING_INTERVAL_ADDRESS_TRADES_SEC": "30",
            "HLCOPY_HYPERLIQUID_WEIGHT_PER_MINUTE": str(UNHURRIED),
        }
        now = from_ms(self.clock.now_ms())
        with Store.open(self.database, Binding("live", "mainnet", ACCOUNT)) as store:
            for address in TRADERS:
                known = {"address": address, "score": 0.7, "tier": "primary", "roi_7d": 15.0}
                scored = now + timedelta(days=10)
                store.traders.put([Trader(**known, account_value=TRADER_USD, last_scored_at=scored)])
                store.traders.put_mark(address, PollMark(followed_from=now, read_until=now, polled_at=now))
            store.controls.resume(now)
        self.clean("monitor")
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    # The rounds

    def run(self, wanted: int) -> None:
        """Kill until there are so many."""
        while self.kills.total() < wanted:
            for _ in range(self.random.randint(1, _MOST_AT_ONCE)):
                if self.kills.total() < wanted:
                    self.step()
                    self.kill(self.random.choice(COMMANDS))
            self.round()

    def trace(self, most: int) -> None:
        """Let the kernel kill runs at the first calls of each system call."""
        for command in ("poll", "monitor"):
            for call in straced.CALLS:
                for nth in range(1, most + 1):
                    self.step()
                    code = straced.run(call, nth, command, self.environment, self.folder / "said")
                    if code is None:
                        self.violations.append("strace can't trace here")
                        return
                    self.round()
                    if code != -signal.SIGKILL:
                        break  # there is no such call any more
                    self.kills[f"{command} at {call}"] += 1
                    self.places[f"{call} {nth}"] += 1

    def end(self) -> None:
        """Let clean ticks follow until every order, fill and result is as in the venue's own log, twelve minutes at most."""
        found = self._compared()
        for _ in range(CLEAN_TICKS):
            if not found.differences:
                break
            self.clock.advance(MINUTE_MS // 2)
            self.clean("monitor")
            found = self._compared()
        self._verify(unresolved=False)
        self.violations += [f"difference: {each}" for each in found.differences]
        self.violations += [f"inside the venue: {crash!r}" for crash in self.local.crashes]
        self.counts["positions"] = len(found.positions)
        self.longest_naked_s = found.longest_naked_s

    def _compared(self) -> Comparison:
        with self.floor.lock:
            self.floor.advance()
            entries = json.loads(f"[{','.join(map(json.dumps, self.floor.journal.entries))}]")
        with closing(sqlite3.connect(self.database)) as db:
            db.row_factory = sqlite3.Row
            names = ("orders", "our_fills", "our_positions", "signals", "actions")
            tables = {name: [dict(row) for row in db.execute(f"SELECT * FROM {name}")] for name in names}  # noqa: S608
        return Comparison(entries, tables)

    def report(self) -> dict[str, Any]:
        """Return the figures."""
        return {
            "kills": self.kills.total(),
            "by_command": dict(self.kills),
            "by_place": dict(sorted(self.places.items())),
            "runs": self._runs,
            "rounds": self._rounds,
            "counts": dict(self.counts),
            "longest_naked_s": self.longest_naked_s,
            "violations": self.violations,
            "seconds": round(time.monotonic() - self._began),
        }

    def step(self) -> None:
        """Let half a minute pass, in which prices move, traders trade and, at times, somebody interferes."""
        for _ in range(3):
            self.clock.advance(10_000)
            self._steps += 1
            self.world.move(self._steps, self.clock.now_ms())
        for part in range(_RESTLESS):
            self.world.trade(self._steps * _RESTLESS + part, self.clock.now_ms())
        with self.floor.lock:
            self.floor.advance()
            account = self.floor.accounts[ACCOUNT]
            held = [(coin, account.held(coin)) for coin in list(account.positions) if account.held(coin)]
            if held and self.random.random() < 0.25:
                self._interfere(*self.random.choice(held))

    def _interfere(self, coin: str, size: float) -> None:
        what = self.random.choice(("closed by hand", "closed by hand", "stop cancelled", "gap", "run"))
        self.counts[what] += 1
        now = self.clock.now_ms()
        if what == "closed by hand":
            self.floor.trade_by_hand(ACCOUNT, coin, -size, reduce_only=True)
        elif what == "stop cancelled":
            stops = [each for each in self.floor.accounts[ACCOUNT].on(coin) if each.is_open]
            for each in stops[:1]:
                self.floor.cancel_by_hand(ACCOUNT, each.oid)
        else:
            percent = self.random.uniform(5, 8) if what == "gap" else -self.random.uniform(8, 25)
            mark = self.world.venue.mark(coin, now) * (1 - percent / 100 * (1 if size > 0 else -1))
            self.world.venue.set_mark(coin, mark, now + 1)

    # Runs

    def clean(self, command: str) -> None:
        """Run a command to its end, which must be one that its contract knows."""
        began = time.monotonic()
        self._start(command)
        code = self._zygote.wait()
        self._lasts[command] = 0.8 * self._lasts.get(command, 0.4) + 0.2 * (time.monotonic() - began)
        if code not in {0, 1}:
            self.violations.append(f"{command} ended with {code}: {(self.folder / 'said').read_text()[-400:]}")

    def _start(self, command: str) -> int:
        self._runs += 1
        return self._zygote.start([*command.split(), "--json"], self.environment)

    def kill(self, command: str) -> None:
        """Run a command and kill it."""
        at_request = self.random.random() < 0.5
        killer = _Killer(self.random.randint(1, 30), applied=self.random.random() < 0.5) if at_request else None
        self.local.faults = killer
        cold = (
            subprocess.Popen(
                [sys.executable, "-m", "hlcopy", command, "--json"],
                env=self.environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            if self._cold and self._runs % self._cold == self._cold - 1
            else None
        )
        self._runs += cold is not None
        pid = cold.pid if cold else self._start(command)
        if killer is not None:
            killer.aim(pid)
        else:
            time.sleep(self.random.uniform(0, (3 if cold else 1) * self._lasts[command]))
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        code = cold.wait() if cold else self._zygote.wait()
        self.local.faults = None
        if code == -signal.SIGKILL:
            self.kills[command + (" started cold" if cold else "")] += 1
            self.places[killer.struck if killer and killer.struck else "a random moment"] += 1
        else:
            self.counts["ended before its kill"] += 1

    def round(self) -> None:
        """Let a clean monitor follow, and check what must hold."""
        self._rounds += 1
        self.clean("monitor")
        self.violations += [f"round {self._rounds}: {each}" for each in self._wrong()]
        if self._rounds % _VERIFY_EVERY == 0:
            self._verify()

    def _wrong(self) -> Iterator[str]:
        """Yield every position without a stop of its size, and every entry that the venue took twice."""
        with self.floor.lock:
            self.floor.advance()
            account = self.floor.accounts[ACCOUNT]
            for coin in list(account.positions):
                size = account.held(coin)
                stops = [each for each in account.on(coin) if each.is_open and each.trigger and each.reduce_only]
                if size and sum(each.left for each in stops) < abs(size) - _LOT:
                    yield f"{coin}: {size:g} is held, stops for {sum(each.left for each in stops):g}"
            taken: Counter[str] = Counter()
            for entry in self.floor.journal.of("request"):
                if entry["type"] == "order" and _was_taken(entry["answer"]):
                    taken.update(wish["c"] for wish in entry["action"]["orders"] if not wish["r"])
        self.counts["entries taken"] = taken.total()
        yield from (f"the entry {each} was taken {count} times" for each, count in taken.items() if count > 1)

    def _verify(self, *, unresolved: bool = True) -> None:
        """Compare the ledger with the venue by the program's own proof; an order may be `unresolved` until it has expired."""
        self._start("verify --fix")
        if self._zygote.wait():
            told = json.loads((self.folder / "said").read_text().splitlines()[0])
            wrong = [each for each in told["errors"] if not (unresolved and each["code"] == "UNRESOLVED")]
            self.counts["verified while unresolved"] += not wrong
            self.violations += [f"round {self._rounds}: verify: {each}" for each in wrong]


class _Killer:
    """Kills a process at one of its requests, before the venue does what is asked or after."""

    def __init__(self, nth: int, *, applied: bool) -> None:
        self._left, self._applied = nth, applied
        self._begun = threading.Event()
        self._pid = 0
        self.struck = ""

    def aim(self, pid: int) -> None:
        """Name the process."""
        self._pid = pid
        self._begun.set()

    def __call__(self, kind: str) -> Any:  # noqa: ANN401 - any fault of the server
        """Be asked about a request; an action counts for three."""
        if kind == CLOCK or self.struck:
            return None
        self._left -= 3 if kind.startswith("exchange:") else 1
        if self._left > 0:
            return None
        self.struck = f"{kind} {'answered' if self._applied else 'asked'}"
        return (lambda _answer: self._strike()) if self._applied else self._strike()

    def _strike(self) -> Any:  # noqa: ANN401 - the server's own
        self._begun.wait()
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        return DROP


def _was_taken(answer: Any) -> bool:  # noqa: ANN401 - the venue's JSON
    match answer:
        case {"status": "ok", "response": {"data": {"statuses": [{"filled": _} | {"resting": _}, *_]}}}:
            return True
    return False


if __name__ == "__main__":
    sys.exit(main())
