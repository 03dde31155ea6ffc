"""What the gates against attackers are worth: whole populations are scored and polled over HTTP, with the gates and without.

    python -m tests.soak.attackers --seeds 1-20 [--workers 2] [--off luck,flows]
    python -m tests.soak.attackers --real FILE.db --trader ADDRESS=EQUITY_USD --from 2025-01-01 --to 2025-05-01

Each seed is a world of `simulator.siege`: honest traders and attackers of every kind, drawn from the ranges of
`simulator.attackers`. It is scored once and polled for two days whenever a trader does something, by the real ticks over
HTTP. What would be sent to the venue is a copy; nothing is filled, so that no copy stands in another's way. Counted are the
attackers who got one, and of the honest traders' copies without the gates those that remain with them, with Wilson's 95 %
intervals. Honest traders whom a gate leaves out are followed once more without it, to see what is lost with them.
The other form tells of recorded wallets which share of their copies each gate takes away.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from hlcopy.adapters.store import Binding, Store
from hlcopy.cli.stage import open_stage
from hlcopy.config.load import load_settings
from hlcopy.domain.models import EPOCH, EXECUTE, SkipReason
from hlcopy.domain.policy import Gate
from hlcopy.domain.selection import Disqualified
from hlcopy.ports import Refused, SilentProgress
from hlcopy.simulator import attackers
from hlcopy.simulator.clock import DrivenClock
from hlcopy.simulator.server import LocalVenue
from hlcopy.simulator.siege import ATTACKERS, HONEST, besieged
from hlcopy.simulator.venue import Venue
from hlcopy.ticks import poll

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hlcopy.cli.stage import LocalStage
    from hlcopy.domain.book import Order
    from hlcopy.ports import Exchange
    from hlcopy.ports.venue import Outcome
    from hlcopy.simulator.world import World

START: Final = datetime(2026, 3, 1, tzinfo=UTC)
DAYS: Final = 2  # a score holds for no longer
LOOK_AFTER: Final = timedelta(seconds=61)
ALL_OFF: Final = ",".join(Gate)
COPIED: Final = frozenset({EXECUTE, SkipReason.ORDER_REFUSED, SkipReason.NOT_FILLED})
_WEIGHT: Final = 1_000_000_000
_Z: Final = 1.959964


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of a population's traders: their kinds, the orders that would have been copied, and why others weren't."""

    kinds: dict[str, str]
    copied: dict[str, set[str]] = field(default_factory=dict)
    reasons: dict[str, Counter[str]] = field(default_factory=dict)


class Unfilled:
    """A venue that takes nothing: what is sent to it is all that is wanted to be known."""

    def __init__(self, inner: Exchange) -> None:
        self._inner = inner

    def send(self, _order: Order, _now: datetime) -> Outcome:
        return Refused("nothing is filled here")

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else a venue does
        return getattr(self._inner, name)


def live(
    world: World, off: str, more: dict[str, str] | None = None, *, only: set[str] | None = None, days: float = DAYS
) -> Outcomes:
    """Let the ticks live through the present of a world, some gates off, and perhaps follow `only` some traders."""
    clock = DrivenClock(world.start_ms)
    with ExitStack() as opened:
        served = opened.enter_context(LocalVenue(Venue(world), clock, weight_per_minute=_WEIGHT))
        folder = Path(opened.enter_context(TemporaryDirectory()))
        given = {
            "HLCOPY_DB": str(folder / "attackers.db"),
            "HLCOPY_SOURCE_URL": served.url,
            "HLCOPY_HYPERLIQUID_URL": served.url,
            "HLCOPY_LEADERBOARD_URL": served.leaderboard_url,
            "HLCOPY_NANSEN_URL": served.url,  # not asked
            "HLCOPY_CLOCK": "venue",
            "HLCOPY_BREAKERS": "off",
            "HLCOPY_GATES_OFF": off,
            "HLCOPY_PRIMARY_TRADERS": "100",  # rank takes nobody's place
            "HLCOPY_POLLING_INTERVAL_ADDRESS_TRADES_SEC": str(7 * 86_400),  # who has done something is due by hand
            "HLCOPY_HYPERLIQUID_WEIGHT_PER_MINUTE": str(_WEIGHT),
        } | (more or {})
        settings = load_settings(given)
        store = Store.open(settings.database, Binding(mode="paper", network="mainnet", account=None))
        opened.callback(store.close)
        stage = opened.enter_context(
            open_stage(settings, store, served, clock, progress=SilentProgress(), tell=_silent, listen=_silent)
        )
        desk = replace(stage.desk, exchange=Unfilled(stage.desk.exchange))
        return _outcomes(replace(stage, desk=desk), only, days)


def _outcomes(stage: LocalStage, only: set[str] | None, days: float) -> Outcomes:
    world, ledger = stage.world, stage.desk.ledger
    found = Outcomes(kinds={who.address: who.kind for who in world.traders})
    stage.advance(START + timedelta(minutes=5))
    stage.new_day(stage.now)
    for trader in ledger.traders.all():
        if trader.disqualified_reason is not None:
            found.reasons.setdefault(trader.address, Counter())[str(trader.disqualified_reason)] += 1
        elif only is not None and trader.address not in only:
            ledger.traders.put([replace(trader, tier=None)])
    poll.run(stage.desk, stage.now)
    _follow(stage, START + timedelta(days=days))
    for signal in ledger.signals.list():
        found.reasons.setdefault(signal.trader, Counter())[signal.decision] += 1
        if signal.decision in COPIED:
            found.copied.setdefault(signal.trader, set()).add(signal.id)
    return found


def _follow(stage: LocalStage, until: datetime) -> None:
    """Poll whoever did something soon after it, and whatever was put off when it is due."""
    ledger = stage.desk.ledger
    seen = stage.now
    while True:
        next_fill = {who: stage.next_visible(who, seen) for who in stage.traders()}
        fills = [at for at in next_fill.values() if at is not None]
        checks = [signal.check_at for signal in ledger.signals.deferred() if signal.check_at is not None]
        moment = min([*(at + LOOK_AFTER for at in fills), *checks, until])
        if moment >= until:
            return
        stage.advance(max(moment, stage.now + timedelta(seconds=1)))
        seen = stage.now - LOOK_AFTER
        for who, at in next_fill.items():
            mark = ledger.traders.mark(who)
            if at is not None and at <= stage.now and mark is not None:
                ledger.traders.put_mark(who, replace(mark, polled_at=EPOCH))
        poll.run(stage.desk, stage.now)
        seen = max(seen, stage.now - LOOK_AFTER)


def _silent(_said: object) -> None:
    """Hear nothing."""


def wilson(count: int, total: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share."""
    if not total:
        return 0.0, 1.0
    share, square = count / total, _Z * _Z
    middle, spread = share + square / (2 * total), _Z * math.sqrt(share * (1 - share) / total + square / (4 * total**2))
    return max(0.0, (middle - spread) / (1 + square / total)), min(1.0, (middle + spread) / (1 + square / total))


def one_seed(seed: int, off: str, more: dict[str, str]) -> dict[str, Any]:
    """Return what a seed's population came to, as plain counts."""
    began = time.perf_counter()
    world = besieged(seed, start=START, days=DAYS + 1)
    found = live(world, off, more)
    met = {who: gates_of(found.reasons.get(who, Counter())) for who in found.kinds}
    honest = {who for who, kind in found.kinds.items() if kind == HONEST}
    left_out = {who for who in honest if met[who] and who not in found.copied}
    without = live(world, ALL_OFF, more, only=left_out).copied if left_out else {}
    skipped = sum(found.reasons.get(who, Counter())[code] for who in honest for code in SKIPS)
    rows = {kind: [who for who, other in found.kinds.items() if other == kind] for kind in ATTACKERS}
    return {
        "seed": seed,
        "kept": sum(len(found.copied.get(who, ())) for who in honest),
        "lost": skipped + sum(len(without.get(who, ())) for who in left_out if met[who] & set(DISBELIEVED.values())),
        "honest": len(honest),
        "honest_out": len(left_out),
        "honest_met": dict(Counter(gate for who in honest for gate in met[who])),
        "attackers": {kind: len(all_of) for kind, all_of in rows.items()},
        "stopped": {kind: sum(bool(met[who]) and who not in found.copied for who in rows[kind]) for kind in ATTACKERS},
        "got": {kind: sum(who in found.copied for who in rows[kind]) for kind in ATTACKERS},
        "met": {kind: dict(Counter(gate for who in rows[kind] for gate in met[who])) for kind in ATTACKERS},
        "seconds": round(time.perf_counter() - began, 1),
    }


SKIPS: Final = {
    SkipReason.ILLIQUID: Gate.SIZE,
    SkipReason.COST: Gate.COST,
    SkipReason.PRICE_INTEGRITY: Gate.PRICE,
    SkipReason.FOOTPRINT: Gate.FOOTPRINT,
    SkipReason.OPEN_THEN_DUMP: Gate.DUMP,
}
DISBELIEVED: Final = {
    Disqualified.OPEN_THEN_DUMP: Gate.DUMP,
    Disqualified.CONCENTRATED: Gate.CONCENTRATION,
    Disqualified.LUCK: Gate.LUCK,
    Disqualified.FLOWS: Gate.FLOWS,
    Disqualified.WASH: Gate.WASH,
}


def gates_of(reasons: Counter[str]) -> set[str]:
    """Return the gates that codes and reasons speak of."""
    known: dict[str, Gate] = {**SKIPS, **DISBELIEVED}
    return {known[reason].value for reason in reasons if reason in known}


def report(results: Sequence[dict[str, Any]]) -> str:
    """Return the table of all seeds."""

    def summed(name: str) -> Counter[str]:
        return sum((Counter(each[name]) for each in results), Counter())

    lines = [f"seeds {', '.join(str(each['seed']) for each in results)}"]
    lines.append(f"{'attackers':<10}{'all':>6}{'stopped':>9}{'copied':>8}{'share':>8}   95 % interval    stopped by")
    count, stopped, got = summed("attackers"), summed("stopped"), summed("got")
    for kind in ATTACKERS:
        met = sum((Counter(each["met"][kind]) for each in results), Counter())
        by = ", ".join(f"{gate} {number}" for gate, number in met.most_common())
        lines.append(_line(kind, count[kind], stopped[kind], got[kind]) + f"   {by}")
    lines.append(_line("total", count.total(), stopped.total(), got.total()))
    lines.append(
        "stopped: by these gates alone, which everything else would have let pass; the others failed elsewhere"
    )
    tossed = attackers.FLIPPERS * len(results)
    low, high = wilson(got["flipper"], tossed)
    lines.append(
        f"of all {tossed} flippers, shown or not, copied: {got['flipper'] / tossed:.2%} [{low:.2%}, {high:.2%}]"
    )
    kept, lost, honest, out = (sum(each[name] for each in results) for name in ("kept", "lost", "honest", "honest_out"))
    low, high = wilson(kept, kept + lost)
    lines.append(
        f"honest signals kept: {kept} of {kept + lost}, {kept / max(1, kept + lost):.1%} [{low:.1%}, {high:.1%}]"
    )
    low, high = wilson(out, honest)
    lines.append(f"honest traders without any copy for a gate: {out} of {honest} [{low:.1%}, {high:.1%}]")
    lines.append(f"gates that honest traders met: {dict(summed('honest_met'))}")
    return "\n".join(lines)


def _line(kind: str, count: int, stopped: int, got: int) -> str:
    low, high = wilson(got, count)
    return f"{kind:<10}{count:>6}{stopped:>9}{got:>8}{got / max(1, count):>8.1%}   [{low:.1%}, {high:.1%}]"


def recorded(asked: argparse.Namespace) -> str:
    """Return which share of recorded wallets' copies each gate takes away, as of each copy's moment."""
    from hlcopy.cli.options import Session
    from hlcopy.domain.conduct import conduct_of
    from hlcopy.domain.scoring import QUARTER
    from hlcopy.domain.selection import disbelieve

    copies = _replayed(asked)
    session = Session.begin(Path(asked.real), None, as_json=True, quiet=True)
    policy = session.settings.policy()
    removed: Counter[str] = Counter()
    with session.store() as store:
        for trade in copies:
            at = datetime.fromisoformat(trade["opened_at"])
            fills = store.history.fills(trade["trader_address"], until=at)
            record = conduct_of(fills, at - QUARTER, at, policy.entry.copy_delay)
            for gate in (Gate.CONCENTRATION, Gate.LUCK, Gate.WASH, Gate.DUMP):
                alone = replace(policy.safety, off=frozenset(set(Gate) - {gate}))
                removed[gate] += disbelieve(record, None, alone) is not None
    lines = [f"copies without gates: {len(copies)}"]
    lines += [
        f"  {gate}: would remove {removed[gate]}, {removed[gate] / max(1, len(copies)):.0%}"
        for gate in (Gate.DUMP, Gate.WASH, Gate.CONCENTRATION, Gate.LUCK)
    ]
    lines.append("  dump is applied to every copy; the other three only to wallets that are scored, which these aren't")
    lines.append(
        "  size, cost, price, footprint, flows: not applied, a recording has no books, open interest or transfers"
    )
    return "\n".join(lines)


def _replayed(asked: argparse.Namespace) -> list[dict[str, Any]]:
    import subprocess

    command = [sys.executable, "-m", "hlcopy", "backtest", "--json", "--quiet", "--db", asked.real]
    command += ["--from", asked.since, "--to", asked.until, *(f"--trader={each}" for each in asked.trader)]
    done = subprocess.run([*command, "--set", f"GATES_OFF={ALL_OFF}"], check=True, capture_output=True, text=True)
    trades: list[dict[str, Any]] = json.loads(done.stdout)["trades"]
    return trades


def _seeds(text: str) -> list[int]:
    first, _, last = text.partition("-")
    return list(range(int(first), int(last or first) + 1))


def main() -> int:
    """Run the seeds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=_seeds, default=_seeds("1-20"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--off", default="", help="gates to leave out, with commas")
    parser.add_argument("--set", action="append", default=[], help="NAME=VALUE of a setting, without HLCOPY_")
    parser.add_argument("--real", help="a database with recorded fills and candles")
    parser.add_argument("--trader", action="append", default=[])
    parser.add_argument("--from", dest="since", default="2025-01-01")
    parser.add_argument("--to", dest="until", default="2025-05-01")
    asked = parser.parse_args()
    if asked.real:
        sys.stdout.write(recorded(asked) + "\n")
        return 0
    sys.setswitchinterval(0.0005)  # the venue answers in a thread of this process
    more = {f"HLCOPY_{name}": value for name, _, value in (each.partition("=") for each in asked.set)}
    results = []
    with ProcessPoolExecutor(asked.workers) as pool:
        for result in pool.map(one_seed, asked.seeds, [asked.off] * len(asked.seeds), [more] * len(asked.seeds)):
            results.append(result)
            sys.stderr.write(json.dumps(result) + "\n")
            sys.stderr.flush()
    sys.stdout.write(report(results) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
