"""A replay that chooses its traders anew on each day, from what could be known then (decision 33)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.backtest.replay import ReplayClock, ReplayMarket, ReplaySource
from hlcopy.backtest.run import record, run
from hlcopy.backtest.scored import ReplayBoard, ReplayProfiles, Selection
from hlcopy.backtest.sweep import fingerprint
from hlcopy.errors import BadInputError, LookAheadError
from hlcopy.ports import KnownEquity, Portfolio
from hlcopy.render.backtest import backtest_document, backtest_text
from tests.backtest.diaries import ANNA, BERT, CARL, POLICY, Diaries
from tests.builders import T0, at

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from hlcopy.backtest.report import Backtest
    from hlcopy.ports import Ledger

DELAY = timedelta(seconds=60)


def played(diaries: Diaries, days: int | None = None, *, backdate: bool = False) -> tuple[Backtest, Ledger]:
    ledger = MemoryLedger()
    return run(diaries.ledger(), ledger, diaries.plan(days, backdate_equity=backdate)), ledger


def codes(result: Backtest) -> dict[str, str]:
    return {warning.code: warning.message for warning in result.warnings}


def sources(diaries: Diaries, now: datetime, delay: timedelta = DELAY) -> tuple[ReplayBoard, ReplayProfiles, Selection]:
    recording = record(diaries.ledger(), diaries.plan())
    clock, selection = ReplayClock(now), Selection()
    assert recording.universe is not None
    source = ReplaySource(clock, recording.fills, {}, ReplayMarket(clock, {}, {}, {}), delay, recording.universe)
    return (
        ReplayBoard(clock, recording.universe, source, selection),
        ReplayProfiles(clock, recording.universe, source),
        selection,
    )


def test_traders_are_chosen_by_the_rules_of_score_and_their_entries_are_copied() -> None:
    result, ledger = played(Diaries())
    assert set(result.traders) == {ANNA, BERT, CARL}
    assert result.metrics.entries > 0
    assert all(trader.scored and trader.score > 0.5 for trader in ledger.traders.followed())
    assert {signal.trader for signal in result.signals} == {ANNA, BERT, CARL}
    assert "EQUITY_ASSUMED" not in codes(result)


def test_who_did_badly_until_then_isn_t_followed_however_well_he_will_do() -> None:
    def wins(wallet: str, day: int) -> bool:
        return day % 3 != 0 if wallet != BERT or day >= 0 else day % 3 == 0

    result, ledger = played(Diaries(wins=wins), days=3)
    assert set(result.traders) == {ANNA, CARL}
    assert ledger.traders.get(BERT) is not None
    assert {signal.trader for signal in result.signals} == {ANNA, CARL}


def test_who_begins_to_do_badly_is_left_on_the_day_after_it_shows() -> None:
    def wins(wallet: str, day: int) -> bool:
        return day % 3 != 0 if wallet != BERT or day < 0 else False

    strict = replace(POLICY, scoring=replace(POLICY.scoring, min_win_rate=0.64))
    result, _ = played(Diaries(wins=wins, policy=strict), days=5)
    assert result.selection is not None
    days = result.selection.primary_days
    assert days[ANNA] == 5
    assert 0 < days[BERT] < 5


def test_a_trader_is_followed_from_the_day_of_his_choice_on() -> None:
    enough = replace(POLICY, scoring=replace(POLICY.scoring, min_trades_required=84))
    result, _ = played(Diaries(policy=enough), days=5)  # two orders a day: 80 before the first, 84 by the third
    assert result.selection is not None
    assert result.selection.primary_days[ANNA] == 3
    assert min(signal.first_fill_at for signal in result.signals if signal.trader == ANNA) >= at(days=2)


@pytest.mark.parametrize(
    ("late", "backdate", "chosen"),
    [
        (timedelta(0), False, True),
        (timedelta(days=90), False, False),
        (timedelta(days=90), True, True),
    ],
    ids=["read in time", "read later", "read later and backdated"],
)
def test_equity_counts_only_once_it_was_read_unless_it_is_backdated(
    *, late: timedelta, backdate: bool, chosen: bool
) -> None:
    result, _ = played(Diaries(read_late=late), days=2, backdate=backdate)
    assert bool(result.traders) is chosen
    assert ("EQUITY_UNKNOWN" in codes(result)) is not chosen
    assert ("EQUITY_READ_LATER" in codes(result)) is backdate


def test_leaderboards_of_the_days_before_make_the_choice_free_of_hindsight() -> None:
    stranger = "0x" + "9" * 40
    result, _ = played(Diaries(boards=(-1, 0, 1), strangers=[stranger]), days=3)
    assert result.selection is not None
    assert (result.selection.days, result.selection.boards) == (3, 3)
    assert result.traders
    assert "SURVIVORSHIP_BIASED" not in codes(result)
    assert codes(result)["UNIVERSE_PARTIAL"].startswith("of 1 wallets")


def test_on_a_leaderboard_of_strangers_alone_nobody_is_chosen() -> None:
    ledger, diaries = Diaries().ledger(), Diaries(wallets=(), strangers=["0x" + "9" * 40], boards=(-1, 0))
    result = run(diaries.store(ledger), MemoryLedger(), diaries.plan(2))
    assert result.selection is not None
    assert (result.selection.boards, result.selection.scored, result.traders) == (2, 0, [])
    assert codes(result)["UNIVERSE_PARTIAL"].startswith("of 1 wallets")


def test_who_score_would_have_passed_over_isn_t_chosen_for_want_of_the_better_ones_fills() -> None:
    few = replace(POLICY, scoring=replace(POLICY.scoring, max_candidates=2))
    chosen = []
    for pnl in (100.0, 100_000.0):
        ledger, diaries = MemoryLedger(), Diaries(policy=few, boards=(-1, 0))
        diaries.store(ledger)
        for day in diaries.boards:
            board = ledger.scoring.board(at(days=day).date())
            stranger = replace(board[0].leader, address="0x" + "9" * 40, pnl_30d_usd=pnl)
            ledger.scoring.put_board(
                at(days=day).date(), "hyperliquid", [*board, replace(board[0], leader=stranger, rank=9)]
            )
        chosen.append(run(ledger, MemoryLedger(), diaries.plan(2)).traders)
    assert list(map(sorted, chosen)) == [[ANNA, BERT], [ANNA]]


@pytest.mark.parametrize(("boards", "lacking"), [((), 3), ((-8,), 3), ((-7,), 2), ((0,), 1), ((3,), 3)], ids=str)
def test_days_without_a_leaderboard_of_the_week_before_are_stamped(boards: tuple[int, ...], lacking: int) -> None:
    result, _ = played(Diaries(boards=boards), days=3)
    assert codes(result)["SURVIVORSHIP_BIASED"].startswith(f"on {lacking} of 3 days")


def test_what_is_recorded_later_makes_no_other_recording_and_what_is_recorded_in_time_does() -> None:
    diaries, ledger = Diaries(days=2, boards=(-1, 1)), MemoryLedger()
    diaries.store(ledger)

    def recorded() -> str:
        return fingerprint(record(ledger, diaries.plan()))

    def read(moment: datetime) -> KnownEquity:
        return KnownEquity(address=ANNA, at=at(hours=1), value_usd=9.0, pnl_usd=9.0, source="portfolio", read_at=moment)

    before, board = recorded(), ledger.scoring.board(at(days=-1).date())
    ledger.scoring.put_board(at(days=2).date(), "hyperliquid", board)
    ledger.history.add_equity([replace(read(at(days=2)), at=at(hours=2))])
    assert recorded() == before
    ledger.scoring.put_board(at(days=0).date(), "hyperliquid", board)
    with_board = recorded()
    assert with_board != before
    ledger.history.add_equity([read(at(days=1))])
    assert recorded() != with_board


def test_parts_of_a_score_without_their_input_are_neutral_and_counted() -> None:
    result, _ = played(Diaries(), days=2)
    assert result.selection is not None
    assert result.selection.neutral == {"normalized_roi": 6, "smart_money_bonus": 6}
    assert "normalized_roi 6" in codes(result)["NEUTRAL_PARTS"]


def test_a_fill_of_the_last_minute_isn_t_known_at_midnight() -> None:
    diaries = Diaries()
    end = at(hours=13)  # Anna's trade of the first day ends then
    board, profiles, _ = sources(diaries, end)
    assert profiles.deep_fills(ANNA, at(days=-1), end, at_most=99, now=end).fills[-1].time == at(hours=8)
    assert {row.address for row in board.leaders(end).rows} == {ANNA, BERT, CARL}
    later = end + DELAY
    _, profiles, _ = sources(diaries, later)
    assert profiles.deep_fills(ANNA, at(days=-1), later, at_most=99, now=later).fills[-1].time == end


def test_a_fill_that_was_late_for_one_midnight_is_known_at_the_next() -> None:
    end = at(hours=13)  # Anna's trade of the first day ends then, ten minutes before they were read
    since = end + timedelta(minutes=10) - POLICY.cadence.poll_overlap
    _, profiles, _ = sources(Diaries(), at(days=1), timedelta(minutes=15))
    known = profiles.deep_fills(ANNA, since, at(days=1), at_most=99, now=at(days=1))
    assert [fill.time for fill in known.fills] == [end]
    assert known.complete_from == since


def test_no_more_fills_are_given_than_asked_for_and_those_are_the_newest() -> None:
    _, profiles, _ = sources(Diaries(), T0)
    found = profiles.deep_fills(ANNA, at(days=-30), T0, at_most=4, now=T0)
    assert len(found.fills) == 4
    assert found.fills[-1].time == at(days=-1, hours=13)
    assert found.complete_from > found.fills[0].time
    whole = profiles.deep_fills(ANNA, at(days=-30), T0, at_most=999, now=T0)
    assert whole.complete_from == at(days=-30)
    assert profiles.deep_fills(ANNA, at(days=-90), T0, at_most=999, now=T0).complete_from == at(days=-40, hours=8)


def test_a_window_of_equity_that_the_history_doesn_t_reach_back_to_is_absent() -> None:
    _, profiles, _ = sources(Diaries(), T0)
    portfolio = profiles.portfolio(ANNA, T0)
    assert isinstance(portfolio, Portfolio)
    assert portfolio.windows["month"][0].at == at(days=-30)
    assert portfolio.windows["month"][-1].value_usd == 340_000.0
    assert set(portfolio.windows) == {"day", "week", "month"}
    assert profiles.portfolio("0x" + "8" * 40, T0).windows == {}


@pytest.mark.parametrize(
    "ask",
    [
        lambda board, _, later: board.leaders(later),
        lambda _, profiles, later: profiles.portfolio(ANNA, later),
        lambda _, profiles, later: profiles.deep_fills(ANNA, T0, later, at_most=9, now=T0),
        lambda _, profiles, later: profiles.deep_fills(ANNA, T0, T0, at_most=9, now=later),
    ],
    ids=["a leaderboard", "an equity history", "later fills", "fills at a later moment"],
)
def test_sources_refuse_to_be_asked_for_what_lies_ahead(
    ask: Callable[[ReplayBoard, ReplayProfiles, datetime], object],
) -> None:
    board, profiles, _ = sources(Diaries(), T0)
    with pytest.raises(LookAheadError):
        ask(board, profiles, at(minutes=1))


def test_without_any_recorded_fills_there_is_nobody_to_choose_from() -> None:
    with pytest.raises(BadInputError, match=r"nobody to choose from.*hlcopy data fetch"):
        played(Diaries(wallets=()))


def test_the_report_says_whom_it_chose_and_for_how_many_days() -> None:
    result, _ = played(Diaries(), days=2)
    document, text = backtest_document(result), backtest_text(result, None)
    assert document["selection"] == {
        "days": 2,
        "days_with_leaderboard": 0,
        "scores": 6,
        "neutral_parts": {"normalized_roi": 6, "smart_money_bonus": 6},
        "days_followed": {ANNA: 2, BERT: 2, CARL: 2},
    }
    assert "chosen by score on each of 2 days: 3 wallets in all, 3.0 at a" in text
    assert max(map(len, text.splitlines())) <= 80
    assert backtest_document(replace(result, selection=None))["selection"] is None
