from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from hlcopy.adapters.wire import COLUMNS, INTERVALS, CandleReader, FillReader, FundingReader, IntervalName
from hlcopy.domain.models import Fill, from_ms
from hlcopy.errors import BadInputError

if TYPE_CHECKING:
    from hlcopy.domain.candles import Candles
    from hlcopy.ports import FundingRate

USER = "0x" + "aB" * 20
OTHER = "0x" + "c" * 40
T0 = 1_735_689_600_000
MINUTE = 60_000

FILL = {
    "coin": "ETH",
    "px": "2690.5",
    "sz": "0.03",
    "side": "B",
    "time": T0,
    "startPosition": "-1.5",
    "dir": "Close Short",
    "closedPnl": "-6.75",
    "hash": "0xab",
    "oid": 62014444172,
    "crossed": True,
    "fee": "-0.01",
    "tid": 118906512037719,
    "user": USER,
}
CANDLE = {"coin": "ETH", "t": T0, "o": "10", "h": "12", "l": "9", "c": "11", "v": "5"}
RATE = {"coin": "ETH", "time": T0, "fundingRate": "-0.0000042"}

Row = dict[str, Any]


def fills(*rows: Row, trader: str | None = None) -> list[Fill]:
    return FillReader(trader).read((f"f line {number}", row) for number, row in enumerate(rows, 2))


def candles(*rows: Row, interval: IntervalName | None = None) -> list[Candles]:
    reader = CandleReader(interval)
    reader.read((f"f line {number}", row) for number, row in enumerate(rows, 2))
    return reader.candles


def funding(*rows: Row) -> list[FundingRate]:
    reader = FundingReader()
    for number, row in enumerate(rows, 2):
        reader.read([(f"f line {number}", row)])
    return reader.rates


def series(*minutes: int, coin: str = "ETH") -> list[Row]:
    return [CANDLE | {"coin": coin, "t": T0 + minute * MINUTE} for minute in minutes]


def test_a_fill_is_read_as_the_venue_means_it() -> None:
    assert fills(FILL) == [
        Fill(
            trader=USER.lower(),
            coin="ETH",
            is_buy=True,
            price=2690.5,
            size=0.03,
            time=from_ms(T0),
            start_position=-1.5,
            direction="Close Short",
            closed_pnl=-6.75,
            fee=-0.01,
            hash="0xab",
            oid=62014444172,
            tid=118906512037719,
        )
    ]


def test_text_and_numbers_are_the_same_fill() -> None:
    as_text = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in FILL.items()}
    as_numbers = FILL | {"px": 2690.5, "sz": 0.03, "startPosition": -1.5, "closedPnl": -6.75, "fee": -0.01}
    assert fills(as_text) == fills(as_numbers) == fills(FILL)


def test_what_a_fill_may_have_is_kept() -> None:
    extra = FILL | {"side": "A", "crossed": "false", "feeToken": "HYPE", "twapId": 7, "cloid": "0x1", "builderFee": "1"}
    (fill,) = fills(
        extra | {"liquidation": {"liquidatedUser": OTHER.upper().replace("X", "x"), "markPx": "1", "method": "market"}}
    )
    assert (fill.is_buy, fill.crossed, fill.fee_token, fill.twap_id, fill.liquidated_user) == (
        False,
        False,
        "HYPE",
        7,
        OTHER,
    )


@pytest.mark.parametrize("nothing", ["", None])
def test_empty_cells_of_what_a_fill_may_have_mean_nothing(nothing: object) -> None:
    assert fills(FILL | {"twapId": nothing, "liquidation": nothing, "feeToken": nothing}) == fills(FILL)
    assert fills(FILL | {"user": nothing}, trader=USER) == fills(FILL)


def test_a_liquidation_in_a_csv_cell_is_json() -> None:
    (fill,) = fills(FILL | {"liquidation": json.dumps({"liquidatedUser": OTHER})})
    assert fill.liquidated_user == OTHER


def test_a_twap_slice_is_unwrapped() -> None:
    (fill,) = fills({"fill": FILL, "twapId": 3156})
    assert fill.twap_id == 3156
    (fill,) = fills({"fill": {**FILL, "user": None}, "twapId": 3156, "user": OTHER})
    assert fill.trader == OTHER


def test_the_trader_is_the_row_s_or_the_option_s_in_small_letters() -> None:
    nobody = {name: value for name, value in FILL.items() if name != "user"}
    assert fills(nobody, trader=USER) == fills(FILL, trader=USER) == fills(FILL)
    with pytest.raises(BadInputError, match=r"f line 2: user: missing; name the trader with --trader"):
        fills(nobody)
    with pytest.raises(BadInputError, match=r"f line 2: user: another trader"):
        fills(FILL, trader=OTHER)


def numbered(*times: int, **more: object) -> list[Row]:
    return [FILL | {"tid": tid, "time": T0 + time} | more for tid, time in enumerate(times)]


@pytest.mark.parametrize(
    ("times", "order"),
    [
        ((1, 2, 2, 3), [0, 1, 2, 3]),
        ((3, 2, 2, 1), [3, 2, 1, 0]),
        ((1, 1, 1), [0, 1, 2]),
        ((3, 2, 2, 1, 2, 0), [5, 4, 3, 2, 1, 0]),
    ],
)
def test_rows_that_run_newest_first_are_turned_round(times: tuple[int, ...], order: list[int]) -> None:
    assert [fill.tid for fill in fills(*numbered(*times))] == order


def test_each_trader_s_rows_are_turned_by_themselves() -> None:
    mine, theirs = numbered(1, 2, 3), numbered(3, 2, 1, user=OTHER)
    mixed = [row for pair in zip(mine, theirs, strict=True) for row in pair]
    found = fills(*mixed)
    assert [fill.tid for fill in found if fill.trader == USER.lower()] == [0, 1, 2]
    assert [fill.tid for fill in found if fill.trader == OTHER] == [2, 1, 0]


def test_a_fill_in_two_files_counts_once_but_never_with_two_values() -> None:
    reader = FillReader()
    assert len(reader.read([("a line 2", FILL), ("a line 3", FILL)])) == 1
    assert reader.read([("b line 2", FILL)]) == []
    with pytest.raises(BadInputError, match="b line 3: tid: another row has the same"):
        reader.read([("b line 3", FILL | {"sz": "9"})])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((field, value) for field in ("px", "sz") for value in ("0", "-1", "nan", "inf", "1e999", "", "x", None)),
        *((field, "NaN") for field in ("startPosition", "closedPnl", "fee")),
        ("startPosition", ""),
        ("side", "buy"),
        ("side", "b"),
        ("time", "1735689600"),
        ("time", "2025-01-01"),
        ("time", 1e300),
        ("coin", ""),
        ("coin", "B TC"),
        ("coin", "\x1b[31m"),
        ("coin", 5),
        ("oid", "-1"),
        ("tid", 2**63),
        ("tid", "1.5"),
        ("crossed", "maybe"),
        ("hash", "x" * 100),
        ("twapId", "x"),
        ("user", "0x1234"),
        ("liquidation", "{'liquidatedUser': 1}"),
        ("liquidation", "[" * 9999),
        ("liquidation", {"liquidatedUser": "somebody"}),
    ],
)
def test_a_bad_value_of_a_fill_names_its_place_and_field(field: str, value: object) -> None:
    with pytest.raises(BadInputError, match=rf"^f line 3: {field}(\.liquidatedUser)?: "):
        fills(FILL, FILL | {field: value})


@pytest.mark.parametrize(
    ("read", "row", "said"),
    [
        (fills, CANDLE, "not fills: no column px, sz, .*; this looks like candles"),
        (fills, {"s": "ETH"} | CANDLE, "not fills: .*; this looks like candles"),
        (fills, RATE, "not fills: .*; this looks like funding"),
        (candles, FILL, "not candles: no column t, o, h, l, c, v; this looks like fills"),
        (fills, {name: value for name, value in FILL.items() if name != "tid"}, "not fills: no column tid$"),
        (fills, {"fill": {"coin": "ETH"}, "twapId": 1}, "not fills: no column px"),
    ],
)
def test_the_wrong_kind_of_file_is_told_at_its_first_row(read: Any, row: Row, said: str) -> None:  # noqa: ANN401 - one of two readers
    with pytest.raises(BadInputError, match=f"^f: {said}"):
        read(row)


def test_candles_are_sorted_and_their_interval_is_the_commonest_spacing() -> None:
    (found,) = candles(*series(20, 5, 0, 10))
    assert (found.coin, found.interval_ms) == ("ETH", 5 * MINUTE)
    assert found.t.tolist() == [T0, T0 + 5 * MINUTE, T0 + 10 * MINUTE, T0 + 20 * MINUTE]
    assert found.t.dtype == "int64"
    assert [column[0] for column in (found.o, found.h, found.l, found.c, found.v)] == [10, 12, 9, 11, 5]


def test_coins_and_intervals_of_one_file_are_kept_apart() -> None:
    hours = [CANDLE | {"i": "1h", "t": T0 + hour * 60 * MINUTE} for hour in (0, 1)]
    found = candles(*series(0, 1), *series(0, 5, coin="SOL"), *hours)
    assert [(c.coin, c.interval_ms // MINUTE, len(c)) for c in found] == [("ETH", 1, 2), ("SOL", 5, 2), ("ETH", 60, 2)]


def test_the_venue_s_own_rows_are_candles() -> None:
    row = {"t": T0, "T": T0 + 1, "s": "ETH", "i": "1h", "o": "1", "c": "1", "h": "1", "l": "1", "v": "0", "n": 5}
    (found,) = candles(row)
    assert (found.coin, found.interval_ms, len(found)) == ("ETH", 60 * MINUTE, 1)


@pytest.mark.parametrize("name", INTERVALS)
def test_a_named_interval_needs_no_spacing(name: IntervalName) -> None:
    (found,) = candles(CANDLE, interval=name)
    assert found.interval_ms == INTERVALS[name]


def test_the_same_candle_twice_counts_once() -> None:
    (found,) = candles(*series(0, 1), *series(1, 2))
    assert len(found) == 3


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([CANDLE | {"l": "10.5"}], "line 2: l: must not be above o or c"),
        ([*series(0), CANDLE | {"t": T0 + MINUTE, "h": "10.5"}], "line 3: h: must not be below o or c"),
        ([*series(0, 1), CANDLE | {"v": "6"}], "line 4: t: another row has the same coin and t"),
        ([CANDLE], "line 2: t: the spacing of the rows is no interval that we know"),
        (series(0, 7, 14), "line 2: t: the spacing of the rows is no interval"),
        ([*series(0, 5, 10), *series(12)], "line 5: t: isn't a multiple of the interval, which is 5 minutes"),
        ([CANDLE | {"o": "nan"}], "line 2: o: must be a number above 0, not 'nan'"),
        ([CANDLE | {"c": "0"}], "line 2: c: "),
        ([CANDLE | {"v": "-1"}], "line 2: v: "),
        ([CANDLE | {"t": "x"}], "line 2: t: "),
        ([CANDLE | {"i": "7m"}], "line 2: i: "),
    ],
)
def test_a_bad_candle_names_its_place_and_field(rows: list[Row], said: str) -> None:
    with pytest.raises(BadInputError, match=f"^f {said}"):
        candles(*rows)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"px": "12a.5"}, "px: must be a number above 0, not '12a.5'"),
        ({"px": -1}, "px: must be a number above 0, not -1"),
        ({"px": ""}, "px: is missing or empty; must be a number above 0"),
        ({"sz": "\x1b[31m"}, r"sz: must be a number above 0, not '\x1b[31m'"),
        ({"sz": "x" * 99}, f"sz: must be a number above 0, not '{'x' * 38}…"),
        ({"sz": [[1]]}, "sz: must be a number above 0, not a list"),
        ({"user": "0x12"}, "user: must be 0x and 40 hexadecimal digits, not '0x12'"),
        ({"time": 1741651200}, "time: must be milliseconds since 1970 (13 digits), not 1741651200"),
        ({"side": "buy"}, "side: must be B (bought) or A (sold), not 'buy'"),
        ({"crossed": "maybe"}, "crossed: must be true or false, not 'maybe'"),
        (
            {"liquidation": {"liquidatedUser": "me"}},
            "liquidation.liquidatedUser: must be 0x and 40 hexadecimal digits, not 'me'",
        ),
    ],
)
def test_a_bad_value_is_shown_beside_what_it_must_be(row: Row, said: str) -> None:
    with pytest.raises(BadInputError) as refused:
        fills(FILL | row)
    assert str(refused.value) == f"f line 2: {said}"


def test_every_column_says_what_it_must_be() -> None:
    for read, good, kind in ((fills, FILL, "fills"), (candles, CANDLE, "candles"), (funding, RATE, "funding")):
        for column in COLUMNS[kind]:
            with pytest.raises(BadInputError, match=rf"^f line 2: {column}: must be .*, not a list$"):
                read(good | {column: ["x"]})


def test_candles_of_several_files_are_one_series() -> None:
    reader = CandleReader()
    for name, rows in (("a", series(4, 5, 6)), ("b", series(0, 1, 2, 4, 5)), ("c", series(0, 1, coin="SOL"))):
        reader.read((f"{name} line {number}", row) for number, row in enumerate(rows, 2))
    assert [(found.coin, len(found)) for found in reader.candles] == [("ETH", 6), ("SOL", 2)]
    assert ((reader.candles[0].t - T0) // MINUTE).tolist() == [0, 1, 2, 4, 5, 6]
    with pytest.raises(BadInputError, match=r"^d line 3: t: another row has the same coin and t, but other values"):
        reader.read(
            [
                ("d line 2", *series(9)),
                ("d line 3", CANDLE | {"t": T0 + 5 * MINUTE, "v": "6"}),
                ("d line 4", *series(8)),
            ]
        )


def test_an_interval_that_contradicts_the_rows_is_refused() -> None:
    with pytest.raises(BadInputError, match="f line 2: i: another interval than --interval"):
        candles(CANDLE | {"i": "1h"}, interval="5m")


def test_funding_rates_are_read() -> None:
    (rate,) = funding(RATE, RATE)
    assert (rate.coin, rate.time, rate.rate) == ("ETH", from_ms(T0), -0.0000042)


@pytest.mark.parametrize(("field", "value"), [("fundingRate", "nan"), ("fundingRate", "2"), ("time", 5), ("coin", "")])
def test_a_bad_rate_names_its_place_and_field(field: str, value: object) -> None:
    with pytest.raises(BadInputError, match=f"^f line 2: {field}: "):
        funding(RATE | {field: value})


def test_two_rates_of_one_hour_are_refused() -> None:
    with pytest.raises(BadInputError, match="f line 3: fundingRate: another row has the same coin and time"):
        funding(RATE, RATE | {"fundingRate": "0.1"})
