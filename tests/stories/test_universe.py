"""A universe of a hundred coins, every number of size decimals, prices from 0.0001 to 100,000: each order is legal everywhere.

The venue refuses any price off its tick and any size off its lot, so what it accepts is legal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from hlcopy.domain import exits, orders, stops
from hlcopy.domain.book import ExitReason, IntentState
from hlcopy.domain.instrument import PERP_DECIMALS, Instrument
from hlcopy.domain.models import Side
from hlcopy.domain.policy import Policy
from hlcopy.ports import UNKNOWN, Accepted
from hlcopy.simulator.venue import quiet_world
from tests.adapters.test_live_venue import trading_at
from tests.builders import position
from tests.live import ACCOUNT
from tests.venue import START, local_venue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.adapters.test_live_venue import Trading

POLICY: Final = Policy()
COPY_USD: Final = 7_351.0
COUNT: Final = 98


def universe() -> list[tuple[Instrument, float]]:
    """Return coins whose prices are spread evenly over nine decades, off any round number, legal where they stand."""
    coins = []
    for number in range(COUNT):
        decimals = number % 6
        # However coarse a coin's tick is, its price is worth a hundred of them; with fewer nothing is entered.
        lowest = max(-4.0, decimals - 4.0)
        highest = min(5.0, 4.6 + decimals)  # a whole lot must be worth less than the most that we enter with
        raw = 10 ** (lowest + (highest - lowest) * (number // 6) / (COUNT // 6)) * 0.98765
        instrument = Instrument(
            coin=f"C{number:03d}", size_decimals=decimals, max_leverage=(3, 5, 10, 20, 40)[number % 5]
        )
        coins.append((instrument, instrument.price_down(max(raw, 0.0001))))
    return coins


@pytest.fixture(scope="module")
def trading() -> Iterator[Trading]:
    """A live exchange at a venue with all these coins."""
    coins = universe()
    world = quiet_world(
        START,
        {instrument.coin: price for instrument, price in coins},
        days=1,
        history_days=0,
        instruments={instrument.coin: instrument for instrument, _ in coins},
    )
    with local_venue(world, weight_per_minute=10**6) as venue, trading_at(venue) as found:
        venue.floor.deposit(ACCOUNT, 10_000_000.0)
        for instrument, _ in coins:
            venue.venue.set_depth(instrument.coin, 1_000_000.0)
        yield found


def test_the_universe_is_as_wide_as_it_says() -> None:
    coins = universe()
    prices = [price for _, price in coins]
    assert {instrument.size_decimals for instrument, _ in coins} == set(range(6))
    assert (len(coins), min(prices) < 0.00015, max(prices) > 90_000) == (COUNT, True, True)


@pytest.mark.parametrize("part", range(4))
def test_every_entry_stop_move_and_exit_of_every_coin_is_taken_at_its_price_and_size(
    trading: Trading, part: int
) -> None:
    for number, (instrument, price) in list(enumerate(universe()))[part::4]:
        side = (Side.LONG, Side.SHORT)[number // 6 % 2]
        _round_trip(trading, instrument, price, side)


def _round_trip(trading: Trading, instrument: Instrument, price: float, side: Side) -> None:
    exchange, now = trading.exchange, trading.now
    account = exchange.account(now)
    assert account is not UNKNOWN
    assert isinstance(exchange.set_leverage(instrument.coin, 1, now), Accepted)
    coarse = 10.0 ** (instrument.size_decimals - PERP_DECIMALS) / price > 0.001
    size = max(instrument.size_of(COPY_USD, price), 10.0**-instrument.size_decimals)
    entered = exchange.send(
        orders.entry_order(
            signal_id=f"{instrument.coin}-{side}",
            side=side,
            size=size,
            mark=price,
            max_slippage=12.0 if coarse else 0.5,
            instrument=instrument,
            now=now,
            policy=POLICY.execution,
        ),
        now,
    )
    assert isinstance(entered, Accepted), (instrument, price, entered)
    assert (entered.state, entered.filled_size) == (IntentState.FILLED, size), instrument  # type: ignore[union-attr]
    held = position(
        signal_id=f"{instrument.coin}-{side}",
        coin=instrument.coin,
        side=side,
        entry_price=price,
        best_price=price,
        size=size,
        entry_size=size,
    )
    for attempt, gain in enumerate((0.0, 3.7, 11.3), start=1):
        best = price * (1 + side.sign * gain / 100)
        trigger = stops.trigger(price, best, side, POLICY.exit)
        stop = orders.stop_order(held, trigger, attempt, instrument=instrument, now=now, policy=POLICY.execution)
        if gain < 10:
            assert isinstance(exchange.send(stop, now), Accepted), (instrument, stop)
        assert stop.trigger_price is not None
        assert (stop.trigger_price - trigger.price) * side.sign >= 0, (instrument, stop)
        assert instrument.is_legal_price(stop.trigger_price)
    for attempt in (5, 6) if coarse else (1, 2):
        tier = exits.tier_size(size, 0.25, price, instrument, POLICY.execution.min_notional_usd)
        part = size if attempt in {2, 6} else tier
        if not part:
            continue  # a single lot can't be parted
        left = orders.exit_order(
            held,
            leg="exit",
            attempt=attempt,
            size=part,
            mark=price,
            reason=ExitReason.TIME_STOP,
            instrument=instrument,
            now=now,
            policy=POLICY.execution,
        )
        assert isinstance(exchange.send(left, now), Accepted), (instrument, left)
    assert trading.floor.accounts[ACCOUNT].held(instrument.coin) == 0.0, instrument
