"""The last look before signing: what never leaves, and what always may."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from hlcopy.domain import signing
from hlcopy.domain.book import Order, Purpose
from hlcopy.domain.instrument import Instrument, Listing
from hlcopy.domain.policy import ExecutionPolicy, SizingPolicy
from hlcopy.domain.refusals import Refusal, refusal_of_status
from tests.builders import at, order

ETH = Listing(name="ETH", size_decimals=4, max_leverage=25)
ENTRY = order(coin="ETH", size=2.0, limit_price=2_010.0)
EXIT = replace(ENTRY, purpose=Purpose.EXIT, is_buy=False, reduce_only=True)
STOP = replace(EXIT, purpose=Purpose.STOP, trigger_price=1_900.0, limit_price=1_710.0)
SIZING = SizingPolicy()


def judged(made: Order, listing: Listing | None = ETH, equity: float | None = 100_000.0) -> signing.Objection | None:
    return signing.to_order(made, listing, equity, at(seconds=5), SIZING)


@pytest.mark.parametrize("made", [ENTRY, EXIT, STOP], ids=["entry", "exit", "stop"])
def test_a_sound_order_is_signed(made: Order) -> None:
    assert judged(made) is None


NAN, INF = math.nan, math.inf
ENTRIES = {
    "a size that isn't a number": (replace(ENTRY, size=NAN), Refusal.LOCAL),
    "an infinite size": (replace(ENTRY, size=INF), Refusal.LOCAL),
    "no size": (replace(ENTRY, size=0.0), Refusal.LOCAL),
    "a negative size": (replace(ENTRY, size=-1.0), Refusal.LOCAL),
    "a price that isn't a number": (replace(ENTRY, limit_price=NAN), Refusal.LOCAL),
    "no price bound": (replace(ENTRY, limit_price=None), Refusal.LOCAL),
    "a size finer than the lot": (replace(ENTRY, size=2.00001), Refusal.SIZE),
    "a price finer than the tick": (replace(ENTRY, limit_price=2_010.05), Refusal.TICK),
    "six significant figures": (replace(ENTRY, limit_price=2_010.15), Refusal.TICK),
    "no expiry": (replace(ENTRY, expires_at=None), Refusal.LOCAL),
    "expired before it was sent": (replace(ENTRY, expires_at=at(seconds=5)), Refusal.EXPIRED),
    "a client id in capitals": (replace(ENTRY, client_order_id="0x" + "A" * 32), Refusal.LOCAL),
    "a short client id": (replace(ENTRY, client_order_id="0x12"), Refusal.LOCAL),
    "a client id with a newline": (replace(ENTRY, client_order_id="0x" + "1" * 32 + "\n"), Refusal.LOCAL),
    "an entry with a trigger": (replace(ENTRY, trigger_price=1_900.0), Refusal.LOCAL),
    "a reduce-only entry": (replace(ENTRY, reduce_only=True), Refusal.LOCAL),
    "an exit that isn't reduce-only": (replace(EXIT, reduce_only=False), Refusal.LOCAL),
    "a stop that isn't reduce-only": (replace(STOP, reduce_only=False), Refusal.LOCAL),
    "a stop without a trigger": (replace(STOP, trigger_price=None), Refusal.LOCAL),
    "a stop with a trigger that isn't a number": (replace(STOP, trigger_price=NAN), Refusal.LOCAL),
    "a stop with a trigger between ticks": (replace(STOP, trigger_price=1_900.05), Refusal.TICK),
    "a selling stop bounded above its trigger": (replace(STOP, limit_price=1_910.0), Refusal.LOCAL),
    "a buying stop bounded below its trigger": (replace(STOP, is_buy=True), Refusal.LOCAL),
}


@pytest.mark.parametrize("case", ENTRIES)
def test_what_is_not_as_it_must_be_is_never_signed(case: str) -> None:
    made, kind = ENTRIES[case]
    objection = judged(made)
    assert objection is not None
    assert objection.kind is kind


@pytest.mark.parametrize(
    ("case", "size", "equity", "signed"),
    [
        ("exactly a tenth of equity, at the mark", 4.98, 100_000.0, True),
        ("two percent more, for the price bound", 5.07, 100_000.0, True),
        ("more than that", 5.08, 100_000.0, False),
        ("the limit in USD binds", 24.87, 10_000_000.0, True),
        ("more than the limit in USD", 25.38, 10_000_000.0, False),
        ("equity unknown", 0.01, None, False),
        ("equity not a number", 0.01, NAN, False),
        ("equity infinite", 0.01, INF, False),
        ("equity below zero", 0.01, -5.0, False),
    ],
)
def test_an_entry_is_never_larger_than_its_limit(case: str, size: float, equity: float | None, signed: bool) -> None:  # noqa: FBT001
    assert (judged(replace(ENTRY, size=size), equity=equity) is None) is signed, case


@pytest.mark.parametrize("made", [EXIT, STOP], ids=["exit", "stop"])
def test_what_leaves_a_position_has_no_limit(made: Order) -> None:
    assert judged(replace(made, size=1_000.0), equity=None) is None


COINS = {
    "isn't listed": None,
    "another coin": replace(ETH, name="BTC"),
}


@pytest.mark.parametrize("made", [ENTRY, EXIT, STOP], ids=["entry", "exit", "stop"])
@pytest.mark.parametrize("case", COINS)
def test_a_coin_that_isnt_listed_has_no_number_to_sign(case: str, made: Order) -> None:
    assert judged(made, COINS[case]) is not None


@pytest.mark.parametrize("name", ["xyz:NVDA", "@107", "PURR/USDC", "#12", "+12"])
def test_only_perps_of_the_main_dex_are_traded(name: str) -> None:
    assert judged(replace(ENTRY, coin=name), replace(ETH, name=name)) is not None


@pytest.mark.parametrize("listing", [replace(ETH, is_delisted=True), replace(ETH, margin_mode="newMode")])
def test_a_delisted_coin_or_one_of_an_unknown_margin_mode_can_be_left_and_not_entered(listing: Listing) -> None:
    assert judged(ENTRY, listing) is not None
    assert signing.to_leverage("ETH", 3, listing, ExecutionPolicy()) is not None
    assert judged(EXIT, listing) is None
    assert judged(STOP, listing) is None


@pytest.mark.parametrize("mode", [None, "strictIsolated", "noCross"])
def test_the_margin_modes_that_are_known_allow_isolated_margin(mode: str | None) -> None:
    assert judged(ENTRY, replace(ETH, margin_mode=mode)) is None


@pytest.mark.parametrize(
    ("leverage", "most", "signed"),
    [(1, 25, True), (5, 25, True), (6, 25, False), (3, 3, True), (4, 3, False), (0, 25, False), (-1, 25, False)],
)
def test_leverage_stays_within_ours_and_the_coin_s(leverage: int, most: int, signed: bool) -> None:  # noqa: FBT001
    objection = signing.to_leverage("ETH", leverage, replace(ETH, max_leverage=most), ExecutionPolicy())
    assert (objection is None) is signed


@pytest.mark.parametrize("leverage", [3.0, True, "3"])
def test_a_leverage_that_isnt_a_whole_number_isnt_signed(leverage: object) -> None:
    assert signing.to_leverage("ETH", leverage, ETH, ExecutionPolicy()) is not None  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["0x12", ""])
def test_a_cancel_names_an_order(text: str) -> None:
    assert signing.to_cancel(STOP, ETH) is None
    assert signing.to_cancel(replace(STOP, client_order_id=text), ETH) is not None
    assert signing.to_cancel(STOP, None) is not None


@pytest.mark.parametrize(
    ("decimals", "price", "legal"),
    [
        (0, 0.001234, True),
        (0, 0.0012345, False),
        (1, 0.01234, True),
        (1, 0.012345, False),
        (1, 1234.5, True),
        (1, 1234.56, False),
        (1, 123456.0, True),
        (1, 12345.6, False),
        (5, 60_000.5, False),
        (5, 60_000.0, True),
        (4, 0.0, False),
        (4, NAN, False),
    ],
)
def test_legal_prices_are_the_venues(decimals: int, price: float, legal: bool) -> None:  # noqa: FBT001
    assert Instrument(coin="X", size_decimals=decimals, max_leverage=5).is_legal_price(price) is legal


@pytest.mark.parametrize(
    ("decimals", "size", "legal"),
    [
        (2, 0.01, True),
        (2, 0.015, False),
        (0, 12_345_678.0, True),
        (0, 0.5, False),
        (5, 0.1 + 0.2, False),
        (5, 0.3, True),
    ],
)
def test_legal_sizes_are_whole_lots(decimals: int, size: float, legal: bool) -> None:  # noqa: FBT001
    assert Instrument(coin="X", size_decimals=decimals, max_leverage=5).is_legal_size(size) is legal


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("tickRejected", Refusal.TICK),
        ("minTradeNtlRejected", Refusal.MIN_NOTIONAL),
        ("perpMarginRejected", Refusal.MARGIN),
        ("reduceOnlyRejected", Refusal.ALREADY_FLAT),
        ("iocCancelRejected", Refusal.NO_MATCH),
        ("marketOrderNoLiquidityRejected", Refusal.NO_MATCH),
        ("badTriggerPxRejected", Refusal.BAD_TRIGGER),
        ("oracleRejected", Refusal.TOO_FAR),
        ("positionIncreaseAtOpenInterestCapRejected", Refusal.CAPPED),
        ("positionFlipAtOpenInterestCapRejected", Refusal.CAPPED),
        ("tooAggressiveAtOpenInterestCapRejected", Refusal.CAPPED),
        ("openInterestIncreaseRejected", Refusal.CAPPED),
        ("perpMaxPositionRejected", Refusal.CAPPED),
        ("badAloPxRejected", Refusal.OTHER),
        ("rejected", Refusal.OTHER),
        ("someDayRejected", Refusal.OTHER),
    ],
)
def test_a_record_s_status_has_the_class_of_the_words_at_sending(status: str, kind: Refusal) -> None:
    assert refusal_of_status(status) is kind
