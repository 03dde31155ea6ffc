"""Whatever is done at the local venue, its books add up: random trading in a made-up market, by seed."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from hlcopy.simulator.trading_requests import (
    CancelOrders,
    ModifyOrders,
    PlaceOrders,
    Trigger,
    UpdateIsolatedMargin,
    UpdateLeverage,
    Wish,
)
from tests.simulator.seeded import seeded
from tests.trading import Trader

if TYPE_CHECKING:
    from hlcopy.simulator.trading_requests import Action
    from hlcopy.simulator.world import World

COINS = ("BTC", "SOL", "kPEPE")
STEPS = 250


@pytest.fixture(scope="module")
def world() -> World:
    return seeded(7, days=2, history_days=0)


class Monkey:
    """Somebody who trades without sense: everything that the exchange API lets through, at any size and price."""

    def __init__(self, world: World, seed: int) -> None:
        self.dice = random.Random(seed)  # noqa: S311 - a seed, no secret
        self.trader = Trader(5_000.0, world=world)
        self.floor, self.account = self.trader.floor, self.trader.account
        self.matching = self.floor._matching  # noqa: SLF001 - without signatures, which take milliseconds
        self.desk = self.floor._desk  # noqa: SLF001 - as above

    def act(self) -> None:
        coin = self.dice.choice(COINS)
        asset, mark = self.matching.universe.index(coin), self.matching.mark(coin)
        if self.dice.random() < 0.05:
            self.floor.partial_next(coin, self.dice.random())
        if self.dice.random() < 0.03 and self.account.held(coin):
            self.floor.deleverage(self.account.address, coin, abs(self.account.held(coin)) * self.dice.random())
        if self.dice.random() < 0.06:  # a jump, after which the coin stands still until the next
            at = self.trader.clock.now_ms() + self.dice.randint(1, 60_000)
            self.trader.venue.set_mark(coin, mark * self.dice.uniform(0.9, 1.1), at)
        self.matching.begin(self.matching.now)
        try:
            self.desk.carry_out(self.account, self.action(coin, asset, mark))
        except Exception as error:  # noqa: BLE001 - refusals are fine, nothing else is
            assert type(error).__name__ == "RefusedError", error  # noqa: PT017 - whichever came

    def action(self, coin: str, asset: int, mark: float) -> Action:
        kind = self.dice.random()
        if kind < 0.7:
            grouping = self.dice.choice(["na", "na", "na", "normalTpsl", "positionTpsl"])
            first = self.wish(coin, asset, mark, armed=grouping == "positionTpsl" or self.dice.random() < 0.4)
            rest = [self.wish(coin, asset, mark, armed=True) for _ in range(2 if grouping == "normalTpsl" else 0)]
            return PlaceOrders(orders=(first, *rest), grouping=grouping)  # type: ignore[arg-type] # one of the three
        numbers = [order.oid for order in self.account.orders.values()] or [1]
        if kind < 0.8:
            return CancelOrders(cancels=((asset, self.dice.choice(numbers)),))
        if kind < 0.88:
            wish = self.wish(coin, asset, mark, armed=self.dice.random() < 0.5)
            return ModifyOrders(modifies=((self.dice.choice(numbers), wish),), always_place=True, is_batch=True)
        if kind < 0.94:
            return UpdateLeverage(asset=asset, is_cross=self.dice.random() < 0.3, leverage=self.dice.randint(1, 25))
        return UpdateIsolatedMargin(asset=asset, millionths=self.dice.randint(-50_000_000, 50_000_000))

    def wish(self, coin: str, asset: int, mark: float, *, armed: bool) -> Wish:
        instrument, held = self.matching.instruments[coin], self.account.held(coin)
        against = held < 0 if held else self.dice.random() < 0.5
        is_buy = against if self.dice.random() < (0.8 if armed else 0.4) else not against
        away = instrument.price_down(mark * self.dice.uniform(0.98, 1.02))
        is_stop = (away > mark) == is_buy if self.dice.random() < 0.9 else self.dice.random() < 0.5
        trigger = Trigger(price=away, is_market=self.dice.random() < 0.7, is_stop=is_stop)
        cap = away * (1.05 if is_buy else 0.95) if armed else mark * self.dice.uniform(0.985, 1.015)
        return Wish(
            asset=asset,
            is_buy=is_buy,
            price=instrument.price_down(cap),
            size=instrument.size(self.dice.uniform(5, 9_000) / mark),
            reduce_only=armed or (self.dice.random() < 0.5 and is_buy == against),
            tif=None if armed else self.dice.choice(["Ioc", "Gtc", "Alo", "FrontendMarket"]),
            trigger=trigger if armed else None,
            cloid=f"0x{self.dice.randint(1, 60):032x}",
        )

    def check(self) -> None:
        account, trader = self.account, self.trader
        told = sum(float(row["closedPnl"]) - float(row["fee"]) for row in account.fills)
        told += sum(float(row["delta"]["usdc"]) for row in account.fundings)
        assert account.balance == pytest.approx(5_000.0 + told, abs=2e-4)
        sizes: dict[str, float] = {}
        for row in account.fills:
            start = sizes.get(row["coin"], 0.0)
            assert float(row["startPosition"]) == pytest.approx(start, abs=1e-9)
            assert float(row["sz"]) > 0
            sizes[row["coin"]] = round(start + (float(row["sz"]) if row["side"] == "B" else -float(row["sz"])), 8)
        assert {coin: size for coin, size in sizes.items() if size} == {
            position.coin: position.size for position in account.positions.values()
        }
        state = trader.info("clearinghouseState")
        assert float(state["marginSummary"]["accountValue"]) == pytest.approx(
            account.value_at(trader.clock.now_ms(), trader.venue.mark), abs=1e-3
        )
        for order in account.orders.values():
            assert order.is_open
            assert order.left > 0
            held = account.held(order.coin)
            if order.reduce_only and not order.waiting:
                assert held < 0 if order.is_buy else held > 0
                if order.rests:
                    assert order.left <= abs(held)
        open_rows = {row["oid"] for row in trader.info("frontendOpenOrders")}
        assert open_rows == set(account.orders) == {each.oid for each in account.records.values() if each.is_open}


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_done_the_books_add_up(world: World, seed: int) -> None:
    monkey = Monkey(world, seed)
    for step in range(STEPS):
        monkey.act()
        monkey.trader.later(monkey.dice.choice([0, 1, 700, 30_000, 600_000]))
        if step % 25 == 0:
            monkey.check()
    monkey.check()
    entries = [row for row in monkey.floor.journal.of("fill") if row["account"] == monkey.account.address]
    assert [row["tid"] for row in entries] == [row["tid"] for row in monkey.account.fills]
    moments: list[Any] = [row["at_ms"] for row in monkey.floor.journal.entries]
    assert moments == sorted(moments)
    assert len(entries) > 25
    statuses = {row["status"] for row in monkey.floor.journal.of("order")}
    assert statuses >= {"open", "filled", "canceled", "triggered", "reduceOnlyCanceled", "reduceOnlyRejected"}
