"""The daily selection: whom it takes, whom it leaves out and why, and that nothing can make it do half a job."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from math import inf, nan
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.adapters.store import Binding, Store
from hlcopy.domain.choices import Choice
from hlcopy.domain.models import NANSEN, Trader
from hlcopy.domain.policy import Policy, ScoringPolicy
from hlcopy.errors import SourceDownError, TryLaterError
from hlcopy.ports import DeepFills, Reach, TradeSummary
from hlcopy.ticks import score
from tests.builders import fill, trader
from tests.fakes import Executioner, Killed
from tests.ticks.fakes_score import NOW, FakeProfiles, World, leader, portfolio, swings, wallet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from hlcopy.domain.models import Fill
    from hlcopy.ports import Ledger, UnknownType

DAY = timedelta(days=1)


@pytest.fixture(params=["file", "memory"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "memory":
        yield World(MemoryLedger())
        return
    with Store.open(tmp_path / "ledger.db", Binding("paper", "mainnet")) as store:
        yield World(store)


def found(world: World, number: int) -> Trader:
    stored = world.ledger.traders.get(wallet(number))
    assert stored is not None
    return stored


def a_few(world: World) -> World:
    """Fill the world with three good traders, two unfit ones and one whose numbers fail the screen."""
    for number in (1, 2, 3):
        world.add(number)
    world.add(4, swings(4, trips=10))
    world.add(5, swings(5, wins=0.95))
    world.add(6, account_value=10_000.0)
    return world


def test_a_good_trader_is_scored_and_followed(world: World) -> None:
    world.add(1, label="Somebody")
    report = score.run(world.desk(), NOW)
    assert report.ok
    one = found(world, 1)
    assert (one.tier, one.style, one.label, one.disqualified_reason) == ("primary", "SWING", "Somebody", None)
    assert (one.nof_trades, one.last_scored_at) == (120, NOW)
    assert one.win_rate == pytest.approx(0.6)
    assert one.account_value == 100_000.0
    daily = 199.9
    assert one.roi_7d == pytest.approx(100 * 7 * daily / (100_000 - 7 * daily))
    assert one.roi_30d == pytest.approx(100 * 30 * daily / (100_000 - 30 * daily))
    assert one.roi_90d == pytest.approx(100 * 90 * daily / (100_000 - 90 * daily))
    assert world.ledger.traders.followed() == [one]


def test_a_score_can_be_computed_again_from_its_terms(world: World) -> None:
    world.add(1)
    score.run(world.desk(), NOW)
    one = found(world, 1)
    weights = {name.removesuffix("_weight"): value for name, value in one.terms.items() if name.endswith("_weight")}
    assert set(weights) == set(ScoringPolicy().weights)
    raw = sum(float(weight or 0) * float(one.terms[name] or 0) for name, weight in weights.items())
    assert one.terms["raw"] == pytest.approx(raw)
    assert one.score == pytest.approx(raw * float(one.terms["decay"] or 0))
    assert one.terms["rank"] == 1
    assert one.terms["leaderboard_rank"] == 1
    assert one.terms["neutral"] == "smart_money_bonus"
    assert one.terms["consistency_windows"] == "7d, 30d, 90d"
    assert one.terms["roi_90d_from"] == "portfolio: 90 days of allTime, less transfers"
    assert (one.terms["nof_trades_from"], one.terms["realized_30d_from"]) == ("fills", "fills")


def test_labels_count_only_where_the_leaderboard_knows_them(world: World) -> None:
    world.board.source = NANSEN
    world.add(1, smart_money=True)
    world.add(2)
    score.run(world.desk(), NOW)
    assert found(world, 1).terms["smart_money_bonus"] == 0.8
    assert found(world, 2).terms["smart_money_bonus"] == 0.0
    assert found(world, 2).terms["neutral"] == ""


@pytest.mark.parametrize(
    ("case", "past", "row", "reason"),
    [
        ("too few orders", swings(1, trips=10), {}, "FEW_TRADES"),
        ("nothing traded", [], {}, "FEW_TRADES"),
        ("wins too often", swings(1, wins=0.95), {}, "WIN_RATE_HIGH"),
        ("wins too rarely", swings(1, wins=0.2, gain=900.0), {}, "WIN_RATE_LOW"),
        ("realised a loss in 30 days", swings(1, gain=50.0, loss=400.0), {}, "NEGATIVE_30D"),
        ("stopped trading 40 days ago", swings(1, last=40.0), {}, "NEGATIVE_30D"),
        ("turns its equity over and over", None, {"volume_30d_usd": 21e6}, "HFT"),
        ("small", None, {"account_value": 49_999.0}, "SMALL_ACCOUNT"),
        ("without equity", None, {"account_value": 0.0}, "BAD_EQUITY"),
        ("of unknown equity", None, {"account_value": None}, "BAD_EQUITY"),
        ("of broken equity", None, {"account_value": nan}, "BAD_EQUITY"),
        ("of endless equity", None, {"account_value": inf}, "BAD_EQUITY"),
        ("lost in 30 days", None, {"pnl_30d_usd": -1.0}, "NEGATIVE_30D"),
        ("of unknown profit", None, {"pnl_30d_usd": None}, "BAD_HISTORY"),
        ("of broken profit", None, {"pnl_30d_usd": nan}, "BAD_HISTORY"),
        ("of endless profit", None, {"pnl_30d_usd": inf}, "BAD_HISTORY"),
        ("of broken volume", None, {"volume_30d_usd": nan}, "BAD_HISTORY"),
        ("of unknown volume", None, {"volume_30d_usd": None}, "BAD_HISTORY"),
    ],
)
def test_whoever_isn_t_followed_has_a_reason(
    world: World, case: str, past: Sequence[Fill] | None, row: dict[str, object], reason: str
) -> None:
    world.add(1, past, **row)
    world.add(2)
    report = score.run(world.desk(), NOW)
    one = found(world, 1)
    assert (one.tier, one.score, one.disqualified_reason) == (None, 0.0, reason), case
    assert (report.counts[reason], report.counts["left_out"], report.counts["primary"]) == (1, 1, 1), case
    assert found(world, 2).tier == "primary"
    (kept,) = [each for each in world.ledger.scoring.board(NOW.date()) if each.leader.address == wallet(1)]
    assert kept.reason == reason, case


def test_a_broken_fill_or_portfolio_passes_nowhere(world: World) -> None:
    *whole, last = swings(1)
    world.add(1, [*whole, replace(last, closed_pnl=nan)])
    world.add(2)
    points = world.profiles.portfolios[wallet(2)].windows["week"]
    spoilt = {"week": (*points[:-1], replace(points[-1], value_usd=nan))}
    world.profiles.portfolios[wallet(2)] = replace(world.profiles.portfolios[wallet(2)], windows=spoilt)
    world.add(3)
    score.run(world.desk(), NOW)
    assert {number: found(world, number).tier for number in (1, 2, 3)} == {1: None, 2: None, 3: "primary"}
    assert found(world, 1).disqualified_reason == "BAD_HISTORY"
    assert found(world, 2).disqualified_reason == "BAD_EQUITY"


def test_each_stage_asks_for_no_more_than_its_share() -> None:
    world = World(MemoryLedger())
    for number in range(1, 700):
        world.add(number, [])
    report = score.run(world.desk(), NOW)
    assert world.board.asked == 1
    assert (world.profiles.count("portfolio"), world.profiles.count("fills")) == (150, 60)
    assert report.counts["candidates"] == 500
    assert (report.counts["screened"], report.counts["portfolios"], report.counts["fills"]) == (699, 150, 60)
    assert report.counts["OUTRANKED"] == 699 - 60
    assert max(world.batches) <= 8
    assert [(title, total, done) for title, total, done in world.progress.steps] == [
        ("Reading the leaderboard", None, 0),
        ("Reading equity histories", 150, 150),
        ("Reading fills", 60, 60),
    ]


def test_fills_are_read_of_the_best_by_their_return_less_transfers() -> None:
    world = World(MemoryLedger())
    for number in (1, 2, 3):
        world.add(number)
        world.profiles.portfolios[wallet(number)] = portfolio(number, daily=100.0 * number)
    policy = Policy(scoring=ScoringPolicy(max_histories=1))
    score.run(world.desk(policy), NOW)
    assert [address for kind, address in world.profiles.asked if kind == "fills"] == [wallet(3)]
    assert found(world, 1).disqualified_reason == "OUTRANKED"
    assert found(world, 1).roi_90d is not None


def test_a_crowd_that_fails_the_screen_is_counted_and_only_the_best_are_named() -> None:
    world = World(MemoryLedger())
    world.add(1)
    for number in range(10, 40):
        world.board.rows.append(leader(number, account_value=10.0, volume_30d_usd=100.0))
    world.ledger.traders.put([trader(address=wallet(39), tier="secondary", score=0.4)])
    report = score.run(world.desk(Policy(scoring=ScoringPolicy(max_left_out=5))), NOW)
    assert report.counts["SMALL_ACCOUNT"] == 30
    named = [each.address for each in world.ledger.traders.all() if each.disqualified_reason == "SMALL_ACCOUNT"]
    assert sorted(named) == [wallet(number) for number in (10, 11, 12, 13, 14, 39)]


def test_a_primary_is_read_whatever_its_rank_and_keeps_its_place(world: World) -> None:
    for number in (1, 2, 3, 4):
        world.add(number)
    world.ledger.traders.put([trader(address=wallet(4), score=0.1)])
    limits = ScoringPolicy(
        max_candidates=2, max_portfolios=2, max_histories=2, primary_traders=1, secondary_traders=1, primary_keep_rank=2
    )
    score.run(world.desk(Policy(scoring=limits)), NOW)
    assert found(world, 4).tier == "primary"
    assert found(world, 1).tier == "secondary"
    assert [found(world, number).disqualified_reason for number in (2, 3)] == ["OUTRANKED", "OUTRANKED"]


def test_who_is_on_no_leaderboard_any_more_loses_its_tier_and_keeps_its_row(world: World) -> None:
    world.add(1)
    gone = trader(address=wallet(9), score=0.6)
    world.ledger.traders.put([gone])
    score.run(world.desk(), NOW)
    assert found(world, 9) == replace(gone, tier=None, disqualified_reason="OUTRANKED")


def test_a_wallet_followed_without_scoring_is_left_alone(world: World) -> None:
    world.add(1)
    world.add(2)
    followed = [trader(address=wallet(number), scored=False, label="mine") for number in (2, 9)]
    world.ledger.traders.put(followed)
    score.run(world.desk(), NOW)
    assert [found(world, 2), found(world, 9)] == followed
    assert found(world, 1).tier == "primary"


def test_blacklisting_holds_and_is_never_overwritten(world: World) -> None:
    world.add(1)
    world.add(2)
    world.ledger.traders.blacklist(wallet(1), NOW + DAY)
    world.ledger.traders.blacklist(wallet(2), NOW - DAY)
    score.run(world.desk(), NOW)
    assert (found(world, 1).tier, found(world, 1).disqualified_reason) == (None, "BLACKLISTED")
    assert found(world, 1).blacklisted_until == NOW + DAY
    assert (found(world, 2).tier, found(world, 2).blacklisted_until) == ("primary", NOW - DAY)


def test_who_is_blacklisted_while_a_crawl_runs_gets_no_tier() -> None:
    world = World(MemoryLedger())
    world.add(1)
    world.add(2)

    class Striking(FakeProfiles):
        def deep_fills(self, *args: object, **kwargs: object) -> object:  # type: ignore[override]
            world.ledger.traders.blacklist(wallet(1), NOW + DAY)
            return FakeProfiles.deep_fills(self, *args, **kwargs)  # type: ignore[arg-type]

    world.profiles = Striking(portfolios=world.profiles.portfolios, past=world.profiles.past)
    score.run(world.desk(), NOW)
    assert [found(world, number).disqualified_reason for number in (1, 2)] == ["BLACKLISTED", None]


def everything(ledger: Ledger) -> dict[str, object]:
    addresses = [each.address for each in ledger.traders.all()]
    return {
        "traders": ledger.traders.all(),
        "board": ledger.scoring.board(NOW.date()),
        "crawl": ledger.scoring.last(),
        "fills": [ledger.history.fills(address) for address in addresses],
        "reaches": [ledger.scoring.reach(address) for address in addresses],
        "portfolios": [ledger.scoring.portfolio(address) for address in addresses],
        "summaries": [ledger.scoring.summary(address) for address in addresses],
    }


def test_a_second_run_changes_nothing(world: World) -> None:
    a_few(world)
    first = score.run(world.desk(), NOW)
    before = everything(world.ledger)
    again = score.run(world.desk(), NOW)
    assert everything(world.ledger) == before
    assert again == first


LIMITS = Policy(scoring=ScoringPolicy(max_portfolios=10, max_histories=6, max_fills=80))


def a_dozen() -> World:
    """Return a world of twelve good traders and one who was followed yesterday."""
    world = World(MemoryLedger())
    for number in range(1, 13):
        world.add(number, swings(number, trips=60 - number))
        world.profiles.summaries[wallet(number)] = TradeSummary(
            address=wallet(number), read_at=NOW, trades=70, realized_pnl_usd=900.0, fees_usd=100.0
        )
    world.ledger.traders.put([trader(address=wallet(99), score=0.9)])
    return world


@pytest.fixture(scope="module")
def unharmed() -> World:
    """A world whose run nobody killed."""
    world = a_dozen()
    score.run(world.desk(LIMITS), NOW)
    return world


@pytest.mark.parametrize("step", range(62))
def test_killed_at_any_point_the_next_run_ends_like_one_that_never_was(unharmed: World, step: int) -> None:
    world = a_dozen()
    killed_at = ""
    try:
        score.run(world.desk(LIMITS, Executioner(at=step)), NOW)
    except Killed as killed:
        killed_at = str(killed)
    last = world.ledger.scoring.last()
    if last is None or last.finished_at is None:
        assert [each.address for each in world.ledger.traders.followed()] == [wallet(99)]
        score.run(world.desk(LIMITS), NOW)
    assert everything(world.ledger) == everything(unharmed.ledger)
    repeated = len(world.profiles.asked) - len(unharmed.profiles.asked)
    if killed_at == "after commit":
        assert (repeated, world.board.asked) == (0, 1)
    assert repeated <= 8
    assert world.board.asked <= 2


def test_every_write_of_a_run_is_among_the_points_where_it_is_killed() -> None:
    world = World(MemoryLedger())
    for number in range(1, 13):
        world.add(number, swings(number, trips=60 - number))
    executioner = Executioner()
    score.run(world.desk(LIMITS, executioner), NOW)
    assert len(executioner.effects) == 82


@pytest.mark.parametrize("raises", [False, True])
@pytest.mark.parametrize("after", [0, 3, 8, 12, 20, 24, 28])
def test_a_partial_crawl_never_replaces_the_scores_and_is_gone_on_with(after: int, raises: bool) -> None:  # noqa: FBT001 - a table's column
    world = World(MemoryLedger())
    for number in range(1, 17):
        world.add(number)
    yesterday = [trader(address=wallet(99), score=0.9)]
    world.ledger.traders.put(yesterday)
    world.profiles.down_after, world.profiles.raises = after, raises
    with pytest.raises(TryLaterError):
        score.run(world.desk(), NOW)
    assert world.ledger.traders.all() == yesterday
    stored = sum(world.ledger.scoring.portfolio(wallet(number)) is not None for number in range(1, 17))
    read = sum(world.ledger.scoring.reach(wallet(number)) is not None for number in range(1, 17))
    asked = len(world.profiles.asked)
    world.profiles.down_after = None
    world.clock.present = NOW + timedelta(hours=3)
    report = score.run(world.desk(), NOW + timedelta(hours=3))
    assert len(world.profiles.asked) - asked == (16 - stored) + (16 - read)
    assert world.board.asked == 1
    assert report.counts["primary"] == 15
    assert {each.last_scored_at for each in world.ledger.traders.followed()} == {NOW}
    assert found(world, 99).tier is None


def test_what_a_resumed_crawl_has_already_counts_as_progress() -> None:
    world = World(MemoryLedger())
    for number in range(1, 17):
        world.add(number)
    world.profiles.down_after = 8
    with pytest.raises(TryLaterError):
        score.run(world.desk(), NOW)
    world.profiles.down_after = None
    score.run(world.desk(), NOW)
    stored = [each for each in world.progress.steps if each[0] == "Reading equity histories"]
    assert [step[1:] for step in stored] == [[16, 8], [16, 16]]


def test_a_crawl_older_than_a_day_is_given_up_for_a_new_one() -> None:
    world = World(MemoryLedger())
    world.add(1)
    world.profiles.down_after = 0
    with pytest.raises(SourceDownError):
        score.run(world.desk(), NOW)
    world.profiles.down_after = None
    later = world.clock.present = NOW + DAY
    score.run(world.desk(), later)
    assert world.board.asked == 2
    assert found(world, 1).last_scored_at == later
    assert [len(world.ledger.scoring.board(day.date())) for day in (NOW, later)] == [1, 1]


def test_without_a_leaderboard_nothing_begins(world: World) -> None:
    yesterday = trader(address=wallet(1))
    world.ledger.traders.put([yesterday])
    world.board.down = True
    with pytest.raises(TryLaterError):
        score.run(world.desk(), NOW)
    world.board.down = False
    with pytest.raises(TryLaterError, match="came empty"):
        score.run(world.desk(), NOW)
    assert world.ledger.scoring.last() is None
    assert world.ledger.traders.all() == [yesterday]


def test_what_the_leaderboard_has_to_say_is_passed_on(world: World) -> None:
    world.add(1)
    world.board.notes = ("out of credits: the public leaderboard was read",)
    assert score.run(world.desk(), NOW).notes == world.board.notes


def test_an_unreadable_portfolio_leaves_a_candidate_with_what_the_leaderboard_says(world: World) -> None:
    a_few(world)
    world.profiles.unreadable.add(wallet(1))
    report = score.run(world.desk(), NOW)
    assert [(problem.code, problem.item) for problem in report.problems] == [("PORTFOLIO_UNREADABLE", wallet(1))]
    one = found(world, 1)
    assert one.tier == "primary"
    assert (one.roi_7d, one.roi_90d) == (None, None)
    assert one.roi_30d == pytest.approx(100 * 19_999 / (100_000 - 19_999))
    assert one.terms["roi_30d_from"] == "leaderboard: PnL over equity before it"
    assert one.terms["account_value_from"] == "leaderboard"
    assert str(one.terms["neutral"]).split(", ") == ["normalized_roi", "consistency_score", "smart_money_bonus"]


def test_a_young_account_s_consistency_stands_on_two_windows(world: World) -> None:
    world.add(1)
    young = world.profiles.portfolios[wallet(1)]
    windows = {**young.windows, "allTime": young.windows["month"]}
    world.profiles.portfolios[wallet(1)] = replace(young, windows=windows)
    score.run(world.desk(), NOW)
    assert found(world, 1).roi_90d is None
    assert found(world, 1).terms["consistency_windows"] == "7d, 30d"
    assert "normalized_roi" in str(found(world, 1).terms["neutral"])


def test_a_trader_whose_fills_can_t_be_read_is_left_out_by_name(world: World) -> None:
    a_few(world)
    world.ledger.traders.put([trader(address=wallet(1))])
    world.profiles.silent.add(wallet(1))
    report = score.run(world.desk(), NOW)
    assert [(problem.code, problem.item) for problem in report.problems] == [("BAD_HISTORY", wallet(1))]
    assert not report.ok
    assert (found(world, 1).tier, found(world, 1).disqualified_reason) == (None, "BAD_HISTORY")
    assert found(world, 2).tier == "primary"
    assert [each for each in world.profiles.asked if each == ("fills", wallet(1))] == [("fills", wallet(1))] * 2


def many(number: int, count: int, days: float) -> list[Fill]:
    """Return alternating buys and sells of a trader, evenly over the days before `NOW`."""
    step = timedelta(days=days) / count
    return [
        fill(
            trader=wallet(number),
            is_buy=index % 2 == 0,
            start_position=float(index % 2),
            time=NOW - timedelta(days=days) + step * (index + 0.5),
            oid=index + 1,
            tid=index + 1,
            closed_pnl=(8.0 if index % 4 == 1 else -3.0) if index % 2 else 0.0,
        )
        for index in range(count)
    ]


SOME = Policy(scoring=ScoringPolicy(max_fills=100))


def test_older_fills_follow_on_later_days_until_90_days_are_reached(world: World) -> None:
    past = many(1, 270, 90)
    world.add(1, past)
    reached = []
    for day in range(4):
        now = world.clock.present = NOW + day * DAY
        score.run(world.desk(SOME), now)
        reach = world.ledger.scoring.reach(wallet(1))
        assert reach is not None
        assert reach.complete_until == now
        assert len(world.ledger.history.fills(wallet(1))) == sum(each.time >= reach.complete_from for each in past)
        reached.append(reach.complete_from)
    assert reached[:2] == [past[170].time, past[71].time]
    assert reached[2] == NOW + 2 * DAY - timedelta(days=90)
    assert reached[3] == reached[2]
    assert world.profiles.count("fills") == 1 + 2 + 2 + 1


def test_equity_stays_known_as_it_was_read_day_by_day(world: World) -> None:
    world.add(1)
    for day in range(2):
        world.clock.present = NOW + day * DAY
        world.profiles.portfolios[wallet(1)] = portfolio(1, now=world.clock.present, value=100_000.0 + 5_000 * day)
        score.run(world.desk(), NOW + day * DAY)
    history = world.ledger.history
    assert history.equity_at(wallet(1), NOW - timedelta(seconds=1)) is None
    for day, value in ((0, 100_000.0), (0.5, 100_000.0), (1, 105_000.0), (9, 105_000.0)):
        known = history.equity_at(wallet(1), NOW + timedelta(days=day))
        assert known is not None
        assert known.value_usd == value
    before = history.equity_at(wallet(1), NOW - 3 * DAY, known_by=NOW)
    assert before is not None
    assert (before.at, before.value_usd) == (NOW - 3 * DAY, 100_000.0 - 3 * 200)


def test_a_day_reads_only_what_is_new_and_a_little_before(world: World) -> None:
    world.add(1)
    score.run(world.desk(), NOW)
    world.clock.present = NOW + DAY
    score.run(world.desk(), NOW + DAY)
    assert world.profiles.spans == [
        (wallet(1), NOW - timedelta(days=90), NOW, 6_000),
        (wallet(1), NOW - timedelta(minutes=5), NOW + DAY, 6_000),
    ]


def test_the_venue_isn_t_asked_again_for_what_it_no_longer_serves(world: World) -> None:
    world.add(1, many(1, 270, 90))
    world.profiles.serves = 100
    for day in range(3):
        world.clock.present = NOW + day * DAY
        score.run(world.desk(SOME), NOW + day * DAY)
    assert world.profiles.count("fills") == 1 + 2 + 1
    reach = world.ledger.scoring.reach(wallet(1))
    assert reach is not None
    assert reach.exhausted


class Forgetful(FakeProfiles):
    """A venue that serves its newest 10,000 fills and doesn't say that there were more."""

    def deep_fills(
        self, address: str, since: datetime, until: datetime, *, at_most: int, now: datetime
    ) -> DeepFills | UnknownType:
        del now
        kept = [each for each in self.past[address][-10_000:] if since <= each.time <= until][-at_most:]
        return DeepFills(fills=kept, complete_from=kept[0].time if len(kept) == at_most else since)


def test_what_the_venue_no_longer_serves_isn_t_taken_for_never_traded(world: World) -> None:
    world.profiles = Forgetful()
    past = many(1, 10_500, 20)
    world.add(1, past)
    for day in range(2):
        world.clock.present = NOW + day * DAY
        score.run(world.desk(), NOW + day * DAY)
    reach = world.ledger.scoring.reach(wallet(1))
    assert reach is not None
    assert past[500].time < reach.complete_from < past[501].time
    assert reach.exhausted


def test_after_a_gap_the_reach_begins_anew(world: World) -> None:
    world.add(1, many(1, 50, 90))
    score.run(world.desk(SOME), NOW)
    later = world.clock.present = NOW + 10 * DAY
    burst = [replace(each, time=each.time + 10 * DAY, tid=each.tid + 1_000) for each in many(1, 200, 5)]
    world.profiles.past[wallet(1)] += burst
    score.run(world.desk(SOME), later)
    assert world.ledger.scoring.reach(wallet(1)) == Reach(
        address=wallet(1), complete_from=burst[100].time, complete_until=later
    )
    assert found(world, 1).terms["fills"] == 100


def summary_of(number: int, **overrides: object) -> TradeSummary:
    made = TradeSummary(address=wallet(number), read_at=NOW, trades=185, realized_pnl_usd=1_000.0, fees_usd=100.0)
    return replace(made, **overrides)  # type: ignore[arg-type]


def test_a_summary_is_asked_only_where_fills_fall_short_and_once_a_week(world: World) -> None:
    world.add(1, many(1, 300, 20))
    world.add(2)
    world.profiles.summaries = {wallet(number): summary_of(number) for number in (1, 2)}
    world.profiles.serves = 100
    for day in (0, 1, 7, 8):
        world.clock.present = NOW + day * DAY
        score.run(world.desk(SOME), NOW + day * DAY)
    assert [each for each in world.profiles.asked if each[0] == "summary"] == [("summary", wallet(1))] * 2


@pytest.mark.parametrize(
    ("case", "summary", "row", "realized", "source", "trades"),
    [
        ("summary: net of fees", summary_of(1), {}, 900.0, "summary", 185),
        ("summary before leaderboard", summary_of(1), {"realized_30d_usd": 5.0}, 900.0, "summary", 185),
        ("fewer trades than seen", summary_of(1, trades=7), {}, 900.0, "summary", 100),
        ("leaderboard", None, {"realized_30d_usd": 5.0}, 5.0, "leaderboard", 100),
        ("nobody knows", None, {}, None, None, 100),
        ("a broken summary", summary_of(1, realized_pnl_usd=nan), {"realized_30d_usd": 5.0}, None, "summary", 185),
    ],
)
def test_fills_cut_short_of_30_days_are_completed_from_elsewhere(
    case: str, summary: TradeSummary | None, row: dict[str, object], realized: float | None, source: str, trades: int
) -> None:
    world = World(MemoryLedger())
    world.add(1, many(1, 300, 20), **row)
    if summary is not None:
        world.profiles.summaries[wallet(1)] = summary
    score.run(world.desk(SOME), NOW)
    one = found(world, 1)
    assert (one.terms["realized_30d_usd"], one.terms["realized_30d_from"]) == (realized, source), case
    assert one.nof_trades == trades, case
    if realized is None and one.style != "HFT":
        assert one.disqualified_reason == "BAD_HISTORY", case


def test_rows_of_nansen_in_the_store_aren_t_counted_twice(world: World) -> None:
    world.add(1)
    world.ledger.history.add_fills(
        [replace(each, source=NANSEN, tid=0, hash=f"0x{each.tid}") for each in swings(1, gain=9_999.0)]
    )
    score.run(world.desk(), NOW)
    assert (found(world, 1).nof_trades, found(world, 1).terms["fills"]) == (120, 120)


def test_addresses_are_one_wallet_however_they_are_written(world: World) -> None:
    world.add(10)
    world.board.rows.append(replace(world.board.rows[0], address=wallet(10).upper().replace("0X", "0x")))
    report = score.run(world.desk(), NOW)
    assert report.counts["candidates"] == 1
    assert [each.address for each in world.ledger.traders.all()] == [wallet(10)]


# A person's word


def choose(world: World, number: int, **word: object) -> None:
    world.ledger.choices.put(Choice(address=wallet(number), at=NOW, **word))  # type: ignore[arg-type]


ONE_PLACE = Policy(scoring=ScoringPolicy(primary_traders=1, secondary_traders=0, primary_keep_rank=1, max_histories=2))


def test_a_pinned_trader_is_read_and_copied_whatever_its_rank(world: World) -> None:
    for number in (1, 2, 3, 4):
        world.add(number)
    choose(world, 4, pinned=True)
    score.run(world.desk(ONE_PLACE), NOW)
    assert [found(world, number).tier for number in (1, 2, 3, 4)] == [None, None, None, "primary"]
    choose(world, 4)
    assert world.ledger.choices.all() == []
    score.run(world.desk(ONE_PLACE), NOW + DAY)
    assert found(world, 4).tier is None


def test_a_pin_overrides_no_criterion_and_no_blacklist(world: World) -> None:
    a_few(world)
    for number in (1, 4, 6):
        choose(world, number, pinned=True)
    world.ledger.traders.blacklist(wallet(1), NOW + DAY)
    score.run(world.desk(), NOW)
    reasons = [found(world, number).disqualified_reason for number in (1, 4, 6)]
    assert reasons == ["BLACKLISTED", "FEW_TRADES", "SMALL_ACCOUNT"]
    assert [found(world, number).tier for number in (1, 4, 6)] == [None, None, None]


def test_a_banned_trader_has_no_place_and_the_next_takes_it(world: World) -> None:
    for number in (1, 2):
        world.add(number)
    choose(world, 1, banned=True)
    score.run(world.desk(ONE_PLACE), NOW)
    assert (found(world, 1).tier, found(world, 1).disqualified_reason) == (None, "BANNED")
    assert found(world, 2).tier == "primary"
    assert world.ledger.choices.get(wallet(1)) is not None


def test_a_watched_wallet_that_no_leaderboard_names_is_scored_like_a_candidate(world: World) -> None:
    world.add(1)
    world.add(2)
    world.board.rows = [row for row in world.board.rows if row.address != wallet(2)]
    score.run(world.desk(ONE_PLACE), NOW)
    assert world.ledger.traders.get(wallet(2)) is None
    choose(world, 2, watched=True)
    score.run(world.desk(ONE_PLACE), NOW + DAY)
    watched = found(world, 2)
    assert (watched.tier, watched.disqualified_reason) == ("secondary", None)
    assert watched.score > 0
    assert watched.account_value == 100_000.0
    choose(world, 2)
    score.run(world.desk(ONE_PLACE), NOW + 2 * DAY)
    assert found(world, 2).tier is None
