"""Months of a made-up market, recorded as its keeper would have: `data fetch` once a day, for a backtest that chooses its traders.

    python -m tests.soak.population --days 90 --traders 40 --seed 7 --out FILE.db
    hlcopy backtest --from 2026-03-02 --to 2026-05-29 --db FILE.db

Every day's leaderboard and every account's worth are read on that day, over HTTP from the local venue, whose clock is moved
from midnight to midnight; so the recording knows of each day what could be known on it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from hlcopy.cli.fetching import Asked, fetch
from hlcopy.cli.options import Session
from hlcopy.simulator.clock import DrivenClock
from hlcopy.simulator.server import LocalVenue
from hlcopy.simulator.traders import generate
from hlcopy.simulator.venue import Venue

START: Final = datetime(2026, 3, 1, tzinfo=UTC)
HISTORY: Final = timedelta(days=95)
_READ_AT: Final = timedelta(minutes=20)
_WEIGHT: Final = 1_000_000_000


def main() -> int:
    """Record the days one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--traders", type=int, default=40)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    own = len(generate(asked.seed, start=START, days=1, history_days=1).traders)
    world = generate(asked.seed, start=START, days=asked.days, crowd=max(0, asked.traders - own))
    wallets = [who.address for who in world.traders]
    sys.setswitchinterval(0.0005)  # the venue answers in a thread of this process
    clock = DrivenClock(world.start_ms)
    began = time.perf_counter()
    with LocalVenue(Venue(world), clock, weight_per_minute=_WEIGHT) as served:
        for name in [name for name in os.environ if name.startswith("HLCOPY_")]:
            del os.environ[name]
        given = {
            "HLCOPY_SOURCE_URL": served.url,
            "HLCOPY_HYPERLIQUID_URL": served.url,
            "HLCOPY_LEADERBOARD_URL": served.leaderboard_url,
            "HLCOPY_NANSEN_URL": served.url,  # not asked
            "HLCOPY_CLOCK": "venue",
            "HLCOPY_HYPERLIQUID_WEIGHT_PER_MINUTE": str(_WEIGHT),
        }
        for day in range(asked.days):
            now = START + timedelta(days=day) + _READ_AT
            clock.set(round(now.timestamp() * 1000))
            session = Session.begin(asked.out, None, as_json=True, quiet=True, given=given)
            since = START - HISTORY if day == 0 else now - timedelta(days=1)
            found, _ = fetch(session, Asked(first=since.date(), last=now.date(), traders=wallets, coins=()))
            if found.problems:
                sys.stderr.write(f"day {day}: {[each.message for each in found.problems][:3]}\n")
    sys.stdout.write(f"{asked.out}: {len(wallets)} wallets, {asked.days} days, {time.perf_counter() - began:.0f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
