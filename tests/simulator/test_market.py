from __future__ import annotations

import itertools
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest

from hlcopy.domain.episodes import Effect, effect_of, gaps, group_orders, opened_at
from hlcopy.domain.gates import size_gate
from hlcopy.domain.models import Action, Side, TraderOrder, to_ms
from hlcopy.domain.policy import EntryPolicy
from hlcopy.domain.round_trips import round_trips
from hlcopy.errors import BadInputError
from hlcopy.simulator.market import MINUTE_MS, make_market
from hlcopy.simulator.styles import DECAYED, FAST, LOSER, NIMBLE, PATIENT, POPULATION, SLICER, SLOW, SMALL, WHALE
from hlcopy.simulator.traders import generate
from hlcopy.simulator.wallet import HIP3_COIN, SPOT_COIN, ZERO_HASH, Wallet, wire
from tests.simulator.seeded import INSTRUMENTS, START, as_fill, orders_of, perp_rows, rows_of, seeded

if TYPE_CHECKING:
    from hlcopy.simulator.styles import Style
    from hlcopy.simulator.traders import World
    from hlcopy.simulator.wallet import FillRow

PAST: Final = 20
PRESENT: Final = 12
DAYS: Final = PAST + PRESENT
BEGIN: Final = START - timedelta(days=PAST)
SEEDS: Final = (1, 2, 3)
POLICY: Final = EntryPolicy()


@pytest.fixture(scope="module", params=SEEDS)
def world(request: pytest.FixtureRequest) -> World:
    return seeded(request.param, PRESENT, PAST)


def by_coin(rows: list[FillRow]) -> dict[str, list[FillRow]]:
    grouped: dict[str, list[FillRow]] = defaultdict(list)
    for row in rows:
        grouped[row["coin"]].append(row)
    return grouped


def signed(row: FillRow) -> Decimal:
    return Decimal(row["sz"]) if row["side"] == "B" else -Decimal(row["sz"])


def end_of(row: FillRow) -> Decimal:
    return Decimal(row["startPosition"]) + signed(row)


def minute_of(world: World, row: FillRow) -> int:
    return (row["time"] - to_ms(world.start - timedelta(days=world.history_days))) // MINUTE_MS


def entries_of(world: World, style: Style) -> list[tuple[TraderOrder, Effect]]:
    return [(order, effect) for order, effect in orders_of(rows_of(world, style.kind)) if effect.is_entry]


def as_bytes(world: World) -> bytes:
    arrays = [
        array.tobytes()
        for coin in world.candles
        for series, funding in [(world.candles[coin], world.funding[coin])]
        for array in (series.t, series.o, series.h, series.l, series.c, series.v, funding.t, funding.rate)
    ]
    return b"".join(arrays) + repr([world.traders, dict(world.fills), world.flows, world.inherited]).encode()


def test_the_same_seed_makes_the_same_bytes_and_another_seed_others() -> None:
    first = as_bytes(generate(5, start=START, days=3, history_days=2, crowd=2))
    assert as_bytes(generate(5, start=START, days=3, history_days=2, crowd=2)) == first
    assert as_bytes(generate(6, start=START, days=3, history_days=2, crowd=2)) != first


@pytest.mark.parametrize(
    ("start", "days", "history_days", "said"),
    [
        (START + timedelta(minutes=1), 3, 0, "full hour"),
        (START, 0, 0, "at least a day"),
        (START, 1, -1, "neither its past nor its crowd is negative"),
    ],
)
def test_a_world_starts_on_a_full_hour_and_lasts_at_least_a_day(
    start: datetime, days: int, history_days: int, said: str
) -> None:
    with pytest.raises(BadInputError, match=said):
        generate(1, start=start, days=days, history_days=history_days)


def test_every_coin_has_a_candle_for_every_minute(world: World) -> None:
    minutes = DAYS * 24 * 60
    for series in world.candles.values():
        assert len(series) == minutes
        assert series.t[0] == to_ms(BEGIN)
        assert set(np.diff(series.t)) == {MINUTE_MS}


def test_a_candle_holds_its_open_and_close_and_goes_on_where_the_last_one_ended(world: World) -> None:
    for series in world.candles.values():
        assert (series.l <= np.minimum(series.o, series.c)).all()
        assert (series.h >= np.maximum(series.o, series.c)).all()
        assert (series.o[1:] == series.c[:-1]).all()
        assert (series.l > 0).all()
        assert (series.v >= 0).all()


def test_every_price_of_a_candle_is_legal(world: World) -> None:
    for coin, series in world.candles.items():
        for prices in (series.o, series.h, series.l, series.c):
            for price in prices[::211].tolist():
                assert INSTRUMENTS[coin].price_down(price) == price


def test_funding_comes_every_hour_and_stays_small(world: World) -> None:
    for coin, funding in world.funding.items():
        assert (funding.t == world.candles[coin].t[::60]).all()
        assert np.abs(funding.rate).max() <= 0.0005


def test_alts_trend_strongly_within_three_days_and_follow_bitcoin(world: World) -> None:
    held = 72 * 60
    for coin in ("SOL", "HYPE", "SUI", "kPEPE"):
        closes = world.candles[coin].c
        moves = closes[held:] / closes[:-held] - 1
        assert np.abs(moves).max() > 0.12
    hourly = {coin: np.diff(np.log(series.c[::60])) for coin, series in world.candles.items()}
    for coin in ("ETH", "SOL", "SUI"):
        assert np.corrcoef(hourly["BTC"], hourly[coin])[0, 1] > 0.3


def test_addresses_are_lower_case_and_every_trader_has_fills(world: World) -> None:
    assert len(world.traders) == len(POPULATION) == len(world.fills)
    for who in world.traders:
        address, equity, description = who.address, who.equity_usd, who.description
        assert len(address) == 42
        assert int(address, 16) > 0
        assert address == address.lower()
        assert equity > 0
        assert description
        assert world.fills[address]
        assert {row["user"] for row in world.fills[address]} == {address}


def test_every_chain_of_start_positions_is_unbroken_and_begins_flat_but_for_the_whale(world: World) -> None:
    for style in POPULATION:
        for coin, rows in by_coin(rows_of(world, style.kind)).items():
            inherited = style is WHALE and coin == "BTC"
            assert (Decimal(rows[0]["startPosition"]) != 0) == inherited
            for before, after in itertools.pairwise(rows):
                lost = Decimal(before["fee"]) if before["feeToken"] != "USDC" else 0
                assert Decimal(after["startPosition"]) == end_of(before) - lost
        assert gaps([as_fill(row) for row in rows_of(world, style.kind)]) == []


def test_fills_come_in_order_of_time_under_trade_ids_of_their_own(world: World) -> None:
    every = [row for rows in world.fills.values() for row in rows]
    assert len({row["tid"] for row in every}) == len(every)
    for rows in world.fills.values():
        assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
        assert to_ms(BEGIN) <= rows[0]["time"]
        assert rows[-1]["time"] < to_ms(START + timedelta(days=PRESENT))


def test_sizes_and_prices_of_fills_are_legal_and_lie_within_their_minute(world: World) -> None:
    for rows in world.fills.values():
        for row in perp_rows(rows):
            series = world.candles[row["coin"]]
            price, size, minute = float(row["px"]), float(row["sz"]), minute_of(world, row)
            assert size > 0
            assert series.instrument.size(size) == size
            assert series.instrument.price_down(price) == price
            assert series.l[minute] <= price <= series.h[minute]


def test_closed_pnl_is_gross_and_adds_up_to_what_the_prices_say(world: World) -> None:
    flat = 0
    for rows_of_trader in world.fills.values():
        for rows in by_coin(rows_of_trader).values():
            if rows[0]["coin"] == SPOT_COIN or Decimal(rows[0]["startPosition"]) != 0:
                continue
            cash = pnl = Decimal(0)
            for row in rows:
                cash -= signed(row) * Decimal(row["px"])
                pnl += Decimal(row["closedPnl"])
                if end_of(row) == 0:
                    flat += 1
                    assert float(pnl) == pytest.approx(float(cash), abs=1e-3)
    assert flat > 200


def test_dir_says_what_the_chain_says(world: World) -> None:
    for rows in world.fills.values():
        for row in rows:
            start, end = Decimal(row["startPosition"]), end_of(row)
            if row["coin"] == SPOT_COIN:
                expected = "Buy" if row["side"] == "B" else "Sell"
            elif start * end < 0:
                expected = "Short > Long" if end > 0 else "Long > Short"
            elif abs(end) > abs(start):
                expected = "Open Long" if end > 0 else "Open Short"
            else:
                expected = "Close Long" if start > 0 else "Close Short"
            assert row["dir"] == expected


def test_makers_pay_less_than_takers_and_only_a_closing_fill_has_a_result(world: World) -> None:
    for rows in world.fills.values():
        for row in perp_rows(rows):
            notional = float(row["px"]) * float(row["sz"])
            assert float(row["fee"]) == pytest.approx(notional * (0.00045 if row["crossed"] else 0.00015), abs=1e-6)
            assert row["dir"].startswith("Close") or ">" in row["dir"] or row["closedPnl"] == "0.0"


def test_the_parts_of_a_takers_order_share_their_moment_and_hash(world: World) -> None:
    orders: dict[int, list[FillRow]] = defaultdict(list)
    for rows in world.fills.values():
        for row in rows:
            orders[row["oid"]].append(row)
    assert any(len(rows) > 1 and rows[0]["crossed"] for rows in orders.values())
    for rows in orders.values():
        assert len({(row["user"], row["coin"], row["side"]) for row in rows}) == 1
        if rows[0]["crossed"]:
            assert len({(row["time"], row["hash"]) for row in rows}) == 1
        else:
            assert len({row["px"] for row in rows}) == 1
            assert len({row["hash"] for row in rows}) == len(rows)
            assert rows[-1]["time"] - rows[0]["time"] <= 60 * MINUTE_MS


def test_good_traders_earn_and_the_bad_one_loses(world: World) -> None:
    earned = {
        style.description: sum(
            trip.pnl_usd for trip in round_trips([as_fill(row) for row in rows_of(world, style.kind)])
        )
        for style in (PATIENT, NIMBLE, LOSER)
    }
    assert earned[PATIENT.description] > 0
    assert earned[NIMBLE.description] > 0
    assert earned[LOSER.description] < 0


@pytest.mark.parametrize("style", [PATIENT, NIMBLE, SLOW])
def test_the_opens_of_those_worth_copying_pass_the_size_and_weight_gates(world: World, style: Style) -> None:
    opens = [effect for _, effect in entries_of(world, style) if effect.action is Action.OPEN]
    passed = [
        effect
        for order, effect in entries_of(world, style)
        if effect.action is Action.OPEN
        and size_gate(order.coin, effect.value_usd, POLICY) is None
        and effect.value_usd / style.equity_usd >= POLICY.min_position_weight
    ]
    assert len(passed) >= 10
    assert len(passed) >= 0.9 * len(opens)
    assert {effect.side for effect in passed} == {Side.LONG, Side.SHORT}


def test_small_tickets_stay_below_the_size_gate_and_the_whales_below_the_weight_gate(world: World) -> None:
    small = entries_of(world, SMALL)
    assert len(small) > 20
    assert all(size_gate(order.coin, effect.value_usd, POLICY) is not None for order, effect in small)
    whale = entries_of(world, WHALE)
    assert len(whale) > 10
    assert all(effect.value_usd / WHALE.equity_usd < POLICY.min_position_weight for _, effect in whale)


def test_the_whale_adds_to_a_position_whose_open_nobody_saw(world: World) -> None:
    fills = [as_fill(row) for row in rows_of(world, WHALE.kind) if row["coin"] == "BTC"]
    first = group_orders(fills)[0]
    assert effect_of(first).action is Action.ADD
    assert opened_at(first, fills) is None


def test_the_fast_trader_is_out_within_minutes(world: World) -> None:
    trips = [trip for trip in round_trips([as_fill(row) for row in rows_of(world, FAST.kind)]) if trip.closed_at]
    assert len(orders_of(rows_of(world, FAST.kind))) / DAYS > 6
    assert all(trip.closed_at - trip.opened_at < POLICY.copy_delay for trip in trips if trip.closed_at)


def test_the_makers_orders_fill_slowly_and_the_slicer_leaves_and_once_enters_by_twap(world: World) -> None:
    spans = [
        order.last_time - order.first_time
        for order, _ in orders_of(rows_of(world, SLOW.kind))
        if order.key.startswith("oid")
    ]
    assert max(spans) > timedelta(minutes=40)
    twaps = {
        order.key: (order, effect)
        for order, effect in orders_of(rows_of(world, SLICER.kind))
        if order.key.startswith("twap")
    }
    assert [effect.action for _, effect in twaps.values()] == [Action.CLOSE, Action.OPEN, Action.CLOSE]
    assert all(len(order.fills) == 80 for order, _ in twaps.values())
    slices = [row for row in rows_of(world, SLICER.kind) if row["twapId"] is not None]
    assert {row["hash"] for row in slices} == {ZERO_HASH}
    assert len({row["oid"] for row in slices}) == 240
    assert all(row["hash"] != ZERO_HASH for rows in world.fills.values() for row in rows if row["twapId"] is None)


def test_adds_come_within_two_hours_of_the_open_and_later(world: World) -> None:
    ages = []
    for style in (PATIENT, SLOW):
        fills = by_coin(rows_of(world, style.kind))
        for order, effect in entries_of(world, style):
            opened = opened_at(order, [as_fill(row) for row in fills[order.coin]])
            if effect.action is Action.ADD and opened is not None:
                ages.append(order.first_time - opened)
    assert any(age <= POLICY.add_max_age for age in ages)
    assert any(age > POLICY.add_max_age for age in ages)


def test_some_positions_flip_some_are_reduced_and_some_leave_dust(world: World) -> None:
    assert any(effect.flipped for _, effect in orders_of(rows_of(world, NIMBLE.kind)))
    assert any(effect.action is Action.REDUCE for _, effect in orders_of(rows_of(world, PATIENT.kind)))
    remainders = [
        abs(order.fills[-1].end_position) * order.fills[-1].price
        for order, effect in orders_of(rows_of(world, PATIENT.kind))
        if effect.action is Action.CLOSE
    ]
    assert any(0 < remainder < 10 for remainder in remainders)


def test_the_nervous_one_leaves_within_the_quarter_of_an_hour(world: World) -> None:
    orders = orders_of(rows_of(world, LOSER.kind))
    doubts = sum(
        other.coin == entry.coin
        and not after.is_entry
        and timedelta(0) < other.first_time - entry.last_time < POLICY.copy_delay
        for entry, effect in orders
        if effect.action is Action.OPEN
        for other, after in orders
    )
    assert doubts >= 3


def test_other_markets_appear_among_the_fills(world: World) -> None:
    fills = by_coin(rows_of(world, PATIENT.kind))
    assert {row["dir"] for row in fills[SPOT_COIN]} == {"Buy", "Sell"}
    assert {row["dir"] for row in fills[HIP3_COIN]} == {"Open Long", "Close Long"}


def test_nothing_happens_to_a_wallet_from_its_last_minute_on() -> None:
    market = make_market(np.random.default_rng(1), to_ms(START), 120)
    wallet = Wallet(market, np.random.default_rng(2), 1, 1000.0)
    wallet.until = 60
    wallet.take("BTC", 60, 5)
    assert wallet.rest("BTC", 60, 5) == 60
    wallet.twap("BTC", 30, 50, 40)
    wallet.trade_elsewhere(SPOT_COIN, 60, 5, 30.0)
    assert wallet.rows() == []
    wallet.rest("BTC", 59, 7)
    assert [(row["sz"], row["time"] // MINUTE_MS - market.start_ms // MINUTE_MS) for row in wallet.rows()] == [
        ("0.00007", 59)
    ]


def test_an_order_for_nothing_leaves_no_fill() -> None:
    wallet = Wallet(make_market(np.random.default_rng(1), to_ms(START), 120), np.random.default_rng(2), 1, 1000.0)
    wallet.take("BTC", 5, 0)
    assert wallet.rest("BTC", 5, 0) == 5
    assert wallet.rows() == []


def test_a_world_too_short_for_ruin_has_none_and_who_never_traded_in_it_is_not_there() -> None:
    calm = generate(0, start=START, days=1, history_days=0)
    assert not any("liquidation" in row for rows in calm.fills.values() for row in rows)
    assert DECAYED.kind not in {who.kind for who in calm.traders}
    assert all(calm.fills[who.address] for who in calm.traders)


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [(2690.0, 8, "2690.0"), (0.00001, 5, "0.00001"), (-1e-9, 6, "0.0"), (43.840, 2, "43.84"), (1200.0, 0, "1200.0")],
)
def test_numbers_are_written_as_the_venue_writes_them(value: float, places: int, text: str) -> None:
    assert wire(value, places) == text
