"""`budget`: what was asked of the APIs is added up, and the forecast foretells it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.adapters.store import Binding, Store
from hlcopy.adapters.store.credits import StoredMeter
from hlcopy.adapters.store.usage import StoredRation, StoredUsage
from hlcopy.cli import ticking
from hlcopy.cli.options import Session
from hlcopy.cli.stage import StageClock
from hlcopy.config import settings_of
from hlcopy.config.spending import by_command, first_use, spending, total
from hlcopy.config.workload import assumed, forecast, measured
from hlcopy.domain.models import Trader
from hlcopy.domain.policy import Policy
from hlcopy.domain.rations import MONITOR, POLL, Used
from hlcopy.wiring.http import BoundedHttp
from tests.builders import T0, at, position
from tests.venue import START, clock_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hlcopy.simulator.server import LocalVenue
    from tests.cli.conftest import Outcome

    Run = Callable[..., Outcome]

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@pytest.fixture
def file(database: Path) -> Path:
    Store.open(database, Binding(mode="paper", network="mainnet", account="")).close()
    return database


def test_requests_are_added_up_by_day_command_and_endpoint(file: Path) -> None:
    with StoredRation(file, MONITOR, 1_200, "poll") as ours, StoredRation(file, POLL, 1_200, "poll") as theirs:
        ours.take(20, at(), "meta")
        theirs.take(20, at(seconds=30), "meta")
        theirs.add(3, at(seconds=30), "meta")
        theirs.add(1, at(seconds=31), "exchange", requests=1)
        assert theirs.take(300, at(seconds=32), "meta") > 0  # refused: nothing was asked
        theirs.take(2, at(days=1), "meta")
    with StoredUsage(file) as usage:
        found = usage.used(at(), at(days=1))
    first = T0.date().isoformat()
    assert [(each.day, each.endpoint, each.requests, each.weight) for each in found] == [
        (first, "exchange", 1, 1),
        (first, "meta", 2, 43),
        ((T0 + DAY).date().isoformat(), "meta", 1, 2),
    ]
    assert {each.command for each in found} == {"poll"}


def test_what_is_older_than_forty_days_is_forgotten(file: Path) -> None:
    with StoredRation(file, POLL, 1_200) as ration, StoredUsage(file) as usage:
        for day in (0, 1, 41):
            ration.take(20, at(days=day), "meta")
        days = {each.day for each in usage.used(at(), at(days=41))}
    assert days == {(T0 + timedelta(days=day)).date().isoformat() for day in (1, 41)}


def test_nansen_s_calls_come_beside_them(file: Path) -> None:
    with StoredMeter(file, 100) as meter, StoredUsage(file) as usage:
        meter.record("perp-leaderboard", 200, 5.0, None, at())
        meter.record("perp-leaderboard", 200, 5.0, None, at(hours=1))
        meter.reserve("profiler/perp-trades", 5, MINUTE, at())  # no answer yet
        (found,) = usage.used(at(), at())
    assert (found.command, found.endpoint, found.requests, found.credits) == ("nansen", "perp-leaderboard", 2, 10.0)


def test_a_period_begins_with_its_first_request() -> None:
    used = [Used("2026-03-01", "poll", "meta", 1, 20, 1_000, 2_000)]
    assert first_use(used, datetime(1970, 1, 1, tzinfo=UTC)) == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert first_use([], T0) == T0


def test_daily_work_is_foretold_as_a_whole_and_the_rest_by_its_time() -> None:
    settings = settings_of({"NANSEN_API_KEY": "k"})
    load, day = assumed(settings.policy()), forecast(settings, assumed(settings.policy()))
    used = [Used("2026-03-01", "poll", "userFillsByTime", 1, 20, 0, 0)]
    found = spending("Today", settings, used, load, START, START + DAY / 2)
    halves = {(each.command, each.endpoint): each for each in found.lines}
    for each in day:
        whole = each.command in {"score", "nansen"}
        line = halves[each.command, each.endpoint]
        assert line.forecast_requests == pytest.approx(each.requests * (1 if whole else 0.5))
    assert total(found.lines).requests == 1
    assert [line.command for line in by_command(found.lines)] == ["monitor", "poll", "positions", "score", "nansen"]
    assert not spending("Today", settings, [], load, START, START + DAY).lines


def test_the_load_is_what_the_ledger_shows() -> None:
    ledger = MemoryLedger()
    tiers = ["primary", "primary", "secondary", None]
    ledger.traders.put([Trader(address=f"0x{n:040x}", tier=tier, score=0.5) for n, tier in enumerate(tiers)])
    for begin, end, source in ((0, 12, 1), (6, 12, 2), (6, 18, 2)):
        held = position(opened_at=at(hours=begin))
        ledger.book.put_position(replace(held, id=None, closed_at=at(hours=end), source_trader=f"0x{source:040x}"))
    load = measured(ledger, Policy(), at(), at(hours=24))
    assert (load.measured, load.primary, load.followed) == (True, 2, 3)
    assert (load.held, load.holding) == (pytest.approx(30 / 24), pytest.approx(18 / 24))
    assert load.copied == pytest.approx((6 * 1 + 6 * 2 + 6 * 1) / 18)
    assert not measured(MemoryLedger(), Policy(), at(), at(hours=24)).measured


def test_a_rehearsed_hour_costs_what_was_foretold_within_a_tenth(run: Run, venue: LocalVenue) -> None:
    session = Session.begin(None, None, as_json=False, quiet=True)
    clock = StageClock(clock_of(venue))
    with session.store(create=True) as store, BoundedHttp(clock) as http:
        store.traders.put(
            [Trader(address=f"0x{n:040x}", tier="primary", score=0.5, last_scored_at=START) for n in range(1, 4)]
        )
        tell = ticking.Teller(lambda _: None)
        with (
            ticking.opened_work(session, "poll", store, http, clock, tell) as poll,
            ticking.opened_work(session, "positions", store, http, clock, tell) as positions,
        ):
            for minute in range(60):
                clock_of(venue).set(round((START + minute * MINUTE).timestamp() * 1000))
                ticking.tick(session, "poll", store, clock, tell, poll)
                if minute % 15 == 0:
                    ticking.tick(session, "positions", store, clock, tell, positions)
    document = run("budget --json --at 2026-03-01T01:00").document
    today = {each["command"]: each for each in document["periods"][0]["commands"]}
    for command in ("poll", "positions"):
        spent, told = today[command], today[command]["forecast"]
        assert spent["requests"] > 10
        for kind in ("requests", "weight"):
            assert spent[kind] == pytest.approx(told[kind], rel=0.1)
    shown = run("budget --at 2026-03-01T01:00").out
    assert max(map(len, shown.splitlines())) <= 80
    assert shown.startswith("Today: 2026-03-01 00:00 to 2026-03-01 01:00 UTC\n")
    assert (
        "userTwapSliceFillsByTime" in run("budget --endpoints").out
    )  # the venue's present is that of its last request


def test_an_unreadable_moment_and_a_missing_database_are_told(run: Run) -> None:
    assert run("budget --at soon").code == 2
    assert "there is no database" in run("budget").err
