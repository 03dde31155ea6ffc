"""Filling the history: what is asked of a source, and that an end at any point does no harm."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.domain.candles import Candles
from hlcopy.domain.models import from_ms
from hlcopy.domain.policy import Policy
from hlcopy.ports import UNKNOWN, EquityPoint, FetchDesk, FundingRate, KnownEquity, Portfolio, Reach
from hlcopy.ticks import fetch
from hlcopy.ticks.equity import keep_equity, points_of
from tests.builders import MINUTE_MS, fill
from tests.ticks.fakes_score import NOW, FakeClock, FakeLeaderboard, FakeProgress, leader, portfolio, wallet

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from hlcopy.domain.models import Fill
    from hlcopy.domain.spans import Span
    from hlcopy.ports import UnknownType

HOUR_MS = 60 * MINUTE_MS
DAY = timedelta(days=1)
WANTED = fetch.Wanted(start=NOW - 5 * DAY, end=NOW - DAY, traders=[wallet(1), wallet(2)])


class KilledError(BaseException):
    """The end of a process."""


@dataclass(slots=True)
class FakeArchive:
    """An unbroken market and given fills; it may end its caller at a request, or know nothing of some."""

    past: dict[str, list[Fill]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    spans: list[tuple[str, datetime, datetime]] = field(default_factory=list)
    dies_at: int = -1
    unread: set[tuple[str, str]] = field(default_factory=set)
    serves: int = 10_000

    def _ask(self, what: str, item: str) -> bool:
        if len(self.asked) == self.dies_at:
            raise KilledError
        self.asked.append((what, item))
        return (what, item) in self.unread

    def coins(self) -> Collection[str] | UnknownType:
        return UNKNOWN if self._ask("coins", "") else {"BTC", "ETH", "SOL"}

    def fills(self, trader: str, since: datetime, until: datetime) -> Sequence[Fill] | UnknownType:
        self.spans.append((trader, since, until))
        if self._ask("fills", trader):
            return UNKNOWN
        return [each for each in self.past.get(trader, [])[-self.serves :] if since <= each.time <= until]

    def portfolio(self, address: str, now: datetime) -> Portfolio | UnknownType:
        return UNKNOWN if self._ask("portfolio", address) else replace(portfolio(1, now=now), address=address)

    def candles(self, coin: str, interval_ms: int, span: Span) -> Candles | UnknownType:
        if self._ask(f"candles {interval_ms // MINUTE_MS}", coin):
            return UNKNOWN
        times = np.arange(span[0], span[1], interval_ms, dtype=np.int64)
        return Candles(coin, interval_ms, times, *(np.ones(len(times)) for _ in "ohlcv"))

    def funding(self, coin: str, span: Span) -> Sequence[FundingRate] | UnknownType:
        if self._ask("funding", coin):
            return UNKNOWN
        return [FundingRate(coin=coin, time=from_ms(at), rate=1e-5) for at in range(*span, HOUR_MS)]


@dataclass(slots=True)
class World:
    """A ledger, an archive and a clock."""

    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    archive: FakeArchive = field(default_factory=FakeArchive)
    board: FakeLeaderboard = field(default_factory=lambda: FakeLeaderboard(rows=[leader(1), leader(2)]))
    clock: FakeClock = field(default_factory=FakeClock)
    progress: FakeProgress = field(default_factory=FakeProgress)

    def run(self, wanted: fetch.Wanted = WANTED) -> fetch.Fetched:
        return fetch.run(
            FetchDesk(
                policy=Policy(),
                ledger=self.ledger,
                archive=self.archive,
                leaderboard=self.board,
                progress=self.progress,
                clock=self.clock,
            ),
            wanted,
        )

    def stored(self) -> dict[str, object]:
        history = self.ledger.history
        return {
            "fills": [history.fills(wallet(number)) for number in (1, 2)],
            "reaches": [self.ledger.scoring.reach(wallet(number)) for number in (1, 2)],
            "candles": history.candle_coverage(),
            "funding": history.funding_coverage(),
            "equity": history.equity_coverage(),
            "fetched": [history.fetched("candles", coin, MINUTE_MS) for coin in ("BTC", "ETH")],
            "board": self.ledger.scoring.board(NOW.date()),
        }


def turns(number: int, count: int, *, days: float, coin: str = "BTC", first_tid: int = 1) -> list[Fill]:
    """Return fills that buy and sell in turn, evenly over the days before `NOW`."""
    step = timedelta(days=days) / count
    return [
        fill(
            trader=wallet(number),
            coin=coin,
            is_buy=index % 2 == 0,
            start_position=float(index % 2),
            time=NOW - timedelta(days=days) + step * (index + 0.5),
            oid=first_tid + index,
            tid=first_tid + index,
        )
        for index in range(count)
    ]


@pytest.fixture
def world() -> World:
    made = World()
    made.archive.past = {wallet(1): turns(1, 40, days=20), wallet(2): turns(2, 10, days=4, coin="ETH")}
    return made


def test_a_fetch_may_be_killed_at_any_request_and_asks_for_nothing_twice(world: World) -> None:
    world.run()
    whole, asked = world.stored(), world.archive.asked
    for step in range(len(asked)):
        again = World()
        again.archive.past, again.archive.dies_at = world.archive.past, step
        with pytest.raises(KilledError):
            again.run()
        again.archive.dies_at = -1
        done = again.run()
        assert again.stored() == whole
        assert not done.problems
        kept = [each for each in again.archive.asked if each[0] != "coins"]
        assert sorted(kept) == sorted(each for each in asked if each[0] != "coins")
        assert again.run().new == {}


def test_every_step_is_reported_to_its_end(world: World) -> None:
    world.run()
    assert [(title, total) for title, total, done in world.progress.steps if done == total] == [
        ("Reading fills", 2),
        ("Reading equity histories", 2),
        ("Reading candles", 2),
        ("Reading funding", 2),
        ("Reading the leaderboard", 1),
    ]


def test_candles_are_asked_finest_first_until_one_series_holds_the_period(world: World) -> None:
    world.run(replace(WANTED, coins=["BTC"], start=NOW - 30 * DAY, end=NOW))
    assert [what for what, _ in world.archive.asked if what.startswith("candles")] == [
        "candles 1",
        "candles 5",
        "candles 15",
    ]
    later = World(ledger=world.ledger, clock=FakeClock(NOW + 10 * DAY))
    later.run(replace(WANTED, coins=["BTC"], start=NOW - 30 * DAY, end=NOW))
    # The last candles of each interval had only just closed; nothing else is asked for again.
    assert [what for what, _ in later.archive.asked if what.startswith("candles")] == ["candles 5", "candles 15"]


def test_a_finer_series_that_holds_the_period_makes_coarser_ones_needless(world: World) -> None:
    world.run(replace(WANTED, coins=["BTC"], start=NOW - 2 * DAY))
    assert [what for what, _ in world.archive.asked if what.startswith("candles")] == ["candles 1"]


def reach_of(world: World) -> Reach:
    reach = world.ledger.scoring.reach(wallet(1))
    assert reach is not None
    return reach


def test_what_score_has_read_is_joined_from_both_sides(world: World) -> None:
    known = Reach(address=wallet(1), complete_from=NOW - 4 * DAY, complete_until=NOW - 2 * DAY)
    world.ledger.history.add_fills(
        each for each in world.archive.past[wallet(1)] if known.complete_from <= each.time <= known.complete_until
    )
    world.ledger.scoring.put_reach(known)
    world.run(replace(WANTED, traders=[wallet(1)]))
    assert world.archive.spans == [
        (wallet(1), NOW - 2 * DAY - timedelta(minutes=5), NOW),
        (wallet(1), NOW - 5 * DAY, NOW - 4 * DAY - timedelta(milliseconds=1)),
    ]
    assert (reach_of(world).complete_from, reach_of(world).complete_until) == (NOW - 5 * DAY, NOW)
    assert world.ledger.history.fills(wallet(1)) == [
        each for each in world.archive.past[wallet(1)] if each.time >= NOW - 5 * DAY
    ]


def test_after_more_fills_than_are_served_the_reach_begins_anew(world: World) -> None:
    world.ledger.scoring.put_reach(
        Reach(address=wallet(1), complete_from=NOW - 90 * DAY, complete_until=NOW - 10 * DAY)
    )
    past = world.archive.past[wallet(1)] = turns(1, 10_500, days=9)
    done = world.run(replace(WANTED, traders=[wallet(1)], start=NOW - 12 * DAY))
    assert reach_of(world).complete_from == past[500].time + timedelta(milliseconds=1)
    assert reach_of(world).exhausted
    assert [each.code for each in done.warnings] == ["FILLS_END"]


def test_older_fills_out_of_reach_are_told_with_the_date_and_asked_once(world: World) -> None:
    past = world.archive.past[wallet(1)] = turns(1, 10_500, days=30)
    world.ledger.history.add_fills(past[5_000:])
    world.ledger.scoring.put_reach(Reach(address=wallet(1), complete_from=past[5_000].time, complete_until=NOW))
    wanted = replace(WANTED, traders=[wallet(1)], start=NOW - 30 * DAY)
    for asked in (2, 2):
        done = world.run(wanted)
        (warning,) = done.warnings
        assert f"{past[500].time:%Y-%m-%d %H:%M} UTC" in warning.message
        assert len(world.archive.spans) == asked
    assert len(world.ledger.history.fills(wallet(1))) == 10_000


def test_the_two_streams_have_a_reach_each(world: World) -> None:
    slices = [replace(each, twap_id=1) for each in turns(1, 6_000, days=5)]
    world.archive.past[wallet(1)] = sorted(
        [*slices, *turns(1, 6_000, days=5, first_tid=50_000)], key=lambda each: each.time
    )
    world.archive.serves = 12_000
    done = world.run(replace(WANTED, traders=[wallet(1)], coins=["BTC"]))
    assert done.warnings == []
    assert not reach_of(world).exhausted


@pytest.mark.parametrize(
    ("unread", "codes", "down"),
    [
        ({("fills", wallet(1))}, ["FILLS_UNREADABLE"], False),
        ({("portfolio", wallet(2))}, ["EQUITY_POINTS_UNREADABLE"], False),
        ({("candles 5", "ETH")}, ["CANDLES_UNREADABLE"], False),
        ({("funding", "BTC"), ("funding", "ETH")}, ["FUNDING_UNREADABLE"] * 2, False),
        ({("coins", "")}, ["CANDLES_UNREADABLE"] * 2 + ["FUNDING_UNREADABLE"], True),
    ],
)
def test_an_item_that_can_t_be_read_is_a_problem_and_three_in_a_row_an_outage(
    world: World,
    unread: set[tuple[str, str]],
    codes: list[str],
    down: bool,  # noqa: FBT001 - a table's column
) -> None:
    world.archive.unread = unread
    done = world.run()
    assert ([each.code for each in done.problems], done.down) == (codes, down)
    world.archive.unread = set()
    assert world.run().problems == []


def test_a_coin_that_the_venue_no_longer_lists_is_told_and_nothing_failed(world: World) -> None:
    world.archive.past[wallet(1)] = turns(1, 4, days=4, coin="GONE")
    done = world.run(replace(WANTED, traders=[wallet(1)]))
    assert [(each.code, each.item) for each in done.warnings] == [("COIN_GONE", "GONE")]
    assert done.problems == []


def test_an_equity_history_is_read_again_only_after_an_hour(world: World) -> None:
    wanted = replace(WANTED, traders=[wallet(1)], end=NOW)
    for minutes, asked in ((0, 1), (59, 1), (61, 2)):
        world.clock.present = NOW + timedelta(minutes=minutes)
        world.run(replace(wanted, end=world.clock.present))
        assert [what for what, _ in world.archive.asked].count("portfolio") == asked


def test_a_later_reading_adds_only_what_came_after_the_last(world: World) -> None:
    history = world.ledger.history
    assert keep_equity(history, portfolio(1)) == len(points_of(portfolio(1)))
    later = portfolio(1, now=NOW + timedelta(hours=7))  # all of its moments are others
    assert [point.at for point in points_of(later) if point.at > NOW] == [later.read_at]
    assert keep_equity(history, later) == 1
    assert keep_equity(history, later) == 0


def test_points_of_all_windows_count_profit_from_the_account_s_beginning() -> None:
    days = [NOW - 2 * DAY, NOW - DAY, NOW]
    whole = (EquityPoint(days[0], 100.0, 0.0), EquityPoint(days[2], 180.0, 60.0))
    week = (EquityPoint(days[1], 150.0, 0.0), EquityPoint(days[2], 180.0, 20.0))
    apart = (EquityPoint(NOW - timedelta(hours=5), 170.0, 3.0),)
    read = Portfolio(address=wallet(1), read_at=NOW, windows={"week": week, "day": apart, "allTime": whole})
    found = points_of(read)
    assert [(point.at, point.value_usd, point.pnl_usd) for point in found] == [
        (days[0], 100.0, 0.0),
        (days[1], 150.0, 40.0),
        (apart[0].at, 170.0, None),
        (days[2], 180.0, 60.0),
    ]
    assert found[0] == KnownEquity(
        address=wallet(1), at=days[0], value_usd=100.0, pnl_usd=0.0, source="portfolio", read_at=NOW
    )
    assert points_of(replace(read, windows={})) == []
