"""Traders over Nansen alone, over loopback HTTP: unknown is never empty, and nothing is made up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

import pytest

from hlcopy.adapters.memory.credits import MemoryMeter
from hlcopy.adapters.nansen.repair import is_told
from hlcopy.adapters.nansen.source import NansenSource
from hlcopy.domain.episodes import effect_of, group_orders
from hlcopy.domain.liquidation import is_liquidation
from hlcopy.domain.models import NANSEN, Action, Fill, TraderPosition
from hlcopy.errors import ConfigError
from hlcopy.ports import UNKNOWN
from tests.adapters.nansen.wire import NO_HASH, Setting, held, page, positions, refused, trade
from tests.builders import OTHER_TRADER, TRADER
from tests.servers import Reply, Request, ok

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SINCE = NOW - timedelta(minutes=30)


class Watched:
    """A source over a scripted server, with what it told and what it remembers."""

    def __init__(self, script: Callable[[Request], Reply] | list[Reply], *, budget: float = 1000) -> None:
        self.setting = Setting(script, meter=MemoryMeter(budget))
        self.stored: list[Fill] = []
        self.told: list[str] = []
        self.source = NansenSource(
            self.setting.client, self.setting.clock, lambda _trader, _since: self.stored, self.told.append
        )

    def __enter__(self) -> Self:
        self.setting.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.setting.__exit__()

    def fills(self) -> list[Fill]:
        fills = self.source.fills(TRADER, SINCE, NOW)
        assert fills is not UNKNOWN
        return list(fills)


def answering(trades: Sequence[object], items: Sequence[object] = ()) -> Callable[[Request], Reply]:
    """Return a script of a wallet with these rows and positions."""
    return lambda request: ok(page(*trades) if request.path.endswith("perp-trades") else positions(*items))


def test_a_row_becomes_a_fill_of_nansens() -> None:
    with Watched(answering([trade()])) as watched:
        (fill,) = watched.fills()
    assert fill == Fill(
        trader=TRADER,
        coin="BTC",
        is_buy=True,
        price=50_000.0,
        size=2.0,
        time=datetime(2026, 11, 20, 11, 50, tzinfo=UTC),
        start_position=0.0,
        direction="Long Open",
        fee=25.5,
        hash="0x" + "7d" * 32,
        oid=554379794278,
        source=NANSEN,
    )
    assert fill.identity == f"nansen:{TRADER}:BTC:554379794278:0x{'7d' * 32}"


def test_an_hour_before_is_read_again() -> None:
    with Watched(answering([])) as watched:
        assert watched.fills() == []
    assert watched.setting.server.requests[0].json["date"] == {
        "from": "2026-11-20T10:30:00Z",
        "to": "2026-11-20T12:00:00Z",
    }


def test_rows_are_asked_for_up_to_the_moment_of_asking_however_long_the_tick_has_run() -> None:
    with Watched(answering([])) as watched:
        watched.setting.clock.advance(12)
        watched.fills()
    assert watched.setting.server.requests[0].json["date"]["to"] == "2026-11-20T12:00:12Z"


BUYS = [
    *[("Long", action, True) for action in ("Open", "Add")],
    *[("Long", action, False) for action in ("Reduce", "Close", "Liquidation")],
    *[("Short", action, False) for action in ("Open", "Add")],
    *[("Short", action, True) for action in ("Reduce", "Close", "Liquidation")],
    ("long", "OPEN", True),
]


@pytest.mark.parametrize(("side", "action", "is_buy"), BUYS)
def test_what_a_row_did_to_its_side_says_whether_it_bought(side: str, action: str, *, is_buy: bool) -> None:
    with Watched(answering([trade(side=side, action=action, coin="xyz:TSLA")])) as watched:
        (fill,) = watched.fills()
    assert fill.is_buy is is_buy


@pytest.mark.parametrize(
    "fields", [{"side": None}, {"action": "Settlement"}, {"action": "Buy"}, {"side": "both"}], ids=str
)
def test_a_row_that_does_not_say_what_it_did_is_kept_as_a_break(fields: dict[str, object]) -> None:
    with Watched(answering([trade(**fields)], [held()])) as watched:
        (fill,) = watched.fills()
    assert not is_told(fill)
    assert effect_of(group_orders([fill])[0]).action is Action.REDUCE


def test_a_liquidation_names_its_trader() -> None:
    with Watched(answering([trade(action="Liquidation", start_position=2.0)])) as watched:
        (fill,) = watched.fills()
    assert is_liquidation(fill, TRADER)


def test_spot_rows_are_kept_and_rows_of_size_zero_are_not() -> None:
    rows = [trade(token_symbol="@142", side="Short", action="Sell", size=0.5), trade(size=0, value_usd=0)]
    with Watched(answering(rows)) as watched:
        (fill,) = watched.fills()
    assert (fill.coin, fill.is_buy) == ("@142", False)


def test_a_row_without_a_price_has_that_of_its_value() -> None:
    with Watched(answering([trade(price=None)])) as watched:
        assert watched.fills()[0].price == 50_000.0


def test_a_perp_needs_a_price_and_nothing_else_does() -> None:
    nothing = {"price": 0, "value_usd": 0}
    with Watched(answering([trade(token_symbol="@142", action="Buy", **nothing)])) as watched:
        assert watched.fills()[0].price == 0.0
    with Watched(answering([trade(**nothing)])) as watched:
        assert watched.source.fills(TRADER, SINCE, NOW) is UNKNOWN
    assert watched.told == [f"Nansen gives a trade of {TRADER} without a price"]


def test_a_short_open_labelled_add_is_opened_by_what_is_held() -> None:
    row = trade(side="Short", action="Add", size=10.0, start_position=-9.0)
    with Watched(answering([row], [held(size="-10.0")])) as watched:
        (fill,) = watched.fills()
        assert watched.setting.asked == ["profiler/perp-trades", "profiler/perp-positions"]
    assert effect_of(group_orders([fill])[0]).action is Action.OPEN


def test_a_stored_row_says_what_was_held_before() -> None:
    with Watched(answering([trade(action="Open")])) as watched:
        watched.stored = watched.fills()
    row = trade(action="Reduce", start_position=0.5, oid=2, timestamp="2026-11-20T11:55:00Z")
    with Watched(answering([row])) as later:
        later.stored = watched.stored
        (fill,) = later.fills()
        assert later.setting.asked == ["profiler/perp-trades"]
    assert fill.start_position == 2.0
    assert effect_of(group_orders([fill])[0]).action is Action.CLOSE


FAILURES = [
    ("it fails", lambda _: refused(500, "internal_error"), "internal_error"),
    ("the request is refused", lambda _: refused(422, "invalid_date_range"), "invalid_date_range"),
    ("credits are used up", lambda _: refused(403, "insufficient_credits"), "credits"),
    ("a row is another's", lambda _: ok(page(trade(user=OTHER_TRADER))), OTHER_TRADER),
    ("a row is worth nothing", lambda _: ok(page(trade(price=None, value_usd=0))), "price"),
    ("there are too many pages", lambda _: ok(page(trade(), last=False)), "more trades"),
    (
        "what is held is needed and can't be read",
        lambda request: (
            ok(page(trade(side="Short", action="Add", start_position=-1.5)))
            if request.path.endswith("perp-trades")
            else refused(404, "not_found")
        ),
        "not_found",
    ),
    (
        "a young row doesn't fit what is held",
        answering([trade(side="Short", action="Add", start_position=-1.5, timestamp="2026-11-20T11:59:00Z")]),
        "don't fit together yet",
    ),
]


@pytest.mark.parametrize(("script", "told"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES])
def test_fills_that_cannot_be_read_completely_are_unknown_and_the_reason_is_told(
    script: Callable[[Request], Reply], told: str
) -> None:
    with Watched(script) as watched:
        assert watched.source.fills(TRADER, SINCE, NOW) is UNKNOWN
    assert any(told in message for message in watched.told)


def test_a_refused_key_stops_everything() -> None:
    with Watched([refused(401, "unauthenticated")]) as watched, pytest.raises(ConfigError):
        watched.source.fills(TRADER, SINCE, NOW)


def test_a_used_up_budget_is_told() -> None:
    with Watched([], budget=0) as watched:
        assert watched.source.fills(TRADER, SINCE, NOW) is UNKNOWN
        assert watched.source.positions(TRADER, NOW) is UNKNOWN
    assert all("HLCOPY_NANSEN_CREDITS_PER_DAY" in message for message in watched.told)
    assert not watched.setting.server.requests


def test_there_is_room_for_five_traders_a_minute() -> None:
    with Watched(answering([])) as watched:
        clock = watched.setting.clock
        assert watched.source.room(clock.now()) == 5
        watched.fills()
        assert watched.source.room(clock.now()) == 4
        clock.advance(62)
        assert watched.source.room(clock.now()) == 5


def test_positions_are_those_of_the_main_dex_with_the_equity_beside_them() -> None:
    items = [
        held(size="-3.5", position_value_usd="175000.0", leverage_type="isolated", leverage_value=10),
        held(coin="HYPE", size="0.0"),
        held(coin="xyz:NVDA", size="100.0"),
    ]
    with Watched(answering([], items)) as watched:
        state = watched.source.positions(TRADER, NOW)
    assert state is not UNKNOWN
    assert (state.equity, state.read_at) == (250_000.5, NOW)
    assert state.positions == {
        "BTC": TraderPosition(
            coin="BTC", size=-3.5, value_usd=175_000.0, entry_price=50_000.0, leverage=10.0, isolated=True
        )
    }


def test_no_positions_are_a_complete_answer() -> None:
    with Watched(answering([], [])) as watched:
        state = watched.source.positions(TRADER, NOW)
    assert state is not UNKNOWN
    assert state.positions == {}


def test_a_state_is_given_again_for_five_seconds_and_positions_are_always_read_anew() -> None:
    with Watched(answering([], [held()])) as watched:
        first = watched.source.state(TRADER, NOW)
        watched.setting.clock.advance(4.9)
        assert watched.source.state(TRADER, NOW) is first
        watched.source.positions(TRADER, NOW)
        assert len(watched.setting.asked) == 2
        watched.setting.clock.advance(5.0)
        watched.source.state(TRADER, NOW)
        assert len(watched.setting.asked) == 3


def test_a_failed_reading_is_not_given_again() -> None:
    with Watched([refused(404, "not_found"), ok(positions(held()))]) as watched:
        assert watched.source.state(TRADER, NOW) is UNKNOWN
        assert watched.source.state(TRADER, NOW) is not UNKNOWN


def test_slices_without_a_hash_are_one_order() -> None:
    rows = [
        trade(transaction_hash=NO_HASH, oid=1, timestamp="2026-11-20T11:50:00Z"),
        trade(transaction_hash=NO_HASH, oid=2, timestamp="2026-11-20T11:50:30Z", start_position=2.0, action="Add"),
    ]
    with Watched(answering(rows)) as watched:
        (order,) = group_orders(watched.fills())
    assert effect_of(order).size == 4.0
