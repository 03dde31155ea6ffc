"""The list of the venue's coins: by their places, with their rules, and never old."""

from __future__ import annotations

from hlcopy.adapters.hyperliquid.market import HyperliquidMarket
from hlcopy.domain.models import from_ms
from hlcopy.ports import UNKNOWN
from tests.adapters.hyperliquid.rows import T0, asset, context, wired
from tests.servers import HandClock, Reply, Request, ok

NOW = from_ms(T0 + 60_000)


def test_the_list_of_coins_is_a_minute_old_at_most_and_four_hours_while_it_can_t_be_read() -> None:
    coins = [asset("BTC"), asset("ETH")]
    down: list[bool] = []

    def answer(_: Request) -> Reply:
        return (500, {}, None) if down else ok([{"universe": coins}, [context("1.0")] * len(coins)])

    with wired(answer, clock=HandClock(NOW), patience=0.0) as wire:
        market = HyperliquidMarket(wire.client, wire.clock, lambda _: None)

        def names() -> object:
            listed = market.listings(wire.clock.now())
            return listed if listed is UNKNOWN else [(each.name, each.size_decimals) for each in listed]

        before = names()
        coins[:] = [asset("NEW"), asset("ETH", szDecimals=1), asset("BTC")]
        assert names() == before
        wire.clock.advance(61)
        assert names() == [("NEW", 5), ("ETH", 1), ("BTC", 5)]
        down.append(True)
        wire.clock.advance(4 * 3_600 - 1)
        assert names() == [("NEW", 5), ("ETH", 1), ("BTC", 5)]
        wire.clock.advance(2)
        assert names() is UNKNOWN
