"""The script of the present: what happens in every seed, and what a copier makes of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.adapters.wire import FillReader
from hlcopy.backtest.run import Plan, run
from hlcopy.domain.candles import Candles
from hlcopy.domain.margin import liquidation_price
from hlcopy.domain.models import Action, Side, from_ms
from hlcopy.domain.policy import Policy
from hlcopy.ports import FundingRate
from hlcopy.simulator.market import MINUTE_MS
from hlcopy.simulator.venue import Venue
from tests.simulator.seeded import (
    INSTRUMENTS,
    START,
    orders_of,
    perp_rows,
    rows_of,
    seeded,
    who_is,
)

if TYPE_CHECKING:
    from hlcopy.ports import Ledger
    from hlcopy.simulator.wallet import FillRow
    from hlcopy.simulator.world import World

SEEDS: Final = tuple(range(8))
EXITS: Final = {"STOP_LOSS", "TRAILING_STOP", "TIME_STOP", "TAKE_PROFIT", "TRADER_LIQUIDATED"}


@pytest.fixture(scope="module", params=SEEDS)
def world(request: pytest.FixtureRequest) -> World:
    return seeded(request.param, 10, 0)


def last_bet(world: World) -> tuple[list[FillRow], list[FillRow], list[FillRow]]:
    """The gambler's fills up to the liquidation, those of the liquidation, and those afterwards."""
    rows = rows_of(world, "gambler")
    marked = [number for number, row in enumerate(rows) if "liquidation" in row]
    return rows[: marked[0]], rows[marked[0] : marked[-1] + 1], rows[marked[-1] + 1 :]


def test_the_gambler_is_liquidated_to_zero_and_bets_what_is_left_once_more(world: World) -> None:
    opened, closed, after = last_bet(world)
    address = who_is(world, "gambler").address
    for row in closed:
        assert row["liquidation"]["liquidatedUser"] == address
        assert row["liquidation"]["method"] == "market"
    assert abs(float(closed[-1]["startPosition"])) == float(closed[-1]["sz"])
    assert len({row["coin"] for row in opened + closed + after}) == 1
    assert timedelta(hours=1) < from_ms(after[0]["time"]) - from_ms(closed[-1]["time"]) < timedelta(hours=2)


def test_the_liquidation_comes_where_the_margin_rules_put_it_and_leaves_an_account(world: World) -> None:
    opened, closed, _ = last_bet(world)
    ((order, effect),) = orders_of(opened)
    leverage, most = who_is(world, "gambler").isolated[order.coin], INSTRUMENTS[order.coin].max_leverage
    assert 10 <= leverage <= most
    mark = float(closed[0]["liquidation"]["markPx"])
    assert mark == pytest.approx(liquidation_price(effect.price, effect.side, leverage, most), rel=2e-4)
    equity = Venue(world).equity(order.trader, closed[-1]["time"])
    assert 0.4 * who_is(world, "gambler").equity_usd < equity < 0.95 * who_is(world, "gambler").equity_usd


def test_a_copy_of_the_last_bet_is_still_open_when_the_liquidation_is_seen(world: World) -> None:
    opened, closed, _ = last_bet(world)
    series, side = world.candles[opened[0]["coin"]], 1 if opened[0]["side"] == "B" else -1
    confirmed, seen = ((rows[0]["time"] - world.start_ms) // MINUTE_MS for rows in (opened, closed))
    assert seen - confirmed > 60
    entry = series.o[confirmed + 17]
    assert abs(entry / float(opened[0]["px"]) - 1) < 0.01
    worst = (series.l if side > 0 else series.h)[confirmed + 17 : seen + 40]
    assert (side * (1 - worst / entry)).max() < 0.048


def test_the_bears_short_opens_have_several_fills_and_the_maker_fills_for_most_of_an_hour(world: World) -> None:
    opens = [order for order, effect in orders_of(rows_of(world, "bear")) if effect.action is Action.OPEN]
    assert len(opens) == 3
    assert all(len(order.fills) > 1 and not order.is_buy for order in opens)
    opens = [order for order, effect in orders_of(rows_of(world, "slow")) if effect.action is Action.OPEN]
    assert all(not fill["crossed"] for fill in rows_of(world, "slow"))
    assert max(order.last_time - order.first_time for order in opens) > timedelta(minutes=45)


def copied(world: World) -> Ledger:
    """The present replayed for a copier of those who are fit, at the equity that the world states."""
    history, reader = MemoryLedger(), FillReader()
    fit = {who.address: who.equity_usd for who in world.traders if who.fate == "primary"}
    for address in fit:
        history.history.add_fills(reader.read((f"row {n}", row) for n, row in enumerate(world.fills[address])))
    for coin, series in world.candles.items():
        candles = Candles(coin, MINUTE_MS, series.t, series.o, series.h, series.l, series.c, series.v)
        history.history.add_candles(candles)
        rates = zip(world.funding[coin].t.tolist(), world.funding[coin].rate.tolist(), strict=True)
        history.history.add_funding(FundingRate(coin=coin, time=from_ms(at), rate=rate) for at, rate in rates)
    ledger = MemoryLedger()
    run(
        history,
        ledger,
        Plan(
            first_day=START.date(),
            last_day=(START + timedelta(days=world.days - 1)).date(),
            equity=fit,
            our_equity=100_000.0,
            policy=Policy(),
        ),
    )
    return ledger


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_a_copier_meets_every_exit_both_sides_and_many_reasons_to_skip(seed: int) -> None:
    ledger = copied(seeded(seed, 10, 0))
    positions = ledger.book.positions(live_only=False)
    reasons = {position.close_reason.value for position in positions if position.close_reason}
    reasons |= {"TAKE_PROFIT" for position in positions if position.tiers_taken}
    assert reasons >= EXITS
    assert {position.side for position in positions} == {Side.LONG, Side.SHORT}
    skips = {signal.decision for signal in ledger.signals.list() if signal.decision.startswith("SKIP_")}
    assert skips >= {
        "SKIP_ACTION_TYPE",
        "SKIP_ADD_NO_OPEN",
        "SKIP_ALREADY_IN_TOKEN",
        "SKIP_LOW_WEIGHT",
        "SKIP_MAX_POSITIONS",
        "SKIP_REDUCED_AFTER_DELAY",
        "SKIP_REVERSED_AFTER_DELAY",
        "SKIP_SIZE_TOO_SMALL",
        "SKIP_SLIPPAGE_EXCEEDED",
    }


def test_another_seed_gives_other_amounts_times_sides_and_coins() -> None:
    scripts = []
    for seed in SEEDS[:2]:
        rows = perp_rows(rows_of(seeded(seed, 10, 0), "patient"))
        scripts.append([(row["coin"], row["side"], row["sz"], row["time"]) for row in rows])
    first, second = scripts
    assert first[0] != second[0]
    assert {row[0] for row in first} != {row[0] for row in second}
    assert not {row[3] for row in first} & {row[3] for row in second}
