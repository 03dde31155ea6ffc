"""Measure the backtest on seeded worlds: the exit kernel, whole replays, how both grow, and a year of fifty coins.

    python -m tests.bench.run [--runs 5] [--only kernel,growth,replay,year] [--keep DIR]
    python -m tests.bench.run --only kernel --candles FILE.npy --entries FILE.csv

Every line is a command run as a process of its own, those of a table in turn, as often as `--runs` says: medians, and the
largest peak. What is on the machine beside it shows in the clock more than in the processor, and in ratios least.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hlcopy.render.tables import Column, table
from tests.bench.measure import Took, make, measure
from tests.bench.sizes import EQUITY_USD, START, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_COLUMNS: Final = (
    Column("WHAT"),
    Column("UNITS", right=True),
    Column("CPU S", right=True),
    Column("WALL S", right=True),
    Column("PEAK MIB", right=True),
    Column("PER UNIT", right=True),
    Column("RATIO", right=True),
)
_KERNEL: Final = (20, 90, 2_000)  # coins, days, entries
_SIZES: Final = (1, 2, 4)  # the kernel's, times its usual workload
_HALVINGS: Final = (4, 2, 1)  # a replay's, of its usual world
_REPLAY: Final = World(coins=20, days=90, traders=15)
_YEAR: Final = World(coins=50, days=365, traders=15)


def main() -> int:
    """Measure what is asked for and print a table of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--runs", type=int, default=5, help="of each command of the kernel; replays run a third as often"
    )
    parser.add_argument("--only", default="kernel,growth,replay,year", metavar="NAMES")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where the worlds are kept, to be measured again")
    parser.add_argument("--candles", metavar="FILE.npy", help="for the kernel, instead of a seeded workload")
    parser.add_argument("--entries", metavar="FILE.csv")
    parser.add_argument("--shrink", type=int, default=1, help="make everything so many times smaller, to try it out")
    asked = parser.parse_args()
    names = asked.only.split(",")
    unknown = set(names) - set(_MEASURES)
    if unknown or (asked.candles is None) != (asked.entries is None):
        parser.error(
            f"no such measure: {', '.join(sorted(unknown))}" if unknown else "--candles and --entries go together"
        )
    with _folder(asked.keep) as folder:
        bench = Bench(folder, asked)
        for name in names:
            _MEASURES[name](bench)
    return 0


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept
        return
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


class Bench:
    """The worlds of one call, and what is measured with them."""

    def __init__(self, folder: Path, asked: argparse.Namespace) -> None:
        self._folder = folder
        self._asked = asked

    def kernel(self) -> None:
        """Measure the exit kernel over given entries, and the same in a book with tiers and limits."""
        plain = self._kernel(*_KERNEL)
        took = measure({"each entry alone": plain, "in a book": [*plain, "--book"]}, self._asked.runs)
        _show("Exit kernel", took, {name: _entries(each) for name, each in took.items()}, "entry")

    def growth(self) -> None:
        """Measure how the exit kernel grows in candles and in entries."""
        coins, days, entries = _KERNEL
        for unit, sizes in (
            ("candle", {f"{days * times} days": (coins, days * times, entries) for times in _SIZES}),
            ("entry", {f"{entries * times:,} entries": (coins, days, entries * times) for times in _SIZES}),
        ):
            took = measure({name: self._kernel(*size) for name, size in sizes.items()}, self._asked.runs)
            units = {name: size[2] if unit == "entry" else size[0] * size[1] * 1440 for name, size in sizes.items()}
            _show(f"Exit kernel: growth per {unit}", took, units, unit)

    def replay(self) -> None:
        """Measure whole replays: how they grow in days, in what traders do, and in candles."""
        world = _REPLAY
        tables: dict[str, dict[str, World]] = {
            "days": {f"{world.days // part} days": _with(world, days=world.days // part) for part in _HALVINGS},
            "orders": {
                f"{world.orders / part:g} orders a day": _with(world, orders=world.orders / part) for part in _HALVINGS
            },
            "candles": {f"{minutes} min candles": _with(world, minutes=minutes) for minutes in (15, 5, 1)},
        }
        for grows, worlds in tables.items():
            took = measure({name: self._replay(each) for name, each in worlds.items()}, max(1, self._asked.runs // 3))
            units = {name: _events(each) for name, each in took.items()}
            _show(f"Replay of {world.traders} traders: growth in {grows}, per event", took, units, "event")

    def year(self) -> None:
        """Measure what a year of one-minute candles takes."""
        name = f"{_YEAR.coins} coins"
        took = measure({name: self._replay(_YEAR)}, 1)
        _show("Replay of a year", took, {name: _events(took[name])}, "event")

    def _kernel(self, coins: int, days: int, entries: int) -> Sequence[str]:
        candles, given = self._asked.candles, self._asked.entries
        if candles is None:
            coins, entries = max(1, coins // self._asked.shrink), max(1, entries // self._asked.shrink)
            folder = self._folder / f"kernel-{coins}-{days}-{entries}"
            if not folder.exists():
                _note(f"making {coins} coins x {days} days, {entries:,} entries")
                make("kernel", folder, str(coins), str(days), str(entries))
            candles, given = folder / "candles.npy", folder / "entries.csv"
        out = self._folder / "trades.csv"
        files = ["--candles", str(candles), "--entries", str(given), "--out", str(out)]
        return ["-m", "hlcopy.backtest.bench", *files, "--json"]

    def _replay(self, world: World) -> Sequence[str]:
        shrink = self._asked.shrink
        world = _with(world, coins=max(1, world.coins // shrink), days=max(2, world.days // shrink))
        path = self._folder / f"{world.name}.db"
        if not path.exists():
            _note(f"making {world.candles:,} candles of {world.coins} coins, {world.traders} traders")
            unfinished = path.with_suffix(".part")
            unfinished.unlink(missing_ok=True)
            make("ledger", unfinished, *world.sizes)
            unfinished.rename(path)
        first = START.date()
        period = ["--from", str(first), "--to", str(first + timedelta(days=world.days - 1))]
        traders = [option for each in world.addresses for option in ("--trader", f"{each}={EQUITY_USD:g}")]
        return ["-m", "hlcopy", "backtest", "--json", "--db", str(path), *period, *traders]


def _with(world: World, **changes: float) -> World:
    fields = {name: getattr(world, name) for name in World.__dataclass_fields__}
    return World(**(fields | changes))


def _entries(took: Took) -> int:
    return int(json.loads(took.printed)["entries"])


def _events(took: Took) -> int:
    return int(json.loads(took.printed)["metrics"]["events"])


def _show(title: str, took: Mapping[str, Took], units: Mapping[str, int], unit: str) -> None:
    """Print a table: what a unit took, and the processor's seconds beside those of the first line."""
    first = next(iter(took.values()))
    rows = []
    for name, each in took.items():
        count = units[name]
        shown = f"{each.cpu / count * 1e6:,.1f} us" if count else "-"
        ratio = f"{each.cpu / first.cpu:.2f}"
        rows.append((name, f"{count:,}", f"{each.cpu:.2f}", f"{each.wall:.2f}", f"{each.peak:.0f}", shown, ratio))
    sys.stdout.write(table(f"{title} ({unit})", _COLUMNS, rows, width=None, plain_width=80) + "\n")
    sys.stdout.flush()


def _note(text: str) -> None:
    sys.stderr.write(f"{text}\n")


_MEASURES: Final[Mapping[str, Callable[[Bench], None]]] = {
    "kernel": Bench.kernel,
    "growth": Bench.growth,
    "replay": Bench.replay,
    "year": Bench.year,
}

if __name__ == "__main__":
    sys.exit(main())
