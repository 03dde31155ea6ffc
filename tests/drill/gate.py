"""The drill as a gate: 30,000 ticks among faults from ten seeds, five of them the day's own, and kills at every effect.

    python -m tests.drill.gate --jobs 2 [--ticks 3000] [--faults 0.2] [--day 2026-03-01] [--out DIR]

Exit code 1 on a violation, whose shortest list of decisions is then kept in DIR, or where no kill reached an effect.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from hlcopy.drill.episodes import Plan, Sums, run
from hlcopy.drill.kills import kill_everywhere
from hlcopy.drill.report import drill_text
from hlcopy.drill.shrink import shrunk

FIXED: Final = (1, 2, 3, 4, 5)
RARE: Final = frozenset({"userFunding", "userNonFundingLedgerUpdates", "userRateLimit", "extraAgents", "orderStatus"})
"""What is asked so seldom that chance may miss it."""
_TRIES: Final = 40


def main() -> int:
    """Drill and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--ticks", type=int, default=3_000, help="from each of ten seeds")
    parser.add_argument("--faults", type=float, default=0.2)
    parser.add_argument("--day", type=date.fromisoformat, default=datetime.now(UTC).date())
    parser.add_argument("--out", type=Path, default=Path())
    asked = parser.parse_args()
    began = time.monotonic()
    sums = kill_everywhere(asked.jobs)
    sys.stdout.write(f"{sums.kill_runs} single kills, {time.monotonic() - began:.0f} s\n")
    sys.stdout.flush()
    seeds = (*FIXED, *(asked.day.toordinal() * 10 + number for number in range(5)))
    for seed in seeds:
        if sums.failures:
            break
        plan = Plan(ticks=asked.ticks, seed=seed, rate=asked.faults, jobs=asked.jobs)
        sums.add(run(plan))
        sys.stdout.write(f"seed {seed}: {sums.ticks:,} ticks so far, {time.monotonic() - began:.0f} s\n")
        sys.stdout.flush()
    told = f"seeds {', '.join(map(str, seeds))}"
    return _end(sums, asked.out, Plan(ticks=sums.ticks, seed=0, rate=asked.faults), time.monotonic() - began, told)


def _end(sums: Sums, out: Path, plan: Plan, seconds: float, seeds: str) -> int:
    kept = None
    if sums.failures:
        kept = out / f"drill-{sums.failures[0].seed}.json"
        kept.write_text(json.dumps(asdict(sums.failures[0]), indent=1) + "\n")
        sys.stdout.write(f"{sums.failures[0].invariant}: {sums.failures[0].text}; kept in {kept}, looking for less\n")
        sys.stdout.flush()
        sums.failures[0] = shrunk(sums.failures[0], tries=_TRIES)
        kept.write_text(json.dumps(asdict(sums.failures[0]), indent=1) + "\n")
    never = sorted(label for label in sums.boundaries if not sums.kills[label] and label.split()[-1] not in RARE)
    file = str(kept) if kept else None
    sys.stdout.write(drill_text(plan, sums, None, seconds=seconds, failure=file, seeds=seeds))
    sys.stdout.write(f"never killed at: {', '.join(never) or 'nothing'}\n")
    if kept is not None:
        sys.stdout.write(f"seed {sums.failures[0].seed}; play it again: hlcopy drill --replay {kept}\n")
    return 1 if sums.failures or never else 0


if __name__ == "__main__":
    sys.exit(main())
