"""Marks, rules, books and the past of prices, as ticks and the paper venue ask for them."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import pytest

from hlcopy.adapters.hyperliquid.market import HyperliquidMarket
from hlcopy.adapters.memory.usage import MemoryRation
from hlcopy.adapters.wire import INTERVALS
from hlcopy.domain.instrument import Instrument
from hlcopy.domain.models import Side, from_ms, to_ms
from hlcopy.domain.rations import MONITOR
from hlcopy.domain.safety import Conditions
from hlcopy.errors import BadAnswerError, SourceDownError, TryLaterError
from hlcopy.ports import UNKNOWN, Level, Marks, Quote
from tests.adapters.hyperliquid.rows import asset, by_type, candle, context, wired
from tests.servers import HandClock, Reply, Request, ok

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from tests.adapters.hyperliquid.rows import Wire

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

HOUR = 1_794_999_600_000
"""The top of an hour in milliseconds."""
NOW = from_ms(HOUR + 10 * 60_000 + 30_000)
MINUTE = timedelta(minutes=1)

COINS = [asset("BTC"), asset("ETH", szDecimals=4, maxLeverage=25), asset("OLD", isDelisted=True), asset("kPEPE")]


def present(btc: str | None = "60000.0", **changes: object) -> list[object]:
    """Return metaAndAssetCtxs."""
    return [{"universe": COINS}, [context(btc, **changes), context("2500.5"), context("1.0"), context("NaN")]]


class Scene:
    """A market on a scripted server, and what it told."""

    def __init__(self, wire: Wire) -> None:
        self.told: list[str] = []
        self.wire = wire
        self.market = HyperliquidMarket(wire.client, wire.clock, self.told.append)

    def types(self) -> list[str]:
        """Return the types of the requests."""
        return [body["type"] for body in self.wire.asked()]


@contextmanager
def scene(script: Callable[[Request], Reply] | None = None, **answers: object) -> Iterator[Scene]:
    usual: dict[str, object] = {"metaAndAssetCtxs": present(), "candleSnapshot": [], "fundingHistory": []}
    with wired(script or by_type(**(usual | answers)), clock=HandClock(NOW)) as wire:
        yield Scene(wire)


def test_a_mark_is_the_present_one() -> None:
    with scene() as at:
        assert at.market.marks("BTC", NOW - MINUTE, NOW) == Marks(60_000.0, 60_000.0, 60_000.0, NOW)


def test_the_mark_of_a_moment_before_is_that_of_its_candle_as_far_as_that_was_read() -> None:
    top = from_ms(HOUR)
    past = [
        candle(HOUR - 60_000, "58000.0", "58150.0", "57950.0", "58100.0"),
        candle(HOUR, "58200.0", "58350.0", "58150.0", "58300.0"),
    ]
    with scene(candleSnapshot=past) as at:
        at.market.look({"BTC": top - 2 * MINUTE}, NOW)
        assert at.market.mark("BTC", top) == 58_200.0
        assert at.market.mark("BTC", top + 3 * MINUTE) == 58_300.0  # no trade since: the last close
        assert at.market.mark("BTC", top - 5 * MINUTE) == 60_000.0  # not read
        assert at.market.mark("BTC", NOW) == 60_000.0


@pytest.mark.parametrize("coin", ["DOGE", "@107", "xyz:NVDA", "btc"])
def test_a_coin_that_the_venue_doesnt_have_has_no_mark(coin: str) -> None:
    with scene() as at:
        assert at.market.marks(coin, NOW, NOW) is None


@pytest.mark.parametrize("mark", [None, "0.0"])
def test_a_mark_of_nothing_is_none(mark: str | None) -> None:
    with scene(metaAndAssetCtxs=present(mark)) as at:
        assert at.market.marks("BTC", NOW, NOW) is None


def test_a_broken_mark_is_unknown_and_told_and_the_others_are_read() -> None:
    with scene() as at:
        assert at.market.marks("kPEPE", NOW, NOW) is UNKNOWN
        assert at.market.marks("BTC", NOW, NOW) is not UNKNOWN
    assert "kPEPE" in at.told[0]


def test_a_mark_that_cant_be_read_is_unknown_and_told() -> None:
    with scene(lambda _: (502, {}, b"<html>")) as at:
        assert at.market.marks("BTC", NOW, NOW) is UNKNOWN
    assert "it answers 502" in at.told[0]


def test_one_request_serves_a_tick_for_five_seconds() -> None:
    with scene() as at:
        for coin in ("BTC", "ETH", "BTC"):
            at.market.marks(coin, NOW, NOW)
        at.wire.clock.advance(5.0)
        at.market.marks("BTC", NOW, NOW)
        assert at.types() == ["metaAndAssetCtxs"]
        at.wire.clock.advance(0.1)
        at.market.marks("BTC", NOW, NOW)
        assert len(at.types()) == 2
        at.market.marks("BTC", NOW, NOW + MINUTE)
        assert len(at.types()) == 3


def test_threads_of_one_tick_share_the_request() -> None:
    with scene() as at, ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda coin: at.market.marks(coin, NOW, NOW), ["BTC", "ETH"] * 4))
        assert len(found) == 8
        assert len(at.types()) == 1


RULES = {
    "BTC": Instrument(coin="BTC", size_decimals=5, max_leverage=40),
    "ETH": Instrument(coin="ETH", size_decimals=4, max_leverage=25),
    "kPEPE": Instrument(coin="kPEPE", size_decimals=5, max_leverage=40),
    "KPEPE": None,
    "OLD": None,
    "DOGE": None,
    "@107": None,
    "PURR/USDC": None,
    "xyz:NVDA": None,
    "#12": None,
}


@pytest.mark.parametrize("coin", RULES)
def test_only_main_dex_perps_that_trade_have_rules(coin: str) -> None:
    with scene() as at:
        assert at.market.instrument(coin) == RULES[coin]


def test_rules_that_cant_be_read_are_not_a_coin_that_doesnt_trade() -> None:
    with scene(lambda _: (500, {}, None)) as at, pytest.raises(SourceDownError):
        at.market.instrument("BTC")


def test_rules_come_with_what_a_tick_has_read() -> None:
    with scene() as at:
        at.market.look({}, NOW)
        at.market.instrument("BTC")
        at.market.mark("BTC", NOW)
        at.market.next_price("BTC", NOW)
    assert at.types() == ["metaAndAssetCtxs"]


def test_an_order_meets_the_middle_of_the_book_or_else_the_mark() -> None:
    with scene(metaAndAssetCtxs=present("60000.0", midPx="60010.5")) as at:
        at.market.look({}, NOW)
        assert at.market.next_price("BTC", NOW) == Quote(60_010.5, NOW)
        assert at.market.mark("BTC", NOW) == 60_000.0
    with scene(metaAndAssetCtxs=present("60000.0", midPx=None)) as at:
        at.market.look({}, NOW)
        assert at.market.next_price("BTC", NOW) == Quote(60_000.0, NOW)


def test_what_was_never_read_has_no_price() -> None:
    with scene() as at:
        assert at.market.mark("BTC", NOW) is None
        assert at.market.next_price("BTC", NOW) is None
        at.market.look({}, NOW)
        assert at.market.mark("DOGE", NOW) is None
        assert at.market.next_price("kPEPE", NOW) is None
    assert at.types() == ["metaAndAssetCtxs"]


@pytest.mark.parametrize("fails", ["metaAndAssetCtxs", "candleSnapshot", "fundingHistory"])
def test_a_look_that_fails_says_so(fails: str) -> None:
    answers = {"metaAndAssetCtxs": present(), "candleSnapshot": [], "fundingHistory": []}

    def answer(request: Request) -> Reply:
        name = request.json["type"]
        return (500, {}, None) if name == fails else ok(answers[name])

    with scene(answer) as at, pytest.raises(TryLaterError):
        at.market.look({"BTC": NOW - timedelta(hours=2)}, NOW)


def test_a_look_reads_each_coins_past_from_its_own_moment() -> None:
    with scene() as at:
        at.market.look({"BTC": NOW - MINUTE, "ETH": NOW - timedelta(minutes=5, seconds=10)}, NOW)
        candles = [body["req"] for body in at.wire.asked() if body["type"] == "candleSnapshot"]
    # The candle that runs at that moment is read too: it may have begun after the stop was placed. The one before comes
    # again: it may not have been served whole when it was read right at its end.
    assert candles == [
        {"coin": "BTC", "interval": "1m", "startTime": HOUR + 8 * 60_000, "endTime": to_ms(NOW)},
        {"coin": "ETH", "interval": "1m", "startTime": HOUR + 4 * 60_000, "endTime": to_ms(NOW)},
    ]


def test_a_look_at_the_same_moment_reads_nothing_again() -> None:
    with scene() as at:
        at.market.look({"BTC": NOW - MINUTE}, NOW)
        count = len(at.types())
        at.market.look({"BTC": NOW - MINUTE}, NOW)
        at.market.look({"BTC": NOW}, NOW)
        assert len(at.types()) == count
        at.market.look({"BTC": NOW - 2 * MINUTE}, NOW)
        assert len(at.types()) == count + 1


def test_a_coin_without_a_past_costs_no_request() -> None:
    with scene() as at:
        at.market.look({"BTC": NOW}, NOW)
    assert at.types() == ["metaAndAssetCtxs"]


@pytest.mark.parametrize(
    ("back", "interval"),
    [
        (timedelta(hours=1), "1m"),
        (timedelta(hours=16), "1m"),
        (timedelta(hours=17), "3m"),
        (timedelta(hours=60), "5m"),
        (timedelta(days=10), "15m"),
        (timedelta(days=60), "2h"),
        (timedelta(days=5_000), "1d"),
    ],
)
def test_a_long_absence_is_read_in_the_finest_candles_of_which_a_thousand_reach_back(
    back: timedelta, interval: str
) -> None:
    with scene() as at:
        at.market.look({"BTC": NOW - back}, NOW)
        (request,) = [body["req"] for body in at.wire.asked() if body["type"] == "candleSnapshot"]
    assert request["interval"] == interval


PLACED = NOW - timedelta(minutes=5, seconds=10)
"""Twenty seconds into a candle."""
OPENED = to_ms(PLACED) - 20_000
FALL = candle(OPENED + 60_000, "59000", "59100", "57000", "58000")

TOUCHES: dict[str, tuple[Side, float, list[object], str, Quote | None]] = {
    "a long's stop inside a candle fills at its trigger": (
        Side.LONG, 58_500.0, [FALL], "60000.0", Quote(58_500.0, from_ms(OPENED + 60_000)),
    ),
    "a long's stop above the open fills at the open, a gap": (
        Side.LONG, 59_500.0, [FALL], "60000.0", Quote(59_000.0, from_ms(OPENED + 60_000)),
    ),
    "a long's stop at the low is reached": (
        Side.LONG, 57_000.0, [FALL], "60000.0", Quote(57_000.0, from_ms(OPENED + 60_000)),
    ),
    "a long's stop below the low isn't": (Side.LONG, 56_999.0, [FALL], "60000.0", None),
    "a short's stop is reached by the high": (
        Side.SHORT, 59_100.0, [FALL], "58000.0", Quote(59_100.0, from_ms(OPENED + 60_000)),
    ),
    "the first of two candles counts": (
        Side.LONG,
        58_500.0,
        [candle(OPENED + 180_000, "58000", "58100", "57900", "58000"), FALL],
        "60000.0",
        Quote(58_500.0, from_ms(OPENED + 60_000)),
    ),
    "a candle that was open already when the stop was placed doesn't count": (
        Side.LONG, 58_500.0, [candle(OPENED, "59000", "59100", "57000", "59000")], "60000.0", None,
    ),
    "the present mark counts, at its own price": (Side.LONG, 58_500.0, [], "58400.0", Quote(58_400.0, NOW)),
    "a mark at the trigger is enough": (Side.SHORT, 61_000.0, [], "61000.0", Quote(61_000.0, NOW)),
    "a mark on the good side isn't": (Side.SHORT, 61_000.0, [], "60999.0", None),
    "a candle comes before the present": (
        Side.LONG, 58_500.0, [FALL], "50000.0", Quote(58_500.0, from_ms(OPENED + 60_000)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TOUCHES)
def test_where_a_stop_fills(name: str) -> None:
    side, trigger, candles, mark, touch = TOUCHES[name]
    with scene(candleSnapshot=candles, metaAndAssetCtxs=present(mark)) as at:
        at.market.look({"BTC": PLACED}, NOW)
        count = len(at.types())
        assert at.market.first_touch("BTC", trigger, side, PLACED, NOW) == touch
        assert len(at.types()) == count  # it only looks at what was read


def hours(*rates: tuple[int, str]) -> list[object]:
    """Return funding rates of hours from `HOUR` on, stamped a little late as the venue does."""
    return [{"coin": "BTC", "fundingRate": rate, "time": HOUR + hour * 3_600_000 + 76} for hour, rate in rates]


def rates(at: Scene, since: datetime, until: datetime) -> list[tuple[int, float]]:
    """Look, and return the rates by hour from `HOUR` on."""
    at.market.look({"BTC": since}, until)
    found = at.market.funding("BTC", since, until)
    return [((to_ms(time) - HOUR) // 3_600_000, rate) for time, rate in found]


def test_each_hour_is_paid_once_however_the_looks_fall() -> None:
    served = hours((-1, "0.0001"), (0, "0.0002"), (1, "0.0003"))
    begin = from_ms(HOUR - 1_900_000)
    for cuts in ([], [0], [50], [76], [100], [0, 50, 100], [3_600_000], [3_600_050]):
        moments = [begin, *(from_ms(HOUR + cut) for cut in cuts), from_ms(HOUR + 3_700_000)]
        with scene(fundingHistory=served) as at:
            paid = [rate for since, until in itertools.pairwise(moments) for rate in rates(at, since, until)]
        assert paid == [(0, 0.0002), (1, 0.0003)]


def test_an_hour_that_isnt_published_yet_is_paid_at_the_running_rate() -> None:
    just_past = from_ms(HOUR + 20)
    with scene(metaAndAssetCtxs=present(funding="0.0005"), fundingHistory=[]) as at:
        assert rates(at, just_past - MINUTE, just_past) == [(0, 0.0005)]
        assert rates(at, just_past, just_past + 2 * MINUTE) == []


def test_within_an_hour_no_rates_are_asked_for() -> None:
    with scene() as at:
        assert rates(at, NOW - MINUTE, NOW) == []
    assert "fundingHistory" not in at.types()


def test_many_hours_are_read_page_by_page() -> None:
    served = hours(*((hour, "0.0001") for hour in range(-1_200, 1)))

    def answer(request: Request) -> Reply:
        asked = request.json
        if asked["type"] == "fundingHistory":
            within: Iterable[dict[str, int]] = served  # type: ignore[assignment] # rows have a time
            return ok([row for row in within if asked["startTime"] <= row["time"] <= asked["endTime"]][:500])
        return ok(present() if asked["type"] == "metaAndAssetCtxs" else [])

    with scene(answer) as at:
        assert len(rates(at, NOW - timedelta(hours=1_100), NOW)) == 1_100


BOOK = {
    "coin": "BTC",
    "levels": [
        [{"px": "59990.0", "sz": "1.5", "n": 2}, {"px": "59995.0", "sz": "0.5", "n": 1}, {"px": "59999.0", "sz": "0.0", "n": 0}],
        [{"px": "60005.0", "sz": "0.25", "n": 1}, {"px": "60001.0", "sz": "2.0", "n": 4}],
    ],
}  # fmt: skip


def test_a_buy_meets_the_asks_and_a_sale_the_bids_best_first() -> None:
    with scene(l2Book=BOOK) as at:
        assert at.market.book("BTC", NOW, is_buy=True) == [Level(60_001.0, 2.0), Level(60_005.0, 0.25)]
        assert at.market.book("BTC", NOW, is_buy=False) == [Level(59_995.0, 0.5), Level(59_990.0, 1.5)]
        assert at.types() == ["l2Book"]
        at.market.book("BTC", NOW + MINUTE, is_buy=False)
        assert at.types() == ["l2Book"] * 2


def test_an_empty_book_is_known_to_be_empty() -> None:
    with scene(l2Book={"levels": [[], []]}) as at:
        assert at.market.book("BTC", NOW, is_buy=True) == []


@pytest.mark.parametrize(
    "reply", [(500, {}, None), ok({"levels": []}), (422, {}, b"no")], ids=["500", "malformed", "422"]
)
def test_a_book_that_cant_be_read_is_none_and_told(reply: Reply) -> None:
    with scene(lambda _: reply) as at:
        assert at.market.book("BTC", NOW, is_buy=True) is None
        assert at.market.book("BTC", NOW, is_buy=False) is None
    assert len(at.told) == 1
    assert "book of BTC" in at.told[0]


def test_an_unknown_coin_has_no_book() -> None:
    with scene(l2Book=None) as at:
        assert at.market.book("NOPE", NOW, is_buy=True) is None


def test_a_market_s_conditions_are_told_in_usd_with_both_sides_of_its_book() -> None:
    answer = present(oraclePx="60030.0", openInterest="10.0", dayNtlVlm="2500000.0", funding="0.0000125")
    with scene(metaAndAssetCtxs=answer, l2Book=BOOK) as at:
        assert at.market.conditions("BTC", NOW) == Conditions(
            mark=60_000.0,
            oracle=60_030.0,
            mid=59_998.0,
            open_interest_usd=600_000.0,
            day_volume_usd=2_500_000.0,
            funding_rate=0.0000125,
            bids=[(59_995.0, 0.5), (59_990.0, 1.5)],
            asks=[(60_001.0, 2.0), (60_005.0, 0.25)],
        )
        at.market.book("BTC", NOW, is_buy=True)
        assert at.types() == ["metaAndAssetCtxs", "l2Book"]  # what the paper venue walks is the same reading


def test_an_empty_book_has_no_middle() -> None:
    with scene(metaAndAssetCtxs=present(dayNtlVlm="1.0"), l2Book={"levels": [[], []]}) as at:
        found = at.market.conditions("BTC", NOW)
        assert isinstance(found, Conditions)
        assert (found.mid, found.bids, found.asks) == (None, [], [])


@pytest.mark.parametrize(
    "changes",
    [
        {"dayNtlVlm": None},
        {"dayNtlVlm": "NaN"},
        {"dayNtlVlm": "-1.0"},
        {"dayNtlVlm": "1.0", "openInterest": None},
        {"dayNtlVlm": "1.0", "oraclePx": "0.0"},
        {"dayNtlVlm": "1.0", "oraclePx": "1e999"},
    ],
)
def test_conditions_that_lack_a_number_are_unknown_and_the_mark_is_known_all_the_same(
    changes: dict[str, object],
) -> None:
    with scene(metaAndAssetCtxs=present(**changes), l2Book=BOOK) as at:
        assert at.market.conditions("BTC", NOW) is UNKNOWN
        assert at.market.marks("BTC", NOW, NOW) == Marks(60_000.0, 60_000.0, 60_000.0, NOW)
    assert "the market of BTC" in at.told[0]


def test_without_a_book_or_for_an_unknown_coin_conditions_are_unknown() -> None:
    with scene(metaAndAssetCtxs=present(dayNtlVlm="1.0"), l2Book=None) as at:
        assert at.market.conditions("BTC", NOW) is UNKNOWN
        assert at.market.conditions("NOPE", NOW) is UNKNOWN


def test_coins_are_looked_at_together() -> None:
    groups: list[int] = []

    def together(ask: Callable[[Asked], Answer], items: Iterable[Asked], /) -> list[Answer]:
        asked = list(items)
        groups.append(len(asked))
        return [ask(item) for item in asked]

    usual = by_type(metaAndAssetCtxs=present(), candleSnapshot=[])
    with wired(usual, clock=HandClock(NOW)) as wire:
        market = HyperliquidMarket(wire.client, wire.clock, print, together)
        market.look(dict.fromkeys(("BTC", "ETH", "kPEPE"), NOW - MINUTE), NOW)
    assert groups == [3]


def test_five_positions_cost_125_of_the_weight_once_a_minute() -> None:
    clock = HandClock(NOW)
    ration = MemoryRation(MONITOR, 1_200)
    usual = by_type(metaAndAssetCtxs=present(), candleSnapshot=[candle(HOUR, "1", "2", "0.5", "1")])
    begin = from_ms(HOUR + 5 * 60_000)
    first, second = begin + timedelta(seconds=1), begin + timedelta(seconds=31)
    coins = ("A", "B", "C", "D", "E")
    with wired(usual, clock=clock, ration=ration) as wire:
        market = HyperliquidMarket(wire.client, clock, print)
        market.look(dict.fromkeys(coins, begin - timedelta(seconds=29)), first)
        assert ration.left(NOW) == 400 - 20 - 5 * 21
        market.look(dict.fromkeys(coins, first), second)
        assert ration.left(NOW) == 400 - 20 - 5 * 21 - 20


@pytest.mark.parametrize("hours", [10, 16, 30, 60, 100, 300])
def test_five_positions_are_read_within_one_ration_however_long_nobody_looked(hours: int) -> None:
    def answer(request: Request) -> Reply:
        asked = request.json
        if asked["type"] == "metaAndAssetCtxs":
            return ok(present())
        if asked["type"] == "fundingHistory":
            served = [HOUR - 3_600_000 * number for number in range(400, -1, -1)]
            return ok(
                [{"coin": "A", "fundingRate": "0", "time": time} for time in served if time >= asked["startTime"]]
            )
        bounds = asked["req"]
        moments = range(bounds["startTime"], bounds["endTime"] + 1, INTERVALS[bounds["interval"]])
        return ok([candle(time, "1", "1", "1", "1") for time in moments])

    ration = MemoryRation(MONITOR, 1_200)
    with wired(answer, clock=HandClock(NOW), ration=ration, patience=10.0, queue_s=10.0) as wire:
        market = HyperliquidMarket(wire.client, wire.clock, print)
        market.look(dict.fromkeys(("A", "B", "C", "D", "E"), NOW - timedelta(hours=hours)), NOW)
        assert wire.clock.slept == []


def test_what_happened_within_a_minute_is_seen_by_the_first_look_after_it() -> None:
    with scene() as at:
        at.market.look({"BTC": from_ms(HOUR + 10_000)}, from_ms(HOUR + 40_000))
        at.market.look({"BTC": from_ms(HOUR + 40_000)}, from_ms(HOUR + 70_000))
        asked = [body["req"]["startTime"] for body in at.wire.asked() if body["type"] == "candleSnapshot"]
    assert asked == [HOUR - 60_000]


def test_a_fall_that_is_served_late_is_seen_by_the_next_look_that_reads_candles() -> None:
    whole, end = candle(HOUR, "60000", "60000", "57000", "59900"), HOUR + 60_000
    cut = {**whole, "l": "59900"}
    looks = iter([[cut], [whole, candle(end, "59900", "59900", "59900", "59900")]])

    def answer(request: Request) -> Reply:
        if request.json["type"] == "metaAndAssetCtxs":
            return ok(present())
        return ok([row for row in next(looks) if row["t"] >= request.json["req"]["startTime"]])

    with scene(answer) as at:
        at.market.look({"BTC": from_ms(HOUR + 30_000)}, from_ms(end))
        assert at.market.first_touch("BTC", 58_000.0, Side.LONG, from_ms(HOUR), from_ms(end)) is None
        at.market.look({"BTC": from_ms(end)}, from_ms(end + 30_000))
        at.market.look({"BTC": from_ms(end + 30_000)}, from_ms(end + 60_000))
        touch = at.market.first_touch("BTC", 58_000.0, Side.LONG, from_ms(HOUR), from_ms(end + 60_000))
    assert touch == Quote(58_000.0, from_ms(HOUR))


def test_rates_are_asked_for_once_an_hour() -> None:
    with scene() as at:
        for seconds in (0, 30, 60, 90):
            now = from_ms(HOUR + seconds * 1000)
            at.market.look({"BTC": now - timedelta(seconds=30)}, now)
    assert at.types().count("fundingHistory") == 1


def test_contexts_of_another_count_are_refused() -> None:
    with scene(metaAndAssetCtxs=[{"universe": COINS}, [context("1.0")]]) as at, pytest.raises(BadAnswerError):
        at.market.look({}, NOW)


def test_funding_from_before_what_was_asked_for_ends_the_reading() -> None:
    old = [{"coin": "BTC", "fundingRate": "0.0", "premium": "0", "time": HOUR - 90 * 60_000}] * 500
    with scene(fundingHistory=old) as shown, pytest.raises(BadAnswerError, match="a page from before"):
        shown.market.look({"BTC": NOW - timedelta(hours=1)}, NOW)
    assert shown.types().count("fundingHistory") == 1
