"""Thirty accelerated days of the real ticks in live mode against the local venue; its log is kept for `compare.py`.

    python -m tests.soak.run --days 30 --seed 7 --out DIR [--events | --paper] [--pace N]

The venue's clock stands while ticks work and is moved to the next one's moment: monitor every 30 s, poll every minute,
positions every 15 minutes, score every day, all over HTTP. `--events` lets a person, the venue and the network interfere. `--paper`
trades on paper, with Nansen's leaderboard; `--pace` makes all cadences but `score`'s so many times as long, in the settings,
too. Afterwards `hlcopy budget --env-file DIR/env --at MOMENT` holds what was asked against the forecast.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from hlcopy.cli import ticking
from hlcopy.cli.options import Session
from hlcopy.cli.stage import StageClock
from hlcopy.simulator.clock import DrivenClock
from hlcopy.simulator.nansen_api import NansenApi
from hlcopy.simulator.server import LocalVenue
from hlcopy.simulator.signatures import address_of
from hlcopy.simulator.traders import generate
from hlcopy.simulator.venue import Venue
from hlcopy.wiring.http import BoundedHttp
from tests.soak.interference import Interference

if TYPE_CHECKING:
    from collections.abc import Callable

    from hlcopy.ticks.report import Report

START: Final = datetime(2026, 3, 1, tzinfo=UTC)
ACCOUNT: Final = "0x" + "acc0" * 10
AGENT_KEY: Final = "0x" + "5a" * 32
STEP_MS: Final = 30_000
CADENCES: Final = {
    "HLCOPY_MONITOR_INTERVAL_SEC": 30,
    "HLCOPY_POLLING_INTERVAL_TRADES_SEC": 60,
    "HLCOPY_POLLING_INTERVAL_ADDRESS_TRADES_SEC": 300,
    "HLCOPY_POLLING_INTERVAL_POSITIONS_SEC": 900,
}
EVERY: Final = {"monitor": 30_000, "poll": 60_000, "positions": 900_000, "score": 86_400_000}


def main() -> int:
    """Run, and write `venue.jsonl`, `hlcopy.db` and `summary.json` into the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=float, default=30)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--equity", type=float, default=100_000.0)
    parser.add_argument("--events", action="store_true")
    parser.add_argument("--paper", action="store_true")
    parser.add_argument("--pace", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    sys.setswitchinterval(0.0005)  # the venue answers in a thread of this process
    soak = Soak(asked)
    with soak:
        soak.run()
    return 0


class Soak:
    """The venue, the ticks and what is counted of them."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self._asked = asked
        self._opened = ExitStack()
        self._clock = DrivenClock(int(START.timestamp() * 1000))
        world = generate(asked.seed, start=START, days=int(asked.days) + 1)
        self._venue = Venue(world)
        nansen = NansenApi(self._venue, self._clock, key="soak", credits=1e9)
        self.served = LocalVenue(self._venue, self._clock, nansen=nansen)
        self.counts: Counter[str] = Counter()
        self.problems: Counter[str] = Counter()

    def __enter__(self) -> Self:
        """Open the venue, an account with an agent, and resume trading."""
        self._opened.enter_context(self.served)
        self.served.floor.open_account(ACCOUNT, self._asked.equity)
        self.served.floor.approve(address_of(AGENT_KEY), ACCOUNT, name="soak")
        self.database = self._asked.out / "hlcopy.db"
        for old in self._asked.out.glob("hlcopy*"):
            old.unlink()
        self.environment = {
            "HLCOPY_DB": str(self.database),
            "HLCOPY_SOURCE_URL": self.served.url,
            "HLCOPY_HYPERLIQUID_URL": self.served.url,
            "HLCOPY_LEADERBOARD_URL": self.served.leaderboard_url,
            "HLCOPY_LEADERBOARD_SOURCE": "hyperliquid",
            "HLCOPY_NANSEN_URL": self.served.nansen_url,
            "HLCOPY_CLOCK": "venue",
            "HLCOPY_MODE": "live",
            "HLCOPY_ACCOUNT_ADDRESS": ACCOUNT,
            "HLCOPY_AGENT_KEY": AGENT_KEY,
            "HLCOPY_BREAKERS": "off" if self._asked.events else "on",
            **{setting: str(seconds * self._asked.pace) for setting, seconds in CADENCES.items()},
        }
        if self._asked.paper:
            keyed = {"HLCOPY_LEADERBOARD_SOURCE": "auto", "NANSEN_API_KEY": "soak", "HLCOPY_MODE": "paper"}
            live = {"HLCOPY_ACCOUNT_ADDRESS", "HLCOPY_AGENT_KEY"}
            self.environment = {name: text for name, text in self.environment.items() if name not in live} | keyed
        os.environ.update(self.environment)
        self.session = Session.begin(None, None, as_json=False, quiet=True)
        with self.session.store(create=True) as store:
            store.controls.resume(START)
        self.clock = StageClock(self._clock)
        self._work: dict[str, tuple[Any, Callable[[datetime], Report]]] = {}
        for name in EVERY:
            store = self._opened.enter_context(self.session.store(create=True))
            http = self._opened.enter_context(BoundedHttp(self.clock))
            tell = ticking.Teller(lambda _text: None)
            work = ticking.opened_work(self.session, name, store, http, self.clock, tell, silent=True)
            self._work[name] = store, self._opened.enter_context(work)
        return self

    def __exit__(self, *error: object) -> None:
        """Close everything, the log written first."""
        with self.served.floor.lock:
            self.served.floor.advance()
            (self._asked.out / "venue.jsonl").write_bytes(self.served.floor.journal.lines())
        self._opened.close()

    def run(self) -> None:
        """Step from tick to tick to the end; monitor goes on after the last day until nothing is unresolved."""
        began, end = time.monotonic(), self._clock.now_ms() + int(self._asked.days * 86_400_000)
        interference = Interference(self, self._asked.seed) if self._asked.events else None
        due = {name: self._clock.now_ms() for name in EVERY}
        while (now := self._clock.now_ms()) < end:
            if interference is not None:
                interference.step(now)
            for name in EVERY:
                if due[name] <= now and not (interference is not None and interference.sleeps(now)):
                    self.tick(name)
                    every = EVERY[name] * (1 if name == "score" else self._asked.pace)
                    due[name] = now - now % every + every
            self._clock.set(max(self._clock.now_ms(), now - now % STEP_MS + STEP_MS))
            if now % 86_400_000 < STEP_MS:
                self.tell(began)
        if interference is not None:
            interference.end()
        for _ in range(24):  # twelve clean minutes
            self._clock.set(self._clock.now_ms() + STEP_MS)
            self.tick("monitor")
        self.tell(began)

    def tick(self, name: str) -> None:
        """Run a tick and count what became of it."""
        store, work = self._work[name]
        ticked = ticking.tick(self.session, name, store, self.clock, ticking.Teller(lambda _text: None), work)
        self.counts[name] += 1
        if ticked.failure is not None:
            self.problems[f"{name}: {type(ticked.failure).__name__}"] += 1
            self.problems[f"  {str(ticked.failure)[:90]}"] += 1
        for problem in ticked.report.problems if ticked.report is not None else ():
            self.problems[f"{name}: {problem.code}"] += 1
        for done in ticked.report.actions if ticked.report is not None else ():
            self.counts[f"{done.action} {done.reason or ''}".strip()] += 1
        for signal in ticked.report.decisions if ticked.report is not None else ():
            if signal.is_final:
                self.counts[signal.decision] += 1

    def tell(self, began: float) -> None:
        """Say how far it is."""
        at = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        summary = {
            "at": at.isoformat(),
            "days": (at - START) / timedelta(days=1),
            "real_seconds": round(time.monotonic() - began),
            "counts": dict(self.counts),
            "problems": dict(self.problems),
            "requests": self.served.usage.requests.total(),
            "refused": dict(self.served.usage.refused),
            "weight": dict(self.served.usage.weight.most_common(12)),
            "peak_weight": self.served.usage.peak_weight(),
            "crashes": [repr(crash) for crash in self.served.crashes],
        }
        (self._asked.out / "summary.json").write_text(json.dumps(summary, indent=1))
        sys.stdout.write(json.dumps(summary) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
