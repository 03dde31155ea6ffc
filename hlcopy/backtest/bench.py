"""Run the exit kernel over given entries: `python -m hlcopy.backtest.bench --candles FILE.npy --entries FILE.csv --out FILE.csv`.

Candles are float64 [coin, minute, (open, high, low, close)]. Entries have the columns coin (an index), side (1 or -1) and bar;
they fill at the open of the next bar. With `--book` profit tiers take their parts, and the default limits of a book of
100,000 USD keep entries of a tenth of it out, which have no trade then. Trades have the columns coin, side, entry_bar, exit_bar, entry, exit and reason, the
entry price with slippage, the exit price before it; what is still open when the candles end has no exit.
"""

from __future__ import annotations

import csv
import json
import sys
from argparse import ArgumentParser
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from hlcopy.domain.candles import Candles
from hlcopy.domain.models import Side
from hlcopy.domain.policy import CostPolicy, ExitPolicy
from hlcopy.domain.scan import Exit, first_exit
from hlcopy.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

MINUTE_MS: Final = 60_000
SLIPPAGE: Final = 0.0005
FEE: Final = CostPolicy().taker_fee_percent / 100
PRICES: Final = ("open", "high", "low", "close")
ENTRY_COLUMNS: Final = ("coin", "side", "bar")
TRADE_COLUMNS: Final = ("coin", "side", "entry_bar", "exit_bar", "entry", "exit", "reason")


@dataclass(frozen=True, slots=True)
class Entry:
    """A given entry: the coin's index, the side and the bar of the signal."""

    coin: int
    side: Side
    bar: int


@dataclass(frozen=True, slots=True)
class Trade:
    """An entry, the price it filled at with slippage, and its exit, None while open."""

    entry: Entry
    price: float
    exit: Exit | None

    def gain(self) -> float:
        """Return the return of the trade after slippage and fees, as a fraction; 0 while it is open."""
        if self.exit is None:
            return 0.0
        sign = self.entry.side.sign
        return sign * (self.exit.price * (1 - sign * SLIPPAGE) / self.price - 1) - 2 * FEE

    def row(self) -> tuple[object, ...]:
        """Return the trade's line in the file of trades."""
        index, price, reason = (self.exit.index, f"{self.exit.price:.8f}", self.exit.reason) if self.exit else ("",) * 3
        entry = self.entry
        return entry.coin, entry.side.sign, entry.bar + 1, index, f"{self.price:.8f}", price, reason


@dataclass(frozen=True, slots=True)
class Summary:
    """How many entries there were, how they ended, and the sum of the closed ones' returns as fractions."""

    entries: int
    reasons: Mapping[str, int]
    open: int
    sum_of_returns: float

    def line(self) -> str:
        """Return the summary in one line."""
        ends = ", ".join(f"{reason} {count}" for reason, count in (*self.reasons.items(), ("open", self.open)))
        return f"{self.entries} entries: {ends}; sum of returns {self.sum_of_returns:.6f}"


def load_candles(path: str) -> list[Candles]:
    """Map the candles of a file, one value per coin; a candle is read when it is looked at."""
    try:
        mapped = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError) as error:
        message = f"{path}: can't be read as an array: {error}"
        raise BadInputError(message) from error
    if mapped.shape[2:] != (len(PRICES),) or mapped.dtype != np.float64:
        message = f"{path}: not float64 [coin, minute, ({', '.join(PRICES)})] but {mapped.dtype} {mapped.shape}"
        raise BadInputError(message)
    prices: NDArray[np.float64] = np.asarray(mapped)
    times = np.arange(prices.shape[1], dtype=np.int64) * MINUTE_MS
    volume = np.broadcast_to(np.float64(0), times.shape)
    return [
        Candles(str(coin), MINUTE_MS, times, bars[:, 0], bars[:, 1], bars[:, 2], bars[:, 3], volume)
        for coin, bars in enumerate(prices)
    ]


def load_entries(path: str, coins: int, bars: int) -> list[Entry]:
    """Read the entries of a file; each must fill within the `bars` candles of one of `coins`."""
    try:
        with open(path, newline="", encoding="utf-8") as file:  # noqa: PTH123 - nothing else loads pathlib, and it's slow to
            lines = csv.reader(file)
            names = next(lines, [])
            missing = [name for name in ENTRY_COLUMNS if name not in names]
            if missing:
                message = f"{path}: no column {', '.join(missing)}"
                raise BadInputError(message)
            columns = [names.index(name) for name in ENTRY_COLUMNS]
            return [_entry(f"{path}, line {lines.line_num}", line, columns, coins, bars) for line in lines if line]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        message = f"{path}: can't be read: {error}"
        raise BadInputError(message) from error


def _entry(where: str, line: list[str], columns: list[int], coins: int, bars: int) -> Entry:
    try:
        coin, sign, bar = (int(line[column]) for column in columns)
    except (IndexError, ValueError) as error:
        message = f"{where}: coin, side and bar must be whole numbers"
        raise BadInputError(message) from error
    if sign not in {1, -1}:
        message = f"{where}: side is {sign}, neither 1 nor -1"
        raise BadInputError(message)
    if not (0 <= coin < coins and 0 <= bar < bars - 1):
        message = f"{where}: coin {coin}, bar {bar} can't fill within {coins} coins of {bars} candles"
        raise BadInputError(message)
    return Entry(coin, Side.of(sign), bar)


def run(candles: Sequence[Candles], entries: Sequence[Entry], policy: ExitPolicy) -> list[Trade]:
    """Return the trade of each entry, in their order."""
    return [trade_of(candles[entry.coin], entry, policy) for entry in entries]


def trade_of(candles: Candles, entry: Entry, policy: ExitPolicy) -> Trade:
    """Return the trade of an entry in its coin's candles."""
    hold_ms = policy.max_duration // timedelta(milliseconds=1)
    start, side = entry.bar + 1, entry.side
    price = float(candles.o[start]) * (1 + side.sign * SLIPPAGE)
    deadline_ms = start * MINUTE_MS + hold_ms
    try:
        left = first_exit(candles, start, entry_price=price, side=side, deadline_ms=deadline_ms, policy=policy)
    except (ArithmeticError, ValueError) as error:  # a price of zero, an infinite one, one that isn't a number
        message = f"coin {entry.coin}, bar {entry.bar}: the candles from here on can't be traded: {error}"
        raise BadInputError(message) from error
    return Trade(entry, price, left)


def summarize(trades: Sequence[Trade], gains: Iterable[float]) -> Summary:
    """Count how trades ended and add up their returns."""
    reasons = Counter(trade.exit.reason.value for trade in trades if trade.exit)
    still_open = len(trades) - reasons.total()
    return Summary(len(trades), dict(sorted(reasons.items())), still_open, sum(gains))


def write_trades(path: str, trades: Sequence[Trade]) -> None:
    """Write the file of trades."""
    try:
        with open(path, "w", newline="", encoding="utf-8") as file:  # noqa: PTH123 - as above
            lines = csv.writer(file)
            lines.writerow(TRADE_COLUMNS)
            lines.writerows(trade.row() for trade in trades)
    except OSError as error:
        message = f"{path}: can't be written: {error}"
        raise BadInputError(message) from error


def _alone(candles: Sequence[Candles], entries: Sequence[Entry]) -> tuple[list[Trade], list[float]]:
    trades = run(candles, entries, ExitPolicy())
    return trades, [trade.gain() for trade in trades]


def _in_book(candles: Sequence[Candles], entries: Sequence[Entry]) -> tuple[list[Trade], list[float]]:
    from hlcopy.backtest import bench_book  # what it needs of the gates is much to import
    from hlcopy.domain.policy import Policy

    held = bench_book.run(candles, entries, Policy())
    return [each.trade for each in held], [each.gain() for each in held]


def main() -> int:
    """Run the command; return its exit code."""
    parser = ArgumentParser(
        prog="python -m hlcopy.backtest.bench", description="Run the exit kernel over given entries."
    )
    parser.add_argument("--candles", required=True, metavar="FILE.npy")
    parser.add_argument("--entries", required=True, metavar="FILE.csv")
    parser.add_argument("--out", required=True, metavar="FILE.csv")
    parser.add_argument("--book", action="store_true", help="with profit tiers and the limits of a book")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of one line")
    options = parser.parse_args()
    try:
        candles = load_candles(options.candles)
        entries = load_entries(options.entries, len(candles), len(candles[0]) if candles else 0)
        trades, gains = _in_book(candles, entries) if options.book else _alone(candles, entries)
        write_trades(options.out, trades)
    except BadInputError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    summary = summarize(trades, gains)
    sys.stdout.write(f"{json.dumps(asdict(summary)) if options.json else summary.line()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
