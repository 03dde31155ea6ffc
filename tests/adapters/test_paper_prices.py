"""What the paper venue asks of prices and when, and how the order book bounds its fills."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.adapters.paper import NO_BOOK, PaperExchange
from hlcopy.adapters.store import Binding, Store
from hlcopy.domain import costs
from hlcopy.domain.book import IntentState, Purpose
from hlcopy.domain.policy import CostPolicy
from hlcopy.errors import TryLaterError
from hlcopy.ports import UNKNOWN, Accepted, Level, Refused
from tests.builders import T0, at, order, paper_position
from tests.fakes import FakeMarket

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from hlcopy.ports import Account, Ledger

START = 100_000.0
FILLED, CANCELLED = IntentState.FILLED, IntentState.CANCELLED
# 2 BTC at 100: the model expects 0.02 % and a trifle for size.
MODEL = 100 * (1 + 0.02 * (1 + 200 / 100_000 * 0.5) / 100)


@pytest.fixture(params=["file", "memory"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    if request.param == "memory":
        yield MemoryLedger()
        return
    with Store.open(tmp_path / "paper.db", Binding("paper", "mainnet")) as store:
        yield store


@pytest.fixture
def market() -> FakeMarket:
    market = FakeMarket()
    market.set("BTC", T0, 100.0)
    return market


def venue_of(ledger: Ledger, market: Any) -> PaperExchange:  # noqa: ANN401 - any feed
    return PaperExchange(ledger, market, CostPolicy(), START)


def levels(*pairs: tuple[float, float]) -> list[Level]:
    return [Level(price, size) for price, size in pairs]


def entry(**overrides: object) -> Any:  # noqa: ANN401 - an order
    return order(**({"expires_at": None, "limit_price": 100.5} | overrides))


def leave(**overrides: object) -> Any:  # noqa: ANN401 - an order
    facts = {"client_order_id": "0xe1", "purpose": Purpose.EXIT, "is_buy": False, "reduce_only": True}
    return entry(**(facts | {"limit_price": 95.0} | overrides))


def read(venue: PaperExchange, now: datetime = T0) -> Account:
    account = venue.account(now)
    assert account is not UNKNOWN
    return account


BUYS = {
    "a book better than the model: the model": ([(99.9, 9.0)], 2.0, MODEL),
    "a book worse than the model: the book": ([(100.1, 1.0), (100.3, 1.0), (100.4, 9.0)], 2.0, 100.2),
    "a book that is better first and worse on average": ([(99.9, 1.0), (100.4, 1.0)], 2.0, 100.15),
    "what lies past the bound isn't filled": ([(100.1, 0.5), (100.6, 9.0)], 0.5, 100.1),
    "a level at the bound is filled": ([(100.5, 2.0)], 2.0, 100.5),
    "a part is rounded down to the lot": ([(100.1, 0.33339)], 0.3333, 100.1),
    "parts that floats can't add up are whole lots": ([(100.1, 0.1), (100.1, 0.2)], 0.3, 100.1),
    "nothing inside the bound": ([(100.6, 9.0)], 0.0, None),
    "less than a lot inside the bound": ([(100.1, 0.00009), (101.0, 9.0)], 0.0, None),
    "an empty book": ([], 0.0, None),
}


@pytest.mark.parametrize("case", BUYS)
@pytest.mark.parametrize("is_buy", [True, False])
def test_an_order_fills_at_the_worse_of_the_model_and_the_book_inside_its_bound(
    ledger: Ledger, market: FakeMarket, case: str, *, is_buy: bool
) -> None:
    book, filled, price = BUYS[case]

    def mirrored(value: float) -> float:
        return value if is_buy else 200 - value

    market.books["BTC", is_buy] = levels(*((mirrored(level), size) for level, size in book))
    venue = venue_of(ledger, market)
    venue.set_leverage("BTC", 3, T0)

    outcome = venue.send(entry(is_buy=is_buy, limit_price=mirrored(100.5)), T0)

    if price is None:
        assert outcome == Accepted(CANCELLED)
        assert read(venue).equity == START
        known = ledger.paper.order(entry().client_order_id)
        assert known is not None
        assert known.error == "Order could not immediately match against any resting orders."
        return
    assert outcome == Accepted(FILLED, filled, pytest.approx(mirrored(price)))
    assert read(venue).positions["BTC"].size == (filled if is_buy else -filled)


def test_a_model_price_past_the_bound_fills_nothing_however_good_the_book(ledger: Ledger, market: FakeMarket) -> None:
    market.books["BTC", True] = levels((100.0, 9.0))
    venue = venue_of(ledger, market)
    venue.set_leverage("BTC", 3, T0)
    assert venue.send(entry(limit_price=100.01), T0) == Accepted(CANCELLED)


def test_an_order_without_a_bound_takes_whatever_the_book_has(ledger: Ledger, market: FakeMarket) -> None:
    market.books["BTC", True] = levels((100.0, 1.0), (300.0, 1.0))
    venue = venue_of(ledger, market)
    venue.set_leverage("BTC", 3, T0)
    assert venue.send(entry(limit_price=None), T0) == Accepted(FILLED, 2.0, 200.0)


def test_a_part_slips_by_its_own_size_and_not_by_what_was_asked(ledger: Ledger, market: FakeMarket) -> None:
    market.books["BTC", True] = levels((99.0, 1.0), (200.0, 9_999.0))
    venue = venue_of(ledger, market)
    venue.set_leverage("BTC", 3, T0)
    price = 100 * (1 + 0.02 * (1 + 100 / 100_000 * 0.5) / 100)
    assert venue.send(entry(size=1_000.0), T0) == Accepted(FILLED, 1.0, pytest.approx(price))


def test_a_fill_without_a_book_says_so_and_one_with_it_doesn_t(ledger: Ledger, market: FakeMarket) -> None:
    venue = venue_of(ledger, market)
    venue.set_leverage("BTC", 3, T0)
    assert venue.send(entry(), T0) == Accepted(FILLED, 2.0, pytest.approx(MODEL))
    market.books["BTC", False] = levels((99.9, 9.0))
    venue.send(leave(), T0)

    notes = [ledger.paper.order(sent.client_order_id) for sent in (entry(), leave())]
    assert [known.note for known in notes if known is not None] == [NO_BOOK, None]


def test_an_exit_that_the_book_fills_in_part_leaves_the_rest_open_with_its_margin(
    ledger: Ledger, market: FakeMarket
) -> None:
    venue = venue_of(ledger, market)
    venue.set_leverage("BTC", 3, T0)
    venue.send(entry(), T0)
    (whole,) = ledger.paper.positions()
    market.books["BTC", False] = levels((99.5, 0.5), (90.0, 9.0))

    assert venue.send(leave(), T0) == Accepted(FILLED, 0.5, 99.5)

    (left,) = ledger.paper.positions()
    assert (left.size, left.margin_usd) == (1.5, pytest.approx(whole.margin_usd * 0.75))


def test_an_order_the_venue_refuses_is_refused_whatever_the_book(ledger: Ledger, market: FakeMarket) -> None:
    market.books["BTC", True] = []
    venue = venue_of(ledger, market)
    venue.set_leverage("BTC", 3, T0)
    assert venue.send(entry(size=0.05), T0) == Refused("Order must have minimum value of $10.")


def test_a_price_that_only_the_book_makes_too_dear_for_the_margin_is_refused(
    ledger: Ledger, market: FakeMarket
) -> None:
    venue = venue_of(ledger, market)
    venue.set_leverage("BTC", 1, T0)
    market.books["BTC", True] = levels((110.0, 9_999.0))
    refused = venue.send(entry(size=950.0, limit_price=None), T0)
    assert refused == Refused("Insufficient margin to place order.")
    market.books["BTC", True] = levels((100.0, 9_999.0))
    filled = venue.send(entry(client_order_id="0x2", size=950.0, limit_price=None), T0)
    assert isinstance(filled, Accepted)


def test_a_stop_fills_where_the_price_touched_it_and_knows_no_book(ledger: Ledger, market: FakeMarket) -> None:
    venue = venue_of(ledger, market)
    venue.set_leverage("BTC", 3, T0)
    venue.send(entry(), T0)
    venue.send(leave(client_order_id="0x5", purpose=Purpose.STOP, trigger_price=95.0), T0)
    market.books["BTC", False] = []
    market.set("BTC", at(1), 94.0)
    assert market.pages == [("BTC", True)]

    assert read(venue, at(2)).positions == {}
    assert venue.find("0x5", at(2)) == Accepted(FILLED, 2.0, pytest.approx(94.0, rel=1e-3))


@given(
    st.lists(st.tuples(st.floats(90, 110), st.floats(0.001, 5)), max_size=8),
    st.floats(0.001, 10),
    st.one_of(st.none(), st.floats(90, 110)),
    st.booleans(),
)
def test_a_walk_never_fills_more_than_was_asked_or_rests_nor_past_the_limit(
    book: list[tuple[float, float]],
    size: float,
    limit: float | None,
    is_buy: bool,  # noqa: FBT001 - hypothesis hands it over so
) -> None:
    best_first = sorted(book, reverse=not is_buy)
    filled, price = costs.walk(best_first, size, limit, is_buy=is_buy)
    inside = [level for level in best_first if limit is None or (level[0] <= limit if is_buy else level[0] >= limit)]
    assert filled == pytest.approx(min(size, sum(resting for _, resting in inside)))
    if filled:
        taken = [level for level, _ in inside]
        assert min(taken) - 1e-9 <= price <= max(taken) + 1e-9


# Looking


class Outside:
    """A feed and its ledger: whatever would read the network inside a transaction fails, and so does what wasn't looked at."""

    def __init__(self, ledger: Ledger, market: FakeMarket) -> None:
        self._ledger = ledger
        self._market = market
        self._depth = 0
        self._looked: set[str] = set()
        self.history, self.paper = ledger.history, ledger.paper

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._depth += 1
        try:
            with self._ledger.transaction():
                yield
        finally:
            self._depth -= 1

    def look(self, since: Mapping[str, datetime], now: datetime) -> None:
        assert not self._depth
        self._looked = set(since)
        self._market.look(since, now)

    def book(self, coin: str, now: datetime, *, is_buy: bool) -> Any:  # noqa: ANN401 - the port's
        assert not self._depth
        assert coin in self._looked
        return self._market.book(coin, now, is_buy=is_buy)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method of the feed
        def only_looked_at(coin: str, *args: object, **kwargs: object) -> object:
            assert coin in self._looked
            return getattr(self._market, name)(coin, *args, **kwargs)

        return only_looked_at


def test_everything_is_looked_at_before_the_transaction_that_needs_it(ledger: Ledger, market: FakeMarket) -> None:
    outside: Any = Outside(ledger, market)
    market.rates["BTC"] = [(at(hours=hour), 0.0001) for hour in range(1, 5)]
    market.books["BTC", True] = levels((100.1, 9.0))
    venue = PaperExchange(outside, outside, CostPolicy(), START)

    venue.set_leverage("BTC", 3, T0)
    venue.send(entry(), T0)
    venue.send(leave(client_order_id="0x5", purpose=Purpose.STOP, trigger_price=95.0), at(1))
    read(venue, at(hours=2))
    venue.fills(T0, at(hours=2.1))
    venue.find("0x5", at(hours=2.2))
    venue.send(leave(client_order_id="0x6", size=0.5), at(hours=2.3))
    venue.cancel(leave(client_order_id="0x5"), at(hours=2.4))
    market.set("BTC", at(hours=3), 50.0)  # no stop is left: liquidated
    assert read(venue, at(hours=4)).positions == {}


def test_what_is_held_is_looked_at_from_the_last_time_and_what_isn_t_from_now(
    ledger: Ledger, market: FakeMarket
) -> None:
    venue = venue_of(ledger, market)
    assert read(venue).positions == {}
    assert market.looks == []
    venue.set_leverage("BTC", 3, at(1))
    venue.send(entry(), at(2))
    read(venue, at(3))
    read(venue, at(7))
    market.set("ETH", T0, 10.0)
    venue.send(entry(coin="ETH", client_order_id="0x7"), at(8))

    assert market.looks == [
        {"BTC": at(1)},
        {"BTC": at(2)},
        {"BTC": at(2)},
        {"BTC": at(3)},
        {"BTC": at(7), "ETH": at(8)},
    ]


def test_prices_that_can_t_be_looked_at_are_unknown_and_change_nothing(ledger: Ledger, market: FakeMarket) -> None:
    venue = venue_of(ledger, market)
    venue.set_leverage("BTC", 3, T0)
    venue.send(entry(), T0)
    stop = leave(client_order_id="0x5", purpose=Purpose.STOP, trigger_price=95.0)
    venue.send(stop, T0)
    market.set("BTC", at(1), 94.0)
    market.dark = True

    unclear = [
        venue.account(at(2)),
        venue.fills(T0, at(2)),
        venue.find("0x5", at(2)),
        venue.cancel(stop, at(2)),
        venue.send(leave(), at(2)),
        venue.set_leverage("ETH", 3, at(2)),
    ]

    assert unclear == [UNKNOWN] * 6
    assert (ledger.paper.synced_at(), len(ledger.paper.positions())) == (T0, 1)
    market.dark = False
    assert read(venue, at(2)).positions == {}
    assert venue.find("0x5", at(3)) == Accepted(FILLED, 2.0, pytest.approx(94.0, rel=1e-3))


@pytest.mark.parametrize("coin", ["SOL", "BTC"], ids=["a coin that wasn't looked at", "one looked at from later on"])
def test_a_look_that_another_command_overtook_is_not_used(ledger: Ledger, coin: str) -> None:
    ledger.paper.put_cash(START)

    class Overtaken(FakeMarket):
        """While it reads, another command enters."""

        def look(self, since: Mapping[str, datetime], now: datetime) -> None:
            super().look(since, now)
            ledger.paper.put_position(paper_position(coin=coin))

    feed = Overtaken()
    feed.set("BTC", T0, 100.0)
    with pytest.raises(TryLaterError, match="another command"):
        venue_of(ledger, feed).send(entry(), at(1))
    assert ledger.paper.synced_at() is None
    assert ledger.paper.order(entry().client_order_id) is None


def test_a_tick_that_had_to_wait_doesn_t_pay_funding_twice(ledger: Ledger, market: FakeMarket) -> None:
    market.rates["BTC"] = [(at(hours=hour), 0.001) for hour in range(1, 4)]
    venue = venue_of(ledger, market)
    venue.set_leverage("BTC", 3, T0)
    venue.send(entry(), T0)
    read(venue, at(hours=2.5))
    read(venue, at(hours=0.5))
    read(venue, at(hours=3.5))

    assert venue.funding("BTC", T0, at(hours=4)) == pytest.approx(3 * 2 * 0.001 * 100)
