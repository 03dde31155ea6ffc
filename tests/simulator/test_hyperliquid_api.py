"""Hyperliquid's info API as the local venue answers it: what is refused, and what it says of the market."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest

from hlcopy.simulator import hyperliquid_rules as rules
from hlcopy.simulator.venue import quiet_world
from tests.venue import DAY_MS, HOUR_MS, MINUTE_MS, PRICES, START, START_MS, Client, clock_of, local_venue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hlcopy.simulator.server import LocalVenue

USER = "0x" + "1" * 40
NOW = START_MS + 2 * HOUR_MS + 30_000


@pytest.fixture
def venue() -> Iterator[LocalVenue]:
    with local_venue(quiet_world(START, PRICES, days=30)) as served:
        clock_of(served).set(NOW)
        yield served


@pytest.fixture
def client(venue: LocalVenue) -> Iterator[Client]:
    with Client(venue) as made:
        yield made


UNREADABLE = [
    ("no JSON", b"{"),
    ("nothing", b""),
    ("NaN", b'{"type":"fundingHistory","coin":"BTC","startTime":NaN}'),
    ("a list", b'[{"type":"allMids"}]'),
    ("no type", b"{}"),
    ("a type that is no text", b'{"type":1}'),
    ("an unknown type", b'{"type":"noSuchType"}'),
    ("another's type", b'{"type":"order"}'),
    ("an unknown key", b'{"type":"allMids","coin":"BTC"}'),
    ("a missing key", b'{"type":"l2Book"}'),
    ("null for a key that is needed", b'{"type":"l2Book","coin":null}'),
    ("a number for text", b'{"type":"l2Book","coin":1}'),
    ("text for a number", b'{"type":"fundingHistory","coin":"BTC","startTime":"0"}'),
    ("a fraction for a time", b'{"type":"fundingHistory","coin":"BTC","startTime":1.5}'),
    ("a truth for a time", b'{"type":"fundingHistory","coin":"BTC","startTime":true}'),
    ("a time before all times", b'{"type":"fundingHistory","coin":"BTC","startTime":-1}'),
    ("a number for a truth", b'{"type":"userFills","user":"%b","aggregateByTime":1}' % USER.encode()),
    ("a short address", b'{"type":"userFills","user":"0x1"}'),
    ("an address without 0x", b'{"type":"userFills","user":"%b"}' % (b"1" * 42)),
    ("a long client id", b'{"type":"orderStatus","user":"%b","oid":"0x%b"}' % (USER.encode(), b"1" * 33)),
    ("a candle's keys beside it", b'{"type":"candleSnapshot","coin":"BTC","interval":"1m","startTime":0,"endTime":1}'),
    (
        "an unknown interval",
        b'{"type":"candleSnapshot","req":{"coin":"BTC","interval":"7m","startTime":0,"endTime":1}}',
    ),
    (
        "an unknown key within",
        b'{"type":"candleSnapshot","req":{"coin":"BTC","interval":"1m","startTime":0,"endTime":1,"x":1}}',
    ),
]


@pytest.mark.parametrize("body", [body for _, body in UNREADABLE], ids=[case for case, _ in UNREADABLE])
def test_what_cannot_be_read_is_refused_in_plain_text(client: Client, body: bytes) -> None:
    client.connection.request("POST", "/info", body)
    answer = client.connection.getresponse()
    assert answer.status == 422
    assert answer.getheader("content-type", "").startswith("text/plain")
    assert answer.read() == b"Failed to deserialize the JSON body into the target type"


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("meta", {"dex": None}),
        ("meta", {"dex": ""}),
        ("l2Book", {"coin": "BTC", "nSigFigs": None, "mantissa": None}),
        ("userFillsByTime", {"user": USER, "startTime": 0, "endTime": None, "aggregateByTime": None, "reversed": None}),
        ("userFills", {"user": USER.upper().replace("X", "x"), "aggregateByTime": False}),
    ],
)
def test_an_optional_key_may_be_null(client: Client, kind: str, keys: dict[str, object]) -> None:
    assert client.status(kind, **keys) == 200


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("l2Book", {"coin": "BTC", "nSigFigs": 1}),
        ("l2Book", {"coin": "BTC", "nSigFigs": 6}),
        ("l2Book", {"coin": "BTC", "nSigFigs": 5, "mantissa": 3}),
        ("l2Book", {"coin": "BTC", "nSigFigs": 4, "mantissa": 2}),
        ("candleSnapshot", {"req": {"coin": "NOPE", "interval": "1m", "startTime": 0, "endTime": 1}}),
        ("fundingHistory", {"coin": "NOPE", "startTime": 0}),
        ("activeAssetData", {"user": USER, "coin": "NOPE"}),
        ("meta", {"dex": "nope"}),
        ("clearinghouseState", {"user": USER, "dex": "nope"}),
    ],
)
def test_what_is_read_but_means_nothing_is_an_empty_error(client: Client, kind: str, keys: dict[str, object]) -> None:
    assert client.send("POST", "/info", json.dumps({"type": kind, **keys})) == (500, b"null")


def test_every_type_has_an_answer(client: Client) -> None:
    values: dict[str, object] = {
        "user": USER,
        "coin": "BTC",
        "oid": 1,
        "startTime": START_MS,
        "req": {"coin": "BTC", "interval": "1h", "startTime": START_MS, "endTime": NOW},
    }
    needed = {
        kind: {name: values[name] for name, key in rule.keys.items() if key.needed}
        for kind, rule in rules._RULES.items()  # noqa: SLF001 - the table itself
    }
    assert {kind: client.status(kind, **keys) for kind, keys in needed.items()} == dict.fromkeys(rules.TYPES, 200)


def test_a_coins_place_is_its_number_although_a_delisted_one_stands_between(client: Client, venue: LocalVenue) -> None:
    meta, contexts = client.info("metaAndAssetCtxs")
    assert meta == client.info("meta")
    names = [coin["name"] for coin in meta["universe"]]
    gone = [coin["name"] for coin in meta["universe"] if coin.get("isDelisted")]
    assert gone == ["MATIC"]
    assert names.index("MATIC") < len(names) - 1
    assert [name for name in names if name not in gone] == [each.coin for each in venue.venue.coins]
    by_name = dict(zip(names, contexts, strict=True))
    assert by_name["BTC"]["markPx"] == "60000.0"
    assert (by_name["MATIC"]["midPx"], by_name["MATIC"]["impactPxs"]) == (None, None)


def test_a_coins_margin_table_begins_at_its_highest_leverage(client: Client) -> None:
    meta = client.info("meta")
    tables = dict(meta["marginTables"])
    for coin in meta["universe"]:
        first = tables[coin["marginTableId"]]["marginTiers"][0]
        assert first == {"lowerBound": "0.0", "maxLeverage": coin["maxLeverage"]}
    bitcoin = meta["universe"][0]
    assert (bitcoin["name"], bitcoin["szDecimals"], bitcoin["maxLeverage"], bitcoin["marginTableId"]) == (
        "BTC",
        5,
        40,
        56,
    )
    assert tables[56]["marginTiers"][1] == {"lowerBound": "150000000.0", "maxLeverage": 20}


def test_a_context_has_the_keys_of_the_wire_and_numbers_as_text(client: Client) -> None:
    _, contexts = client.info("metaAndAssetCtxs")
    assert set(contexts[0]) == {
        "funding",
        "openInterest",
        "prevDayPx",
        "dayNtlVlm",
        "premium",
        "oraclePx",
        "markPx",
        "midPx",
        "impactPxs",
        "dayBaseVlm",
    }
    texts = [value for name, value in contexts[0].items() if name != "impactPxs"]
    assert all(isinstance(value, str) and float(value) == float(value) for value in texts)


def test_an_empty_book_has_no_mid(client: Client, venue: LocalVenue) -> None:
    venue.venue.set_depth("BTC", 0.0)
    context = client.info("metaAndAssetCtxs")[1][0]
    assert (context["markPx"], context["midPx"], context["impactPxs"]) == ("60000.0", None, None)
    assert client.info("l2Book", coin="BTC")["levels"] == [[], []]
    assert client.info("allMids")["BTC"] == "60000.0"


def test_a_changed_mark_shows_everywhere_from_its_moment_on(client: Client, venue: LocalVenue) -> None:
    venue.venue.set_mark("BTC", 63_600.0, NOW + MINUTE_MS)
    before = client.info("metaAndAssetCtxs")[1][0]["markPx"]
    clock_of(venue).set(NOW + 2 * MINUTE_MS)
    after = client.info("metaAndAssetCtxs")[1][0]["markPx"]
    assert (before, after) == ("60000.0", "63600.0")
    best_bid, best_ask = (float(side[0]["px"]) for side in client.info("l2Book", coin="BTC")["levels"])
    assert best_bid < float(client.info("allMids")["BTC"]) < best_ask
    assert 63_000 < best_bid < best_ask < 64_200


def test_spot_pairs_come_with_the_main_mids_only(client: Client) -> None:
    mids = client.info("allMids")
    assert {"BTC", "@107", "PURR/USDC"} <= set(mids)
    assert all(isinstance(mid, str) for mid in mids.values())
    assert set(client.info("allMids", dex="xyz")) == {"xyz:NVDA"}


def test_other_dexes_are_listed_behind_the_main_one(client: Client) -> None:
    main, other = client.info("perpDexs")
    assert (main, other["name"]) == (None, "xyz")
    assert [coin["name"] for coin in client.info("meta", dex="xyz")["universe"]] == ["xyz:NVDA"]


def test_the_book_of_an_unknown_coin_is_null(client: Client) -> None:
    assert client.info("l2Book", coin="NOPE") is None
    assert client.info("l2Book", coin="btc") is None


def test_a_book_has_at_most_20_levels_a_side_best_first(client: Client) -> None:
    book = client.info("l2Book", coin="ETH")
    assert set(book) == {"coin", "time", "levels"}
    assert (book["coin"], book["time"]) == ("ETH", NOW)
    bids, asks = ([float(level["px"]) for level in side] for side in book["levels"])
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert 1 <= len(bids) <= 20
    assert 1 <= len(asks) <= 20
    assert all(set(level) == {"px", "sz", "n"} for side in book["levels"] for level in side)


def test_a_coarser_book_sums_what_it_merges(client: Client) -> None:
    fine, coarse = client.info("l2Book", coin="BTC"), client.info("l2Book", coin="BTC", nSigFigs=2)
    assert "spread" in coarse
    for side in (0, 1):
        sizes = [sum(float(level["sz"]) for level in book["levels"][side]) for book in (fine, coarse)]
        assert sizes[0] == pytest.approx(sizes[1])
        assert len(coarse["levels"][side]) < len(fine["levels"][side])
    assert float(coarse["levels"][0][0]["px"]) <= float(fine["levels"][0][0]["px"])
    assert float(coarse["levels"][1][0]["px"]) >= float(fine["levels"][1][0]["px"])


def candles(client: Client, interval: str, start: int, end: int, coin: str = "BTC") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = client.info(
        "candleSnapshot", req={"coin": coin, "interval": interval, "startTime": start, "endTime": end}
    )
    return rows


def test_candles_are_whole_but_for_the_last_and_none_is_of_the_future(client: Client) -> None:
    rows = candles(client, "1m", START_MS, NOW + DAY_MS)
    assert [row["t"] for row in rows] == list(range(START_MS, NOW, MINUTE_MS))
    assert all(row["T"] == row["t"] + MINUTE_MS - 1 for row in rows)
    assert rows[-1]["t"] < NOW < rows[-1]["T"]
    assert {(row["s"], row["i"]) for row in rows} == {("BTC", "1m")}
    assert all(isinstance(row[name], str) for row in rows for name in "ohlcv")
    assert all(isinstance(row[name], int) for row in rows for name in "tTn")


def test_a_candle_that_covers_the_start_is_among_them(client: Client) -> None:
    rows = candles(client, "1h", START_MS + HOUR_MS + 1, START_MS + 2 * HOUR_MS - 1)
    assert [row["t"] for row in rows] == [START_MS + HOUR_MS]


def test_only_the_most_recent_5000_candles_exist(client: Client, venue: LocalVenue) -> None:
    now = START_MS + 6_000 * MINUTE_MS
    clock_of(venue).set(now)
    rows = candles(client, "1m", 0, now)
    assert len(rows) == 5_000
    assert rows[-1]["t"] == now
    assert candles(client, "1m", 0, rows[0]["t"] - 1) == []
    assert venue.usage.weight["candleSnapshot"] == 20 + 84 + 20


@pytest.mark.parametrize("coin", ["@107", "xyz:NVDA", "PURR/USDC", "MATIC"])
def test_a_coin_of_another_market_has_no_candles(client: Client, coin: str) -> None:
    assert candles(client, "1h", START_MS, NOW, coin) == []


def test_funding_is_hourly_and_at_most_500_rows(client: Client, venue: LocalVenue) -> None:
    clock_of(venue).set(START_MS + 600 * HOUR_MS)
    rows = client.info("fundingHistory", coin="BTC", startTime=START_MS)
    assert len(rows) == 500
    assert set(rows[0]) == {"coin", "fundingRate", "premium", "time"}
    times = [row["time"] for row in rows]
    assert all(0 <= at % HOUR_MS < 1_000 for at in times)
    assert {later // HOUR_MS - earlier // HOUR_MS for earlier, later in itertools.pairwise(times)} == {1}
    more = client.info("fundingHistory", coin="BTC", startTime=times[-1] + 1)
    assert more[0]["time"] // HOUR_MS == times[-1] // HOUR_MS + 1
    assert more[-1]["time"] <= START_MS + 600 * HOUR_MS
    assert client.info("fundingHistory", coin="BTC", startTime=times[0], endTime=times[1]) == rows[:2]


def test_the_venues_own_lists_have_their_shapes(client: Client) -> None:
    assert client.info("exchangeStatus") == {"specialStatuses": None, "time": NOW}
    assert client.info("perpsAtOpenInterestCap") == []
    assert [name for name, _ in client.info("predictedFundings")][:1] == ["BTC"]
    spot = client.info("spotMeta")
    tokens = {token["index"] for token in spot["tokens"]}
    assert all(set(pair["tokens"]) <= tokens for pair in spot["universe"])
    assert [pair["name"] for pair in spot["universe"]] == ["PURR/USDC", "@107"]
