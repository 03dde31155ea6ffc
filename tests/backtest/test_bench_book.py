"""The kernel in a book takes tiers where plain stepping does, and lets in what a plain count of the book lets in."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hlcopy.backtest import bench, bench_book
from hlcopy.domain.candles import Candles
from hlcopy.domain.models import Side
from hlcopy.domain.policy import ExitPolicy, LimitsPolicy, Policy, Tier
from tests.backtest.test_bench import files, market, picks, run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TIERS = (Tier(number=1, gain_percent=1.0, fraction=0.25), Tier(number=2, gain_percent=1.5, fraction=0.5))
TIERED = Policy(exit=ExitPolicy(tiers=TIERS))
ROOMY = LimitsPolicy(
    max_total_positions=99, max_total_exposure_ratio=99.0, max_positions_per_trader=99, max_same_side_ratio=99.0
)


@cache
def series() -> list[Candles]:
    prices = market()
    times = np.arange(prices.shape[1], dtype=np.int64) * bench.MINUTE_MS
    return [
        Candles(str(coin), bench.MINUTE_MS, times, *bars.T, times.astype(float)) for coin, bars in enumerate(prices)
    ]


def given() -> list[bench.Entry]:
    return [bench.Entry(coin, Side.of(side), bar) for coin, side, bar in picks()]


def held_alone(policy: Policy) -> list[bench_book.Held]:
    """Each entry in a book of its own."""
    return [held for entry in given() for held in bench_book.run(series(), [entry], policy)]


def test_tiers_are_taken_where_stepping_through_the_closes_takes_them() -> None:
    taken = 0
    for held in held_alone(TIERED):
        trade, candles = held.trade, series()[held.trade.entry.coin]
        sign, expected, left = trade.entry.side.sign, [], 1.0
        end = len(candles) - 1 if trade.exit is None else trade.exit.index
        waiting = list(TIERS)
        for bar in range(trade.entry.bar + 1, end):
            while waiting and sign * (candles.c[bar] / trade.price - 1) * 100 >= waiting[0].gain_percent:
                expected.append(bench_book.Part(bar + 1, float(candles.o[bar + 1]), left * waiting[0].fraction))
                left *= 1 - waiting.pop(0).fraction
        assert list(held.parts) == expected
        taken += len(expected)
        if trade.exit is not None:
            parts = [*((part.price, part.share) for part in expected), (trade.exit.price, left)]
            gain = sum(share * sign * (price * (1 - sign * 0.0005) / trade.price - 1) for price, share in parts)
            assert held.gain() == pytest.approx(gain - 2 * 0.00045)
    assert taken > 20


def test_without_tiers_and_limits_a_trade_gains_what_it_gains_alone() -> None:
    plain = Policy(exit=ExitPolicy(tiers=()))
    for held, trade in zip(held_alone(plain), bench.run(series(), given(), plain.exit), strict=True):
        assert held.trade == trade
        assert held.gain() == pytest.approx(trade.gain())


@pytest.mark.parametrize(
    "limits",
    [LimitsPolicy(), LimitsPolicy(max_total_positions=2), ROOMY],
    ids=["the defaults", "two at a time", "one in a coin alone"],
)
def test_the_limits_let_in_what_a_plain_count_of_the_open_trades_lets_in(limits: LimitsPolicy) -> None:
    policy = Policy(exit=TIERED.exit, limits=limits)
    held = bench_book.run(series(), given(), policy)
    let_in = {(each.trade.entry.bar, each.trade.entry.coin, each.trade.entry.side) for each in held}
    for entry in given():
        others = [each for each in held if each.trade.entry.bar < entry.bar and open_at(each, entry.bar)]
        if any(other.trade.entry.bar == entry.bar for other in held if other.trade.entry != entry):
            continue  # of one bar, the order of the file decides
        assert ((entry.bar, entry.coin, entry.side) in let_in) == has_room(entry, others, limits)
    assert 0 < len(held) < len(given())


def open_at(held: bench_book.Held, bar: int) -> bool:
    return held.trade.exit is None or held.trade.exit.index > bar


def has_room(entry: bench.Entry, others: Sequence[bench_book.Held], limits: LimitsPolicy) -> bool:
    def exposure(held: bench_book.Held) -> float:
        return bench_book.NOTIONAL_USD * (1 - sum(part.share for part in held.parts if part.index <= entry.bar))

    total = sum(map(exposure, others))
    same_side = sum(exposure(other) for other in others if other.trade.entry.side is entry.side)
    return (
        all(other.trade.entry.coin != entry.coin for other in others)
        and len(others) < limits.max_total_positions
        and total < bench_book.EQUITY_USD * limits.max_total_exposure_ratio
        and same_side < bench_book.EQUITY_USD * limits.max_same_side_ratio
    )


def test_the_command_writes_the_trades_that_were_let_in(tmp_path: Path) -> None:
    candles, entries, out = files(tmp_path)
    done = run(candles, entries, out, "--book", "--json")
    told: dict[str, Any] = json.loads(done.stdout)
    held = bench_book.run(series(), given(), Policy())
    assert told["entries"] == len(held) == len(out.read_text().splitlines()) - 1
    assert told["sum_of_returns"] == pytest.approx(sum(each.gain() for each in held))
