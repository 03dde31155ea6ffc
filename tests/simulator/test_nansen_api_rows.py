"""Trade rows as Nansen builds them from fills, wrong labels included."""

from __future__ import annotations

import pytest

from tests.simulator.nansen_world import ALICE, BOB, HASHES, HOUR, LAST_DAYS, NOW, ZERO_HASH, Caller, ScriptedVenue, ago

THREE_UP = [(10.0, 100.0), (20.0, 101.0), (30.0, 102.0)]
THREE_DOWN = [(-10.0, 100.0), (-20.0, 99.0), (-30.0, 98.0)]
AT = ago(2)


def world(*orders: list[tuple[float, float]], coin: str = "SOL") -> Caller:
    venue = ScriptedVenue()
    account = venue.add(ALICE)
    for index, parts in enumerate(orders):
        account.order(coin, parts, AT + 60_000 * index)
    return Caller(venue)


LABELS = {
    "a long opened in several fills is an Open": ([THREE_UP], ("Long", "Open", 60, 0)),
    "a short opened in one fill is an Open": ([[(-60.0, 100.0)]], ("Short", "Open", 60, 0)),
    "a short opened in several fills is an Add": ([THREE_DOWN], ("Short", "Add", 60, -30)),
    "a long added to is an Add": ([THREE_UP, [(5.0, 100.0), (5.0, 100.0)]], ("Long", "Add", 10, 60)),
    "a short added to is an Add": ([THREE_DOWN, [(-5.0, 100.0), (-4.0, 100.0)]], ("Short", "Add", 9, -65)),
    "a long reduced in several fills is a Reduce": (
        [THREE_UP, [(-10.0, 100.0), (-20.0, 100.0)]],
        ("Long", "Reduce", 30, 50),
    ),
    "a short reduced in several fills is a Reduce": (
        [THREE_DOWN, [(10.0, 100.0), (20.0, 100.0)]],
        ("Short", "Reduce", 30, -60),
    ),
    "a long closed in several fills is a Reduce": (
        [THREE_UP, [(-40.0, 100.0), (-20.0, 100.0)]],
        ("Long", "Reduce", 60, 20),
    ),
    "a long closed in one fill is a Close": ([THREE_UP, [(-60.0, 100.0)]], ("Long", "Close", 60, 60)),
    "a short closed in several fills is a Close": (
        [THREE_DOWN, [(40.0, 100.0), (20.0, 100.0)]],
        ("Short", "Close", 60, -60),
    ),
    "a flip in one fill looks like a Reduce of more than there was": (
        [[(5.0, 100.0)], [(-12.0, 100.0)]],
        ("Long", "Reduce", 12, 5),
    ),
}


@pytest.mark.parametrize(("orders", "expected"), LABELS.values(), ids=LABELS)
def test_an_action_is_read_off_the_whole_row(
    orders: list[list[tuple[float, float]]], expected: tuple[str, str, float, float]
) -> None:
    row = world(*orders).trades()[0]
    assert (row["side"], row["action"], row["size"], row["start_position"]) == expected


def test_a_row_has_the_documented_fields_in_their_order_and_types() -> None:
    caller = world(THREE_UP)
    answer = caller.post("profiler/perp-trades", address=ALICE, date=LAST_DAYS)
    assert list(answer.body) == ["pagination", "data"]
    (row,) = answer.body["data"]
    assert row == {
        "timestamp": "2026-11-22T10:00:00.000000Z",
        "side": "Long",
        "action": "Open",
        "block_number": row["block_number"],
        "token_symbol": "SOL",
        "price": 6080 / 60,
        "size": 60,
        "value_usd": 6080,
        "start_position": 0,
        "closed_pnl": 0,
        "crossed": True,
        "fee_usd": 3,
        "fee_token_symbol": "USDC",
        "transaction_hash": f"0x{7_000_000_001:064x}",
        "user": ALICE,
        "oid": 7_000_000_001,
    }
    assert list(row)[:4] == ["timestamp", "side", "action", "block_number"]
    assert isinstance(row["block_number"], int)
    assert isinstance(row["closed_pnl"], int)


def test_a_makers_order_is_a_row_per_transaction() -> None:
    venue = ScriptedVenue()
    parts = [(1.0, 100.0)] * 30
    oid = venue.add(ALICE).order("SOL", parts, AT, hashes=HASHES[:30], step_ms=60_000, crossed=False)
    rows = Caller(venue).trades(pagination={"per_page": 1000})
    assert len(rows) == 30
    assert {row["oid"] for row in rows} == {oid}
    assert len({row["transaction_hash"] for row in rows}) == 30
    assert [row["action"] for row in rows] == ["Add"] * 29 + ["Open"]
    assert not any(row["crossed"] for row in rows)


def test_fills_without_a_hash_are_merged_over_time_and_the_row_grows() -> None:
    venue = ScriptedVenue()
    venue.add(ALICE).order("SOL", [(2.0, 100.0)] * 3, AT, hashes=[ZERO_HASH] * 3, step_ms=HOUR // 2)
    caller = Caller(venue)
    caller.clock.at = AT + 1
    (first,) = caller.trades()
    caller.clock.at = AT + HOUR
    (last,) = caller.trades()
    assert (first["size"], last["size"]) == (2, 6)
    assert first["timestamp"] < last["timestamp"] == "2026-11-22T11:00:00.000000Z"
    assert (first["oid"], first["transaction_hash"]) == (last["oid"], ZERO_HASH)


def test_slices_without_a_hash_of_different_orders_stay_apart() -> None:
    venue = ScriptedVenue()
    account = venue.add(ALICE)
    for index in range(3):
        account.order("SOL", [(2.0, 100.0)], AT + index, hashes=[ZERO_HASH])
    assert len(Caller(venue).trades()) == 3


def test_one_hash_and_order_on_two_coins_makes_two_rows() -> None:
    venue = ScriptedVenue()
    account = venue.add(ALICE)
    account.order("SOL", [(1.0, 100.0)], AT, hashes=HASHES[:1], oid=9)
    account.order("ETH", [(1.0, 100.0)], AT, hashes=HASHES[:1], oid=9)
    assert {row["token_symbol"] for row in Caller(venue).trades()} == {"SOL", "ETH"}


def test_spot_rows_say_buy_and_sell_and_their_fee_is_told_in_dollars() -> None:
    venue = ScriptedVenue()
    account = venue.add(ALICE)
    account.order("@107", [(4.0, 40.0)], AT, fee=0.5, paid_in="HYPE")
    account.order("@107", [(-4.0, 41.0)], AT + 1)
    sold, bought = Caller(venue).trades()
    assert (sold["side"], sold["action"], sold["start_position"]) == ("Short", "Sell", 4)
    assert (bought["side"], bought["action"], bought["fee_usd"]) == ("Long", "Buy", 20)
    assert bought["fee_token_symbol"] == "HYPE"


def liquidated() -> Caller:
    venue = ScriptedVenue()
    account = venue.add(ALICE)
    account.order("SOL", [(50.0, 100.0)], AT)
    account.order("SOL", [(-10.0, 90.0), (-40.0, 89.0)], AT + 60_000, forced=True)
    return Caller(venue)


def test_a_liquidation_leaves_no_closing_row_and_no_position() -> None:
    caller = liquidated()
    assert [row["action"] for row in caller.trades()] == ["Open"]
    assert caller.trades(filters={"action": "Close/Reduce"}) == []
    assert caller.post("profiler/perp-positions", address=ALICE).body["data"]["asset_positions"] == []


def test_a_liquidation_is_found_by_asking_for_it() -> None:
    (row,) = liquidated().trades(filters={"action": "Liquidation"})
    assert (row["side"], row["size"], row["action"]) == ("Long", 50, "Liquidation")
    assert row["closed_pnl"] == pytest.approx(-540)


def test_the_other_side_of_a_liquidation_is_an_ordinary_trade() -> None:
    venue = ScriptedVenue()
    venue.add(ALICE).order("SOL", [(5.0, 90.0)], AT, forced=True)
    venue.accounts[0].rows[0]["liquidation"]["liquidatedUser"] = BOB
    assert [row["action"] for row in Caller(venue).trades()] == ["Open"]


FILTERS = {
    "by coin": ({"token_symbol": "ETH"}, ["ETH"]),
    "by side": ({"side": "Short"}, ["SOL"]),
    "opens and adds": ({"action": "Open/Add"}, ["ETH", "SOL", "BTC"]),
    "closes and reduces": ({"action": "Close/Reduce"}, ["BTC"]),
    "makers": ({"crossed": False}, ["ETH"]),
    "by least value": ({"value_usd": {"min": 500}}, ["BTC", "BTC"]),
    "by value, both ends inclusive": ({"value_usd": {"min": 400, "max": 400}}, ["ETH"]),
    "by start position": ({"start_position": {"min": 1}}, ["BTC"]),
    "by order": ({"oid": {"min": 7_000_000_002, "max": 7_000_000_002}}, ["SOL"]),
    "by the fee's token": ({"fee_token_symbol": "HYPE"}, []),
    "all filters hold together": ({"token_symbol": "BTC", "action": "Open/Add"}, ["BTC"]),
}


@pytest.mark.parametrize(("filters", "coins"), FILTERS.values(), ids=FILTERS)
def test_filters_narrow_the_rows(filters: dict[str, object], coins: list[str]) -> None:
    venue = ScriptedVenue()
    account = venue.add(ALICE)
    account.order("BTC", [(5.0, 100.0)], AT)
    account.order("SOL", [(-3.0, 100.0)], AT + 1)
    account.order("ETH", [(4.0, 100.0)], AT + 2, crossed=False)
    account.order("BTC", [(-5.0, 102.0)], AT + 3)
    assert [row["token_symbol"] for row in Caller(venue).trades(filters=filters)] == coins


def test_the_newest_row_comes_first_unless_asked_otherwise() -> None:
    caller = world([(1.0, 100.0)], [(3.0, 100.0)], [(2.0, 100.0)])
    assert [row["size"] for row in caller.trades()] == [2, 3, 1]
    by_time = [{"field": "timestamp", "direction": "ASC"}]
    assert [row["size"] for row in caller.trades(order_by=by_time)] == [1, 3, 2]
    by_value = [{"field": "value_usd", "direction": "DESC"}]
    assert [row["size"] for row in caller.trades(order_by=by_value)] == [3, 2, 1]


PAGES = {
    "a full last page is the last": (2, 2, [3, 4], True),
    "a page with rows behind it isn't": (1, 2, [1, 2], False),
    "a page in the middle isn't": (2, 1, [2], False),
    "a short last page": (2, 3, [4], True),
    "one page for all": (1, 1000, [1, 2, 3, 4], True),
    "a page beyond the end is empty": (3, 2, [], True),
}


@pytest.mark.parametrize(("page", "per_page", "sizes", "last"), PAGES.values(), ids=PAGES)
def test_pages_say_whether_they_are_the_last(page: int, per_page: int, sizes: list[int], last: bool) -> None:  # noqa: FBT001 - a column of the table
    caller = world(*([(float(size), 100.0)] for size in (1, 2, 3, 4)))
    answer = caller.post(
        "profiler/perp-trades",
        address=ALICE,
        date=LAST_DAYS,
        order_by=[{"field": "timestamp", "direction": "ASC"}],
        pagination={"page": page, "per_page": per_page},
    )
    assert [row["size"] for row in answer.body["data"]] == sizes
    assert answer.body["pagination"] == {"page": page, "per_page": per_page, "is_last_page": last}


def test_ten_rows_come_on_a_page_unless_asked_otherwise() -> None:
    caller = world(*([(1.0, 100.0)] for _ in range(11)))
    answer = caller.post("profiler/perp-trades", address=ALICE, date=LAST_DAYS)
    assert (len(answer.body["data"]), answer.body["pagination"]["is_last_page"]) == (10, False)


WINDOWS = {
    "to a whole day": ({"from": "2026-11-22", "to": "2026-11-22"}, True),
    "to a moment": ({"from": "2026-11-22T10:00:00Z", "to": "2026-11-22T10:00:00Z"}, True),
    "to a moment in milliseconds": ({"from": "2026-11-22T10:00:00.000Z", "to": "2026-11-22T10:00:00.000Z"}, True),
    "after it": ({"from": "2026-11-22T10:00:01Z"}, False),
    "before it": ({"to": "2026-11-22T09:59:59Z"}, False),
    "without an end": ({"from": "2026-11-22T10:00:00Z"}, True),
    "without a beginning": ({"to": "2026-11-22T10:00:00Z"}, True),
}


@pytest.mark.parametrize(("date", "seen"), WINDOWS.values(), ids=WINDOWS)
def test_hours_of_a_window_are_honoured(date: dict[str, str], seen: bool) -> None:  # noqa: FBT001 - a column of the table
    assert AT == NOW - 2 * HOUR
    assert bool(world([(1.0, 100.0)]).rows("profiler/perp-trades", address=ALICE, date=date)) is seen


def test_nothing_after_the_venues_present_is_told() -> None:
    caller = world([(1.0, 100.0)])
    caller.clock.at = AT - 1
    assert caller.trades() == []


def test_an_unknown_wallet_has_no_rows() -> None:
    assert world().trades(BOB) == []


def test_an_address_is_taken_in_any_case() -> None:
    assert len(world([(1.0, 100.0)]).trades(f"0x{'A' * 40}")) == 1
