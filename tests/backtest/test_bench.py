from __future__ import annotations

import csv
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hlcopy.backtest import bench
from hlcopy.errors import BadInputError
from tests.backtest.plain_exits import Bar, Left, PlainPosition

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MINUTE = 60_000
COINS, BARS, HOLD = 3, 9_000, 4_320


def market() -> NDArray[np.float64]:
    """Seeded candles of three coins, from calm to wild, each opening a little off the close before it."""
    rng = np.random.default_rng(7)
    volatility = np.array([0.0002, 0.0008, 0.002]).reshape(COINS, 1, 1)
    body = 50 * np.exp(np.cumsum(rng.normal(0, volatility, (COINS, BARS, 2)).reshape(COINS, -1), axis=1))
    opened, closed = np.moveaxis(body.reshape(COINS, BARS, 2), 2, 0)
    reach = np.exp(np.abs(rng.normal(0, volatility, (COINS, BARS, 2))))
    high, low = np.maximum(opened, closed) * reach[..., 0], np.minimum(opened, closed) / reach[..., 1]
    return np.stack([opened, high, low, closed], axis=2)


def picks() -> list[tuple[int, int, int]]:
    """Entries as (coin, side, bar), some too late for their time stop, in no order."""
    rng = np.random.default_rng(8)
    columns = (rng.integers(0, COINS, 90), rng.choice([-1, 1], 90), rng.integers(0, BARS - 1, 90))
    return list(zip(*(column.tolist() for column in columns), strict=True))


def files(folder: Path) -> tuple[Path, Path, Path]:
    candles, entries, out = folder / "candles.npy", folder / "entries.csv", folder / "trades.csv"
    np.save(candles, market())
    write(entries, ["coin", "side", "bar"], *picks())
    return candles, entries, out


def write(path: Path, *lines: object) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(lines)
    return path


def run(candles: Path, entries: Path, out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hlcopy.backtest.bench", "--candles", candles, "--entries", entries, "--out", out]
    return subprocess.run([*command, *options], capture_output=True, text=True, check=False)


def plain(candles: NDArray[np.float64], coin: int, side: int, bar: int) -> tuple[float, Left | None]:
    opens_at, prices = (bar + 1) * MINUTE, candles[coin, bar + 1 :].tolist()
    entry = prices[0][0] * (1 + side * 0.0005)
    lived = PlainPosition(entry, side, opens_at + HOLD * MINUTE)
    return entry, lived.live_through(Bar(opens_at + k * MINUTE, *row) for k, row in enumerate(prices))


def test_trades_equal_those_of_plain_stepping_row_by_row(tmp_path: Path) -> None:
    candles, entries, out = files(tmp_path)
    done = run(candles, entries, out)
    assert (done.returncode, done.stderr) == (0, "")

    prices, expected, gains, ends = (
        market(),
        [],
        0.0,
        dict.fromkeys(("STOP_LOSS", "TIME_STOP", "TRAILING_STOP", "open"), 0),
    )
    for coin, side, bar in picks():
        entry, left = plain(prices, coin, side, bar)
        ends[left.reason if left else "open"] += 1
        last = [str(bar + 1 + left.after), f"{left.price:.8f}", left.reason] if left else [""] * 3
        expected.append([str(coin), str(side), str(bar + 1), last[0], f"{entry:.8f}", *last[1:]])
        gains += side * (left.price * (1 - side * 0.0005) / entry - 1) - 2 * 0.00045 if left else 0
    with out.open(newline="") as file:
        names, *rows = csv.reader(file)
    assert names == ["coin", "side", "entry_bar", "exit_bar", "entry", "exit", "reason"]
    assert rows == expected
    assert all(ends.values())
    counted = ", ".join(f"{reason} {count}" for reason, count in ends.items())
    assert done.stdout == f"90 entries: {counted}; sum of returns {gains:.6f}\n"


def test_json_prints_one_document(tmp_path: Path) -> None:
    done = run(*files(tmp_path), "--json")
    found = json.loads(done.stdout)
    assert found.keys() == {"entries", "reasons", "open", "sum_of_returns"}
    assert found["entries"] == sum(found["reasons"].values()) + found["open"] == 90


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    candles, entries, out = files(tmp_path)
    run(candles, entries, out)
    trades = out.read_bytes()
    write(entries, ["bar", "note", "coin", "side"], *((bar, "x", coin, side) for coin, side, bar in picks()), [])
    assert run(candles, entries, out).returncode == 0
    assert out.read_bytes() == trades


def test_no_entries_make_no_trades(tmp_path: Path) -> None:
    candles, entries, out = files(tmp_path)
    done = run(candles, write(entries, ["coin", "side", "bar"]), out)
    assert done.stdout == "0 entries: open 0; sum of returns 0.000000\n"
    assert out.read_text().splitlines() == ["coin,side,entry_bar,exit_bar,entry,exit,reason"]


@pytest.mark.parametrize("lost", [0, 1])
def test_a_missing_file_is_named_in_one_line(tmp_path: Path, lost: int) -> None:
    given = files(tmp_path)
    given[lost].unlink()
    done = run(*given)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert str(given[lost]) in done.stderr


def test_trades_that_cannot_be_written_are_an_error(tmp_path: Path) -> None:
    candles, entries, _ = files(tmp_path)
    done = run(candles, entries, tmp_path / "nowhere" / "trades.csv")
    assert done.returncode == 2
    assert "nowhere" in done.stderr


def test_a_missing_option_is_wrong_usage() -> None:
    done = subprocess.run([sys.executable, "-m", "hlcopy.backtest.bench"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--candles" in done.stderr


@pytest.mark.parametrize(
    "array",
    [np.zeros((2, 5, 3)), np.zeros((5, 4)), np.zeros((2, 5, 4), dtype=np.float32), np.zeros((2, 5, 4, 1))],
    ids=["three prices", "no coins", "single precision", "a fourth axis"],
)
def test_candles_of_another_shape_are_an_error(tmp_path: Path, array: NDArray[np.float64]) -> None:
    path = tmp_path / "candles.npy"
    np.save(path, array)
    with pytest.raises(BadInputError, match="not float64"):
        bench.load_candles(str(path))


def test_candles_that_are_no_array_are_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "candles.npy", ["open", "high", "low", "close"])
    with pytest.raises(BadInputError, match="can't be read"):
        bench.load_candles(str(path))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([["coin", "bar"], [0, 5]], "no column side"),
        ([], "no column coin, side, bar"),
        ([["coin", "side", "bar"], [0, 1, 5], [0, 1, 5.5]], "line 3: .*whole numbers"),
        ([["coin", "side", "bar"], [0, 1]], "line 2: .*whole numbers"),
        ([["coin", "side", "bar"], [0, 2, 5]], "neither 1 nor -1"),
        ([["coin", "side", "bar"], [2, 1, 5]], "can't fill"),
        ([["coin", "side", "bar"], [-1, 1, 5]], "can't fill"),
        ([["coin", "side", "bar"], [0, 1, 9]], "can't fill"),
        ([["coin", "side", "bar"], [0, 1, -1]], "can't fill"),
    ],
)
def test_entries_that_cannot_be_used_are_an_error(tmp_path: Path, lines: list, said: str) -> None:
    path = write(tmp_path / "entries.csv", *lines)
    with pytest.raises(BadInputError, match=said):
        bench.load_entries(str(path), coins=2, bars=10)


def test_the_last_entry_that_fills_is_taken(tmp_path: Path) -> None:
    path = write(tmp_path / "entries.csv", ["coin", "side", "bar"], [1, -1, 8])
    assert len(bench.load_entries(str(path), coins=2, bars=10)) == 1


@pytest.mark.parametrize(("index", "price"), [((0, 1, 0), 0.0), ((0, 2, 3), np.nan), ((0, 1, 0), np.inf)])
def test_candles_without_a_price_are_an_error(tmp_path: Path, index: tuple[int, ...], price: float) -> None:
    candles, entries, out = files(tmp_path)
    prices = np.full((1, 10, 4), 100.0)
    prices[index] = price
    np.save(candles, prices)
    done = run(candles, write(entries, ["coin", "side", "bar"], [0, 1, 0]), out)
    assert done.returncode == 2
    assert "coin 0, bar 0" in done.stderr
    assert not out.exists()
