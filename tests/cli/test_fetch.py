"""`data fetch` over HTTP: what it brings, what it never asks for twice, and how it ends when something is wrong."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.hyperliquid.archive import HyperliquidArchive
from hlcopy.adapters.locks import command_lock
from hlcopy.domain.episodes import gaps
from hlcopy.simulator.server import DROP
from hlcopy.simulator.venue import quiet_world
from tests.builders import OTHER_TRADER, position, trader
from tests.cli.trading import open_store
from tests.venue import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    PRICES,
    START,
    START_MS,
    TRADER,
    clock_of,
    environment,
    fill_row,
    local_venue,
    profile,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hlcopy.simulator.server import LocalVenue
    from hlcopy.simulator.venue import FillRow
    from tests.cli.conftest import Outcome

    Answer = tuple[int, dict[str, str], bytes]
    Run = Callable[..., Outcome]

REFUSED = (500, {"content-type": "application/json"}, b"null")
PERIOD = "--from 2026-02-27 --to 2026-02-28"
FETCH = f"data fetch {PERIOD} --trader {TRADER}"


def turns(count: int, first_ms: int, step_ms: int, **more: object) -> list[FillRow]:
    """Return fills that buy and sell 1 BTC in turn, evenly spaced."""
    return [
        fill_row(
            time=first_ms + index * step_ms,
            side="BA"[index % 2],
            startPosition=f"{index % 2}.0",
            dir=("Open Long", "Close Long")[index % 2],
            **more,
        )
        for index in range(count)
    ]


@pytest.fixture
def market(venue: LocalVenue) -> LocalVenue:
    """The venue with a trader who turned six times within the period, in BTC and once in spot."""
    rows = turns(6, START_MS - DAY_MS, HOUR_MS)
    venue.venue.add_trader(profile(), [*rows, fill_row(coin="@107", dir="Buy", time=START_MS - HOUR_MS)])
    return venue


@pytest.fixture
def plenty(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[LocalVenue]:
    """A venue with 40 days of candles, whose ration needn't be waited for."""
    world = quiet_world(start=START, prices=PRICES, history_days=40)
    with local_venue(world, weight_per_minute=12_000) as served:
        for name, value in environment(served, home / "paper.db").items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("HLCOPY_HYPERLIQUID_WEIGHT_PER_MINUTE", "12000")
        served.venue.add_trader(profile())
        yield served


def requests(venue: LocalVenue) -> int:
    return sum(count for kind, count in venue.usage.requests.items() if kind != "clock")


def test_a_fetch_brings_fills_candles_funding_equity_and_the_leaderboard(
    run: Run, home: Path, market: LocalVenue
) -> None:
    done = run(f"{FETCH} --json")
    assert (done.code, done.err) == (0, "")
    document = done.document
    assert document == {
        "command": "data fetch",
        "ok": True,
        "from": "2026-02-27T00:00:00.000+00:00",
        "to": "2026-03-01T00:00:00.000+00:00",
        "traders": [TRADER],
        "coins": ["BTC"],
        "counts": document["counts"],
        "asked": {"fills": 1, "equity_points": 1, "candles": 1, "funding": 1, "leaderboard": 1},
        "warnings": [],
        "errors": [],
    }
    assert document["counts"]["fills"] == 7
    assert document["counts"]["candles"] == 2 * 24 * 60 - 1  # the last one closed this very moment: it may yet change
    assert document["counts"]["funding"] == 48
    assert document["counts"]["equity_points"] > 0
    with open_store(home) as store:
        assert len(store.history.fills(TRADER)) == 7
        (reach,) = [store.scoring.reach(TRADER)]
        assert reach is not None
        assert (reach.complete_until, reach.exhausted) == (START, False)
        assert [each.leader.address for each in store.scoring.board(START.date())] == [TRADER]
        known = store.history.equity_at(TRADER, START)
        assert known is not None
        assert known.value_usd == pytest.approx(market.venue.equity(TRADER, START_MS))


def test_a_fetch_that_is_run_again_asks_for_nothing(run: Run, market: LocalVenue) -> None:
    assert run(FETCH).code == 0
    before = requests(market)
    again = run(f"{FETCH} --json")
    assert requests(market) == before
    assert again.code == 0
    assert set(again.document["counts"].values()) == {0}
    assert set(again.document["asked"].values()) == {0}


def test_later_only_what_is_new_is_asked_for(run: Run, market: LocalVenue) -> None:
    first = run(f"data fetch --from 2026-02-28 --to 2026-03-01 --trader {TRADER} --json").document
    clock_of(market).advance(3 * HOUR_MS)
    market.venue.trade(TRADER, "BTC", 1.0, START_MS + HOUR_MS)
    weight = sum(market.usage.weight.values())
    later = run(f"data fetch --from 2026-02-28 --to 2026-03-01 --trader {TRADER} --json").document
    assert later["counts"]["fills"] == 1
    assert later["counts"]["candles"] == 180
    assert later["counts"]["funding"] == 3
    assert later["counts"]["leaderboard"] == 0
    assert first["counts"]["candles"] == 24 * 60 - 1
    assert sum(market.usage.weight.values()) - weight < 200
    earlier = run(f"{FETCH} --json").document
    assert earlier["counts"]["candles"] == 24 * 60
    assert earlier["counts"]["fills"] == 0
    assert earlier["asked"]["fills"] == 1  # what lies before, though there is nothing


def test_fills_of_many_pages_and_twap_slices_make_one_unbroken_chain(run: Run, home: Path, venue: LocalVenue) -> None:
    rows = turns(4_500, START_MS - DAY_MS, 5)
    for index in range(1_990, 2_012):  # many of one moment at the edge of a page
        rows[index]["time"] = rows[1_990]["time"]
    for index in range(300, 340):
        rows[index]["twapId"] = 7
    venue.venue.add_trader(profile(), rows)
    assert run(f"{FETCH} --json").document["counts"]["fills"] == 4_500
    with open_store(home) as store:
        stored = store.history.fills(TRADER)
        assert {fill.tid for fill in stored} == {row["tid"] for row in rows}
        assert gaps(stored) == []
        assert sum(fill.twap_id == 7 for fill in stored) == 40


def test_the_venue_s_reach_is_told_and_not_taken_for_silence(run: Run, home: Path, plenty: LocalVenue) -> None:
    rows = turns(10_400, START_MS - 2 * DAY_MS, 16_000)
    plenty.venue.add_trader(profile(), rows)
    done = run(FETCH)
    assert done.code == 0
    assert f"FILLS_END: the venue serves no older fills of {TRADER} than from 2026-02-27 01:46 UTC" in done.err
    with open_store(home) as store:
        reach = store.scoring.reach(TRADER)
        assert reach is not None
        assert reach.exhausted
        assert reach.complete_from.timestamp() * 1000 == pytest.approx(rows[400]["time"] + 1)
    before = requests(plenty)
    again = run(FETCH)
    assert requests(plenty) == before
    assert "FILLS_END" in again.err


def test_fills_before_those_of_the_daily_selection_are_joined_to_them(run: Run, home: Path, market: LocalVenue) -> None:
    assert run(f"data fetch --from 2026-02-28 --to 2026-02-28 --trader {TRADER}").code == 0
    asked = market.usage.requests["userFillsByTime"]
    assert run(FETCH).code == 0
    assert market.usage.requests["userFillsByTime"] - asked == 2  # what came since, and what came before
    with open_store(home) as store:
        reach = store.scoring.reach(TRADER)
        assert reach is not None
        assert reach.complete_from.isoformat() == "2026-02-27T00:00:00+00:00"


def test_each_part_of_a_period_has_its_finest_candles_and_one_series_the_whole(run: Run, plenty: LocalVenue) -> None:
    done = run("data fetch --from 2026-01-25 --to 2026-02-28 --coin SOL --json")
    assert done.code == 0
    found = {each["interval"]: each for each in run("data status --json").document["candles"]}
    assert list(found) == ["1m", "5m", "15m"]
    assert found["15m"]["from"] == "2026-01-25T00:00:00.000+00:00"
    assert found["5m"]["from"] < "2026-02-12"
    assert found["1m"]["from"] < "2026-02-25T16"
    assert {(each["missing"], each["to"][:10]) for each in found.values()} == {(0, "2026-02-28")}
    before = requests(plenty)
    assert run("data fetch --from 2026-01-25 --to 2026-02-28 --coin SOL").code == 0
    assert requests(plenty) == before


def test_candles_that_never_were_are_not_asked_for_again(run: Run, market: LocalVenue) -> None:
    def holed(answer: Answer) -> Answer:
        status, headers, body = answer
        return status, headers, json.dumps([row for index, row in enumerate(json.loads(body)) if index % 9]).encode()

    market.faults = lambda kind: holed if kind == "candleSnapshot" else None
    assert run(f"data fetch {PERIOD} --coin BTC").code == 0
    before = requests(market)
    assert run(f"data fetch {PERIOD} --coin BTC").code == 0
    assert requests(market) == before
    (series,) = run("data status --json").document["candles"]
    assert series["missing"] == (2 * 24 * 60 - 2) // 9  # the first of all went with them
    assert len(series["gaps"]) == 100  # of thousands the largest are told
    assert all(gap["venue_has_none"] for gap in series["gaps"])
    assert "venue has none" in run("data status").out


def test_an_answer_without_candles_proves_nothing_and_is_asked_for_again(run: Run, market: LocalVenue) -> None:
    market.faults = lambda kind: (200, {}, b"[]") if kind == "candleSnapshot" else None
    empty = run(f"data fetch {PERIOD} --coin BTC")
    assert empty.code == 0
    assert "warning: NO_CANDLES: the venue serves no candles of BTC in this period" in empty.err
    market.faults = None
    assert run(f"data fetch {PERIOD} --coin BTC --json").document["counts"]["candles"] == 2 * 24 * 60 - 1


def test_imported_candles_are_kept_and_not_asked_for(run: Run, home: Path, market: LocalVenue) -> None:
    rows = [
        {"coin": "BTC", "t": START_MS - n * MINUTE_MS, "o": 1, "h": 1, "l": 1, "c": 1, "v": 0} for n in range(1, 2_881)
    ]
    (home / "candles.json").write_text(json.dumps(rows))
    assert run("data import candles candles.json").code == 0
    done = run(f"data fetch {PERIOD} --coin BTC --json").document
    assert done["counts"]["candles"] == 0
    assert market.usage.requests["candleSnapshot"] == 0


@pytest.mark.usefixtures("venue")
def test_without_names_the_followed_and_the_copied_are_fetched(run: Run, home: Path) -> None:
    followed = {tier: f"0x{number:040x}" for number, tier in enumerate(("primary", "secondary"), start=1)}
    with open_store(home) as store:
        store.traders.put([trader(address=address, tier=tier) for tier, address in followed.items()])
        store.traders.put([trader(address=TRADER, tier=None)])
        store.book.put_position(position(source_trader=OTHER_TRADER))
    assert run(f"data fetch {PERIOD} --json").document["traders"] == [*followed.values(), OTHER_TRADER]


@pytest.mark.usefixtures("venue")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--from 2026-02-30 --to 2026-03-01", "--from must be a day such as 2025-03-16, not '2026-02-30'"),
        ("--from 2026-02-20 --to soon", "--to must be a day"),
        ("--from 0001-01-01 --to 2026-02-27", "--from 0001-01-01 lies before there was anything to fetch"),
        ("--from 2026-02-28 --to 2026-02-27", "--from 2026-02-28 lies after --to 2026-02-27"),
        ("--from 2026-03-02 --to 2026-03-03", "--from 2026-03-02 lies in the future: today is 2026-03-01"),
        (f"{PERIOD} --trader 0x12", "must be 0x and 40 hexadecimal digits, not '0x12'"),
        (f"{PERIOD} --coin btc", "--coin btc: Hyperliquid has no perp of that name; did you mean BTC?"),
        (PERIOD, "nobody is followed yet; run `hlcopy score` first, or name --trader ADDRESS or --coin COIN"),
    ],
)
def test_a_period_or_name_that_makes_no_sense_is_wrong_usage(run: Run, options: str, said: str) -> None:
    wrong = run(f"data fetch {options}")
    assert (wrong.code, wrong.out) == (2, "")
    assert said in wrong.err
    assert wrong.err.count("\n") == 1


@pytest.mark.usefixtures("market")
def test_an_end_in_the_future_is_clipped_with_a_warning(run: Run) -> None:
    done = run("data fetch --from 2026-02-28 --to 2026-05-01 --coin BTC")
    assert done.code == 0
    assert "warning: TO_CLIPPED: --to 2026-05-01 lies in the future; fetched up to now, 2026-03-01" in done.err
    assert done.out.startswith("Fetched: 2026-02-28 to 2026-02-28\n")
    assert run("data fetch --from 2026-02-28 --to 2026-03-01 --coin BTC").err == ""


@pytest.mark.usefixtures("impatient")
def test_what_can_t_be_read_is_named_and_the_rest_is_fetched(run: Run, market: LocalVenue) -> None:
    market.faults = lambda kind: REFUSED if kind == "fundingHistory" else None
    done = run(f"{FETCH} --json")
    assert done.code == 1
    assert done.document["errors"] == [
        {"code": "FUNDING_UNREADABLE", "message": "funding of BTC can't be read now", "item": "BTC"}
    ]
    assert done.document["counts"]["candles"] > 0
    market.faults = None
    again = run(f"{FETCH} --json")
    assert (again.code, again.document["counts"]["funding"], again.document["counts"]["fills"]) == (0, 48, 0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", [REFUSED, DROP])
def test_a_source_that_is_down_ends_a_fetch_with_75(run: Run, market: LocalVenue, fault: object) -> None:
    market.faults = lambda kind: None if kind == "clock" else fault  # type: ignore[assignment, return-value]
    down = run(f"{FETCH} --json")
    assert (down.code, down.document["ok"]) == (75, False)
    assert down.err.splitlines()[-1].startswith("error: Hyperliquid can't be read now; what was fetched is kept")
    assert run(f"{FETCH} --quiet").out == ""
    market.faults = None
    assert run(FETCH).code == 0


@pytest.mark.usefixtures("impatient")
def test_a_source_that_goes_down_in_the_middle_isn_t_asked_of_every_coin(run: Run, market: LocalVenue) -> None:
    market.faults = lambda kind: REFUSED if kind in {"candleSnapshot", "fundingHistory"} else None
    down = run(f"data fetch {PERIOD} --coin BTC --coin ETH --coin SOL --trader {TRADER} --json")
    assert down.code == 75
    assert [each["code"] for each in down.document["errors"]] == ["CANDLES_UNREADABLE"] * 3
    assert down.document["counts"]["fills"] == 7
    assert market.usage.requests["fundingHistory"] == 0


@pytest.mark.usefixtures("impatient")
def test_after_a_429_nothing_is_asked_for_a_minute(run: Run, market: LocalVenue) -> None:
    market.faults = lambda kind: (429, {}, b"null") if kind == "portfolio" else None
    assert run(FETCH).code == 75  # what follows has to wait, longer than it may here
    before = requests(market)
    assert run(FETCH).code == 75
    assert requests(market) == before
    clock_of(market).advance(MINUTE_MS)
    market.faults = None
    assert run(FETCH).code == 0


def test_an_interrupted_fetch_keeps_what_it_has_and_goes_on_from_there(
    run: Run, market: LocalVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:

        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        patched.setattr(HyperliquidArchive, "funding", interrupt)
        stopped = run(FETCH)
    assert (stopped.code, stopped.out, stopped.err) == (130, "", "interrupted\n")
    before = market.usage.requests.copy()
    done = run(f"{FETCH} --json").document
    assert (done["counts"]["fills"], done["counts"]["candles"], done["counts"]["funding"]) == (0, 0, 48)
    assert {kind for kind, count in market.usage.requests.items() if count > before[kind]} - {"clock"} == {
        "meta",
        "fundingHistory",
        "leaderboard",
    }


def test_a_fetch_uses_the_ration_of_the_daily_selection_alone(run: Run, home: Path, market: LocalVenue) -> None:
    assert run(FETCH).code == 0
    with closing(sqlite3.connect(home / "paper.db")) as raw:
        ((share, weight),) = raw.execute("SELECT share, sum(weight) FROM api_weight GROUP BY share").fetchall()
    assert share == "score"
    assert weight == sum(used for kind, used in market.usage.weight.items() if kind != "clock")
    assert market.usage.peak_weight() <= 500


@pytest.mark.usefixtures("venue")
def test_two_fetches_into_one_file_don_t_run_at_the_same_time(run: Run, database: Path) -> None:
    with command_lock(database, "fetch"):
        busy = run(f"data fetch {PERIOD} --coin BTC")
    assert busy.code == 75
    assert "another `hlcopy data fetch` is filling" in busy.err


def test_what_a_fetch_says_fits_80_columns(run: Run, market: LocalVenue) -> None:
    said = run(FETCH)
    assert market.crashes == []
    first_words = [line.split()[0] for line in said.out.splitlines()]
    assert first_words == ["Fetched:", "WHAT", "fills", "equity", "candles", "funding", "leaderboard"]
    status = run("data status").out
    assert max(map(len, (said.out + status).splitlines())) <= 80
    assert "Equity through time" in status


def test_a_leaderboard_of_the_daily_selection_isn_t_replaced(run: Run, market: LocalVenue) -> None:
    assert run("score").code in {0, 1}
    asked = market.usage.requests["leaderboard"]
    assert run(FETCH).code == 0
    assert market.usage.requests["leaderboard"] == asked
